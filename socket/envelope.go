package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// maxAck is the size in bytes at which Slack silently drops an acknowledgement (slack-go: maxResponseSize).
const maxAck = 20 << 10

// Errors of Envelope.Ack.
var (
	// ErrAckTooLarge means that the frame would have 20 KB or more, which Slack drops silently. Nothing was written; a smaller
	// payload may follow.
	ErrAckTooLarge = errors.New("acknowledgement of 20 KB or more")
	// ErrGone means that the arrival socket is closed or the write on it failed. Slack will not take this ack from another one.
	ErrGone = errors.New("arrival socket closed")
	// ErrAcked means that the envelope was acknowledged before.
	ErrAcked = errors.New("envelope already acknowledged")
	// ErrNoPayload means that this envelope takes no payload in its ack. Nothing was written; ack it with nil.
	ErrNoPayload = errors.New("envelope accepts no payload in its acknowledgement")
	errAckSlow   = errors.New("acknowledgement not written within 2 s")
)

// Arrival is the socket on which an envelope came. WriteAck writes one text frame on it; its error wraps ErrGone when the socket
// can carry no more.
type Arrival interface {
	WriteAck(ctx context.Context, frame []byte) error
}

// Envelope is one thing that Slack sent: a slash command, an interaction or an event.
type Envelope struct {
	// ID is Slack's envelope_id, the same at each redelivery.
	ID string
	// Type is slash_commands, interactive, events_api, or something newer.
	Type string
	// Payload is Slack's JSON, unread. Never log it: it holds response URLs and trigger ids.
	Payload json.RawMessage
	// AcceptsResponse says that the ack may carry a payload.
	AcceptsResponse bool
	// RetryAttempt and RetryReason come with redelivered events.
	RetryAttempt int
	RetryReason  string
	// ReceivedAt is when it was read from the socket. Slack's 3 s began earlier.
	ReceivedAt time.Time

	arrival Arrival
	acked   atomic.Bool
	counted *counters
}

// NewEnvelope returns an envelope that acknowledges itself on a. It serves those who test a Handler.
func NewEnvelope(id, typ string, payload json.RawMessage, a Arrival) *Envelope {
	return &Envelope{ID: id, Type: typ, Payload: payload, AcceptsResponse: true, ReceivedAt: time.Now(), arrival: a, counted: new(counters)}
}

type ackFrame struct {
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload,omitempty"`
}

// Ack acknowledges the envelope on its arrival socket, with payload unless nil, and returns when the frame is written, within 2 s.
// A written frame is the best that can be known: Slack does not confirm it. It can succeed once; ErrAckTooLarge, ErrNoPayload and a
// context that ended before the write leave the envelope unacknowledged.
func (e *Envelope) Ack(ctx context.Context, payload any) error {
	if e.arrival == nil {
		return fmt.Errorf("acknowledging envelope %s: %w", e.ID, ErrGone)
	}
	frame, err := e.frame(payload)
	if err != nil {
		e.counted.acksFailed.Add(1)
		return err
	}
	if !e.acked.CompareAndSwap(false, true) {
		return fmt.Errorf("acknowledging envelope %s: %w", e.ID, ErrAcked)
	}
	if err := e.arrival.WriteAck(ctx, frame); err != nil {
		e.acked.Store(false)
		e.counted.acksFailed.Add(1)
		return fmt.Errorf("acknowledging envelope %s: %w", e.ID, err)
	}
	e.counted.acks.Add(1)
	return nil
}

func (e *Envelope) frame(payload any) ([]byte, error) {
	f := ackFrame{EnvelopeID: e.ID}
	if payload != nil {
		if !e.AcceptsResponse {
			return nil, fmt.Errorf("acknowledging envelope %s: %w", e.ID, ErrNoPayload)
		}
		raw, err := json.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("encoding the acknowledgement of envelope %s: %w", e.ID, err)
		}
		f.Payload = raw
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding the acknowledgement of envelope %s: %w", e.ID, err)
	}
	if len(b) >= maxAck {
		return nil, fmt.Errorf("acknowledging envelope %s with %d bytes: %w", e.ID, len(b), ErrAckTooLarge)
	}
	return b, nil
}
