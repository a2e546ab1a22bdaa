package words

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// State says where an operation stands.
func State(s workflow.State) string {
	switch s {
	case workflow.Proposed:
		return "Waiting for a decision"
	case workflow.AwaitingApproval:
		return "Waiting for a second person's approval"
	case workflow.Draining:
		return "Draining"
	case workflow.StoppingTasks:
		return "Stopping tasks"
	case workflow.Deregistering:
		return "Deregistering"
	case workflow.Terminating:
		return "Terminating the machine"
	case workflow.Verifying:
		return "Checking the result"
	case workflow.Releasing:
		return "Under way, some at a time"
	case workflow.Undoing:
		return "Undoing: making the instance ACTIVE again"
	case workflow.Done:
		return "Done and verified"
	case workflow.Unverified:
		return "Done, but not everything could be verified"
	case workflow.RefusedOp:
		return "Refused: nothing was done"
	case workflow.Expired:
		return "Expired: nothing was done"
	case workflow.Stopped:
		return "Ended early"
	}
	return "In a state that this version cannot name: " + Quote(string(s))
}

// stateNow is a state within a sentence; "" for none.
func stateNow(prefix string, s workflow.State) string {
	if s == "" {
		return ""
	}
	return prefix + lowerFirst(State(s))
}

// StateSymbol is a sign for a state, beside its words.
func StateSymbol(s workflow.State) string {
	switch s {
	case workflow.Proposed, workflow.AwaitingApproval:
		return "❓"
	case workflow.Done:
		return "✅"
	case workflow.Unverified:
		return "⚠️"
	case workflow.RefusedOp, workflow.Expired:
		return "🚫"
	case workflow.Stopped, workflow.Undoing:
		return "↩️"
	}
	return "⏳"
}

// Step says what a step of a plan does.
func Step(s ecsops.Step) string {
	switch s.Kind {
	case ecsops.StepDrain:
		return "Set the instance to DRAINING"
	case ecsops.StepWait:
		return "Wait until its tasks have ended"
	case ecsops.StepStopTasks:
		return "Stop " + Count(len(s.Tasks), "ticked task") + " that no service replaces"
	case ecsops.StepDeregister:
		return "Deregister, without force"
	case ecsops.StepForce:
		return "Deregister by force"
	case ecsops.StepTerminate:
		return terminateStep(s)
	case ecsops.StepDeregisterNode:
		return "Deregister the host from Systems Manager"
	case ecsops.StepVerify:
		return "Look whether it worked"
	}
	return "A step that this version cannot name: " + Quote(string(s.Kind))
}

// StepBrief is a step in a word or two, for a row of steps that are done.
func StepBrief(s ecsops.Step) string {
	switch s.Kind {
	case ecsops.StepDrain:
		return "drain"
	case ecsops.StepWait:
		return "wait"
	case ecsops.StepStopTasks:
		return "stop " + Count(len(s.Tasks), "task")
	case ecsops.StepDeregister:
		return "deregister"
	case ecsops.StepForce:
		return "deregister by force"
	case ecsops.StepTerminate:
		return "terminate"
	case ecsops.StepDeregisterNode:
		return "deregister from Systems Manager"
	case ecsops.StepVerify:
		return "look"
	}
	return Quote(string(s.Kind))
}

func terminateStep(s ecsops.Step) string {
	group := ""
	if s.Group != "" {
		group = " " + Quote(s.Group)
	}
	switch s.Terminate {
	case ecsops.Replace:
		return "Terminate the machine through its group" + group + ", which starts a replacement"
	case ecsops.Shrink:
		return "Terminate the machine through its group" + group + ", whose capacity goes down by one"
	}
	return "Terminate the EC2 machine"
}

// Termination says what happens to the machine, as an option to choose.
func Termination(t ecsops.Termination) string {
	switch t {
	case ecsops.KeepRunning:
		return "Keep the machine running"
	case ecsops.Terminate:
		return "Terminate the machine"
	case ecsops.Replace:
		return "Terminate, and let the group start a replacement"
	case ecsops.Shrink:
		return "Terminate, and lower the group's capacity by one"
	}
	return "Unknown choice " + Quote(string(t))
}

// Action says what one AWS call does, as ordered.
func Action(a ecsops.Action) string {
	m := Machine(a.Target)
	switch a.Kind {
	case ecsops.ActDrain:
		return "set " + m + " to DRAINING"
	case ecsops.ActUndrain:
		return "set " + m + " back to ACTIVE"
	case ecsops.ActStopTask:
		return "stop task “" + TaskID(a.Task) + "” on " + m
	case ecsops.ActDeregister:
		return "deregister " + m + " without force"
	case ecsops.ActForceDeregister:
		return "deregister " + m + " by force"
	case ecsops.ActLookAtHost:
		return "have " + m + " list its containers (document " + Quote(a.Document) + ", which only reads)"
	case ecsops.ActDeregisterNode:
		return "deregister " + m + " from Systems Manager"
	case ecsops.ActTerminateEC2:
		return "terminate the machine " + m
	case ecsops.ActTerminateInGroup:
		if a.Decrement {
			return "terminate " + m + " through group " + Quote(a.Group) + " and lower its desired capacity by one"
		}
		return "terminate " + m + " through group " + Quote(a.Group) + ", which replaces it"
	}
	return "do " + Quote(string(a.Kind)) + " to " + m
}

// Outcome says what is known of an action's effect.
func Outcome(o ecsops.Outcome) string {
	said := ""
	if o.Code != "" {
		said = " (" + Quote(o.Code)
		if o.Message != "" {
			said += ": " + Quote(o.Message)
		}
		said += ")"
	}
	switch o.Code {
	case "NotObserved":
		return "the bot looked several times and it had not happened"
	case "NotHeard":
		return "its answer was lost, and nothing waits for it"
	case "NotSent":
		return "the bot was held up and did not send it, nothing was changed"
	}
	switch o.Result {
	case ecsops.OK:
		return "AWS accepted it"
	case ecsops.Refused:
		return "AWS refused it, nothing was changed" + said
	case ecsops.Throttled:
		return "AWS asked to slow down, nothing was changed" + said
	case ecsops.ResultUnknown:
		return "no clear answer, so it may have happened; the bot looks before anything else" + said
	}
	return "an outcome that this version cannot name: " + Quote(string(o.Result)) + said
}

// Sentence begins s with a capital letter, as a sentence begins.
func Sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || strings.HasPrefix(s, "ECS") || strings.HasPrefix(s, "EC2") || strings.HasPrefix(s, "AWS") {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

// GroupArithmetic says what a termination does to the group's numbers, before and after.
func GroupArithmetic(g ecsops.Group, t ecsops.Termination) string {
	s := "Auto Scaling group " + Quote(g.Name) + ": "
	if t == ecsops.Shrink {
		s += fmt.Sprintf("desired %d → %d (min %d, max %d); nothing is started in its place.", g.Desired, g.Desired-1, g.Min, g.Max)
		if g.Desired-1 < g.Min {
			s += " AWS will refuse: that is below the minimum."
		}
		return s
	}
	return s + fmt.Sprintf("desired stays %d (min %d, max %d); the group starts a replacement.", g.Desired, g.Min, g.Max)
}

// GroupChoice is what choosing an end for a group's machine does, with its arithmetic.
func GroupChoice(g ecsops.Group, t ecsops.Termination) string {
	switch {
	case t == ecsops.Replace:
		return fmt.Sprintf("replace it (desired stays %d)", g.Desired)
	case t == ecsops.Shrink && g.Desired <= g.Min:
		return fmt.Sprintf("not shrink: desired %d is the minimum", g.Desired)
	case t == ecsops.Shrink:
		return fmt.Sprintf("shrink (desired %d → %d)", g.Desired, g.Desired-1)
	}
	return "keep the machine, which the group goes on counting"
}

// TerminationHint says what choosing an end for the machine means, before its owner is known.
func TerminationHint(t ecsops.Termination) string {
	switch t {
	case ecsops.Terminate:
		return "For a machine that is in no Auto Scaling group"
	case ecsops.Replace:
		return "In a group: its desired capacity stays as it is"
	case ecsops.Shrink:
		return "In a group: desired capacity less one; not below its minimum"
	case ecsops.KeepRunning:
	}
	return "It goes on costing; the plan shows what else it could do"
}

// Pace says how often a drain is looked at where that is less often than configured; "" else.
func Pace(op workflow.Operation) string {
	p := op.Progress
	if p.Every <= 0 || op.State != workflow.Draining && op.State != workflow.StoppingTasks {
		return ""
	}
	return "Looked at every " + Duration(p.Every) + ", as " + Count(p.Drains, "drain") + " share AWS's budget here"
}
