package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"ecsbot/store"
	"ecsbot/workflow"
)

func benchBoth(b *testing.B, f func(b *testing.B, db *store.DB)) {
	b.Helper()
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			opts := store.Options{StateDir: b.TempDir(), Serve: true, Log: zerolog.Nop()}
			if name == "postgres" {
				opts = store.Options{URL: shared(b).Database(b), Serve: true, Log: zerolog.Nop()}
			}
			db, err := store.Open(b.Context(), opts)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			b.ResetTimer()
			f(b, db)
		})
	}
}

// BenchmarkPutInbox is what stands between an envelope and its ack.
func BenchmarkPutInbox(b *testing.B) {
	var n atomic.Int64
	payload := make([]byte, 3000)
	put := func(b *testing.B, db *store.DB) {
		id := fmt.Sprint(n.Add(1))
		if _, err := db.PutInbox(b.Context(), workflow.InboxItem{ID: id, Kind: "interactive", Payload: payload, ReceivedAt: noon}); err != nil {
			b.Error(err)
		}
	}
	for _, clicks := range []int{1, 64} {
		b.Run(fmt.Sprintf("clicks=%d", clicks), func(b *testing.B) {
			benchBoth(b, func(b *testing.B, db *store.DB) {
				if clicks == 1 {
					for b.Loop() {
						put(b, db)
					}
					return
				}
				b.SetParallelism(clicks / 2)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						put(b, db)
					}
				})
			})
		})
	}
}

// BenchmarkCommit is one step: operation, event, log, tick, card and audit wakes.
func BenchmarkCommit(b *testing.B) {
	benchBoth(b, func(b *testing.B, db *store.DB) {
		op := proposal("op1", 1)
		for n := int64(0); b.Loop(); n++ {
			c := workflow.Change{Op: op, Expect: n, Events: event(workflow.EvProgress), TickAt: noon, Redraw: true}
			if err := db.Commit(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
