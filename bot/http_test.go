package bot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ecsbot/delivery"
	"ecsbot/socket"
)

func live(n int) *socket.Health {
	h := &socket.Health{Started: true, Wanted: 2}
	for range n {
		h.Sockets = append(h.Sockets, socket.Socket{Live: true})
	}
	return h
}

func TestReadiness(t *testing.T) {
	for name, tt := range map[string]struct {
		why   string
		r     readiness
		ready bool
		says  []string
	}{
		"all well": {"", readiness{worker: true, sockets: live(2)}, true,
			[]string{"ok   store: answers", "ok   worker: runs", "ok   slack: 2 of 2 connections live", "ok   audit_delivery"}},
		"one socket": {"the other is being replaced", readiness{worker: true, sockets: live(1)}, true, []string{"1 of 2 connections live"}},
		"no socket":  {"nobody can reach us", readiness{worker: true, sockets: live(0)}, false, []string{"FAIL slack: no live Slack connection"}},
		"not yet":    {"a start is not ready before its first connection", readiness{worker: true}, false, []string{"FAIL slack: not connected yet"}},
		"waiting":    {"the start waits for Slack, and says so", readiness{worker: true, waiting: "Slack cannot be reached"}, false, []string{"FAIL slack: Slack cannot be reached"}},
		"fatal": {"a revoked token is mended by a person", readiness{worker: true, sockets: &socket.Health{Started: true,
			Fatal: &socket.FatalError{Code: "invalid_auth", Fix: "make a new token"}}}, false, []string{"invalid_auth", "make a new token"}},
		"no store":  {"no click could be stored", readiness{store: errors.New("disk full"), worker: true, sockets: live(2)}, false, []string{"FAIL store: disk full"}},
		"no worker": {"nothing would be carried out", readiness{sockets: live(2)}, false, []string{"FAIL worker"}},
		"audit late": {"a restart mends no channel, and the records are safe", readiness{worker: true, sockets: live(2),
			audit: &delivery.Fault{Since: time.Unix(0, 0), Sentence: "The bot is no member of C0AUDIT."}}, true, []string{"warn audit_delivery: The bot is no member of C0AUDIT."}},
	} {
		t.Run(name, func(t *testing.T) {
			ready, text := tt.r.words()
			if ready != tt.ready {
				t.Errorf("ready = %t, want %t (%s)\n%s", ready, tt.ready, tt.why, text)
			}
			for _, s := range tt.says {
				if !strings.Contains(text, s) {
					t.Errorf("does not say %q:\n%s", s, text)
				}
			}
		})
	}
}
