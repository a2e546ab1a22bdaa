package workflow

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// TestAnyStory drives random people, faults, restarts and clocks over the world,
// by one process or two, and checks what must hold whatever happens: at each call
// to AWS, after each step, and at the end once the faults healed.
func TestAnyStory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"":        s.check,
			"step":    s.step,
			"walk":    s.walk,
			"go on":   s.walk,
			"time":    s.time,
			"click":   s.click,
			"right":   s.rightClick,
			"propose": s.propose,
			"aws":     s.faults,
			"world":   s.world,
			"store":   s.storeFault,
			"slack":   s.slack,
			"restart": s.restart,
		})
		s.heal()
	})
}

// story is one random run.
type story struct {
	*rig
	engines []*Engine
	sole    bool
	ids     []string
	ended   map[string]State
	taken   map[ecsops.ActionKind]int // calls that took effect
	foreign bool                      // someone else touched the instance's state
}

func newStory(rt *rapid.T) *story {
	tasks := []ecsops.Task{replica("a"), replica("b"), standalone("batch"), daemon("log")}
	n := rapid.IntRange(0, len(tasks)).Draw(rt, "tasks")
	s := &story{rig: newRig(rt, tasks[:n]...), ended: map[string]State{}, taken: map[ecsops.ActionKind]int{}, sole: rapid.Bool().Draw(rt, "sole")}
	if rapid.Bool().Draw(rt, "member") {
		s.rig.world.group = ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Max: 5, Desired: 3}
		s.rig.world.managed = rapid.Bool().Draw(rt, "managed")
	}
	s.rig.world.drainTime = rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(rt, "drain time")
	s.rig.world.onDo = s.onCall
	s.rig.world.onTake = func(a ecsops.Action) { s.taken[a.Kind]++ }
	s.restart(rt)
	s.propose(rt)
	for range rapid.IntRange(0, 4).Draw(rt, "right clicks") {
		s.rightClick(rt)
	}
	return s
}

func (s *story) restart(*rapid.T) {
	s.engines = nil
	for range 2 {
		e, err := New(Deps{Store: s.store, Fleet: s.rig.world, Authority: s.auth, Settings: Settings{Sole: s.sole}})
		if err != nil {
			s.t.Fatal(err)
		}
		s.engines = append(s.engines, e)
		if s.sole {
			break
		}
	}
	s.e = s.engines[0]
}

func (s *story) propose(rt *rapid.T) {
	if len(s.ids) > 2 {
		return
	}
	in := ecsops.Intent{Purpose: ecsops.Retire, Deadline: rapid.SampledFrom([]time.Duration{0, 5 * time.Minute, 2 * time.Hour}).Draw(rt, "deadline"),
		Terminate: rapid.SampledFrom([]ecsops.Termination{ecsops.KeepRunning, ecsops.Terminate, ecsops.Shrink, ecsops.Replace}).Draw(rt, "terminate")}
	snap, _ := s.rig.world.Inspect(rt.Context(), testTarget)
	op, err := s.e.Propose(rt.Context(), Proposal{Plan: ecsops.NewPlan(snap, in), Actor: olga, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err == nil {
		s.ids = append(s.ids, op.ID)
	}
}

// step steps one operation by one process.
func (s *story) step(rt *rapid.T) {
	id := rapid.SampledFrom(s.ids).Draw(rt, "op")
	looks := s.rig.world.looks
	next, err := rapid.SampledFrom(s.engines).Draw(rt, "process").Step(rt.Context(), id)
	if err != nil {
		return // a fault of the store: the queue tries again
	}
	op, _ := s.store.get(id)
	if !next.After(s.clock.now) && !op.State.Terminal() {
		rt.Errorf("the next look of %s is at %v, now is %v: a hot loop; block %+v", op.State, next, s.clock.now, op.Block)
	}
	if n := s.rig.world.looks - looks; n > 12 {
		rt.Errorf("%d looks in one step of %s", n, op.State)
	}
}

// walk steps one operation, and lets the time pass that it wants to wait.
func (s *story) walk(rt *rapid.T) {
	id := rapid.SampledFrom(s.ids).Draw(rt, "op")
	for range rapid.IntRange(1, 12).Draw(rt, "steps") {
		next, err := s.e.Step(rt.Context(), id)
		s.check(rt)
		if wait := next.Sub(s.clock.now); err == nil && wait > 0 {
			s.clock.now = s.clock.now.Add(min(wait, time.Minute))
		}
	}
}

func (s *story) time(rt *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
		6 * time.Minute, 16 * time.Minute, 31 * time.Minute, -10 * time.Minute}).Draw(rt, "passes")
	s.clock.now = s.clock.now.Add(d)
}

var people = []Actor{olga, ana, {UserID: "U0OTHER", TeamID: "T0"}, {Terminal: "root"}}

// The ends come last, and seldom.
var verbs = []Verb{Confirm, Confirm, Confirm, Approve, Approve, Approve, Force, Force, Wait, Wait, Deny, Cancel, Stop}

// click is anybody's click on anything.
func (s *story) click(rt *rapid.T) {
	op, _ := s.store.get(rapid.SampledFrom(s.ids).Draw(rt, "op"))
	d := Decision{
		Op: op.ID, Verb: rapid.SampledFrom(verbs).Draw(rt, "verb"),
		Actor: rapid.SampledFrom(people).Draw(rt, "who"), Revision: rapid.IntRange(0, op.Revision+1).Draw(rt, "revision"),
		Token: rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(rt, "token"), Typed: rapid.SampledFrom([]string{"", "i-wrong", string(testTarget.EC2)}).Draw(rt, "typed"),
		Verdict: policy.Verdict{Effect: rapid.SampledFrom([]policy.Effect{policy.Allow, policy.Allow, policy.Require, policy.Refuse}).Draw(rt, "verdict")},
	}
	for _, t := range s.rig.world.tasks {
		if rapid.Bool().Draw(rt, "ticked") {
			d.Tasks = append(d.Tasks, t.ARN)
		}
	}
	_, _ = s.e.Decide(rt.Context(), d) // a fault of the store decides nothing
}

// rightClick is what the card asks for now, by the right person.
func (s *story) rightClick(rt *rapid.T) {
	op, _ := s.store.get(rapid.SampledFrom(s.ids).Draw(rt, "op"))
	d := Decision{Op: op.ID, Verb: Confirm, Actor: olga, Typed: string(testTarget.EC2), Verdict: policy.Verdict{Effect: policy.Allow}}
	if c := confirmed(op); c != nil && (op.Proposal != nil || op.State == AwaitingApproval) {
		d.Verb, d.Actor = Approve, ana
	} else if rapid.IntRange(0, 5).Draw(rt, "force") == 0 {
		d.Verb = Force
	}
	for _, t := range s.rig.world.tasks {
		d.Tasks = append(d.Tasks, t.ARN)
	}
	_, _ = s.e.Decide(rt.Context(), d)
}

var kinds = []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActUndrain, ecsops.ActStopTask, ecsops.ActDeregister, ecsops.ActForceDeregister,
	ecsops.ActTerminateEC2, ecsops.ActTerminateInGroup}

func (s *story) faults(rt *rapid.T) {
	w := s.rig.world
	switch rapid.IntRange(0, 5).Draw(rt, "fault") {
	case 0:
		w.unreadable = rapid.SampledFrom([]string{"", "ThrottlingException", "AccessDeniedException"}).Draw(rt, "code")
	case 1:
		w.noTasks = rapid.SampledFrom([]string{"", "timed out"}).Draw(rt, "code")
	case 2:
		w.blank = rapid.SampledFrom([][]string{nil, {"ec2"}, {"group"}, {"tasks"}, {"services", "peers"}, {"self"}, {"instance"}}).Draw(rt, "facts")
	case 3:
		w.rule = nil
	default:
		f := faults[rapid.SampledFrom([]string{"throttled", "access denied", "lost before effect", "lost after effect", "server error, no effect",
			"server error, but effect"}).Draw(rt, "answer")]
		w.rule = map[ecsops.ActionKind]answerer{rapid.SampledFrom(kinds).Draw(rt, "kind"): func(ecsops.Action) (ecsops.Outcome, bool) { return f.out, f.effect }}
	}
}

// world is what others do to the instance.
func (s *story) world(rt *rapid.T) {
	w := s.rig.world
	switch rapid.IntRange(0, 9).Draw(rt, "deed") {
	case 0, 1:
		w.agent = !w.agent
	case 2:
		if w.status == "ACTIVE" {
			n := rapid.StringMatching("late[0-9]").Draw(rt, "name")
			if !slices.ContainsFunc(w.tasks, func(t ecsops.Task) bool { return t.ARN == standalone(n).ARN }) {
				w.tasks = append(w.tasks, rapid.SampledFrom([]ecsops.Task{standalone(n), replica(n)}).Draw(rt, "task"))
			}
		}
	case 3, 4:
		for i := range w.tasks {
			if rapid.Bool().Draw(rt, "ends") {
				w.tasks[i].LastStatus, w.tasks[i].DesiredStatus = "STOPPED", "STOPPED"
			}
		}
	case 5:
		if w.status == "ACTIVE" || w.status == "DRAINING" {
			w.status, w.drainedFrom, s.foreign = rapid.SampledFrom([]string{"ACTIVE", "DRAINING"}).Draw(rt, "status"), s.clock.now, true
		}
	case 6:
		if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
			w.take(ecsops.Action{Kind: ecsops.ActDeregister})
			s.foreign = true
		}
	case 7:
		w.ec2 = rapid.SampledFrom([]string{w.ec2, "stopping", "stopped", "terminated"}).Draw(rt, "machine")
	case 8:
		w.peersLost = !w.peersLost
	case 9:
		if w.group.Name != "" && rapid.Bool().Draw(rt, "really") {
			w.group.Lifecycle = "Terminating:Wait"
		}
	}
}

func (s *story) storeFault(rt *rapid.T) {
	before := rapid.Bool().Draw(rt, "before")
	s.store.fail = func(Change) (error, error) {
		s.store.fail = nil
		if before {
			return errors.New("database lost"), nil
		}
		return nil, errors.New("database lost during COMMIT")
	}
}

func (s *story) slack(rt *rapid.T) {
	s.auth.err, s.auth.verdict = nil, policy.Verdict{Effect: policy.Allow}
	switch rapid.IntRange(0, 3).Draw(rt, "slack") {
	case 0:
		s.auth.err = errSlackDown
	case 1:
		s.auth.verdict = policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonDeactivated}}
	}
}

// onCall judges each call at the moment when AWS gets it, from the store and the
// world alone.
func (s *story) onCall(a ecsops.Action) {
	op, err := s.store.get(a.Session)
	if err != nil {
		s.t.Fatalf("a call of no operation: %+v", a)
	}
	o, w := op.Order, s.rig.world
	if o == nil || o.Outcome != nil || o.Action != a {
		s.t.Errorf("%s without its own committed intent: order %+v", a.Kind, o)
	}
	if a.Target != testTarget {
		s.t.Errorf("%s of another target: %+v", a.Kind, a.Target)
	}
	if op.StopBy != nil && a.Kind != ecsops.ActUndrain {
		s.t.Errorf("%s after the stop by %+v", a.Kind, *op.StopBy)
	}
	running := slices.ContainsFunc(w.tasks, func(t ecsops.Task) bool { return !t.Stopped() })
	lingers := a.Kind == ecsops.ActDeregister && !op.OrderedTermination.IsZero() && w.ec2 == "terminated"
	switch a.Kind {
	case ecsops.ActUndrain:
		if op.WasStatus != "ACTIVE" || op.StopBy == nil {
			s.t.Errorf("undrained what was %q, stop by %v", op.WasStatus, op.StopBy)
		}
		return // needs nobody's leave
	case ecsops.ActDeregister:
		if running && !lingers {
			s.t.Errorf("deregistered while tasks run: %+v", w.tasks)
		}
	case ecsops.ActForceDeregister:
		s.judgeForce(op)
	case ecsops.ActTerminateEC2:
		if w.status != "INACTIVE" || w.group.Name != "" {
			s.t.Errorf("terminated a machine that is %s in ECS, of group %q", w.status, w.group.Name)
		}
	case ecsops.ActTerminateInGroup:
		if op.Plan.Path != ecsops.PathGroup && w.status != "INACTIVE" || a.Decrement != (op.Plan.Intent.Terminate == ecsops.Shrink) {
			s.t.Errorf("terminated in the group, decrement %v, while %s", a.Decrement, w.status)
		}
	case ecsops.ActStopTask:
		if !slices.Contains(op.Plan.Intent.StopTasks, a.Task) {
			s.t.Errorf("stopped %s, which nobody ticked", a.Task)
		}
	}
	if lingers {
		return
	}
	if s.auth.err != nil || s.auth.verdict.Effect != policy.Allow {
		s.t.Errorf("%s while policy says %q, %v", a.Kind, s.auth.verdict.Effect, s.auth.err)
	}
	s.judgeDecision(op)
}

// judgeDecision asks that what runs is what people decided.
func (s *story) judgeDecision(op Operation) {
	c := op.Confirmed
	if c == nil || c.Revision != op.Revision || c.Digest != op.Plan.Digest || c.Actor.UserID == "" && op.Plan.Intent.Force {
		s.t.Errorf("revision %d runs, confirmed was %+v", op.Revision, c)
		return
	}
	if len(op.Plan.Barred()) > 0 {
		s.t.Errorf("a barred plan runs: %+v", op.Plan.Barred())
	}
	if !slices.Contains(policy.Needs(op.Plan), policy.SecondPerson) {
		return
	}
	if len(op.Approvals) != 1 {
		s.t.Errorf("runs with approvals %+v", op.Approvals)
		return
	}
	a := op.Approvals[0]
	if a.Revision != op.Revision || a.Digest != op.Plan.Digest || a.Actor.UserID == "" || a.Actor.UserID == c.Actor.UserID || a.Actor.UserID == op.Requester.UserID {
		s.t.Errorf("revision %d of digest %.8s, confirmed by %s, runs with the approval %+v", op.Revision, op.Plan.Digest, c.Actor.UserID, a)
	}
	if !slices.ContainsFunc(s.store.of(op.ID), func(ev Event) bool {
		return ev.Type == EvApproved && ev.Actor == a.Actor && ev.Digest == op.Plan.Digest
	}) {
		s.t.Errorf("nobody approved digest %.8s", op.Plan.Digest)
	}
}

func (s *story) judgeForce(op Operation) {
	w := s.rig.world
	if w.ec2 == "terminated" || w.ec2 == "stopped" {
		return // nothing runs there
	}
	known := arns(op.Plan.Orphans())
	for _, t := range w.tasks {
		if !t.Stopped() && !slices.Contains(known, t.ARN) {
			s.t.Errorf("forced, and %s was not among the approved orphans %v", t.ARN, known)
		}
	}
}

// check holds after each action.
func (s *story) check(rt *rapid.T) {
	holders := 0
	for _, id := range s.ids {
		op, err := s.store.get(id)
		if err != nil {
			rt.Fatal(err)
		}
		if op.State.Locks() {
			holders++
		}
		if was, ok := s.ended[id]; ok && was != op.State {
			rt.Errorf("ended %s became %s", was, op.State)
		}
		if _, ok := s.ended[id]; op.State.Terminal() && !ok {
			s.ended[id] = op.State
			s.judgeEnd(op)
		}
		if op.Block != nil && (op.Block.Reason == "" || op.Block.Since.IsZero()) {
			rt.Errorf("a pause without a reason: %+v", op.Block)
		}
	}
	if holders > 1 {
		rt.Errorf("%d operations hold the target", holders)
	}
	if s.taken[ecsops.ActTerminateInGroup] > 1 {
		rt.Errorf("terminated %d times in the group", s.taken[ecsops.ActTerminateInGroup])
	}
}

// judgeEnd compares the end with the world.
func (s *story) judgeEnd(op Operation) {
	w := s.rig.world
	checkEnd := func(ok bool) {
		if !ok {
			s.t.Errorf("ended %s (%s) while the registration is %s and the machine %s", op.State, op.Cause, w.status, w.ec2)
		}
	}
	switch op.State {
	case Done:
		checkEnd(w.status == "INACTIVE" && (op.Plan.Intent.Terminate == ecsops.KeepRunning || w.ec2 == "terminated"))
	case Stopped:
		notOurs := strings.HasSuffix(op.Cause, "_not_ours") || op.Cause == "group_terminating"
		checkEnd(op.WasStatus != "ACTIVE" || notOurs || w.status == "ACTIVE" || s.foreign)
	}
}

// heal ends the faults; then each operation must end.
func (s *story) heal() {
	w := s.rig.world
	w.rule, w.blank, w.unreadable, w.noTasks, w.agent, s.store.fail = nil, nil, "", "", true, nil
	s.auth.err, s.auth.verdict = nil, policy.Verdict{Effect: policy.Allow}
	if w.ec2 == "stopping" {
		w.ec2 = "stopped"
	}
	if terminating(w.group) {
		w.ec2 = "terminated"
	}
	from := s.clock.now
	for _, id := range s.ids {
		op := s.run(id, nil)
		checkStory(s.t, s.store, w, id)
		if n := op.Events; n > 600 {
			s.t.Errorf("%d events", n)
		}
	}
	if took := s.clock.now.Sub(from); took > 8*time.Hour {
		s.t.Errorf("it took %v to end once all was well", took)
	}
	ordered := 0
	for _, ev := range s.store.events {
		if ev.Type == EvOrdered {
			ordered++
		}
	}
	if len(w.calls) > ordered {
		s.t.Errorf("%d calls, %d orders", len(w.calls), ordered)
	}
}
