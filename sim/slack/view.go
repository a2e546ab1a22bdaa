package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// State holds what a person chose: by block_id, then action_id.
type State map[string]map[string]map[string]any

func (s State) clone() State {
	out := State{}
	for b, actions := range s {
		out[b] = maps.Clone(actions)
	}
	return out
}

func (s State) set(block, action string, v map[string]any) State {
	out := s.clone()
	if out[block] == nil {
		out[block] = map[string]map[string]any{}
	}
	out[block][action] = v
	return out
}

// View is a modal as one person has it open.
type View struct {
	ID              string          `json:"id"`
	User            string          `json:"user"`
	CallbackID      string          `json:"callback_id"`
	ExternalID      string          `json:"external_id"`
	Title           string          `json:"title"`
	Submit          string          `json:"submit"`
	Close           string          `json:"close"`
	PrivateMetadata string          `json:"private_metadata"`
	Hash            string          `json:"hash"`
	Blocks          json.RawMessage `json:"blocks"`
	RootID          string          `json:"root_view_id"`
	PreviousID      string          `json:"previous_view_id,omitempty"`
	ClearOnClose    bool            `json:"clear_on_close"`
	NotifyOnClose   bool            `json:"notify_on_close"`
	State           State           `json:"state"`
	// Errors are those shown beside the fields since the last submission, by block_id.
	Errors  map[string]string `json:"errors,omitempty"`
	Updates int               `json:"updates"`

	raw object
}

// trigger lets the app open a view for one person, once.
type trigger struct {
	user    string
	expires time.Time
	used    bool
	modal   bool // made inside a modal, so that views.push may use it
}

// newTrigger makes a trigger_id. The caller holds mu.
func (w *Workspace) newTrigger(user string, inModal bool) string {
	id := w.nextID(fmt.Sprintf("%d.", w.now().UnixMilli())) + ".sim"
	w.triggers[id] = &trigger{user: user, expires: w.now().Add(w.cfg.TriggerLife), modal: inModal}
	return id
}

// useTrigger spends a trigger_id. The caller holds mu.
func (w *Workspace) useTrigger(id string) (*trigger, error) {
	t := w.triggers[id]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case w.now().After(t.expires):
		return nil, refuse("expired_trigger_id")
	}
	return t, nil
}

// readView checks a view's JSON. The caller holds mu.
func (w *Workspace) readView(raw string) (object, error) {
	if raw == "" {
		return nil, refuse("invalid_arguments", "[ERROR] missing required field: view [json-pointer:/view]")
	}
	if len(raw) > maxViewBytes {
		return nil, refuse("view_too_large")
	}
	var v object
	if err := decode([]byte(raw), &v); err != nil || v == nil {
		return nil, refuse("invalid_arguments", "[ERROR] view is not a JSON object [json-pointer:/view]")
	}
	k := newChecker(onModal, w.freshID)
	k.view("/view", v)
	if len(k.problems) > 0 {
		return nil, refuse("invalid_arguments", k.problems...)
	}
	return v, nil
}

func (k *checker) view(path string, v object) {
	k.known(path, v, []string{"type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close",
		"notify_on_close", "external_id", "submit_disabled", "previous_view_id", "state", "id", "hash"})
	if v["type"] != "modal" {
		k.fail(path+"/type", "unsupported type: %v", v["type"])
	}
	k.textObject(path+"/title", v["title"], plainOnly, 24)
	k.optionalTextObject(path, v, "submit", plainOnly, 24)
	k.optionalTextObject(path, v, "close", plainOnly, 24)
	k.optionalText(path, v, "private_metadata", 3000)
	k.optionalText(path, v, "callback_id", 255)
	k.optionalText(path, v, "external_id", 255)
	k.boolean(path, v, "clear_on_close", "notify_on_close")
	list := k.items(path, v, "blocks", 1, 100)
	k.blocks(path+"/blocks", list, 100)
	if _, has := v["submit"]; !has && k.inputs > 0 {
		k.fail(path, "a view with input blocks needs submit")
	}
}

// buildView makes a View of checked JSON, keeping what was chosen in old where
// block and action are the same. The caller holds mu.
func (w *Workspace) buildView(raw object, user string, old *View) *View {
	text := func(name string) string { s, _ := raw[name].(string); return s }
	flag := func(name string) bool { b, _ := raw[name].(bool); return b }
	v := &View{User: user, CallbackID: text("callback_id"), ExternalID: text("external_id"), Title: textOf(raw["title"]),
		Submit: textOf(raw["submit"]), Close: textOf(raw["close"]), PrivateMetadata: text("private_metadata"),
		Blocks: mustJSON(raw["blocks"]), ClearOnClose: flag("clear_on_close"), NotifyOnClose: flag("notify_on_close"), State: State{}, raw: raw}
	v.Hash = w.nextID(fmt.Sprintf("%d.", w.now().Unix()))
	if old != nil {
		v.ID, v.RootID, v.PreviousID, v.Updates = old.ID, old.RootID, old.PreviousID, old.Updates+1
	} else {
		v.ID = w.nextID("V")
		v.RootID = v.ID
	}
	for _, f := range findFields(raw["blocks"]) {
		if old != nil && old.State[f.block][f.action] != nil && old.State[f.block][f.action]["type"] == f.element["type"] {
			v.State = v.State.set(f.block, f.action, old.State[f.block][f.action])
			continue
		}
		if st := initialState(f.element); st != nil {
			v.State = v.State.set(f.block, f.action, st)
		}
	}
	return v
}

// viewObject is a view as Slack sends it.
func (w *Workspace) viewObject(v *View) object {
	out := maps.Clone(v.raw)
	for _, name := range []string{"title", "submit", "close"} {
		if out[name] == nil {
			out[name] = nil
		}
	}
	out["id"], out["team_id"], out["hash"], out["root_view_id"] = v.ID, w.cfg.TeamID, v.Hash, v.RootID
	out["app_id"], out["bot_id"], out["app_installed_team_id"] = w.cfg.AppID, w.cfg.BotID, w.cfg.TeamID
	out["private_metadata"], out["callback_id"], out["external_id"] = v.PrivateMetadata, v.CallbackID, v.ExternalID
	out["clear_on_close"], out["notify_on_close"] = v.ClearOnClose, v.NotifyOnClose
	out["state"] = object{"values": v.State}
	out["previous_view_id"] = nil
	if v.PreviousID != "" {
		out["previous_view_id"] = v.PreviousID
	}
	return out
}

// externalTaken says whether another open view has the external_id. The caller holds mu.
func (w *Workspace) externalTaken(id, except string) bool {
	for _, v := range w.views {
		if id != "" && v.ExternalID == id && v.ID != except {
			return true
		}
	}
	return false
}

func (w *Workspace) openView(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.useTrigger(firstOf(c.args, "trigger_id", "interactivity_pointer"))
	if err != nil {
		return nil, err
	}
	raw, err := w.readView(c.args["view"])
	if err != nil {
		return nil, err
	}
	t.used = true
	for _, id := range w.stacks[t.user] {
		delete(w.views, id)
	}
	v := w.buildView(raw, t.user, nil)
	if w.externalTaken(v.ExternalID, "") {
		return nil, refuse("duplicate_external_id")
	}
	w.views[v.ID] = v
	w.stacks[t.user] = []string{v.ID}
	c.user = t.user
	w.touch()
	return reply{"view": w.viewObject(v)}, nil
}

func firstOf(args map[string]string, names ...string) string {
	for _, n := range names {
		if v := args[n]; v != "" {
			return v
		}
	}
	return ""
}

func (w *Workspace) pushView(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.useTrigger(firstOf(c.args, "trigger_id", "interactivity_pointer"))
	if err != nil {
		return nil, err
	}
	if !t.modal || len(w.stacks[t.user]) == 0 {
		return nil, refuse("invalid_trigger_id", "[ERROR] the trigger was not made inside an open modal")
	}
	raw, err := w.readView(c.args["view"])
	if err != nil {
		return nil, err
	}
	v, err := w.push(raw, t.user)
	if err != nil {
		return nil, err
	}
	t.used = true
	c.user = t.user
	return reply{"view": w.viewObject(v)}, nil
}

// push puts a view on a person's stack. The caller holds mu.
func (w *Workspace) push(raw object, user string) (*View, error) {
	stack := w.stacks[user]
	if len(stack) >= maxViewStack {
		return nil, refuse("push_limit_reached")
	}
	v := w.buildView(raw, user, nil)
	if w.externalTaken(v.ExternalID, "") {
		return nil, refuse("duplicate_external_id")
	}
	if n := len(stack); n > 0 {
		v.RootID, v.PreviousID = stack[0], stack[n-1]
	}
	w.views[v.ID] = v
	w.stacks[user] = append(slices.Clone(stack), v.ID)
	w.touch()
	return v, nil
}

func (w *Workspace) updateView(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.views[c.args["view_id"]]
	if ext := c.args["external_id"]; old == nil && ext != "" {
		for _, v := range w.views {
			if v.ExternalID == ext {
				old = v
			}
		}
	}
	if old == nil {
		return nil, refuse("not_found")
	}
	if h := c.args["hash"]; h != "" && h != old.Hash {
		return nil, refuse("hash_conflict")
	}
	raw, err := w.readView(c.args["view"])
	if err != nil {
		return nil, err
	}
	v := w.buildView(raw, old.User, old)
	if w.externalTaken(v.ExternalID, v.ID) {
		return nil, refuse("duplicate_external_id")
	}
	w.views[v.ID] = v
	c.user = v.User
	w.touch()
	return reply{"view": w.viewObject(v)}, nil
}

// field is an element with the block it stands in.
type field struct {
	block, action string
	element       object
	inInput       bool
	optional      bool
	dispatch      bool
	label         string
}

// findFields lists every element that has an action_id, in order.
func findFields(blocks any) []field {
	var out []field
	var walk func(v any, at field)
	walk = func(v any, at field) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x, at)
			}
		case object:
			if id, ok := v["block_id"].(string); ok {
				at = field{block: id}
				if v["type"] == "input" {
					at.inInput, at.label = true, textOf(v["label"])
					at.optional, _ = v["optional"].(bool)
					at.dispatch, _ = v["dispatch_action"].(bool)
				}
			}
			if id, ok := v["action_id"].(string); ok {
				f := at
				f.action, f.element = id, v
				out = append(out, f)
				return
			}
			for _, key := range []string{"accessory", "element", "elements", "actions", "child_blocks", "rows", "items", "block"} {
				walk(v[key], at)
			}
		}
	}
	walk(blocks, field{})
	return out
}

// decodeBlocks reads stored blocks again.
func decodeBlocks(raw json.RawMessage) []any {
	var list []any
	if len(raw) > 0 && decode(raw, &list) != nil {
		return nil
	}
	return list
}

// initialState is what an element holds before anybody touched it, or nil for
// elements without a state.
func initialState(e object) map[string]any {
	kind, _ := e["type"].(string)
	name := stateField(kind)
	if name == "" {
		return nil
	}
	st := map[string]any{"type": kind}
	initial := map[string]string{"selected_option": "initial_option", "selected_options": "initial_options", "value": "initial_value",
		"selected_user": "initial_user", "selected_users": "initial_users", "selected_channel": "initial_channel",
		"selected_channels": "initial_channels", "selected_conversation": "initial_conversation",
		"selected_conversations": "initial_conversations", "selected_date": "initial_date", "selected_time": "initial_time",
		"selected_date_time": "initial_date_time"}[name]
	if kind == "rich_text_input" {
		initial = "initial_value"
	}
	st[name] = e[initial]
	if st[name] == nil && name[len(name)-1] == 's' {
		st[name] = []any{}
	}
	return st
}

// stateField is the name under which an element tells what was chosen.
func stateField(kind string) string {
	return map[string]string{"static_select": "selected_option", "external_select": "selected_option", "radio_buttons": "selected_option",
		"overflow": "", "multi_static_select": "selected_options", "multi_external_select": "selected_options",
		"checkboxes": "selected_options", "users_select": "selected_user", "multi_users_select": "selected_users",
		"channels_select": "selected_channel", "multi_channels_select": "selected_channels",
		"conversations_select": "selected_conversation", "multi_conversations_select": "selected_conversations",
		"datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time",
		"plain_text_input": "value", "email_text_input": "value", "url_text_input": "value", "number_input": "value",
		"rich_text_input": "rich_text_value"}[kind]
}
