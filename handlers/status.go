package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// status shows one operation, or the latest ones that the person may see.
func (r *Router) status(ctx context.Context, a *act, id string, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	if err := r.ask(ctx, w, question{action: policy.Read}, to); err != nil {
		return err
	}
	if id != "" {
		return r.statusOf(ctx, w, id, to)
	}
	ops, err := r.latest(ctx, w)
	if err != nil {
		return err
	}
	to.say(ctx, blocks.Status(ops, r.Clock.Now()))
	return nil
}

const (
	statusRead = 200 // of all, and of what runs
	statusMost = 20  // without what runs
)

// latest are the operations that the person may see: all that run, whatever came after them, as the
// members of a batch do, and the latest others.
func (r *Router) latest(ctx context.Context, w asker) ([]workflow.Operation, error) {
	running, err := r.Store.Operations(ctx, workflow.Filter{Active: true, Limit: statusRead})
	if err != nil {
		return nil, fmt.Errorf("listing what runs: %w", err)
	}
	ops, err := r.Store.Operations(ctx, workflow.Filter{Limit: statusRead})
	if err != nil {
		return nil, fmt.Errorf("listing operations: %w", err)
	}
	ops = slices.DeleteFunc(ops, func(op workflow.Operation) bool { return !op.State.Terminal() })
	ended, running := r.visible(w, ops), r.visible(w, running)
	ended = ended[:min(len(ended), max(0, statusMost-len(running)))]
	return append(running, ended...), nil
}

func (r *Router) statusOf(ctx context.Context, w asker, id string, to *reply) error {
	op, err := r.Store.Operation(ctx, id)
	if errors.Is(err, workflow.ErrNotFound) {
		return r.noOperation(ctx, w, id, to)
	}
	if err != nil {
		return fmt.Errorf("reading operation %s: %w", id, err)
	}
	if err := r.askAbout(ctx, w, op, to); err != nil {
		return err
	}
	for _, m := range blocks.Details(op, blocks.Options{Now: r.Clock.Now()}) {
		to.say(ctx, m)
	}
	return nil
}

// visible keeps the operations on clusters that the person may read.
func (r *Router) visible(w asker, ops []workflow.Operation) []workflow.Operation {
	may := map[ecsops.ClusterARN]bool{}
	hidden := func(c ecsops.ClusterARN) bool {
		ok, asked := may[c]
		if !asked {
			ok = policy.Decide(r.Rules, policy.Request{Action: policy.Read, Person: w.person, Channel: w.place, Cluster: c}).Allowed()
			may[c] = ok
		}
		return !ok
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op workflow.Operation) bool { return slices.ContainsFunc(op.Clusters(), hidden) })
}

// noOperation answers an unknown operation id with the nearest that the person may see.
func (r *Router) noOperation(ctx context.Context, w asker, id string, to *reply) error {
	ops, err := r.Store.Operations(ctx, workflow.Filter{})
	if err != nil {
		return fmt.Errorf("listing operations: %w", err)
	}
	var ids []string
	for _, op := range r.visible(w, ops) {
		ids = append(ids, op.ID)
	}
	near := nearest(id, ids)
	if len(near) == 0 {
		near = ids[:min(len(ids), nearestMost)]
	}
	to.say(ctx, blocks.Nearest("operation", id, near))
	return nil
}
