package aws_test

import (
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
