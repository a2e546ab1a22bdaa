package ecsops

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// Elsewhere is what the account's other allowed clusters in the Region know of the machine:
// an agent that was given another cluster, or lost its data, registers the same EC2 id anew
// (amazon-ecs-agent#125, rancher/os#2394).
type Elsewhere struct {
	Found    []Registration `json:"found,omitempty"`
	Searched int            `json:"searched,omitempty"` // clusters that answered
	Unread   []Unknown      `json:"unread,omitempty"`   // clusters that did not: it may be there
}

// What T4 says of the target, beside the other registrations.
const (
	LeftOver = "left_over" // the agent answers under another registration
	InUse    = "in_use"    // the agent answers under this one, and under no other
)

// mostElsewhere bounds what one preview asks: a list for each cluster, out of half of a
// bucket of a hundred that its other reads share.
const mostElsewhere = 40

const (
	reasonTooMany   = "too many clusters"
	noSuchCluster   = "ClusterNotFoundException"
	elsewherePrefix = "registrations in "
)

func isElsewhere(u Unknown) bool { return strings.HasPrefix(u.Fact, elsewherePrefix) }

// ofMachine is the filter for an EC2 id, in the cluster query language.
func ofMachine(id EC2ID) string { return "ec2InstanceId == " + string(id) }

// share tells the reader which clusters a search asks for the machine anyway.
func (r *reader) share(id EC2ID, asked searching) {
	if id != "" {
		r.asked = asked
	}
}

// readElsewhere asks the other allowed clusters of the account and Region for the machine,
// as soon as its id is known: one list for each, in parallel.
func (r *reader) readElsewhere() {
	machine := r.id
	r.elsewhere = start(r.ctx, r.wg, func(ctx context.Context) (Elsewhere, error) {
		clusters, out, err := r.otherClusters(ctx)
		if err != nil || len(clusters) == 0 {
			return out, err
		}
		id, err := machine.wait(ctx)
		if err != nil || id == "" {
			return Elsewhere{}, cmp.Or(err, error(reasonError(failureMissing)))
		}
		return r.searchElsewhere(ctx, clusters, out, func(ctx context.Context, c ClusterARN) ([]Registration, error) { return r.registeredAs(ctx, c, id) }), nil
	})
}

// otherClusters are the other allowed clusters of the account and Region; Unread says where
// there may be more.
func (r *reader) otherClusters(ctx context.Context) ([]ClusterARN, Elsewhere, error) {
	clusters, unread, err := r.f.allowed(ctx)
	if err != nil {
		return nil, Elsewhere{}, err
	}
	clusters = slices.DeleteFunc(clusters, func(c ClusterARN) bool {
		return c == r.cluster || c.Account() != r.cluster.Account() || c.Region() != r.cluster.Region()
	})
	var out Elsewhere
	place := "clusters of " + r.cluster.Account() + "/" + r.cluster.Region()
	for _, u := range unread {
		if u.Fact == place { // what other accounts and Regions have is another machine
			out.Unread = append(out.Unread, Unknown{Fact: elsewherePrefix + "other clusters", Call: u.Call, Reason: u.Reason})
		}
	}
	return clusters, out, nil
}

func (r *reader) searchElsewhere(ctx context.Context, clusters []ClusterARN, out Elsewhere, in func(context.Context, ClusterARN) ([]Registration, error)) Elsewhere {
	asked := make([]*later[[]Registration], 0, len(clusters))
	for _, c := range clusters[:min(len(clusters), mostElsewhere)] {
		asked = append(asked, start(ctx, r.wg, func(ctx context.Context) ([]Registration, error) { return in(ctx, c) }))
	}
	for i, c := range clusters {
		if i >= len(asked) {
			out.Unread = append(out.Unread, Unknown{Fact: elsewherePrefix + c.Name(), Call: "ecs:ListContainerInstances", Reason: reasonTooMany})
			continue
		}
		found, err := asked[i].wait(ctx)
		if err != nil && reasonOf(err) == noSuchCluster {
			err = nil // an answer: what is not there has no instances
		}
		if err != nil {
			out.Unread = append(out.Unread, unknownOf(elsewherePrefix+c.Name(), "ecs:ListContainerInstances", err))
			continue
		}
		out.Searched++
		out.Found = append(out.Found, found...)
	}
	return out
}

// registeredAs takes the search's answer where there is one.
func (r *reader) registeredAs(ctx context.Context, c ClusterARN, id EC2ID) ([]Registration, error) {
	var listed []InstanceARN
	var err error
	if a := r.asked[c]; a != nil {
		var matches []match
		matches, err = a.wait(ctx)
		for _, m := range matches {
			listed = append(listed, m.instance)
		}
	} else {
		listed, err = r.s.listInstances(ctx, c, ofMachine(id))
	}
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	return r.s.registrations(ctx, c, listed, id)
}

// registrations describes what a filter found, and checks each again on its record.
func (s *session) registrations(ctx context.Context, c ClusterARN, listed []InstanceARN, id EC2ID) ([]Registration, error) {
	all, err := s.describeInstances(ctx, c, listed)
	if err != nil {
		return nil, err
	}
	var out []Registration
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		if i := all[arn].Instance; i.EC2 == id && !i.gone() {
			out = append(out, toRegistration(c, arn, i))
		}
	}
	return out, nil
}

// machinesBatch is how many machines one filter names.
const machinesBatch = 20

// machinesIn asks a cluster for many machines, a filter for each twenty, and says of each
// where it is registered there.
func (s *session) machinesIn(ctx context.Context, c ClusterARN, ids []EC2ID) (map[EC2ID][]Registration, error) {
	listed, err := each(ctx, ids, machinesBatch, func(ctx context.Context, part []EC2ID) ([]InstanceARN, error) {
		names := make([]string, len(part))
		for i, id := range part {
			names[i] = "'" + string(id) + "'"
		}
		return s.listInstances(ctx, c, "ec2InstanceId in ["+strings.Join(names, ", ")+"]")
	})
	if err != nil {
		return nil, err
	}
	all, err := s.describeInstances(ctx, c, slices.Concat(listed...))
	out := map[EC2ID][]Registration{}
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		if i := all[arn].Instance; slices.Contains(ids, i.EC2) && !i.gone() {
			out[i.EC2] = append(out[i.EC2], toRegistration(c, arn, i))
		}
	}
	return out, err
}

func toRegistration(c ClusterARN, arn InstanceARN, i Instance) Registration {
	return Registration{Cluster: c, Instance: arn, Status: i.Status, AgentConnected: i.AgentConnected, RegisteredAt: i.RegisteredAt}
}

// others are all registrations of the machine but the target's, as far as they were read.
func (s Snapshot) others() []Registration {
	here, _ := s.Registrations.Get()
	elsewhere, _ := s.Elsewhere.Get()
	return slices.Concat(here, elsewhere.Found)
}

// leftOver: the machine's one agent answers under a newer registration, and ECS counts no
// task on this one. Only the record is left. Tasks that were not read may be there.
func (s Snapshot) leftOver() bool {
	i, ok := s.Instance.Get()
	tasks, tasksOK := s.Tasks.Get()
	if !ok || !tasksOK || i.AgentConnected || slices.ContainsFunc(tasks, func(t Task) bool { return !t.Stopped() }) {
		return false
	}
	return slices.ContainsFunc(s.others(), func(o Registration) bool { return o.AgentConnected && o.RegisteredAt.After(i.RegisteredAt) })
}

// duplicates: T4. AWS says of duplicates that are ACTIVE without a connected agent that they
// can safely be deregistered. With a termination, a registration that is in use makes it
// red: its tasks would end undrained, and nobody decided on them.
func (j *judge) duplicates(i Instance) {
	if j.in.Terminate != KeepRunning {
		for _, u := range j.s.unreadOthers() {
			j.miss(u, Red, false)
		}
	}
	others := j.s.others()
	if len(others) == 0 {
		return
	}
	f := Finding{Rule: RuleDuplicate, Severity: Amber, Count: len(others), Registrations: others}
	used := slices.ContainsFunc(others, func(o Registration) bool { return o.AgentConnected })
	switch {
	case used && !i.AgentConnected:
		f.Names = []string{LeftOver}
	case !used && i.AgentConnected:
		f.Names = []string{InUse}
	}
	if used && j.in.Terminate != KeepRunning {
		f.Severity = Red
	}
	j.add(f)
}

// unreadOthers says where the machine may be registered that was not read, in this cluster and in any other.
func (s Snapshot) unreadOthers() []Unknown {
	var out []Unknown
	if !s.Registrations.known {
		out = append(out, named("registrations", s.Registrations.Why()))
	}
	if !s.Elsewhere.known {
		out = append(out, named("elsewhere", s.Elsewhere.Why()))
	}
	elsewhere, _ := s.Elsewhere.Get()
	return append(out, elsewhere.Unread...)
}
