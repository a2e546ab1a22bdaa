// Command bot takes Amazon ECS container instances out of service, from Slack. Without arguments it serves; "bot --help" lists
// what else it does.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"ecsbot/bot"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return bot.Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
}
