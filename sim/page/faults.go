package page

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
	"ecsbot/sim/stage"
)

// The kinds and groups of faults.
const (
	once   = "once"
	toggle = "switch"

	ofAWS    = "aws"
	ofSlack  = "slack"
	ofBot    = "bot"
	ofEstate = "estate"
)

// fault is a Fault with what it does.
type fault struct {
	Fault
	strike func(ctx context.Context, r *run, on bool) error
	// lack says why it cannot be used on this run, "" if it can.
	lack func(r *run) string
}

func simple(do func(r *run, on bool)) func(context.Context, *run, bool) error {
	return func(_ context.Context, r *run, on bool) error {
		do(r, on)
		return nil
	}
}

func denied(action string) func(context.Context, *run, bool) error {
	return simple(func(r *run, on bool) {
		if on {
			r.stage.AWS.Deny(action)
		} else {
			r.stage.AWS.Allow(action)
		}
	})
}

// duration is d when on, else none.
func duration(d time.Duration, on bool) time.Duration {
	if on {
		return d
	}
	return 0
}

// allFaults are the panel. Each Expect is played by TestFaults.
func allFaults() []fault {
	return slices.Concat(awsFaults(), slackFaults(), botFaults(), estateFaults())
}

func awsFaults() []fault {
	return []fault{
		{Fault: Fault{ID: "throttle", Label: "Throttle AWS", Kind: toggle, Group: ofAWS,
			Expect: "One AWS call in seven is refused with a throttling error. The bot tries again, more slowly; cards and drains still come to their end, and no order is given twice."},
			strike: simple(func(r *run, on bool) {
				share := 0.0
				if on {
					share = 0.15
				}
				r.stage.AWS.ThrottleRate("*", share)
			})},
		{Fault: Fault{ID: "latency", Label: "Slow AWS down", Kind: toggle, Group: ofAWS,
			Expect: "Every AWS call takes a second more. The command is still answered at once; the card follows when everything was read."},
			strike: simple(func(r *run, on bool) { r.stage.AWS.LatencyPerCall(duration(time.Second, on)) })},
		{Fault: Fault{ID: "lag", Label: "Let AWS answer with what was", Kind: toggle, Group: ofAWS,
			Expect: "AWS tells what was true 20 seconds ago. The bot orders nothing twice, and calls nothing done before AWS says so itself."},
			strike: simple(func(r *run, on bool) { r.stage.AWS.Lag(duration(20*time.Second, on)) })},
		{Fault: Fault{ID: "hang", Label: "Let AWS hang", Kind: toggle, Group: ofAWS,
			Expect: "No call is answered. Nothing is guessed: a drain under way says that AWS does not answer, and goes on when it does."},
			strike: simple(func(r *run, on bool) {
				if on {
					r.stage.AWS.Hang(simaws.DemoRegion)
				} else {
					r.stage.AWS.Unhang(simaws.DemoRegion)
				}
			})},
		{Fault: Fault{ID: "deny-health", Label: "Hide the load balancers' health", Kind: toggle, Group: ofAWS,
			Expect: "The role may no longer call DescribeTargetHealth. A card of an instance behind a load balancer turns red and names the refused call."},
			strike: denied("DescribeTargetHealth")},
		{Fault: Fault{ID: "deny-ec2", Label: "Hide the machines", Kind: toggle, Group: ofAWS,
			Expect: "The role may no longer call ec2:DescribeInstances. A card says what could not be read, and is never green."},
			strike: denied("DescribeInstances")},
		{Fault: Fault{ID: "deny-deregister", Label: "Forbid the last step", Kind: toggle, Group: ofAWS,
			Expect: "The role may no longer call DeregisterContainerInstance. A confirmed drain runs, then waits and says which permission is missing; give it back and it ends."},
			strike: denied("DeregisterContainerInstance")},
	}
}

func slackFaults() []fault {
	return []fault{
		{Fault: Fault{ID: "cut", Label: "Cut Slack's sockets", Kind: once, Group: ofSlack,
			Expect: "Every connection breaks at once. The bot is back within seconds; what was under way goes on."},
			strike: simple(func(r *run, _ bool) { r.stage.Slack.Cut(0, simslack.CutReset) })},
		{Fault: Fault{ID: "delay-acks", Label: "Delay the bot's acks", Kind: toggle, Group: ofSlack,
			Expect: "Acks arrive four seconds late, so Slack tells people that the bot did not respond. It did: the card comes all the same, and a second press does nothing twice."},
			strike: simple(func(r *run, on bool) { r.stage.Slack.DelayAcks(duration(4*time.Second, on)) })},
		{Fault: Fault{ID: "delay-deliveries", Label: "Delay what people do", Kind: toggle, Group: ofSlack,
			Expect: "Commands and clicks reach the bot two seconds late. Everything works, later; a modal still opens in time."},
			strike: simple(func(r *run, on bool) { r.stage.Slack.DelayDelivery(duration(2*time.Second, on)) })},
		{Fault: Fault{ID: "rate-limit", Label: "Rate-limit the bot", Kind: once, Group: ofSlack,
			Expect: "The next five posts and the next five updates are refused with 429. Messages come late, none is lost, and the work in AWS does not wait for them."},
			strike: simple(func(r *run, _ bool) {
				for _, method := range []string{"chat.postMessage", "chat.update", "chat.postEphemeral"} {
					r.stage.Slack.RateLimitNext(method, time.Second, 5)
				}
			})},
		{Fault: Fault{ID: "delete-card", Label: "Delete the newest card", Kind: once, Group: ofSlack,
			Expect: "The card of an operation is deleted in Slack. At its next change it goes on in a new message that says so."},
			strike: func(_ context.Context, r *run, _ bool) error { return r.deleteCard() }},
	}
}

func botFaults() []fault {
	return []fault{
		{Fault: Fault{ID: "kill", Label: "Kill the bot", Kind: once, Group: ofBot,
			Expect: "The process is killed without warning (SIGKILL). Commands fail until it is started again; ECS goes on draining by itself."},
			strike: func(_ context.Context, r *run, _ bool) error { return r.kill() }},
		{Fault: Fault{ID: "start", Label: "Start the bot", Kind: once, Group: ofBot,
			Expect: "The bot takes up each operation where its record ends: it looks before it orders, and no order is given twice."},
			strike: func(_ context.Context, r *run, _ bool) error { return r.stage.StartProcess(stage.First) }},
		{Fault: Fault{ID: "second", Label: "Run a second replica", Kind: toggle, Group: ofBot,
			Expect: "Two bots share the work and the sockets. Kill the first in mid-drain: within a minute the second takes over and finishes."},
			lack: func(r *run) string {
				if r.bot().Database == "postgres" {
					return ""
				}
				return "Replicas share a PostgreSQL database: start the demo with -postgres (where PostgreSQL is installed)."
			},
			strike: func(_ context.Context, r *run, on bool) error {
				if on {
					return r.stage.StartProcess(stage.Second)
				}
				return r.stage.KillProcess(stage.Second)
			}},
		{Fault: Fault{ID: "database", Label: "Break the database", Kind: toggle, Group: ofBot,
			Expect: "Nothing can be recorded, so nothing is done: whoever asks or clicks is told so, and no order goes to AWS. Repaired, the work goes on."},
			lack: func(r *run) string {
				if r.cfg.Database == nil {
					return "This demo was started without a hold on the database."
				}
				return ""
			},
			strike: func(ctx context.Context, r *run, on bool) error { return r.cfg.Database.Break(ctx, on) }},
	}
}

func estateFaults() []fault {
	const which = " (that of the newest card; without one, " + simaws.DemoClean + ")"
	return []fault{
		{Fault: Fault{ID: "new-task", Label: "Start a task there" + which, Kind: once, Group: ofEstate,
			Expect: "Somebody starts a batch task on the instance after the preview was shown. Confirming does nothing then: the card asks anew, with the task on it."},
			strike: func(_ context.Context, r *run, _ bool) error {
				_, err := r.stage.AWS.PlaceTask(r.target(), "nightly-report", "somebody")
				return err
			}},
		{Fault: Fault{ID: "disconnect", Label: "Disconnect the agent there" + which, Kind: once, Group: ofEstate,
			Expect: "ECS loses touch with the instance. A confirm of an older card does nothing; the card asks anew and says what a dead agent means."},
			strike: func(_ context.Context, r *run, _ bool) error { return r.stage.AWS.DisconnectAgent(r.target()) }},
		{Fault: Fault{ID: "terminate", Label: "Lose the machine there" + which, Kind: once, Group: ofEstate,
			Expect: "The machine dies, and EC2 terminates it; ECS still lists it. Ask for it once EC2 says terminated: the card proves that it is safe to clean up."},
			strike: func(_ context.Context, r *run, _ bool) error {
				id := r.target()
				if err := r.stage.AWS.DisconnectAgent(id); err != nil { // a dead machine reports nothing, its end neither
					return err
				}
				return r.stage.AWS.TerminateEC2(id)
			}},
	}
}

// faults are the panel's entries, as far as they can be used on this run.
func (r *run) faults() []Fault {
	var out []Fault
	for _, f := range allFaults() {
		if f.lack != nil {
			f.Unavailable = f.lack(r)
		}
		out = append(out, f.Fault)
	}
	return out
}

// fault strikes one. A switch without on is turned over.
func (r *run) fault(ctx context.Context, id string, on *bool) error {
	i := slices.IndexFunc(allFaults(), func(f fault) bool { return f.ID == id })
	if i < 0 {
		return fmt.Errorf("there is no fault %q: %w", id, errMalformed)
	}
	f := allFaults()[i]
	if f.lack != nil {
		if why := f.lack(r); why != "" {
			return errors.New(why)
		}
	}
	r.striking.Lock()
	defer r.striking.Unlock()
	if r.ctx.Err() != nil {
		return errBetween
	}
	defer r.changed()
	if f.Kind == once {
		return f.strike(ctx, r, true)
	}
	r.mu.Lock()
	want := !r.on[id]
	if on != nil {
		want = *on
	}
	same := want == r.on[id]
	r.mu.Unlock()
	if same {
		return nil
	}
	if err := f.strike(ctx, r, want); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.on)
	if want {
		next[id] = true
	} else {
		delete(next, id)
	}
	r.on = next
	return nil
}

func (r *run) kill() error {
	for _, p := range r.stage.Processes() {
		if p.Name == stage.First && p.Running {
			return r.stage.KillProcess(stage.First)
		}
	}
	return errors.New("the bot is dead already")
}

var ec2ID = regexp.MustCompile(`\bi-[0-9a-f]{17}\b`)

// newestCard is the newest message in #ops with a machine's id on it.
func (r *run) newestCard() (m simslack.Message, id string, ok bool) {
	for _, m := range slices.Backward(r.stage.Slack.Messages(simslack.DemoOps)) {
		if id := ec2ID.FindString(string(m.Blocks)); id != "" && m.User == simslack.DemoBot {
			return m, id, true
		}
	}
	return m, "", false
}

// target is the instance that the visitor has in mind.
func (r *run) target() string {
	if _, id, ok := r.newestCard(); ok {
		return id
	}
	return simaws.DemoClean
}

var errNoCard = errors.New("there is no card in #ops yet")

func (r *run) deleteCard() error {
	m, _, ok := r.newestCard()
	if !ok {
		return errNoCard
	}
	r.stage.Slack.DeleteMessage(m.Channel, m.TS)
	return nil
}
