package workflow

import "time"

// Token is a button's opaque value: bound to (operation, plan revision, action,
// message). It survives redraws of the card, ends with its revision or its
// expiry, and is spent once for each actor.
type Token struct {
	Token     string    `json:"token"`
	Op        string    `json:"op"`
	Revision  int       `json:"revision"`
	Verb      Verb      `json:"verb"`
	Channel   string    `json:"channel,omitempty"` // "" until the card is posted
	TS        string    `json:"ts,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
}

// InboxItem is one envelope as Slack sent it, committed before its ack.
type InboxItem struct {
	ID         string // envelope id, unique
	Kind       string // Socket Mode envelope type
	Payload    []byte
	ReceivedAt time.Time
}

// InboxLimit is the age past which an envelope is answered "too late" and never acted on.
const InboxLimit = 10 * time.Minute

// Stream is a delivery: the audit channel ("audit") or one card ("card:<operation>").
// Seq is the last audit record delivered (audit) or the operation version last
// drawn (card). State is the deliverer's own JSON (message timestamps, hashes).
type Stream struct {
	Name  string
	Seq   int64
	State []byte
	// Lease fences writes: Advance with another lease fails with ErrConflict.
	Lease string
}

// Stream names.
const (
	AuditStream      = "audit"
	CardStreamPrefix = "card:"
)
