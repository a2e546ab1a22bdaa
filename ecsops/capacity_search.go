package ecsops

// The bounds of outlasts are coarse where instances are few and copies nearly fill them.
// There every way of placing the rivals is tried, up to a limit.
const (
	searchBins   = 8
	searchCopies = 10
	searchStates = 4000
)

// search tries all placements of the copies on the group's instances.
type search struct {
	p     *puzzle
	d     *demand
	group []int
	left  []int   // of each demand in p.all
	on    [][]int // by instance of the group and demand: copies placed there
	free  []space
	seen  map[string]bool
}

// exhaust proves by trying everything that the last copy of d always finds a place on the
// group. False says that it may not, or that there is too much to try.
func (p *puzzle) exhaust(d *demand, group []int) bool {
	s := &search{p: p, d: d, group: group, seen: map[string]bool{}}
	copies := 0
	for _, o := range p.all {
		s.left = append(s.left, o.upper)
		copies += o.upper
	}
	if p.coarse || len(group) > searchBins || copies > searchCopies {
		return false
	}
	for _, b := range group {
		s.on, s.free = append(s.on, make([]int, len(p.all))), append(s.free, p.bins[b].free)
	}
	return s.always()
}

// always reports whether d, while it has copies left, finds a place in every state that can
// be reached from this one.
func (s *search) always() bool {
	key := s.key()
	if s.seen[key] {
		return true // it has been looked at, or is being
	}
	if len(s.seen) >= searchStates {
		return false
	}
	s.seen[key] = true
	if s.left[s.index(s.d)] > 0 && !s.place(s.d) {
		return false
	}
	for i, o := range s.p.all {
		for g, b := range s.group {
			if s.left[i] == 0 || !s.takes(o, i, g) || s.p.cells(o).may[b] == no {
				continue
			}
			was := s.free[g]
			s.free[g] = was.clone()
			s.free[g].take(o.need)
			s.left[i]--
			s.on[g][i]++
			ok := s.always()
			s.free[g] = was
			s.left[i]++
			s.on[g][i]--
			if !ok {
				return false
			}
		}
	}
	return true
}

func (s *search) index(d *demand) int {
	for i, o := range s.p.all {
		if o == d {
			return i
		}
	}
	return 0 // cannot be: d is among them
}

func (s *search) takes(o *demand, i, g int) bool {
	return o.need.in(s.free[g]) && (!o.distinct || s.on[g][i] == 0)
}

// place reports whether some instance of the group has room for d.
func (s *search) place(d *demand) bool {
	i := s.index(d)
	for g := range s.group {
		if s.takes(d, i, g) {
			return true
		}
	}
	return false
}

func (s *search) key() string {
	k := make([]byte, 0, len(s.group)*len(s.left))
	for _, on := range s.on {
		for _, n := range on {
			k = append(k, byte(n))
		}
	}
	return string(k)
}
