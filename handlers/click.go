package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// A card is posted before its tokens are bound to it: a click in between waits.
const (
	bindTries = 4
	bindPause = 250 * time.Millisecond
)

// clicked takes a click to its handler.
func (r *Router) clicked(ctx context.Context, a *act, to *reply) error {
	switch a.action.ActionID {
	case blocks.ActionPickCluster, blocks.ActionPickInstance:
		return r.picked(ctx, a, to)
	case blocks.ActionChoose:
		return r.chosen(ctx, a, to)
	}
	verb := workflow.Verb(a.action.ActionID)
	if _, known := verbActions()[verb]; !known {
		return r.notMine(ctx, a, policy.Action(""), "unknown_action", to)
	}
	tok, op, err := r.button(ctx, a, verb)
	if err != nil {
		return r.badButton(ctx, a, verb, err, to)
	}
	return r.decide(ctx, a, tok, op, to)
}

// badButtonError says what is wrong with a button; why goes into the record.
type badButtonError struct{ why string }

func (e *badButtonError) Error() string { return "button refused: " + e.why }

var errUnbound = errors.New("the card's buttons are not bound to it yet")

// button finds what a button stands for. Everything must fit: the verb, and the
// message that carries it, as the payload names it twice.
func (r *Router) button(ctx context.Context, a *act, verb workflow.Verb) (workflow.Token, workflow.Operation, error) {
	tok, err := r.boundToken(ctx, a.action.Value)
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return tok, workflow.Operation{}, &badButtonError{"unknown_token"}
	case err != nil:
		return tok, workflow.Operation{}, err
	case tok.Verb != verb:
		return tok, workflow.Operation{}, &badButtonError{"token_of_another_action"}
	case a.channel != tok.Channel, a.container != tok.Channel, a.ts != tok.TS:
		return tok, workflow.Operation{}, &badButtonError{"token_of_another_message"}
	}
	return r.operationOf(ctx, tok)
}

func (r *Router) operationOf(ctx context.Context, tok workflow.Token) (workflow.Token, workflow.Operation, error) {
	op, err := r.Store.Operation(ctx, tok.Op)
	if errors.Is(err, workflow.ErrNotFound) {
		return tok, op, &badButtonError{"token_of_no_operation"}
	}
	return tok, op, err
}

func (r *Router) boundToken(ctx context.Context, value string) (workflow.Token, error) {
	if value == "" {
		return workflow.Token{}, workflow.ErrNotFound
	}
	for try := 1; ; try++ {
		tok, err := r.Store.Token(ctx, value)
		if err != nil || tok.Channel != "" && tok.TS != "" {
			return tok, err
		}
		if try == bindTries {
			return tok, errUnbound
		}
		t := time.NewTimer(bindPause)
		select {
		case <-ctx.Done():
			t.Stop()
			return tok, ctx.Err()
		case <-t.C:
		}
	}
}

func (r *Router) badButton(ctx context.Context, a *act, verb workflow.Verb, err error, to *reply) error {
	if bad, ok := errors.AsType[*badButtonError](err); ok {
		return r.notMine(ctx, a, verbActions()[verb], bad.why, to)
	}
	if errors.Is(err, errUnbound) {
		to.say(ctx, sentence("The card is still being posted. Nothing was done; please click again."))
		return nil
	}
	return fmt.Errorf("looking up a button: %w", err)
}

// notMine records and answers a button or modal that is forged, moved, of
// another message or too old to be known.
func (r *Router) notMine(ctx context.Context, a *act, action policy.Action, why string, to *reply) error {
	zerolog.Ctx(ctx).Warn().Str("user", a.who.User).Str("why", why).Msg("button refused")
	ev := workflow.Event{Type: workflow.EvRefused, Actor: a.actor(), Channel: to.channel, Action: action, Cause: why}
	if err := r.Engine.Record(ctx, ev); err != nil {
		return err
	}
	to.say(ctx, sentence("This button does not belong to this message any more, or is none of mine. Nothing was done, and that was recorded."))
	return errRefused
}

// decide asks policy with live facts and hands the decision to the engine. A
// button that must open a modal first spends nothing: its submission does.
func (r *Router) decide(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation, to *reply) error {
	if r.expired(tok, op) {
		return r.wasExpired(ctx, a, tok, op, to)
	}
	modal, ask := r.modalFor(op, tok)
	if ask {
		if a.retried {
			to.say(ctx, sentence("That took too long for a window to open. Nothing was done; please click again."))
			return nil
		}
		view, err := r.openView(ctx, a.trigger, blocks.LoadingModal(tok.Token))
		if err != nil {
			zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("opening a modal")
			to.say(ctx, sentence("The window could not be opened in time. Nothing was done; please click again."))
			return nil
		}
		to.view = view
	}
	d := workflow.Decision{Op: op.ID, Verb: tok.Verb, Actor: a.actor(), Revision: tok.Revision, Token: tok.Token, Channel: tok.Channel}
	d.Verdict = r.judge(ctx, a, tok, op)
	if ask && d.Verdict.Effect != policy.Refuse {
		if err := r.updateView(ctx, modal, "", to.view); err != nil {
			zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("drawing a modal") // closed meanwhile
		}
		return nil
	}
	return r.engineDecides(ctx, d, to)
}

func (r *Router) engineDecides(ctx context.Context, d workflow.Decision, to *reply) error {
	answer, err := r.Engine.Decide(ctx, d)
	if err != nil {
		return fmt.Errorf("deciding %s on operation %s: %w", d.Verb, d.Op, err)
	}
	zerolog.Ctx(ctx).Info().Str("operation", d.Op).Str("verb", string(d.Verb)).Str("user", d.Actor.UserID).Str("answer", string(answer.Kind)).Msg("decision")
	to.say(ctx, blocks.Answer(answer))
	if d.Verdict.Effect == policy.Refuse {
		return errRefused
	}
	return nil
}

// judge asks policy about the plan that the button speaks of. The facts are live.
func (r *Router) judge(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation) policy.Verdict {
	w := r.facts(ctx, a, tok.Channel, true)
	plan := planOf(op, tok.Revision)
	if tok.Verb == workflow.Force {
		plan.Intent.Force = true // what the click asks for
	}
	return policy.Decide(r.Rules, policy.Request{
		Action: verbActions()[tok.Verb], Person: w.person, Channel: w.place, Cluster: op.Target.Cluster,
		Plan: &plan, Requester: op.Requester.UserID, Approvals: approvers(op, tok.Revision),
	})
}

func planOf(op workflow.Operation, revision int) ecsops.Plan {
	if op.Proposal != nil && revision == op.Revision+1 {
		return *op.Proposal
	}
	return op.Plan
}

func approvers(op workflow.Operation, revision int) []string {
	var out []string
	for _, p := range op.Approvals {
		if p.Revision == revision {
			out = append(out, p.Actor.UserID)
		}
	}
	return out
}

// expired: a button ends with its expiry by the store's clock; stop holds as
// long as the operation runs. An ended operation has better answers.
func (r *Router) expired(tok workflow.Token, op workflow.Operation) bool {
	return tok.Verb != workflow.Stop && !op.State.Terminal() && !r.Clock.Now().Before(tok.ExpiresAt)
}

func (r *Router) wasExpired(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation, to *reply) error {
	ev := workflow.Event{
		Type: workflow.EvRefused, Actor: a.actor(), Channel: tok.Channel, Action: verbActions()[tok.Verb],
		Target: &op.Target, Cause: "expired_button", Detail: op.ID,
	}
	if err := r.Engine.Record(ctx, ev); err != nil {
		return err
	}
	to.say(ctx, blocks.Answer(workflow.Answer{Kind: workflow.WasExpired, Op: op}))
	return errRefused
}

// modalFor is the modal that must be filled in before a confirm counts: the
// typed id of a force, or the standalone tasks to stop. None when the button
// would decide nothing any more: then the engine says why.
func (r *Router) modalFor(op workflow.Operation, tok workflow.Token) (slack.ModalViewRequest, bool) {
	pending := op.State == workflow.Proposed || op.Proposal != nil && !op.State.Terminal()
	if tok.Verb != workflow.Confirm || !pending || blocks.CardRevision(op) != tok.Revision {
		return slack.ModalViewRequest{}, false
	}
	switch {
	case blocks.AsksForTypedID(op):
		return blocks.ForceModal(op, tok.Token), true
	case blocks.AsksForTasks(op):
		return blocks.StopTasksModal(op, tok.Token), true
	}
	return slack.ModalViewRequest{}, false
}

// submitted takes a modal's submission to its handler.
func (r *Router) submitted(ctx context.Context, a *act, to *reply) error {
	switch a.view.CallbackID {
	case blocks.CallbackPick:
		return r.submitPick(ctx, a, to)
	case blocks.CallbackForce, blocks.CallbackStopTasks:
		return r.submitConfirm(ctx, a, to)
	}
	return r.notMine(ctx, a, policy.Action(""), "unknown_modal", to)
}

// submitConfirm decides what the button that opened the modal stands for. The
// actor is who submits.
func (r *Router) submitConfirm(ctx context.Context, a *act, to *reply) error {
	tok, op, err := r.modalToken(ctx, a)
	if err != nil {
		return r.badButton(ctx, a, workflow.Confirm, err, to)
	}
	to.channel = tok.Channel
	if r.expired(tok, op) {
		return r.wasExpired(ctx, a, tok, op, to)
	}
	d := workflow.Decision{Op: op.ID, Verb: tok.Verb, Actor: a.actor(), Revision: tok.Revision, Token: tok.Token, Channel: tok.Channel}
	if a.view.CallbackID == blocks.CallbackForce {
		d.Typed = strings.TrimSpace(blocks.ReadTyped(a.view))
	} else {
		d.Tasks = arnsOf(planOf(op, tok.Revision), blocks.ReadTasks(a.view))
	}
	d.Verdict = r.judge(ctx, a, tok, op)
	return r.engineDecides(ctx, d, to)
}

// modalToken finds the token that a modal carries. It must be a bound confirm.
func (r *Router) modalToken(ctx context.Context, a *act) (workflow.Token, workflow.Operation, error) {
	tok, err := r.boundToken(ctx, a.view.PrivateMetadata)
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return tok, workflow.Operation{}, &badButtonError{"unknown_token"}
	case err != nil:
		return tok, workflow.Operation{}, err
	case tok.Verb != workflow.Confirm:
		return tok, workflow.Operation{}, &badButtonError{"token_of_another_action"}
	}
	return r.operationOf(ctx, tok)
}

// arnsOf turns ticked task ids into the ARNs that the plan knows; others fall away.
func arnsOf(p ecsops.Plan, ids []string) []string {
	var out []string
	for _, f := range p.Fates {
		for _, id := range ids {
			if id == f.Task.ID() || id == f.Task.ARN {
				out = append(out, f.Task.ARN)
				break
			}
		}
	}
	return out
}

// invalid answers a submission that cannot be right, in its ack, so that the
// modal stays open. It needs memory and the store only; in doubt it lets the
// submission pass, to be judged in full.
func (r *Router) invalid(ctx context.Context, a *act) any {
	switch a.view.CallbackID {
	case blocks.CallbackPick:
		return r.invalidPick(a)
	case blocks.CallbackForce:
		return r.invalidTyped(ctx, a)
	}
	return nil
}

func (r *Router) invalidTyped(ctx context.Context, a *act) any {
	if _, home := r.People.envelopeSays(a.who); !home {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout/2)
	defer cancel()
	_, op, err := r.modalToken(ctx, a)
	block := blocks.FieldBlock(a.view, blocks.FieldTyped)
	if err != nil || block == "" || typedRight(op.Target, blocks.ReadTyped(a.view)) {
		return nil
	}
	return viewErrors(block, "That is not the id of this instance. Nothing was done.")
}

// typedRight is lenient in case and spaces, and in nothing else.
func typedRight(t ecsops.Target, s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s != "" && (s == strings.ToLower(string(t.EC2)) || s == strings.ToLower(t.InstanceID()))
}
