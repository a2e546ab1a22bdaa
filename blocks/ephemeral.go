package blocks

import (
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// Note is a message of one sentence in the manner of package words: foreign
// strings stand between “ and ”.
func Note(sentence string) Message {
	s := newSheet()
	s.section("note", sayN(sentence, sectionLimit))
	if len(s.blocks) == 0 {
		return Note("(nothing)")
	}
	return Message{Text: fallback(sentence), Blocks: s.blocks}
}

// Looking is the first answer to a command.
func Looking(ref ecsops.Ref) Message { return Note("⏳ Looking at " + words.Ref(ref) + ".") }

// Long follows Looking when the cluster is large.
func Long(takes time.Duration) Message { return Note("⏳ " + words.Long(takes)) }

// RefusalOf says what was refused.
type RefusalOf struct {
	Action  policy.Action
	Cluster ecsops.ClusterARN
	Ask     []string // user and group ids who may help
}

// Refusal says why something is not done, and whom to ask. It is for one person's
// eyes (ephemeral or direct), where Slack's mentions call nobody.
func Refusal(v policy.Verdict, r RefusalOf) Message {
	sentence := "🚫 " + words.Refusal(r.Action, v)
	s := newSheet()
	s.section("refusal", say(sentence))
	if r.Cluster != "" {
		s.context("where", "Cluster "+code(r.Cluster.Name())+" · account "+code(r.Cluster.Account())+" · Region "+code(r.Cluster.Region()))
	}
	if len(r.Ask) > 0 {
		s.context("ask", "Ask one of: "+principals(r.Ask))
	}
	return Message{Text: fallback(sentence), Blocks: s.blocks}
}

// Answer is the reply to a decision.
func Answer(a workflow.Answer) Message {
	if a.Kind == workflow.AlreadyDone && words.Already(a) != "" {
		s := newSheet()
		s.section("note", "ℹ️ "+say(words.Already(a))+" by "+who(a.By)+". Nothing was done twice.")
		return Message{Text: fallback(words.Answer(a)), Blocks: s.blocks}
	}
	if a.Kind != workflow.Changed || len(a.Changes) == 0 {
		return Note(answerSymbol(a.Kind) + " " + words.Answer(a))
	}
	return fit(func(d depth) Message {
		s := newSheet()
		s.section("answer", "⚠️ Things changed since that plan was shown, so nothing was done. The card asks again.")
		s.section("changes", bullets(len(a.Changes), d, func(i int) mrkdwn { return sayN(words.ChangeBrief(a.Changes[i]), d.line) }, seeStatus(a.Op.ID))...)
		return Message{Text: fallback(words.Answer(a)), Blocks: s.blocks}
	})
}

func answerSymbol(k workflow.AnswerKind) string {
	switch k {
	case workflow.Accepted:
		return "✅"
	case workflow.NotYours:
		return "🚫"
	}
	return "⚠️"
}

// Status lists operations: what runs, then the latest others, each newest first.
func Status(ops []workflow.Operation, now time.Time) Message {
	if len(ops) == 0 {
		return Note("No operations yet. Start one with “/ecs deregister”.")
	}
	return fit(func(d depth) Message {
		s := newSheet()
		s.section("title", mrkdwn("*"+words.Count(len(ops), "operation")+"*, what runs first"))
		shown := min(len(ops), d.items)
		for _, op := range ops[:shown] {
			s.section("operation", operationLine(op, now, d))
		}
		if more := len(ops) - shown; more > 0 {
			s.context("more", mrkdwn("…and "+strconv.Itoa(more)+" more. One operation: ")+code("/ecs status OPERATION"))
		}
		return Message{Text: fallback(statusText(ops)), Blocks: s.blocks}
	})
}

func operationLine(op workflow.Operation, now time.Time, d depth) mrkdwn {
	l := mrkdwn(words.StateSymbol(op.State)) + " " + code(words.ForeignN(op.ID, 40)) + " " + subject(op) + ": *" + sayN(words.State(op.State)+progressCounts(op), d.line) + "*"
	if op.Block != nil {
		l += ", waiting: " + sayN(lower(words.BlockTitle(op.Block.Reason)), d.line) + ageOf(", for ", op.Block.Since, now)
	}
	return l + ", asked by " + who(op.Requester) + ageOf(", ", op.CreatedAt, now)
}

func ageOf(prefix string, t, now time.Time) mrkdwn {
	if t.IsZero() || now.Before(t) {
		return ""
	}
	s := prefix + words.Duration(now.Sub(t))
	if prefix == ", " {
		s += " ago"
	}
	return mrkdwn(s)
}

func statusText(ops []workflow.Operation) string {
	var lines []string
	for _, op := range ops[:min(len(ops), 10)] {
		lines = append(lines, words.ForeignN(op.ID, 40)+": "+words.Subject(op)+" in "+words.Quote(op.Clusters()[0].Name())+": "+words.State(op.State)+progressCounts(op))
	}
	return words.Count(len(ops), "operation") + ". " + strings.Join(lines, "; ")
}

// DryRun is a plan that nobody can confirm. id is the stored plan's, or "".
func DryRun(p ecsops.Plan, id string) Message {
	return planOnly(p, "Dry run", "Dry run: nothing was and nothing will be done", id, "")
}

// Undecidable is a plan about which there is nothing to decide: what the
// instance is, and why nothing may be done about it now.
func Undecidable(p ecsops.Plan) Message {
	p.Steps = nil
	return Instead(p, "")
}

// Instead is Undecidable with a button for what may be done instead of moving the
// instance. id is an opaque name for the command that waits; without one there is no button.
func Instead(p ecsops.Plan, id string) Message {
	p.Steps = nil
	return planOnly(p, "Nothing to decide", "Nothing was done, and there is nothing to confirm", "", id)
}

// planOnly draws a plan without the buttons of a card.
func planOnly(p ecsops.Plan, title, note, id, instead string) Message {
	t := p.Snapshot.Target
	return fit(func(d depth) Message {
		s := newSheet()
		s.header(title + ": " + words.Machine(t) + " from " + words.ForeignN(t.Cluster.Name(), 60))
		s.section("where", where(t))
		drawPlan(s, p, t, nil, d, "; there is no room for them here")
		drawInstead(s, p, instead)
		parts := []mrkdwn{mrkdwn(note), "Read " + when(p.Snapshot.ReadAt)}
		if words.Foreign(id) != "" {
			parts = append(parts, "Plan "+code(words.ForeignN(id, 64)))
		}
		s.context("plan_only", parts...)
		text := title + ", nothing is done: " + words.Machine(t) + " (" + words.Where(t) + "). " + words.Verdict(p)
		return Message{Text: fallback(text), Blocks: s.blocks}
	})
}

// drawInstead shows the right way to move, step by step, where the rest allows it.
func drawInstead(s *sheet, p ecsops.Plan, id string) {
	t := p.Snapshot.Target
	if p.Intent.Purpose != ecsops.Move || len(p.Barred()) > 1 {
		return // what else bars it bars the termination too
	}
	s.section("instead", "*The right way*", "1. "+say(words.LaunchThere()),
		"2. "+say(words.RetireHere())+" "+code("/ecs deregister "+words.Machine(t)+" "+words.ForeignN(t.Cluster.Name(), 60)+" --terminate"))
	if id == "" || runeCount(ChooseValue(t)) > valueLimit {
		return
	}
	b := slack.NewButtonBlockElement(ActionChoose, ChooseValue(t), plain("Plan the termination…", buttonLimit))
	b.AccessibilityLabel = words.ForeignN("Plan the termination of "+words.Machine(t)+" in "+t.Cluster.Name(), buttonLimit)
	s.add(slack.NewActionBlock(words.ForeignN("choose:"+id, idLimit), b))
}

// Invite says how to invite the bot into a channel.
func Invite(channel string) Message {
	return Note("The bot is not a member of this channel, so it cannot post the plan here, and nothing was done. Type “/invite” and the bot's name in the channel, then ask again.")
}

// TooLate answers a command or click that waited too long in the queue.
func TooLate(at time.Time) Message {
	return Note("⚠️ Too late: that was sent " + words.Time(at) + " and waited more than " + words.Duration(workflow.InboxLimit) + ". Nothing was done. Ask again if you still want it.")
}

// NothingRecorded answers a command that could not be stored.
func NothingRecorded() Message {
	return Note("❌ Nothing was recorded and nothing will be done: the bot cannot write to its store. Try again in a minute; if it stays, tell whoever runs the bot.")
}

// Overloaded answers a command that the full hand-over turned away.
func Overloaded() Message {
	return Note("❌ Nothing was recorded and nothing will be done: too much arrives at once. Try again in a minute.")
}

// Problem explains an error: what happened, why, what next.
func Problem(err error) Message { return Note("❌ " + words.ProblemLine(err)) }

// ApproverAsk asks the approvers, by mention, for a decision on op.
func ApproverAsk(op workflow.Operation, o Options) Message {
	p := shownPlan(op)
	if op.Bulk != nil {
		return bulkAsk(op, o)
	}
	s := newSheet()
	lines := []mrkdwn{"❓ *Approval wanted:* " + wanted(p) + code(words.Machine(op.Target)) + forceWord(p) + ", asked by " + who(op.Requester) + "."}
	if len(o.Approvers) > 0 {
		lines = append(lines, principals(o.Approvers))
	}
	told := sentences(words.Verdict(p), words.First(p)) + spokenOrphans(p, op.Target)
	lines = append(lines, mrkdwn(words.Symbol(p.Verdict))+" "+sayN(told, 700))
	s.section("ask", lines...)
	s.section("where", where(op.Target))
	s.context("people", "Operation "+code(words.ForeignN(op.ID, 40)), "Read the card, then decide on its buttons; the person who asked cannot", "Ends "+when(expiry(op)))
	text := "Approval wanted: " + words.Deed(p, op.Target) + byForce(p) + " (" + words.Where(op.Target) + "). " + told + " Operation " + words.Quote(op.ID) + "."
	return Message{Text: fallback(text), Blocks: s.blocks}
}

func wanted(p ecsops.Plan) mrkdwn {
	if p.Intent.Purpose == ecsops.EndMachine {
		return "terminate the machine "
	}
	return "deregister "
}

func expiry(op workflow.Operation) time.Time {
	if op.Proposal != nil {
		return op.ProposalExpires
	}
	return op.ExpiresAt
}

func byForce(p ecsops.Plan) string {
	if p.Intent.Force {
		return " by force"
	}
	return ""
}

func forceWord(p ecsops.Plan) mrkdwn {
	if p.Intent.Force {
		return " *by force*"
	}
	return ""
}

// lower puts one of our own sentences, which begin with a letter, inside another.
func lower(s string) string {
	if s == "" || strings.HasPrefix(s, "AWS") || strings.HasPrefix(s, "ECS") {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
