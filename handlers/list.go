package handlers

import (
	"context"

	"ecsbot/blocks"
	"ecsbot/policy"
)

// list shows the container instances of a cluster. Without a name, that of the
// only one; of several, their names.
func (r *Router) list(ctx context.Context, a *act, name string, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	if err := r.ask(ctx, w, question{action: policy.Read}, to); err != nil {
		return err
	}
	found, all, err := r.clusterFor(ctx, name, "", "")
	switch {
	case err != nil:
		r.awsTrouble(ctx, "listing the clusters", err, to)
		return nil
	case len(found) == 0:
		to.say(ctx, noCluster(name, all))
		return nil
	case len(found) > 1:
		to.say(ctx, whichCluster(found))
		return nil
	}
	cluster := found[0]
	if err := r.ask(ctx, w, question{action: policy.Read, cluster: cluster}, to); err != nil {
		return err
	}
	instances, err := r.Fleet.List(ctx, cluster)
	if err != nil {
		r.awsTrouble(ctx, "reading the cluster "+cluster.Name(), err, to)
		return nil
	}
	to.say(ctx, blocks.List(cluster, instances, r.Clock.Now()))
	return nil
}
