package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is how much of a request is read.
const maxBody = 2 << 20

// call is one Web API request.
type call struct {
	w        *Workspace
	method   string
	token    string
	args     map[string]string // objects and lists as JSON text
	json     bool              // the body was JSON
	warnings []string
	user     string // for the log
	channel  string
	ts       string
	host     string // by which the client calls the workspace
}

type reply map[string]any

// apiError is an answer with "ok": false.
type apiError struct {
	code             string
	messages         []string
	needed, provided string
	retryAfter       time.Duration
}

func (e *apiError) Error() string { return e.code }

func refuse(code string, messages ...string) *apiError {
	return &apiError{code: code, messages: messages}
}

// endpoint describes one method.
type endpoint struct {
	serve     func(*call) (reply, error)
	scopes    []string // any of them suffices; none means no scope needed
	json      bool     // takes a JSON body
	appToken  bool     // wants the app-level token
	perMinute int      // docs.slack.dev/apis/web-api/rate-limits
}

const (
	tier1 = 1
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

func (w *Workspace) endpoint(method string) (endpoint, bool) {
	read := []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	chat := []string{"chat:write"}
	users := []string{"users:read"}
	groups := []string{"usergroups:read"}
	e, ok := map[string]endpoint{
		"auth.test":             {serve: w.authTest, json: true, perMinute: 600},
		"apps.connections.open": {serve: w.openConnection, json: true, appToken: true, perMinute: tier1},
		"chat.postMessage":      {serve: w.postMessage, scopes: chat, json: true, perMinute: 60},
		"chat.postEphemeral":    {serve: w.postEphemeral, scopes: chat, json: true, perMinute: tier4},
		"chat.update":           {serve: w.updateMessage, scopes: chat, json: true, perMinute: tier3},
		"chat.delete":           {serve: w.deleteMessage, scopes: chat, json: true, perMinute: tier3},
		"chat.getPermalink":     {serve: w.getPermalink, perMinute: 600},
		"views.open":            {serve: w.openView, json: true, perMinute: tier4},
		"views.update":          {serve: w.updateView, json: true, perMinute: tier4},
		"views.push":            {serve: w.pushView, json: true, perMinute: tier4},
		"users.info":            {serve: w.usersInfo, scopes: users, perMinute: tier4},
		"users.list":            {serve: w.usersList, scopes: users, perMinute: tier2},
		"users.conversations":   {serve: w.usersConversations, scopes: read, perMinute: tier3},
		"bots.info":             {serve: w.botsInfo, scopes: users, perMinute: tier3},
		"usergroups.list":       {serve: w.usergroupsList, scopes: groups, perMinute: tier2},
		"usergroups.users.list": {serve: w.usergroupsUsersList, scopes: groups, perMinute: tier2},
		"conversations.info":    {serve: w.conversationsInfo, scopes: read, perMinute: tier3},
		"conversations.members": {serve: w.conversationsMembers, scopes: read, perMinute: tier4},
		"conversations.list":    {serve: w.conversationsList, scopes: read, perMinute: tier2},
		"conversations.open":    {serve: w.conversationsOpen, scopes: []string{"im:write", "mpim:write", "channels:manage", "groups:write"}, json: true, perMinute: tier3},
	}[method]
	return e, ok
}

// serveAPI answers one Web API call and writes it into the log.
func (w *Workspace) serveAPI(rw http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	c, err := w.parseCall(rw, r)
	c.host = r.Host
	var answer reply
	cut := false
	if err == nil {
		answer, cut, err = w.dispatch(r, c)
	}
	entry := Entry{Kind: KindRequest, Method: c.method, Outcome: outcome(err), User: c.user, Channel: c.channel, TS: c.ts, Args: c.args,
		Latency: time.Since(begun), Detail: strings.Join(c.warnings, ",")}
	var refused *apiError
	if errors.As(err, &refused) && len(refused.messages) > 0 {
		entry.Detail = strings.Join(refused.messages, "; ")
	}
	if cut {
		entry.Detail = "the connection was cut after the effect"
	}
	w.record(entry)
	if cut {
		abortResponse(rw)
		return
	}
	writeReply(rw, c, answer, err)
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

// dispatch authorises a call, lets the faults strike, and serves it. cut says
// that the effect took place and that the answer must not arrive.
func (w *Workspace) dispatch(r *http.Request, c *call) (answer reply, cut bool, err error) {
	e, known := w.endpoint(c.method)
	if !known {
		return nil, false, refuse("unknown_method")
	}
	if err := w.authenticate(c, e); err != nil {
		return nil, false, err
	}
	if c.json && !e.json && len(c.args) > 0 {
		return nil, false, refuse("invalid_arguments", "[ERROR] this method takes application/x-www-form-urlencoded, not JSON")
	}
	f, err := w.strike(r.Context(), c)
	if err != nil {
		return nil, false, err
	}
	if err := w.limitRate(c, e); err != nil {
		return nil, false, err
	}
	if missing := w.manifest.missing(e.scopes...); missing != "" && !e.appToken {
		return nil, false, w.missingScope(missing)
	}
	answer, err = e.serve(c)
	return answer, f.cut && err == nil, err
}

func (w *Workspace) missingScope(needed string) *apiError {
	return &apiError{code: "missing_scope", needed: needed, provided: strings.Join(w.manifest.OAuthConfig.Scopes.Bot, ",")}
}

func (w *Workspace) authenticate(c *call, e endpoint) error {
	if c.token == "" {
		return refuse("not_authed")
	}
	if !simulated(c.token) {
		w.record(Entry{Kind: KindFault, Method: c.method, Outcome: "invalid_auth",
			Detail: "a token that does not say \"sim\" was refused; it may be a real one"})
		return refuse("invalid_auth")
	}
	w.mu.Lock()
	code, revoked := w.revoked[c.token]
	w.mu.Unlock()
	if revoked {
		return refuse(code)
	}
	switch {
	case c.token == w.cfg.AppToken && e.appToken, c.token == w.cfg.AppToken && c.method == "auth.test":
		return nil
	case c.token == w.cfg.BotToken && !e.appToken:
		return nil
	case c.token == w.cfg.AppToken, c.token == w.cfg.BotToken:
		return refuse("not_allowed_token_type")
	}
	return refuse("invalid_auth")
}

// parseCall reads the three shapes that clients send: a form with the token in
// it, a form with a Bearer token and JSON in its fields, and a JSON body.
// The call is never nil.
func (w *Workspace) parseCall(rw http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{w: w, method: strings.TrimPrefix(r.URL.Path, "/api/"), args: map[string]string{}}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return c, refuse("invalid_form_data")
	}
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return c, refuse("invalid_post_type")
	}
	bearer, hasBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if hasBearer {
		c.token = strings.TrimSpace(bearer)
	}
	switch kind {
	case "application/json":
		if params["charset"] == "" {
			c.warnings = append(c.warnings, "missing_charset")
		}
		err = c.readJSON(r.Body)
	case "multipart/form-data":
		if err = r.ParseMultipartForm(maxBody); err != nil {
			err = refuse("invalid_form_data")
		}
		c.readForm(r)
	default:
		if err = r.ParseForm(); err != nil {
			err = refuse("invalid_form_data")
		}
		c.readForm(r)
	}
	c.user, c.channel, c.ts = c.args["user"], c.args["channel"], c.args["ts"]
	return c, err
}

func (c *call) readForm(r *http.Request) {
	for k, v := range r.Form {
		if k == "token" {
			if c.token == "" {
				c.token = v[0]
			}
			continue
		}
		c.args[k] = v[0]
	}
}

func (c *call) readJSON(body io.Reader) error {
	c.json = true
	raw, err := io.ReadAll(body)
	if err != nil {
		return refuse("request_timeout")
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		var any any
		if json.Unmarshal(raw, &any) == nil {
			return refuse("json_not_object")
		}
		return refuse("invalid_json")
	}
	for k, v := range fields {
		if k == "token" { // a token inside a JSON body does not authenticate
			continue
		}
		var s string
		switch {
		case string(v) == "null":
		case json.Unmarshal(v, &s) == nil:
			c.args[k] = s
		default:
			c.args[k] = string(v)
		}
	}
	return nil
}

// flag reads a boolean argument in any of the spellings that Slack accepts.
func (c *call) flag(name string) bool {
	v := strings.ToLower(c.args[name])
	return v == "true" || v == "1"
}

func writeReply(rw http.ResponseWriter, c *call, answer reply, err error) {
	status := http.StatusOK
	meta := map[string]any{}
	if err != nil {
		var refused *apiError
		if !errors.As(err, &refused) {
			refused = refuse("internal_error", err.Error())
		}
		answer = reply{"error": refused.code}
		if len(refused.messages) > 0 {
			answer["errors"] = refused.messages
			meta["messages"] = refused.messages
		}
		if refused.needed != "" {
			answer["needed"], answer["provided"] = refused.needed, refused.provided
		}
		if refused.retryAfter > 0 {
			status = http.StatusTooManyRequests
			rw.Header().Set("Retry-After", strconv.Itoa(int((refused.retryAfter+time.Second-1)/time.Second)))
		}
	}
	if answer == nil {
		answer = reply{}
	}
	answer["ok"] = err == nil
	if err == nil && c.token == c.w.cfg.BotToken { // each answer names the token's scopes (docs.slack.dev/authentication, "Checking scopes")
		rw.Header().Set("X-OAuth-Scopes", strings.Join(c.w.manifest.OAuthConfig.Scopes.Bot, ","))
	}
	if len(c.warnings) > 0 {
		answer["warning"] = strings.Join(c.warnings, ",")
		meta["warnings"] = c.warnings
	}
	if cursor, ok := answer["next_cursor"]; ok {
		delete(answer, "next_cursor")
		meta["next_cursor"] = cursor
	}
	if len(meta) > 0 {
		answer["response_metadata"] = meta
	}
	writeJSON(rw, status, answer)
}

func writeJSON(rw http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, fmt.Sprintf("encoding the answer: %v", err), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // the client may be gone; the log has the outcome
}

// abortResponse closes the connection without an answer.
func abortResponse(rw http.ResponseWriter) {
	if h, ok := rw.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

func (w *Workspace) authTest(*call) (reply, error) {
	return reply{"url": "https://" + w.cfg.TeamDomain + ".slack.com/", "team": w.cfg.TeamName, "user": w.cfg.BotName,
		"team_id": w.cfg.TeamID, "user_id": w.cfg.BotUserID, "bot_id": w.cfg.BotID, "app_id": w.cfg.AppID,
		"is_enterprise_install": w.cfg.EnterpriseID != "", "enterprise_id": w.cfg.EnterpriseID}, nil
}
