package aws_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

const terminatingHook = "autoscaling:EC2_INSTANCE_TERMINATING"

// grouped builds a cluster "one" with a group "g" of n members, i-…0000 first, in the zones a, b, c in turn, whose
// capacity provider is "cp"; edit changes what is built. A service "app" has a task on the first member.
func grouped(n int, edit func(g *aws.GroupSpec, p *aws.ProviderSpec)) func(*aws.Cloud) error {
	return func(c *aws.Cloud) error {
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		g := aws.GroupSpec{Name: "g", Min: 1, Desired: n, Max: 6, Cluster: "one", Provider: "cp", InstanceType: "m6i.large", Tags: []aws.Tag{{Key: "AmazonECSManaged"}}}
		p := aws.ProviderSpec{Name: "cp", Group: "g"}
		edit(&g, &p)
		var err error
		did := func(_ string, e error) {
			if err == nil {
				err = e
			}
		}
		did(r.AddCluster(aws.ClusterSpec{Name: "one", Providers: []string{"cp"}}))
		did(r.AddGroup(g))
		did(r.AddProvider(p))
		for i := range n {
			did(r.AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: aws.BigInstance(i), RegisterID: aws.DemoRegistration(aws.BigInstance(i)),
				Group: "g", Provider: "cp", AZ: aws.DemoRegion + string("abc"[i%3]), ScaleIn: g.ProtectNew, Age: time.Duration(n-i) * time.Hour}))
		}
		did(r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "app", CPU: 128, Memory: 256}))
		did(r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "logs", CPU: 16, Memory: 64}))
		did(r.AddService(aws.ServiceSpec{Cluster: "one", Name: "app", TaskDefinition: "app", Desired: 1, MinPercent: 100, MaxPercent: 200, Strategy: []string{"cp"}, On: []string{aws.BigInstance(0)}}))
		return err
	}
}

func (e *estate) retire(ec2ID string, decrement bool) {
	e.t.Helper()
	if body, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", ec2ID, "ShouldDecrementDesiredCapacity", strconv.FormatBool(decrement)); code != "" {
		e.t.Fatalf("%s: %s", code, body)
	}
}

func (e *estate) lifecycle(ec2ID string) string {
	h, _ := e.State().Host(ec2ID)
	return h.Lifecycle
}

func (e *estate) group() aws.GroupState { return e.State().Groups[0] }

func (e *estate) activities() string {
	body, _ := e.query("autoscaling", "DescribeScalingActivities", "AutoScalingGroupName", "g")
	return body
}

// serving are the members that are in service or on their way.
func (e *estate) serving() []string {
	var out []string
	s := e.State()
	for _, id := range s.Groups[0].Members {
		if h, _ := s.Host(id); h.Lifecycle == "InService" || strings.HasPrefix(h.Lifecycle, "Pending") {
			out = append(out, id)
		}
	}
	return out
}

func TestTerminationHooks(t *testing.T) {
	hook := func(name, result string) aws.HookSpec {
		return aws.HookSpec{Name: name, Transition: terminatingHook, DefaultResult: result, Heartbeat: 10 * time.Minute}
	}
	const spot = 2 // members
	call := func(e *estate, action string, params ...string) string {
		_, code := e.query("autoscaling", action, append([]string{"AutoScalingGroupName", "g", "InstanceId", aws.BigInstance(0)}, params...)...)
		return code
	}
	for name, c := range map[string]struct {
		hooks   []aws.HookSpec
		drains  bool
		during  func(e *estate) string // what the calls about the hook answer
		after   time.Duration          // this long after the order it still waits
		ends    time.Duration          // and this long after that it is gone
		answers string
		busy    bool // its task still runs when it goes
	}{
		"the default result after the timeout": {hooks: []aws.HookSpec{hook("h", "CONTINUE")}, after: 9 * time.Minute, ends: 2 * time.Minute, busy: true},
		"ABANDON is the default, and ends it":  {hooks: []aws.HookSpec{hook("h", "")}, after: 9 * time.Minute, ends: 2 * time.Minute, busy: true},
		"completed early": {hooks: []aws.HookSpec{hook("h", "CONTINUE")}, ends: time.Minute, busy: true,
			during: func(e *estate) string {
				return call(e, "CompleteLifecycleAction", "LifecycleHookName", "h", "LifecycleActionResult", "CONTINUE")
			}},
		"a heartbeat begins the timeout anew": {hooks: []aws.HookSpec{hook("h", "CONTINUE")}, after: 14 * time.Minute, ends: 5 * time.Minute, busy: true,
			during: func(e *estate) string {
				e.clock.Advance(8 * time.Minute)
				return call(e, "RecordLifecycleActionHeartbeat", "LifecycleHookName", "h")
			}},
		"two hooks: one CONTINUE is not enough": {hooks: []aws.HookSpec{hook("h", "CONTINUE"), hook("i", "CONTINUE")}, after: 9 * time.Minute, ends: 2 * time.Minute, busy: true,
			during: func(e *estate) string {
				return call(e, "CompleteLifecycleAction", "LifecycleHookName", "h", "LifecycleActionResult", "CONTINUE")
			}},
		"two hooks: ABANDON ends both": {hooks: []aws.HookSpec{hook("h", "CONTINUE"), hook("i", "CONTINUE")}, ends: time.Minute, busy: true,
			during: func(e *estate) string {
				return call(e, "CompleteLifecycleAction", "LifecycleHookName", "h", "LifecycleActionResult", "ABANDON")
			}},
		"managed draining waits for the task": {drains: true, ends: 5 * time.Minute},
		"ABANDON skips managed draining": {hooks: []aws.HookSpec{hook("h", "ABANDON")}, drains: true, ends: time.Minute, busy: true,
			during: func(e *estate) string {
				return call(e, "CompleteLifecycleAction", "LifecycleHookName", "h", "LifecycleActionResult", "ABANDON")
			}},
		"nobody waits": {ends: time.Minute, busy: true,
			during:  func(e *estate) string { return call(e, "RecordLifecycleActionHeartbeat", "LifecycleHookName", "h") },
			answers: "ValidationError"},
		"no such result": {hooks: []aws.HookSpec{hook("h", "CONTINUE")}, after: 9 * time.Minute, ends: 2 * time.Minute, busy: true,
			during: func(e *estate) string {
				return call(e, "CompleteLifecycleAction", "LifecycleHookName", "h", "LifecycleActionResult", "RETRY")
			}, answers: "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, grouped(spot, func(g *aws.GroupSpec, p *aws.ProviderSpec) { g.Hooks, p.ManagedDraining = c.hooks, c.drains }))
			e.cluster = "one"
			e.retire(aws.BigInstance(0), false)
			began := e.clock.Now()
			if want := "Terminating:Wait"; (len(c.hooks) > 0 || c.drains) && e.lifecycle(aws.BigInstance(0)) != want {
				t.Fatalf("lifecycle %q, want %s", e.lifecycle(aws.BigInstance(0)), want)
			}
			if len(c.hooks) > 0 && !strings.Contains(e.activities(), "<StatusCode>MidLifecycleAction</StatusCode>") {
				t.Errorf("activities: %s", e.activities())
			}
			if c.during != nil {
				if got := c.during(e); got != c.answers {
					t.Errorf("answered %q, want %q", got, c.answers)
				}
			}
			e.clock.Advance(c.after - e.clock.Now().Sub(began))
			if h, _ := e.State().Host(aws.BigInstance(0)); c.after > 0 && h.State != "running" {
				t.Fatalf("after %s it is %+v", c.after, h)
			}
			e.until("it goes", c.ends, func(s aws.State) bool { h, _ := s.Host(aws.BigInstance(0)); return h.State != "running" })
			if left := len(e.State().TasksOn(aws.BigInstance(0))); c.busy != (left > 0) {
				t.Errorf("%d tasks were left when it went, want some: %t", left, c.busy)
			}
		})
	}
}

func TestGlobalTimeoutEndsHeartbeats(t *testing.T) {
	e := serve(t, grouped(2, func(g *aws.GroupSpec, _ *aws.ProviderSpec) {
		g.Hooks = []aws.HookSpec{{Name: "h", Transition: terminatingHook, DefaultResult: "CONTINUE", Heartbeat: time.Minute}}
	}))
	e.retire(aws.BigInstance(0), false)
	beats := 0
	for e.lifecycle(aws.BigInstance(0)) == "Terminating:Wait" {
		if _, code := e.query("autoscaling", "RecordLifecycleActionHeartbeat", "AutoScalingGroupName", "g", "LifecycleHookName", "h", "InstanceId", aws.BigInstance(0)); code != "" {
			t.Fatal(code)
		}
		beats++
		e.clock.Advance(50 * time.Second)
	}
	if took := time.Duration(beats) * 50 * time.Second; took < 99*time.Minute || took > 102*time.Minute {
		t.Errorf("heartbeats kept it for %s, want 100 × a minute", took)
	}
}

func TestLaunchHookAbandonedLaunchesAnother(t *testing.T) {
	e := serve(t, grouped(2, func(g *aws.GroupSpec, _ *aws.ProviderSpec) {
		g.Hooks = []aws.HookSpec{{Name: "ready", Transition: "autoscaling:EC2_INSTANCE_LAUNCHING", Heartbeat: time.Minute * 2}}
	}))
	e.retire(aws.BigInstance(0), false)
	var first string
	e.until("a new one waits", time.Minute, func(s aws.State) bool {
		for _, h := range s.Hosts {
			if h.Lifecycle == "Pending:Wait" {
				first = h.EC2ID
			}
		}
		return first != ""
	})
	e.until("its hook timed out, and another is launched", 4*time.Minute, func(s aws.State) bool {
		h, _ := s.Host(first)
		return h.State == "terminated" && len(s.Groups[0].Members) == 2
	})
	if !strings.Contains(e.activities(), "<StatusCode>Cancelled</StatusCode>") {
		t.Errorf("activities: %s", e.activities())
	}
}

func TestManagedScalingIn(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(g *aws.GroupSpec, p *aws.ProviderSpec)
		suspend string
		drain   bool   // the busy one
		left    int    // serving members after an hour
		busy    bool   // the one with the task is among them
		says    string // in the activities
	}{
		"to what is busy": {left: 1, busy: true, edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) { g.ProtectNew, p.TerminationProtection = true, true }, says: "ECSManagedAutoScalingPolicy"},
		"not below the minimum": {left: 2, busy: true, edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) {
			g.Min, g.ProtectNew, p.TerminationProtection = 2, true, true
		}},
		"to the target capacity": {left: 2, busy: true, edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) {
			p.TargetCapacity, g.ProtectNew, p.TerminationProtection = 50, true, true
		}},
		"never without a target":                           {left: 3, busy: true, edit: func(_ *aws.GroupSpec, p *aws.ProviderSpec) { p.TargetCapacity = 0 }},
		"without protection the oldest goes, busy or not":  {left: 1, edit: func(*aws.GroupSpec, *aws.ProviderSpec) {}},
		"without the group's own protection ECS adds none": {left: 1, edit: func(_ *aws.GroupSpec, p *aws.ProviderSpec) { p.TerminationProtection = true }},
		"without the tag ECS protects nothing": {left: 3, busy: true, says: "protected from scale in",
			edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) {
				g.ProtectNew, p.TerminationProtection, g.Tags = true, true, nil
			}},
		"not while alarms are suspended":              {left: 3, busy: true, suspend: "AlarmNotification", edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) { g.ProtectNew, p.TerminationProtection = true, true }},
		"not while Terminate is":                      {left: 3, busy: true, suspend: "Terminate", edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) { g.ProtectNew, p.TerminationProtection = true, true }},
		"a drained one loses its protection and goes": {left: 1, drain: true, edit: func(g *aws.GroupSpec, p *aws.ProviderSpec) { g.ProtectNew, p.TerminationProtection = true, true }},
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, grouped(3, func(g *aws.GroupSpec, p *aws.ProviderSpec) {
				p.ManagedScaling, p.TargetCapacity = true, 100
				c.edit(g, p)
				if c.suspend != "" {
					g.Suspended = []string{c.suspend}
				}
			}))
			e.cluster = "one"
			if c.drain {
				e.drain(aws.BigInstance(0))
			}
			e.clock.Advance(14 * time.Minute)
			if got := len(e.serving()); got != 3 {
				t.Fatalf("%d members after 14 minutes: target tracking wants 15 low values", got)
			}
			e.clock.Advance(46 * time.Minute)
			got := e.serving()
			if busy := strings.Contains(strings.Join(got, " "), aws.BigInstance(0)); len(got) != c.left || busy != c.busy {
				t.Errorf("left: %v (the busy one: %t), want %d (%t)", got, busy, c.left, c.busy)
			}
			if s, _ := e.State().Service("one", "app"); s.Running != 1 {
				t.Errorf("%+v", s)
			}
			if !strings.Contains(e.activities(), c.says) {
				t.Errorf("%q is not in %s", c.says, e.activities())
			}
		})
	}
}

func TestManagedProtectionFollowsTasks(t *testing.T) {
	e := serve(t, grouped(2, func(g *aws.GroupSpec, p *aws.ProviderSpec) {
		g.ProtectNew, p.TerminationProtection, p.ManagedScaling = true, true, true
	}))
	e.cluster = "one"
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddService(aws.ServiceSpec{Cluster: "one", Name: "logs", TaskDefinition: "logs", Daemon: true, MaxPercent: 100}); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(time.Minute)
	protected := func(ec2ID string) bool {
		body, _ := e.query("autoscaling", "DescribeAutoScalingInstances", "InstanceIds.member.1", ec2ID)
		return strings.Contains(body, "<ProtectedFromScaleIn>true</ProtectedFromScaleIn>")
	}
	if !protected(aws.BigInstance(0)) || protected(aws.BigInstance(1)) {
		t.Errorf("protected: with a task %t, with a daemon alone %t", protected(aws.BigInstance(0)), protected(aws.BigInstance(1)))
	}
	e.drain(aws.BigInstance(0))
	e.until("the task moved", 3*time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.BigInstance(0))) == 0 })
	e.clock.Advance(5 * time.Second)
	if protected(aws.BigInstance(0)) || !protected(aws.BigInstance(1)) {
		t.Errorf("after the drain: the empty one %t, the other %t", protected(aws.BigInstance(0)), protected(aws.BigInstance(1)))
	}
	// Protection from scale-in stops no order to terminate.
	e.retire(aws.BigInstance(1), false)
	e.until("it goes all the same", time.Minute, func(s aws.State) bool { h, _ := s.Host(aws.BigInstance(1)); return h.State != "running" })
}

func TestSuspendedProcesses(t *testing.T) {
	for name, c := range map[string]struct {
		suspend  string
		do       func(e *estate)
		serving  int // ten minutes later
		resumed  int // and ten minutes after it was resumed
		draining bool
	}{
		"Launch: replace launches nothing until it is resumed": {suspend: "Launch", serving: 2, resumed: 3, do: func(e *estate) { e.retire(aws.BigInstance(0), false) }},
		"HealthCheck: a stopped machine stays in service":      {suspend: "HealthCheck", serving: 3, resumed: 3, do: func(e *estate) { e.stop(aws.BigInstance(0)) }},
		"ReplaceUnhealthy: likewise":                           {suspend: "ReplaceUnhealthy", serving: 3, resumed: 3, do: func(e *estate) { e.stop(aws.BigInstance(0)) }},
		"Terminate: an order to terminate is obeyed":           {suspend: "Terminate", serving: 3, resumed: 3, do: func(e *estate) { e.retire(aws.BigInstance(0), false) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, grouped(3, func(*aws.GroupSpec, *aws.ProviderSpec) {}))
			e.cluster = "one"
			if _, code := e.query("autoscaling", "SuspendProcesses", "AutoScalingGroupName", "g", "ScalingProcesses.member.1", c.suspend); code != "" {
				t.Fatal(code)
			}
			if body, _ := e.query("autoscaling", "DescribeAutoScalingGroups"); !strings.Contains(body, "<ProcessName>"+c.suspend+"</ProcessName>") {
				t.Errorf("groups: %s", body)
			}
			c.do(e)
			e.clock.Advance(10 * time.Minute)
			if got := e.serving(); len(got) != c.serving {
				t.Errorf("serving %v, want %d", got, c.serving)
			}
			if _, code := e.query("autoscaling", "ResumeProcesses", "AutoScalingGroupName", "g", "ScalingProcesses.member.1", c.suspend); code != "" {
				t.Fatal(code)
			}
			e.clock.Advance(10 * time.Minute)
			got := e.serving()
			if gone := !strings.Contains(strings.Join(got, " "), aws.BigInstance(0)); len(got) != c.resumed || !gone {
				t.Errorf("after the resumption: %v, want %d without the first", got, c.resumed)
			}
		})
	}
	e := serve(t, grouped(1, func(*aws.GroupSpec, *aws.ProviderSpec) {}))
	if _, code := e.query("autoscaling", "SuspendProcesses", "AutoScalingGroupName", "g", "ScalingProcesses.member.1", "Lunch"); code != "ValidationError" {
		t.Errorf("no such process: %q", code)
	}
}

func (e *estate) stop(ec2ID string) {
	e.t.Helper()
	if err := e.StopEC2(ec2ID); err != nil {
		e.t.Fatal(err)
	}
}

func TestZonesAreRebalancedAfterADecrement(t *testing.T) {
	for suspend, want := range map[string]string{"": "1 1 1", "AZRebalance": "0 1 2", "Launch": "0 1 2"} {
		t.Run("suspended "+suspend, func(t *testing.T) {
			e := serve(t, func(c *aws.Cloud) error {
				if err := grouped(3, func(g *aws.GroupSpec, _ *aws.ProviderSpec) {
					g.Desired = 4
					if suspend != "" {
						g.Suspended = []string{suspend}
					}
				})(c); err != nil {
					return err
				}
				_, err := c.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: aws.BigInstance(3), Group: "g", Provider: "cp", AZ: aws.DemoRegion + "c"})
				return err
			})
			e.retire(aws.BigInstance(0), true) // the only one of zone a
			most := 0
			for range 600 {
				e.clock.Advance(time.Second)
				most = max(most, len(e.serving()))
			}
			zones := map[string]int{}
			s := e.State()
			for _, id := range e.serving() {
				h, _ := s.Host(id)
				zones[h.AZ[len(h.AZ)-1:]]++
			}
			if got := fmt.Sprint(zones["a"], zones["b"], zones["c"]); got != want || e.group().Desired != 3 {
				t.Errorf("zones %s, want %s; %+v", got, want, e.group())
			}
			if suspend == "" && most != 4 {
				t.Errorf("at most %d served at once: rebalancing launches before it ends", most)
			}
		})
	}
}

func TestStandbyWarmPoolAndDetach(t *testing.T) {
	warm := aws.BigInstance(7)
	e := serve(t, func(c *aws.Cloud) error {
		if err := grouped(3, func(g *aws.GroupSpec, _ *aws.ProviderSpec) { g.WarmPool = true })(c); err != nil {
			return err
		}
		_, err := c.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: warm, Group: "g", Provider: "cp", Lifecycle: "Warmed:Stopped"})
		return err
	})
	e.cluster = "one"
	ask := func(action, id string, params ...string) string {
		_, code := e.query("autoscaling", action, append([]string{"AutoScalingGroupName", "g", "InstanceIds.member.1", id}, params...)...)
		return code
	}
	// The warm pool: stopped, registered, not to be terminated by the group's verb.
	if _, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", warm, "ShouldDecrementDesiredCapacity", "true"); code != "ValidationError" {
		t.Errorf("terminating in a warm pool: %q", code)
	}
	if body, _ := e.query("autoscaling", "DescribeWarmPool", "AutoScalingGroupName", "g"); !strings.Contains(body, warm) {
		t.Errorf("warm pool: %s", body)
	}
	if i, _ := e.State().Instance(warm); i.Connected || e.lifecycle(warm) != "Warmed:Stopped" {
		t.Errorf("warm: %+v %s", i, e.lifecycle(warm))
	}
	// Standby: ECS goes on, Auto Scaling looks away, and takes a replacement out of the warm pool.
	if code := ask("EnterStandby", aws.BigInstance(1), "ShouldDecrementDesiredCapacity", "false"); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(3 * time.Minute)
	if i, _ := e.State().Instance(aws.BigInstance(1)); i.Status != "ACTIVE" || !i.Connected || e.lifecycle(aws.BigInstance(1)) != "Standby" {
		t.Errorf("standby: %+v %s", i, e.lifecycle(aws.BigInstance(1)))
	}
	if i, _ := e.State().Instance(warm); !i.Connected || e.lifecycle(warm) != "InService" {
		t.Errorf("the warm one: %+v %s", i, e.lifecycle(warm))
	}
	if code := ask("SetInstanceProtection", aws.BigInstance(1), "ProtectedFromScaleIn", "true"); code != "ValidationError" {
		t.Errorf("protecting in standby: %q", code)
	}
	if code := ask("ExitStandby", aws.BigInstance(1)); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(time.Minute)
	if g := e.group(); e.lifecycle(aws.BigInstance(1)) != "InService" || g.Desired != 4 {
		t.Errorf("back: %s %+v", e.lifecycle(aws.BigInstance(1)), g)
	}
	// Detached: no member any more, its tag tells otherwise.
	if code := ask("DetachInstances", aws.BigInstance(2), "ShouldDecrementDesiredCapacity", "true"); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(time.Minute)
	body, _ := e.query("autoscaling", "DescribeAutoScalingInstances", "InstanceIds.member.1", aws.BigInstance(2))
	tags, _ := e.query("ec2", "DescribeInstances", "InstanceId.1", aws.BigInstance(2))
	if strings.Contains(body, aws.BigInstance(2)) || !strings.Contains(tags, "aws:autoscaling:groupName") || e.group().Desired != 3 {
		t.Errorf("detached: %s\n%s\n%+v", body, tags, e.group())
	}
	// Below the minimum nothing goes.
	for _, id := range e.serving()[:2] {
		if code := ask("DetachInstances", id, "ShouldDecrementDesiredCapacity", "true"); code != "" {
			t.Fatal(code)
		}
		e.clock.Advance(time.Minute)
	}
	if code := ask("EnterStandby", e.serving()[0], "ShouldDecrementDesiredCapacity", "true"); code != "ValidationError" {
		t.Errorf("below the minimum: %q", code)
	}
}

func TestDeregisteringInsideATermination(t *testing.T) {
	for _, strand := range []bool{false, true} {
		e := serve(t, grouped(2, func(_ *aws.GroupSpec, p *aws.ProviderSpec) { p.ManagedDraining = true }))
		e.cluster = "one"
		e.StrandHooks(strand)
		e.retire(aws.BigInstance(0), false)
		if _, code := e.deregister(aws.BigInstance(0), true); code != "" {
			t.Fatal(code)
		}
		e.clock.Advance(47 * time.Hour)
		if h, _ := e.State().Host(aws.BigInstance(0)); (h.State == "running") != strand {
			t.Errorf("stranded %t: %+v", strand, h)
		}
		e.clock.Advance(90 * time.Minute)
		if h, _ := e.State().Host(aws.BigInstance(0)); h.State == "running" {
			t.Errorf("after 48 hours: %+v", h)
		}
	}
}

// TestGroupsWalk does random deeds to a group with hooks, managed scaling, draining and protection, and checks after each what holds in any.
func TestGroupsWalk(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 2))
			e := serve(t, grouped(4, func(g *aws.GroupSpec, p *aws.ProviderSpec) {
				p.ManagedScaling, p.TargetCapacity, p.ManagedDraining = true, 100, dice.IntN(2) == 0
				g.ProtectNew, p.TerminationProtection = true, dice.IntN(2) == 0
				if dice.IntN(2) == 0 {
					g.Hooks = []aws.HookSpec{{Name: "h", Transition: terminatingHook, DefaultResult: []string{"", "CONTINUE"}[dice.IntN(2)], Heartbeat: time.Minute}}
				}
			}))
			e.cluster = "one"
			var deeds []string
			for range 80 {
				deeds = append(deeds, e.groupDeed(dice))
				if wrong := e.wrongGroup(); wrong != "" {
					t.Fatalf("%s\nafter %s", wrong, strings.Join(deeds, "\n      "))
				}
			}
			for _, process := range []string{"Launch", "Terminate", "HealthCheck", "AZRebalance"} {
				if err := e.Suspend("g", process, false); err != nil {
					t.Fatal(err)
				}
			}
			e.clock.Advance(49 * time.Hour)
			if wrong := e.wrongGroup(); wrong != "" {
				t.Fatalf("two days later: %s", wrong)
			}
			s := e.State()
			for _, h := range s.Hosts {
				if strings.HasPrefix(h.Lifecycle, "Terminating") || strings.HasPrefix(h.Lifecycle, "Pending") {
					t.Errorf("two days later %+v\nafter %s", h, strings.Join(deeds, "\n      "))
				}
			}
			if g := s.Groups[0]; len(e.serving()) < g.Min || len(e.serving()) > g.Desired && !strings.Contains(e.activities(), "protected from scale in") {
				t.Errorf("two days later %v serve: %+v\nafter %s", e.serving(), g, strings.Join(deeds, "\n      "))
			}
		})
	}
}

func (e *estate) groupDeed(dice *rand.Rand) string {
	s := e.State()
	ids := s.Groups[0].Members
	if len(ids) == 0 {
		e.clock.Advance(time.Minute)
		return "nobody"
	}
	id, on := ids[dice.IntN(len(ids))], dice.IntN(2) == 0
	process := []string{"Launch", "Terminate", "HealthCheck", "AZRebalance"}[dice.IntN(4)]
	ask := func(action string, params ...string) string {
		_, code := e.query("autoscaling", action, append([]string{"AutoScalingGroupName", "g"}, params...)...)
		return action + " " + id + " " + code
	}
	switch dice.IntN(12) {
	case 0, 1:
		return ask("TerminateInstanceInAutoScalingGroup", "InstanceId", id, "ShouldDecrementDesiredCapacity", strconv.FormatBool(on))
	case 2:
		return ask("EnterStandby", "InstanceIds.member.1", id, "ShouldDecrementDesiredCapacity", strconv.FormatBool(on))
	case 3:
		return ask("ExitStandby", "InstanceIds.member.1", id)
	case 4:
		return ask("CompleteLifecycleAction", "InstanceId", id, "LifecycleHookName", "h", "LifecycleActionResult", []string{"CONTINUE", "ABANDON"}[dice.IntN(2)])
	case 5:
		return fmt.Sprintln("suspend", process, on, e.Suspend("g", process, on))
	case 6:
		return fmt.Sprintln("terminate", id, e.TerminateEC2(id))
	case 7:
		return fmt.Sprintln("stop", id, e.StopEC2(id))
	case 8:
		return ask("SetDesiredCapacity", "DesiredCapacity", strconv.Itoa(1+dice.IntN(6)))
	case 9:
		_, code := e.ecs("UpdateContainerInstancesState", object{"cluster": "one", "containerInstances": []string{e.registration(id)}, "status": "DRAINING"})
		return "drain " + id + " " + code
	}
	d := time.Duration(dice.IntN(600)) * time.Second
	e.clock.Advance(d)
	return "wait " + d.String()
}

// wrongGroup says what is impossible about the group, "" for nothing.
func (e *estate) wrongGroup() string {
	s := e.State()
	g := s.Groups[0]
	if g.Desired < g.Min {
		return fmt.Sprintf("desired: %+v", g)
	}
	if got := e.serving(); len(got) > max(g.Desired, g.Max)+1 {
		return fmt.Sprintf("%v serve of %+v", got, g)
	}
	for _, h := range s.Hosts {
		if h.Lifecycle == "InService" && h.State == "terminated" && !strings.Contains(strings.Join(g.Members, " "), h.EC2ID) {
			return fmt.Sprintf("in service and nowhere: %+v", h)
		}
	}
	return ""
}

func TestControlOfGroups(t *testing.T) {
	e := serve(t, grouped(3, func(*aws.GroupSpec, *aws.ProviderSpec) {}))
	did := func(b aws.Break, ok bool) {
		t.Helper()
		if _, err := e.Break(b); (err == nil) != ok {
			t.Errorf("%+v: %v", b, err)
		}
	}
	id := aws.BigInstance(0)
	did(aws.Break{What: "suspend", ID: "g", Extra: "Launch", On: true}, true)
	did(aws.Break{What: "suspend", ID: "g", Extra: "Lunch", On: true}, false)
	did(aws.Break{What: "suspend", ID: "none", Extra: "Launch", On: true}, false)
	did(aws.Break{What: "strand-hooks", On: true}, true)
	did(aws.Break{What: "scale-in-protection", ID: id, On: true}, true)
	did(aws.Break{What: "standby", ID: aws.BigInstance(1), On: true}, true)
	did(aws.Break{What: "standby", ID: aws.BigInstance(1), On: true}, false)
	did(aws.Break{What: "add-hook", ID: "g", Extra: "flush,ABANDON", Seconds: 600}, true)
	did(aws.Break{What: "add-hook", ID: "g", Extra: "late,ABANDON", Seconds: 1}, false)
	did(aws.Break{What: "hook", ID: id, Extra: "flush,CONTINUE"}, false)
	did(aws.Break{What: "retire", ID: id}, true)
	did(aws.Break{What: "retire", ID: id}, false)
	e.clock.Advance(time.Minute)
	if e.lifecycle(id) != "Terminating:Wait" || e.lifecycle(aws.BigInstance(1)) != "Standby" || len(e.serving()) != 1 {
		t.Errorf("%s, %s, serving %v", e.lifecycle(id), e.lifecycle(aws.BigInstance(1)), e.serving())
	}
	did(aws.Break{What: "hook", ID: id, Extra: "flush,CONTINUE"}, true)
	e.clock.Advance(time.Minute)
	if e.lifecycle(id) != "Terminated" {
		t.Errorf("the hook was completed: %s", e.lifecycle(id))
	}
}
