package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// Directory is what Slack knows about people and places; *slack.Client satisfies it.
type Directory interface {
	GetUserInfoContext(ctx context.Context, user string, options ...slack.GetUserInfoOption) (*slack.User, error)
	GetUserGroupMembersContext(ctx context.Context, userGroup string, options ...slack.GetUserGroupMembersOption) ([]string, error)
	GetConversationInfoContext(ctx context.Context, input *slack.GetConversationInfoInput) (*slack.Channel, error)
}

const (
	// factsAge is how old a fact may be that lets someone read or propose. A
	// decision always asks Slack.
	factsAge = 30 * time.Second
	// factsTimeout bounds one question to Slack.
	factsTimeout = 5 * time.Second
	// factsKept bounds each cache.
	factsKept = 1000
)

// People asks Slack who someone is and what a channel is, and turns the answers
// into the facts that policy wants. Whatever cannot be read is an unknown fact.
type People struct {
	api   Directory
	rules policy.Rules
	home  Home
	clock workflow.Clock

	users  *memory[ecsops.Fact[policy.Standing]]
	groups *memory[[]string]
	places *memory[ecsops.Fact[policy.Place]]
}

// NewPeople returns People of one workspace.
func NewPeople(api Directory, rules policy.Rules, home Home, clock workflow.Clock) *People {
	return &People{
		api: api, rules: rules, home: home, clock: clock,
		users:  newMemory[ecsops.Fact[policy.Standing]](clock, factsKept, factsAge),
		groups: newMemory[[]string](clock, factsKept, factsAge),
		places: newMemory[ecsops.Fact[policy.Place]](clock, factsKept, factsAge),
	}
}

// Person is who an envelope names, with facts from Slack: at most 30 s old, or
// live. The error says why Slack could not be asked; the person is usable (and
// will be refused) all the same.
func (p *People) Person(ctx context.Context, who Identity, live bool) (policy.Person, error) {
	person := policy.Person{UserID: who.User, TeamID: who.UserTeam, EnterpriseID: who.Enterprise}
	if person.TeamID == "" {
		person.TeamID = who.Team
	}
	if fact, ok := p.envelopeSays(who); !ok {
		person.Facts = fact
		person.Groups = ecsops.NotKnown[[]string](ecsops.Unknown{Fact: "groups", Call: "usergroups.users.list", Reason: "not read"})
		return person, nil
	}
	var wg sync.WaitGroup
	var userErr, groupErr error
	wg.Go(func() { person.Facts, userErr = p.standing(ctx, who.User, live) })
	wg.Go(func() { person.Groups, groupErr = p.groupsOf(ctx, who.User, live) })
	wg.Wait()
	return person, errors.Join(userErr, groupErr)
}

// envelopeSays checks what the envelope itself tells, before Slack is asked.
// Only equality admits, so that a missing field refuses: the classic hole is
// "refuse if present and different". On Enterprise Grid the organisation is the
// boundary and team may be null (slack-morphism v1.15.0).
func (p *People) envelopeSays(who Identity) (ecsops.Fact[policy.Standing], bool) {
	unknown := func(reason string) (ecsops.Fact[policy.Standing], bool) {
		return ecsops.NotKnown[policy.Standing](ecsops.Unknown{Fact: "person", Call: "envelope", Reason: reason}), false
	}
	away := who.Team != p.home.Team || who.UserTeam != p.home.Team
	nowhere := who.Team == "" || who.UserTeam == ""
	if p.home.Enterprise != "" {
		away, nowhere = who.Enterprise != p.home.Enterprise, who.Enterprise == ""
	}
	switch {
	case who.App != p.home.App:
		return unknown("another app, or none named")
	case who.User == "":
		return unknown("no user named")
	case nowhere:
		return unknown("no workspace named")
	case away:
		return ecsops.Known(policy.Standing{}), false
	}
	return ecsops.Fact[policy.Standing]{}, true
}

func (p *People) standing(ctx context.Context, user string, live bool) (ecsops.Fact[policy.Standing], error) {
	if f, ok := p.users.get(user); ok && !live {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	u, err := p.api.GetUserInfoContext(ctx, user)
	if err != nil {
		return ecsops.NotKnown[policy.Standing](ecsops.Unknown{Fact: "person", Call: "users.info", Reason: slackReason(err)}), asking("users.info", err)
	}
	if u == nil || u.ID != user || u.TeamID == "" {
		return ecsops.NotKnown[policy.Standing](ecsops.Unknown{Fact: "person", Call: "users.info", Reason: "answer names no workspace or another person"}), nil
	}
	f := ecsops.Known(policy.Standing{
		HomeTeam:        p.isHome(u),
		Deleted:         u.Deleted,
		Restricted:      u.IsRestricted,
		UltraRestricted: u.IsUltraRestricted,
		Stranger:        u.IsStranger,
		Bot:             u.IsBot || u.IsAppUser || u.IsWorkflowBot || u.ID == "USLACKBOT" || u.ID == p.home.BotUser,
	})
	p.users.put(user, f)
	return f, nil
}

func (p *People) isHome(u *slack.User) bool {
	if u.TeamID == p.home.Team {
		return true
	}
	return p.home.Enterprise != "" && u.Enterprise.EnterpriseID == p.home.Enterprise
}

// groupsOf reads which of the configured user groups hold the user.
func (p *People) groupsOf(ctx context.Context, user string, live bool) (ecsops.Fact[[]string], error) {
	var in []string
	var errs []error
	for _, g := range p.configuredGroups() {
		members, err := p.membersOf(ctx, g, live)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.Contains(members, user) {
			in = append(in, g)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return ecsops.NotKnown[[]string](ecsops.Unknown{Fact: "groups", Call: "usergroups.users.list", Reason: slackReason(err)}), asking("usergroups.users.list", err)
	}
	return ecsops.Known(in), nil
}

func (p *People) configuredGroups() []string {
	var out []string
	for _, id := range slices.Concat(p.rules.Operators, p.rules.Approvers) {
		if strings.HasPrefix(id, "S") && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func (p *People) membersOf(ctx context.Context, group string, live bool) ([]string, error) {
	if m, ok := p.groups.get(group); ok && !live {
		return m, nil
	}
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	m, err := p.api.GetUserGroupMembersContext(ctx, group)
	if err != nil {
		return nil, err
	}
	p.groups.put(group, m)
	return m, nil
}

// Place is what Slack says of a channel, at most 30 s old, or live. A channel
// that the bot cannot see is unknown, with channel_not_found as its reason.
func (p *People) Place(ctx context.Context, channel string, live bool) (policy.Channel, error) {
	out := policy.Channel{ID: channel}
	if channel == "" {
		out.Facts = ecsops.NotKnown[policy.Place](ecsops.Unknown{Fact: "channel", Call: "envelope", Reason: "no channel named"})
		return out, nil
	}
	if f, ok := p.places.get(channel); ok && !live {
		out.Facts = f
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	c, err := p.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	if err == nil && (c == nil || c.ID != channel) {
		out.Facts = ecsops.NotKnown[policy.Place](ecsops.Unknown{Fact: "channel", Call: "conversations.info", Reason: "answer names another channel"})
		return out, nil
	}
	if err != nil {
		out.Facts = ecsops.NotKnown[policy.Place](ecsops.Unknown{Fact: "channel", Call: "conversations.info", Reason: slackReason(err)})
		return out, asking("conversations.info", err)
	}
	out.Facts = ecsops.Known(policy.Place{
		ExtShared: c.IsExtShared || c.IsPendingExtShared || c.IsShared && !c.IsOrgShared,
		Direct:    c.IsIM,
		Archived:  c.IsArchived,
		Member:    c.IsMember || c.IsIM,
	})
	if c.IsMember || c.IsIM { // else somebody may be inviting the bot just now, as it told them to
		p.places.put(channel, out.Facts)
	}
	return out, nil
}

// Authorize asks policy again, with live facts, for everyone whose yes the
// operation stands on. It implements workflow.Authority: an error means that
// Slack could not be asked, so the step waits.
func (p *People) Authorize(ctx context.Context, op workflow.Operation) (policy.Verdict, error) {
	approvals, err := p.entitledApprovals(ctx, op)
	if err != nil {
		return policy.Verdict{}, err
	}
	actors := []workflow.Actor{op.Requester}
	if op.Confirmed != nil && op.Confirmed.Actor.UserID != op.Requester.UserID {
		actors = append(actors, op.Confirmed.Actor)
	}
	var verdict policy.Verdict
	for _, actor := range actors {
		person, err := p.again(ctx, actor)
		if err != nil {
			return policy.Verdict{}, err
		}
		verdict = policy.Decide(p.rules, policy.Request{
			Action: policy.Execute, Person: person, Cluster: op.Target.Cluster, Plan: &op.Plan,
			Requester: op.Requester.UserID, Approvals: approvals,
		})
		if !verdict.Allowed() {
			zerolog.Ctx(ctx).Warn().Str("op_id", op.ID).Str("user", actor.UserID).Any("reasons", verdict.Reasons).Msg("an actor of the operation is no longer entitled")
			return verdict, nil
		}
	}
	return verdict, nil
}

// entitledApprovals are the approvers of this revision whose yes still counts.
func (p *People) entitledApprovals(ctx context.Context, op workflow.Operation) ([]string, error) {
	var out []string
	for _, a := range op.Approvals {
		if a.Revision != op.Revision {
			continue
		}
		person, err := p.again(ctx, a.Actor)
		if err != nil {
			return nil, err
		}
		place := policy.Channel{ID: "then", Facts: ecsops.Known(policy.Place{})}
		v := policy.Decide(p.everywhere(), policy.Request{
			Action: policy.Approve, Person: person, Channel: place, Cluster: op.Target.Cluster, Plan: &op.Plan, Requester: op.Requester.UserID,
		})
		if v.Allowed() {
			out = append(out, a.Actor.UserID)
		}
	}
	return out, nil
}

// everywhere is the rules without the list of channels: where a yes was given
// was judged then, only the person's right is asked again.
func (p *People) everywhere() policy.Rules {
	rules := p.rules
	rules.Channels = []string{"*"}
	return rules
}

// again reads a recorded actor's facts, live. The envelope was checked when it came.
func (p *People) again(ctx context.Context, actor workflow.Actor) (policy.Person, error) {
	person := policy.Person{UserID: actor.UserID, TeamID: actor.TeamID, EnterpriseID: actor.EnterpriseID}
	if actor.UserID == "" {
		return person, nil
	}
	var err error
	if person.Facts, err = p.standing(ctx, actor.UserID, true); err != nil {
		return person, err
	}
	person.Groups, err = p.groupsOf(ctx, actor.UserID, true)
	return person, err
}

// asking wraps the errors that mean "ask again later". An answer that Slack will
// repeat (no such user, no such channel) is a fact that stays unknown, not an error.
func asking(call string, err error) error {
	if definite(err) {
		return nil
	}
	return fmt.Errorf("asking Slack %s: %w", call, err)
}

func definite(err error) bool {
	s, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return false
	}
	switch s.Err {
	case "user_not_found", "user_not_visible", "users_not_found", "channel_not_found", "no_such_subteam", "subteam_not_found",
		"not_in_channel", "is_archived", "team_access_not_granted":
		return true
	}
	return false
}

// slackReason is Slack's error word, or what kind of failure it was: never a URL.
func slackReason(err error) string {
	if s, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return s.Err
	}
	if _, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return "ratelimited"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	return "no answer"
}
