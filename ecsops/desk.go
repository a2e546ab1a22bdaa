package ecsops

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// desk asks what the looks at one cluster want to know: together, where AWS takes many
// names in one call.
type desk struct {
	s       *session
	cluster ClusterARN

	instances *gather[InstanceARN, record]
	tasks     *gather[string, taskRead]
	services  *gather[string, ecstypes.Service]
	protected *gather[string, protectRead]
}

// taskRead is a task as DescribeTasks has it, or nil: MISSING.
type taskRead struct{ task *ecstypes.Task }

// protectRead is one answer of GetTaskProtection; failed says why there is none.
type protectRead struct {
	task   ecstypes.ProtectedTask
	failed string
}

// desk returns the cluster's, shared by all looks of this process.
func (s *session) desk(f *Fleet, cluster ClusterARN) *desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.desks[cluster]; d != nil {
		return d
	}
	d := &desk{s: s, cluster: cluster}
	d.instances = &gather[InstanceARN, record]{clock: f.clock, box: f.cfg.TimeBox, size: describeBatch,
		send: func(ctx context.Context, arns []InstanceARN) (map[InstanceARN]record, error) {
			return s.describeInstances(ctx, cluster, arns)
		}}
	d.tasks = &gather[string, taskRead]{clock: f.clock, box: f.cfg.TimeBox, size: describeBatch, send: d.readTasks}
	d.services = &gather[string, ecstypes.Service]{clock: f.clock, box: f.cfg.TimeBox, size: servicesBatch,
		send: func(ctx context.Context, names []string) (map[string]ecstypes.Service, error) {
			return s.describeServices(ctx, cluster, names)
		}}
	d.protected = &gather[string, protectRead]{clock: f.clock, box: f.cfg.TimeBox, size: describeBatch, send: d.readProtection}
	if s.desks == nil {
		s.desks = map[ClusterARN]*desk{}
	}
	s.desks[cluster] = d
	return d
}

func (d *desk) readTasks(ctx context.Context, arns []string) (map[string]taskRead, error) {
	got, err := d.s.describeTasks(ctx, d.cluster, arns)
	if err != nil {
		return nil, err
	}
	out := make(map[string]taskRead, len(arns))
	for i := range got.tasks {
		out[aws.ToString(got.tasks[i].TaskArn)] = taskRead{&got.tasks[i]}
	}
	for _, arn := range got.missing {
		out[arn] = taskRead{}
	}
	return out, nil
}

func (d *desk) readProtection(ctx context.Context, arns []string) (map[string]protectRead, error) {
	got, err := d.s.taskProtection(ctx, d.cluster, arns)
	if err != nil {
		return nil, err
	}
	out := make(map[string]protectRead, len(arns))
	for arn, t := range got.until {
		out[arn] = protectRead{task: t}
	}
	for arn, why := range got.failed {
		out[arn] = protectRead{failed: why}
	}
	return out, nil
}

// described is what the tasks are now, as describeTasks has it.
func (d *desk) described(ctx context.Context, arns []string, wait time.Duration) (described, error) {
	got, err := d.tasks.ask(ctx, sortedOnce(arns), wait)
	if err != nil {
		return described{}, err
	}
	var out described
	for _, arn := range sortedOnce(arns) {
		switch r, ok := got[arn]; {
		case !ok:
			return described{}, called("ecs:DescribeTasks", reasonError(reasonIncomplete))
		case r.task == nil:
			out.missing = append(out.missing, arn)
		default:
			out.tasks = append(out.tasks, *r.task)
		}
	}
	return out, nil
}
