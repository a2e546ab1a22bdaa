package ecsops

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// lookHolds reads what tells why tasks have not ended, all at the same time: a call for
// each ten services, one for each hundred tasks, the definitions mostly from memory.
func (r *reader) lookHolds(t Target, found []Task, tasksErr error, out *Snapshot) {
	var here []Task
	for _, task := range found {
		if !task.Stopped() {
			here = append(here, task)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		services, err := r.lookServices(r.ctx, serviceNames(here))
		out.Services = fact("services", "ecs:DescribeServices", services, cmp.Or(tasksErr, err))
	})
	wg.Go(func() {
		until, err := r.lookProtection(r.ctx, here)
		out.Protection = fact("protection", "ecs:GetTaskProtection", until, cmp.Or(tasksErr, err))
	})
	wg.Go(func() {
		definitions, err := r.lookDefinitions(r.ctx, here)
		out.TaskDefinitions = fact("task_definitions", "ecs:DescribeTaskDefinition", definitions, cmp.Or(tasksErr, err))
	})
	if i, ok := out.Instance.Get(); ok && !i.AgentConnected && !i.gone() {
		wg.Go(func() {
			m, err := machineOf(r.ctx, r.s, t.EC2)
			out.EC2 = fact("ec2", "ec2:DescribeInstances", m, cmp.Or(r.s.verify(r.ctx), err))
		})
	}
	wg.Wait()
}

func serviceNames(tasks []Task) []string {
	var out []string
	for _, t := range tasks {
		if t.Class != Standalone {
			out = append(out, t.Service)
		}
	}
	return sortedOnce(out)
}

// lookProtection asks for service tasks that were not told to stop; a standalone one
// cannot be protected, and one that ended in between is in no need of an answer.
func (r *reader) lookProtection(ctx context.Context, here []Task) (map[string]time.Time, error) {
	var arns []string
	for _, t := range here {
		if t.Class != Standalone && !t.Stopping() {
			arns = append(arns, t.ARN)
		}
	}
	if len(arns) == 0 {
		return map[string]time.Time{}, nil
	}
	p, err := r.s.taskProtection(ctx, r.cluster, arns)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, arn := range arns {
		got, ok := p.until[arn]
		switch reason := cmp.Or(p.failed[arn], reasonIncomplete); {
		case ok && got.ProtectionEnabled:
			out[arn] = aws.ToTime(got.ExpirationDate).UTC()
		case !ok && reason != failureMissing:
			return nil, called("ecs:GetTaskProtection", reasonError(reason))
		}
	}
	return out, nil
}

func (r *reader) lookDefinitions(ctx context.Context, here []Task) (map[string]TaskDefinition, error) {
	var arns []string
	for _, t := range here {
		if t.Stopping() {
			arns = append(arns, t.TaskDefinition)
		}
	}
	out := map[string]TaskDefinition{}
	for _, arn := range sortedOnce(arns) {
		d, err := r.readDefinition(ctx, arn)
		if err != nil {
			return nil, err
		}
		out[arn] = d
	}
	return out, nil
}
