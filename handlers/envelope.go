package handlers

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slack-go/slack"

	"ecsbot/socket"
	"ecsbot/workflow"
)

// Socket Mode envelope types and the interaction types within them.
const (
	envCommand     = "slash_commands"
	envInteractive = "interactive"

	typeCommand    = "slash_command"
	typeActions    = "block_actions"
	typeSubmission = "view_submission"
	typeSuggestion = "block_suggestion"
)

// Identity is who sent an envelope, as the envelope says. Team is the workspace
// where it happened, UserTeam the person's own.
type Identity struct {
	App        string
	User       string
	Team       string
	UserTeam   string
	Enterprise string
}

// act is one envelope, understood: who did what, where.
type act struct {
	id          string // envelope id
	typ         string
	who         Identity
	channel     string
	container   string // channel of the message that carries the button
	ts          string // of that message
	ephemeral   bool
	responseURL string // a capability: never logged
	trigger     string // a capability: never logged
	text        string // of a command
	action      slack.BlockAction
	view        slack.View
	query       string // of a suggestion
	retried     bool   // came from the sweep: triggers have expired
}

// actor is the envelope's user, for the record: ids only.
func (a *act) actor() workflow.Actor {
	team := a.who.UserTeam
	if team == "" {
		team = a.who.Team
	}
	return workflow.Actor{UserID: a.who.User, TeamID: team, EnterpriseID: a.who.Enterprise, Envelope: a.id}
}

var errUnknownEnvelope = errors.New("unknown kind of envelope")

type idOnly struct {
	ID string `json:"id"`
}

// interaction is the part of an interactive payload that we read. Pointers tell
// null and absent from empty, as Enterprise Grid sends "team": null.
type interaction struct {
	Type       string  `json:"type"`
	APIAppID   string  `json:"api_app_id"`
	Team       *idOnly `json:"team"`
	Enterprise *idOnly `json:"enterprise"`
	User       struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel   *idOnly `json:"channel"`
	Container struct {
		MessageTS   string `json:"message_ts"`
		ChannelID   string `json:"channel_id"`
		IsEphemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	ResponseURL string              `json:"response_url"`
	TriggerID   string              `json:"trigger_id"`
	Actions     []slack.BlockAction `json:"actions"`
	View        slack.View          `json:"view"`
	ActionID    string              `json:"action_id"`
	BlockID     string              `json:"block_id"`
	Value       string              `json:"value"`
}

// understand reads a stored or arriving payload. Errors never quote it.
func understand(id, kind string, payload []byte) (*act, error) {
	switch kind {
	case envCommand:
		return understandCommand(id, payload)
	case envInteractive:
		return understandInteraction(id, payload)
	}
	return nil, fmt.Errorf("reading envelope %s: %w", id, errUnknownEnvelope)
}

func understandCommand(id string, payload []byte) (*act, error) {
	c, err := socket.Decode[slack.SlashCommand](payload)
	if err != nil {
		return nil, fmt.Errorf("reading the slash command in envelope %s: %w", id, errMalformed(err))
	}
	return &act{
		id: id, typ: typeCommand,
		who:     Identity{App: c.APIAppID, User: c.UserID, Team: c.TeamID, UserTeam: c.TeamID, Enterprise: c.EnterpriseID},
		channel: c.ChannelID, responseURL: c.ResponseURL, trigger: c.TriggerID, text: c.Text,
	}, nil
}

func understandInteraction(id string, payload []byte) (*act, error) {
	i, err := socket.Decode[interaction](payload)
	if err != nil {
		return nil, fmt.Errorf("reading the interaction in envelope %s: %w", id, errMalformed(err))
	}
	a := &act{
		id: id, typ: i.Type,
		who:       Identity{App: i.APIAppID, User: i.User.ID, Team: optional(i.Team), UserTeam: i.User.TeamID, Enterprise: optional(i.Enterprise)},
		channel:   optional(i.Channel),
		container: i.Container.ChannelID, ts: i.Container.MessageTS, ephemeral: i.Container.IsEphemeral,
		responseURL: i.ResponseURL, trigger: i.TriggerID, view: i.View,
	}
	switch i.Type {
	case typeActions:
		if len(i.Actions) != 1 {
			return nil, fmt.Errorf("reading the interaction in envelope %s: %d actions", id, len(i.Actions))
		}
		a.action = i.Actions[0]
	case typeSuggestion:
		a.action = slack.BlockAction{ActionID: i.ActionID, BlockID: i.BlockID}
		a.query = i.Value
	case typeSubmission:
	default:
		return nil, fmt.Errorf("reading envelope %s: %w", id, errUnknownEnvelope)
	}
	return a, nil
}

func optional(o *idOnly) string {
	if o == nil {
		return ""
	}
	return o.ID
}

// errMalformed keeps the position and the type, and drops the quoted text: a
// payload holds response URLs.
func errMalformed(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %s has the wrong type", t.Field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d", s.Offset)
	}
	return errors.New("not the expected JSON")
}
