package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"ecsbot/sim/page"
)

// defaultAddr is the same at every start, so that links to stories keep; where it
// is taken another port is drawn.
const defaultAddr = "127.0.0.1:7707"

// readingPace is how long a story that plays by itself rests for each word.
const readingPace = 300 * time.Millisecond

// onPage serves the playground until ctx ends.
func onPage(ctx context.Context, o options, dir string, out io.Writer) (err error) {
	manifest, err := manifest()
	if err != nil {
		return err
	}
	command, err := self(ctx)
	if err != nil {
		return err
	}
	cfg := page.Config{Dir: dir, Manifest: manifest, Pace: o.pace, Env: []string{childVar + "=1"}, Command: command, Reading: readingPace}
	if o.verbose {
		cfg.Log = os.Stderr
	}
	if cfg.Database, err = database(o); err != nil {
		return err
	}
	l, err := listen(ctx, o.addr)
	if err != nil {
		return err
	}
	s, err := page.New(ctx, cfg)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	fmt.Fprintf(out, "The playground: http://%s\nA simulated Slack and a simulated AWS, with the real bot between them; nothing leaves this machine.\n"+
		"Stop it with Ctrl-C.\n", l.Addr())
	return s.Serve(ctx, l)
}

// listen draws another port where the default one is taken.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := page.Listen(ctx, addr)
	if addr == defaultAddr && errors.Is(err, syscall.EADDRINUSE) {
		return page.Listen(ctx, "127.0.0.1:0")
	}
	return l, err
}
