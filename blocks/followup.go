package blocks

import (
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// NoticeRevision is the revision that a notice's tokens are bound to: negative, so that
// each notice has buttons of its own, beside the card's.
func NoticeRevision(n workflow.Notice) int { return -n.N }

// NoticeVerbs lists a notice's buttons: look_host and sign_off while its orphans wait for an
// end, look_host only where the bot may, and end_machine while the machine may run for nothing.
func NoticeVerbs(f workflow.FollowUp, n workflow.Notice) []workflow.Verb {
	if n.Type != workflow.EvReminded && n.Type != workflow.EvHostSeen {
		return nil
	}
	var out []workflow.Verb
	if n.Orphans > 0 && f.Watching(workflow.Orphans) {
		if f.Watching(workflow.Host) {
			out = append(out, workflow.LookHostVerb)
		}
		out = append(out, workflow.SignOffVerb)
	}
	e, known := f.Machine.Get()
	gone := known && (e.Gone() || e.State == "shutting-down")
	if !gone && len(f.Again) == 0 && strings.HasPrefix(string(f.Target.EC2), "i-") {
		out = append(out, workflow.EndMachine)
	}
	return out
}

// Notice is one notice of a follow-up, for the operation's thread. Buttons appear for the
// verbs of NoticeVerbs that have a token.
func Notice(op workflow.Operation, f workflow.FollowUp, n workflow.Notice, tokens map[workflow.Verb]string) Message {
	return fit(func(d depth) Message {
		s := newSheet()
		title := words.NoticeTitle(n)
		head := bold(title) + ": " + sayN(words.Notice(n, f.Target), max(4*d.line, 600))
		s.section("notice", head, askedBy(op, n))
		if n.Orphans > 0 && (n.Type == workflow.EvReminded || n.Type == workflow.EvHostSeen) {
			s.section("orphans", append([]mrkdwn{"*What each of them still does*"},
				bullets(len(f.Orphans), d, func(i int) mrkdwn { return orphanLine(f.Orphans[i], n.Host, d) }, seeStatus(op.ID))...)...)
		}
		s.section("where", where(f.Target))
		s.add(noticeButtons(f, n, tokens))
		// Slack takes a message twice when the bot dies while it posts: the number tells.
		parts := []mrkdwn{"Operation " + code(words.ForeignN(op.ID, 40)) + ", notice " + mrkdwn(strconv.Itoa(n.N))}
		if n.By != nil {
			parts = append(parts, doneBy(n)+who(*n.By))
		}
		if len(NoticeVerbs(f, n)) > 0 {
			parts = append(parts, noticeHint(f, n))
		}
		s.context("people", parts...)
		text := title + ": " + words.Notice(n, f.Target) + " (" + words.Where(f.Target) + ") Operation " + words.Quote(op.ID) + "."
		return Message{Text: fallback(text), Blocks: s.blocks}
	})
}

// orphanLine is a task left behind: what was seen of it on the machine, or what its kind does.
func orphanLine(t ecsops.TaskRef, seen *ecsops.HostSight, d depth) mrkdwn {
	there, ok := ecsops.HostTask{}, false
	if seen != nil {
		there, ok = seen.Of(t.ARN)
	}
	what := sayN(words.HostTask(there), max(2*d.line, 200))
	switch {
	case !ok:
		return taskLine(t, ecsops.FateOrphaned, d)
	case there.Ended(): // what its kind would still do is of no interest
		return sayN(words.Task(t), d.line) + ": " + what
	}
	return taskLine(t, ecsops.FateOrphaned, d) + "; " + what
}

func doneBy(n workflow.Notice) mrkdwn {
	if n.Type == workflow.EvSignedOff {
		return "Signed off by "
	}
	return "Looked at for "
}

// askedBy mentions who asked, where something is to be done: a thread calls nobody else.
func askedBy(op workflow.Operation, n workflow.Notice) mrkdwn {
	if n.Type != workflow.EvReminded && n.Type != workflow.EvReturned {
		return ""
	}
	return "Asked for by " + who(op.Requester) + "."
}

func noticeHint(f workflow.FollowUp, n workflow.Notice) mrkdwn {
	if n.Orphans > 0 && f.Watching(workflow.Orphans) && f.Watching(workflow.Host) {
		return "Reminders end when the containers are seen to have ended, when EC2 says that the machine is gone, or when an operator signs off"
	}
	if n.Orphans > 0 && f.Watching(workflow.Orphans) {
		return "Reminders end when EC2 says that the machine is gone, or when an operator signs off"
	}
	return "Terminating asks with a card of its own first"
}

func noticeButtons(f workflow.FollowUp, n workflow.Notice, tokens map[workflow.Verb]string) slack.Block {
	var bs []slack.BlockElement
	for _, v := range NoticeVerbs(f, n) {
		t := tokens[v]
		if t == "" || runeCount(t) > valueLimit {
			continue
		}
		label := words.Verb(v)
		b := slack.NewButtonBlockElement(string(v), t, plain(label, buttonLimit))
		b.AccessibilityLabel = words.ForeignN(label+": "+words.Machine(f.Target)+" of "+f.Target.Cluster.Name(), buttonLimit)
		bs = append(bs, b)
	}
	if len(bs) == 0 {
		return nil
	}
	return slack.NewActionBlock("follow_up", bs...)
}
