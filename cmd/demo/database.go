package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver by which the bot opens the same file

	"ecsbot/sim/page"
)

func database(o options) (page.Database, error) {
	if o.postgres {
		return newPostgres()
	}
	return &sqlite{}, nil
}

// sqlite is the file that the bot makes for itself. It is broken by a write lock
// that somebody else holds, as a backup that hangs would.
type sqlite struct {
	file string
	lock *sql.DB
}

// lockTakes is how long the bot's own transactions are waited for.
const lockTakes = 10 * time.Second

func (*sqlite) Kind() string { return "sqlite" }

func (s *sqlite) Open(ctx context.Context, dir string) ([]string, error) {
	if err := s.Break(ctx, false); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "state")
	s.file = filepath.Join(state, "ecsbot.db")
	return []string{"STATE_DIR=" + state}, nil
}

func (s *sqlite) Break(ctx context.Context, broken bool) error {
	if !broken {
		if s.lock == nil {
			return nil
		}
		err := s.lock.Close() // which rolls back
		s.lock = nil
		return err
	}
	if s.lock != nil {
		return nil
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.file}).EscapedPath(),
		RawQuery: url.Values{"mode": {"rw"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", lockTakes.Milliseconds())}}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return fmt.Errorf("opening the bot's database: %w", err)
	}
	db.SetMaxOpenConns(1) // the lock is its connection's
	if _, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return errors.Join(fmt.Errorf("locking the bot's database: %w", err), db.Close())
	}
	s.lock = db
	return nil
}

func (s *sqlite) Close() error { return s.Break(context.Background(), false) }
