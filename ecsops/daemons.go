package ecsops

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// DaemonOf is the managed daemon that a task belongs to. ECS runs one task of each daemon on
// every Managed Instance of its capacity providers, starts it first, and drains it last
// (aws/containers-roadmap#502): it is nobody's to move, and ends with its machine. When a
// critical one stops by itself or by hand, ECS drains and replaces the instance.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-auto-repair.html
type DaemonOf struct {
	Name     string `json:"name"`
	Critical bool   `json:"critical,omitempty"` // what is not said to be otherwise is
}

const (
	daemonsFact    = "daemons"
	daemonsCall    = "ecs:ListDaemons"
	revisionsBatch = 20 // DescribeDaemonRevisions
)

// readDaemons asks which tasks are managed daemons', of Managed Instances alone: no other
// instance has any, so no other inspection gets deeper.
func (r *reader) readDaemons(arn InstanceARN) {
	provider, machine := r.provider, r.machine
	r.daemons = start(r.ctx, r.wg, func(ctx context.Context) (map[string]DaemonOf, error) {
		p, err := provider.wait(ctx)
		if err != nil || p.Type != managedInstances {
			e, machineErr := machine.wait(ctx)
			switch {
			case err != nil && machineErr != nil:
				return nil, err // it may be one
			case machineErr != nil || e.ManagedBy == "":
				return map[string]DaemonOf{}, nil
			}
		}
		return r.s.daemonsOn(ctx, r.cluster, arn)
	})
}

// daemonsOn are the instance's tasks that belong to managed daemons, by ARN.
func (s *session) daemonsOn(ctx context.Context, cluster ClusterARN, on InstanceARN) (map[string]DaemonOf, error) {
	daemons, err := s.listDaemons(ctx, cluster)
	if err != nil {
		return nil, err
	}
	parts, err := each(ctx, daemons, 1, func(ctx context.Context, one []string) (map[string]DaemonOf, error) {
		return s.daemonOn(ctx, cluster, on, one[0])
	})
	return joined(parts), err
}

// listDaemons are the ARNs of the cluster's daemons. The SDK has no paginator for it.
func (s *session) listDaemons(ctx context.Context, cluster ClusterARN) ([]string, error) {
	var out []string
	in := &ecs.ListDaemonsInput{ClusterArn: aws.String(string(cluster)), MaxResults: aws.Int32(maxResults)}
	for {
		page, err := s.ecs.ListDaemons(ctx, in)
		if err != nil {
			return nil, called(daemonsCall, err)
		}
		for _, d := range page.DaemonSummariesList {
			out = append(out, aws.ToString(d.DaemonArn))
		}
		if aws.ToString(page.NextToken) == "" {
			return out, nil
		}
		in.NextToken = page.NextToken
	}
}

// daemonOn lists the tasks of one daemon, also those that are stopping.
func (s *session) daemonOn(ctx context.Context, cluster ClusterARN, on InstanceARN, daemon string) (map[string]DaemonOf, error) {
	name := lastPart(daemon)
	var wg sync.WaitGroup
	list := func(desired ecstypes.DesiredStatus) *later[[]string] {
		return start(ctx, &wg, func(ctx context.Context) ([]string, error) {
			return s.listTasks(ctx, ecs.ListTasksInput{Cluster: aws.String(string(cluster)), ContainerInstance: aws.String(string(on)),
				DaemonName: aws.String(name), DesiredStatus: desired})
		})
	}
	lists := []*later[[]string]{list(ecstypes.DesiredStatusRunning), list(ecstypes.DesiredStatusStopped)}
	wg.Wait()
	out := map[string]DaemonOf{}
	for _, l := range lists {
		if l.err != nil {
			return nil, l.err
		}
		for _, arn := range l.val {
			out[arn] = DaemonOf{Name: name}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	critical, err := s.critical(ctx, daemon)
	for arn, d := range out {
		d.Critical = critical
		out[arn] = d
	}
	return out, err
}

// critical reports whether a revision of the daemon that is in use is critical, or does not
// say that it is not.
func (s *session) critical(ctx context.Context, daemon string) (bool, error) {
	const call = "ecs:DescribeDaemonRevisions"
	described, err := s.ecs.DescribeDaemon(ctx, &ecs.DescribeDaemonInput{DaemonArn: aws.String(daemon)})
	if err != nil {
		return false, called("ecs:DescribeDaemon", err)
	}
	var revisions []string
	if described.Daemon != nil {
		for _, r := range described.Daemon.CurrentRevisions {
			revisions = append(revisions, aws.ToString(r.Arn))
		}
	}
	revisions = sortedOnce(revisions)
	parts, err := each(ctx, revisions, revisionsBatch, func(ctx context.Context, part []string) ([]ecstypes.DaemonRevision, error) {
		out, err := s.ecs.DescribeDaemonRevisions(ctx, &ecs.DescribeDaemonRevisionsInput{DaemonRevisionArns: part})
		if err != nil {
			return nil, called(call, err)
		}
		if len(out.DaemonRevisions) < len(part) {
			return nil, called(call, reasonError(reasonIncomplete))
		}
		return out.DaemonRevisions, nil
	})
	harmless := len(revisions) > 0
	for _, part := range parts {
		for _, r := range part {
			harmless = harmless && r.Critical != nil && !*r.Critical
		}
	}
	return !harmless, err
}

// markDaemons classifies the tasks that ECS says are managed daemons'.
func markDaemons(tasks []Task, daemons map[string]DaemonOf) {
	for i, t := range tasks {
		if _, ok := daemons[t.ARN]; ok && t.Class == Standalone {
			tasks[i].Class = ManagedDaemon
		}
	}
}

// daemonRules: T35. The tasks of managed daemons end with their machine.
func (j *judge) daemonRules() {
	daemons, _ := j.s.Daemons.Get()
	here := j.refs(func(t Task) bool { return t.Class == ManagedDaemon })
	if len(here) == 0 || j.path != PathManaged {
		return
	}
	f := Finding{Rule: RuleManagedDaemon, Severity: Green, Tasks: here, Count: len(here)}
	for _, t := range here {
		if daemons[t.ARN].Critical {
			f.Names = append(f.Names, daemons[t.ARN].Name)
		}
	}
	f.Names = sortedOnce(f.Names)
	j.add(f)
}
