package ecsops_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

const (
	crowdInstances = 450
	crowdServices  = 760 // ten services of the target's, and more than half of the bucket holds
)

// crowd is a cluster whose reads need more calls than half of two buckets hold at once.
func crowd(c *aws.Cloud) error {
	r := c.Region(aws.DemoAccount, aws.DemoRegion)
	if _, err := r.AddCluster(aws.ClusterSpec{Name: aws.DemoCluster}); err != nil {
		return err
	}
	for i := range crowdInstances {
		if _, err := r.AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: aws.BigInstance(i)}); err != nil {
			return err
		}
	}
	if _, err := r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "one", CPU: 64, Memory: 64}); err != nil {
		return err
	}
	for i := range crowdServices {
		spec := aws.ServiceSpec{Cluster: aws.DemoCluster, Name: fmt.Sprintf("elsewhere-%03d", i), TaskDefinition: "one", Desired: 1, MinPercent: 100, MaxPercent: 200,
			On: []string{aws.BigInstance(1 + i%(crowdInstances-1))}}
		if i >= crowdServices-10 { // the last of every list
			spec.Name, spec.On = fmt.Sprintf("here-%03d", i), []string{aws.BigInstance(0)}
		}
		if _, err := r.AddService(spec); err != nil {
			return err
		}
	}
	return nil
}

// TestTheTargetComesFirst: what is about the target is not read behind a hundred calls about its cluster, each of which
// is made once; and what our own share of AWS's buckets makes it wait is no reason to leave facts out.
func TestTheTargetComesFirst(t *testing.T) {
	e := over(t, crowd, func(c *ecsops.Config) {
		c.Clusters = []string{aws.DemoAccount + "/" + aws.DemoRegion + "/" + aws.DemoCluster}
	})
	e.clock.SetPace(1)
	e.EnforceBuckets(true)
	e.Delay("DescribeTasks", 500*time.Millisecond) // by then the cluster's own reads are in line
	for _, seen := range []string{"never seen", "seen before"} {
		began := len(e.Log())
		var told []time.Duration
		ctx := ecsops.OnLong(t.Context(), func(takes time.Duration) { told = append(told, takes) })
		found, err := e.Preview(ctx, ecsops.Ref{EC2: ecsops.EC2ID(aws.BigInstance(0))})
		if err != nil || len(found.Found) != 1 {
			t.Fatalf("%d found, %v", len(found.Found), err)
		}
		s := found.Snapshot
		if first := seen == "never seen"; first != (len(told) == 1) || first && (told[0] < 3*time.Second || told[0] > 5*time.Second) { // 84 calls, 50 at once, ten a second
			t.Errorf("%s: told that it takes %v", seen, told)
		}
		if peers, _ := s.Peers.Get(); len(s.Unknowns()) > 0 || len(peers) != crowdInstances-1 {
			t.Fatalf("%s: %d other instances, unknown: %v", seen, len(peers), s.Unknowns())
		}
		p := plan(s)
		if rooms := p.Rooms(); len(rooms) != 10 || rooms[0].Verdict != ecsops.RoomFits {
			t.Errorf("%s: rooms %+v", seen, rooms)
		}
		asked := map[string]int{}
		calls, last := 0, 0 // of DescribeServices, and the last of them that names a service with a task here
		for _, c := range e.Log()[began:] {
			if c.Outcome != "OK" {
				t.Errorf("%s: %s: %s", seen, c.Action, c.Outcome)
			}
			if c.Action != "DescribeServices" {
				continue
			}
			calls++
			var in struct{ Services []string }
			if err := json.Unmarshal(c.Params, &in); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(in.Services, func(n string) bool { return strings.HasPrefix(n, "here-") }) {
				last = calls // by name: the cluster's own list has ARNs
			}
			for _, n := range in.Services {
				asked[n[strings.LastIndexByte(n, '/')+1:]]++
			}
		}
		if len(asked) != crowdServices || last == 0 || last > calls-10 {
			t.Errorf("%s: %d services asked for in %d calls, those here as number %d", seen, len(asked), calls, last)
		}
		e.clock.SetPace(20) // until the buckets are full again
	}
}
