package handlers

import (
	"context"
	"slices"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
)

// help explains what the person may run here. Who is not even a known member of
// this workspace is refused.
func (r *Router) help(ctx context.Context, a *act, to *reply) error {
	w := r.facts(ctx, a, a.channel, false)
	verdict := func(action policy.Action) policy.Verdict {
		return policy.Decide(r.Rules, policy.Request{Action: action, Person: w.person, Channel: w.place})
	}
	read := verdict(policy.Read)
	for _, reason := range read.Reasons {
		if !slices.Contains([]policy.Reason{policy.ReasonNotOperator, policy.ReasonGroupsUnknown, policy.ReasonChannelNotListed}, reason) {
			return r.refuse(ctx, a, read, question{action: policy.Read}, to)
		}
	}
	h := blocks.HelpFor{
		Read:    read.Allowed(),
		Propose: verdict(policy.Propose).Allowed(),
		Decide:  verdict(policy.Stop).Allowed(),
	}
	if h.Read {
		h.Clusters = r.listedClusters()
	}
	to.say(ctx, blocks.Help(h))
	return nil
}

// listedClusters are those that the configuration names; "*" is not expanded for help.
func (r *Router) listedClusters() []ecsops.ClusterARN {
	var out []ecsops.ClusterARN
	for _, c := range r.Rules.Clusters {
		if c != "*" {
			out = append(out, ecsops.ClusterARN(c))
		}
	}
	return out
}
