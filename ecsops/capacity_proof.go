package ecsops

import (
	"cmp"
	"slices"
)

// safe proves that every copy of d finds a place whatever the others do. A service with
// several capacity providers may be sent to any of them, so each must do by itself.
func (p *puzzle) safe(d *demand, c *cells) bool {
	groups := [][]int{nil}
	if len(d.service.Strategy) > 0 {
		groups = nil
		for _, share := range d.service.Strategy {
			if share.Base+share.Weight == 0 {
				continue
			}
			var own []int
			for b := range p.bins {
				if c.state[b] == yes && p.bins[b].peer.CapacityProvider == share.Provider {
					own = append(own, b)
				}
			}
			groups = append(groups, own)
		}
	} else {
		for b := range p.bins {
			if c.state[b] == yes {
				groups[0] = append(groups[0], b)
			}
		}
	}
	return len(groups) > 0 && !slices.ContainsFunc(groups, func(g []int) bool { return !p.outlasts(d, g) })
}

// amount is how many items of one size there are.
type amount struct{ size, count int }

// rivals are the copies that may be placed before the last one of d: all others of all
// services, and d's own. dims are their sizes, largest first; n is how many they are.
type rivals struct {
	dims  [4][]amount
	n     int
	total [4]int
}

func (n need) dims() [4]int  { return [4]int{n.memory, n.cpu, n.gpu, n.eni} }
func (s space) dims() [4]int { return [4]int{s.memory, s.cpu, s.gpu, s.eni} }

// outlasts: the rivals can fill up fewer of the instances than there are. An instance is
// filled up once too little is left of one thing. How many that can be is bounded from
// above in two ways, and the lower bound counts: by how many rivals each instance takes,
// and by how much of each thing the rivals take together.
func (p *puzzle) outlasts(d *demand, group []int) bool {
	if len(group) == 0 {
		return false
	}
	var costs []int // rivals that it takes to fill an instance
	var slack [4][]int
	blockers := 0 // rivals that close an instance to d by being there: same port, same service with distinctInstance
	every := p.rivalsOf(d, -1)
	byKind := map[int]*rivals{}
	for _, o := range p.all {
		if n := o.upper - same(o, d); n > 0 && (d.distinct && o == d || overlap(o.need.tcp, d.need.tcp) || overlap(o.need.udp, d.need.udp)) {
			blockers += n
		}
	}
	for _, b := range group {
		r := byKind[p.kinds()[b]]
		if r == nil {
			r = p.rivalsOf(d, b)
			byKind[p.kinds()[b]] = r
		}
		own, cost := p.bins[b].free.dims(), noLimit
		for dim, want := range d.need.dims() {
			if want == 0 {
				continue
			}
			over := own[dim] - want + 1 // so much must others take
			if over > r.total[dim] {
				continue
			}
			cost = min(cost, fewest(r.dims[dim], over))
			slack[dim] = append(slack[dim], over)
		}
		if cost == noLimit && blockers == 0 {
			return true // nothing fills this one
		}
		costs = append(costs, cost)
	}
	slices.Sort(costs)
	filled := min(blockers, len(costs))
	rest := costs[:len(costs)-filled] // a blocker is best spent where most would be needed
	byCount := filled + affordable(rest, every.n-filled)
	byAmount := blockers
	for dim := range slack {
		slices.Sort(slack[dim])
		byAmount += affordable(slack[dim], every.total[dim])
	}
	return min(byCount, byAmount) < len(group) || p.exhaust(d, group)
}

func same(o, d *demand) int {
	if o == d {
		return 1
	}
	return 0
}

// rivalsOf gathers the rivals that may be placed on bin b; -1 means anywhere.
func (p *puzzle) rivalsOf(d *demand, b int) *rivals {
	r := &rivals{}
	for _, o := range p.all {
		n := o.upper - same(o, d)
		if n <= 0 || b >= 0 && p.cells(o).may[b] == no {
			continue
		}
		if o.distinct && b >= 0 {
			n = 1
		}
		r.n += n
		for dim, size := range o.need.dims() {
			if size > 0 {
				r.dims[dim] = append(r.dims[dim], amount{size, n})
				r.total[dim] += size * n
			}
		}
	}
	for dim := range r.dims {
		slices.SortFunc(r.dims[dim], func(a, b amount) int { return cmp.Compare(b.size, a.size) })
	}
	return r
}

// kinds numbers the bins so that those with the same number may take the same services'
// copies: what is known of one's rivals is known of all.
func (p *puzzle) kinds() []int {
	if p.kind != nil || len(p.bins) == 0 {
		return p.kind
	}
	numbers := map[string]int{}
	key := make([]byte, len(p.all))
	p.kind = make([]int, len(p.bins))
	for b := range p.bins {
		for i, o := range p.all {
			key[i] = byte(min(p.cells(o).may[b], 1))
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = len(numbers)
			numbers[string(key)] = n
		}
		p.kind[b] = n
	}
	return p.kind
}

// fewest is how many items it takes, largest first, to reach at least so much.
func fewest(items []amount, much int) int {
	n := 0
	for _, i := range items {
		if all := i.size * i.count; all < much {
			n, much = n+i.count, much-all
			continue
		}
		return n + (much+i.size-1)/i.size
	}
	return noLimit
}

// affordable is how many of the sorted prices fit into a purse.
func affordable(prices []int, purse int) int {
	for n, price := range prices {
		if purse -= price; purse < 0 {
			return n
		}
	}
	return len(prices)
}

// atBest is how many copies of d could be placed if nothing else took room. later adds
// what tasks that are stopping will give back.
func (p *puzzle) atBest(d *demand, c *cells, later bool) int {
	n := 0
	for b := range p.bins {
		back := p.bins[b].back
		if c.may[b] == no && (!later || !back.Any || c.lacks[b] != LacksDistinct) {
			continue
		}
		room := p.bins[b].free
		if later {
			room = back.addTo(room, p.bins[b].full)
		}
		n += d.slots(room)
	}
	return n
}

// slots is how many copies alone fit into that much room.
func (d *demand) slots(room space) int {
	most, have := d.upper, room.dims()
	for dim, want := range d.need.dims() {
		if want > 0 {
			most = min(most, max(0, have[dim])/want)
		}
	}
	if overlap(d.need.tcp, room.tcp) || overlap(d.need.udp, room.udp) {
		return 0
	}
	if d.distinct || len(d.need.tcp)+len(d.need.udp) > 0 {
		return min(most, 1)
	}
	return most
}
