package bot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/delivery"
	"ecsbot/ecsops"
	"ecsbot/handlers"
	"ecsbot/policy"
	"ecsbot/socket"
	"ecsbot/store"
	"ecsbot/workflow"
)

// stopWorkTime is how long steps and deliveries under way may take at shutdown. They are cut after 30 s anyway, and what is cut
// is taken up at the next start.
const stopWorkTime = 25 * time.Second

// Option changes how Run serves. Tests and the demo use them.
type Option func(*options)

type options struct {
	clock    workflow.Clock
	listener net.Listener
}

// WithClock paces everything that the bot waits for. Slack's and the network's own times stay real.
func WithClock(c workflow.Clock) Option { return func(o *options) { o.clock = c } }

// WithListener serves HTTP there instead of on HTTP_ADDR. Run closes it.
func WithListener(l net.Listener) Option { return func(o *options) { o.listener = l } }

// Run serves until ctx ends, then stops in the order that loses nothing: no more envelopes are taken, those in hand are
// finished, steps and deliveries under way end, the store is closed. It returns nil then. An error at the start is a sentence
// that says what to fix; later trouble with Slack or AWS turns /readyz red and is waited out.
//
// Its log goes to the logger in ctx, or else to standard error.
func Run(ctx context.Context, cfg Config, opts ...Option) (err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	ctx = logging(ctx, cfg)
	log := zerolog.Ctx(ctx)
	for _, w := range cfg.Warnings {
		log.Warn().Str("warning", w).Msg("configuration is odd")
	}
	s, err := newService(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer s.db.Close()
	log.Info().Str("version", Version()).Str("config", cfg.Fingerprint()).Msg("bot started")
	err = s.serve(ctx)
	log.Info().Msg("bot stopped")
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// logging puts a logger into ctx unless there is one.
func logging(ctx context.Context, cfg Config) context.Context {
	if zerolog.Ctx(ctx).GetLevel() != zerolog.Disabled {
		return ctx
	}
	return zerolog.New(os.Stderr).Level(cfg.LogLevel).With().Timestamp().Logger().WithContext(ctx)
}

// service is the composition: every part, and what is known of its health.
type service struct {
	cfg     Config
	listen  net.Listener
	db      *store.DB
	fleet   *ecsops.Fleet
	api     *slack.Client
	engine  *workflow.Engine
	deliver *delivery.Deliverer
	who     *lateAuthority
	metrics *metrics

	sockets atomic.Pointer[socket.Manager]
	worker  atomic.Bool
	waiting atomic.Pointer[string] // what the start waits for
}

func newService(ctx context.Context, cfg Config, o options) (_ *service, err error) {
	s := &service{cfg: cfg, listen: o.listener, who: &lateAuthority{}, metrics: newMetrics()}
	s.api = slackClient(cfg)
	s.db, err = store.Open(ctx, store.Options{
		URL: cfg.DatabaseURL.Reveal(), StateDir: cfg.StateDir, Serve: true, Log: *zerolog.Ctx(ctx), Clock: o.clock,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.db.Close()
		}
	}()
	if s.fleet, err = ecsops.New(ctx, fleetConfig(cfg, s.db.Clock(), s.metrics)); err != nil {
		return nil, err
	}
	s.engine, err = workflow.New(workflow.Deps{Store: s.db, Fleet: s.fleet, Authority: s.who, Settings: settings(cfg), Pace: s.fleet.Pace})
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(cfg, s.db)
	if err != nil {
		return nil, err
	}
	s.deliver, err = delivery.New(delivery.Deps{
		Store: s.db, Slack: s.api, Signer: signer, AuditChannel: cfg.AuditChannel, Approvers: cfg.Approvers, PlanBlock: cfg.PlanBlock,
	})
	if err != nil {
		return nil, err
	}
	return s, s.metrics.watch(s)
}

// fleetConfig takes nil for a clock or metrics that there are not.
func fleetConfig(cfg Config, clock workflow.Clock, m *metrics) ecsops.Config {
	c := ecsops.Config{
		Regions: cfg.Regions, Roles: cfg.Roles, Clock: clock,
		External: ecsops.ExternalMode(cfg.External), HostLook: ecsops.HostLookMode(cfg.HostLook), HostLookDocument: string(cfg.HostDocument), MetadataURI: cfg.ECSMetadataURI, Clusters: []string{Everything},
	}
	if m != nil {
		c.Observe, c.Spent = m.awsCall, m.token
	}
	if !cfg.Clusters.All {
		c.Clusters = nil
		for _, ref := range cfg.Clusters.Refs {
			c.Clusters = append(c.Clusters, ref.String())
		}
	}
	return c
}

func settings(cfg Config) workflow.Settings {
	s := workflow.Settings{ProposalTTL: cfg.ProposalTTL, Poll: cfg.PollInterval, Sole: !cfg.DatabaseURL.Set()}
	if ecsops.HostLookMode(cfg.HostLook) == ecsops.HostLookSSM {
		s.HostLook = string(cfg.HostDocument)
	}
	return s
}

// serve runs the parts. What starts later stops earlier.
func (s *service) serve(ctx context.Context) error {
	stop, err := s.serveHTTP(ctx)
	if err != nil {
		return err
	}
	defer stop()
	rules, err := s.rules(ctx)
	if err != nil {
		return err
	}
	home, err := s.greetOnce(ctx)
	if err != nil {
		return err
	}
	if err := s.engine.Record(ctx, s.startEvent()); err != nil {
		return fmt.Errorf("recording the start: %w", err)
	}
	defer s.sharing(ctx)()
	if err := s.db.Work(ctx, store.Workers{Step: s.engine.Step, Deliver: s.deliver.Deliver, FollowUp: s.engine.FollowUp}); err != nil {
		return err
	}
	s.worker.Store(true)
	defer s.stopWork(ctx)
	if home == nil {
		if home, err = s.greet(ctx); err != nil {
			return err
		}
	}
	return s.intake(ctx, rules, *home)
}

func (s *service) stopWork(ctx context.Context) {
	s.worker.Store(false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWorkTime)
	defer cancel()
	if err := s.db.Stop(ctx); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("work cut off, the next start takes it up")
	}
}

// intake takes envelopes until ctx ends and those in hand are done.
func (s *service) intake(ctx context.Context, rules policy.Rules, home handlers.Home) error {
	people := handlers.NewPeople(s.api, rules, home, s.db.Clock())
	s.who.set(people)
	router, err := handlers.New(handlers.Deps{
		Slack: s.api, People: people, Store: s.db, Engine: s.engine, Fleet: s.fleet, Rules: rules, Clock: s.db.Clock(), Home: home,
		Deadline: s.cfg.DrainDeadline, RequireReason: s.cfg.RequireReason, Metrics: s.metrics,
	})
	if err != nil {
		return err
	}
	manager, err := socket.New(socket.Config{
		Opener: socket.FromSlack(s.api), Handle: s.metrics.timed(router.Handle), Overflow: router.Overflow,
		OnFatal: func(err error) { zerolog.Ctx(ctx).Error().Err(err).Msg("Slack turned the bot away, operations run on") },
		Alone:   !s.cfg.DatabaseURL.Set(),
	})
	if err != nil {
		return err
	}
	s.sockets.Store(manager)
	acting, stopActing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopActing()
	var acted error
	var wg sync.WaitGroup
	wg.Go(func() { acted = router.Run(acting) })
	err = manager.Run(ctx)
	stopActing()
	wg.Wait()
	return errors.Join(err, acted)
}

// startEvent says which program with which configuration serves from now on.
func (s *service) startEvent() workflow.Event {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return workflow.Event{Type: workflow.EvServiceStart, Actor: workflow.BotActor(),
		Detail: fmt.Sprintf("version %s, configuration %s, on %s", Version(), s.cfg.Fingerprint(), host)}
}

var errNotConnected = errors.New("Slack has not answered since the start, so nobody's rights can be checked")

// lateAuthority lets the engine start before Slack has said who we are. Until then nobody can be checked, so irreversible steps
// wait; looking and undoing go on.
type lateAuthority struct {
	p atomic.Pointer[handlers.People]
}

func (a *lateAuthority) set(p *handlers.People) { a.p.Store(p) }

// Authorize implements workflow.Authority.
func (a *lateAuthority) Authorize(ctx context.Context, op workflow.Operation) (policy.Verdict, error) {
	p := a.p.Load()
	if p == nil {
		return policy.Verdict{}, errNotConnected
	}
	return p.Authorize(ctx, op)
}
