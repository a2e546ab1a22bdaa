package handlers

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// errRefused ends a handler whose person was refused, answered and recorded.
var errRefused = errors.New("refused")

// asker is the person of one envelope and the place, with facts.
type asker struct {
	act    *act
	person policy.Person
	place  policy.Channel
}

// facts reads person and channel, at the same time. What Slack did not tell is
// an unknown fact; policy refuses it.
func (r *Router) facts(ctx context.Context, a *act, channel string, live bool) asker {
	w := asker{act: a}
	var wg sync.WaitGroup
	var perr, cerr error
	wg.Go(func() { w.person, perr = r.People.Person(ctx, a.who, live) })
	wg.Go(func() { w.place, cerr = r.People.Place(ctx, channel, live) })
	wg.Wait()
	if err := errors.Join(perr, cerr); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("facts about a person or a channel could not be read")
	}
	return w
}

// question is one request to policy.
type question struct {
	action  policy.Action
	cluster ecsops.ClusterARN
	plan    *ecsops.Plan
	target  *ecsops.Target
}

// ask decides, and on a refusal records and answers it and returns errRefused.
func (r *Router) ask(ctx context.Context, w asker, q question, to *reply) error {
	v := policy.Decide(r.Rules, policy.Request{Action: q.action, Person: w.person, Channel: w.place, Cluster: q.cluster, Plan: q.plan})
	if v.Effect != policy.Refuse {
		return nil
	}
	return r.refuse(ctx, w.act, v, q, to)
}

// refuse records a refusal and tells the person why. Being unable to record it
// is an error: the envelope is tried again.
func (r *Router) refuse(ctx context.Context, a *act, v policy.Verdict, q question, to *reply) error {
	ev := workflow.Event{
		Type: workflow.EvRefused, Actor: a.actor(), Channel: to.channel, Action: q.action, Reasons: v.Reasons, Target: q.target,
	}
	if q.cluster != "" && q.target == nil {
		ev.Target = &ecsops.Target{Account: q.cluster.Account(), Region: q.cluster.Region(), Cluster: q.cluster}
	}
	if err := r.Engine.Record(ctx, ev); err != nil {
		return err
	}
	to.say(ctx, blocks.Refusal(v, blocks.RefusalOf{Action: q.action, Cluster: q.cluster, Ask: r.askInstead(v)}))
	if slices.Contains(v.Reasons, policy.ReasonChannelUnknown) && r.invisible(ctx, a) {
		to.say(ctx, blocks.Invite(a.channel))
	}
	return errRefused
}

// askInstead names who may help. Who is not known as one of ours is told no ids.
func (r *Router) askInstead(v policy.Verdict) []string {
	for _, reason := range v.Reasons {
		switch reason {
		case policy.ReasonPersonUnknown, policy.ReasonOtherWorkspace, policy.ReasonStranger, policy.ReasonGuest, policy.ReasonDeactivated,
			policy.ReasonBot, policy.ReasonChannelShared:
			return nil
		case policy.ReasonNotApprover:
			return r.Rules.Approvers
		}
	}
	return r.Rules.Operators
}

// invisible reports whether the channel is unknown because the bot is not in it:
// that is how Slack hides private channels.
func (r *Router) invisible(ctx context.Context, a *act) bool {
	place, err := r.People.Place(ctx, a.channel, false)
	return err == nil && a.channel != "" && place.Facts.Why().Reason == "channel_not_found"
}

// policyAction is what an envelope asks for, for the record.
func (a *act) policyAction() policy.Action {
	switch a.typ {
	case typeCommand:
		c, err := Parse(a.text)
		switch {
		case err == nil && c.Name == cmdDeregister && !c.Deregister.DryRun:
			return policy.Propose
		case err == nil && c.Name == cmdStop:
			return policy.Stop
		}
		return policy.Read
	case typeActions:
		if slices.Contains(ghostActions(), ghostAction(a.action.ActionID)) {
			return policy.Clean
		}
		if v := actionOf(workflow.Verb(a.action.ActionID)); v != "" {
			return v
		}
		return policy.Propose
	}
	if a.view.CallbackID == blocks.CallbackPick {
		return policy.Propose
	}
	return policy.Confirm
}

// name is the envelope's kind for metrics: a word of a fixed set.
func (a *act) name() string {
	switch a.typ {
	case typeCommand:
		c, err := Parse(a.text)
		if err != nil {
			return "mistake"
		}
		return c.Name
	case typeActions:
		if actionOf(workflow.Verb(a.action.ActionID)) != "" || slices.Contains(pickActions(), a.action.ActionID) {
			return a.action.ActionID
		}
		if id := ghostAction(a.action.ActionID); slices.Contains(ghostActions(), id) {
			return id
		}
		return "other_action"
	case typeSubmission:
		return "submission"
	}
	return "other"
}

// verbActions maps the buttons to what policy is asked.
func verbActions() map[workflow.Verb]policy.Action {
	return map[workflow.Verb]policy.Action{
		workflow.Confirm: policy.Confirm, workflow.Approve: policy.Approve, workflow.Deny: policy.Deny, workflow.Stop: policy.Stop,
		workflow.Force: policy.Force, workflow.Cancel: policy.Cancel, workflow.Wait: policy.Wait, workflow.StopTasks: policy.StopTasks,
		workflow.RetireReplace: policy.Propose, workflow.RetireShrink: policy.Propose, workflow.RetireKeep: policy.Propose,
		workflow.GoOn: policy.Wait, // like a wait: it keeps what was decided going
	}
}

// noticeActions are the same of a follow-up's buttons. Ending a machine asks for a plan.
func noticeActions() map[workflow.Verb]policy.Action {
	return map[workflow.Verb]policy.Action{workflow.SignOffVerb: policy.SignOff, workflow.LookHostVerb: policy.LookHost, workflow.EndMachine: policy.Propose}
}

// actionOf is what a button asks policy for; "" for one that we never drew.
func actionOf(v workflow.Verb) policy.Action {
	if a, ok := noticeActions()[v]; ok {
		return a
	}
	return verbActions()[v]
}

func pickActions() []string {
	return []string{blocks.ActionPickCluster, blocks.ActionPickInstance, blocks.ActionChoose}
}
