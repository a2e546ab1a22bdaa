package slack

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// What people read beside a message is the clock that is shown; its ts is the workspace's own.
func TestMessagesAreDatedByTheClockThatIsShown(t *testing.T) {
	cfg := Demo()
	shown := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	cfg.Now, cfg.Shown = newClock().now, func() time.Time { return shown }
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Post(DemoOperator, DemoOps, "", "hello")
	if err != nil {
		t.Fatal(err)
	}
	if !m.At.Equal(shown) || strings.HasPrefix(m.TS, strconv.FormatInt(shown.Unix(), 10)) {
		t.Errorf("posted at %v with ts %s", m.At, m.TS)
	}
}
