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

// SavePlan keeps the plan of a dry run for a week. Saving an id again replaces it.
func (d *DB) SavePlan(ctx context.Context, id string, p ecsops.Plan) error {
	doc, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding plan %s: %w", id, err)
	}
	err = d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `INSERT INTO plans (id, created_at, doc) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, doc = excluded.doc`,
			id, nanos(d.back.real()), string(doc))
		return err
	})
	if err != nil {
		return fmt.Errorf("saving plan %s: %w", id, err)
	}
	return nil
}

// Plan returns a dry run's plan, or ErrNotFound.
func (d *DB) Plan(ctx context.Context, id string) (ecsops.Plan, error) {
	var p ecsops.Plan
	var doc string
	err := d.back.row(ctx, `SELECT doc FROM plans WHERE id = $1`, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return p, workflow.ErrNotFound
	}
	if err != nil {
		return p, fmt.Errorf("reading plan %s: %w", id, err)
	}
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return p, fmt.Errorf("decoding plan %s: %w", id, err)
	}
	return p, nil
}
