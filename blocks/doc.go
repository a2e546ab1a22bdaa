// Package blocks draws domain values as Slack's Block Kit: pure functions, no
// network, no clock. Every message has a fallback text that is useful alone, and
// every constructor stays within Slack's limits for any input (Check counts as
// Slack counts).
//
// Foreign strings (tags, names, reasons, AWS's own words) cannot create a
// mention, a link, an emoji, formatting or a line break: they are cleaned by
// words.Foreign and stand in code spans or plain_text. The only <…> entities in
// our text are dates and ids that this package built from validated parts.
//
// https://docs.slack.dev/reference/block-kit/blocks
package blocks
