package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"ecsbot/audit"
	"ecsbot/store/pgtest"
)

// postgres is a PostgreSQL server of the demo's own in the temporary folder. The
// bot reaches it through a relay, which breaks the connections and refuses new
// ones when the database shall be gone.
type postgres struct {
	key    string
	server *pgtest.Server // nil before the first Open
	relay  *relay
}

func newPostgres() (*postgres, error) {
	key, err := audit.NewKey()
	if err != nil {
		return nil, err
	}
	return &postgres{key: key}, nil
}

func (*postgres) Kind() string { return "postgres" }

// Open starts a server: every run has a whole one to itself.
func (p *postgres) Open(ctx context.Context, _ string) ([]string, error) {
	if err := p.Close(); err != nil {
		return nil, err
	}
	server, err := pgtest.Run()
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	p.server = server
	to, err := url.Parse(server.URL)
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	if p.relay, err = newRelay(ctx, to.Host); err != nil {
		return nil, err
	}
	to.Host = p.relay.listener.Addr().String()
	return []string{"DATABASE_URL=" + to.String(), "AUDIT_KEY=" + p.key}, nil
}

func (p *postgres) Break(_ context.Context, broken bool) error {
	p.relay.breakOff(broken)
	return nil
}

func (p *postgres) Close() error {
	var err error
	if p.relay != nil {
		err = p.relay.close()
		p.relay = nil
	}
	if p.server != nil {
		err = errors.Join(err, p.server.Close())
		p.server = nil
	}
	return err
}

// relay passes bytes between those who connect to it and one address.
type relay struct {
	listener net.Listener
	to       string
	work     sync.WaitGroup

	mu     sync.Mutex
	broken bool              // guarded by mu
	conns  map[net.Conn]bool // guarded by mu
}

func newRelay(ctx context.Context, to string) (*relay, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the database: %w", err)
	}
	r := &relay{listener: l, to: to, conns: map[net.Conn]bool{}}
	r.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			r.work.Go(func() { r.pass(c) })
		}
	})
	return r, nil
}

// hold keeps a connection for breakOff, unless the relay is broken.
func (r *relay) hold(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.broken {
		r.conns[c] = true
	}
	return !r.broken
}

func (r *relay) drop(c net.Conn) {
	_ = c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *relay) pass(c net.Conn) {
	defer r.drop(c)
	if !r.hold(c) {
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.to)
	if err != nil {
		return
	}
	defer r.drop(server)
	if !r.hold(server) {
		return
	}
	r.work.Go(func() {
		_, _ = io.Copy(server, c) // either side may end it
		_ = server.Close()
	})
	_, _ = io.Copy(c, server)
}

func (r *relay) breakOff(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
	if !broken {
		return
	}
	for c := range r.conns {
		_ = c.Close()
	}
}

func (r *relay) close() error {
	err := r.listener.Close()
	r.breakOff(true)
	r.work.Wait()
	return err
}
