package store

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// row and rows are what *sql.Row(s) and pgx.Row(s) have in common.
type row interface{ Scan(dest ...any) error }

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// conn runs one SQL text, with $1 placeholders, on either database.
type conn interface {
	exec(ctx context.Context, q string, args ...any) (affected int64, err error)
	query(ctx context.Context, q string, args ...any) (rows, error)
	row(ctx context.Context, q string, args ...any) row
}

// tx is a write transaction. Jobs enqueued in it exist when it commits.
type tx interface {
	conn
	enqueue(ctx context.Context, jobs []river.InsertManyParams) error
}

// queue is a running River client.
type queue interface {
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// backend is the part of a database that differs. Its conn reads outside a
// transaction and sees everything committed before the call.
type backend interface {
	conn
	// update runs f in one write transaction. It is durable when update returns
	// nil. After any other error nothing of it happened, except that an error
	// which wraps ErrUncertain says that the answer to COMMIT was lost.
	update(ctx context.Context, f func(tx) error) error
	// updateFirst is update for what somebody waits for: where there is one
	// writer, it goes before every update that has not begun.
	updateFirst(ctx context.Context, f func(tx) error) error
	// view runs f on one consistent snapshot, read only.
	view(ctx context.Context, f func(conn) error) error
	// migrate brings an empty or older database to this program's schema. Any
	// number of processes may call it at once.
	migrate(ctx context.Context) error
	// lock is the suffix that locks selected rows until the transaction's end;
	// skip leaves out rows that others have locked.
	lock() string
	skip() string
	// isUnique reports a violated unique index (not a primary key on SQLite);
	// isRetryable a transaction that the database rolled back for another's sake.
	isUnique(err error) bool
	isRetryable(err error) bool
	// work starts River. tune adds the database's own settings.
	work(ctx context.Context, cfg *river.Config) (queue, error)
	// real is the database's idea of the real time: leases and job times.
	real() time.Time
	close()
}
