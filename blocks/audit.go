package blocks

import (
	"fmt"
	"strings"

	"ecsbot/words"
	"ecsbot/workflow"
)

// SeqEvent is an event with its number in the audit log.
type SeqEvent struct {
	Seq   int64
	Event workflow.Event
}

// MaxRun is how many events one message carries; AuditRun draws no more.
const MaxRun = 12

// entryLimit keeps MaxRun entries within a message's total.
const entryLimit = 700

// AuditRun is a run of events in one message, in order, each with its number, so
// that gaps and repetitions show. It draws the first MaxRun; the caller sends the
// rest in another message.
func AuditRun(run []SeqEvent) Message {
	if len(run) == 0 {
		return Note("No events.")
	}
	s := newSheet()
	texts := make([]string, 0, MaxRun)
	for _, e := range run[:min(len(run), MaxRun)] {
		texts = append(texts, string(sayN(seqNumber(e.Seq)+" "+words.Event(e.Event), textLimit/MaxRun-1)))
		head := mrkdwn("*"+seqNumber(e.Seq)+"* ") + when(e.Event.At)
		s.section("event", head+" "+who(e.Event.Actor)+" "+sayN(words.EventPhrase(e.Event), entryLimit), checkpoint(e.Event), provenance(e.Event))
	}
	return Message{Text: strings.Join(texts, "\n"), Blocks: s.blocks}
}

// seqNumber is a record's number: [#000123].
func seqNumber(seq int64) string { return fmt.Sprintf("[#%06d]", seq) }

// checkpoint shows a signed checkpoint line by line, as its verifier wants it.
func checkpoint(ev workflow.Event) mrkdwn {
	if ev.Type != workflow.EvCheckpoint || ev.Detail == "" {
		return ""
	}
	var lines []string
	for l := range strings.SplitSeq(strings.TrimRight(ev.Detail, "\n"), "\n") {
		if len(lines) == 10 {
			break
		}
		lines = append(lines, words.ForeignN(l, 160))
	}
	return "```\n" + cutEscaped(strings.Join(lines, "\n"), entryLimit) + "\n```"
}

// provenance is the envelope that carried a person's act.
func provenance(ev workflow.Event) mrkdwn {
	if words.Foreign(ev.Actor.Envelope) == "" {
		return ""
	}
	return "envelope " + code(words.ForeignN(ev.Actor.Envelope, 40))
}

// AuditRoot is the head of an operation's thread in the audit channel. It is posted
// once, so it says nothing that changes.
func AuditRoot(op workflow.Operation) Message {
	if op.IsBatch() {
		return batchRoot(op)
	}
	s := newSheet()
	s.header("Operation " + words.ForeignN(op.ID, 40) + ": " + words.Deed(op.Plan, op.Target) + " from " + words.ForeignN(op.Target.Cluster.Name(), 60))
	s.section("where", whereID(op.Target, op.Target.InstanceID()))
	s.section("thread", "Each event follows in this thread, with its number in the audit log.")
	drawPeople(s, op)
	text := "Operation " + words.Quote(op.ID) + ": " + words.Deed(op.Plan, op.Target) + " (" + words.Where(op.Target) + "). Each event follows in this thread."
	return Message{Text: fallback(text), Blocks: s.blocks}
}
