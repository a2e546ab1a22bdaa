package aws

import (
	"fmt"
	"slices"
	"time"
)

// What ECS does to the Auto Scaling group of a capacity provider.
const (
	scalingLooks = time.Minute // between two values of CapacityProviderReservation
	// lowFor is how long the value stays low before the group shrinks: target tracking wants 15 such minutes.
	// https://aws.amazon.com/blogs/containers/deep-dive-on-amazon-ecs-cluster-auto-scaling/
	lowFor = 15 * time.Minute
)

// ecsManages reports whether ECS may act on the group: its service-linked role (AmazonECSServiceRolePolicy) is allowed to
// protect instances and to complete hooks only where the group has the tag AmazonECSManaged.
func (g *group) ecsManages() bool {
	return slices.ContainsFunc(g.spec.Tags, func(t Tag) bool { return t.Key == "AmazonECSManaged" })
}

// managedBy returns the capacity provider that drains the group's instances before they go, nil when none does.
func (cl *cell) managedBy(g *group) *provider {
	if !g.ecsManages() {
		return nil
	}
	for _, p := range sorted(cl.providers) {
		if p.spec.Group == g.spec.Name && p.spec.ManagedDraining {
			return p
		}
	}
	return nil
}

// drainsFor is ECS hearing of the termination hook: it sets the instance to DRAINING. What is registered no more has
// nothing to drain.
func (c *Cloud) drainsFor(cl *cell, m *machine) bool {
	i := cl.instanceOf(m.id)
	if i == nil {
		return false
	}
	if i.status == statusActive {
		i.status = statusDraining
		i.version++
	}
	c.kick(cl, i.cluster)
	return true
}

// finishTerminations completes the hooks of managed drains whose instances are empty.
func (c *Cloud) finishTerminations(cl *cell) {
	for _, m := range sorted(cl.machines) {
		at := m.waitsFor(drainingHook, "")
		if at < 0 || m.lifecycle != terminatingWait {
			continue
		}
		i := cl.instanceOf(m.id)
		if i == nil && c.faults.strand {
			continue
		}
		if i == nil || !slices.ContainsFunc(cl.tasksOn(i.arn), (*task).alive) {
			c.completeHook(cl, m, at, resultContinue)
		}
	}
}

// busy reports whether the machine has tasks that are not daemons': those alone count for managed scaling and for managed
// termination protection.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-termination-protection.html
func (c *Cloud) busy(cl *cell, m *machine) bool {
	i := cl.instanceOf(m.id)
	return i != nil && slices.ContainsFunc(cl.tasksOn(i.arn), func(t *task) bool { return t.alive() && !c.isDaemon(cl, t) })
}

// protectBusy is managed termination protection: instances with tasks are protected from scale-in, the others are not. It
// needs managed scaling, the group's own protection of new instances, and the tag. A registration that is gone is nobody's
// business any more: its machine keeps what it had.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-termination-protection.html
func (c *Cloud) protectBusy(cl *cell) {
	for _, p := range sorted(cl.providers) {
		g := cl.groups[p.spec.Group]
		if !p.spec.TerminationProtection || !p.spec.ManagedScaling || g == nil || !g.ecsManages() || !g.spec.ProtectNew {
			continue
		}
		for _, m := range cl.membersOf(g.spec.Name) {
			if busy := c.busy(cl, m); cl.instanceOf(m.id) != nil && m.scaleIn != busy {
				c.protectMember(cl, g, m, busy)
			}
		}
	}
}

// scaleOut asks the managed scaling of the service's capacity provider for one more host.
func (c *Cloud) scaleOut(cl *cell, s *service) {
	for _, name := range s.spec.Strategy {
		p := cl.providers[name]
		if p == nil || !p.spec.ManagedScaling {
			continue
		}
		g := cl.groups[p.spec.Group]
		// One at a time: a host that has not registered yet is an answer on its way. Its scaling policy hears of nothing
		// while AlarmNotification is suspended.
		// https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-how-suspending-processes-affects-other-processes.html
		if g == nil || g.desired >= g.spec.Max || c.arriving(cl, g) || g.suspends("AlarmNotification") || g.suspends("Launch") {
			continue
		}
		g.desired++
		c.touch()
		c.refill(cl, g)
	}
}

func (c *Cloud) arriving(cl *cell, g *group) bool {
	for _, m := range cl.machines {
		if m.group == g.spec.Name && m.serves() && cl.instanceOf(m.id) == nil {
			return true
		}
	}
	return false
}

// watchReservation looks at the provider's CapacityProviderReservation each minute, and shrinks its group once the value
// was below the target for 15 minutes.
func (c *Cloud) watchReservation(cl *cell, p *provider) {
	c.after(scalingLooks, func() {
		c.scaleIn(cl, p)
		c.watchReservation(cl, p)
	})
}

// scaleIn: CapacityProviderReservation is 100 × the instances that run non-daemon tasks ÷ those that the group has.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html
func (c *Cloud) scaleIn(cl *cell, p *provider) {
	g := cl.groups[p.spec.Group]
	if g == nil {
		return
	}
	needed, have := 0, 0
	for _, m := range cl.membersOf(g.spec.Name) {
		if m.lifecycle == inService {
			have++
			if c.busy(cl, m) {
				needed++
			}
		}
	}
	if have == 0 || 100*needed >= p.spec.TargetCapacity*have || c.arriving(cl, g) {
		p.lowSince = time.Time{}
		return
	}
	if p.lowSince.IsZero() {
		p.lowSince = c.now
	}
	if c.now.Sub(p.lowSince) < lowFor || g.suspends("AlarmNotification") || g.suspends("Terminate") {
		return
	}
	want := max(g.spec.Min, (100*needed+p.spec.TargetCapacity-1)/p.spec.TargetCapacity)
	if want < g.desired {
		c.shrinkTo(cl, g, want, fmt.Sprintf("a monitor alarm TargetTracking-%s-AlarmLow in state ALARM triggered policy ECSManagedAutoScalingPolicy", g.spec.Name))
	}
	p.lowSince = time.Time{}
}
