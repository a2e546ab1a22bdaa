package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is the database's name under STATE_DIR.
const sqliteFile = "ecsbot.db"

// commitLimit bounds a COMMIT that its caller no longer waits for.
const commitLimit = 10 * time.Second

// sqliteDB is a WAL file with one write handle, shared with River, and a pool
// of read-only ones. SQLite has a single writer: a second write connection in
// the process would only wait for the first (River #913).
type sqliteDB struct {
	sqlConn         // reads
	w       *sql.DB // MaxOpenConns 1, BEGIN IMMEDIATE
	r       *sql.DB
	jobs    *river.Client[*sql.Tx] // inserts only
	turns   turns                  // of everything but River itself
}

// sqlConn is database/sql as a conn.
type sqlConn struct {
	q interface {
		ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
	}
}

func (c sqlConn) exec(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := c.q.ExecContext(ctx, q, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c sqlConn) query(ctx context.Context, q string, args ...any) (rows, error) {
	rs, err := c.q.QueryContext(ctx, q, args...) //nolint:rowserrcheck,sqlclosecheck // the caller of query does both
	if err != nil {
		return nil, err
	}
	return sqlRows{rs}, nil
}

func (c sqlConn) row(ctx context.Context, q string, args ...any) row {
	return c.q.QueryRowContext(ctx, q, args...)
}

// sqlRows gives *sql.Rows the Close of pgx.Rows; its error is in Err.
type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

type sqliteTx struct {
	sqlConn
	tx   *sql.Tx
	jobs *river.Client[*sql.Tx]
}

func (t sqliteTx) enqueue(ctx context.Context, jobs []river.InsertManyParams) error {
	_, err := t.jobs.InsertManyFastTx(ctx, t.tx, jobs)
	return err
}

// sqliteDSN asks for FULL: a commit survives the loss of power.
func sqliteDSN(path string, readOnly bool) string {
	v := url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "synchronous(2)"}}
	if readOnly {
		v.Add("_pragma", "query_only(1)")
	} else {
		v.Add("_pragma", "journal_mode(WAL)")
		v.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String()
}

func openSQLite(ctx context.Context, dir string) (*sqliteDB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making STATE_DIR: %w", err)
	}
	path := filepath.Join(dir, sqliteFile)
	// Made by us, so that it and what SQLite puts beside it are the owner's alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	w, err := sql.Open("sqlite", sqliteDSN(path, false))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite", sqliteDSN(path, true))
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	r.SetMaxOpenConns(4)
	s := &sqliteDB{sqlConn: sqlConn{r}, w: w, r: r}
	// The first connection makes the file and sets WAL; readers need both.
	if err := firstConnection(ctx, w); err != nil {
		s.close()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s.jobs, err = river.NewClient(riversqlite.New(w), &river.Config{})
	if err != nil {
		s.close()
		return nil, fmt.Errorf("making the job queue: %w", err)
	}
	return s, nil
}

// firstConnection sets WAL. Another process that does so at the same moment makes SQLite answer
// "busy" at once: the change of journal mode does not wait for busy_timeout.
func firstConnection(ctx context.Context, w *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		err := w.PingContext(ctx)
		var busy *sqlite.Error
		if err == nil || !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *sqliteDB) update(ctx context.Context, f func(tx) error) error {
	return s.write(ctx, false, f)
}

func (s *sqliteDB) updateFirst(ctx context.Context, f func(tx) error) error {
	return s.write(ctx, true, f)
}

func (s *sqliteDB) write(ctx context.Context, first bool, f func(tx) error) error {
	if err := s.turns.take(ctx, first); err != nil {
		return fmt.Errorf("waiting for the database: %w", err)
	}
	defer s.turns.give()
	c, err := s.w.Conn(ctx) // waits for the handle no longer than the caller
	if err != nil {
		return fmt.Errorf("waiting for the database: %w", err)
	}
	defer c.Close() // gives the handle back
	// f's statements end with the caller's ctx, and roll back. COMMIT does not:
	// its outcome would be unknown.
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	t, err := c.BeginTx(wctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := f(sqliteTx{sqlConn{t}, t, s.jobs}); err != nil {
		return errors.Join(err, rollback(t))
	}
	return sqliteCommitErr(t.Commit())
}

func rollback(t *sql.Tx) error {
	if err := t.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// sqliteCommitErr: after an I/O error during COMMIT the frames may yet be found
// valid when the file is next recovered; every other failure is a rollback.
func sqliteCommitErr(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_IOERR {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return fmt.Errorf("committing: %w", err)
}

func (s *sqliteDB) view(ctx context.Context, f func(conn) error) error {
	t, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	return errors.Join(f(sqlConn{t}), rollback(t))
}

func (s *sqliteDB) migrate(ctx context.Context) error {
	m, err := rivermigrate.New(riversqlite.New(s.w), nil)
	if err != nil {
		return fmt.Errorf("preparing the queue's migrations: %w", err)
	}
	river := newest(m.AllVersions())
	if isCurrent(ctx, s, river) {
		return nil
	}
	// BEGIN IMMEDIATE makes a second process wait (busy_timeout) until the
	// first has committed; it then finds nothing to do.
	t, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a migration: %w", err)
	}
	_, err = m.MigrateTx(ctx, t, rivermigrate.DirectionUp, nil) //nolint:staticcheck // SA1019 is about PostgreSQL; here one transaction keeps a second first start out
	if err == nil {
		err = migrateOwn(ctx, sqlConn{t}, func(text string) string { return text }, river)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("migrating: %w", err), rollback(t))
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing a migration: %w", err)
	}
	return nil
}

func (s *sqliteDB) lock() string { return "" }
func (s *sqliteDB) skip() string { return "" }

func (s *sqliteDB) isUnique(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

func (s *sqliteDB) isRetryable(error) bool { return false }

func (s *sqliteDB) work(ctx context.Context, cfg *river.Config) (queue, error) {
	// Without LISTEN a job waits for the next poll.
	cfg.FetchCooldown, cfg.FetchPollInterval = 50*time.Millisecond, 100*time.Millisecond
	c, err := river.NewClient(riversqlite.New(s.w), cfg)
	if err != nil {
		return nil, err
	}
	return c, c.Start(ctx)
}

func (s *sqliteDB) real() time.Time { return time.Now() }

func (s *sqliteDB) close() {
	_ = s.r.Close()
	_ = s.w.Close()
}

// reclaim gives back what a dead process held. Only the holder of the serving
// lock may call it: every running job and every lease belongs to nobody then.
func (s *sqliteDB) reclaim(ctx context.Context) error {
	return s.update(ctx, func(t tx) error {
		for _, q := range []string{
			`UPDATE river_job SET state = 'available' WHERE state = 'running'`,
			`UPDATE inbox SET lease_until = 0 WHERE done_at = 0`,
			`UPDATE streams SET lease = '', lease_until = 0`,
		} {
			if _, err := t.exec(ctx, q); err != nil {
				return fmt.Errorf("reclaiming what the last process held: %w", err)
			}
		}
		return nil
	})
}
