package blocks

import (
	"slices"
	"strconv"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// bulkCard draws a batch of drains: how it goes about it, what holds for all of its instances
// at once, and a row for each.
func bulkCard(op workflow.Operation, tokens map[workflow.Verb]string, o Options) Message {
	return fit(func(d depth) Message {
		s := newSheet()
		s.header(bulkHeadline(op))
		s.section("where", batchWhere(op, d))
		if undecidedBulk(op) {
			drawBulkPlan(s, op, o, d)
		} else {
			drawBulkState(s, op, d)
		}
		drawRows(s, op, d)
		drawLeftOut(s, op, d)
		s.add(buttonRow(op, tokens))
		drawPeople(s, op)
		return Message{Text: fallback(spokenBulk(op)), Blocks: s.blocks}
	})
}

// BulkDryRun shows a batch of drains that is not proposed: all of its rows, and no button.
func BulkDryRun(op workflow.Operation) []Message {
	first := fit(func(d depth) Message {
		s := newSheet()
		s.header("Dry run: " + words.Subject(op) + " from " + words.ForeignN(op.Target.Cluster.Name(), 60))
		s.section("where", batchWhere(op, d))
		drawBulkPlan(s, op, Options{}, d)
		drawRows(s, op, d)
		drawLeftOut(s, op, d)
		s.context("plan_only", "Dry run: nothing was and nothing will be done", "Read "+when(op.Plan.Snapshot.ReadAt))
		return Message{Text: fallback("Dry run, nothing is done: " + words.Subject(op) + " (" + words.SubjectWhere(op) + "). " + bulkVerdict(op)), Blocks: s.blocks}
	})
	if len(op.Rows) <= mostRows {
		return []Message{first}
	}
	return append([]Message{first}, pages(batchLines(op), "Dry run of "+words.Subject(op)+", every row", detailsMost-1)...)
}

// mostRows is how many rows of a batch of drains a card shows; the rest is counted.
const mostRows = 40

func undecidedBulk(op workflow.Operation) bool {
	return op.State == workflow.Proposed || op.State == workflow.AwaitingApproval
}

func bulkHeadline(op workflow.Operation) string {
	n, from := words.Subject(op), " from "+words.ForeignN(op.Target.Cluster.Name(), 60)
	switch op.State {
	case workflow.Proposed, workflow.AwaitingApproval:
		return "Deregister " + n + from + "?"
	case workflow.Done, workflow.Unverified:
		return words.StateSymbol(op.State) + " Deregistration of " + n + from + " ended"
	case workflow.Stopped, workflow.RefusedOp, workflow.Expired:
		return words.StateSymbol(op.State) + " Not deregistered: " + n + from
	}
	return words.StateSymbol(op.State) + " Deregistering " + n + from
}

// bulkVerdict is the worst of the rows and of all at once.
func bulkVerdict(op workflow.Operation) string {
	n := map[ecsops.Severity]int{}
	for _, r := range op.Rows {
		n[r.Leave.Verdict]++
	}
	s := words.Severity(op.Plan.Verdict)
	switch op.Plan.Verdict {
	case ecsops.Green:
		return s + ": no risk found."
	case ecsops.Amber:
		return s + ": " + words.Count(n[ecsops.Amber], "row") + " with warnings to read first."
	}
	return s + ": " + words.Count(n[ecsops.Red], "row") + " with a serious risk of " + strconv.Itoa(len(op.Rows)) + "; a second person must approve the whole batch."
}

func drawBulkPlan(s *sheet, op workflow.Operation, o Options, d depth) {
	s.section("verdict", mrkdwn(words.Symbol(op.Plan.Verdict))+" *"+say(bulkVerdict(op))+"*", sayN(words.BulkOrder(op), 900))
	if f := words.Foreign(op.Bulk.Filter); f != "" {
		s.section("filter", "Chosen by the filter "+codeN(op.Bulk.Filter, 300)+"; the rows are what it matched when it was read.")
	}
	drawFindings(s, op.Plan, depth{items: min(d.items, 6), line: d.line}, "")
	drawRooms(s, op.Plan, depth{items: min(d.items, 8), line: d.line}, "")
	if ends := words.BulkEnds(op); ends != "" {
		s.section("ends", "🛑 "+sayN(ends, 600))
	}
	s.context("honest", say(words.BulkHonest()), say(words.BulkBilling(op)))
	s.section("needs", needs(op, op.Needs, o)...)
}

func drawBulkState(s *sheet, op workflow.Operation, d depth) {
	head := say(trimmedState(op))
	if w := words.WaveNow(op); w != "" && !op.State.Terminal() {
		head += mrkdwn(", " + lower(w))
	}
	lines := []mrkdwn{mrkdwn(words.StateSymbol(op.State)) + " *" + head + "*" + mrkdwn(": "+bulkCounts(op))}
	if b := op.Block; b != nil {
		lines = append(lines, "⚠️ "+sayN(words.BlockOf(op), 600))
	} else if short := op.Bulk.Short; short != nil && !op.State.Terminal() {
		lines = append(lines, "⏸️ "+sayN(words.Shortage(*short), 400))
	}
	lines = append(lines, sayN(words.RowsExplained(op.Rows), 400))
	if !op.State.Terminal() {
		lines = append(lines, sayN(words.Sentence(words.Limit(op.Bulk.Limit, op.Bulk.Most))+", one Availability Zone at a time.", d.line))
	}
	if op.State == workflow.Done || op.State == workflow.Unverified {
		lines = append(lines, sayN(words.BulkBilling(op), 400))
	}
	s.section("state", lines...)
}

func trimmedState(op workflow.Operation) string {
	switch {
	case op.State.Terminal() && op.Cause != "":
		return words.Stop(words.Cause(op.Cause))
	case op.State == workflow.Releasing && op.StopBy != nil:
		return "Stopped: what is under way is being undone"
	case op.State == workflow.Releasing:
		return "Draining in waves"
	}
	return words.State(op.State)
}

// bulkCounts says how many rows stand where.
func bulkCounts(op workflow.Operation) string {
	n := map[workflow.RowState]int{}
	for _, r := range op.Rows {
		n[r.State]++
	}
	s := strconv.Itoa(n[workflow.RowDone]+n[workflow.RowUnverified]) + " of " + strconv.Itoa(len(op.Rows)) + " deregistered"
	for _, part := range []struct {
		n    int
		what string
	}{{n[workflow.RowRunning], "under way"}, {n[workflow.RowWaiting], "waiting"}, {n[workflow.RowSkipped], "not deregistered"}} {
		if part.n > 0 {
			s += ", " + strconv.Itoa(part.n) + " " + part.what
		}
	}
	return s
}

// shownRows are those that a card has room for: what is under way and what went wrong first.
func shownRows(op workflow.Operation, most int) []workflow.Row {
	if op.Bulk == nil || len(op.Rows) <= most {
		return op.Rows[:min(len(op.Rows), most)]
	}
	rank := func(r workflow.Row) int {
		switch {
		case r.State == workflow.RowRunning:
			return 0
		case r.State == workflow.RowUnverified || r.State == workflow.RowSkipped:
			return 1
		case r.State == workflow.RowWaiting && r.Leave.Verdict == ecsops.Red:
			return 2
		case r.State == workflow.RowWaiting:
			return 3
		}
		return 4
	}
	rows := slices.Clone(op.Rows)
	slices.SortStableFunc(rows, func(a, b workflow.Row) int { return rank(a) - rank(b) })
	return rows[:most]
}

// leavingLine is one row of a batch of drains.
func leavingLine(op workflow.Operation, r workflow.Row, d depth) mrkdwn {
	l := mrkdwn(words.RowSymbol(r.State))
	if undecidedBulk(op) {
		l = mrkdwn(words.Symbol(r.Leave.Verdict))
	}
	l += " " + code(words.Machine(r.Target)) + " " + codeN(r.Leave.AZ, 30) + " wave " + mrkdwn(strconv.Itoa(r.Leave.Wave))
	if undecidedBulk(op) {
		return l + ": " + sayN(words.LeavingBrief(*r.Leave), d.line)
	}
	return l + ": " + sayN(words.Row(r), d.line)
}

func drawLeftOut(s *sheet, op workflow.Operation, d depth) {
	left := op.Bulk.Left
	if len(left) == 0 {
		return
	}
	lines, rest := []mrkdwn{"*Left out, and left alone*"}, mrkdwn("")
	if op.ID != "" {
		rest = seeStatus(op.ID)
	}
	s.section("left_out", append(lines, bullets(len(left), depth{items: max(min(d.items, 10), 2), line: d.line}, func(i int) mrkdwn {
		return sayN(words.LeftOut(left[i]), d.line)
	}, rest)...)...)
}

// spokenBulk is the card as one text.
func spokenBulk(op workflow.Operation) string {
	s := bulkHeadline(op) + " (" + words.SubjectWhere(op) + "). "
	if undecidedBulk(op) {
		s += bulkVerdict(op) + " " + words.State(op.State) + "."
	} else {
		s += words.Stop(trimmedState(op)) + " " + bulkCounts(op) + "."
		if op.Block != nil {
			s += " " + words.BlockOf(op)
		}
	}
	for _, r := range shownRows(op, 10) {
		s += " " + words.Machine(r.Target) + ": " + words.Row(r) + "."
	}
	return s + " Operation " + words.Quote(op.ID) + "."
}

// bulkVerbs are the buttons of a batch of drains.
func bulkVerbs(op workflow.Operation) []workflow.Verb {
	switch {
	case op.State == workflow.Proposed:
		return []workflow.Verb{workflow.Confirm, workflow.Cancel}
	case op.State == workflow.AwaitingApproval:
		return []workflow.Verb{workflow.Approve, workflow.Deny, workflow.Cancel}
	case op.State != workflow.Releasing || op.StopBy != nil:
		return nil
	case op.Block != nil && op.Block.Reason == workflow.BlockedSurprise:
		return []workflow.Verb{workflow.GoOn, workflow.Stop}
	}
	return []workflow.Verb{workflow.Stop}
}

// bulkAsk asks the approvers for a decision on a whole batch.
func bulkAsk(op workflow.Operation, o Options) Message {
	s := newSheet()
	lines := []mrkdwn{"❓ *Approval wanted:* deregister " + mrkdwn(words.Subject(op)) + " in waves, asked by " + who(op.Requester) + "."}
	if len(o.Approvers) > 0 {
		lines = append(lines, principals(o.Approvers))
	}
	lines = append(lines, mrkdwn(words.Symbol(op.Plan.Verdict))+" "+sayN(bulkVerdict(op), 700))
	s.section("ask", lines...)
	s.section("where", batchWhere(op, depth{items: 3}))
	s.context("people", "Operation "+code(words.ForeignN(op.ID, 40)), "Read the card, then decide on its buttons; the person who asked cannot", "Ends "+when(expiry(op)))
	text := "Approval wanted: deregister " + words.Subject(op) + " (" + words.SubjectWhere(op) + "). " + bulkVerdict(op) + " Operation " + words.Quote(op.ID) + "."
	return Message{Text: fallback(text), Blocks: s.blocks}
}
