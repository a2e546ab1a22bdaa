package handlers

import (
	"context"
	"fmt"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// drawModal makes the modal that must be filled in before a button counts.
type drawModal func(ctx context.Context, a *act) (slack.ModalViewRequest, error)

// modalFor is that modal: the typed id of a force, or the standalone tasks to
// stop. Nil when the button decides by itself, or decides nothing any more: then
// the engine says why.
func (r *Router) modalFor(op workflow.Operation, tok workflow.Token) drawModal {
	if op.State.Terminal() {
		return nil
	}
	if tok.Verb == workflow.Force {
		return func(ctx context.Context, a *act) (slack.ModalViewRequest, error) {
			return r.forceModal(ctx, a, op, tok)
		}
	}
	if tok.Verb == workflow.StopTasks && len(op.Stoppable()) > 0 {
		return func(context.Context, *act) (slack.ModalViewRequest, error) {
			return blocks.StopTasksModal(op, tok.Token), nil
		}
	}
	pending := op.State == workflow.Proposed || op.Proposal != nil
	if tok.Verb != workflow.Confirm || !pending || blocks.CardRevision(op) != tok.Revision {
		return nil
	}
	switch {
	case blocks.AsksForTypedID(op):
		return func(context.Context, *act) (slack.ModalViewRequest, error) {
			return blocks.ForceModal(op, planOf(op, tok.Revision), tok.Token), nil
		}
	case blocks.AsksForTasks(op):
		return func(context.Context, *act) (slack.ModalViewRequest, error) {
			return blocks.StopTasksModal(op, tok.Token), nil
		}
	}
	return nil
}

// forceModal reads the instance again and lists what force would orphan now. The
// list is kept, as that is what the person approves by typing the id.
func (r *Router) forceModal(ctx context.Context, a *act, op workflow.Operation, tok workflow.Token) (slack.ModalViewRequest, error) {
	intent := planOf(op, tok.Revision).Intent
	snapshot, err := r.Fleet.Inspect(ecsops.Reading(ctx, intent), op.Target)
	if err != nil {
		return slack.ModalViewRequest{}, err
	}
	if _, known := snapshot.Tasks.Get(); !known { // nobody can approve orphans that nobody knows
		u := snapshot.Tasks.Why()
		return slack.ModalViewRequest{}, fmt.Errorf("reading the tasks of %s: %s: %s", op.Target.EC2, u.Call, u.Reason)
	}
	intent.Force, intent.StopTasks = true, nil
	p := ecsops.NewPlan(snapshot, intent)
	seen := []string{}
	for _, o := range p.Lost() {
		seen = append(seen, o.ARN)
	}
	if err := r.orphans.put(ctx, orphansKey(tok, a), seen); err != nil {
		return slack.ModalViewRequest{}, err
	}
	return blocks.ForceModal(op, p, tok.Token), nil
}

func orphansKey(tok workflow.Token, a *act) string { return tok.Token + "/" + a.who.User }
