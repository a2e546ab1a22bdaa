package workflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

var endedAt = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// left is an operation that ended: its follow-up is what the rules are about.
func left(change func(*Operation)) Operation {
	op := Operation{ID: "op1", State: Done, Target: testTarget, StartedAt: endedAt.Add(-10 * time.Minute), GoneAt: endedAt.Add(-time.Minute), EndedAt: endedAt,
		Plan:     ecsops.Plan{Path: ecsops.PathDrain, Steps: []ecsops.Step{{Kind: ecsops.StepDeregister}}},
		Progress: Progress{Checks: []ecsops.Check{{ID: "V7", Result: ecsops.CheckPassed, Names: []string{"running"}}}}}
	if change != nil {
		change(&op)
	}
	return op
}

// forced leaves two orphans behind.
func forced(op *Operation) {
	op.Plan.Path, op.Plan.Steps = ecsops.PathForce, []ecsops.Step{{Kind: ecsops.StepForce}}
	for _, n := range []string{"a", "b"} {
		op.Plan.Fates = append(op.Plan.Fates, ecsops.TaskFate{Task: ecsops.TaskRef{ARN: "arn:task/" + n, Name: "web:7", Class: ecsops.Replica}, Fate: ecsops.FateOrphaned})
	}
}

// sight is what AWS would answer at an age of the follow-up.
type sight func(age time.Duration) ecsops.Aftermath

func seen(state string, again ...ecsops.Reregistration) ecsops.Aftermath {
	return ecsops.Aftermath{EC2: ecsops.Known(ecsops.EC2{State: state}), Group: ecsops.Known(ecsops.Group{}), Again: ecsops.Known(again)}
}

func always1(a ecsops.Aftermath) sight { return func(time.Duration) ecsops.Aftermath { return a } }

// from is before until the age, then after.
func from(age time.Duration, before, after ecsops.Aftermath) sight {
	return func(now time.Duration) ecsops.Aftermath {
		if now < age {
			return before
		}
		return after
	}
}

var (
	noEC2     = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"})
	noList    = ecsops.NotKnown[[]ecsops.Reregistration](ecsops.Unknown{Fact: "registrations", Call: "ecs:ListContainerInstances", Reason: "timed out"})
	returning = ecsops.Reregistration{Cluster: testTarget.Cluster, Instance: "arn:ci/prod/new", Status: "ACTIVE", RegisteredAt: endedAt.Add(5 * time.Minute)}
	older     = ecsops.Reregistration{Cluster: testTarget.Cluster, Instance: "arn:ci/prod/old", Status: "ACTIVE", RegisteredAt: endedAt.Add(-time.Hour)}
)

// told plays a follow-up until the age and lists what people were told: "1h0m0s reminded orphans machine".
// away are spans in which nobody looks.
func told(f FollowUp, see sight, until time.Duration, away ...[2]time.Duration) (out []string, end FollowUp, looks int) {
	for now := f.Began; ; {
		m := DecideFollowUp(f, nil, now)
		if m.Next.IsZero() && !m.Read || m.Next.Sub(f.Began) > until {
			return out, f, looks
		}
		if !m.Read {
			now = m.Next
			for _, a := range away {
				if age := now.Sub(f.Began); age >= a[0] && age < a[1] {
					now = f.Began.Add(a[1])
				}
			}
			continue
		}
		looks++
		a := see(now.Sub(f.Began))
		if !m.Registrations {
			a.Again = ecsops.Fact[[]ecsops.Reregistration]{}
		}
		m = DecideFollowUp(f, &a, now)
		for _, ev := range m.Events {
			if ev.Notice != nil {
				out = append(out, line(*ev.Notice))
			}
		}
		f = m.FollowUp
	}
}

func line(n Notice) string {
	s := fmt.Sprintf("%s %s", n.After, n.Type)
	for _, c := range n.Concerns {
		s += " " + string(c)
	}
	for _, u := range n.Missing {
		s += " ?" + u.Fact
	}
	for _, r := range n.Again {
		s += " " + string(r.Instance) + " " + n.How
	}
	if n.Cause != "" {
		s += " " + n.Cause
	}
	return s
}

func TestFollowUpRules(t *testing.T) {
	running, terminated := seen("running"), seen("terminated")
	blind := ecsops.Aftermath{EC2: noEC2, Group: ecsops.Known(ecsops.Group{}), Again: noList}
	in := func(change func(*ecsops.Aftermath)) ecsops.Aftermath {
		a := seen("running")
		change(&a)
		return a
	}
	for _, c := range []struct {
		rule, why string
		op        func(*Operation)
		see       sight
		until     time.Duration
		away      [][2]time.Duration
		want      string
	}{
		{rule: "F1", why: "orphans go on working from the first minute", op: forced, see: always1(running), until: 30 * time.Minute,
			want: "0s reminded orphans"},
		{rule: "F2", why: "nobody forgets them for longer than a day; a machine is spoken of in the same breath", op: forced, see: always1(running), until: 73 * time.Hour,
			want: "0s reminded orphans; 1h0m0s reminded orphans machine; 24h0m0s reminded orphans machine; 48h0m0s reminded orphans; 72h0m0s reminded orphans"},
		{rule: "F3", why: "a terminated machine runs no container: the ledger closes by itself", op: forced, see: from(35*time.Minute, running, terminated), until: 48 * time.Hour,
			want: "0s reminded orphans; 40m0s ledger_closed machine_gone"},
		{rule: "F3", why: "an id that EC2 does not know any more, by an answer, is gone too", op: forced, see: from(time.Hour+time.Minute, running, seen("not-found")), until: 48 * time.Hour,
			want: "0s reminded orphans; 1h0m0s reminded orphans machine; 1h10m0s ledger_closed machine_gone"},
		{rule: "F3", why: "a stopped machine can be started: its containers are not gone for good", op: forced, see: from(time.Minute, running, seen("stopped")), until: 2 * time.Hour,
			want: "0s reminded orphans; 1h0m0s reminded orphans"},
		{rule: "F5", why: "deregistering ends no billing: said after an hour and after a day, then it is known", see: always1(running), until: 100 * time.Hour,
			want: "1h0m0s reminded machine; 24h0m0s reminded machine"},
		{rule: "F6", why: "a machine that is gone costs nothing", see: from(30*time.Minute, running, terminated), until: 100 * time.Hour, want: ""},
		{rule: "F6", why: "who was reminded hears that it is over", see: from(2*time.Hour, running, terminated), until: 100 * time.Hour,
			want: "1h0m0s reminded machine; 24h0m0s ledger_closed machine_gone"},
		{rule: "F6", why: "a machine that was seen gone at the end needs nobody", op: func(op *Operation) { op.Progress.Checks[0].Names = []string{"terminated"} }, see: always1(running), until: 100 * time.Hour, want: ""},
		{rule: "F6", why: "ECS terminates a Managed Instance", op: func(op *Operation) {
			forced(op)
			op.Plan.Snapshot.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{Type: "MANAGED_INSTANCES"})
		}, see: always1(running), until: 100 * time.Hour, want: ""},
		{rule: "F6", why: "a stopped machine is not billed by the second", see: always1(seen("stopped")), until: 100 * time.Hour, want: ""},
		{rule: "F6", why: "its group is ending it: come back instead of nagging", see: always1(in(func(a *ecsops.Aftermath) {
			a.Group = ecsops.Known(ecsops.Group{Name: "asg", Lifecycle: "Terminating:Wait"})
		})), until: 5 * time.Hour, want: ""},
		{rule: "F6", why: "EC2 is ending it, and then it did", see: from(70*time.Minute, seen("shutting-down"), terminated), until: 100 * time.Hour, want: ""},
		{rule: "F6", why: "it is in use again: nobody is told to end it", see: always1(seen("running", returning)), until: 100 * time.Hour,
			want: "10m0s registered_again return arn:ci/prod/new agent"},
		{rule: "F7", why: "unread is said once and tried again; what was due is said once it can be", see: from(3*time.Hour, in(func(a *ecsops.Aftermath) { a.EC2 = noEC2 }), running), until: 100 * time.Hour,
			want: "1h0m0s follow_up_unread machine ?ec2; 3h0m0s reminded machine; 24h0m0s reminded machine"},
		{rule: "F7", why: "an unread machine is not a gone one: orphans are reminded of all the same", op: forced, see: always1(in(func(a *ecsops.Aftermath) { a.EC2 = noEC2 })), until: 25 * time.Hour,
			want: "0s reminded orphans ?ec2; 1h0m0s reminded orphans ?ec2; 24h0m0s reminded orphans ?ec2"},
		{rule: "F7", why: "a list that could not be read may hold it", see: from(25*time.Minute, in(func(a *ecsops.Aftermath) { a.Again = noList }), running), until: 50 * time.Minute,
			want: "10m0s follow_up_unread return ?registrations"},
		{rule: "F7", why: "a new streak is said again", see: func(age time.Duration) ecsops.Aftermath {
			if age == 10*time.Minute || age >= time.Hour && age < 2*time.Hour {
				return in(func(a *ecsops.Aftermath) { a.Again = noList })
			}
			return running
		}, until: 3 * time.Hour, want: "10m0s follow_up_unread return ?registrations; 1h0m0s reminded machine ?registrations"},
		{rule: "F8", why: "an agent that comes back is seen after ten minutes, and said once", see: always1(seen("running", older, returning)), until: 2 * time.Hour,
			want: "10m0s registered_again return arn:ci/prod/new agent"},
		{rule: "F8", why: "one that backed off for most of an hour is seen after an hour", see: from(50*time.Minute, running, seen("running", returning)), until: 3 * time.Hour,
			want: "1h0m0s registered_again return arn:ci/prod/new agent"},
		{rule: "F8", why: "a machine that was started again ran its user data", see: always1(in(func(a *ecsops.Aftermath) {
			a.EC2 = ecsops.Known(ecsops.EC2{State: "running", LaunchedAt: endedAt.Add(time.Minute)})
			a.Again = ecsops.Known([]ecsops.Reregistration{returning})
		})), until: 30 * time.Minute, want: "10m0s registered_again return arn:ci/prod/new started_again"},
		{rule: "F8", why: "a warm pool brings machines back", see: always1(in(func(a *ecsops.Aftermath) {
			a.Group = ecsops.Known(ecsops.Group{Name: "asg", WarmPool: true})
			a.Again = ecsops.Known([]ecsops.Reregistration{returning})
		})), until: 30 * time.Minute, want: "10m0s registered_again return arn:ci/prod/new warm_pool"},
		{rule: "F8", why: "a registration from before is none of this", see: always1(seen("running", older)), until: 30 * time.Minute, want: ""},
		{rule: "F9", why: "what was missed while the bot was away is made up once", op: forced, see: always1(running), away: [][2]time.Duration{{5 * time.Minute, 50 * time.Hour}}, until: 73 * time.Hour,
			want: "0s reminded orphans; 50h0m0s reminded orphans machine; 72h0m0s reminded orphans"},
		{rule: "F10", why: "what can never be read is given up, and that is said; orphans never are", op: forced, see: always1(blind), until: 8*24*time.Hour + time.Minute,
			want: "0s reminded orphans ?ec2; 10m0s follow_up_unread return ?registrations; 1h0m0s reminded orphans ?ec2; 24h0m0s reminded orphans ?ec2; 48h0m0s reminded orphans ?ec2; " +
				"72h0m0s reminded orphans ?ec2; 96h0m0s reminded orphans ?ec2; 120h0m0s reminded orphans ?ec2; 144h0m0s reminded orphans ?ec2; 168h0m0s reminded orphans ?registrations ?ec2; 192h0m0s reminded orphans ?ec2"},
	} {
		t.Run(c.rule+" "+c.why, func(t *testing.T) {
			f, _ := newFollowUp(left(c.op))
			got, _, _ := told(f, c.see, c.until, c.away...)
			if strings.Join(got, "; ") != c.want {
				t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, ";\n"), strings.ReplaceAll(c.want, "; ", ";\n"))
			}
		})
	}
}

// TestFollowUpBegins: what an end leaves to look after.
func TestFollowUpBegins(t *testing.T) {
	for _, c := range []struct {
		why  string
		op   func(*Operation)
		want []Concern
	}{
		{"deregistered: the machine, and whether it comes back", nil, []Concern{Machine, Return}},
		{"forced: the orphans first", forced, []Concern{Orphans, Machine, Return}},
		{"unverified is no reason to look away", func(op *Operation) { op.State = Unverified }, []Concern{Machine, Return}},
		{"a force whose answer was lost may have left orphans", func(op *Operation) {
			forced(op)
			op.State, op.GoneAt = Unverified, time.Time{}
			op.Order = &Order{Action: ecsops.Action{Kind: ecsops.ActForceDeregister}, Outcome: &ecsops.Outcome{Result: ecsops.ResultUnknown}}
		}, []Concern{Orphans, Machine, Return}},
		{"called off: nothing was deregistered", func(op *Operation) { op.State = Stopped }, nil},
		{"still registered: the operation said so", func(op *Operation) { op.State, op.GoneAt = Unverified, time.Time{} }, nil},
		{"the machine was ended by it", func(op *Operation) { op.Plan.Path = ecsops.PathMachine }, nil},
		{"its machine is wanted for something else", func(op *Operation) { op.Plan.Intent.Purpose = ecsops.Reuse }, []Concern{Return}},
		{"EC2 knows nothing of an external host", func(op *Operation) { op.Target.EC2 = "mi-1" }, []Concern{Return}},
	} {
		f, ok := newFollowUp(left(c.op))
		var got []Concern
		for _, w := range f.Watches {
			got = append(got, w.Concern)
		}
		if !slices.Equal(got, c.want) || ok != (len(c.want) > 0) {
			t.Errorf("%s: %v %v, want %v", c.why, got, ok, c.want)
		}
	}
}

// TestFollowUpNeverConcludesFromNothing: whatever happens, a ledger of orphans closes only by
// a machine read as gone; the clock is never asked to run backwards; a reminder comes once.
func TestFollowUpNeverConcludesFromNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, _ := newFollowUp(left(forced))
		gone := false
		reminded := map[time.Duration]int{}
		now := f.Began
		for range rapid.IntRange(1, 60).Draw(rt, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1440).Draw(rt, "minutes")) * time.Minute)
			a := ecsops.Aftermath{EC2: noEC2, Again: noList}
			if rapid.Bool().Draw(rt, "readable") {
				a = seen(rapid.SampledFrom([]string{"running", "stopped", "shutting-down", "terminated", "not-found"}).Draw(rt, "state"))
			}
			m := DecideFollowUp(f, &a, now)
			if !m.Changed {
				continue
			}
			e, known := a.EC2.Get()
			gone = gone || known && e.Gone()
			if m.FollowUp.Watching(Orphans) == gone {
				rt.Fatalf("gone %v, still watched %v", gone, m.FollowUp.Watching(Orphans))
			}
			for _, n := range m.FollowUp.Notices[min(len(f.Notices), noticesKept):] {
				if n.Type == EvReminded && slices.Contains(n.Concerns, Orphans) {
					reminded[n.After/dailyReminder]++
				}
			}
			if !m.Next.IsZero() && !m.Next.After(now) {
				rt.Fatalf("a hot loop: at %v next is %v", now, m.Next)
			}
			if len(m.FollowUp.Notices) > noticesKept {
				rt.Fatalf("%d notices are kept", len(m.FollowUp.Notices))
			}
			f = m.FollowUp
		}
		for day, n := range reminded {
			if n > 2 || day > 0 && n > 1 {
				rt.Fatalf("%d reminders on day %d", n, day)
			}
		}
	})
}

// forceRig is an operation that was forced and has ended.
func forceRig(t *testing.T) (*rig, Operation) {
	t.Helper()
	r := newRig(t, replica("a"), standalone("b"))
	op := r.propose(ecsops.Intent{Force: true})
	r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Typed = string(testTarget.EC2) })
	r.decide(op.ID, Approve, ana)
	op = r.run(op.ID, nil)
	if op.State != Done {
		t.Fatalf("ended as %s: %s", op.State, op.Cause)
	}
	return r, op
}

// look runs the follow-up for so long, by the engines in turn.
func (r *rig) look(id string, span time.Duration, engines ...*Engine) {
	r.t.Helper()
	if len(engines) == 0 {
		engines = []*Engine{r.e}
	}
	for until := r.clock.now.Add(span); ; {
		var next time.Time
		for _, e := range engines {
			n, err := e.FollowUp(r.t.Context(), id)
			if err != nil {
				r.t.Fatalf("following up: %v", err)
			}
			next = earliest(next, n)
		}
		if next.IsZero() || next.After(until) {
			r.clock.now = until
			return
		}
		if next.After(r.clock.now) {
			r.clock.now = next
		}
	}
}

func (r *rig) notices(id string) []string {
	var out []string
	for _, ev := range r.store.of(id) {
		if ev.Notice != nil {
			out = append(out, line(*ev.Notice))
		}
	}
	return out
}

func checkOf(t *testing.T, op Operation, id string) ecsops.Check {
	t.Helper()
	i := slices.IndexFunc(op.Progress.Checks, func(c ecsops.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no %s in %+v", id, op.Progress.Checks)
	}
	return op.Progress.Checks[i]
}

// TestFollowUpThroughTheEngine: from the force's end to the sign-off, with restarts and a
// second process between, nothing is told twice and nothing is lost.
func TestFollowUpThroughTheEngine(t *testing.T) {
	r, op := forceRig(t)
	if c := checkOf(t, op, "V10"); c.Result != ecsops.CheckPending || len(c.Names) != 2 {
		t.Errorf("the result says %+v of the orphans", c)
	}
	if c := checkOf(t, op, "V9"); c.Result != ecsops.CheckPending || c.Want != 2 {
		t.Errorf("the result says %+v of a return", c)
	}
	first := r.e
	r.look(op.ID, 30*time.Minute)
	r.restart()
	r.look(op.ID, 35*time.Minute, first, r.e)
	want := []string{"0s reminded orphans", "1h0m0s reminded orphans machine"}
	if got := r.notices(op.ID); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	op, _ = r.store.get(op.ID)
	if c := checkOf(t, op, "V9"); c.Result != ecsops.CheckPassed || c.Count != 2 {
		t.Errorf("after an hour V9 is %+v", c)
	}
	sign := Decision{Op: op.ID, Actor: ana, Channel: "C0OPS", Token: "t1", Verdict: policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonNotOperator}}}
	if a := r.signOff(sign); a.Kind != NotYours {
		t.Errorf("a refused person gets %+v", a)
	}
	sign.Actor, sign.Verdict = olga, policy.Verdict{Effect: policy.Allow}
	if a := r.signOff(sign); a.Kind != Accepted {
		t.Errorf("the operator gets %+v", a)
	}
	sign.Actor, sign.Token = ana, "t2"
	if a := r.signOff(sign); a.Kind != AlreadyDone || a.By.UserID != olga.UserID {
		t.Errorf("the second one gets %+v", a)
	}
	r.look(op.ID, 100*time.Hour)
	want = append(want, "1h5m0s signed_off", "24h0m0s reminded machine")
	if got := r.notices(op.ID); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	op, _ = r.store.get(op.ID)
	if c := checkOf(t, op, "V10"); c.Result != ecsops.CheckSignedOff {
		t.Errorf("V10 is %+v", c)
	}
	if len(op.Progress.Checks) != 10 {
		t.Errorf("%d checks", len(op.Progress.Checks))
	}
	n := 0
	for _, ev := range r.store.of(op.ID) {
		if ev.N > 0 {
			n++
			if ev.N != n {
				t.Errorf("event %d is numbered %d", n, ev.N)
			}
		}
	}
}

// TestSignOffTooLate: nothing waits for it any more, or never did.
func TestSignOffTooLate(t *testing.T) {
	r, op := forceRig(t)
	r.world.ec2 = "terminated"
	r.look(op.ID, time.Hour)
	none := newRig(t)
	plain := none.propose(ecsops.Intent{})
	for name, c := range map[string]struct {
		rig *rig
		op  string
	}{"the machine is gone": {r, op.ID}, "there is no follow-up": {none, plain.ID}} {
		a := c.rig.signOff(Decision{Op: c.op, Actor: olga, Verdict: policy.Verdict{Effect: policy.Allow}})
		if a.Kind != TooLate || a.Detail != "no_orphans" {
			t.Errorf("%s: %+v", name, a)
		}
		if all := c.rig.store.of(c.op); all[len(all)-1].Type != EvRefused {
			t.Errorf("%s: not recorded", name)
		}
	}
}

func (r *rig) signOff(d Decision) Answer {
	r.t.Helper()
	d.Verb = SignOffVerb
	a, err := r.e.Afterwards(r.t.Context(), d)
	if err != nil {
		r.t.Fatalf("signing off: %v", err)
	}
	return a
}

// TestFollowUpCommitLost: a commit that fails before or after it took effect neither
// loses a reminder nor doubles one.
func TestFollowUpCommitLost(t *testing.T) {
	for _, took := range []bool{false, true} {
		r, op := forceRig(t)
		fails := 2
		r.store.fail = func(c Change) (before, after error) {
			if c.FollowUp == nil || fails == 0 {
				return nil, nil
			}
			fails--
			if took {
				return nil, errSlackDown
			}
			return errSlackDown, nil
		}
		for range 4 {
			_, _ = r.e.FollowUp(t.Context(), op.ID) // the queue tries again
		}
		if got := r.notices(op.ID); !slices.Equal(got, []string{"0s reminded orphans"}) {
			t.Errorf("took effect %v: told %q", took, got)
		}
	}
}

// TestEndMachine: the button's operation terminates the machine under the ordinary rules;
// the ledger of the first one then closes by itself.
func TestEndMachine(t *testing.T) {
	r, first := forceRig(t)
	r.look(first.ID, time.Minute)
	s, _ := r.world.Inspect(t.Context(), testTarget)
	plan := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate})
	if plan.Path != ecsops.PathMachine || len(plan.Barred()) > 0 {
		t.Fatalf("plan %s, barred %v", plan.Path, plan.Barred())
	}
	op, err := r.e.Propose(t.Context(), Proposal{Plan: plan, Actor: olga, Origin: Origin{Channel: "C0OPS"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		t.Fatal(err)
	}
	r.world.missing, r.world.status = true, "" // an hour later ECS shows nothing any more: no drift
	if a := r.decide(op.ID, Confirm, olga); a.Kind != Accepted {
		t.Fatalf("confirm: %+v", a)
	}
	r.world.lags = false
	op = r.run(op.ID, nil)
	if r.world.ec2 != "terminated" || slices.Contains(r.world.calls[1:], ecsops.ActDeregister) {
		t.Fatalf("machine %s by %v", r.world.ec2, r.world.calls)
	}
	if _, err := r.store.FollowUp(t.Context(), op.ID); err == nil {
		t.Error("a machine that was ended is followed up")
	}
	r.look(first.ID, time.Hour)
	if got := r.notices(first.ID); !strings.HasSuffix(got[len(got)-1], "ledger_closed machine_gone") {
		t.Errorf("told %q", got)
	}
	first, _ = r.store.get(first.ID)
	if c := checkOf(t, first, "V10"); c.Result != ecsops.CheckPassed || c.Names[0] != "terminated" {
		t.Errorf("V10 is %+v", c)
	}
}

// endMachine proposes and confirms the end of the machine.
func (r *rig) endMachine(how ecsops.Termination) Operation {
	r.t.Helper()
	s, _ := r.world.Inspect(r.t.Context(), testTarget)
	op, err := r.e.Propose(r.t.Context(), Proposal{Plan: ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: how}), Actor: olga,
		Origin: Origin{Channel: "C0OPS"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		r.t.Fatal(err)
	}
	if a := r.decide(op.ID, Confirm, olga); a.Kind != Accepted {
		r.t.Fatalf("confirm: %+v", a)
	}
	return op
}

// TestEndMachineThroughItsGroup: a member goes the group's way, and nothing else.
func TestEndMachineThroughItsGroup(t *testing.T) {
	r, _ := forceRig(t)
	r.world.group = ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Desired: 3, Max: 5}
	op := r.run(r.endMachine(ecsops.Replace).ID, nil)
	if op.State != Done || r.world.ec2 != "terminated" || r.world.calls[len(r.world.calls)-1] != ecsops.ActTerminateInGroup {
		t.Errorf("ended as %s, machine %s, by %v", op.State, r.world.ec2, r.world.calls)
	}
}

// TestEndMachineStops when the machine is registered again between the yes and the act,
// when it is called off, or when the actors may no longer; the machine lives.
func TestEndMachineStops(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*rig, Operation)
		ends   bool
	}{
		"registered again": {func(r *rig, _ Operation) {
			r.world.again = []ecsops.Reregistration{{Cluster: testTarget.Cluster, Instance: "arn:ci/new", Status: "ACTIVE"}}
		}, true},
		"the registration is back": {func(r *rig, _ Operation) { r.world.status, r.world.missing = "ACTIVE", false }, true},
		"called off":               {func(r *rig, op Operation) { r.decide(op.ID, Stop, ana) }, true},
		"no longer allowed":        {func(r *rig, _ Operation) { r.auth.verdict = policy.Verdict{Effect: policy.Refuse} }, false},
	} {
		r, _ := forceRig(t)
		op := r.endMachine(ecsops.Terminate)
		c.before(r, op)
		waits := r.clock.now.Add(time.Hour)
		got := r.run(op.ID, func(Operation) bool { return !c.ends && r.clock.now.After(waits) })
		if r.world.ec2 != "running" || slices.Contains(r.world.calls, ecsops.ActTerminateEC2) || got.State == Done || got.State.Terminal() != c.ends {
			t.Errorf("%s: state %s (%s), machine %s, by %v", name, got.State, got.Cause, r.world.ec2, r.world.calls)
		}
		if name == "the registration is back" && slices.Contains(r.world.calls[1:], ecsops.ActDeregister) {
			t.Errorf("what nobody decided on was deregistered: %v", r.world.calls)
		}
	}
}

// TestEndMachineNotInUse: what was registered again meanwhile is nobody's to end by a
// button: its tasks were never decided on.
func TestEndMachineNotInUse(t *testing.T) {
	r, _ := forceRig(t)
	s, _ := r.world.Inspect(t.Context(), testTarget)
	intent := ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate}
	s.Registrations = ecsops.Known([]ecsops.Registration{{Instance: "arn:ci/new", Status: "ACTIVE"}})
	if p := ecsops.NewPlan(s, intent); len(p.Barred()) == 0 {
		t.Error("a machine with another registration may be ended")
	}
	s.Registrations = ecsops.Known([]ecsops.Registration(nil))
	s.Instance = ecsops.Known(ecsops.Instance{Status: "ACTIVE", EC2: testTarget.EC2})
	if p := ecsops.NewPlan(s, intent); len(p.Barred()) == 0 || p.Has(ecsops.StepTerminate) {
		t.Error("a machine whose registration is back may be ended")
	}
	if p := ecsops.NewPlan(s.Blank("registrations"), intent); p.Verdict != ecsops.Red {
		t.Errorf("unread registrations leave the verdict %s", p.Verdict)
	}
}
