package ecsops

import (
	"cmp"
	"slices"
	"strings"
)

// puzzle is a snapshot as the simulation sees it: copies that need a place, and instances
// that may have one.
type puzzle struct {
	s         Snapshot
	force     bool
	here      []*demand // of the services with tasks on the target, by name
	all       []*demand // here, and the services elsewhere that want more tasks as well
	bins      []bin
	ready     bool // some instance is ACTIVE with its agent connected
	shrinking bool
	known     map[*demand]*cells
	kind      []int // by bin, see kinds
	coarse    bool  // some bins have at least the room that is told, perhaps more: others may find room where d has none

	rivals doubt // what else wants room is not known
}

// draining: what leaves other instances competes for room, and whose tasks those are is not read.
func (p *puzzle) draining() {
	peers, _ := p.s.Peers.Get()
	for _, o := range peers {
		if o.Status == "DRAINING" && o.AgentConnected && o.Running+o.Pending > 0 {
			p.rivals = doubt{why: UnsureDraining, detail: string(o.EC2)}
		}
	}
}

// doubt is why something cannot be told.
type doubt struct {
	why     RoomReason
	detail  string
	missing []Unknown
}

// demand is one service's copies that need a place.
type demand struct {
	name     string
	service  Service
	need     need
	distinct bool
	upper    int // copies that will look for a place, at most
	lower    int // at least
	stuck    bool
	waves    int
	requires []Attribute
	exprs    []expression
	zones    []string // awsvpc: of the service's subnets that are known
	anyZone  bool     // awsvpc: some of its subnets are not known
	hosts    map[InstanceARN]bool
	hostsOK  bool

	unsure  RoomReason
	detail  string
	missing []Unknown
}

// need is what one copy takes.
type need struct {
	memory, cpu, gpu, eni int
	tcp, udp              []int // fixed host ports
}

// space is what an instance has left; tcp and udp are taken, not free.
type space struct {
	memory, cpu, gpu, eni int
	tcp, udp              []int
}

func (s space) clone() space {
	s.tcp, s.udp = slices.Clone(s.tcp), slices.Clone(s.udp)
	return s
}

func (s *space) take(n need) {
	s.memory, s.cpu, s.gpu, s.eni = s.memory-n.memory, s.cpu-n.cpu, s.gpu-n.gpu, s.eni-n.eni
	s.tcp, s.udp = append(s.tcp, n.tcp...), append(s.udp, n.udp...)
}

func (n need) in(s space) bool { return n.lacks(s) == "" }

// lacks is the first thing that s has too little of, in the order in which ECS's service
// events name it.
func (n need) lacks(s space) RoomReason {
	switch {
	case n.memory > s.memory && n.memory > 0:
		return LacksMemory
	case n.cpu > s.cpu && n.cpu > 0:
		return LacksCPU
	case n.gpu > s.gpu && n.gpu > 0:
		return LacksGPU
	case overlap(n.tcp, s.tcp), overlap(n.udp, s.udp):
		return LacksPort
	case n.eni > s.eni && n.eni > 0:
		return LacksENI
	}
	return ""
}

func overlap(a, b []int) bool {
	return slices.ContainsFunc(a, func(p int) bool { return slices.Contains(b, p) })
}

// bin is an instance that may take copies.
type bin struct {
	peer  Peer
	free  space
	full  space // as it was registered, for the room that a machine of its kind has
	back  Freed // what tasks that are stopping there will give back
	doubt RoomReason
	eni   RoomReason // why its free interfaces are not known
}

// noLimit is more of anything than an instance has.
const noLimit = 1 << 40

// ephemeralFrom is the first port that bridge mode may hand out by itself, as Linux and
// Docker do: whether a fixed port above it is free is not known.
const ephemeralFrom = 32768

func newPuzzle(s Snapshot, force bool) *puzzle {
	p := &puzzle{s: s, force: force, known: map[*demand]*cells{}}
	p.fillBins()
	tasks, _ := s.Tasks.Get()
	services, ok := s.Services.Get()
	if !ok {
		return p // red already (A12), and nothing to say of services that nobody can name
	}
	live := slices.DeleteFunc(slices.Clone(tasks), Task.Stopped)
	for name, i := range impacts(live, services) {
		if v := services[name]; v.Scheduling != "DAEMON" && i.Here > 0 {
			p.here = append(p.here, p.leaving(v, i, live))
		}
	}
	slices.SortFunc(p.here, func(a, b *demand) int { return cmp.Compare(a.name, b.name) })
	p.all = slices.Clone(p.here)
	others, ok := s.Others.Get()
	for _, v := range others {
		p.elsewhere(v)
	}
	p.draining()
	if !ok {
		u := s.Others.Why()
		u.Fact = "others"
		p.rivals = doubt{why: UnsureFacts, missing: []Unknown{u}}
	}
	return p
}

func (d *demand) lack(u Unknown) {
	if d.unsure == "" || d.unsure == UnsureFacts {
		d.unsure = UnsureFacts
		d.missing = append(d.missing, u)
	}
}

func (d *demand) doubt(why RoomReason, detail string) {
	if d.unsure == "" {
		d.unsure, d.detail = why, detail
	}
}

// leaving is a service with tasks on the target: what it wants, less what it has elsewhere.
func (p *puzzle) leaving(v Service, i ServiceImpact, tasks []Task) *demand {
	running, pending := 0, 0
	for _, t := range tasks {
		if t.Service == v.Name && t.Class != Standalone && t.DesiredStatus == "RUNNING" {
			if t.LastStatus == "RUNNING" {
				running++
			} else {
				pending++
			}
		}
	}
	elsewhere := max(0, v.Running-running)
	d := &demand{name: v.Name, service: v, stuck: i.stuck(),
		upper: max(0, v.Desired-elsewhere), lower: max(0, v.Desired-elsewhere-max(0, v.Pending-pending))}
	d.waves = (i.Here + max(i.MayStart, i.MayStop, 1) - 1) / max(i.MayStart, i.MayStop, 1)
	if p.force {
		d.waves = 1
	}
	if v.Deployments > 1 || v.Rollout == "IN_PROGRESS" || v.Deployments == 0 {
		d.doubt(UnsureDeployment, "")
	}
	if d.upper > 0 && v.Running+v.Pending > v.Desired {
		d.doubt(UnsureSurplus, "")
	}
	p.size(d)
	if d.distinct {
		p.hosts(d)
	}
	if !p.s.Peers.known {
		u := p.s.Peers.Why()
		u.Fact = "peers"
		d.lack(u)
	}
	return d
}

// elsewhere is a service without tasks on the target that is not where it wants to be: it
// competes for room, or gives some back.
func (p *puzzle) elsewhere(v Service) {
	if v.Running+v.Pending > v.Desired {
		p.shrinking = true
	}
	want := max(0, v.Desired-v.Running)
	if v.Deployments > 1 || v.Rollout == "IN_PROGRESS" {
		want = v.Desired // every copy may be replaced, before the old one goes
	}
	if want == 0 {
		return
	}
	d := &demand{name: v.Name, service: v, upper: want}
	p.size(d)
	if d.unsure != "" { // what competes, and for how much, is not known
		p.rivals = doubt{why: UnsureRival, detail: d.name, missing: d.missing}
		return
	}
	p.all = append(p.all, d)
}

// size is what one copy of the service takes, by its current task definition, and what it
// asks of its instance.
func (p *puzzle) size(d *demand) {
	defs, ok := p.s.TaskDefinitions.Get()
	def, found := defs[d.service.TaskDefinition]
	if !ok || !found {
		u := Unknown{Fact: "task_definitions", Call: "ecs:DescribeTaskDefinition", Reason: "not read"}
		if !ok {
			u = p.s.TaskDefinitions.Why()
			u.Fact = "task_definitions"
		}
		d.lack(u)
		return
	}
	d.need = need{memory: def.Memory, cpu: def.CPU, gpu: def.GPUs, tcp: def.TCP, udp: def.UDP}
	d.requires = def.Requires
	for _, e := range slices.Concat(def.MemberOf, d.service.Placement) {
		if strings.EqualFold(e, "distinctInstance") {
			d.distinct = true
			continue
		}
		d.exprs = append(d.exprs, parseExpression(e))
	}
	if def.NetworkMode == "awsvpc" {
		d.need.eni = 1
		p.subnets(d)
	}
	switch {
	case def.Odd != "":
		d.doubt(UnsureDefinition, def.Odd)
	case d.service.ManagedVolumes:
		d.doubt(UnsureVolumes, "")
	}
	p.launch(d)
}

// launch: a capacity provider of Managed Instances brings its own machines; which, and how
// large, AWS decides.
func (p *puzzle) launch(d *demand) {
	providers, _ := p.s.Providers.Get()
	own, _ := p.s.CapacityProvider.Get() // the target's, which a cluster's list of providers may leave out
	for _, share := range d.service.Strategy {
		if providers[share.Provider].Type == managedInstances || own.Name == share.Provider && own.Type == managedInstances {
			d.doubt(UnsureManaged, share.Provider)
		}
	}
}

// hosts reads where a service with distinctInstance has tasks already.
func (p *puzzle) hosts(d *demand) {
	all, ok := p.s.Hosts.Get()
	on, listed := all[d.name]
	if d.hostsOK = ok && listed; !d.hostsOK {
		u := p.s.Hosts.Why()
		u.Fact = "hosts"
		d.lack(u)
		return
	}
	d.hosts = map[InstanceARN]bool{}
	for _, arn := range on {
		d.hosts[arn] = true
	}
}

// subnets finds the zones of an awsvpc service's subnets, by the instances that are in the
// same ones.
func (p *puzzle) subnets(d *demand) {
	zone := map[string]string{}
	peers, _ := p.s.Peers.Get()
	for _, o := range peers {
		if o.Subnet != "" {
			zone[o.Subnet] = o.AZ
		}
	}
	for _, subnet := range d.service.Subnets {
		if az, ok := zone[subnet]; ok {
			d.zones = append(d.zones, az)
		} else {
			d.anyZone = true
		}
	}
	if len(d.service.Subnets) == 0 {
		d.anyZone = true
	}
}

// fillBins takes the other instances that are ACTIVE, or may be soon.
func (p *puzzle) fillBins() {
	peers, _ := p.s.Peers.Get()
	states, statesKnown := p.s.Lifecycles.Get()
	cards, cardsKnown := p.s.Interfaces.Get()
	stopping, _ := p.s.Stopping.Get()
	for _, o := range peers {
		if o.Status != "ACTIVE" && o.Status != "REGISTERING" || !o.AgentConnected || externalID(o.EC2) {
			continue
		}
		p.ready = p.ready || o.Status == "ACTIVE"
		b := bin{peer: o, back: stopping.Freed[o.Instance],
			free: space{memory: o.Free.Memory, cpu: o.Free.CPU, gpu: o.Free.GPUs, tcp: o.Free.TCP, udp: o.Free.UDP, eni: noLimit},
			full: space{memory: o.Registered.Memory, cpu: o.Registered.CPU, gpu: o.Registered.GPUs, tcp: o.Registered.TCP, udp: o.Registered.UDP, eni: noLimit}}
		state := states[o.EC2]
		switch {
		case o.Status != "ACTIVE":
			b.doubt = UnsurePlacement
		case !statesKnown:
			b.doubt = UnsureFacts
		case state != "" && state != "InService":
			b.doubt = UnsureLeaving
		}
		card, ok := cards[o.EC2]
		switch {
		case o.Trunk:
			b.eni = UnsureTrunking
		case !cardsKnown || !ok || card.Most == 0:
			b.eni = UnsureFacts
		default: // an interface of a task that is being placed is not attached yet
			b.free.eni, b.full.eni = card.Most-card.Used-o.Pending, card.Most-1
		}
		p.bins = append(p.bins, b)
	}
}
