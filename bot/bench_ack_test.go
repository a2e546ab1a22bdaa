package bot_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ecsbot/bot/figures"
	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
)

const (
	ackRounds     = 9
	ackWarmUp     = 100
	ackSequential = 200 // one after another, in one round
	ackAtOnce     = 64
	ackEach       = 4 // clicks of each of those at once
	settleWithin  = 60 * time.Second
)

// ackSide is one of the two apps on the same workspace.
type ackSide struct {
	name    string
	socket  int
	settles bool // does work after its acks

	p50, p99 []time.Duration // of each round
	rate     []float64       // acks per second with ackAtOnce clicks at once
}

// ackBench clicks one button, real and bound, of a card that the bot posted. Both
// apps hang on the same workspace; the envelopes are sent to one of them at a time.
type ackBench struct {
	t      *testing.T
	w      *simslack.Workspace
	card   simslack.Message
	sent   int // clicks that the bot must answer
	before int // answers there were before the first
}

// benchAcks measures stored-then-acked clicks of the real process (SQLite, synchronous=FULL, and
// then the answer to the person and the record) against @slack/bolt's ack of the same clicks.
func benchAcks(t *testing.T, r *report, peers benchPeers) {
	s := newBenchStage(t)
	_, _, botSocket := launch(t, s.Slack, botCommandLine(peers, s.Env()))
	wait := func(what string, n int) {
		if err := s.Slack.Wait(t.Context(), what, func(snap *simslack.Snapshot) bool { return len(snap.Sockets()) == n }); err != nil {
			t.Fatal(err)
		}
	}
	wait("the bot's second connection", 2)
	b := &ackBench{t: t, w: s.Slack}
	b.propose()
	_, _, boltSocket := launch(t, s.Slack, peers.boltCommand(t, s.Env()))
	wait("bolt", 3)

	ours, bolt := &ackSide{name: "bot", socket: botSocket, settles: true}, &ackSide{name: "bolt", socket: boltSocket}
	sides := []*ackSide{ours, bolt}
	for _, side := range sides {
		b.sequential(side, ackWarmUp)
		b.atOnce(side)
	}
	ours.rate, bolt.rate = nil, nil
	for range ackRounds {
		for _, phase := range []func(*ackSide){b.oneByOne, b.atOnce} {
			r.dice.Shuffle(2, func(i, j int) { sides[i], sides[j] = sides[j], sides[i] })
			for _, side := range sides {
				phase(side)
			}
		}
	}
	judgeAcks(t, r, ours, bolt)
	r.parts++
}

func judgeAcks(t *testing.T, r *report, ours, bolt *ackSide) {
	t.Helper()
	t.Logf("p99 by round: %v, bolt %v", ours.p99, bolt.p99)
	t.Logf("acks/s by round: %.0f, bolt %.0f", ours.rate, bolt.rate)
	o, b := figures.Median(ours.p50), figures.Median(bolt.p50)
	r.note("click to ack, one after another, p50", millis(o), millis(b), fmt.Sprintf("%.2f", float64(o)/float64(b)))
	o, b = figures.Median(ours.p99), figures.Median(bolt.p99)
	r.judge(t, row{"click to ack, one after another, p99", millis(o), millis(b), fmt.Sprintf("%.2f", float64(o)/float64(b)), "≤ 1.00", o <= b})
	p50, p99 := benchDisk(t)
	r.note("a bare 4 KiB write and fdatasync on the same disk, p50; no stored ack can be faster", millis(p50), "", "")
	r.note("the same, p99", millis(p99), "", "")
	or, br := figures.Median(ours.rate), figures.Median(bolt.rate)
	r.judge(t, row{fmt.Sprintf("acks per second, %d clicks at once", ackAtOnce), fmt.Sprintf("%.0f/s", or), fmt.Sprintf("%.0f/s", br),
		fmt.Sprintf("%.2f", or/br), "≥ 1.00", or >= br})
}

// benchDisk is the floor under a stored ack: it appends as SQLite's write-ahead log does.
func benchDisk(t *testing.T) (p50, p99 time.Duration) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "floor"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var half, most []time.Duration
	for range ackRounds {
		var all []time.Duration
		for range ackSequential {
			began := time.Now()
			if _, err := f.Write(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				t.Fatal(err)
			}
			all = append(all, time.Since(began))
		}
		half, most = append(half, figures.Rank(all, 0.5)), append(most, figures.Rank(all, 0.99))
	}
	return figures.Median(half), figures.Median(most)
}

// propose has a person ask, and cancel: the buttons that were on the card go on
// being clicked, as people do whose screen is behind. The bot stores each click,
// acks it, finds token and operation, records that it was too late and says so.
func (b *ackBench) propose() {
	t, ctx := b.t, b.t.Context()
	t.Helper()
	inv, err := b.w.Command(ctx, simslack.DemoOperator, simslack.DemoOps, "/ecs", "deregister "+simaws.DemoClean+" prod")
	if err != nil || !inv.Acked {
		t.Fatalf("%+v %v", inv, err)
	}
	button := []byte(`"action_id":"cancel"`)
	b.await("the card", func(m simslack.Message) bool { return bytes.Contains(m.Blocks, button) }, &b.card)
	if inv, err = b.w.Click(ctx, simslack.DemoOperator, simslack.DemoOps, b.card.TS, "cancel", simslack.ClickOptions{}); err != nil || !inv.Acked {
		t.Fatalf("%+v %v", inv, err)
	}
	var now simslack.Message
	b.await("the card without buttons", func(m simslack.Message) bool { return m.TS == b.card.TS && !bytes.Contains(m.Blocks, button) }, &now)
	b.before = b.answers()
}

func (b *ackBench) await(what string, is func(simslack.Message) bool, into *simslack.Message) {
	b.t.Helper()
	err := b.w.Wait(b.t.Context(), what, func(s *simslack.Snapshot) bool {
		for _, m := range s.Messages(simslack.DemoOps) {
			if is(m) {
				*into = m
				return true
			}
		}
		return false
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *ackBench) click(ctx context.Context) (simslack.Invocation, error) {
	return b.w.Click(ctx, simslack.DemoOperator, simslack.DemoOps, b.card.TS, "cancel", simslack.ClickOptions{Stale: &b.card})
}

// oneByOne is a round of sequential clicks, whose quantiles are kept.
func (b *ackBench) oneByOne(side *ackSide) {
	all := b.sequential(side, ackSequential)
	side.p50, side.p99 = append(side.p50, figures.Rank(all, 0.5)), append(side.p99, figures.Rank(all, 0.99))
}

func (b *ackBench) sequential(side *ackSide, n int) []time.Duration {
	b.w.PinTo(side.socket)
	all := make([]time.Duration, 0, n)
	for range n {
		inv, err := b.click(b.t.Context())
		if err != nil || !inv.Acked {
			b.t.Fatalf("%s: %+v %v", side.name, inv, err)
		}
		all = append(all, inv.AckLatency)
	}
	b.settle(side, n)
	return all
}

// atOnce has ackAtOnce people click, each again as soon as the last click is acked.
func (b *ackBench) atOnce(side *ackSide) {
	b.w.PinTo(side.socket)
	var people sync.WaitGroup
	var failed atomic.Int64
	began := time.Now()
	for range ackAtOnce {
		people.Go(func() {
			for range ackEach {
				if inv, err := b.click(b.t.Context()); err != nil || !inv.Acked {
					failed.Add(1)
				}
			}
		})
	}
	people.Wait()
	took := time.Since(began)
	if failed.Load() > 0 {
		b.t.Fatalf("%s: %d clicks were not acked", side.name, failed.Load())
	}
	side.rate = append(side.rate, ackAtOnce*ackEach/took.Seconds())
	b.settle(side, ackAtOnce*ackEach)
}

// settle waits until the bot has answered every click, so that its later work
// never runs in the other's time.
func (b *ackBench) settle(side *ackSide, clicks int) {
	if !side.settles {
		return
	}
	b.sent += clicks
	deadline := time.Now().Add(settleWithin)
	for b.answers() < b.before+b.sent {
		if time.Now().After(deadline) {
			b.t.Fatalf("%d of %d clicks answered", b.answers()-b.before, b.sent)
		}
		time.Sleep(20 * time.Millisecond) // the bot is at work in real time
	}
}

func (b *ackBench) answers() int {
	n := 0
	for _, e := range b.w.Log() {
		if e.Kind == simslack.KindResponse {
			n++
		}
	}
	return n
}
