package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/store"
	"ecsbot/store/pgtest"
	"ecsbot/workflow"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_CHILD"); dir != "" {
		os.Exit(child(dir))
	}
	code := m.Run()
	if s := server.s; s != nil {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// server is the PostgreSQL server that the tests share; each has a database.
var server struct {
	sync.Mutex
	s *pgtest.Server
}

func shared(t testing.TB) *pgtest.Server {
	t.Helper()
	pgtest.SkipShort(t)
	server.Lock()
	defer server.Unlock()
	if server.s == nil {
		s, err := pgtest.Run()
		if err != nil {
			t.Fatal(err)
		}
		server.s = s
	}
	return server.s
}

// calls records what the queue called, and answers with a function.
type calls struct {
	mu sync.Mutex
	n  map[string]int
	f  func(ctx context.Context, id string, n int) (time.Time, error)
}

func (c *calls) do(ctx context.Context, id string) (time.Time, error) {
	c.mu.Lock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[id]++
	n := c.n[id]
	c.mu.Unlock()
	if c.f == nil {
		return time.Time{}, nil
	}
	return c.f(ctx, id, n)
}

func (c *calls) count(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[id]
}

func work(t *testing.T, db *store.DB, step, deliver *calls) {
	t.Helper()
	if err := db.Work(t.Context(), store.Workers{Step: step.do, Deliver: deliver.do, FollowUp: (&calls{}).do}); err != nil {
		t.Fatalf("starting work: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := db.Stop(ctx); err != nil {
			t.Errorf("stopping work: %v", err)
		}
	})
}

// tick commits a change of the operation that asks for a step.
func tick(t *testing.T, db *store.DB, id string, at time.Time) {
	t.Helper()
	op := get(t, db, id)
	if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvProgress), TickAt: at, Redraw: true}); err != nil {
		t.Fatal(err)
	}
}

func TestCommitWakesStepCardAndAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		step, deliver := &calls{}, &calls{}
		work(t, db, step, deliver)
		insert(t, db, "op1", 1, workflow.Proposed)
		asked := time.Now()
		tick(t, db, "op1", db.Clock().Now())
		eventually(t, "step and both deliveries", func() bool {
			return step.count("op1") > 0 && deliver.count("card:op1") > 0 && deliver.count("audit") > 0
		})
		t.Logf("all woken %v after the commit", time.Since(asked))
	})
}

func TestWakeOfARunningOneIsNotLost(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		running, goOn := make(chan string, 10), make(chan struct{})
		block := func(_ context.Context, id string, n int) (time.Time, error) {
			if n == 1 && id != "audit" {
				running <- id
				<-goOn
				return db.Clock().Now().Add(time.Hour), nil // what it read was too early
			}
			return time.Time{}, nil
		}
		step, deliver := &calls{f: block}, &calls{f: block}
		work(t, db, step, deliver)
		insert(t, db, "op1", 1, workflow.Proposed)
		tick(t, db, "op1", db.Clock().Now())
		<-running
		<-running
		tick(t, db, "op1", db.Clock().Now())
		close(goOn)
		eventually(t, "the wakes that came while they ran", func() bool {
			return step.count("op1") >= 2 && deliver.count("card:op1") >= 2
		})
	})
}

func TestSleeperIsWokenAndReplaced(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		step := &calls{f: func(context.Context, string, int) (time.Time, error) { return db.Clock().Now().Add(time.Hour), nil }}
		work(t, db, step, &calls{})
		insert(t, db, "op1", 1, workflow.Proposed)
		for n := 1; n <= 5; n++ {
			tick(t, db, "op1", db.Clock().Now())
			eventually(t, fmt.Sprintf("step %d", n), func() bool { return step.count("op1") >= n })
		}
		if n := step.count("op1"); n != 5 {
			t.Errorf("%d steps for 5 ticks", n)
		}
	})
}

// TestTicksDoNotMultiply: the newest tick is the only one that goes on.
func TestTicksDoNotMultiply(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		step := &calls{f: func(context.Context, string, int) (time.Time, error) {
			return db.Clock().Now().Add(400 * time.Millisecond), nil
		}}
		work(t, db, step, &calls{})
		insert(t, db, "op1", 1, workflow.Proposed)
		for n := range 10 {
			had := step.count("op1")
			tick(t, db, "op1", db.Clock().Now())
			eventually(t, fmt.Sprintf("a step of tick %d", n), func() bool { return step.count("op1") > had })
		}
		from, began := step.count("op1"), time.Now()
		eventually(t, "six more steps", func() bool { return step.count("op1") >= from+6 })
		if took := time.Since(began); took < 1500*time.Millisecond {
			t.Errorf("six steps of one every 400 ms took %v: old ticks go on", took)
		}
	})
}

func TestStepComesAtItsTimeNotBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		var due atomic.Pointer[time.Time]
		var early, late atomic.Int64
		step := &calls{}
		step.f = func(_ context.Context, _ string, n int) (time.Time, error) {
			if at := due.Load(); at != nil {
				early.Store(max(early.Load(), int64(at.Sub(db.Clock().Now()))))
				late.Store(max(late.Load(), int64(db.Clock().Now().Sub(*at))))
			}
			if n == 3 {
				return time.Time{}, nil
			}
			next := db.Clock().Now().Add(time.Second)
			due.Store(&next)
			return next, nil
		}
		work(t, db, step, &calls{})
		insert(t, db, "op1", 1, workflow.Proposed)
		first := db.Clock().Now().Add(700 * time.Millisecond)
		due.Store(&first)
		tick(t, db, "op1", first)
		eventually(t, "three steps", func() bool { return step.count("op1") == 3 })
		if early.Load() > 0 || late.Load() > int64(2*time.Second) {
			t.Errorf("a step came %v early, one %v late", time.Duration(early.Load()), time.Duration(late.Load()))
		}
	})
}

func TestFailedWorkIsTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		p.opts.Log = zerolog.Nop() // the panic's stack is expected
		db := p.open(t)
		step := &calls{f: func(_ context.Context, _ string, n int) (time.Time, error) {
			switch n {
			case 1:
				return time.Time{}, errors.New("first time unlucky")
			case 2:
				panic("second time worse")
			case 3:
				return time.Time{}, workflow.ErrConflict
			}
			return time.Time{}, nil
		}}
		work(t, db, step, &calls{})
		insert(t, db, "op1", 1, workflow.Proposed)
		tick(t, db, "op1", db.Clock().Now())
		eventually(t, "the fourth attempt", func() bool { return step.count("op1") == 4 })
	})
}

func TestStartRevivesOperations(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		insert(t, db, "op1", 1, workflow.Draining) // no tick at all
		insert(t, db, "op2", 2, workflow.Done)
		step := &calls{}
		work(t, db, step, &calls{})
		eventually(t, "a step of what never had a job", func() bool { return step.count("op1") == 1 })
		if step.count("op2") != 0 {
			t.Error("an operation that had ended was stepped")
		}
	})
}

func TestWorkNeedsServe(t *testing.T) {
	db, err := store.Open(t.Context(), store.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Work(t.Context(), store.Workers{Step: (&calls{}).do, Deliver: (&calls{}).do, FollowUp: (&calls{}).do}); err == nil {
		t.Error("work began without the serving lock")
	}
}

// child serves from dir: it commits operations as fast as it can, printing each
// commit that was answered, while a step hangs in the first one. It ends by kill.
func child(dir string) int {
	ctx := context.Background()
	opts := store.Options{StateDir: dir, Serve: true}
	if strings.HasPrefix(dir, "postgres://") {
		opts = store.Options{URL: dir, Serve: true}
	}
	db, err := store.Open(ctx, opts)
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	if os.Getenv("STORE_TEST_PULSE") != "" {
		if _, err := db.Announce(ctx, time.Hour); err != nil {
			fmt.Println("announce:", err)
			return 1
		}
	}
	hang := func(context.Context, string) (time.Time, error) {
		fmt.Println("stepping")
		select {}
	}
	idle := func(context.Context, string) (time.Time, error) { return time.Time{}, nil }
	if err := db.Work(ctx, store.Workers{Step: hang, Deliver: idle, FollowUp: idle}); err != nil {
		fmt.Println("work:", err)
		return 1
	}
	for n := int64(0); ; n++ {
		op := proposal("op1", 1)
		c := workflow.Change{Op: op, Expect: n, Events: event(workflow.EvProgress)}
		if n == 0 {
			c.TickAt = db.Clock().Now()
		}
		if err := db.Commit(ctx, c); err != nil {
			fmt.Println("commit:", err)
			return 1
		}
		fmt.Println("committed", n+1)
	}
}

// killChild runs child until its step hangs and it has committed for a while,
// kills it, and returns the last version that it was told is stored.
func killChild(t *testing.T, where string, env ...string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a child that never steps would run for ever
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0]) // ourselves; killed below
	cmd.Env = append(append(os.Environ(), "STORE_TEST_CHILD="+where), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it was killed
	var last, since int64
	stepping := false
	for sc := bufio.NewScanner(out); sc.Scan(); {
		var n int64
		switch _, err := fmt.Sscanf(sc.Text(), "committed %d", &n); {
		case err == nil:
			last = n
			if stepping {
				since++
			}
		case sc.Text() == "stepping":
			stepping = true
		default:
			t.Fatalf("child: %s", sc.Text())
		}
		if since == 20 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			since++
		}
	}
	if since < 20 {
		t.Fatalf("the child ended before its time: it stepped: %v", stepping)
	}
	return last
}

func TestKillAndRestart(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		where := p.opts.StateDir
		if p.pg {
			where = p.opts.URL
		}
		last := killChild(t, where)
		began := time.Now()
		db := p.open(t)
		op := get(t, db, "op1")
		if op.Version < last || op.Version > last+1 {
			t.Errorf("version %d stored, %d was acknowledged", op.Version, last)
		}
		recs, err := db.Records(t.Context(), 0, 1<<20)
		if err != nil || int64(len(recs)) != op.Version {
			t.Errorf("%d records for version %d (%v)", len(recs), op.Version, err)
		}
		step := &calls{}
		work(t, db, step, &calls{})
		eventually(t, "the step that was running at the kill", func() bool { return step.count("op1") > 0 })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the operation went on after %v", took)
		}
	})
}

func TestPostgresRestart(t *testing.T) {
	pg := pgtest.New(t) // SQLite has no server; TestKillAndRestart is its crash
	p := place{opts: store.Options{URL: pg.URL, Serve: true}, pg: true}
	db := p.open(t)
	step := &calls{f: func(context.Context, string, int) (time.Time, error) {
		return db.Clock().Now().Add(100 * time.Millisecond), nil
	}}
	work(t, db, step, &calls{})
	insert(t, db, "op1", 1, workflow.Draining)
	tick(t, db, "op1", db.Clock().Now())
	acked := make(map[int64]bool)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			op, err := db.Operation(t.Context(), "op1")
			if err != nil {
				continue
			}
			if db.Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvProgress)}) == nil {
				acked[op.Version+1] = true
			}
		}
	}()
	for range 3 {
		eventually(t, "a step", func() bool { return step.count("op1") > 0 })
		pg.Kill(t)
		pg.Start(t)
	}
	n := step.count("op1")
	eventually(t, "steps after the last restart", func() bool { return step.count("op1") > n+2 })
	close(stop)
	<-done
	op := get(t, db, "op1")
	recs, err := db.Records(t.Context(), 0, 1<<20)
	if err != nil || int64(len(recs)) != op.Version || op.Events != len(recs) {
		t.Errorf("%d records, version %d, %d events (%v)", len(recs), op.Version, op.Events, err)
	}
	for v := range acked {
		if v > op.Version {
			t.Errorf("version %d was acknowledged, %d is stored", v, op.Version)
		}
	}
	t.Logf("%d commits acknowledged over three crashes", len(acked))
}
