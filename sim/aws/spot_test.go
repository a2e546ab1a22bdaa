package aws_test

import (
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

func spotHost(t *testing.T, spec aws.InstanceSpec) *estate {
	t.Helper()
	e := demo(t)
	spec.Cluster, spec.EC2ID, spec.RegisterID, spec.Spot = aws.DemoCluster, "i-0a1b2c3d4e5f60009", aws.DemoRegistration("i-0a1b2c3d4e5f60009"), true
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(spec); err != nil {
		t.Fatal(err)
	}
	return e
}

// spotCode is the status code of the request, as EC2 tells it.
func (e *estate) spotCode(filter ...string) string {
	e.t.Helper()
	body, code := e.query("ec2", "DescribeSpotInstanceRequests", filter...)
	if code != "" {
		e.t.Fatalf("DescribeSpotInstanceRequests: %s", code)
	}
	_, rest, _ := strings.Cut(body, "<status>")
	_, rest, _ = strings.Cut(rest, "<code>")
	got, _, _ := strings.Cut(rest, "</code>")
	return got
}

func TestSpotIsTakenAfterTwoMinutes(t *testing.T) {
	e := spotHost(t, aws.InstanceSpec{})
	const id = "i-0a1b2c3d4e5f60009"
	of := []string{"Filter.1.Name", "instance-id", "Filter.1.Value.1", id}
	if got := e.spotCode(of...); got != "fulfilled" {
		t.Fatalf("code %q", got)
	}
	if err := e.InterruptSpot(id); err != nil {
		t.Fatal(err)
	}
	if got := e.spotCode(of...); got != "marked-for-termination" {
		t.Errorf("announced: %q", got)
	}
	e.clock.Advance(119 * time.Second)
	if h, _ := e.State().Host(id); h.State != "running" {
		t.Fatalf("after 119 s it is %s", h.State)
	}
	e.clock.Advance(2 * time.Second)
	if h, _ := e.State().Host(id); h.State != "shutting-down" {
		t.Errorf("after two minutes it is %s", h.State)
	}
	if got := e.spotCode(of...); got != "instance-terminated-no-capacity" {
		t.Errorf("taken: %q", got)
	}
	e.clock.Advance(time.Minute)
	if i, ok := e.State().Instance(id); ok && i.Status == "ACTIVE" {
		t.Errorf("ECS still has it ACTIVE")
	}
	if err := e.InterruptSpot(id); err == nil {
		t.Error("it was interrupted twice")
	}
	if err := e.InterruptSpot(aws.DemoClean); err == nil {
		t.Error("an on-demand instance was interrupted")
	}
}

func TestSpotAgentDrainsItself(t *testing.T) {
	for _, drains := range []bool{true, false} {
		e := spotHost(t, aws.InstanceSpec{SpotDrains: drains})
		if err := e.InterruptSpot("i-0a1b2c3d4e5f60009"); err != nil {
			t.Fatal(err)
		}
		e.clock.Advance(2 * time.Second)
		want := map[bool]string{true: "DRAINING", false: "ACTIVE"}[drains]
		if i, _ := e.State().Instance("i-0a1b2c3d4e5f60009"); i.Status != want {
			t.Errorf("ECS_ENABLE_SPOT_INSTANCE_DRAINING=%t: %s", drains, i.Status)
		}
	}
}

func TestSpotIsStopped(t *testing.T) {
	e := spotHost(t, aws.InstanceSpec{SpotStops: true})
	if err := e.InterruptSpot("i-0a1b2c3d4e5f60009"); err != nil {
		t.Fatal(err)
	}
	if got := e.spotCode("SpotInstanceRequestId.1", "sir-0a1b2c3d"); got != "marked-for-stop" {
		t.Errorf("announced: %q", got)
	}
	e.clock.Advance(3 * time.Minute)
	if h, _ := e.State().Host("i-0a1b2c3d4e5f60009"); h.State != "stopped" {
		t.Errorf("it is %s", h.State)
	}
}

func TestSpotRequestErrors(t *testing.T) {
	e := spotHost(t, aws.InstanceSpec{})
	for want, params := range map[string][]string{
		"InvalidSpotInstanceRequestID.NotFound":  {"SpotInstanceRequestId.1", "sir-00000000"},
		"InvalidSpotInstanceRequestID.Malformed": {"SpotInstanceRequestId.1", "i-1"},
		"InvalidParameterValue":                  {"Filter.1.Name", "nonsense", "Filter.1.Value.1", "x"},
		"DryRunOperation":                        {"DryRun", "true"},
	} {
		if _, code := e.query("ec2", "DescribeSpotInstanceRequests", params...); code != want {
			t.Errorf("%v: %s, want %s", params, code, want)
		}
	}
	if err := e.TerminateEC2("i-0a1b2c3d4e5f60009"); err != nil {
		t.Fatal(err)
	}
	if got := e.spotCode(); got != "instance-terminated-by-user" {
		t.Errorf("terminated by its owner: %q", got)
	}
}
