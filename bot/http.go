package bot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"ecsbot/delivery"
	"ecsbot/socket"
)

const (
	pingTimeout = 2 * time.Second
	httpGrace   = 2 * time.Second
)

// serveHTTP serves health and metrics until the returned function is called. Nothing there changes anything or tells a secret.
func (s *service) serveHTTP(ctx context.Context) (stop func(), err error) {
	l := s.listen
	if l == nil {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", string(s.cfg.HTTPAddr))
		if err != nil {
			return nil, fmt.Errorf("listening on HTTP_ADDR for health checks: %w", err)
		}
	}
	log := zerolog.Ctx(ctx)
	srv := &http.Server{Handler: s.mux(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		BaseContext: func(net.Listener) context.Context { return log.WithContext(context.WithoutCancel(ctx)) }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("health server ended")
		}
	}()
	log.Info().Str("address", l.Addr().String()).Msg("health served")
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			_ = srv.Close() // the grace is over
		}
		<-done
	}, nil
}

func (s *service) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "alive, version "+Version()+"\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready, text := s.readiness(r.Context()).words()
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		say(w, status, text)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the asker has gone
}

// readiness is what /readyz judges by.
type readiness struct {
	store   error
	worker  bool
	waiting string         // what the start waits for
	sockets *socket.Health // nil before the first connection is tried
	audit   *delivery.Fault
}

func (s *service) readiness(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	r := readiness{store: s.db.Ping(ctx), worker: s.worker.Load(), audit: s.deliver.Health().Audit}
	if w := s.waiting.Load(); w != nil {
		r.waiting = *w
	}
	if m := s.sockets.Load(); m != nil {
		h := m.Health()
		r.sockets = &h
	}
	return r
}

// words says whether the process can take and do work, one line for each part. A delayed audit channel is told and does not
// count: a restart does not mend it, and the records are safe.
func (r readiness) words() (ready bool, text string) {
	var b strings.Builder
	ready = true
	line := func(ok bool, part, good, bad string) {
		if ok {
			fmt.Fprintf(&b, "ok   %s: %s\n", part, good)
			return
		}
		ready = false
		fmt.Fprintf(&b, "FAIL %s: %s\n", part, bad)
	}
	line(r.store == nil, "store", "answers", fmt.Sprint(r.store))
	line(r.worker, "worker", "runs", "has not started, or is stopping")
	switch {
	case r.sockets == nil && r.waiting != "":
		line(false, "slack", "", r.waiting)
	case r.sockets == nil:
		line(false, "slack", "", "not connected yet")
	default:
		ok, why := r.sockets.Ready()
		line(ok, "slack", fmt.Sprintf("%d of %d connections live", r.sockets.Live(), r.sockets.Wanted), why)
	}
	if r.audit == nil {
		line(true, "audit_delivery", "up to date or on the way", "")
	} else {
		fmt.Fprintf(&b, "warn audit_delivery: %s\n", r.audit.Sentence)
	}
	return ready, b.String()
}
