package main

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/kballard/go-shellquote"

	"ecsbot/sim/stage"
)

// story is what -play plays: captions (#), and lines of the stage.
//
//go:embed story.txt
var story string

// player acts lines and shows what each person sees.
type player struct {
	stage *stage.Stage
	out   io.Writer
	pace  float64
}

func (p *player) play(ctx context.Context) error {
	fmt.Fprintf(p.out, "A simulated Slack workspace and a simulated AWS account, with the real bot between them.\n"+
		"Time runs %g times faster than life. Nothing leaves this machine.\n", p.pace)
	for line := range strings.Lines(story) {
		if err := p.act(ctx, strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) interact(ctx context.Context, in io.Reader) error {
	fmt.Fprintf(p.out, "A simulated Slack workspace (%s) and AWS account (%s), with the real bot between them;\n"+
		"time runs %g times faster than life, and nothing leaves this machine. Lines to type:\n%s"+
		"People: olga and otto (operators), ana (approver), gus (guest), sam (stranger). Try:\n"+
		"  say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'\n  see #ops confirm\n  click olga #ops confirm\n",
		p.stage.Slack.URL(), p.stage.AWS.URL(), p.pace, stage.Help())
	if err := p.act(ctx, "start"); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := p.act(ctx, strings.TrimSpace(lines.Text())); err != nil {
			fmt.Fprintln(p.out, err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	return lines.Err()
}

// act plays one line. What someone sees is printed behind a bar.
func (p *player) act(ctx context.Context, line string) error {
	switch {
	case line == "":
		return nil
	case line == "help":
		fmt.Fprint(p.out, stage.Help())
		return nil
	case strings.HasPrefix(line, "# "):
		fmt.Fprintf(p.out, "\n== %s\n", strings.TrimPrefix(line, "# "))
		return nil
	}
	words, err := shellquote.Split(line)
	if err != nil {
		return fmt.Errorf("reading %q: %w", line, err)
	}
	switch words[0] {
	case "say":
		fmt.Fprintf(p.out, "\n%s in %s> %s\n", words[1], words[2], strings.Join(words[3:], " "))
	case "click":
		fmt.Fprintf(p.out, "\n%s presses [%s]\n", words[1], words[3])
	case "fill":
		fmt.Fprintf(p.out, "%s types %s\n", words[1], strings.Join(words[4:], " "))
	case "kill":
		fmt.Fprintln(p.out, "\n(the bot's process is killed)")
	case "start":
		fmt.Fprintln(p.out, "\n(the bot starts)")
	}
	seen, err := p.stage.Do(ctx, words)
	if err != nil {
		return err
	}
	if seen = strings.TrimRight(seen, "\n"); seen != "" {
		who := words[1]
		if words[0] == "thread" {
			who = "#ecs-audit"
		}
		fmt.Fprintf(p.out, "  %s sees\n", who)
		for l := range strings.SplitSeq(seen, "\n") {
			fmt.Fprintf(p.out, "  │ %s\n", l)
		}
	}
	return nil
}
