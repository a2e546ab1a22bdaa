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
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
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
	s := f.look(boxed, t, lf)
	if err := ctx.Err(); err != nil {
		return s, err
	}
	return s, f.hadTurn(t, s.Unknowns())
}

func (f *Fleet) look(ctx context.Context, t Target, lf LookFor) Snapshot {
	var wg sync.WaitGroup
	defer wg.Wait()
	r := &reader{ctx: ctx, wg: &wg, f: f, s: f.reading(t.Account, t.Region), cluster: t.Cluster}
	l := &look{r: r, desk: r.s.desk(f, t.Cluster), t: t, lf: lf}
	if lf.Drains > 1 {
		l.wait = gatherFor
	}
	out := Snapshot{Target: t}
	l.record = start(ctx, &wg, func(ctx context.Context) (record, error) {
		all, err := l.desk.instances.ask(ctx, []InstanceARN{t.Instance}, l.wait)
		return all[t.Instance], err
	})
	tasks := start(ctx, &wg, l.tasks)
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
			m, err := machineOf(r.ctx, r.s, t.EC2)
			out.EC2 = fact("ec2", "ec2:DescribeInstances", m, cmp.Or(r.s.verify(r.ctx), err))
		})
	}
	if lf.Node && externalID(t.EC2) {
		wg.Go(func() {
			n, err := r.s.node(r.ctx, t.EC2)
			out.Node = fact(nodeFact, nodeCall, n, err)
		})
	}
	if lf.Group != "" {
		wg.Go(func() {
			member, err := r.s.membership(r.ctx, t.EC2)
			if err != nil || member.AutoScalingGroupName == nil {
				out.Group = fact("group", "autoscaling:DescribeAutoScalingInstances", Group{}, cmp.Or(err, r.s.verify(r.ctx)))
				return
			}
			g, err := r.s.group(r.ctx, member)
			out.Group = fact("group", "autoscaling:DescribeAutoScalingGroups", g.Group, cmp.Or(err, r.s.verify(r.ctx)))
		})
	}
	wg.Wait()
}

// afterBoxes is how many time boxes a verification may take: it asks for each service.
const afterBoxes = 3

// After reads what a verification needs: a look, whether the registration is still
// listed, which of the old interfaces exist, what the group did, and the tasks that the
// services started since. It errs as Look does.
func (f *Fleet) After(ctx context.Context, t Target, lf LookFor, since time.Time) (After, error) {
	tokens := afterTokens + serviceTokens*float64(len(lf.Services))
	leave, err := f.enter(t, visit{key: " after", tokens: tokens})
	if err != nil {
		return After{}, err
	}
	defer leave()
	boxed, cancel := f.polling(ctx, t, tokens, afterBoxes*f.cfg.TimeBox)
	defer cancel()
	s := f.reading(t.Account, t.Region)
	var a After
	var wg sync.WaitGroup
	wg.Go(func() { a.Snapshot = f.look(boxed, t, lf) })
	wg.Go(func() {
		filter := "" // without an id there is nothing shorter to ask
		if t.EC2 != "" {
			filter = "ec2InstanceId == " + string(t.EC2) // not 50 pages of a cluster of thousands
		}
		all, err := s.listInstances(boxed, t.Cluster, filter)
		a.Listed = fact("listed", "ecs:ListContainerInstances", slices.Contains(all, t.Instance), err)
	})
	wg.Go(func() {
		left, err := s.interfaces(boxed, lf.ENIs)
		a.ENIs = fact("enis", "ec2:DescribeNetworkInterfaces", left, err)
	})
	wg.Go(func() {
		done, err := s.activities(boxed, lf.Group, since)
		a.Activity = fact("activity", "autoscaling:DescribeScalingActivities", done, err)
	})
	wg.Go(func() {
		got, err := s.replacements(boxed, t, lf.Services, since)
		a.Replacements = fact("replacements", "ecs:ListTasks", got, err)
	})
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return a, err
	}
	return a, f.hadTurn(t, append(a.Snapshot.Unknowns(), a.Listed.Why(), a.ENIs.Why(), a.Activity.Why(), a.Replacements.Why()))
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
func (s *session) replacements(ctx context.Context, t Target, services []string, since time.Time) ([]Replacement, error) {
	of := map[string]string{}
	lists, err := each(ctx, services, 1, func(ctx context.Context, one []string) ([]string, error) {
		return s.listTasks(ctx, ecs.ListTasksInput{Cluster: aws.String(string(t.Cluster)), ServiceName: aws.String(one[0])})
	})
	if err != nil {
		return nil, err
	}
	for i, arns := range lists {
		for _, arn := range arns {
			of[arn] = services[i]
		}
	}
	d, err := s.describeTasks(ctx, t.Cluster, slices.Concat(lists...))
	var out []Replacement
	for _, task := range d.tasks {
		arn, host := aws.ToString(task.TaskArn), InstanceARN(aws.ToString(task.ContainerInstanceArn))
		if host != t.Instance && !aws.ToTime(task.CreatedAt).Before(since) {
			out = append(out, Replacement{Task: arn, Service: of[arn], Instance: host, Status: aws.ToString(task.LastStatus)})
		}
	}
	slices.SortStableFunc(out, func(a, b Replacement) int { return cmp.Compare(a.Service, b.Service) })
	return out, err
}
