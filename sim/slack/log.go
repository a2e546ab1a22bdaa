package slack

import (
	"context"
	"encoding/json"
	"time"
)

// Kind says what an Entry is about.
type Kind string

// The kinds of entries.
const (
	KindRequest  Kind = "request"  // a Web API call
	KindResponse Kind = "response" // a POST to a response_url
	KindEnvelope Kind = "envelope" // an envelope written to a socket
	KindAck      Kind = "ack"      // an ack read from a socket
	KindTimeout  Kind = "timeout"  // an envelope whose ack did not come in time
	KindOpen     Kind = "open"     // a socket said hello
	KindClose    Kind = "close"    // a socket ended
	KindFault    Kind = "fault"    // a fault was set or struck
	KindPerson   Kind = "person"   // a person did something
)

// Outcomes of an ack.
const (
	AckOK        = "ok"
	AckLate      = "late"      // the limit had passed
	AckUnknown   = "unknown"   // no such envelope
	AckDuplicate = "duplicate" // it was acked before
	AckTooBig    = "too_big"   // 20 KB or more: dropped without a word to the client
	AckForeign   = "foreign"   // came on another socket and Config.RefuseForeignAcks is set
)

// Entry is one line of the workspace's log, which is kept outside of any app
// and never changes once written. Tokens are not in it.
type Entry struct {
	Seq     int       `json:"seq"`
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Method  string    `json:"method,omitempty"`  // Web API method or slash command
	Outcome string    `json:"outcome,omitempty"` // "ok" or Slack's error
	User    string    `json:"user,omitempty"`
	Channel string    `json:"channel,omitempty"`
	TS      string    `json:"ts,omitempty"`
	// Args are a request's arguments, without the token.
	Args map[string]string `json:"args,omitempty"`

	EnvelopeID   string `json:"envelope_id,omitempty"`
	EnvelopeType string `json:"envelope_type,omitempty"`
	// Socket is where it happened; SentOn is where an ack's envelope had gone.
	Socket  int           `json:"socket,omitempty"`
	SentOn  int           `json:"sent_on,omitempty"`
	Latency time.Duration `json:"latency,omitempty"`
	Size    int           `json:"size,omitempty"` // bytes
	Detail  string        `json:"detail,omitempty"`
	// Payload is an envelope's payload or an ack's.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// record appends to the log.
func (w *Workspace) record(e Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(e)
}

// note appends to the log and wakes the waiting. The caller holds mu.
func (w *Workspace) note(e Entry) {
	e.Seq = len(w.entries) + 1
	e.At = w.now()
	w.entries = append(w.entries, e)
	w.touch()
}

// Log returns everything recorded so far, oldest first.
func (w *Workspace) Log() []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Entry(nil), w.entries...)
}

// Follow returns the entries after the one numbered seq, waiting until there is
// one. It fails when ctx ends or the workspace closes.
func (w *Workspace) Follow(ctx context.Context, seq int) ([]Entry, error) {
	for {
		w.mu.Lock()
		if seq < len(w.entries) {
			out := append([]Entry(nil), w.entries[max(seq, 0):]...)
			w.mu.Unlock()
			return out, nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-w.ctx.Done():
			return nil, errClosed
		}
	}
}
