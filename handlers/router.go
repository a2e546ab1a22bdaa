package handlers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/socket"
	"ecsbot/workflow"
)

const (
	defaultWorkers  = 16
	queueLength     = 256
	storeTimeout    = 2 * time.Second  // an ack is due within 3 s of the click
	actTimeout      = 50 * time.Second // a stored envelope is ours for a minute
	sweepEvery      = 5 * time.Second
	sweepLease      = actTimeout + 10*time.Second // longer than any act, so that nobody else takes it meanwhile
	sweepBatch      = 50
	responseTimeout = 5 * time.Second
	picksKept       = 200
)

// Router takes envelopes to their handlers.
type Router struct {
	Deps
	jobs    chan job
	picks   kept[pick]
	choices kept[choice]
	sweeps  kept[swept]
	whys    kept[unexplained]
	orphans kept[[]string]           // ARNs that a force modal showed, by token and user
	lists   *memory[[]ecsops.Listed] // instances that a picker offers, by pick and cluster
	reads   singleflight.Group       // of those lists
	urls    *memory[string]          // response URLs by pick or question: capabilities, never logged or stored
	told    *memory[bool]            // envelopes whose person was told that it is tried again

	burst burst // acks go first

	mu     sync.Mutex
	taken  map[string]bool // guarded by mu: envelopes in the queue or in hand
	closed bool            // guarded by mu: workers are leaving
}

type job struct {
	item    workflow.InboxItem
	act     *act // the item understood, or nil
	retried bool
}

// New checks the dependencies and returns a Router that acts on nothing until Run.
func New(d Deps) (*Router, error) {
	if err := d.complete(); err != nil {
		return nil, err
	}
	return &Router{
		Deps:    d,
		jobs:    make(chan job, queueLength),
		picks:   newKept[pick]("pick", d),
		choices: newKept[choice]("choice", d),
		sweeps:  newKept[swept]("ghosts", d),
		whys:    newKept[unexplained]("why", d),
		orphans: newKept[[]string]("orphans", d),
		lists:   newMemory[[]ecsops.Listed](d.Clock, picksKept*readAhead, keptLife),
		urls:    newMemory[string](d.Clock, picksKept, responseLife),
		told:    newMemory[bool](d.Clock, queueLength, workflow.InboxLimit),
		taken:   map[string]bool{},
	}, nil
}

// Run acts on envelopes until ctx ends, with a sweep at once and every few
// seconds, then waits for those in hand. What is still queued stays in the inbox.
func (r *Router) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range r.Workers {
		wg.Go(func() { r.work(ctx) })
	}
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("sweeping the inbox")
		}
		select {
		case <-ctx.Done():
			r.mu.Lock()
			r.closed = true
			r.mu.Unlock()
			wg.Wait()
			return nil
		case <-t.C:
		}
	}
}

func (r *Router) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-r.jobs:
			r.burst.acksFirst(ctx)
			r.run(context.WithoutCancel(ctx), j)
		}
	}
}

// Sweep takes up envelopes that were stored and not handled: after a crash, or
// when the queue was full.
func (r *Router) Sweep(ctx context.Context) error {
	free := cap(r.jobs) - len(r.jobs)
	if free <= 0 {
		return nil
	}
	items, err := r.Store.ClaimInbox(ctx, min(free, sweepBatch), sweepLease)
	if err != nil {
		return fmt.Errorf("claiming envelopes: %w", err)
	}
	for _, item := range items {
		r.enqueue(job{item: item, retried: true})
	}
	return nil
}

// enqueue hands a job to a worker, or leaves it to a later sweep. An envelope
// that is in hand is not taken a second time.
func (r *Router) enqueue(j job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.taken[j.item.ID] {
		return
	}
	select {
	case r.jobs <- j:
		r.taken[j.item.ID] = true
	default:
	}
}

func (r *Router) run(ctx context.Context, j job) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	log := zerolog.Ctx(ctx).With().Str("envelope_id", j.item.ID).Logger()
	ctx = log.WithContext(ctx)
	defer func() {
		r.mu.Lock()
		delete(r.taken, j.item.ID)
		r.mu.Unlock()
	}()
	if err := r.actOn(ctx, j); err != nil {
		log.Error().Err(err).Msg("envelope not handled, it stays in the inbox")
		return
	}
	if err := r.Store.DoneInbox(ctx, j.item.ID); err != nil {
		log.Error().Err(err).Msg("marking an envelope handled")
	}
}

// actOn does what the envelope asks. An error means that it must be tried again.
func (r *Router) actOn(ctx context.Context, j job) (err error) {
	started := r.Clock.Now()
	kind, outcome := j.item.Kind, outcomeDone
	defer func() { r.Metrics.Handled(kind, outcome, r.Clock.Now().Sub(started)) }()
	a := j.act
	if a == nil {
		if a, err = understand(j.item.ID, j.item.Kind, j.item.Payload); err != nil {
			outcome = "malformed"
			zerolog.Ctx(ctx).Warn().Err(err).Msg("envelope not understood")
			return nil // trying again reads the same bytes
		}
	}
	a.retried = j.retried
	kind = a.name()
	to := r.replyTo(a)
	defer func() {
		if v := recover(); v != nil {
			outcome, err = "panic", nil // it would panic again
			zerolog.Ctx(ctx).Error().Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("handler panicked")
			to.say(ctx, blocks.Problem(errPanicked))
		}
	}()
	if age := started.Sub(j.item.ReceivedAt); age > workflow.InboxLimit {
		outcome = "too_late"
		return r.tooLate(ctx, a, to, j.item.ReceivedAt)
	}
	err = r.dispatch(ctx, a, to)
	switch {
	case errors.Is(err, errRefused):
		outcome, err = "refused", nil
	case err != nil:
		outcome = "retry"
		if _, told := r.told.get(a.id); !told {
			r.told.put(a.id, true)
			to.say(ctx, tryingAgain())
		}
	}
	return err
}

const outcomeDone = "done"

func (r *Router) tooLate(ctx context.Context, a *act, to *reply, received time.Time) error {
	err := r.Engine.Record(ctx, workflow.Event{Type: workflow.EvTooLate, Actor: a.actor(), Channel: a.channel, Action: a.policyAction()})
	if err != nil {
		return err
	}
	to.say(ctx, blocks.TooLate(received))
	return nil
}

func (r *Router) dispatch(ctx context.Context, a *act, to *reply) error {
	switch a.typ {
	case typeCommand:
		return r.command(ctx, a, to)
	case typeActions:
		return r.clicked(ctx, a, to)
	case typeSubmission:
		return r.submitted(ctx, a, to)
	}
	return nil
}

// panicText describes a panic without its value unless the runtime made it, as
// a value might quote a payload.
func panicText(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

// Overflow answers an envelope that the full hand-over turned away: a command
// is told that nothing was recorded; a click is left unacknowledged, so that
// Slack shows that it failed.
func (r *Router) Overflow(ctx context.Context, e *socket.Envelope) {
	r.Metrics.Handled(e.Type, "overflow", 0)
	if e.Type != envCommand {
		return
	}
	if err := e.Ack(ctx, ephemeral(blocks.Overloaded())); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("telling a person that the bot is overloaded")
	}
}
