package store

import (
	"time"

	"ecsbot/workflow"
)

// realClock is the database's real time as a workflow.Clock.
type realClock struct{ now func() time.Time }

var _ workflow.Clock = realClock{}

// Now implements workflow.Clock.
func (c realClock) Now() time.Time { return c.now().Round(0).UTC() }

// Until implements workflow.Clock.
func (c realClock) Until(t time.Time) time.Duration { return max(0, t.Sub(c.now())) }

// nanos is how times are stored; 0 is the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
