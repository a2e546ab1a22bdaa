package ecsops

import "time"

// factAccess lets code treat all facts of a snapshot alike.
type factAccess struct {
	name  string
	blank func(*Snapshot)
	why   func(*Snapshot) (Unknown, bool) // false when the fact is known
}

func access[T any](name string, at func(*Snapshot) *Fact[T]) factAccess {
	return factAccess{
		name:  name,
		blank: func(s *Snapshot) { *at(s) = NotKnown[T](Unknown{Fact: name}) },
		why: func(s *Snapshot) (Unknown, bool) {
			if f := at(s); !f.known {
				u := f.Why()
				u.Fact = name
				return u, true
			}
			return Unknown{}, false
		},
	}
}

// allFacts lists every fact of a snapshot, by its name in JSON, in the struct's order.
func allFacts() []factAccess {
	return []factAccess{
		access("instance", func(s *Snapshot) *Fact[Instance] { return &s.Instance }),
		access("cluster", func(s *Snapshot) *Fact[Cluster] { return &s.Cluster }),
		access("peers", func(s *Snapshot) *Fact[[]Peer] { return &s.Peers }),
		access("registrations", func(s *Snapshot) *Fact[[]Registration] { return &s.Registrations }),
		access("elsewhere", func(s *Snapshot) *Fact[Elsewhere] { return &s.Elsewhere }),
		access("tasks", func(s *Snapshot) *Fact[[]Task] { return &s.Tasks }),
		access("protection", func(s *Snapshot) *Fact[map[string]time.Time] { return &s.Protection }),
		access("services", func(s *Snapshot) *Fact[map[string]Service] { return &s.Services }),
		access("task_definitions", func(s *Snapshot) *Fact[map[string]TaskDefinition] { return &s.TaskDefinitions }),
		access("target_groups", func(s *Snapshot) *Fact[map[string]TargetGroup] { return &s.TargetGroups }),
		access("ec2", func(s *Snapshot) *Fact[EC2] { return &s.EC2 }),
		access("spot", func(s *Snapshot) *Fact[SpotRequest] { return &s.Spot }),
		access("node", func(s *Snapshot) *Fact[Node] { return &s.Node }),
		access("rehearsal", func(s *Snapshot) *Fact[Rehearsal] { return &s.Rehearsal }),
		access(storageFact, func(s *Snapshot) *Fact[Storage] { return &s.Storage }),
		access("group", func(s *Snapshot) *Fact[Group] { return &s.Group }),
		access("hooks", func(s *Snapshot) *Fact[[]Hook] { return &s.Hooks }),
		access("capacity_provider", func(s *Snapshot) *Fact[CapacityProvider] { return &s.CapacityProvider }),
		access("daemons", func(s *Snapshot) *Fact[map[string]DaemonOf] { return &s.Daemons }),
		access("self", func(s *Snapshot) *Fact[InstanceARN] { return &s.Self }),
		access("others", func(s *Snapshot) *Fact[[]Service] { return &s.Others }),
		access("hosts", func(s *Snapshot) *Fact[map[string][]InstanceARN] { return &s.Hosts }),
		access("interfaces", func(s *Snapshot) *Fact[map[EC2ID]Interfaces] { return &s.Interfaces }),
		access("stopping", func(s *Snapshot) *Fact[Stopping] { return &s.Stopping }),
		access("providers", func(s *Snapshot) *Fact[map[string]Provider] { return &s.Providers }),
		access("lifecycles", func(s *Snapshot) *Fact[map[EC2ID]string] { return &s.Lifecycles }),
	}
}

// FactNames are the names of a snapshot's facts, as in its JSON and in Unknown.Fact.
func FactNames() []string {
	var out []string
	for _, f := range allFacts() {
		out = append(out, f.name)
	}
	return out
}

// Blank returns the snapshot without one fact, as if it could not have been read. An
// unknown name changes nothing.
func (s Snapshot) Blank(name string) Snapshot {
	for _, f := range allFacts() {
		if f.name == name {
			f.blank(&s)
		}
	}
	return s
}

// Unknowns are the facts of the snapshot that are not known, in the struct's order, then
// the clusters that Elsewhere could not look into.
func (s Snapshot) Unknowns() []Unknown {
	var out []Unknown
	for _, f := range allFacts() {
		if u, missing := f.why(&s); missing {
			out = append(out, u)
		}
	}
	elsewhere, _ := s.Elsewhere.Get()
	return append(out, elsewhere.Unread...)
}
