package blocks

import (
	"fmt"

	"ecsbot/words"
	"ecsbot/workflow"
)

// detailsMost is how many messages Details makes at most; a response URL takes five
// answers, an ephemeral has no such limit.
const detailsMost = 10

// Details shows everything of one operation that its card cuts, in as many
// messages as it takes, ten at most.
func Details(op workflow.Operation, o Options) []Message {
	out := []Message{Card(op, nil, o)}
	p := shownPlan(op)
	lines := append(batchLines(op), heldDetails(op)...)
	for _, f := range byUrgency(p.Findings) {
		lines = append(lines, mrkdwn(words.Symbol(f.Severity))+" "+mrkdwn(words.Severity(f.Severity))+", "+sayN(string(f.Rule), 12)+": "+sayN(words.Finding(f), 900))
	}
	for _, f := range p.Fates {
		lines = append(lines, "• "+taskLine(f.Task, f.Fate, depth{line: 500})+" → "+say(words.FateUnder(p, f.Fate))+"; in full "+code(words.TaskID(f.Task.ARN)))
	}
	return append(out, pages(lines, "Operation "+words.Quote(op.ID)+", in full", detailsMost-1)...)
}

// pages packs lines into messages; what does not fit into most of them is counted.
func pages(lines []mrkdwn, title string, most int) []Message {
	const perSection, perMessage = 2500, 9000
	var out []Message
	for len(lines) > 0 && len(out) < most {
		s := newSheet()
		s.section("title", bold(title+fmt.Sprintf(" (%d)", len(out)+1)))
		for used := 0; len(lines) > 0 && used < perMessage; {
			n, size := 0, 0
			for n < len(lines) && size+runeCount(string(lines[n])) < perSection {
				size += runeCount(string(lines[n])) + 1
				n++
			}
			s.section("page", lines[:n]...)
			lines, used = lines[n:], used+size
		}
		if len(lines) > 0 && len(out) == most-1 {
			s.section("rest", mrkdwn(fmt.Sprintf("…and %s more.", words.Count(len(lines), "line"))))
		}
		out = append(out, Message{Text: fallback(title), Blocks: s.blocks})
	}
	return out
}
