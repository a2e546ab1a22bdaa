package ecsops_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
)

// roomCase is one estate and what is to be said of its service web.
type roomCase struct {
	why     string
	verdict ecsops.RoomVerdict
	reason  ecsops.RoomReason
	change  func(*ecsops.Snapshot)
}

// web is a service with two tasks here, on two roomy instances beside the target.
func web(s *ecsops.Snapshot, change ...func(*ecsops.Service)) {
	serve(s, "web", 4, 100, 200, 2, change...)
}

func needs(memory, cpu int) func(*ecsops.TaskDefinition) {
	return func(d *ecsops.TaskDefinition) { d.Memory, d.CPU = memory, cpu }
}

func roomCases() []roomCase {
	return slices.Concat(fittingCases(), lackingCases(), unsureCases(), launchCases())
}

func fittingCases() []roomCase {
	const fits = ecsops.RoomFits
	return []roomCase{
		{"plenty of room", fits, "", func(s *ecsops.Snapshot) { web(s) }},
		{"each instance could take all", fits, "", func(s *ecsops.Snapshot) { web(s); define(s, "web", needs(3500, 256)) }},
		{"more instances than copies", fits, "", func(s *ecsops.Snapshot) { web(s); define(s, "web", needs(7000, 2048)) }},
		{"the service has enough elsewhere", fits, "", func(s *ecsops.Snapshot) { web(s, func(v *ecsops.Service) { v.Desired, v.Running = 0, 2 }) }},
		{"the soft limit counts, not the hard one: it is in Memory", fits, "", func(s *ecsops.Snapshot) { web(s); define(s, "web", needs(7000, 64)) }},
		{"a host port that is free on both, for two copies", fits, "", func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.TCP = []int{80} })
		}},
		{"the port is taken as TCP and wanted as UDP", fits, "", func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.UDP = []int{22} })
		}},
		{"a constraint that both meet", fits, "", func(s *ecsops.Snapshot) {
			web(s, func(v *ecsops.Service) {
				v.Placement = []string{"attribute:stack == blue and not (attribute:x exists)"}
			})
			for n := range 2 {
				peer(s, n, func(p *ecsops.Peer) { p.Attributes = map[string]string{"stack": "blue"} })
			}
		}},
		{"awsvpc with three interfaces free on each", fits, "", func(s *ecsops.Snapshot) { web(s); vpc(s, "subnet-a", "subnet-b") }},
		{"by trying everything: each copy that another service places leaves room for one", fits, "", func(s *ecsops.Snapshot) {
			web(s)
			serve(s, "api", 4, 100, 200, 1)
			define(s, "web", needs(2300, 64))
			define(s, "api", needs(2300, 64))
		}},
	}
}

func vpc(s *ecsops.Snapshot, subnets ...string) {
	define(s, "web", func(d *ecsops.TaskDefinition) { d.NetworkMode = "awsvpc" })
	with(&s.Services, func(m *map[string]ecsops.Service) {
		v := (*m)["web"]
		v.Subnets = subnets
		*m = put(*m, "web", v)
	})
}

func lackingCases() []roomCase {
	const wont = ecsops.RoomWontFit
	both := func(s *ecsops.Snapshot, change func(*ecsops.Peer)) {
		peer(s, 0, change)
		peer(s, 1, change)
	}
	return []roomCase{
		{"too much memory", wont, ecsops.LacksMemory, func(s *ecsops.Snapshot) { web(s); define(s, "web", needs(7001, 64)) }},
		{"too many CPU units", wont, ecsops.LacksCPU, func(s *ecsops.Snapshot) { web(s); define(s, "web", needs(64, 2049)) }},
		{"no GPU", wont, ecsops.LacksGPU, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.GPUs = 1 })
		}},
		{"the port is taken", wont, ecsops.LacksPort, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.TCP = []int{22} })
		}},
		{"two instances, three copies with a port", wont, ecsops.LacksPort, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 3)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.TCP = []int{80} })
		}},
		{"room for two copies of three", wont, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 3)
			define(s, "web", needs(4000, 64))
		}},
		{"an attribute that no instance has", wont, ecsops.LacksAttribute, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.Requires = []ecsops.Attribute{{Name: "efs"}} })
			both(s, func(p *ecsops.Peer) { p.Lacks = []string{"efs"} })
		}},
		{"a constraint that no instance meets", wont, ecsops.LacksConstraint, func(s *ecsops.Snapshot) {
			web(s, func(v *ecsops.Service) { v.Placement = []string{"attribute:stack == blue"} })
		}},
		{"distinctInstance, and both have a task of it", wont, ecsops.LacksDistinct, func(s *ecsops.Snapshot) {
			serve(s, "web", 3, 100, 200, 1, func(v *ecsops.Service) { v.Placement = []string{"distinctInstance"} })
			s.Hosts = ecsops.Known(map[string][]ecsops.InstanceARN{"web": {instance + "1", instance + "2"}})
		}},
		{"its capacity provider has no other instance", wont, ecsops.LacksProvider, func(s *ecsops.Snapshot) {
			web(s, func(v *ecsops.Service) {
				v.LaunchType, v.Strategy = "", []ecsops.ProviderShare{{Provider: "cp", Weight: 1}}
			})
		}},
		{"no interface is left", wont, ecsops.LacksENI, func(s *ecsops.Snapshot) {
			web(s)
			vpc(s, "subnet-a", "subnet-b")
			s.Interfaces = ecsops.Known(map[ecsops.EC2ID]ecsops.Interfaces{"i-1": {Most: 3, Used: 3}, "i-2": {Most: 3, Used: 3}})
		}},
		{"its subnets are in a zone without instances", wont, ecsops.LacksZone, func(s *ecsops.Snapshot) {
			web(s)
			vpc(s, "subnet-c")
			peer(s, 0, func(p *ecsops.Peer) { p.Status, p.AZ, p.Subnet = "DRAINING", "eu-west-1c", "subnet-c" })
		}},
		{"draining and disconnected instances take nothing", wont, ecsops.LacksInstances, func(s *ecsops.Snapshot) {
			web(s)
			peer(s, 0, func(p *ecsops.Peer) { p.Status = "DRAINING" })
			peer(s, 1, func(p *ecsops.Peer) { p.AgentConnected = false })
		}},
		{"what ended lately is too much to look at: what is held now counts", wont, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", needs(7001, 64))
			s.Stopping = ecsops.Known(ecsops.Stopping{More: true})
		}},
		{"what competes is not known, and yet there is no room at all", wont, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", needs(7001, 64))
			*s = s.Blank("others")
		}},
		{"blocked by its percentages", ecsops.RoomBlocked, "", func(s *ecsops.Snapshot) { serve(s, "web", 1, 100, 100, 1) }},
		{"blocked once it has what it lacks", ecsops.RoomBlocked, "", func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 100, 100, 1, func(v *ecsops.Service) { v.Running = 1 })
		}},
	}
}

func unsureCases() []roomCase {
	const unsure = ecsops.RoomUnknown
	return []roomCase{
		{"two copies that need an instance each, and a rival", unsure, ecsops.UnsureTight, func(s *ecsops.Snapshot) {
			web(s)
			serve(s, "api", 4, 100, 200, 1)
			define(s, "web", needs(7000, 64))
		}},
		{"a service elsewhere wants the same room", unsure, ecsops.UnsureTight, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", needs(7000, 64))
			run(s, "")
			s.Others = ecsops.Known([]ecsops.Service{{Name: "other", Desired: 2, Running: 1, Deployments: 1, LaunchType: "EC2", TaskDefinition: definitionARN("job")}})
		}},
		{"room comes when a task has stopped", unsure, ecsops.UnsureStopping, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", needs(7500, 64))
			s.Stopping = ecsops.Known(ecsops.Stopping{Freed: map[ecsops.InstanceARN]ecsops.Freed{instance + "1": {Any: true, Memory: 8500, CPU: 1}, instance + "2": {Any: true, All: true}}})
		}},
		{"a service elsewhere shrinks", unsure, ecsops.UnsureShrinking, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", needs(7001, 64))
			s.Others = ecsops.Known([]ecsops.Service{{Name: "other", Desired: 1, Running: 2, Deployments: 1, LaunchType: "EC2"}})
		}},
		{"a deployment of it", unsure, ecsops.UnsureDeployment, func(s *ecsops.Snapshot) { web(s, func(v *ecsops.Service) { v.Deployments = 2 }) }},
		{"it has too many tasks", unsure, ecsops.UnsureSurplus, func(s *ecsops.Snapshot) { web(s, func(v *ecsops.Service) { v.Running = 5 }) }},
		{"something that is not modelled", unsure, ecsops.UnsureDefinition, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.Odd = "InferenceAccelerator" })
		}},
		{"EBS volumes", unsure, ecsops.UnsureVolumes, func(s *ecsops.Snapshot) { web(s, func(v *ecsops.Service) { v.ManagedVolumes = true }) }},
		{"Managed Instances", unsure, ecsops.UnsureManaged, func(s *ecsops.Snapshot) {
			web(s, func(v *ecsops.Service) {
				v.LaunchType, v.Strategy = "", []ecsops.ProviderShare{{Provider: "mi", Weight: 1}}
			})
			s.Providers = ecsops.Known(map[string]ecsops.Provider{"mi": {CapacityProvider: ecsops.CapacityProvider{Name: "mi", Type: "MANAGED_INSTANCES"}}})
		}},
		{"an expression about tasks", unsure, ecsops.UnsureConstraint, func(s *ecsops.Snapshot) {
			web(s, func(v *ecsops.Service) { v.Placement = []string{"task:group == service:db"} })
		}},
		{"ENI trunking", unsure, ecsops.UnsureTrunking, func(s *ecsops.Snapshot) {
			web(s)
			vpc(s, "subnet-a", "subnet-b")
			for n := range 2 {
				peer(s, n, func(p *ecsops.Peer) { p.Trunk = true })
			}
		}},
		{"the only instances are leaving their group", unsure, ecsops.UnsureLeaving, func(s *ecsops.Snapshot) {
			web(s)
			s.Lifecycles = ecsops.Known(map[ecsops.EC2ID]string{"i-1": "Terminating:Wait", "i-2": "Standby"})
		}},
		{"whether they leave is not known", unsure, ecsops.UnsureFacts, func(s *ecsops.Snapshot) { web(s); *s = s.Blank("lifecycles") }},
		{"definitions are not known", unsure, ecsops.UnsureFacts, func(s *ecsops.Snapshot) { web(s); *s = s.Blank("task_definitions") }},
		{"interfaces are not known", unsure, ecsops.UnsureFacts, func(s *ecsops.Snapshot) {
			web(s)
			vpc(s, "subnet-a", "subnet-b")
			*s = s.Blank("interfaces")
		}},
		{"what competes is not known", unsure, ecsops.UnsureFacts, func(s *ecsops.Snapshot) { web(s); *s = s.Blank("others") }},
		{"what competes is known, its size is not", unsure, ecsops.UnsureRival, func(s *ecsops.Snapshot) {
			web(s)
			s.Others = ecsops.Known([]ecsops.Service{{Name: "other", Desired: 2, Running: 1, Deployments: 1, LaunchType: "EC2", TaskDefinition: definitionARN("unread")}})
		}},
		{"another instance is draining", unsure, ecsops.UnsureDraining, func(s *ecsops.Snapshot) {
			web(s)
			peer(s, 0, func(p *ecsops.Peer) { p.Status, p.Running = "DRAINING", 1 })
		}},
		{"a port of the ephemeral range", unsure, ecsops.UnsurePlacement, func(s *ecsops.Snapshot) {
			web(s)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.TCP = []int{40000} })
		}},
		{"subnets of unknown zones", unsure, ecsops.UnsurePlacement, func(s *ecsops.Snapshot) { web(s); vpc(s, "subnet-x") }},
	}
}

func launchCases() []roomCase {
	provider := func(s *ecsops.Snapshot, change func(*ecsops.Provider)) {
		with(&s.Providers, func(m *map[string]ecsops.Provider) {
			p := (*m)["cp"]
			change(&p)
			*m = put(*m, "cp", p)
		})
	}
	return []roomCase{
		{"managed scaling launches", ecsops.RoomScaleOut, ecsops.LacksMemory, scaling},
		{"the group is at its maximum", ecsops.RoomWontFit, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			scaling(s)
			provider(s, func(p *ecsops.Provider) { p.Group.Max = p.Group.Desired })
		}},
		{"launching is suspended", ecsops.RoomWontFit, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			scaling(s)
			provider(s, func(p *ecsops.Provider) { p.Group.Suspended = []string{"Launch"} })
		}},
		{"managed scaling is off", ecsops.RoomWontFit, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			scaling(s)
			provider(s, func(p *ecsops.Provider) { p.ManagedScaling = false })
		}},
		{"even a new instance is too small", ecsops.RoomWontFit, ecsops.LacksMemory, func(s *ecsops.Snapshot) {
			scaling(s)
			define(s, "web", needs(7765, 64))
		}},
		{"several instance types: the next may be a small one", ecsops.RoomUnknown, ecsops.UnsureLaunch, func(s *ecsops.Snapshot) {
			scaling(s)
			provider(s, func(p *ecsops.Provider) { p.Group.Mixed = true })
		}},
		{"one launch type EC2: nobody scales for it, but others may", ecsops.RoomUnknown, ecsops.UnsureLaunch, func(s *ecsops.Snapshot) {
			scaling(s)
			serve(s, "api", 4, 100, 200, 1)
			with(&s.Services, func(m *map[string]ecsops.Service) {
				a, w := (*m)["api"], (*m)["web"]
				a.Strategy, a.CapacityProviders, a.LaunchType, w.Strategy, w.CapacityProviders, w.LaunchType = w.Strategy, w.CapacityProviders, "", nil, nil, "EC2"
				*m = put(put(*m, "api", a), "web", w)
			})
		}},
		{"the providers could not be read: nothing comes", ecsops.RoomWontFit, ecsops.LacksMemory, func(s *ecsops.Snapshot) { scaling(s); *s = s.Blank("providers") }},
	}
}

func TestRooms(t *testing.T) {
	for _, c := range roomCases() {
		t.Run(c.why, func(t *testing.T) {
			s := calm()
			c.change(&s)
			i := slices.IndexFunc(ecsops.Rooms(s, false), func(r ecsops.Room) bool { return r.Service == "web" })
			if i < 0 {
				t.Fatal("nothing is said of web")
			}
			r := ecsops.Rooms(s, false)[i]
			if r.Verdict != c.verdict || r.Why != c.reason {
				t.Errorf("%s (%s), want %s (%s): %+v", r.Verdict, r.Why, c.verdict, c.reason, r)
			}
			if (r.Why == ecsops.UnsureFacts || r.Why == ecsops.UnsureRival) != (len(r.Missing) > 0) {
				t.Errorf("missing: %v", r.Missing)
			}
			checkBlanks(t, s, ecsops.Intent{Purpose: ecsops.Retire})
		})
	}
}

// TestRoomsAreSpread: the copies are shown where a scheduler that spreads would put them,
// in as many waves as the percentages need.
func TestRoomsAreSpread(t *testing.T) {
	s := calm()
	serve(&s, "web", 6, 50, 100, 4)
	peer(&s, 0, func(p *ecsops.Peer) { p.Free.Memory = 6000 })
	got := ecsops.Rooms(s, false)
	want := []ecsops.Room{{Service: "web", Verdict: ecsops.RoomFits, Copies: 4, Places: 2, Waves: 2, Landing: []ecsops.Landing{
		{EC2: "i-1", Instance: instance + "1", AZ: "eu-west-1a", Copies: 2}, {EC2: "i-2", Instance: instance + "2", AZ: "eu-west-1b", Copies: 2}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if forced := ecsops.Rooms(s, true); forced[0].Waves != 1 {
		t.Errorf("a force takes %d waves", forced[0].Waves)
	}
}

// TestExpressions: what an instance's attributes decide, and what they do not, seen from
// the verdict that it leads to.
func TestExpressions(t *testing.T) {
	for expression, want := range map[string]ecsops.RoomVerdict{
		"attribute:stack == blue":                             ecsops.RoomFits,
		"attribute:stack equals blue":                         ecsops.RoomFits,
		"attribute:stack != green":                            ecsops.RoomFits,
		"attribute:stack == green":                            ecsops.RoomWontFit,
		"attribute:stack in [green, blue]":                    ecsops.RoomFits,
		"attribute:stack not_in [green]":                      ecsops.RoomFits,
		"attribute:stack !in [blue]":                          ecsops.RoomWontFit,
		"attribute:stack exists":                              ecsops.RoomFits,
		"attribute:stack !exists":                             ecsops.RoomWontFit,
		"attribute:absent == x":                               ecsops.RoomWontFit,
		"attribute:absent != x":                               ecsops.RoomUnknown,
		"attribute:stack =~ bl.*":                             ecsops.RoomFits,
		"attribute:stack =~ b":                                ecsops.RoomUnknown,
		"attribute:stack !~ gr.*":                             ecsops.RoomFits,
		"attribute:stack =~ (":                                ecsops.RoomUnknown,
		"not(attribute:stack == green)":                       ecsops.RoomFits,
		"attribute:stack == green or attribute:stack == blue": ecsops.RoomFits,
		"attribute:stack == green && attribute:stack == blue": ecsops.RoomWontFit,
		"(attribute:stack == green || task:group == x)":       ecsops.RoomUnknown,
		"attribute:stack == green and runningTasksCount < 3":  ecsops.RoomWontFit,
		"attribute:stack > aqua":                              ecsops.RoomUnknown,
		"agentConnected == true":                              ecsops.RoomFits,
		"ec2InstanceId in ['i-1']":                            ecsops.RoomUnknown,
		"attribute:stack ==":                                  ecsops.RoomUnknown,
		"":                                                    ecsops.RoomUnknown,
		"attribute:stack == blue)":                            ecsops.RoomUnknown,
		"attribute:stack == blue and (attribute:stack exists or agent == x": ecsops.RoomUnknown,
	} {
		s := calm()
		web(&s, func(v *ecsops.Service) { v.Placement = []string{expression} })
		for n := range 2 {
			peer(&s, n, func(p *ecsops.Peer) { p.Attributes = map[string]string{"stack": "blue"} })
		}
		if got := ecsops.Rooms(s, false); got[0].Verdict != want {
			t.Errorf("%q: %s (%s), want %s", expression, got[0].Verdict, got[0].Why, want)
		}
	}
}
