package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// order is a JSON body of the control interface; every route uses some of it.
type order struct {
	User     string   `json:"user"`
	Channel  string   `json:"channel"`
	Command  string   `json:"command"`
	Text     string   `json:"text"`
	TS       string   `json:"ts"`
	View     string   `json:"view"`
	BlockID  string   `json:"block_id"`
	ActionID string   `json:"action_id"`
	Values   []string `json:"values"`
	Query    string   `json:"query"`
	Dismiss  bool     `json:"dismiss_confirm"`
	Stale    *Message `json:"stale"`

	What       string `json:"what"` // for break
	Method     string `json:"method"`
	Error      string `json:"error"`
	Times      int    `json:"times"`
	Socket     int    `json:"socket"`
	Count      int    `json:"count"`
	Reason     string `json:"reason"`
	Millis     int64  `json:"millis"`
	EnvelopeID string `json:"envelope_id"`
}

var errUnknownBreak = errors.New("\"what\" is none of fail, ratelimit, cut_after_effect, delay, lose_ephemerals, heal, revoke, archive, remove_bot, invite_bot, " +
	"delete_message, refresh, reset, close, silent, reap, lie, pin, hold, disable_link, enable_link, redeliver")

// serveControl is the interface for tests in other languages and for pages:
//
//	POST /sim/say    {user, channel, command, text}; without command, an ordinary message, in the thread ts if given
//	POST /sim/click  {user, channel, ts, action_id, [block_id, values, dismiss_confirm, stale]}
//	POST /sim/fill   {user, view, action_id, [block_id, values, dismiss_confirm]}
//	POST /sim/suggest {user, view | channel and ts, action_id, query}
//	POST /sim/submit {user, view}
//	POST /sim/close  {user, view}
//	POST /sim/break  {what, …}; see errUnknownBreak
//	GET  /sim/state  and  GET /sim/log?after=N
//
// A POST must be JSON and the Host a loopback name, so that no web page
// elsewhere can give orders.
func (w *Workspace) serveControl(rw http.ResponseWriter, r *http.Request) {
	if !loopbackHost(r.Host) {
		writeJSON(rw, http.StatusForbidden, reply{"error": "the host is not a loopback name"})
		return
	}
	route := strings.TrimPrefix(r.URL.Path, "/sim/")
	if r.Method == http.MethodGet {
		w.serveLooking(rw, r, route)
		return
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		writeJSON(rw, http.StatusUnsupportedMediaType, reply{"error": "orders are POSTed as application/json"})
		return
	}
	var o order
	d := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		writeJSON(rw, http.StatusBadRequest, reply{"error": err.Error()})
		return
	}
	result, known, err := w.carryOut(r.Context(), route, o)
	switch {
	case !known:
		writeJSON(rw, http.StatusNotFound, reply{"error": "no such route: /sim/" + route})
	case err != nil:
		writeJSON(rw, http.StatusConflict, reply{"error": err.Error(), "result": result})
	default:
		writeJSON(rw, http.StatusOK, reply{"result": result})
	}
}

func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (w *Workspace) carryOut(ctx context.Context, route string, o order) (result any, known bool, err error) {
	click := ClickOptions{BlockID: o.BlockID, Values: o.Values, DismissConfirm: o.Dismiss, Stale: o.Stale}
	switch route {
	case "say":
		if o.Command == "" {
			result, err = w.Post(o.User, o.Channel, o.TS, o.Text)
			break
		}
		result, err = w.Command(ctx, o.User, o.Channel, o.Command, o.Text)
	case "click":
		result, err = w.Click(ctx, o.User, o.Channel, o.TS, o.ActionID, click)
	case "fill":
		result, err = w.ClickView(ctx, o.User, o.View, o.ActionID, click)
	case "suggest":
		result, err = w.Suggest(ctx, o.User, Place{View: o.View, Channel: o.Channel, TS: o.TS}, o.BlockID, o.ActionID, o.Query)
	case "submit":
		result, err = w.Submit(ctx, o.User, o.View)
	case "close":
		result, err = w.CloseView(ctx, o.User, o.View)
	case "break":
		result, err = w.breakSomething(ctx, o)
	default:
		return nil, false, nil
	}
	return result, true, err
}

func (w *Workspace) breakSomething(ctx context.Context, o order) (any, error) {
	span := time.Duration(o.Millis) * time.Millisecond
	switch o.What {
	case "fail":
		w.FailNext(o.Method, o.Error, o.Times)
	case "ratelimit":
		w.RateLimitNext(o.Method, span, o.Times)
	case "cut_after_effect":
		w.CutAfterEffect(o.Method, o.Times)
	case "delay":
		w.DelayMethod(o.Method, span)
	case "lose_ephemerals":
		w.LoseEphemerals(o.Count)
	case "heal":
		w.Heal()
	case "revoke":
		w.RevokeToken(w.cfg.BotToken, o.Error)
		w.RevokeToken(w.cfg.AppToken, o.Error)
	case "archive":
		return w.ArchiveChannel(o.Channel), nil
	case "remove_bot":
		return w.RemoveBot(o.Channel), nil
	case "invite_bot":
		return w.InviteBot(o.Channel), nil
	case "delete_message":
		return w.DeleteMessage(o.Channel, o.TS), nil
	case "redeliver":
		return w.Redeliver(ctx, o.EnvelopeID)
	default:
		return w.breakLink(o, span)
	}
	return true, nil
}

func (w *Workspace) breakLink(o order, span time.Duration) (any, error) {
	switch o.What {
	case "refresh":
		return w.Refresh(RefreshOptions{Socket: o.Socket, Reason: o.Reason, CloseAfter: span}), nil
	case string(CutReset), string(CutClose), string(CutSilent):
		return w.Cut(o.Socket, CutMode(o.What)), nil
	case "reap":
		return w.Reap(), nil
	case "lie":
		w.LieAboutConnections(o.Count)
	case "pin":
		w.PinTo(o.Socket)
	case "hold":
		w.DelayDelivery(span)
	case "disable_link":
		w.DisableLink()
	case "enable_link":
		w.EnableLink()
	default:
		return nil, fmt.Errorf("%q: %w", o.What, errUnknownBreak)
	}
	return true, nil
}

func (w *Workspace) serveLooking(rw http.ResponseWriter, r *http.Request, route string) {
	switch route {
	case "state":
		writeJSON(rw, http.StatusOK, w.stateObject())
	case "log":
		after, err := strconv.Atoi(r.FormValue("after"))
		if err != nil && r.FormValue("after") != "" {
			writeJSON(rw, http.StatusBadRequest, reply{"error": "after is not a number"})
			return
		}
		log := w.Log()
		writeJSON(rw, http.StatusOK, reply{"entries": log[min(max(after, 0), len(log)):]})
	default:
		writeJSON(rw, http.StatusNotFound, reply{"error": "no such route: /sim/" + route})
	}
}

// shownMessage is a message with its rendering.
type shownMessage struct {
	Message
	Rendered string `json:"rendered"`
}

// shownView is a view with its rendering.
type shownView struct {
	View
	Rendered string `json:"rendered"`
}

func (w *Workspace) stateObject() reply {
	s := w.Snapshot()
	messages := map[string][]shownMessage{}
	for ch := range s.messages {
		for _, m := range s.History(ch) {
			messages[ch] = append(messages[ch], shownMessage{m, w.Render(m)})
		}
	}
	views := map[string][]shownView{}
	for user, list := range s.views {
		for _, v := range list {
			views[user] = append(views[user], shownView{v, w.RenderView(v)})
		}
	}
	return reply{"team": w.cfg.TeamID, "users": w.Users(), "channels": w.Channels(), "messages": messages, "views": views,
		"sockets": s.sockets, "log": len(s.entries)}
}
