package words

import (
	"fmt"
	"slices"

	"ecsbot/ecsops"
)

// spot is A3: what an interruption means, from what can be read of it.
func spot(f ecsops.Finding) Explanation {
	what := ""
	if len(f.Names) > 0 {
		what = f.Names[0]
	}
	verb := "terminates"
	if slices.Contains(f.Names, "stops") {
		verb = "stops"
	}
	switch what {
	case ecsops.SpotAnnounced:
		e := Explanation{Title: "A Spot interruption is announced", Detail: fmt.Sprintf("EC2 %s this machine %s after its notice of %s", verb, Duration(f.Limit), Time(f.Since))}
		if !f.Since.IsZero() {
			e.Detail += ", at about " + Time(f.Since.Add(f.Limit))
		}
		if len(f.Services) > 0 {
			e.Detail += "; " + each(f.Services, func(s ecsops.ServiceImpact) string {
				return fmt.Sprintf("service %s must start its %s before it stops one (minimum %d %%), so its drain cannot end in time", Quote(s.Service), copies(s.Here), s.MinPercent)
			})
		} else if f.Duration > f.Limit {
			e.Detail += "; a drain may take " + Duration(f.Duration)
		}
		e.WayOut = "Drain now: what moves before then is not cut off. The rest ends with the machine, and its services start copies."
		return e
	case ecsops.SpotInterrupted:
		return Explanation{"Interrupted Spot instance", "EC2 is taking this machine away, or has: what ran there ends with it.",
			"Wait: while its agent is connected, ECS deregisters a terminated machine by itself."}
	case ecsops.SpotDrains:
		return Explanation{"A Spot instance that drains already", "Perhaps its own agent began it: it does so on EC2's notice of two minutes (ECS_ENABLE_SPOT_INSTANCE_DRAINING). EC2 tells of no interruption yet.",
			"Watch it: the bot looks, and deregisters once nothing runs there."}
	}
	e := Explanation{"Spot instance", "AWS may reclaim it with two minutes' notice, in the middle of a drain.",
		"Drain soon: what has moved before is not cut off."}
	if what == ecsops.SpotQuiet {
		e.Detail += " No interruption is announced; a rebalance recommendation, which may come earlier, is told to the machine alone."
	}
	return e
}

// copies counts them: "copy", "3 copies".
func copies(n int) string {
	if n == 1 {
		return "copy"
	}
	return fmt.Sprintf("%d copies", n)
}
