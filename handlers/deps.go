package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// API is what handlers say to Slack; *slack.Client satisfies it.
type API interface {
	OpenViewContext(ctx context.Context, triggerID string, view slack.ModalViewRequest) (*slack.ViewResponse, error)
	UpdateViewContext(ctx context.Context, view slack.ModalViewRequest, externalID, hash, viewID string) (*slack.ViewResponse, error)
	PostEphemeralContext(ctx context.Context, channelID, userID string, options ...slack.MsgOption) (string, error)
	PostMessageContext(ctx context.Context, channelID string, options ...slack.MsgOption) (string, string, error)
}

// Inbox holds envelopes between their ack and their end. PutInbox is durable
// when it returns nil, and not fresh for an id that it knows.
type Inbox interface {
	PutInbox(ctx context.Context, item workflow.InboxItem) (fresh bool, err error)
	ClaimInbox(ctx context.Context, limit int, lease time.Duration) ([]workflow.InboxItem, error)
	DoneInbox(ctx context.Context, id string) error
}

// Store is what handlers read and keep beside the engine's writes.
type Store interface {
	Inbox
	Token(ctx context.Context, token string) (workflow.Token, error)
	BindTokens(ctx context.Context, op, channel, ts string) error
	BindNotice(ctx context.Context, op string, revision int, channel, ts string) error
	SavePlan(ctx context.Context, id string, p ecsops.Plan) error
	// SaveShown and Shown keep what a person was shown, as any replica takes what they do next.
	SaveShown(ctx context.Context, id string, doc []byte) error
	Shown(ctx context.Context, id string) ([]byte, error)
	Operation(ctx context.Context, id string) (workflow.Operation, error)
	Operations(ctx context.Context, f workflow.Filter) ([]workflow.Operation, error)
	Holder(ctx context.Context, target ecsops.Target) (workflow.Operation, error)
}

// Engine takes proposals and decisions; *workflow.Engine satisfies it.
type Engine interface {
	Propose(ctx context.Context, p workflow.Proposal) (workflow.Operation, error)
	ProposeBulk(ctx context.Context, p workflow.BulkProposal) (workflow.Operation, error)
	ProposeBatch(ctx context.Context, p workflow.BatchProposal) (workflow.Operation, error)
	Decide(ctx context.Context, d workflow.Decision) (workflow.Answer, error)
	Record(ctx context.Context, events ...workflow.Event) error
	Afterwards(ctx context.Context, d workflow.Decision) (workflow.Answer, error)
}

// Fleet reads ECS; *ecsops.Fleet satisfies it.
type Fleet interface {
	Clusters(ctx context.Context) ([]ecsops.ClusterARN, error)
	Preview(ctx context.Context, ref ecsops.Ref) (ecsops.Preview, error)
	List(ctx context.Context, cluster ecsops.ClusterARN) ([]ecsops.Listed, error)
	Ghosts(ctx context.Context, want func(ecsops.ClusterARN) bool) (ecsops.Ghosts, error)
	Inspect(ctx context.Context, t ecsops.Target) (ecsops.Snapshot, error)
	InspectMany(ctx context.Context, targets []ecsops.Target) ([]ecsops.Snapshot, error)
	Matching(ctx context.Context, cluster ecsops.ClusterARN, filter string) ([]ecsops.Listed, error)
	RegisteredAgain(ctx context.Context, t ecsops.Target) (ecsops.Fact[[]ecsops.Reregistration], error)
}

// Home is the app's own identity: auth.test names team, enterprise and bot user,
// bots.info the app. Enterprise is "" outside Enterprise Grid.
type Home struct {
	App        string
	Team       string
	Enterprise string
	BotUser    string
}

// Metrics is told of every handled envelope. kind is the command or action,
// outcome one of a few words.
type Metrics interface {
	Handled(kind, outcome string, took time.Duration)
}

// Deps are what a Router needs. Workers, Deadline, HTTP and Metrics have defaults.
type Deps struct {
	Slack  API
	People *People
	Store  Store
	Engine Engine
	Fleet  Fleet
	Rules  policy.Rules
	Clock  workflow.Clock
	Home   Home

	// HTTP posts to response URLs; default a client with a 5 s timeout.
	HTTP *http.Client
	// Workers is how many envelopes are acted on at once, default 16.
	Workers int
	// Deadline of a drain when the person names none; default ecsops.DefaultDeadline.
	Deadline time.Duration
	// RequireReason asks whoever gives none why an instance shall leave, before anything is proposed.
	RequireReason bool
	Metrics       Metrics
}

// ErrDeps is wrapped by New when a dependency is missing.
var ErrDeps = errors.New("handlers: incomplete dependencies")

func (d *Deps) complete() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("no "+what))
		}
	}
	need(d.Slack != nil, "Slack")
	need(d.People != nil, "People")
	need(d.Store != nil, "Store")
	need(d.Engine != nil, "Engine")
	need(d.Fleet != nil, "Fleet")
	need(d.Clock != nil, "Clock")
	need(d.Home.App != "", "Home.App")
	need(d.Home.Team != "", "Home.Team")
	if len(errs) > 0 {
		return errors.Join(append([]error{ErrDeps}, errs...)...)
	}
	if d.HTTP == nil {
		d.HTTP = &http.Client{Timeout: responseTimeout}
	}
	if d.Workers <= 0 {
		d.Workers = defaultWorkers
	}
	if d.Deadline <= 0 {
		d.Deadline = ecsops.DefaultDeadline
	}
	if d.Metrics == nil {
		d.Metrics = noMetrics{}
	}
	return nil
}

type noMetrics struct{}

func (noMetrics) Handled(string, string, time.Duration) {}
