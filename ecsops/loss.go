package ecsops

// Loss is the room that a cluster loses with an instance, and what is left of it: instances
// that take tasks, which are ACTIVE with their agent connected.
type Loss struct {
	CPU, Memory int // registered units and MiB
	Percent     int // of the CPU units of all that take tasks, this one included; rounded up
	Left        int
	Zones       map[string]int // of those that are left
	Provider    string         // of the instance; "" = none
	OfProvider  int            // how many of those that are left are of it
}

// Loss is unknown where the instance or its peers were not read.
func (p Plan) Loss() (Loss, bool) {
	i, ok := p.Snapshot.Instance.Get()
	peers, peersOK := p.Snapshot.Peers.Get()
	if !ok || !peersOK || !p.Path.live() || i.CPU <= 0 {
		return Loss{}, false
	}
	l := Loss{CPU: i.CPU, Memory: i.Memory, Zones: map[string]int{}, Provider: i.CapacityProvider}
	all := i.CPU
	for _, o := range peers {
		if o.Status != "ACTIVE" || !o.AgentConnected {
			continue
		}
		all += o.Registered.CPU
		l.Left++
		l.Zones[o.AZ]++
		if l.Provider != "" && o.CapacityProvider == l.Provider {
			l.OfProvider++
		}
	}
	l.Percent = (100*i.CPU + all - 1) / all
	return l, true
}

// OrphansHold is what the orphans' definitions reserve: CPU units and MiB that go on being
// used on the machine. False where one of them is not known, or nothing is orphaned.
func (p Plan) OrphansHold() (cpu, memory int, ok bool) {
	definitions, _ := p.Snapshot.TaskDefinitions.Get()
	byName := make(map[string]TaskDefinition, len(definitions))
	for arn, d := range definitions {
		byName[lastPart(arn)] = d
	}
	orphans := p.Orphans()
	for _, t := range orphans {
		d, known := byName[t.Name]
		if !known || d.CPU == 0 && d.Memory == 0 {
			return 0, 0, false
		}
		cpu, memory = cpu+d.CPU, memory+d.Memory
	}
	return cpu, memory, len(orphans) > 0
}
