package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"

	"ecsbot/workflow"
)

const (
	stepQueue    = "steps"
	deliverQueue = "deliveries"

	// An attempt is short, well under its rescue: where a dead replica's pulse
	// tells nothing, another takes over what it ran after rescueAfter + 30 s
	// (rescuer's period) + 15 s (leader's lease) + 5 s (scheduler) = 90 s.
	jobTimeout  = 30 * time.Second
	rescueAfter = 40 * time.Second

	// maxAttempts counts only attempts that panicked, hung or were rescued:
	// errors are snoozed. River's column is a smallint.
	maxAttempts = 1 << 14

	// schedulerPeriod is River's (5 s) and a margin.
	schedulerPeriod = 6 * time.Second

	shortestWait = 50 * time.Millisecond // between two looks that want to be "now"
	longestWait  = time.Hour             // a paced clock may be moved meanwhile
	firstRetry   = 500 * time.Millisecond
	longestRetry = 30 * time.Second

	// stepWorkers mostly wait for AWS, and share calls with each other meanwhile.
	stepWorkers    = 32
	deliverWorkers = 8
)

// Workers are what the queue calls. All are called again and again with an
// operation's id or a stream's name, from any replica, seldom in parallel for
// one id but never relying on that. next is a time of the store's clock, when
// to be called again; zero means when asked. A next that has passed means soon.
// An error is tried again with growing waits up to 30 s. ErrConflict and
// ErrLocked (someone else is at it) are tried again soon. ctx ends after 30 s.
type Workers struct {
	Step, Deliver func(ctx context.Context, id string) (next time.Time, err error)
	// FollowUp is called with the id of an operation that ended.
	FollowUp func(ctx context.Context, id string) (next time.Time, err error)
}

type stepArgs struct {
	Op  string `json:"op"`
	Gen int64  `json:"gen"`
	At  int64  `json:"at"` // unix nanoseconds of the store's clock
}

func (stepArgs) Kind() string { return "operation_step" }

type deliverArgs struct {
	Stream string `json:"stream"`
	Gen    int64  `json:"gen"`
}

func (deliverArgs) Kind() string { return "stream_delivery" }

type working struct {
	queue queue
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// Work starts the queue's workers and returns. Every operation that has not
// ended is stepped once, every open follow-up has a job at its time: nothing depends on a job having survived. On SQLite
// what a dead process was running goes on at once; on PostgreSQL, where another
// replica may be running it, when that one is known to be dead (Announce), or after the rescue.
func (d *DB) Work(ctx context.Context, w Workers) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case w.Step == nil || w.Deliver == nil || w.FollowUp == nil:
		return errors.New("starting work: Step, Deliver and FollowUp are required")
	case !d.serves:
		return errors.New("starting work: the store was not opened to serve")
	case d.shut:
		return errClosed
	case d.work != nil:
		return errors.New("starting work: it runs already")
	}
	if s, ok := d.back.(*sqliteDB); ok {
		if err := s.reclaim(ctx); err != nil {
			return err
		}
	}
	moved := d.moved()
	if err := d.revive(ctx); err != nil {
		return err
	}
	// The work outlives the caller's ctx; Stop and Close end it.
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q, err := d.back.work(wctx, d.queueConfig(w))
	if err != nil {
		cancel()
		return fmt.Errorf("starting the queue: %w", err)
	}
	d.work = &working{queue: q, stop: cancel}
	d.work.done.Go(func() { d.sweep(wctx) })
	d.work.done.Go(func() { d.keepTime(wctx, moved) })
	return nil
}

func (d *DB) queueConfig(w Workers) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &runner[stepArgs]{db: d, do: w.Step,
		key:    func(a stepArgs) job { return job{a.Op, a.Gen, fromNanos(a.At), "op_id"} },
		latest: `SELECT tick FROM operations WHERE id = $1`})
	river.AddWorker(workers, &runner[followArgs]{db: d, do: w.FollowUp,
		key:    func(a followArgs) job { return job{a.Op, a.Gen, fromNanos(a.At), "op_id"} },
		latest: `SELECT tick FROM followups WHERE op = $1`})
	river.AddWorker(workers, &runner[deliverArgs]{db: d, do: w.Deliver,
		key:    func(a deliverArgs) job { return job{a.Stream, a.Gen, time.Time{}, "stream"} },
		latest: `SELECT want FROM streams WHERE name = $1`})
	return &river.Config{
		ID:      d.replica, // whose work is taken over when it dies
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			stepQueue: {MaxWorkers: stepWorkers}, deliverQueue: {MaxWorkers: deliverWorkers}},
		JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter,
		MaxAttempts: maxAttempts, RetryPolicy: retryPolicy{d.back.real},
		// A finished job tells nothing that the log does not.
		CompletedJobRetentionPeriod: time.Hour,
		ErrorHandler:                crashLog{d.log},
		Logger:                      slog.New(zerolog.NewSlogHandler(d.log.Level(max(d.log.GetLevel(), zerolog.WarnLevel)))),
		SoftStopTimeout:             0,
	}
}

// revive gives every operation that has not ended a step of its own.
func (d *DB) revive(ctx context.Context) error {
	err := d.update(ctx, func(t tx) error {
		rs, err := t.query(ctx, `UPDATE operations SET tick = tick + 1 WHERE terminal = 0 RETURNING id, tick`)
		if err != nil {
			return err
		}
		defer rs.Close()
		var jobs []river.InsertManyParams
		for rs.Next() {
			var id string
			var gen int64
			if err := rs.Scan(&id, &gen); err != nil {
				return err
			}
			jobs = append(jobs, d.tick(id, gen, time.Time{}))
		}
		if err := rs.Err(); err != nil {
			return err
		}
		rs.Close() // a connection reads one answer at a time
		more, err := d.reviveFollowUps(ctx, t)
		if err != nil {
			return err
		}
		jobs = append(jobs, more...)
		wake, err := d.wake(ctx, t, workflow.AuditStream)
		if err != nil {
			return err
		}
		return t.enqueue(ctx, append(jobs, wake))
	})
	if err != nil {
		return fmt.Errorf("reviving operations: %w", err)
	}
	return nil
}

// Stop lets running steps and deliveries end, until ctx does; then it cancels
// them. The store stays open. It is no error when no work runs.
func (d *DB) Stop(ctx context.Context) error { return d.halt(ctx, queue.Stop) }

func (d *DB) halt(ctx context.Context, stop func(queue, context.Context) error) error {
	d.mu.Lock()
	w := d.work
	d.work = nil
	d.mu.Unlock()
	if w == nil {
		return nil
	}
	err := stop(w.queue, ctx)
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = w.queue.StopAndCancel(last)
	}
	w.stop()
	w.done.Wait()
	if err != nil {
		return fmt.Errorf("stopping work: %w", err)
	}
	return nil
}

// job is what both kinds of jobs say.
type job struct {
	id    string
	gen   int64
	at    time.Time
	label string
}

// runner works one kind of job. A job of an older generation than the row's has
// a newer one behind it, inserted by the same transaction that counted it: it
// ends without work. That is how a wake reaches a sleeping or a running job.
type runner[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	db     *DB
	do     func(ctx context.Context, id string) (time.Time, error)
	key    func(T) job
	latest string // the row's generation by id

	mu   sync.Mutex
	mind map[int64]memory // by job id; guarded by mu
}

// memory is what this process knows of a waiting job. Losing it costs nothing.
type memory struct {
	due   time.Time // of the store's clock
	fails int       // in a row
}

// Work implements river.Worker.
func (r *runner[T]) Work(ctx context.Context, rj *river.Job[T]) error {
	j := r.key(rj.Args)
	mem := r.recall(rj.ID)
	due := j.at
	if !mem.due.IsZero() {
		due = mem.due
	}
	newer, err := r.superseded(ctx, j)
	if err != nil {
		return r.later(ctx, rj.ID, mem, j, err)
	}
	if newer {
		r.forget(rj.ID)
		return nil
	}
	if wait := r.db.clock.Until(due); !due.IsZero() && wait > 0 { // woken early
		return r.sleep(rj.ID, memory{due: due, fails: mem.fails}, wait)
	}
	next, err := r.do(ctx, j.id)
	if newer, _ := r.superseded(ctx, j); newer { // unreadable counts as no: the job stays
		if err != nil {
			r.warn(j, err)
		}
		r.forget(rj.ID)
		return nil
	}
	switch {
	case err != nil:
		return r.later(ctx, rj.ID, mem, j, err)
	case next.IsZero():
		r.forget(rj.ID)
		return nil
	}
	return r.sleep(rj.ID, memory{due: next}, r.db.clock.Until(next))
}

func (r *runner[T]) superseded(ctx context.Context, j job) (bool, error) {
	var gen int64
	err := r.db.back.row(ctx, r.latest, j.id).Scan(&gen)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil // the row is gone: nothing to look at
	}
	if err != nil {
		return false, fmt.Errorf("reading the generation: %w", err)
	}
	return gen > j.gen, nil
}

// later snoozes after an error, so that errors neither use attempts up nor pile
// up in the job's row, which never learns their text.
func (r *runner[T]) later(ctx context.Context, id int64, mem memory, j job, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) { // we are stopping
		return r.sleep(id, mem, shortestWait)
	}
	if errors.Is(err, workflow.ErrConflict) || errors.Is(err, workflow.ErrLocked) {
		return r.sleep(id, memory{}, jitter(4*shortestWait))
	}
	r.warn(j, err)
	return r.sleep(id, memory{fails: mem.fails + 1}, backoff(mem.fails))
}

func (r *runner[T]) warn(j job, err error) {
	r.db.log.Warn().Str(j.label, j.id).Err(err).Msg("work is tried again")
}

func (r *runner[T]) sleep(id int64, m memory, wait time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mind == nil {
		r.mind = map[int64]memory{}
	}
	r.mind[id] = m
	return river.JobSnooze(min(max(wait, shortestWait), longestWait))
}

func (r *runner[T]) recall(id int64) memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mind[id]
}

func (r *runner[T]) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mind, id)
}

// backoff doubles from firstRetry to longestRetry, with jitter: half to whole.
func backoff(fails int) time.Duration {
	return jitter(min(firstRetry<<min(fails, 10), longestRetry))
}

func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads load, guards nothing
}

// retryPolicy is for attempts that panicked or were rescued.
type retryPolicy struct{ now func() time.Time }

// NextRetry implements river.ClientRetryPolicy.
func (p retryPolicy) NextRetry(j *rivertype.JobRow) time.Time {
	return p.now().Add(backoff(j.Attempt))
}

// crashLog reports what River recovered: a panic is a defect of ours.
type crashLog struct{ log zerolog.Logger }

// HandleError implements river.ErrorHandler.
func (c crashLog) HandleError(_ context.Context, j *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	c.log.Warn().Int64("job_id", j.ID).Str("kind", j.Kind).Err(err).Msg("attempt failed")
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (c crashLog) HandlePanic(_ context.Context, j *rivertype.JobRow, v any, trace string) *river.ErrorHandlerResult {
	c.log.Error().Int64("job_id", j.ID).Str("kind", j.Kind).Interface("panic", v).Str("stack", trace).Msg("worker panicked")
	return nil
}
