package ecsops

import "slices"

// RoomVerdict says whether a service's copies find a place when the instance leaves.
type RoomVerdict string

// Room verdicts. RoomFits is a promise: as things are, every copy finds a place in any
// order and under any placement strategy. What fits only if it is packed well is
// RoomUnknown.
const (
	RoomFits     RoomVerdict = "fits"
	RoomScaleOut RoomVerdict = "fits_after_scale_out"
	RoomWontFit  RoomVerdict = "wont_fit"
	RoomBlocked  RoomVerdict = "blocked_by_percent"
	RoomUnknown  RoomVerdict = "unknown"
)

// RoomReason is why a verdict is not RoomFits.
type RoomReason string

// Reasons. The first block is what instances lack (of the closest ones, as ECS's own
// events have it); the second is why nobody can tell.
const (
	LacksInstances  RoomReason = "no_instances" // none ACTIVE with its agent connected
	LacksProvider   RoomReason = "capacity_provider"
	LacksAttribute  RoomReason = "attribute"
	LacksConstraint RoomReason = "constraint"
	LacksZone       RoomReason = "zone"
	LacksDistinct   RoomReason = "distinct_instance"
	LacksMemory     RoomReason = "memory"
	LacksCPU        RoomReason = "cpu"
	LacksGPU        RoomReason = "gpu"
	LacksPort       RoomReason = "port"
	LacksENI        RoomReason = "network_interface"

	UnsureTight      RoomReason = "tight"      // fits only if placed well
	UnsureStopping   RoomReason = "stopping"   // room comes once tasks that are stopping have ended
	UnsureShrinking  RoomReason = "shrinking"  // another service is giving room back
	UnsureSurplus    RoomReason = "surplus"    // of the service itself: which of its tasks go first is not known
	UnsureDeployment RoomReason = "deployment" // of the service itself
	UnsureDefinition RoomReason = "definition" // asks for something that is not modelled
	UnsureVolumes    RoomReason = "volumes"    // EBS volumes that ECS attaches
	UnsureManaged    RoomReason = "managed_instances"
	UnsureConstraint RoomReason = "constraint_unread" // an expression that only ECS can evaluate
	UnsureTrunking   RoomReason = "trunking"          // ENI trunking: its limits are in no API
	UnsureLeaving    RoomReason = "leaving"           // the only instances left are leaving their group
	UnsureLaunch     RoomReason = "launch"            // an Auto Scaling group may bring new instances in time
	UnsureFacts      RoomReason = "facts"             // Missing says which
	UnsureDraining   RoomReason = "draining"          // another instance is draining: its tasks want room too
	UnsureRival      RoomReason = "rival"             // a service elsewhere wants room, and nobody can tell how much
	UnsurePlacement  RoomReason = "placement"         // launch type, subnets or ports that may or may not do
)

// Room is what the capacity simulation says of one service with tasks on the target.
type Room struct {
	Service  string      `json:"service"`
	Verdict  RoomVerdict `json:"verdict"`
	Why      RoomReason  `json:"why,omitempty"`
	Detail   string      `json:"detail,omitempty"`   // expression or name that Why is about
	Copies   int         `json:"copies"`             // that must find a place elsewhere
	Most     int         `json:"most,omitempty"`     // RoomWontFit: how many of them find one at best
	Places   int         `json:"places,omitempty"`   // instances with room for a copy now
	Waves    int         `json:"waves,omitempty"`    // steps that the percentages need, roughly
	Landing  []Landing   `json:"landing,omitempty"`  // where a scheduler that spreads would put them: one possibility
	Provider string      `json:"provider,omitempty"` // RoomScaleOut: whose group launches
	New      int         `json:"new,omitempty"`      // RoomScaleOut: instances to launch, at most
	Missing  []Unknown   `json:"missing,omitempty"`
}

// Landing is how many copies one instance would take.
type Landing struct {
	EC2      EC2ID       `json:"ec2_id"`
	Instance InstanceARN `json:"instance"`
	AZ       string      `json:"az,omitempty"`
	Copies   int         `json:"copies"`
}

// Rooms simulates where the replicas on the target go once it takes none any more: one
// Room for each replica service with a task there, by name. It is pure and deterministic.
// force leaves the percentages out of account, as a forced deregistration does. Facts that
// it lacks make RoomUnknown, never RoomFits.
//
// How RoomFits is proven: demand only ever takes room, so a copy finds a place if the
// instances with room for it outnumber those that all other copies together could fill up
// first, however they are placed. RoomWontFit: even alone, with what stopping tasks will
// give back, the service does not get all its copies placed.
func Rooms(s Snapshot, force bool) []Room {
	p := newPuzzle(s, force)
	out := make([]Room, 0, len(p.here))
	for _, d := range p.here {
		out = append(out, p.judge(d))
	}
	p.scaleOut(out)
	p.land(out)
	return out
}

// judge gives one service its verdict; scale-out is looked at afterwards.
func (p *puzzle) judge(d *demand) Room {
	r := Room{Service: d.name, Copies: d.upper, Waves: d.waves}
	switch {
	case d.stuck && !p.force:
		r.Verdict, r.Waves = RoomBlocked, 0
		return r
	case d.unsure != "":
		r.Verdict, r.Why, r.Detail, r.Missing = RoomUnknown, d.unsure, d.detail, d.missing
		return r
	case d.upper == 0 && p.rivals.why == UnsureDraining: // what it has elsewhere may be leaving too
		r.Verdict, r.Why, r.Detail = RoomUnknown, p.rivals.why, p.rivals.detail
		return r
	case d.upper == 0:
		r.Verdict = RoomFits
		return r
	}
	cells := p.cells(d)
	r.Places = cells.sure()
	fits := p.safe(d, cells)
	if fits && p.rivals.why == "" {
		r.Verdict = RoomFits
		return r
	}
	r.Verdict, r.Why, r.Detail = RoomUnknown, UnsureTight, ""
	if most := p.atBest(d, cells, false); most < d.lower {
		r.Verdict, r.Most = RoomWontFit, most
		r.Why, r.Detail = cells.obstacle()
		switch {
		case p.atBest(d, cells, true) >= d.lower:
			r.Verdict, r.Why, r.Detail = RoomUnknown, UnsureStopping, ""
		case p.shrinking:
			r.Verdict, r.Why, r.Detail = RoomUnknown, UnsureShrinking, ""
		}
		return r
	}
	if fits {
		r.Why, r.Detail, r.Missing = p.rivals.why, p.rivals.detail, p.rivals.missing
	} else if why, detail, missing := cells.doubt(p); why != "" {
		r.Why, r.Detail, r.Missing = why, detail, missing
	}
	return r
}

// land says where copies would go if every placement spread over zones first and took the
// instance with most memory free: largest first, on what surely has room.
func (p *puzzle) land(rooms []Room) {
	order := make([]int, len(rooms))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return p.here[b].need.memory - p.here[a].need.memory })
	free := make([]space, len(p.bins))
	for b := range p.bins {
		free[b] = p.bins[b].free.clone()
	}
	for _, i := range order {
		if r := &rooms[i]; r.Verdict == RoomFits || r.Verdict == RoomUnknown && r.Why == UnsureTight {
			r.Landing = p.landOne(p.here[i], free)
		}
	}
}

func (p *puzzle) landOne(d *demand, free []space) []Landing {
	cells := p.cells(d)
	taken, zones := map[int]int{}, map[string]int{}
	for range d.upper {
		best := -1
		for b := range p.bins {
			if cells.state[b] != yes || !d.need.in(free[b]) || d.distinct && taken[b] > 0 {
				continue
			}
			if best < 0 || zones[p.bins[b].peer.AZ] < zones[p.bins[best].peer.AZ] ||
				zones[p.bins[b].peer.AZ] == zones[p.bins[best].peer.AZ] && free[b].memory > free[best].memory {
				best = b
			}
		}
		if best < 0 {
			break
		}
		free[best].take(d.need)
		taken[best]++
		zones[p.bins[best].peer.AZ]++
	}
	var out []Landing
	for b := range p.bins {
		if n := taken[b]; n > 0 {
			peer := p.bins[b].peer
			out = append(out, Landing{EC2: peer.EC2, Instance: peer.Instance, AZ: peer.AZ, Copies: n})
		}
	}
	return out
}
