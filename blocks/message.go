package blocks

import (
	"time"

	"github.com/slack-go/slack"
)

// Message is one Slack message. Text is the notification and what a screen
// reader says: it is complete enough to be understood without the blocks.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Action ids. The verbs' buttons carry workflow.Verb's own words as action ids
// (confirm, approve, deny, stop, force, cancel, wait), each at most once in a card;
// sign_off and end_machine are a notice's.
const (
	ActionPickCluster  = "pick_cluster"
	ActionPickInstance = "pick_instance"
	ActionChoose       = "choose" // several registrations: the person chooses one
)

// Callback ids of modals.
const (
	CallbackPick      = "pick"
	CallbackForce     = "force"
	CallbackStopTasks = "stop_tasks"
	CallbackLoading   = "loading"
	CallbackWhy       = "why"
)

// Action ids of the modals' inputs.
const (
	FieldReason    = "reason"
	FieldDeadline  = "deadline"
	FieldTerminate = "terminate"
	FieldPurpose   = "purpose"
	FieldDryRun    = "dry_run"
	FieldTyped     = "typed"
	FieldTasks     = "tasks"
)

// Options say how to draw a card.
type Options struct {
	Now       time.Time
	PlanBlock bool     // use Slack's plan block for the steps
	Approvers []string // user and user-group ids, mentioned while an approval is awaited
}

// fallback is a sentence as the text of a message, at most 4,000 characters. It
// is as safe as a block: Slack shows it alone when the blocks cannot be.
func fallback(sentence string) string { return string(sayN(sentence, textLimit)) }

// cutEscaped escapes s and keeps the result within limit runes without cutting
// through an entity.
func cutEscaped(s string, limit int) mrkdwn {
	if limit <= 0 {
		return ""
	}
	if out := entities.Replace(s); runeCount(out) <= limit {
		return mrkdwn(out)
	}
	var out []byte
	n := 0
	for _, r := range s {
		e := entities.Replace(string(r))
		if n += runeCount(e); n > limit-1 {
			break
		}
		out = append(out, e...)
	}
	return mrkdwn(string(out) + "…")
}
