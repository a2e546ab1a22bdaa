package store

import "context"

// moved is closed when the clock is set, as a paced one may be; nil for a real one.
func (d *DB) moved() <-chan struct{} {
	if c, ok := d.clock.(interface{ Changed() <-chan struct{} }); ok {
		return c.Changed()
	}
	return nil
}

// keepTime schedules all that waits anew whenever the clock is set: the queue
// waits in real time, by what the clock said when it was asked.
func (d *DB) keepTime(ctx context.Context, moved <-chan struct{}) {
	for {
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
		moved = d.moved()
		if err := d.revive(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn().Err(err).Msg("what waits was not scheduled anew")
		}
	}
}
