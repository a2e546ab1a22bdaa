package blocks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// Action ids of the list of ghosts. ActionGhostClean is followed by ":" and a number, as
// ids are unique in a message; the button's value says which ghost.
const (
	ActionGhostClean = "ghost_clean"
	ActionGhostsAll  = "ghosts_clean_all"
	ActionGhostsMore = "ghosts_more"
)

// GhostList is one page of a sweep. ID is an opaque name under which the sweep is
// remembered; without it there are no buttons. Clean offers the clean-up.
type GhostList struct {
	ID     string
	Sweep  ecsops.Ghosts
	Offset int // of the page
	Clean  bool
}

// ordered are the ghosts as they are shown: what can be cleaned first, then what is
// missing, then what is none.
func (l GhostList) ordered() []ecsops.Ghost {
	var out []ecsops.Ghost
	for _, k := range []ecsops.GhostKind{ecsops.GhostProven, ecsops.GhostUnproven, ecsops.GhostDisconnected, ecsops.GhostHostStopped, ecsops.GhostChanging} {
		out = append(out, l.Sweep.Of(k)...)
	}
	return out
}

// GhostAt is the ghost that a button's number speaks of; false for another number.
func (l GhostList) GhostAt(n int) (ecsops.Ghost, bool) {
	all := l.ordered()
	if n < 0 || n >= len(all) {
		return ecsops.Ghost{}, false
	}
	return all[n], true
}

// Ghosts shows a page of registrations whose agents are not connected, by kind, each proven
// ghost with its proof and a button to clean it up; and what could not be read.
func Ghosts(l GhostList, now time.Time) Message {
	all := l.ordered()
	from := min(max(l.Offset, 0), len(all))
	return fit(func(d depth) Message {
		s := newSheet()
		title := ghostsTitle(l.Sweep)
		s.section("title", bold(title), sayN(words.Count(len(l.Sweep.Searched), "cluster")+" searched"+readAgo(l.Sweep.ReadAt, now), d.line))
		to := min(from+max(d.items, 1), len(all))
		for i := from; i < to; i++ {
			if i == from || all[i].Kind != all[i-1].Kind {
				s.section("kind", bold(words.GhostKind(all[i].Kind, len(l.Sweep.Of(all[i].Kind)))), sayN(words.GhostWayOut(all[i].Kind), d.line))
			}
			s.add(ghostSection(s, l, all[i], i, d))
		}
		drawUnread(s, l.Sweep.Unreadable, d)
		if to < len(all) {
			s.context("more", mrkdwn("Shown: "+strconv.Itoa(from+1)+" to "+strconv.Itoa(to)+" of "+strconv.Itoa(len(all)))+". To narrow it: "+code("/ecs ghosts CLUSTER"))
		}
		s.add(ghostButtons(l, to, len(all)))
		return Message{Text: fallback(spokenGhosts(l.Sweep, title)), Blocks: s.blocks}
	})
}

func ghostsTitle(g ecsops.Ghosts) string {
	switch n := len(g.Proven()); {
	case n > 0:
		return words.Count(n, "ghost") + " found"
	case len(g.Unreadable) > 0 || len(g.Of(ecsops.GhostUnproven)) > 0:
		return "No ghost is proven, and not everything could be read"
	}
	return "No ghosts"
}

func readAgo(at, now time.Time) string {
	if at.IsZero() || now.Sub(at) < time.Minute {
		return ""
	}
	return ", " + words.Duration(now.Sub(at)) + " ago"
}

func ghostSection(s *sheet, l GhostList, g ecsops.Ghost, n int, d depth) slack.Block {
	head := []mrkdwn{code(words.Machine(g.Target)) + " in " + code(g.Target.Cluster.Name()), code(g.Target.Account) + " " + code(g.Target.Region), code(g.Status)}
	if words.Foreign(g.Name) != "" {
		head = append(head, codeN(g.Name, 60))
	}
	head = append(head, "registration "+code(words.ShortID(g.Target.InstanceID())))
	lines := []mrkdwn{joinMrkdwn(head, partsSep), sayN(words.StaleTasks(g.Running+g.Pending)+". "+words.Sentence(ghostProof(g))+".", d.line)}
	b := slack.NewSectionBlock(md(paragraph(lines, sectionLimit)), nil, nil)
	b.BlockID = s.id("ghost")
	if l.ID != "" && l.Clean && g.Kind == ecsops.GhostProven {
		button := slack.NewButtonBlockElement(ActionGhostClean+":"+strconv.Itoa(n), ghostValue(l.ID, n), plain("Clean up…", buttonLimit))
		button.AccessibilityLabel = words.ForeignN("Clean up "+words.Machine(g.Target)+" in "+g.Target.Cluster.Name(), buttonLimit)
		b.Accessory = slack.NewAccessory(button)
	}
	return b
}

// ghostProof is what is known of the machine, or why nothing is.
func ghostProof(g ecsops.Ghost) string {
	if g.Why != nil {
		return words.GhostDoubt(*g.Why)
	}
	return words.Proof(g.Proof)
}

func ghostValue(id string, n int) string { return words.ForeignN(id, 64) + "/" + strconv.Itoa(n) }

func drawUnread(s *sheet, us []ecsops.Unknown, d depth) {
	if len(us) == 0 {
		return
	}
	lines := []mrkdwn{"⚠️ *Not read; there may be ghosts there*"}
	s.section("unread", append(lines, bullets(len(us), depth{items: max(d.items, 3), line: d.line}, func(i int) mrkdwn {
		return sayN(words.UnreadPlace(us[i]), d.line)
	}, "")...)...)
}

func ghostButtons(l GhostList, shown, of int) slack.Block {
	var bs []slack.BlockElement
	if n := len(l.Sweep.Proven()); l.ID != "" && l.Clean && n > 1 {
		label := fmt.Sprintf("Clean up all %d…", n)
		if n > workflow.MaxBatch {
			label = fmt.Sprintf("Clean up the first %d…", workflow.MaxBatch)
		}
		b := slack.NewButtonBlockElement(ActionGhostsAll, ghostValue(l.ID, 0), plain(label, buttonLimit))
		b.Style = slack.StylePrimary
		bs = append(bs, b)
	}
	if l.ID != "" && shown < of {
		bs = append(bs, slack.NewButtonBlockElement(ActionGhostsMore, ghostValue(l.ID, shown), plain("Show the next", buttonLimit)))
	}
	if len(bs) == 0 {
		return nil
	}
	return slack.NewActionBlock("ghosts", bs...)
}

func spokenGhosts(g ecsops.Ghosts, title string) string {
	s := title + " in " + words.Count(len(g.Searched), "cluster") + "."
	proven := g.Proven()
	for _, one := range proven[:min(len(proven), 10)] {
		s += " " + words.Machine(one.Target) + " in " + words.Quote(one.Target.Cluster.Name()) + ": " + words.Proof(one.Proof) + "."
	}
	for _, u := range g.Unreadable[:min(len(g.Unreadable), 3)] {
		s += " " + words.Sentence(words.UnreadPlace(u)) + "."
	}
	return s
}

// batchCard draws a batch: a row for each ghost, as it stands.
func batchCard(op workflow.Operation, tokens map[workflow.Verb]string) Message {
	return fit(func(d depth) Message {
		s := newSheet()
		s.header(batchHeadline(op))
		s.section("where", batchWhere(op, d))
		if op.State == workflow.Proposed {
			s.section("verdict", "✅ *Safe to clean up: every machine is gone*",
				"Nothing can be orphaned, so one yes is enough. Each ghost is proven again right before its registration is removed by force; what is none any more is left alone.")
		} else {
			s.section("state", mrkdwn(words.StateSymbol(op.State))+" *"+say(strings.TrimSuffix(batchState(op), "."))+"*"+mrkdwn(": "+rowCounts(op)), sayN(words.RowsExplained(op.Rows), 400))
		}
		drawRows(s, op, d)
		s.add(buttonRow(op, tokens))
		drawPeople(s, op)
		return Message{Text: fallback(spokenBatch(op)), Blocks: s.blocks}
	})
}

func batchHeadline(op workflow.Operation) string {
	n := words.Subject(op)
	switch op.State {
	case workflow.Proposed:
		return "Clean up " + n + "?"
	case workflow.Done, workflow.Unverified:
		return words.StateSymbol(op.State) + " Clean-up of " + n + " ended"
	case workflow.Stopped, workflow.RefusedOp, workflow.Expired:
		return words.StateSymbol(op.State) + " Not cleaned up: " + n
	}
	return words.StateSymbol(op.State) + " Cleaning up " + n
}

// batchState is the state, with the cause where it ended.
func batchState(op workflow.Operation) string {
	if cause := words.Cause(op.Cause); op.State.Terminal() && op.Cause != "" && say(strings.TrimSuffix(cause, ".")) != "" {
		return cause // a cause that nothing is left of when it is cleaned says nothing
	}
	if op.State == workflow.Releasing && op.StopBy != nil {
		return "Stopped; those under way go on"
	}
	return words.State(op.State)
}

// rowCounts says how many rows stand where.
func rowCounts(op workflow.Operation) string {
	n := map[workflow.RowState]int{}
	for _, r := range op.Rows {
		n[r.State]++
	}
	s := strconv.Itoa(n[workflow.RowDone]+n[workflow.RowUnverified]) + " of " + strconv.Itoa(len(op.Rows)) + " removed"
	if k := n[workflow.RowSkipped]; k > 0 {
		s += ", " + strconv.Itoa(k) + " left alone"
	}
	if k := n[workflow.RowRunning]; k > 0 {
		s += ", " + strconv.Itoa(k) + " under way"
	}
	return s
}

func batchWhere(op workflow.Operation, d depth) mrkdwn {
	cs := op.Clusters()
	var parts []mrkdwn
	for _, c := range cs[:min(len(cs), max(d.items, 3))] {
		parts = append(parts, "Cluster "+code(c.Name())+" ("+code(c.Account())+", "+code(c.Region())+")")
	}
	if more := len(cs) - len(parts); more > 0 {
		parts = append(parts, "…and "+mrkdwn(words.Count(more, "cluster"))+" more")
	}
	return joinMrkdwn(parts, partsSep)
}

// fewerRows is what the smallest drawings show of a batch.
const fewerRows = 25

// drawRows packs the rows into as few sections as hold them.
func drawRows(s *sheet, op workflow.Operation, d depth) {
	most := len(op.Rows)
	if op.Bulk != nil {
		most = mostRows
	}
	if d.items < 3 {
		most = min(most, fewerRows*max(d.items, 1)/2)
	}
	rows := shownRows(op, most)
	oneCluster := len(op.Clusters()) == 1
	var lines []mrkdwn
	used := 0
	flush := func() {
		s.section("rows", lines...)
		lines, used = nil, 0
	}
	for _, r := range rows {
		l := rowLine(op, r, oneCluster, d)
		if n := runeCount(string(l)) + 1; used+n > sectionLimit-100 {
			flush()
		}
		lines, used = append(lines, l), used+runeCount(string(l))+1
	}
	if more := len(op.Rows) - len(rows); more > 0 {
		rest := mrkdwn("…and " + words.Count(more, "row") + " more")
		if op.ID != "" {
			rest += seeStatus(op.ID)
		}
		lines = append(lines, rest)
	}
	flush()
}

func rowLine(op workflow.Operation, r workflow.Row, oneCluster bool, d depth) mrkdwn {
	if r.Leave != nil {
		return leavingLine(op, r, d)
	}
	l := mrkdwn(words.RowSymbol(r.State)) + " " + code(words.Machine(r.Target))
	if !oneCluster {
		l += " in " + codeN(r.Target.Cluster.Name(), 60)
	}
	if op.State == workflow.Proposed {
		return l + ": " + sayN(words.ProofBrief(r.Proof, r.Tasks), d.line)
	}
	return l + ": " + sayN(words.Row(r), d.line)
}

// spokenBatch is the card as one text.
func spokenBatch(op workflow.Operation) string {
	s := batchHeadline(op) + " (" + words.SubjectWhere(op) + "). "
	if op.State == workflow.Proposed {
		s += words.State(op.State) + "."
	} else {
		s += words.Stop(batchState(op)) + " " + rowCounts(op) + "."
	}
	for _, r := range op.Rows[:min(len(op.Rows), 10)] {
		if op.State == workflow.Proposed {
			s += " " + words.Machine(r.Target) + ": " + words.Quote(r.Proof.State) + "."
		} else {
			s += " " + words.Machine(r.Target) + ": " + words.Row(r) + "."
		}
	}
	return s + " Operation " + words.Quote(op.ID) + "."
}

// batchVerbs are the buttons of a batch's card.
func batchVerbs(op workflow.Operation) []workflow.Verb {
	if op.Bulk != nil {
		return bulkVerbs(op)
	}
	if op.State == workflow.Proposed {
		return []workflow.Verb{workflow.Confirm, workflow.Cancel}
	}
	if op.State != workflow.Releasing || op.StopBy != nil {
		return nil
	}
	for _, r := range op.Rows {
		if r.State == workflow.RowWaiting {
			return []workflow.Verb{workflow.Stop}
		}
	}
	return nil
}

// batchLines are a batch's rows in full, for its details.
func batchLines(op workflow.Operation) []mrkdwn {
	var lines []mrkdwn
	for _, r := range op.Rows {
		l := mrkdwn(words.RowSymbol(r.State)) + " " + code(words.Machine(r.Target)) + " in " + code(r.Target.Cluster.Name()) + ", registration " + code(words.TaskID(string(r.Target.Instance))) +
			": " + sayN(words.Row(r), 500)
		if r.Now != "" || r.State == workflow.RowRunning { // else it came to none
			l += "; operation " + code(words.ForeignN(r.Op, 40))
		}
		if r.Leave != nil {
			lines = append(lines, l+". "+code(r.Leave.AZ)+", wave "+mrkdwn(strconv.Itoa(r.Leave.Wave))+". Shown as: "+sayN(words.LeavingBrief(*r.Leave), 400))
			continue
		}
		lines = append(lines, l+". Shown as: "+sayN(words.Proof(r.Proof), 400))
	}
	return lines
}

// batchRoot is the head of a batch's thread in the audit channel.
func batchRoot(op workflow.Operation) Message {
	deed, each := "clean up ", mrkdwn("ghost")
	if op.Bulk != nil {
		deed, each = "deregister ", "instance"
	}
	s := newSheet()
	s.header("Operation " + words.ForeignN(op.ID, 40) + ": " + deed + words.Subject(op))
	s.section("where", batchWhere(op, depth{items: 10}))
	s.section("thread", "Each event follows in this thread, with its number in the audit log; each "+each+" has a thread of its own.")
	drawPeople(s, op)
	return Message{Text: fallback("Operation " + words.Quote(op.ID) + ": " + deed + words.Subject(op) + " (" + words.SubjectWhere(op) + "). Each event follows in this thread."), Blocks: s.blocks}
}

// subject names an operation's machine and place in a line of a list, or a batch's ghosts.
func subject(op workflow.Operation) mrkdwn {
	if op.IsBatch() {
		var in []mrkdwn
		cs := op.Clusters()
		for _, c := range cs[:min(len(cs), 3)] {
			in = append(in, code(c.Name())+" ("+code(c.Account())+", "+code(c.Region())+")")
		}
		if more := len(cs) - len(in); more > 0 {
			in = append(in, mrkdwn(words.Count(more, "cluster"))+" more")
		}
		return mrkdwn(words.Subject(op)) + " in " + joinMrkdwn(in, ", ")
	}
	return code(words.Machine(op.Target)) + " in " + code(op.Target.Cluster.Name()) + " (" + code(op.Target.Account) + ", " + code(op.Target.Region) + ")"
}
