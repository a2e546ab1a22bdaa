package slack

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// responseURL lets the app answer one person in one channel for a while.
type responseURL struct {
	user, channel string
	expires       time.Time
	left          int
	origin        string // the message that replace_original and delete_original mean
	thread        string
}

// newResponseURL makes one. The caller holds mu.
func (w *Workspace) newResponseURL(user, channel, origin, thread string) string {
	id := w.nextID("R")
	w.answers[id] = &responseURL{user: user, channel: channel, origin: origin, thread: thread, left: defaultResponseUses,
		expires: w.now().Add(defaultResponseLife)}
	host := "127.0.0.1"
	if w.listener != nil {
		host = w.listener.Addr().String()
	}
	return "http://" + host + "/actions/" + w.cfg.TeamID + "/" + id
}

// response is what an app posts to a response_url, or in the ack of a command.
type response struct {
	ResponseType    string          `json:"response_type"`
	ReplaceOriginal bool            `json:"replace_original"`
	DeleteOriginal  bool            `json:"delete_original"`
	Text            *string         `json:"text"`
	Blocks          json.RawMessage `json:"blocks"`
	Metadata        json.RawMessage `json:"metadata"`
	ThreadTS        string          `json:"thread_ts"`
}

func (r response) args() map[string]string {
	args := map[string]string{}
	if r.Text != nil {
		args["text"] = *r.Text
	}
	for name, raw := range map[string]json.RawMessage{"blocks": r.Blocks, "metadata": r.Metadata} {
		var quoted string
		switch {
		case len(raw) == 0, string(raw) == "null":
		case json.Unmarshal(raw, &quoted) == nil: // a list in a string is taken too
			args[name] = quoted
		default:
			args[name] = string(raw)
		}
	}
	return args
}

func (w *Workspace) serveResponseURL(rw http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	var body response
	var err error
	switch {
	case r.Method != http.MethodPost:
		err = refuse("invalid_method")
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		err = json.Unmarshal([]byte(r.FormValue("payload")), &body)
	default:
		err = json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxBody)).Decode(&body)
	}
	var refused *apiError
	if err != nil && !errors.As(err, &refused) {
		err = refuse("invalid_payload")
	}
	c := &call{w: w, method: "response_url", args: body.args()}
	var f fault
	if err == nil {
		f, err = w.strike(r.Context(), c)
	}
	if err == nil {
		err = w.answer(c, id, body)
	}
	entry := Entry{Kind: KindResponse, Method: c.method, Outcome: outcome(err), User: c.user, Channel: c.channel, TS: c.ts, Args: c.args}
	if errors.As(err, &refused) {
		entry.Detail = strings.Join(refused.messages, "; ")
	}
	w.record(entry)
	writeResponse(rw, f.cut, err)
}

func writeResponse(rw http.ResponseWriter, cut bool, err error) {
	var refused *apiError
	switch {
	case cut && err == nil:
		abortResponse(rw)
	case err == nil:
		_, _ = rw.Write([]byte("ok")) // the client may be gone
	case errors.As(err, &refused) && (refused.code == "used_url" || refused.code == "expired_url"):
		writeJSON(rw, http.StatusNotFound, reply{"ok": false, "error": refused.code})
	case errors.As(err, &refused) && refused.retryAfter > 0:
		writeReply(rw, &call{}, nil, err)
	default:
		writeJSON(rw, http.StatusBadRequest, reply{"ok": false, "error": err.Error()})
	}
}

// answer uses a response URL once.
func (w *Workspace) answer(c *call, id string, body response) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.answers[id]
	switch {
	case u == nil, w.now().After(u.expires):
		return refuse("expired_url")
	case u.left == 0:
		return refuse("used_url")
	}
	c.user, c.channel = u.user, u.channel
	ch := w.dir.channels[u.channel]
	if ch == nil || ch.IsArchived {
		return refuse("is_archived")
	}
	origin := w.find(u.channel, u.origin)
	if origin != nil && origin.Deleted {
		origin = nil
	}
	if body.DeleteOriginal {
		return w.deleteOriginal(c, u, origin)
	}
	content, err := w.readContent(c.args)
	if err != nil {
		return err
	}
	if body.ReplaceOriginal && origin != nil {
		u.left--
		w.edit(origin, func(next *Message) { rewrite(next, content) })
		c.ts = origin.TS
		return nil
	}
	m, err := w.respond(u, body, content, "response_url")
	if err != nil {
		return err
	}
	u.left--
	c.ts = m.TS
	return nil
}

func (w *Workspace) deleteOriginal(c *call, u *responseURL, origin *Message) error {
	if origin == nil {
		return refuse("message_not_found")
	}
	u.left--
	next := *origin
	next.Deleted = true
	w.replace(origin, &next)
	w.touch()
	c.ts = origin.TS
	return nil
}

// respond posts an answer of the app to a person, for that person alone unless
// it says in_channel. The caller holds mu.
func (w *Workspace) respond(u *responseURL, body response, c content, via string) (*Message, error) {
	m := Message{Channel: u.channel, User: w.cfg.BotUserID, BotID: w.cfg.BotID, EphemeralTo: u.user, Text: c.text, Blocks: c.blocks,
		Metadata: c.metadata, Warnings: c.warnings, Via: via, ThreadTS: body.ThreadTS}
	switch body.ResponseType {
	case "", "ephemeral":
	case "in_channel":
		m.EphemeralTo = ""
	default:
		return nil, refuse("invalid_response_type")
	}
	if m.ThreadTS == "" {
		m.ThreadTS = u.thread
	}
	posted := w.post(m)
	if u.origin == "" {
		u.origin = posted.TS
	}
	return posted, nil
}
