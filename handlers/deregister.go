package handlers

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// deregister answers /ecs deregister: with no target by a modal, which opens
// before anything is looked up.
func (r *Router) deregister(ctx context.Context, a *act, args DeregisterArgs, to *reply) error {
	if args.Target == "" {
		return r.openPick(ctx, a, args, to)
	}
	if r.unsaid(args) {
		return r.askWhy(ctx, a, to, unexplained{Then: cmdDeregister, Args: args})
	}
	w, err := r.mayPropose(ctx, a, a.channel, args, to)
	if err != nil {
		return err
	}
	ref, err := ecsops.ParseRef(args.Target)
	if err != nil {
		to.say(ctx, noTarget(args.Target, err))
		return nil
	}
	if ref, err = narrow(ref, args); err != nil {
		to.say(ctx, contradiction(err))
		return nil
	}
	if ref.Cluster != "" {
		found, all, err := r.clusterFor(ctx, ref.Cluster, ref.Account, ref.Region)
		switch {
		case err != nil:
			r.awsTrouble(ctx, "listing the clusters", err, to)
			return nil
		case len(found) == 0:
			to.say(ctx, noCluster(ref.Cluster, all))
			return nil
		case len(found) == 1:
			ref.Cluster, ref.Account, ref.Region = string(found[0]), found[0].Account(), found[0].Region()
		}
	}
	to.say(ctx, blocks.Looking(ref))
	return r.find(ctx, w, ref, args, to)
}

// mayPropose asks policy for the first time, for the person and the channel,
// before anything is read; and makes sure that a card can live here.
func (r *Router) mayPropose(ctx context.Context, a *act, channel string, args DeregisterArgs, to *reply) (asker, error) {
	w := r.facts(ctx, a, channel, false)
	if err := r.ask(ctx, w, question{action: proposing(args)}, to); err != nil {
		return w, err
	}
	if place, _ := w.place.Facts.Get(); !place.Member && !args.DryRun {
		to.say(ctx, blocks.Invite(channel))
		return w, errRefused
	}
	return w, nil
}

func proposing(args DeregisterArgs) policy.Action {
	if args.DryRun {
		return policy.Read
	}
	return policy.Propose
}

// narrow adds the options to what the target itself says. A contradiction is
// the person's to resolve: the wrong machine is the one mistake not to make.
func narrow(ref ecsops.Ref, args DeregisterArgs) (ecsops.Ref, error) {
	add := func(have *string, given, what string) error {
		switch {
		case given == "" || given == *have:
		case *have == "":
			*have = given
		case what == "cluster" && ecsops.ClusterARN(given).Name() == ecsops.ClusterARN(*have).Name():
			if strings.HasPrefix(given, "arn:") {
				*have = given
			}
		default:
			return &contradictionError{what}
		}
		return nil
	}
	err := errors.Join(add(&ref.Cluster, args.Cluster, "cluster"), add(&ref.Account, args.Account, "account"), add(&ref.Region, args.Region, "Region"))
	return ref, err
}

// contradictionError: target and options name different things.
type contradictionError struct{ what string }

func (e *contradictionError) Error() string { return "target and options name another " + e.what }

// find resolves a reference to one registration, or lets the person choose.
func (r *Router) find(ctx context.Context, w asker, ref ecsops.Ref, args DeregisterArgs, to *reply) error {
	preview, err := r.Fleet.Preview(r.reading(ctx, args, to), ref)
	if err != nil {
		return r.notFound(ctx, err, to)
	}
	found := preview.Found
	switch len(found) {
	case 0:
		to.say(ctx, blocks.NotFound(ref, nil, nil, nil))
		return nil
	case 1:
		read := func() (ecsops.Snapshot, error) { return preview.Snapshot, nil }
		return r.planFrom(ctx, w, found[0].Target, read, args, to)
	}
	for _, f := range found {
		if err := r.ask(ctx, w, question{action: proposing(args), cluster: f.Target.Cluster}, to); err != nil {
			return err
		}
	}
	id := opaque()
	if err := r.choices.put(ctx, id, choice{User: w.act.who.User, Args: args, Found: found}); err != nil {
		return err
	}
	to.say(ctx, blocks.Choose(id, ref, found))
	return nil
}

// reading is ctx for reading what a plan for these arguments needs.
func (r *Router) reading(ctx context.Context, args DeregisterArgs, to *reply) context.Context {
	return ecsops.Reading(tellIfLong(ctx, to), r.intent(args, ecsops.Snapshot{}))
}

// tellIfLong has the person told why they wait. It names no cluster: whether they may
// read that one is asked once it is known.
func tellIfLong(ctx context.Context, to *reply) context.Context {
	return ecsops.OnLong(ctx, func(takes time.Duration) { to.say(ctx, blocks.Long(takes)) })
}

func (r *Router) notFound(ctx context.Context, err error, to *reply) error {
	if nf, ok := errors.AsType[*ecsops.NotFoundError](err); ok {
		to.say(ctx, blocks.NotFound(nf.Ref, nf.Searched, nf.Nearest, nf.Unreadable, nf.Empty...))
		return nil
	}
	r.awsTrouble(ctx, "looking for the instance", err, to)
	return nil
}

// plan inspects a target that the person chose, and goes on as planFrom.
func (r *Router) plan(ctx context.Context, w asker, target ecsops.Target, args DeregisterArgs, to *reply) error {
	read := func() (ecsops.Snapshot, error) { return r.Fleet.Inspect(r.reading(ctx, args, to), target) }
	return r.planFrom(ctx, w, target, read, args, to)
}

// planFrom asks policy for the second time, now with the cluster and then with
// the findings, and proposes.
func (r *Router) planFrom(ctx context.Context, w asker, target ecsops.Target, read func() (ecsops.Snapshot, error), args DeregisterArgs, to *reply) error {
	q := question{action: proposing(args), cluster: target.Cluster, target: &target}
	if err := r.ask(ctx, w, q, to); err != nil {
		return err
	}
	if busy, err := r.held(ctx, w, target, args, to); busy || err != nil {
		return err
	}
	snapshot, err := read()
	if err != nil {
		r.awsTrouble(ctx, "reading the instance", err, to)
		return nil
	}
	p := ecsops.NewPlan(snapshot, r.intent(args, snapshot))
	q.plan = &p
	if args.DryRun {
		return r.dryRun(ctx, p, to)
	}
	v := policy.Decide(r.Rules, policy.Request{Action: policy.Propose, Person: w.person, Channel: w.place, Cluster: target.Cluster, Plan: &p})
	if v.Effect == policy.Refuse {
		instead, err := r.insteadOf(ctx, w, p, args)
		if err != nil {
			return err
		}
		to.say(ctx, instead)
		return r.refuse(ctx, w.act, v, q, to)
	}
	if len(p.Steps) == 0 || !doable(p.Path) {
		to.say(ctx, blocks.Undecidable(p)) // says what the instance is, and that there is nothing to decide
		return nil
	}
	return r.propose(ctx, w, p, v, to)
}

// insteadOf says why nothing may be done. Who wants to move an instance is offered what AWS
// recommends: the plan that retires and terminates it here, asked for anew by one click.
func (r *Router) insteadOf(ctx context.Context, w asker, p ecsops.Plan, args DeregisterArgs) (blocks.Message, error) {
	if p.Intent.Purpose != ecsops.Move {
		return blocks.Undecidable(p), nil
	}
	args.Intent, args.Terminate, args.Force = ecsops.Retire, TerminateWhichever, false
	if retire := ecsops.NewPlan(p.Snapshot, r.intent(args, p.Snapshot)); len(retire.Barred()) > 0 || len(retire.Steps) == 0 {
		return blocks.Undecidable(p), nil
	}
	id := opaque()
	c := choice{User: w.act.who.User, Args: args, Found: []ecsops.Listed{{Target: p.Snapshot.Target}}}
	if err := r.choices.put(ctx, id, c); err != nil {
		return blocks.Message{}, err
	}
	return blocks.Instead(p, id), nil
}

// doable is false for what is already gone, in transition, or another page's business.
func doable(p ecsops.Path) bool {
	switch p {
	case ecsops.PathGone, ecsops.PathWait:
		return false
	}
	return true
}

// held shows the operation that holds the target, to whoever asks second.
func (r *Router) held(ctx context.Context, w asker, target ecsops.Target, args DeregisterArgs, to *reply) (bool, error) {
	if args.DryRun {
		return false, nil
	}
	holder, err := r.Store.Holder(ctx, target)
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for a running operation: %w", err)
	}
	r.busy(ctx, w, holder, to)
	return true, nil
}

// busy shows an operation: all of it to who may read its cluster, else id and state.
func (r *Router) busy(ctx context.Context, w asker, holder workflow.Operation, to *reply) {
	to.say(ctx, blocks.Answer(workflow.Answer{Kind: workflow.Busy, Op: holder, Other: holder.ID, Detail: string(holder.State)}))
	if len(r.visible(w, []workflow.Operation{holder})) > 0 {
		to.say(ctx, blocks.Status([]workflow.Operation{holder}, r.Clock.Now()))
	}
}

func (r *Router) dryRun(ctx context.Context, p ecsops.Plan, to *reply) error {
	id := opaque()
	if err := r.Store.SavePlan(ctx, id, p); err != nil {
		return fmt.Errorf("keeping the dry run: %w", err)
	}
	to.say(ctx, blocks.DryRun(p, id))
	return nil
}

// propose stores the operation; its card follows by delivery. An envelope that
// is taken up again after a crash proposes no second time.
func (r *Router) propose(ctx context.Context, w asker, p ecsops.Plan, v policy.Verdict, to *reply) error {
	if w.act.retried {
		done, err := r.proposedBefore(ctx, w.act.id, p.Snapshot.Target.Cluster)
		if done || err != nil {
			return err
		}
	}
	op, err := r.Engine.Propose(ctx, workflow.Proposal{Plan: p, Actor: w.act.actor(), Origin: workflow.Origin{Channel: w.place.ID}, Verdict: v})
	if errors.Is(err, workflow.ErrLocked) {
		r.busy(ctx, w, op, to)
		return nil
	}
	if err != nil {
		return fmt.Errorf("proposing: %w", err)
	}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("user", w.act.who.User).Str("cluster", string(p.Snapshot.Target.Cluster)).Msg("proposed")
	return nil
}

func (r *Router) proposedBefore(ctx context.Context, envelope string, cluster ecsops.ClusterARN) (bool, error) {
	ops, err := r.Store.Operations(ctx, workflow.Filter{Cluster: cluster, Limit: 200})
	if err != nil {
		return false, fmt.Errorf("looking for an earlier proposal: %w", err)
	}
	for _, op := range ops {
		if op.Requester.Envelope == envelope {
			return true, nil
		}
	}
	return false, nil
}

// intent turns the arguments into what the plan is made for.
func (r *Router) intent(args DeregisterArgs, s ecsops.Snapshot) ecsops.Intent {
	in := ecsops.Intent{Purpose: cmp.Or(args.Intent, ecsops.Retire), Force: args.Force, Deadline: args.Deadline, Reason: args.Reason, DeregisterNode: args.DeregisterSSM}
	if in.Deadline <= 0 {
		in.Deadline = r.Deadline
	}
	switch args.Terminate {
	case TerminateReplace:
		in.Terminate = ecsops.Replace
	case TerminateShrink:
		in.Terminate = ecsops.Shrink
	case TerminateEC2:
		in.Terminate = ecsops.Terminate
	case TerminateWhichever:
		in.Terminate = ecsops.Terminate
		if g, _ := s.Group.Get(); g.Name != "" {
			in.Terminate = ecsops.Replace // the group keeps its size unless somebody says otherwise
		}
	}
	return in
}

// opaque is an id that says nothing and cannot be guessed.
func opaque() string { return rand.Text()[:16] }
