package store

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/audit"
	"ecsbot/workflow"
)

// View is the store at one moment, read only, for verifying and exporting while
// the bot goes on.
type View struct{ c conn }

var (
	_ audit.Log        = (*DB)(nil)
	_ audit.Log        = (*View)(nil)
	_ audit.Operations = (*View)(nil)
	_ audit.FollowUps  = (*View)(nil)
)

// View calls f with one consistent moment of the store. It holds a snapshot open
// meanwhile: on SQLite the write-ahead log grows until f returns.
func (d *DB) View(ctx context.Context, f func(*View) error) error {
	return d.back.view(ctx, func(c conn) error { return f(&View{c}) })
}

// LogSize implements audit.Log.
func (v *View) LogSize(ctx context.Context) (int64, error) { return logSize(ctx, v.c) }

// Records implements audit.Log. It leaves Event empty: what a record's text is
// worth is for the verification to say.
func (v *View) Records(ctx context.Context, from int64, limit int) ([]audit.Record, error) {
	return rawRecords(ctx, v.c, from, limit)
}

// Hashes implements audit.Log.
func (v *View) Hashes(ctx context.Context, idx []int64) ([]tlog.Hash, error) {
	return readHashes(ctx, v.c, idx)
}

// Operation implements audit.Operations.
func (v *View) Operation(ctx context.Context, id string) (workflow.Operation, error) {
	return operation(ctx, v.c, id)
}

// OperationIDs implements audit.Operations.
func (v *View) OperationIDs(ctx context.Context) ([]string, error) {
	return v.ids(ctx, "operations", `SELECT id FROM operations ORDER BY id`)
}

// FollowUp implements audit.FollowUps.
func (v *View) FollowUp(ctx context.Context, op string) (workflow.FollowUp, error) {
	return followUp(ctx, v.c, op)
}

// FollowUpIDs implements audit.FollowUps.
func (v *View) FollowUpIDs(ctx context.Context) ([]string, error) {
	return v.ids(ctx, "follow-ups", `SELECT op FROM followups ORDER BY op`)
}

func (v *View) ids(ctx context.Context, of, query string) ([]string, error) {
	rs, err := v.c.query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", of, err)
	}
	defer rs.Close()
	var ids []string
	for rs.Next() {
		var id string
		if err := rs.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing %s: %w", of, err)
		}
		ids = append(ids, id)
	}
	if err := rs.Err(); err != nil {
		return nil, fmt.Errorf("listing %s: %w", of, err)
	}
	return ids, nil
}
