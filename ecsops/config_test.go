package ecsops_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// TestNewReportsAll: every problem at once, before anything connects.
func TestNewReportsAll(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	_, err := ecsops.New(t.Context(), ecsops.Config{
		Clusters: []string{"bare", "*", "arn:aws:ecs:eu-west-1:123456789012:service/prod", "1/eu-west-1/prod", "a b"},
		Roles:    []string{"admin", "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`"bare" needs a Region`, "all clusters (*) need REGIONS", "service/prod", "1/eu-west-1/prod", `"a b"`, `role "admin"`, "two roles"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no word of %s in:\n%v", part, err)
		}
	}
}

// TestCABundle: a corporate bundle works with the SDK's own HTTP client.
func TestCABundle(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "testdata/ca.pem")
	t.Setenv("AWS_REGION", "eu-west-1")
	if _, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"prod"}}); err != nil {
		t.Fatal(err)
	}
}

func TestClusters(t *testing.T) {
	e := demo(t, func(c *ecsops.Config) { c.Clusters = []string{"*", "123456789012/eu-west-1/further"} })
	got, err := e.Clusters(t.Context())
	var names []string
	for _, c := range got {
		names = append(names, c.Region()+"/"+c.Name())
	}
	if want := []string{"eu-central-1/prod", "eu-central-1/serverless", "eu-central-1/staging", "eu-west-1/further"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("Clusters = %v, %v", names, err)
	}
	e.Deny("ListClusters")
	if got, err := e.Clusters(t.Context()); err != nil || len(got) != 4 {
		t.Errorf("within a minute: %v, %v", got, err)
	}
	only := demo(t, func(c *ecsops.Config) { c.Clusters = []string{"*"} })
	only.Deny("ListClusters")
	if got, err := only.Clusters(t.Context()); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("denied: %v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	e := demo(t)
	cluster := ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, "prod")
	all, err := e.List(t.Context(), cluster)
	if err != nil || len(all) != 8 {
		t.Fatalf("%d listed, %v", len(all), err)
	}
	for _, l := range all {
		switch {
		case l.Target.EC2 == aws.DemoGhost && l.EC2State != "terminated" && l.EC2State != "not-found":
			t.Errorf("ghost: %+v", l)
		case l.Target.EC2 == aws.DemoClean && (l.Name != "prod-1" || l.Running != 3 || l.AZ != "eu-central-1a" || !l.AgentConnected):
			t.Errorf("clean: %+v", l)
		}
	}
	e.Deny("DescribeInstances")
	if all, err = e.List(t.Context(), cluster); err != nil || len(all) != 8 || all[0].EC2State != "" || all[0].Name != "" {
		t.Errorf("without EC2: %+v, %v", all[0], err)
	}
	if empty, err := e.List(t.Context(), ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, "serverless")); err != nil || len(empty) != 0 {
		t.Errorf("a cluster of Fargate tasks lists %v, %v", empty, err)
	}
	if _, err := e.List(t.Context(), ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, "nowhere")); err == nil {
		t.Error("a cluster that does not exist was listed")
	}
}

// TestSelf: where the process runs, from the metadata endpoint and its own task.
func TestSelf(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean)
	tasks, _ := target.Tasks.Get()
	for _, c := range []struct {
		why, body string
		status    int
		known     bool
		self      ecsops.InstanceARN
		barred    bool
	}{
		{"our own task is on the target", `{"Cluster":"prod","TaskARN":"` + tasks[0].ARN + `","LaunchType":"EC2"}`, 200, true, target.Target.Instance, true},
		{"Fargate has no container instance", `{"Cluster":"prod","TaskARN":"` + tasks[0].ARN + `","LaunchType":"FARGATE"}`, 200, true, "", false},
		{"the endpoint fails", "", 500, false, "", true},
		{"nonsense", "<html>", 200, false, "", true},
		{"a task that ECS does not know", `{"Cluster":"prod","TaskARN":"arn:aws:ecs:eu-central-1:123456789012:task/prod/` + hexID + `","LaunchType":"EC2"}`, 200, false, "", true},
	} {
		t.Run(c.why, func(t *testing.T) {
			meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v4/x/task" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
			}))
			defer meta.Close()
			f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"prod"}, Clock: e.clock, MetadataURI: meta.URL + "/v4/x"})
			if err != nil {
				t.Fatal(err)
			}
			s, err := f.Inspect(t.Context(), target.Target)
			if err != nil {
				t.Fatal(err)
			}
			self, known := s.Self.Get()
			if known != c.known || self != c.self || has(plan(s), ecsops.RuleOwnHost) != c.barred || (len(plan(s).Barred()) > 0) != c.barred {
				t.Errorf("self %q known %t, findings %s, why %+v", self, known, rules(plan(s)), s.Self.Why())
			}
		})
	}
}

// TestLookAfterTheEnd: an INACTIVE registration still has its known tasks described.
func TestLookAfterTheEnd(t *testing.T) {
	e := demo(t)
	before := plan(e.preview(aws.DemoGhost))
	if out := e.do(ecsops.ActForceDeregister, before.Snapshot.Target); out.Result != ecsops.OK {
		t.Fatalf("force: %+v", out)
	}
	s, err := e.Look(t.Context(), before.Snapshot.Target, ecsops.LookFor{KnownTasks: []string{before.Fates[0].Task.ARN}, Group: "none"})
	if err != nil {
		t.Fatal(err)
	}
	tasks, ok := s.Tasks.Get()
	if !ok || len(tasks) != 1 || !tasks[0].Stopped() || !strings.Contains(tasks[0].StoppedReason, "forced") {
		t.Errorf("tasks %+v known %t: %+v", tasks, ok, s.Tasks.Why())
	}
	if i, _ := s.Instance.Get(); i.Status != "INACTIVE" {
		t.Errorf("status %q", i.Status)
	}
	if g, ok := s.Group.Get(); !ok || g.Name != "" {
		t.Errorf("group %+v known %t", g, ok)
	}
	again, err := e.Inspect(t.Context(), before.Snapshot.Target)
	if err != nil || plan(again).Path != ecsops.PathGone {
		t.Errorf("path %s, %v", plan(again).Path, err)
	}
}

// TestStoppingTasksAreSeen: the default list hides what is stopping
// (aws/containers-roadmap#2171); a look does not.
func TestStoppingTasksAreSeen(t *testing.T) {
	e := demo(t)
	s := e.preview(aws.DemoClean)
	if out := e.do(ecsops.ActDrain, s.Target); out.Result != ecsops.OK {
		t.Fatalf("drain: %+v", out)
	}
	for range 60 {
		e.clock.Advance(5e9)
		look, err := e.Look(t.Context(), s.Target, ecsops.LookFor{})
		if err != nil {
			t.Fatal(err)
		}
		tasks, ok := look.Tasks.Get()
		if !ok {
			t.Fatalf("tasks: %+v", look.Tasks.Why())
		}
		for _, task := range tasks {
			if task.Stopping() {
				whole, err := e.Inspect(t.Context(), s.Target)
				seen, ok := whole.Tasks.Get()
				if err != nil || !ok || !slices.ContainsFunc(seen, func(x ecsops.Task) bool { return x.ARN == task.ARN }) {
					t.Errorf("Inspect does not see %s, which is %s: %v", task.ARN, task.LastStatus, err)
				}
				return
			}
		}
	}
	t.Error("in five minutes of draining no stopping task was seen")
}
