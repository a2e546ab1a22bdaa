package ecsops

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// holds reads what tells why tasks have not ended, all at the same time: a call for
// each ten services, one for each hundred tasks, the definitions mostly from memory.
func (l *look) holds(found []Task, tasksErr error, out *Snapshot) {
	var here []Task
	for _, task := range found {
		if !task.Stopped() {
			here = append(here, task)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		services, err := l.services(l.r.ctx, serviceNames(here))
		out.Services = fact("services", "ecs:DescribeServices", services, cmp.Or(tasksErr, err))
	})
	wg.Go(func() {
		until, err := l.protection(l.r.ctx, here)
		out.Protection = fact("protection", "ecs:GetTaskProtection", until, cmp.Or(tasksErr, err))
	})
	wg.Go(func() {
		definitions, err := l.definitions(l.r.ctx, here)
		out.TaskDefinitions = fact("task_definitions", "ecs:DescribeTaskDefinition", definitions, cmp.Or(tasksErr, err))
	})
	if i, ok := out.Instance.Get(); ok && !i.AgentConnected && !i.gone() {
		wg.Go(func() {
			m, err := machineOf(l.r.ctx, l.r.s, l.t.EC2)
			out.EC2 = fact("ec2", "ec2:DescribeInstances", m, cmp.Or(l.r.s.verify(l.r.ctx), err))
		})
	}
	wg.Wait()
}

func serviceNames(tasks []Task) []string {
	var out []string
	for _, t := range tasks {
		if t.ofService() {
			out = append(out, t.Service)
		}
	}
	return sortedOnce(out)
}

// protection asks for service tasks that were not told to stop; a standalone one
// cannot be protected, and one that ended in between is in no need of an answer.
func (l *look) protection(ctx context.Context, here []Task) (map[string]time.Time, error) {
	var arns []string
	for _, t := range here {
		if t.ofService() && !t.Stopping() {
			arns = append(arns, t.ARN)
		}
	}
	if len(arns) == 0 {
		return map[string]time.Time{}, nil
	}
	read, err := l.desk.protected.ask(ctx, arns, l.wait)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, arn := range arns {
		got, ok := read[arn]
		switch {
		case ok && got.task.ProtectionEnabled:
			out[arn] = aws.ToTime(got.task.ExpirationDate).UTC()
		case !ok:
			return nil, called("ecs:GetTaskProtection", reasonError(reasonIncomplete))
		case got.failed != "" && got.failed != failureMissing:
			return nil, called("ecs:GetTaskProtection", reasonError(got.failed))
		}
	}
	return out, nil
}

func (l *look) definitions(ctx context.Context, here []Task) (map[string]TaskDefinition, error) {
	var arns []string
	for _, t := range here {
		if t.Stopping() {
			arns = append(arns, t.TaskDefinition)
		}
	}
	out := map[string]TaskDefinition{}
	for _, arn := range sortedOnce(arns) {
		d, err := l.r.readDefinition(ctx, arn)
		if err != nil {
			return nil, err
		}
		out[arn] = d
	}
	return out, nil
}
