// Command demo runs the real bot, as its own child process, between a simulated
// Slack workspace and a simulated AWS account. Nothing leaves this machine.
//
//	go run ./cmd/demo            serves the playground, a page on which you can use it
//	go run ./cmd/demo -play      plays the story in the terminal, as each person sees it
//	go run ./cmd/demo -terminal  waits for lines to play (type help)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"ecsbot/bot"
	"ecsbot/sim/clock"
	"ecsbot/sim/stage"
)

// childVar makes this program the bot itself.
const childVar = "ECSBOT_DEMO_CHILD"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := demo
	if os.Getenv(childVar) != "" {
		run = child
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // exitAfterDefer: stop only restores the signals of a process that ends
	}
}

// child is the bot, with the stage's clock.
func child(ctx context.Context) error {
	cfg, err := bot.Load(os.Environ())
	if err != nil {
		return err
	}
	c, err := clock.Follow(os.Getenv(stage.ClockFileVar))
	if err != nil {
		return err
	}
	return bot.Run(ctx, cfg, bot.WithClock(c))
}

// options are the flags.
type options struct {
	play, terminal, verbose, postgres bool
	pace                              float64
	addr                              string
}

func demo(ctx context.Context) (err error) {
	var o options
	flag.BoolVar(&o.play, "play", false, "play the story in the terminal and end")
	flag.BoolVar(&o.terminal, "terminal", false, "wait for lines to play in the terminal")
	flag.BoolVar(&o.verbose, "v", false, "show the bot's log")
	flag.BoolVar(&o.postgres, "postgres", false, "let the bot keep its record in a PostgreSQL server of its own, which a second replica needs")
	flag.Float64Var(&o.pace, "pace", 0, "virtual seconds per second (default 60 in the terminal, 10 on the page)")
	flag.StringVar(&o.addr, "addr", defaultAddr, "loopback address of the page")
	flag.Parse()
	warnOfTokens(os.Stderr, os.Environ())

	dir, err := os.MkdirTemp("", "ecsbot-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.play || o.terminal {
		return inTerminal(ctx, o, dir)
	}
	return onPage(ctx, o, dir, os.Stdout)
}

// inTerminal plays the story, or the lines that somebody types.
func inTerminal(ctx context.Context, o options, dir string) (err error) {
	if o.pace == 0 {
		o.pace = 60
	}
	manifest, err := manifest()
	if err != nil {
		return err
	}
	command, err := self(ctx)
	if err != nil {
		return err
	}
	cfg := stage.Config{Dir: dir, Manifest: manifest, Pace: o.pace, Env: []string{childVar + "=1"}, Command: command}
	if o.verbose {
		cfg.Log = os.Stderr
	}
	s, err := stage.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	p := &player{stage: s, out: os.Stdout, pace: o.pace}
	if o.play {
		return p.play(ctx)
	}
	return p.interact(ctx, os.Stdin)
}

// self makes this program's own child.
func self(ctx context.Context) (func() *exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return func() *exec.Cmd { return exec.CommandContext(ctx, path) }, nil
}

// manifest is the app's own, found from the folder of the module: the simulated
// workspace holds the bot to its scopes.
func manifest() ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding manifest.yaml: %w", err)
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "manifest.yaml"))
		if err == nil {
			return b, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, fmt.Errorf("finding manifest.yaml: run the demo inside the repository: %w", err)
		}
		dir = parent
	}
}
