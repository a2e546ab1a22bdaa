package workflow

import (
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// draft is an operation that is being changed, with the events that say so. Only
// commit makes it real.
type draft struct {
	op      Operation
	events  []Event
	now     time.Time
	changed bool
	follow  *FollowUp // what is looked after from now on; nil = nothing new
}

func newDraft(op Operation, now time.Time) *draft {
	op.Watch = slices.Clone(op.Watch)
	op.Approvals = slices.Clone(op.Approvals)
	if op.Order != nil {
		o := *op.Order
		if o.Outcome != nil {
			out := *o.Outcome
			o.Outcome = &out
		}
		op.Order = &o
	}
	if op.Confirmed != nil {
		c := *op.Confirmed
		op.Confirmed = &c
	}
	return &draft{op: op, now: now}
}

// event appends an event, stamped with the time, the state and the target; and
// with the current revision, unless it speaks of another one.
func (d *draft) event(ev Event) {
	ev.At = d.now
	ev.State = d.op.State
	if ev.Revision == 0 {
		ev.Revision = d.op.Revision
	}
	if ev.Actor == (Actor{}) {
		ev.Actor = botActor
	}
	if ev.Target == nil && !d.op.IsBatch() {
		target := d.op.Target
		ev.Target = &target
	}
	d.events = append(d.events, ev)
	d.changed = true
}

// renumber gives up the number that was shown last: its buttons are dead, and the
// next revision takes another one. What runs stays what was decided, so its
// confirmation and approvals go along.
func (d *draft) renumber() {
	d.op.Revision++
	d.changed = true
	if d.op.Confirmed != nil {
		d.op.Confirmed.Revision = d.op.Revision
	}
	for i := range d.op.Approvals {
		d.op.Approvals[i].Revision = d.op.Revision
	}
}

// show puts a revision of the running plan before people: undecided, under a
// number that no other one had.
func (d *draft) show(p *ecsops.Plan, until time.Time) {
	if d.op.Proposal != nil {
		d.renumber()
	}
	d.op.Proposal, d.op.ProposalConfirmed = p, nil
	d.op.ProposalNeeds, d.op.ProposalExpires = policy.Needs(*p), until
	d.changed = true
}

// drop takes the shown revision back.
func (d *draft) drop() {
	if d.op.Proposal == nil {
		return
	}
	d.op.Proposal, d.op.ProposalConfirmed, d.op.ProposalNeeds, d.op.ProposalExpires = nil, nil, nil, zeroTime
	d.renumber()
	d.op.Dropped = d.op.Revision
}

// askUntil keeps an open question open: as long as someone may still answer,
// silence is not yet undo.
func (d *draft) askUntil(t time.Time) {
	if b := d.op.Block; b != nil && !b.AskedUntil.IsZero() && b.AskedUntil.Before(t) {
		asked := *b
		asked.AskedUntil = t
		d.op.Block, d.changed = &asked, true
	}
}

// enter moves to another state and clears the pause. Where no revision can be
// decided on any more, the shown one is taken back.
func (d *draft) enter(s State) {
	from := d.op.State
	if from == s {
		return
	}
	d.op.State, d.op.Progress.Unreadable = s, nil
	switch s {
	case Terminating, Verifying, Undoing:
		d.drop()
		d.op.Block = nil
	default:
		if !asks(d.op.Block) {
			d.op.Block = nil
		}
	}
	if s == Verifying {
		d.op.VerifyBy = time.Time{}
	}
	d.event(Event{Type: EvState, From: from})
}

// end reaches a terminal state. Whoever wanted it decided in an event of its own.
func (d *draft) end(s State, cause string) {
	from := d.op.State
	d.op.State, d.op.Cause, d.op.Block, d.op.Proposal = s, cause, nil, nil
	d.op.EndedAt = d.now
	d.lookAfter()
	d.event(Event{Type: EvEnded, From: from, Cause: cause, Checks: d.op.Progress.Checks})
}

// asks reports whether a pause is a question whose silence is heard.
func asks(b *Block) bool { return b != nil && !b.AskedUntil.IsZero() }

// block pauses with a reason. The same reason again keeps its since. A question
// that people were asked stands until it is answered or silence is heard: no
// other trouble replaces it, or starts its time anew.
func (d *draft) block(b Block) {
	if asks(d.op.Block) && !asks(&b) {
		return
	}
	if have := d.op.Block; have != nil && have.Reason == b.Reason {
		if have.Detail == b.Detail {
			if have.Untold && !d.toldLately(b) {
				d.tellPause(*have)
			}
			return
		}
		b.Since, b.AskedUntil = have.Since, have.AskedUntil
	}
	if b.Since.IsZero() {
		b.Since = d.now
	}
	if !asks(&b) && d.toldLately(b) {
		b.Untold = true
		d.op.Block, d.changed = &b, true
		return
	}
	d.tellPause(b)
}

// unblock ends a pause for one of the reasons; with none given, any pause.
func (d *draft) unblock(reasons ...BlockReason) {
	b := d.op.Block
	if b == nil || len(reasons) > 0 && !slices.Contains(reasons, b.Reason) {
		return
	}
	d.op.Block, d.changed = nil, true
	if d.op.Waits {
		d.op.Waits = false
		d.event(Event{Type: EvUnblocked, Block: b})
	}
}

// over ends a pause that was about one call.
func (d *draft) over(call string) {
	if b := d.op.Block; b != nil && !asks(b) && b.Call == call {
		d.unblock()
	}
}

// order opens an intent. It must be committed before the call.
func (d *draft) order(a ecsops.Action, owner string) {
	d.op.Orders++
	a.Target = d.op.Target
	a.Session = d.op.ID
	d.op.Order = &Order{N: d.op.Orders, Action: a, At: d.now, Since: inRow(d.op.Order, a, d.now), Owner: owner}
	o := *d.op.Order
	d.event(Event{Type: EvOrdered, Order: &o})
}

// close writes an order's outcome.
func (d *draft) close(out ecsops.Outcome, by string) {
	o := *d.op.Order
	o.Outcome, o.ClosedBy = &out, by
	if out.Result == ecsops.ResultUnknown {
		o.LooksLeft = looksBeforeAbsent
	}
	d.op.Order = &o
	copied := o
	d.event(Event{Type: EvOutcome, Order: &copied})
}

// watch remembers tasks so that none that once ran here is overlooked.
func (d *draft) watch(tasks []ecsops.Task) {
	for _, t := range tasks {
		if !slices.Contains(d.op.Watch, t.ARN) {
			d.op.Watch = append(d.op.Watch, t.ARN)
			d.changed = true
		}
	}
}
