// Command demo runs the real bot, as its own child process, between a simulated
// Slack workspace and a simulated AWS account. Nothing leaves this machine.
//
//	go run ./cmd/demo -play   plays the story in the terminal, as each person sees it
//	go run ./cmd/demo         waits for lines to play (type help)
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

func demo(ctx context.Context) (err error) {
	play := flag.Bool("play", false, "play the story and end")
	pace := flag.Float64("pace", 60, "virtual seconds per second")
	verbose := flag.Bool("v", false, "show the bot's log")
	flag.Parse()

	dir, err := os.MkdirTemp("", "ecsbot-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	manifest, err := manifest()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	cfg := stage.Config{Dir: dir, Manifest: manifest, Pace: *pace, Env: []string{childVar + "=1"},
		Command: func() *exec.Cmd { return exec.CommandContext(ctx, self) }}
	if *verbose {
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
	p := &player{stage: s, out: os.Stdout, pace: *pace}
	if *play {
		return p.play(ctx)
	}
	return p.interact(ctx, os.Stdin)
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
