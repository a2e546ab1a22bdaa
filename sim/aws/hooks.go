package aws

import (
	"slices"
	"strings"
	"time"
)

// Lifecycle hooks: what a member waits for before it is in service, and before it goes.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
const (
	hookLaunching    = "autoscaling:EC2_INSTANCE_LAUNCHING"
	hookTerminating  = "autoscaling:EC2_INSTANCE_TERMINATING"
	resultContinue   = "CONTINUE"
	resultAbandon    = "ABANDON"
	defaultHeartbeat = time.Hour
	mostHookWait     = 48 * time.Hour

	// drainingHook is the hook that managed draining puts on the group; ECS waits 48 hours at most.
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html
	drainingHook      = "ecs-managed-draining-termination-hook"
	managedDrainLimit = 48 * time.Hour
)

// hookWait is a hook that a member waits for.
type hookWait struct {
	name, token string
	until, last time.Time // the next timeout, and the one that no heartbeat passes
	heartbeat   time.Duration
	result      string // what the timeout means
}

// globalTimeout is what no heartbeat extends.
func (h HookSpec) globalTimeout() time.Duration { return min(100*h.Heartbeat, mostHookWait) }

// hooksOf are the group's hooks, that of managed draining included.
func (cl *cell) hooksOf(g *group) []HookSpec {
	hooks := slices.Clone(g.spec.Hooks)
	if cl.managedBy(g) != nil {
		hooks = append(hooks, HookSpec{Name: drainingHook, Transition: hookTerminating, DefaultResult: resultContinue, Heartbeat: time.Hour})
	}
	return hooks
}

// awaitHooks puts the member into its wait state until its hooks are completed; without any it goes on at once.
func (c *Cloud) awaitHooks(cl *cell, g *group, m *machine, transition, activityID string) {
	var waits []hookWait
	for _, h := range cl.hooksOf(g) {
		if h.Transition != transition || h.Name == drainingHook && !c.drainsFor(cl, m) {
			continue
		}
		w := hookWait{name: h.Name, token: c.uuid(), until: c.now.Add(h.Heartbeat), last: c.now.Add(h.globalTimeout()), heartbeat: h.Heartbeat, result: h.DefaultResult}
		if h.Name == drainingHook { // ECS sends the heartbeats itself
			w.until, w.last = c.now.Add(managedDrainLimit), c.now.Add(managedDrainLimit)
		}
		waits = append(waits, w)
	}
	if m.hooks = waits; len(waits) == 0 {
		c.goOn(cl, m, transition, resultContinue)
		return
	}
	m.lifecycle = waitState(transition)
	c.after(0, func() {
		if a := cl.activities[activityID]; a != nil && a.end.IsZero() && len(m.hooks) > 0 {
			a.status = statusMidLifecycle
			c.touch()
		}
	})
	for _, w := range waits {
		c.armHook(cl, m, w)
	}
	c.touch()
}

func waitState(transition string) string {
	if transition == hookLaunching {
		return lifecyclePending + ":Wait"
	}
	return terminatingWait
}

// armHook ends the wait at its timeout, unless a heartbeat moved it.
func (c *Cloud) armHook(cl *cell, m *machine, w hookWait) {
	c.after(w.until.Sub(c.now), func() {
		if i := m.waitsFor(w.name, w.token); i >= 0 && !m.hooks[i].until.After(c.now) {
			c.completeHook(cl, m, i, w.result)
		}
	})
}

// waitsFor is the index of a hook that the member waits for, by its name and, unless "", its token; -1 for none.
func (m *machine) waitsFor(name, token string) int {
	return slices.IndexFunc(m.hooks, func(w hookWait) bool { return w.name == name && (token == "" || token == w.token) })
}

// completeHook ends one wait. ABANDON ends the others too: hooks that have not finished, ECS's own among them, are not
// waited for any more.
func (c *Cloud) completeHook(cl *cell, m *machine, i int, result string) {
	m.hooks = slices.Delete(slices.Clone(m.hooks), i, i+1)
	if result == resultAbandon {
		m.hooks = nil
	}
	c.touch()
	if len(m.hooks) > 0 {
		return
	}
	transition := hookTerminating
	if strings.HasPrefix(m.lifecycle, lifecyclePending) {
		transition = hookLaunching
	}
	c.goOn(cl, m, transition, result)
}

// beat is a heartbeat: the hook's timeout begins anew, up to its global timeout.
func (c *Cloud) beat(cl *cell, m *machine, i int) {
	hooks := slices.Clone(m.hooks)
	w := &hooks[i]
	w.until = c.now.Add(w.heartbeat)
	if w.until.After(w.last) {
		w.until = w.last
	}
	m.hooks = hooks
	c.touch()
	c.armHook(cl, m, *w)
}

// goOn is what follows the last hook. A launch that is abandoned ends the machine, and the group launches another.
func (c *Cloud) goOn(cl *cell, m *machine, transition, result string) {
	g := cl.groups[m.group]
	switch {
	case transition == hookTerminating:
		m.lifecycle = terminating + ":Proceed"
		c.terminateMachine(cl, m, "Server.UserInitiatedShutdown", "User initiated (Auto Scaling)")
		c.leave(cl, m)
	case result == resultAbandon:
		m.lifecycle = terminating
		c.endLaunch(cl, m, "Cancelled")
		c.terminateMachine(cl, m, "Server.UserInitiatedShutdown", "User initiated (Auto Scaling)")
		c.leave(cl, m)
		c.refill(cl, g)
	default:
		c.enterService(cl, m)
		c.endLaunch(cl, m, statusSuccessful)
	}
}

func (c *Cloud) endLaunch(cl *cell, m *machine, status string) {
	for _, a := range sorted(cl.activities) {
		if a.end.IsZero() && a.description == "Launching a new EC2 instance: "+m.id {
			c.endActivity(cl, a.id, status)
		}
	}
}
