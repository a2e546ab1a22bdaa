package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// estate is a served estate in manual time and a bare client of it.
type estate struct {
	*aws.Cloud
	t       *testing.T
	clock   *clock.Paced
	client  *http.Client
	key     string
	token   string
	region  string
	cluster string
}

func serve(t *testing.T, build func(*aws.Cloud) error) *estate {
	t.Helper()
	ck := clock.New(start, 0)
	c, err := aws.New(aws.Config{Clock: ck, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := build(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	e := &estate{Cloud: c, t: t, clock: ck, client: &http.Client{Transport: &http.Transport{}}, key: aws.AccessKeyID(aws.DemoAccount), region: aws.DemoRegion, cluster: aws.DemoCluster}
	t.Cleanup(func() {
		e.client.CloseIdleConnections()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func demo(t *testing.T) *estate { t.Helper(); return serve(t, (*aws.Cloud).Demo) }

func (e *estate) send(ctx context.Context, service, target, kind string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL()+"/", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", kind)
	if target != "" {
		req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+target)
	}
	if e.token != "" {
		req.Header.Set("X-Amz-Security-Token", e.token)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+e.key+"/20260302/"+e.region+"/"+service+"/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	return resp, out, err
}

type object = map[string]any

// ecs calls an ECS action, and returns the answer and the error code of a refusal.
func (e *estate) ecs(action string, in object) (object, string) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	resp, out, err := e.send(e.t.Context(), "ecs", action, "application/x-amz-json-1.1", body)
	if err != nil {
		return nil, "transport"
	}
	if resp.Header.Get("X-Amzn-Requestid") == "" || resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		e.t.Errorf("%s: headers %v", action, resp.Header)
	}
	var got object
	if err := json.Unmarshal(out, &got); err != nil {
		e.t.Fatalf("%s: %v in %s", action, err, out)
	}
	if resp.StatusCode != http.StatusOK {
		return got, got["__type"].(string)
	}
	return got, ""
}

func (e *estate) must(action string, in object) object {
	e.t.Helper()
	got, code := e.ecs(action, in)
	if code != "" {
		e.t.Fatalf("%s %v: %s %v", action, in, code, got)
	}
	return got
}

// query calls a query service, and returns the XML and the error code of a refusal.
func (e *estate) query(service, action string, params ...string) (string, string) {
	e.t.Helper()
	service, classic := strings.CutSuffix(service, " classic")
	version := map[string]string{"ec2": "2016-11-15", "autoscaling": "2011-01-01", "elasticloadbalancing": "2015-12-01", "sts": "2011-06-15"}[service]
	if classic {
		version = "2012-06-01"
	}
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	resp, out, err := e.send(e.t.Context(), service, "", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return "", "transport"
	}
	if resp.StatusCode == http.StatusOK {
		return string(out), ""
	}
	var refusal struct {
		EC2   string `xml:"Errors>Error>Code"`
		Query string `xml:"Error>Code"`
	}
	if err := xml.Unmarshal(out, &refusal); err != nil {
		e.t.Fatalf("%s: %v in %s", action, err, out)
	}
	return string(out), refusal.EC2 + refusal.Query
}

func list(o object, name string) []any { v, _ := o[name].([]any); return v }

func first(o object, name string) object {
	if v := list(o, name); len(v) > 0 {
		return v[0].(object)
	}
	return object{}
}

func (e *estate) registration(ec2ID string) string { return aws.DemoRegistration(ec2ID) }

// until advances the clock second by second until ok, and fails after limit.
func (e *estate) until(what string, limit time.Duration, ok func(aws.State) bool) time.Duration {
	e.t.Helper()
	for gone := time.Duration(0); gone <= limit; gone += time.Second {
		if ok(e.State()) {
			return gone
		}
		e.clock.Advance(time.Second)
	}
	e.t.Fatalf("not within %s: %s\n%s", limit, what, e.dump())
	return 0
}

func (e *estate) dump() string {
	s := e.State()
	s.Targets = nil
	out, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		e.t.Fatal(err)
	}
	return string(out)
}

func (e *estate) alive(ec2ID string) int { return len(e.State().TasksOn(ec2ID)) }

func (e *estate) drain(ec2ID string) {
	e.t.Helper()
	got := e.must("UpdateContainerInstancesState", object{"cluster": e.cluster, "containerInstances": []string{e.registration(ec2ID)}, "status": "DRAINING"})
	if len(list(got, "failures")) != 0 || first(got, "containerInstances")["status"] != "DRAINING" {
		e.t.Fatalf("draining %s: %v", ec2ID, got)
	}
}

func (e *estate) deregister(ec2ID string, force bool) (object, string) {
	e.t.Helper()
	return e.ecs("DeregisterContainerInstance", object{"cluster": e.cluster, "containerInstance": e.registration(ec2ID), "force": force})
}
