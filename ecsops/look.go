package ecsops

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asg "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// Look polls: the registration, its tasks with those known before, and what lf names, on
// a tenth of AWS's throttling buckets, shared by all looks. Tasks are known only when the
// description was read, and the lists unless lf spares them. It errs only when ctx ends,
// or with a *BusyError when its turn did not come: then nothing was learned.
func (f *Fleet) Look(ctx context.Context, t Target, lf LookFor) (Snapshot, error) {
	v := visit{shares: true}
	if !lf.Sparing { // a person waits, or something is ordered next
		v = visit{key: " fresh", tokens: lookTokens, urgent: true}
	}
	leave, err := f.enter(t, v)
	if err != nil {
		return Snapshot{Target: t}, err
	}
	defer leave()
	boxed, cancel := f.polling(ctx, t, lookTokens, f.cfg.TimeBox)
	defer cancel()
	s := f.look(boxed, t, lf, nil)
	if err := ctx.Err(); err != nil {
		return s, err
	}
	if err := f.hadTurn(s.Unknowns()); err != nil {
		return s, err
	}
	f.looked(t)
	return s, nil
}

func (f *Fleet) look(ctx context.Context, t Target, lf LookFor, in *round) Snapshot {
	var wg sync.WaitGroup
	defer wg.Wait()
	r := &reader{ctx: ctx, wg: &wg, f: f, s: f.reading(t.Account, t.Region), cluster: t.Cluster, round: in}
	l := &look{r: r, desk: r.s.desk(f, t.Cluster), t: t, lf: lf}
	if lf.Drains > 1 {
		l.wait = gatherFor
	}
	out := Snapshot{Target: t}
	l.record = start(ctx, &wg, func(ctx context.Context) (record, error) {
		return keep(in, "instance", func() (record, error) {
			all, err := l.desk.instances.ask(ctx, []InstanceARN{t.Instance}, l.wait)
			return all[t.Instance], err
		})
	})
	tasks := start(ctx, &wg, func(ctx context.Context) ([]Task, error) {
		return keep(in, "tasks", func() ([]Task, error) { return l.tasks(ctx) })
	})
	services := start(ctx, &wg, func(ctx context.Context) (map[string]Service, error) { return l.services(ctx, lf.Services) })
	groups := start(ctx, &wg, func(ctx context.Context) (map[string]groupRead, error) {
		r.wantGroups(lf.TargetGroups)
		return r.groups.all(ctx, sortedOnce(lf.TargetGroups))
	})
	r.lookMachine(t, lf, &out)
	rec, err := l.record.wait(ctx)
	out.Instance = fact("instance", "ecs:DescribeContainerInstances", rec.Instance, err)
	found, tasksErr := tasks.wait(ctx)
	named, servicesErr := services.wait(ctx)
	if len(lf.Services) > 0 {
		out.Services = fact("services", "ecs:DescribeServices", named, servicesErr)
	}
	if lf.Holds {
		l.holds(found, tasksErr, &out)
		named, _ = out.Services.Get() // unread, a daemon passes for a replica
	}
	classify(found, named)
	out.Tasks = fact("tasks", "ecs:DescribeTasks", found, tasksErr)
	if len(lf.TargetGroups) > 0 {
		read, err := groups.wait(ctx)
		// Without the tasks their addresses are unknown, so the counts would be wrong.
		err = cmp.Or(err, tasksErr, r.s.verify(ctx))
		out.TargetGroups = fact("target_groups", "elasticloadbalancing:DescribeTargetHealth", counted(read, t.EC2, found), err)
	}
	out.ReadAt = f.clock.Now().UTC()
	return out
}

func counted(read map[string]groupRead, machine EC2ID, tasks []Task) map[string]TargetGroup {
	addresses := addressesOf(tasks)
	out := make(map[string]TargetGroup, len(read))
	for arn, g := range read {
		out[arn] = g.settings.count(g.targets, machine, addresses)
	}
	return out
}

// lookMachine reads EC2 and the group when asked for, at the same time.
func (r *reader) lookMachine(t Target, lf LookFor, out *Snapshot) {
	var wg sync.WaitGroup
	if lf.EC2 {
		wg.Go(func() {
			m, err := keep(r.round, "ec2", func() (EC2, error) { return machineOf(r.ctx, r.s, t.EC2) })
			out.EC2 = fact("ec2", "ec2:DescribeInstances", m, cmp.Or(r.s.verify(r.ctx), err))
		})
	}
	if lf.Node && externalID(t.EC2) {
		wg.Go(func() {
			n, err := keep(r.round, "node", func() (Node, error) { return r.s.node(r.ctx, t.EC2) })
			out.Node = fact(nodeFact, nodeCall, n, err)
		})
	}
	if lf.Group != "" {
		wg.Go(func() {
			member, err := keep(r.round, "member", func() (asgtypes.AutoScalingInstanceDetails, error) { return r.s.membership(r.ctx, t.EC2) })
			if err != nil || member.AutoScalingGroupName == nil {
				out.Group = fact("group", "autoscaling:DescribeAutoScalingInstances", Group{}, cmp.Or(err, r.s.verify(r.ctx)))
				return
			}
			g, err := keep(r.round, "group", func() (groupState, error) { return r.s.group(r.ctx, member) })
			out.Group = fact("group", "autoscaling:DescribeAutoScalingGroups", g.Group, cmp.Or(err, r.s.verify(r.ctx)))
		})
	}
	wg.Wait()
}

// afterBoxes is how many time boxes a verification may take: it asks for each service.
const afterBoxes = 3

// After reads what a verification needs: a look, whether the registration is still
// listed, which of the old interfaces exist, what the group did, and the tasks that the
// services started since. It errs as Look does; after a *BusyError the next call goes on
// from what this one learned, as long as that is minutes old at most.
func (f *Fleet) After(ctx context.Context, t Target, lf LookFor, since time.Time) (After, error) {
	key := t.Key() + " " + since.UTC().Format(time.RFC3339Nano)
	tokens := afterTokens + serviceTokens*float64(len(lf.Services))
	leave, err := f.enter(t, visit{key: " after", tokens: tokens})
	if err != nil {
		return After{}, err
	}
	defer leave()
	var a After
	q := inquiry{key: key, tokens: tokens, groups: len(lf.TargetGroups), box: afterBoxes * f.cfg.TimeBox}
	err = f.inRound(ctx, t, q, func(ctx context.Context, in *round) []Unknown {
		a = f.after(ctx, t, lf, since, in)
		return append(a.Snapshot.Unknowns(), a.Listed.Why(), a.ENIs.Why(), a.Activity.Why(), a.Replacements.Why())
	})
	if err == nil {
		f.looked(t)
	}
	return a, err
}

// asks is how long this process's part of the budget makes a verification take.
func (f *Fleet) asks(t Target, tokens float64, groups int) time.Duration {
	of := func(b bucket) float64 { return float64(f.budget(t.Account, t.Region, b, usePoll).limiter.Limit()) }
	return max(after(tokens, of(clusterResourceRead)), after(float64(groups), of(loadBalancing)))
}

func (f *Fleet) after(ctx context.Context, t Target, lf LookFor, since time.Time, in *round) After {
	s := f.reading(t.Account, t.Region)
	var a After
	var wg sync.WaitGroup
	wg.Go(func() { a.Snapshot = f.look(ctx, t, lf, in) })
	wg.Go(func() {
		filter := "" // without an id there is nothing shorter to ask
		if t.EC2 != "" {
			filter = "ec2InstanceId == " + string(t.EC2) // not 50 pages of a cluster of thousands
		}
		all, err := keep(in, "listed", func() ([]InstanceARN, error) { return s.listInstances(ctx, t.Cluster, filter) })
		a.Listed = fact("listed", "ecs:ListContainerInstances", slices.Contains(all, t.Instance), err)
	})
	wg.Go(func() {
		left, err := keep(in, "enis", func() ([]string, error) { return s.interfaces(ctx, lf.ENIs) })
		a.ENIs = fact("enis", "ec2:DescribeNetworkInterfaces", left, err)
	})
	wg.Go(func() {
		done, err := keep(in, "activity", func() ([]string, error) { return s.activities(ctx, lf.Group, since) })
		a.Activity = fact("activity", "autoscaling:DescribeScalingActivities", done, err)
	})
	wg.Go(func() {
		got, err := s.replacements(ctx, t, lf.Services, since, in)
		a.Replacements = fact("replacements", "ecs:ListTasks", got, err)
	})
	wg.Wait()
	return a
}

// interfaces returns those of the ids that still exist. A filter is used, as one id that
// is gone would fail a call that names ids.
func (s *session) interfaces(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	parts, err := each(ctx, ids, filterValues, func(ctx context.Context, part []string) ([]string, error) {
		in := &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(1000),
			Filters: []ec2types.Filter{{Name: aws.String("network-interface-id"), Values: part}}}
		var out []string
		for p := ec2.NewDescribeNetworkInterfacesPaginator(ec2Pages{s.ec2}, in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if api, ok := errors.AsType[smithy.APIError](err); ok && strings.HasPrefix(api.ErrorCode(), "InvalidNetworkInterfaceID.NotFound") {
				return nil, nil
			}
			if err != nil {
				return nil, called("ec2:DescribeNetworkInterfaces", err)
			}
			for _, n := range page.NetworkInterfaces {
				out = append(out, aws.ToString(n.NetworkInterfaceId))
			}
		}
		return out, nil
	})
	return sortedOnce(slices.Concat(parts...)), cmp.Or(err, s.verify(ctx))
}

const activitiesRead = 20

// activities are the group's scaling activities since a moment, newest first.
func (s *session) activities(ctx context.Context, group string, since time.Time) ([]string, error) {
	if group == "" {
		return nil, nil
	}
	out, err := s.asg.DescribeScalingActivities(ctx, &asg.DescribeScalingActivitiesInput{
		AutoScalingGroupName: aws.String(group), MaxRecords: aws.Int32(activitiesRead)})
	if err != nil {
		return nil, called("autoscaling:DescribeScalingActivities", err)
	}
	var all []string
	for _, a := range out.Activities {
		if !aws.ToTime(a.StartTime).Before(since) {
			all = append(all, string(a.StatusCode)+": "+aws.ToString(a.Description))
		}
	}
	return all, s.verify(ctx)
}

// replacements are the running tasks of the services that started elsewhere since a moment.
func (s *session) replacements(ctx context.Context, t Target, services []string, since time.Time, in *round) ([]Replacement, error) {
	of := map[string]string{}
	lists, err := each(ctx, services, 1, func(ctx context.Context, one []string) ([]string, error) {
		return keep(in, "tasks of "+one[0], func() ([]string, error) {
			return s.listTasks(ctx, ecs.ListTasksInput{Cluster: aws.String(string(t.Cluster)), ServiceName: aws.String(one[0])})
		})
	})
	if err != nil {
		return nil, err
	}
	for i, arns := range lists {
		for _, arn := range arns {
			of[arn] = services[i]
		}
	}
	parts, err := each(ctx, slices.Concat(lists...), describeBatch, func(ctx context.Context, part []string) (described, error) {
		return keep(in, "tasks "+strings.Join(part, " "), func() (described, error) { return s.describeTasks(ctx, t.Cluster, part) })
	})
	var tasks []ecstypes.Task
	for _, d := range parts {
		tasks = append(tasks, d.tasks...)
	}
	var out []Replacement
	for _, task := range tasks {
		arn, host := aws.ToString(task.TaskArn), InstanceARN(aws.ToString(task.ContainerInstanceArn))
		if host != t.Instance && !aws.ToTime(task.CreatedAt).Before(since) {
			out = append(out, Replacement{Task: arn, Service: of[arn], Instance: host, Status: aws.ToString(task.LastStatus)})
		}
	}
	slices.SortStableFunc(out, func(a, b Replacement) int { return cmp.Compare(a.Service, b.Service) })
	return out, err
}
