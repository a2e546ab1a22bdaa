// Package delivery carries committed events to Slack: the audit channel's threads and the operations' cards.
//
// A stream is one such destination. Whoever holds its lease posts what is missing, in order, and advances after each post; so a
// crash between the two repeats a message and never skips one. Slack has no idempotency key for chat.postMessage
// (slackapi/slack-api-specs#10): sequence numbers tell readers what is a repetition. A failure here never fails an operation.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/audit"
	"ecsbot/workflow"
)

const (
	// leaseTime outlives every attempt (the queue ends one after 30 s, then comes releaseTime) and little more: after a crash the
	// next one waits for it.
	leaseTime = 40 * time.Second
	// busyTime is how long one attempt goes on posting a backlog before it asks to be called again.
	busyTime = 15 * time.Second
	// lockedPause is the wait for another holder of a lease, which may have looked before our event was committed.
	lockedPause = time.Second
	// releaseTime bounds the release, which is also due when the attempt's own time is over.
	releaseTime = 2 * time.Second
)

// Store is what delivery reads and keeps; store.DB satisfies it.
type Store interface {
	Operation(ctx context.Context, id string) (workflow.Operation, error)
	// Tokens returns one token for each verb, the same ones at each call for an operation's revision.
	Tokens(ctx context.Context, op string, revision int, verbs []workflow.Verb, expires time.Time) (map[workflow.Verb]string, error)
	// BindTokens binds an operation's tokens to the message that shows them.
	BindTokens(ctx context.Context, op, channel, ts string) error
	// BindNotice does so for the tokens of one notice of a follow-up.
	BindNotice(ctx context.Context, op string, revision int, channel, ts string) error
	// FollowUp returns what is looked after since the operation ended, or workflow.ErrNotFound.
	FollowUp(ctx context.Context, op string) (workflow.FollowUp, error)
	// AcquireStream leases the stream for ttl of real time, and returns workflow.ErrLocked while another holds the lease. The Seq
	// of a stream that never delivered is -1.
	AcquireStream(ctx context.Context, name string, ttl time.Duration) (workflow.Stream, error)
	// AdvanceStream saves Seq and State; workflow.ErrConflict when the lease was lost.
	AdvanceStream(ctx context.Context, s workflow.Stream) error
	ReleaseStream(ctx context.Context, s workflow.Stream) error
	// Records returns up to limit records of the audit log from number from on, in order.
	Records(ctx context.Context, from int64, limit int) ([]audit.Record, error)
	Clock() workflow.Clock
}

// Slack is the part of the Web API that delivery calls; *slack.Client satisfies it. The client must not retry by itself: a
// retried chat.postMessage posts twice, and 429 is answered here.
type Slack interface {
	PostMessageContext(ctx context.Context, channel string, options ...slack.MsgOption) (string, string, error)
	UpdateMessageContext(ctx context.Context, channel, ts string, options ...slack.MsgOption) (string, string, string, error)
	OpenConversationContext(ctx context.Context, p *slack.OpenConversationParameters) (*slack.Channel, bool, bool, error)
}

// Signer makes a signed checkpoint of the whole log, as the text that is published.
type Signer interface {
	Checkpoint(ctx context.Context) (string, error)
}

// Deps are what a Deliverer needs. PlanBlock and Approvers are optional.
type Deps struct {
	Store        Store
	Slack        Slack
	Signer       Signer
	AuditChannel string
	Approvers    []string // user and user-group ids, mentioned when an approval is awaited
	PlanBlock    bool     // draw progress with Slack's plan block
}

// Deliverer posts streams. It is safe for concurrent use; all cards of the process share its budget of calls.
type Deliverer struct {
	Deps
	clock workflow.Clock
	pace  *pace

	// mu guards what follows.
	mu     sync.Mutex
	faults map[string]Fault
	posted int64 // the audit record that was delivered last, -1 before the first
}

// New checks its dependencies.
func New(d Deps) (*Deliverer, error) {
	switch {
	case d.Store == nil:
		return nil, errors.New("starting delivery: no store")
	case d.Slack == nil:
		return nil, errors.New("starting delivery: no Slack client")
	case d.Signer == nil:
		return nil, errors.New("starting delivery: nobody signs checkpoints")
	case d.AuditChannel == "":
		return nil, errors.New("starting delivery: no audit channel")
	}
	return &Deliverer{Deps: d, clock: d.Store.Clock(), pace: newPace(), faults: map[string]Fault{}, posted: -1}, nil
}

// Deliver brings one stream up to date. next is when to call again without being asked; zero means when something new is
// committed. Trouble with Slack is answered by next; an error is the store's.
func (d *Deliverer) Deliver(ctx context.Context, stream string) (next time.Time, err error) {
	deliver, err := d.kind(stream)
	if err != nil {
		return time.Time{}, err
	}
	s, err := d.Store.AcquireStream(ctx, stream, leaseTime)
	if errors.Is(err, workflow.ErrLocked) {
		return d.later(lockedPause), nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("acquiring stream %s: %w", stream, err)
	}
	defer d.release(ctx, s)
	next, err = deliver(ctx, &s)
	return d.settle(ctx, stream, next, err)
}

func (d *Deliverer) kind(stream string) (func(context.Context, *workflow.Stream) (time.Time, error), error) {
	if stream == workflow.AuditStream {
		return d.audit, nil
	}
	if op, ok := strings.CutPrefix(stream, workflow.CardStreamPrefix); ok && op != "" {
		return d.card, nil
	}
	return nil, fmt.Errorf("delivering to %q: no such kind of stream", stream)
}

func (d *Deliverer) release(ctx context.Context, s workflow.Stream) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := d.Store.ReleaseStream(ctx, s); err != nil && !errors.Is(err, workflow.ErrConflict) {
		zerolog.Ctx(ctx).Warn().Err(err).Str("stream", s.Name).Msg("stream not released, its lease must run out")
	}
}

// settle turns Slack's refusals into a time to try again, and keeps the stream's health.
func (d *Deliverer) settle(ctx context.Context, stream string, next time.Time, err error) (time.Time, error) {
	refused, ok := errors.AsType[*slackError](err)
	switch {
	case err == nil:
		d.healed(ctx, stream)
		return next, nil
	case !ok && errors.Is(err, workflow.ErrConflict):
		return d.later(lockedPause), nil // another holder goes on
	case !ok:
		d.unread(stream)
		return time.Time{}, err
	case refused.kind == tooSoon:
		return d.later(refused.wait), nil
	}
	wait := d.failed(ctx, stream, refused)
	return d.later(wait), nil
}

// later is the clock's time when real time has gone on by wait: Slack counts in real seconds, whatever the pace of the clock.
func (d *Deliverer) later(wait time.Duration) time.Time {
	now := d.clock.Now()
	t := now.Add(wait)
	real := d.clock.Until(t)
	if real <= 0 || real >= wait || wait <= 0 {
		return t
	}
	return now.Add(time.Duration(float64(wait) * (float64(wait) / float64(real))))
}
