package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// A batch is an operation of its own that changes nothing in AWS: one decision on a list of
// ghosts (batch_ghosts.go), or on a list of instances that leave in waves (bulk.go). It
// releases an ordinary operation for each, which reads its target again, orders, verifies and
// is recorded like any other.

const (
	batchPoll  = 3 * time.Second // between two looks at the members
	batchRetry = 30 * time.Second
)

// Events of a batch.
const (
	EvBatchProposed EventType = "batch_proposed" // Targets are to be cleaned up by one decision; with Intent: to be deregistered
	EvReleased      EventType = "released"       // a row became an operation: Detail
	EvSkipped       EventType = "skipped"        // a row was left alone: Cause
)

// RowState is where one row of a batch stands.
type RowState string

// Row states. The last three are the end.
const (
	RowWaiting    RowState = "waiting"
	RowRunning    RowState = "running" // its operation exists
	RowDone       RowState = "done"
	RowUnverified RowState = "unverified"
	RowSkipped    RowState = "skipped" // Cause says why; nothing was changed
)

// Row is one member of a batch.
type Row struct {
	Target ecsops.Target       `json:"target"`
	Proof  ecsops.MachineProof `json:"proof"` // as it was shown
	Tasks  int                 `json:"tasks"` // that ECS still counted there
	Op     string              `json:"op"`    // its operation's id, chosen with the row: a restart makes no second one
	State  RowState            `json:"state"`
	Now    State               `json:"now,omitempty"`   // of its operation, as last seen
	Block  BlockReason         `json:"block,omitempty"` // what its operation waits for
	Cause  string              `json:"cause,omitempty"` // words key
	Detail string              `json:"detail,omitempty"`
	// Missing keeps a row from being released, and RetryAt is when it is read again.
	Missing *ecsops.Unknown `json:"missing,omitempty"`
	RetryAt time.Time       `json:"retry_at,omitzero"`
	// Leave is what a row has that drains; nil for a ghost. It is shared between copies of the
	// row and never written to: draft.leave makes a new one.
	Leave *Leave `json:"leave,omitempty"`
}

// Settled reports whether nothing follows for the row.
func (r Row) Settled() bool { return r.State != RowWaiting && r.State != RowRunning }

// IsBatch reports whether the operation is a batch.
func (op Operation) IsBatch() bool { return len(op.Rows) > 0 }

// Clusters are those that the operation is about, each once, in order.
func (op Operation) Clusters() []ecsops.ClusterARN {
	if !op.IsBatch() {
		return []ecsops.ClusterARN{op.Target.Cluster}
	}
	var out []ecsops.ClusterARN
	for _, r := range op.Rows {
		out = append(out, r.Target.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// applyBatch is apply for a batch: it can be confirmed, approved or denied where it needs a
// second person, cancelled, stopped, and gone on with after a surprise.
func applyBatch(d *draft, dec Decision, s Settings) Answer {
	switch dec.Verb {
	case Confirm:
		return confirmBatch(d, dec, s)
	case Approve:
		return approveBatch(d, dec)
	case Deny:
		return applyDeny(d, dec)
	case GoOn:
		return goOn(d, dec)
	case Cancel:
		return applyCancel(d, dec)
	case Stop:
		return stopBatch(d, dec)
	}
	return Answer{Kind: TooLate, Detail: "nothing_to_approve"}
}

func confirmBatch(d *draft, dec Decision, s Settings) Answer {
	switch {
	case d.op.State != Proposed:
		return Answer{Kind: AlreadyDone, By: decider(d.op)}
	case dec.Revision != 0 && dec.Revision != d.op.Revision:
		return Answer{Kind: TooLate}
	case pendingExpired(d):
		return expireNow(d)
	}
	d.op.Confirmed = &Approval{Actor: dec.Actor, Revision: d.op.Revision, Digest: d.op.Plan.Digest, At: d.now}
	d.event(Event{Type: EvConfirmed, Actor: dec.Actor, Channel: dec.Channel, Digest: d.op.Plan.Digest})
	if slices.Contains(d.op.Needs, policy.SecondPerson) {
		askApproval(d, d.op.Revision, s)
		return Answer{Kind: Accepted, Detail: "awaiting_approval"}
	}
	return beginBatch(d)
}

// approveBatch is the second person's yes. It is bound to the batch's digest: that of every
// row, with what was shown of it, and of the waves' limit.
func approveBatch(d *draft, dec Decision) Answer {
	switch {
	case d.op.Confirmed == nil || !slices.Contains(d.op.Needs, policy.SecondPerson):
		return Answer{Kind: TooLate, Detail: "nothing_to_approve"}
	case d.op.State != AwaitingApproval:
		return Answer{Kind: AlreadyDone, By: decider(d.op)}
	case dec.Revision != 0 && dec.Revision != d.op.Revision:
		return Answer{Kind: TooLate}
	case pendingExpired(d):
		return expireNow(d)
	case same(dec.Actor, d.op.Requester), same(dec.Actor, d.op.Confirmed.Actor):
		return Answer{Kind: NotYours, Reasons: []policy.Reason{policy.ReasonSelfApproval}}
	}
	d.op.Approvals = []Approval{{Actor: dec.Actor, Revision: d.op.Revision, Digest: d.op.Plan.Digest, At: d.now}}
	d.event(Event{Type: EvApproved, Actor: dec.Actor, Channel: dec.Channel, Digest: d.op.Plan.Digest})
	return beginBatch(d)
}

func beginBatch(d *draft) Answer {
	d.op.StartedAt = d.now
	if d.op.Bulk == nil { // of a bulk, each member has its own
		d.op.Deadline = d.now.Add(deadlineOf(d.op.Plan))
	}
	d.enter(Releasing)
	return Answer{Kind: Accepted}
}

// stopBatch lets nothing more begin. Ghosts that run have been ordered away already or are about
// to be: each is called off by its own id. Drains that run are undone with the batch.
func stopBatch(d *draft, dec Decision) Answer {
	switch {
	case d.op.State.Terminal():
		return ended(d.op)
	case d.op.State != Releasing:
		return applyStop(d, dec)
	case d.op.StopBy != nil:
		return Answer{Kind: AlreadyDone, By: *d.op.StopBy}
	}
	stopBy(d, dec)
	if d.op.Bulk != nil {
		d.op.Block = nil
		return Answer{Kind: Accepted, Detail: "bulk_stopping"}
	}
	return Answer{Kind: Accepted, Detail: "batch_stopping"}
}

// commitBatch commits a batch's step and returns the batch as it is then. again says that a
// person or another process was faster: nothing of the step holds.
func (e *Engine) commitBatch(ctx context.Context, d *draft, next time.Time) (op Operation, again bool, err error) {
	if !d.changed {
		return d.op, false, nil
	}
	err = e.commit(ctx, d, commitOptions{next: next})
	if errors.Is(err, ErrConflict) {
		again = true
		d.op, err = e.store.Operation(ctx, d.op.ID)
	}
	if err != nil {
		return Operation{}, false, fmt.Errorf("stepping batch %s: %w", d.op.ID, err)
	}
	return d.op, again, nil
}

// lookAtMembers brings the rows up to their operations.
func (e *Engine) lookAtMembers(ctx context.Context, d *draft) error {
	for i := range d.op.Rows {
		row := &d.op.Rows[i]
		if row.State != RowRunning {
			continue
		}
		member, err := e.store.Operation(ctx, row.Op)
		if err != nil {
			return fmt.Errorf("reading member %s of batch %s: %w", row.Op, d.op.ID, err)
		}
		before := *row
		row.follow(member)
		d.changed = d.changed || *row != before
	}
	return nil
}

// follow takes over what the row's operation came to.
func (r *Row) follow(member Operation) {
	r.Now, r.Block = member.State, ""
	if l := r.Leave; l != nil && (l.Left != member.Progress.Left || l.Total != member.Progress.Total) {
		fresh := *l
		fresh.Left, fresh.Total = member.Progress.Left, member.Progress.Total
		r.Leave = &fresh
	}
	if member.Block != nil {
		r.Block = member.Block.Reason
	}
	if !member.State.Terminal() {
		return
	}
	r.Cause = member.Cause
	switch member.State {
	case Done:
		r.State = RowDone
	case Unverified:
		r.State = RowUnverified
	default:
		r.State = RowSkipped
	}
}

func (d *draft) skip(i int, cause, detail string) {
	row := &d.op.Rows[i]
	row.State, row.Cause, row.Detail = RowSkipped, cause, detail
	t := row.Target
	d.event(Event{Type: EvSkipped, Target: &t, Cause: cause, Detail: detail})
}

// insertMember makes the row's operation as one that was proposed, confirmed and, where the
// batch was, approved: the yes to the batch was the yes to it.
func (e *Engine) insertMember(ctx context.Context, d *draft, row Row, plan ecsops.Plan) error {
	op := Operation{
		ID: row.Op, State: Proposed, Target: row.Target, Revision: 1, Plan: plan, Batch: d.op.ID, Requester: d.op.Requester,
		Origin: d.op.Origin, Needs: policy.Needs(plan), CreatedAt: d.now, ExpiresAt: d.op.Deadline,
	}
	if row.Leave != nil {
		shown := row.Leave.Shown
		op.Shown, op.ExpiresAt = &shown, d.now.Add(e.settings.ProposalTTL)
	}
	m := newDraft(op, d.now)
	asked := proposedEvent(op, d.op.Requester)
	asked.Batch = d.op.ID
	m.event(asked)
	yes := *d.op.Confirmed
	yes.Revision, yes.Digest = 1, plan.Digest
	m.op.Confirmed = &yes
	m.event(Event{Type: EvConfirmed, Actor: yes.Actor, Channel: d.op.Origin.Channel, Digest: plan.Digest, Batch: d.op.ID})
	var second *Approval
	if len(d.op.Approvals) > 0 {
		a := d.op.Approvals[0]
		a.Revision, a.Digest = 1, plan.Digest
		second = &a
		m.event(Event{Type: EvApproved, Actor: a.Actor, Channel: d.op.Origin.Channel, Digest: plan.Digest, Batch: d.op.ID})
	}
	begin(m, second)
	return e.commit(ctx, m, commitOptions{tickAt: d.now})
}

func (d *draft) released(i int) {
	row := &d.op.Rows[i]
	row.State, row.Missing, row.RetryAt = RowRunning, nil, zeroTime
	t := row.Target
	ev := Event{Type: EvReleased, Target: &t, Detail: row.Op}
	if row.Leave != nil {
		intent := row.Leave.Intent
		ev.Intent = &intent
	}
	d.event(ev)
}

func why(name string, u ecsops.Unknown) *ecsops.Unknown {
	u.Fact = name
	return &u
}

// makeMember makes a row's operation, once. A row whose target another operation holds is
// left alone; when that one ended meanwhile, the next attempt sees.
func (e *Engine) makeMember(ctx context.Context, d *draft, i int, plan ecsops.Plan) (released bool, err error) {
	err = e.insertMember(ctx, d, d.op.Rows[i], plan)
	switch {
	case errors.Is(err, ErrLocked):
		holder, err := e.store.Holder(ctx, d.op.Rows[i].Target)
		if err == nil {
			d.skip(i, "busy", holder.ID)
		} else if !errors.Is(err, ErrNotFound) {
			return false, err
		}
		return false, nil
	case err != nil && !errors.Is(err, ErrConflict): // another process made it
		return false, err
	}
	d.released(i)
	return true, nil
}

// endRows ends a batch whose rows are all settled, with the cause for how it went.
func (d *draft) endRows(stopped, nothing, partly, all string) {
	count := map[RowState]int{}
	for _, r := range d.op.Rows {
		if !r.Settled() {
			return
		}
		count[r.State]++
	}
	out := count[RowDone] + count[RowUnverified]
	switch {
	case out == 0 && d.op.StopBy != nil:
		d.end(Stopped, stopped)
	case out == 0:
		d.end(Stopped, nothing)
	case count[RowUnverified] > 0:
		d.end(Unverified, partly)
	case count[RowSkipped] > 0:
		d.end(Done, partly)
	default:
		d.end(Done, all)
	}
}
