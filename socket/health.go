package socket

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Why a connection ended, or was told to. The first four are Slack's own words.
const (
	ReasonWarning      = "warning"
	ReasonRefresh      = "refresh_requested"
	ReasonTooMany      = "too_many_websockets"
	ReasonLinkDisabled = "link_disabled"

	ReasonOther       = "other"          // a disconnect frame with a reason that we don't know
	ReasonClosed      = "closed"         // end of stream or close frame, without notice
	ReasonReadTimeout = "read_timeout"   // silence: no frame, ping or pong within ReadTimeout
	ReasonWriteFailed = "write_failed"   // an ack, ping or pong could not be written
	ReasonNoHello     = "no_hello"       // connected, but Slack said nothing
	ReasonBroken      = "protocol_error" // a frame that breaks the WebSocket protocol or our size limit
	ReasonRetired     = "retired"        // old connection that we closed after its successor's hello
	ReasonShutdown    = "shutdown"
)

// Hello is what Slack said when it last welcomed one of our connections.
type Hello struct {
	At time.Time
	// NumConnections is how many connections Slack counts for the app, over all processes, ghosts included.
	NumConnections int
	// Own is how many of ours were open at that moment, the old ones that are still read included.
	Own int
}

// Elsewhere is how many connections Slack counts that are not ours: other replicas, ghosts, or someone with our app token.
func (h Hello) Elsewhere() int { return max(0, h.NumConnections-h.Own) }

// Socket is one open connection.
type Socket struct {
	// Serial counts connections since the start of the process.
	Serial int64
	// Live means that hello was seen, something was heard within ReadTimeout, and Slack has not asked it to leave.
	Live bool
	// Leaving is the reason of its disconnect frame, or empty.
	Leaving     string
	ConnectedAt time.Time
	LastInbound time.Time
}

// Health is the state of the connections at one moment, and counts since the start. It holds no secret.
type Health struct {
	// Started means that Slack has said hello at least once.
	Started bool
	// Stopping means that Run's context has ended.
	Stopping bool
	// Wanted is Config.Connections.
	Wanted  int
	Sockets []Socket
	// LastInbound is when anything was last heard from Slack on any connection, pings included.
	LastInbound time.Time
	// LastDisconnect is the newest Reason for which a connection ended or was told to, and LastDisconnectAt when.
	LastDisconnect   string
	LastDisconnectAt time.Time
	// LastError is the newest failure to connect, in words.
	LastError string
	Hello     Hello
	// Fatal is the answer that no retry mends, until a connection succeeds again.
	Fatal *FatalError
	Counts
}

// Counts are totals since the start.
type Counts struct {
	Envelopes  int64 // taken from a socket
	Acks       int64 // written
	AcksFailed int64 // refused, or the arrival socket was gone
	Overflowed int64 // handed to Config.Overflow
	Lost       int64 // not even Overflow had room; unacknowledged, so that Slack shows the failure
	Panics     int64 // in handlers
	Malformed  int64 // messages that were no JSON object, or with fields of a wrong type
	Unknown    int64 // messages of an unknown type and without an envelope id
	Opens      int64 // calls of apps.connections.open
	// Reconnects counts ended connections by Reason.
	Reconnects map[string]int64
}

type counters struct {
	envelopes, acks, acksFailed, overflowed, lost, panics, malformed, unknown, opens atomic.Int64
}

// Live is the number of connections on which Slack can reach us now.
func (h Health) Live() int {
	n := 0
	for _, s := range h.Sockets {
		if s.Live {
			n++
		}
	}
	return n
}

// Ready says whether Slack can reach this process, and if not, why. It rests on what was heard from Slack, never on calls to
// Slack, and not on events, which may be quiet for hours.
func (h Health) Ready() (bool, string) {
	switch {
	case h.Stopping:
		return false, "shutting down"
	case h.Fatal != nil:
		return false, h.Fatal.Error()
	case h.Live() > 0:
		return true, ""
	}
	// A connection that was asked to leave still delivers until its end; its successor is on the way.
	for _, s := range h.Sockets {
		if s.Leaving == ReasonWarning || s.Leaving == ReasonRefresh || s.Leaving == ReasonOther {
			return true, ""
		}
	}
	switch {
	case !h.Started && h.LastError != "":
		return false, "not connected to Slack yet: " + h.LastError
	case !h.Started:
		return false, "not connected to Slack yet"
	}
	return false, fmt.Sprintf("no live Slack connection (last disconnect: %s; last error: %s)", orNone(h.LastDisconnect), orNone(h.LastError))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Ready is Health().Ready().
func (m *Manager) Ready() (bool, string) { return m.Health().Ready() }

// Health reports the state of the connections.
func (m *Manager) Health() Health {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	h := Health{
		Started: m.started, Stopping: m.stopping, Wanted: m.cfg.Connections,
		LastDisconnect: m.lastReason, LastDisconnectAt: m.lastLeft, LastError: m.lastErr,
		Hello: m.hello, Fatal: m.fatal,
		Counts: m.counted.counts(),
	}
	h.Reconnects = maps.Clone(m.reconnects)
	h.LastInbound = m.lastInbound
	for c := range m.open {
		s := c.socket(now, m.cfg.ReadTimeout)
		h.Sockets = append(h.Sockets, s)
		if s.LastInbound.After(h.LastInbound) {
			h.LastInbound = s.LastInbound
		}
	}
	return h
}

func (c *counters) counts() Counts {
	return Counts{
		Envelopes: c.envelopes.Load(), Acks: c.acks.Load(), AcksFailed: c.acksFailed.Load(),
		Overflowed: c.overflowed.Load(), Lost: c.lost.Load(), Panics: c.panics.Load(),
		Malformed: c.malformed.Load(), Unknown: c.unknown.Load(), Opens: c.opens.Load(),
	}
}

// connected records a hello.
func (m *Manager) connected(numConnections int) Hello {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = true
	m.fatal = nil
	m.lastErr = ""
	m.hello = Hello{At: time.Now(), NumConnections: numConnections, Own: len(m.open) + m.dialling}
	return m.hello
}

// leftFor records a disconnect frame.
func (m *Manager) leftFor(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastReason, m.lastLeft = reason, time.Now()
}

// disconnected records the end of a stream.
func (m *Manager) disconnected(c *conn, reason string) {
	heard := c.dialled.Add(time.Duration(c.lastInbound.Load()))
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, c)
	m.reconnects[reason]++
	if reason != ReasonShutdown && c.why() == "" {
		m.lastReason, m.lastLeft = reason, time.Now()
	}
	if heard.After(m.lastInbound) {
		m.lastInbound = heard
	}
}

func (m *Manager) failedWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastErr = err.Error()
}

// fail records an answer that no retry mends, and returns it if nothing ever worked.
func (m *Manager) fail(ctx context.Context, f *FatalError) error {
	m.mu.Lock()
	m.fatal, m.lastErr = f, f.Error()
	started := m.started
	m.mu.Unlock()
	if !started {
		return f
	}
	zerolog.Ctx(ctx).Error().Str("code", f.Code).Str("fix", f.Fix).Msg("Slack refuses our connections")
	if m.cfg.OnFatal != nil {
		m.cfg.OnFatal(f)
	}
	return nil
}
