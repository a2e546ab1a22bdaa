package store

import (
	"context"
	"fmt"
	"time"

	"ecsbot/ecsops"
)

// Replicas is who serves from this database just now, and what is under way.
type Replicas struct {
	Live int // this process included
	// Settled says that every other one has learned of this one.
	Settled bool
	// Drains are the operations that hold a target's lock, by cluster.
	Drains map[ecsops.ClusterARN]int
}

// Announce says that this process serves for ttl more, and who else does. Announcements
// have an order: who is Settled is known to all that count themselves live; and one whose
// ttl ran out begins anew. What a replica held that died is given out again at the second
// announcement that misses it. On SQLite one process serves, which its lock proves.
func (d *DB) Announce(ctx context.Context, ttl time.Duration) (Replicas, error) {
	out := Replicas{Live: 1, Settled: true}
	var err error
	if server, ok := d.back.(*postgresDB); ok {
		var missed []string
		beat := server.beat(ctx)
		err = d.update(ctx, func(t tx) (err error) {
			out = Replicas{Live: 1, Settled: true}
			missed, err = d.announce(ctx, t, ttl, beat, &out)
			return err
		})
		if err == nil {
			err = d.bury(ctx, missed)
		}
	}
	if err == nil {
		out.Drains, err = d.drains(ctx)
	}
	if err != nil {
		return Replicas{}, fmt.Errorf("announcing this process: %w", err)
	}
	return out, nil
}

// announce returns those that announced themselves and have no pulse now.
func (d *DB) announce(ctx context.Context, t tx, ttl time.Duration, beat int64, out *Replicas) (missed []string, err error) {
	var round, joined int64
	if err := t.row(ctx, `UPDATE replica_round SET n = n + 1 WHERE id = 1 RETURNING n`).Scan(&round); err != nil {
		return nil, err
	}
	now := d.back.real()
	if _, err := t.exec(ctx, `DELETE FROM replicas WHERE until <= $1`, nanos(now)); err != nil {
		return nil, err
	}
	err = t.row(ctx, `INSERT INTO replicas (id, joined, seen, until, pulse) VALUES ($1, $2, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, until = excluded.until, pulse = excluded.pulse RETURNING joined`,
		d.replica, round, nanos(now.Add(ttl)), beat).Scan(&joined)
	if err != nil {
		return nil, err
	}
	rs, err := t.query(ctx, `SELECT id, seen, `+silent+` FROM replicas WHERE id <> $1`, d.replica)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	for rs.Next() {
		var id string
		var seen int64
		var still bool
		if err := rs.Scan(&id, &seen, &still); err != nil {
			return nil, err
		}
		out.Live++
		out.Settled = out.Settled && seen > joined
		if still {
			missed = append(missed, id)
		}
	}
	return missed, rs.Err()
}

func (d *DB) drains(ctx context.Context) (map[ecsops.ClusterARN]int, error) {
	rs, err := d.back.query(ctx, `SELECT cluster, count(*) FROM operations WHERE locked = 1 GROUP BY cluster`)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	out := map[ecsops.ClusterARN]int{}
	for rs.Next() {
		var cluster string
		var n int
		if err := rs.Scan(&cluster, &n); err != nil {
			return nil, err
		}
		out[ecsops.ClusterARN(cluster)] = n
	}
	return out, rs.Err()
}

// Withdraw says that this process serves no longer. What it never says ends with its ttl.
func (d *DB) Withdraw(ctx context.Context) error {
	if _, alone := d.back.(*sqliteDB); alone {
		return nil
	}
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `DELETE FROM replicas WHERE id = $1`, d.replica)
		return err
	})
	if err != nil {
		return fmt.Errorf("withdrawing this process: %w", err)
	}
	return nil
}
