package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"ecsbot/workflow"
)

// FollowUp implements workflow.Store.
func (d *DB) FollowUp(ctx context.Context, op string) (workflow.FollowUp, error) {
	return followUp(ctx, d.back, op)
}

func followUp(ctx context.Context, c conn, op string) (workflow.FollowUp, error) {
	var (
		f       workflow.FollowUp
		version int64
		doc     string
	)
	err := c.row(ctx, `SELECT version, doc FROM followups WHERE op = $1`, op).Scan(&version, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return f, workflow.ErrNotFound
	}
	if err != nil {
		return f, fmt.Errorf("reading follow-up %s: %w", op, err)
	}
	if err := json.Unmarshal([]byte(doc), &f); err != nil {
		return workflow.FollowUp{}, fmt.Errorf("decoding follow-up %s: %w", op, err)
	}
	if f.Op != op || f.Version != version {
		return workflow.FollowUp{}, fmt.Errorf("reading follow-up %s: its row and its document disagree", op)
	}
	return f, nil
}

// writeFollowUp is the compare-and-swap, and asks for the next look in the same transaction.
func (d *DB) writeFollowUp(ctx context.Context, t tx, f workflow.FollowUp) ([]river.InsertManyParams, error) {
	expect, due := f.Version, f.Due()
	f.Version++
	doc, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding follow-up %s: %w", f.Op, err)
	}
	q := `UPDATE followups SET version = $2, open = $3, due = $4, tick = tick + 1, doc = $5 WHERE op = $1 AND version = $2 - 1 RETURNING tick`
	if expect == 0 {
		q = `INSERT INTO followups (op, version, open, due, tick, doc) VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (op) DO NOTHING RETURNING tick`
	}
	var gen int64
	err = t.row(ctx, q, f.Op, f.Version, bit(!due.IsZero()), nanos(due), string(doc)).Scan(&gen)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, workflow.ErrConflict
	case err != nil:
		return nil, fmt.Errorf("writing follow-up %s: %w", f.Op, err)
	case due.IsZero():
		return nil, nil
	}
	return []river.InsertManyParams{d.followJob(f.Op, gen, due)}, nil
}

// followArgs is the job that looks after what an operation left.
type followArgs struct {
	Op  string `json:"op"`
	Gen int64  `json:"gen"`
	At  int64  `json:"at"` // unix nanoseconds of the store's clock
}

func (followArgs) Kind() string { return "operation_follow_up" }

func (d *DB) followJob(op string, gen int64, at time.Time) river.InsertManyParams {
	return river.InsertManyParams{Args: followArgs{Op: op, Gen: gen, At: nanos(at)}, InsertOpts: d.when(at)}
}

// reviveFollowUps gives every open follow-up a job of its own: nothing depends on one
// having survived.
func (d *DB) reviveFollowUps(ctx context.Context, t tx) ([]river.InsertManyParams, error) {
	rs, err := t.query(ctx, `UPDATE followups SET tick = tick + 1 WHERE open = 1 RETURNING op, tick, due`)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var jobs []river.InsertManyParams
	for rs.Next() {
		var op string
		var gen, due int64
		if err := rs.Scan(&op, &gen, &due); err != nil {
			return nil, err
		}
		jobs = append(jobs, d.followJob(op, gen, fromNanos(due)))
	}
	return jobs, rs.Err()
}
