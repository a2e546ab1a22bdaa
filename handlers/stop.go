package handlers

import (
	"context"
	"errors"
	"fmt"

	"ecsbot/blocks"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// stop undoes an operation by its id. It holds at any revision, and needs no
// facts about the channel: undo must work when Slack tells little.
func (r *Router) stop(ctx context.Context, a *act, id string, to *reply) error {
	w := r.facts(ctx, a, a.channel, true)
	if err := r.ask(ctx, w, question{action: policy.Stop}, to); err != nil {
		return err
	}
	op, err := r.Store.Operation(ctx, id)
	if errors.Is(err, workflow.ErrNotFound) {
		return r.noOperation(ctx, w, id, to)
	}
	if err != nil {
		return fmt.Errorf("reading operation %s: %w", id, err)
	}
	v := policy.Decide(r.Rules, policy.Request{Action: policy.Stop, Person: w.person, Channel: w.place, Cluster: op.Target.Cluster})
	answer, err := r.Engine.Decide(ctx, workflow.Decision{Op: op.ID, Verb: workflow.Stop, Actor: a.actor(), Channel: a.channel, Verdict: v})
	if err != nil {
		return fmt.Errorf("stopping operation %s: %w", op.ID, err)
	}
	to.say(ctx, blocks.Answer(answer))
	return nil
}
