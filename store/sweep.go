package store

import (
	"context"
	"fmt"
	"time"
)

const (
	sweepPeriod = 10 * time.Minute
	inboxKept   = 24 * time.Hour      // handled envelopes, to know a redelivery
	plansKept   = 7 * 24 * time.Hour  // dry runs
	shownKept   = 24 * time.Hour      // forms and lists
	tokensKept  = 30 * 24 * time.Hour // after their expiry
)

// sweep forgets what nobody asks for any more, at start and every ten minutes.
func (d *DB) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepPeriod)
	defer tick.Stop()
	for {
		if err := d.forgetOld(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn().Err(err).Msg("old rows were not removed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *DB) forgetOld(ctx context.Context) error {
	now := d.back.real()
	return d.update(ctx, func(t tx) error {
		for _, s := range []struct {
			q      string
			before time.Time
		}{
			{`DELETE FROM inbox WHERE done_at <> 0 AND done_at < $1`, now.Add(-inboxKept)},
			{`DELETE FROM plans WHERE created_at < $1`, now.Add(-plansKept)},
			{`DELETE FROM shown WHERE created_at < $1`, now.Add(-shownKept)},
			{`DELETE FROM tokens WHERE expires_at <> 0 AND expires_at < $1`, d.clock.Now().Add(-tokensKept)},
		} {
			if _, err := t.exec(ctx, s.q, nanos(s.before)); err != nil {
				return fmt.Errorf("removing old rows: %w", err)
			}
		}
		return nil
	})
}
