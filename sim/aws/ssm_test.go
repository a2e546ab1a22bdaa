package aws_test

import (
	"context"
	"errors"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"ecsbot/sim/aws"
)

// TestManagedNodes speaks AWS's own client: the wire is as Systems Manager's.
func TestManagedNodes(t *testing.T) {
	const host = "mi-0a1b2c3d4e5f60009"
	e := demo(t)
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: host}); err != nil {
		t.Fatal(err)
	}
	c := ssm.New(ssm.Options{Region: aws.DemoRegion, BaseEndpoint: awssdk.String(e.URL()), Retryer: awssdk.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(aws.AccessKeyID(aws.DemoAccount), "sim", "")})
	list := func(key, value string) ([]types.InstanceInformation, string) {
		out, err := c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{Filters: []types.InstanceInformationStringFilter{{Key: &key, Values: []string{value}}}})
		if err != nil {
			return nil, codeOf(err)
		}
		return out.InstanceInformationList, ""
	}
	found, code := list("InstanceIds", host)
	if code != "" || len(found) != 1 || found[0].PingStatus != types.PingStatusOnline || found[0].ResourceType != types.ResourceTypeManagedInstance || found[0].LastPingDateTime == nil {
		t.Fatalf("%+v, %s", found, code)
	}
	if _, code := list("Colour", "red"); code != "InvalidFilterKey" {
		t.Errorf("an unknown filter: %s", code)
	}
	if _, code := list("InstanceIds", "rack-7"); code != "InvalidInstanceInformationFilterValue" {
		t.Errorf("a malformed id: %s", code)
	}
	if found, _ := list("InstanceIds", aws.DemoClean); len(found) != 0 {
		t.Errorf("an EC2 instance without its agent: %+v", found)
	}
	if err := e.LoseNode(host, true); err != nil {
		t.Fatal(err)
	}
	if found, _ := list("PingStatus", "ConnectionLost"); len(found) != 1 {
		t.Errorf("cut off: %+v", found)
	}
	end := func(id string) string {
		_, err := c.DeregisterManagedInstance(context.WithoutCancel(t.Context()), &ssm.DeregisterManagedInstanceInput{InstanceId: &id})
		return codeOf(err)
	}
	for id, want := range map[string]string{aws.DemoClean: "ValidationException", "mi-00000000000000000": "InvalidInstanceId"} {
		if got := end(id); got != want {
			t.Errorf("deregistering %s: %q, want %q", id, got, want)
		}
	}
	e.Lag(30 * time.Second)
	if got := end(host); got != "" {
		t.Fatalf("deregistering: %s", got)
	}
	if found, _ := list("InstanceIds", host); len(found) != 1 {
		t.Error("reads do not lag")
	}
	e.clock.Advance(31 * time.Second)
	if found, _ := list("InstanceIds", host); len(found) != 0 {
		t.Errorf("deregistered, and still listed: %+v", found)
	}
	if i, _ := e.State().Instance(host); i.Status != "ACTIVE" || !i.Connected {
		t.Errorf("ECS's own registration: %+v", i)
	}
	e.clock.Advance(61 * time.Minute)
	if i, _ := e.State().Instance(host); i.Connected {
		t.Error("its credentials have run out, and its agent is still connected")
	}
}

func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
