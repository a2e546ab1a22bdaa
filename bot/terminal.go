package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/store"
	"ecsbot/words"
	"ecsbot/workflow"
)

// ErrRefused is wrapped by what policy, the store's state or a verification refuses, as opposed to what went wrong.
var ErrRefused = errors.New("refused")

// groupsTimeout bounds the one question to Slack that a terminal asks.
const groupsTimeout = 3 * time.Second

// At is a person at a terminal: the same store, policy and engine as in Slack, without Slack. It works beside a serving process,
// and when none runs; what it decides is done by the one that serves.
type At struct {
	cfg    Config
	out    io.Writer
	db     *store.DB
	fleet  *ecsops.Fleet
	noAWS  error // why there is no fleet
	engine *workflow.Engine
	rules  policy.Rules
	person policy.Person
	name   string // operating-system user
}

// AtTerminal opens the store, which must exist when existing is set, and AWS's clients. Answers go to out, as sentences. Close it.
func AtTerminal(ctx context.Context, cfg Config, existing bool, out io.Writer) (_ *At, err error) {
	a := &At{cfg: cfg, out: out}
	a.db, err = store.Open(ctx, store.Options{URL: cfg.DatabaseURL.Reveal(), StateDir: cfg.StateDir, Existing: existing, Log: *zerolog.Ctx(ctx)})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.db.Close()
		}
	}()
	a.fleet, a.noAWS = ecsops.New(ctx, fleetConfig(cfg, a.db.Clock(), nil))
	var reads workflow.Fleet = a.fleet
	if a.noAWS != nil { // stopping and looking need no AWS
		reads = noFleet{a.noAWS}
	}
	a.engine, err = workflow.New(workflow.Deps{Store: a.db, Fleet: reads, Authority: &lateAuthority{}, Settings: settings(cfg)})
	if err != nil {
		return nil, err
	}
	a.whoAmI(ctx)
	return a, nil
}

// noFleet answers for an AWS that is not configured.
type noFleet struct{ why error }

func (n noFleet) InspectMany(context.Context, []ecsops.Target) ([]ecsops.Snapshot, error) {
	return nil, n.why
}

func (n noFleet) Inspect(context.Context, ecsops.Target) (ecsops.Snapshot, error) {
	return ecsops.Snapshot{}, n.why
}

func (n noFleet) Look(context.Context, ecsops.Target, ecsops.LookFor) (ecsops.Snapshot, error) {
	return ecsops.Snapshot{}, n.why
}

func (n noFleet) After(context.Context, ecsops.Target, ecsops.LookFor, time.Time) (ecsops.After, error) {
	return ecsops.After{}, n.why
}

func (n noFleet) Aftermath(context.Context, ecsops.Target, bool) (ecsops.Aftermath, error) {
	return ecsops.Aftermath{}, n.why
}

func (n noFleet) Node(context.Context, ecsops.Target) (ecsops.Fact[ecsops.Node], error) {
	return ecsops.Fact[ecsops.Node]{}, n.why
}

func (n noFleet) HostLook(context.Context, ecsops.HostQuestion) (ecsops.Fact[ecsops.HostAnswer], error) {
	return ecsops.Fact[ecsops.HostAnswer]{}, n.why
}

func (n noFleet) Do(context.Context, ecsops.Action) ecsops.Outcome {
	return ecsops.Outcome{Result: ecsops.Refused, Code: "not configured", At: time.Now()}
}

// Close releases the store.
func (a *At) Close() { a.db.Close() }

func (a *At) say(format string, args ...any) error {
	_, err := fmt.Fprintln(a.out, words.Strip(fmt.Sprintf(format, args...)))
	return err
}

// whoAmI maps the operating-system user.
func (a *At) whoAmI(ctx context.Context) {
	a.name = userName(os.Getuid())
	a.person = policy.Person{UserID: a.cfg.TerminalUsers[a.name], Terminal: true}
	if a.person.UserID != "" {
		a.person.Groups = a.groups(ctx)
	}
}

// userName asks the user database by number: the variable USER is anybody's to set. Where it has no name, as in the image, the
// number is the name, so that TERMINAL_USERS can map it.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// groups are the configured user groups that hold the person. Without Slack's answer they are unknown, and only who is named in
// person counts.
func (a *At) groups(ctx context.Context) ecsops.Fact[[]string] {
	in := []string{}
	ctx, cancel := context.WithTimeout(ctx, groupsTimeout)
	defer cancel()
	for _, id := range slices.Concat(a.cfg.Operators, a.cfg.Approvers) {
		if !strings.HasPrefix(id, "S") {
			continue
		}
		members, err := slackClient(a.cfg).GetUserGroupMembersContext(ctx, id)
		if err != nil {
			zerolog.Ctx(ctx).Debug().Err(err).Msg("user groups not read")
			return ecsops.NotKnown[[]string](ecsops.Unknown{Fact: "groups", Call: "usergroups.users.list", Reason: "Slack could not be asked"})
		}
		if slices.Contains(members, a.person.UserID) {
			in = append(in, id)
		}
	}
	return ecsops.Known(in)
}

func (a *At) actor() workflow.Actor {
	return workflow.Actor{UserID: a.person.UserID, Terminal: a.name}
}

// may asks policy, and records a refusal as in Slack.
func (a *At) may(ctx context.Context, r policy.Request) (policy.Verdict, error) {
	r.Person, r.Channel = a.person, policy.Channel{Terminal: true}
	v := policy.Decide(a.rules, r)
	if v.Effect != policy.Refuse {
		return v, nil
	}
	ev := workflow.Event{Type: workflow.EvRefused, Actor: a.actor(), Action: r.Action, Reasons: v.Reasons}
	err := a.engine.Record(ctx, ev)
	return v, errors.Join(fmt.Errorf("%w: %s", ErrRefused, words.Strip(words.Refusal(r.Action, v))), err)
}

// Status prints one operation with its story, or the latest ones.
func (a *At) Status(ctx context.Context, id string) error {
	if id != "" {
		op, err := a.operation(ctx, id)
		if err != nil {
			return err
		}
		return a.printOperation(op)
	}
	ops, err := a.db.Operations(ctx, workflow.Filter{})
	if err != nil {
		return fmt.Errorf("reading the operations: %w", err)
	}
	if len(ops) == 0 {
		return a.say("There are no operations.")
	}
	for _, op := range ops {
		if err := a.say("%s", oneLine(op, a.db.Clock().Now())); err != nil {
			return err
		}
	}
	return nil
}

func (a *At) operation(ctx context.Context, id string) (workflow.Operation, error) {
	op, err := a.db.Operation(ctx, strings.ToLower(strings.TrimSpace(id)))
	if errors.Is(err, workflow.ErrNotFound) {
		return op, fmt.Errorf("%w: there is no operation %s; `bot status` lists the latest ones", ErrRefused, words.Strip(words.Quote(id)))
	}
	if err != nil {
		return op, fmt.Errorf("reading operation %s: %w", id, err)
	}
	return op, nil
}

func oneLine(op workflow.Operation, now time.Time) string {
	s := fmt.Sprintf("%s  %s %s, %s (%s", op.ID, words.StateSymbol(op.State), words.Subject(op), words.State(op.State), words.SubjectWhere(op))
	switch {
	case op.State.Terminal():
		s += ", ended " + words.Time(op.EndedAt)
	case op.Block != nil:
		s += ", waiting for " + words.Duration(now.Sub(op.Block.Since)) + ": " + words.BlockTitle(op.Block.Reason)
	default:
		s += ", for " + words.Duration(now.Sub(op.CreatedAt))
	}
	return s + ")"
}

func (a *At) printOperation(op workflow.Operation) error {
	now := a.db.Clock().Now()
	lines := []string{oneLine(op, now), "asked for by " + words.Actor(op.Requester) + " at " + words.Time(op.CreatedAt)}
	if op.Block != nil {
		lines = append(lines, words.BlockOf(op))
	}
	if op.Order != nil {
		last := "last order: " + words.Action(op.Order.Action) + " at " + words.Time(op.Order.At)
		if op.Order.Outcome != nil {
			last += ": " + words.Outcome(*op.Order.Outcome)
		} else {
			last += ", outcome not known yet"
		}
		lines = append(lines, last)
	}
	for _, r := range op.Rows {
		lines = append(lines, words.RowSymbol(r.State)+" "+words.Machine(r.Target)+": "+words.Row(r))
	}
	if op.Progress.Total > 0 {
		lines = append(lines, fmt.Sprintf("%d of %s left", op.Progress.Left, words.Count(op.Progress.Total, "task")))
	}
	if op.Held() {
		for _, g := range words.HoldGroups(op.Progress.Holds) {
			lines = append(lines, "held: "+words.HoldLine(g.Hold, g.Names()))
		}
		lines = append(lines, "what holds it was read at "+words.Time(op.Progress.ExplainedAt)+", is read again each "+words.Duration(workflow.ExplainEvery))
	}
	for _, c := range op.Progress.Checks {
		lines = append(lines, words.Check(c))
	}
	if op.Cause != "" {
		lines = append(lines, words.Cause(op.Cause))
	}
	if !op.State.Terminal() {
		lines = append(lines, "To undo: bot stop "+op.ID)
	}
	for _, l := range lines {
		if err := a.say("%s", l); err != nil {
			return err
		}
	}
	return nil
}

// Stop undoes an operation. It needs neither Slack nor AWS: the serving process does the rest.
func (a *At) Stop(ctx context.Context, id string) error {
	op, err := a.operation(ctx, id)
	if err != nil {
		return err
	}
	a.rules = policy.Rules{Operators: a.cfg.Operators, Approvers: a.cfg.Approvers}
	v, err := a.may(ctx, policy.Request{Action: policy.Stop, Cluster: op.Target.Cluster})
	if err != nil {
		return err
	}
	answer, err := a.engine.Decide(ctx, workflow.Decision{Op: op.ID, Verb: workflow.Stop, Actor: a.actor(), Verdict: v})
	if err != nil {
		return fmt.Errorf("stopping operation %s: %w", op.ID, err)
	}
	if answer.Kind != workflow.Accepted && answer.Kind != workflow.AlreadyDone {
		return fmt.Errorf("%w: %s", ErrRefused, words.Strip(words.Answer(answer)))
	}
	return a.say("%s", words.Answer(answer))
}
