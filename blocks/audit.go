package blocks

import (
	"github.com/slack-go/slack"

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

// AuditEntry is one event in its operation's thread.
func AuditEntry(seq int64, ev workflow.Event) Message {
	return AuditRun([]SeqEvent{{Seq: seq, Event: ev}})
}

// AuditRun is a run of events in one message, in order, each with its number. It
// draws the first MaxRun; the caller sends the rest in another message.
func AuditRun(run []SeqEvent) Message {
	var m Message
	for _, e := range run[:min(len(run), MaxRun)] {
		m.Text += fallback(words.Event(e.Event)) + "\n"
		m.Blocks = append(m.Blocks, slack.NewSectionBlock(md(say(words.Event(e.Event))), nil, nil))
	}
	return m
}

// AuditRoot is the head of an operation's thread in the audit channel.
func AuditRoot(op workflow.Operation) Message {
	return Card(op, nil, Options{})
}
