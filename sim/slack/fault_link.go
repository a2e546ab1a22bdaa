package slack

import (
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// Reasons of a disconnect frame.
const (
	ReasonWarning  = "warning"
	ReasonRefresh  = "refresh_requested"
	ReasonTooMany  = "too_many_websockets"
	ReasonDisabled = "link_disabled"
)

// RefreshOptions says how a connection is asked to go.
type RefreshOptions struct {
	Socket int    // 0 means every connection
	Reason string // default ReasonRefresh
	// CloseAfter is how long the connection stays open after the frame (real
	// time). Envelopes go on being delivered to it meanwhile.
	CloseAfter time.Duration
	// StopDelivering keeps envelopes from the connection after the frame.
	StopDelivering bool
	// Abrupt closes TCP without a close frame.
	Abrupt bool
	// StayOpen leaves the closing to the client.
	StayOpen bool
}

// Refresh sends a disconnect frame and closes the connection later. It returns
// the number of connections told.
func (w *Workspace) Refresh(o RefreshOptions) int {
	if o.Reason == "" {
		o.Reason = ReasonRefresh
	}
	targets := w.chosen(o.Socket, func(l *link) {
		l.info.Refreshing = true
		l.noDeliver = o.StopDelivering
		w.note(Entry{Kind: KindFault, Method: "disconnect", Outcome: o.Reason, Socket: l.id})
	})
	for _, l := range targets {
		_ = l.write(w.disconnect(o.Reason)) // a connection that died meanwhile needs no telling
		if o.StayOpen {
			continue
		}
		w.spawn(func() { w.closeLater(l, o) })
	}
	return len(targets)
}

func (w *Workspace) closeLater(l *link, o RefreshOptions) {
	t := time.NewTimer(o.CloseAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.gone:
		return
	case <-w.ctx.Done():
		return
	}
	if o.Abrupt {
		l.abort()
		return
	}
	l.close(websocket.CloseNormalClosure, o.Reason)
}

// chosen marks the chosen connections and returns them.
func (w *Workspace) chosen(id int, mark func(*link)) []*link {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	var out []*link
	for _, l := range w.links.open {
		if (id == 0 || l.id == id) && !l.ended {
			mark(l)
			out = append(out, l)
		}
	}
	return out
}

// CutMode says how a connection breaks.
type CutMode string

// The ways of breaking.
const (
	CutReset  CutMode = "reset"  // TCP RST
	CutClose  CutMode = "close"  // TCP FIN without a close frame
	CutSilent CutMode = "silent" // half-open: it stays, and nothing passes any more
)

// Cut breaks one connection, or every one for 0, and returns how many. A silent
// one stays registered, and gets its share of envelopes, until Reap.
func (w *Workspace) Cut(socket int, mode CutMode) int {
	targets := w.chosen(socket, func(l *link) {
		l.info.Silent = mode == CutSilent
		w.note(Entry{Kind: KindFault, Method: "cut", Outcome: string(mode), Socket: l.id})
	})
	for _, l := range targets {
		switch mode {
		case CutReset:
			l.reset()
		case CutClose:
			l.abort()
		case CutSilent:
		}
	}
	return len(targets)
}

// Reap drops the silent connections, as Slack does after a while.
func (w *Workspace) Reap() int {
	w.mu.Lock()
	var dead []*link
	for _, l := range w.links.all() {
		if l.info.Silent {
			dead = append(dead, l)
			l.info.Silent = false // what comes now is an ordinary end
			w.forget(l)
			w.note(Entry{Kind: KindClose, Socket: l.id, Outcome: "reaped"})
		}
	}
	w.mu.Unlock()
	for _, l := range dead {
		l.abort()
	}
	return len(dead)
}

// LieAboutConnections makes every further hello tell n as num_connections; 0 is the truth.
func (w *Workspace) LieAboutConnections(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links.lie = n
	w.note(Entry{Kind: KindFault, Method: "hello", Outcome: "lie", Detail: strconv.Itoa(n)})
}

// PinTo sends every further envelope to one connection; 0 ends it. While the
// pinned connection is not there, nothing can be delivered.
func (w *Workspace) PinTo(socket int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links.pin = socket
}

// DelayDelivery holds every envelope back for a while (real time) after its
// trigger was made; 0 ends it.
func (w *Workspace) DelayDelivery(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links.delay = d
}

// DisableLink switches Socket Mode off for the app: every connection is told
// link_disabled and closed, and so is every later one.
func (w *Workspace) DisableLink() {
	w.mu.Lock()
	w.links.disabled = true
	w.mu.Unlock()
	w.Refresh(RefreshOptions{Reason: ReasonDisabled, StopDelivering: true})
}

// EnableLink ends DisableLink.
func (w *Workspace) EnableLink() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links.disabled = false
}

// Sockets returns the registered connections, oldest first.
func (w *Workspace) Sockets() []Socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.links.list()
}
