package ecsops_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
)

// row is one case of one rule. The rule is found when severity is set, and not found when
// it is "".
type row struct {
	rule     ecsops.Rule
	why      string
	severity ecsops.Severity
	intent   ecsops.Intent
	change   func(*ecsops.Snapshot)
}

func (r row) make() (ecsops.Snapshot, ecsops.Intent) {
	s := calm()
	if r.change != nil {
		r.change(&s)
	}
	in := r.intent
	if in.Purpose == "" {
		in.Purpose = ecsops.Retire
	}
	return s, in
}

var (
	force      = ecsops.Intent{Force: true}
	terminate  = ecsops.Intent{Terminate: ecsops.Terminate}
	replace    = ecsops.Intent{Terminate: ecsops.Replace}
	shrink     = ecsops.Intent{Terminate: ecsops.Shrink}
	reuse      = ecsops.Intent{Purpose: ecsops.Reuse}
	endMachine = ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate}
	asGhost    = ecsops.Intent{Purpose: ecsops.CleanGhost}
)

func agentLost(s *ecsops.Snapshot) {
	with(&s.Instance, func(i *ecsops.Instance) { i.AgentConnected = false })
}

func machine(s *ecsops.Snapshot, state string) {
	with(&s.EC2, func(e *ecsops.EC2) { e.State = state })
}

func status(s *ecsops.Snapshot, status string) {
	with(&s.Instance, func(i *ecsops.Instance) { i.Status = status })
}

// scaling is a full cluster whose capacity provider launches more.
func scaling(s *ecsops.Snapshot) {
	owned(s)
	serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) {
		v.LaunchType, v.CapacityProviders, v.Strategy = "", []string{"cp"}, []ecsops.ProviderShare{{Provider: "cp", Weight: 1}}
	})
	for n := range 2 {
		peer(s, n, func(p *ecsops.Peer) { p.CapacityProvider, p.Free.Memory = "cp", 100 })
	}
	s.Providers = ecsops.Known(map[string]ecsops.Provider{"cp": {CapacityProvider: ecsops.CapacityProvider{Name: "cp", ManagedScaling: true, GroupName: "asg"},
		Group: ecsops.Group{Name: "asg", Min: 1, Desired: 3, Max: 5}}})
}

// elsewhere registers the machine in another cluster, later.
func elsewhere(connected bool) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		s.Elsewhere = ecsops.Known(ecsops.Elsewhere{Searched: 1, Found: []ecsops.Registration{another("staging", "8", connected)}})
	}
}

func unsearched(s *ecsops.Snapshot) {
	s.Elsewhere = ecsops.Known(ecsops.Elsewhere{Unread: []ecsops.Unknown{{Fact: "registrations in staging", Call: "ecs:ListContainerInstances", Reason: "AccessDeniedException"}}})
}

func spot(code string) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		with(&s.EC2, func(e *ecsops.EC2) { e.Spot = true })
		s.Spot = ecsops.Known(ecsops.SpotRequest{Code: code, Updated: start.Add(-time.Minute)})
	}
}

// managedInstance is one that ECS manages, by both signs.
func managedInstance(s *ecsops.Snapshot) {
	with(&s.Instance, func(i *ecsops.Instance) { i.CapacityProvider = "mi" })
	s.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{Name: "mi", Type: "MANAGED_INSTANCES"})
	with(&s.EC2, func(e *ecsops.EC2) { e.ManagedBy = "ecs.amazonaws.com" })
}

func ghost(s *ecsops.Snapshot) { agentLost(s); machine(s, "terminated") }

func ruleTable() []row {
	return slices.Concat(redRows(), amberRows(), plainRows(), intentRows(), groupRows())
}

func redRows() []row {
	const red, none = ecsops.Red, ecsops.Severity("")
	return []row{
		{"R1", "force orphans a standalone task, and nobody replaces it", red, force, func(s *ecsops.Snapshot) { run(s, "") }},
		{"R1", "without force it is left alone", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "") }},
		{"R1", "a stopping one is on its way out", none, force, func(s *ecsops.Snapshot) {
			run(s, "", func(t *ecsops.Task) { t.LastStatus, t.DesiredStatus = "STOPPING", "STOPPED" })
		}},
		{"R1", "on a ghost nothing can be orphaned", none, force, func(s *ecsops.Snapshot) { run(s, ""); ghost(s) }},

		{"R2", "force takes the only task at once", red, force, func(s *ecsops.Snapshot) { serve(s, "web", 1, 100, 200, 1) }},
		{"R2", "force leaves 2 of 4 where the minimum is 75 %", red, force, func(s *ecsops.Snapshot) { serve(s, "web", 4, 75, 200, 2) }},
		{"R2", "force leaves 3 of 4, which is the minimum of 75 %", none, force, func(s *ecsops.Snapshot) { serve(s, "web", 4, 75, 200, 1) }},
		{"R2", "the minimum is rounded up: half of 3 is 2", red, force, func(s *ecsops.Snapshot) { serve(s, "web", 3, 50, 200, 2) }},
		{"R2", "a drain at minimum 0 may stop the only task first", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "web", 1, 0, 200, 1) }},
		{"R2", "a drain at minimum 100 starts the replacement first", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "web", 1, 100, 200, 1) }},
		{"R2", "a service that wants no task loses none", none, force, func(s *ecsops.Snapshot) { serve(s, "web", 0, 100, 200, 1, func(v *ecsops.Service) { v.Running = 1 }) }},

		{"R3", "no other instance has the memory", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.Memory = 7001 })
		}},
		{"R3", "the same with force: nothing is placed either", red, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.CPU = 4096 })
		}},
		{"R3", "it fits exactly", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.CPU, d.Memory = 2048, 7000 })
		}},
		{"R3", "managed scaling brings room", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { scaling(s) }},
		{"R3", "with no other instance at all R6 says it", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			s.Peers = ecsops.Known([]ecsops.Peer(nil))
		}},

		{"R4", "force takes the only healthy target", red, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 1, 1, time.Minute)
		}},
		{"R4", "another healthy target stays", none, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 2, 1, time.Minute)
		}},
		{"R4", "a drain that may stop before it starts", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 1, 1, time.Minute)
		}},
		{"R4", "a drain that must start first keeps a target", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 1, 100, 200, 1)
			balance(s, "web", 1, 1, time.Minute)
		}},
		{"R4", "a group that has no healthy target already loses none", none, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 0, 0, time.Minute)
		}},
		{"R4", "nor by a target here that is not healthy", none, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 0, 1, time.Minute)
			with(&s.TargetGroups, func(m *map[string]ecsops.TargetGroup) {
				g := (*m)["arn:tg/web"]
				g.HealthyAfter = 0
				*m = put(*m, g.ARN, g)
			})
		}},
		{"R4", "a daemon's targets are not replaced elsewhere (amazon-ecs-agent#2288)", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "edge", 1, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
			balance(s, "edge", 1, 1, time.Minute)
		}},

		{"R4", "the only healthy instance of a Classic load balancer", red, force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 1, 1, time.Minute)
			old(s, "web")
		}},

		{"R5", "draining is not known to honour protection", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			s.Protection = ecsops.Known(map[string]time.Time{taskARN(0): start.Add(time.Hour)})
		}},
		{"R5", "protection that has run out", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			s.Protection = ecsops.Known(map[string]time.Time{taskARN(0): start.Add(-time.Hour)})
		}},
		{"R5", "protection without an end", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			s.Protection = ecsops.Known(map[string]time.Time{taskARN(0): {}})
		}},

		{"R6", "no other instance", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Peers = ecsops.Known([]ecsops.Peer(nil)) }},
		{"R6", "the others are draining or disconnected", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.Peers = ecsops.Known([]ecsops.Peer{{Status: "DRAINING", AgentConnected: true}, {Status: "ACTIVE"}})
		}},
		{"R6", "last of the capacity provider that a service here uses", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.CapacityProviders = []string{"cp"} })
		}},
		{"R6", "last of a provider that nothing here asks for", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			serve(s, "web", 4, 100, 200, 1)
		}},
		{"R6", "a ghost takes no tasks: nothing is lost with it", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.Peers = ecsops.Known([]ecsops.Peer(nil))
			ghost(s)
		}},

		{"R7", "capacity provider of type MANAGED_INSTANCES", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			with(&s.Instance, func(i *ecsops.Instance) { i.CapacityProvider = "mi" })
			s.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{Name: "mi", Type: "MANAGED_INSTANCES"})
			with(&s.EC2, func(e *ecsops.EC2) { e.ManagedBy = "ecs.amazonaws.com" })
		}},
		{"R7", "EC2 names an operator, the provider could not be read", red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			with(&s.Instance, func(i *ecsops.Instance) { i.CapacityProvider = "mi" })
			*s = s.Blank("capacity_provider")
			with(&s.EC2, func(e *ecsops.EC2) { e.ManagedBy = "ecs.amazonaws.com" })
		}},
		{"R7", "an Auto Scaling provider is none", none, ecsops.Intent{}, owned},

		{"R8", "agent lost, machine running: force would make duplicates", red, ecsops.Intent{}, agentLost},
		{"R8", "the same with force", red, force, agentLost},
		{"R8", "machine unknown: it may well run", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { agentLost(s); *s = s.Blank("ec2") }},
		{"R8", "machine gone: no container runs", none, ecsops.Intent{}, ghost},

		{"R9", "1 at 100/100", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 100, 100, 1) }},
		{"R9", "1 at 100/150: the maximum is rounded down to 1", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 100, 150, 1) }},
		{"R9", "1 at 50/100: the minimum is rounded up to 1", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 50, 100, 1) }},
		{"R9", "2 at 50/100 may stop one first", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 2, 50, 100, 1) }},
		{"R9", "1 at 100/200 may start one first", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 100, 200, 1) }},
		{"R9", "force asks no percentages", none, force, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 100, 100, 1) }},
		{"R9", "a daemon is stopped, not moved", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "logs", 1, 100, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
		}},

		{"R10", "an instance is never moved to another cluster", red, ecsops.Intent{Purpose: ecsops.Move}, nil},
		{"R11", "the bot runs here", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Self = ecsops.Known(instance) }},
		{"R11", "where the bot runs is unknown", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { *s = s.Blank("self") }},
		{"R11", "the bot runs on another instance", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Self = ecsops.Known(instance + "1") }},
	}
}

func amberRows() []row {
	const amber, none = ecsops.Amber, ecsops.Severity("")
	return []row{
		{"A1", "in an Auto Scaling group", amber, ecsops.Intent{}, owned},
		{"A1", "in none", none, ecsops.Intent{}, nil},
		{"A2", "the group's stack", amber, ecsops.Intent{}, owned},
		{"A2", "the instance's stack", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			with(&s.EC2, func(e *ecsops.EC2) { e.Tags = map[string]string{"aws:cloudformation:stack-name": "prod"} })
		}},
		{"A2", "a Terraform tag", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			with(&s.EC2, func(e *ecsops.EC2) { e.Tags = map[string]string{"ManagedBy": "Terraform"} })
		}},
		{"A3", "Spot", amber, ecsops.Intent{}, spot("fulfilled")},
		{"A3", "an interruption is announced", amber, ecsops.Intent{}, spot("marked-for-termination")},
		{"A3", "EC2 takes it already", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { spot("instance-terminated-no-capacity")(s); machine(s, "shutting-down") }},
		{"A3", "EC2 could not be read, its request could", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { spot("marked-for-stop")(s); *s = s.Blank("ec2") }},
		{"A3", "a machine of its own", none, ecsops.Intent{}, nil},
		{"A3", "gone already: nothing can be taken", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { spot("fulfilled")(s); ghost(s) }},
		{"A3", "stopped: EC2 may take it", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { spot("fulfilled")(s); agentLost(s); machine(s, "stopped") }},
		{"A4", "two deployments", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Deployments = 2 })
		}},
		{"A4", "one, still rolling out", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Rollout = "IN_PROGRESS" })
		}},
		{"A4", "of a service that has no task here", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			serve(s, "pay", 4, 100, 200, 0, func(v *ecsops.Service) { v.Deployments = 2 })
		}},
		{"A5", "daemon behind a load balancer", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "edge", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
			balance(s, "edge", 3, 1, time.Minute)
		}},
		{"A6", "placed beside another service", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Placement = []string{"task:group == service:edge"} })
		}},
		{"A6", "placed by the kind of machine", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Placement = []string{"attribute:ecs.instance-type =~ m6i.*"} })
		}},
		{"A7", "an hour of deregistration delay against 30 minutes", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			balance(s, "web", 4, 1, time.Hour)
		}},
		{"A7", "within the deadline", none, ecsops.Intent{Deadline: 2 * time.Hour}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			balance(s, "web", 4, 1, time.Hour)
		}},
		{"A7", "exactly within it", none, ecsops.Intent{Deadline: time.Hour + 30*time.Second}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			balance(s, "web", 4, 1, time.Hour)
		}},
		{"A8", "DRAINING already", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { status(s, "DRAINING") }},
		{"A8", "the group is terminating it", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Terminating:Wait" })
		}},
		{"T40", "Standby: the group leaves it alone", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Standby" })
		}},
		{"A9", "distinctInstance", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Placement = []string{"distinctInstance"} })
		}},
		{"A9", "a static host port", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 0)
			s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{definitionARN("web"): {HostPorts: []int{80}}})
			run(s, "web")
		}},
		{"A9", "a daemon starts nowhere else for it", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "edge", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
			define(s, "edge", func(d *ecsops.TaskDefinition) { d.HostPorts = []int{80} })
		}},
		{"A10", "last instance of its zone", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.Peers = ecsops.Known([]ecsops.Peer{{Status: "ACTIVE", AgentConnected: true, AZ: "eu-west-1b"}})
		}},
		{"A10", "another one is in the zone", none, ecsops.Intent{}, nil},
		{"A11", "EventBridge started it", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "", func(t *ecsops.Task) { t.StartedBy = "events-rule/nightly" }) }},
		{"A11", "a person started it", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "") }},
		{"A11", "it stops already", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			run(s, "", func(t *ecsops.Task) {
				t.StartedBy, t.LastStatus, t.DesiredStatus = "events-rule/nightly", "STOPPING", "STOPPED"
			})
		}},
		{"A12", "what competes for room could not be read", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			*s = s.Blank("others")
		}},
		{"A12", "without definitions nobody knows whether replicas fit", ecsops.Red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			*s = s.Blank("task_definitions")
		}},
		{"A12", "replicas that fit lack nothing", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "web", 4, 100, 200, 1) }},
		{"A12", "a load balancer of a service here was not read", ecsops.Red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "logs", 3, 0, 100, 1, func(v *ecsops.Service) {
				v.Scheduling, v.TargetGroups, v.ClassicLBs = "DAEMON", []string{"arn:x"}, []string{"old"}
			})
		}},
		{"A12", "a group of the type lambda holds no tasks", amber, ecsops.Intent{}, typed("lambda")},
		{"A12", "a load balancer of a service that has no task here", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			serve(s, "pay", 3, 100, 200, 0, func(v *ecsops.Service) { v.TargetGroups = []string{"arn:x"} })
		}},
		{"A12", "a group of the type alb holds no tasks", amber, ecsops.Intent{}, typed("alb")},
		{"A12", "a Classic load balancer that was read lacks nothing", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			balance(s, "web", 4, 1, time.Minute)
			old(s, "web")
		}},
		{"A12", "protection unknown where a service task may be protected", ecsops.Red, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			*s = s.Blank("protection")
		}},
		{"A12", "task definitions bring amber at worst", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "logs", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
			*s = s.Blank("task_definitions")
		}},
		{"A12", "where no service has a task its load balancer matters little", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			run(s, "")
			*s = s.Blank("target_groups").Blank("services")
		}},
		{"A12", "whether it is protected from termination could not be read", amber, terminate, func(s *ecsops.Snapshot) {
			with(&s.EC2, func(e *ecsops.EC2) { e.TerminationReadOK = false })
		}},
		{"A12", "that it is not protected was read", none, terminate, nil},
		{"A12", "nothing is missing", none, ecsops.Intent{}, nil},
		{"A13", "ECS Exec is on", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "", func(t *ecsops.Task) { t.Exec = true }) }},
		{"A14", "a host volume", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{definitionARN("job"): {HostVolumes: []string{"data"}}})
			run(s, "")
		}},
		{"A14", "a host volume of a machine that is gone is gone", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{definitionARN("job"): {HostVolumes: []string{"data"}}})
			run(s, "")
			ghost(s)
		}},
		{"A14", "an instance store, and the machine goes", amber, terminate, func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.InstanceStore = true }) }},
		{"A14", "disks of its type's, and the machine goes", amber, replace, func(s *ecsops.Snapshot) {
			owned(s)
			s.Storage = ecsops.Known(ecsops.Storage{Asked: true, Local: true})
		}},
		{"A14", "disks of its type's, and the machine stays", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Storage = ecsops.Known(ecsops.Storage{Asked: true, Local: true}) }},
		{"A12", "the type of a machine that goes was not asked for", amber, terminate, func(s *ecsops.Snapshot) { s.Storage = ecsops.Known(ecsops.Storage{}) }},
		{"A14", "an instance store, and the machine stays", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.InstanceStore = true }) }},
	}
}

func plainRows() []row {
	const red, amber, green, none = ecsops.Red, ecsops.Amber, ecsops.Green, ecsops.Severity("")
	eni := func(t *ecsops.Task) { t.ENIs = []ecsops.ENI{{ID: "eni-1"}} }
	return []row{
		{"T1", "a standalone task holds the drain", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "") }},
		{"T1", "it was ticked: it is stopped", none, ecsops.Intent{StopTasks: []string{taskARN(0)}}, func(s *ecsops.Snapshot) { run(s, "") }},
		{"T2", "interfaces go with their tasks", green, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "", eni) }},
		{"T2", "a task on its host's network has none", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "") }},
		{"T2", "force cuts the network of what runs on", amber, force, func(s *ecsops.Snapshot) { run(s, "", eni) }},
		{"T3", "registering", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { status(s, "REGISTERING") }},
		{"T3", "a connected agent deregisters with its machine", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { machine(s, "shutting-down") }},
		{"T4", "two registrations of one machine", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			s.Registrations = ecsops.Known([]ecsops.Registration{another("prod", "9", false)})
		}},
		{"T4", "the second one is in a cluster that nobody named", amber, ecsops.Intent{}, elsewhere(true)},
		{"T4", "the machine is to end, and another registration is in use", red, terminate, elsewhere(true)},
		{"T4", "the machine is to end, and no other registration is in use", amber, terminate, elsewhere(false)},
		{"R8", "the agent answers under another registration, and no task is left on this one", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s) }},
		{"R8", "the same with a task: its container may run", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s); run(s, "") }},
		{"A12", "a cluster where the machine may be registered as well could not be read", amber, ecsops.Intent{}, unsearched},
		{"A12", "the same, and the machine is to end", red, terminate, unsearched},
		{"T5", "terminated", green, ecsops.Intent{}, ghost},
		{"T5", "not found", green, ecsops.Intent{}, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "not-found") }},
		{"T6", "stopped", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped") }},
		{"T7", "the machine runs on and is billed", green, ecsops.Intent{}, nil},
		{"T7", "it is terminated", none, terminate, nil},
		{"T8", "no tasks", green, ecsops.Intent{}, nil},
		{"T8", "tasks are unknown", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { *s = s.Blank("tasks") }},
		{"T9", "ECS Anywhere leaves another way", red, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Target.EC2 = "mi-0123456789abcdef0" }},
		{"T10", "INACTIVE already", green, ecsops.Intent{}, func(s *ecsops.Snapshot) { status(s, "INACTIVE") }},
		{"T11", "group at its minimum", red, shrink, func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.Group, func(g *ecsops.Group) { g.Desired = g.Min })
		}},
		{"T11", "group above its minimum", none, shrink, owned},
		{"T11", "in a group the person chooses replace or shrink", red, terminate, owned},
		{"T11", "no group to replace it", red, replace, nil},
		{"T11", "termination protection", red, terminate, func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.DisableTerminate = true }) }},
		{"T11", "EC2 refuses the bot in a dry run", red, terminate, func(s *ecsops.Snapshot) { s.Rehearsal = ecsops.Known(ecsops.RehearsalDenied) }},
		{"T11", "EC2 lets nobody terminate it", red, terminate, func(s *ecsops.Snapshot) { s.Rehearsal = ecsops.Known(ecsops.RehearsalRefused) }},
		{"T11", "nobody asked for a termination", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { s.Rehearsal = ecsops.Known(ecsops.RehearsalDenied) }},
		{"T11", "the group terminates, whatever the bot may do in EC2", none, replace, func(s *ecsops.Snapshot) { owned(s); s.Rehearsal = ecsops.Known(ecsops.RehearsalDenied) }},
		{"T11", "the dry run was not answered", red, terminate, func(s *ecsops.Snapshot) { *s = s.Blank("rehearsal") }},
		{"A12", "the dry run was not answered", amber, terminate, func(s *ecsops.Snapshot) { *s = s.Blank("rehearsal") }},
		{"A12", "no dry run was asked for", amber, terminate, func(s *ecsops.Snapshot) { s.Rehearsal = ecsops.Known(ecsops.RehearsalNone) }},
		{"T34", "the root volume goes with its machine", green, terminate, disks(root)},
		{"T34", "one stays and is billed", amber, terminate, disks(root, kept)},
		{"T34", "further data goes with the machine", amber, replace, func(s *ecsops.Snapshot) {
			owned(s)
			disks(root, ecsops.Volume{ID: "vol-2", End: ecsops.VolumeDeleted})(s)
		}},
		{"T34", "EC2 does not say", amber, terminate, disks(ecsops.Volume{ID: "vol-1", Root: true})},
		{"T34", "a Managed Instance ends with its registration", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { managedInstance(s); disks(kept)(s) }},
		{"T34", "its group ends it", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Terminating:Wait" })
			disks(kept)(s)
		}},
		{"T34", "the machine stays, with its disks", none, ecsops.Intent{}, disks(root, kept)},
		{"T34", "the machine is gone", none, terminate, func(s *ecsops.Snapshot) { ghost(s); disks(kept)(s) }},
		{"T11", "whose machine it is could not be read", red, terminate, func(s *ecsops.Snapshot) { *s = s.Blank("group") }},
		{"T11", "a machine of nobody", none, terminate, nil},
		{"T11", "its registration is gone: nothing is done to it", none, terminate, func(s *ecsops.Snapshot) { status(s, "INACTIVE"); *s = s.Blank("group") }},
		{"T12", "managed scaling brings room", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) { scaling(s) }},
		{"T12", "the group is at its maximum", none, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			scaling(s)
			with(&s.Providers, func(m *map[string]ecsops.Provider) { p := (*m)["cp"]; p.Group.Max = 3; *m = put(*m, "cp", p) })
		}},
		{"T13", "fits only if packed", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 2)
			serve(s, "big", 4, 100, 200, 1)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.Memory = 3500 })
			define(s, "big", func(d *ecsops.TaskDefinition) { d.Memory = 7000 })
		}},
		{"T13", "a deployment is under way", amber, ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Deployments = 2 })
		}},
		{"T14", "there is room", green, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "web", 4, 100, 200, 1) }},
		{"T14", "a service that cannot move needs none", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { serve(s, "pay", 1, 100, 100, 1) }},
	}
}

// intentRows: what a person wants the instance for.
func intentRows() []row {
	const red, amber, none = ecsops.Red, ecsops.Amber, ecsops.Severity("")
	return []row{
		{"T20", "reuse needs more than a deregistration", amber, reuse, nil},
		{"T20", "a machine that is retired needs none of it", none, ecsops.Intent{}, nil},
		{"T20", "nothing is to be done where nothing may be done", none, ecsops.Intent{Purpose: ecsops.Reuse, Force: true}, nil},
		{"T21", "AWS: stop every task before reuse; a force stops none", red, ecsops.Intent{Purpose: ecsops.Reuse, Force: true}, nil},
		{"T21", "what is to be reused is not terminated", red, ecsops.Intent{Purpose: ecsops.Reuse, Terminate: ecsops.Terminate}, nil},
		{"T21", "nothing to reuse", red, reuse, ghost},
		{"T21", "whether there is a machine is not known", red, reuse, func(s *ecsops.Snapshot) { *s = s.Blank("ec2") }},
		{"T21", "whose machine it is is not known", red, reuse, func(s *ecsops.Snapshot) { *s = s.Blank("group") }},
		{"T21", "a Managed Instance ends when it leaves", red, reuse, managedInstance},
		{"T21", "a group is terminating it", red, reuse, func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Terminating:Wait" })
		}},
		{"T21", "a group's machine may be reused, and its group is named", none, reuse, owned},
		{"T21", "without force ECS keeps a stopped machine that shows tasks", red, reuse, func(s *ecsops.Snapshot) { run(s, ""); agentLost(s); machine(s, "stopped") }},
		{"T21", "whether it shows tasks is not known", red, reuse, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped"); *s = s.Blank("tasks") }},
		{"T21", "a running machine with tasks: they are stopped first", none, reuse, func(s *ecsops.Snapshot) { run(s, "") }},
		{"T21", "a stopped machine without tasks", none, reuse, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped") }},
		{"T21", "a proven ghost is one", none, asGhost, ghost},
		{"T21", "its registration is gone: nothing to do", none, asGhost, func(s *ecsops.Snapshot) { ghost(s); status(s, "INACTIVE") }},
		{"T21", "a machine that runs is no ghost", red, asGhost, nil},
		{"T21", "nor by force", red, ecsops.Intent{Purpose: ecsops.CleanGhost, Force: true}, nil},
		{"T21", "a stopped machine can be started", red, asGhost, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped") }},
		{"T21", "only the agent is gone", red, asGhost, agentLost},
		{"T21", "shutting down is not gone", red, asGhost, func(s *ecsops.Snapshot) { agentLost(s); machine(s, "shutting-down") }},
		{"T21", "the registration could not be read: A12 says so", none, asGhost, func(s *ecsops.Snapshot) { *s = s.Blank("instance") }},
		{"T21", "whether the machine is gone is not known", red, asGhost, func(s *ecsops.Snapshot) { ghost(s); *s = s.Blank("ec2") }},
	}
}

// TestIntentNamesWhatIsMissing: who reads that the machine is unknown reads by which call.
func TestIntentNamesWhatIsMissing(t *testing.T) {
	for _, in := range []ecsops.Intent{reuse, asGhost} {
		s := calm()
		s.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Call: "ec2:DescribeInstances", Reason: "timed out"})
		p := ecsops.NewPlan(s, in)
		i := slices.IndexFunc(p.Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleIntent })
		if i < 0 || len(p.Findings[i].Missing) != 1 || p.Findings[i].Missing[0].Fact != "ec2" {
			t.Errorf("%s: %+v", in.Purpose, p.Findings)
		}
	}
}

// TestReuseStopsWhatItSaw: the tasks are named in the plan; what came since is no part of it.
func TestReuseStopsWhatItSaw(t *testing.T) {
	s := calm()
	run(&s, "")
	run(&s, "", func(t *ecsops.Task) { t.ARN, t.LastStatus, t.DesiredStatus = taskARN(8), "STOPPING", "STOPPED" })
	run(&s, "", func(t *ecsops.Task) { t.ARN, t.LastStatus, t.DesiredStatus = taskARN(9), "STOPPED", "STOPPED" })
	before := ecsops.NewPlan(s, reuse)
	if diff := cmp.Diff([]string{taskARN(0)}, before.Intent.StopTasks); diff != "" {
		t.Fatal(diff)
	}
	run(&s, "")
	changes := ecsops.Diff(before, ecsops.NewPlan(s, before.Intent))
	if len(changes) != 1 || changes[0].What != "standalone" || changes[0].Name != taskARN(3) {
		t.Errorf("a task that came later is no surprise: %v", changes)
	}
}

// machineRows are of plans that end a machine alone: they read nothing of tasks, and say so of nothing else.
func machineRows() []row {
	const red, none = ecsops.Red, ecsops.Severity("")
	return []row{
		{"T11", "only the machine is to end, and it is registered nowhere", none, endMachine, func(s *ecsops.Snapshot) { status(s, "INACTIVE") }},
		{"T11", "only the machine is to end, and it is registered", red, endMachine, nil},
		{"T11", "only the machine is to end, and it is registered once more", red, endMachine, func(s *ecsops.Snapshot) {
			status(s, "INACTIVE")
			s.Registrations = ecsops.Known([]ecsops.Registration{another("prod", "9", true)})
		}},
		{"T11", "only the machine is to end, and its registration was not read", red, endMachine, func(s *ecsops.Snapshot) { *s = s.Blank("instance") }},
		{"T11", "only the machine is to end, and another cluster has it", red, endMachine, func(s *ecsops.Snapshot) {
			status(s, "INACTIVE")
			s.Elsewhere = ecsops.Known(ecsops.Elsewhere{Searched: 1, Found: []ecsops.Registration{another("staging", "9", true)}})
		}},
		{"A12", "whether it is registered once more was not read", red, endMachine, func(s *ecsops.Snapshot) { status(s, "INACTIVE"); *s = s.Blank("registrations") }},
		{"A12", "whether another cluster has it was not read", red, endMachine, func(s *ecsops.Snapshot) { status(s, "INACTIVE"); *s = s.Blank("elsewhere") }},
		{"A12", "one other cluster was not read", red, endMachine, func(s *ecsops.Snapshot) { status(s, "INACTIVE"); unreadIn(s, "AccessDenied") }},
	}
}

func unreadIn(s *ecsops.Snapshot, why string) {
	s.Elsewhere = ecsops.Known(ecsops.Elsewhere{Unread: []ecsops.Unknown{{Fact: "registrations in staging", Call: "ecs:ListContainerInstances", Reason: why}}})
}

// A machine that is registered once more, or may be, is not ended on anybody's word: tasks may run there that nobody
// decided on. Only where the clusters are too many to ask is it left to two people.
func TestMachineThatMayBeRegisteredIsBarred(t *testing.T) {
	for _, r := range machineRows() {
		s, in := r.make()
		if p := ecsops.NewPlan(s, in); (len(p.Barred()) > 0) != (r.severity == ecsops.Red) {
			t.Errorf("%s: barred by %v", r.why, p.Barred())
		}
	}
	s := calm()
	status(&s, "INACTIVE")
	unreadIn(&s, "too many clusters")
	if p := ecsops.NewPlan(s, endMachine); p.Verdict != ecsops.Red || len(p.Barred()) > 0 {
		t.Errorf("too many clusters to ask: %s, barred by %v", p.Verdict, p.Barred())
	}
}

func TestRules(t *testing.T) {
	seen := map[ecsops.Rule]bool{}
	for _, r := range slices.Concat(ruleTable(), machineRows()) {
		t.Run(string(r.rule)+" "+r.why, func(t *testing.T) {
			s, in := r.make()
			seen[r.rule] = true
			i := slices.IndexFunc(ecsops.Assess(s, in), func(f ecsops.Finding) bool { return f.Rule == r.rule })
			switch {
			case i < 0 && r.severity != "":
				t.Fatalf("not found: %s", rules(ecsops.NewPlan(s, in)))
			case i < 0:
			case r.severity == "":
				t.Fatalf("found: %+v", ecsops.Assess(s, in)[i])
			case ecsops.Assess(s, in)[i].Severity != r.severity:
				t.Fatalf("severity %s", ecsops.Assess(s, in)[i].Severity)
			}
		})
	}
	for _, rule := range []ecsops.Rule{"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9",
		"A10", "A11", "A12", "A13", "A14", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13", "T14", "T40", "T20", "T21", "T30", "T31", "T32", "T33"} {
		if !seen[rule] {
			t.Errorf("no row for %s", rule)
		}
	}
}

// TestFindingsName: what a finding speaks of stands in it, for cards, approvals and the record.
func TestFindingsName(t *testing.T) {
	eni := func(t *ecsops.Task) { t.ENIs = []ecsops.ENI{{ID: "eni-2", PrivateIP: "10.0.0.7"}, {ID: "eni-1"}} }
	batch := func(t *ecsops.Task) { t.StartedBy = "events-rule/nightly" }
	for _, c := range []struct {
		rule, why string
		in        ecsops.Intent
		change    func(*ecsops.Snapshot)
		want      ecsops.Finding // Tasks, Missing and Services by number alone
		tasks     int
		missing   string
	}{
		{"R1", "orphans", force, func(s *ecsops.Snapshot) { run(s, ""); run(s, "") }, ecsops.Finding{Count: 2}, 2, ""},
		{"R1", "what ends with its machine", force, func(s *ecsops.Snapshot) { managedInstance(s); run(s, "") }, ecsops.Finding{Count: 1, Names: []string{ecsops.EndsWithMachine}}, 1, ""},
		{"R4", "each target group", force, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 1, 1, time.Minute)
		}, ecsops.Finding{Count: 1, TargetGroups: []ecsops.TargetGroupHit{{Name: "web", Service: "web", Before: 1, Delay: time.Minute}}}, 0, ""},
		{"A1", "the group with its sizes", ecsops.Intent{}, owned, ecsops.Finding{Names: []string{"asg"}, Group: &asg}, 0, ""},
		{"A8", "both, where ECS and the group have begun", ecsops.Intent{}, func(s *ecsops.Snapshot) {
			owned(s)
			status(s, "DRAINING")
			with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Terminating:Wait" })
		}, ecsops.Finding{Names: []string{"DRAINING", "Terminating:Wait"}}, 0, ""},
		{"A12", "the group's kind that says nothing of tasks", ecsops.Intent{}, typed("lambda"), ecsops.Finding{}, 0, "target_type_lambda elasticloadbalancing:DescribeTargetHealth not modelled"},
		{"A12", "the call that tells of protection", terminate, func(s *ecsops.Snapshot) {
			with(&s.EC2, func(e *ecsops.EC2) { e.TerminationReadOK = false })
		}, ecsops.Finding{}, 0, "termination_protection ec2:DescribeInstanceAttribute not read"},
		{"A9", "all services that it holds for, in one finding", ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1, func(v *ecsops.Service) { v.Placement = []string{"distinctInstance"} })
			serve(s, "pay", 4, 100, 200, 1)
			define(s, "pay", func(d *ecsops.TaskDefinition) { d.HostPorts = []int{80} })
		}, ecsops.Finding{Names: []string{"pay", "web"}}, 0, ""},
		{"A11", "the tasks that something started", ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "", batch); run(s, "") }, ecsops.Finding{}, 1, ""},
		{"T2", "each interface with its address", ecsops.Intent{}, func(s *ecsops.Snapshot) { run(s, "", eni) }, ecsops.Finding{Count: 1, Names: []string{"eni-1", "eni-2 10.0.0.7"}}, 1, ""},
		{"T3", "both states", ecsops.Intent{}, func(s *ecsops.Snapshot) { machine(s, "shutting-down") }, ecsops.Finding{Names: []string{"ACTIVE", "shutting-down"}}, 0, ""},
		{"T11", "the group that is in the way", terminate, owned, ecsops.Finding{Names: []string{"in_group"}, Group: &asg}, 0, ""},
		{"T11", "that no group is", replace, nil, ecsops.Finding{Names: []string{"no_group"}}, 0, ""},
		{"T11", "that the group was not read", terminate, func(s *ecsops.Snapshot) { *s = s.Blank("group") }, ecsops.Finding{Names: []string{"owner_unknown"}}, 0, "group  not read"},
		{"T11", "that the machine was not read", terminate, func(s *ecsops.Snapshot) { *s = s.Blank("ec2") }, ecsops.Finding{Names: []string{"protection_unknown"}}, 0, "ec2  not read"},
		{"T11", "that the dry run was not answered", terminate, func(s *ecsops.Snapshot) { *s = s.Blank("rehearsal") }, ecsops.Finding{Names: []string{"rehearsal_unknown"}}, 0, "rehearsal  not read"},
		{"T11", "that it is registered once more", endMachine, nil, ecsops.Finding{Names: []string{"registered_again"}}, 0, ""},
		{"T30", "only services that have a task here", ecsops.Intent{}, func(s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 200, 1)
			balance(s, "web", 2, 1, 0)
			serve(s, "pay", 2, 50, 200, 0)
			balance(s, "pay", 2, 1, 0)
		}, ecsops.Finding{Count: 1, TargetGroups: []ecsops.TargetGroupHit{{Name: "web", Service: "web", Before: 2, After: 1}}}, 0, ""},
	} {
		t.Run(c.rule+" "+c.why, func(t *testing.T) {
			s, in := row{intent: c.in, change: c.change}.make()
			found := ecsops.Assess(s, in)
			i := slices.IndexFunc(found, func(f ecsops.Finding) bool { return f.Rule == ecsops.Rule(c.rule) })
			if i < 0 {
				t.Fatalf("not found: %+v", found)
			}
			f := found[i]
			if len(f.Tasks) != c.tasks {
				t.Errorf("names %d tasks", len(f.Tasks))
			}
			if c.missing != "" && (len(f.Missing) != 1 || f.Missing[0].Fact+" "+f.Missing[0].Call+" "+f.Missing[0].Reason != c.missing) {
				t.Errorf("misses %+v", f.Missing)
			}
			got := ecsops.Finding{Names: f.Names, Count: f.Count, Group: f.Group, TargetGroups: f.TargetGroups}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// asg is the group of owned.
var asg = ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Desired: 3, Max: 5, ManagedTag: true, Stack: "stack"}

func TestBars(t *testing.T) {
	barred := []ecsops.Rule{"R7", "R10", "R11", "T9", "T11", "T21"}
	for _, r := range ruleTable() {
		s, in := r.make()
		for _, f := range ecsops.NewPlan(s, in).Findings {
			careful := slices.ContainsFunc(f.Missing, func(u ecsops.Unknown) bool { return u.Fact == "self" || u.Fact == "instance" })
			ends := f.Rule == ecsops.RuleManagedInstance && ecsops.NewPlan(s, in).EndsManaged() // R7 bars what could not be read
			if want := slices.Contains(barred, f.Rule) && !ends || careful; f.Bars != want {
				t.Errorf("%s %s: %s bars %t", r.rule, r.why, f.Rule, f.Bars)
			}
		}
	}
}

// TestPaths is the table of EC2 state × agent × ECS status.
func TestPaths(t *testing.T) {
	terminating := func(s *ecsops.Snapshot) {
		owned(s)
		with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Terminating:Wait" })
	}
	kinds := func(k ...ecsops.StepKind) []ecsops.StepKind { return k }
	for _, c := range []struct {
		why    string
		change func(*ecsops.Snapshot)
		in     ecsops.Intent
		path   ecsops.Path
		steps  []ecsops.StepKind
	}{
		{"running, connected, ACTIVE", nil, ecsops.Intent{}, ecsops.PathDrain, kinds("drain", "wait", "deregister", "verify")},
		{"the agent answers under a newer registration", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s) }, ecsops.Intent{}, ecsops.PathDuplicate, kinds("deregister", "verify")},
		{"… but a task is left on this one", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s); run(s, "") }, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"… or whether one is left could not be read", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s); *s = s.Blank("tasks") }, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"… or its agent does not answer either", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(false)(s) }, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"… or the machine could not be read", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s); *s = s.Blank("ec2") }, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"… or the machine is to end with it", func(s *ecsops.Snapshot) { agentLost(s); elsewhere(true)(s) }, terminate, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "terminate", "verify")},
		{"… or the other one is older", func(s *ecsops.Snapshot) {
			agentLost(s)
			elsewhere(true)(s)
			with(&s.Instance, func(i *ecsops.Instance) { i.RegisteredAt = start })
		}, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"DRAINING by somebody else", func(s *ecsops.Snapshot) { status(s, "DRAINING") }, ecsops.Intent{}, ecsops.PathObserve, kinds("wait", "deregister", "verify")},
		{"a standalone task was ticked", func(s *ecsops.Snapshot) { run(s, "") }, ecsops.Intent{StopTasks: []string{taskARN(0)}}, ecsops.PathDrain,
			kinds("drain", "wait", "stop_tasks", "deregister", "verify")},
		{"a service task was ticked: StopTask would skip its load balancer", func(s *ecsops.Snapshot) { serve(s, "web", 4, 100, 200, 1) },
			ecsops.Intent{StopTasks: []string{taskARN(0)}}, ecsops.PathDrain, kinds("drain", "wait", "deregister", "verify")},
		{"terminate a machine of nobody", nil, terminate, ecsops.PathDrain, kinds("drain", "wait", "deregister", "terminate", "verify")},
		{"terminate through a group that drains by itself", owned, replace, ecsops.PathGroup, kinds("drain", "wait", "terminate", "verify")},
		{"… or may do so", func(s *ecsops.Snapshot) { owned(s); *s = s.Blank("capacity_provider") }, replace, ecsops.PathGroup, kinds("drain", "wait", "terminate", "verify")},
		{"terminate through a group that does not", func(s *ecsops.Snapshot) {
			owned(s)
			with(&s.CapacityProvider, func(p *ecsops.CapacityProvider) { p.ManagedDraining = false })
		}, replace, ecsops.PathDrain, kinds("drain", "wait", "deregister", "terminate", "verify")},
		{"the group is terminating it already", terminating, ecsops.Intent{}, ecsops.PathGroup, kinds("drain", "wait", "verify")},
		{"… and a person asks for its end as well", terminating, replace, ecsops.PathGroup, kinds("drain", "wait", "verify")},
		{"force", nil, force, ecsops.PathForce, kinds("force", "verify")},
		{"agent lost, running", agentLost, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"agent lost, running, force", agentLost, force, ecsops.PathForce, kinds("force", "verify")},
		{"agent lost, machine unknown", func(s *ecsops.Snapshot) { agentLost(s); *s = s.Blank("ec2") }, ecsops.Intent{}, ecsops.PathDisconnected, kinds("drain", "wait", "deregister", "verify")},
		{"stopped", func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped") }, ecsops.Intent{}, ecsops.PathHostStopped, kinds("force", "verify")},
		{"terminated", ghost, ecsops.Intent{}, ecsops.PathGhost, kinds("force", "verify")},
		{"not found", func(s *ecsops.Snapshot) { agentLost(s); machine(s, "not-found") }, ecsops.Intent{}, ecsops.PathGhost, kinds("force", "verify")},
		{"gone, and yet its agent is connected: wait", func(s *ecsops.Snapshot) { machine(s, "terminated") }, ecsops.Intent{}, ecsops.PathWait, nil},
		{"shutting down", func(s *ecsops.Snapshot) { agentLost(s); machine(s, "shutting-down") }, ecsops.Intent{}, ecsops.PathWait, nil},
		{"registration failed", func(s *ecsops.Snapshot) { status(s, "REGISTRATION_FAILED") }, ecsops.Intent{}, ecsops.PathDrain, kinds("deregister", "verify")},
		{"deregistering", func(s *ecsops.Snapshot) { status(s, "DEREGISTERING") }, ecsops.Intent{}, ecsops.PathWait, nil},
		{"INACTIVE", func(s *ecsops.Snapshot) { status(s, "INACTIVE") }, ecsops.Intent{}, ecsops.PathGone, nil},
		{"MISSING", func(s *ecsops.Snapshot) { with(&s.Instance, func(i *ecsops.Instance) { i.Missing = true }) }, ecsops.Intent{}, ecsops.PathGone, nil},
		{"registration unread", func(s *ecsops.Snapshot) { *s = s.Blank("instance") }, ecsops.Intent{}, ecsops.PathWait, nil},
		{"ECS Anywhere", func(s *ecsops.Snapshot) { s.Target.EC2 = "mi-0123456789abcdef0" }, force, ecsops.PathExternal, nil},
		{"reuse stops every standalone task, ticked or not", func(s *ecsops.Snapshot) { run(s, "") }, reuse, ecsops.PathDrain,
			kinds("drain", "wait", "stop_tasks", "deregister", "verify")},
		{"reuse of a stopped machine: without force", func(s *ecsops.Snapshot) { agentLost(s); machine(s, "stopped") }, reuse, ecsops.PathHostStopped, kinds("deregister", "verify")},
		{"the registration of a ghost", ghost, asGhost, ecsops.PathGhost, kinds("force", "verify")},
		{"a Managed Instance is drained, then ended", managedInstance, ecsops.Intent{}, ecsops.PathManaged, kinds("drain", "wait", "force", "verify")},
		{"… one that ECS drains already", func(s *ecsops.Snapshot) { managedInstance(s); status(s, "DRAINING") }, ecsops.Intent{}, ecsops.PathManaged, kinds("wait", "force", "verify")},
		{"… with a ticked task", func(s *ecsops.Snapshot) { managedInstance(s); run(s, "") }, ecsops.Intent{StopTasks: []string{taskARN(0)}}, ecsops.PathManaged,
			kinds("drain", "wait", "stop_tasks", "force", "verify")},
		{"… at once", managedInstance, force, ecsops.PathManaged, kinds("force", "verify")},
		{"… terminated: a ghost like any other", func(s *ecsops.Snapshot) { managedInstance(s); ghost(s) }, ecsops.Intent{}, ecsops.PathGhost, kinds("force", "verify")},
		{"… that EC2 does not show: it may be hidden", func(s *ecsops.Snapshot) { managedInstance(s); agentLost(s); machine(s, "not-found") }, ecsops.Intent{}, ecsops.PathManaged, nil},
		{"… whose machine could not be read", func(s *ecsops.Snapshot) { managedInstance(s); *s = s.Blank("ec2") }, ecsops.Intent{}, ecsops.PathManaged, nil},
		{"… that goes already", func(s *ecsops.Snapshot) { managedInstance(s); machine(s, "shutting-down") }, ecsops.Intent{}, ecsops.PathWait, nil},
		{"a provider that may be of Managed Instances", func(s *ecsops.Snapshot) {
			owned(s)
			*s = s.Blank("capacity_provider").Blank("ec2")
		}, ecsops.Intent{}, ecsops.PathManaged, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := calm()
			if c.change != nil {
				c.change(&s)
			}
			p := ecsops.NewPlan(s, c.in)
			var steps []ecsops.StepKind
			for _, st := range p.Steps {
				steps = append(steps, st.Kind)
			}
			if diff := cmp.Diff(c.steps, steps); p.Path != c.path || diff != "" {
				t.Errorf("path %s, want %s; steps (-want +got):\n%s", p.Path, c.path, diff)
			}
		})
	}
}

func TestFates(t *testing.T) {
	build := func(s *ecsops.Snapshot) {
		serve(s, "web", 4, 100, 200, 1)                                                               // 0
		serve(s, "pay", 1, 100, 100, 1)                                                               // 1
		serve(s, "logs", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })           // 2
		run(s, "")                                                                                    // 3
		run(s, "")                                                                                    // 4
		run(s, "web", func(t *ecsops.Task) { t.LastStatus, t.DesiredStatus = "STOPPING", "STOPPED" }) // 5
	}
	for _, c := range []struct {
		why    string
		change func(*ecsops.Snapshot)
		in     ecsops.Intent
		want   []ecsops.Fate
	}{
		{"drain", func(*ecsops.Snapshot) {}, ecsops.Intent{StopTasks: []string{taskARN(4)}}, []ecsops.Fate{"moves", "stuck", "ends", "waits", "stops", "ends"}},
		{"force orphans even what is stopping", func(*ecsops.Snapshot) {}, force, []ecsops.Fate{"orphaned", "orphaned", "orphaned", "orphaned", "orphaned", "orphaned"}},
		{"ghost", ghost, ecsops.Intent{}, []ecsops.Fate{"dead", "dead", "dead", "dead", "dead", "dead"}},
		{"agent lost", agentLost, ecsops.Intent{}, []ecsops.Fate{"stuck", "stuck", "stuck", "stuck", "stuck", "stuck"}},
		{"reuse stops what belongs to no service", func(*ecsops.Snapshot) {}, reuse, []ecsops.Fate{"moves", "stuck", "ends", "stops", "stops", "ends"}},
		{"a Managed Instance: as of any drain", managedInstance, ecsops.Intent{}, []ecsops.Fate{"moves", "stuck", "ends", "waits", "waits", "ends"}},
		{"a Managed Instance by force: nothing is left behind", managedInstance, force, []ecsops.Fate{"cut", "cut", "cut", "cut", "cut", "cut"}},
		{"a Managed Instance without its agent", func(s *ecsops.Snapshot) { managedInstance(s); agentLost(s) }, ecsops.Intent{}, []ecsops.Fate{"stuck", "stuck", "stuck", "stuck", "stuck", "stuck"}},
		{"services unknown", func(s *ecsops.Snapshot) { *s = s.Blank("services") }, ecsops.Intent{}, []ecsops.Fate{"unknown", "unknown", "unknown", "waits", "waits", "ends"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := calm()
			build(&s)
			c.change(&s)
			var got []ecsops.Fate
			for _, f := range ecsops.NewPlan(s, c.in).Fates {
				got = append(got, f.Fate)
				if f.Task.ID() == "" || f.Task.Name == "" {
					t.Errorf("a task without a name: %+v", f.Task)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestETA: the longest of deregistration delay and stop timeout, one after the other.
func TestETA(t *testing.T) {
	s := calm()
	serve(&s, "web", 4, 100, 200, 1)
	balance(&s, "web", 4, 1, 5*time.Minute)
	if got := plan(s).ETA; got != 5*time.Minute+30*time.Second {
		t.Errorf("ETA %s", got)
	}
	if got := plan(s.Blank("target_groups")).ETA; got != 0 {
		t.Errorf("ETA %s without target groups", got)
	}
}
