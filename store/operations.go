package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// listed is how many operations a zero Filter lists.
const listed = 20

// Operation implements workflow.Store.
func (d *DB) Operation(ctx context.Context, id string) (workflow.Operation, error) {
	return operation(ctx, d.back, id)
}

func operation(ctx context.Context, c conn, id string) (workflow.Operation, error) {
	return scanOperation(c.row(ctx, `SELECT id, version, state, doc FROM operations WHERE id = $1`, id))
}

// Holder implements workflow.Store.
func (d *DB) Holder(ctx context.Context, target ecsops.Target) (workflow.Operation, error) {
	return scanOperation(d.back.row(ctx,
		`SELECT id, version, state, doc FROM operations WHERE target_key = $1 AND locked = 1`, target.Key()))
}

// Operations implements workflow.Store.
func (d *DB) Operations(ctx context.Context, f workflow.Filter) ([]workflow.Operation, error) {
	limit, active := f.Limit, 0
	if limit <= 0 {
		limit = listed
	}
	if f.Active {
		active = 1
	}
	rs, err := d.back.query(ctx, `SELECT id, version, state, doc FROM operations
		WHERE ($1 = '' OR cluster = $1) AND terminal <= 1 - CAST($2 AS BIGINT)
		ORDER BY created_at DESC, id DESC LIMIT $3`, string(f.Cluster), active, limit)
	if err != nil {
		return nil, fmt.Errorf("listing operations: %w", err)
	}
	defer rs.Close()
	var ops []workflow.Operation
	for rs.Next() {
		op, err := scanOperation(rs)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	if err := rs.Err(); err != nil {
		return nil, fmt.Errorf("listing operations: %w", err)
	}
	return ops, nil
}

// scanOperation reads one row. A row whose columns contradict its document was
// not written by us: nobody may act on it.
func scanOperation(r row) (workflow.Operation, error) {
	var (
		op        workflow.Operation
		id, state string
		version   int64
		doc       string
	)
	if err := r.Scan(&id, &version, &state, &doc); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return op, workflow.ErrNotFound
		}
		return op, fmt.Errorf("reading an operation: %w", err)
	}
	if err := json.Unmarshal([]byte(doc), &op); err != nil {
		return workflow.Operation{}, fmt.Errorf("decoding operation %s: %w", id, err)
	}
	if op.ID != id || op.Version != version || string(op.State) != state {
		return workflow.Operation{}, fmt.Errorf("reading operation %s: its row and its document disagree; run bot audit verify", id)
	}
	return op, nil
}
