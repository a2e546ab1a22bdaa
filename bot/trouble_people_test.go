package bot_test

import (
	"context"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
	simaws "ecsbot/sim/aws"
	"ecsbot/workflow"
)

var (
	asker   = workflow.Actor{UserID: "U0OPERATOR"}
	second  = workflow.Actor{UserID: "U0APPROVER"}
	allowed = policy.Verdict{Effect: policy.Allow}
)

// patience is how long a person waits for an answer.
const patience = 20 * time.Second

// ask tries to have a wish proposed; what cannot be read just now is asked for again later.
func (s *troubles) ask(w wish) (done bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	switch w.kind {
	case "ghosts":
		found, err := s.process.fleet.Ghosts(ctx, nil)
		proven := found.Proven()
		if err != nil || len(proven) == 0 {
			return false
		}
		_, err = s.process.engine.ProposeBatch(ctx, workflow.BatchProposal{Ghosts: proven, Actor: asker, Verdict: allowed})
		return err == nil
	case "herd":
		return s.askHerd(ctx, w.in)
	}
	p, err := s.process.fleet.Preview(ctx, ecsops.Ref{EC2: ecsops.EC2ID(w.id)})
	if err != nil || len(p.Found) != 1 {
		return false
	}
	if _, ok := p.Snapshot.Instance.Get(); !ok {
		return false
	}
	plan := ecsops.NewPlan(p.Snapshot, w.in)
	if len(plan.Barred()) > 0 || len(plan.Steps) == 0 {
		return s.dice.IntN(4) == 0 // asks again later, or thinks better of it
	}
	_, err = s.process.engine.Propose(ctx, workflow.Proposal{Plan: plan, Actor: asker, Verdict: allowed})
	return err == nil
}

func (s *troubles) askHerd(ctx context.Context, in ecsops.Intent) bool {
	listed, err := s.process.fleet.List(ctx, ecsops.ClusterARN("arn:aws:ecs:"+simaws.DemoRegion+":"+simaws.DemoAccount+":cluster/"+herdCluster))
	if err != nil {
		return false
	}
	var targets []ecsops.Target
	for n := range herd {
		for _, l := range listed {
			if string(l.Target.EC2) == machine("herd", n) {
				targets = append(targets, l.Target)
			}
		}
	}
	if len(targets) == 0 {
		return false
	}
	snapshots, err := s.process.fleet.InspectMany(ecsops.Reading(ctx, in), targets)
	if err != nil {
		return false
	}
	_, registered, known := workflow.Unavailable(snapshots)
	var leaving []ecsops.Snapshot
	var intents []ecsops.Intent
	for _, one := range snapshots {
		if path, bars := ecsops.Barring(one, in); workflow.MayLeave(path) && len(bars) == 0 {
			leaving, intents = append(leaving, one), append(intents, in)
		}
	}
	if !known || len(leaving) == 0 {
		return false
	}
	all := ecsops.AssessTogether(leaving, intents)
	_, err = s.process.engine.ProposeBulk(ctx, workflow.BulkProposal{Plans: all.Plans, Joint: all.Findings, Limit: workflow.Limit{Count: 1 + s.dice.IntN(3)},
		Registered: registered, Intent: in, Actor: asker, Verdict: allowed})
	return err == nil
}

// click is one act of somebody on a card that may still be decided on.
func (s *troubles) click() {
	var open []workflow.Operation
	for _, op := range s.all() {
		if !op.State.Terminal() && op.Batch == "" {
			open = append(open, op)
		}
	}
	asks := func(op workflow.Operation) bool {
		return op.State == workflow.Proposed || op.State == workflow.AwaitingApproval || op.Proposal != nil || op.Block != nil && !op.Block.AskedUntil.IsZero()
	}
	if s.dice.IntN(4) > 0 && slices.ContainsFunc(open, asks) { // mostly people answer what asks them
		open = slices.DeleteFunc(open, func(op workflow.Operation) bool { return !asks(op) })
	}
	if len(open) == 0 {
		return
	}
	slices.SortFunc(open, func(a, b workflow.Operation) int { return a.CreatedAt.Compare(b.CreatedAt) })
	op := open[s.dice.IntN(len(open))]
	d := workflow.Decision{Op: op.ID, Actor: asker, Verdict: allowed, Typed: string(op.Target.EC2)}
	for _, t := range s.cloud.State().TasksOn(string(op.Target.EC2)) {
		d.Tasks = append(d.Tasks, t.ARN)
	}
	if d.Verb = s.verb(op); d.Verb == "" {
		return
	}
	switch d.Verb {
	case workflow.Approve, workflow.Deny:
		d.Actor = second
	case workflow.Confirm:
		d.Tasks = nil
		if s.dice.IntN(2) == 0 {
			for _, f := range op.Plan.Fates {
				d.Tasks = append(d.Tasks, f.Task.ARN)
			}
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if a, err := s.process.engine.Decide(ctx, d); err == nil {
		s.clicks[string(d.Verb)+" "+string(a.Kind)]++
	} else {
		s.clicks[string(d.Verb)+" failed"]++ // nothing was decided: they see it, and may click again
	}
}

// verb is what somebody may want, given what the card shows.
func (s *troubles) verb(op workflow.Operation) workflow.Verb {
	chance := s.dice.IntN(100)
	one := func(all ...workflow.Verb) workflow.Verb { return all[s.dice.IntN(len(all))] }
	switch {
	case op.State == workflow.Proposed:
		switch {
		case chance < 75:
			return workflow.Confirm
		case chance < 87 && !op.IsBatch():
			return workflow.Force
		}
		return one(workflow.Cancel, workflow.RetireKeep, workflow.RetireShrink, workflow.RetireReplace, workflow.Stop)
	case op.State == workflow.AwaitingApproval, op.Proposal != nil && op.ProposalConfirmed != nil:
		if chance < 85 {
			return workflow.Approve
		}
		return one(workflow.Deny, workflow.Cancel)
	case op.Proposal != nil:
		if chance < 70 {
			return workflow.Confirm
		}
		return one(workflow.Cancel, workflow.Stop, "")
	case op.IsBatch():
		if op.Block != nil && op.Block.Reason == workflow.BlockedSurprise && chance < 70 {
			return workflow.GoOn
		}
	case op.Block != nil && op.Block.Reason == workflow.BlockedDeadline:
		return one(workflow.Wait, workflow.Force, workflow.Stop, workflow.StopTasks, "")
	case len(op.Stoppable()) > 0 && chance < 20:
		return workflow.StopTasks
	case op.MayWait(time.Now()) && chance < 20:
		return workflow.Wait
	}
	if chance > 97 {
		return workflow.Stop
	}
	return ""
}
