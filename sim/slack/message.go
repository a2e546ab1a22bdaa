package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var errClosed = errors.New("the simulated workspace was closed")

// Message is a message as the workspace holds it now. It is a copy: changing it
// changes nothing, and later edits do not show in it.
type Message struct {
	Channel  string `json:"channel"`
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts,omitempty"`
	User     string `json:"user"` // the author; the bot's user id for the app's messages
	BotID    string `json:"bot_id,omitempty"`
	Text     string `json:"text"`
	// Blocks is the JSON array, with the block_ids and action_ids that Slack fills in.
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// EphemeralTo is the only person who sees the message; empty for ordinary ones.
	EphemeralTo string `json:"ephemeral_to,omitempty"`
	Deleted     bool   `json:"deleted,omitempty"`
	// Edited says that people see "(edited)": its text was changed without blocks.
	Edited   bool      `json:"edited,omitempty"`
	Edits    int       `json:"edits,omitempty"`
	Versions []Version `json:"versions,omitempty"` // what it was before, oldest first
	Warnings []string  `json:"warnings,omitempty"`
	Via      string    `json:"via"` // the method, "response_url" or "ack" that posted it
	At       time.Time `json:"at"`  // when it was posted, by the clock that people read

	revision int // the workspace's when it was last changed
}

// Version is an earlier content of a message.
type Version struct {
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Until    time.Time       `json:"until"`
}

// find returns the message with a timestamp, deleted ones included. The caller holds mu.
func (w *Workspace) find(channel, ts string) *Message {
	for _, m := range w.messages[channel] {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// replace puts next in the place of m. Stored messages are never changed in
// place, so that snapshots may share them. The caller holds mu.
func (w *Workspace) replace(m, next *Message) {
	w.revision++
	next.revision = w.revision
	list := w.messages[m.Channel]
	list[slices.Index(list, m)] = next
}

// edit replaces a message's content, keeping what it was. The caller holds mu.
func (w *Workspace) edit(m *Message, change func(*Message)) *Message {
	next := *m
	next.Versions = append(slices.Clone(m.Versions), Version{Text: m.Text, Blocks: m.Blocks, Metadata: m.Metadata, Until: w.now()})
	next.Edits++
	change(&next)
	w.replace(m, &next)
	w.touch()
	return &next
}

// post stores a new message. The caller holds mu.
func (w *Workspace) post(m Message) *Message {
	m.TS, m.At = w.nextTS(), w.cfg.Shown().UTC()
	w.revision++
	m.revision = w.revision
	w.messages[m.Channel] = append(w.messages[m.Channel], &m)
	w.touch()
	return &m
}

// Snapshot is the whole workspace at one moment.
type Snapshot struct {
	messages map[string][]*Message
	views    map[string][]View
	sockets  []Socket
	entries  []Entry
	bot      string
}

// snapshot copies what a Snapshot needs. The caller holds mu.
func (w *Workspace) snapshot() *Snapshot {
	s := &Snapshot{messages: make(map[string][]*Message, len(w.messages)), views: map[string][]View{},
		sockets: w.links.list(), entries: w.entries[:len(w.entries):len(w.entries)], bot: w.cfg.BotUserID}
	for ch, list := range w.messages {
		s.messages[ch] = slices.Clone(list)
	}
	for user, ids := range w.stacks {
		for _, id := range ids {
			s.views[user] = append(s.views[user], *w.views[id])
		}
	}
	return s
}

// Snapshot returns the workspace as it is now.
func (w *Workspace) Snapshot() *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot()
}

func (s *Snapshot) pick(channel string, keep func(*Message) bool) []Message {
	var out []Message
	for _, m := range s.messages[channel] {
		if keep(m) {
			out = append(out, *m)
		}
	}
	return out
}

// Messages returns what everybody in a channel sees, thread replies included,
// in the order of posting: no ephemeral and no deleted message.
func (s *Snapshot) Messages(channel string) []Message {
	return s.pick(channel, func(m *Message) bool { return !m.Deleted && m.EphemeralTo == "" })
}

// History returns everything that was ever posted to a channel, ephemeral and
// deleted messages included.
func (s *Snapshot) History(channel string) []Message {
	return s.pick(channel, func(*Message) bool { return true })
}

// Thread returns the visible message with the timestamp and its replies.
func (s *Snapshot) Thread(channel, ts string) []Message {
	return s.pick(channel, func(m *Message) bool {
		return !m.Deleted && m.EphemeralTo == "" && (m.TS == ts || m.ThreadTS == ts)
	})
}

// Ephemerals returns what only this person sees in a channel.
func (s *Snapshot) Ephemerals(user, channel string) []Message {
	return s.pick(channel, func(m *Message) bool { return !m.Deleted && m.EphemeralTo == user })
}

// DMs returns the direct messages between the app and a person.
func (s *Snapshot) DMs(user string) []Message { return s.Messages(dmID(user)) }

// Message returns one message, deleted or not.
func (s *Snapshot) Message(channel, ts string) (Message, bool) {
	for _, m := range s.messages[channel] {
		if m.TS == ts {
			return *m, true
		}
	}
	return Message{}, false
}

// Views returns a person's open views, the one in front last.
func (s *Snapshot) Views(user string) []View { return s.views[user] }

// Sockets returns the registered connections.
func (s *Snapshot) Sockets() []Socket { return s.sockets }

// Log returns the entries so far.
func (s *Snapshot) Log() []Entry { return s.entries }

// Messages is Snapshot.Messages of now.
func (w *Workspace) Messages(channel string) []Message { return w.Snapshot().Messages(channel) }

// History is Snapshot.History of now.
func (w *Workspace) History(channel string) []Message { return w.Snapshot().History(channel) }

// Thread is Snapshot.Thread of now.
func (w *Workspace) Thread(channel, ts string) []Message { return w.Snapshot().Thread(channel, ts) }

// Ephemerals is Snapshot.Ephemerals of now.
func (w *Workspace) Ephemerals(user, channel string) []Message {
	return w.Snapshot().Ephemerals(user, channel)
}

// DMs is Snapshot.DMs of now.
func (w *Workspace) DMs(user string) []Message { return w.Snapshot().DMs(user) }

// Views is Snapshot.Views of now.
func (w *Workspace) Views(user string) []View { return w.Snapshot().Views(user) }

// Wait returns when cond holds; it is asked again after every change of the
// workspace. When ctx ends first, the error tells what was awaited and shows
// the last messages and log entries.
func (w *Workspace) Wait(ctx context.Context, what string, cond func(*Snapshot) bool) error {
	for {
		w.mu.Lock()
		s, changed := w.snapshot(), w.changed
		w.mu.Unlock()
		if cond(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", what, context.Cause(ctx), w.tail(s))
		case <-w.ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", what, errClosed, w.tail(s))
		}
	}
}

// tail shows the newest messages and entries, for an error.
func (w *Workspace) tail(s *Snapshot) string {
	var all []*Message
	for _, list := range s.messages {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b *Message) int { return strings.Compare(a.TS, b.TS) })
	var b strings.Builder
	b.WriteString("last messages:\n")
	for _, m := range all[max(0, len(all)-4):] {
		fmt.Fprintf(&b, "--- %s %s to=%q edits=%d deleted=%v\n%s\n", m.Channel, m.TS, m.EphemeralTo, m.Edits, m.Deleted, w.Render(*m))
	}
	for _, e := range s.entries[max(0, len(s.entries)-8):] {
		fmt.Fprintf(&b, "log %d %s %s%s %s %s\n", e.Seq, e.Kind, e.Method, e.EnvelopeType, e.Outcome, e.Detail)
	}
	return b.String()
}
