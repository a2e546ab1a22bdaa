package blocks

import (
	"slices"
	"strconv"

	"github.com/slack-go/slack"

	"ecsbot/words"
	"ecsbot/workflow"
)

// Left is what one machine of a batch left, by its follow-up, and the token of the button that
// asks for its end.
type Left struct {
	FollowUp workflow.FollowUp
	Token    string
}

// MostLeft is how many machines a batch's message about them names; the rest is counted.
const MostLeft = 15

// EndsBy is the notice under which a machine's end is offered: the newest that reminds of it.
func EndsBy(f workflow.FollowUp) (n workflow.Notice, ok bool) {
	if !slices.Contains(f.Open(), workflow.Machine) {
		return n, false
	}
	for _, n := range slices.Backward(f.Notices) {
		if n.Type == workflow.EvReminded && slices.Contains(n.Concerns, workflow.Machine) {
			return n, slices.Contains(NoticeVerbs(f, n), workflow.EndMachine)
		}
	}
	return n, false
}

// LeftBehind is one message about what the machines of a batch left, for its thread; none when
// nothing is open any more.
func LeftBehind(op workflow.Operation, left []Left) Message {
	return fit(func(d depth) Message {
		s := newSheet()
		title := words.LeftTitle(len(left), len(op.Rows))
		s.section("left", mrkdwn("*"+say(title)+"*"), askedFor(op, left))
		shown := left[:min(len(left), MostLeft, max(d.items, 1))]
		text := title
		for _, l := range shown {
			line := code(words.Machine(l.FollowUp.Target)) + " " + sayN(words.Left(l.FollowUp), d.line)
			s.leftBy(l, line)
			text += " " + words.Machine(l.FollowUp.Target) + " " + words.Left(l.FollowUp) + "."
		}
		if n := len(left) - len(shown); n > 0 {
			s.section("more", "… and "+mrkdwn(strconv.Itoa(n))+" more "+seeStatus(op.ID))
		}
		parts := []mrkdwn{"Operation " + code(words.ForeignN(op.ID, 40)), mrkdwn(words.LeftRead())}
		if slices.ContainsFunc(shown, func(l Left) bool { return l.Token != "" }) {
			parts = append(parts, "Terminating asks with a card of its own first")
		}
		s.context("people", parts...)
		return Message{Text: fallback(text + " Operation " + words.Quote(op.ID) + "."), Blocks: s.blocks}
	})
}

// askedFor mentions who asked, as long as something is open: a thread calls nobody else.
func askedFor(op workflow.Operation, left []Left) mrkdwn {
	if len(left) == 0 {
		return ""
	}
	return "Asked for by " + who(op.Requester) + "."
}

// leftBy is one machine's line, with its button.
func (s *sheet) leftBy(l Left, line mrkdwn) {
	s.section("machine", line)
	if l.Token == "" || runeCount(l.Token) > valueLimit {
		return
	}
	last, ok := s.blocks[len(s.blocks)-1].(*slack.SectionBlock)
	if !ok {
		return
	}
	label := words.Verb(workflow.EndMachine)
	b := slack.NewButtonBlockElement(string(workflow.EndMachine), l.Token, plain(label, buttonLimit))
	b.AccessibilityLabel = words.ForeignN(label+": "+words.Machine(l.FollowUp.Target)+" of "+l.FollowUp.Target.Cluster.Name(), buttonLimit)
	last.Accessory = slack.NewAccessory(b)
}
