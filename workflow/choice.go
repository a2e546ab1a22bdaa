package workflow

import (
	"ecsbot/ecsops"
	"ecsbot/policy"
)

// Chooses says what a verb makes of the machine, if it is one that chooses that.
func (v Verb) Chooses() (ecsops.Termination, bool) {
	switch v {
	case RetireReplace:
		return ecsops.Replace, true
	case RetireShrink:
		return ecsops.Shrink, true
	case RetireKeep:
		return ecsops.KeepRunning, true
	}
	return "", false
}

// choosing are the verbs that choose what becomes of the machine, in the order of their buttons.
var choosing = []Verb{RetireReplace, RetireShrink, RetireKeep}

// Choices are the other ends of a group's machine that an undecided plan may be shown with.
// Below its group's minimum AWS refuses to shrink, so that is no choice.
func (op Operation) Choices() []Verb {
	p := op.Plan
	g, ok := p.Snapshot.Group.Get()
	if op.State != Proposed || op.IsBatch() || !ok || g.Name == "" || !mayChoose(p) {
		return nil
	}
	var out []Verb
	for _, v := range choosing {
		end, _ := v.Chooses()
		if end == p.Intent.Terminate || end == ecsops.Shrink && g.Desired <= g.Min {
			continue
		}
		out = append(out, v)
	}
	return out
}

// mayChoose: what is forced, reused, gone, or terminated by its group already has no choice.
func mayChoose(p ecsops.Plan) bool {
	if p.Intent.Purpose != ecsops.Retire || p.Intent.Force || len(p.Barred()) > 0 || len(p.Steps) == 0 {
		return false
	}
	switch p.Path {
	case ecsops.PathDrain, ecsops.PathObserve, ecsops.PathDisconnected, ecsops.PathHostStopped:
		return true
	case ecsops.PathGroup:
		return p.Has(ecsops.StepTerminate)
	}
	return false
}

// applyChoice shows the plan with another end for the machine: a new revision, read anew,
// that nobody has confirmed.
func applyChoice(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	end, _ := dec.Verb.Chooses()
	switch {
	case d.op.State != Proposed:
		return Answer{Kind: TooLate, Detail: "decided"}
	case dec.Revision != 0 && dec.Revision != d.op.Revision:
		return Answer{Kind: Changed, Changes: d.op.Changes}
	case pendingExpired(d):
		return expireNow(d)
	case d.op.Plan.Intent.Terminate == end || !mayChoose(d.op.Plan):
		return Answer{Kind: NotPossible, Detail: "no_choice"}
	case fresh == nil:
		return Answer{Kind: Unreadable}
	case unread(*fresh) != "":
		return Answer{Kind: Unreadable, Detail: unread(*fresh)}
	case len(fresh.Barred()) > 0:
		return Answer{Kind: NotPossible, Detail: barredBy(*fresh)}
	}
	was := d.op.Plan.Snapshot
	was.Rehearsal, was.Storage = fresh.Snapshot.Rehearsal, fresh.Snapshot.Storage // nobody asked before the machine was to end
	d.op.Changes = ecsops.Diff(ecsops.NewPlan(was, fresh.Intent), *fresh)
	d.op.Plan, d.op.Needs, d.op.ExpiresAt = *fresh, policy.Needs(*fresh), d.now.Add(s.ProposalTTL)
	d.op.Revision++
	d.event(Event{Type: EvChosen, Actor: dec.Actor, Channel: dec.Channel, Intent: &fresh.Intent, Changes: d.op.Changes,
		Digest: fresh.Digest, Verdict: fresh.Verdict, Rules: rules(*fresh)})
	return Answer{Kind: Accepted, Detail: "chosen"}
}

// barredBy is why a plan may not be done: the code of its termination's finding, else its rule.
func barredBy(p ecsops.Plan) string {
	f := p.Barred()[0]
	if f.Rule == ecsops.RuleTermination && len(f.Names) > 0 {
		return f.Names[0]
	}
	return string(f.Rule)
}
