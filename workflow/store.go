package workflow

import (
	"context"
	"errors"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// Errors of a Store that callers branch on.
var (
	ErrConflict = errors.New("operation changed meanwhile")
	ErrNotFound = errors.New("no such operation")
	ErrLocked   = errors.New("target is locked by another operation")
	ErrSpent    = errors.New("button was already used by this person")
)

// Clock is the one source of time. On PostgreSQL it is the server's, on SQLite
// the process's; tests and the demo pace it.
type Clock interface {
	Now() time.Time
	// Until is the real duration to wait for t; never negative.
	Until(t time.Time) time.Duration
}

// Store keeps operations and events. Its guarantees, on both databases:
//
//   - Commit is one transaction and durable when it returns nil. On any error
//     nothing of it happened, but for ErrUncertain causes (connection lost during
//     COMMIT), where the caller must read again before acting.
//   - Events get gap-free numbers in the audit log, in commit order, as leaves
//     of the Merkle tree, in the same transaction.
//   - No two operations hold one target's lock.
type Store interface {
	// Operation returns ErrNotFound for an unknown id.
	Operation(ctx context.Context, id string) (Operation, error)
	// Holder returns the operation that holds the target's lock, or ErrNotFound.
	Holder(ctx context.Context, target ecsops.Target) (Operation, error)
	// Operations lists by newest first; zero Filter lists the last 20.
	Operations(ctx context.Context, f Filter) ([]Operation, error)
	// Commit applies a change. ErrConflict when the stored version is not
	// Expect; ErrLocked when the new state locks and the target is held by
	// another operation; ErrSpent when the token was spent by the actor.
	Commit(ctx context.Context, c Change) error
	// FollowUp returns what is looked after once the operation ended, or ErrNotFound.
	FollowUp(ctx context.Context, op string) (FollowUp, error)
	// Clock is the store's clock.
	Clock() Clock
}

// Filter narrows a listing.
type Filter struct {
	Cluster ecsops.ClusterARN
	Active  bool // not terminal
	Limit   int
}

// Change is everything one decision or step commits.
type Change struct {
	// Op is the operation after the change, or nil for events without one. Commit
	// stores it with Version = Expect+1, numbers its events, and takes or
	// releases the target's lock by Op.State.Locks().
	Op     *Operation
	Expect int64 // 0 inserts
	Events []Event
	// Spend marks a button's token as used by an actor.
	Spend *Spend
	// TickAt asks for Engine.Step at that time (zero: none). "Now" is fine.
	TickAt time.Time
	// Redraw asks for the operation's card to be drawn again.
	Redraw bool
	// Wake asks for another operation's card to be looked at again: the batch's, whose thread
	// says what its members left.
	Wake string
	// FollowUp is stored with its version counted on: 0 inserts, ErrConflict when the
	// stored version is another. Engine.FollowUp is asked for at its due time.
	FollowUp *FollowUp
}

// Spend is one actor's use of one token.
type Spend struct {
	Token string
	Actor string // user id
}

// Authority asks policy again with live facts before an irreversible step.
// An error means that it could not be asked: the step waits.
type Authority interface {
	Authorize(ctx context.Context, op Operation) (policy.Verdict, error)
}

// Fleet is ECS as the engine needs it; ecsops.Fleet satisfies it.
type Fleet interface {
	// Inspect reads everything; unread facts are unknown. It errs only when ctx ends.
	Inspect(ctx context.Context, t ecsops.Target) (ecsops.Snapshot, error)
	// InspectMany is Inspect for several targets of one cluster, in their order.
	InspectMany(ctx context.Context, targets []ecsops.Target) ([]ecsops.Snapshot, error)
	// Look reads the registration and its tasks, and what lf names.
	Look(ctx context.Context, t ecsops.Target, lf ecsops.LookFor) (ecsops.Snapshot, error)
	// After reads what a verification needs.
	After(ctx context.Context, t ecsops.Target, lf ecsops.LookFor, since time.Time) (ecsops.After, error)
	// Aftermath reads what follow-ups look after; registrations costs a call for each cluster.
	Aftermath(ctx context.Context, t ecsops.Target, registrations bool) (ecsops.Aftermath, error)
	// Node reads what Systems Manager knows of the target's machine.
	Node(ctx context.Context, t ecsops.Target) (ecsops.Fact[ecsops.Node], error)
	// HostLook reads what a look into the machine brought.
	HostLook(ctx context.Context, q ecsops.HostQuestion) (ecsops.Fact[ecsops.HostAnswer], error)
	// Do makes one HTTP attempt.
	Do(ctx context.Context, a ecsops.Action) ecsops.Outcome
}
