package blocks

import (
	"strconv"
	"strings"

	"github.com/slack-go/slack"
)

// depth is how much of long lists a drawing shows.
type depth struct{ items, line int }

// depths are tried in turn until the drawing is within Slack's limits.
func depths() []depth {
	return []depth{{20, 700}, {12, 500}, {8, 400}, {6, 300}, {4, 250}, {3, 200}, {2, 150}, {1, 120}, {0, 100}}
}

// fit draws with as much detail as Slack's limits allow.
func fit(draw func(depth) Message) Message {
	var m Message
	for _, d := range depths() {
		if m = draw(d); Check(m) == nil {
			return m
		}
	}
	return m
}

// sheet collects blocks. Block ids are the names that its methods are given,
// made unique.
type sheet struct {
	blocks []slack.Block
	ids    map[string]int
}

func newSheet() *sheet { return &sheet{ids: map[string]int{}} }

func (s *sheet) id(name string) string {
	s.ids[name]++
	if n := s.ids[name]; n > 1 {
		return name + ":" + strconv.Itoa(n)
	}
	return name
}

func (s *sheet) header(title string) {
	h := slack.NewHeaderBlock(plain(title, headerLimit))
	h.BlockID = s.id("header")
	s.blocks = append(s.blocks, h)
}

// section adds lines as one section; what does not fit is cut at a line.
func (s *sheet) section(name string, lines ...mrkdwn) {
	if t := paragraph(lines, sectionLimit); t != "" {
		b := slack.NewSectionBlock(md(t), nil, nil)
		b.BlockID = s.id(name)
		s.blocks = append(s.blocks, b)
	}
}

// context adds small print: the parts in one text, as Slack and screen readers run
// elements together. What does not fit is cut at a part.
func (s *sheet) context(name string, parts ...mrkdwn) {
	var kept []mrkdwn
	left := contextLimit
	for _, p := range parts {
		if p == "" {
			continue
		}
		if left -= runeCount(string(p)) + len(partsSep); left < 0 {
			break
		}
		kept = append(kept, p)
	}
	if len(kept) > 0 {
		s.blocks = append(s.blocks, slack.NewContextBlock(s.id(name), md(joinMrkdwn(kept, partsSep))))
	}
}

const (
	partsSep     = " · "
	contextLimit = 2000
)

func joinMrkdwn(parts []mrkdwn, sep mrkdwn) mrkdwn {
	var out mrkdwn
	for i, p := range parts {
		if i > 0 {
			out += sep
		}
		out += p
	}
	return out
}

func (s *sheet) add(b slack.Block) {
	if b != nil {
		s.blocks = append(s.blocks, b)
	}
}

// paragraph joins lines, dropping what is empty and what is over the limit.
func paragraph(lines []mrkdwn, limit int) mrkdwn {
	var b strings.Builder
	left := limit - 2 // for the last line's "\n…"
	for _, l := range lines {
		if l == "" {
			continue
		}
		n := runeCount(string(l)) + 1
		if n > left {
			b.WriteString("\n…")
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(l))
		left -= n
	}
	return mrkdwn(strings.TrimPrefix(b.String(), "\n"))
}

// bulletsBudget is what a list may take of its section.
const bulletsBudget = sectionLimit - 300

// bullets lists at most d.items of n lines, no more than one section holds, and
// says how many more there are and where.
func bullets(n int, d depth, line func(int) mrkdwn, rest mrkdwn) []mrkdwn {
	var out []mrkdwn
	used := 0
	for i := range min(n, d.items) {
		l := "• " + line(i)
		if used += runeCount(string(l)) + 1; used > bulletsBudget {
			break
		}
		out = append(out, l)
	}
	if more := n - len(out); more > 0 {
		out = append(out, "• …and "+mrkdwn(strconv.Itoa(more))+" more"+rest)
	}
	return out
}
