package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/riverqueue/river/rivermigrate"
)

//go:embed schema/*.sql
var schema embed.FS

// errNewer: this program is older than the database. It is told, not guessed.
var errNewer = errors.New("the database was written by a newer version of this program: run that version, or restore a backup")

// migrations returns the SQL texts in order; the version is their count.
func migrations() ([]string, error) {
	names, err := fs.Glob(schema, "schema/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(names))
	for _, n := range names {
		b, err := schema.ReadFile(n)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(b))
	}
	return texts, nil
}

// newest is the last of River's migrations, by its driver.
func newest(versions []rivermigrate.Migration) int {
	n := 0
	for _, v := range versions {
		n = max(n, v.Version)
	}
	return n
}

// isCurrent reports, without a lock, that nothing is to be migrated. Any error
// means no: the locked path meets it again and says it.
func isCurrent(ctx context.Context, c conn, river int) bool {
	texts, err := migrations()
	if err != nil {
		return false
	}
	var own, have int
	if c.row(ctx, `SELECT version, river FROM schema_version WHERE id = 1`).Scan(&own, &have) != nil {
		return false
	}
	return own == len(texts) && have == river
}

// migrateOwn runs what is missing of our migrations. c is inside a transaction
// and under the lock; adapt turns SQLite's text into the database's; river is
// the version that River's migrator has just reached.
func migrateOwn(ctx context.Context, c conn, adapt func(string) string, river int) error {
	texts, err := migrations()
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, adapt(`CREATE TABLE IF NOT EXISTS schema_version (
	id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, river INTEGER NOT NULL
) STRICT;`)); err != nil {
		return err
	}
	if _, err := c.exec(ctx, `INSERT INTO schema_version (id, version, river) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING`); err != nil {
		return err
	}
	var have, haveRiver int
	if err := c.row(ctx, `SELECT version, river FROM schema_version WHERE id = 1`).Scan(&have, &haveRiver); err != nil {
		return err
	}
	if have > len(texts) || haveRiver > river {
		return errNewer
	}
	for i, text := range texts[have:] {
		if _, err := c.exec(ctx, adapt(text)); err != nil {
			return fmt.Errorf("schema %d: %w", have+i+1, err)
		}
	}
	_, err = c.exec(ctx, `UPDATE schema_version SET version = $1, river = $2 WHERE id = 1`, len(texts), river)
	return err
}
