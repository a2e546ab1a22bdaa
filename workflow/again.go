package workflow

import (
	"slices"
	"time"

	"ecsbot/ecsops"
)

// What goes wrong for hours, or comes and goes, is tried and told ever less often: the log and
// the card's thread are read by people, and AWS's limits are shared with them.
const (
	// slowest is the most between two orders of which AWS took none.
	slowest = 10 * time.Minute
	// toldFor is how long a pause that comes back is not told anew.
	toldFor = time.Hour
	// toldKept bounds what is remembered; beyond it reasons alone are told apart.
	toldKept = 16
)

// inRow is since when the same order has been given again and again.
func inRow(last *Order, a ecsops.Action, now time.Time) time.Time {
	if last == nil || last.Action.Kind != a.Kind || last.Action.Task != a.Task || last.Outcome == nil || now.Sub(last.Outcome.At) > 2*slowest {
		return now
	}
	return last.begun()
}

// begun is when the row of the same orders began.
func (o Order) begun() time.Time {
	if o.Since.IsZero() { // stored by an earlier version
		return o.At
	}
	return o.Since
}

// growing is the wait before an order is given again, at least least: a quarter of the time
// that it has been tried for.
func (o Order) growing(least time.Duration) time.Duration {
	if least == 0 {
		return 0 // nobody said no
	}
	return max(least, min(slowest, o.Outcome.At.Sub(o.begun())/4))
}

// toldLately reports whether an event told of the same pause within the last hour.
func (d *draft) toldLately(b Block) bool {
	full := len(d.op.Told) >= toldKept
	return slices.ContainsFunc(d.op.Told, func(t Told) bool {
		return d.now.Sub(t.At) < toldFor && t.Reason == b.Reason && (full || t.Detail == b.Detail)
	})
}

// tellPause pauses, and says so.
func (d *draft) tellPause(b Block) {
	b.Untold = false
	var kept []Told
	for _, t := range d.op.Told {
		if d.now.Sub(t.At) < toldFor {
			kept = append(kept, t)
		}
	}
	kept = append(kept, Told{Reason: b.Reason, Detail: b.Detail, At: d.now})
	d.op.Told, d.op.Waits = kept[max(0, len(kept)-toldKept):], true
	d.op.Block = &b
	d.event(Event{Type: EvBlocked, Block: &b})
}
