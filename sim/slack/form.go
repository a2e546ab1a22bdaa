package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrTooShort says that a type-ahead menu does not ask before more is typed.
var ErrTooShort = errors.New("the menu asks only after more characters")

// ErrSuggest says that a type-ahead menu got no usable answer; the person sees
// an empty menu.
var ErrSuggest = errors.New("no usable options came back")

// Place is a view, or a message, with which a person does something.
type Place struct {
	View        string
	Channel, TS string
}

// openViewOf finds a view of a person. The caller holds mu.
func (w *Workspace) openViewOf(user, viewID string) (*User, *View, error) {
	u := w.dir.users[user]
	if u == nil {
		return nil, nil, fmt.Errorf("%s: %w", user, ErrNoUser)
	}
	stack := w.stacks[user]
	if len(stack) == 0 || stack[len(stack)-1] != viewID { // only the one in front can be touched
		return nil, nil, fmt.Errorf("view %q in front of %s: %w", viewID, user, ErrNoView)
	}
	return u, w.views[viewID], nil
}

// Suggest has a person type into a type-ahead menu and returns what it then
// offers. The options may be chosen afterwards.
func (w *Workspace) Suggest(ctx context.Context, user string, in Place, blockID, actionID, query string) ([]Option, error) {
	payload, key, err := w.suggestPayload(user, in, blockID, actionID, query)
	if err != nil {
		return nil, fmt.Errorf("typing into %s: %w", actionID, err)
	}
	inv, err := w.deliver(ctx, envelope{kind: "interactive", accepts: true, payload: payload})
	if err != nil {
		return nil, err
	}
	if !inv.Acked {
		return nil, fmt.Errorf("typing into %s: %s: %w", actionID, inv.Error, ErrSuggest)
	}
	options, problems := checkOptions(inv.AckPayload)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(problems) > 0 {
		why := w.badAck(strings.Join(problems, "; "))
		return nil, fmt.Errorf("typing into %s: %s: %w", actionID, why, ErrSuggest)
	}
	var answer object
	if err := decode(inv.AckPayload, &answer); err != nil {
		return nil, err
	}
	w.dir.offered[key] = rawOptions(answer)
	return options, nil
}

func (w *Workspace) suggestPayload(user string, in Place, blockID, actionID, query string) (map[string]any, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p map[string]any
	var blocks []any
	key := "v " + in.View
	if in.View != "" {
		u, v, err := w.openViewOf(user, in.View)
		if err != nil {
			return nil, "", err
		}
		p, blocks = w.base("block_suggestion", u, true), decodeBlocks(v.Blocks)
		p["view"], p["container"] = w.viewObject(v), map[string]any{"type": "view", "view_id": v.ID}
	} else {
		u, ch, err := w.actor(user, in.Channel)
		if err != nil {
			return nil, "", err
		}
		m, err := w.seen(user, in.Channel, in.TS, nil)
		if err != nil {
			return nil, "", err
		}
		key = "m " + user + " " + in.Channel + " " + in.TS
		p, blocks = w.base("block_suggestion", u, false), decodeBlocks(m.Blocks)
		p["container"] = map[string]any{"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": m.EphemeralTo != ""}
		p["channel"], p["message"] = map[string]any{"id": ch.ID, "name": commandChannelName(ch)}, w.messageObject(m)
	}
	delete(p, "trigger_id") // a suggestion opens nothing
	f, err := w.pickField(blocks, blockID, actionID)
	if err != nil {
		return nil, "", err
	}
	if kind, _ := f.element["type"].(string); !strings.HasSuffix(kind, "external_select") {
		return nil, "", fmt.Errorf("%s is a %s: %w", actionID, kind, ErrNoElement)
	}
	if least := minQuery(f.element); len([]rune(query)) < least {
		return nil, "", fmt.Errorf("%q is under %d: %w", query, least, ErrTooShort)
	}
	p["action_id"], p["block_id"], p["value"] = f.action, f.block, query
	return p, key + " " + f.block + " " + f.action, nil
}

func minQuery(e object) int {
	if n, ok := e["min_query_length"].(json.Number); ok {
		i, err := n.Int64()
		if err == nil {
			return int(i)
		}
	}
	return 3
}

// SetValue has a person fill in or choose in the view in front, or press a
// button there (without values). Elements outside of input blocks, and input
// blocks with dispatch_action, tell the app at once; for others the Invocation
// is empty.
func (w *Workspace) SetValue(ctx context.Context, user, viewID, blockID, actionID string, values ...string) (Invocation, error) {
	return w.useInView(ctx, user, viewID, actionID, ClickOptions{BlockID: blockID, Values: values})
}

// ClickView is SetValue with options, for buttons with a confirmation dialog.
func (w *Workspace) ClickView(ctx context.Context, user, viewID, actionID string, o ClickOptions) (Invocation, error) {
	return w.useInView(ctx, user, viewID, actionID, o)
}

func (w *Workspace) useInView(ctx context.Context, user, viewID, actionID string, o ClickOptions) (Invocation, error) {
	payload, err := w.viewActionPayload(user, viewID, actionID, o)
	if err != nil {
		return Invocation{}, fmt.Errorf("using %s in view %s: %w", actionID, viewID, err)
	}
	if payload == nil {
		return Invocation{}, nil
	}
	return w.deliver(ctx, envelope{kind: "interactive", payload: payload})
}

func (w *Workspace) viewActionPayload(user, viewID, actionID string, o ClickOptions) (map[string]any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, v, err := w.openViewOf(user, viewID)
	if err != nil {
		return nil, err
	}
	f, err := w.pickField(decodeBlocks(v.Blocks), o.BlockID, actionID)
	if err != nil {
		return nil, err
	}
	action, state, err := w.use(f, "v "+viewID, o)
	if err != nil {
		return nil, err
	}
	if state != nil {
		next := *v
		next.State = v.State.set(f.block, f.action, state)
		v = &next
		w.views[viewID] = v
	}
	w.note(Entry{Kind: KindPerson, Method: "fill", User: user, Detail: actionID})
	if f.inInput && !f.dispatch {
		return nil, nil
	}
	p := w.base("block_actions", u, true)
	p["container"] = map[string]any{"type": "view", "view_id": viewID}
	p["view"], p["actions"] = w.viewObject(v), []any{action}
	return p, nil
}

// ViewResponse is what became of a submission.
type ViewResponse struct {
	Invocation
	// Action is the app's response_action, or "" for none.
	Action string
	// Errors are shown beside the fields, by block_id. With an empty EnvelopeID
	// they are the client's own, and nothing was sent.
	Errors map[string]string
	// Closed says that the submitted view is gone.
	Closed bool
	// View is the view in front afterwards, if any.
	View *View
}

// Submit has a person submit the view in front, and does what the app answers.
func (w *Workspace) Submit(ctx context.Context, user, viewID string) (ViewResponse, error) {
	payload, own, err := w.submitPayload(user, viewID)
	if err != nil {
		return ViewResponse{}, fmt.Errorf("submitting view %s: %w", viewID, err)
	}
	if len(own) > 0 {
		return ViewResponse{Errors: own}, nil
	}
	inv, err := w.deliver(ctx, envelope{kind: "interactive", accepts: true, payload: payload})
	out := ViewResponse{Invocation: inv}
	if err != nil || !inv.Acked {
		return out, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.obey(&out, user, viewID)
	w.touch()
	if stack := w.stacks[user]; len(stack) > 0 {
		front := *w.views[stack[len(stack)-1]]
		out.View = &front
	}
	out.Closed = w.views[viewID] == nil
	return out, nil
}

func (w *Workspace) submitPayload(user, viewID string) (map[string]any, map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, v, err := w.openViewOf(user, viewID)
	if err != nil {
		return nil, nil, err
	}
	if v.Submit == "" {
		return nil, nil, fmt.Errorf("the view has no submit button: %w", ErrNoElement)
	}
	own := clientErrors(v)
	next := *v
	next.Errors = own
	w.views[viewID] = &next
	w.note(Entry{Kind: KindPerson, Method: "submit", User: user, Detail: v.CallbackID})
	if len(own) > 0 {
		return nil, own, nil
	}
	p := w.base("view_submission", u, true)
	p["view"], p["response_urls"] = w.viewObject(v), []any{}
	return p, nil, nil
}

// obey does what a submission's answer says. The caller holds mu.
func (w *Workspace) obey(out *ViewResponse, user, viewID string) {
	var body struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if len(out.AckPayload) > 0 {
		if err := json.Unmarshal(out.AckPayload, &body); err != nil {
			out.Error = w.badAck("the payload is not a view's response: " + err.Error())
			return
		}
	}
	out.Action = body.Action
	old := w.views[viewID]
	if old == nil {
		return
	}
	var err error
	switch body.Action {
	case "":
		w.dropView(user, viewID)
	case "clear":
		w.clearViews(user)
	case "errors":
		err = w.showErrors(out, old, body.Errors)
	case "update":
		var raw object
		if raw, err = w.readView(string(body.View)); err == nil {
			w.views[viewID] = w.buildView(raw, user, old)
		}
	case "push":
		var raw object
		if raw, err = w.readView(string(body.View)); err == nil {
			_, err = w.push(raw, user)
		}
	default:
		err = refuse("invalid_response_action")
	}
	if err != nil {
		out.Error = w.badAck(describe(err))
	}
}

// showErrors puts errors beside the fields. Each must name an input block.
func (w *Workspace) showErrors(out *ViewResponse, v *View, problems map[string]string) error {
	if len(problems) == 0 {
		return refuse("invalid_errors", "[ERROR] response_action errors without errors")
	}
	inputs := map[string]bool{}
	for _, f := range findFields(decodeBlocks(v.Blocks)) {
		if f.inInput {
			inputs[f.block] = true
		}
	}
	for _, block := range sortedKeys(problems) {
		if !inputs[block] {
			return refuse("invalid_errors", fmt.Sprintf("[ERROR] %q is not the block_id of an input block", block))
		}
	}
	next := *v
	next.Errors = problems
	w.views[v.ID] = &next
	out.Errors = problems
	return nil
}

// dropView closes one view. The caller holds mu.
func (w *Workspace) dropView(user, viewID string) {
	delete(w.views, viewID)
	w.stacks[user] = slices.DeleteFunc(slices.Clone(w.stacks[user]), func(id string) bool { return id == viewID })
}

// clearViews closes all of a person's views. The caller holds mu.
func (w *Workspace) clearViews(user string) {
	for _, id := range w.stacks[user] {
		delete(w.views, id)
	}
	delete(w.stacks, user)
}

// CloseView has a person close the view in front; the app hears of it if the
// view has notify_on_close.
func (w *Workspace) CloseView(ctx context.Context, user, viewID string) (Invocation, error) {
	w.mu.Lock()
	u, v, err := w.openViewOf(user, viewID)
	if err != nil {
		w.mu.Unlock()
		return Invocation{}, fmt.Errorf("closing view %s: %w", viewID, err)
	}
	p := w.base("view_closed", u, false)
	delete(p, "trigger_id")
	p["view"], p["is_cleared"] = w.viewObject(v), v.ClearOnClose
	if v.ClearOnClose {
		w.clearViews(user)
	} else {
		w.dropView(user, viewID)
	}
	w.note(Entry{Kind: KindPerson, Method: "close", User: user, Detail: v.CallbackID})
	w.mu.Unlock()
	if !v.NotifyOnClose {
		return Invocation{}, nil
	}
	return w.deliver(ctx, envelope{kind: "interactive", payload: p})
}

// clientErrors is what Slack's client itself finds wrong with a filled-in view.
func clientErrors(v *View) map[string]string {
	out := map[string]string{}
	for _, f := range findFields(decodeBlocks(v.Blocks)) {
		if !f.inInput {
			continue
		}
		kind, _ := f.element["type"].(string)
		value := v.State[f.block][f.action][stateField(kind)]
		if blank(value) {
			if !f.optional {
				out[f.block] = "Please complete this required field."
			}
			continue
		}
		if text, ok := value.(string); ok {
			if problem := textProblem(f.element, kind, text); problem != "" {
				out[f.block] = problem
			}
		}
	}
	return out
}

func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	}
	return false
}

func textProblem(e object, kind, text string) string {
	limit := func(name string) (int, bool) {
		n, ok := e[name].(json.Number)
		i, err := n.Int64()
		return int(i), ok && err == nil
	}
	n := len([]rune(text))
	if least, ok := limit("min_length"); ok && n < least {
		return fmt.Sprintf("Must be at least %d characters.", least)
	}
	if most, ok := limit("max_length"); ok && n > most {
		return fmt.Sprintf("Must be at most %d characters.", most)
	}
	if kind == "email_text_input" && !strings.Contains(text, "@") {
		return "This field must be a valid email address."
	}
	if kind == "url_text_input" && !strings.Contains(text, "://") {
		return "This field must be a valid URL."
	}
	if kind == "number_input" {
		return numberProblem(e, text)
	}
	return ""
}

func numberProblem(e object, text string) string {
	n, err := strconv.ParseFloat(text, 64)
	decimals, _ := e["is_decimal_allowed"].(bool)
	if err != nil || !decimals && strings.ContainsAny(text, ".eE") {
		return "This field must be a valid number."
	}
	for name, bad := range map[string]func(limit float64) bool{
		"min_value": func(l float64) bool { return n < l },
		"max_value": func(l float64) bool { return n > l },
	} {
		s, _ := e[name].(string)
		if limit, err := strconv.ParseFloat(s, 64); err == nil && bad(limit) {
			return "Must respect " + name + " " + s + "."
		}
	}
	return ""
}
