package ecsops

import (
	"slices"
)

// certainty is a truth value with room for what cannot be known.
type certainty uint8

const (
	no certainty = iota
	maybe
	yes
)

// cells say of one service which instances may take a copy of it. state is about now, free
// room included; may leaves the room out: what could ever be put there, for what competes.
type cells struct {
	d     *demand
	bins  []bin
	state []certainty
	may   []certainty
	lacks []RoomReason // of a no: what; of a maybe: why it is in doubt
	words []string     // its detail
}

func (p *puzzle) cells(d *demand) *cells {
	if c := p.known[d]; c != nil {
		return c
	}
	c := &cells{d: d, bins: p.bins, state: make([]certainty, len(p.bins)), may: make([]certainty, len(p.bins)),
		lacks: make([]RoomReason, len(p.bins)), words: make([]string, len(p.bins))}
	for b := range p.bins {
		is, why, detail := p.allowed(d, p.bins[b])
		c.may[b], c.state[b], c.lacks[b], c.words[b] = is, is, why, detail
		if is == no {
			continue
		}
		if short := d.need.lacks(p.bins[b].free); short != "" {
			c.state[b], c.lacks[b], c.words[b] = no, short, ""
			continue
		}
		if d.need.eni > 0 && p.bins[b].eni != "" && is == yes {
			c.state[b], c.lacks[b] = maybe, p.bins[b].eni
		}
		if slices.ContainsFunc(slices.Concat(d.need.tcp, d.need.udp), func(port int) bool { return port >= ephemeralFrom }) && is == yes {
			c.state[b], c.lacks[b] = maybe, UnsurePlacement
		}
	}
	p.known[d] = c
	return c
}

// allowed judges everything but the room that is left.
func (p *puzzle) allowed(d *demand, b bin) (certainty, RoomReason, string) {
	is, why, detail := yes, RoomReason(""), ""
	and := func(v certainty, reason RoomReason, about string) {
		if v < is {
			is, why, detail = v, reason, about
		}
	}
	if b.doubt != "" {
		and(maybe, b.doubt, "")
	}
	v, reason := provided(d.service, b.peer)
	if v == no {
		return no, LacksProvider, ""
	}
	and(v, reason, "")
	for _, a := range d.requires {
		if slices.Contains(b.peer.Lacks, a.String()) {
			return no, LacksAttribute, a.String()
		}
	}
	for _, e := range d.exprs {
		switch v := e.on(b.peer); v {
		case no:
			return no, LacksConstraint, e.text
		case maybe:
			and(maybe, UnsureConstraint, e.text)
		}
	}
	if d.need.eni > 0 && !slices.Contains(d.zones, b.peer.AZ) {
		if !d.anyZone {
			return no, LacksZone, ""
		}
		and(maybe, UnsurePlacement, "")
	}
	if d.distinct && d.hosts[b.peer.Instance] {
		return no, LacksDistinct, ""
	}
	return is, why, detail
}

// provided: a service with a strategy uses its providers' instances alone, one of launch
// type EC2 every one.
func provided(s Service, o Peer) (certainty, RoomReason) {
	if len(s.Strategy) == 0 {
		if s.LaunchType == "EC2" {
			return yes, ""
		}
		return maybe, UnsurePlacement
	}
	for _, share := range s.Strategy {
		if share.Provider == o.CapacityProvider && o.CapacityProvider != "" {
			if share.Base+share.Weight == 0 {
				return maybe, UnsurePlacement
			}
			return yes, ""
		}
	}
	return no, LacksProvider
}

// sure counts the instances that surely take a copy now.
func (c *cells) sure() int {
	n := 0
	for _, s := range c.state {
		if s == yes {
			n++
		}
	}
	return n
}

// closeness orders what instances lack as ECS does: the closest one failed last.
var closeness = []RoomReason{LacksProvider, LacksAttribute, LacksConstraint, LacksZone, LacksDistinct, LacksMemory, LacksCPU, LacksGPU, LacksPort, LacksENI}

// obstacle is what the closest instances lack.
func (c *cells) obstacle() (RoomReason, string) {
	best, detail := LacksInstances, ""
	rank := -1
	for b, why := range c.lacks {
		at := slices.Index(closeness, why)
		if c.state[b] == no && at > rank {
			best, detail, rank = why, c.words[b], at
		}
	}
	if rank < 0 && len(c.bins) > 0 { // each has room for one, and not for all
		return c.scarce(), ""
	}
	return best, detail
}

// scarce is what runs out first where there is room for some copies.
func (c *cells) scarce() RoomReason {
	count := map[RoomReason]int{}
	for b := range c.bins {
		if c.state[b] == no {
			continue
		}
		if c.d.distinct {
			return LacksDistinct
		}
		left := c.bins[b].free.clone()
		for range c.d.upper + 1 {
			if why := c.d.need.lacks(left); why != "" {
				count[why]++
				break
			}
			left.take(c.d.need)
		}
	}
	best := LacksMemory
	for _, why := range closeness {
		if count[why] > count[best] {
			best = why
		}
	}
	return best
}

// doubt is what keeps the verdict open, when it is not just that the room is tight: with
// every maybe a yes the copies would fit.
func (c *cells) doubt(p *puzzle) (RoomReason, string, []Unknown) {
	bold := &cells{d: c.d, bins: c.bins, state: slices.Clone(c.state), may: c.may}
	count, words := map[RoomReason]int{}, map[RoomReason]string{}
	for b, s := range c.state {
		if s != maybe {
			continue
		}
		bold.state[b] = yes
		count[c.lacks[b]]++
		words[c.lacks[b]] = c.words[b]
	}
	if len(count) == 0 || !p.safe(c.d, bold) {
		return "", "", nil
	}
	var most RoomReason
	for _, why := range []RoomReason{UnsureFacts, UnsureConstraint, UnsureTrunking, UnsureLeaving, UnsurePlacement} {
		if count[why] > count[most] {
			most = why
		}
	}
	var missing []Unknown
	if most == UnsureFacts {
		missing = p.missingOf(c.d)
	}
	return most, words[most], missing
}

// missingOf are the facts about instances that this service's verdict lacks.
func (p *puzzle) missingOf(d *demand) []Unknown {
	var out []Unknown
	add := func(name string, known bool, u Unknown) {
		if !known {
			u.Fact = name
			out = append(out, u)
		}
	}
	add("lifecycles", p.s.Lifecycles.known, p.s.Lifecycles.Why())
	if d.need.eni > 0 {
		add("interfaces", p.s.Interfaces.known, p.s.Interfaces.Why())
	}
	return out
}
