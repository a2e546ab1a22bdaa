package ecsops

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Weigh splits what differs between the plan that a person saw and the one of now: worse asks
// for a new decision, eased only takes away from what was decided on, as tasks end while people
// read. Nothing is eased when the plan goes another way, or when it says of something red that
// it was not shown.
func Weigh(shown, now Plan) (worse, eased []Change) {
	changes := append(Diff(shown, now), unshown(shown, now)...)
	if shown.Path != now.Path && len(changes) == 0 {
		changes = []Change{{What: "path", Before: string(shown.Path), After: string(now.Path)}}
	}
	if !sameWay(shown, now) {
		return changes, nil
	}
	for _, c := range changes {
		if c.eases() {
			eased = append(eased, c)
		} else {
			worse = append(worse, c)
		}
	}
	if len(worse) > 0 { // they are asked about together
		return changes, nil
	}
	return nil, eased
}

// eases reports whether a difference takes something away that was decided on, and puts nothing
// in its place. What was not known before takes nothing away.
func (c Change) eases() bool {
	if c.Before == "" {
		return c.What == "rule" && c.Name == string(RuleEmpty) // it says no more than that the last task ended
	}
	switch c.What {
	case "service":
		return fewer(c.Before, c.After)
	case "standalone": // it ended, or somebody stops it
		return c.Before != unknownValue && (c.After == "" || c.After == "STOPPED")
	case "protected":
		return c.Before != unknownValue && c.After == ""
	case "rule":
		return c.After == ""
	}
	return false
}

// fewer reports whether of a service's tasks there are less, and all else is as it was. A
// service without any is not listed.
func fewer(before, after string) bool {
	had, wants, ok := cutHere(before)
	if !ok {
		return false
	}
	if after == "" {
		return true
	}
	has, still, ok := cutHere(after)
	return ok && has <= had && still == wants
}

// cutHere takes the tasks here off what taskBasis says of a service.
func cutHere(value string) (here int, rest string, ok bool) {
	counted, rest, _ := strings.Cut(strings.TrimPrefix(value, hereIs), " ")
	here, err := strconv.Atoi(counted)
	return here, rest, err == nil && strings.HasPrefix(value, hereIs)
}

// sameWay reports whether the same is done, in the same order. A task that was to be stopped
// may have ended.
func sameWay(shown, now Plan) bool {
	return shown.Path == now.Path && slices.EqualFunc(acts(shown), acts(now), func(a, b Step) bool {
		return a.Kind == b.Kind && a.Terminate == b.Terminate && a.Group == b.Group
	})
}

func acts(p Plan) []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind == StepStopTasks })
}

// unshown are the risks that nobody saw: a finding that has become red, or a red one that now
// speaks of something else, too. That a rule is found at all Diff says; and which tasks.
func unshown(shown, now Plan) []Change {
	seen, all := subjects(shown), subjects(now)
	var out []Change
	for _, r := range slices.Sorted(maps.Keys(all)) {
		was, red := seen[r]
		switch {
		case !slices.ContainsFunc(shown.Findings, func(f Finding) bool { return f.Rule == r }):
		case !red:
			out = append(out, Change{What: "risk", Name: string(r), Before: string(Amber), After: string(Red)})
		default:
			for _, s := range all[r] {
				if !slices.Contains(was, s) {
					out = append(out, Change{What: "risk", Name: string(r), After: s})
				}
			}
		}
	}
	return out
}

// subjects are what a plan's red findings speak of, by rule; tasks, which the digest holds, are
// left out.
func subjects(p Plan) map[Rule][]string {
	out := map[Rule][]string{}
	for _, f := range p.Findings {
		if f.Severity.Rank() < Red.Rank() {
			continue
		}
		of := slices.Clone(f.Names)
		for _, s := range f.Services {
			of = append(of, s.Service)
		}
		for _, r := range f.Rooms {
			of = append(of, r.Service)
		}
		for _, g := range f.TargetGroups {
			of = append(of, g.Name)
		}
		for _, u := range f.Missing {
			of = append(of, u.Fact)
		}
		out[f.Rule] = sortedOnce(append(of, out[f.Rule]...))
	}
	return out
}
