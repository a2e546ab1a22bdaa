package blocks

import (
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

func note(sentence string) Message {
	return Message{Text: fallback(sentence), Blocks: []slack.Block{slack.NewSectionBlock(md(say(sentence)), nil, nil)}}
}

// HelpFor says what the reader may do.
type HelpFor struct {
	Read, Propose, Decide bool                // list and status; deregister; approve and stop
	Clusters              []ecsops.ClusterARN // that they may touch
}

// Help explains each command that the reader may run, with an example.
func Help(h HelpFor) Message { return note("/ecs") }

// Looking is the first answer to a command.
func Looking(ref ecsops.Ref) Message { return note("Looking at " + words.Ref(ref)) }

// RefusalOf says what was refused.
type RefusalOf struct {
	Action  policy.Action
	Cluster ecsops.ClusterARN
	Ask     []string // user and group ids who may help, shown without a mention
}

// Refusal says why something is not done, and whom to ask.
func Refusal(v policy.Verdict, r RefusalOf) Message { return note("not deregistering") }

// Answer is the reply to a decision.
func Answer(a workflow.Answer) Message { return note(words.Answer(a)) }

// List shows a cluster's container instances.
func List(cluster ecsops.ClusterARN, instances []ecsops.Listed, now time.Time) Message {
	return note(string(cluster))
}

// Status lists operations, newest first.
func Status(ops []workflow.Operation, now time.Time) Message { return note("status") }

// Details shows everything of one operation that its card cuts, in as many
// messages as it takes, ten at most.
func Details(op workflow.Operation, o Options) []Message { return []Message{Card(op, nil, o)} }

// DryRun is a plan that nobody can confirm. id is the stored plan's.
func DryRun(p ecsops.Plan, id string, now time.Time) Message { return note(id) }

// Choose lets a person choose one of several registrations. id is an opaque name
// for the command that waits; it is in the block id ("choose:" + id).
func Choose(id string, ref ecsops.Ref, found []ecsops.Listed) Message { return note("choose") }

// Nearest answers an unknown word (a "subcommand", "cluster", "instance" …) with the nearest names.
func Nearest(what, word string, near []string) Message { return note(what) }

// NotFound says where an instance was looked for. near are similar ids.
func NotFound(ref ecsops.Ref, searched []ecsops.ClusterARN, near []string, unreadable []ecsops.Unknown) Message {
	return note("not found")
}

// Invite says how to invite the bot into a channel.
func Invite(channel string) Message { return note("invite") }

// TooLate answers a command or click that waited too long in the queue.
func TooLate(at time.Time) Message { return note("too late") }

// NothingRecorded answers a command that could not be stored.
func NothingRecorded() Message { return note("nothing was recorded") }

// Overloaded answers a command that the full hand-over turned away.
func Overloaded() Message { return note("overloaded") }

// Problem explains an error: what happened, why, what next.
func Problem(err error) Message { return note("problem") }

// ApproverAsk asks the approvers, by mention, for a decision on op.
func ApproverAsk(op workflow.Operation, o Options) Message { return note("approve") }

// CardMoved says, where a card could not be shown, where to look.
func CardMoved(op workflow.Operation) Message { return note("moved") }
