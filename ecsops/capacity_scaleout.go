package ecsops

import (
	"slices"
)

// freshMost is how many new instances a proof takes into account.
const freshMost = 20

// scaleOut turns what does not surely fit now into RoomScaleOut where managed scaling
// surely brings the room, and RoomWontFit into RoomUnknown where new instances may come,
// but nobody can promise that.
func (p *puzzle) scaleOut(rooms []Room) {
	providers, ok := p.s.Providers.Get()
	if !ok {
		return
	}
	for i := range rooms {
		r, d := &rooms[i], p.here[i]
		lacking := r.Verdict == RoomWontFit || r.Verdict == RoomUnknown && slices.Contains([]RoomReason{UnsureTight, UnsureStopping, UnsureShrinking}, r.Why)
		if !lacking {
			continue
		}
		if name, count := p.launched(d, providers); count > 0 && p.rivals.why == "" {
			r.Verdict, r.Provider, r.New = RoomScaleOut, name, count
			continue
		}
		if name := p.growing(d, providers); name != "" && r.Verdict == RoomWontFit {
			r.Verdict, r.Why, r.Detail = RoomUnknown, UnsureLaunch, name
		}
	}
}

// launched is how many new instances of which provider make it certain that all copies
// find a place: the proof of safe, with empty instances beside those that are there. 0 if
// no number does that the group's maximum allows.
func (p *puzzle) launched(d *demand, providers map[string]Provider) (string, int) {
	name, sum := "", 0
	for _, share := range d.service.Strategy {
		if share.Base+share.Weight == 0 {
			continue
		}
		v := providers[share.Provider]
		count, ok := p.enough(d, v)
		if !ok {
			return "", 0 // copies may be sent to this one, and wait there for ever
		}
		if sum += count; count > 0 && name == "" {
			name = share.Provider
		}
	}
	return name, sum
}

// enough is the least number of new instances of a provider with which its own suffice.
func (p *puzzle) enough(d *demand, v Provider) (int, bool) {
	most := 0
	if v.ManagedScaling && v.Group.Name != "" && !slices.Contains(v.Group.Suspended, "Launch") {
		most = min(v.Group.Max-v.Group.Desired, freshMost)
	}
	room, known := p.fresh(d, v)
	if !known {
		most = 0
	}
	only := *d
	only.service.Strategy = []ProviderShare{{Provider: v.Name, Weight: 1}}
	for n := range most + 1 {
		if p.withFresh(d, &only, v.Name, n, room) {
			return n, true
		}
	}
	return 0, false
}

// withFresh proves safety on the provider's instances and n new ones. only is d, bound to
// that provider. What else may come to a new instance is taken to: all but what is of
// other providers.
func (p *puzzle) withFresh(d, only *demand, provider string, n int, room space) bool {
	q := &puzzle{s: p.s, force: p.force, known: map[*demand]*cells{}, bins: slices.Clone(p.bins), coarse: n > 0}
	for range n {
		q.bins = append(q.bins, bin{peer: Peer{CapacityProvider: provider, Status: "ACTIVE", AgentConnected: true}, free: room})
	}
	for _, o := range p.all {
		was := p.cells(o)
		mine := o
		if o == d {
			mine = only
		}
		q.all = append(q.all, mine)
		c := &cells{d: mine, bins: q.bins, state: slices.Clone(was.state), may: slices.Clone(was.may), lacks: slices.Clone(was.lacks), words: slices.Clone(was.words)}
		may, _ := provided(o.service, Peer{CapacityProvider: provider})
		state := no
		if o == d && d.need.in(room) {
			state = yes
		}
		for range n {
			c.may, c.state, c.lacks, c.words = append(c.may, min(may, maybe)), append(c.state, state), append(c.lacks, ""), append(c.words, "")
		}
		q.known[mine] = c
	}
	return q.safe(only, q.known[only])
}

// fresh is the room on an instance that the provider's group launches, as that of the
// smallest that it has launched, with the target's daemons on it. known is false where a
// copy of d might not be allowed there.
func (p *puzzle) fresh(d *demand, v Provider) (space, bool) {
	var own []Peer
	peers, _ := p.s.Peers.Get()
	for _, o := range peers {
		if o.CapacityProvider == v.Name {
			own = append(own, o)
		}
	}
	if d.need.eni > 0 && (d.anyZone || slices.ContainsFunc(v.Group.Zones, func(az string) bool { return !slices.Contains(d.zones, az) })) {
		return space{}, false
	}
	if v.Group.Mixed || len(v.Group.Zones) != 1 && slices.ContainsFunc(d.exprs, expression.ofPlace) {
		return space{}, false
	}
	if len(own) == 0 {
		i, ok := p.s.Instance.Get()
		if !ok || i.CapacityProvider != v.Name || len(i.Lacks) > 0 || d.need.gpu+d.need.eni > 0 || len(d.exprs) > 0 || !p.runsAsIs(d) {
			return space{}, false
		}
		room := space{memory: i.Memory, cpu: i.CPU}
		room.take(p.daemons())
		return room, true
	}
	cards, _ := p.s.Interfaces.Get()
	room := space{memory: noLimit, cpu: noLimit, gpu: noLimit, eni: noLimit}
	for _, o := range own {
		if !p.likeAll(d, o, own[0]) {
			return space{}, false
		}
		room.memory, room.cpu, room.gpu = min(room.memory, o.Registered.Memory), min(room.cpu, o.Registered.CPU), min(room.gpu, o.Registered.GPUs)
		room.tcp, room.udp = slices.Concat(room.tcp, o.Registered.TCP), slices.Concat(room.udp, o.Registered.UDP)
		if d.need.eni > 0 {
			room.eni = min(room.eni, cards[o.EC2].Most-1)
		}
		if o.Trunk && d.need.eni > 0 {
			return space{}, false
		}
	}
	room.take(p.daemons())
	return room, true
}

// likeAll: a copy may run on o, and nothing that its constraints speak of tells o from
// another instance of its provider.
func (p *puzzle) likeAll(d *demand, o, other Peer) bool {
	if slices.ContainsFunc(d.requires, func(a Attribute) bool { return slices.Contains(o.Lacks, a.String()) }) {
		return false
	}
	for _, e := range d.exprs {
		if e.on(o) != yes {
			return false
		}
		for _, name := range attributesIn(e.text) {
			a, has := o.Attributes[name]
			b, had := other.Attributes[name]
			if a != b || has != had {
				return false
			}
		}
	}
	return true
}

// growing names a provider whose group may launch an instance that takes d, for whatever
// reason: a service of it that lacks room, or a machine that the group lacks.
func (p *puzzle) growing(d *demand, providers map[string]Provider) string {
	for _, name := range sortedKeys(providers) {
		v := providers[name]
		if may, _ := provided(d.service, Peer{CapacityProvider: name}); may == no || v.GroupName == "" || slices.Contains(v.Group.Suspended, "Launch") {
			continue
		}
		wanted := v.ManagedScaling && v.Group.Desired < v.Group.Max && (p.rivals.why == UnsureDraining || slices.ContainsFunc(p.all, func(o *demand) bool {
			return slices.ContainsFunc(o.service.Strategy, func(s ProviderShare) bool { return s.Provider == name })
		}))
		if (wanted || p.members(name) < v.Group.Desired) && p.mayTake(d, name) {
			return name
		}
	}
	return ""
}

// members counts the registered instances of a provider, the target included.
func (p *puzzle) members(provider string) int {
	n := 0
	peers, _ := p.s.Peers.Get()
	for _, o := range peers {
		if o.CapacityProvider == provider {
			n++
		}
	}
	if i, _ := p.s.Instance.Get(); i.CapacityProvider == provider {
		n++
	}
	return n
}

// mayTake: an empty instance like some of the provider's would take a copy. Without any to
// compare with, it may.
func (p *puzzle) mayTake(d *demand, provider string) bool {
	found := false
	peers, _ := p.s.Peers.Get()
	for _, o := range peers {
		if o.CapacityProvider != provider {
			continue
		}
		found = true
		full := space{memory: o.Registered.Memory, cpu: o.Registered.CPU, gpu: o.Registered.GPUs, tcp: o.Registered.TCP, udp: o.Registered.UDP, eni: noLimit}
		if d.need.in(full) {
			return true
		}
	}
	return !found
}

// runsAsIs: the target runs the very revision that a copy would be of, so its like can.
func (p *puzzle) runsAsIs(d *demand) bool {
	tasks, _ := p.s.Tasks.Get()
	return slices.ContainsFunc(tasks, func(t Task) bool {
		return t.Service == d.name && t.LastStatus == "RUNNING" && t.TaskDefinition == d.service.TaskDefinition
	})
}

// daemons is what the daemons on the target take: a new instance gets them as well.
func (p *puzzle) daemons() need {
	var sum need
	tasks, _ := p.s.Tasks.Get()
	defs, _ := p.s.TaskDefinitions.Get()
	for _, t := range tasks {
		if t.Class != Daemon || t.Stopped() {
			continue
		}
		def := defs[t.TaskDefinition]
		sum.memory, sum.cpu, sum.gpu = sum.memory+def.Memory, sum.cpu+def.CPU, sum.gpu+def.GPUs
		sum.tcp, sum.udp = append(sum.tcp, def.TCP...), append(sum.udp, def.UDP...)
		if def.NetworkMode == "awsvpc" {
			sum.eni++
		}
	}
	return sum
}
