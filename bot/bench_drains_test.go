package bot_test

import (
	"fmt"
	"testing"
	"time"

	"ecsbot/bot/figures"
)

const (
	drainsInFlight = 1000
	drainsFor      = 10 * time.Minute // of virtual time
	drainsTenth    = 1.0
	drainsUnseen   = 3 // intervals
)

// TestBenchDrains has a thousand drains in flight in one Region, whose service tasks move while a
// standalone task holds each machine. What is judged is the estate's own log, in virtual
// time: no machine makes it better or worse.
func TestBenchDrains(t *testing.T) {
	figures.Wanted(t)
	r := &report{before: figures.Load(t)}
	d := drainsEstate{clusters: 10, drains: drainsInFlight / 10, tasks: 6, rest: 10}
	got := manyDrains(t, d, drainsFor)
	what := fmt.Sprintf("%d drains in flight in one Region, %s: ", drainsInFlight, drainsFor)
	for _, name := range []string{"cluster resource read", "service read", "task protection"} {
		b := got.buckets[name]
		limit := documented[name].refill / 10
		r.judge(t, row{what + "calls of the bucket " + name + " against a tenth of it",
			fmt.Sprintf("%.2f/s", b.rate), fmt.Sprintf("%.0f/s", limit), fmt.Sprintf("%.2f", b.share), "≤ 1.00", b.share <= drainsTenth})
	}
	most := got.buckets["cluster resource read"].excess
	r.judge(t, row{"the same: most calls at any moment beyond a tenth of burst and refill", fmt.Sprintf("%.1f", most), "0", "", "≤ 1", most <= 1})
	r.judge(t, row{fmt.Sprintf("the same: longest that one was not looked at, against the interval of %d looks", got.looks),
		got.longest.Round(time.Second).String(), got.every.String(), fmt.Sprintf("%.1f", float64(got.longest)/float64(got.every)),
		fmt.Sprintf("≤ %d", drainsUnseen), float64(got.longest) <= drainsUnseen*float64(got.every)})
	r.note("the same: heap of the process beyond what it held before (the simulated estate is in it), at the most and afterwards",
		fmt.Sprintf("%.1f MB", float64(got.peak)/(1<<20)), fmt.Sprintf("%.1f MB", float64(got.heap)/(1<<20)), "")
	r.note("the same: time that it took", got.real.Round(time.Second).String(), drainsFor.String(), "")
	text := r.text(t)
	t.Logf("\n%s", text)
	figures.Write(t, benchDoc, " of drains", text)
}
