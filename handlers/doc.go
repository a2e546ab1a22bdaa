// Package handlers takes what people type and click in Slack.
//
// Every envelope but a picker's question is committed to the inbox before it is
// acknowledged, and acted on from there: authorise with live facts, act, mark it
// handled. What a crash or a full pool left over, Sweep takes up; what has
// become older than workflow.InboxLimit is answered and never acted on.
//
// The actor is always the envelope's user. Nothing that a client held (a
// button's value, a modal's metadata, an option's value) is believed: it names
// something that is looked up and authorised again.
package handlers
