package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Errors of people's actions: things that Slack's client would not let a person do.
var (
	ErrNoUser    = errors.New("no such person")
	ErrNoChannel = errors.New("no such channel")
	ErrNotMember = errors.New("the person is not in the channel")
	ErrArchived  = errors.New("the channel is archived")
	ErrNoCommand = errors.New("the manifest has no such slash command")
	ErrNoMessage = errors.New("the person sees no such message")
	ErrNoElement = errors.New("there is no such element")
	ErrNoOption  = errors.New("there is no such option")
	ErrNoView    = errors.New("the person has no such view open")
	ErrNotActive = errors.New("interactivity is not enabled in the manifest")
	ErrDismissed = errors.New("the person dismissed the confirmation dialog")
)

// actor finds a person and a channel that the person is in. The caller holds mu.
func (w *Workspace) actor(user, channel string) (*User, *Channel, error) {
	u := w.dir.users[user]
	if u == nil {
		return nil, nil, fmt.Errorf("%s: %w", user, ErrNoUser)
	}
	if channel == dmID(user) {
		w.dir.dm(user, w.cfg.BotUserID)
	}
	ch := w.dir.channels[channel]
	switch {
	case ch == nil:
		return nil, nil, fmt.Errorf("%s: %w", channel, ErrNoChannel)
	case !ch.has(user):
		return nil, nil, fmt.Errorf("%s in %s: %w", user, channel, ErrNotMember)
	case ch.IsArchived:
		return nil, nil, fmt.Errorf("%s: %w", channel, ErrArchived)
	}
	return u, ch, nil
}

// Command has a person send a slash command and waits for the ack, at most for
// the ack limit. What the app answered in the ack is posted as Slack would do.
// Guests, strangers and deactivated people can send too, although Slack stops
// some of them: whether they may is for the app to find out.
func (w *Workspace) Command(ctx context.Context, user, channel, command, text string) (Invocation, error) {
	payload, answer, err := w.commandPayload(user, channel, command, text)
	if err != nil {
		return Invocation{}, fmt.Errorf("sending %s: %w", command, err)
	}
	inv, err := w.deliver(ctx, envelope{kind: "slash_commands", accepts: true, payload: payload})
	if err != nil || !inv.Acked {
		return inv, err
	}
	inv.Error = w.answerInAck(answer, inv.AckPayload)
	return inv, nil
}

func (w *Workspace) commandPayload(user, channel, command, text string) (map[string]any, *responseURL, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ch, err := w.actor(user, channel)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := w.manifest.command(command); !ok {
		return nil, nil, fmt.Errorf("%s: %w", command, ErrNoCommand)
	}
	if missing := w.manifest.missing("commands"); missing != "" {
		return nil, nil, fmt.Errorf("scope %s: %w", missing, ErrNoCommand)
	}
	url := w.newResponseURL(user, channel, "", "")
	p := map[string]any{"token": w.cfg.VerificationToken, "team_id": w.cfg.TeamID, "team_domain": w.cfg.TeamDomain,
		"channel_id": ch.ID, "channel_name": commandChannelName(ch), "user_id": u.ID, "user_name": u.Name, "command": command,
		"text": strings.TrimSpace(text), "api_app_id": w.cfg.AppID, "is_enterprise_install": fmt.Sprint(w.cfg.EnterpriseID != ""),
		"response_url": url, "trigger_id": w.newTrigger(user, false)}
	if w.cfg.EnterpriseID != "" {
		p["enterprise_id"], p["enterprise_name"] = w.cfg.EnterpriseID, w.cfg.TeamName
	}
	w.note(Entry{Kind: KindPerson, Method: command, User: user, Channel: channel, Detail: text})
	return p, w.answers[url[strings.LastIndex(url, "/")+1:]], nil
}

// commandChannelName is what a command is told about where it was typed.
func commandChannelName(c *Channel) string {
	switch {
	case c.IsIM:
		return "directmessage"
	case c.IsPrivate:
		return "privategroup"
	}
	return c.Name
}

// answerInAck posts what came in a command's ack and returns what went wrong.
func (w *Workspace) answerInAck(u *responseURL, payload json.RawMessage) string {
	if len(payload) == 0 || string(payload) == "null" || string(payload) == "{}" {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var body response
	var plain string
	if json.Unmarshal(payload, &plain) == nil {
		if plain == "" {
			return ""
		}
		body.Text = &plain
	} else if err := json.Unmarshal(payload, &body); err != nil {
		return w.badAck("the payload is not a message: " + err.Error())
	}
	if body.Text == nil && len(body.Blocks) == 0 {
		return ""
	}
	c, err := w.readContent(body.args())
	if err == nil {
		_, err = w.respond(u, body, c, "ack")
	}
	if err != nil {
		return w.badAck(describe(err))
	}
	return ""
}

// describe is an error with the places that it points at.
func describe(err error) string {
	var refused *apiError
	if errors.As(err, &refused) && len(refused.messages) > 0 {
		return refused.code + ": " + strings.Join(refused.messages, "; ")
	}
	return err.Error()
}

func (w *Workspace) badAck(why string) string {
	w.note(Entry{Kind: KindFault, Method: "ack", Outcome: "invalid_payload", Detail: why})
	return why
}

// base is what every interactive payload begins with. The caller holds mu.
func (w *Workspace) base(kind string, u *User, inModal bool) map[string]any {
	user := map[string]any{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID}
	p := map[string]any{"type": kind, "user": user, "api_app_id": w.cfg.AppID, "token": w.cfg.VerificationToken,
		"team": map[string]any{"id": w.cfg.TeamID, "domain": w.cfg.TeamDomain}, "enterprise": nil, "is_enterprise_install": false,
		"trigger_id": w.newTrigger(u.ID, inModal)}
	if w.cfg.EnterpriseID != "" {
		delete(user, "team_id")
		p["team"], p["is_enterprise_install"] = nil, true
		p["enterprise"] = map[string]any{"id": w.cfg.EnterpriseID, "name": w.cfg.TeamName}
	}
	return p
}

// ClickOptions says how a person clicks.
type ClickOptions struct {
	BlockID string // needed only when the action id occurs in several blocks
	// Values are the values chosen in a menu, boxes or radio buttons, or ids for
	// menus of people and channels, or a date or time.
	Values []string
	// DismissConfirm says no in the confirmation dialog: nothing is sent.
	DismissConfirm bool
	// Stale is the message as the person still has it on the screen; its elements
	// count instead of the present ones, even if the message has changed or is gone.
	Stale *Message
}

// Click has a person use an element of a message: press a button, or choose in a
// menu. It waits for the ack, at most for the ack limit.
func (w *Workspace) Click(ctx context.Context, user, channel, ts, actionID string, o ClickOptions) (Invocation, error) {
	payload, err := w.clickPayload(user, channel, ts, actionID, o)
	if err != nil {
		return Invocation{}, fmt.Errorf("clicking %s in %s %s: %w", actionID, channel, ts, err)
	}
	return w.deliver(ctx, envelope{kind: "interactive", payload: payload})
}

func (w *Workspace) clickPayload(user, channel, ts, actionID string, o ClickOptions) (map[string]any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ch, err := w.actor(user, channel)
	if err != nil {
		return nil, err
	}
	if !w.manifest.Settings.Interactivity.IsEnabled {
		return nil, ErrNotActive
	}
	m, err := w.seen(user, channel, ts, o.Stale)
	if err != nil {
		return nil, err
	}
	f, err := w.pickField(decodeBlocks(m.Blocks), o.BlockID, actionID)
	if err != nil {
		return nil, err
	}
	key := "m " + user + " " + channel + " " + ts
	action, state, err := w.use(f, key, o)
	if err != nil {
		return nil, err
	}
	p := w.base("block_actions", u, false)
	container := map[string]any{"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": m.EphemeralTo != ""}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	p["container"], p["actions"] = container, []any{action}
	p["channel"] = map[string]any{"id": ch.ID, "name": commandChannelName(ch)}
	if m.EphemeralTo == "" { // an ephemeral message is not kept, so it is not sent either
		p["message"] = w.messageObject(m)
	}
	p["response_url"] = w.newResponseURL(user, channel, ts, m.ThreadTS)
	values := w.messageState(m, key)
	if state != nil {
		values = values.set(f.block, f.action, state)
		w.dir.states[key] = values
	}
	p["state"] = map[string]any{"values": values}
	w.note(Entry{Kind: KindPerson, Method: "click", User: user, Channel: channel, TS: ts, Detail: actionID})
	return p, nil
}

// messageState is what a person chose in a message so far. The caller holds mu.
func (w *Workspace) messageState(m *Message, key string) State {
	out := State{}
	for _, f := range findFields(decodeBlocks(m.Blocks)) {
		st := initialState(f.element)
		if kept := w.dir.states[key][f.block][f.action]; kept != nil {
			st = kept
		}
		if st != nil {
			out = out.set(f.block, f.action, st)
		}
	}
	return out
}

// seen finds a message as a person has it on the screen. The caller holds mu.
func (w *Workspace) seen(user, channel, ts string, stale *Message) (*Message, error) {
	if stale != nil {
		if stale.Channel != channel || stale.TS != ts {
			return nil, fmt.Errorf("the stale copy is of another message: %w", ErrNoMessage)
		}
		return stale, nil
	}
	m := w.find(channel, ts)
	if m == nil || m.Deleted || m.EphemeralTo != "" && m.EphemeralTo != user {
		return nil, ErrNoMessage
	}
	return m, nil
}

// pickField finds one element. The caller holds mu.
func (w *Workspace) pickField(blocks []any, blockID, actionID string) (field, error) {
	var found []field
	var have []string
	for _, f := range findFields(blocks) {
		have = append(have, f.action)
		if f.action == actionID && (blockID == "" || f.block == blockID) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return field{}, fmt.Errorf("%q among %q: %w", actionID, have, ErrNoElement)
	case 1:
		return found[0], nil
	}
	return field{}, fmt.Errorf("%q stands in %d blocks, BlockID must say which: %w", actionID, len(found), ErrNoElement)
}

// use makes the action of a payload and, for elements that have one, the state.
// key names the place, so that a type-ahead menu knows what it offered. The caller holds mu.
func (w *Workspace) use(f field, key string, o ClickOptions) (action, state map[string]any, err error) {
	if f.element["confirm"] != nil && o.DismissConfirm {
		return nil, nil, ErrDismissed
	}
	kind, _ := f.element["type"].(string)
	action = map[string]any{"type": kind, "action_id": f.action, "block_id": f.block, "action_ts": w.nextTS()}
	switch kind {
	case "button", "icon_button":
		for _, name := range []string{"text", "value", "style", "url"} {
			if v, ok := f.element[name]; ok {
				action[name] = v
			}
		}
		return action, nil, nil
	}
	chosen, err := w.choose(f, key, o.Values)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(action, chosen)
	if stateField(kind) != "" {
		state = maps.Clone(chosen)
		state["type"] = kind
	}
	return action, state, nil
}

// choose turns values into what a payload says was chosen. The caller holds mu.
func (w *Workspace) choose(f field, key string, values []string) (map[string]any, error) {
	kind, _ := f.element["type"].(string)
	name := stateField(kind)
	if kind == "overflow" {
		name = "selected_option"
	}
	switch name {
	case "":
		return nil, fmt.Errorf("a %s has nothing to choose: %w", kind, ErrNoElement)
	case "selected_option", "selected_options":
		return w.chooseOptions(f, key, name, values)
	}
	if strings.HasSuffix(name, "s") {
		return map[string]any{name: append([]string{}, values...)}, nil
	}
	if len(values) == 0 {
		return map[string]any{name: nil}, nil
	}
	if len(values) > 1 {
		return nil, fmt.Errorf("a %s takes one value: %w", kind, ErrNoOption)
	}
	if kind == "rich_text_input" || kind == "datetimepicker" {
		return map[string]any{name: json.RawMessage(values[0])}, nil
	}
	return map[string]any{name: values[0]}, nil
}

func (w *Workspace) chooseOptions(f field, key, name string, values []string) (map[string]any, error) {
	kind, _ := f.element["type"].(string)
	raw := rawOptions(f.element)
	if strings.HasSuffix(kind, "external_select") {
		raw = w.dir.offered[key+" "+f.block+" "+f.action]
	}
	var picked []any
	for _, v := range values {
		i := slices.IndexFunc(raw, func(o object) bool { return o["value"] == v })
		if i < 0 {
			return nil, fmt.Errorf("%q in %s: %w", v, f.action, ErrNoOption)
		}
		picked = append(picked, raw[i])
	}
	if name == "selected_options" {
		return map[string]any{name: append([]any{}, picked...)}, nil
	}
	switch len(picked) {
	case 0:
		return map[string]any{name: nil}, nil
	case 1:
		return map[string]any{name: picked[0]}, nil
	}
	return nil, fmt.Errorf("%s takes one value: %w", f.action, ErrNoOption)
}

// rawOptions lists the options of an element or answer as they were sent.
func rawOptions(e object) []object {
	var out []object
	take := func(v any) {
		items, _ := v.([]any)
		for _, raw := range items {
			if o, ok := raw.(object); ok {
				out = append(out, o)
			}
		}
	}
	take(e["options"])
	groups, _ := e["option_groups"].([]any)
	for _, g := range groups {
		if g, ok := g.(object); ok {
			take(g["options"])
		}
	}
	return out
}
