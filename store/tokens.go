package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ecsbot/workflow"
)

// Tokens returns the tokens of a revision's buttons, made at the first asking
// and the same at every redraw. expires replaces the earlier expiry.
func (d *DB) Tokens(ctx context.Context, op string, revision int, verbs []workflow.Verb, expires time.Time) (map[workflow.Verb]string, error) {
	tokens := make(map[workflow.Verb]string, len(verbs))
	if len(verbs) == 0 {
		return tokens, nil
	}
	err := d.update(ctx, func(t tx) error {
		for _, v := range verbs {
			var token string
			if err := t.row(ctx, `INSERT INTO tokens (token, op, revision, verb, channel, ts, expires_at)
				VALUES ($1, $2, $3, $4, '', '', $5)
				ON CONFLICT (op, revision, verb) DO UPDATE SET expires_at = excluded.expires_at RETURNING token`,
				secret(), op, revision, string(v), nanos(expires)).Scan(&token); err != nil {
				return err
			}
			tokens[v] = token
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("making tokens for %s: %w", op, err)
	}
	return tokens, nil
}

// BindTokens binds all tokens of an operation's card, so far and of every revision,
// to the message that shows them. Tokens of notices are BindNotice's.
func (d *DB) BindTokens(ctx context.Context, op, channel, ts string) error {
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE tokens SET channel = $2, ts = $3 WHERE op = $1 AND revision >= 0 AND (channel <> $2 OR ts <> $3)`, op, channel, ts)
		return err
	})
	if err != nil {
		return fmt.Errorf("binding tokens of %s: %w", op, err)
	}
	return nil
}

// BindNotice binds the tokens of one notice of a follow-up, whose revision is negative, to
// its message. Each notice has buttons of its own: the older ones stay where they are.
func (d *DB) BindNotice(ctx context.Context, op string, revision int, channel, ts string) error {
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE tokens SET channel = $3, ts = $4 WHERE op = $1 AND revision = $2 AND revision < 0`, op, revision, channel, ts)
		return err
	})
	if err != nil {
		return fmt.Errorf("binding tokens of a notice of %s: %w", op, err)
	}
	return nil
}

// Token looks a button's value up; ErrNotFound when we never made it. Expiry,
// revision, verb and message are the caller's to check.
func (d *DB) Token(ctx context.Context, token string) (workflow.Token, error) {
	t := workflow.Token{Token: token}
	var expires int64
	err := d.back.row(ctx, `SELECT op, revision, verb, channel, ts, expires_at FROM tokens WHERE token = $1`, token).
		Scan(&t.Op, &t.Revision, &t.Verb, &t.Channel, &t.TS, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return workflow.Token{}, workflow.ErrNotFound
	}
	if err != nil {
		return workflow.Token{}, fmt.Errorf("looking up a token: %w", err)
	}
	t.ExpiresAt = fromNanos(expires)
	return t, nil
}
