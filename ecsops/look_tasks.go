package ecsops

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// look is one look at a target.
type look struct {
	r      *reader
	desk   *desk
	t      Target
	lf     LookFor
	wait   time.Duration // for other looks to join a call
	record *later[record]
}

func (l *look) services(ctx context.Context, names []string) (map[string]Service, error) {
	parts, err := each(ctx, sortedOnce(names), servicesBatch, func(ctx context.Context, part []string) (map[string]ecstypes.Service, error) {
		return keep(l.r.round, "services "+strings.Join(part, " "), func() (map[string]ecstypes.Service, error) {
			return l.desk.services.ask(ctx, part, l.wait)
		})
	})
	out := make(map[string]Service, len(names))
	for _, all := range parts {
		for name, s := range all {
			out[name] = toService(s)
		}
	}
	return out, err
}

// tasks are those on the target, and known ones that have ended.
func (l *look) tasks(ctx context.Context) ([]Task, error) {
	if l.lf.Sparing && len(l.lf.KnownTasks) > 0 && !l.r.f.listsAgain(l.t) {
		if all, ok, err := l.spare(ctx); ok || err != nil {
			return all, err
		}
	}
	return l.list(ctx)
}

// spare describes the known tasks alone, and reports whether the registration's counts
// leave no room for others. runningTasksCount counts tasks whose desired status is RUNNING
// and leaves stopping ones out (aws/aws-cdk#13506): those are known from before, as they
// ran, and are described until they are STOPPED. Whether it counts pending ones too is not
// said, so a pending task is looked for; and the last word, that nothing is left, is the lists'.
func (l *look) spare(ctx context.Context) (all []Task, sure bool, err error) {
	known := start(ctx, l.r.wg, func(ctx context.Context) (described, error) { return l.desk.described(ctx, l.lf.KnownTasks, l.wait) })
	rec, err := l.record.wait(ctx)
	if err != nil {
		return nil, false, err
	}
	d, err := known.wait(ctx)
	if err != nil {
		return nil, false, err
	}
	all, err = d.kept(nil, l.lf.KnownTasks)
	run := 0
	for _, t := range all {
		if t.DesiredStatus == string(ecstypes.DesiredStatusRunning) && !t.Stopped() {
			run++
		}
	}
	left := slices.ContainsFunc(all, func(t Task) bool { return !t.Stopped() })
	return all, err == nil && left && !rec.gone() && rec.pending == 0 && rec.running == run, err
}

// list lists twice at once and describes the union with the known ones. A registration
// that is gone for good lists nothing: its tasks are the known ones.
func (l *look) list(ctx context.Context) ([]Task, error) {
	var wg sync.WaitGroup
	list := func(desired ecstypes.DesiredStatus) *later[[]string] {
		return start(ctx, &wg, func(ctx context.Context) ([]string, error) {
			return l.r.s.tasksOn(ctx, l.r.cluster, l.t.Instance, desired)
		})
	}
	running, stopped := list(ecstypes.DesiredStatusRunning), list(ecstypes.DesiredStatusStopped)
	wg.Wait()
	err := cmp.Or(running.err, stopped.err)
	if err != nil {
		rec, instanceErr := l.record.wait(ctx)
		if instanceErr != nil || !rec.gone() || !refused(err) {
			return nil, err
		}
	}
	d, err := l.desk.described(ctx, slices.Concat(running.val, stopped.val, l.lf.KnownTasks), l.wait)
	if err != nil {
		return nil, err
	}
	return d.kept(running.val, l.lf.KnownTasks)
}

// listEvery is after how many sparing looks the lists are read all the same: a task that
// came and was told to stop between two looks is in no count.
const listEvery = 20

// listsAgain reports whether it is time; targets take turns.
func (f *Fleet) listsAgain(t Target) bool {
	key, now := t.Key(), f.clock.Now()
	n, ok := f.cache.spared.get(key, now, 0)
	if !ok {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key)) // never fails
		n = int(h.Sum32() % listEvery)
	}
	f.cache.spared.put(key, (n+1)%listEvery, now)
	return n == listEvery-1
}
