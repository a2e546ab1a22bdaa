package aws_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

func TestDemoIsAtRest(t *testing.T) {
	e := demo(t)
	before := e.State()
	e.clock.Advance(30 * time.Minute)
	after := e.State()
	if len(before.Tasks) != len(after.Tasks) || len(before.Tasks) < 15 {
		t.Errorf("%d tasks, %d after half an hour without a call", len(before.Tasks), len(after.Tasks))
	}
	for _, s := range after.Services {
		if s.Running != s.Desired || !s.Steady || len(s.Events) != 1 {
			t.Errorf("%s: running %d, desired %d, steady %t, events %q", s.Name, s.Running, s.Desired, s.Steady, s.Events)
		}
	}
}

func TestHappyPath(t *testing.T) {
	e := demo(t)
	if _, code := e.deregister(aws.DemoClean, false); code != "InvalidParameterException" {
		t.Fatalf("deregistering with tasks and without force: %q", code)
	}
	e.drain(aws.DemoClean)
	took := e.until("the drained instance is empty", 5*time.Minute, func(s aws.State) bool {
		for _, x := range s.Services {
			if x.Healthy < (x.Desired*map[string]int{"web": 100, "api": 50}[x.Name]+99)/100 {
				t.Fatalf("%s fell to %d healthy of %d during the drain", x.Name, x.Healthy, x.Desired)
			}
		}
		return len(s.TasksOn(aws.DemoClean)) == 0
	})
	if took < 30*time.Second {
		t.Errorf("empty after %s: sooner than web's deregistration delay of 30 s", took)
	}
	got, code := e.deregister(aws.DemoClean, false)
	if code != "" || got["containerInstance"].(object)["status"] != "INACTIVE" {
		t.Fatalf("deregistering the empty instance: %s %v", code, got)
	}
	s := e.State()
	if h, _ := s.Host(aws.DemoClean); h.State != "running" {
		t.Errorf("deregistering changed the EC2 instance to %q", h.State)
	}
	for _, name := range []string{"web", "api"} {
		x, _ := s.Service("prod", name)
		if x.Running != x.Desired || !strings.Contains(strings.Join(x.Events, "\n"), "has reached a steady state") {
			t.Errorf("%s after the drain: %+v", name, x)
		}
	}
	if last := e.Log()[len(e.Log())-1]; last.Action != "DeregisterContainerInstance" || !last.TookEffect || !last.Mutating {
		t.Errorf("the last call on record is %+v", last)
	}
}

// oneService builds a cluster "one" of n large instances, i-…0000 first, with one service of one task on the first.
func oneService(n int, spec aws.ServiceSpec, td aws.TaskDefinitionSpec) func(*aws.Cloud) error {
	return func(c *aws.Cloud) error {
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		if _, err := r.AddCluster(aws.ClusterSpec{Name: "one"}); err != nil {
			return err
		}
		for i := range n {
			if _, err := r.AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: aws.BigInstance(i), RegisterID: aws.DemoRegistration(aws.BigInstance(i))}); err != nil {
				return err
			}
		}
		td.Family = "app"
		if _, err := r.AddTaskDefinition(td); err != nil {
			return err
		}
		spec.Cluster, spec.Name, spec.TaskDefinition = "one", "app", "app"
		for range spec.Desired {
			spec.On = append(spec.On, aws.BigInstance(0))
		}
		_, err := r.AddService(spec)
		return err
	}
}

func events(e *estate, cluster, service string) string {
	s, _ := e.State().Service(cluster, service)
	return strings.Join(s.Events, "\n")
}

func TestPercentsDecideWhetherADrainMoves(t *testing.T) {
	for name, c := range map[string]struct {
		desired, min, max int
		moves             bool
		why               string
	}{
		"100/100":          {1, 100, 100, false, "neither stop first nor start first"},
		"D=1, 100/150":     {1, 100, 150, false, "floor(1.5) = 1"},
		"D=1, 50/100":      {1, 50, 100, false, "ceil(0.5) = 1"},
		"D=1, 100/200":     {1, 100, 200, true, "starts first"},
		"D=1, 0/100":       {1, 0, 100, true, "stops first"},
		"D=3, 100/150":     {3, 100, 150, true, "one at a time"},
		"D=4, 50/100":      {4, 50, 100, true, "two by two, below desired"},
		"D=2, 100/100 set": {2, 100, 100, false, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, oneService(2, aws.ServiceSpec{Desired: c.desired, MinPercent: c.min, MaxPercent: c.max}, aws.TaskDefinitionSpec{CPU: 128, Memory: 256}))
			e.cluster = "one"
			e.become(aws.BigInstance(0), "DRAINING")
			low, high := c.desired, 0
			for range 300 {
				e.clock.Advance(time.Second)
				s, _ := e.State().Service("one", "app")
				low, high = min(low, s.Running), max(high, s.Running+s.Pending)
			}
			if moved := e.alive(aws.BigInstance(0)) == 0; moved != c.moves {
				t.Errorf("moved = %t, want %t: %s\n%s", moved, c.moves, c.why, events(e, "one", "app"))
			}
			if floor, ceiling := (c.desired*c.min+99)/100, c.desired*c.max/100; low < floor || high > ceiling {
				t.Errorf("running went from %d to %d, allowed %d to %d", low, high, floor, ceiling)
			}
		})
	}
}

func TestNoCapacityIsComplainedAbout(t *testing.T) {
	e := serve(t, oneService(2, aws.ServiceSpec{Desired: 1, MinPercent: 100, MaxPercent: 200}, aws.TaskDefinitionSpec{CPU: 128, Memory: 7000}))
	e.cluster = "one"
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).RunTask(aws.TaskSpec{Cluster: "one", TaskDefinition: "app", On: aws.BigInstance(1)}); err != nil {
		t.Fatal(err)
	}
	e.become(aws.BigInstance(0), "DRAINING")
	e.clock.Advance(10 * time.Minute)
	if got := events(e, "one", "app"); !strings.Contains(got, "was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance ") ||
		!strings.Contains(got, "has insufficient memory available.") {
		t.Errorf("events:\n%s", got)
	}
	if e.alive(aws.BigInstance(0)) != 1 {
		t.Error("the task moved without a place to go")
	}
	// Undo: the instance takes work again and nothing has been lost.
	e.must("UpdateContainerInstancesState", object{"cluster": "one", "containerInstances": []string{e.registration(aws.BigInstance(0))}, "status": "ACTIVE"})
	e.clock.Advance(time.Minute)
	if s, _ := e.State().Service("one", "app"); s.Running != 1 || !s.Steady {
		t.Errorf("after the undo: %+v", s)
	}
}

func TestStaticPortKeepsTheReplacementAway(t *testing.T) {
	e := serve(t, oneService(2, aws.ServiceSpec{Desired: 1, MinPercent: 100, MaxPercent: 200}, aws.TaskDefinitionSpec{CPU: 128, Memory: 256, Ports: []aws.PortSpec{{ContainerPort: 80, HostPort: 8080}}}))
	e.cluster = "one"
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).RunTask(aws.TaskSpec{Cluster: "one", TaskDefinition: "app", On: aws.BigInstance(1)}); err != nil {
		t.Fatal(err)
	}
	e.become(aws.BigInstance(0), "DRAINING")
	e.clock.Advance(time.Minute)
	if got := events(e, "one", "app"); !strings.Contains(got, "is already using a port required by your task") {
		t.Errorf("events:\n%s", got)
	}
}

func TestStandaloneTaskHoldsTheDrainAndDaemonGoesLast(t *testing.T) {
	e := demo(t)
	e.drain(aws.DemoBatch)
	e.clock.Advance(10 * time.Minute)
	groups := map[string]bool{}
	for _, x := range e.State().TasksOn(aws.DemoBatch) {
		groups[x.Group] = true
	}
	if len(groups) != 2 || !groups["family:nightly-report"] || !groups["service:log-agent"] {
		t.Fatalf("after ten minutes there remain %v, want the batch task and, until it ends, the daemon", groups)
	}
	if s, _ := e.State().Service("prod", "log-agent"); s.Desired != 4 {
		t.Errorf("the daemon service wants %d tasks while one of five hosts drains", s.Desired)
	}
	e.must("StopTask", object{"cluster": "prod", "task": aws.DemoBatchTask, "reason": "asked"})
	e.until("the batch task ended and the daemon followed", time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.DemoBatch)) == 0 })
	got := e.must("DescribeTasks", object{"cluster": "prod", "tasks": []string{aws.DemoBatchTask}})
	if x := first(got, "tasks"); x["lastStatus"] != "STOPPED" || x["stoppedReason"] != "asked" {
		t.Errorf("the stopped task: %v", x)
	}
	e.clock.Advance(61 * time.Minute)
	got = e.must("DescribeTasks", object{"cluster": "prod", "tasks": []string{aws.DemoBatchTask}})
	if first(got, "failures")["reason"] != "MISSING" {
		t.Errorf("an hour later: %v", got)
	}
}

func TestDeactivatingTasksAreInvisibleButAlive(t *testing.T) {
	e := demo(t)
	e.drain(aws.DemoClean)
	e.until("a task is DEACTIVATING and none counts", 3*time.Minute, func(s aws.State) bool {
		d := 0
		for _, x := range s.TasksOn(aws.DemoClean) {
			if x.Last == "DEACTIVATING" {
				d++
			}
			if x.Desired == "RUNNING" {
				return false
			}
		}
		return d > 0
	})
	ci := first(e.must("DescribeContainerInstances", object{"cluster": "prod", "containerInstances": []string{e.registration(aws.DemoClean)}}), "containerInstances")
	running := list(e.must("ListTasks", object{"cluster": "prod", "containerInstance": e.registration(aws.DemoClean)}), "taskArns")
	stopped := list(e.must("ListTasks", object{"cluster": "prod", "containerInstance": e.registration(aws.DemoClean), "desiredStatus": "STOPPED"}), "taskArns")
	if ci["runningTasksCount"] != 0.0 || len(running) != 0 || len(stopped) == 0 {
		t.Errorf("runningTasksCount %v, ListTasks RUNNING %d, STOPPED %d; want 0, 0, some", ci["runningTasksCount"], len(running), len(stopped))
	}
	if _, code := e.deregister(aws.DemoClean, false); code != "InvalidParameterException" {
		t.Errorf("deregistering while tasks stop: %q", code)
	}
	if body, _ := e.query("elasticloadbalancing", "DescribeTargetHealth", "TargetGroupArn", e.targetGroup("web")); !strings.Contains(body, "<State>draining</State>") {
		t.Errorf("no draining target in %s", body)
	}
}

func (e *estate) targetGroup(name string) string {
	for _, x := range e.State().Targets {
		if strings.Contains(x.Group, "targetgroup/"+name+"/") {
			return x.Group
		}
	}
	e.t.Fatalf("no targets in %s", name)
	return ""
}

func TestTaskAppearsAfterTheDrainBegan(t *testing.T) {
	e := demo(t)
	e.drain(aws.DemoClean)
	arn, err := e.PlaceTask(aws.DemoClean, "nightly-report", "somebody")
	if err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(10 * time.Minute)
	if left := e.State().TasksOn(aws.DemoClean); len(left) != 1 || left[0].ARN != arn || left[0].Last != "RUNNING" {
		t.Errorf("left on the instance: %+v, want the intruder", left)
	}
	if _, code := e.deregister(aws.DemoClean, false); code != "InvalidParameterException" {
		t.Errorf("the interlock let it through: %q", code)
	}
}

func TestForceOrphans(t *testing.T) {
	e := demo(t)
	before := e.State().TasksOn(aws.DemoBatch)
	got, code := e.deregister(aws.DemoBatch, true)
	if code != "" || got["containerInstance"].(object)["status"] != "INACTIVE" {
		t.Fatalf("%s %v", code, got)
	}
	s := e.State()
	if h, _ := s.Host(aws.DemoBatch); h.State != "running" || len(h.Containers) != len(before) {
		t.Errorf("the host runs %d containers of %d", len(h.Containers), len(before))
	}
	for _, was := range before {
		if x, ok := s.Task(was.ARN); !ok || x.Last != "STOPPED" || x.Reason != aws.ForcedReason || !x.Orphan {
			t.Errorf("orphan %+v", x)
		}
	}
	e.until("replicas run elsewhere", 2*time.Minute, func(s aws.State) bool {
		api, _ := s.Service("prod", "api")
		worker, _ := s.Service("prod", "worker")
		return api.Running == 5 && worker.Running == 2
	})
	for _, x := range e.State().Tasks {
		if x.Group == "family:nightly-report" && x.Last != "STOPPED" {
			t.Error("a standalone task was replaced")
		}
	}
	// The record goes after an hour, the containers do not.
	e.clock.Advance(61 * time.Minute)
	if f := first(e.must("DescribeContainerInstances", object{"cluster": "prod", "containerInstances": []string{e.registration(aws.DemoBatch)}}), "failures"); f["reason"] != "MISSING" {
		t.Errorf("an hour later the instance is described: %v", f)
	}
	if h, _ := e.State().Host(aws.DemoBatch); len(h.Containers) != len(before) {
		t.Errorf("an hour later the host runs %d containers of %d", len(h.Containers), len(before))
	}
	if _, code := e.query("ec2", "TerminateInstances", "InstanceId.1", aws.DemoBatch); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(time.Minute)
	if h, _ := e.State().Host(aws.DemoBatch); h.State != "terminated" || len(h.Containers) != 0 {
		t.Errorf("after termination: %+v", h)
	}
}

func TestDisconnectedHostsTasksNeverMove(t *testing.T) {
	e := demo(t)
	e.drain(aws.DemoDisconnected)
	e.clock.Advance(time.Hour / 2)
	left := e.State().TasksOn(aws.DemoDisconnected)
	if len(left) != 1 || left[0].Desired != "RUNNING" {
		t.Fatalf("tasks of a disconnected host moved: %+v", left)
	}
	// StopTask cannot reach it either; when the agent comes back it is obeyed.
	e.must("StopTask", object{"cluster": "prod", "task": left[0].ARN})
	e.clock.Advance(10 * time.Minute)
	if x, _ := e.State().Task(left[0].ARN); x.Desired != "STOPPED" || x.Last != "RUNNING" {
		t.Errorf("a task behind a sleeping agent: %+v", x)
	}
	if err := e.ConnectAgent(aws.DemoDisconnected); err != nil {
		t.Fatal(err)
	}
	e.until("the agent obeyed", time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.DemoDisconnected)) == 0 })
}

func TestGhostIsCuredByForce(t *testing.T) {
	e := demo(t)
	if body, code := e.query("ec2", "DescribeInstances", "InstanceId.1", aws.DemoGhost); code != "" || !strings.Contains(body, "<name>terminated</name>") {
		t.Fatalf("%s %s", code, body)
	}
	if _, code := e.deregister(aws.DemoGhost, false); code != "InvalidParameterException" {
		t.Errorf("without force: %q", code)
	}
	if _, code := e.deregister(aws.DemoGhost, true); code != "" {
		t.Fatal(code)
	}
	e.until("the stale task is replaced for real", 2*time.Minute, func(s aws.State) bool { x, _ := s.Service("prod", "api"); return x.Healthy == 5 })
	for _, x := range e.State().Tasks {
		if x.Orphan {
			t.Errorf("a ghost left an orphan: %+v", x)
		}
	}
	if _, code := e.deregister(aws.DemoGhost, true); code != "ClientException" {
		t.Errorf("deregistering twice: %q", code)
	}
	got := e.must("UpdateContainerInstancesState", object{"cluster": "prod", "containerInstances": []string{e.registration(aws.DemoGhost)}, "status": "DRAINING"})
	if first(got, "failures")["reason"] != "INACTIVE" {
		t.Errorf("draining an INACTIVE instance: %v", got)
	}
	e.clock.Advance(time.Hour)
	if _, code := e.query("ec2", "DescribeInstances", "InstanceId.1", aws.DemoGhost); code != "InvalidInstanceID.NotFound" {
		t.Errorf("an hour later EC2 says %q", code)
	}
	if f := e.State().Forgotten; !slices.Equal(f, []string{aws.DemoGhost}) {
		t.Errorf("the oracle remembers %v", f)
	}
}

func TestEC2StoppedAndTerminated(t *testing.T) {
	e := demo(t)
	if err := e.StopEC2(aws.DemoStuck); err != nil {
		t.Fatal(err)
	}
	if err := e.TerminateEC2(aws.DemoClean); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(2 * time.Minute)
	s := e.State()
	if i, _ := s.Instance(aws.DemoStuck); i.Status != "ACTIVE" || i.Connected || i.Alive == 0 {
		t.Errorf("a stopped host: %+v, want ACTIVE, disconnected, its tasks as they were", i)
	}
	if i, _ := s.Instance(aws.DemoClean); i.Status != "INACTIVE" {
		t.Errorf("a host terminated with its agent connected: %+v", i)
	}
}

func TestDuplicateRegistration(t *testing.T) {
	e := demo(t)
	if _, err := e.ReRegister(aws.DemoClean, "prod"); err != nil {
		t.Fatal(err)
	}
	got := list(e.must("ListContainerInstances", object{"cluster": "prod", "filter": "ec2InstanceId == " + aws.DemoClean}), "containerInstanceArns")
	if len(got) != 2 {
		t.Errorf("one EC2 id with two registrations lists as %v", got)
	}
}

func TestAutoScalingWithManagedDraining(t *testing.T) {
	e := demo(t)
	if _, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", aws.DemoGroupA, "ShouldDecrementDesiredCapacity", "true"); code != "ValidationError" {
		t.Fatalf("below the minimum: %q", code)
	}
	if _, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", aws.DemoClean, "ShouldDecrementDesiredCapacity", "false"); code != "ValidationError" {
		t.Fatalf("not in a group: %q", code)
	}
	body, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", aws.DemoGroupA, "ShouldDecrementDesiredCapacity", "false")
	if code != "" || !strings.Contains(body, "<StatusCode>InProgress</StatusCode>") {
		t.Fatalf("%s %s", code, body)
	}
	s := e.State()
	i, _ := s.Instance(aws.DemoGroupA)
	h, _ := s.Host(aws.DemoGroupA)
	if i.Status != "DRAINING" || h.Lifecycle != "Terminating:Wait" || h.State != "running" {
		t.Fatalf("managed draining: %+v %+v", i, h)
	}
	e.until("drained, terminated, INACTIVE by itself", 5*time.Minute, func(s aws.State) bool {
		i, _ := s.Instance(aws.DemoGroupA)
		h, _ := s.Host(aws.DemoGroupA)
		if h.State != "running" && i.Alive > 0 {
			t.Fatalf("Auto Scaling did not wait: %+v %+v", i, h)
		}
		return i.Status == "INACTIVE" && h.State == "terminated"
	})
	e.until("a replacement registered", 3*time.Minute, func(s aws.State) bool {
		n := 0
		for _, i := range s.Instances {
			if i.Provider == aws.DemoProvider && i.Status == "ACTIVE" && i.Connected {
				n++
			}
		}
		return n == 2
	})
	if body, _ = e.query("autoscaling", "DescribeScalingActivities", "AutoScalingGroupName", aws.DemoGroup); strings.Count(body, "<StatusCode>Successful</StatusCode>") != 2 {
		t.Errorf("activities: %s", body)
	}
}

func TestManagedInstanceIsTerminatedByForce(t *testing.T) {
	e := serve(t, func(c *aws.Cloud) error {
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		if _, err := r.AddCluster(aws.ClusterSpec{Name: "one"}); err != nil {
			return err
		}
		if _, err := r.AddProvider(aws.ProviderSpec{Name: "mi", ManagedInstances: true, Cluster: "one"}); err != nil {
			return err
		}
		_, err := r.AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: aws.BigInstance(0), RegisterID: aws.DemoRegistration(aws.BigInstance(0)), Provider: "mi", Managed: true})
		return err
	})
	e.cluster = "one"
	if _, code := e.deregister(aws.BigInstance(0), true); code != "" {
		t.Fatal(code)
	}
	if h, _ := e.State().Host(aws.BigInstance(0)); h.State != "shutting-down" {
		t.Errorf("the managed instance is %q after force", h.State)
	}
}

func TestScaleOutMakesRoom(t *testing.T) {
	e := serve(t, func(c *aws.Cloud) error {
		if err := oneService(1, aws.ServiceSpec{}, aws.TaskDefinitionSpec{CPU: 128, Memory: 5000})(c); err != nil {
			return err
		}
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		if _, err := r.AddGroup(aws.GroupSpec{Name: "g", Min: 1, Desired: 1, Max: 2, Cluster: "one", Provider: "cp", InstanceType: "m6i.large"}); err != nil {
			return err
		}
		if _, err := r.AddProvider(aws.ProviderSpec{Name: "cp", Group: "g", ManagedScaling: true}); err != nil {
			return err
		}
		if _, err := r.AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: aws.BigInstance(9), RegisterID: aws.DemoRegistration(aws.BigInstance(9)), Group: "g", Provider: "cp"}); err != nil {
			return err
		}
		_, err := r.AddService(aws.ServiceSpec{Cluster: "one", Name: "tight", TaskDefinition: "app", Desired: 1, MinPercent: 100, MaxPercent: 200, Strategy: []string{"cp"}, On: []string{aws.BigInstance(9)}})
		return err
	})
	e.cluster = "one"
	e.drain(aws.BigInstance(9))
	e.until("a new host took the task", 5*time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.BigInstance(9))) == 0 })
	if s, _ := e.State().Service("one", "tight"); s.Running != 1 {
		t.Errorf("%+v", s)
	}
}

func TestProtectedTaskIsShownAndNotSpared(t *testing.T) {
	e := demo(t)
	var protected string
	for _, x := range e.State().TasksOn(aws.DemoProtected) {
		if x.Protected {
			protected = x.ARN
		}
	}
	got := first(e.must("GetTaskProtection", object{"cluster": "prod", "tasks": []string{protected}}), "protectedTasks")
	if got["protectionEnabled"] != true || got["expirationDate"] != float64(start.Add(48*time.Hour).Unix()) {
		t.Errorf("%v", got)
	}
	e.drain(aws.DemoProtected)
	e.until("the drain takes it all the same", 2*time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.DemoProtected)) == 0 })
}

func TestSpotExternalAndHooks(t *testing.T) {
	spot, external, hooked := aws.BigInstance(1), "mi-0a1b2c3d4e5f60001", aws.BigInstance(2)
	e := serve(t, func(c *aws.Cloud) error {
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		if _, err := r.AddCluster(aws.ClusterSpec{Name: "one"}); err != nil {
			return err
		}
		if _, err := r.AddGroup(aws.GroupSpec{Name: "g", Min: 0, Desired: 1, Max: 1, Hooks: []aws.HookSpec{
			{Name: "wait", Transition: "autoscaling:EC2_INSTANCE_TERMINATING", DefaultResult: "CONTINUE", Heartbeat: 5 * time.Minute}}}); err != nil {
			return err
		}
		for _, spec := range []aws.InstanceSpec{{EC2ID: spot, Spot: true}, {EC2ID: external}, {EC2ID: hooked, Group: "g"}} {
			spec.Cluster = "one"
			if _, err := r.AddInstance(spec); err != nil {
				return err
			}
		}
		return nil
	})
	if body, _ := e.query("ec2", "DescribeInstances", "InstanceId.1", spot); !strings.Contains(body, "<instanceLifecycle>spot</instanceLifecycle>") {
		t.Errorf("spot: %s", body)
	}
	if got := list(e.must("ListContainerInstances", object{"cluster": "one", "filter": "attribute:ecs.capability.external exists"}), "containerInstanceArns"); len(got) != 1 {
		t.Errorf("external instances: %v", got)
	}
	if _, code := e.query("ec2", "DescribeInstances", "InstanceId.1", external); code != "InvalidInstanceID.Malformed" {
		t.Errorf("EC2 about an external instance: %q", code)
	}
	if _, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", hooked, "ShouldDecrementDesiredCapacity", "true"); code != "" {
		t.Fatal(code)
	}
	if body, _ := e.query("autoscaling", "DescribeAutoScalingInstances", "InstanceIds.member.1", hooked); !strings.Contains(body, "<LifecycleState>Terminating:Wait</LifecycleState>") {
		t.Errorf("hooked: %s", body)
	}
	if _, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", hooked, "ShouldDecrementDesiredCapacity", "false"); code != "ScalingActivityInProgress" {
		t.Errorf("twice: %q", code)
	}
	e.clock.Advance(6 * time.Minute)
	s := e.State()
	if h, _ := s.Host(hooked); h.State != "terminated" {
		t.Errorf("after the hook's heartbeat: %+v", h)
	}
	if i, _ := s.Instance(hooked); i.Status != "INACTIVE" {
		t.Errorf("after the hook's heartbeat: %+v", i)
	}
}

func TestMoreThanAHundredTasksAndTenServices(t *testing.T) {
	e := serve(t, func(c *aws.Cloud) error { return c.Big(3, 120) })
	e.cluster = "big"
	i, _ := e.State().Instance(aws.BigInstance(0))
	got := e.must("ListTasks", object{"cluster": "big", "containerInstance": i.ARN})
	if len(list(got, "taskArns")) != 100 || got["nextToken"] == nil {
		t.Errorf("the first page has %d tasks, token %v", len(list(got, "taskArns")), got["nextToken"])
	}
	if got := e.must("ListServices", object{"cluster": "big"}); len(list(got, "serviceArns")) != 10 || got["nextToken"] == nil {
		t.Errorf("the default page of services has %d", len(list(got, "serviceArns")))
	}
	if _, code := e.ecs("UpdateContainerInstancesState", object{"cluster": "big", "containerInstances": []string{i.ARN}, "status": "DRAINING"}); code != "" {
		t.Fatal(code)
	}
	e.until("all have moved", 10*time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.BigInstance(0))) == 0 })
}

func TestDrainMaySpareProtectedTasks(t *testing.T) {
	e := demo(t)
	e.SpareProtected(true)
	e.drain(aws.DemoProtected)
	e.clock.Advance(time.Hour)
	left := e.State().TasksOn(aws.DemoProtected)
	if len(left) != 2 {
		t.Errorf("left: %+v, want the protected task and the daemon", left)
	}
}

func TestOtherControllersUseTheDefaultPercents(t *testing.T) {
	e := serve(t, oneService(2, aws.ServiceSpec{Desired: 1, MinPercent: 100, MaxPercent: 100, Controller: "CODE_DEPLOY"}, aws.TaskDefinitionSpec{CPU: 128, Memory: 256}))
	e.cluster = "one"
	e.become(aws.BigInstance(0), "DRAINING")
	took := e.until("100/200 in spite of 100/100", 2*time.Minute, func(s aws.State) bool { return len(s.TasksOn(aws.BigInstance(0))) == 0 })
	if took < 40*time.Second {
		t.Errorf("the replacement counted after %s, sooner than 40 s", took)
	}
}

func TestMemberTerminatedBehindTheGroupsBack(t *testing.T) {
	e := demo(t)
	if _, code := e.query("ec2", "TerminateInstances", "InstanceId.1", aws.DemoGroupB); code != "" {
		t.Fatal(code)
	}
	e.until("the group replaced it", 5*time.Minute, func(s aws.State) bool {
		return len(s.Groups[0].Members) == 2 && s.Groups[0].Members[0] != aws.DemoGroupB && s.Groups[0].Members[1] != aws.DemoGroupB
	})
	body, _ := e.query("autoscaling", "DescribeScalingActivities", "AutoScalingGroupName", aws.DemoGroup)
	if !strings.Contains(body, "EC2 health check") {
		t.Errorf("activities: %s", body)
	}
	e.until("every service recovered", 5*time.Minute, func(s aws.State) bool {
		for _, x := range s.Services {
			if x.Running != x.Desired {
				return false
			}
		}
		return true
	})
}

// managedPair is a cluster with two Managed Instances; a service has its task on the first.
func managedPair(scaleIn time.Duration) func(c *aws.Cloud) error {
	return func(c *aws.Cloud) error {
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		if _, err := r.AddCluster(aws.ClusterSpec{Name: "one"}); err != nil {
			return err
		}
		if _, err := r.AddProvider(aws.ProviderSpec{Name: "mi", ManagedInstances: true, Cluster: "one", ScaleInAfter: scaleIn}); err != nil {
			return err
		}
		for n := range 2 {
			id := aws.BigInstance(n)
			if _, err := r.AddInstance(aws.InstanceSpec{Cluster: "one", EC2ID: id, RegisterID: aws.DemoRegistration(id), Provider: "mi", Managed: true}); err != nil {
				return err
			}
		}
		if _, err := r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "edge", CPU: 128, Memory: 128}); err != nil {
			return err
		}
		_, err := r.RunTask(aws.TaskSpec{Cluster: "one", TaskDefinition: "edge", On: aws.BigInstance(0)})
		return err
	}
}

func (e *estate) become(ec2ID, status string) {
	e.must("UpdateContainerInstancesState", object{"cluster": e.cluster, "containerInstances": []any{aws.DemoRegistration(ec2ID)}, "status": status})
}

// TestManagedInstancesThatECSEnds: idle ones after scaleInAfter, and a drain after seven days, whatever runs there.
func TestManagedInstancesThatECSEnds(t *testing.T) {
	e := serve(t, managedPair(time.Hour))
	e.cluster = "one"
	if got := e.must("ListTasks", object{"cluster": "one", "launchType": "MANAGED_INSTANCES"})["taskArns"].([]any); len(got) != 1 {
		t.Fatalf("tasks of Managed Instances: %v", got)
	}
	state := func(n int) string { h, _ := e.State().Host(aws.BigInstance(n)); return h.State }
	e.clock.Advance(50 * time.Minute)
	if state(1) != "running" {
		t.Fatalf("an idle instance is %s before its time", state(1))
	}
	e.clock.Advance(20 * time.Minute)
	if state(0) != "running" || state(1) != "terminated" {
		t.Fatalf("busy: %s, idle: %s", state(0), state(1))
	}
	e.become(aws.BigInstance(0), "DRAINING")
	e.clock.Advance(6 * 24 * time.Hour)
	if state(0) != "running" {
		t.Fatalf("the drain was enforced early: %s", state(0))
	}
	e.clock.Advance(25 * time.Hour)
	if got := state(0); got != "terminated" && got != "" {
		t.Errorf("after seven days of draining: %s", got)
	}
}

// TestManagedInstanceThatStays: scale-in may be switched off, and a drain that was undone is not enforced.
func TestManagedInstanceThatStays(t *testing.T) {
	e := serve(t, managedPair(0))
	e.cluster = "one"
	e.become(aws.BigInstance(0), "DRAINING")
	e.clock.Advance(24 * time.Hour)
	e.become(aws.BigInstance(0), "ACTIVE")
	e.clock.Advance(10 * 24 * time.Hour)
	for n := range 2 {
		if h, _ := e.State().Host(aws.BigInstance(n)); h.State != "running" {
			t.Errorf("instance %d is %s", n, h.State)
		}
	}
}
