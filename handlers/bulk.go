package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// bulk answers /ecs deregister with several targets or a filter: one batch, of one cluster,
// with every target's own findings and those of all at once.
func (r *Router) bulk(ctx context.Context, a *act, args DeregisterArgs, to *reply) error {
	if r.unsaid(args) {
		return r.askWhy(ctx, a, to, unexplained{Then: cmdDeregister, Args: args})
	}
	w, err := r.mayPropose(ctx, a, a.channel, args, to)
	if err != nil {
		return err
	}
	refs, no := refsOf(args)
	if no != "" {
		to.say(ctx, sentence(no))
		return nil
	}
	cluster, ok := r.bulkCluster(ctx, w, refs, args, to)
	if !ok {
		return nil
	}
	if err := r.ask(ctx, w, question{action: proposing(args), cluster: cluster}, to); err != nil {
		return err
	}
	found, ok := r.bulkTargets(ctx, w, cluster, refs, args, to)
	if !ok {
		return nil
	}
	to.say(ctx, blocks.Note("⏳ Looking at "+words.Count(len(found), "instance")+" of "+words.Quote(cluster.Name())+"."))
	snapshots, err := r.Fleet.InspectMany(ecsops.Reading(ctx, r.intent(args, ecsops.Snapshot{})), found)
	if err != nil {
		r.awsTrouble(ctx, "reading the instances", err, to)
		return nil
	}
	p, no, err := r.bulkProposal(ctx, args, snapshots)
	if err != nil {
		return err
	}
	if no != "" {
		to.say(ctx, sentence(no))
		return nil
	}
	return r.proposeBulk(ctx, w, cluster, p, args, to)
}

// refsOf reads the targets; no is what is wrong with them.
func refsOf(args DeregisterArgs) (refs []ecsops.Ref, no string) {
	seen := map[string]bool{}
	for _, text := range args.Targets {
		ref, err := ecsops.ParseRef(text)
		if err != nil {
			return nil, "“" + shown(text) + "” is no container instance that I can read. Nothing was looked up."
		}
		if ref, err = narrow(ref, args); err != nil {
			return nil, "“" + shown(text) + "” is of another place than the rest, or than the options say: one batch is about one cluster. Nothing was looked up."
		}
		if key := string(ref.EC2) + string(ref.Instance) + ref.InstanceID; seen[key] {
			return nil, "“" + shown(text) + "” is named twice. Nothing was looked up."
		} else {
			seen[key] = true
		}
		refs = append(refs, ref)
	}
	if len(refs) > workflow.MaxBulk {
		return nil, fmt.Sprintf("%d instances are more than one batch takes (%d). Nothing was looked up.", len(refs), workflow.MaxBulk)
	}
	for _, ref := range refs {
		if ref.Cluster != "" && refs[0].Cluster != "" && ref.Cluster != refs[0].Cluster || ref.Region != "" && refs[0].Region != "" && ref.Region != refs[0].Region ||
			ref.Account != "" && refs[0].Account != "" && ref.Account != refs[0].Account {
			return nil, "The targets are of several clusters (" + shown(refs[0].Cluster) + ", " + shown(ref.Cluster) + "): one batch is about one cluster. Nothing was looked up."
		}
	}
	return refs, ""
}

// bulkCluster is the one that is named, or the one where the first target is.
func (r *Router) bulkCluster(ctx context.Context, w asker, refs []ecsops.Ref, args DeregisterArgs, to *reply) (ecsops.ClusterARN, bool) {
	name, account, region := args.Cluster, args.Account, args.Region
	for _, ref := range refs {
		if ref.Cluster != "" {
			name, account, region = ref.Cluster, ref.Account, ref.Region
		}
	}
	found, all, err := r.clusterFor(ctx, name, account, region)
	switch {
	case err != nil:
		r.awsTrouble(ctx, "listing the clusters", err, to)
		return "", false
	case len(found) == 0:
		to.say(ctx, noCluster(name, all))
		return "", false
	case len(found) == 1:
		return found[0], true
	case len(refs) == 0 || name != "":
		to.say(ctx, whichOf(r.touchable(w, found, policy.Read)))
		return "", false
	}
	p, err := r.Fleet.Preview(ctx, refs[0])
	if err != nil {
		_ = r.notFound(ctx, err, to)
		return "", false
	}
	at := map[ecsops.ClusterARN]bool{}
	for _, f := range p.Found {
		at[f.Target.Cluster] = true
	}
	if len(at) != 1 {
		to.say(ctx, whichOf(r.touchable(w, found, policy.Read)))
		return "", false
	}
	return p.Found[0].Target.Cluster, true
}

func whichOf(found []ecsops.ClusterARN) blocks.Message {
	names := make([]string, 0, len(found))
	for _, c := range found {
		names = append(names, words.Quote(c.Name())+" ("+words.Quote(c.Account())+", "+words.Quote(c.Region())+")")
	}
	if len(names) == 0 {
		return blocks.Note("Which cluster? Name it at the end of the command.")
	}
	return blocks.Note("Which cluster? One batch is about one cluster: name it at the end of the command. " + words.Some(names, 10))
}

// bulkTargets finds every target in the cluster. One that is not there, or not for certain,
// ends it: the wrong machine is the one mistake not to make.
func (r *Router) bulkTargets(ctx context.Context, w asker, cluster ecsops.ClusterARN, refs []ecsops.Ref, args DeregisterArgs, to *reply) ([]ecsops.Target, bool) {
	if args.Filter != "" {
		return r.matching(ctx, cluster, args, to)
	}
	listed, err := r.Fleet.List(ctx, cluster)
	if err != nil {
		r.awsTrouble(ctx, "reading the cluster "+cluster.Name(), err, to)
		return nil, false
	}
	var out []ecsops.Target
	var problems []string
	taken := map[string]bool{}
	for _, ref := range refs {
		var fits []ecsops.Target
		for _, l := range listed {
			if isOf(ref, l.Target) {
				fits = append(fits, l.Target)
			}
		}
		switch {
		case len(fits) == 0:
			problems = append(problems, r.elsewhere(ctx, w, ref, cluster, listed))
		case len(fits) > 1:
			problems = append(problems, words.Quote(refWord(ref))+" is registered "+strconv.Itoa(len(fits))+" times: name the container instance")
		case taken[fits[0].Key()]:
			problems = append(problems, words.Quote(refWord(ref))+" is named twice")
		default:
			taken[fits[0].Key()] = true
			out = append(out, fits[0])
		}
	}
	if len(problems) > 0 {
		to.say(ctx, blocks.Note("🚫 Not deregistering anything: "+words.Some(problems, 5)+"."))
		return nil, false
	}
	return out, true
}

func isOf(ref ecsops.Ref, t ecsops.Target) bool {
	switch {
	case ref.EC2 != "":
		return t.EC2 == ref.EC2
	case ref.Instance != "":
		return t.Instance == ref.Instance
	}
	return t.InstanceID() == ref.InstanceID
}

func refWord(ref ecsops.Ref) string {
	if ref.EC2 != "" {
		return string(ref.EC2)
	}
	return ref.InstanceID + string(ref.Instance)
}

// elsewhere says of a target that is not in the cluster where it is, or what is near.
func (r *Router) elsewhere(ctx context.Context, w asker, ref ecsops.Ref, cluster ecsops.ClusterARN, listed []ecsops.Listed) string {
	s := words.Quote(refWord(ref)) + " is no container instance of " + words.Quote(cluster.Name())
	free := ref
	free.Cluster, free.Account, free.Region = "", "", ""
	if p, err := r.Fleet.Preview(ctx, free); err == nil {
		for _, f := range p.Found {
			if c := f.Target.Cluster; c != cluster && len(r.touchable(w, []ecsops.ClusterARN{c}, policy.Read)) > 0 {
				return s + ", but of " + words.Quote(c.Name()) + " (one batch is about one cluster)"
			}
		}
	}
	var ids []string
	for _, l := range listed {
		ids = append(ids, string(l.Target.EC2))
	}
	if near := nearest(refWord(ref), ids); len(near) > 0 {
		quoted := make([]string, len(near))
		for i, n := range near {
			quoted[i] = words.Quote(n)
		}
		return s + " (near: " + words.Some(quoted, 3) + ")"
	}
	return s
}

// matching lets ECS evaluate the filter.
func (r *Router) matching(ctx context.Context, cluster ecsops.ClusterARN, args DeregisterArgs, to *reply) ([]ecsops.Target, bool) {
	listed, err := r.Fleet.Matching(ctx, cluster, args.Filter)
	if bad, ok := errors.AsType[*ecsops.FilterError](err); ok {
		to.say(ctx, blocks.Note("🚫 Not deregistering anything: ECS does not take the filter "+words.Quote(args.Filter)+": "+words.Quote(bad.Message)+
			". It is a cluster query, as in “attribute:ecs.availability-zone == eu-central-1a”."))
		return nil, false
	}
	switch {
	case err != nil:
		r.awsTrouble(ctx, "reading the cluster "+cluster.Name(), err, to)
	case len(listed) == 0:
		to.say(ctx, blocks.Note("The filter "+words.Quote(args.Filter)+" matches no container instance of "+words.Quote(cluster.Name())+". Nothing was done."))
	case len(listed) > workflow.MaxBulk:
		to.say(ctx, blocks.Note(fmt.Sprintf("The filter matches %d container instances, more than one batch takes (%d). Nothing was done.", len(listed), workflow.MaxBulk)))
	default:
		out := make([]ecsops.Target, 0, len(listed))
		for _, l := range listed {
			out = append(out, l.Target)
		}
		return out, true
	}
	return nil, false
}

// bulkProposal judges all targets, parts those that a batch may take out from the rest, and
// judges the former together. No is what is wrong with all of it.
func (r *Router) bulkProposal(ctx context.Context, args DeregisterArgs, snapshots []ecsops.Snapshot) (p workflow.BulkProposal, no string, err error) {
	away, registered, known := workflow.Unavailable(snapshots)
	cluster := snapshots[0].Target.Cluster
	switch {
	case !known:
		return p, "Not deregistering anything: how many instances of " + cluster.Name() + " are unavailable could not be read, so no limit could be kept. Try again in a minute.", nil
	case registered <= len(snapshots):
		return p, fmt.Sprintf("Not deregistering anything: these are all %d container instances of %s, so their tasks would have nowhere to go. Leave some out, or add others first.", len(snapshots), cluster.Name()), nil
	}
	p = workflow.BulkProposal{Limit: args.Limit, Registered: registered, Filter: args.Filter}
	intent := func(s ecsops.Snapshot) ecsops.Intent { return r.intent(args, s) }
	p.Intent = intent(ecsops.Snapshot{})
	var leaving []ecsops.Snapshot
	var intents []ecsops.Intent
	shrunk := map[string]int{}
	for _, s := range snapshots {
		left, err := r.leftOut(ctx, s, intent(s), shrunk)
		if err != nil {
			return p, "", err
		}
		if left != nil {
			p.Left = append(p.Left, *left)
			continue
		}
		leaving, intents = append(leaving, s), append(intents, intent(s))
		delete(away, s.Target.Instance)
	}
	if len(leaving) == 0 {
		reasons := make([]string, 0, len(p.Left))
		for _, l := range p.Left {
			reasons = append(reasons, words.Strip(words.LeftOut(l)))
		}
		return p, "Not deregistering anything: none of them may leave in a batch. " + words.Some(reasons, 8) + ".", nil
	}
	for _, id := range away {
		p.Away = append(p.Away, id)
	}
	slices.Sort(p.Away)
	all := ecsops.AssessTogether(leaving, intents)
	p.Plans, p.Joint = all.Plans, all.Findings
	return p, "", nil
}

// leftOut says why a batch leaves an instance alone; nil when it does not. shrunk counts what
// each group loses.
func (r *Router) leftOut(ctx context.Context, s ecsops.Snapshot, in ecsops.Intent, shrunk map[string]int) (*workflow.LeftOut, error) {
	path, bars := ecsops.Barring(s, in)
	out := &workflow.LeftOut{Target: s.Target}
	switch {
	case !workflow.MayLeave(path):
		out.Cause = string(path)
		return out, nil
	case len(bars) > 0:
		out.Cause, out.Rule = "barred", bars[0].Rule
		if len(bars[0].Names) > 0 {
			out.Detail = bars[0].Names[0]
		}
		return out, nil
	}
	holder, err := r.Store.Holder(ctx, s.Target)
	switch {
	case err == nil:
		out.Cause, out.Detail = "busy", holder.ID
		return out, nil
	case !errors.Is(err, workflow.ErrNotFound):
		return nil, fmt.Errorf("looking for a running operation: %w", err)
	}
	if g, _ := s.Group.Get(); in.Terminate == ecsops.Shrink {
		if shrunk[g.Name]++; g.Desired-shrunk[g.Name] < g.Min {
			out.Cause, out.Detail = "shrink_limit", g.Name
			return out, nil
		}
	}
	return nil, nil
}

// proposeBulk asks policy for the second time, now with what was found, and proposes.
func (r *Router) proposeBulk(ctx context.Context, w asker, cluster ecsops.ClusterARN, p workflow.BulkProposal, args DeregisterArgs, to *reply) error {
	if args.DryRun {
		for _, m := range blocks.BulkDryRun(workflow.Unproposed(p)) {
			to.say(ctx, m)
		}
		return nil
	}
	plan := workflow.BulkPlan(p)
	v := policy.Decide(r.Rules, policy.Request{Action: policy.Propose, Person: w.person, Channel: w.place, Cluster: cluster, Plan: &plan})
	if v.Effect == policy.Refuse {
		for _, m := range blocks.BulkDryRun(workflow.Unproposed(p)) {
			to.say(ctx, m)
		}
		return r.refuse(ctx, w.act, v, question{action: policy.Propose, cluster: cluster, plan: &plan}, to)
	}
	if w.act.retried {
		done, err := r.proposedBefore(ctx, w.act.id, cluster)
		if done || err != nil {
			return err
		}
	}
	p.Actor, p.Origin, p.Verdict = w.act.actor(), workflow.Origin{Channel: w.place.ID}, v
	op, err := r.Engine.ProposeBulk(ctx, p)
	if err != nil {
		return fmt.Errorf("proposing a batch: %w", err)
	}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("user", w.act.who.User).Int("instances", len(op.Rows)).Msg("batch proposed")
	return nil
}
