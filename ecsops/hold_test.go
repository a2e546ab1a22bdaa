package ecsops_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

var held = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// holdWorld is one look at a drain that began at held and stands still ten minutes later:
// one task of service web, and nothing that explains it.
type holdWorld struct {
	s  ecsops.Snapshot
	in ecsops.Intent

	tasks      []ecsops.Task
	web        ecsops.Service
	protection map[string]time.Time
	machine    ecsops.EC2
	agent      bool
}

const (
	webDefinition = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7"
	webGroup      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"
)

func newHoldWorld() *holdWorld {
	return &holdWorld{agent: true, machine: ecsops.EC2{State: "running"}, protection: map[string]time.Time{},
		tasks: []ecsops.Task{{ARN: "task/a", Class: ecsops.Replica, Service: "web", TaskDefinition: webDefinition, LastStatus: "RUNNING", DesiredStatus: "RUNNING"}},
		web: ecsops.Service{Name: "web", Scheduling: "REPLICA", Desired: 4, Running: 4, MinPercent: 50, MaxPercent: 200, Deployments: 1,
			TargetGroups: []string{webGroup}}}
}

func (w *holdWorld) snapshot() ecsops.Snapshot {
	s := w.s
	s.ReadAt = held.Add(10 * time.Minute)
	s.Instance = ecsops.Known(ecsops.Instance{Status: "DRAINING", AgentConnected: w.agent})
	s.Tasks = ecsops.Known(w.tasks)
	s.Services = ecsops.Known(map[string]ecsops.Service{"web": w.web, "logs": {Name: "logs", Scheduling: "DAEMON", Desired: 3, Running: 3}})
	s.Protection = ecsops.Known(w.protection)
	s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{webDefinition: {StopTimeout: 2 * time.Minute}})
	s.TargetGroups = ecsops.Known(map[string]ecsops.TargetGroup{webGroup: {Deregister: 5 * time.Minute}})
	if !w.agent {
		s.EC2 = ecsops.Known(w.machine)
	}
	return s
}

func (w *holdWorld) stop(told time.Duration) {
	w.tasks[0].DesiredStatus, w.tasks[0].LastStatus, w.tasks[0].StoppingAt = "STOPPED", "DEACTIVATING", held.Add(told)
}

func note(minute int, text string) ecsops.ServiceNote {
	return ecsops.ServiceNote{At: held.Add(time.Duration(minute) * time.Minute), Text: text}
}

const (
	unableNote = "(service web) was unable to place a task because no container instance met all of its requirements."
	steadyNote = "(service web) has reached a steady state."
	startNote  = "(service web) has started 1 tasks: (task 1)."
)

var holdCases = map[string]struct {
	why    string
	change func(*holdWorld)
	blank  string // a fact that could not be read
	want   ecsops.Cause
	check  func(ecsops.Hold) bool
}{
	"percents": {"1 of 1 at 100/100: neither may stop nor start", func(w *holdWorld) { w.web.Desired, w.web.Running, w.web.MinPercent, w.web.MaxPercent = 1, 1, 100, 100 }, "",
		ecsops.HeldByPercents, func(h ecsops.Hold) bool {
			return h.Service.Floor == 1 && h.Service.MayStart == 0 && h.Service.MayStop == 0
		}},
	"percents rounded": {"1 at 150 %: the maximum is rounded down", func(w *holdWorld) { w.web.Desired, w.web.Running, w.web.MinPercent, w.web.MaxPercent = 1, 1, 100, 150 }, "", ecsops.HeldByPercents, nil},
	"percents at 200":  {"one more may start: percentages do not hold it", func(w *holdWorld) { w.web.Desired, w.web.Running, w.web.MinPercent, w.web.MaxPercent = 1, 1, 100, 200 }, "", ecsops.HeldUnknown, nil},
	"percents and protection": {"arithmetic is certain, what a drain does with protection is not", func(w *holdWorld) {
		w.web.Desired, w.web.Running, w.web.MinPercent, w.web.MaxPercent = 1, 1, 100, 100
		w.protection["task/a"] = held.Add(time.Hour)
	}, "", ecsops.HeldByPercents, func(h ecsops.Hold) bool { return h.Task.Until.Equal(held.Add(time.Hour)) }},
	"percents, protection unread": {"what is certain needs no other fact", func(w *holdWorld) { w.web.Desired, w.web.Running, w.web.MinPercent, w.web.MaxPercent = 1, 1, 100, 100 }, "protection",
		ecsops.HeldByPercents, func(h ecsops.Hold) bool { return h.Missing == nil }},
	"capacity": {"the service said so since the drain began", func(w *holdWorld) { w.web.Events = []ecsops.ServiceNote{note(2, unableNote)} }, "",
		ecsops.HeldByCapacity, func(h ecsops.Hold) bool { return h.Quote == unableNote && h.QuoteAt.Equal(held.Add(2*time.Minute)) }},
	"capacity before":       {"it said so before the drain", func(w *holdWorld) { w.web.Events = []ecsops.ServiceNote{note(-2, unableNote)} }, "", ecsops.HeldUnknown, func(h ecsops.Hold) bool { return h.Quote == "" }},
	"capacity came":         {"it found a place after that", func(w *holdWorld) { w.web.Events = []ecsops.ServiceNote{note(3, startNote), note(2, unableNote)} }, "", ecsops.HeldUnknown, func(h ecsops.Hold) bool { return h.Quote == startNote }},
	"steady after":          {"it has all it wants", func(w *holdWorld) { w.web.Events = []ecsops.ServiceNote{note(3, steadyNote), note(2, unableNote)} }, "", ecsops.HeldUnknown, nil},
	"capacity gone again":   {"the newest word counts", func(w *holdWorld) { w.web.Events = []ecsops.ServiceNote{note(4, unableNote), note(3, startNote)} }, "", ecsops.HeldByCapacity, nil},
	"protected":             {"it was not told to stop, and is protected", func(w *holdWorld) { w.protection["task/a"] = held.Add(time.Hour) }, "", ecsops.HeldByProtection, func(h ecsops.Hold) bool { return h.Until.Equal(held.Add(time.Hour)) }},
	"protection over":       {"it ended before this look", func(w *holdWorld) { w.protection["task/a"] = held.Add(time.Minute) }, "", ecsops.HeldUnknown, nil},
	"protected for ever":    {"AWS gave no end", func(w *holdWorld) { w.protection["task/a"] = time.Time{} }, "", ecsops.HeldByProtection, func(h ecsops.Hold) bool { return h.Until.IsZero() }},
	"another's protection":  {"it is not this task's", func(w *holdWorld) { w.protection["task/b"] = held.Add(time.Hour) }, "", ecsops.HeldUnknown, nil},
	"deployment":            {"two deployments", func(w *holdWorld) { w.web.Deployments = 2 }, "", ecsops.HeldByDeployment, nil},
	"rollout":               {"one that rolls out", func(w *holdWorld) { w.web.Rollout = "IN_PROGRESS" }, "", ecsops.HeldByDeployment, nil},
	"replacement starts":    {"one is pending", func(w *holdWorld) { w.web.Pending = 1 }, "", ecsops.HeldByReplacement, func(h ecsops.Hold) bool { return h.Pending == 1 }},
	"replacement unhealthy": {"it runs more than it wants", func(w *holdWorld) { w.web.Running = 5 }, "", ecsops.HeldByReplacement, nil},
	"stopping": {"told two minutes ago, with a delay of five", func(w *holdWorld) { w.stop(8 * time.Minute) }, "", ecsops.HeldByStopping, func(h ecsops.Hold) bool {
		return h.Until.Equal(held.Add(15*time.Minute+30*time.Second)) && h.Since.Equal(held.Add(8*time.Minute)) && h.Delay == 5*time.Minute && h.Timeout == 2*time.Minute
	}},
	"hanging": {"told ten minutes ago: seven and a half are over", func(w *holdWorld) { w.stop(0) }, "", ecsops.HeldByHanging, func(h ecsops.Hold) bool { return h.Until.Equal(held.Add(7*time.Minute + 30*time.Second)) }},
	"stopping, timeout unread": {"until when is not known", func(w *holdWorld) { w.stop(0) }, "task_definitions",
		ecsops.HeldByStopping, func(h ecsops.Hold) bool {
			return h.Until.IsZero() && h.Missing.Fact == "task_definitions" && h.Missing.Reason == "AccessDenied"
		}},
	"stopping, delay unread": {"until when is not known", func(w *holdWorld) { w.stop(0) }, "target_groups", ecsops.HeldByStopping, func(h ecsops.Hold) bool { return h.Until.IsZero() && h.Missing.Fact == "target_groups" }},
	"standalone":             {"no drain stops it", func(w *holdWorld) { w.tasks[0].Class, w.tasks[0].Service = ecsops.Standalone, "" }, "", ecsops.HeldByStandalone, nil},
	"ticked": {"we stop it", func(w *holdWorld) {
		w.tasks[0].Class, w.tasks[0].Service, w.in.StopTasks = ecsops.Standalone, "", []string{"task/a"}
	}, "", ecsops.HeldByTicked, nil},
	"standalone, nothing read": {"its class says it all", func(w *holdWorld) { w.tasks[0].Class, w.tasks[0].Service = ecsops.Standalone, "" }, "services", ecsops.HeldByStandalone, nil},
	"daemon among others": {"daemons are stopped last", func(w *holdWorld) {
		w.tasks = slices.Insert(w.tasks, 0, ecsops.Task{ARN: "task/log", Class: ecsops.Replica, Service: "logs", LastStatus: "RUNNING", DesiredStatus: "RUNNING"})
	}, "", ecsops.HeldByOthers, nil},
	"daemon alone":         {"nothing else is left, so that is not why", func(w *holdWorld) { w.tasks[0].Class, w.tasks[0].Service = ecsops.Daemon, "logs" }, "", ecsops.HeldUnknown, nil},
	"agent":                {"EC2 says that the machine runs", func(w *holdWorld) { w.agent = false }, "", ecsops.HeldByAgent, func(h ecsops.Hold) bool { return h.Host == "running" && h.Missing == nil }},
	"agent, stopping task": {"nobody hears that it ended", func(w *holdWorld) { w.stop(0); w.agent = false }, "", ecsops.HeldByAgent, func(h ecsops.Hold) bool { return h.Since.Equal(held) }},
	"machine stopped":      {"no lost agent", func(w *holdWorld) { w.agent, w.machine.State = false, "stopped" }, "", ecsops.HeldByHostStop, nil},
	"machine stopping":     {"a minute more", func(w *holdWorld) { w.agent, w.machine.State = false, "stopping" }, "", ecsops.HeldByHostLeave, nil},
	"machine shuts down":   {"a minute more", func(w *holdWorld) { w.agent, w.machine.State = false, "shutting-down" }, "", ecsops.HeldByHostLeave, nil},
	"machine terminated":   {"only the registration is left", func(w *holdWorld) { w.agent, w.machine.State = false, "terminated" }, "", ecsops.HeldByHostGone, nil},
	"machine unknown":      {"EC2 has forgotten it", func(w *holdWorld) { w.agent, w.machine.State = false, "not-found" }, "", ecsops.HeldByHostGone, nil},
	"machine unread":       {"the agent is lost, and nobody knows why", func(w *holdWorld) { w.agent = false }, "ec2", ecsops.HeldByAgent, func(h ecsops.Hold) bool { return h.Missing.Reason == "AccessDenied" && h.Missing.Fact == "ec2" }},
	"no reason":            {"all was read, and ECS gives none", func(*holdWorld) {}, "", ecsops.HeldUnknown, func(h ecsops.Hold) bool { return h.Missing == nil }},
	"protection unread":    {"it might be that", func(*holdWorld) {}, "protection", ecsops.HeldUnknown, func(h ecsops.Hold) bool { return h.Missing.Fact == "protection" && h.Missing.Reason == "AccessDenied" }},
	"services unread":      {"nothing else tells", func(*holdWorld) {}, "services", ecsops.HeldUnknown, func(h ecsops.Hold) bool { return h.Missing.Fact == "services" && h.Service == nil }},
	"protected, services unread": {"what is known is said", func(w *holdWorld) { w.protection["task/a"] = held.Add(time.Hour) }, "services",
		ecsops.HeldByProtection, nil},
	"service deleted": {"ECS knows no such service any more", func(w *holdWorld) { w.tasks[0].Service = "old" }, "", ecsops.HeldUnknown, func(h ecsops.Hold) bool {
		return h.Missing.Reason == "MISSING" && h.Missing.Call == "ecs:DescribeServices"
	}},
}

func TestHolds(t *testing.T) {
	for name, c := range holdCases {
		t.Run(name, func(t *testing.T) {
			w := newHoldWorld()
			c.change(w)
			got := ecsops.Holds(deny(t, w.snapshot(), c.blank), w.in, held)
			if len(got) == 0 || got[0].Cause != c.want {
				t.Fatalf("%+v, want %s: %s", got, c.want, c.why)
			}
			if c.check != nil && !c.check(got[0]) {
				t.Errorf("%s: %+v", c.why, got[0])
			}
		})
	}
}

// deny makes a fact one that a denied call did not bring.
func deny(t *testing.T, s ecsops.Snapshot, fact string) ecsops.Snapshot {
	t.Helper()
	if fact == "" {
		return s
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	fields[fact] = json.RawMessage(`{"unknown":{"fact":"` + fact + `","call":"x:Y","reason":"AccessDenied"}}`)
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	var out ecsops.Snapshot
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A look that did not ask leaves the cause open; it does not guess, and it does not call
// it unknown.
func TestHoldsOfALookThatDidNotAsk(t *testing.T) {
	w := newHoldWorld()
	s := w.snapshot()
	s.Services, s.Protection = ecsops.Fact[map[string]ecsops.Service]{}, ecsops.Fact[map[string]time.Time]{}
	if got := ecsops.Holds(s, w.in, held); len(got) != 1 || got[0].Cause.Read() {
		t.Errorf("%+v", got)
	}
	w.stop(0) // ten minutes ago: too long, or not, as its target groups' delay says, which its service names
	s = w.snapshot()
	s.Services = ecsops.Fact[map[string]ecsops.Service]{}
	if got := ecsops.Holds(s, w.in, held); len(got) != 1 || got[0].Cause.Read() {
		t.Errorf("how long it may take to stop, of a service that nobody asked about: %+v", got)
	}
	w.agent = false
	s = w.snapshot()
	s.EC2 = ecsops.Fact[ecsops.EC2]{}
	if got := ecsops.Holds(s, w.in, held); len(got) != 1 || got[0].Cause.Read() {
		t.Errorf("a machine that nobody asked about: %+v", got)
	}
	if got := ecsops.Holds(ecsops.Snapshot{}, w.in, held); len(got) != 0 {
		t.Errorf("of no tasks: %+v", got)
	}
}

// Over the wire: one look brings what tells the cause, and asks EC2 for a lost agent only.
func TestLookForHolds(t *testing.T) {
	e := over(t, (*aws.Cloud).Demo)
	target := e.preview(string(aws.DemoProtected)).Target
	e.SpareProtected(true)
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: target}); out.Result != ecsops.OK {
		t.Fatalf("%+v", out)
	}
	e.clock.Advance(time.Minute)
	look := func() ecsops.Snapshot {
		t.Helper()
		e.forget()
		s, err := e.Look(t.Context(), target, ecsops.LookFor{Holds: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	got := causesOf(ecsops.Holds(look(), ecsops.Intent{}, start))
	if got["encoder"] != ecsops.HeldByProtection {
		t.Errorf("held by %v", got)
	}
	calls := map[string]int{}
	for _, c := range e.seen() {
		calls[c.Operation]++
	}
	if calls["DescribeInstances"] != 0 || calls["GetTaskProtection"] != 1 || calls["DescribeServices"] != 1 {
		t.Errorf("calls %v", calls)
	}
	if err := e.StopEC2(aws.DemoProtected); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(2 * time.Minute)
	if got := causesOf(ecsops.Holds(look(), ecsops.Intent{}, start)); got["encoder"] != ecsops.HeldByHostStop {
		t.Errorf("a stopped machine: %v", got)
	}
	e.Deny("DescribeInstances")
	for _, h := range ecsops.Holds(look(), ecsops.Intent{}, start) {
		if h.Cause != ecsops.HeldByAgent || h.Missing == nil || h.Missing.Call != "ec2:DescribeInstances" {
			t.Errorf("EC2 denied: %+v", h)
		}
	}
}

func causesOf(holds []ecsops.Hold) map[string]ecsops.Cause {
	out := map[string]ecsops.Cause{}
	for _, h := range holds {
		out[h.Task.Service] = h.Cause
	}
	return out
}

// Whatever was read, each task that has not ended has one hold; and a fact that is taken
// away never turns what blocks into progress, nor invents another certain cause.
func TestHoldsWithoutAFact(t *testing.T) {
	for name, c := range holdCases {
		w := newHoldWorld()
		c.change(w)
		whole := ecsops.Holds(w.snapshot(), w.in, held)[0]
		if c.blank != "" {
			continue
		}
		for _, fact := range []string{"services", "protection", "ec2", "target_groups", "task_definitions"} {
			got := ecsops.Holds(deny(t, w.snapshot(), fact), w.in, held)
			if len(got) != len(ecsops.Holds(w.snapshot(), w.in, held)) {
				t.Errorf("%s without %s: %d holds", name, fact, len(got))
			}
			h := got[0]
			if h.Cause == whole.Cause {
				continue
			}
			likely := h.Cause == ecsops.HeldByProtection && !whole.Task.Until.IsZero() || // true beside the cause that is not known now
				h.Cause == ecsops.HeldByAgent && whole.Cause.Host() && h.Missing != nil ||
				h.Cause == ecsops.HeldByStopping && whole.Cause == ecsops.HeldByHanging && h.Missing != nil && h.Until.IsZero() ||
				h.Cause == ecsops.HeldUnknown && h.Missing != nil
			if !likely {
				t.Errorf("%s (%s) without %s becomes %s: %+v", name, whole.Cause, fact, h.Cause, h.Missing)
			}
		}
	}
}

// An event of any size is kept in part only, and whole letters of it.
func TestQuoteIsBounded(t *testing.T) {
	w := newHoldWorld()
	w.web.Events = []ecsops.ServiceNote{note(2, strings.Repeat("ä", 5000)+" was unable to place a task")}
	if q := ecsops.Holds(w.snapshot(), w.in, held)[0].Quote; len(q) > 1024 || !utf8.ValidString(q) || q == "" {
		t.Errorf("%d bytes", len(q))
	}
}
