package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// yard is a cluster of instances that drain: each has one replica until a while after it is DRAINING.
type yard struct {
	clock   *fakeClock
	zones   int
	size    int
	status  map[ecsops.EC2ID]string
	since   map[ecsops.EC2ID]time.Time
	stuck   map[ecsops.EC2ID]bool
	extra   map[ecsops.EC2ID][]ecsops.Task // of no service
	guarded map[ecsops.EC2ID]bool          // its replica is protected
	dark    map[ecsops.EC2ID]bool          // not readable
	away    int                            // other instances that are DRAINING
	most    int                            // unavailable at once, at most, by the batch
	zonesAt map[string]bool                // zones that were DRAINING at one moment, as "a" or "a b"
	self    ecsops.InstanceARN             // where the bot runs
	orders  []string
	reads   int
	onRead  func()
}

func newYard(clock *fakeClock, size, zones int) *yard {
	return &yard{clock: clock, size: size, zones: zones, status: map[ecsops.EC2ID]string{}, since: map[ecsops.EC2ID]time.Time{}, stuck: map[ecsops.EC2ID]bool{},
		extra: map[ecsops.EC2ID][]ecsops.Task{}, guarded: map[ecsops.EC2ID]bool{}, dark: map[ecsops.EC2ID]bool{}, zonesAt: map[string]bool{}}
}

func (y *yard) statusOf(id ecsops.EC2ID) string {
	if s := y.status[id]; s != "" {
		return s
	}
	return "ACTIVE"
}

func (y *yard) zoneOf(n int) string { return string(rune('a' + n%y.zones)) }

func (y *yard) note() {
	n, zones := 0, map[string]bool{}
	for i := range y.size {
		if y.statusOf(grave(i).EC2) == "DRAINING" {
			n++
			zones[y.zoneOf(i)] = true
		}
	}
	y.most = max(y.most, n)
	var all []string
	for z := range zones {
		all = append(all, z)
	}
	slices.Sort(all)
	y.zonesAt[strings.Join(all, " ")] = true
}

func number(t ecsops.Target) int {
	var n int
	_, _ = fmt.Sscanf(string(t.EC2), "i-0aaaaaaaaaaa%05d", &n)
	return n
}

func (y *yard) tasks(t ecsops.Target) []ecsops.Task {
	one := replica(fmt.Sprintf("web%d", number(t)))
	id := t.EC2
	gone := y.statusOf(id) == "INACTIVE" || y.statusOf(id) == "DRAINING" && !y.stuck[id] && y.clock.now.Sub(y.since[id]) >= time.Minute
	if gone {
		one.LastStatus, one.DesiredStatus = "STOPPED", "STOPPED"
	}
	return append([]ecsops.Task{one}, y.extra[id]...)
}

func (y *yard) Inspect(ctx context.Context, t ecsops.Target) (ecsops.Snapshot, error) {
	y.reads++
	if y.onRead != nil {
		y.onRead()
	}
	w := newWorld(y.clock, y.tasks(t)...)
	s, err := w.Inspect(ctx, t)
	s.Target = t
	s.Instance = ecsops.Known(ecsops.Instance{Status: y.statusOf(t.EC2), AgentConnected: true, EC2: t.EC2, RegisteredAt: t.RegisteredAt, AZ: y.zoneOf(number(t))})
	if y.dark[t.EC2] {
		s.Instance = ecsops.NotKnown[ecsops.Instance](ecsops.Unknown{Call: "ecs:DescribeContainerInstances", Reason: "ServerException"})
	}
	if y.guarded[t.EC2] {
		s.Protection = ecsops.Known(map[string]time.Time{y.tasks(t)[0].ARN: {}})
	}
	var peers []ecsops.Peer
	for i := range y.size {
		if g := grave(i); g.EC2 != t.EC2 && y.statusOf(g.EC2) != "INACTIVE" {
			peers = append(peers, ecsops.Peer{Instance: g.Instance, EC2: g.EC2, Status: y.statusOf(g.EC2), AgentConnected: true, AZ: y.zoneOf(i),
				Free: ecsops.Resources{CPU: 4096, Memory: 8192}})
		}
	}
	for i := range y.away {
		peers = append(peers, ecsops.Peer{Instance: ecsops.InstanceARN(fmt.Sprintf("other%d", i)), Status: "DRAINING", AgentConnected: true, AZ: "a"})
	}
	s.Peers = ecsops.Known(peers)
	s.Self = ecsops.Known(y.self)
	services := map[string]ecsops.Service{"web": {Name: "web", Scheduling: "REPLICA", Desired: 40, Running: 40, MinPercent: 50, MaxPercent: 200,
		TaskDefinition: replica("x").TaskDefinition, Deployments: 1, LaunchType: "EC2"}}
	s.Services = ecsops.Known(services)
	return s, err
}

func (y *yard) InspectMany(ctx context.Context, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	return oneByOne(ctx, y, ts)
}

func (y *yard) Look(ctx context.Context, t ecsops.Target, _ ecsops.LookFor) (ecsops.Snapshot, error) {
	return y.Inspect(ctx, t)
}

func (y *yard) After(ctx context.Context, t ecsops.Target, _ ecsops.LookFor, _ time.Time) (ecsops.After, error) {
	s, err := y.Inspect(ctx, t)
	return ecsops.After{Snapshot: s, ENIs: ecsops.Known([]string(nil)), Replacements: ecsops.Known([]ecsops.Replacement(nil)),
		Activity: ecsops.Known([]string(nil)), Listed: ecsops.Known(y.statusOf(t.EC2) != "INACTIVE")}, err
}

func (y *yard) Aftermath(ctx context.Context, t ecsops.Target, _ bool) (ecsops.Aftermath, error) {
	s, err := y.Inspect(ctx, t)
	return ecsops.Aftermath{EC2: s.EC2}, err
}

func (y *yard) Node(context.Context, ecsops.Target) (ecsops.Fact[ecsops.Node], error) {
	return ecsops.Fact[ecsops.Node]{}, nil
}

func (y *yard) HostLook(context.Context, ecsops.HostQuestion) (ecsops.Fact[ecsops.HostAnswer], error) {
	return ecsops.Fact[ecsops.HostAnswer]{}, nil
}

func (y *yard) Do(_ context.Context, a ecsops.Action) ecsops.Outcome {
	id := a.Target.EC2
	y.orders = append(y.orders, fmt.Sprintf("%s %d", a.Kind, number(a.Target)))
	switch a.Kind {
	case ecsops.ActDrain:
		y.status[id], y.since[id] = "DRAINING", y.clock.now
	case ecsops.ActUndrain:
		y.status[id] = "ACTIVE"
	case ecsops.ActDeregister:
		y.status[id] = "INACTIVE"
	default:
		return ecsops.Outcome{Result: ecsops.Refused, Code: "UnexpectedCall", At: y.clock.now}
	}
	y.note()
	return ecsops.Outcome{Result: ecsops.OK, At: y.clock.now}
}

// bulkRig is an engine on a yard.
type bulkRig struct {
	*batchRig
	yard *yard
}

func newBulkRig(t *testing.T, size, zones int) *bulkRig {
	t.Helper()
	clock := &fakeClock{now: time.Unix(1_800_000_000, 0).UTC()}
	r := &bulkRig{batchRig: &batchRig{t: t, clock: clock, store: newMemStore(clock), yard: newGraveyard(clock), auth: &authority{verdict: policy.Verdict{Effect: policy.Allow}}},
		yard: newYard(clock, size, zones)}
	r.restart()
	return r
}

func (r *bulkRig) restart() {
	e, err := New(Deps{Store: r.store, Fleet: r.yard, Authority: r.auth, Settings: Settings{Sole: true}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.e = e
}

// ask proposes to take the first n instances out.
func (r *bulkRig) ask(n int, limit Limit) Operation {
	r.t.Helper()
	var targets []ecsops.Target
	intents := make([]ecsops.Intent, n)
	for i := range n {
		targets = append(targets, grave(i))
		intents[i] = ecsops.Intent{Purpose: ecsops.Retire, Deadline: 20 * time.Minute}
	}
	snapshots, err := r.yard.InspectMany(r.t.Context(), targets)
	if err != nil {
		r.t.Fatal(err)
	}
	all := ecsops.AssessTogether(snapshots, intents)
	op, err := r.e.ProposeBulk(r.t.Context(), BulkProposal{Plans: all.Plans, Joint: all.Findings, Limit: limit, Registered: r.yard.size, Intent: intents[0],
		Actor: olga, Origin: Origin{Channel: "C0OPS"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		r.t.Fatal(err)
	}
	return op
}

func ordersOf(y *yard, kind ecsops.ActionKind) []string {
	var out []string
	for _, o := range y.orders {
		if what, which, _ := strings.Cut(o, " "); what == string(kind) {
			out = append(out, which)
		}
	}
	return out
}

// Instances leave in waves: one zone at a time, never more than the limit, each once, and a
// wave only when the one before is verified.
func TestBulkLeavesInWaves(t *testing.T) {
	r := newBulkRig(t, 40, 3)
	op := r.ask(20, Limit{Percent: 10})
	if op.Bulk.Most != 4 || waves(op.Rows) != 6 {
		t.Fatalf("at most %d in %d waves, want 4 in 6", op.Bulk.Most, waves(op.Rows))
	}
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Done, "bulk_done", strings.TrimSpace(strings.Repeat("done ", 20)))
	if r.yard.most > 4 || r.yard.most < 3 { // as the cluster shrinks, a tenth of it is less
		t.Errorf("%d were DRAINING at once, want at most 4", r.yard.most)
	}
	for zones := range r.yard.zonesAt {
		if strings.Contains(zones, " ") {
			t.Errorf("the zones %s were drained at once", zones)
		}
	}
	for _, kind := range []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActDeregister} {
		got := ordersOf(r.yard, kind)
		slices.Sort(got)
		if len(got) != 20 || len(slices.Compact(got)) != 20 {
			t.Errorf("%s: %d orders, want one for each of 20", kind, len(got))
		}
	}
	first, last := strings.Join(r.yard.orders[:4], "; "), strings.Join(r.yard.orders[4:8], "; ")
	if strings.Count(first, "drain") != 4 || strings.Contains(first, "deregister") || strings.Contains(last, "; drain") {
		t.Errorf("the first wave began %s; then %s: all are DRAINING before anything else", first, last)
	}
	for _, row := range done.Rows {
		checkStory(t, r.store, &world{}, row.Op)
	}
	checkStory(t, r.store, &world{}, op.ID)
}

// What others made unavailable counts; when that lasts, a person is asked.
func TestBulkCountsOthers(t *testing.T) {
	r := newBulkRig(t, 16, 1)
	op := r.ask(4, Limit{Count: 3})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	r.yard.away = 2
	r.run(op.ID, func() bool { return len(ordersOf(r.yard, ecsops.ActDeregister)) > 0 })
	if r.yard.most != 1 {
		t.Errorf("%d drained at once beside two of others, with at most 3", r.yard.most)
	}
	r.yard.away = 3
	paused := r.run(op.ID, func() bool { o, _ := r.store.get(op.ID); return o.Block != nil })
	if paused.Block == nil || paused.Block.Detail != "others_unavailable" || paused.Bulk.Short == nil || paused.Bulk.Short.Away != 3 {
		t.Fatalf("%+v, %+v", paused.Block, paused.Bulk.Short)
	}
	r.yard.away = 0
	wantAnswer(t, r.decide(op.ID, GoOn, olga), Accepted)
	r.wantEnd(r.run(op.ID, nil), Done, "bulk_done", "done done done done")
}

// The first surprise stops the batch: nothing more begins, what is under way ends by its own
// rules, and a person is asked. Silence ends it.
func TestBulkStopsAtSurprise(t *testing.T) {
	for _, c := range []struct {
		why   string
		spoil func(*bulkRig)
		row   string // how the second row ends
		drain int    // orders to drain before somebody answers
	}{
		{"a member past its deadline is undone", func(r *bulkRig) { r.yard.stuck[grave(1).EC2] = true }, "skipped:deadline_undone", 2},
		{"a task of no service came after the plan", func(r *bulkRig) { r.yard.extra[grave(1).EC2] = []ecsops.Task{standalone("new")} }, "skipped:surprise", 0},
		{"a red finding that nobody saw", func(r *bulkRig) { r.yard.guarded[grave(1).EC2] = true }, "skipped:surprise", 0},
		{"somebody else drains it", func(r *bulkRig) { r.yard.status[grave(1).EC2] = "DRAINING" }, "skipped:surprise", 0},
		{"it cannot be read", func(r *bulkRig) { r.yard.dark[grave(1).EC2] = true }, "skipped:batch_unread", 1},
	} {
		t.Run(c.why, func(t *testing.T) {
			for _, answer := range []Verb{GoOn, Stop, ""} {
				r := newBulkRig(t, 16, 1)
				op := r.ask(6, Limit{Count: 2})
				wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
				c.spoil(r)
				paused := r.run(op.ID, func() bool { o, _ := r.store.get(op.ID); return o.Block != nil })
				if paused.Block == nil || paused.Block.Reason != BlockedSurprise || paused.Block.Detail != string(grave(1).EC2) {
					t.Fatalf("not asked: %s, %+v", rowsIn(paused), paused.Block)
				}
				if got := len(ordersOf(r.yard, ecsops.ActDrain)); got != c.drain {
					t.Errorf("%d drains were ordered before somebody looked, want %d", got, c.drain)
				}
				rest, end, cause := "done done done done", Done, "bulk_partly"
				if answer != "" {
					wantAnswer(t, r.decide(op.ID, answer, olga), Accepted)
				}
				if answer != GoOn {
					why := map[Verb]string{Stop: "skipped:batch_stopped", "": "skipped:batch_silence"}[answer]
					rest = strings.TrimSpace(strings.Repeat(why+" ", 4))
				}
				got := r.run(op.ID, nil)
				rows := rowsIn(got)
				if !strings.Contains(rows, c.row) || !strings.HasSuffix(rows, rest) {
					t.Errorf("answer %q: %s, want the second row %s and the rest %s", answer, rows, c.row, rest)
				}
				if got.State == end && got.Cause != cause {
					t.Errorf("answer %q: ended %s/%s", answer, got.State, got.Cause)
				}
				checkStory(t, r.store, &world{}, op.ID)
			}
		})
	}
}

// What changes after a wave began is found by the member itself: before its drain nothing is
// done, after it the drain is undone.
func TestBulkMemberFindsSurprise(t *testing.T) {
	for _, c := range []struct {
		why    string
		when   ecsops.ActionKind // after that order of another member; "" = before any
		spoil  func(*yard)
		orders string // of the member that is surprised
		end    State
		cause  string
	}{
		{"a task of no service, before it drains", "", func(y *yard) { y.extra[grave(1).EC2] = []ecsops.Task{standalone("late")} }, "", Stopped, "surprise"},
		{"a protected task, before it drains", "", func(y *yard) { y.guarded[grave(1).EC2] = true }, "", Stopped, "surprise"},
		{"another's drain, before it drains", "", func(y *yard) { y.status[grave(1).EC2] = "DRAINING" }, "", Stopped, "surprise_not_ours"},
		{"the bot's own host, before it is deregistered", ecsops.ActDrain, func(y *yard) { y.self = grave(1).Instance }, "drain undrain", Stopped, "surprise"},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := newBulkRig(t, 16, 1)
			op := r.ask(3, Limit{Count: 2})
			done := false
			r.store.after = func(ch Change) {
				for _, ev := range ch.Events {
					begun := c.when == "" && ev.Type == EvReleased && ev.Target.EC2 == grave(1).EC2
					ordered := ev.Type == EvOutcome && ev.Order.Action.Kind == c.when && ev.Target.EC2 == grave(1).EC2
					if !done && (begun || ordered) {
						done = true
						c.spoil(r.yard)
					}
				}
			}
			wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
			paused := r.run(op.ID, func() bool { o, _ := r.store.get(op.ID); return o.Block != nil })
			member, err := r.store.get(paused.Rows[1].Op)
			if err != nil || member.State != c.end || member.Cause != c.cause {
				t.Fatalf("the member ended %s/%s, %v", member.State, member.Cause, err)
			}
			var got []string
			for _, o := range r.yard.orders {
				if kind, which, _ := strings.Cut(o, " "); which == "1" {
					got = append(got, kind)
				}
			}
			if strings.Join(got, " ") != c.orders {
				t.Errorf("orders %v, want %s", got, c.orders)
			}
			if paused.Block.Reason != BlockedSurprise || paused.Rows[2].State != RowWaiting {
				t.Errorf("%+v, %s", paused.Block, rowsIn(paused))
			}
			checkStory(t, r.store, &world{}, member.ID)
		})
	}
}

// A batch that is stopped undoes what is under way.
func TestBulkStop(t *testing.T) {
	r := newBulkRig(t, 16, 1)
	op := r.ask(4, Limit{Count: 2})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	r.run(op.ID, func() bool { return len(ordersOf(r.yard, ecsops.ActDrain)) == 2 })
	wantAnswer(t, r.decide(op.ID, Stop, otto), Accepted)
	wantAnswer(t, r.decide(op.ID, Stop, otto), AlreadyDone)
	r.wantEnd(r.run(op.ID, nil), Stopped, "bulk_stopped", "skipped:stopped skipped:stopped skipped:batch_stopped skipped:batch_stopped")
	for i := range 2 {
		if got := r.yard.statusOf(grave(i).EC2); got != "ACTIVE" {
			t.Errorf("%d is %s", i, got)
		}
	}
}

// Nobody is asked where no answer could change anything.
func TestBulkAsksWhileAnythingWaits(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	for _, c := range []struct {
		why, rows string
		stopped   bool
		asks      bool
	}{
		{"one is left to begin", "a1d a1u b2", false, true},
		{"the rest is under way", "a1u a1r", false, false},
		{"it was stopped", "a1u b2", true, false},
		{"nothing surprised", "a1d b2", false, false},
	} {
		op := Operation{State: Releasing, Rows: leavers(c.rows)}
		if c.stopped {
			op.StopBy = &olga
		}
		d := newDraft(op, now)
		d.tellSurprises(Settings{AskFor: time.Hour})
		if got := asks(d.op.Block); got != c.asks || got && !d.op.Block.AskedUntil.Equal(now.Add(time.Hour)) {
			t.Errorf("%s: %+v", c.why, d.op.Block)
		}
	}
}

// A second person's yes is bound to the batch's digest, and covers what it showed.
func TestBulkApproval(t *testing.T) {
	r := newBulkRig(t, 16, 1)
	r.yard.guarded[grave(1).EC2] = true
	op := r.ask(3, Limit{Count: 3})
	if !slices.Equal(op.Needs, []policy.Requirement{policy.SecondPerson}) || op.Plan.Verdict != ecsops.Red {
		t.Fatalf("needs %v, verdict %s", op.Needs, op.Plan.Verdict)
	}
	wantAnswer(t, r.decide(op.ID, Approve, ana), TooLate)
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	wantAnswer(t, r.decide(op.ID, Confirm, otto), AlreadyDone)
	wantAnswer(t, r.decide(op.ID, Approve, olga), NotYours)
	if waiting, _ := r.store.get(op.ID); waiting.State != AwaitingApproval || len(r.yard.orders) > 0 {
		t.Fatalf("%s, %v", waiting.State, r.yard.orders)
	}
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	done := r.run(op.ID, nil)
	r.wantEnd(done, Done, "bulk_done", "done done done")
	if done.Approvals[0].Digest != op.Plan.Digest || done.Approvals[0].Actor != ana {
		t.Errorf("approved %+v", done.Approvals)
	}
	for _, row := range done.Rows {
		member, _ := r.store.get(row.Op)
		if len(member.Approvals) != 1 || member.Approvals[0].Actor != ana || member.Approvals[0].Revision != member.Revision {
			t.Errorf("member of %s: %+v", row.Target.EC2, member.Approvals)
		}
	}

	denied := newBulkRig(t, 16, 1)
	denied.yard.guarded[grave(0).EC2] = true
	no := denied.ask(2, Limit{})
	wantAnswer(t, denied.decide(no.ID, Confirm, olga), Accepted)
	wantAnswer(t, denied.decide(no.ID, Deny, ana), Accepted)
	if end, _ := denied.store.get(no.ID); end.State != RefusedOp || len(denied.yard.orders) > 0 {
		t.Errorf("%s, %v", end.State, denied.yard.orders)
	}
}

// Whatever dies between two commits, each instance is drained once.
func TestBulkRestarts(t *testing.T) {
	for at := 1; at < 40; at += 3 {
		r := newBulkRig(t, 20, 2)
		op := r.ask(4, Limit{Count: 2})
		wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
		commits := 0
		r.store.fail = func(Change) (before, after error) {
			commits++
			switch commits {
			case at:
				return errDied, nil
			case at + 3:
				return nil, errDied
			}
			return nil, nil
		}
		restarted := false
		r.store.after = func(Change) {
			if commits >= at && !restarted {
				restarted = true
				r.restart()
			}
		}
		r.wantEnd(r.run(op.ID, nil), Done, "bulk_done", "done done done done")
		for _, kind := range []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActDeregister} {
			got := ordersOf(r.yard, kind)
			slices.Sort(got)
			if len(slices.Compact(slices.Clone(got))) != 4 || len(got) > 5 { // an answer that was lost may be asked for again
				t.Errorf("dying at %d: %s of %v", at, kind, got)
			}
		}
	}
}

// The digest is about what was shown: another limit, another order, another task of no
// service is another decision.
func TestBulkDigest(t *testing.T) {
	digest := func(n int, limit Limit, change func(*bulkRig)) string {
		r := newBulkRig(t, 20, 2)
		if change != nil {
			change(r)
		}
		return r.ask(n, limit).Plan.Digest
	}
	seen := map[string]string{}
	for why, d := range map[string]string{
		"plain":      digest(4, Limit{Count: 2}, nil),
		"fewer":      digest(3, Limit{Count: 2}, nil),
		"limit":      digest(4, Limit{Count: 3}, nil),
		"standalone": digest(4, Limit{Count: 2}, func(r *bulkRig) { r.yard.extra[grave(2).EC2] = []ecsops.Task{standalone("x")} }),
		"protected":  digest(4, Limit{Count: 2}, func(r *bulkRig) { r.yard.guarded[grave(2).EC2] = true }),
		"draining":   digest(4, Limit{Count: 2}, func(r *bulkRig) { r.yard.status[grave(2).EC2] = "DRAINING" }),
	} {
		if seen[d] != "" {
			t.Errorf("%s and %s have the same digest", why, seen[d])
		}
		seen[d] = why
	}
	if a, b := digest(4, Limit{Count: 2}, nil), digest(4, Limit{Count: 2}, nil); a != b {
		t.Error("the same question has two digests")
	}
}

var otto = Actor{UserID: "U0OTTO", TeamID: "T0"}
