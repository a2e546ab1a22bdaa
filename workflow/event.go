package workflow

import (
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// EventType names what happened. Stored as text; words has a sentence for each.
type EventType string

// Events. Each deed has its ordered/outcome pair: the order is committed before
// the call, the outcome after it.
const (
	EvProposed     EventType = "proposed"
	EvRefused      EventType = "refused" // a person was refused: request, click, approval
	EvConfirmed    EventType = "confirmed"
	EvAsked        EventType = "approval_asked"
	EvApproved     EventType = "approved"
	EvDenied       EventType = "denied"
	EvCancelled    EventType = "cancelled"
	EvExpired      EventType = "expired"
	EvStopAsked    EventType = "stop_asked"
	EvWaitLonger   EventType = "wait_longer"
	EvForceAsked   EventType = "force_asked" // a new revision with force was proposed
	EvTicked       EventType = "ticked"      // a new revision that stops more standalone tasks: Tasks
	EvChosen       EventType = "chosen"      // a new revision with another end for the machine: Intent
	EvRevised      EventType = "revised"     // drift: the difference, a new revision
	EvOrdered      EventType = "ordered"     // intent committed
	EvOutcome      EventType = "outcome"
	EvState        EventType = "state" // moved to another state
	EvProgress     EventType = "progress"
	EvHeld         EventType = "held" // what holds the drain changed; no Holds: nothing does any more
	EvBlocked      EventType = "blocked"
	EvUnblocked    EventType = "unblocked"
	EvChecked      EventType = "checked"       // verification results
	EvEnded        EventType = "ended"         // terminal state reached
	EvTooLate      EventType = "too_late"      // an envelope too old to act on
	EvCheckpoint   EventType = "checkpoint"    // a signed checkpoint of the log
	EvServiceStart EventType = "service_start" // the bot started: version, configuration hash

	EvWave     EventType = "wave"     // a wave of a batch began: Targets, Left of Total waves
	EvSurprise EventType = "surprise" // a member found what nobody approved: Changes
	EvWentOn   EventType = "went_on"  // a person looked at the surprise and goes on

	// Follow-ups: what happens after an operation's end.
	EvReminded     EventType = "reminded"         // of orphans, of a machine that is still billed
	EvReturned     EventType = "registered_again" // the same machine, under another registration
	EvUnseen       EventType = "follow_up_unread" // a follow-up could not read what it looks after; it tries again
	EvSignedOff    EventType = "signed_off"       // a person answers for the orphans
	EvLedgerClosed EventType = "ledger_closed"    // nothing is left to look after
	EvHostAsked    EventType = "host_look_asked"  // a person wants the machine looked into
	EvHostSeen     EventType = "host_seen"        // what a look into the machine brought
)

// Event is one thing that happened; the audit record is the event. Only the
// fields of its type are set. The stored JSON text is the record's canonical
// bytes: it is never marshalled again.
type Event struct {
	Op       string          `json:"op,omitempty"` // operation id; "" for what belongs to none
	N        int             `json:"n,omitempty"`  // number within the operation, from 1
	At       time.Time       `json:"at"`
	Type     EventType       `json:"type"`
	Actor    Actor           `json:"actor"`
	State    State           `json:"state,omitempty"` // after the event
	From     State           `json:"from,omitempty"`
	Revision int             `json:"revision,omitempty"`
	Version  int64           `json:"version,omitempty"` // of the operation after the event's transaction
	Target   *ecsops.Target  `json:"target,omitempty"`
	Targets  []ecsops.Target `json:"targets,omitempty"` // batch_proposed
	Batch    string          `json:"batch,omitempty"`   // proposed, confirmed: by the decision on this batch
	Channel  string          `json:"channel,omitempty"`
	Action   policy.Action   `json:"action,omitempty"` // refused: what was asked
	Reasons  []policy.Reason `json:"reasons,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Verdict  ecsops.Severity `json:"verdict,omitempty"`
	Rules    []ecsops.Rule   `json:"rules,omitempty"`
	Tasks    []string        `json:"tasks,omitempty"` // orphans approved, tasks to stop: ARNs
	Intent   *ecsops.Intent  `json:"intent,omitempty"`
	Order    *Order          `json:"order,omitempty"`
	Block    *Block          `json:"block,omitempty"`
	Changes  []ecsops.Change `json:"changes,omitempty"`
	Holds    []ecsops.Hold   `json:"holds,omitempty"` // held: one for each cause and service
	Checks   []ecsops.Check  `json:"checks,omitempty"`
	Notice   *Notice         `json:"notice,omitempty"`
	Left     int             `json:"left,omitempty"`
	Total    int             `json:"total,omitempty"`
	Reason   string          `json:"reason,omitempty"` // the person's text; foreign
	Cause    string          `json:"cause,omitempty"`  // words key
	Detail   string          `json:"detail,omitempty"` // checkpoint text, version …
}
