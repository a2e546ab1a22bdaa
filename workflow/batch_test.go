package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// graveyard is a cluster of registrations whose machines are gone, unless a test says otherwise.
type graveyard struct {
	clock  *fakeClock
	machin map[ecsops.EC2ID]string // EC2's state; not in it = terminated
	agent  map[ecsops.EC2ID]bool
	unread map[ecsops.EC2ID]string // EC2 answers this code
	left   map[ecsops.EC2ID]bool   // deregistered
	refuse map[ecsops.EC2ID]string // ECS refuses to deregister
	lose   map[ecsops.EC2ID]bool   // the answer is lost, and reads fail from then on
	dark   map[ecsops.EC2ID]bool
	calls  []ecsops.EC2ID
	inHand int // members under way, at most
	onRead func(ecsops.EC2ID)
}

func newGraveyard(clock *fakeClock) *graveyard {
	return &graveyard{clock: clock, machin: map[ecsops.EC2ID]string{}, agent: map[ecsops.EC2ID]bool{}, unread: map[ecsops.EC2ID]string{},
		left: map[ecsops.EC2ID]bool{}, refuse: map[ecsops.EC2ID]string{}, lose: map[ecsops.EC2ID]bool{}, dark: map[ecsops.EC2ID]bool{}}
}

func grave(n int) ecsops.Target {
	t := testTarget
	t.EC2 = ecsops.EC2ID(fmt.Sprintf("i-0aaaaaaaaaaa%05d", n))
	t.Instance = ecsops.InstanceARN(fmt.Sprintf("arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/%032d", n))
	return t
}

func (g *graveyard) Inspect(_ context.Context, t ecsops.Target) (ecsops.Snapshot, error) {
	if g.onRead != nil {
		g.onRead(t.EC2)
	}
	w := newWorld(g.clock)
	s, err := w.Inspect(context.Background(), t)
	s.Target = t
	inst, _ := s.Instance.Get()
	inst.EC2, inst.RegisteredAt, inst.AgentConnected = t.EC2, t.RegisteredAt, g.agent[t.EC2]
	if g.left[t.EC2] {
		inst.Status = "INACTIVE"
	}
	s.Instance = ecsops.Known(inst)
	state := g.machin[t.EC2]
	if state == "" {
		state = "terminated"
	}
	s.EC2 = ecsops.Known(ecsops.EC2{State: state})
	if code := g.unread[t.EC2]; code != "" {
		s.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: code})
	}
	if g.dark[t.EC2] {
		s.Instance = ecsops.NotKnown[ecsops.Instance](ecsops.Unknown{Call: "ecs:DescribeContainerInstances", Reason: "ServerException"})
	}
	return s, err
}

func (g *graveyard) InspectMany(ctx context.Context, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	return oneByOne(ctx, g, ts)
}

func (g *graveyard) Look(ctx context.Context, t ecsops.Target, _ ecsops.LookFor) (ecsops.Snapshot, error) {
	return g.Inspect(ctx, t)
}

func (g *graveyard) After(ctx context.Context, t ecsops.Target, _ ecsops.LookFor, _ time.Time) (ecsops.After, error) {
	s, err := g.Inspect(ctx, t)
	return ecsops.After{Snapshot: s, ENIs: ecsops.Known([]string(nil)), Replacements: ecsops.Known([]ecsops.Replacement(nil)),
		Activity: ecsops.Known([]string(nil)), Listed: ecsops.Known(!g.left[t.EC2])}, err
}

func (g *graveyard) Aftermath(ctx context.Context, t ecsops.Target, _ bool) (ecsops.Aftermath, error) {
	s, err := g.Inspect(ctx, t)
	return ecsops.Aftermath{EC2: s.EC2}, err
}

func (g *graveyard) Node(context.Context, ecsops.Target) (ecsops.Fact[ecsops.Node], error) {
	return ecsops.Fact[ecsops.Node]{}, nil
}

func (g *graveyard) HostLook(context.Context, ecsops.HostQuestion) (ecsops.Fact[ecsops.HostAnswer], error) {
	return ecsops.Fact[ecsops.HostAnswer]{}, nil
}

func (g *graveyard) Do(_ context.Context, a ecsops.Action) ecsops.Outcome {
	id := a.Target.EC2
	g.calls = append(g.calls, id)
	out := ecsops.Outcome{Result: ecsops.OK, At: g.clock.now}
	switch {
	case a.Kind != ecsops.ActForceDeregister:
		return ecsops.Outcome{Result: ecsops.Refused, Code: "UnexpectedCall", At: g.clock.now}
	case g.refuse[id] != "":
		return ecsops.Outcome{Result: ecsops.Refused, Code: g.refuse[id], At: g.clock.now}
	case g.lose[id]:
		g.dark[id], out = true, ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "timeout", At: g.clock.now}
	}
	g.left[id] = true
	return out
}

// batchRig is an engine on a graveyard.
type batchRig struct {
	t     *testing.T
	clock *fakeClock
	store *memStore
	yard  *graveyard
	auth  *authority
	e     *Engine
}

func newBatchRig(t *testing.T) *batchRig {
	t.Helper()
	clock := &fakeClock{now: time.Unix(1_800_000_000, 0).UTC()}
	r := &batchRig{t: t, clock: clock, store: newMemStore(clock), yard: newGraveyard(clock), auth: &authority{verdict: policy.Verdict{Effect: policy.Allow}}}
	r.restart()
	return r
}

func (r *batchRig) restart() {
	e, err := New(Deps{Store: r.store, Fleet: r.yard, Authority: r.auth, Settings: Settings{Sole: true}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.e = e
}

func ghosts(n int) []ecsops.Ghost {
	var out []ecsops.Ghost
	for i := range n {
		out = append(out, ecsops.Ghost{Listed: ecsops.Listed{Target: grave(i), Status: "ACTIVE", Running: 1}, Kind: ecsops.GhostProven,
			Proof: ecsops.MachineProof{State: "terminated", RequestID: "req"}})
	}
	return out
}

func (r *batchRig) propose(n int) Operation {
	r.t.Helper()
	op, err := r.e.ProposeBatch(r.t.Context(), BatchProposal{Ghosts: ghosts(n), Actor: olga, Origin: Origin{Channel: "C0OPS"},
		Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		r.t.Fatal(err)
	}
	return op
}

func (r *batchRig) decide(op string, v Verb, by Actor) Answer {
	r.t.Helper()
	a, err := r.e.Decide(r.t.Context(), Decision{Op: op, Verb: v, Actor: by, Token: "tok-" + string(v), Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// run steps whatever has a tick, as the queue would, until the batch ends.
func (r *batchRig) run(id string, until func() bool) Operation {
	r.t.Helper()
	next := map[string]time.Time{}
	for range 4000 {
		batch, err := r.store.get(id)
		if err != nil {
			r.t.Fatal(err)
		}
		if batch.State.Terminal() || until != nil && until() {
			return batch
		}
		soonest := r.clock.now.Add(time.Hour)
		under := 0
		for _, name := range slices.Clone(r.store.order) {
			op, _ := r.store.get(name)
			if op.State.Terminal() {
				continue
			}
			if op.Batch != "" {
				under++
			}
			if !r.clock.now.Before(next[name]) {
				at, err := r.e.Step(r.t.Context(), name)
				if err != nil {
					at = r.clock.now.Add(time.Second)
				}
				next[name] = at
			}
			if at := next[name]; !at.IsZero() && at.Before(soonest) {
				soonest = at
			}
		}
		r.yard.inHand = max(r.yard.inHand, under)
		if soonest.After(r.clock.now) {
			r.clock.now = soonest
		}
	}
	op, _ := r.store.get(id)
	r.t.Fatalf("the batch does not end: %+v", op.Rows)
	return op
}

func rowsIn(op Operation) string {
	var out []string
	for _, row := range op.Rows {
		s := string(row.State)
		if row.Cause != "" && row.State == RowSkipped {
			s += ":" + row.Cause
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func (r *batchRig) wantEnd(op Operation, state State, cause, rows string) {
	r.t.Helper()
	if op.State != state || op.Cause != cause || rowsIn(op) != rows {
		r.t.Errorf("ended %s/%s with %s\nwant  %s/%s with %s", op.State, op.Cause, rowsIn(op), state, cause, rows)
	}
}

func (r *batchRig) wantCalls(n int) {
	r.t.Helper()
	seen := map[ecsops.EC2ID]bool{}
	for _, id := range r.yard.calls {
		if seen[id] {
			r.t.Errorf("%s was ordered away twice", id)
		}
		seen[id] = true
	}
	if len(r.yard.calls) != n {
		r.t.Errorf("%d calls, want %d: %v", len(r.yard.calls), n, r.yard.calls)
	}
}

// Each ghost becomes an operation with its own proposal, yes, order and outcome in the
// record; a few at a time; the batch's story names them all.
func TestBatchCleansAll(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(12)
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Done, "batch_cleaned", strings.TrimSpace(strings.Repeat("done ", 12)))
	r.wantCalls(12)
	if r.yard.inHand > batchAtOnce {
		t.Errorf("%d members under way at once, want at most %d", r.yard.inHand, batchAtOnce)
	}
	for _, row := range done.Rows {
		member, err := r.store.get(row.Op)
		if err != nil || member.Batch != op.ID || member.State != Done || member.Target != row.Target {
			t.Fatalf("member %s: %+v, %v", row.Op, member, err)
		}
		var types []string
		for _, ev := range r.store.of(row.Op) {
			types = append(types, string(ev.Type))
		}
		if got := strings.Join(types[:5], " "); got != "proposed confirmed state ordered outcome" {
			t.Errorf("the record of %s begins %s", row.Op, got)
		}
		if first := r.store.of(row.Op)[0]; first.Actor != olga || first.Batch != op.ID {
			t.Errorf("asked by %+v in batch %q", first.Actor, first.Batch)
		}
		checkStory(t, r.store, &world{}, row.Op)
	}
	checkStory(t, r.store, &world{}, op.ID)
	released := 0
	for _, ev := range r.store.of(op.ID) {
		if ev.Type == EvReleased {
			released++
		}
	}
	if released != 12 {
		t.Errorf("the batch tells of %d members", released)
	}
}

// What is no ghost any more when it comes to it is left alone, and its row says why.
func TestBatchProvesAgain(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(5)
	r.yard.machin[grave(1).EC2] = "running"
	r.yard.agent[grave(2).EC2] = true
	r.yard.left[grave(3).EC2] = true
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Done, "batch_partly", "done skipped:came_back skipped:came_back skipped:gone_already done")
	r.wantCalls(2)
	if done.Rows[1].Detail != "running" {
		t.Errorf("the row does not say what EC2 says now: %+v", done.Rows[1])
	}
}

// The proof is asked for once more right before the order: what comes back between the two
// is left alone as well.
func TestMemberProvesAgain(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(1)
	reads := 0
	r.yard.onRead = func(id ecsops.EC2ID) {
		if reads++; reads == 2 { // the first was the batch's
			r.yard.machin[id] = "running"
		}
	}
	r.decide(op.ID, Confirm, olga)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Stopped, "batch_nothing", "skipped:came_back")
	r.wantCalls(0)
}

// EC2 forgets a terminated machine within the hour: that is no difference.
func TestMemberMayBeForgotten(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(1)
	reads := 0
	r.yard.onRead = func(id ecsops.EC2ID) {
		if reads++; reads == 2 {
			r.yard.machin[id] = "not-found"
		}
	}
	r.decide(op.ID, Confirm, olga)
	r.wantEnd(r.run(op.ID, nil), Done, "batch_cleaned", "done")
	r.wantCalls(1)
}

// A machine that cannot be read is waited for, named, and given up at the deadline.
func TestBatchWaitsForAProof(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(2)
	r.yard.unread[grave(0).EC2] = "UnauthorizedOperation"
	r.decide(op.ID, Confirm, olga)
	now := r.run(op.ID, func() bool {
		batch, _ := r.store.get(op.ID)
		return batch.Rows[1].State == RowDone
	})
	if u := now.Rows[0].Missing; now.Rows[0].State != RowWaiting || u == nil || u.Call != "ec2:DescribeInstances" {
		t.Errorf("the row that waits: %+v", now.Rows[0])
	}
	r.wantEnd(r.run(op.ID, nil), Done, "batch_partly", "skipped:batch_deadline done")
	r.wantCalls(1)
}

// Refusals stay with their row; the others go on.
func TestBatchPartialFailure(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(3)
	r.yard.refuse[grave(0).EC2] = "AccessDeniedException"
	r.yard.lose[grave(2).EC2] = true
	r.decide(op.ID, Confirm, olga)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Unverified, "batch_partly", "skipped:batch_deadline done unverified")
	if n := len(slices.DeleteFunc(slices.Clone(r.yard.calls), func(id ecsops.EC2ID) bool { return id != grave(2).EC2 })); n != 1 {
		t.Errorf("an order whose answer was lost went out %d times", n)
	}
}

// A target that another operation holds is that one's.
func TestBatchMeetsAHeldTarget(t *testing.T) {
	r := newBatchRig(t)
	other := Operation{ID: "other", State: Deregistering, Target: grave(0)}
	if err := r.store.Commit(t.Context(), Change{Op: &other, Events: []Event{{Op: "other", N: 1, Type: EvState}}}); err != nil {
		t.Fatal(err)
	}
	op := r.propose(1)
	r.decide(op.ID, Confirm, olga)
	var last Operation
	for range 5 {
		if _, err := r.e.Step(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		last, _ = r.store.get(op.ID)
	}
	r.wantEnd(last, Stopped, "batch_nothing", "skipped:busy")
	if last.Rows[0].Detail != "other" {
		t.Errorf("the holder is not named: %+v", last.Rows[0])
	}
}

func TestBatchAnswers(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(8)
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	if a := r.decide(op.ID, Confirm, olga); a.Kind != AlreadyDone || a.By != olga {
		t.Errorf("a double click: %+v", a)
	}
	wantAnswer(t, r.decide(op.ID, Confirm, ana), AlreadyDone)
	wantAnswer(t, r.decide(op.ID, Cancel, olga), TooLate)
	wantAnswer(t, r.decide(op.ID, Approve, ana), TooLate)
	wantAnswer(t, r.decide(op.ID, Force, olga), TooLate)
	r.run(op.ID, func() bool { return len(r.yard.calls) > 0 })
	wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
	wantAnswer(t, r.decide(op.ID, Stop, ana), AlreadyDone)
	done := r.run(op.ID, nil)
	if done.Cause != "batch_partly" || !strings.Contains(rowsIn(done), "skipped:batch_stopped") || !strings.HasPrefix(rowsIn(done), "done") {
		t.Errorf("stopped in the middle: %s, %s", done.Cause, rowsIn(done))
	}
	if len(r.yard.calls) >= 8 {
		t.Error("the stop held nothing back")
	}

	cancelled := r.propose(2)
	wantAnswer(t, r.decide(cancelled.ID, Cancel, olga), Accepted)
	wantAnswer(t, r.decide(cancelled.ID, Confirm, olga), AlreadyDone)
	late := r.propose(2)
	r.clock.now = r.clock.now.Add(time.Hour)
	wantAnswer(t, r.decide(late.ID, Confirm, olga), WasExpired)
	refused, err := r.e.Decide(t.Context(), Decision{Op: r.propose(1).ID, Verb: Confirm, Actor: olga, Verdict: policy.Verdict{Effect: policy.Refuse}})
	if err != nil || refused.Kind != NotYours {
		t.Errorf("without leave: %+v, %v", refused, err)
	}
}

// A yes to a batch holds for the revision that was shown, in its time, and of two people.
func TestBatchYes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	for _, c := range []struct {
		why      string
		state    State
		by       Actor
		revision int
		at       time.Time
		want     AnswerKind
	}{
		{"the revision that was shown", Proposed, olga, 2, now, Accepted},
		{"an old button names none", Proposed, olga, 0, now, Accepted},
		{"an older revision", Proposed, olga, 1, now, TooLate},
		{"one that was never shown", Proposed, olga, 3, now, TooLate},
		{"at its expiry", Proposed, olga, 2, now.Add(time.Hour), WasExpired},
		{"approved as it was shown", AwaitingApproval, ana, 2, now, Accepted},
		{"approved without a number", AwaitingApproval, ana, 0, now, Accepted},
		{"approved: an older revision", AwaitingApproval, ana, 1, now, TooLate},
		{"approved: one that was never shown", AwaitingApproval, ana, 3, now, TooLate},
		{"approved at its expiry", AwaitingApproval, ana, 2, now.Add(time.Hour), WasExpired},
		{"approved by who asked", AwaitingApproval, otto, 2, now, NotYours},
		{"approved by who confirmed", AwaitingApproval, olga, 2, now, NotYours},
		{"approved by nobody", AwaitingApproval, Actor{}, 2, now, NotYours},
	} {
		op := Operation{ID: "batch", State: c.state, Revision: 2, Requester: otto, ExpiresAt: now.Add(time.Hour),
			Needs: []policy.Requirement{policy.SecondPerson}, Rows: []Row{{Target: grave(0), State: RowWaiting}}}
		verb := Confirm
		if c.state == AwaitingApproval {
			verb, op.Confirmed = Approve, &Approval{Actor: olga, Revision: 2}
		}
		d := newDraft(op, c.at)
		a := apply(d, Decision{Verb: verb, Actor: c.by, Revision: c.revision, Verdict: policy.Verdict{Effect: policy.Allow}}, nil, Settings{ProposalTTL: time.Hour})
		if a.Kind != c.want {
			t.Errorf("%s: %s, want %s", c.why, a.Kind, c.want)
		}
		if moved := d.op.State != c.state; moved != (c.want == Accepted || c.want == WasExpired) {
			t.Errorf("%s: it is %s", c.why, d.op.State)
		}
		said := map[Verb]EventType{Confirm: EvConfirmed, Approve: EvApproved}[verb]
		if onRecord := slices.ContainsFunc(d.events, func(ev Event) bool { return ev.Type == said && ev.Actor == c.by }); onRecord != (c.want == Accepted) {
			t.Errorf("%s: on record %t", c.why, onRecord)
		}
	}
}

func TestBatchProposalIsChecked(t *testing.T) {
	r := newBatchRig(t)
	twice := append(ghosts(1), ghosts(1)...)
	alive := ghosts(1)
	alive[0].Kind = ecsops.GhostDisconnected
	for name, list := range map[string][]ecsops.Ghost{"none": nil, "too many": ghosts(MaxBatch + 1), "twice": twice, "not proven": alive} {
		if _, err := r.e.ProposeBatch(t.Context(), BatchProposal{Ghosts: list, Verdict: policy.Verdict{Effect: policy.Allow}}); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if _, err := r.e.ProposeBatch(t.Context(), BatchProposal{Ghosts: ghosts(1), Verdict: policy.Verdict{Effect: policy.Require}}); err == nil {
		t.Error("taken without policy's leave")
	}
	if len(r.store.order) > 0 {
		t.Errorf("stored %v", r.store.order)
	}
}

// Whose right ended meanwhile starts nothing more.
func TestBatchAsksAuthority(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(2)
	r.decide(op.ID, Confirm, olga)
	r.auth.verdict = policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonNotOperator}}
	now := r.run(op.ID, func() bool {
		batch, _ := r.store.get(op.ID)
		return batch.Rows[0].Block == BlockedAuthority
	})
	if now.State != Releasing {
		t.Errorf("state %s", now.State)
	}
	r.wantEnd(r.run(op.ID, nil), Stopped, "batch_nothing", "skipped:batch_deadline skipped:batch_deadline")
	r.wantCalls(0)
}

var errDied = errors.New("the process died")

// A process that dies at any commit, before or after it took effect, is followed by another:
// every ghost goes, none is ordered away twice, no row has two operations.
func TestBatchDeathAtEveryCommit(t *testing.T) {
	for at := range 60 {
		for _, after := range []bool{false, true} {
			r := newBatchRig(t)
			op := r.propose(6)
			r.decide(op.ID, Confirm, olga)
			n := 0
			r.store.fail = func(Change) (before, afterEffect error) {
				if n++; n-1 != at {
					return nil, nil
				}
				r.restart()
				if after {
					return nil, errDied
				}
				return errDied, nil
			}
			done := r.run(op.ID, nil)
			if n <= at {
				return // all commits were tried
			}
			r.wantEnd(done, Done, "batch_cleaned", "done done done done done done")
			r.wantCalls(6)
			if len(r.store.order) != 7 {
				t.Errorf("death at commit %d (after %t): %d operations", at, after, len(r.store.order))
			}
			for _, id := range r.store.order {
				checkStory(t, r.store, &world{}, id)
			}
			if t.Failed() {
				t.Fatalf("death at commit %d, after its effect: %t", at, after)
			}
		}
	}
}

// Members have no card of their own: their rows are it.
func TestMembersDrawNoCard(t *testing.T) {
	r := newBatchRig(t)
	op := r.propose(2)
	var drawn []string
	r.store.after = func(c Change) {
		if c.Redraw {
			drawn = append(drawn, c.Op.ID)
		}
	}
	r.decide(op.ID, Confirm, olga)
	r.run(op.ID, nil)
	if len(drawn) < 3 || slices.ContainsFunc(drawn, func(id string) bool { return id != op.ID }) {
		t.Errorf("drawn: %v", drawn)
	}
}
