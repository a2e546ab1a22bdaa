package ecsops

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmw "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// GhostKind says what a registration without a connected agent is, by the same rules
// that choose a plan's path.
type GhostKind string

// Ghost kinds. Only proven ones may be cleaned up without a second person.
const (
	GhostProven       GhostKind = "proven"       // EC2 says terminated, or knows no such machine
	GhostHostStopped  GhostKind = "stopped"      // the machine can be started again
	GhostDisconnected GhostKind = "disconnected" // the machine runs: so may its containers
	GhostChanging     GhostKind = "changing"     // machine or registration is in transition: nothing to do yet
	GhostUnproven     GhostKind = "unproven"     // what would prove it was not read, or cannot be
)

// MachineProof is what EC2 said of a machine, and in which of its answers.
type MachineProof struct {
	State     string    `json:"state,omitempty"`
	Reason    string    `json:"reason,omitempty"` // EC2's own words; foreign: escape before showing
	Since     time.Time `json:"since,omitzero"`   // as EC2's words say; zero when they don't
	RequestID string    `json:"request_id,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// Ghost is a registration whose agent is not connected, and what is known of its machine.
type Ghost struct {
	Listed
	Kind  GhostKind    `json:"kind"`
	Proof MachineProof `json:"proof"`
	Why   *Unknown     `json:"why,omitempty"` // of an unproven one
}

// Ghosts is one sweep.
type Ghosts struct {
	Found      []Ghost // by cluster, EC2 id, registration
	Searched   []ClusterARN
	Unreadable []Unknown // clusters that could not be read, places whose clusters could not be listed
	ReadAt     time.Time
}

// Proven are those whose machine was read as gone.
func (g Ghosts) Proven() []Ghost { return g.Of(GhostProven) }

// Of are those of a kind, in their order.
func (g Ghosts) Of(k GhostKind) []Ghost {
	return slices.DeleteFunc(slices.Clone(g.Found), func(one Ghost) bool { return one.Kind != k })
}

// ghostsTimeBox is longer than an inspection's: all clusters are read, by a person who waits.
const ghostsTimeBox = 25 * time.Second

// agentAway lets ECS leave out what works. Its word is checked on each described record.
const agentAway = "agentConnected == false"

// Ghosts sweeps the allowed clusters that want keeps for registrations without a connected
// agent, and asks EC2 for their machines, each in its own account and Region. It costs a
// list for each cluster, a description for each hundred that it names, and one EC2 call
// for each two hundred machines. It errs only when the clusters cannot be told or ctx ends.
func (f *Fleet) Ghosts(ctx context.Context, want func(ClusterARN) bool) (Ghosts, error) {
	listing, cancelList := context.WithTimeout(ctx, f.cfg.TimeBox)
	defer cancelList()
	all, unread, err := f.allowed(listing)
	if err != nil {
		return Ghosts{}, err
	}
	boxed, cancel := context.WithTimeout(ctx, max(ghostsTimeBox, f.cfg.TimeBox))
	defer cancel()
	out := Ghosts{Unreadable: unread}
	for _, c := range all {
		if want == nil || want(c) {
			out.Searched = append(out.Searched, c)
		}
	}
	places := map[*session][]away{}
	for i, got := range f.disconnected(boxed, out.Searched) {
		c := out.Searched[i]
		if got.err != nil {
			fact := "instances of " + c.Name() + " (" + c.Account() + ", " + c.Region() + ")"
			out.Unreadable = append(out.Unreadable, unknownOf(fact, "ecs:ListContainerInstances", got.err))
			continue
		}
		s := f.reading(c.Account(), c.Region())
		places[s] = append(places[s], got.found...)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for s, found := range places {
		wg.Go(func() {
			judged := s.judgeAway(boxed, found)
			mu.Lock()
			defer mu.Unlock()
			out.Found = append(out.Found, judged...)
		})
	}
	wg.Wait()
	slices.SortFunc(out.Found, func(a, b Ghost) int {
		return cmp.Or(cmp.Compare(a.Target.Cluster, b.Target.Cluster), cmp.Compare(a.Target.EC2, b.Target.EC2),
			a.RegisteredAt.Compare(b.RegisteredAt), cmp.Compare(a.Target.Instance, b.Target.Instance))
	})
	out.ReadAt = f.clock.Now().UTC()
	return out, ctx.Err()
}

// away is a registration whose agent is not connected.
type away struct {
	cluster ClusterARN
	arn     InstanceARN
	rec     record
}

type awayOf struct {
	found []away
	err   error
}

// disconnected reads all clusters at once, in their order.
func (f *Fleet) disconnected(ctx context.Context, clusters []ClusterARN) []awayOf {
	out := make([]awayOf, len(clusters))
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() {
			s := f.reading(c.Account(), c.Region())
			arns, err := s.listInstances(ctx, c, agentAway)
			if err != nil {
				out[i].err = err
				return
			}
			records, err := s.describeInstances(ctx, c, arns)
			out[i].err = err
			for arn, rec := range records {
				if !rec.gone() && !rec.AgentConnected {
					out[i].found = append(out[i].found, away{c, arn, rec})
				}
			}
		})
	}
	wg.Wait()
	return out
}

// judgeAway asks EC2 of one account and Region for all machines, and ECS for the capacity
// providers of those that are gone, then lets choosePath say what each registration is.
func (s *session) judgeAway(ctx context.Context, found []away) []Ghost {
	var ids []EC2ID
	for _, a := range found {
		ids = append(ids, a.rec.EC2)
	}
	machines := s.proveMachines(ctx, machineIDs(ids...))
	providers := s.providersOf(ctx, found, machines)
	out := make([]Ghost, 0, len(found))
	for _, a := range found {
		out = append(out, a.judge(machines[a.rec.EC2], providers[a.rec.CapacityProvider]))
	}
	return out
}

// machineRead is what one EC2 call brought, or kept, of a machine.
type machineRead struct {
	fact  Fact[EC2]
	proof MachineProof
}

// proveMachines reads machines by filter, as one unknown id fails a call that names ids.
// A batch that could not be read, or was answered by another account, proves nothing.
func (s *session) proveMachines(ctx context.Context, ids []EC2ID) map[EC2ID]machineRead {
	const call = "ec2:DescribeInstances"
	out := make(map[EC2ID]machineRead, len(ids))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for part := range slices.Chunk(ids, filterValues) {
		wg.Go(func() {
			got, err := s.describeBatch(ctx, part)
			err = cmp.Or(s.verify(ctx), err)
			mu.Lock()
			defer mu.Unlock()
			for _, id := range part {
				read := got.machines[id]
				out[id] = machineRead{fact("ec2", call, read.EC2, err), read.proof(got)}
			}
		})
	}
	wg.Wait()
	return out
}

// batchRead is one call's answer; with several pages the last one's id counts.
type batchRead struct {
	machines  map[EC2ID]machineSaid
	requestID string
	at        time.Time
}

type machineSaid struct {
	EC2
	transition string // StateTransitionReason
}

func (s *session) describeBatch(ctx context.Context, ids []EC2ID) (batchRead, error) {
	filter := ec2types.Filter{Name: aws.String("instance-id")}
	got := batchRead{machines: make(map[EC2ID]machineSaid, len(ids))}
	for _, id := range ids {
		filter.Values = append(filter.Values, string(id))
		got.machines[id] = machineSaid{EC2: EC2{State: stateNotFound}}
	}
	in := &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{filter}, MaxResults: aws.Int32(1000), IncludeManagedResources: aws.Bool(true)}
	for p := ec2.NewDescribeInstancesPaginator(ec2Pages{s.ec2}, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return got, called("ec2:DescribeInstances", err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				got.machines[EC2ID(aws.ToString(i.InstanceId))] = machineSaid{toEC2(i), aws.ToString(i.StateTransitionReason)}
			}
		}
		got.requestID, _ = awsmw.GetRequestIDMetadata(page.ResultMetadata)
		got.at, _ = awsmw.GetResponseAt(page.ResultMetadata)
	}
	return got, nil
}

func (m machineSaid) proof(in batchRead) MachineProof {
	return MachineProof{State: m.State, Reason: cmp.Or(m.transition, m.StateReason), Since: transitionTime(m.transition),
		RequestID: in.requestID, At: in.at.UTC()}
}

var transitionForm = regexp.MustCompile(`\((\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (?:GMT|UTC)\)`)

// transitionTime reads the moment out of "User initiated (2026-11-23 08:40:00 GMT)".
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
func transitionTime(reason string) time.Time {
	m := transitionForm.FindStringSubmatch(reason)
	if m == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.DateTime, m[1])
	if err != nil {
		return time.Time{}
	}
	return t
}

// providersOf reads the capacity providers that matter: of a machine that is not known to
// exist, only they tell whether ECS itself owned it (mayBeManaged).
func (s *session) providersOf(ctx context.Context, found []away, machines map[EC2ID]machineRead) map[string]Fact[CapacityProvider] {
	out := map[string]Fact[CapacityProvider]{"": Known(CapacityProvider{})}
	var names []string
	for _, a := range found {
		if e, ok := machines[a.rec.EC2].fact.Get(); a.rec.CapacityProvider != "" && (!ok || e.Gone()) {
			names = append(names, a.rec.CapacityProvider)
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range sortedOnce(names) {
		wg.Go(func() {
			p, err := s.capacityProvider(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			out[name] = fact("capacity_provider", "ecs:DescribeCapacityProviders", p, err)
		})
	}
	wg.Wait()
	return out
}

// judge says what the registration is. The path is that of a plan, so that the list
// promises nothing that the plan does not keep.
func (a away) judge(m machineRead, p Fact[CapacityProvider]) Ghost {
	g := Ghost{Listed: a.rec.listed(a.cluster, a.arn), Proof: m.proof}
	s := Snapshot{Target: g.Target, Instance: Known(a.rec.Instance), EC2: m.fact, CapacityProvider: p}
	e, known := m.fact.Get()
	if known {
		g.EC2State, g.Name = e.State, e.Tags["Name"]
	}
	switch choosePath(s, Intent{Purpose: Retire}) {
	case PathGhost:
		g.Kind = GhostProven
	case PathHostStopped:
		g.Kind = GhostHostStopped
	case PathDisconnected:
		g.Kind = GhostDisconnected
		if !known {
			g.Kind, g.Why = GhostUnproven, whyOf("ec2", m.fact.Why())
		}
	case PathManaged:
		g.Kind = GhostUnproven
		g.Why = &Unknown{Fact: "capacity_provider", Call: "ecs:DescribeCapacityProviders", Reason: "managed"}
		if _, ok := p.Get(); !ok {
			g.Why = whyOf("capacity_provider", p.Why())
		}
	case PathExternal:
		g.Kind, g.Why = GhostUnproven, &Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "external"}
	default:
		g.Kind = GhostChanging
	}
	return g
}

func whyOf(name string, u Unknown) *Unknown {
	u.Fact = name
	return &u
}
