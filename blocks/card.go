package blocks

import (
	"slices"
	"strconv"
	"strings"

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
	switch {
	case op.Bulk != nil:
		return bulkCard(op, tokens, o)
	case op.IsBatch():
		return batchCard(op, tokens)
	}
	return fit(func(d depth) Message {
		s := newSheet()
		s.header(headline(op))
		s.section("where", where(op.Target))
		switch {
		case op.State == workflow.Proposed, op.State == workflow.AwaitingApproval:
			drawUndecided(s, op, o, d)
		case op.State.Terminal():
			drawResult(s, op, d)
		default:
			drawProgress(s, op, o, d)
		}
		s.add(buttonRow(op, tokens))
		drawPeople(s, op)
		return Message{Text: fallback(spoken(op)), Blocks: s.blocks}
	})
}

// headline says what and where, in a header's 150 characters.
func headline(op workflow.Operation) string {
	m := words.Machine(op.Target)
	from := " from " + words.ForeignN(op.Target.Cluster.Name(), 60)
	if op.Plan.Intent.Purpose == ecsops.EndMachine {
		return machineHeadline(op, m)
	}
	switch op.State {
	case workflow.Done, workflow.Unverified:
		if (op.Plan.Has(ecsops.StepTerminate) || op.Plan.EndsManaged()) && seenGone(op) {
			return stateSymbol(op) + " " + m + " is deregistered" + from + " and terminated"
		}
		return stateSymbol(op) + " " + m + " is deregistered" + from
	case workflow.Stopped, workflow.RefusedOp, workflow.Expired:
		return words.StateSymbol(op.State) + " " + m + " was not deregistered" + from
	case workflow.Undoing:
		return words.StateSymbol(op.State) + " No longer deregistering " + m + from
	case workflow.Proposed, workflow.AwaitingApproval:
		if len(CardVerbs(op)) == 0 {
			return "Not deregistering " + m + from
		}
		switch p := shownPlan(op); {
		case p.EndsManaged():
			return "Deregister " + m + from + ", which terminates it?"
		case p.Intent.Force:
			return "Deregister " + m + from + " by force?"
		}
		return "Deregister " + m + from + "?"
	}
	return words.StateSymbol(op.State) + " Deregistering " + m + from
}

// machineHeadline is of an operation that only ends a machine.
func machineHeadline(op workflow.Operation, m string) string {
	switch {
	case op.State == workflow.Proposed, op.State == workflow.AwaitingApproval:
		if len(CardVerbs(op)) == 0 {
			return "Not terminating the machine " + m
		}
		return "Terminate the machine " + m + "?"
	case !op.State.Terminal():
		return words.StateSymbol(op.State) + " Terminating the machine " + m
	case seenGone(op):
		return words.StateSymbol(op.State) + " The machine " + m + " is terminated"
	}
	return words.StateSymbol(op.State) + " The machine " + m + " was not terminated"
}

// where is always shown: cluster, account, Region, registration.
func where(t ecsops.Target) mrkdwn { return whereID(t, words.ShortID(t.InstanceID())) }

func whereID(t ecsops.Target, id string) mrkdwn {
	return "Cluster " + code(t.Cluster.Name()) + " · account " + code(t.Account) + " · Region " + code(t.Region) + " · container instance " + code(id)
}

// spoken is the card as one text, for notifications and screen readers.
func spoken(op workflow.Operation) string {
	s := headline(op) + " (" + words.Where(op.Target) + "). "
	p := shownPlan(op)
	switch {
	case op.State == workflow.Proposed, op.State == workflow.AwaitingApproval:
		s += sentences(words.Verdict(p), words.First(p))
		if len(CardVerbs(op)) > 0 {
			s += " " + words.State(op.State) + "."
		}
		s += spokenOrphans(p, op.Target)
	case op.State.Terminal():
		s += sentences(stateWord(op)+".", causeLine(op))
		if forced(op) && (op.State == workflow.Done || op.State == workflow.Unverified) && laterResult(op, "V10") != ecsops.CheckPassed {
			s += spokenOrphans(op.Plan, op.Target)
		}
	default:
		s += words.State(op.State) + progressCounts(op) + "."
		if op.Block != nil {
			s += " " + words.BlockOf(op)
		}
		if held := words.HeldBy(blocking(op)); held != "" {
			s += " Held by: " + held + "."
		}
		if op.Proposal != nil {
			s += " A new revision awaits a decision: " + sentences(words.Verdict(p), words.First(p)) + spokenOrphans(p, op.Target)
		}
	}
	return s + " Operation " + words.Quote(op.ID) + "."
}

// sentences joins what is not empty.
func sentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func spokenOrphans(p ecsops.Plan, t ecsops.Target) string {
	if n := len(p.Orphans()); n > 0 {
		return " " + words.Orphans(n, t, p.Snapshot.EC2)
	}
	return ""
}

// drawPeople is the small print: who, which revision, until when.
func drawPeople(s *sheet, op workflow.Operation) {
	parts := []mrkdwn{"Operation " + code(op.ID) + ", revision " + mrkdwn(strconv.Itoa(CardRevision(op))),
		"Asked by " + who(op.Requester) + " " + when(op.CreatedAt)}
	if words.Foreign(op.Batch) != "" {
		parts = append(parts, "One of batch "+code(words.ForeignN(op.Batch, 40)))
	}
	if op.Confirmed != nil {
		parts = append(parts, "Confirmed by "+decider(*op.Confirmed, op))
	}
	if op.ProposalConfirmed != nil {
		parts = append(parts, "Revision "+mrkdwn(strconv.Itoa(op.ProposalConfirmed.Revision))+" confirmed by "+who(op.ProposalConfirmed.Actor))
	}
	for i, a := range op.Approvals {
		if i < 3 {
			parts = append(parts, "Approved by "+decider(a, op))
		}
	}
	if op.StopBy != nil {
		parts = append(parts, "Called off by "+who(*op.StopBy))
	}
	if reason := shownPlan(op).Intent.Reason; words.Foreign(reason) != "" {
		parts = append(parts, "Reason: "+code(reason))
	}
	if p := shownPlan(op); p.Digest != "" {
		parts = append(parts, "Plan "+code(words.ForeignN(p.Digest, 13)))
	}
	s.context("people", parts...)
}

// decider names who decided, and on which revision where it is not the one shown.
func decider(a workflow.Approval, op workflow.Operation) mrkdwn {
	if a.Revision == CardRevision(op) {
		return who(a.Actor)
	}
	return who(a.Actor) + " (revision " + mrkdwn(strconv.Itoa(a.Revision)) + ")"
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
//   - undecided: confirm, the other ends that a group's machine may have, cancel, and
//     force when the plan has tasks that a drain does not move. A forced plan has cancel, confirm: its confirm opens
//     ForceModal (the instance id is typed there), as force's does.
//   - awaiting approval: approve, deny, cancel; of a force: cancel, deny, approve.
//   - running: stop. While something holds the drain also what may free it: wait
//     once half of the time is over, stop_tasks for standalone tasks, force where the
//     machine is stopped or gone. At the drain's deadline: wait, stop, force. A proposal
//     that came up meanwhile (drift, force) has confirm, or approve and deny, beside stop.
//   - a batch: confirm, cancel; while some of it waits, stop. One of drains: approve and deny
//     where it needs a second person; go_on after a surprise.
//   - deregistered, undoing, ended, or barred by R10 or R11: none.
func CardVerbs(op workflow.Operation) []workflow.Verb {
	switch {
	case op.IsBatch():
		return batchVerbs(op)
	case op.State.Terminal(), op.State == workflow.Undoing:
		return nil
	case op.State == workflow.Proposed:
		return undecidedVerbs(op)
	case op.State == workflow.AwaitingApproval:
		if op.Plan.Intent.Force || op.Plan.EndsManaged() {
			return []workflow.Verb{workflow.Cancel, workflow.Deny, workflow.Approve}
		}
		return []workflow.Verb{workflow.Approve, workflow.Deny, workflow.Cancel}
	case op.Proposal != nil:
		return proposalVerbs(op)
	case op.State == workflow.Verifying, !op.GoneAt.IsZero() && op.State != workflow.Terminating, !op.OrderedTermination.IsZero():
		return nil
	}
	return runningVerbs(op)
}

func undecidedVerbs(op workflow.Operation) []workflow.Verb {
	p := op.Plan
	switch {
	case len(p.Barred()) > 0 || len(p.Steps) == 0:
		return nil
	case p.Intent.Force, p.EndsManaged():
		return []workflow.Verb{workflow.Cancel, workflow.Confirm}
	}
	out := append([]workflow.Verb{workflow.Confirm}, op.Choices()...)
	out = append(out, workflow.Cancel)
	if forceHasPoint(p) {
		out = append(out, workflow.Force)
	}
	return out
}

func proposalVerbs(op workflow.Operation) []workflow.Verb {
	switch {
	case !decidable(*op.Proposal):
		return []workflow.Verb{workflow.Stop}
	case op.ProposalConfirmed != nil && op.Proposal.Intent.Force:
		return []workflow.Verb{workflow.Stop, workflow.Deny, workflow.Approve}
	case op.ProposalConfirmed != nil:
		return []workflow.Verb{workflow.Approve, workflow.Deny, workflow.Stop}
	case op.Proposal.Intent.Force:
		return []workflow.Verb{workflow.Stop, workflow.Confirm}
	}
	return []workflow.Verb{workflow.Confirm, workflow.Stop}
}

// forceHasPoint reports whether a forced deregistration would do what the plan
// itself does not: leave tasks behind that a drain waits for or cannot move.
func forceHasPoint(p ecsops.Plan) bool {
	if p.Path != ecsops.PathDrain && p.Path != ecsops.PathObserve && p.Path != ecsops.PathDisconnected || p.Intent.Purpose == ecsops.Reuse {
		return false
	}
	if slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool {
		return f.Rule == ecsops.RuleSpot && len(f.Names) > 0 && f.Names[0] != ecsops.SpotQuiet
	}) {
		return false // an interruption ends what a force would leave behind
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

// AsksForTypedID reports whether confirm should open ForceModal first. The force
// button always does.
func AsksForTypedID(op workflow.Operation) bool {
	needs := op.Needs
	if op.Proposal != nil {
		needs = op.ProposalNeeds
	}
	return slices.Contains(needs, policy.TypedID) || shownPlan(op).Intent.Force
}

func buttonRow(op workflow.Operation, tokens map[workflow.Verb]string) slack.Block {
	var bs []slack.BlockElement
	for _, v := range CardVerbs(op) {
		if t := tokens[v]; t != "" && runeCount(t) <= valueLimit {
			bs = append(bs, button(op, v, t))
		}
	}
	if len(bs) == 0 {
		return nil
	}
	return slack.NewActionBlock("verbs", bs...)
}

// button labels a verb for this plan. Danger is the style of force alone; what a
// screen reader says names the instance.
func button(op workflow.Operation, v workflow.Verb, token string) *slack.ButtonBlockElement {
	force := shownPlan(op).Intent.Force || shownPlan(op).EndsManaged()
	label := words.Button(v, shownPlan(op))
	switch {
	case op.IsBatch():
		label = words.BatchButton(v, op)
	case v == workflow.Stop:
		label = words.StopButton(op)
	}
	b := slack.NewButtonBlockElement(string(v), token, plain(label, buttonLimit))
	b.AccessibilityLabel = words.ForeignN(label+": "+words.Subject(op)+" in "+op.Clusters()[0].Name(), buttonLimit)
	switch {
	case v == workflow.Force, force && (v == workflow.Confirm || v == workflow.Approve):
		b.Style = slack.StyleDanger
	case v == workflow.Confirm || v == workflow.Approve:
		b.Style = slack.StylePrimary
	}
	return b
}
