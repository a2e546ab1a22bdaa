package ecsops

import (
	"context"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// wanted are reads by key, each started once, however many ask.
type wanted[T any] struct {
	r    *reader
	read func(context.Context, string) (T, error)

	mu sync.Mutex
	m  map[string]*later[T] // guarded by mu
}

func (w *wanted[T]) want(keys []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		if k == "" || w.m[k] != nil {
			continue
		}
		if w.m == nil {
			w.m = map[string]*later[T]{}
		}
		w.m[k] = start(w.r.ctx, w.r.wg, func(ctx context.Context) (T, error) { return w.read(ctx, k) })
	}
}

// all waits for reads that were started; the first error in the keys' order counts.
func (w *wanted[T]) all(ctx context.Context, keys []string) (map[string]T, error) {
	out := make(map[string]T, len(keys))
	for _, k := range keys {
		w.mu.Lock()
		l := w.m[k]
		w.mu.Unlock()
		v, err := l.wait(ctx)
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, nil
}

func (r *reader) readDefinition(ctx context.Context, arn string) (TaskDefinition, error) {
	if d, ok := r.f.cache.definitions.get(arn, r.f.clock.Now(), 0); ok {
		return d, nil
	}
	d, err := r.s.taskDefinition(ctx, arn)
	if err == nil {
		r.f.cache.definitions.put(arn, d, r.f.clock.Now())
	}
	return d, err
}

// wantGroups starts reading target groups; those that are new share one question for
// their types.
func (r *reader) wantGroups(arns []string) {
	w := &r.groups
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.m == nil {
		w.m = map[string]*later[groupRead]{}
	}
	var fresh, unknown []string
	for _, arn := range sortedOnce(arns) {
		if w.m[arn] != nil {
			continue
		}
		fresh = append(fresh, arn)
		if _, ok := r.groupSettings(arn); !ok && classicName(arn) == "" {
			unknown = append(unknown, arn)
		}
	}
	var types *later[map[string]TargetGroup]
	if len(unknown) > 0 {
		types = start(r.ctx, r.wg, func(ctx context.Context) (map[string]TargetGroup, error) { return r.s.targetGroupTypes(ctx, unknown) })
	}
	for _, arn := range fresh {
		w.m[arn] = start(r.ctx, r.wg, func(ctx context.Context) (groupRead, error) { return r.readTargetGroup(ctx, arn, types) })
	}
}

// groupSettings are name, type and delay, from the cache when it may be used.
func (r *reader) groupSettings(arn string) (TargetGroup, bool) {
	if r.fresh {
		return TargetGroup{}, false
	}
	return r.f.cache.targetGroups.get(arn, r.f.clock.Now(), targetGroupAge)
}

func (r *reader) readTargetGroup(ctx context.Context, arn string, types *later[map[string]TargetGroup]) (groupRead, error) {
	health := start(ctx, r.wg, func(ctx context.Context) ([]target, error) {
		return keep(r.round, "targets of "+arn, func() ([]target, error) { return r.s.targetsOf(ctx, arn) })
	})
	g, ok := r.groupSettings(arn)
	if !ok {
		var err error
		if g, err = r.s.targetGroup(ctx, arn, types); err != nil {
			return groupRead{}, err
		}
		r.f.cache.targetGroups.put(arn, g, r.f.clock.Now())
	}
	targets, err := health.wait(ctx)
	return groupRead{settings: g, targets: targets}, err
}

// targetGroup puts delay and type together.
func (s *session) targetGroup(ctx context.Context, arn string, types *later[map[string]TargetGroup]) (TargetGroup, error) {
	if classicName(arn) != "" {
		return s.classicSettings(ctx, arn)
	}
	delay, err := s.deregistrationDelay(ctx, arn)
	if err != nil {
		return TargetGroup{}, err
	}
	known, err := types.wait(ctx)
	if err != nil {
		return TargetGroup{}, err
	}
	g, ok := known[arn]
	if !ok {
		return TargetGroup{}, called("elasticloadbalancing:DescribeTargetGroups", reasonError(failureMissing))
	}
	g.Deregister = delay
	return g, nil
}

// speculate starts definitions and target groups one round trip before DescribeTasks says
// which are needed: those of all services when they are few, else those of the services
// whose own events name a task that is here. A wrong guess costs a call; a missing one is
// read later.
func (r *reader) speculate() {
	services, running := r.services, r.running
	r.wg.Go(func() {
		all, err := services.wait(r.ctx)
		if err != nil {
			return // snapshot reports it
		}
		arns, err := running.wait(r.ctx)
		if err != nil {
			return
		}
		groups, definitions := guess(all, arns)
		r.wantGroups(groups)
		r.defs.want(definitions)
	})
	every, hosts := r.room.every, &r.room.hosts
	r.wg.Go(func() {
		all, err := every.wait(r.ctx)
		if err != nil {
			return // othersHere reports it
		}
		definitions, spread := guessRoom(all)
		r.defs.want(definitions)
		hosts.want(spread)
	})
}

var taskInEvent = regexp.MustCompile(`\(task ([0-9a-f-]{32,36})\)`)

// Up to so many of each are read for all services of a cluster: a third of what half of
// the task-definition bucket holds at once, and two load-balancer calls for each group.
const (
	guessDefinitions = 16
	guessGroups      = 8
)

// guess returns the target groups and task definitions that are worth asking for.
func guess(all map[string]ecstypes.Service, tasks []string) (groups, definitions []string) {
	here := map[string]bool{}
	for _, arn := range tasks {
		here[lastPart(arn)] = true
	}
	var everyGroup, everyDefinition []string
	for _, s := range all {
		own, _ := balancers(s)
		definition := aws.ToString(s.TaskDefinition)
		everyGroup, everyDefinition = append(everyGroup, own...), append(everyDefinition, definition)
		if startedOne(s.Events, here) {
			groups, definitions = append(groups, own...), append(definitions, definition)
		}
	}
	everyGroup, everyDefinition = sortedOnce(everyGroup), sortedOnce(everyDefinition)
	if len(everyGroup) <= guessGroups && len(everyDefinition) <= guessDefinitions {
		return everyGroup, everyDefinition
	}
	return groups, definitions
}

// guessRoom returns the task definitions of services that want more, and the services with
// distinctInstance, if they are few.
func guessRoom(all map[string]ecstypes.Service) (definitions, spread []string) {
	for _, name := range sortedKeys(all) {
		s := all[name]
		if unsteady(s) {
			definitions = append(definitions, aws.ToString(s.TaskDefinition))
		}
		if slices.ContainsFunc(s.PlacementConstraints, func(c ecstypes.PlacementConstraint) bool {
			return c.Type == ecstypes.PlacementConstraintTypeDistinctInstance
		}) {
			spread = append(spread, name)
		}
	}
	if len(definitions) > othersMost {
		definitions = nil
	}
	if len(spread) > distinctMost {
		spread = nil
	}
	return definitions, spread
}

func startedOne(events []ecstypes.ServiceEvent, here map[string]bool) bool {
	for _, e := range events {
		for _, m := range taskInEvent.FindAllStringSubmatch(aws.ToString(e.Message), -1) {
			if here[m[1]] {
				return true
			}
		}
	}
	return false
}
