package bot_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Two drains in one cluster, from the click to the end: what they ask is shared, and before
// the deregistration the tasks are listed once more, after the last of them has stopped.
func TestDrainsShareAndListBeforeDeregistering(t *testing.T) {
	useDirect(t)
	synctest.Test(t, func(t *testing.T) {
		d := drainsEstate{clusters: 1, drains: 2, tasks: 3, rest: 2, ends: 2 * time.Minute}
		r := newDrainsRig(t, d.build)
		var ops []workflow.Operation
		for i := range d.drains {
			ops = append(ops, r.confirmed(d.machine(0, i)))
		}
		r.fleet.Drains(map[ecsops.ClusterARN]int{ops[0].Target.Cluster: 2})
		empty := map[string]time.Time{} // when nothing ran any more, by instance
		calls := r.run(20*time.Minute, func() bool {
			for _, i := range r.cloud.State().Instances {
				if _, seen := empty[i.ARN]; !seen && i.Alive == 0 {
					empty[i.ARN] = time.Now()
				}
			}
			running, err := r.db.Operations(t.Context(), workflow.Filter{Active: true})
			return err == nil && len(running) == 0
		})
		together, lists := 0, map[string]map[string]time.Time{} // by instance and desired status
		deregistered := 0
		for _, c := range calls {
			var in struct {
				ContainerInstance, DesiredStatus string
				ContainerInstances               []string
			}
			if c.Service != "ecs" {
				continue
			}
			if err := json.Unmarshal(c.Params, &in); err != nil {
				t.Fatal(err)
			}
			switch c.Action {
			case "DescribeContainerInstances":
				if len(in.ContainerInstances) == 2 && in.ContainerInstances[0] != in.ContainerInstances[1] {
					together++
				}
			case "ListTasks":
				if lists[in.ContainerInstance] == nil {
					lists[in.ContainerInstance] = map[string]time.Time{}
				}
				lists[in.ContainerInstance][in.DesiredStatus] = c.Virtual
			case "DeregisterContainerInstance":
				deregistered++
				for _, desired := range []string{"RUNNING", "STOPPED"} {
					listed := lists[in.ContainerInstance][desired]
					if gone := empty[in.ContainerInstance]; gone.IsZero() || listed.Before(gone.Add(-5*time.Second)) || c.Virtual.Sub(listed) > 10*time.Second {
						t.Errorf("deregistered at %s; tasks to be %s were listed at %s, the last ended at %s", c.Virtual, desired, listed, gone)
					}
				}
			}
		}
		if deregistered != 2 || together < 5 {
			t.Errorf("%d deregistered, %d times described together", deregistered, together)
		}
		for _, op := range ops {
			if got, err := r.db.Operation(t.Context(), op.ID); err != nil || got.State != workflow.Done {
				t.Errorf("%s: %s, %+v, %v; now %s, verify by %s, next %s, gone %s, %+v", op.ID, got.State, got.Block, err, time.Now(), got.VerifyBy, got.NextLook, got.GoneAt, got.Progress.Checks)
			}
		}
	})
}
