package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/workflow"
)

// maxBackoff is the longest wait before Slack is asked again; a person who invites the bot sees it catch up within that time.
const maxBackoff = 5 * time.Minute

// Fault is a stream that cannot be delivered now. Nothing is lost: it is tried again.
type Fault struct {
	Stream   string
	Since    time.Time // by the store's clock
	Failures int
	Code     string // Slack's word, or "" for the network
	Sentence string // what is wrong and what to do
}

// Health is what delivery knows of itself.
type Health struct {
	// Audit is the audit channel's fault, or nil.
	Audit *Fault
	// Cards are the faults of cards.
	Cards []Fault
	// AuditPosted is the number of the audit record that this process delivered last, or -1.
	AuditPosted int64
}

// Health reports the faults that stand now.
func (d *Deliverer) Health() Health {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := Health{AuditPosted: d.posted}
	for name, f := range d.faults {
		if name == workflow.AuditStream {
			h.Audit = &f
			continue
		}
		h.Cards = append(h.Cards, f)
	}
	return h
}

// failed notes a fault and returns how long to wait.
func (d *Deliverer) failed(ctx context.Context, stream string, e *slackError) time.Duration {
	d.mu.Lock()
	f, again := d.faults[stream]
	if !again {
		f = Fault{Stream: stream, Since: d.clock.Now()}
	}
	f.Failures++
	f.Code = e.code
	f.Sentence = d.sentence(stream, e)
	d.faults[stream] = f
	d.mu.Unlock()
	if !again || f.Failures%10 == 0 {
		zerolog.Ctx(ctx).Warn().Err(e).Str("stream", stream).Int("failures", f.Failures).Msg("delivery to Slack delayed")
	}
	return min(time.Second<<min(f.Failures-1, 10), maxBackoff)
}

// unread notes that the store does not give what is to be delivered; the queue tries again.
func (d *Deliverer) unread(stream string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, again := d.faults[stream]
	if !again {
		f = Fault{Stream: stream, Since: d.clock.Now()}
	}
	f.Failures++
	f.Code, f.Sentence = "", "The store does not give what is to be delivered; it is tried again, and the log says why."
	d.faults[stream] = f
}

func (d *Deliverer) healed(ctx context.Context, stream string) {
	d.mu.Lock()
	f, was := d.faults[stream]
	delete(d.faults, stream)
	d.mu.Unlock()
	if was {
		zerolog.Ctx(ctx).Info().Str("stream", stream).Int("failures", f.Failures).Msg("delivery to Slack resumed")
	}
}

func (d *Deliverer) sentence(stream string, e *slackError) string {
	what := "A card cannot be drawn"
	channel := "its channel"
	if stream == workflow.AuditStream {
		what, channel = "The audit channel does not get its records (they are kept and will follow)", d.AuditChannel
	}
	return fmt.Sprintf("%s: %s.", what, advice(e, channel))
}

func advice(e *slackError, channel string) string {
	switch {
	case e.code == "not_in_channel":
		return fmt.Sprintf("the bot is no member of %s; invite it there with /invite", channel)
	case e.code == "channel_not_found":
		return fmt.Sprintf("Slack knows no channel %s, or it is private and the bot is no member; check the id and invite the bot", channel)
	case e.code == "is_archived":
		return fmt.Sprintf("%s is archived; unarchive it, or name another channel", channel)
	case e.kind == unreachable:
		return fmt.Sprintf("Slack does not let the bot post in %s (%s); let it post there, or name another channel", channel, e.code)
	case e.kind == rejected:
		return fmt.Sprintf("Slack rejects SLACK_BOT_TOKEN or its scopes (%s); reinstall the app and put its new token in", e.code)
	case e.code != "":
		return fmt.Sprintf("Slack answered %s; it is tried again", e.code)
	}
	return "Slack cannot be reached; it is tried again"
}
