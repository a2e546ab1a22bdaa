package blocks

import (
	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// Card draws an operation as it stands: its plan while undecided, its progress
// while it runs, its result once it ended. Buttons appear for the verbs of
// CardVerbs that have a token; without tokens the card has none.
func Card(op workflow.Operation, tokens map[workflow.Verb]string, o Options) Message {
	title := "Deregister " + words.Machine(op.Target)
	bs := []slack.Block{
		slack.NewHeaderBlock(plain(title, 150)),
		slack.NewSectionBlock(md(say(words.Where(op.Target))), nil, nil),
	}
	if row := buttonRow(op, tokens); row != nil {
		bs = append(bs, row)
	}
	return Message{Text: fallback(title + ": " + words.State(op.State)), Blocks: bs}
}

// CardRevision is the plan revision that the card's buttons speak of: the shown
// proposal's when one awaits a decision, else the current one.
func CardRevision(op workflow.Operation) int {
	if op.Proposal != nil {
		return op.Revision + 1
	}
	return op.Revision
}

// shownPlan is the plan that awaits a decision, or the current one.
func shownPlan(op workflow.Operation) ecsops.Plan {
	if op.Proposal != nil {
		return *op.Proposal
	}
	return op.Plan
}

// CardVerbs lists the buttons of op's card in the order they are drawn, each at
// most once, the dangerous one last:
//
//   - undecided: confirm, cancel, and force when the plan has tasks that a drain
//     does not move. A forced plan has cancel, confirm: its confirm opens
//     ForceModal (the instance id is typed there).
//   - awaiting approval: approve, deny, cancel.
//   - running: stop. At the drain's deadline: wait, stop, force. A proposal that
//     came up meanwhile (drift, force) adds confirm, or approve and deny.
//   - undoing, ended, or barred by R10 or R11: none.
func CardVerbs(op workflow.Operation) []workflow.Verb {
	switch {
	case op.State.Terminal(), op.State == workflow.Undoing:
		return nil
	case op.State == workflow.Proposed:
		return undecidedVerbs(op.Plan)
	case op.State == workflow.AwaitingApproval:
		return []workflow.Verb{workflow.Approve, workflow.Deny, workflow.Cancel}
	case op.Proposal != nil:
		return proposalVerbs(op)
	case op.State == workflow.Verifying:
		return nil
	case op.Block != nil && op.Block.Reason == workflow.BlockedDeadline:
		return []workflow.Verb{workflow.Wait, workflow.Stop, workflow.Force}
	}
	return []workflow.Verb{workflow.Stop}
}

func undecidedVerbs(p ecsops.Plan) []workflow.Verb {
	switch {
	case len(p.Barred()) > 0 || len(p.Steps) == 0:
		return nil
	case p.Intent.Force:
		return []workflow.Verb{workflow.Cancel, workflow.Confirm}
	case forceHasPoint(p):
		return []workflow.Verb{workflow.Confirm, workflow.Cancel, workflow.Force}
	}
	return []workflow.Verb{workflow.Confirm, workflow.Cancel}
}

func proposalVerbs(op workflow.Operation) []workflow.Verb {
	switch {
	case len(op.Proposal.Barred()) > 0:
		return []workflow.Verb{workflow.Stop}
	case op.Confirmed != nil && op.Confirmed.Revision == op.Revision+1:
		return []workflow.Verb{workflow.Stop, workflow.Deny, workflow.Approve}
	}
	return []workflow.Verb{workflow.Stop, workflow.Confirm}
}

// forceHasPoint reports whether a forced deregistration would do what the plan
// itself does not: leave tasks behind that a drain waits for or cannot move.
func forceHasPoint(p ecsops.Plan) bool {
	if p.Path != ecsops.PathDrain && p.Path != ecsops.PathObserve && p.Path != ecsops.PathDisconnected {
		return false
	}
	for _, f := range p.Fates {
		if f.Fate == ecsops.FateWaits || f.Fate == ecsops.FateStuck {
			return true
		}
	}
	return false
}

// AsksForTasks reports whether confirm should open StopTasksModal first: the
// plan has standalone tasks that nobody decided on.
func AsksForTasks(op workflow.Operation) bool {
	p := shownPlan(op)
	return !p.Intent.Force && len(waitingTasks(p)) > 0
}

func waitingTasks(p ecsops.Plan) []ecsops.TaskRef {
	var out []ecsops.TaskRef
	for _, f := range p.Fates {
		if f.Fate == ecsops.FateWaits && f.Task.Class == ecsops.Standalone {
			out = append(out, f.Task)
		}
	}
	return out
}

// AsksForTypedID reports whether confirm should open ForceModal first.
func AsksForTypedID(op workflow.Operation) bool {
	for _, n := range op.Needs {
		if n == policy.TypedID {
			return true
		}
	}
	return shownPlan(op).Intent.Force
}

func buttonRow(op workflow.Operation, tokens map[workflow.Verb]string) slack.Block {
	var bs []slack.BlockElement
	for _, v := range CardVerbs(op) {
		t, ok := tokenFor(tokens, v)
		if !ok {
			continue
		}
		bs = append(bs, button(op, v, t))
	}
	if len(bs) == 0 {
		return nil
	}
	return slack.NewActionBlock("verbs", bs...)
}

func button(op workflow.Operation, v workflow.Verb, token string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(string(v), token, plain(string(v), 75))
}
