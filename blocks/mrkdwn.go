package blocks

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/slack-go/slack"

	"ecsbot/words"
	"ecsbot/workflow"
)

// mrkdwn is text with Slack's formatting, safe to send. Only the functions in
// this file make one from another string; literals in this package are ours.
type mrkdwn string

// entities escapes the three characters that Slack reserves.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// say turns a sentence of package words into mrkdwn: what stands between “ and ”
// becomes a code span, everything else is escaped and cannot format.
func say(sentence string) mrkdwn {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(sentence, string(words.OpenQuote))
		quoted, after, closed := strings.Cut(rest, string(words.CloseQuote))
		if !found || !closed {
			b.WriteString(string(flat(sentence)))
			return mrkdwn(b.String())
		}
		b.WriteString(string(flat(before)))
		b.WriteString(string(code(quoted)))
		sentence = after
	}
}

// code is a foreign string in a code span, where Slack formats nothing, links
// nothing and draws no emoji.
func code(foreign string) mrkdwn {
	s := words.Foreign(foreign)
	if s == "" {
		s = "(no name)"
	}
	return mrkdwn("`" + entities.Replace(s) + "`")
}

// flat escapes text outside code spans and replaces the characters that would
// format, or that would spell an emoji, by look-alikes that do not.
func flat(s string) mrkdwn { return mrkdwn(entities.Replace(neutral(words.Strip(s)))) }

// emojiLike is what Slack would draw as an emoji.
var emojiLike = regexp.MustCompile(`:([A-Za-z0-9_+'\-]+):`)

func neutral(s string) string {
	for emojiLike.MatchString(s) {
		s = emojiLike.ReplaceAllString(s, "∶$1∶")
	}
	runes := []rune(s)
	for i, r := range runes {
		switch r {
		case '*':
			runes[i] = '∗'
		case '~':
			runes[i] = '∼'
		case '`':
			runes[i] = '\''
		case '_':
			if wordEdge(runes, i) {
				runes[i] = 'ˍ'
			}
		}
	}
	return string(runes)
}

// wordEdge reports whether an underscore could open or close italics: Slack
// formats only at the edges of words.
func wordEdge(runes []rune, i int) bool {
	inWord := func(j int) bool {
		return j >= 0 && j < len(runes) && (unicode.IsLetter(runes[j]) || unicode.IsDigit(runes[j]) || runes[j] == '_')
	}
	return !inWord(i-1) || !inWord(i+1)
}

func bold(s string) mrkdwn { return "*" + say(s) + "*" }

// when is a moment in the reader's own time zone, with UTC as the fallback.
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
func when(t time.Time) mrkdwn {
	if t.IsZero() || t.Unix() <= 0 {
		return "an unknown time"
	}
	return mrkdwn(fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), words.Time(t)))
}

var (
	userID  = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)
	groupID = regexp.MustCompile(`^S[A-Z0-9]{2,20}$`)
)

// who mentions a person by a validated id, and nobody else.
func who(a workflow.Actor) mrkdwn {
	if a.Terminal == "" && userID.MatchString(a.UserID) {
		return mrkdwn("<@" + a.UserID + ">")
	}
	if a.Terminal != "" && userID.MatchString(a.UserID) {
		return mrkdwn("<@"+a.UserID+"> (") + code(a.Terminal) + " at a terminal)"
	}
	return say(words.Actor(a))
}

// principal mentions a configured user or user group; anything else is shown as text.
func principal(id string) mrkdwn {
	switch {
	case userID.MatchString(id):
		return mrkdwn("<@" + id + ">")
	case groupID.MatchString(id):
		return mrkdwn("<!subteam^" + id + ">")
	}
	return code(id)
}

// md is a text object; verbatim keeps Slack from linking anything by itself.
func md(t mrkdwn) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: string(t), Verbatim: true}
}

// plain is a text object without any formatting: the place for foreign strings.
func plain(s string, limit int) *slack.TextBlockObject {
	off := false
	if s = words.ForeignN(s, limit); s == "" {
		s = "(no name)"
	}
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: s, Emoji: &off}
}
