package handlers

import (
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// gone makes the inspected registration gone and its machine run on.
func gone(s *ecsops.Snapshot) {
	s.Instance = ecsops.Known(ecsops.Instance{Missing: true})
	s.EC2 = ecsops.Known(ecsops.EC2{State: "running", Type: "m5.large", TerminationReadOK: true})
	s.Group = ecsops.Known(ecsops.Group{})
}

// over is an operation that has ended; its notice has both buttons.
func over(w *world) workflow.Operation {
	return w.card("op", func(op *workflow.Operation) { op.State = workflow.Done })
}

// A sign-off spends its button; a look at the machine does not: it may be asked for again.
func TestAfterwardsIsForOperators(t *testing.T) {
	for verb, c := range map[workflow.Verb]struct {
		action policy.Action
		token  string
	}{workflow.SignOffVerb: {policy.SignOff, "op-sign_off"}, workflow.LookHostVerb: {policy.LookHost, ""}} {
		for user, want := range map[string]policy.Effect{"UOP": policy.Allow, "UGRP": policy.Allow, "UAP": policy.Refuse, "UNOBODY": policy.Refuse} {
			w := newWorld(t)
			over(w)
			w.interact(click(user, verb, "op-"+string(verb)))
			switch {
			case want == policy.Refuse && (len(w.later) > 0 || len(w.recorded) != 1 || w.recorded[0].Action != c.action):
				t.Errorf("%s by %s: decided %+v, recorded %+v", verb, user, w.later, w.recorded)
			case want == policy.Allow && (len(w.later) != 1 || w.later[0].Verb != verb || w.later[0].Actor.UserID != user ||
				w.later[0].Token != c.token || w.later[0].Verdict.Effect != policy.Allow):
				t.Errorf("%s by %s: %+v", verb, user, w.later)
			}
			if len(w.said) == 0 || len(w.decided) > 0 {
				t.Errorf("%s by %s: said %+v, decided %+v", verb, user, w.said, w.decided)
			}
		}
	}
}

func TestEndMachineProposes(t *testing.T) {
	for _, c := range []struct {
		name string
		user string
		edit func(*ecsops.Snapshot)
		prep func(*world)
		want ecsops.Termination // "" = nothing is proposed
		told string
	}{
		{name: "a lone machine", user: "UOP", edit: gone, want: ecsops.Terminate, told: "A card in this channel asks"},
		{name: "through its group, which keeps its size", user: "UOP", want: ecsops.Replace, told: "A card", edit: func(s *ecsops.Snapshot) {
			gone(s)
			s.Group = ecsops.Known(ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Desired: 2, Max: 3})
		}},
		{name: "not by an approver", user: "UAP", edit: gone, told: "not deregistering"},
		{name: "not by anybody", user: "UNOBODY", edit: gone, told: "not deregistering"},
		{name: "termination protection", user: "UOP", told: "protection is on", edit: func(s *ecsops.Snapshot) {
			gone(s)
			s.EC2 = ecsops.Known(ecsops.EC2{State: "running", DisableTerminate: true, TerminationReadOK: true})
		}},
		{name: "the machine is gone meanwhile", user: "UOP", told: "Nothing to decide", edit: func(s *ecsops.Snapshot) {
			gone(s)
			s.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
		}},
		{name: "EC2 cannot be read", user: "UOP", told: "Nothing to decide", edit: func(s *ecsops.Snapshot) {
			gone(s)
			s.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "timed out"})
		}},
		{name: "registered again here", user: "UOP", told: "registered in ECS again", edit: func(s *ecsops.Snapshot) {
			gone(s)
			s.Registrations = ecsops.Known([]ecsops.Registration{{Instance: "arn:ci/new", Status: "ACTIVE"}})
		}},
		{name: "registered again elsewhere", user: "UOP", edit: gone, told: "is registered again", prep: func(w *world) {
			w.again = ecsops.Known([]ecsops.Reregistration{{Cluster: staging, Instance: "arn:ci/staging/new", Status: "ACTIVE"}})
		}},
		{name: "nobody knows where it is registered", user: "UOP", edit: gone, told: "could not be told", prep: func(w *world) { w.again = ecsops.Fact[[]ecsops.Reregistration]{} }},
		{name: "a card asks already", user: "UOP", edit: gone, told: "asks for that already", prep: func(w *world) {
			w.card("other", func(op *workflow.Operation) { op.Plan.Intent.Purpose = ecsops.EndMachine })
		}},
		{name: "another operation runs", user: "UOP", edit: gone, told: "Another operation", prep: func(w *world) {
			h := w.card("running", func(op *workflow.Operation) { op.State = workflow.Draining })
			w.holder = &h
		}},
		{name: "the button expired", user: "UOP", edit: gone, told: "Expired", prep: func(w *world) { w.clock.advance(time.Hour) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.edit = c.edit
			over(w)
			if c.prep != nil {
				c.prep(w)
			}
			w.interact(click(c.user, workflow.EndMachine, "op-end_machine"))
			w.wantHeard(c.told)
			if c.want == "" {
				if len(w.proposed) > 0 {
					t.Fatalf("proposed %+v", w.proposed[0].Plan.Intent)
				}
				return
			}
			if len(w.proposed) != 1 {
				t.Fatalf("%d proposals; said %+v", len(w.proposed), w.said)
			}
			in := w.proposed[0].Plan.Intent
			if in.Purpose != ecsops.EndMachine || in.Terminate != c.want || w.proposed[0].Plan.Path != ecsops.PathMachine || len(w.decided) > 0 {
				t.Errorf("proposed %+v", in)
			}
		})
	}
}

// TestNoticeButtonsAreBound: a token of the one button, or of another message, opens nothing.
func TestNoticeButtonsAreBound(t *testing.T) {
	for name, p := range map[string]payload{
		"the other's token": click("UOP", workflow.EndMachine, "op-sign_off"),
		"the card's token":  click("UOP", workflow.SignOffVerb, "op-confirm"),
		"another message":   click("UOP", workflow.SignOffVerb, "op-sign_off").set("container.message_ts", "9.9"),
		"forged":            click("UOP", workflow.SignOffVerb, "guess"),
	} {
		w := newWorld(t)
		over(w)
		w.edit = gone
		w.interact(p)
		if len(w.later) > 0 || len(w.proposed) > 0 || len(w.recorded) != 1 || w.recorded[0].Type != workflow.EvRefused {
			t.Errorf("%s: signed %+v, proposed %d, recorded %+v", name, w.later, len(w.proposed), w.recorded)
		}
	}
}

// TestNoticeIsBoundByItsFirstClick: the process died between posting and noting where.
func TestNoticeIsBoundByItsFirstClick(t *testing.T) {
	w := newWorld(t)
	over(w)
	for id, tok := range w.tokens {
		if tok.Revision < 0 {
			tok.Channel, tok.TS = "", ""
			w.tokens[id] = tok
		}
	}
	w.interact(click("UOP", workflow.SignOffVerb, "op-sign_off"))
	if len(w.later) != 1 || w.tokens["op-sign_off"].TS == "" || w.tokens["op-confirm"].TS != "1.000001" {
		t.Errorf("signed %+v, bound %+v", w.later, w.tokens["op-sign_off"])
	}
}
