package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ecsbot/workflow"
)

// SaveShown keeps what a person was shown, for the replica that takes what they do next.
// Saving an id again replaces it.
func (d *DB) SaveShown(ctx context.Context, id string, doc []byte) error {
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `INSERT INTO shown (id, created_at, doc) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, doc = excluded.doc`,
			id, nanos(d.back.real()), string(doc))
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping what was shown: %w", err)
	}
	return nil
}

// Shown returns what was kept, or ErrNotFound.
func (d *DB) Shown(ctx context.Context, id string) ([]byte, error) {
	var doc string
	err := d.back.row(ctx, `SELECT doc FROM shown WHERE id = $1`, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, workflow.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was shown: %w", err)
	}
	return []byte(doc), nil
}
