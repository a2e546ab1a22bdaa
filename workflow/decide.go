package workflow

import (
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// Waits of the reconciler, each with its reason.
const (
	// looksBeforeAbsent is how many looks must miss an unknown order's effect
	// before it is called absent: ECS reads are eventually consistent.
	looksBeforeAbsent = 3
	// lookGap is the time between those looks.
	lookGap = 5 * time.Second
	// secondLook is the time before a vanished registration is believed (terraform#4326).
	secondLook = 2 * time.Second
	// afterThrottle is the first wait before a throttled order is given again.
	afterThrottle = 15 * time.Second
	// afterRefusal is the first wait before a refused order is given again.
	afterRefusal = time.Minute
	// settle is how long reads may still show what was before an accepted order.
	settle = 30 * time.Second
	// agentPatience is how long a disconnected agent is waited for: several times
	// an hour is normal, five minutes are not (amazon-ecs-agent#219, #618).
	agentPatience = 5 * time.Minute
	// redrawAfter is how old the card's "last looked" may become while nothing changes.
	redrawAfter = 30 * time.Second
	// authorityRetry is the wait before Slack is asked again who may act.
	authorityRetry = 30 * time.Second
)

// Want is a reading that Decide needs before it can go on.
type Want string

// Wants.
const (
	WantNothing   Want = ""
	WantLook      Want = "look"
	WantFresh     Want = "fresh"     // Fleet.Inspect
	WantAuthority Want = "authority" // policy for the actors, now
	WantAfter     Want = "after"     // Fleet.After
)

// Seen is what was read for one decision; a nil part was not read yet.
type Seen struct {
	Look      *ecsops.Snapshot
	Began     time.Time   // when that look began: it says nothing about later
	Pace      ecsops.Pace // how often the operation may be looked at; the zero one means Settings.Poll
	Fresh     *ecsops.Snapshot
	Authority *Authorization
	After     *ecsops.After
}

// Authorization is policy's answer, or why it could not be asked.
type Authorization struct {
	Verdict     policy.Verdict
	Unreachable string
}

// Move is what Decide answers: read something, or commit a draft and perhaps act.
type Move struct {
	Want  Want
	Act   *ecsops.Action // its intent is in the draft; commit first
	Again bool           // decide again in the same attempt
	Next  time.Time      // when to look next
	draft *draft
}

// Changed is the operation after the move with its events; false when there is
// nothing to commit.
func (m Move) Changed() (Operation, []Event, bool) {
	if m.draft == nil || !m.draft.changed {
		return Operation{}, nil, false
	}
	return m.draft.op, m.draft.events, true
}

// Decide holds every rule of a running operation. It is pure: a function of the
// operation, of what was seen, of the time and of the settings.
func Decide(op Operation, seen Seen, now time.Time, s Settings, owner string) Move {
	d := newDraft(op, now)
	switch {
	case op.State.Terminal():
		return Move{}
	case op.State == Proposed || op.State == AwaitingApproval:
		return decideProposal(d)
	case seen.Look == nil:
		return Move{Want: WantLook}
	}
	w := &step{draft: d, look: withDaemons(*seen.Look, op.Plan), seen: seen, s: s, owner: owner}
	if m, done := w.readable(); done {
		return m
	}
	if m, done := w.settleOrder(); done {
		return m
	}
	if m, done := w.proposalSilence(); done {
		return m
	}
	switch op.State {
	case Draining, StoppingTasks:
		return w.drain()
	case Deregistering:
		return w.deregister()
	case Terminating:
		return w.terminate()
	case Verifying:
		return w.verify()
	case Undoing:
		return w.undo()
	}
	// A state of a newer version: leave it alone.
	return Move{Next: now.Add(s.Poll)}
}

func decideProposal(d *draft) Move {
	if d.now.Before(d.op.ExpiresAt) {
		return Move{Next: d.op.ExpiresAt}
	}
	expireDraft(d)
	return Move{draft: d}
}

func expireDraft(d *draft) {
	from := d.op.State
	d.op.State, d.op.Cause, d.op.EndedAt = Expired, "expired", d.now
	d.event(Event{Type: EvExpired, From: from, Cause: "expired"})
}

// step is one decision of a running operation.
type step struct {
	*draft
	look  ecsops.Snapshot
	seen  Seen
	s     Settings
	owner string
	inst  ecsops.Instance
}

func (w *step) in(wait time.Duration) Move { return Move{draft: w.draft, Next: w.now.Add(wait)} }
func (w *step) poll() Move                 { return Move{draft: w.draft, Next: w.next()} }
func (w *step) again() Move                { return Move{draft: w.draft, Again: true} }

// next is when to look again. A drain may take its time where many share AWS's budget; what
// comes after it is short, and some of it has a deadline.
func (w *step) next() time.Time {
	p := w.seen.Pace
	p.Every = max(p.Every, w.s.Poll)
	if w.op.State != Draining && w.op.State != StoppingTasks {
		p.Every, p.Grid = min(p.Every, max(w.s.Poll, time.Minute)), 0
	}
	return p.Next(w.now)
}

// readable stops the decision while the registration itself cannot be read.
func (w *step) readable() (Move, bool) {
	inst, ok := w.look.Instance.Get()
	if ok {
		w.inst = inst
		w.read("instance")
		return Move{}, false
	}
	why := w.look.Instance.Why()
	why.Fact = "instance"
	w.unreadable(lookCall, why)
	if m, done := w.proposalSilence(); done {
		return m, true
	}
	if m, done := w.deadline(); done {
		return m, true
	}
	if w.op.State == Verifying && w.verifyOver() {
		w.end(Unverified, w.endCause("not_all_verified"))
		return Move{draft: w.draft}, true
	}
	return Move{draft: w.draft, Next: w.next().Add(w.s.Poll)}, true
}

// Calls of pauses for want of a reading: of a look, or of the inspection before
// an order.
const (
	lookCall    = "look"
	inspectCall = "inspect"
)

func (w *step) unreadable(call string, why ecsops.Unknown) {
	if u := w.op.Progress.Unreadable; u == nil || *u != why {
		w.op.Progress.Unreadable, w.changed = &why, true
	}
	w.block(Block{Reason: blockReason(why.Reason), Call: call, Detail: why.Call + ": " + why.Reason})
}

// read ends the pause that waited for this fact of a look; one for another fact
// goes on, and is not told anew at each look.
func (w *step) read(fact string) {
	u := w.op.Progress.Unreadable
	if u == nil || u.Fact != fact {
		return
	}
	w.op.Progress.Unreadable, w.changed = nil, true
	w.over(lookCall)
}

// blockReason tells credentials trouble, which a person mends, from the rest, which time mends.
func blockReason(code string) BlockReason {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ExpiredToken", "ExpiredTokenException",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "AuthFailure", "WrongAccount":
		return BlockedCredentials
	}
	return BlockedAWS
}

func isGone(i ecsops.Instance) bool { return i.Missing || i.Status == "INACTIVE" }

// gone believes a vanished registration on the second look only.
func (w *step) gone() (yes bool, wait Move) {
	if !isGone(w.inst) {
		if !w.op.GoneAt.IsZero() {
			w.op.GoneAt, w.changed = time.Time{}, true
		}
		return false, Move{}
	}
	if w.op.GoneAt.IsZero() {
		w.op.GoneAt, w.changed = w.now, true
		return false, w.in(secondLook)
	}
	if w.now.Sub(w.op.GoneAt) < secondLook {
		return false, w.in(secondLook)
	}
	return true, Move{}
}

// settleOrder closes an order whose outcome is not known. Only a look may: the
// effect is seen, or it is missed often enough to be called absent.
func (w *step) settleOrder() (Move, bool) {
	o := w.op.Order
	if o == nil || o.Outcome != nil && o.Outcome.Result != ecsops.ResultUnknown {
		return Move{}, false
	}
	if o.Outcome == nil && o.Owner != w.owner && !w.s.Sole {
		if until := o.At.Add(w.s.Barrier); w.now.Before(until) {
			return Move{Next: until}, true // its process may live and the call be under way
		}
	}
	seen, readable := effectSeen(*o, w.inst, w.look)
	switch {
	case seen:
		w.close(ecsops.Outcome{Result: ecsops.OK, At: w.now}, "look")
		return w.again(), true
	case !readable:
		return w.in(lookGap), true
	case o.Outcome == nil:
		w.close(ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "AnswerLost", At: w.now}, "restart")
		return w.in(lookGap), true
	case w.now.Sub(o.Outcome.At) < lookGap:
		return w.in(lookGap), true // a click's extra look does not count
	case o.LooksLeft > 1:
		w.op.Order.LooksLeft--
		w.op.Order.Outcome = &ecsops.Outcome{Result: ecsops.ResultUnknown, Code: o.Outcome.Code,
			Message: o.Outcome.Message, RequestID: o.Outcome.RequestID, At: w.now}
		w.changed = true
		return w.in(lookGap), true
	}
	w.close(ecsops.Outcome{Result: ecsops.Refused, Code: notObserved, At: w.now}, "look")
	return w.again(), true
}

// notObserved is the code of an order whose effect looks missed often enough.
const notObserved = "NotObserved"

// accepted reports whether AWS said yes to the latest order, and it was of that kind.
func accepted(o *Order, kind ecsops.ActionKind) bool {
	return o != nil && o.Action.Kind == kind && o.Outcome != nil && o.Outcome.Result == ecsops.OK
}

// effectSeen reports whether the order's effect shows in the look, and whether
// the look could have shown it.
func effectSeen(o Order, inst ecsops.Instance, look ecsops.Snapshot) (seen, readable bool) {
	switch o.Action.Kind {
	case ecsops.ActDrain:
		return inst.Status == "DRAINING", true
	case ecsops.ActUndrain:
		return inst.Status == "ACTIVE", true
	case ecsops.ActDeregister, ecsops.ActForceDeregister:
		return isGone(inst) || inst.Status == "DEREGISTERING", true
	case ecsops.ActStopTask:
		tasks, ok := look.Tasks.Get()
		for _, t := range tasks {
			if t.ARN == o.Action.Task {
				return t.Stopped() || t.Stopping(), true
			}
		}
		return ok, ok // no longer there at all
	case ecsops.ActDeregisterNode:
		node, ok := look.Node.Get()
		return ok && !node.Registered, ok
	case ecsops.ActTerminateEC2, ecsops.ActTerminateInGroup:
		machine, ok := look.EC2.Get()
		group, groupOK := look.Group.Get()
		// A member runs on in Terminating:Wait for as long as its hooks take.
		return ok && leaving(machine) || groupOK && terminating(group), ok && (groupOK || o.Action.Kind == ecsops.ActTerminateEC2)
	}
	return false, true
}

func terminating(g ecsops.Group) bool { return g.Terminating() }

func leaving(e ecsops.EC2) bool { return e.Gone() || e.State == "shutting-down" }

// give orders an action, unless the same one was refused or throttled just now.
func (w *step) give(a ecsops.Action) Move {
	if o := w.op.Order; o != nil && o.Outcome != nil && o.Action.Kind == a.Kind && o.Action.Task == a.Task {
		var wait time.Duration
		switch o.Outcome.Result {
		case ecsops.OK:
			wait = settle // reads may not show it yet
		case ecsops.Throttled:
			wait = afterThrottle
		case ecsops.Refused:
			wait = afterRefusal
		}
		if until := o.Outcome.At.Add(o.growing(wait)); wait > 0 && w.now.Before(until) {
			return Move{draft: w.draft, Next: earliest(until, w.askAt())}
		}
	}
	w.order(a, w.owner)
	act := w.op.Order.Action
	return Move{draft: w.draft, Act: &act}
}

// askAt is when a person must be asked, or silence be heard; zero when that is
// not ahead.
func (w *step) askAt() time.Time {
	at := w.op.Deadline
	if asks(w.op.Block) {
		at = w.op.Block.AskedUntil
	}
	if !at.After(w.now) {
		return zeroTime
	}
	return at
}

// earliest returns the earlier of two times; zero means never.
func earliest(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}
