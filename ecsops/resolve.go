package ecsops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// NotFoundError says that no container instance of the searched clusters is what the Ref names.
type NotFoundError struct {
	Ref        Ref
	Searched   []ClusterARN
	Nearest    []string  // ids like the one asked for, nearest first; at most 5
	Unreadable []Unknown // what could not be read: it may be there
	Empty      []EmptyCluster
}

// EmptyCluster is a searched cluster that has no container instance at all.
type EmptyCluster struct {
	Cluster ClusterARN
	Fargate int // tasks that run there on Fargate; -1 when that could not be read
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no container instance %s in %d clusters (%d could not be read)", e.Ref, len(e.Searched), len(e.Unreadable))
}

// UnknownClusterError says that what the Ref tells of its place fits none of the allowed clusters.
type UnknownClusterError struct {
	Name       string    // the cluster's name, or account/Region when no cluster was named
	Nearest    []string  // names of allowed clusters, nearest first; at most 5
	Unreadable []Unknown // accounts and Regions whose clusters could not be listed
}

func (e *UnknownClusterError) Error() string { return "no allowed cluster " + e.Name }

const (
	nearestShown = 5
	earlyMost    = 3 // candidate clusters up to which the cluster-wide reads start at once
)

// Clusters returns the allowed clusters, sorted; "*" is expanded by ListClusters in the
// allowed accounts and Regions (kept for a minute). It errs only when none could be told.
func (f *Fleet) Clusters(ctx context.Context) ([]ClusterARN, error) {
	all, unread, err := f.allowed(ctx)
	if len(all) == 0 && err == nil && len(unread) > 0 {
		err = fmt.Errorf("listing clusters: %s: %s", unread[0].Call, unread[0].Reason)
	}
	if len(all) > 0 {
		err = nil
	}
	return all, err
}

// allowed are the clusters, and what keeps others from being known. It errs only when ctx ends.
func (f *Fleet) allowed(ctx context.Context) ([]ClusterARN, []Unknown, error) {
	var home string
	var unread []Unknown
	if f.all || slices.ContainsFunc(f.specs, func(s clusterSpec) bool { return s.account == "" }) {
		var err error
		if home, err = f.Account(ctx); ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			unread = append(unread, unknownOf("account", "sts:GetCallerIdentity", err))
		}
	}
	var all []ClusterARN
	for _, s := range f.specs {
		if account := cmp.Or(s.account, home); account != "" {
			all = append(all, MakeClusterARN(account, s.region, s.name))
		}
	}
	if f.all {
		listed, failed := f.listClusters(ctx, home)
		all, unread = append(all, listed...), append(unread, failed...)
	}
	slices.Sort(all)
	return slices.Compact(all), unread, nil
}

func (f *Fleet) listClusters(ctx context.Context, home string) ([]ClusterARN, []Unknown) {
	type place struct{ account, region string }
	var places []place
	for _, a := range f.accounts(home) {
		for _, r := range f.Regions() {
			places = append(places, place{a, r})
		}
	}
	arns, unread := make([][]ClusterARN, len(places)), make([]*Unknown, len(places))
	var wg sync.WaitGroup
	for i, p := range places {
		wg.Go(func() {
			var err error
			if arns[i], err = f.clustersOf(ctx, p.account, p.region); err != nil {
				u := unknownOf("clusters of "+p.account+"/"+p.region, "ecs:ListClusters", err)
				unread[i] = &u
			}
		})
	}
	wg.Wait()
	var missing []Unknown
	for _, u := range unread {
		if u != nil {
			missing = append(missing, *u)
		}
	}
	return slices.Concat(arns...), missing
}

func (f *Fleet) clustersOf(ctx context.Context, account, region string) ([]ClusterARN, error) {
	key, now := account+"/"+region, f.clock.Now()
	f.mu.Lock()
	kept, ok := f.listed[key]
	f.mu.Unlock()
	if ok && now.Sub(kept.at) < listedAge {
		return kept.arns, nil
	}
	var out []ClusterARN
	in := &ecs.ListClustersInput{MaxResults: aws.Int32(maxResults)}
	for p := ecs.NewListClustersPaginator(f.reading(account, region).ecs, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, called("ecs:ListClusters", err)
		}
		for _, arn := range page.ClusterArns {
			out = append(out, ClusterARN(arn))
		}
	}
	f.mu.Lock()
	f.listed[key] = clusterAt{now, out}
	f.mu.Unlock()
	return out, nil
}

// candidates are the allowed clusters where ref may be.
func (f *Fleet) candidates(ctx context.Context, ref Ref) ([]ClusterARN, []Unknown, error) {
	all, unread, err := f.allowed(ctx)
	if err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(ref.Cluster, "arn:") {
		c := ClusterARN(ref.Cluster)
		ref.Account, ref.Region, ref.Cluster = c.Account(), c.Region(), c.Name()
	}
	fits := slices.DeleteFunc(slices.Clone(all), func(c ClusterARN) bool {
		return ref.Account != "" && c.Account() != ref.Account || ref.Region != "" && c.Region() != ref.Region ||
			ref.Cluster != "" && c.Name() != ref.Cluster
	})
	switch {
	case len(fits) > 0:
		return fits, unread, nil
	case len(all) == 0 && len(unread) > 0: // nobody can say that there is no such cluster
		return nil, nil, &NotFoundError{Ref: ref, Unreadable: unread}
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name()
	}
	name := cmp.Or(ref.Cluster, strings.Trim(ref.Account+"/"+ref.Region, "/"))
	return nil, nil, &UnknownClusterError{Name: name, Nearest: nearest(name, names), Unreadable: unread}
}

// Resolve finds the container instances that ref names: by EC2 id through a filter in
// every candidate cluster at once, each answer checked again on the described record.
// None is a *NotFoundError, a cluster that is not allowed an *UnknownClusterError; of
// several the person chooses.
func (f *Fleet) Resolve(ctx context.Context, ref Ref) ([]Listed, error) {
	p, err := f.preview(ctx, ref, false)
	return p.Found, err
}

// match is one registration that a search turned up.
type match struct {
	cluster  ClusterARN
	instance InstanceARN
}

// locate asks one cluster for ref. Records come along when the question brought them.
func (f *Fleet) locate(ctx context.Context, cluster ClusterARN, ref Ref) ([]match, error) {
	s := f.reading(cluster.Account(), cluster.Region())
	if ref.EC2 != "" {
		arns, err := s.listInstances(ctx, cluster, ofMachine(ref.EC2))
		out := make([]match, len(arns))
		for i, arn := range arns {
			out[i] = match{cluster, arn}
		}
		return out, err
	}
	id := InstanceARN(ref.InstanceID)
	if ref.Instance != "" {
		id = ref.Instance
	}
	found, err := s.describeInstances(ctx, cluster, []InstanceARN{id})
	if api, ok := errors.AsType[*callError](err); ok && reasonOf(api) == "InvalidParameterException" {
		return nil, nil // an id of another format than this cluster's
	}
	var out []match
	for arn, r := range found {
		if !r.Missing {
			out = append(out, match{cluster, arn})
		}
	}
	return out, err
}

// is reports whether a described record is really what ref names; a filter's word is not enough.
func (r record) is(ref Ref, arn InstanceARN) bool {
	switch {
	case r.Missing:
		return false
	case ref.EC2 != "":
		return r.EC2 == ref.EC2
	case ref.Instance != "":
		return arn == ref.Instance
	}
	return lastPart(string(arn)) == ref.InstanceID
}

// List returns the cluster's container instances that are not INACTIVE, by EC2 id. Names
// and EC2 states that could not be read are empty.
func (f *Fleet) List(ctx context.Context, cluster ClusterARN) ([]Listed, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.TimeBox)
	defer cancel()
	arns, err := f.reading(cluster.Account(), cluster.Region()).listInstances(ctx, cluster, "")
	if err != nil {
		return nil, fmt.Errorf("listing container instances of %s: %w", cluster.Name(), err)
	}
	out, err := f.describeListed(ctx, cluster, arns, "")
	if err != nil {
		return nil, fmt.Errorf("describing container instances of %s: %w", cluster.Name(), err)
	}
	return out, nil
}

// describeListed describes registrations and, as far as it can be read, their machines. An
// EC2 id that is known before saves a round trip.
func (f *Fleet) describeListed(ctx context.Context, cluster ClusterARN, arns []InstanceARN, id EC2ID) ([]Listed, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	s := f.reading(cluster.Account(), cluster.Region())
	var wg sync.WaitGroup
	defer wg.Wait()
	verified := start(ctx, &wg, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.verify(ctx) })
	records := start(ctx, &wg, func(ctx context.Context) (map[InstanceARN]record, error) {
		return s.describeInstances(ctx, cluster, arns)
	})
	machines := start(ctx, &wg, func(ctx context.Context) (map[EC2ID]EC2, error) {
		if id != "" {
			return s.machines(ctx, machineIDs(id))
		}
		all, err := records.wait(ctx)
		if err != nil {
			return nil, err
		}
		var ids []EC2ID
		for _, r := range all {
			ids = append(ids, r.EC2)
		}
		return s.machines(ctx, machineIDs(ids...))
	})
	all, err := records.wait(ctx)
	if err != nil {
		return nil, err
	}
	_, wrong := verified.wait(ctx)
	states, err := machines.wait(ctx)
	known := err == nil && wrong == nil
	out := make([]Listed, 0, len(all))
	for arn, r := range all {
		if r.Missing {
			continue
		}
		l := r.listed(cluster, arn)
		if known && isMachine(r.EC2) && (id == "" || r.EC2 == id) {
			m, ok := states[r.EC2]
			l.EC2State = stateNotFound
			if ok {
				l.EC2State, l.Name = m.State, m.Tags["Name"]
			}
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Listed) int {
		return cmp.Or(cmp.Compare(a.Target.EC2, b.Target.EC2), a.RegisteredAt.Compare(b.RegisteredAt), cmp.Compare(a.Target.Instance, b.Target.Instance))
	})
	return out, nil
}

func isMachine(id EC2ID) bool { return strings.HasPrefix(string(id), "i-") }

// machineIDs drops what EC2 knows nothing of, and repetitions.
func machineIDs(ids ...EC2ID) []EC2ID {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id EC2ID) bool { return !isMachine(id) })
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (r record) listed(cluster ClusterARN, arn InstanceARN) Listed {
	return Listed{Target: r.target(cluster, arn), Status: r.Status, AgentConnected: r.AgentConnected, AZ: r.AZ, Type: r.Type,
		Running: r.running, Pending: r.pending, RegisteredAt: r.RegisteredAt}
}

func (r record) target(cluster ClusterARN, arn InstanceARN) Target {
	return Target{Account: cluster.Account(), Region: cluster.Region(), Cluster: cluster, Instance: arn, EC2: r.EC2, RegisteredAt: r.RegisteredAt}
}

// nearest returns the words most like word, at most five, none that is wholly unlike.
func nearest(word string, words []string) []string {
	type scored struct {
		word string
		far  int
	}
	var all []scored
	for _, w := range sortedOnce(words) {
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d <= max(3, len(w)*2/3) {
			all = append(all, scored{w, d})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return a.far - b.far })
	var out []string
	for _, s := range all[:min(len(all), nearestShown)] {
		out = append(out, s.word)
	}
	return out
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
