package words

import (
	"ecsbot/workflow"
)

// Answer is the reply to a decision: what happened, why, what next.
func Answer(a workflow.Answer) string {
	switch a.Kind {
	case workflow.Accepted:
		return "Done. The operation's state now: " + lowerFirst(State(a.Op.State)) + "."
	case workflow.AlreadyDone:
		return "Already done by " + Actor(a.By) + ". Nothing was done twice."
	case workflow.WasExpired:
		return "Expired: nothing was done. Ask again with “/ecs deregister” for a fresh plan."
	case workflow.NotYours:
		return "Not yours to decide: " + Reasons(a.Reasons) + ". Nothing was changed."
	case workflow.Changed:
		return "Things changed since that plan was shown, so nothing was done" + orElse(colon(Changes(a.Changes)), ".") + " The card asks again."
	case workflow.TooLate:
		return "Too late: " + lowerFirst(State(a.Op.State)) + ". That can no longer be changed."
	case workflow.Mistyped:
		return "The id that was typed is not " + Machine(a.Op.Target) + ". Nothing was done."
	case workflow.Busy:
		return "Another operation" + other(a.Other) + " holds this instance. Nothing was done. See “/ecs status”."
	case workflow.Unreadable:
		return "AWS could not be read well enough to decide" + orElse(paren(a.Detail), "") + ". Nothing was done. Try again in a minute."
	}
	return "An answer that this version cannot name: " + Quote(string(a.Kind)) + "."
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

// Verb labels a button: what a click does.
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
	}
	return Foreign(string(v))
}
