package workflow

import (
	"context"
	"sync"

	"ecsbot/ecsops"
)

// gathering lets steps that want targets of one cluster inspected at the same time share the
// reading: whoever comes while one is under way waits for the next, with all others. Nobody
// gets what was read before they asked.
type gathering struct {
	fleet Fleet

	mu     sync.Mutex
	queues map[ecsops.ClusterARN]*gathered // guarded by mu; absent while nobody reads
}

// gathered are those who wait for the next reading of a cluster.
type gathered struct{ waiting []*reading }

type reading struct {
	target   ecsops.Target
	intent   ecsops.Intent
	lead     chan struct{} // closed: read for all that wait
	done     chan struct{} // closed: snapshot and err are there
	snapshot ecsops.Snapshot
	err      error
}

// inspect reads a target's snapshot. That of a batch's drain is shared with the rest of its wave.
func (e *Engine) inspect(ctx context.Context, op Operation) (ecsops.Snapshot, error) {
	if op.Shown == nil {
		return e.fleet.Inspect(ecsops.Reading(ctx, op.Plan.Intent), op.Target)
	}
	return e.gather.inspect(ctx, op.Target, op.Plan.Intent)
}

func (g *gathering) inspect(ctx context.Context, t ecsops.Target, in ecsops.Intent) (ecsops.Snapshot, error) {
	a := &reading{target: t, intent: in, lead: make(chan struct{}), done: make(chan struct{})}
	g.mu.Lock()
	q := g.queues[t.Cluster]
	if q == nil {
		if g.queues == nil {
			g.queues = map[ecsops.ClusterARN]*gathered{}
		}
		q = &gathered{}
		g.queues[t.Cluster] = q
		close(a.lead)
	}
	q.waiting = append(q.waiting, a)
	g.mu.Unlock()
	select {
	case <-a.lead:
		g.read(ctx, t.Cluster)
		<-a.done
	case <-a.done:
	case <-ctx.Done():
		return ecsops.Snapshot{}, g.leave(ctx, a)
	}
	return a.snapshot, a.err
}

// read reads for all that wait now, and hands on to the first who came meanwhile.
func (g *gathering) read(ctx context.Context, cluster ecsops.ClusterARN) {
	g.mu.Lock()
	q := g.queues[cluster]
	round := q.waiting
	q.waiting = nil
	g.mu.Unlock()
	targets, intents := make([]ecsops.Target, len(round)), make([]ecsops.Intent, len(round))
	for i, a := range round {
		targets[i], intents[i] = a.target, a.intent
	}
	snapshots, err := g.fleet.InspectMany(ecsops.Reading(ctx, intents...), targets)
	for i, a := range round {
		if a.err = err; err == nil {
			a.snapshot = snapshots[i]
		}
		close(a.done)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next(cluster)
}

// next lets the first who waits read; it holds mu.
func (g *gathering) next(cluster ecsops.ClusterARN) {
	q := g.queues[cluster]
	if len(q.waiting) == 0 {
		delete(g.queues, cluster)
		return
	}
	close(q.waiting[0].lead)
}

// leave takes away one whose time is over. If it was to read, somebody else does.
func (g *gathering) leave(ctx context.Context, a *reading) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.queues[a.target.Cluster]
	if q == nil {
		return ctx.Err()
	}
	for i, w := range q.waiting {
		if w != a {
			continue
		}
		q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
		select {
		case <-a.lead:
			g.next(a.target.Cluster)
		default:
		}
		break
	}
	return ctx.Err()
}
