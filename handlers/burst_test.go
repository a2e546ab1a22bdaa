package handlers

import (
	"testing"
	"testing/synctest"
	"time"
)

// What comes alone is acted on at once; in a burst acks go first, and never for long.
func TestAcksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b burst
		waits := func(why string, want time.Duration) {
			t.Helper()
			began := time.Now()
			b.acksFirst(t.Context())
			if got := time.Since(began); got != want {
				t.Errorf("%s: waited %v, want %v", why, got, want)
			}
		}
		b.arrived()
		waits("alone, not acked", 0)
		b.acked()
		waits("alone", 0)
		b.arrived()
		b.acked()
		waits("right after another", burstGap)
		time.Sleep(burstGap)
		b.arrived()
		b.acked()
		waits("one later", 0)
		b.arrived()
		b.arrived()
		waits("two whose commit hangs", burstMost)
		b.acked()
		b.acked()
		waits("two at a time", burstGap)
	})
}
