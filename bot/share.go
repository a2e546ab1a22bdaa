package bot

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/store"
)

const (
	// announceEvery is how often a replica says that it serves, and asks who else does.
	announceEvery = 5 * time.Second
	// announceFor is how long it counts after that. Its part of AWS's budget it gives up
	// earlier by two announcements, so that the others never take it while it is in use.
	announceFor = 30 * time.Second
	// fewest is into how many parts the budget is divided for one who does not know how many
	// there are: Slack allows ten connections of an app, and a replica holds two. Who joins
	// takes so much beside the others' whole for the few seconds until they know.
	fewest = 5
)

// parts is into how many equal parts the budget is to be divided, by what was answered last
// and how long ago. Pure.
func parts(last store.Replicas, age time.Duration) int {
	if last.Live == 0 || !last.Settled || age > announceFor-2*announceEvery {
		return max(fewest, last.Live)
	}
	return last.Live
}

// share keeps this process to its part of AWS's budget until ctx ends, and tells how many
// drains are under way.
func (s *service) share(ctx context.Context) {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	var last store.Replicas
	at := time.Now()
	for {
		asked := time.Now()
		got, err := s.announce(ctx)
		switch {
		case err == nil:
			if got.Live != last.Live || got.Settled != last.Settled {
				zerolog.Ctx(ctx).Info().Int("replicas", got.Live).Bool("settled", got.Settled).Msg("AWS's budget is shared")
			}
			last, at = got, asked
			s.fleet.Drains(got.Drains)
		case ctx.Err() == nil:
			zerolog.Ctx(ctx).Warn().Err(err).Msg("who else serves could not be asked")
		}
		if s.cfg.DatabaseURL.Set() { // on SQLite one process serves
			s.fleet.Share(parts(last, time.Since(at)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *service) announce(ctx context.Context) (store.Replicas, error) {
	ctx, cancel := context.WithTimeout(ctx, announceEvery)
	defer cancel()
	return s.db.Announce(ctx, announceFor)
}

// sharing begins to share, and returns what ends it: after the last call to AWS.
func (s *service) sharing(ctx context.Context) (stop func()) {
	if s.cfg.DatabaseURL.Set() {
		s.fleet.Share(parts(store.Replicas{}, 0))
	}
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.share(shared)
	}()
	return func() {
		cancel()
		<-done
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceEvery)
		defer cancel()
		if err := s.db.Withdraw(ctx); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("the others learn late that this replica is gone")
		}
	}
}
