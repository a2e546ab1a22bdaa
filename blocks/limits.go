package blocks

import "unicode/utf8"

// Slack's limits, in characters (runes) and counts.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	textLimit = 4000 // recommended for a message's text
)

func runeCount(s string) int { return utf8.RuneCountInString(s) }
