package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
)

// kind is what a failed call to Slack calls for.
type kind string

const (
	retry       kind = "retry"       // network, timeout, Slack's own trouble: it may have happened
	tooSoon     kind = "too_soon"    // 429 or our own limits: wait as long as told
	gone        kind = "gone"        // the message is not there or cannot be changed: post another
	unreachable kind = "unreachable" // the channel does not take us: another place, or a person's help
	content     kind = "content"     // Slack rejects this very message: say it shorter
	rejected    kind = "rejected"    // token or scope: a person's help
)

// minRetryAfter is waited when Slack limits us without saying for how long.
const minRetryAfter = time.Second

// slackError is a call to Slack that did not do what was wanted.
type slackError struct {
	kind kind
	code string
	wait time.Duration // tooSoon
	err  error
}

func (e *slackError) Error() string {
	switch {
	case e.kind == tooSoon:
		return fmt.Sprintf("Slack wants us to wait %s", e.wait)
	case e.code != "":
		return "Slack answered " + e.code
	}
	return fmt.Sprintf("calling Slack: %v", e.err)
}

func (e *slackError) Unwrap() error { return e.err }

// codes are Slack's words for what no repetition of the same call mends.
// https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, conversations.open
func kindOf(code string) kind {
	switch code {
	case "message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found",
		"cannot_reply_to_message", "thread_locked":
		return gone
	case "channel_not_found", "not_in_channel", "is_archived", "restricted_action", "restricted_action_read_only_channel",
		"restricted_action_thread_only_channel", "restricted_action_non_threadable_channel", "channel_type_not_supported",
		"messages_tab_disabled", "user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot",
		"not_in_team", "team_not_found", "as_user_not_supported", "duplicate_channel_not_found":
		return unreachable
	case "msg_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "too_many_attachments",
		"attachment_payload_limit_exceeded", "block_mismatch", "markdown_text_conflict":
		return content
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope", "no_permission",
		"not_allowed_token_type", "access_denied", "team_access_not_granted", "org_login_required", "ekm_access_denied":
		return rejected
	}
	return retry
}

func (d *Deliverer) classify(key string, err error) error {
	if err == nil {
		return nil
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		wait := max(limited.RetryAfter, minRetryAfter)
		d.pace.close(key, wait)
		return &slackError{kind: tooSoon, wait: wait, err: err}
	}
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		if answer.Err == "ratelimited" || answer.Err == "rate_limited" {
			d.pace.close(key, minRetryAfter)
			return &slackError{kind: tooSoon, wait: minRetryAfter, err: err}
		}
		return &slackError{kind: kindOf(answer.Err), code: answer.Err, err: err}
	}
	return &slackError{kind: retry, err: err}
}

// place is where a message stands or goes.
type place struct{ channel, thread, ts string }

// post sends a message and returns where it stands. A message that Slack rejects for its content is sent again as plain text.
func (d *Deliverer) post(ctx context.Context, at place, m blocks.Message) (place, error) {
	key := "chat.postMessage " + at.channel
	send := func(m blocks.Message) (place, error) {
		if err := d.pace.take(ctx, key, d.pace.channel(at.channel), change); err != nil {
			return place{}, err
		}
		opts := options(m)
		if at.thread != "" {
			opts = append(opts, slack.MsgOptionTS(at.thread))
		}
		channel, ts, err := d.Slack.PostMessageContext(ctx, at.channel, opts...)
		return place{channel: channel, thread: at.thread, ts: ts}, d.classify(key, err)
	}
	return plainly(m, send)
}

// update redraws a message.
func (d *Deliverer) update(ctx context.Context, at place, m blocks.Message, u urgency) error {
	const key = "chat.update"
	_, err := plainly(m, func(m blocks.Message) (place, error) {
		if err := d.pace.take(ctx, key, d.pace.updates, u); err != nil {
			return place{}, err
		}
		_, _, _, err := d.Slack.UpdateMessageContext(ctx, at.channel, at.ts, options(m)...)
		return at, d.classify(key, err)
	})
	return err
}

// plainly sends m, and when Slack rejects its content, only its text: a message that is worse than it should be is better than
// a stream that stands still.
func plainly(m blocks.Message, send func(blocks.Message) (place, error)) (place, error) {
	at, err := send(m)
	if is(err, content) && len(m.Blocks) > 0 {
		return send(blocks.Message{Text: short(m.Text)})
	}
	return at, err
}

// short keeps a text within what Slack recommends, 4,000 characters.
func short(text string) string {
	const most = 3900
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

func options(m blocks.Message) []slack.MsgOption {
	opts := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
	if len(m.Blocks) > 0 {
		opts = append(opts, slack.MsgOptionBlocks(m.Blocks...))
	}
	return opts
}

func is(err error, k kind) bool {
	e, ok := errors.AsType[*slackError](err)
	return ok && e.kind == k
}

// withNote puts a line above a message.
func withNote(note string, m blocks.Message) blocks.Message {
	line := slack.NewContextBlock("", slack.NewTextBlockObject(slack.PlainTextType, note, false, false))
	out := blocks.Message{Text: note + " " + m.Text}
	if len(m.Blocks) > 0 && len(m.Blocks) < 50 {
		out.Blocks = append([]slack.Block{line}, m.Blocks...)
	} else {
		out.Blocks = m.Blocks
	}
	return out
}
