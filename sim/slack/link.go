package slack

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

// Socket describes one registered Socket Mode connection.
type Socket struct {
	ID         int  `json:"id"`
	Refreshing bool `json:"refreshing"` // it was told to disconnect
	Silent     bool `json:"silent"`     // half-open: nothing is read or written any more
	Delivered  int  `json:"delivered"`
	Acks       int  `json:"acks"`
	// Via is the name by which the client called the workspace when it opened the connection (the Host of its request).
	Via string `json:"via"`
}

// link is one WebSocket connection.
type link struct {
	id   int
	ws   *websocket.Conn
	gone chan struct{} // closed when the connection ended

	writing sync.Mutex // one writer at a time

	// The Workspace's mu guards the rest.
	info      Socket
	noDeliver bool
	ended     bool
}

// linkState is every connection. The Workspace's mu guards it.
type linkState struct {
	open     []*link
	serial   int
	turn     int
	random   *rand.Rand
	pin      int
	lie      int
	disabled bool
	delay    time.Duration
	ackDelay time.Duration
	pending  map[string]*pending
}

// pending is an envelope that went out.
type pending struct {
	envelope []byte
	kind     string
	sentOn   int
	sentAt   time.Time
	done     chan struct{} // closed at the first ack that counts
	ack      json.RawMessage
	ackOn    int
	latency  time.Duration
	state    pendingState
}

type pendingState string

const (
	waiting pendingState = "waiting"
	acked   pendingState = "acked"
	expired pendingState = "expired"
)

func newLinkState(seed int64) linkState {
	s := linkState{pending: map[string]*pending{}}
	if seed != 0 {
		s.random = rand.New(rand.NewSource(seed)) //nolint:gosec // repeatable spreading, not a secret
	}
	return s
}

func (s *linkState) all() []*link { return slices.Clone(s.open) }

func (s *linkState) list() []Socket {
	out := make([]Socket, 0, len(s.open))
	for _, l := range s.open {
		out = append(out, l.info)
	}
	return out
}

// choose picks the connection for the next envelope. Connections that are
// refreshing or silent are as eligible as any: the sender cannot know.
func (s *linkState) choose() *link {
	var fit []*link
	for _, l := range s.open {
		if s.pin != 0 && l.id == s.pin {
			return l
		}
		if !l.noDeliver {
			fit = append(fit, l)
		}
	}
	if len(fit) == 0 || s.pin != 0 {
		return nil
	}
	s.turn++
	if s.random != nil {
		return fit[s.random.Intn(len(fit))]
	}
	return fit[s.turn%len(fit)]
}

// openConnection is apps.connections.open: a WebSocket address that works once.
func (w *Workspace) openConnection(c *call) (reply, error) {
	if !w.manifest.Settings.SocketModeEnabled {
		return nil, refuse("socket_mode_not_enabled")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ticket := uuid.NewString()
	w.tickets[ticket] = admission{until: time.Now().Add(ticketLife), via: c.host}
	return reply{"url": fmt.Sprintf("ws://%s/link/?ticket=%s&app_id=%s", w.listener.Addr(), ticket, w.cfg.AppID)}, nil
}

// admission is what a ticket is good for.
type admission struct {
	until time.Time
	via   string
}

func (w *Workspace) takeTicket(ticket string) (via string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.tickets[ticket]
	delete(w.tickets, ticket)
	return a.via, ok && time.Now().Before(a.until)
}

// serveLink upgrades a connection, says hello, and reads acks to the end.
func (w *Workspace) serveLink(rw http.ResponseWriter, r *http.Request) {
	via, ok := w.takeTicket(r.URL.Query().Get("ticket"))
	if !ok {
		w.record(Entry{Kind: KindFault, Outcome: "bad_ticket", Detail: "the WebSocket address was used before, is too old, or was never given"})
		http.Error(rw, "ticket not valid", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, WriteBufferSize: 64 << 10, HandshakeTimeout: writeTimeout}
	ws, err := up.Upgrade(rw, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	ws.SetReadLimit(maxBody)
	l := &link{ws: ws, gone: make(chan struct{}), info: Socket{Via: via}}
	if !w.greet(l) {
		return
	}
	w.spawn(func() { w.ping(l) })
	w.read(l)
}

// greet registers a connection and says hello on it before anything else can be
// written there, or turns it away.
func (w *Workspace) greet(l *link) bool {
	l.writing.Lock()
	defer l.writing.Unlock()
	reason, count := w.register(l)
	if reason != "" {
		w.record(Entry{Kind: KindClose, Outcome: reason, Detail: "turned away"})
		_ = l.writeLocked(w.disconnect(reason)) // the client may be gone already
		l.close(websocket.CloseNormalClosure, reason)
		return false
	}
	if err := l.writeLocked(w.hello(count)); err != nil {
		l.abort() // read sees the end
	}
	return true
}

// register adds a connection, or says why it may not stay.
func (w *Workspace) register(l *link) (reason string, count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return "warning", 0
	case w.links.disabled:
		return "link_disabled", 0
	case len(w.links.open) >= maxSockets:
		return "too_many_websockets", 0
	}
	w.links.serial++
	l.id = w.links.serial
	l.info.ID = l.id
	w.links.open = append(w.links.open, l)
	count = len(w.links.open)
	if w.links.lie > 0 {
		count = w.links.lie
	}
	w.note(Entry{Kind: KindOpen, Socket: l.id, Detail: "num_connections " + strconv.Itoa(count)})
	return "", count
}

func (w *Workspace) hello(count int) []byte {
	return mustJSON(map[string]any{"type": "hello", "num_connections": count,
		"debug_info":      map[string]any{"host": "applink-sim", "build_number": 1, "approximate_connection_time": defaultConnectionAge},
		"connection_info": map[string]any{"app_id": w.cfg.AppID}})
}

func (w *Workspace) disconnect(reason string) []byte {
	return mustJSON(map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": "applink-sim"}})
}

// mustJSON encodes values that this package made of plain maps.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("slack simulator: encoding its own value: %v", err))
	}
	return b
}

func (l *link) write(frame []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.writeLocked(frame)
}

// writeLocked is write for a caller that holds writing.
func (l *link) writeLocked(frame []byte) error {
	if err := l.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("writing to socket %d: %w", l.id, err)
	}
	if err := l.ws.WriteMessage(websocket.TextMessage, frame); err != nil {
		return fmt.Errorf("writing to socket %d: %w", l.id, err)
	}
	return nil
}

// close sends a close frame and ends the connection.
func (l *link) close(code int, text string) {
	_ = l.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(writeTimeout))
	_ = l.ws.Close()
}

// abort ends the connection without a word.
func (l *link) abort() { _ = l.ws.Close() }

// reset ends the connection with a TCP RST, where the system allows it.
func (l *link) reset() {
	if tcp, ok := l.ws.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.ws.Close()
}

func (w *Workspace) ping(l *link) {
	t := time.NewTicker(w.cfg.PingInterval)
	defer t.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-w.ctx.Done():
			return
		case <-t.C:
		}
		if !w.silent(l) {
			_ = l.ws.WriteControl(websocket.PingMessage, []byte("Ping from applink-sim"), time.Now().Add(writeTimeout))
		}
	}
}

func (w *Workspace) silent(l *link) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return l.info.Silent
}

// read takes acks from a connection until it ends.
func (w *Workspace) read(l *link) {
	answer := l.ws.PingHandler()
	l.ws.SetPingHandler(func(s string) error {
		if w.silent(l) {
			return nil
		}
		return answer(s)
	})
	for {
		kind, frame, err := l.ws.ReadMessage()
		if err != nil {
			w.unregister(l, err)
			return
		}
		if kind == websocket.TextMessage {
			w.arrive(l, frame)
		}
	}
}

// unregister forgets a connection that ended. A silent one stays: Slack has not
// noticed, and goes on sending to it.
func (w *Workspace) unregister(l *link, why error) {
	_ = l.ws.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.gone)
	if l.info.Silent {
		w.note(Entry{Kind: KindClose, Socket: l.id, Outcome: "ghost", Detail: "the client left; the registration stays"})
		return
	}
	w.forget(l)
	w.note(Entry{Kind: KindClose, Socket: l.id, Outcome: "closed", Detail: why.Error()})
}

// forget takes a connection out of the registry. The caller holds mu.
func (w *Workspace) forget(l *link) {
	w.links.open = slices.DeleteFunc(w.links.open, func(o *link) bool { return o == l })
}

// arrive takes an ack, after the ordered delay.
func (w *Workspace) arrive(l *link, frame []byte) {
	w.mu.Lock()
	d := w.links.ackDelay
	w.mu.Unlock()
	if d <= 0 {
		w.takeAck(l, frame)
		return
	}
	w.spawn(func() {
		if w.sleep(w.ctx, d) == nil {
			w.takeAck(l, frame)
		}
	})
}

// takeAck matches one frame of the client with its envelope.
func (w *Workspace) takeAck(l *link, frame []byte) {
	var a struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(frame, &a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.info.Silent {
		return
	}
	l.info.Acks++
	e := Entry{Kind: KindAck, Socket: l.id, EnvelopeID: a.EnvelopeID, Size: len(frame), Payload: a.Payload}
	p := w.links.pending[a.EnvelopeID]
	if err != nil || p == nil {
		e.Outcome = AckUnknown
		if err != nil {
			e.Detail, e.Payload = err.Error(), nil
		}
		w.note(e)
		return
	}
	e.EnvelopeType, e.SentOn, e.Latency = p.kind, p.sentOn, time.Since(p.sentAt)
	e.Outcome = w.judgeAck(l, p, len(frame))
	if e.Outcome == AckOK {
		p.state, p.ack, p.ackOn, p.latency = acked, a.Payload, l.id, e.Latency
		close(p.done)
	}
	w.note(e)
}

func (w *Workspace) judgeAck(l *link, p *pending, size int) string {
	switch {
	case size >= maxAckBytes:
		return AckTooBig
	case p.state == acked:
		return AckDuplicate
	case p.state == expired:
		return AckLate
	case w.cfg.RefuseForeignAcks && l.id != p.sentOn:
		return AckForeign
	}
	return AckOK
}

// envelope is something to deliver.
type envelope struct {
	kind    string // "slash_commands" or "interactive"
	accepts bool   // accepts_response_payload
	payload map[string]any
}
