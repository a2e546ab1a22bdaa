package aws

import "time"

const (
	shutdownTakes     = 20 * time.Second
	inactiveAfter     = 30 * time.Second // EC2 termination of an instance with a connected agent, to INACTIVE
	terminatedVisible = time.Hour
)

// terminateMachine begins EC2 termination.
func (c *Cloud) terminateMachine(cl *cell, m *machine, code, message string) {
	if m.state == ec2ShuttingDown || m.state == ec2Terminated {
		return
	}
	stopped := m.state == ec2Stopped
	c.spotLeft(cl, m)
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
		c.after(terminatedVisible, func() { c.forget(cl, m) })
	})
	c.memberFails(cl, m)
}

// forget takes a terminated machine out of what EC2 answers.
func (c *Cloud) forget(cl *cell, m *machine) {
	delete(cl.machines, m.id)
	cl.forgotten = append(cl.forgotten, m.id)
	c.touch()
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
	c.memberFails(cl, m)
}
