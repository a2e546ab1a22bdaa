package handlers

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// followed takes a click on a follow-up's notice to its handler. The operation has ended:
// only the button's own expiry ends it.
func (r *Router) followed(ctx context.Context, a *act, verb workflow.Verb, to *reply) error {
	tok, op, err := r.button(ctx, a, verb)
	if err != nil {
		return r.badButton(ctx, a, verb, err, to)
	}
	if !r.Clock.Now().Before(tok.ExpiresAt) {
		return r.overtaken(ctx, a, tok, op, causeExpired, to)
	}
	if verb == workflow.EndMachine {
		return r.endMachine(ctx, a, tok, op, to)
	}
	return r.afterwards(ctx, a, tok, op, to)
}

// afterwards records a person's word about orphans, or has the machine looked into on which
// a force left them. The latter button stays: the machine may be looked at again and again.
func (r *Router) afterwards(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation, to *reply) error {
	q := question{action: noticeActions()[tok.Verb], cluster: op.Target.Cluster, target: &op.Target}
	w := r.facts(ctx, a, tok.Channel, true)
	v := policy.Decide(r.Rules, policy.Request{Action: q.action, Person: w.person, Channel: w.place, Cluster: q.cluster})
	if v.Effect != policy.Allow {
		return r.refuse(ctx, a, v, q, to)
	}
	d := workflow.Decision{Op: op.ID, Verb: tok.Verb, Actor: a.actor(), Channel: tok.Channel, Verdict: v}
	if tok.Verb == workflow.SignOffVerb {
		d.Token = tok.Token
	}
	answer, err := r.Engine.Afterwards(ctx, d)
	if err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("verb", string(tok.Verb)).Str("user", a.who.User).Str("answer", string(answer.Kind)).Msg("decision")
	to.say(ctx, blocks.Answer(answer))
	return nil
}

// endMachine proposes an operation that ends the machine of one that has ended. It is an
// operation like any other: read now, shown on a card, confirmed, approved where the
// findings want it, and checked again before the one call.
func (r *Router) endMachine(ctx context.Context, a *act, tok workflow.Token, op workflow.Operation, to *reply) error {
	w := r.facts(ctx, a, tok.Channel, true)
	q := question{action: policy.Propose, cluster: op.Target.Cluster, target: &op.Target}
	if err := r.ask(ctx, w, q, to); err != nil {
		return err
	}
	if busy, err := r.held(ctx, w, op.Target, DeregisterArgs{}, to); busy || err != nil {
		return err
	}
	if asked, err := r.askedAlready(ctx, op.Target, to); asked || err != nil {
		return err
	}
	if !r.notInUse(ctx, op.Target, to) {
		return nil
	}
	snapshot, err := r.Fleet.Inspect(ecsops.Reading(ctx, endIntent(op, ecsops.Snapshot{})), op.Target)
	if err != nil {
		r.awsTrouble(ctx, "reading the machine", err, to)
		return nil
	}
	p := ecsops.NewPlan(snapshot, endIntent(op, snapshot))
	q.plan = &p
	v := policy.Decide(r.Rules, policy.Request{Action: policy.Propose, Person: w.person, Channel: w.place, Cluster: op.Target.Cluster, Plan: &p})
	if v.Effect == policy.Refuse {
		to.say(ctx, blocks.Undecidable(p))
		return r.refuse(ctx, a, v, q, to)
	}
	if len(p.Steps) == 0 {
		to.say(ctx, blocks.Undecidable(p))
		return nil
	}
	if err := r.propose(ctx, w, p, v, to); err != nil {
		return err
	}
	to.say(ctx, sentence("A card in this channel asks before anything is done."))
	return nil
}

// endIntent ends the machine the way its owner allows: a group keeps its size unless
// somebody says otherwise.
func endIntent(op workflow.Operation, s ecsops.Snapshot) ecsops.Intent {
	in := ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate, Reason: "follow-up of operation " + op.ID}
	if g, _ := s.Group.Get(); g.Name != "" {
		in.Terminate = ecsops.Replace
	}
	return in
}

// notInUse says so when the machine is registered again, or may be. An inspection sees its
// own cluster only; the others are asked here.
func (r *Router) notInUse(ctx context.Context, t ecsops.Target, to *reply) bool {
	found, err := r.Fleet.RegisteredAgain(ctx, t)
	if err != nil {
		r.awsTrouble(ctx, "looking for other registrations", err, to)
		return false
	}
	again, known := found.Get()
	switch {
	case !known:
		to.say(ctx, blocks.Note("⚠️ Whether "+words.Machine(t)+" is registered again could not be told: "+words.Unknown(found.Why())+". Nothing was done. Try again in a minute."))
		return false
	case len(again) > 0:
		to.say(ctx, blocks.Note("⚠️ "+words.Machine(t)+" is registered again: "+words.Reregistration(again[0])+". Nothing was done: nobody decided on the tasks that may run there now. Ask “/ecs deregister” for it, with --terminate."))
		return false
	}
	return true
}

// askedAlready points to the card that asks to end this machine: one is enough.
func (r *Router) askedAlready(ctx context.Context, t ecsops.Target, to *reply) (bool, error) {
	ops, err := r.Store.Operations(ctx, workflow.Filter{Cluster: t.Cluster, Active: true, Limit: 200})
	if err != nil {
		return false, fmt.Errorf("looking for an earlier card: %w", err)
	}
	for _, o := range ops {
		if o.Target.Key() == t.Key() && o.Plan.Intent.Purpose == ecsops.EndMachine {
			to.say(ctx, blocks.Note("A card asks for that already: operation "+words.Quote(o.ID)+". Nothing was done twice."))
			return true, nil
		}
	}
	return false, nil
}
