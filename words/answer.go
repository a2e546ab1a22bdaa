package words

import (
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Answer is the reply to a decision: what happened, why, what next.
func Answer(a workflow.Answer) string {
	switch a.Kind {
	case workflow.Accepted:
		return accepted(a)
	case workflow.AlreadyDone:
		if Already(a) == "" {
			return "Too late: it is over. " + Cause(a.Op.Cause) + " Nothing was changed now."
		}
		return Already(a) + " by " + Actor(a.By) + ". Nothing was done twice."
	case workflow.WasExpired:
		return expired(a.Op)
	case workflow.NotYours:
		return "Not yours to decide: " + Reasons(a.Reasons) + ". Nothing was changed."
	case workflow.Changed:
		return "Things changed since that plan was shown, so nothing was done" + orElse(colon(each(a.Changes, ChangeBrief)), ".") + " The card asks again."
	case workflow.TooLate:
		return tooLate(a)
	case workflow.Mistyped:
		return "The id that was typed is not " + Machine(a.Op.Target) + ". Nothing was done."
	case workflow.Busy:
		return "Another operation" + other(a.Other) + " holds this instance. Nothing was done. See “/ecs status”."
	case workflow.NotPossible:
		return notPossible(a.Detail)
	case workflow.Unreadable:
		return "AWS could not be read well enough to decide" + orElse(paren(a.Detail), "") + ". Nothing was done. Try again in a minute."
	}
	return "An answer that this version cannot name: " + Quote(string(a.Kind)) + "."
}

// expired says what to do about an offer that ended.
func expired(op workflow.Operation) string {
	switch {
	case op.State.Locks(): // a revision of what runs
		return "Expired: nothing was done about that offer. The card shows how the operation goes on."
	case op.IsBatch() && op.Bulk == nil:
		return "Expired: nothing was done. Ask again with “/ecs ghosts” for a fresh list."
	}
	return "Expired: nothing was done. Ask again with “/ecs deregister” for a fresh plan."
}

// Already says what somebody else has decided: who comes second with a yes must not read
// that it was one. "" when nobody did: the bot undid it by itself.
func Already(a workflow.Answer) string {
	switch op := a.Op; {
	case op.Cause == "denied":
		return "Refused already"
	case op.State != workflow.Undoing && op.State != workflow.Stopped && op.State != workflow.Releasing:
	case op.StopBy != nil:
		return "Called off already"
	case op.State == workflow.Stopped:
		return ""
	}
	return "Already done"
}

func accepted(a workflow.Answer) string {
	switch a.Detail {
	case "awaiting_approval":
		return "Recorded. Now a second person must approve it; nothing is done before."
	case "before_start":
		return "Called off. Nothing had been done."
	case "batch_stopping":
		return "Called off: no further clean-up begins. Those under way go on; the rows show how they end."
	case "bulk_stopping":
		return "Called off: nothing more begins, and drains under way are undone. What is deregistered stays so; the rows show how each ends."
	case "undoing":
		return "Called off. The bot starts nothing new and makes " + Machine(a.Op.Target) + " ACTIVE again. Tasks that ended meanwhile are not brought back here."
	case "chosen":
		return "Recorded: the card shows the plan with that choice. Nothing is done before a decision."
	case "signed_off":
		return "Recorded: you answer for what was left behind on " + Machine(a.Op.Target) + ". No more reminders of it."
	case "host_look":
		return "Recorded: the machine is asked for its containers. What it answers comes in this thread."
	case "not_terminating":
		return "Called off: the machine will not be terminated. The deregistration itself cannot be undone."
	}
	return "Recorded." + sentenceOf(stateNow("The operation now: ", a.Op.State))
}

func tooLate(a workflow.Answer) string {
	switch a.Detail {
	case "decided":
		return "Too late to choose: it is decided already."
	case "dropped":
		return "Too late: that revision was refused, ran out of time or was overtaken. Nothing was changed; the card shows how the operation goes on."
	case "nothing_to_approve":
		return "Too late: nothing waits for an approval here."
	case "started":
		return "Too late to cancel: it has begun. Use Stop to undo it."
	case "deregistered":
		return "Too late: " + Machine(a.Op.Target) + " is deregistered, which cannot be undone."
	case "terminating":
		return "Too late: the machine is being terminated, which cannot be undone."
	case "no_orphans":
		return "Too late: nothing that was left behind waits for a sign-off here."
	case "no_orphans_left":
		return "Too late: nothing that was left behind is watched here any more, so there is nothing to look for."
	case "host_look_off":
		return "Not possible: this bot may not look into machines (HOST_LOOK). Nothing was done."
	case "no_tasks":
		return "Nothing was done: none was ticked, or those that were have ended or are being stopped already."
	case "not_asked":
		return "Nothing to prolong: the deadline is not in question now."
	}
	return "Too late: that can no longer be changed." + sentenceOf(stateNow("The operation now: ", a.Op.State))
}

// notPossible says why a plan cannot be as it was chosen; the shown one stays.
func notPossible(why string) string {
	s := noTermination(why).Detail
	switch {
	case why == "no_choice":
		return "Nothing was changed: there is no such choice for this instance, or the card shows it already."
	case s == Quote(why):
		s = "rule " + Quote(why) + " bars it."
	}
	return "Not possible: " + lowerFirst(s) + " Nothing was changed; the card stays as it is."
}

func sentenceOf(s string) string {
	if s == "" {
		return ""
	}
	return " " + s + "."
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s + "."
}

func paren(s string) string {
	if Foreign(s) == "" {
		return ""
	}
	return " (" + Quote(s) + ")"
}

func other(id string) string {
	if Foreign(id) == "" {
		return ""
	}
	return " (" + Quote(id) + ")"
}

// Verb names a decision.
func Verb(v workflow.Verb) string {
	switch v {
	case workflow.Confirm:
		return "Confirm"
	case workflow.Approve:
		return "Approve"
	case workflow.Deny:
		return "Deny"
	case workflow.Stop:
		return "Stop and undo"
	case workflow.Force:
		return "Force…"
	case workflow.Cancel:
		return "Cancel"
	case workflow.Wait:
		return "Wait longer"
	case workflow.SignOffVerb:
		return "Sign the orphans off"
	case workflow.EndMachine:
		return "Terminate the machine…"
	case workflow.LookHostVerb:
		return "Look at the host"
	case workflow.StopTasks:
		return "Stop tasks…"
	case workflow.GoOn:
		return "Go on with the rest"
	case workflow.RetireReplace:
		return "Plan: terminate and replace"
	case workflow.RetireShrink:
		return "Plan: terminate and shrink"
	case workflow.RetireKeep:
		return "Plan: keep the machine"
	}
	return Foreign(string(v))
}

// Button labels the button of a verb: what a click does under this plan.
func Button(v workflow.Verb, p ecsops.Plan) string {
	switch {
	case v == workflow.Confirm && p.EndsManaged():
		return "Terminate the instance…"
	case v == workflow.Approve && p.EndsManaged():
		return "Approve the termination"
	case p.Intent.Force && v == workflow.Confirm:
		return "Force deregister…"
	case p.Intent.Force && v == workflow.Approve:
		return "Approve the force"
	case v == workflow.Confirm && p.Path == ecsops.PathGhost:
		return "Remove the registration"
	case v == workflow.Confirm && p.Path == ecsops.PathMachine:
		return "Terminate the machine"
	case v == workflow.Confirm && p.Path == ecsops.PathGroup:
		return "Retire through the group"
	case v == workflow.Confirm && p.Intent.Terminate != ecsops.KeepRunning:
		return "Drain, deregister, terminate"
	case v == workflow.Confirm && p.Has(ecsops.StepDrain):
		return "Drain and deregister"
	case v == workflow.Confirm:
		return "Deregister"
	}
	return Verb(v)
}

// StopButton labels the button that stops a running operation: what it still can undo.
func StopButton(op workflow.Operation) string {
	if op.State == workflow.Terminating && (!op.GoneAt.IsZero() || op.Plan.Path == ecsops.PathMachine) {
		return "Keep the machine running"
	}
	if op.WasStatus == "DRAINING" { // whoever drained it goes on
		return "Stop, and leave it DRAINING"
	}
	return Verb(workflow.Stop)
}

// Long says why the plan of an instance in a large cluster takes a while.
func Long(takes time.Duration) string {
	return "This is a large cluster. Reading all of it, within half of the calls that AWS allows, takes about " + Duration(takes) + "."
}
