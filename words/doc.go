// Package words is the one catalogue of sentences for cards, the audit trail and
// the terminal: what happened, why, what next. It is pure and knows no Slack.
//
// Every foreign string (a tag, a service name, a person's reason, AWS's own text)
// goes through Foreign, and stands in a sentence between typographic quotes:
// “web”. Foreign removes those quotes from the string itself, so that a reader of
// the sentence, and the blocks package, can tell the bot's words from others'.
package words
