package words

import (
	"fmt"
	"maps"
	"slices"

	"ecsbot/ecsops"
)

// Loss is what a cluster loses with the instance, and what is left; "" where that is not known.
func Loss(p ecsops.Plan) string {
	l, ok := p.Loss()
	if !ok {
		return ""
	}
	s := fmt.Sprintf("The cluster loses %s, %d %% of what takes tasks. ", size(l.CPU, l.Memory), l.Percent)
	if l.Left == 0 {
		return s + "No other instance takes tasks."
	}
	var zones []string
	for _, az := range slices.Sorted(maps.Keys(l.Zones)) {
		zones = append(zones, fmt.Sprintf("%d in %s", l.Zones[az], orElse(Quote(az), "an unknown zone")))
	}
	s += plural(l.Left, "1 other instance takes tasks", Count(l.Left, "other instance")+" take tasks") + ": " + Some(zones, namesShown)
	if l.Provider != "" {
		s += fmt.Sprintf("; %d of them of capacity provider %s", l.OfProvider, Quote(l.Provider))
	}
	return s + "."
}

// OrphansHold is what a force's orphans go on using; "" where that is not known.
func OrphansHold(p ecsops.Plan) string {
	cpu, memory, ok := p.OrphansHold()
	if !ok {
		return ""
	}
	return "They keep the " + size(cpu, memory) + " that they were given there."
}

func size(cpu, memory int) string { return fmt.Sprintf("%d CPU units and %d MiB", cpu, memory) }
