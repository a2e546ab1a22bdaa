package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// pulse tells the other replicas that this process lives: the server lets go of its advisory
// lock as soon as the connection that holds it is cut, which the kernel does for a process
// that is killed. A machine that vanishes is noticed by TCP's keepalives.
// https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
type pulse struct {
	key int64 // never 0

	mu   sync.Mutex
	conn *pgx.Conn // guarded by mu; nil until it beats
	shut bool      // guarded by mu
}

func newPulse() *pulse {
	var b [8]byte
	_, _ = rand.Read(b[:])                                       // never fails
	return &pulse{key: int64(binary.BigEndian.Uint64(b[:]) | 1)} //nolint:gosec // any 64 bits are a key
}

// keepalives let the server notice within half a minute that the machine is gone.
var keepalives = map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4"}

// beat returns the key of the lock that is held, or 0 when there is none just now: then
// nobody may conclude anything from it.
func (p *pulse) beat(ctx context.Context, cfg *pgx.ConnConfig) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return 0
	}
	if p.conn != nil && p.holds(ctx) {
		return p.key
	}
	p.drop(ctx)
	own := cfg.Copy()
	for k, v := range keepalives {
		own.RuntimeParams[k] = v
	}
	conn, err := pgx.ConnectConfig(ctx, own)
	if err != nil {
		return 0 // the announcement itself meets the same server, and tells
	}
	p.conn = conn
	var got bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, p.key).Scan(&got)
	if err != nil || !got || !p.holds(ctx) { // the server has not noticed yet that the last one was cut; or a pooler lets go of locks
		p.drop(ctx)
		return 0
	}
	return p.key
}

// holds asks the server: a connection may live on without its lock, behind a pooler above all,
// and nobody may be taken for dead for that.
func (p *pulse) holds(ctx context.Context) bool {
	var held bool
	err := p.conn.QueryRow(ctx, `SELECT `+locked("$1::bigint"), p.key).Scan(&held)
	return err == nil && held
}

// drop ends the connection; mu is held.
func (p *pulse) drop(ctx context.Context) {
	if p.conn != nil {
		_ = p.conn.Close(ctx) // it is of no use any more, however it ends
		p.conn = nil
	}
}

func (p *pulse) stop(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	p.drop(ctx)
}

// locked is whether the server has the advisory lock of a key: pg_locks splits it in two.
func locked(key string) string {
	return `EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
	AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
	AND ((l.classid::bigint << 32) | l.objid::bigint) = ` + key + `)`
}

// silent is of a replica that announced a pulse, and has none.
var silent = `pulse <> 0 AND NOT ` + locked("replicas.pulse")

// bury gives out again what the replicas held that had no pulse at this announcement and at
// the one before: a connection may be cut, and come again. They are as good as never here.
// One of them that lives after all loses leases, which everything bears, and begins anew.
func (d *DB) bury(ctx context.Context, missed []string) error {
	d.mu.Lock()
	before := d.silent
	d.silent = map[string]bool{}
	for _, id := range missed {
		d.silent[id] = true
	}
	d.mu.Unlock()
	for _, id := range missed {
		if !before[id] {
			continue
		}
		var dead bool
		err := d.update(ctx, func(t tx) (err error) {
			dead, err = giveOut(ctx, t, id)
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("taking over from a replica that died: %w", err)
		case !dead:
			continue
		}
		d.log.Warn().Str("replica", id).Msg("another replica died: its work is taken over")
	}
	return nil
}

// giveOut does nothing when the replica came again meanwhile, or another one was quicker.
func giveOut(ctx context.Context, t tx, id string) (dead bool, err error) {
	n, err := t.exec(ctx, `DELETE FROM replicas WHERE id = $1 AND `+silent, id)
	if err != nil || n == 0 {
		return false, err
	}
	for _, q := range []string{
		`UPDATE inbox SET lease_until = 0 WHERE holder = $1 AND done_at = 0`,
		`UPDATE streams SET lease = '', lease_until = 0 WHERE holder = $1`,
		`UPDATE river_job SET state = 'available' WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1`,
		`DELETE FROM river_leader WHERE leader_id = $1`, // or nobody would wake what sleeps until its term ends
	} {
		if _, err := t.exec(ctx, q, id); err != nil {
			return false, err
		}
	}
	return true, nil
}
