package slack

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWaitTellsWhatWasAwaited(t *testing.T) {
	w := start(t, nil)
	api(t, w, "chat.postMessage", "channel", DemoOps, "text", "the last word")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := w.Wait(ctx, "a miracle", func(*Snapshot) bool { return false })
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "a miracle") || !strings.Contains(err.Error(), "the last word") {
		t.Errorf("%v", err)
	}
}

func TestFollow(t *testing.T) {
	w := start(t, nil)
	done := later(func() ([]Entry, error) { return w.Follow(deadline(t), 1) })
	api(t, w, "auth.test")
	api(t, w, "users.info", "user", DemoOperator)
	if got := done(t); got[0].Seq != 2 || got[0].Method != "users.info" || got[0].User != DemoOperator {
		t.Errorf("%+v", got)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.Follow(deadline(t), 99)
		ended <- err
	}()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("following a closed workspace went on")
	}
}

// TestManyAtOnce: people act while connections come and go; every ack of a
// client that answers on the arrival socket is counted there.
func TestManyAtOnce(t *testing.T) {
	w := start(t, func(c *Config) { c.RandomSeed = 7 })
	stop := make(chan struct{})
	var clients, people sync.WaitGroup
	for range 3 {
		c := connect(t, w)
		c.hello(t)
		clients.Go(func() {
			for {
				select {
				case f := <-c.frames:
					if f.EnvelopeID == "" {
						continue
					}
					if err := c.ws.WriteJSON(map[string]any{"envelope_id": f.EnvelopeID}); err != nil {
						t.Error(err)
					}
				case <-stop:
					return
				}
			}
		})
	}
	ctx := deadline(t)
	for range 16 {
		people.Go(func() {
			for range 20 {
				inv, err := w.Command(ctx, DemoOperator, DemoOps, "/ecs", "x")
				if err != nil || !inv.Acked || inv.AckSocket != inv.Socket {
					t.Errorf("%+v %v", inv, err)
				}
			}
		})
	}
	w.Refresh(RefreshOptions{StayOpen: true})
	people.Wait()
	close(stop)
	clients.Wait()
	acks := 0
	for _, e := range w.Log() {
		if e.Kind == KindAck && e.Outcome == AckOK && e.Socket == e.SentOn {
			acks++
		}
	}
	if acks != 320 {
		t.Errorf("%d acks, want 320", acks)
	}
}
