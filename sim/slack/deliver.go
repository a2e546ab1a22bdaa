package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// What a person sees when an envelope was not acked.
const (
	ErrorTimeout  = "operation_timeout" // sent, and no ack within the limit
	ErrorDispatch = "dispatch_failed"   // there was no connection to send it on
)

// Invocation is what became of one envelope.
type Invocation struct {
	EnvelopeID string          `json:"envelope_id"`
	Socket     int             `json:"socket"` // where it was sent; 0 if nowhere
	Acked      bool            `json:"acked"`
	AckSocket  int             `json:"ack_socket"`
	AckPayload json.RawMessage `json:"ack_payload,omitempty"`
	AckLatency time.Duration   `json:"ack_latency"`
	// Error is what the person sees go wrong: empty, ErrorTimeout, ErrorDispatch,
	// or why the ack's payload could not be used.
	Error       string `json:"error,omitempty"`
	TriggerID   string `json:"trigger_id,omitempty"`
	ResponseURL string `json:"response_url,omitempty"`
}

// deliver sends an envelope on one connection and waits for its ack, at most
// for the limit. The error is ctx's alone; everything else is in the Invocation.
func (w *Workspace) deliver(ctx context.Context, env envelope) (Invocation, error) {
	id := uuid.NewString()
	frame := mustJSON(map[string]any{"envelope_id": id, "type": env.kind, "payload": env.payload, "accepts_response_payload": env.accepts})
	inv := Invocation{EnvelopeID: id}
	inv.TriggerID, _ = env.payload["trigger_id"].(string)
	inv.ResponseURL, _ = env.payload["response_url"].(string)
	if err := w.hold(ctx); err != nil {
		return inv, err
	}
	return w.send(ctx, inv, env.kind, frame)
}

// hold waits for the ordered delivery delay.
func (w *Workspace) hold(ctx context.Context) error {
	w.mu.Lock()
	d := w.links.delay
	w.mu.Unlock()
	if d <= 0 {
		return nil
	}
	return w.sleep(ctx, d)
}

// sleep waits in real time.
func (w *Workspace) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.ctx.Done():
		return errClosed
	}
}

// send writes one frame to one connection and waits for the ack.
func (w *Workspace) send(ctx context.Context, inv Invocation, kind string, frame []byte) (Invocation, error) {
	l, p := w.address(inv.EnvelopeID, kind, frame)
	if l == nil {
		inv.Error = ErrorDispatch
		return inv, nil
	}
	inv.Socket = l.id
	if !w.silent(l) {
		if err := l.write(frame); err != nil {
			w.record(Entry{Kind: KindFault, EnvelopeID: inv.EnvelopeID, Socket: l.id, Outcome: "write_failed", Detail: err.Error()})
		}
	}
	limit := time.NewTimer(w.cfg.AckLimit)
	defer limit.Stop()
	var stop error
	select {
	case <-p.done:
	case <-limit.C:
	case <-ctx.Done():
		stop = context.Cause(ctx)
	case <-w.ctx.Done():
		stop = errClosed
	}
	return w.settle(inv, p), stop
}

// address registers an envelope with the connection it will go to.
func (w *Workspace) address(id, kind string, frame []byte) (*link, *pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := Entry{Kind: KindEnvelope, EnvelopeID: id, EnvelopeType: kind, Size: len(frame), Payload: payloadOf(frame)}
	l := w.links.choose()
	if l == nil {
		e.Outcome = ErrorDispatch
		w.note(e)
		return nil, nil
	}
	p := &pending{envelope: frame, kind: kind, sentOn: l.id, sentAt: time.Now(), done: make(chan struct{}), state: waiting}
	w.links.pending[id] = p
	l.info.Delivered++
	e.Socket, e.Outcome = l.id, "sent"
	w.note(e)
	return l, p
}

func payloadOf(frame []byte) json.RawMessage {
	var f struct {
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(frame, &f) != nil {
		return nil
	}
	return f.Payload
}

// settle decides what became of an envelope whose wait is over.
func (w *Workspace) settle(inv Invocation, p *pending) Invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.state == acked {
		inv.Acked, inv.AckSocket, inv.AckPayload, inv.AckLatency = true, p.ackOn, p.ack, p.latency
		return inv
	}
	p.state = expired
	inv.Error = ErrorTimeout
	w.note(Entry{Kind: KindTimeout, EnvelopeID: inv.EnvelopeID, EnvelopeType: p.kind, Socket: p.sentOn, Outcome: ErrorTimeout})
	return inv
}

// ErrNoEnvelope says that no envelope with the id was ever sent.
var ErrNoEnvelope = errors.New("no such envelope")

// Redeliver sends an envelope again, byte for byte, on the connection whose turn
// it is, and waits for its ack as at the first time.
func (w *Workspace) Redeliver(ctx context.Context, envelopeID string) (Invocation, error) {
	w.mu.Lock()
	p := w.links.pending[envelopeID]
	w.mu.Unlock()
	if p == nil {
		return Invocation{}, fmt.Errorf("redelivering %s: %w", envelopeID, ErrNoEnvelope)
	}
	return w.send(ctx, Invocation{EnvelopeID: envelopeID}, p.kind, p.envelope)
}
