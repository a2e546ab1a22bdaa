package socket

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkReadToAck measures one envelope's way on loopback TCP, from Slack's write to its reading of the ack, with an empty
// handler: in turn, and with 64 under way.
func BenchmarkReadToAck(b *testing.B) {
	for _, flight := range []int{1, 64} {
		b.Run(fmt.Sprintf("inflight=%d", flight), func(b *testing.B) {
			ready := make(chan *fakeConn, 2)
			f := newLoopback(b, func(c *fakeConn) { _ = c.hello(); ready <- c })
			m := start(b, b.Context(), f, Config{Stagger: time.Microsecond, Handle: func(ctx context.Context, e *Envelope) {
				if err := e.Ack(ctx, nil); err != nil {
					b.Error(err)
				}
			}})
			defer m.stop(b)
			c := <-ready
			<-ready
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := c.envelope("00000000-0000-0000-0000-000000000000"); err != nil {
					b.Fatal(err)
				}
				if !c.waitAcks(i+2-flight, time.Minute) {
					b.Fatal("ack missing")
				}
			}
			if !c.waitAcks(b.N, time.Minute) {
				b.Fatal("acks missing")
			}
		})
	}
}
