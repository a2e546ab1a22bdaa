package page

import (
	"fmt"
	"net/http"
	"time"
)

// pingEvery keeps the connection known to be alive; writeLimit is how long a
// page may take to read what it was sent.
const (
	pingEvery  = 10 * time.Second
	writeLimit = 30 * time.Second
)

// Handler serves the page at the address that is listened on.
func (s *Server) Handler(addr string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", s.assets)
	mux.HandleFunc("GET /live", s.serveLive)
	mux.HandleFunc("POST /do", s.serveDo)
	g, err := newGuard(addr)
	if err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	return g.wrap(mux)
}

// serveLive sends what happens, as server-sent events, until the page leaves.
func (s *Server) serveLive(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	var c cursor
	for {
		events, changed := s.feed.news(&c)
		if err := out.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
			return
		}
		for _, e := range events {
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.name, e.data); err != nil {
				return
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-ping.C:
			if _, err := fmt.Fprint(w, ": ping\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}
