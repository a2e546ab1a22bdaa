package aws

import (
	"maps"
	"time"
)

// Timers of the task lifecycle, in virtual time. AWS publishes none of them; the first and the last are what attaching
// and deleting a network interface takes, the second is a warm image pull.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
const (
	provisionTakes   = 4 * time.Second
	pullTakes        = 6 * time.Second
	activateTakes    = 2 * time.Second
	deprovisionTakes = 3 * time.Second
	defaultStopTakes = 2 * time.Second
	defaultHealthy   = 20 * time.Second
	stoppedVisible   = time.Hour

	// countsAfter is how long a task without load balancer and container health check runs before it counts as healthy.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
	countsAfter     = 40 * time.Second
	inactiveVisible = time.Hour
)

// awake reports whether the agent of the task's host takes orders.
func (cl *cell) awake(t *task) bool {
	if t.instance == "" {
		return true
	}
	i := cl.instances[t.instance]
	return i != nil && i.connected
}

func (c *Cloud) setLast(cl *cell, t *task, last string) {
	t.last = last
	t.version++
	if i := cl.instances[t.instance]; i != nil {
		i.version++
	}
	c.touch()
	c.kick(cl, t.cluster)
}

// next arms the task's one timer; arming it again voids the earlier.
func (c *Cloud) next(t *task, d time.Duration, do func()) {
	t.step++
	step := t.step
	c.after(d, func() {
		if t.step == step {
			do()
		}
	})
}

// advance arms the transition that follows from what the task is and shall be. A host whose agent sleeps makes none.
func (c *Cloud) advance(cl *cell, t *task) {
	if t.desired == taskRunning {
		c.advanceUp(cl, t)
		return
	}
	c.advanceDown(cl, t)
}

func (c *Cloud) advanceUp(cl *cell, t *task) {
	switch t.last {
	case taskProvisioning:
		c.next(t, c.jitter(provisionTakes), func() {
			c.attach(cl, t)
			c.setLast(cl, t, taskPending)
			c.advance(cl, t)
		})
	case taskPending:
		c.next(t, c.jitter(pullTakes), func() {
			if !cl.awake(t) {
				return
			}
			if len(c.balancersOf(cl, t)) > 0 {
				c.setLast(cl, t, taskActivating)
				c.register(cl, t, false)
				c.advance(cl, t)
				return
			}
			c.run(cl, t)
		})
	case taskActivating:
		c.next(t, activateTakes, func() { c.run(cl, t) })
	}
}

func (c *Cloud) run(cl *cell, t *task) {
	t.startedAt = c.now
	c.setLast(cl, t, taskRunning)
	c.after(countsAfter, func() { c.kick(cl, t.cluster) })
}

func (c *Cloud) advanceDown(cl *cell, t *task) {
	switch t.last {
	case taskProvisioning, taskPending:
		c.next(t, time.Second, func() { c.deprovision(cl, t) })
	case taskDeactivating:
		c.next(t, c.deregistrationWait(cl, t), func() { c.terminateContainer(cl, t) })
	case taskRunning, taskActivating:
		c.terminateContainer(cl, t)
	case taskStopping:
		c.terminateContainer(cl, t)
	case taskDeprovisioning:
		c.deprovision(cl, t)
	}
}

// terminateContainer has the agent stop the container; a sleeping agent hears nothing, and the task stays as it is.
func (c *Cloud) terminateContainer(cl *cell, t *task) {
	if !cl.awake(t) {
		return
	}
	takes := defaultStopTakes
	if d := cl.definitions[t.definition]; d != nil {
		if d.spec.StopTakes > 0 {
			takes = d.spec.StopTakes
		}
		takes = min(takes, d.spec.StopTimeout)
	}
	if t.last != taskStopping {
		c.setLast(cl, t, taskStopping)
	}
	c.next(t, takes, func() {
		if cl.awake(t) {
			c.deprovision(cl, t)
		}
	})
}

func (c *Cloud) deprovision(cl *cell, t *task) {
	if t.last != taskDeprovisioning {
		c.setLast(cl, t, taskDeprovisioning)
	}
	takes := time.Second
	if t.eni != "" {
		takes = deprovisionTakes
	}
	c.next(t, takes, func() {
		c.detach(cl, t)
		c.finish(cl, t)
	})
}

// finish makes the task STOPPED and forgets it an hour later, unless its container runs on without ECS.
func (c *Cloud) finish(cl *cell, t *task) {
	t.stoppedAt, t.desired = c.now, taskStopped
	if t.exitCode == nil && !t.orphan {
		code := 0
		t.exitCode = &code
	}
	t.step++
	c.setLast(cl, t, taskStopped)
	c.after(stoppedVisible, func() {
		if !t.orphan {
			cl.dropTask(t)
			c.touch()
		}
	})
}

// stop orders a task to end. Gently waits for the target groups before the container is told; StopTask does not.
func (c *Cloud) stopTask(cl *cell, t *task, reason, code string, gently bool) {
	if t.desired == taskStopped {
		return
	}
	t.desired, t.reason, t.code, t.stoppingAt = taskStopped, reason, code, c.now
	t.version++
	c.touch()
	c.kick(cl, t.cluster)
	registered := c.deregister(cl, t)
	if gently && registered && (t.last == taskRunning || t.last == taskActivating) {
		c.setLast(cl, t, taskDeactivating)
	}
	t.step++
	c.advance(cl, t)
}

// give ends a task at once in the eyes of ECS, its host being gone or given up.
func (c *Cloud) give(cl *cell, t *task, reason, code string, orphan bool) {
	if !t.alive() {
		return
	}
	if t.stoppingAt.IsZero() {
		t.stoppingAt = c.now
	}
	running := t.last == taskRunning || t.last == taskDeactivating || t.last == taskStopping || t.last == taskActivating
	t.desired, t.reason, t.code, t.orphan = taskStopped, reason, code, orphan && running
	c.deregister(cl, t)
	c.finish(cl, t)
	c.after(deprovisionTakes, func() { c.detach(cl, t) })
}

func (c *Cloud) attach(cl *cell, t *task) {
	if d := cl.definitions[t.definition]; d == nil || d.spec.NetworkMode != "awsvpc" || t.eni != "" {
		return
	}
	t.eni, t.ip = "eni-0"+c.hex(16), c.ip()
	machineID := ""
	if i := cl.instances[t.instance]; i != nil {
		machineID = i.ec2ID
	}
	cl.enis[t.eni] = &eni{id: t.eni, ip: t.ip, az: t.az, machine: machineID, attachedAt: c.now,
		description: "arn:aws:ecs:" + cl.key.region + ":" + cl.key.account + ":attachment/" + c.uuid()}
}

func (c *Cloud) detach(cl *cell, t *task) {
	if t.eni == "" {
		return
	}
	if cl.enis[t.eni] != nil {
		delete(cl.enis, t.eni)
		c.touch()
	}
}

func (c *Cloud) balancersOf(cl *cell, t *task) []BalancerSpec {
	if s := cl.services[t.service]; s != nil {
		return s.spec.Balancers
	}
	return nil
}

func (c *Cloud) deregistrationWait(cl *cell, t *task) time.Duration {
	var wait time.Duration
	for _, b := range c.balancersOf(cl, t) {
		if g := cl.targetGroups[b.TargetGroup]; g != nil {
			wait = max(wait, g.spec.DeregistrationWait)
		}
	}
	return wait
}

// register adds the task's targets; healthy ones at once when the estate is being built.
func (c *Cloud) register(cl *cell, t *task, healthy bool) {
	s := cl.services[t.service]
	for _, b := range c.balancersOf(cl, t) {
		g := cl.targetGroups[b.TargetGroup]
		if g == nil {
			continue
		}
		key := targetKey{group: g.arn, id: t.ip, port: b.ContainerPort}
		if i := cl.instances[t.instance]; g.spec.Type == "instance" && i != nil {
			key.id, key.port = i.ec2ID, t.hostPort(b.ContainerPort)
		}
		tg := &target{key: key, task: t.arn, az: t.az, state: "initial"}
		cl.targets[key] = tg
		if healthy {
			tg.state = "healthy"
			continue
		}
		what, where := g.shownTo()
		c.note(s, "registered 1 "+what+" in "+where)
		c.after(c.jitter(g.spec.HealthyAfter), func() {
			if tg.state == "initial" && cl.targets[key] == tg {
				tg.state = "healthy"
				c.touch()
				c.kick(cl, t.cluster)
			}
		})
	}
}

// deregister drains the task's targets, which leave after the group's delay; it reports whether there were any.
func (c *Cloud) deregister(cl *cell, t *task) bool {
	found := false
	s := cl.services[t.service]
	for key, tg := range maps.Clone(cl.targets) {
		if tg.task != t.arn || tg.state == "draining" {
			continue
		}
		found = true
		tg.state = "draining"
		g := cl.targetGroups[key.group]
		what, where := g.shownTo()
		c.after(g.spec.DeregistrationWait, func() {
			if cl.targets[key] == tg {
				delete(cl.targets, key)
				c.touch()
				c.note(s, "deregistered 1 "+what+" in "+where)
			}
		})
	}
	if found {
		c.note(s, "has begun draining connections on 1 tasks.")
		c.touch()
	}
	return found
}

// healthy reports whether the scheduler counts the task towards the minimum: RUNNING, and healthy in its target groups.
func (c *Cloud) healthy(cl *cell, t *task) bool {
	if !t.counted() {
		return false
	}
	balanced := c.balancersOf(cl, t)
	if len(balanced) == 0 {
		return c.now.Sub(t.startedAt) >= countsAfter
	}
	good := 0
	for _, tg := range cl.targets {
		if tg.task == t.arn && tg.state == "healthy" {
			good++
		}
	}
	return good >= len(balanced)
}

// note adds an event to the service; the newest hundred stay.
func (c *Cloud) note(s *service, text string) {
	if s == nil {
		return
	}
	events := append([]event{{id: c.uuid(), at: c.now, text: "(service " + s.name + ") " + text}}, s.events...)
	s.events = events[:min(len(events), 100)]
	c.touch()
}
