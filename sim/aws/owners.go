package aws

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	shutdownTakes      = 20 * time.Second
	inactiveAfter      = 30 * time.Second // EC2 termination of an instance with a connected agent, to INACTIVE
	terminatedVisible  = time.Hour
	replacementStarts  = 20 * time.Second
	replacementBoots   = 70 * time.Second // launch to registration
	healthCheckNotices = time.Minute      // until Auto Scaling sees that a member is gone
	managedDrainLimit  = 48 * time.Hour
)

// terminateMachine begins EC2 termination.
func (c *Cloud) terminateMachine(cl *cell, m *machine, code, message string) {
	if m.state == ec2ShuttingDown || m.state == ec2Terminated {
		return
	}
	stopped := m.state == ec2Stopped
	m.state, m.stateReason = ec2ShuttingDown, [2]string{code, message}
	c.touch()
	connected := false
	for _, i := range sorted(cl.instances) {
		if i.ec2ID == m.id && i.status != statusInactive && i.connected && !stopped {
			connected = true
			c.after(inactiveAfter, func() { c.hostGone(cl, i) })
		}
	}
	c.after(shutdownTakes, func() {
		m.state, m.endedAt = ec2Terminated, c.now
		c.powerOff(cl, m, !connected)
		c.after(terminatedVisible, func() {
			delete(cl.machines, m.id)
			c.touch()
		})
	})
	c.memberLeft(cl, m)
}

// powerOff is the end of everything that ran on the host. ECS hears of it only through a connected agent.
func (c *Cloud) powerOff(cl *cell, m *machine, unheard bool) {
	for _, t := range cl.tasksWhere(func(t *task) bool { return t.host == m.id }) {
		t.orphan = false
		if unheard {
			c.targetsDown(cl, t)
		}
	}
	for _, i := range sorted(cl.instances) {
		if i.ec2ID != m.id {
			continue
		}
		if i.status != statusInactive && unheard {
			c.disconnect(i)
		}
		c.kick(cl, i.cluster)
	}
	c.touch()
}

func (c *Cloud) targetsDown(cl *cell, t *task) {
	for _, tg := range cl.targets {
		if tg.task == t.arn && tg.state != "draining" {
			tg.state = "unhealthy"
		}
	}
}

func (c *Cloud) disconnect(i *instance) {
	if i.connected {
		i.connected, i.disconnectedAt = false, c.now
		i.version++
		c.touch()
	}
}

func (c *Cloud) connect(cl *cell, i *instance) {
	if i.connected || i.status == statusInactive {
		return
	}
	i.connected, i.disconnectedAt = true, time.Time{}
	i.version++
	for _, t := range cl.tasksOn(i.arn) {
		if t.alive() && (t.desired != taskRunning || t.last != taskRunning) {
			c.advance(cl, t)
		}
	}
	c.touch()
	c.kick(cl, i.cluster)
}

// hostGone is what ECS does by itself when a connected instance was terminated.
func (c *Cloud) hostGone(cl *cell, i *instance) {
	if i.status == statusInactive {
		return
	}
	for _, t := range cl.tasksOn(i.arn) {
		c.give(cl, t, "Host EC2 (instance "+i.ec2ID+") terminated.", "TerminationNotice", false)
	}
	c.retire(cl, i)
}

// retire makes a container instance INACTIVE; its description stays for an hour.
func (c *Cloud) retire(cl *cell, i *instance) {
	i.status, i.connected, i.inactiveAt = statusInactive, false, c.now
	i.version++
	c.touch()
	c.kick(cl, i.cluster)
	c.after(inactiveVisible, func() {
		delete(cl.instances, i.arn)
		c.touch()
	})
}

// stopMachine is EC2 StopInstances: containers end, the agent goes, ECS keeps saying ACTIVE.
func (c *Cloud) stopMachine(cl *cell, m *machine) {
	if m.state != ec2Running {
		return
	}
	m.state = ec2Stopping
	m.stateReason = [2]string{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	c.touch()
	c.after(shutdownTakes, func() {
		m.state = ec2Stopped
		c.powerOff(cl, m, true)
	})
}

// memberLeft has the Auto Scaling group notice that a member was terminated behind its back.
func (c *Cloud) memberLeft(cl *cell, m *machine) {
	g := cl.groups[m.group]
	if g == nil || m.lifecycle != inService {
		return
	}
	c.after(healthCheckNotices, func() {
		if m.lifecycle == inService {
			a := c.startActivity(cl, g.spec.Name, "Terminating EC2 instance: "+m.id,
				"an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.")
			m.terminatingFor = a.id
			m.lifecycle = terminating
			c.leave(cl, m)
			c.refill(cl, g)
		}
	})
}

func (c *Cloud) leave(cl *cell, m *machine) {
	c.after(shutdownTakes, func() {
		m.lifecycle = "Terminated"
		if a := cl.activities[m.terminatingFor]; a != nil {
			a.status, a.progress, a.end = "Successful", 100, c.now
		}
		c.touch()
	})
}

func (c *Cloud) startActivity(cl *cell, groupName, description, cause string) *activity {
	a := &activity{
		id: c.uuid(), group: groupName, description: description, start: c.now, status: "InProgress", progress: 0,
		cause: "At " + c.now.UTC().Format(time.RFC3339) + " " + cause,
	}
	cl.activities[a.id] = a
	c.touch()
	return a
}

// members counts what the group holds towards its desired capacity.
func (cl *cell) members(groupName string) int {
	n := 0
	for _, m := range cl.machines {
		if m.group == groupName && (m.lifecycle == inService || m.lifecycle == "Pending") {
			n++
		}
	}
	return n
}

// refill launches what the group lacks.
func (c *Cloud) refill(cl *cell, g *group) {
	if slices.Contains(g.spec.Suspended, "Launch") {
		return
	}
	for n := g.desired - cl.members(g.spec.Name); n > 0; n-- {
		c.launchMember(cl, g)
	}
}

func (c *Cloud) launchMember(cl *cell, g *group) {
	az := g.spec.AZs[0]
	least := -1
	for _, zone := range g.spec.AZs {
		n := 0
		for _, m := range cl.machines {
			if m.group == g.spec.Name && m.az == zone && (m.lifecycle == inService || m.lifecycle == "Pending") {
				n++
			}
		}
		if least < 0 || n < least {
			az, least = zone, n
		}
	}
	m := c.newMachine(cl, InstanceSpec{AZ: az, Type: g.spec.InstanceType, Group: g.spec.Name, ScaleIn: g.spec.ProtectNew, Tags: g.inherited()})
	m.state, m.lifecycle = ec2Pending, "Pending"
	a := c.startActivity(cl, g.spec.Name, "Launching a new EC2 instance: "+m.id,
		fmt.Sprintf("an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d.", cl.members(g.spec.Name)-1, g.desired))
	c.after(replacementStarts, func() {
		if m.state == ec2Pending {
			m.state, m.lifecycle = ec2Running, inService
			a.status, a.progress, a.end = "Successful", 100, c.now
			c.touch()
		}
	})
	c.after(replacementStarts+replacementBoots, func() {
		if m.state == ec2Running && g.spec.Cluster != "" {
			h := g.spec.Host
			c.newInstance(cl, g.spec.Cluster, m, InstanceSpec{Provider: g.spec.Provider, Tags: m.tags, CPU: h.CPU, Memory: h.Memory, GPUs: h.GPUs, Attributes: h.Attributes})
		}
	})
}

func (g *group) inherited() []Tag {
	out := []Tag{{"aws:autoscaling:groupName", g.spec.Name}}
	return append(out, g.spec.Tags...)
}

// scaleOut asks the managed scaling of the service's capacity provider for one more host.
func (c *Cloud) scaleOut(cl *cell, s *service) {
	for _, name := range s.spec.Strategy {
		p := cl.providers[name]
		if p == nil || !p.spec.ManagedScaling {
			continue
		}
		g := cl.groups[p.spec.Group]
		// One at a time: a host that has not registered yet is an answer on its way.
		if g == nil || g.desired >= g.spec.Max || c.arriving(cl, g) {
			continue
		}
		g.desired++
		c.touch()
		c.refill(cl, g)
	}
}

func (c *Cloud) arriving(cl *cell, g *group) bool {
	for _, m := range cl.machines {
		if m.group == g.spec.Name && (m.lifecycle == inService || m.lifecycle == "Pending") && cl.instanceOf(m.id) == nil {
			return true
		}
	}
	return false
}

// managedBy returns the capacity provider that drains the group's instances before they go, nil when none does. The
// service-linked role may act only on groups tagged AmazonECSManaged.
func (cl *cell) managedBy(g *group) *provider {
	if !slices.ContainsFunc(g.spec.Tags, func(t Tag) bool { return t.Key == "AmazonECSManaged" }) {
		return nil
	}
	for _, p := range sorted(cl.providers) {
		if p.spec.Group == g.spec.Name && p.spec.ManagedDraining {
			return p
		}
	}
	return nil
}

// terminateMember is TerminateInstanceInAutoScalingGroup after its checks.
func (c *Cloud) terminateMember(cl *cell, g *group, m *machine, decrement bool) *activity {
	cause := "instance " + m.id + " was taken out of service in response to a user request"
	if decrement {
		cause += fmt.Sprintf(", shrinking the capacity from %d to %d.", g.desired, g.desired-1)
		g.desired--
	} else {
		cause += "."
	}
	a := c.startActivity(cl, g.spec.Name, "Terminating EC2 instance: "+m.id, cause)
	m.terminatingFor = a.id
	wait := time.Duration(0)
	for _, h := range g.spec.Hooks {
		if h.Transition == "autoscaling:EC2_INSTANCE_TERMINATING" {
			wait = max(wait, h.Heartbeat)
		}
	}
	switch i := cl.instanceOf(m.id); {
	case cl.managedBy(g) != nil && i != nil:
		m.lifecycle = terminatingWait
		if i.status == statusActive {
			i.status = statusDraining
			i.version++
		}
		c.kick(cl, i.cluster)
		c.after(managedDrainLimit, func() { c.completeTermination(cl, m) })
	case wait > 0:
		m.lifecycle = terminatingWait
		c.after(wait, func() { c.completeTermination(cl, m) })
	default:
		m.lifecycle = terminatingWait
		c.completeTermination(cl, m)
	}
	c.after(time.Second, func() { c.refill(cl, g) })
	c.touch()
	return a
}

// finishTerminations completes the managed drains whose instances are empty.
func (c *Cloud) finishTerminations(cl *cell) {
	for _, m := range sorted(cl.machines) {
		g := cl.groups[m.group]
		if m.lifecycle != terminatingWait || g == nil || cl.managedBy(g) == nil {
			continue
		}
		i := cl.instanceOf(m.id)
		if i == nil || !slices.ContainsFunc(cl.tasksOn(i.arn), (*task).alive) {
			c.completeTermination(cl, m)
		}
	}
}

func (c *Cloud) completeTermination(cl *cell, m *machine) {
	if m.lifecycle != terminatingWait {
		return
	}
	m.lifecycle = "Terminating:Proceed"
	c.terminateMachine(cl, m, "Server.UserInitiatedShutdown", "User initiated (Auto Scaling)")
	c.leave(cl, m)
}

// isTerminating reports the lifecycle states in which Auto Scaling is taking the instance out.
func isTerminating(lifecycle string) bool { return strings.HasPrefix(lifecycle, terminating) }
