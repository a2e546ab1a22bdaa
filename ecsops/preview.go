package ecsops

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Preview is what a reference turned out to be. One Found comes with its Snapshot;
// several leave the choice to the person, and the Snapshot is empty.
type Preview struct {
	Found    []Listed
	Snapshot Snapshot
}

// Preview resolves and inspects at once: three dependent round trips from an EC2 id when
// at most three clusters come into question, two when it was seen lately. Its errors are
// those of Resolve.
func (f *Fleet) Preview(ctx context.Context, ref Ref) (Preview, error) {
	return f.preview(ctx, ref, true)
}

func (f *Fleet) preview(ctx context.Context, ref Ref, inspect bool) (Preview, error) {
	outer := ctx
	ctx, cancel := f.boxed(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	clusters, unread, err := f.candidates(ctx, ref)
	if err != nil {
		return Preview{}, err
	}
	asked := f.search(ctx, &wg, clusters, ref)
	early := map[ClusterARN]*reader{}
	if inspect && len(clusters) <= earlyMost {
		early = f.readAhead(ctx, &wg, clusters, ref.EC2, asked)
	}
	matches, failed := asked.wait(ctx, clusters)
	if err := outer.Err(); err != nil {
		return Preview{}, err
	}
	unread = append(unread, failed...)
	switch {
	case len(matches) == 0:
		return Preview{}, f.notFound(ctx, ref, clusters, unread)
	case len(matches) > 1 || !inspect:
		return f.choose(ctx, outer, ref, matches, clusters, unread, inspect)
	}
	m := matches[0]
	r := early[m.cluster]
	if r == nil {
		r = f.newReader(ctx, &wg, m.cluster, ref.EC2, false)
		r.share(ref.EC2, asked)
	}
	r.aim(m.instance)
	rec, err := r.record.wait(ctx)
	if err == nil && !rec.is(ref, m.instance) {
		return Preview{}, f.notFound(ctx, ref, clusters, unread)
	}
	t := rec.target(m.cluster, m.instance)
	if err != nil {
		t.EC2 = ref.EC2
	}
	s := r.snapshot(t)
	if err := outer.Err(); err != nil {
		return Preview{}, err
	}
	return Preview{Found: []Listed{listedFrom(rec, s)}, Snapshot: s}, nil
}

// readAhead starts the cluster-wide reads of every candidate. One that was hinted at is the
// only one: the search still tells whether the hint is true.
func (f *Fleet) readAhead(ctx context.Context, wg *sync.WaitGroup, clusters []ClusterARN, id EC2ID, asked searching) map[ClusterARN]*reader {
	for _, c := range clusters {
		if h := f.hint(string(id), c); h.instance != "" {
			r := f.newReader(ctx, wg, c, id, false)
			r.share(id, asked)
			r.begin(h)
			return map[ClusterARN]*reader{c: r}
		}
	}
	early := map[ClusterARN]*reader{}
	first := map[*session]*reader{}
	for _, c := range clusters {
		s := f.reading(c.Account(), c.Region())
		switch {
		case first[s] == nil:
			first[s] = f.newReader(ctx, wg, c, id, false)
			early[c] = first[s]
		case id != "":
			early[c] = first[s].beside(c)
		default:
			continue // by another id the machine is not known yet
		}
		early[c].share(id, asked)
		early[c].begin(hint{})
	}
	return early
}

// searching is what all candidate clusters are asked at once.
type searching map[ClusterARN]*later[[]match]

func (f *Fleet) search(ctx context.Context, wg *sync.WaitGroup, clusters []ClusterARN, ref Ref) searching {
	asked := make(searching, len(clusters))
	for _, c := range clusters {
		asked[c] = start(ctx, wg, func(ctx context.Context) ([]match, error) { return f.locate(ctx, c, ref) })
	}
	return asked
}

// wait gathers the answers, in the clusters' order.
func (s searching) wait(ctx context.Context, clusters []ClusterARN) ([]match, []Unknown) {
	var matches []match
	var failed []Unknown
	for _, c := range clusters {
		found, err := s[c].wait(ctx)
		if err != nil {
			failed = append(failed, unknownOf("instances of "+c.Name(), "ecs:ListContainerInstances", err))
			continue
		}
		matches = append(matches, found...)
	}
	return matches, failed
}

// choose describes several matches; those that are not really what ref names fall away.
func (f *Fleet) choose(ctx, outer context.Context, ref Ref, matches []match, clusters []ClusterARN, unread []Unknown, inspect bool) (Preview, error) {
	byCluster := map[ClusterARN][]InstanceARN{}
	for _, m := range matches {
		byCluster[m.cluster] = append(byCluster[m.cluster], m.instance)
	}
	var found []Listed
	for _, c := range clusters {
		listed, err := f.describeListed(ctx, c, byCluster[c], ref.EC2)
		if err != nil {
			unread = append(unread, unknownOf("instances of "+c.Name(), "ecs:DescribeContainerInstances", err))
			continue
		}
		for _, l := range listed {
			if (record{Instance: Instance{EC2: l.Target.EC2}}).is(ref, l.Target.Instance) {
				found = append(found, l)
			}
		}
	}
	if err := outer.Err(); err != nil {
		return Preview{}, err
	}
	switch {
	case len(found) == 0:
		return Preview{}, f.notFound(ctx, ref, clusters, unread)
	case len(found) == 1 && inspect:
		s, err := f.Inspect(outer, found[0].Target)
		return Preview{Found: found, Snapshot: s}, err
	}
	return Preview{Found: found}, nil
}

// notFound says what is near, as far as that can be read quickly.
func (f *Fleet) notFound(ctx context.Context, ref Ref, clusters []ClusterARN, unread []Unknown) error {
	e := &NotFoundError{Ref: ref, Searched: clusters, Unreadable: unread}
	near := clusters[:min(len(clusters), earlyMost)]
	ids, empty := make([][]string, len(near)), make([]*EmptyCluster, len(near))
	var wg sync.WaitGroup
	for i, c := range near {
		wg.Go(func() { ids[i], empty[i] = f.like(ctx, ref, c) })
	}
	wg.Wait()
	for _, one := range empty {
		if one != nil {
			e.Empty = append(e.Empty, *one)
		}
	}
	word := string(ref.EC2)
	if word == "" {
		word = lastPart(string(ref.Instance) + ref.InstanceID)
	}
	e.Nearest = nearest(word, slices.Concat(ids...))
	return e
}

// like reads the ids of a cluster, in the form that ref has, or says that there are none.
func (f *Fleet) like(ctx context.Context, ref Ref, c ClusterARN) ([]string, *EmptyCluster) {
	s := f.reading(c.Account(), c.Region())
	arns, err := s.listInstances(ctx, c, "")
	if err != nil {
		return nil, nil // a help that could not be had; the failed search itself is in Unreadable
	}
	if len(arns) == 0 {
		return nil, &EmptyCluster{Cluster: c, Fargate: s.fargateTasks(ctx, c)}
	}
	records, err := s.describeInstances(ctx, c, arns)
	if err != nil {
		return nil, nil
	}
	var ids []string
	for arn, r := range records {
		if ref.EC2 != "" {
			ids = append(ids, string(r.EC2))
		} else {
			ids = append(ids, lastPart(string(arn)))
		}
	}
	return ids, nil
}

const fargateStatistic = "runningFargateTasksCount"

// fargateTasks is how many tasks run in the cluster on Fargate; -1 when that was not told.
func (s *session) fargateTasks(ctx context.Context, c ClusterARN) int {
	out, err := s.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{string(c)}, Include: []ecstypes.ClusterField{ecstypes.ClusterFieldStatistics}})
	if err != nil || len(out.Clusters) != 1 {
		return -1
	}
	for _, v := range out.Clusters[0].Statistics {
		if n, err := strconv.Atoi(aws.ToString(v.Value)); aws.ToString(v.Name) == fargateStatistic && err == nil {
			return n
		}
	}
	return -1
}

func listedFrom(rec record, s Snapshot) Listed {
	l := rec.listed(s.Target.Cluster, s.Target.Instance)
	l.Target = s.Target
	if m, ok := s.EC2.Get(); ok {
		l.EC2State, l.Name = m.State, m.Tags["Name"]
	}
	return l
}
