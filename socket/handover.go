package socket

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/rs/zerolog"
)

// work starts the goroutines that run handlers. They end when the queues are closed and empty.
func (m *Manager) work(ctx context.Context) {
	for range m.cfg.Workers {
		m.handled.Go(func() {
			for e := range m.queue {
				m.handle(ctx, m.cfg.Handle, e)
			}
		})
	}
	for range overflowWorkers {
		m.handled.Go(func() {
			for e := range m.spill {
				m.overflow(ctx, e)
			}
		})
	}
}

// handOver passes an envelope to a worker and never waits: the read loop that calls it must go on to answer pings.
func (m *Manager) handOver(ctx context.Context, e *Envelope) {
	m.counted.envelopes.Add(1)
	m.pending.Add(1)
	select {
	case m.queue <- e:
		return
	default:
	}
	select {
	case m.spill <- e:
		m.counted.overflowed.Add(1)
		zerolog.Ctx(ctx).Warn().Str("envelope_id", e.ID).Str("envelope_type", e.Type).Msg("hand-over full, telling the person")
	default:
		m.counted.lost.Add(1)
		zerolog.Ctx(ctx).Error().Str("envelope_id", e.ID).Str("envelope_type", e.Type).Msg("hand-over and overflow full, envelope left unacknowledged")
		m.finish()
	}
}

func (m *Manager) finish() {
	if m.pending.Add(-1) == 0 {
		select {
		case m.idle <- struct{}{}:
		default:
		}
	}
}

func (m *Manager) overflow(ctx context.Context, e *Envelope) {
	ctx, cancel := context.WithTimeout(ctx, overflowTimeout)
	defer cancel()
	m.handle(ctx, m.cfg.Overflow, e)
}

func (m *Manager) handle(ctx context.Context, h Handler, e *Envelope) {
	defer m.finish()
	defer func() {
		if v := recover(); v != nil {
			m.counted.panics.Add(1)
			zerolog.Ctx(ctx).Error().Str("envelope_id", e.ID).Str("envelope_type", e.Type).Str("panic", panicText(v)).
				Bytes("stack", debug.Stack()).Msg("handler panicked, envelope may be unacknowledged")
		}
	}()
	h(ctx, e)
}

// panicText describes a panic without its value unless the runtime made it, as a value of ours might quote a payload.
func panicText(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}
