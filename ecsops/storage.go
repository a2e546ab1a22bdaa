package ecsops

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Storage tells whether a machine that is to end has instance store: DescribeInstances shows
// EBS volumes alone, and its type tells of the other disks, whose data does not survive.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/InstanceStorage.html
type Storage struct {
	Asked bool `json:"asked,omitempty"` // its type was asked for; of a machine that stays nobody does
	Local bool `json:"local,omitempty"`
}

const (
	storageFact = "storage"
	typesCall   = "ec2:DescribeInstanceTypes"
)

// typeFacts are what one type's description tells; it never changes.
type typeFacts struct {
	interfaces int  // most network interfaces
	local      bool // instance store
}

// readStorage asks for the type of a machine that the plan, its group, or ECS ends.
func (r *reader) readStorage() {
	machine, member := r.machine, r.member
	r.storage = start(r.ctx, r.wg, func(ctx context.Context) (Storage, error) {
		e, err := machine.wait(ctx)
		if err != nil || e.Gone() || e.Type == "" {
			return Storage{}, ctx.Err() // what is not known of the machine is said as that; out of time, this too
		}
		if !endsIn(ctx) && e.ManagedBy == "" {
			place, err := member.wait(ctx)
			if g := (Group{Lifecycle: aws.ToString(place.LifecycleState)}); err != nil || !g.Terminating() {
				return Storage{}, ctx.Err()
			}
		}
		types, err := r.typesOf(ctx, []string{e.Type})
		return Storage{Asked: err == nil, Local: types[e.Type].local}, err
	})
}

// typesOf are the facts of types, from memory where they are there.
func (r *reader) typesOf(ctx context.Context, types []string) (map[string]typeFacts, error) {
	out := map[string]typeFacts{}
	var ask []string
	for _, t := range types {
		if f, ok := r.f.cache.types.get(t, r.f.clock.Now(), 0); ok {
			out[t] = f
		} else {
			ask = append(ask, t)
		}
	}
	read, err := r.s.instanceTypes(ctx, ask)
	for t, f := range read {
		out[t] = f
		r.f.cache.types.put(t, f, r.f.clock.Now())
	}
	return out, err
}

func (s *session) instanceTypes(ctx context.Context, types []string) (map[string]typeFacts, error) {
	parts, err := each(ctx, types, typesBatch, func(ctx context.Context, part []string) (map[string]typeFacts, error) {
		in := &ec2.DescribeInstanceTypesInput{}
		for _, t := range part {
			in.InstanceTypes = append(in.InstanceTypes, ec2types.InstanceType(t))
		}
		out, err := s.ec2.DescribeInstanceTypes(ctx, in) // types that are named come in one page
		if err != nil {
			return nil, called(typesCall, err)
		}
		got := map[string]typeFacts{}
		for _, i := range out.InstanceTypes {
			f := typeFacts{local: i.InstanceStorageSupported == nil || *i.InstanceStorageSupported} // not said: it may have some
			if i.NetworkInfo != nil {
				f.interfaces = int(aws.ToInt32(i.NetworkInfo.MaximumNetworkInterfaces))
			}
			got[string(i.InstanceType)] = f
		}
		return got, nil
	})
	return joined(parts), err
}

// storageRules: A14 of a machine that ends with disks of its own.
func (j *judge) storageRules() {
	if !endsMachine(j.s, j.in, j.path) {
		return
	}
	storage, known := j.s.Storage.Get()
	if j.machine.InstanceStore || storage.Local {
		j.addNames(RuleLocalData, []string{"instance store"})
	}
	if known && !storage.Asked && j.s.EC2.known && !j.machine.InstanceStore {
		j.miss(Unknown{Fact: storageFact, Call: typesCall, Reason: "not read"}, Amber, false)
	}
}

type endsKey struct{}

func endsIn(ctx context.Context) bool { return ctx.Value(endsKey{}) != nil }

func ends(ins []Intent) bool {
	return slices.ContainsFunc(ins, func(in Intent) bool { return in.Terminate != KeepRunning })
}
