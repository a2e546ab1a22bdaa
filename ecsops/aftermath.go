package ecsops

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Aftermath is what is read of a target once its operation has ended.
type Aftermath struct {
	EC2   Fact[EC2]              `json:"ec2"`
	Group Fact[Group]            `json:"group"` // Name "" = in no Auto Scaling group
	Again Fact[[]Reregistration] `json:"again"` // the same machine under another ARN, in any allowed cluster of its account and Region
}

// Reregistration is a registration of a machine that had left.
type Reregistration struct {
	Cluster      ClusterARN  `json:"cluster"`
	Instance     InstanceARN `json:"instance"`
	Status       string      `json:"status"`
	Connected    bool        `json:"agent_connected"`
	RegisteredAt time.Time   `json:"registered_at"`
}

// Aftermath reads the machine and its group, and with registrations, where it is registered
// again: a call for each cluster. It errs when ctx ends, or as After does: the next call goes
// on from what this one learned.
func (f *Fleet) Aftermath(ctx context.Context, t Target, registrations bool) (Aftermath, error) {
	tokens, key := 1.0, t.Key()+" aftermath"
	if registrations {
		tokens, key = tokens+f.listingTokens(t), key+" with registrations"
	}
	var a Aftermath
	err := f.inRound(ctx, t, inquiry{key: key, tokens: tokens, box: f.cfg.TimeBox}, func(ctx context.Context, in *round) []Unknown {
		a = f.aftermath(ctx, t, registrations, in)
		return []Unknown{a.EC2.Why(), a.Group.Why(), a.Again.Why()}
	})
	return a, err
}

// RegisteredAgain is where the machine is registered again by now, for somebody who is about
// to end it: nothing counts that a follow-up read before. It errs as Aftermath does.
func (f *Fleet) RegisteredAgain(ctx context.Context, t Target) (Fact[[]Reregistration], error) {
	var found Fact[[]Reregistration]
	err := f.inRound(ctx, t, inquiry{key: t.Key() + " again", tokens: f.listingTokens(t), box: f.cfg.TimeBox}, func(ctx context.Context, in *round) []Unknown {
		again, err := f.registeredAgain(ctx, t, in)
		found = fact(againFact, againCall, again, err)
		return []Unknown{found.Why()}
	})
	return found, err
}

// listingTokens are those that each cluster takes: one, and one where the machine is.
func (f *Fleet) listingTokens(t Target) float64 {
	const each = 1.1
	f.mu.Lock()
	defer f.mu.Unlock()
	return each * float64(len(f.specs)+len(f.listed[place(t.Account, t.Region)].arns))
}

const (
	againFact = "registrations"
	againCall = "ecs:ListContainerInstances"
)

func (f *Fleet) aftermath(ctx context.Context, t Target, registrations bool, in *round) Aftermath {
	var wg sync.WaitGroup
	r := &reader{ctx: ctx, wg: &wg, f: f, s: f.reading(t.Account, t.Region), cluster: t.Cluster, round: in}
	var seen Snapshot
	var a Aftermath
	wg.Go(func() {
		if externalID(t.EC2) { // EC2 and Auto Scaling know nothing of it
			seen.EC2, seen.Group = fact("ec2", "ec2:DescribeInstances", EC2{}, reasonError(reasonExternal)), Known(Group{})
			return
		}
		r.lookMachine(t, LookFor{EC2: true, Group: "any"}, &seen)
	})
	wg.Go(func() {
		if !registrations {
			return
		}
		again, err := f.registeredAgain(ctx, t, in)
		a.Again = fact(againFact, againCall, again, err)
	})
	wg.Wait()
	a.EC2, a.Group = seen.EC2, seen.Group
	return a
}

// registeredAgain asks every allowed cluster of the target's account and Region. Clusters
// that could not be listed may be the ones: then it is not known.
func (f *Fleet) registeredAgain(ctx context.Context, t Target, in *round) ([]Reregistration, error) {
	if t.EC2 == "" {
		return nil, reasonError(failureMissing)
	}
	clusters, unread, err := f.allowed(ctx)
	if err != nil {
		return nil, err
	}
	if len(unread) > 0 {
		return nil, called(unread[0].Call, reasonError(unread[0].Reason))
	}
	clusters = slices.DeleteFunc(clusters, func(c ClusterARN) bool { return c.Account() != t.Account || c.Region() != t.Region })
	if !slices.Contains(clusters, t.Cluster) {
		clusters = append(clusters, t.Cluster)
	}
	s := f.reading(t.Account, t.Region)
	parts, err := each(ctx, clusters, 1, func(ctx context.Context, one []ClusterARN) ([]Reregistration, error) {
		return keep(in, "registered in "+string(one[0]), func() ([]Reregistration, error) { return s.registeredIn(ctx, one[0], t) })
	})
	return slices.Concat(parts...), cmp.Or(err, s.verify(ctx))
}

func (s *session) registeredIn(ctx context.Context, c ClusterARN, t Target) ([]Reregistration, error) {
	listed, err := s.listInstances(ctx, c, ofMachine(t.EC2))
	if err != nil {
		return nil, err
	}
	found, err := s.registrations(ctx, c, without(listed, t.Instance), t.EC2)
	var out []Reregistration
	for _, r := range found {
		out = append(out, Reregistration{Cluster: r.Cluster, Instance: r.Instance, Status: r.Status, Connected: r.AgentConnected, RegisteredAt: r.RegisteredAt})
	}
	return out, err
}
