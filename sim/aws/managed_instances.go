package aws

import "time"

// What ECS does by itself to Managed Instances.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_InfrastructureOptimization.html

// drainEnforced is "typically" how long after the beginning of a drain ECS deregisters the instance by force, whatever runs.
const drainEnforced = 7 * 24 * time.Hour

func (cl *cell) isManaged(i *instance) bool {
	p, host := cl.providers[i.provider], cl.machines[i.ec2ID]
	return p != nil && p.spec.ManagedInstances || host != nil && host.managed
}

// managedPass ends idle instances after their provider's scaleInAfter, and drains that last too long.
func (c *Cloud) managedPass(cl *cell, clusterARN string) {
	for _, i := range sorted(cl.instances) {
		if i.cluster != clusterARN || i.status == statusInactive || !cl.isManaged(i) {
			continue
		}
		c.daemonPass(cl, i)
		c.whileIdle(cl, i)
		c.whileDraining(cl, i)
	}
}

// whileIdle takes an instance for idle that has no tasks but its daemons': every instance has those.
func (c *Cloud) whileIdle(cl *cell, i *instance) {
	for _, t := range cl.tasksOn(i.arn) {
		if t.alive() && t.daemon == "" {
			i.idleSince = time.Time{}
			return
		}
	}
	p := cl.providers[i.provider]
	if p == nil || p.spec.ScaleInAfter <= 0 || !i.idleSince.IsZero() {
		return
	}
	since := c.now
	i.idleSince = since
	c.after(p.spec.ScaleInAfter, func() {
		if i.idleSince.Equal(since) {
			c.endManaged(cl, i)
		}
	})
}

func (c *Cloud) whileDraining(cl *cell, i *instance) {
	if i.status != statusDraining {
		i.drainSince = time.Time{}
		return
	}
	if !i.drainSince.IsZero() {
		return
	}
	since := c.now
	i.drainSince = since
	c.after(drainEnforced, func() {
		if i.drainSince.Equal(since) {
			c.endManaged(cl, i)
		}
	})
}

// endManaged deregisters a Managed Instance by force, which terminates it with all that runs there.
func (c *Cloud) endManaged(cl *cell, i *instance) {
	if i.status == statusInactive {
		return
	}
	for _, t := range cl.tasksOn(i.arn) {
		c.give(cl, t, ForcedReason, "UserInitiated", false)
	}
	c.retire(cl, i)
	if host := cl.machines[i.ec2ID]; host != nil {
		c.terminateMachine(cl, host, "Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: deregistered from Amazon ECS by force")
	}
}

// scaleInAfter is in seconds, -1 for never.
func (p ProviderSpec) scaleInAfter() int {
	if p.ScaleInAfter <= 0 {
		return -1
	}
	return int(p.ScaleInAfter / time.Second)
}
