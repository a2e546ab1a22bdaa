package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

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
	if slices.Contains(ghostActions(), ghostAction(a.action.ActionID)) {
		return r.ghostClicked(ctx, a, to)
	}
	verb := workflow.Verb(a.action.ActionID)
	if _, follows := noticeActions()[verb]; follows {
		return r.followed(ctx, a, verb, to)
	}
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
	if errors.Is(err, errUnbound) && a.channel != "" && a.channel == a.container && a.ts != "" && !a.ephemeral {
		tok, err = r.bindHere(ctx, a, tok)
	}
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

// bindHere binds a token to the first message that presents it. The process died
// between posting the card and noting where: only a message of ours can carry
// the token, and once bound it holds nowhere else.
func (r *Router) bindHere(ctx context.Context, a *act, tok workflow.Token) (workflow.Token, error) {
	bind := func() error { return r.Store.BindTokens(ctx, tok.Op, a.channel, a.ts) }
	if tok.Revision < 0 {
		bind = func() error { return r.Store.BindNotice(ctx, tok.Op, tok.Revision, a.channel, a.ts) }
	}
	if err := bind(); err != nil {
		return tok, err
	}
	tok.Channel, tok.TS = a.channel, a.ts
	return tok, nil
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
		return r.notMine(ctx, a, actionOf(verb), bad.why, to)
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
	if why := r.ended(tok, op); why != "" {
		return r.overtaken(ctx, a, tok, op, why, to)
	}
	draw := r.modalFor(op, tok)
	if draw != nil && !r.openLoading(ctx, a, tok, to) {
		return nil
	}
	d := decision(a, tok, op)
	d.Verdict = r.judge(ctx, a, tok, op)
	if draw == nil || d.Verdict.Effect == policy.Refuse {
		return r.engineDecides(ctx, d, to)
	}
	modal, err := draw(ctx, a)
	if err != nil {
		r.awsTrouble(ctx, "reading the instance", err, to)
		return nil
	}
	if err := r.updateView(ctx, modal, "", to.view); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("drawing a modal") // closed meanwhile
	}
	return nil
}

func decision(a *act, tok workflow.Token, op workflow.Operation) workflow.Decision {
	return workflow.Decision{Op: op.ID, Verb: tok.Verb, Actor: a.actor(), Revision: tok.Revision, Token: tok.Token, Channel: tok.Channel}
}

// openLoading opens a modal while the trigger lives, and says so when it can't.
func (r *Router) openLoading(ctx context.Context, a *act, tok workflow.Token, to *reply) bool {
	late := sentence("The window could not be opened in time. Nothing was done; please click again.")
	if a.retried {
		to.say(ctx, late)
		return false
	}
	view, err := r.openView(ctx, a.trigger, blocks.LoadingModal(tok.Token))
	if err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("opening a modal")
		to.say(ctx, late)
		return false
	}
	to.view = view
	return true
}

func (r *Router) engineDecides(ctx context.Context, d workflow.Decision, to *reply) error {
	answer, err := r.Engine.Decide(ctx, d)
	if err != nil {
		return fmt.Errorf("deciding %s on operation %s: %w", d.Verb, d.Op, err)
	}
	zerolog.Ctx(ctx).Info().Str("op_id", d.Op).Str("verb", string(d.Verb)).Str("user", d.Actor.UserID).Str("answer", string(answer.Kind)).Msg("decision")
	to.say(ctx, blocks.Answer(answer))
	if d.Verdict.Effect == policy.Refuse {
		return errRefused
	}
	return nil
}

// judge asks policy about the plan that the button speaks of. The facts are live.
func (r *Router) judge(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation) policy.Verdict {
	w := r.facts(ctx, a, tok.Channel, true)
	if op.IsBatch() && op.Bulk == nil {
		return r.judgeBatch(w, tok.Verb, op)
	}
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

// ended says why a button stands for nothing any more, or "". By the store's
// clock; stop holds as long as the operation runs, at any revision. About the
// revision of confirm, approve and deny, and about an ended operation, the engine
// has the better answers.
func (r *Router) ended(tok workflow.Token, op workflow.Operation) string {
	if tok.Verb == workflow.Stop || op.State.Terminal() {
		return ""
	}
	if !r.Clock.Now().Before(tok.ExpiresAt) {
		return causeExpired
	}
	switch tok.Verb {
	case workflow.Force, workflow.Wait, workflow.Cancel, workflow.StopTasks, workflow.RetireReplace, workflow.RetireShrink, workflow.RetireKeep:
		if tok.Revision != blocks.CardRevision(op) {
			return causeStale
		}
	}
	return ""
}

// Causes of refused buttons, for the record.
const (
	causeExpired = "expired_button"
	causeStale   = "stale_button"
)

// overtaken records and answers a button that ended with its revision or its expiry.
func (r *Router) overtaken(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation, why string, to *reply) error {
	ev := workflow.Event{
		Type: workflow.EvRefused, Actor: a.actor(), Channel: tok.Channel, Action: actionOf(tok.Verb),
		Target: &op.Target, Cause: why, Detail: op.ID,
	}
	if err := r.Engine.Record(ctx, ev); err != nil {
		return err
	}
	answer := workflow.Answer{Kind: workflow.WasExpired, Op: op}
	if why == causeStale {
		answer = workflow.Answer{Kind: workflow.Changed, Op: op, Changes: op.Changes}
	}
	to.say(ctx, blocks.Answer(answer))
	return errRefused
}

// submitted takes a modal's submission to its handler.
func (r *Router) submitted(ctx context.Context, a *act, to *reply) error {
	switch a.view.CallbackID {
	case blocks.CallbackPick:
		return r.submitPick(ctx, a, to)
	case blocks.CallbackWhy:
		return r.explained(ctx, a, to)
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
		return r.badButton(ctx, a, modalVerb(a), err, to)
	}
	to.channel = tok.Channel
	if why := r.ended(tok, op); why != "" {
		return r.overtaken(ctx, a, tok, op, why, to)
	}
	d := decision(a, tok, op)
	if a.view.CallbackID == blocks.CallbackForce {
		d.Typed = strings.TrimSpace(blocks.ReadTyped(a.view))
	} else {
		d.Tasks = arnsOf(offered(op, tok), blocks.ReadTasks(a.view))
	}
	d.Verdict = r.judge(ctx, a, tok, op)
	if tok.Verb == workflow.Force && d.Verdict.Effect != policy.Refuse {
		seen, known, err := r.orphans.get(ctx, orphansKey(tok, a))
		if err != nil {
			return err
		}
		if !known { // too long ago: nobody knows which orphans were approved
			to.say(ctx, forgotten())
			return nil
		}
		d.Tasks = seen
	}
	return r.engineDecides(ctx, d, to)
}

// modalToken finds the token that a modal carries: that of a confirm, of a force
// when the modal wants the id typed, or of stop_tasks when it lists tasks.
func (r *Router) modalToken(ctx context.Context, a *act) (workflow.Token, workflow.Operation, error) {
	tok, err := r.boundToken(ctx, a.view.PrivateMetadata)
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return tok, workflow.Operation{}, &badButtonError{"unknown_token"}
	case err != nil:
		return tok, workflow.Operation{}, err
	case !carries(a.view.CallbackID, tok.Verb):
		return tok, workflow.Operation{}, &badButtonError{"token_of_another_action"}
	}
	return r.operationOf(ctx, tok)
}

func carries(callback string, v workflow.Verb) bool {
	switch v {
	case workflow.Confirm:
		return true
	case workflow.Force:
		return callback == blocks.CallbackForce
	case workflow.StopTasks:
		return callback == blocks.CallbackStopTasks
	}
	return false
}

func modalVerb(a *act) workflow.Verb {
	if a.view.CallbackID == blocks.CallbackForce {
		return workflow.Force
	}
	return workflow.Confirm
}

// offered are the tasks that the modal's button speaks of.
func offered(op workflow.Operation, tok workflow.Token) []ecsops.TaskRef {
	if tok.Verb == workflow.StopTasks {
		return op.Stoppable()
	}
	var out []ecsops.TaskRef
	for _, f := range planOf(op, tok.Revision).Fates {
		out = append(out, f.Task)
	}
	return out
}

// arnsOf turns ticked task ids into the ARNs that were offered; others fall away.
func arnsOf(tasks []ecsops.TaskRef, ids []string) []string {
	var out []string
	for _, t := range tasks {
		if slices.Contains(ids, t.ID()) || slices.Contains(ids, t.ARN) {
			out = append(out, t.ARN)
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
		return r.invalidPick(ctx, a)
	case blocks.CallbackWhy:
		return r.invalidWhy(a)
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
