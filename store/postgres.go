package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/rs/zerolog"
)

// minConns is enough for the workers, the LISTEN connection and envelopes.
const minConns = 16

// notifyEvery limits one process's job notifications.
const notifyEvery = 5 * time.Millisecond

// postgresDB is a pgx pool.
type postgresDB struct {
	pgConn // reads
	pool   *pgxpool.Pool
	jobs   *river.Client[pgx.Tx] // inserts only
	time   *serverClock
	pulse  *pulse
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// pgConn is a pool or a transaction as a conn.
type pgConn struct {
	q interface {
		Exec(ctx context.Context, q string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, q string, args ...any) (pgx.Rows, error)
		QueryRow(ctx context.Context, q string, args ...any) pgx.Row
	}
}

func (c pgConn) exec(ctx context.Context, q string, args ...any) (int64, error) {
	tag, err := c.q.Exec(ctx, q, args...)
	return tag.RowsAffected(), err
}

func (c pgConn) query(ctx context.Context, q string, args ...any) (rows, error) {
	rs, err := c.q.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return rs, nil
}

func (c pgConn) row(ctx context.Context, q string, args ...any) row {
	return c.q.QueryRow(ctx, q, args...)
}

type pgTx struct {
	pgConn
	tx   pgx.Tx
	jobs *river.Client[pgx.Tx]
}

func (t pgTx) enqueue(ctx context.Context, jobs []river.InsertManyParams) error {
	_, err := t.jobs.InsertManyFastTx(ctx, t.tx, jobs)
	return err
}

func openPostgres(ctx context.Context, url string, serve bool, log zerolog.Logger) (*postgresDB, error) {
	pool, err := connectPostgres(ctx, url)
	if err != nil {
		return nil, err
	}
	p := &postgresDB{pgConn: pgConn{pool}, pool: pool, time: &serverClock{}, pulse: newPulse()}
	bctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = cancel
	if p.jobs, err = river.NewClient(riverpgxv5.New(pool), p.queueTime(&river.Config{FetchCooldown: notifyEvery})); err != nil {
		p.close()
		return nil, fmt.Errorf("making the job queue: %w", err)
	}
	if err := p.time.measure(ctx, p); err != nil {
		p.close()
		return nil, fmt.Errorf("reading the PostgreSQL server's clock: %w", err)
	}
	if serve {
		if err := p.check(ctx); err != nil {
			p.close()
			return nil, err
		}
	}
	p.done.Go(func() { p.time.follow(bctx, p, log) })
	return p, nil
}

// connectPostgres never puts the URL into an error: it holds a password.
func connectPostgres(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("opening the store: DATABASE_URL cannot be parsed as a PostgreSQL URL")
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, minConns)
	}
	// A replica that hangs in a transaction must not hold the log's head for ever.
	for k, v := range map[string]string{"application_name": "ecsbot", "idle_in_transaction_session_timeout": "30000", "lock_timeout": "20000"} {
		if _, set := cfg.ConnConfig.RuntimeParams[k]; !set {
			cfg.ConnConfig.RuntimeParams[k] = v
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to PostgreSQL at %s:%d, database %q: %w",
			cfg.ConnConfig.Host, cfg.ConnConfig.Port, cfg.ConnConfig.Database, err)
	}
	return pool, nil
}

// check refuses a server that would lose what it said it committed.
func (p *postgresDB) check(ctx context.Context) error {
	var problems []string
	for _, s := range []struct {
		name string
		good []string
	}{
		{"fsync", []string{"on"}},
		{"full_page_writes", []string{"on"}},
		{"synchronous_commit", []string{"on", "remote_apply"}},
	} {
		var v string
		if err := p.row(ctx, `SHOW `+s.name).Scan(&v); err != nil {
			return fmt.Errorf("checking PostgreSQL's settings: %w", err)
		}
		if slices.Contains(s.good, v) {
			continue
		}
		if s.name == "full_page_writes" && p.isAurora(ctx) {
			continue // Aurora's storage cannot tear a page
		}
		problems = append(problems, fmt.Sprintf("%s is %q, it must be %s", s.name, v, strings.Join(s.good, " or ")))
	}
	if skew := p.time.skew(); skew.Abs() >= maxSkew {
		problems = append(problems, fmt.Sprintf("its clock is %s away from this machine's, at most %s is allowed: set both by NTP",
			skew.Round(time.Second), maxSkew))
	}
	if len(problems) > 0 {
		return fmt.Errorf("refusing this PostgreSQL server, because it could lose a decision that was acknowledged: %s",
			strings.Join(problems, "; "))
	}
	return nil
}

func (p *postgresDB) isAurora(ctx context.Context) bool {
	var n int
	err := p.row(ctx, `SELECT count(*) FROM pg_catalog.pg_proc WHERE proname = 'aurora_version'`).Scan(&n)
	return err == nil && n > 0
}

func (p *postgresDB) update(ctx context.Context, f func(tx) error) error {
	// f's statements end with the caller's ctx, and roll back. COMMIT does not:
	// its outcome would be unknown.
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	c, t, err := p.begin(ctx, wctx, pgx.TxOptions{})
	if err != nil {
		return err
	}
	defer c.Release()
	if err := f(pgTx{pgConn{t}, t, p.jobs}); err != nil {
		return errors.Join(err, pgRollback(wctx, t))
	}
	return pgCommitErr(t.Commit(wctx))
}

// begin opens a transaction that wctx bounds. A server that went away has cut every
// pooled connection, which shows only here: nothing was done on it, so the next is
// tried, until the pool has none of them left.
func (p *postgresDB) begin(ctx, wctx context.Context, o pgx.TxOptions) (*pgxpool.Conn, pgx.Tx, error) {
	for tried := int32(0); ; tried++ {
		c, err := p.pool.Acquire(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("waiting for a connection: %w", err)
		}
		t, err := c.BeginTx(wctx, o)
		if err == nil {
			return c, t, nil
		}
		cut := c.Conn().IsClosed()
		c.Release()
		if !cut || tried >= p.pool.Config().MaxConns || wctx.Err() != nil {
			return nil, nil, fmt.Errorf("beginning a transaction: %w", err)
		}
	}
}

// pgRollback: a connection that was lost has rolled back by itself.
func pgRollback(ctx context.Context, t pgx.Tx) error {
	if err := t.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) && !t.Conn().IsClosed() {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// pgCommitErr: only the server's own ERROR as the answer to COMMIT, or a
// rollback in its place, says that nothing was committed.
func pgCommitErr(err error) error {
	if err == nil {
		return nil
	}
	var pe *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &pe) && pe.Severity == "ERROR" {
		return fmt.Errorf("committing: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrUncertain, err)
}

// updateFirst is update: writers do not wait for each other here.
func (p *postgresDB) updateFirst(ctx context.Context, f func(tx) error) error {
	return p.update(ctx, f)
}

func (p *postgresDB) view(ctx context.Context, f func(conn) error) error {
	c, t, err := p.begin(ctx, ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer c.Release()
	return errors.Join(f(pgConn{t}), pgRollback(context.WithoutCancel(ctx), t))
}

// pgText turns SQLite's text of a migration into PostgreSQL's.
func pgText(text string) string {
	return strings.NewReplacer(" INTEGER", " BIGINT", " BLOB", " BYTEA", ") STRICT;", ");").Replace(text)
}

func (p *postgresDB) migrate(ctx context.Context) (err error) {
	m, err := rivermigrate.New(riverpgxv5.New(p.pool), nil)
	if err != nil {
		return fmt.Errorf("preparing the queue's migrations: %w", err)
	}
	river := newest(m.AllVersions())
	if isCurrent(ctx, p, river) {
		return nil
	}
	// River's migrations cannot run in one transaction (55P04), so a session's
	// advisory lock keeps the others out of both.
	c, err := p.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to migrate: %w", err)
	}
	defer c.Release()
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock(hashtext('ecsbot/migrate'))`); err != nil {
		return fmt.Errorf("waiting for the migration lock: %w", err)
	}
	defer func() {
		_, e := c.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(hashtext('ecsbot/migrate'))`)
		err = errors.Join(err, e)
	}()
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrating the queue: %w", err)
	}
	err = pgx.BeginFunc(ctx, c, func(t pgx.Tx) error { return migrateOwn(ctx, pgConn{t}, pgText, river) })
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

func (p *postgresDB) lock() string { return " FOR UPDATE" }
func (p *postgresDB) skip() string { return " FOR UPDATE SKIP LOCKED" }

func (p *postgresDB) isUnique(err error) bool { return pgCode(err) == "23505" }

func (p *postgresDB) isRetryable(err error) bool {
	code := pgCode(err)
	return code == "40001" || code == "40P01"
}

func pgCode(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

func (p *postgresDB) work(ctx context.Context, cfg *river.Config) (queue, error) {
	// LISTEN wakes at once. The poll is for a notification that was not sent:
	// River drops those within notifyEvery of another, even of one whose
	// transaction was rolled back.
	cfg.FetchCooldown, cfg.FetchPollInterval = 20*time.Millisecond, 250*time.Millisecond
	c, err := river.NewClient(riverpgxv5.New(p.pool), p.queueTime(cfg))
	if err != nil {
		return nil, err
	}
	return c, c.Start(ctx)
}

// queueTime makes River reckon with the server's clock, as its SQL does. By this
// machine's own, a snooze would be late, or early again and again, by the skew.
func (p *postgresDB) queueTime(cfg *river.Config) *river.Config {
	cfg.Test.Time = riverTime{p.time.now}
	return cfg
}

// riverTime is a clock as River takes one.
type riverTime struct{ now func() time.Time }

// Now implements rivertype.TimeGenerator.
func (t riverTime) Now() time.Time { return t.now() }

// NowOrNil implements rivertype.TimeGenerator: in SQL the server's now() holds.
func (t riverTime) NowOrNil() *time.Time { return nil }

func (p *postgresDB) real() time.Time { return p.time.now() }

// beat is pulse's, on a connection of its own.
func (p *postgresDB) beat(ctx context.Context) int64 {
	return p.pulse.beat(ctx, p.pool.Config().ConnConfig)
}

func (p *postgresDB) close() {
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p.pulse.stop(ctx)
	p.done.Wait()
	p.pool.Close()
}

const (
	maxSkew       = time.Minute
	measureEvery  = 30 * time.Second
	measureProbes = 5
)

// serverClock is the server's time, kept by this machine's monotonic clock
// between measurements: a step of the wall clock does not move it.
type serverClock struct {
	mu   sync.Mutex
	base time.Time // the server's time …
	at   time.Time // … at this local time, with its monotonic reading
}

func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Add(time.Since(c.at))
}

func (c *serverClock) skew() time.Duration {
	return c.now().Sub(time.Now().Round(0))
}

// measure takes the probe with the shortest round trip; the server's time is
// taken for its middle.
func (c *serverClock) measure(ctx context.Context, q conn) error {
	var base, at time.Time
	best := time.Duration(-1)
	for range measureProbes {
		var micros int64
		sent := time.Now()
		err := q.row(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&micros)
		if err != nil {
			return err
		}
		if trip := time.Since(sent); best < 0 || trip < best {
			best, base, at = trip, time.UnixMicro(micros), sent.Add(trip/2)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.at = base, at
	return nil
}

func (c *serverClock) follow(ctx context.Context, q conn, log zerolog.Logger) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		mctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := c.measure(mctx, q)
		cancel()
		if err != nil && ctx.Err() == nil {
			log.Warn().Err(err).Msg("the PostgreSQL server's clock could not be read")
		}
	}
}
