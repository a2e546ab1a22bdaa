package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// hostWorld is what Systems Manager and the machine answer.
type hostWorld struct {
	node    ecsops.Fact[ecsops.Node]
	state   map[string]string // of each orphan's container, by task ARN; "" = not there
	pending int               // so many askings find it under way
	answer  *ecsops.Fact[ecsops.HostAnswer]
	missing string // why a look brought nothing
	asked   int
}

var managedNode = ecsops.Known(ecsops.Node{Asked: true, Registered: true, Ping: "Online", Platform: "Linux"})

func (w *world) Node(context.Context, ecsops.Target) (ecsops.Fact[ecsops.Node], error) {
	return w.host.node, nil
}

func (w *world) HostLook(_ context.Context, q ecsops.HostQuestion) (ecsops.Fact[ecsops.HostAnswer], error) {
	w.host.asked++
	switch {
	case w.host.answer != nil:
		return *w.host.answer, nil
	case q.Command == "":
		return ecsops.NotKnown[ecsops.HostAnswer](ecsops.Unknown{Fact: "host", Call: "ssm:GetCommandInvocation", Reason: "InvalidCommandId"}), nil
	case w.host.pending > 0:
		w.host.pending--
		return ecsops.Known(ecsops.HostAnswer{Pending: true}), nil
	case w.host.missing != "":
		return ecsops.Known(ecsops.HostAnswer{Sight: ecsops.HostUnseen(w.clock.now, "ssm:GetCommandInvocation", w.host.missing)}), nil
	}
	return ecsops.Known(ecsops.HostAnswer{Sight: w.host.sight(w.clock.now, q.Orphans)}), nil
}

func (h hostWorld) sight(at time.Time, orphans []ecsops.TaskRef) ecsops.HostSight {
	s := ecsops.HostSight{At: at, Command: "c"}
	for _, o := range orphans {
		t := ecsops.HostTask{Task: o.ARN}
		if state := h.state[o.ARN]; state != "" {
			t.Containers = []ecsops.HostContainer{{Name: "app", State: state}}
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s
}

// hostRig is forceRig where machines may be looked into.
func hostRig(t *testing.T) (*rig, Operation) {
	t.Helper()
	r, op := forceRig(t)
	r.world.host = hostWorld{node: managedNode, state: map[string]string{}}
	for _, o := range op.Plan.Orphans() {
		r.world.host.state[o.ARN] = "running"
	}
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActLookAtHost: func(ecsops.Action) (ecsops.Outcome, bool) {
		return ecsops.Outcome{Result: ecsops.OK, Command: "c"}, false
	}}
	r.document = "ecsbot-host-look"
	r.restart()
	return r, op
}

func (r *rig) sent() int {
	n := 0
	for _, c := range r.world.calls {
		if c == ecsops.ActLookAtHost {
			n++
		}
	}
	return n
}

// hostTold are the notices and records of looks: "3m0s host_seen 2 of 2 left".
func (r *rig) hostTold(id string) []string {
	var out []string
	for _, ev := range r.store.of(id) {
		if ev.Notice == nil || ev.Type != EvHostSeen && ev.Type != EvLedgerClosed {
			continue
		}
		n := *ev.Notice
		s := fmt.Sprintf("%s %s", n.After, ev.Type)
		switch {
		case n.Host == nil:
		case n.Host.Missing != nil:
			s += " ?" + n.Host.Missing.Reason
		default:
			left := 0
			for _, t := range n.Host.Tasks {
				if !t.Ended() {
					left++
				}
			}
			s += fmt.Sprintf(" %d of %d left", left, n.Orphans)
		}
		if n.N == 0 {
			s += ", record only"
		}
		if n.Cause != "" {
			s += " " + n.Cause
		}
		out = append(out, s)
	}
	return out
}

func wantTold(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestHostLookThroughTheEngine: a few minutes after the force and ahead of each reminder; what
// changed is told, and the ledger closes once everything was seen to have ended. The bill
// goes on, and so does its reminder.
func TestHostLookThroughTheEngine(t *testing.T) {
	r, op := hostRig(t)
	orphans := op.Plan.Orphans()
	r.world.host.pending = 3
	r.look(op.ID, 30*time.Minute)
	wantTold(t, r.hostTold(op.ID), "3m20s host_seen 2 of 2 left")
	op, _ = r.store.get(op.ID)
	if c := checkOf(t, op, "V10"); c.Result != ecsops.CheckPending || len(c.Names) != 2 || c.At.IsZero() {
		t.Errorf("V10 is %+v", c)
	}
	r.restart()
	r.look(op.ID, 30*time.Minute)
	wantTold(t, r.hostTold(op.ID), "3m20s host_seen 2 of 2 left", "55m5s host_seen 2 of 2 left, record only")
	r.world.host.state[orphans[0].ARN] = "exited"
	r.look(op.ID, 24*time.Hour)
	r.world.host.state[orphans[1].ARN] = ""
	r.look(op.ID, 48*time.Hour)
	wantTold(t, r.hostTold(op.ID), "3m20s host_seen 2 of 2 left", "55m5s host_seen 2 of 2 left, record only",
		"23h55m5s host_seen 1 of 2 left", "47h55m5s ledger_closed 0 of 2 left host_clear")
	if r.sent() != 4 {
		t.Errorf("%d commands", r.sent())
	}
	op, _ = r.store.get(op.ID)
	if c := checkOf(t, op, "V10"); c.Result != ecsops.CheckPassed || c.At.IsZero() || c.Count != 2 {
		t.Errorf("V10 is %+v", c)
	}
	f, _ := r.store.FollowUp(t.Context(), op.ID)
	for _, w := range f.Watches {
		if ended := map[Concern]string{Orphans: EndedHostClear, Host: EndedHostClear, Machine: EndedTold}[w.Concern]; ended != "" && w.Ended != ended {
			t.Errorf("%s ended as %q", w.Concern, w.Ended)
		}
	}
	got := strings.Join(r.notices(op.ID), "; ")
	if !strings.Contains(got, "24h0m0s reminded orphans machine") || strings.Contains(got, "48h0m0s reminded orphans") {
		t.Errorf("reminded: %s", got)
	}
	orders := 0
	for _, ev := range r.store.of(op.ID) {
		switch ev.Type {
		case EvOrdered:
			orders++
			if ev.Order.N != orders || ev.Order.Outcome != nil {
				t.Errorf("order %d is %+v", orders, ev.Order)
			}
		case EvOutcome:
			if ev.Order.N != orders || ev.Order.Outcome == nil || ev.Order.Action.Kind == ecsops.ActLookAtHost && ev.Order.Outcome.Command != "c" {
				t.Errorf("outcome %+v", ev.Order)
			}
		}
	}
}

// TestHostLookOff: without the setting nothing is watched, asked or sent; switched off later,
// what was watched is not; switched on later, what is left is looked at.
func TestHostLookOff(t *testing.T) {
	r, op := hostRig(t)
	r.document = ""
	r.restart()
	r.look(op.ID, time.Hour)
	if f, _ := r.store.FollowUp(t.Context(), op.ID); f.Watching(Host) || r.sent() != 0 || r.world.host.asked != 0 {
		t.Fatalf("watches %+v, %d commands", f.Watches, r.sent())
	}
	r.document = "ecsbot-host-look"
	r.restart()
	r.look(op.ID, time.Hour)
	if r.sent() != 1 {
		t.Fatalf("%d commands", r.sent())
	}
	r.document = ""
	r.restart()
	r.look(op.ID, 100*time.Hour)
	if r.sent() != 1 {
		t.Errorf("%d commands", r.sent())
	}
	if a := r.lookAt(op.ID, olga, policy.Allow); a.Kind != TooLate || a.Detail != "host_look_off" {
		t.Errorf("%+v", a)
	}
}

// TestHostLookBlind: what cannot be asked is a reason that is told once; nothing is concluded,
// nobody is reminded less.
func TestHostLookBlind(t *testing.T) {
	denied := ecsops.NotKnown[ecsops.HostAnswer](ecsops.Unknown{Fact: "host", Call: "ssm:GetCommandInvocation", Reason: "AccessDeniedException"})
	for name, c := range map[string]struct {
		set  func(*world)
		want string
		sent int
	}{
		"not managed": {func(w *world) { w.host.node = ecsops.Known(ecsops.Node{Asked: true}) }, ecsops.HostNotManaged, 0},
		"offline":     {func(w *world) { w.host.node = ecsops.Known(ecsops.Node{Registered: true, Ping: "ConnectionLost"}) }, ecsops.HostOffline, 0},
		"Windows": {func(w *world) {
			w.host.node = ecsops.Known(ecsops.Node{Registered: true, Ping: "Online", Platform: "Windows"})
		}, ecsops.HostNotLinux, 0},
		"the node is unread": {func(w *world) {
			w.host.node = ecsops.NotKnown[ecsops.Node](ecsops.Unknown{Fact: "host", Call: "ssm:DescribeInstanceInformation", Reason: "AccessDeniedException"})
		}, "AccessDeniedException", 0},
		"refused":             {func(w *world) { w.rule[ecsops.ActLookAtHost] = always(ecsops.Refused, "InvalidInstanceId", false) }, "InvalidInstanceId", 1},
		"throttled for ever":  {func(w *world) { w.rule[ecsops.ActLookAtHost] = always(ecsops.Throttled, "ThrottlingException", false) }, "ThrottlingException", hostTries},
		"its answer is lost":  {func(w *world) { w.rule[ecsops.ActLookAtHost] = always(ecsops.ResultUnknown, "timed out", false) }, "timed out", hostTries},
		"the answer is cut":   {func(w *world) { w.host.missing = ecsops.HostCut }, ecsops.HostCut, 1},
		"it never answers":    {func(w *world) { w.host.pending = 10_000 }, ecsops.HostNoAnswer, 1},
		"answers are refused": {func(w *world) { w.host.answer = &denied }, "AccessDeniedException", 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, op := hostRig(t)
			c.set(r.world)
			r.look(op.ID, 50*time.Minute)
			told := r.hostTold(op.ID)
			if len(told) != 1 || !strings.HasSuffix(told[0], "?"+c.want) || r.sent() != c.sent {
				t.Errorf("told %q, %d commands", told, r.sent())
			}
			op, _ = r.store.get(op.ID)
			if v := checkOf(t, op, "V10"); v.Result != ecsops.CheckUnknown || v.Missing == nil || v.Missing.Reason != c.want {
				t.Errorf("V10 is %+v", v)
			}
			r.look(op.ID, 24*time.Hour)
			for _, s := range r.hostTold(op.ID)[1:] {
				if !strings.HasSuffix(s, ", record only") {
					t.Errorf("told again: %s", s)
				}
			}
			f, _ := r.store.FollowUp(t.Context(), op.ID)
			if got := strings.Join(r.notices(op.ID), "; "); !f.Watching(Orphans) || !strings.Contains(got, "24h0m0s reminded orphans machine") {
				t.Errorf("watched %v, told %s", f.Watching(Orphans), got)
			}
		})
	}
}

func (r *rig) lookAt(id string, who Actor, e policy.Effect) Answer {
	r.t.Helper()
	a, err := r.e.Afterwards(r.t.Context(), Decision{Op: id, Verb: LookHostVerb, Actor: who, Channel: "C0OPS", Verdict: policy.Verdict{Effect: e}})
	if err != nil {
		r.t.Fatalf("asking for a look: %v", err)
	}
	return a
}

// TestHostLookByAPerson: at once, told whatever it brings, once at a time; not for those who
// may not, nor when nothing is watched any more.
func TestHostLookByAPerson(t *testing.T) {
	r, op := hostRig(t)
	r.look(op.ID, 10*time.Minute)
	if a := r.lookAt(op.ID, ana, policy.Refuse); a.Kind != NotYours {
		t.Errorf("refused: %+v", a)
	}
	if a := r.lookAt(op.ID, olga, policy.Allow); a.Kind != Accepted {
		t.Fatalf("%+v", a)
	}
	if a := r.lookAt(op.ID, ana, policy.Allow); a.Kind != AlreadyDone || a.By.UserID != olga.UserID {
		t.Errorf("a second one: %+v", a)
	}
	r.look(op.ID, 5*time.Minute)
	wantTold(t, r.hostTold(op.ID), "3m5s host_seen 2 of 2 left", "10m5s host_seen 2 of 2 left")
	if r.sent() != 2 {
		t.Errorf("%d commands", r.sent())
	}
	r.signOff(Decision{Op: op.ID, Actor: olga, Verdict: policy.Verdict{Effect: policy.Allow}})
	if a := r.lookAt(op.ID, olga, policy.Allow); a.Kind != TooLate || a.Detail != "no_orphans_left" {
		t.Errorf("signed off: %+v", a)
	}
	r.look(op.ID, 100*time.Hour)
	if r.sent() != 2 {
		t.Errorf("%d commands after the sign-off", r.sent())
	}
}

// TestHostLookCrash: a process that dies between the intent and the outcome leaves an order
// that the next one closes; the second command only reads, as the first did.
func TestHostLookCrash(t *testing.T) {
	for _, took := range []bool{false, true} {
		r, op := hostRig(t)
		r.look(op.ID, 2*time.Minute)
		dead := 1
		r.store.fail = func(c Change) (before, after error) {
			for _, ev := range c.Events {
				if ev.Type == EvOutcome && dead > 0 {
					dead--
					if took {
						return nil, errSlackDown
					}
					return errSlackDown, nil
				}
			}
			return nil, nil
		}
		r.clock.now = r.clock.now.Add(time.Minute)
		if _, err := r.e.FollowUp(t.Context(), op.ID); err == nil {
			t.Fatal("the outcome's commit did not fail")
		}
		r.restart()
		r.look(op.ID, 20*time.Minute)
		want := 2
		if took {
			want = 1
		}
		if told := r.hostTold(op.ID); len(told) != 1 || !strings.HasSuffix(told[0], "2 of 2 left") || r.sent() != want {
			t.Errorf("took effect %v: told %q, %d commands", took, told, r.sent())
		}
	}
}

// TestHostLookOfAnotherReplica: an order that another process may still be sending is left
// alone until it cannot be any more.
func TestHostLookOfAnotherReplica(t *testing.T) {
	f, _ := newFollowUp(left(forced))
	f = f.withHost("doc")
	now := f.Began.Add(firstHostLook)
	how := HostHow{Document: "doc", Order: 7, Owner: "a", Barrier: 45 * time.Second}
	m := DecideHost(f, HostSeen{Node: &managedNode}, how, now)
	if m.Act == nil || m.FollowUp.Host.Order.N != 7 || m.FollowUp.Host.Order.Owner != "a" {
		t.Fatalf("%+v", m)
	}
	f, how.Owner = m.FollowUp, "b"
	f.open(Host).Due = now
	if m = DecideHost(f, HostSeen{}, how, now.Add(20*time.Second)); m.Act != nil || len(m.Events) > 0 || !m.FollowUp.open(Host).Due.Equal(now.Add(how.Barrier)) {
		t.Errorf("within the barrier: %+v", m)
	}
	m = DecideHost(f, HostSeen{}, how, now.Add(time.Minute))
	if m.Act != nil || len(m.Events) != 1 || m.Events[0].Order.Outcome.Code != notHeard {
		t.Errorf("after it: %+v", m)
	}
	f, how.Order = m.FollowUp, 8
	m = DecideHost(f, HostSeen{}, how, f.open(Host).Due)
	if m.Act == nil || m.FollowUp.Host.Order.N != 8 || m.FollowUp.Host.Tries != 2 {
		t.Errorf("again: %+v", m)
	}
}

// TestHostLookNeverConcludesFromNothing: whatever is read in whatever order, the ledger closes
// only by a machine that is gone or by a whole listing without a running container; each act
// was ordered before; time never stands still.
func TestHostLookNeverConcludesFromNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, _ := newFollowUp(left(forced))
		f = f.withHost("doc")
		h := hostWorld{state: map[string]string{}}
		how := HostHow{Document: "doc", Order: 1, Owner: "a", Barrier: 45 * time.Second}
		now, clear := f.Began, false
		for range rapid.IntRange(1, 80).Draw(rt, "moves") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(rt, "seconds")) * time.Second)
			if !f.Watching(Host) {
				break
			}
			node := managedNode
			if rapid.IntRange(0, 4).Draw(rt, "node") == 0 {
				node = rapid.SampledFrom([]ecsops.Fact[ecsops.Node]{{}, ecsops.Known(ecsops.Node{}), ecsops.Known(ecsops.Node{Registered: true, Ping: "ConnectionLost"})}).Draw(rt, "bad node")
			}
			for _, o := range f.Orphans {
				h.state[o.ARN] = rapid.SampledFrom([]string{"running", "running", "exited", "", "paused", "created"}).Draw(rt, "state")
			}
			sight := h.sight(now, f.Orphans)
			answer := ecsops.Known(ecsops.HostAnswer{Sight: sight})
			shows := false
			switch rapid.IntRange(0, 4).Draw(rt, "answer") {
			case 0:
				answer = ecsops.Fact[ecsops.HostAnswer]{}
			case 1:
				answer = ecsops.Known(ecsops.HostAnswer{Pending: true})
			case 2:
				answer = ecsops.Known(ecsops.HostAnswer{Sight: ecsops.HostUnseen(now, "x", ecsops.HostCut)})
			default:
				shows = true
			}
			m := DecideHost(f, HostSeen{}, how, now)
			if m.Node || m.Answer {
				m = DecideHost(f, HostSeen{Node: &node, Answer: &answer}, how, now)
			}
			if !m.Changed {
				if !now.Before(f.open(Host).Due) {
					rt.Fatalf("nothing is done at %v, due %v", now, f.open(Host).Due)
				}
				continue
			}
			asked := f.Host != nil && f.Host.Order != nil && f.Host.Order.Outcome != nil && f.Host.Order.Outcome.Result == ecsops.OK
			clear = clear || asked && shows && sight.Clear(f.Orphans)
			if m.FollowUp.Watching(Orphans) == clear {
				rt.Fatalf("clear %v, still watched %v", clear, m.FollowUp.Watching(Orphans))
			}
			if m.Act != nil && (len(m.Events) != 1 || m.Events[0].Type != EvOrdered) {
				rt.Fatalf("an act without its order: %+v", m.Events)
			}
			if due := m.FollowUp.open(Host); due != nil && !due.Due.After(now) {
				rt.Fatalf("a hot loop: at %v next is %v", now, due.Due)
			}
			f = m.FollowUp
			if m.Act != nil {
				how.Order++
				out := ecsops.Outcome{Result: rapid.SampledFrom([]ecsops.Result{ecsops.OK, ecsops.OK, ecsops.Refused, ecsops.Throttled, ecsops.ResultUnknown}).Draw(rt, "outcome"), Code: "x", Command: "c", At: now}
				if rapid.IntRange(0, 5).Draw(rt, "lost") > 0 {
					o := *f.Host.Order
					o.Outcome = &out
					f = f.heard(o, now)
				}
			}
		}
	})
}
