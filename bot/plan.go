package bot

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
)

// PlanFor is what `bot plan` was asked.
type PlanFor struct {
	Target, Cluster, Account, Region string
	Intent                           ecsops.Purpose // "" = Retire
	Force, DeregisterSSM             bool
	Terminate                        ecsops.Termination
	Deadline                         time.Duration // 0 = the configured one
	Reason                           string
}

// Plan reads a container instance, prints what taking it out of service would do, and keeps the plan. It changes nothing and
// proposes nothing.
func (a *At) Plan(ctx context.Context, in PlanFor) error {
	if a.noAWS != nil {
		return a.noAWS
	}
	var err error
	if a.rules, err = makeRules(ctx, a.cfg, a.fleet); err != nil {
		return fmt.Errorf("reading the account of bare cluster names: %w", err)
	}
	ref, err := ecsops.ParseRef(in.Target)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for _, n := range []struct {
		from string
		to   *string
	}{{in.Cluster, &ref.Cluster}, {in.Account, &ref.Account}, {in.Region, &ref.Region}} {
		if n.from != "" && *n.to != "" && n.from != *n.to {
			return fmt.Errorf("%w: %s says %s and the option says %s; say one", ErrRefused, words.Strip(words.Quote(in.Target)), *n.to, n.from)
		}
		if n.from != "" {
			*n.to = n.from
		}
	}
	deadline := in.Deadline
	if deadline <= 0 {
		deadline = a.cfg.DrainDeadline
	}
	intent := ecsops.Intent{
		Purpose: cmp.Or(in.Intent, ecsops.Retire), Force: in.Force, DeregisterNode: in.DeregisterSSM, Terminate: in.Terminate, Deadline: deadline, Reason: in.Reason,
	}
	found, err := a.fleet.Preview(ecsops.Reading(ctx, intent), ref)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", words.Strip(words.Ref(ref)), err)
	}
	if len(found.Found) != 1 {
		return a.choose(found.Found)
	}
	target := found.Found[0].Target
	if _, err := a.may(ctx, policy.Request{Action: policy.Read, Cluster: target.Cluster}); err != nil {
		return err
	}
	p := ecsops.NewPlan(found.Snapshot, intent)
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("naming the plan: %w", err)
	}
	if err := a.db.SavePlan(ctx, id.String(), p); err != nil {
		return fmt.Errorf("keeping the plan: %w", err)
	}
	return a.printPlan(p, id.String())
}

func (a *At) choose(found []ecsops.Listed) error {
	if err := a.say("There are %s of it. Name one by its container-instance ARN:", words.Count(len(found), "registration")); err != nil {
		return err
	}
	for _, f := range found {
		if err := a.say("  %s  %s, registered %s", f.Target.Instance, f.Status, words.Time(f.RegisteredAt)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: several registrations, none was chosen", ErrRefused)
}

func (a *At) printPlan(p ecsops.Plan, id string) error {
	lines := []string{
		words.Machine(p.Snapshot.Target) + ": " + words.Where(p.Snapshot.Target), words.Symbol(p.Verdict) + " " + words.Verdict(p), words.Path(p.Path), "",
	}
	for _, f := range p.Findings {
		lines = append(lines, words.Symbol(f.Severity)+" "+string(f.Rule)+"  "+words.Finding(f))
	}
	lines = append(lines, "")
	for _, f := range p.Fates {
		line := words.Task(f.Task) + ": " + words.Fate(f.Fate)
		if facts := words.TaskFacts(f.Task); facts != "" {
			line += "; " + facts
		}
		lines = append(lines, line)
	}
	for i, s := range p.Steps {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, words.Step(s)))
	}
	if p.ETA > 0 {
		lines = append(lines, "The drain takes about "+words.Duration(p.ETA)+".")
	}
	lines = append(lines, "", "Nothing was changed or proposed. Plan "+id+", digest "+p.Digest+".")
	for _, l := range lines {
		if err := a.say("%s", l); err != nil {
			return err
		}
	}
	return nil
}
