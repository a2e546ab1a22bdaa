package words

import (
	"fmt"
	"regexp"
	"strings"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Event says what happened, with its actor, in one sentence.
func Event(ev workflow.Event) string {
	return Sentence(Actor(ev.Actor)) + " " + EventPhrase(ev) + "."
}

// EventPhrase is Event without its actor and full stop: what the actor did.
func EventPhrase(ev workflow.Event) string {
	for _, phrase := range []func(workflow.Event) (string, bool){personEvent, deedEvent, stateEvent, followEvent, batchEvent} {
		if s, ok := phrase(ev); ok {
			return s
		}
	}
	return "did something that this version cannot name: " + Quote(string(ev.Type))
}

func personEvent(ev workflow.Event) (string, bool) {
	rev := revision(ev)
	switch ev.Type {
	case workflow.EvProposed:
		return askedFor(ev) + asked(ev) + inBatch(ev) + verdictOf(ev) + because(ev.Reason), true
	case workflow.EvRefused:
		return Doing(ev.Action) + " " + eventSubject(ev) + "and was refused: " + refusedFor(ev) + changed(ev), true
	case workflow.EvConfirmed:
		return "confirmed" + rev + inBatch(ev) + listed(ev) + meanwhile(ev) + because(ev.Reason), true
	case workflow.EvAsked:
		return "asked the approvers about" + orElse(rev, " the plan") + verdictOf(ev), true
	case workflow.EvApproved:
		return "approved" + rev + listed(ev) + meanwhile(ev) + because(ev.Reason), true
	case workflow.EvDenied:
		return "denied" + rev + because(ev.Reason), true
	case workflow.EvCancelled:
		return "cancelled the request" + because(ev.Reason), true
	case workflow.EvStopAsked:
		return "decided to undo" + why(ev) + because(ev.Reason), true
	case workflow.EvWaitLonger:
		return "prolonged the wait" + because(ev.Reason), true
	case workflow.EvTicked:
		return "decided to stop tasks that hold the drain:" + orElse(rev, " a new revision") + listed(ev), true
	case workflow.EvChosen:
		end := ecsops.KeepRunning
		if ev.Intent != nil {
			end = ev.Intent.Terminate
		}
		return "chose: " + lowerFirst(Termination(end)) + ";" + orElse(revision(ev), " a new revision") + " awaits a decision" + verdictOf(ev) + changed(ev), true
	case workflow.EvForceAsked:
		return "asked to force it:" + orElse(rev, " a new revision") + " awaits a decision" + verdictOf(ev) + listed(ev), true
	}
	return "", false
}

// refusedFor says why: policy's reasons, or what was wrong with the click.
func refusedFor(ev workflow.Event) string {
	if len(ev.Reasons) == 0 && ev.Cause != "" {
		return trimStop(lowerFirst(Cause(ev.Cause)))
	}
	return Reasons(ev.Reasons)
}

func deedEvent(ev workflow.Event) (string, bool) {
	switch ev.Type {
	case workflow.EvOrdered:
		if ev.Order == nil {
			return "is about to act", true
		}
		return fmt.Sprintf("is about to %s (order %d)", Action(ev.Order.Action), ev.Order.N), true
	case workflow.EvOutcome:
		return "heard of " + outcomeOf(ev.Order), true
	case workflow.EvChecked:
		return "looked at the result: " + checksInShort(ev.Checks), true
	case workflow.EvProgress:
		return fmt.Sprintf("sees %d of %s left on %s", ev.Left, Count(ev.Total, "task"), eventTarget(ev)), true
	case workflow.EvHeld:
		if len(ev.Holds) == 0 {
			return "sees that nothing holds the drain of " + eventTarget(ev) + " any more", true
		}
		return "finds the drain of " + eventTarget(ev) + " blocked by: " + HeldBy(ev.Holds), true
	case workflow.EvBlocked:
		if ev.Block == nil {
			return "waits", true
		}
		return "waits: " + trimStop(Block(*ev.Block)), true
	case workflow.EvUnblocked:
		if ev.Block == nil {
			return "goes on", true
		}
		return "goes on: no longer held by this: " + lowerFirst(BlockTitle(ev.Block.Reason)), true
	}
	return "", false
}

func stateEvent(ev workflow.Event) (string, bool) {
	switch ev.Type {
	case workflow.EvExpired:
		return "let the request expire: nobody decided in time, nothing was done", true
	case workflow.EvRevised:
		return "found that things changed" + changed(ev) + "; " + orElse(strings.TrimSpace(revision(ev)), "a new revision") + " asks again" + verdictOf(ev), true
	case workflow.EvState:
		return "moved on" + stateNow(": ", ev.State), true
	case workflow.EvEnded:
		return "closed the operation" + stateNow(": ", ev.State) + why(ev), true
	case workflow.EvTooLate:
		return "answered too late: a message had waited over " + Duration(workflow.InboxLimit) + ", so nothing was done", true
	case workflow.EvCheckpoint:
		return "signed a checkpoint of the audit log", true
	case workflow.EvServiceStart:
		return "started" + detail(ev), true
	}
	return "", false
}

func outcomeOf(o *workflow.Order) string {
	if o == nil {
		return "an outcome"
	}
	s := fmt.Sprintf("order %d (%s): ", o.N, Action(o.Action))
	if o.Outcome == nil {
		return s + "no outcome yet"
	}
	s += Outcome(*o.Outcome)
	if o.ClosedBy == "look" {
		s += " (found by looking)"
	}
	if id := ForeignN(o.Outcome.Command, 80); id != "" {
		s += ", command " + Quote(id)
	}
	if id := ForeignN(o.Outcome.RequestID, 80); id != "" {
		s += ", AWS request " + Quote(id)
	}
	return s
}

func revision(ev workflow.Event) string {
	if ev.Revision == 0 {
		return ""
	}
	return fmt.Sprintf(" revision %d", ev.Revision)
}

func eventTarget(ev workflow.Event) string {
	if ev.Target == nil {
		return "an instance"
	}
	return Machine(*ev.Target)
}

func eventSubject(ev workflow.Event) string {
	if ev.Target == nil {
		return ""
	}
	return "for " + Machine(*ev.Target) + " (" + Where(*ev.Target) + ") "
}

func askedFor(ev workflow.Event) string {
	if ev.Intent != nil && ev.Intent.Purpose == ecsops.EndMachine {
		return "asked to terminate the machine " + eventTarget(ev)
	}
	return "asked to deregister " + eventTarget(ev)
}

// asked says what an intent wants beyond the plain drain and deregistration.
func asked(ev workflow.Event) string {
	s := ""
	if ev.Target != nil {
		s = " (" + Where(*ev.Target) + ")"
	}
	if ev.Intent == nil {
		return s
	}
	if ev.Intent.Force {
		s += ", by force"
	}
	switch ev.Intent.Purpose {
	case ecsops.Reuse:
		s += ", to reuse the machine"
	case ecsops.CleanGhost:
		s += ", as a ghost"
	case ecsops.Move:
		s += ", to move it to another cluster"
	case ecsops.Retire, ecsops.EndMachine:
	}
	if ev.Intent.Terminate != ecsops.KeepRunning && ev.Intent.Purpose != ecsops.EndMachine {
		s += ", then: " + lowerFirst(Termination(ev.Intent.Terminate))
	}
	if n := len(ev.Intent.StopTasks); n > 0 {
		s += ", stopping " + Count(n, "task")
	}
	return s
}

func verdictOf(ev workflow.Event) string {
	if ev.Verdict == "" {
		return ""
	}
	s := "; verdict " + lowerFirst(Severity(ev.Verdict))
	if len(ev.Rules) > 0 {
		rules := make([]string, 0, len(ev.Rules))
		for _, r := range ev.Rules {
			rules = append(rules, ForeignN(string(r), 8))
		}
		s += " (" + Some(rules, 12) + ")"
	}
	return s
}

// listed names the tasks that a decision was about: orphans accepted, tasks to stop.
func listed(ev workflow.Event) string {
	if len(ev.Tasks) == 0 {
		return ""
	}
	ids := make([]string, 0, len(ev.Tasks))
	for _, arn := range ev.Tasks {
		ids = append(ids, string(OpenQuote)+TaskID(arn)+string(CloseQuote))
	}
	what := "tasks to stop"
	if ev.Type != workflow.EvConfirmed && ev.Type != workflow.EvTicked || ev.Intent != nil && ev.Intent.Force {
		what = "tasks that would be left running on the machine"
	}
	return "; " + what + ": " + Some(ids, 8)
}

func changed(ev workflow.Event) string {
	if len(ev.Changes) == 0 {
		return ""
	}
	return ": " + Changes(ev.Changes)
}

// meanwhile is what got better since the plan was shown: a yes stands in spite of it.
func meanwhile(ev workflow.Event) string {
	if len(ev.Changes) == 0 {
		return ""
	}
	return "; since it was shown, " + each(ev.Changes, ChangeBrief)
}

func because(reason string) string {
	if Foreign(reason) == "" {
		return ""
	}
	return "; reason: " + Quote(reason)
}

func why(ev workflow.Event) string {
	if ev.Cause == "" {
		return ""
	}
	return "; " + trimStop(lowerFirst(Cause(ev.Cause)))
}

func detail(ev workflow.Event) string {
	if Foreign(ev.Detail) == "" {
		return ""
	}
	return ": " + Quote(ev.Detail)
}

// Changes names differences between two readings, at most four.
func Changes(cs []ecsops.Change) string { return each(cs, Change) }

// Change is one difference: what, whose, before and after.
func Change(c ecsops.Change) string {
	s := changeWhat(c.What)
	if c.Name != "" {
		s += " " + Quote(c.Name)
	}
	switch {
	case c.Before == "" && c.After == "":
		return s + " changed"
	case c.Before == "":
		return s + " appeared: " + Quote(c.After)
	case c.After == "":
		return s + " is gone (was " + Quote(c.Before) + ")"
	}
	return s + " was " + Quote(c.Before) + ", is now " + Quote(c.After)
}

// ChangeBrief is Change for a card: of an ARN its last part, of ids their beginning.
func ChangeBrief(c ecsops.Change) string {
	for _, f := range []*string{&c.Name, &c.Before, &c.After} {
		*f = hexID.ReplaceAllStringFunc(arnPath.ReplaceAllString(*f, ""), func(s string) string { return s[:8] })
	}
	return Change(c)
}

// arnPath is an ARN up to its last part.
var arnPath = regexp.MustCompile(`arn:aws[a-z-]*:\S*/`)

// changeWhat spells a snake_case word out.
func changeWhat(what string) string {
	switch what {
	case "ec2_state":
		return "EC2 state"
	case "status":
		return "ECS status"
	case "standalone":
		return "task outside any service"
	case "protected":
		return "protected task"
	case "volume":
		return "disk"
	case "":
		return "something"
	}
	return strings.ReplaceAll(ForeignN(what, 40), "_", " ")
}

func trimStop(s string) string { return strings.TrimSuffix(s, ".") }
