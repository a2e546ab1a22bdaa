package ecsops

import "slices"

// scaleOut turns what does not surely fit now into RoomScaleOut where managed scaling will
// bring the room: every provider that the service's copies may be sent to scales, launches,
// and may still grow by as many instances as the copies take if nothing else were free.
func (p *puzzle) scaleOut(rooms []Room) {
	providers, ok := p.s.Providers.Get()
	if !ok {
		return
	}
	promised := map[string]int{}
	for i := range rooms {
		r, d := &rooms[i], p.here[i]
		lacking := r.Verdict == RoomWontFit || r.Verdict == RoomUnknown && slices.Contains([]RoomReason{UnsureTight, UnsureStopping, UnsureShrinking}, r.Why)
		if !lacking {
			continue
		}
		name, count, ok := p.launchable(d, providers, promised)
		if !ok {
			continue
		}
		promised[name] += count
		r.Verdict, r.Provider, r.New = RoomScaleOut, name, count
	}
}

// launchable finds the provider whose group would launch for d, and how many instances at most.
func (p *puzzle) launchable(d *demand, providers map[string]Provider, promised map[string]int) (string, int, bool) {
	name := ""
	for _, share := range d.service.Strategy {
		if share.Base+share.Weight == 0 {
			continue
		}
		if name != "" {
			return "", 0, false // which of several is chosen for a copy, AWS decides
		}
		name = share.Provider
	}
	v := providers[name]
	if name == "" || !v.ManagedScaling || v.Group.Name == "" || slices.Contains(v.Group.Suspended, "Launch") {
		return "", 0, false
	}
	slots := p.freshSlots(d, name)
	if slots == 0 {
		return "", 0, false
	}
	count := (d.upper + slots - 1) / slots
	return name, count, v.Group.Desired+promised[name]+count <= v.Group.Max
}

// freshSlots is how many copies of d an instance takes that the provider's group launches:
// as the smallest of those that it has launched, with the target's daemons on it.
func (p *puzzle) freshSlots(d *demand, provider string) int {
	daemons := p.daemons()
	least := -1
	peers, _ := p.s.Peers.Get()
	cards, _ := p.s.Interfaces.Get()
	for _, o := range peers {
		if o.CapacityProvider != provider {
			continue
		}
		is, _, _ := p.allowed(&demand{service: d.service, need: d.need, requires: d.requires, exprs: d.exprs, zones: d.zones, anyZone: d.anyZone}, bin{peer: o})
		full := space{memory: o.Registered.Memory, cpu: o.Registered.CPU, gpu: o.Registered.GPUs, tcp: o.Registered.TCP, udp: o.Registered.UDP, eni: cards[o.EC2].Most - 1}
		if is != yes || d.need.eni > 0 && (o.Trunk || full.eni <= 0) {
			return 0
		}
		full.take(daemons)
		if n := d.slots(full); least < 0 || n < least {
			least = n
		}
	}
	if least >= 0 {
		return least
	}
	i, ok := p.s.Instance.Get()
	if !ok || i.CapacityProvider != provider || d.need.gpu+d.need.eni > 0 || len(d.exprs) > 0 || !p.runsAsIs(d) {
		return 0
	}
	full := space{memory: i.Memory, cpu: i.CPU}
	full.take(daemons)
	return d.slots(full)
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
