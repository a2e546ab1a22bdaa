// Package store keeps everything the bot must not forget, on SQLite (a file
// under STATE_DIR, one serving process) or PostgreSQL (any number of replicas),
// behind one schema and one SQL text. River, the durable queue, lives in the
// same database and writes in the same transactions.
//
// What holds on both:
//
//   - A nil error from Commit, PutInbox, Advance… means durable: it survives
//     kill -9 and the loss of power. Any other error means that nothing happened,
//     but for one that wraps ErrUncertain: read again before acting.
//   - Operations change by compare-and-swap on their version. One operation at
//     most holds a target's lock (a partial unique index).
//   - Audit records are numbered from 0 without gaps, in commit order.
//   - A wake is never lost: one that comes while its step or delivery runs makes
//     another run after it has committed.
//
// SQL never asks the database for the time; times are bound as parameters.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/workflow"
)

// ErrUncertain marks an error whose transaction may have committed: the answer
// to COMMIT was lost. Read again before acting.
var ErrUncertain = errors.New("the database did not answer whether it committed")

// ErrServing is wrapped by Open's refusal of a second serving process on SQLite.
var ErrServing = errors.New("another process already serves from this directory")

// Options say where the store is and how it is used.
type Options struct {
	// URL is a postgres:// URL; "" takes the SQLite file under StateDir.
	URL      string
	StateDir string
	// Serve takes the lock of the one serving process (SQLite) and checks that
	// the server keeps its promises (PostgreSQL). Work needs it.
	Serve bool
	// Existing refuses to make a SQLite file: an empty store where somebody asks for
	// what was stored is mostly another folder than the one that serves.
	Existing bool
	Log      zerolog.Logger
	// Clock replaces the store's own clock: tests and the demo pace it. Leases
	// and the queue go on in real time.
	Clock workflow.Clock
}

// DB is the store. It is safe for concurrent use.
type DB struct {
	back   backend
	clock  workflow.Clock
	log    zerolog.Logger
	serve  *lockFile // nil unless serving on SQLite
	serves bool
	batch  *batcher
	ends   *ends

	replica string // this process, among those that serve

	mu     sync.Mutex // guards the rest
	work   *working
	shut   bool
	silent map[string]bool // replicas without a pulse at the last announcement
}

var _ workflow.Store = (*DB)(nil)

// Open connects, migrates, and with Serve takes the process lock. Its errors
// are sentences for the person who starts the program.
func Open(ctx context.Context, o Options) (*DB, error) {
	d := &DB{log: o.Log, serves: o.Serve, replica: secret()}
	var err error
	if o.URL != "" {
		err = d.openPostgres(ctx, o)
	} else {
		err = d.openSQLite(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	if err := d.back.migrate(ctx); err != nil {
		d.release()
		return nil, err
	}
	d.clock = o.Clock
	if d.clock == nil {
		d.clock = realClock{d.back.real}
	}
	d.batch = newBatcher(d.back, d.replica, o.Log)
	d.ends = newEnds(d)
	return d, nil
}

func (d *DB) openSQLite(ctx context.Context, o Options) error {
	if o.StateDir == "" {
		return errors.New("opening the store: STATE_DIR is empty, and there is no DATABASE_URL")
	}
	if o.Existing {
		if _, err := os.Stat(filepath.Join(o.StateDir, sqliteFile)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no bot has ever served from %s: set STATE_DIR (or DATABASE_URL) as the serving process has it", o.StateDir)
		}
	}
	if o.Serve {
		lock, err := takeLock(o.StateDir)
		if err != nil {
			return err
		}
		d.serve = lock
	}
	back, err := openSQLite(ctx, o.StateDir)
	if err != nil {
		d.release()
		return err
	}
	d.back = back
	return nil
}

func (d *DB) openPostgres(ctx context.Context, o Options) error {
	if !strings.HasPrefix(o.URL, "postgres://") && !strings.HasPrefix(o.URL, "postgresql://") {
		return errors.New("opening the store: DATABASE_URL must begin with postgres://")
	}
	back, err := openPostgres(ctx, o.URL, o.Serve, o.Log)
	if err != nil {
		return err
	}
	d.back = back
	return nil
}

// Clock is the server's on PostgreSQL, the process's on SQLite, or Options.Clock.
func (d *DB) Clock() workflow.Clock { return d.clock }

// Ping reports whether the store answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.back.row(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("asking the store: %w", err)
	}
	return nil
}

// Close stops the work at once if Stop was not called, and releases the lock.
// It may be called twice.
func (d *DB) Close() {
	d.mu.Lock()
	shut := d.shut
	d.shut = true
	d.mu.Unlock()
	if shut {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.halt(ctx, queue.StopAndCancel); err != nil {
		d.log.Warn().Err(err).Msg("work did not stop before the store closed")
	}
	d.batch.close()
	d.ends.close()
	d.release()
}

func (d *DB) release() {
	if d.back != nil {
		d.back.close()
	}
	if d.serve != nil {
		d.serve.release()
	}
}

// update retries a transaction that the database rolled back for another's
// sake (deadlock, serialization); f must be free of effects of its own.
func (d *DB) update(ctx context.Context, f func(tx) error) error {
	for try := 1; ; try++ {
		err := d.back.update(ctx, f)
		if err == nil || try == 5 || errors.Is(err, ErrUncertain) || !d.back.isRetryable(err) {
			return err
		}
	}
}

// secret returns 130 random bits in letters and digits.
func secret() string { return rand.Text() }
