package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"

	"ecsbot/sim/page"
	"ecsbot/sim/stage"
	"ecsbot/store/pgtest"
)

// faultPlays are, for each fault of the panel, what its line promises, played
// after the fault was struck or between (fault ID on|off). The lines are those of
// the stage; "!" before one says that it has to fail, "~" that it (or what
// follows it behind ";") may fail at first, and is tried again, as a person would.
var faultPlays = map[string]string{
	"throttle": `
fault throttle on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops 'Deregister i-0a1b2c3d4e5f60001'
click olga #ops confirm 60001
patience 60
see #ops '60001 is deregistered'
calls UpdateContainerInstancesState 1
calls DeregisterContainerInstance 1`,
	"latency": `
fault latency on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see olga 'Looking at'
unseen #ops 'Deregister i-0a1b2c3d4e5f60001'
see #ops 'Deregister i-0a1b2c3d4e5f60001'`,
	"lag": `
fault lag on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
see #ops '60001 is deregistered.*V1 .*: verified'
calls UpdateContainerInstancesState 1
calls DeregisterContainerInstance 1`,
	"hang": `
pace 10
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 DRAINING
fault hang on
pace 60
see #ops '60001.*AWS does not answer'
fault hang off
see #ops '60001 is deregistered'
calls DeregisterContainerInstance 1`,
	"deny-health": `
fault deny-health on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60006 prod'
see #ops '60006.*Red.*[Cc]ould not read[^\n]*elasticloadbalancing:DescribeTargetHealth'`,
	"deny-ec2": `
fault deny-ec2 on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*[Cc]ould not read[^\n]*ec2:DescribeInstances'
unseen #ops 'Green: no risk'`,
	"deny-deregister": `
fault deny-deregister on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
see #ops '60001.*AWS denies access.*Renew or widen'
calls DeregisterContainerInstance 0
fault deny-deregister off
see #ops '60001 is deregistered'`,
	"cut": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
fault cut on
see #ops '60001 is deregistered'
connected
say olga #ops '/ecs status'
see olga '60001'`,
	"delay-acks": `
fault delay-acks on
! say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
keep #ops confirm 60001
! click olga #ops confirm 60001
! stale olga #ops confirm
see #ops '60001 is deregistered'
calls UpdateContainerInstancesState 1
calls DeregisterContainerInstance 1`,
	"delay-deliveries": `
fault delay-deliveries on
say olga #ops '/ecs deregister'
modal olga 'Choose a cluster'
fault delay-deliveries off`,
	"rate-limit": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
fault rate-limit on
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 gone
see #ops '60001 is deregistered.*Done and verified'
numbers 'closed the operation: done'`,
	"delete-card": `
! fault delete-card on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
pace 10
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 DRAINING
fault delete-card on
pace 60
see #ops 'goes on from an earlier message.*60001'
see #ops '60001 is deregistered'`,
	"kill": `
pace 10
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 DRAINING
fault kill on
! fault kill on
! say olga #ops '/ecs status'
fault start on
connected
pace 60
see #ops '60001 is deregistered'
calls UpdateContainerInstancesState 1
calls DeregisterContainerInstance 1`,
	"start": `
! fault start on
fault kill on
fault start on
connected
say olga #ops '/ecs status'
see olga '\S'`,
	"database": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
fault database on
! click olga #ops confirm 60001
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60005 prod'
see olga 'Nothing was recorded and nothing will be done'
mutations 0
fault database off
patience 5
~ say olga #ops '/ecs status' ; see olga '60001'
~ click olga #ops confirm 60001
patience 60
see #ops '60001 is deregistered'
calls DeregisterContainerInstance 1`,
	"new-task": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
fault new-task on
click olga #ops confirm 60001
see olga 'Things changed'
see #ops '60001.*Changed since the plan was shown before.*nightly-report:5'
mutations 0`,
	"disconnect": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
fault disconnect on
click olga #ops confirm 60001
see olga 'Things changed'
see #ops '60001.*agent'
mutations 0`,
	"terminate": `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops '60001.*Drain and deregister'
fault terminate on
host i-0a1b2c3d4e5f60001 terminated
instance i-0a1b2c3d4e5f60001 ACTIVE
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see #ops 'Safe to clean up: the machine is gone'`,
}

// TestFaults plays what the panel promises.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("faults start processes: make test")
	}
	for id, lines := range faultPlays {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			playFault(t, visit(t, nil), lines)
		})
	}
}

func playFault(t *testing.T, v *visitor, lines string) {
	t.Helper()
	s := v.server.Stage()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		words, err := shellquote.Split(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		fails, again := words[0] == "!", words[0] == "~"
		if fails || again {
			words = words[1:]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*eventually)
		err = v.group(ctx, s, words)
		for again && err != nil && ctx.Err() == nil {
			err = v.group(ctx, s, words)
		}
		cancel()
		if (err != nil) != fails {
			t.Fatalf("%s: %v\n%s\n%s", strings.TrimSpace(line), err, v.tail(), s.Output())
		}
	}
}

// group plays lines that have ";" between them.
func (v *visitor) group(ctx context.Context, s *stage.Stage, words []string) error {
	for {
		i := slices.Index(words, ";")
		if i < 0 {
			return v.line(ctx, s, words)
		}
		if err := v.line(ctx, s, words[:i]); err != nil {
			return err
		}
		words = words[i+1:]
	}
}

// line plays one line: a fault through the page, everything else on the stage.
func (v *visitor) line(ctx context.Context, s *stage.Stage, words []string) error {
	if words[0] != "fault" {
		_, err := s.Do(ctx, words)
		return err
	}
	_, out := v.post(act{"do": "fault", "fault": words[1], "on": words[2] == "on"})
	if !out.OK {
		return &refusal{out.Error}
	}
	return nil
}

type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// TestEveryFaultIsPlayed: a fault without a play promises what nobody checked.
func TestEveryFaultIsPlayed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	v := visit(t, nil)
	for _, f := range v.hello.Faults {
		if _, played := faultPlays[f.ID]; !played && f.ID != "second" {
			t.Errorf("fault %s has no play", f.ID)
		}
		if f.Label == "" || f.Expect == "" || !slices.Contains([]string{"once", "switch"}, f.Kind) || strings.Contains(f.Expect, "\n") {
			t.Errorf("fault %+v", f)
		}
		if (f.ID == "second") != (f.Unavailable != "") {
			t.Errorf("on SQLite, fault %s: unavailable %q", f.ID, f.Unavailable)
		}
	}
	if _, out := v.post(act{"do": "fault", "fault": "second", "on": true}); out.OK || !strings.Contains(out.Error, "PostgreSQL") {
		t.Errorf("a second replica on SQLite: %+v", out)
	}
	if len(v.hello.Faults) != len(faultPlays)+1 {
		t.Errorf("%d faults, %d plays", len(v.hello.Faults), len(faultPlays))
	}
}

// TestReplicas: on PostgreSQL a second replica shares the work, and finishes what
// the first left when it was killed; and the database can be broken there too.
func TestReplicas(t *testing.T) {
	pgtest.SkipShort(t)
	t.Parallel()
	v := visit(t, func(cfg *page.Config) {
		db, err := newPostgres()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Database = db
	})
	v.must(act{"do": "fault", "fault": "second", "on": true})
	v.until("two processes are connected", func() bool {
		return v.bot.Database == "postgres" && v.faults["second"] && len(v.bot.Processes) == 2 &&
			v.bot.Processes[0].Connections > 0 && v.bot.Processes[1].Name == stage.Second && v.bot.Processes[1].Connections > 0
	})
	playFault(t, v, `
pace 10
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 DRAINING
fault kill on
pace 60
patience 110
see #ops '60001 is deregistered'
calls UpdateContainerInstancesState 1
calls DeregisterContainerInstance 1
fault start on
connected
fault second off`)
	v.until("one process is left", func() bool { return len(v.bot.Processes) == 1 && !v.faults["second"] })
	playFault(t, v, `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60006 prod'
see #ops '60006.*Drain and deregister'
say olga #ops '/ecs status'
see olga '60006'
fault database on
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60005 prod'
see olga 'Nothing was recorded and nothing will be done'
calls UpdateContainerInstancesState 1
fault database off
patience 5
~ say olga #ops '/ecs status' ; see olga '60006'
~ click olga #ops confirm 60006
patience 110
see #ops '60006 is deregistered'`)
}
