package workflow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// moveOf says what one decision did, in a line.
func moveOf(op Operation, m Move, now time.Time) string {
	if after, _, ok := m.Changed(); ok {
		op = after
	}
	out := string(op.State)
	switch {
	case m.Want != WantNothing:
		out += ": wants " + string(m.Want)
	case m.Act != nil:
		out += ": orders " + string(m.Act.Kind)
		if m.Act.Task != "" {
			out += " " + m.Act.Task[strings.LastIndexByte(m.Act.Task, '/')+1:]
		}
		if m.Act.Group != "" {
			out += fmt.Sprintf(" in %s, smaller %t", m.Act.Group, m.Act.Decrement)
		}
	case m.Again:
		out += ": goes on"
	case !m.Next.IsZero():
		out += ": looks in " + m.Next.Sub(now).String()
	}
	if b := op.Block; b != nil {
		out += fmt.Sprintf("; paused %s, %s, %s", b.Reason, b.Call, b.Detail)
		if !b.AskedUntil.IsZero() {
			out += ", asks for " + b.AskedUntil.Sub(now).String()
		}
	}
	if op.Cause != "" {
		out += "; " + op.Cause
	}
	return out
}

// scene is one decision: an operation, and what was read for it.
type scene struct {
	op   Operation
	r    *rig
	look ecsops.LookFor
	ec2  string       // why the machine cannot be read
	node *ecsops.Node // what Systems Manager has of it; nil = not read
	deny string       // why Slack cannot be asked, or "no"
	now  time.Time
}

func newScene(t *testing.T, state State, prepare func(*rig), in ecsops.Intent) *scene {
	r := newRig(t, replica("a"))
	if prepare != nil {
		prepare(r)
	}
	if in.Purpose == "" {
		in.Purpose = ecsops.Retire
	}
	s, _ := r.world.Inspect(t.Context(), testTarget)
	plan := ecsops.NewPlan(s, in)
	now := r.clock.now
	return &scene{r: r, now: now, look: ecsops.LookFor{EC2: true, Group: groupName(plan)},
		op: Operation{ID: "op1", State: state, Target: testTarget, Revision: 1, Plan: plan, Orders: 1,
			StartedAt: now.Add(-time.Hour), DrainedAt: now.Add(-time.Hour), WasStatus: "ACTIVE"}}
}

func (s *scene) deregistered(ago time.Duration) {
	s.r.world.take(ecsops.Action{Kind: ecsops.ActDeregister})
	s.op.GoneAt = s.now.Add(-ago)
}

// told is an order that AWS answered so.
func (s *scene) told(k ecsops.ActionKind, result ecsops.Result, code string, ago time.Duration) {
	at := s.now.Add(-ago)
	s.op.Order = &Order{N: 1, Action: ecsops.Action{Kind: k}, At: at, Outcome: &ecsops.Outcome{Result: result, Code: code, At: at}}
}

func (s *scene) decide(t *testing.T) Move {
	look, _ := s.r.world.Look(t.Context(), testTarget, s.look)
	if s.ec2 != "" {
		look.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: s.ec2})
	}
	if s.node != nil {
		look.Node = ecsops.Known(*s.node)
	}
	fresh, _ := s.r.world.Inspect(t.Context(), testTarget)
	allowed := Authorization{Verdict: policy.Verdict{Effect: policy.Allow}}
	switch s.deny {
	case "":
	case "no":
		allowed.Verdict = policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonNotOperator}}
	default:
		allowed = Authorization{Unreachable: s.deny}
	}
	seen := Seen{Look: &look, Began: s.now, Fresh: &fresh, Authority: &allowed}
	return Decide(s.op, seen, s.now, s.r.e.settings, "me")
}

// TestTerminating: what ends a machine, what waits for its end, and what gives up.
func TestTerminating(t *testing.T) {
	grouped := func(r *rig) { member(r, "InService") }
	ended := func(r *rig) { r.world.take(ecsops.Action{Kind: ecsops.ActDeregister}) }
	ec2, group := ecsops.Intent{Terminate: ecsops.Terminate}, ecsops.Intent{Terminate: ecsops.Shrink}
	drains := func(r *rig) { member(r, "InService"); r.world.managed = true }
	leaves := func(r *rig) { member(r, "Terminating:Wait"); r.world.managed = true }
	minute := func(s *scene) { s.deregistered(time.Minute) }
	for why, c := range map[string]struct {
		prepare func(*rig)
		in      ecsops.Intent
		given   func(*scene)
		want    string
	}{
		"deregistered: its machine is ended":           {nil, ec2, minute, "terminating: orders terminate_ec2"},
		"a group replaces it":                          {grouped, ecsops.Intent{Terminate: ecsops.Replace}, minute, "terminating: orders terminate_in_group in asg, smaller false"},
		"a group shrinks":                              {grouped, group, minute, "terminating: orders terminate_in_group in asg, smaller true"},
		"one look that misses it proves nothing":       {nil, ec2, func(s *scene) { ended(s.r) }, "terminating: looks in 2s"},
		"two looks too close to each other are one":    {nil, ec2, func(s *scene) { s.deregistered(time.Second) }, "terminating: looks in 2s"},
		"a second look at its time is the second":      {nil, ec2, func(s *scene) { s.deregistered(secondLook) }, "terminating: orders terminate_ec2"},
		"registered after all: no machine goes first":  {nil, ec2, nil, "deregistering: looks in 5s"},
		"the group drains: its machine goes first":     {drains, group, nil, "terminating: orders terminate_in_group in asg, smaller true"},
		"what is to end only its machine is not there": {ended, ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate}, func(s *scene) { s.r.world.status = "ACTIVE" }, "terminating: looks in 15m0s; paused drift, , , asks for 15m0s"},
		"the machine is not readable": {nil, ec2, func(s *scene) { minute(s); s.ec2 = "timed out" },
			"terminating: looks in 10s; paused aws, look, ec2:DescribeInstances: timed out"},
		"the machine is readable again: the pause is over": {nil, ec2, func(s *scene) {
			minute(s)
			s.op.Progress.Unreadable = &ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "timed out"}
			s.op.Block = &Block{Reason: BlockedAWS, Call: lookCall, Since: s.now}
		}, "terminating: orders terminate_ec2"},
		"an inspection misses what matters no more": {nil, ec2, func(s *scene) { minute(s); s.r.world.blank = []string{"peers"} }, "terminating: orders terminate_ec2"},
		"stopped: nothing more is ordered":          {nil, ec2, func(s *scene) { minute(s); s.op.StopBy = &ana }, "verifying: goes on"},

		"the group ends it by itself":                     {leaves, ecsops.Intent{}, func(s *scene) { s.op.StartedAt = s.now }, "terminating: looks in 10s"},
		"and is let time":                                 {leaves, ecsops.Intent{}, func(s *scene) { s.op.OrderedTermination = s.now.Add(1 - terminatePatience) }, "terminating: looks in 10s"},
		"and then it is said that it has not":             {leaves, ecsops.Intent{}, func(s *scene) { s.op.OrderedTermination = s.now.Add(-terminatePatience) }, "terminating: looks in 10s; paused group, terminate_in_group, running"},
		"it was to end it by itself, and keeps it":        {leaves, ecsops.Intent{}, func(s *scene) { member(s.r, "InService") }, "terminating: looks in 10s; paused group, terminate_in_group, running"},
		"a machine of no group that does not end is said": {nil, ec2, func(s *scene) { minute(s); s.op.OrderedTermination = s.now.Add(-terminatePatience) }, "terminating: looks in 10s; paused not_yet_observed, terminate_ec2, running"},

		"accepted: it is not ordered twice": {nil, ec2, func(s *scene) { minute(s); s.told(ecsops.ActTerminateEC2, ecsops.OK, "", time.Minute) }, "terminating: looks in 10s"},
		"refused: it is tried again after a pause": {nil, ec2, func(s *scene) {
			minute(s)
			s.told(ecsops.ActTerminateEC2, ecsops.Refused, "OperationNotPermitted", afterRefusal-1)
		},
			"terminating: looks in 1ns; paused group, terminate_ec2, OperationNotPermitted"},
		"refused for want of leave: that is what is said": {nil, ec2, func(s *scene) {
			minute(s)
			s.told(ecsops.ActTerminateEC2, ecsops.Refused, "UnauthorizedOperation", 2*afterRefusal)
		},
			"terminating: orders terminate_ec2; paused credentials, terminate_ec2, UnauthorizedOperation"},
		"refused, almost too long": {grouped, group, func(s *scene) {
			minute(s)
			s.told(ecsops.ActTerminateInGroup, ecsops.Refused, "ScalingActivityInProgress", 2*afterRefusal)
			s.op.RefusedSince = s.op.Order.Outcome.At.Add(1 - terminatePatience)
		}, "terminating: orders terminate_in_group in asg, smaller true; paused group, terminate_in_group, ScalingActivityInProgress"},
		"refused too long: the machine is left, and the result says so": {grouped, group, func(s *scene) {
			minute(s)
			s.told(ecsops.ActTerminateInGroup, ecsops.Refused, "ScalingActivityInProgress", 2*afterRefusal)
			s.op.RefusedSince = s.op.Order.Outcome.At.Add(-terminatePatience)
		}, "verifying: goes on; not_terminated"},
		"an order of another kind is no refusal of this one": {nil, ec2, func(s *scene) {
			minute(s)
			s.told(ecsops.ActDeregister, ecsops.Refused, "ClientException", time.Second)
		}, "terminating: orders terminate_ec2"},

		"its end began, and the registration is there: ECS is let time": {drains, group, func(s *scene) { s.r.world.ec2 = "shutting-down" }, "terminating: looks in 10s"},
		"its end takes long: nothing is deregistered beside it": {drains, group, func(s *scene) {
			s.r.world.ec2, s.op.OrderedTermination = "shutting-down", s.now.Add(-time.Hour)
		}, "terminating: looks in 10s; paused group, terminate_in_group, shutting-down"},
		"terminated, and one look misses the registration":  {drains, group, func(s *scene) { s.r.world.ec2 = "terminated"; ended(s.r) }, "terminating: looks in 2s"},
		"terminated and gone":                               {drains, group, func(s *scene) { s.r.world.ec2 = "terminated"; minute(s) }, "verifying: goes on"},
		"terminated, and the registration lingers a little": {drains, group, lingers(20*time.Minute - 1), "terminating: looks in 10s"},
		"it lingers: it is deregistered, never by force":    {drains, group, lingers(20 * time.Minute), "terminating: orders deregister"},
		"it lingers on: it is tried again":                  {drains, group, lingers(40*time.Minute - 1), "terminating: orders deregister"},
		"it lingers for good: what is left is said":         {drains, group, lingers(40 * time.Minute), "verifying: goes on"},
		"it lingers after a stop: nothing more is ordered":  {drains, group, func(s *scene) { lingers(20 * time.Minute)(s); s.op.StopBy = &ana }, "verifying: goes on"},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Terminating, c.prepare, c.in)
			if c.given != nil {
				c.given(s)
			}
			if got := moveOf(s.op, s.decide(t), s.now); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// lingers is a registration that outlives its machine.
func lingers(ago time.Duration) func(*scene) {
	return func(s *scene) { s.r.world.ec2, s.op.OrderedTermination = "terminated", s.now.Add(-ago) }
}

// TestTerminationIsDated: the patience with a machine's end counts from when it was told to end,
// by whomever.
func TestTerminationIsDated(t *testing.T) {
	for why, given := range map[string]func(*scene){
		"by its group":             func(s *scene) { member(s.r, "Terminating:Wait") },
		"it is shutting down":      func(s *scene) { s.r.world.ec2 = "shutting-down" },
		"our order, seen by looks": func(s *scene) { s.told(ecsops.ActTerminateInGroup, ecsops.OK, "", 0) },
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Terminating, func(r *rig) { member(r, "InService") }, ecsops.Intent{Terminate: ecsops.Replace})
			s.deregistered(time.Minute)
			given(s)
			if op, _, _ := s.decide(t).Changed(); !op.OrderedTermination.Equal(s.now) {
				t.Errorf("dated %s, now is %s", op.OrderedTermination, s.now)
			}
		})
	}
}

// TestUndoing: what makes an instance ACTIVE again, and when a stop is over.
func TestUndoing(t *testing.T) {
	drain := func(s *scene) { s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain}) }
	for why, c := range map[string]struct {
		given  func(*scene)
		want   string
		status string // on the card; "" = as it was
	}{
		"our drain is taken back":                     {drain, "undoing: orders undrain", ""},
		"ACTIVE: the stop is over":                    {func(*scene) {}, "stopped; stopped", "ACTIVE"},
		"ACTIVE, and its cause is said":               {func(s *scene) { s.op.Cause = "deadline_silence" }, "stopped; deadline_silence", "ACTIVE"},
		"ACTIVE, and our drain may yet show":          {func(s *scene) { s.told(ecsops.ActDrain, ecsops.OK, "", settle-1) }, "undoing: looks in 5s", ""},
		"ACTIVE, and our drain would show":            {func(s *scene) { s.told(ecsops.ActDrain, ecsops.OK, "", settle) }, "stopped; stopped", "ACTIVE"},
		"ACTIVE, and our drain was refused":           {func(s *scene) { s.told(ecsops.ActDrain, ecsops.Refused, "ClientException", 1) }, "stopped; stopped", "ACTIVE"},
		"somebody else's drain is left":               {func(s *scene) { drain(s); s.op.WasStatus = "DRAINING" }, "stopped; stopped_not_ours", ""},
		"its group ends it: there is nothing to undo": {func(s *scene) { drain(s); member(s.r, "Terminating:Wait"); s.look.Group = "asg" }, "stopped; group_terminating", ""},
		"one look that misses it proves nothing":      {func(s *scene) { s.r.world.missing = true }, "undoing: looks in 2s", ""},
		"it left meanwhile: what is, is shown":        {func(s *scene) { s.deregistered(time.Minute) }, "verifying: goes on", "INACTIVE"},
		"accepted, and reads lag":                     {func(s *scene) { drain(s); s.told(ecsops.ActUndrain, ecsops.OK, "", settle-1) }, "undoing: looks in 5s", ""},
		"accepted, and drained again by somebody":     {func(s *scene) { drain(s); s.told(ecsops.ActUndrain, ecsops.OK, "", settle) }, "undoing: orders undrain; paused not_yet_observed, undrain, DRAINING", ""},
		"refused: said, and tried again": {func(s *scene) {
			drain(s)
			s.told(ecsops.ActUndrain, ecsops.Refused, "AccessDeniedException", afterRefusal)
		}, "undoing: orders undrain; paused credentials, undrain, AccessDeniedException", ""},
		"its effect was missed: not AWS that said no":    {func(s *scene) { drain(s); s.told(ecsops.ActUndrain, ecsops.Refused, notObserved, afterRefusal) }, "undoing: orders undrain", ""},
		"nobody who lost his leave can keep it DRAINING": {func(s *scene) { drain(s); s.deny = "no" }, "undoing: orders undrain", ""},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Undoing, nil, ecsops.Intent{})
			c.given(s)
			m := s.decide(t)
			if got := moveOf(s.op, m, s.now); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			if op, _, _ := m.Changed(); c.status != "" && op.Progress.Status != c.status {
				t.Errorf("the card says %s", op.Progress.Status)
			}
		})
	}
}
