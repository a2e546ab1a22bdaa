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
// becomes a code span, everything else is escaped and cannot format. The result
// has at most sayLimit runes.
func say(sentence string) mrkdwn { return sayN(sentence, sayLimit) }

// sayLimit leaves room in a section for a heading beside one long sentence.
const sayLimit = 1500

// sayN is say with another limit in runes; what is longer ends with “…”.
func sayN(sentence string, limit int) mrkdwn {
	var b strings.Builder
	left := limit
	put := func(piece mrkdwn, cut func(int) mrkdwn) bool {
		n := runeCount(string(piece))
		fits := n < left
		if !fits {
			piece = cut(left - 1)
			n = runeCount(string(piece))
		}
		b.WriteString(string(piece))
		left -= n
		return fits
	}
	for sentence != "" {
		before, rest, found := strings.Cut(sentence, string(words.OpenQuote))
		quoted, after, closed := strings.Cut(rest, string(words.CloseQuote))
		if !found || !closed {
			before, after, quoted = sentence, "", ""
		}
		calm := neutral(words.Strip(before))
		if !put(mrkdwn(entities.Replace(calm)), func(n int) mrkdwn { return cutEscaped(calm, n) }) {
			break
		}
		if quoted != "" && !put(code(quoted), func(n int) mrkdwn { return codeN(quoted, n) }) {
			break
		}
		sentence = after
	}
	return mrkdwn(b.String())
}

// code is a foreign string in a code span, where Slack formats nothing, links
// nothing and draws no emoji.
func code(foreign string) mrkdwn { return codeN(foreign, sayLimit) }

// codeN is code within limit runes, the span's own marks included.
func codeN(foreign string, limit int) mrkdwn {
	s := words.Foreign(foreign)
	if s == "" {
		s = "(no name)"
	}
	if limit < 4 {
		return "…"
	}
	return "`" + cutEscaped(s, limit-2) + "`"
}

// codeLong is code for a foreign sentence, of which more is shown than of a name.
func codeLong(foreign string, limit int) mrkdwn {
	s := words.ForeignN(foreign, words.QuoteLimit)
	if s == "" || limit < 4 {
		return ""
	}
	return "`" + cutEscaped(s, limit-2) + "`"
}

// emojiLike is what Slack would draw as an emoji.
var emojiLike = regexp.MustCompile(`:([A-Za-z0-9_+'\-]+):`)

func neutral(s string) string {
	for emojiLike.MatchString(s) {
		s = emojiLike.ReplaceAllString(s, "∶$1∶")
	}
	runes := []rune(strings.ReplaceAll(s, "://", ":∕∕")) // a link by itself
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
