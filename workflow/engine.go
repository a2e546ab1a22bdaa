package workflow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// Settings are the engine's durations. Zero values mean the defaults.
type Settings struct {
	// ProposalTTL is how long a proposal waits for its decision (default 15 min).
	ProposalTTL time.Duration
	// Poll is the time between two looks at a running operation (default 10 s).
	Poll time.Duration
	// AskFor is how long the bot waits for an answer at the deadline or after
	// drift before it takes silence as undo (default 15 min).
	AskFor time.Duration
	// VerifyFor is how long V1–V8 may take before the result is unverified (default 10 min).
	VerifyFor time.Duration
	// Linger is how long a registration may outlive a termination through its
	// group before it is deregistered (default 20 min; bottlerocket-test-system#717).
	Linger time.Duration
	// Barrier is how long another process's open order may still reach AWS: the
	// longest attempt plus a margin (default 45 s). Sole skips it.
	Barrier time.Duration
	// HostLook is the document that looks into machines on which a force left tasks; "" =
	// they are not looked into.
	HostLook string
	// Sole says that no other process steps operations (SQLite).
	Sole bool
}

func (s Settings) withDefaults() Settings {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&s.ProposalTTL, 15*time.Minute)
	set(&s.Poll, 10*time.Second)
	set(&s.AskFor, 15*time.Minute)
	set(&s.VerifyFor, 10*time.Minute)
	set(&s.Linger, 20*time.Minute)
	set(&s.Barrier, 45*time.Second)
	return s
}

// Deps are what an Engine needs; every field but Settings and Pace is required.
type Deps struct {
	Store     Store
	Fleet     Fleet
	Authority Authority
	Settings  Settings
	// Pace says how often an operation on the target may be looked at, Settings.Poll being
	// the shortest. nil: Settings.Poll.
	Pace func(t ecsops.Target, poll time.Duration) ecsops.Pace
}

// Engine proposes, decides and steps operations. It keeps no state that a
// restart would miss.
type Engine struct {
	store     Store
	fleet     Fleet
	authority Authority
	settings  Settings
	pace      func(ecsops.Target, time.Duration) ecsops.Pace
	owner     string // this process, in the orders that it makes
	gather    gathering

	mu       sync.Mutex
	inFlight map[string]bool // guarded by mu: operations that a Step of this process holds
}

// New checks its dependencies.
func New(d Deps) (*Engine, error) {
	switch {
	case d.Store == nil:
		return nil, errors.New("starting the workflow engine: no store")
	case d.Fleet == nil:
		return nil, errors.New("starting the workflow engine: no fleet")
	case d.Authority == nil:
		return nil, errors.New("starting the workflow engine: no authority")
	}
	if d.Pace == nil {
		d.Pace = func(_ ecsops.Target, poll time.Duration) ecsops.Pace { return ecsops.Pace{Every: poll} }
	}
	return &Engine{
		store: d.Store, fleet: d.Fleet, authority: d.Authority, pace: d.Pace,
		settings: d.Settings.withDefaults(), owner: newID(), inFlight: map[string]bool{}, gather: gathering{fleet: d.Fleet},
	}, nil
}

// idAlphabet leaves out i, l, o and u: ids are read aloud at night.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// newID makes a short id of 40 random bits.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = idAlphabet[b[i]&31]
	}
	return string(b[:])
}

// Proposal is a plan that someone asked for.
type Proposal struct {
	Plan    ecsops.Plan
	Actor   Actor
	Origin  Origin
	Verdict policy.Verdict // of the propose request; must not refuse
}

// Propose stores a proposed operation, its event and the delivery of its card in
// one transaction. When another operation holds the target it returns that one
// and ErrLocked; a proposal itself holds no lock.
func (e *Engine) Propose(ctx context.Context, p Proposal) (Operation, error) {
	if p.Verdict.Effect == policy.Refuse || p.Verdict.Effect == "" {
		return Operation{}, fmt.Errorf("proposing for %s: policy did not allow it", p.Plan.Snapshot.Target.EC2)
	}
	holder, err := e.store.Holder(ctx, p.Plan.Snapshot.Target)
	switch {
	case err == nil:
		return holder, ErrLocked
	case !errors.Is(err, ErrNotFound):
		return Operation{}, fmt.Errorf("looking for a running operation: %w", err)
	}
	now := e.store.Clock().Now()
	op := Operation{
		ID: newID(), State: Proposed, Target: p.Plan.Snapshot.Target, Revision: 1, Plan: p.Plan,
		Requester: p.Actor, Origin: p.Origin, Needs: policy.Needs(p.Plan),
		CreatedAt: now, ExpiresAt: now.Add(e.settings.ProposalTTL),
	}
	d := newDraft(op, now)
	d.event(proposedEvent(op, p.Actor))
	if err := e.commit(ctx, d, commitOptions{tickAt: op.ExpiresAt}); err != nil {
		return Operation{}, fmt.Errorf("storing the proposal: %w", err)
	}
	return d.op, nil
}

func proposedEvent(op Operation, by Actor) Event {
	intent := op.Plan.Intent
	return Event{
		Type: EvProposed, Actor: by, Channel: op.Origin.Channel, Intent: &intent,
		Digest: op.Plan.Digest, Verdict: op.Plan.Verdict, Rules: rules(op.Plan), Reason: intent.Reason,
		Tasks: arns(op.Plan.Orphans()),
	}
}

// Record commits events that change no operation: refusals, envelopes that came
// too late, the service's start.
func (e *Engine) Record(ctx context.Context, events ...Event) error {
	now := e.store.Clock().Now()
	for i := range events {
		if events[i].At.IsZero() {
			events[i].At = now
		}
	}
	if err := e.store.Commit(ctx, Change{Events: events}); err != nil {
		return fmt.Errorf("recording %s: %w", events[0].Type, err)
	}
	return nil
}

type commitOptions struct {
	// tickAt asks for a Step of its own. A Step that goes on by itself leaves it
	// zero: its return value is the next look.
	tickAt time.Time
	next   time.Time // shown as the next look
	spend  *Spend
	quiet  bool   // no redraw
	wake   string // the operation whose card's thread says more of this one
}

// commit stores a draft: the operation at its next version with its events.
func (e *Engine) commit(ctx context.Context, d *draft, o commitOptions) error {
	expect := d.op.Version
	next := d.op
	next.Version = expect + 1
	events := d.events
	for i := range events {
		next.Events++
		events[i].Op, events[i].N, events[i].Version = next.ID, next.Events, next.Version
	}
	next.NextLook = o.next
	if o.next.IsZero() {
		next.NextLook = o.tickAt
	}
	if next.State.Terminal() {
		o.tickAt, next.NextLook = time.Time{}, time.Time{}
	}
	err := e.store.Commit(ctx, Change{
		Op: &next, Expect: expect, Events: events, Spend: o.spend, TickAt: o.tickAt, Redraw: !o.quiet && next.Batch == "",
		FollowUp: d.follow, Wake: o.wake,
	})
	if err != nil {
		return err
	}
	d.op, d.events = next, nil
	return nil
}

func rules(p ecsops.Plan) []ecsops.Rule {
	var out []ecsops.Rule
	for _, f := range p.Findings {
		out = append(out, f.Rule)
	}
	return out
}

func arns(refs []ecsops.TaskRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.ARN)
	}
	return out
}
