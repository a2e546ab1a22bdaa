package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

func TestThrottlingAndDenialInEachProtocol(t *testing.T) {
	e := demo(t)
	read := func() []string {
		_, a := e.ecs("ListClusters", object{})
		_, b := e.query("ec2", "DescribeInstances")
		_, c := e.query("autoscaling", "DescribeAutoScalingGroups")
		_, d := e.query("elasticloadbalancing", "DescribeTargetGroups")
		return []string{a, b, c, d}
	}
	e.ThrottleAll(true)
	if got, want := strings.Join(read(), " "), "ThrottlingException RequestLimitExceeded Throttling Throttling"; got != want {
		t.Errorf("throttled: %s, want %s", got, want)
	}
	e.DisguiseThrottling(true)
	if _, code := e.ecs("ListClusters", object{}); code != "ClientException" {
		t.Errorf("throttling in disguise: %q", code)
	}
	e.Heal()
	for _, a := range []string{"ListClusters", "DescribeInstances", "DescribeAutoScalingGroups", "DescribeTargetGroups"} {
		e.Deny(a)
	}
	if got, want := strings.Join(read(), " "), "AccessDeniedException UnauthorizedOperation AccessDenied AccessDenied"; got != want {
		t.Errorf("denied: %s, want %s", got, want)
	}
	e.Heal()
	if got := strings.TrimSpace(strings.Join(read(), "")); got != "" {
		t.Errorf("healed: %s", got)
	}
	e.Throttle("ListClusters", 2)
	var codes []string
	for range 3 {
		_, code := e.ecs("ListClusters", object{})
		codes = append(codes, code)
	}
	if got := strings.Join(codes, ","); got != "ThrottlingException,ThrottlingException," {
		t.Errorf("throttled twice: %s", got)
	}
	e.ThrottleRate("*", 1)
	if _, code := e.ecs("ListClusters", object{}); code != "ThrottlingException" {
		t.Errorf("at rate 1: %q", code)
	}
}

func TestBucketsRefillInVirtualTime(t *testing.T) {
	e := demo(t)
	e.EnforceBuckets(true)
	spend := func() (ok int) {
		for range 200 {
			if _, code := e.ecs("ListTasks", object{"cluster": "prod"}); code == "" {
				ok++
			}
		}
		return ok
	}
	if n := spend(); n != 100 {
		t.Errorf("a burst of %d, documented 100", n)
	}
	e.clock.Advance(2 * time.Second)
	if n := spend(); n != 40 {
		t.Errorf("%d more after 2 s, documented 40", n)
	}
	e.clock.Advance(time.Hour)
	if n := spend(); n != 100 {
		t.Errorf("%d after an hour, the bucket holds 100", n)
	}
	if _, code := e.ecs("ListServices", object{"cluster": "prod"}); code != "" {
		t.Errorf("another bucket was spent too: %s", code)
	}
	e.region = "us-east-1"
	if _, code := e.ecs("ListTasks", object{"cluster": "prod"}); code != "ClusterNotFoundException" {
		t.Errorf("another Region's bucket was spent too: %s", code)
	}
}

func TestLostBeforeAndAfterEffect(t *testing.T) {
	e := demo(t)
	drain := object{"cluster": "prod", "containerInstances": []string{e.registration(aws.DemoClean)}, "status": "DRAINING"}
	e.FailBefore("UpdateContainerInstancesState", 1)
	if _, code := e.ecs("UpdateContainerInstancesState", drain); code != "transport" {
		t.Fatalf("cut before: %q", code)
	}
	if i, _ := e.State().Instance(aws.DemoClean); i.Status != "ACTIVE" {
		t.Error("it had an effect")
	}
	e.FailAfterEffect("UpdateContainerInstancesState", 1)
	if _, code := e.ecs("UpdateContainerInstancesState", drain); code != "transport" {
		t.Fatalf("cut after: %q", code)
	}
	if i, _ := e.State().Instance(aws.DemoClean); i.Status != "DRAINING" {
		t.Error("it had no effect")
	}
	log := e.Log()
	before, after := log[len(log)-2], log[len(log)-1]
	if before.Outcome != "ConnectionReset" || before.TookEffect || after.Outcome != "OK (response lost)" || !after.TookEffect {
		t.Errorf("on record: %+v\n%+v", before, after)
	}
	e.must("UpdateContainerInstancesState", drain)
	if log = e.Log(); log[len(log)-1].TookEffect {
		t.Error("draining a draining instance took effect")
	}
}

func TestHangingRegionAndDelay(t *testing.T) {
	e := demo(t)
	e.Hang(aws.DemoRegion)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := e.send(ctx, "ecs", "ListClusters", "application/x-amz-json-1.1", []byte("{}")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a Region that hangs answered: %v", err)
	}
	e.region = "us-east-1"
	e.must("ListClusters", object{})
	e.region = aws.DemoRegion
	e.Unhang(aws.DemoRegion)
	e.Delay("ListClusters", 40*time.Millisecond)
	began := time.Now()
	e.must("ListClusters", object{})
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("delayed by %s", took)
	}
}

func TestPagesOfOne(t *testing.T) {
	e := demo(t)
	e.PageSize(1)
	seen, token, pages := map[any]bool{}, any(nil), 0
	for {
		in := object{"cluster": "prod"}
		if token != nil {
			in["nextToken"] = token
		}
		got := e.must("ListContainerInstances", in)
		for _, a := range list(got, "containerInstanceArns") {
			seen[a] = true
		}
		pages++
		if token = got["nextToken"]; token == nil {
			break
		}
	}
	if len(seen) != 8 || pages != 8 {
		t.Errorf("%d instances on %d pages", len(seen), pages)
	}
	if _, code := e.ecs("ListServices", object{"cluster": "prod", "nextToken": "sim-ListTasks-1"}); code != "InvalidParameterException" {
		t.Errorf("another action's token: %q", code)
	}
	body, _ := e.query("ec2", "DescribeInstances")
	if strings.Count(body, "<reservationId>") != 1 || !strings.Contains(body, "<nextToken>") {
		t.Errorf("EC2's page: %s", body)
	}
}

func TestLaggingReads(t *testing.T) {
	e := demo(t)
	e.Lag(10 * time.Second)
	e.clock.Advance(time.Minute)
	e.drain(aws.DemoClean)
	status := func() any {
		return first(e.must("DescribeContainerInstances", object{"cluster": "prod", "containerInstances": []string{e.registration(aws.DemoClean)}}), "containerInstances")["status"]
	}
	e.clock.Advance(9 * time.Second)
	if got := status(); got != "ACTIVE" {
		t.Errorf("9 s after the drain a reader that lags 10 s sees %v", got)
	}
	e.clock.Advance(2 * time.Second)
	if got := status(); got != "DRAINING" {
		t.Errorf("11 s after the drain a reader that lags 10 s sees %v", got)
	}
	e.Lag(0)
	if got := status(); got != "DRAINING" {
		t.Errorf("without lag: %v", got)
	}
}

func TestWhoMayCall(t *testing.T) {
	e := demo(t)
	for key, want := range map[string]string{"AKIAIOSFODNN7EXAMPLE": "UnrecognizedClientException", "AKIASIM999999999999A": "UnrecognizedClientException", "AKIASIMx": "UnrecognizedClientException", e.key: ""} {
		e.key = key
		if _, code := e.ecs("ListClusters", object{}); code != want {
			t.Errorf("key %s: %q, want %q", key, code, want)
		}
	}
	e.key = aws.AccessKeyID(aws.DemoAccount)
	if _, code := e.query("sts", "AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/unknown", "RoleSessionName", "op"); code != "AccessDenied" {
		t.Errorf("an unknown role: %q", code)
	}
	if _, code := e.query("sts", "AssumeRole", "RoleArn", aws.DemoRole, "RoleSessionName", "not good!"); code != "ValidationError" {
		t.Errorf("a bad session name: %q", code)
	}
	body, code := e.query("sts", "AssumeRole", "RoleArn", aws.DemoRole, "RoleSessionName", "op-7", "SourceIdentity", "ana")
	if code != "" {
		t.Fatal(code)
	}
	e.key, e.token = between(body, "<AccessKeyId>", "<"), ""
	if _, code := e.ecs("ListClusters", object{}); code != "UnrecognizedClientException" {
		t.Errorf("session keys without their token: %q", code)
	}
	e.token = between(body, "<SessionToken>", "<")
	e.must("ListClusters", object{})
	if log := e.Log(); log[len(log)-1].Caller != "arn:aws:sts::123456789012:assumed-role/ecsbot/op-7" || log[len(log)-1].SourceIdentity != "ana" {
		t.Errorf("on record: %+v", log[len(log)-1])
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestBadInput(t *testing.T) {
	e := demo(t)
	many := make([]string, 101)
	for _, c := range []struct {
		action string
		in     object
		want   string
	}{
		{"NoSuchThing", object{}, "UnknownOperationException"},
		{"ListContainerInstances", object{}, "ClusterNotFoundException"}, // the cluster "default"
		{"ListContainerInstances", object{"cluster": "prod", "filter": "ec2InstanceId =="}, "InvalidParameterException"},
		{"ListContainerInstances", object{"cluster": "prod", "status": "INACTIVE"}, "InvalidParameterException"},
		{"ListContainerInstances", object{"cluster": "prod", "maxResults": 101}, "InvalidParameterException"},
		{"ListContainerInstances", object{"cluster": 7}, "SerializationException"},
		{"DescribeContainerInstances", object{"cluster": "prod", "containerInstances": many}, "InvalidParameterException"},
		{"DescribeTasks", object{"cluster": "prod", "tasks": many}, "InvalidParameterException"},
		{"DescribeServices", object{"cluster": "prod", "services": many[:11]}, "InvalidParameterException"},
		{"UpdateContainerInstancesState", object{"cluster": "prod", "containerInstances": many[:11], "status": "DRAINING"}, "InvalidParameterException"},
		{"UpdateContainerInstancesState", object{"cluster": "prod", "containerInstances": many[:1], "status": "INACTIVE"}, "InvalidParameterException"},
		{"DeregisterContainerInstance", object{"cluster": "prod", "containerInstance": aws.DemoClean}, "InvalidParameterException"},
		{"DeregisterContainerInstance", object{"cluster": "prod", "containerInstance": "ffff"}, "ClientException"},
		{"ListTasks", object{"cluster": "prod", "serviceName": "nope"}, "ServiceNotFoundException"},
		{"ListTasks", object{"cluster": "prod", "desiredStatus": "GONE"}, "InvalidParameterException"},
		{"ListTasks", object{"cluster": "prod", "startedBy": "x", "family": "y"}, "InvalidParameterException"},
		{"StopTask", object{"cluster": "prod", "task": "nope"}, "InvalidParameterException"},
		{"DescribeTaskDefinition", object{"taskDefinition": "nope:1"}, "ClientException"},
		{"ListTagsForResource", object{"resourceArn": "nope"}, "InvalidParameterException"},
	} {
		if got, code := e.ecs(c.action, c.in); code != c.want {
			t.Errorf("%s %v: %q %v, want %q", c.action, c.in, code, got, c.want)
		}
	}
	if _, code := e.query("autoscaling", "DeleteEverything"); code != "InvalidAction" {
		t.Errorf("an unknown query action: %q", code)
	}
	if _, code := e.query("ec2", "DescribeInstances", "Filter.1.Name", "colour", "Filter.1.Value.1", "x"); code != "InvalidParameterValue" {
		t.Errorf("an unknown filter: %q", code)
	}
	if calls := e.Log(); len(calls) != 21 {
		t.Errorf("%d calls on record, want 21: refusals too", len(calls))
	}
}

func TestFargateClusterHasNoInstances(t *testing.T) {
	e := demo(t)
	got := first(e.must("DescribeClusters", object{"clusters": []string{"serverless"}, "include": []string{"STATISTICS"}}), "clusters")
	if got["registeredContainerInstancesCount"] != 0.0 || got["runningTasksCount"] != 2.0 {
		t.Errorf("%v", got)
	}
}

func TestControlInterface(t *testing.T) {
	e := demo(t)
	call := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, e.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		out, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(out)
	}
	if code, out := call("POST", "/sim/break", `{"what":"throttle","action":"ListClusters","n":1}`); code != 200 {
		t.Fatal(out)
	}
	if _, code := e.ecs("ListClusters", object{}); code != "ThrottlingException" {
		t.Errorf("throttled by HTTP: %q", code)
	}
	if code, _ := call("POST", "/sim/break", `{"what":"disconnect","id":"`+aws.DemoClean+`"}`); code != 200 {
		t.Error("disconnect refused")
	}
	for _, bad := range []string{`{"what":"nonsense"}`, `{"what":"disconnect","id":"i-none"}`, `{"colour":1}`, `{`} {
		if code, _ := call("POST", "/sim/break", bad); code != 400 {
			t.Errorf("%s: %d", bad, code)
		}
	}
	if _, out := call("POST", "/sim/advance", `{"seconds":90}`); !strings.Contains(out, "09:01:30") {
		t.Errorf("advance: %s", out)
	}
	if _, out := call("POST", "/sim/pace", `{"pace":0}`); !strings.Contains(out, `"pace":0`) {
		t.Errorf("pace: %s", out)
	}
	_, out := call("GET", "/sim/state", "")
	var s aws.State
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if i, ok := s.Instance(aws.DemoClean); !ok || i.Connected {
		t.Errorf("state over HTTP: %+v", i)
	}
	if _, out := call("GET", "/sim/log?since=0", ""); !strings.Contains(out, `"outcome":"ThrottlingException"`) {
		t.Errorf("log: %s", out)
	}
}

// TestTimePassesByItself is a whole drain at pace, with nobody asking but the waiter.
func TestTimePassesByItself(t *testing.T) {
	c, err := aws.New(aws.Config{Clock: clock.New(start, 60), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Demo(), c.Start(t.Context(), "127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	e := &estate{Cloud: c, t: t, client: &http.Client{Transport: &http.Transport{}}, key: aws.AccessKeyID(aws.DemoAccount), region: aws.DemoRegion, cluster: "prod"}
	defer func() {
		e.client.CloseIdleConnections()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	var mu sync.Mutex
	changes := 0
	cancel := c.Subscribe(func(aws.Change) { mu.Lock(); changes++; mu.Unlock() })
	defer cancel()
	e.drain(aws.DemoClean)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := c.Wait(ctx, "the instance is empty", func(s aws.State) bool { return len(s.TasksOn(aws.DemoClean)) == 0 }); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if changes < 10 {
		t.Errorf("%d changes were told", changes)
	}
	short, stopShort := context.WithTimeout(t.Context(), time.Millisecond)
	defer stopShort()
	if err := c.Wait(short, "never", func(aws.State) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what never comes: %v", err)
	}
}

func TestSameSeedSameEstate(t *testing.T) {
	run := func() string {
		e := demo(t)
		e.drain(aws.DemoBatch)
		e.drain(aws.DemoClean)
		for range 100 {
			e.clock.Advance(3 * time.Second)
			e.State()
		}
		return e.dump()
	}
	if a, b := run(), run(); a != b {
		t.Error("two runs with one seed differ")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	e := serve(t, func(c *aws.Cloud) error { return c.Big(60, 40) })
	e.cluster = "big"
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 20 {
				got, code := e.ecs("ListContainerInstances", object{"cluster": "big"})
				if code != "" || len(list(got, "containerInstanceArns")) != 60 {
					t.Errorf("%q %d", code, len(list(got, "containerInstanceArns")))
				}
				if n == 0 {
					e.clock.Advance(time.Second)
				}
				e.State()
			}
		})
	}
	wg.Wait()
	if got := e.alive(aws.BigInstance(0)); got < 20 {
		t.Errorf("the first big instance holds %d tasks", got)
	}
	if seq := e.Log(); len(seq) != 160 || seq[159].Seq != 160 {
		t.Errorf("%d calls on record", len(seq))
	}
}

func TestLoopbackOnly(t *testing.T) {
	c, err := aws.New(aws.Config{Clock: clock.New(start, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if err := c.Start(t.Context(), addr); err == nil {
			t.Errorf("listened at %q", addr)
		}
	}
	if _, err := aws.New(aws.Config{}); err == nil {
		t.Error("no clock, no error")
	}
}

func TestCloseEndsCallsThatHang(t *testing.T) {
	e := demo(t)
	e.Hang(aws.DemoRegion)
	ended := make(chan error, 1)
	go func() {
		_, _, err := e.send(context.WithoutCancel(t.Context()), "ecs", "ListClusters", "application/x-amz-json-1.1", []byte("{}"))
		ended <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for e.hanging() == 0 && ctx.Err() == nil {
		e.State()
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the call that hung was answered")
		}
	case <-ctx.Done():
		t.Error("the call hangs on after Close")
	}
}

// hanging looks at the estate as it sees itself: the in-flight number of one more call, of another Region.
func (e *estate) hanging() int {
	other := *e
	other.region = "us-east-1"
	other.must("ListClusters", object{})
	log := e.Log()
	return log[len(log)-1].InFlight - 1
}
