package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	simslack "ecsbot/sim/slack"
)

// firstLines is how much of the timeline a page gets when it connects; keptLines
// is how far behind a slow one may fall before it misses some.
const (
	firstLines = 300
	keptLines  = 3000
)

// frames are the parts of the state that are sent whole when they change, and
// messages and timeline, of which only what is new is sent; in the order in which
// a page that connects gets them.
var frames = []string{"hello", "clock", "bot", "faults", "messages", "views", "account", "timeline", "story"}

// event is one server-sent event.
type event struct {
	name string
	data []byte
}

// frame is a part of the state as it was last sent.
type frame struct {
	version int
	data    []byte
}

// feed holds what pages are told. Each page has a cursor and takes what is newer.
type feed struct {
	mu      sync.Mutex
	changed chan struct{} // guarded by mu: closed when there is something new
	run     *run          // guarded by mu
	whole   bool          // guarded by mu: every frame of the run is there
	version int           // guarded by mu: grows with every frame
	frames  map[string]frame
	lines   []Line // guarded by mu: the newest
	seq     int
}

func newFeed() *feed {
	return &feed{changed: make(chan struct{}), frames: map[string]frame{}}
}

// encode is the JSON of one of our own structs, on one line.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("page: encoding its own value: %v", err))
	}
	return raw
}

// begin forgets the last run.
func (f *feed) begin(r *run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run, f.whole, f.frames, f.lines, f.seq = r, false, map[string]frame{}, nil, 0
}

// put keeps a frame if it differs from the last of its name.
func (f *feed) put(name string, v any) {
	data := encode(v)
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.frames[name]; ok && bytes.Equal(old.data, data) {
		return
	}
	f.version++
	f.frames[name] = frame{f.version, data}
}

func (f *feed) addLines(lines []Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range lines {
		f.seq++
		l.Seq = f.seq
		f.lines = append(f.lines, l)
	}
	if over := len(f.lines) - keptLines; over > keptLines/2 {
		f.lines = slices.Clone(f.lines[over:])
	}
}

// tell wakes the pages.
func (f *feed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.whole = true
	close(f.changed)
	f.changed = make(chan struct{})
}

// cursor is what one page has been sent.
type cursor struct {
	run      int
	version  int
	revision int // of the messages
	seq      int // of the timeline
}

// news is what the page has not been sent, and a channel that closes when there
// is more. A page that comes from another run, or from nowhere, gets everything
// and then "ready".
func (f *feed) news(c *cursor) (out []event, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed = f.changed
	if !f.whole {
		return nil, changed
	}
	anew := c.run != f.run.n
	if anew {
		*c = cursor{run: f.run.n, seq: max(0, f.seq-firstLines)}
	}
	for _, name := range frames {
		switch name {
		case "messages":
			var messages []simslack.Message
			messages, c.revision = f.run.stage.Slack.MessagesSince(c.revision)
			if len(messages) > 0 || anew {
				out = append(out, event{name, encode(wireMessages(messages))})
			}
		case "timeline":
			if lines := f.after(c.seq); len(lines) > 0 || anew {
				out = append(out, event{name, encode(lines)})
			}
			c.seq = f.seq
		default:
			if fr := f.frames[name]; fr.version > c.version {
				out = append(out, event{name, fr.data})
			}
		}
	}
	c.version = f.version
	if anew {
		out = append(out, event{"ready", []byte("{}")})
	}
	return out, changed
}

// after are the lines behind one; the caller holds mu.
func (f *feed) after(seq int) []Line {
	first := f.seq - len(f.lines) // the number before the oldest that is kept
	return append([]Line{}, f.lines[max(0, seq-first):]...)
}

// wireMessages leaves out what no page shows.
func wireMessages(in []simslack.Message) []simslack.Message {
	out := make([]simslack.Message, 0, len(in))
	for _, m := range in {
		m.Metadata, m.Warnings = nil, nil
		out = append(out, m)
	}
	return out
}
