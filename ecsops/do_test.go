package ecsops_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

func (e *estate) do(kind ecsops.ActionKind, t ecsops.Target) ecsops.Outcome {
	return e.Do(e.t.Context(), ecsops.Action{Kind: kind, Target: t, Session: "op-1"})
}

// mutations are the mutating calls that reached AWS, by action.
func (e *estate) mutations() map[string]int {
	out := map[string]int{}
	for _, c := range e.Log() {
		if c.Mutating && c.Service != "sts" {
			out[c.Action]++
		}
	}
	return out
}

// TestHappyPath drains, waits, deregisters and verifies over the wire.
func TestHappyPath(t *testing.T) {
	e := demo(t)
	before := plan(e.preview(aws.DemoClean))
	target := before.Snapshot.Target
	if out := e.do(ecsops.ActDeregister, target); out.Result != ecsops.Refused || out.Code != "InvalidParameterException" || out.RequestID == "" {
		t.Fatalf("deregistering with tasks and force=false: %+v", out)
	}
	if out := e.do(ecsops.ActDrain, target); out.Result != ecsops.OK || out.RequestID == "" || out.At != e.clock.Now() {
		t.Fatalf("drain: %+v", out)
	}
	look := ecsops.LookFor{EC2: true}
	for _, f := range before.Fates {
		look.KnownTasks = append(look.KnownTasks, f.Task.ARN)
	}
	tasks, _ := before.Snapshot.Tasks.Get()
	for _, task := range tasks {
		for _, eni := range task.ENIs {
			look.ENIs = append(look.ENIs, eni.ID)
		}
	}
	services, _ := before.Snapshot.Services.Get()
	for name, s := range services {
		look.Services, look.TargetGroups = append(look.Services, name), append(look.TargetGroups, s.TargetGroups...)
	}
	since := e.clock.Now()
	for polls := 0; ; polls++ {
		e.clock.Advance(10 * time.Second)
		s, err := e.Look(t.Context(), target, look)
		if err != nil {
			t.Fatal(err)
		}
		i, ok := s.Instance.Get()
		left, tasksOK := s.Tasks.Get()
		if !ok || !tasksOK || i.Status != "DRAINING" {
			t.Fatalf("look: %+v, tasks %t", i, tasksOK)
		}
		if len(left) < len(look.KnownTasks) {
			t.Fatalf("a known task fell out of sight: %d of %d", len(left), len(look.KnownTasks))
		}
		stopped := 0
		for _, task := range left {
			if task.Stopped() {
				stopped++
			}
		}
		if stopped == len(left) {
			if polls < 3 {
				t.Errorf("empty after %d polls: sooner than the deregistration delay of 30 s", polls)
			}
			break
		}
		if polls > 60 {
			t.Fatalf("still %d of %d after ten minutes", len(left)-stopped, len(left))
		}
	}
	if out := e.do(ecsops.ActDeregister, target); out.Result != ecsops.OK {
		t.Fatalf("deregister: %+v", out)
	}
	e.clock.Advance(time.Minute)
	after, err := e.After(t.Context(), target, look, since)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ecsops.Verify(before, after) {
		if c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped {
			t.Errorf("%s: %+v", c.ID, c)
		}
	}
	if got, want := e.mutations(), 2; got["DeregisterContainerInstance"] != want || got["UpdateContainerInstancesState"] != 1 {
		t.Errorf("mutating calls: %v", got)
	}
}

// TestOneAttempt: whatever goes wrong, one HTTP attempt and the honest outcome.
func TestOneAttempt(t *testing.T) {
	for _, c := range []struct {
		why    string
		spoil  func(*estate, string)
		result ecsops.Result
		code   string
		effect bool
	}{
		{"works", func(*estate, string) {}, ecsops.OK, "", true},
		{"throttled", func(e *estate, a string) { e.Throttle(a, 1) }, ecsops.Throttled, "ThrottlingException", false},
		{"throttling that says ClientException (aws/aws-sdk#488)", func(e *estate, a string) { e.DisguiseThrottling(true); e.Throttle(a, 1) }, ecsops.Throttled, "ClientException", false},
		{"denied", func(e *estate, a string) { e.Deny(a) }, ecsops.Refused, "AccessDeniedException", false},
		{"connection lost before it had effect", func(e *estate, a string) { e.FailBefore(a, 1) }, ecsops.ResultUnknown, "connection failed", false},
		{"connection lost after it had effect", func(e *estate, a string) { e.FailAfterEffect(a, 1) }, ecsops.ResultUnknown, "connection failed", true},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := demo(t)
			target := e.preview(aws.DemoClean).Target
			c.spoil(e, "UpdateContainerInstancesState")
			out := e.do(ecsops.ActDrain, target)
			if out.Result != c.result || out.Code != c.code || out.At.IsZero() {
				t.Errorf("outcome %+v, want %s %q", out, c.result, c.code)
			}
			if n := e.mutations()["UpdateContainerInstancesState"]; n != 1 {
				t.Errorf("%d attempts", n)
			}
			e.Heal()
			s, err := e.Look(t.Context(), target, ecsops.LookFor{})
			if i, _ := s.Instance.Get(); err != nil || (i.Status == "DRAINING") != c.effect {
				t.Errorf("a look says %s, %v", i.Status, err)
			}
		})
	}
}

// TestTimeout: a call that hangs is unknown once its context ends.
func TestTimeout(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean).Target
	if out := e.do(ecsops.ActDrain, target); out.Result != ecsops.OK {
		t.Fatalf("drain: %+v", out) // and the session is verified
	}
	e.Hang(aws.DemoRegion)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	out := e.Do(ctx, ecsops.Action{Kind: ecsops.ActUndrain, Target: target, Session: "op-1"})
	if out.Result != ecsops.ResultUnknown || out.Code != "timed out" {
		t.Errorf("outcome %+v", out)
	}
}

// TestServerError: a 5xx proves nothing; a call that was never sent proves all.
func TestServerError(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean).Target
	attempts := 0
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateContainerInstancesState") {
			attempts++
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>` +
			aws.DemoAccount + `</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`))
	}))
	defer broken.Close()
	t.Setenv("AWS_ENDPOINT_URL", broken.URL)
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoCluster}})
	if err != nil {
		t.Fatal(err)
	}
	if out := f.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: target}); out.Result != ecsops.ResultUnknown || attempts != 1 {
		t.Errorf("HTTP 500: %+v after %d attempts", out, attempts)
	}
	broken.Close()
	g, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoCluster}})
	if err != nil {
		t.Fatal(err)
	}
	if out := g.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: target}); out.Result == ecsops.ResultUnknown || out.Result == ecsops.OK {
		t.Errorf("STS cannot be reached, nothing was sent: %+v", out)
	}
}

// TestFailures: HTTP 200 with failures[] is a refusal.
func TestFailures(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoGhost).Target
	if out := e.do(ecsops.ActForceDeregister, target); out.Result != ecsops.OK {
		t.Fatalf("force: %+v", out)
	}
	out := e.do(ecsops.ActDrain, target)
	if out.Result != ecsops.Refused || out.Code == "" || out.RequestID == "" {
		t.Errorf("draining what is INACTIVE: %+v", out)
	}
}

func TestActions(t *testing.T) {
	e := demo(t)
	clean, batch, grouped := e.preview(aws.DemoClean).Target, e.preview(aws.DemoBatch), e.preview(aws.DemoGroupA).Target
	task := ""
	tasks, _ := batch.Tasks.Get()
	for _, x := range tasks {
		if x.Class == ecsops.Standalone {
			task = x.ARN
		}
	}
	for _, a := range []ecsops.Action{
		{Kind: ecsops.ActStopTask, Target: batch.Target, Task: task, Reason: strings.Repeat("because ", 200)},
		{Kind: ecsops.ActDrain, Target: clean}, {Kind: ecsops.ActUndrain, Target: clean},
		{Kind: ecsops.ActTerminateInGroup, Target: grouped, Group: aws.DemoGroup},
		{Kind: ecsops.ActTerminateEC2, Target: clean},
	} {
		if out := e.Do(t.Context(), a); out.Result != ecsops.OK || out.RequestID == "" {
			t.Errorf("%s: %+v", a.Kind, out)
		}
	}
	for _, a := range []ecsops.Action{
		{Kind: ecsops.ActDrain},
		{Kind: ecsops.ActStopTask, Target: clean},
		{Kind: "reboot", Target: clean},
		{Kind: ecsops.ActDrain, Target: ecsops.Target{Account: "999999999999", Region: clean.Region, Cluster: clean.Cluster, Instance: clean.Instance}},
		{Kind: ecsops.ActTerminateEC2, Target: ecsops.Target{Account: clean.Account, Region: clean.Region, Cluster: clean.Cluster, Instance: clean.Instance, EC2: "mi-1"}},
	} {
		sent := len(e.Log())
		if out := e.Do(t.Context(), a); out.Result == ecsops.OK || out.Result == ecsops.ResultUnknown || len(e.Log()) != sent {
			t.Errorf("%+v: %+v after %d calls", a, out, len(e.Log())-sent)
		}
	}
}

// TestRoles: a further account is entered by its role, and CloudTrail sees the operation.
func TestRoles(t *testing.T) {
	const other = "999999999999"
	e := over(t, func(c *aws.Cloud) error {
		c.Region(other, aws.DemoRegion)
		return c.Demo()
	})
	t.Setenv("AWS_ACCESS_KEY_ID", aws.AccessKeyID(other))
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoAccount + "/" + aws.DemoRegion + "/prod"}, Roles: []string{aws.DemoRole},
		SourceIdentity: true, Clock: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Preview(t.Context(), ecsops.Ref{EC2: aws.DemoClean})
	if err != nil || len(p.Snapshot.Unknowns()) > 0 {
		t.Fatalf("Preview: %v, unknown %v", err, p.Snapshot.Unknowns())
	}
	out := f.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: p.Snapshot.Target, Session: "op 7/é"})
	if out.Result != ecsops.OK {
		t.Fatalf("drain: %+v", out)
	}
	for _, c := range e.Log() {
		switch {
		case c.Mutating && c.Service == "ecs":
			if !strings.HasSuffix(c.Caller, "/ecsbot-op-7-") || c.SourceIdentity != "ecsbot-op-7-" {
				t.Errorf("caller %s, source identity %q", c.Caller, c.SourceIdentity)
			}
			if !strings.Contains(c.UserAgent, "app/ecsbot") {
				t.Errorf("user agent %q", c.UserAgent)
			}
		case c.Service == "ecs" && !strings.HasSuffix(c.Caller, "/ecsbot-read"):
			t.Errorf("%s as %s", c.Action, c.Caller)
		}
	}
	g, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoAccount + "/" + aws.DemoRegion + "/prod"},
		Roles: []string{"arn:aws:iam::" + aws.DemoAccount + ":role/nobody"}, Clock: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	if out := g.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: p.Snapshot.Target}); out.Result != ecsops.Refused || out.Code != "AccessDenied" {
		t.Errorf("a role that may not be assumed: %+v", out)
	}
}

func TestPermissions(t *testing.T) {
	e := demo(t)
	cluster := ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, "prod")
	denied := "GetTaskProtection"
	e.Deny(denied)
	// Changes are not tried, and not called good for that.
	untried := []string{"ecs:UpdateContainerInstancesState", "ecs:DeregisterContainerInstance", "ecs:StopTask", "autoscaling:TerminateInstanceInAutoScalingGroup"}
	check := func(bad func(call string) bool, unsure ...string) {
		t.Helper()
		for _, c := range e.Permissions(t.Context(), cluster) {
			notSure := slices.Contains(unsure, c.Call) || slices.Contains(untried, c.Call)
			if want := !notSure && !bad(c.Call); c.OK != want || c.Unsure != notSure {
				t.Errorf("%+v, want OK %t, unsure %t", c, want, notSure)
			}
		}
	}
	check(func(call string) bool { return strings.HasSuffix(call, ":"+denied) })
	e.Allow(denied)
	e.Deny("TerminateInstances") // a condition on tags does the same
	check(func(string) bool { return false }, "ec2:TerminateInstances")
	for _, c := range e.Log() {
		if c.Mutating && c.TookEffect {
			t.Errorf("the self-test changed something: %+v", c)
		}
	}
}
