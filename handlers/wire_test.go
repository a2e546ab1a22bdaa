package handlers

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/policy"
	sim "ecsbot/sim/slack"
	"ecsbot/socket"
	"ecsbot/workflow"
)

// wire is a Router on a simulated workspace: real Socket Mode, real Web API.
// Store, engine and fleet are the fakes.
func wire(t *testing.T) (*world, *sim.Workspace) {
	t.Helper()
	ws, err := sim.New(sim.Demo())
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.clock.now = time.Now()
	api := slack.New(sim.DemoBotToken, slack.OptionAppLevelToken(sim.DemoAppToken), slack.OptionAPIURL(ws.URL()))
	rules := w.r.Rules
	rules.Operators, rules.Approvers, rules.Channels = []string{sim.DemoOperator, sim.DemoOnCall}, []string{sim.DemoApprover}, []string{sim.DemoOps, sim.DemoShared}
	home := Home{App: "A0SIM", Team: sim.DemoTeam, BotUser: sim.DemoBot}
	r, err := New(Deps{
		Slack: api, People: NewPeople(api, rules, home, w.clock), Store: w, Engine: w, Fleet: w, Rules: rules, Clock: w.clock, Home: home,
		HTTP: &http.Client{Timeout: responseTimeout},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.r = r
	manager, err := socket.New(socket.Config{Opener: socket.FromSlack(api), Handle: r.Handle, Overflow: r.Overflow})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := manager.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := ws.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, ws, "a connection", func(s *sim.Snapshot) bool { return len(s.Sockets()) > 0 })
	return w, ws
}

func await(t *testing.T, ws *sim.Workspace, what string, cond func(*sim.Snapshot) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := ws.Wait(ctx, what, cond); err != nil {
		t.Fatal(err)
	}
}

func front(s *sim.Snapshot, user string) (sim.View, bool) {
	views := s.Views(user)
	if len(views) == 0 {
		return sim.View{}, false
	}
	return views[len(views)-1], true
}

func TestPickOnTheWire(t *testing.T) {
	w, ws := wire(t)
	ctx := t.Context()
	if _, err := ws.Command(ctx, sim.DemoOperator, sim.DemoOps, "/ecs", "deregister"); err != nil {
		t.Fatal(err)
	}
	var v sim.View
	shows := func(what string, cond func(sim.View) bool) {
		t.Helper()
		await(t, ws, what, func(s *sim.Snapshot) bool {
			got, ok := front(s, sim.DemoOperator)
			v = got
			return ok && cond(got)
		})
	}
	shows("the pickers", func(v sim.View) bool { return v.CallbackID == blocks.CallbackPick })
	where := sim.Place{View: v.ID}
	if none, err := ws.Suggest(ctx, sim.DemoOperator, where, "", blocks.ActionPickCluster, "nothing fits"); err != nil || len(none) != 0 {
		t.Fatalf("no match: %+v, %v", none, err)
	}
	opts, err := ws.Suggest(ctx, sim.DemoOperator, where, "", blocks.ActionPickCluster, "pro")
	if err != nil || len(opts) != 1 || !strings.Contains(opts[0].Text, "prod") {
		t.Fatalf("clusters: %+v, %v", opts, err)
	}
	if _, err := ws.SetValue(ctx, sim.DemoOperator, v.ID, "", blocks.ActionPickCluster, opts[0].Value); err != nil {
		t.Fatal(err)
	}
	before := v.Updates
	shows("the rewritten modal", func(v sim.View) bool { return v.Updates > before })
	eventually(t, w, func() bool { // until they are read it says so
		opts, err = ws.Suggest(ctx, sim.DemoOperator, where, "", blocks.ActionPickInstance, "web-2")
		return err != nil || len(opts) == 1 && opts[0].Value != blocks.ValueReading
	})
	if err != nil {
		t.Fatalf("instances: %v", err)
	}
	if _, err := ws.SetValue(ctx, sim.DemoOperator, v.ID, "", blocks.ActionPickInstance, opts[0].Value); err != nil {
		t.Fatal(err)
	}
	resp, err := ws.Submit(ctx, sim.DemoOperator, v.ID)
	if err != nil || !resp.Closed {
		t.Fatalf("%+v, %v", resp, err)
	}
	await(t, ws, "the first answer", func(s *sim.Snapshot) bool {
		return len(s.Ephemerals(sim.DemoOperator, sim.DemoOps)) > 0
	})
	eventually(t, w, func() bool { return len(w.done) == 3 }) // command, cluster, submission
	if len(w.proposed) != 1 || w.proposed[0].Plan.Snapshot.Target != target(prod, 2) || w.proposed[0].Actor.UserID != sim.DemoOperator {
		t.Errorf("proposed %+v", w.proposed)
	}
}

// eventually waits until what the fakes were told fits.
func eventually(t *testing.T, w *world, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); ; {
		w.mu.Lock()
		ok := cond()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never came true; %d handled", len(w.done))
		}
	}
}

func TestStrangersOnTheWire(t *testing.T) {
	w, ws := wire(t)
	ctx := t.Context()
	for _, c := range []struct{ user, channel string }{
		{sim.DemoStranger, sim.DemoShared}, {sim.DemoGuest, sim.DemoOps}, {sim.DemoOperator, sim.DemoShared}, {sim.DemoOperator2, sim.DemoRandom},
	} {
		if _, err := ws.Command(ctx, c.user, c.channel, "/ecs", "deregister "+testEC2); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		await(t, ws, "an answer for "+c.user, func(s *sim.Snapshot) bool { return len(s.Ephemerals(c.user, c.channel)) > 0 })
	}
	eventually(t, w, func() bool { return len(w.done) == 4 })
	if len(w.proposed)+len(w.inspected)+len(w.resolved) != 0 {
		t.Errorf("proposed %+v, inspected %+v", w.proposed, w.inspected)
	}
	var got []policy.Reason
	for _, ev := range w.recorded {
		if ev.Type == workflow.EvRefused {
			got = append(got, ev.Reasons[0])
		}
	}
	if len(got) != 4 {
		t.Errorf("recorded %v", got)
	}
}

// On call by user group: usergroups.users.list over the wire.
func TestGroupMemberOnTheWire(t *testing.T) {
	w, ws := wire(t)
	if _, err := ws.Command(t.Context(), sim.DemoOperator2, sim.DemoOps, "/ecs", "deregister “"+testEC2+"”"); err != nil {
		t.Fatal(err)
	}
	eventually(t, w, func() bool { return len(w.done) == 1 })
	if len(w.proposed) != 1 {
		t.Errorf("said %+v, recorded %+v", ws.Ephemerals(sim.DemoOperator2, sim.DemoOps), w.recorded)
	}
}
