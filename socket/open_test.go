package socket

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/slack-go/slack"
)

// TestFromSlack goes the whole way: slack-go asks for the address with the app-level token, and the manager's own dialer goes there.
func TestFromSlack(t *testing.T) {
	welcomed := make(chan *fakeConn, 2)
	f := newLoopback(t, func(c *fakeConn) { _ = c.hello(); _ = c.envelope("e"); welcomed <- c })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/apps.connections.open" || r.Header.Get("Authorization") != "Bearer xapp-1" {
			t.Errorf("asked %s with %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		address, err := f.OpenSocket(r.Context())
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "url": address})
	}))
	defer srv.Close()
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	api := slack.New("xoxb-1", slack.OptionAppLevelToken("xapp-1"), slack.OptionAPIURL(srv.URL+"/api/"), slack.OptionHTTPClient(hc))
	m := start(t, t.Context(), f, Config{Opener: FromSlack(api), Stagger: 1})
	for range 2 {
		if c := next(t, welcomed); !c.waitAcks(1, defaultGrace) {
			t.Errorf("connection %d got no ack", c.n)
		}
	}
	if n := m.Health().Live(); n != 2 {
		t.Errorf("%d live sockets, want 2", n)
	}
	m.stop(t)
	if c := m.Health().Counts; c.Opens != 2 || c.Acks != 2 {
		t.Errorf("Counts = %+v, want 2 opens and 2 acks", c)
	}
}
