package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The quotes that mark a foreign string in a sentence. Foreign never returns one.
const (
	OpenQuote  = '“'
	CloseQuote = '”'
)

// foreignLimit caps a foreign string in runes: long enough for a service or
// group name (255 at most, rarely over 80), short enough for a phone.
const foreignLimit = 120

// maxMarks is how many combining marks may stand on one letter; more is a
// decoration that runs into other lines.
const maxMarks = 2

// Foreign cleans a string that others wrote, for one line of text: invalid
// UTF-8, control, format (bidirectional, zero-width), private-use and invisible
// characters go, white space becomes one space, quotes become plain ones, and
// what is longer than 120 runes is cut with “…”.
func Foreign(s string) string { return ForeignN(s, foreignLimit) }

// ForeignN is Foreign with another limit in runes, at least 1.
func ForeignN(s string, limit int) string {
	limit = max(limit, 1)
	// A hostile string may be huge: read no more than could survive.
	if most := 64 * (limit + 1); len(s) > most {
		s = s[:most] + "…"
	}
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case invisible(r):
			continue
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			if marks++; marks > maxMarks || b.Len() == 0 {
				continue
			}
		default:
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(plainQuote(r))
		if n++; n > limit {
			return CutRunes(b.String(), limit)
		}
	}
	return b.String()
}

// Strip removes what Foreign removes, turns each white space into a plain one,
// and keeps the rest: for whole sentences, whose parts were cleaned before.
func Strip(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case invisible(r):
			return -1
		}
		return r
	}, s)
}

// CutRunes shortens s to at most limit runes, the last of them “…” when something is missing.
func CutRunes(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	if limit <= 0 {
		return ""
	}
	runes := []rune(s)
	return string(runes[:limit-1]) + "…"
}

// Quote is a foreign string as it stands in a sentence: cleaned, between “ and ”.
func Quote(s string) string {
	c := Foreign(s)
	if c == "" {
		c = "(no name)"
	}
	return string(OpenQuote) + c + string(CloseQuote)
}

func plainQuote(r rune) rune {
	switch r {
	case '“', '”', '„', '‟', '〝', '〞', '〟', '"':
		return '"'
	case '`', '´', 'ˋ', '‘', '’', '‚', '‛':
		return '\''
	}
	return r
}

// invisible reports runes that a reader cannot see, or that change how others are shown.
func invisible(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), !unicode.IsGraphic(r):
		return true
	case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
		return true
	case unicode.Is(unicode.Variation_Selector, r):
		return true
	}
	switch r { // fillers and blanks that count as letters
	case '\u034F', '\u115F', '\u1160', '\u17B4', '\u17B5', '\u2800', '\u3164', '\uFFA0':
		return true
	}
	return false
}
