package aws_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

// BenchmarkDescribeBig is the dearest read of a preview: it bounds what the simulator adds to a measured plan.
func BenchmarkDescribeBig(b *testing.B) {
	c, err := aws.New(aws.Config{Clock: clock.New(start, 1), Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Big(60, 40); err != nil {
		b.Fatal(err)
	}
	if err := c.Start(b.Context(), "127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	e := &estate{Cloud: c, client: &http.Client{Transport: &http.Transport{}}, key: aws.AccessKeyID(aws.DemoAccount), region: aws.DemoRegion}
	defer func() {
		e.client.CloseIdleConnections()
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	}()
	arns := make([]string, 0, 60)
	for _, i := range c.State().Instances {
		arns = append(arns, i.ARN)
	}
	body, err := json.Marshal(object{"cluster": "big", "containerInstances": arns})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		resp, _, err := e.send(b.Context(), "ecs", "DescribeContainerInstances", "application/x-amz-json-1.1", body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp, err)
		}
	}
}
