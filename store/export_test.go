package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ViewOf reads the store inside a test's own transaction, changes included.
func ViewOf(tx *sql.Tx) *View { return &View{sqlConn{tx}} }

// DSN is how the store writes its SQLite file.
func DSN(dir string) string { return sqliteDSN(dir+"/"+sqliteFile, false) }

// LimitPages makes the SQLite file full n pages from now; 0 lifts the limit.
func (d *DB) LimitPages(n int) error {
	s, ok := d.back.(*sqliteDB)
	if !ok {
		return errors.New("not on SQLite")
	}
	var pages, limit int
	if err := s.w.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		return err
	}
	pages += n
	if n == 0 {
		pages = 1 << 30
	}
	return s.w.QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(&limit)
}

// Counts is how many rows each table has.
func (d *DB) Counts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for _, table := range []string{"operations", "audit_records", "audit_hash", "tokens", "token_spends", "inbox", "streams", "plans", "shown", "river_job"} {
		var n int
		if err := d.back.row(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return nil, err
		}
		counts[table] = n
	}
	return counts, nil
}

// StepWorkers is how many steps a process makes at a time.
const StepWorkers = stepWorkers

// CutPulse ends the connection by which the other replicas know that this one lives.
func (d *DB) CutPulse(ctx context.Context) {
	p := d.back.(*postgresDB).pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.conn.Close(ctx)
}

// LosePulse lets go of the lock by which the other replicas know that this one lives, as a pooler does
// that cleans its connections; the connection stays.
func (d *DB) LosePulse(ctx context.Context) error {
	p := d.back.(*postgresDB).pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	return err
}

// Bury takes over from a replica that was missed at two announcements.
func (d *DB) Bury(ctx context.Context, id string) error {
	d.mu.Lock()
	d.silent = map[string]bool{id: true}
	d.mu.Unlock()
	return d.bury(ctx, []string{id})
}

// Replica is the process's name among those that serve.
func (d *DB) Replica() string { return d.replica }

// LeaseAsBefore leases a stream as binaries do that know no holder.
func (d *DB) LeaseAsBefore(ctx context.Context, name string) error {
	return d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE streams SET lease = 'old', lease_until = $2 WHERE name = $1`, name, nanos(d.back.real())+int64(3600e9))
		return err
	})
}
