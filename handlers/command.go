package handlers

import (
	"context"
	"errors"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
)

// command takes /ecs to its subcommand.
func (r *Router) command(ctx context.Context, a *act, to *reply) error {
	c, err := Parse(a.text)
	if err != nil {
		return r.mistaken(ctx, a, err, to)
	}
	switch c.Name {
	case cmdGhosts:
		return r.ghosts(ctx, a, c.Cluster, to)
	case cmdDeregister, cmdPlan:
		if c.Deregister.Bulk() {
			return r.bulk(ctx, a, c.Deregister, to)
		}
		return r.deregister(ctx, a, c.Deregister, to)
	case cmdList:
		return r.list(ctx, a, c.Cluster, to)
	case cmdStatus:
		return r.status(ctx, a, c.Operation, to)
	case cmdStop:
		return r.stop(ctx, a, c.Operation, to)
	}
	return r.help(ctx, a, to)
}

// mistaken answers a command that was not understood. Who may not read learns
// no more than that.
func (r *Router) mistaken(ctx context.Context, a *act, err error, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	if err := r.ask(ctx, w, question{action: policy.Read}, to); err != nil {
		return err
	}
	m, ok := errors.AsType[*Mistake](err)
	if !ok {
		m = &Mistake{What: mistakeValue}
	}
	to.say(ctx, explain(m))
	return nil
}

// clusterFor finds the allowed cluster that a person named: by ARN, by
// account/region/name or by name, within the account and Region if given.
func (r *Router) clusterFor(ctx context.Context, name, account, region string) (found []ecsops.ClusterARN, all []ecsops.ClusterARN, err error) {
	all, err = r.Fleet.Clusters(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range all {
		if account != "" && c.Account() != account || region != "" && c.Region() != region {
			continue
		}
		if name == "" || name == string(c) || name == c.Name() || name == c.Account()+"/"+c.Region()+"/"+c.Name() {
			found = append(found, c)
		}
	}
	return found, all, nil
}

func names(clusters []ecsops.ClusterARN) []string {
	out := make([]string, 0, len(clusters))
	for _, c := range clusters {
		out = append(out, c.Name())
	}
	return out
}

// noCluster answers a cluster that is not among the allowed ones.
func noCluster(word string, all []ecsops.ClusterARN) blocks.Message {
	near := nearest(word, names(all))
	if len(near) == 0 {
		near = names(all)
		near = near[:min(len(near), nearestMost)]
	}
	return blocks.Nearest("cluster", word, near)
}
