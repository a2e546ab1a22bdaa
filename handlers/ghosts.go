package handlers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// swept is a list of ghosts that one person was shown.
type swept struct {
	User string
	List blocks.GhostList
}

// ghosts answers /ecs ghosts: every registration whose machine is gone, in the clusters that
// the person may read, or in those of that name.
func (r *Router) ghosts(ctx context.Context, a *act, name string, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	if err := r.ask(ctx, w, question{action: policy.Read}, to); err != nil {
		return err
	}
	found, all, err := r.clusterFor(ctx, name, "", "")
	if err != nil {
		r.awsTrouble(ctx, "listing the clusters", err, to)
		return nil
	}
	if len(found) == 0 {
		to.say(ctx, noCluster(name, all))
		return nil
	}
	may := r.touchable(w, found, policy.Read)
	if len(may) == 0 {
		return r.ask(ctx, w, question{action: policy.Read, cluster: found[0]}, to)
	}
	to.say(ctx, blocks.Note("⏳ Looking for ghosts in "+words.Count(len(may), "cluster")+"."))
	sweep, err := r.Fleet.Ghosts(ctx, among(may))
	if err != nil {
		r.awsTrouble(ctx, "looking for ghosts", err, to)
		return nil
	}
	s := swept{User: a.who.User, List: blocks.GhostList{ID: opaque(), Sweep: sweep, Clean: len(r.touchable(w, may, policy.Clean)) > 0}}
	if err := r.sweeps.put(ctx, s.List.ID, s); err != nil {
		return err
	}
	to.say(ctx, blocks.Ghosts(s.List, r.Clock.Now()))
	return nil
}

func among(clusters []ecsops.ClusterARN) func(ecsops.ClusterARN) bool {
	return func(c ecsops.ClusterARN) bool { return slices.Contains(clusters, c) }
}

// ghostAction is the action id without the number that makes it unique in its message.
func ghostAction(id string) string {
	id, _, _ = strings.Cut(id, ":")
	return id
}

func ghostActions() []string {
	return []string{blocks.ActionGhostClean, blocks.ActionGhostsAll, blocks.ActionGhostsMore}
}

// ghostClicked goes on with the list that the button belongs to. Its value is the client's
// word: it only chooses among what this person was shown.
func (r *Router) ghostClicked(ctx context.Context, a *act, to *reply) error {
	id, number, _ := strings.Cut(a.action.Value, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		id = "" // none of ours
	}
	action := ghostAction(a.action.ActionID)
	s, ok, err := r.listedTo(ctx, a, id, to)
	if !ok || err != nil {
		return err
	}
	if action == blocks.ActionGhostsMore {
		return r.moreGhosts(ctx, a, s, n, to)
	}
	if g, found := s.List.GhostAt(n); action == blocks.ActionGhostClean && (!found || g.Kind != ecsops.GhostProven) {
		return r.notMine(ctx, a, policy.Clean, "no_such_ghost", to)
	}
	if r.unsaid(DeregisterArgs{}) {
		return r.askWhy(ctx, a, to, unexplained{Then: action, List: id, Number: n})
	}
	return r.cleanListed(ctx, a, action, id, n, "", to)
}

// listedTo is the list that was shown to this person; false when they were told why there is none.
func (r *Router) listedTo(ctx context.Context, a *act, id string, to *reply) (swept, bool, error) {
	s, ok, err := r.sweeps.get(ctx, id)
	switch {
	case err != nil:
		return s, false, err
	case !ok:
		to.say(ctx, sentence("This list is no longer known: it was read too long ago. Nothing was done; please give the command again: /ecs ghosts"))
		return s, false, nil
	case s.User != a.who.User:
		return s, false, r.notMine(ctx, a, policy.Clean, "ghosts_of_another_person", to)
	}
	return s, true, nil
}

// cleanListed proposes what a button of a list stands for: all of its ghosts, or one.
func (r *Router) cleanListed(ctx context.Context, a *act, action, list string, n int, reason string, to *reply) error {
	s, ok, err := r.listedTo(ctx, a, list, to)
	if !ok || err != nil {
		return err
	}
	w := r.facts(ctx, a, a.channel, true)
	if action == blocks.ActionGhostsAll {
		return r.cleanAll(ctx, w, s.List.Sweep.Proven(), reason, to)
	}
	g, found := s.List.GhostAt(n)
	if !found || g.Kind != ecsops.GhostProven {
		return r.notMine(ctx, a, policy.Clean, "no_such_ghost", to)
	}
	return r.cleanOne(ctx, w, g, reason, to)
}

func (r *Router) moreGhosts(ctx context.Context, a *act, s swept, offset int, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	for _, c := range append([]ecsops.ClusterARN{""}, s.List.Sweep.Searched...) {
		if err := r.ask(ctx, w, question{action: policy.Read, cluster: c}, to); err != nil {
			return err
		}
	}
	s.List.Offset = offset
	to.say(ctx, blocks.Ghosts(s.List, r.Clock.Now()))
	return nil
}

// mayClean asks policy for every cluster, and makes sure that a card can live here.
func (r *Router) mayClean(ctx context.Context, w asker, clusters []ecsops.ClusterARN, to *reply) error {
	for _, c := range clusters {
		if err := r.ask(ctx, w, question{action: policy.Clean, cluster: c}, to); err != nil {
			return err
		}
	}
	if place, _ := w.place.Facts.Get(); !place.Member {
		to.say(ctx, blocks.Invite(w.place.ID))
		return errRefused
	}
	return nil
}

// cleanOne proposes an ordinary operation for one ghost, if it is still one: what came back
// gets no plan that nobody asked for.
func (r *Router) cleanOne(ctx context.Context, w asker, g ecsops.Ghost, reason string, to *reply) error {
	t := g.Target
	if err := r.mayClean(ctx, w, []ecsops.ClusterARN{t.Cluster}, to); err != nil {
		return err
	}
	if busy, err := r.held(ctx, w, t, DeregisterArgs{}, to); busy || err != nil {
		return err
	}
	snapshot, err := r.Fleet.Inspect(ctx, t)
	if err != nil {
		r.awsTrouble(ctx, "reading the instance", err, to)
		return nil
	}
	p := ecsops.NewPlan(snapshot, r.intent(DeregisterArgs{Reason: reason}, snapshot))
	q := question{action: policy.Clean, cluster: t.Cluster, target: &t, plan: &p}
	v := policy.Decide(r.Rules, policy.Request{Action: policy.Clean, Person: w.person, Channel: w.place, Cluster: t.Cluster, Plan: &p})
	switch {
	case p.Path == ecsops.PathGone:
		to.say(ctx, blocks.Undecidable(p))
		return nil
	case v.Effect == policy.Refuse:
		to.say(ctx, blocks.Undecidable(p)) // what it is now, or what is missing
		return r.refuse(ctx, w.act, v, q, to)
	}
	return r.propose(ctx, w, p, v, to)
}

// cleanAll reads the proofs again, all at once, and proposes one batch of what is still
// proven.
func (r *Router) cleanAll(ctx context.Context, w asker, shown []ecsops.Ghost, reason string, to *reply) error {
	shown = shown[:min(len(shown), workflow.MaxBatch)]
	clusters := clustersOf(shown)
	if len(clusters) == 0 {
		return r.notMine(ctx, w.act, policy.Clean, "no_such_ghost", to)
	}
	if err := r.mayClean(ctx, w, clusters, to); err != nil {
		return err
	}
	if w.act.retried {
		done, err := r.proposedBefore(ctx, w.act.id, "")
		if done || err != nil {
			return err
		}
	}
	fresh, err := r.Fleet.Ghosts(ctx, among(clusters))
	if err != nil {
		r.awsTrouble(ctx, "looking for ghosts", err, to)
		return nil
	}
	still, lost := stillProven(shown, fresh)
	if len(lost) > 0 {
		to.say(ctx, lostGhosts(lost, fresh.Unreadable))
	}
	if len(still) == 0 {
		return nil
	}
	op, err := r.Engine.ProposeBatch(ctx, workflow.BatchProposal{
		Ghosts: still, Actor: w.act.actor(), Origin: workflow.Origin{Channel: w.place.ID}, Verdict: policy.Verdict{Effect: policy.Allow}, Reason: reason,
	})
	if err != nil {
		return fmt.Errorf("proposing a batch: %w", err)
	}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("user", w.act.who.User).Int("ghosts", len(still)).Msg("batch proposed")
	return nil
}

func clustersOf(ghosts []ecsops.Ghost) []ecsops.ClusterARN {
	var out []ecsops.ClusterARN
	for _, g := range ghosts {
		out = append(out, g.Target.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// stillProven parts what was shown into what is proven anew, with its new proof, and what
// is not: another registration of the same machine is another thing.
func stillProven(shown []ecsops.Ghost, fresh ecsops.Ghosts) (still []ecsops.Ghost, lost []ecsops.Ghost) {
	now := map[string]ecsops.Ghost{}
	for _, g := range fresh.Proven() {
		now[g.Target.Key()] = g
	}
	for _, g := range shown {
		f, ok := now[g.Target.Key()]
		if !ok || f.Target.EC2 != g.Target.EC2 || !f.Target.RegisteredAt.Equal(g.Target.RegisteredAt) {
			lost = append(lost, g)
			continue
		}
		still = append(still, f)
	}
	return still, lost
}

func lostGhosts(lost []ecsops.Ghost, unread []ecsops.Unknown) blocks.Message {
	ids := make([]string, 0, len(lost))
	for _, g := range lost {
		ids = append(ids, words.Machine(g.Target))
	}
	s := "⚠️ Left out, as not proven gone any more: " + words.Some(ids, 10) + ". Nothing was done about them; “/ecs ghosts” says what they are now."
	for _, u := range unread[:min(len(unread), 3)] {
		s += " " + words.Sentence(words.UnreadPlace(u)) + "."
	}
	return blocks.Note(s)
}

// judgeBatch asks policy for every cluster of a batch. A yes to it is a clean-up: each
// member is judged by its plan, when it has one.
func (r *Router) judgeBatch(w asker, verb workflow.Verb, op workflow.Operation) policy.Verdict {
	action, clusters := verbActions()[verb], []ecsops.ClusterARN{""}
	if verb == workflow.Confirm {
		action, clusters = policy.Clean, op.Clusters()
	}
	var v policy.Verdict
	for _, c := range clusters {
		v = policy.Decide(r.Rules, policy.Request{Action: action, Person: w.person, Channel: w.place, Cluster: c, Requester: op.Requester.UserID})
		if v.Effect == policy.Refuse {
			return v
		}
	}
	return v
}

// askAbout asks policy for a read of every cluster that an operation is about.
func (r *Router) askAbout(ctx context.Context, w asker, op workflow.Operation, to *reply) error {
	for _, c := range op.Clusters() {
		q := question{action: policy.Read, cluster: c}
		if !op.IsBatch() {
			q.target = &op.Target
		}
		if err := r.ask(ctx, w, q, to); err != nil {
			return err
		}
	}
	return nil
}
