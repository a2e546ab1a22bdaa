package blocks

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// drawProgress is the running card's body: the state, a line for each step, what
// holds it, what is asked.
func drawProgress(s *sheet, op workflow.Operation, o Options, d depth) {
	s.section("state", "*"+sayN(words.State(op.State)+progressCounts(op), d.line)+"*", etaLine(op, o))
	drawBlock(s, op, d)
	if op.Proposal != nil {
		s.section("proposal", "*A new revision ("+mrkdwn(strconv.Itoa(op.Revision+1))+") awaits a decision*")
		drawProposal(s, op, depth{min(d.items, 6), d.line})
		s.section("needs", needs(op, op.ProposalNeeds, o)...)
		s.context("expiry", "This offer ends "+when(op.ProposalExpires))
	}
	if o.PlanBlock {
		s.add(planBlock(s, op))
	} else {
		s.section("steps", foldedSteps(op, d)...)
	}
	drawHolding(s, op, d)
	s.context("looked", looked(op), say(words.Pace(op)), explanation(op), deadline(op))
}

// progressCounts is ": 3 of 7 tasks left", while there is something to count.
func progressCounts(op workflow.Operation) string {
	p := op.Progress
	if p.Total == 0 || op.State.Terminal() || op.State == workflow.Verifying || op.State == workflow.Terminating || op.State == workflow.Undoing {
		return ""
	}
	s := fmt.Sprintf(": %d of %s left", p.Left, words.Count(p.Total, "task"))
	if p.Stopping > 0 {
		s += fmt.Sprintf(" (%d of them stopping)", p.Stopping)
	}
	return s
}

func etaLine(op workflow.Operation, o Options) mrkdwn {
	switch {
	case op.State != workflow.Draining && op.State != workflow.StoppingTasks, op.Block != nil, len(op.Progress.Holds) > 0:
		return "" // what holds it says why nobody can tell
	case op.Progress.ETA > 0:
		return say("About " + words.Duration(op.Progress.ETA) + " more.")
	case op.Plan.ETA > 0 && !op.StartedAt.IsZero() && !o.Now.IsZero() && op.StartedAt.Add(op.Plan.ETA).After(o.Now):
		return say("About " + words.Duration(op.StartedAt.Add(op.Plan.ETA).Sub(o.Now)) + " more, as estimated at the start.")
	}
	return "How much longer cannot be said."
}

func drawBlock(s *sheet, op workflow.Operation, d depth) {
	b := op.Block
	if b == nil {
		return
	}
	lines := []mrkdwn{"⏸️ *" + sayN(words.BlockTitle(b.Reason), 200) + "*, since " + when(b.Since)}
	if words.Foreign(b.Call+b.Detail) != "" {
		lines = append(lines, blockDetail(*b))
	}
	if op.Proposal == nil || b.Reason != workflow.BlockedDeadline { // else the revision below is what is asked
		lines = append(lines, sayN(words.WayOutOf(op), d.line))
	}
	if !b.AskedUntil.IsZero() {
		lines = append(lines, "Without an answer by "+when(b.AskedUntil)+" "+say(words.Silence(op))+".")
	}
	s.section("block", lines...)
}

func blockDetail(b workflow.Block) mrkdwn {
	switch {
	case words.Foreign(b.Call) == "":
		return code(b.Detail)
	case words.Foreign(b.Detail) == "":
		return code(b.Call)
	}
	return code(b.Call) + ": " + code(b.Detail)
}

// drawProposal is the plan that asks again while another runs. What a yes starts
// is said where it is not what runs already.
func drawProposal(s *sheet, op workflow.Operation, d depth) {
	p := *op.Proposal
	drawVerdict(s, p, op.Changes, d, seeStatus(op.ID))
	if !decidable(p) {
		drawBarred(s, p, d, seeStatus(op.ID))
		return
	}
	drawFindings(s, p, d, seeStatus(op.ID))
	drawFates(s, p, op.Target, d, seeStatus(op.ID))
	if !sameSteps(p, op.Plan) {
		drawSteps(s, p, d)
		s.section("after", capacityLine(p), billingLine(p, op.Target))
	}
}

func sameSteps(a, b ecsops.Plan) bool {
	return slices.EqualFunc(a.Steps, b.Steps, func(x, y ecsops.Step) bool {
		return x.Kind == y.Kind && x.Terminate == y.Terminate && x.Group == y.Group && slices.Equal(x.Tasks, y.Tasks)
	})
}

// drawHolding names what still runs, and why it does not go.
func drawHolding(s *sheet, op workflow.Operation, d depth) {
	switch op.State {
	case workflow.Undoing:
		return // nothing is held any more
	case workflow.Verifying:
		s.section("pending", pendingLines(op, d)...)
		return
	}
	drawHolds(s, op, d)
	p := op.Progress
	var lines []mrkdwn
	if p.Unreadable != nil {
		lines = append(lines, sayN("The last look failed: "+words.Unknown(*p.Unreadable)+".", d.line))
	}
	others := unexplained(op)
	if n := max(p.Left-len(explained(op)), len(others)); len(others) > 0 {
		lines = append(lines, "*Still there*")
		items := min(d.items, len(others))
		list := bullets(n, depth{items, d.line}, func(i int) mrkdwn {
			return sayN(words.Task(others[i])+", "+words.Quote(others[i].Status), d.line)
		}, seeStatus(op.ID))
		lines = append(lines, list...)
	}
	s.section("holding", lines...)
}

// pendingLines are the checks that are not yet as they should be.
func pendingLines(op workflow.Operation, d depth) []mrkdwn {
	var lines []mrkdwn
	cs := op.Progress.Checks
	for _, c := range cs[:min(len(cs), 8)] {
		if c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped {
			lines = append(lines, checkLine(c, d))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]mrkdwn{"*Not yet verified*"}, lines...)
}

func looked(op workflow.Operation) mrkdwn {
	if op.Progress.LookedAt.IsZero() {
		return "Not looked yet"
	}
	return "Last looked " + when(op.Progress.LookedAt)
}

// explanation says how old the causes are, and how often they are read.
func explanation(op workflow.Operation) mrkdwn {
	if !op.Held() || op.Progress.ExplainedAt.IsZero() {
		return ""
	}
	return "What holds it was read " + when(op.Progress.ExplainedAt) + ", is read again each " + say(words.Duration(workflow.ExplainEvery))
}

func deadline(op workflow.Operation) mrkdwn {
	if op.Deadline.IsZero() || op.State != workflow.Draining && op.State != workflow.StoppingTasks || op.Block != nil && op.Block.Reason == workflow.BlockedDeadline {
		return ""
	}
	return "If it lasts beyond " + when(op.Deadline) + ", the bot asks"
}

// stepStatus is how far one step is.
type stepStatus int

const (
	stepPending stepStatus = iota
	stepCurrent
	stepDone
	stepFailed
	stepUndone
	stepUnsure
)

func (st stepStatus) mark() mrkdwn {
	return []mrkdwn{"○", "●", "✓", "✗", "↩", "?"}[st]
}

func (st stepStatus) words() mrkdwn {
	return []mrkdwn{"not begun", "in progress", "done", "refused", "undone", "not everything could be seen"}[st]
}

func (st stepStatus) card() slack.TaskCardStatus {
	return []slack.TaskCardStatus{slack.TaskCardStatusPending, slack.TaskCardStatusInProgress,
		slack.TaskCardStatusComplete, slack.TaskCardStatusError, slack.TaskCardStatusError, slack.TaskCardStatusError}[st]
}

// shownSteps bounds what a card draws of a plan's steps; a plan has seven kinds.
const shownSteps = 10

func stepLines(op workflow.Operation, d depth) []mrkdwn {
	var lines []mrkdwn
	for i, st := range op.Plan.Steps[:min(len(op.Plan.Steps), shownSteps)] {
		status := statusOf(op, i)
		lines = append(lines, status.mark()+" "+sayN(words.Step(st), d.line)+" ("+status.words()+stepCounts(op, st, status)+")")
	}
	return lines
}

func stepCounts(op workflow.Operation, st ecsops.Step, status stepStatus) mrkdwn {
	if st.Kind != ecsops.StepWait || status != stepCurrent || op.Progress.Total == 0 {
		return ""
	}
	return mrkdwn(fmt.Sprintf(", %d of %d left", op.Progress.Left, op.Progress.Total))
}

// statusOf tells how far step i is from the operation's state.
func statusOf(op workflow.Operation, i int) stepStatus {
	cur := currentStep(op)
	undone := op.State == workflow.Undoing || op.State == workflow.Stopped
	kind := op.Plan.Steps[i].Kind
	switch {
	case op.State == workflow.Done:
		return stepDone
	case op.State == workflow.Unverified && kind == ecsops.StepVerify:
		return stepUnsure
	case op.State == workflow.Unverified:
		return leftAt(op, kind)
	case undone && kind == ecsops.StepDrain && !op.DrainedAt.IsZero():
		return stepUndone
	case undone, cur < 0, i > cur:
		return stepPending
	case i < cur:
		return stepDone
	}
	return stepCurrent
}

// leftAt is a step of what ended without being wholly seen: all before the end was done but what
// AWS refused, or what was given up.
func leftAt(op workflow.Operation, kind ecsops.StepKind) stepStatus {
	undone := kind == ecsops.StepTerminate && op.OrderedTermination.IsZero() && !seenGone(op) ||
		kind == ecsops.StepDeregisterNode && op.Cause == "not_deregistered_in_ssm"
	switch {
	case !undone:
		return stepDone
	case op.Cause == "not_terminated" || kind == ecsops.StepDeregisterNode:
		return stepFailed
	}
	return stepPending
}

// currentStep is the index of the step that the state works on, or -1.
func currentStep(op workflow.Operation) int {
	kinds := stepsOf(op)
	for i, st := range op.Plan.Steps {
		for _, k := range kinds {
			if st.Kind == k {
				return i
			}
		}
	}
	return -1
}

func stepsOf(op workflow.Operation) []ecsops.StepKind {
	switch op.State {
	case workflow.Draining:
		if op.DrainedAt.IsZero() && op.Plan.Has(ecsops.StepDrain) {
			return []ecsops.StepKind{ecsops.StepDrain}
		}
		return []ecsops.StepKind{ecsops.StepWait}
	case workflow.StoppingTasks:
		return []ecsops.StepKind{ecsops.StepStopTasks}
	case workflow.Deregistering:
		if !op.GoneAt.IsZero() && op.Plan.Has(ecsops.StepDeregisterNode) {
			return []ecsops.StepKind{ecsops.StepDeregisterNode}
		}
		return []ecsops.StepKind{ecsops.StepDeregister, ecsops.StepForce}
	case workflow.Terminating:
		return []ecsops.StepKind{ecsops.StepTerminate}
	case workflow.Verifying:
		return []ecsops.StepKind{ecsops.StepVerify}
	}
	return nil
}

// planBlock draws the steps as Slack's plan block, which may be missing in old
// clients: hence behind Options.PlanBlock.
// https://docs.slack.dev/reference/block-kit/blocks/plan-block/
func planBlock(s *sheet, op workflow.Operation) slack.Block {
	var cards []*slack.TaskCardBlock
	for i, st := range op.Plan.Steps[:min(len(op.Plan.Steps), shownSteps)] {
		status := statusOf(op, i)
		title := words.ForeignN(words.Step(st)+" ("+string(status.words()+stepCounts(op, st, status))+")", planTitleLimit)
		cards = append(cards, slack.NewTaskCardBlock("step-"+strconv.Itoa(i+1), title).WithStatus(status.card()))
	}
	if len(cards) == 0 {
		return nil
	}
	title := words.ForeignN(words.State(op.State)+progressCounts(op), planTitleLimit)
	return slack.NewPlanBlock(title, slack.PlanBlockOptionBlockID(s.id("plan"))).WithTasks(cards...)
}
