package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ecsbot/audit"
	"ecsbot/store"
	"ecsbot/workflow"
)

// cutter is a proxy that can cut the connection at the next COMMIT.
type cutter struct {
	addr string
	mode atomic.Int32
}

const (
	passOn    = iota
	cutReply  // the server commits, the client never hears of it
	cutCommit // the server never hears of it
)

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // loopback
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { c.serve(client, to) })
		}
	})
	return c
}

func (c *cutter) serve(client net.Conn, to string) {
	server, err := net.Dial("tcp", to) // loopback
	if err != nil {
		_ = client.Close()
		return
	}
	var mute atomic.Bool
	answered := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if mute.Load() {
				select {
				case answered <- struct{}{}:
				default:
				}
			} else if n > 0 {
				_, _ = client.Write(buf[:n])
			}
			if err != nil {
				_ = client.Close()
				return
			}
		}
	})
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], []byte("commit\x00")) {
			mode := c.mode.Swap(passOn)
			if mode == cutReply {
				mute.Store(true)
				_, _ = server.Write(buf[:n])
				<-answered
			}
			if mode != passOn {
				break
			}
		}
		if _, e := server.Write(buf[:n]); err != nil || e != nil {
			break
		}
	}
	_ = client.Close()
	_ = server.Close()
	wg.Wait()
}

func TestAnswerToCommitIsLost(t *testing.T) {
	direct, err := url.Parse(shared(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	c := newCutter(t, direct.Host)
	direct.Host = c.addr
	p := place{opts: store.Options{URL: direct.String(), Serve: true, Log: testLog(t)}, pg: true}
	db := p.open(t)
	for mode, want := range map[int32]int64{cutReply: 2, cutCommit: 1} {
		id := map[int32]string{cutReply: "op1", cutCommit: "op2"}[mode]
		op := insert(t, db, id, int(mode), workflow.Proposed)
		c.mode.Store(mode)
		err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: 1, Events: event(workflow.EvProgress)})
		if !errors.Is(err, store.ErrUncertain) {
			t.Errorf("mode %d: %v", mode, err)
		}
		if got := get(t, db, id); got.Version != want {
			t.Errorf("mode %d: version %d is stored, want %d", mode, got.Version, want)
		}
		c.mode.Store(mode)
		fresh, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: id, Kind: "interactive", ReceivedAt: noon})
		if !fresh || err != nil {
			t.Errorf("mode %d: an envelope whose commit was cut: fresh %v, %v", mode, fresh, err)
		}
		fresh, err = db.PutInbox(t.Context(), workflow.InboxItem{ID: id, Kind: "interactive", ReceivedAt: noon})
		if fresh || err != nil {
			t.Errorf("mode %d: its redelivery: fresh %v, %v", mode, fresh, err)
		}
	}
}

// TestServerCameBack: a server that went away and came back has cut the whole pool, idle
// for less than the second after which the pool itself would look. Nobody is told to try again.
func TestServerCameBack(t *testing.T) {
	address := shared(t).Database(t)
	p := place{opts: store.Options{URL: address, Serve: true, Log: testLog(t)}, pg: true}
	db := p.open(t)
	direct, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = direct.Close(context.WithoutCancel(t.Context())) })
	op := insert(t, db, "op1", 1, workflow.Proposed)
	cut := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range 16 { // warms the pool up
			wg.Go(func() { get(t, db, "op1") })
		}
		wg.Wait()
		var n int
		err := direct.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'ecsbot'`).Scan(&n)
		if err != nil || n < 2 {
			t.Fatalf("%d connections cut: %v", n, err)
		}
	}
	for version := range int64(5) {
		cut()
		if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: version + 1, Events: event(workflow.EvProgress)}); err != nil {
			t.Fatal(err)
		}
		cut()
		err := db.View(t.Context(), func(v *store.View) error { _, err := v.LogSize(t.Context()); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRollbackLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		op := insert(t, db, "op1", 1, workflow.Draining)
		insert(t, db, "op2", 2, workflow.Proposed)
		rival := proposal("op3", 1)
		rival.State = workflow.Draining
		before := snapshot(t, db)
		for name, c := range map[string]workflow.Change{
			"forged token": {Op: &op, Expect: 1, Events: event(workflow.EvProgress), TickAt: noon, Redraw: true, Spend: &workflow.Spend{Token: "x", Actor: "U1"}},
			"stale":        {Op: &op, Expect: 7, Events: event(workflow.EvProgress), TickAt: noon, Redraw: true},
			"locked":       {Op: rival, Events: event(workflow.EvProposed), TickAt: noon, Redraw: true},
			"exists":       {Op: proposal("op2", 9), Events: event(workflow.EvProposed), TickAt: noon, Redraw: true},
			"nothing":      {},
		} {
			if err := db.Commit(t.Context(), c); err == nil {
				t.Errorf("%s: was stored", name)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := db.Commit(ctx, workflow.Change{Op: &op, Expect: 1, Events: event(workflow.EvProgress)}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			if after := snapshot(t, db); after != before {
				t.Errorf("%s left something behind:\n%s\nbefore:\n%s", name, after, before)
			}
		}
	})
}

// snapshot is all that a commit could change.
func snapshot(t *testing.T, db *store.DB) string {
	t.Helper()
	ops, err := db.Operations(t.Context(), workflow.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	recs, err := db.Records(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := db.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text(t, []any{ops, recs, counts})
}

func TestDiskFull(t *testing.T) {
	p := place{opts: store.Options{StateDir: t.TempDir(), Serve: true, Log: testLog(t)}}
	db := p.open(t)
	insert(t, db, "op1", 1, workflow.Draining)
	if err := db.LimitPages(40); err != nil {
		t.Fatal(err)
	}
	fat := func() error {
		op := get(t, db, "op1")
		op.Cause = strings.Repeat("x", 8000)
		ev := event(workflow.EvProgress)
		ev[0].Detail = op.Cause
		return db.Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: ev})
	}
	n, err := int64(1), error(nil)
	for ; err == nil && n < 1000; n++ {
		err = fat()
	}
	if err == nil || errors.Is(err, store.ErrUncertain) {
		t.Fatalf("a full disk: %v", err)
	}
	if got := get(t, db, "op1").Version; got != n-1 {
		t.Errorf("version %d is stored, %d were acknowledged", got, n-1)
	}
	if _, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: "e1", Payload: bytes.Repeat([]byte("x"), 1<<20)}); err == nil {
		t.Error("an envelope was stored on a full disk")
	}
	if err := db.LimitPages(0); err != nil {
		t.Fatal(err)
	}
	if err := fat(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if fresh, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: "e1"}); !fresh || err != nil {
		t.Errorf("the envelope again: fresh %v, %v", fresh, err)
	}
	err = db.View(t.Context(), func(v *store.View) error {
		r, err := audit.Verify(t.Context(), v, audit.Options{Operations: v})
		if !r.OK() {
			t.Errorf("the log: %v", r.Problems)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestGivenUpEnvelopeIsWithdrawn(t *testing.T) {
	dir := t.TempDir()
	p := place{opts: store.Options{StateDir: dir, Serve: true, Log: testLog(t)}}
	db := p.open(t)
	other, err := sql.Open("sqlite", store.DSN(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() // a test's handle
	lock, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.PutInbox(ctx, workflow.InboxItem{ID: "e1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a locked database: %v", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	// The next put is answered after the first one's end.
	if fresh, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: "e2"}); !fresh || err != nil {
		t.Fatalf("fresh %v, %v", fresh, err)
	}
	counts, err := db.Counts(t.Context())
	if err != nil || counts["inbox"] != 1 {
		t.Errorf("%d envelopes are stored (%v), want the second only", counts["inbox"], err)
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		before := goleak.IgnoreCurrent()
		db, err := store.Open(t.Context(), p.opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Work(t.Context(), store.Workers{Step: (&calls{}).do, Deliver: (&calls{}).do, FollowUp: (&calls{}).do}); err != nil {
			t.Fatal(err)
		}
		insert(t, db, "op1", 1, workflow.Draining)
		db.Close()
		db.Close()
		goleak.VerifyNone(t, before)
		if _, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: "e1"}); err == nil {
			t.Error("an envelope was stored after Close")
		}
	})
}

// TestVirtualTime: the store runs inside synctest. Its price there is the poll: ten a second for each queue.
func TestVirtualTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		db, err := store.Open(ctx, store.Options{StateDir: dir, Serve: true})
		if err != nil {
			t.Fatal(err)
		}
		var early int
		var due time.Time
		step := &calls{}
		step.f = func(context.Context, string, int) (time.Time, error) {
			now := db.Clock().Now()
			if now.Before(due) {
				early++
			}
			due = now.Add(20 * time.Second)
			return due, nil
		}
		if err := db.Work(ctx, store.Workers{Step: step.do, Deliver: (&calls{}).do, FollowUp: (&calls{}).do}); err != nil {
			t.Fatal(err)
		}
		op := proposal("op1", 1)
		if err := db.Commit(ctx, workflow.Change{Op: op, Events: event(workflow.EvProposed), TickAt: db.Clock().Now()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(130 * time.Second) //nolint:forbidigo // virtual
		if err := db.Stop(ctx); err != nil {
			t.Error(err)
		}
		if n := step.count("op1"); n != 7 || early != 0 {
			t.Errorf("%d steps in 130 s of one every 20 s, %d early", n, early)
		}
		db.Close()
		time.Sleep(time.Second) // River's goroutines leave
	})
}

// TestTakeover: a replica that was there before goes on with what another one was doing when
// it was killed: within seconds when both announced themselves, else by the queue's rescue.
// A start of its own would revive every operation.
func TestTakeover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes up to 90 s of real time")
	}
	for name, within := range map[string]time.Duration{"pulse": 30 * time.Second, "rescue": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeover(t, within, name == "pulse")
		})
	}
}

func takeover(t *testing.T, within time.Duration, announced bool) {
	p := place{opts: store.Options{URL: shared(t).Database(t), Serve: true, Log: testLog(t)}, pg: true}
	db := p.open(t)
	// The survivor is too busy to take the first step: all its workers hang.
	busy := make(chan struct{})
	step := &calls{f: func(ctx context.Context, id string, _ int) (time.Time, error) {
		if id != "op1" {
			select {
			case <-busy:
			case <-ctx.Done():
			}
		}
		return time.Time{}, nil
	}}
	for i := range store.StepWorkers { // ended ones: the other's start does not revive them
		op := insert(t, db, fmt.Sprintf("busy%d", i), 100+i, workflow.Done)
		if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: 1, Events: event(workflow.EvProgress), TickAt: db.Clock().Now()}); err != nil {
			t.Fatal(err)
		}
	}
	work(t, db, step, &calls{})
	eventually(t, "a busy survivor", func() bool {
		n := 0
		for i := range store.StepWorkers {
			n += step.count(fmt.Sprintf("busy%d", i))
		}
		return n >= store.StepWorkers
	})
	var env []string
	if announced {
		env = []string{"STORE_TEST_PULSE=1"}
	}
	killChild(t, p.opts.URL, env...)
	killed := time.Now()
	close(busy)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for step.count("op1") == 0 {
		if announced {
			if _, err := db.Announce(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nobody took the operation over within %s", within)
		}
	}
	t.Logf("taken over after %v", time.Since(killed).Round(time.Second))
}
