package ecsops

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Verify answers V1–V8, which decide between done and unverified, from what was read once the work was done: pure. Pending may still
// pass; what could not be read is unknown, never passed.
func Verify(before Plan, after After) []Check {
	v := verifier{before: before, after: after}
	if before.Path == PathMachine { // its tasks left with its registration, before this plan
		skip := func(id string) Check { return Check{ID: id, Result: CheckSkipped} }
		return []Check{v.gone(), skip("V2"), skip("V3"), skip("V4"), skip("V5"), skip("V6"), v.machineState(), v.groupActed()}
	}
	return []Check{v.gone(), v.servicesSteady(), v.targetsHealthy(), v.replaced(), v.standaloneEnded(), v.interfacesGone(), v.machineState(), v.groupActed()}
}

type verifier struct {
	before Plan
	after  After
}

func unread(id string, u Unknown) Check { return Check{ID: id, Result: CheckUnknown, Missing: &u} }

func verdict(c Check, passed bool) Check {
	c.Result = CheckPending
	if passed {
		c.Result = CheckPassed
	}
	return c
}

// gone is V1: INACTIVE or MISSING, and no longer listed. Neither read alone is enough:
// both are eventually consistent.
func (v verifier) gone() Check {
	c := Check{ID: "V1"}
	i, ok := v.after.Snapshot.Instance.Get()
	if !ok {
		return unread("V1", v.after.Snapshot.Instance.Why())
	}
	listed, ok := v.after.Listed.Get()
	if !ok {
		return unread("V1", v.after.Listed.Why())
	}
	c.Names = []string{cmp.Or(i.Status, failureMissing)}
	return verdict(c, i.gone() && !listed)
}

// moved counts, by service, the tasks that were to move elsewhere.
func (v verifier) moved() map[string]int {
	out := map[string]int{}
	for _, f := range v.before.Fates {
		if f.Task.Class == Replica && f.Fate != FateEnds {
			out[f.Task.Service]++
		}
	}
	return out
}

const cannotPlace = "was unable to place a task"

// servicesSteady is V2: each service that had tasks here runs what it desires, in one
// deployment, and its newest word since is not that a task could not be placed.
func (v verifier) servicesSteady() Check {
	names := sortedKeys(v.moved())
	if len(names) == 0 {
		return Check{ID: "V2", Result: CheckSkipped}
	}
	services, ok := v.after.Snapshot.Services.Get()
	if !ok {
		return unread("V2", v.after.Snapshot.Services.Why())
	}
	c := Check{ID: "V2", Want: len(names)}
	unplaced := false
	var steady []string
	for _, n := range names {
		s, ok := services[n]
		if !ok {
			c.Count++ // deleted meanwhile: nothing to run
			continue
		}
		line := fmt.Sprintf("%s: %d of %d", n, s.Running, s.Desired)
		if s.Running >= s.Desired && s.Deployments <= 1 {
			c.Count++
			steady = append(steady, line)
			continue
		}
		if s.Deployments > 1 {
			line += fmt.Sprintf(", %d deployments", s.Deployments)
		}
		c.Names = append(c.Names, line)
		unplaced = unplaced || v.unplaced(s)
	}
	c = evident(verdict(c, c.Count == c.Want), steady)
	if c.Result == CheckPending && unplaced {
		c.Result = CheckFailed
	}
	return c
}

// unplaced reads the service's newest event that speaks of placement.
func (v verifier) unplaced(s Service) bool {
	for _, e := range s.Events {
		if e.At.Before(v.before.Snapshot.ReadAt) {
			return false
		}
		if strings.Contains(e.Text, cannotPlace) {
			return true
		}
		if strings.Contains(e.Text, "has started") || strings.Contains(e.Text, "steady state") {
			return false
		}
	}
	return false
}

// targetsHealthy is V3: no target of the old instance is left, and as many are healthy as
// before; a steady service alone does not prove that.
func (v verifier) targetsHealthy() Check {
	before, ok := v.before.Snapshot.TargetGroups.Get()
	if ok && len(before) == 0 {
		return Check{ID: "V3", Result: CheckSkipped}
	}
	if !ok {
		return unread("V3", v.before.Snapshot.TargetGroups.Why())
	}
	now, ok := v.after.Snapshot.TargetGroups.Get()
	if !ok {
		return unread("V3", v.after.Snapshot.TargetGroups.Why())
	}
	c := Check{ID: "V3", Want: len(before)}
	var well []string
	for _, arn := range sortedKeys(before) {
		g, ok := now[arn]
		line := fmt.Sprintf("%s: %d healthy, was %d", before[arn].Name, g.Healthy, before[arn].Healthy)
		switch {
		case ok && len(g.Here) == 0 && g.Healthy >= v.wanted(before[arn]):
			c.Count++
			well = append(well, line)
		case len(g.Here) > 0:
			c.Names = append(c.Names, line+fmt.Sprintf(", %d old targets left", len(g.Here)))
		default:
			c.Names = append(c.Names, line)
		}
	}
	return evident(verdict(c, c.Count == c.Want), well)
}

// evident gives what passed its own evidence; what did not pass has named what is missing.
func evident(c Check, names []string) Check {
	if c.Result == CheckPassed {
		c.Names = names
	}
	return c
}

// wanted is how many healthy targets to expect: as before, less those of daemons, which
// nobody replaces elsewhere.
func (v verifier) wanted(g TargetGroup) int {
	services, _ := v.before.Snapshot.Services.Get()
	for _, s := range services {
		if s.Scheduling == "DAEMON" && slices.Contains(s.TargetGroups, g.ARN) {
			return g.HealthyAfter
		}
	}
	return g.Healthy
}

// replaced is V4: each service that lost tasks here started as many elsewhere, or needs no
// more than it has.
func (v verifier) replaced() Check {
	moved := v.moved()
	if len(moved) == 0 {
		return Check{ID: "V4", Result: CheckSkipped}
	}
	all, ok := v.after.Replacements.Get()
	if !ok {
		return unread("V4", v.after.Replacements.Why())
	}
	services, ok := v.after.Snapshot.Services.Get()
	if !ok {
		return unread("V4", v.after.Snapshot.Services.Why())
	}
	got := map[string]int{}
	c := Check{ID: "V4"}
	for _, r := range all {
		if moved[r.Service] > 0 {
			got[r.Service]++
			c.Names = append(c.Names, lastPart(r.Task)+" on "+v.machine(r.Instance))
		}
	}
	enough := true
	for name, n := range moved {
		s, exists := services[name]
		c.Want += n
		c.Count += min(got[name], n)
		enough = enough && (got[name] >= n || !exists || s.Running >= s.Desired)
	}
	return verdict(c, enough)
}

// machine is what people call an instance: its EC2 id, where it was there before.
func (v verifier) machine(arn InstanceARN) string {
	peers, _ := v.before.Snapshot.Peers.Get() // unread, the registration's id has to do
	for _, p := range peers {
		if p.Instance == arn && p.EC2 != "" {
			return string(p.EC2)
		}
	}
	return lastPart(string(arn))
}

// standaloneEnded is V5: the standalone tasks that were here have ended. Orphans of a force
// show as STOPPED while their containers run on: that proves nothing, so they are named
// and left to the follow-ups, unless the machine is gone.
func (v verifier) standaloneEnded() Check {
	orphans := v.before.Orphans()
	if len(orphans) > 0 {
		c := Check{ID: "V5", Result: CheckSkipped, Count: len(orphans)}
		if e, ok := v.after.Snapshot.EC2.Get(); ok && (e.Gone() || e.State == "stopped") {
			c.Result = CheckPassed
			return c
		}
		for _, t := range orphans {
			c.Names = append(c.Names, t.ID())
		}
		return c
	}
	if v.before.EndsManaged() && v.before.Intent.Force {
		return v.cutOff()
	}
	want := map[string]bool{}
	for _, f := range v.before.Fates {
		if f.Task.Class == Standalone && f.Fate != FateDead {
			want[f.Task.ARN] = true
		}
	}
	if len(want) == 0 {
		return Check{ID: "V5", Result: CheckSkipped}
	}
	tasks, ok := v.after.Snapshot.Tasks.Get()
	if !ok {
		return unread("V5", v.after.Snapshot.Tasks.Why())
	}
	c := Check{ID: "V5", Want: len(want), Count: len(want)}
	for _, t := range tasks {
		if want[t.ARN] && !t.Stopped() {
			c.Count--
			c.Names = append(c.Names, lastPart(t.ARN))
		}
	}
	return verdict(c, c.Count == c.Want)
}

// cutOff is V5 where tasks end with their machine, whatever ECS shows of them.
func (v verifier) cutOff() Check {
	c := Check{ID: "V5"}
	for _, t := range v.before.Lost() {
		if t.Class == Standalone {
			c.Want++
		}
	}
	e, ok := v.after.Snapshot.EC2.Get()
	switch {
	case c.Want == 0:
		return Check{ID: "V5", Result: CheckSkipped}
	case !ok:
		return unread("V5", v.after.Snapshot.EC2.Why())
	case e.Gone():
		c.Count = c.Want
	}
	c.Names = kept1(e.State)
	return verdict(c, e.Gone())
}

// interfacesGone is V6.
func (v verifier) interfacesGone() Check {
	want := 0
	tasks, _ := v.before.Snapshot.Tasks.Get()
	for _, t := range tasks {
		want += len(t.ENIs)
	}
	if want == 0 {
		return Check{ID: "V6", Result: CheckSkipped}
	}
	left, ok := v.after.ENIs.Get()
	if !ok {
		return unread("V6", v.after.ENIs.Why())
	}
	return verdict(Check{ID: "V6", Names: left, Count: max(0, want-len(left)), Want: want}, len(left) == 0)
}

// machineState is V7: terminated when that was asked, else known, as it goes on billing.
func (v verifier) machineState() Check {
	if v.before.Path == PathExternal {
		return v.nodeState()
	}
	e, ok := v.after.Snapshot.EC2.Get()
	if !ok {
		return unread("V7", v.after.Snapshot.EC2.Why())
	}
	c := Check{ID: "V7", Names: []string{e.State}}
	g, _ := v.before.Snapshot.Group.Get()
	if v.before.Intent.Terminate == KeepRunning && !v.before.EndsManaged() && !g.Terminating() {
		return verdict(c, true)
	}
	return verdict(c, e.Gone())
}

// groupActed is V8: the group did something since, and the machine is in it no more.
func (v verifier) groupActed() Check {
	if !v.before.Has(StepTerminate) || v.before.Intent.Terminate == Terminate {
		return Check{ID: "V8", Result: CheckSkipped}
	}
	acts, ok := v.after.Activity.Get()
	if !ok {
		return unread("V8", v.after.Activity.Why())
	}
	g, ok := v.after.Snapshot.Group.Get()
	if !ok {
		return unread("V8", v.after.Snapshot.Group.Why())
	}
	left := g.Name == "" || g.Terminating()
	return verdict(Check{ID: "V8", Names: acts[:min(len(acts), 5)], Count: len(acts)}, len(acts) > 0 && left)
}
