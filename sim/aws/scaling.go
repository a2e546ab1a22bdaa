package aws

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What Auto Scaling does to the members of a group. AWS publishes none of these durations.
const (
	replacementStarts  = 20 * time.Second
	replacementBoots   = 70 * time.Second // launch to registration
	warmStarts         = 10 * time.Second // an instance of the warm pool starts
	healthCheckNotices = time.Minute      // until Auto Scaling sees that a member is gone
	statusMidLifecycle = "MidLifecycleAction"
	statusSuccessful   = "Successful"
)

// suspends reports whether the group's process is suspended.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
func (g *group) suspends(process string) bool { return slices.Contains(g.suspended, process) }

// serves reports the members that count towards the desired capacity: those in service or on their way there. Standby and
// the warm pool do not count.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
func (m *machine) serves() bool {
	return m.lifecycle == inService || strings.HasPrefix(m.lifecycle, lifecyclePending)
}

// isTerminating reports the lifecycle states in which Auto Scaling is taking the instance out.
func isTerminating(lifecycle string) bool { return strings.HasPrefix(lifecycle, terminating) }

// membersOf are the machines of the group that Auto Scaling still lists.
func (cl *cell) membersOf(groupName string) []*machine {
	var out []*machine
	for _, m := range sorted(cl.machines) {
		if m.group == groupName && m.inGroup() {
			out = append(out, m)
		}
	}
	return out
}

// members counts what the group holds towards its desired capacity.
func (cl *cell) members(groupName string) int {
	n := 0
	for _, m := range cl.machines {
		if m.group == groupName && m.serves() {
			n++
		}
	}
	return n
}

// memberFails has the health checks of the group notice that a member does not run any more. What is in Standby is not
// checked. A machine that is gone is replaced without its termination hooks: there is nothing left that they could wait for.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
func (c *Cloud) memberFails(cl *cell, m *machine) {
	g := cl.groups[m.group]
	if g == nil || m.lifecycle != inService {
		return
	}
	c.after(healthCheckNotices, func() {
		// A suspended HealthCheck marks nothing unhealthy; a suspended ReplaceUnhealthy or Terminate leaves it there.
		// https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-how-suspending-processes-affects-other-processes.html
		if m.lifecycle != inService || m.state == ec2Running || g.suspends("HealthCheck") || g.suspends("ReplaceUnhealthy") || g.suspends("Terminate") {
			return
		}
		cause := "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped."
		if m.state == ec2ShuttingDown || m.state == ec2Terminated {
			m.terminatingFor, m.lifecycle = c.startActivity(cl, g.spec.Name, "Terminating EC2 instance: "+m.id, cause).id, terminating
			c.leave(cl, m)
		} else {
			c.takeOut(cl, g, m, cause)
		}
		c.refill(cl, g)
	})
}

func (c *Cloud) leave(cl *cell, m *machine) {
	c.after(shutdownTakes, func() {
		m.lifecycle = "Terminated"
		c.endActivity(cl, m.terminatingFor, statusSuccessful)
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

func (c *Cloud) endActivity(cl *cell, id, status string) {
	if a := cl.activities[id]; a != nil {
		a.status, a.progress, a.end = status, 100, c.now
	}
	c.touch()
}

// refill launches what the group lacks.
func (c *Cloud) refill(cl *cell, g *group) {
	for n := g.desired - cl.members(g.spec.Name); n > 0 && !g.suspends("Launch"); n-- {
		c.launchMember(cl, g)
	}
}

// zoneCounts is how many serving members each zone of the group has.
func (cl *cell) zoneCounts(g *group) map[string]int {
	out := map[string]int{}
	for _, m := range cl.machines {
		if m.group == g.spec.Name && m.serves() {
			out[m.az]++
		}
	}
	return out
}

// launchMember starts one more member in the zone with the fewest, from the warm pool if there is one.
func (c *Cloud) launchMember(cl *cell, g *group) *machine {
	before := cl.members(g.spec.Name)
	m := c.warm(cl, g)
	boots := warmStarts
	if m == nil {
		counts := cl.zoneCounts(g)
		az := slices.MinFunc(g.spec.AZs, func(a, b string) int { return counts[a] - counts[b] })
		m = c.newMachine(cl, InstanceSpec{AZ: az, Type: g.spec.InstanceType, Group: g.spec.Name, ScaleIn: g.spec.ProtectNew, Tags: g.inherited()})
		boots = replacementStarts
	}
	m.state, m.lifecycle = ec2Pending, lifecyclePending
	a := c.startActivity(cl, g.spec.Name, "Launching a new EC2 instance: "+m.id,
		fmt.Sprintf("an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d.", before, before+1))
	c.after(boots, func() {
		if m.state == ec2Pending {
			m.state = ec2Running
			c.awaitHooks(cl, g, m, hookLaunching, a.id)
			return
		}
		m.lifecycle = terminating // it ended before it was there
		c.endActivity(cl, a.id, "Failed")
		c.leave(cl, m)
		c.refill(cl, g)
	})
	c.after(boots+replacementBoots, func() { c.boots(cl, g, m) })
	return m
}

// enterService ends a launch. What failed on the way, the health checks see now.
func (c *Cloud) enterService(cl *cell, m *machine) {
	m.lifecycle = inService
	c.touch()
	if m.state != ec2Running {
		c.memberFails(cl, m)
	}
}

// boots registers the launched machine with the group's cluster; one that was there before, its agent remembers.
func (c *Cloud) boots(cl *cell, g *group, m *machine) {
	if m.state != ec2Running || g.spec.Cluster == "" {
		return
	}
	if i := cl.instanceOf(m.id); i != nil {
		c.connect(cl, i)
		return
	}
	h := g.spec.Host
	c.newInstance(cl, g.spec.Cluster, m, InstanceSpec{Provider: g.spec.Provider, Tags: m.tags, CPU: h.CPU, Memory: h.Memory, GPUs: h.GPUs, Attributes: h.Attributes})
}

// warm takes an instance out of the group's warm pool, nil when it has none.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
func (c *Cloud) warm(cl *cell, g *group) *machine {
	for _, m := range cl.membersOf(g.spec.Name) {
		if strings.HasPrefix(m.lifecycle, lifecycleWarmed) {
			return m
		}
	}
	return nil
}

func (g *group) inherited() []Tag {
	out := []Tag{{"aws:autoscaling:groupName", g.spec.Name}}
	return append(out, g.spec.Tags...)
}

// takeOut begins the termination of a member: its hooks first, then the machine.
func (c *Cloud) takeOut(cl *cell, g *group, m *machine, cause string) *activity {
	a := c.startActivity(cl, g.spec.Name, "Terminating EC2 instance: "+m.id, cause)
	m.terminatingFor, m.lifecycle = a.id, terminating
	c.awaitHooks(cl, g, m, hookTerminating, a.id)
	c.touch()
	return a
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
	a := c.takeOut(cl, g, m, cause)
	c.after(time.Second, func() {
		c.refill(cl, g)
		c.rebalance(cl, g)
	})
	return a
}

// shrinkTo lowers the desired capacity and ends members down to it: in the zone with the most, the oldest first, never
// one that is protected from scale-in. Where all are, the desired capacity stands and an activity says why it is not met.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html
func (c *Cloud) shrinkTo(cl *cell, g *group, desired int, why string) {
	cause := fmt.Sprintf("%s changing the desired capacity from %d to %d.", why, g.desired, desired)
	g.desired = desired
	c.touch()
	c.trim(cl, g, cause)
	c.rebalance(cl, g)
}

// trim ends what the group has too many of, as far as it may.
func (c *Cloud) trim(cl *cell, g *group, cause string) {
	for cl.members(g.spec.Name) > g.desired && !g.suspends("Terminate") && !g.balancing {
		m := cl.scaleInChoice(g)
		if m == nil {
			a := c.startActivity(cl, g.spec.Name, "Could not scale to desired capacity because all remaining instances are protected from scale in.", cause)
			c.endActivity(cl, a.id, "Failed")
			return
		}
		c.takeOut(cl, g, m, cause)
	}
}

// protectMember sets a member's scale-in protection. What it held back goes on once it ends.
func (c *Cloud) protectMember(cl *cell, g *group, m *machine, on bool) {
	m.scaleIn = on
	c.touch()
	if !on {
		c.trim(cl, g, "an instance is protected from scale in no more.")
	}
}

// scaleInChoice is the member that a scale-in ends next, nil when it may end none.
func (cl *cell) scaleInChoice(g *group) *machine {
	counts := cl.zoneCounts(g)
	var best *machine
	for _, m := range cl.membersOf(g.spec.Name) {
		if m.lifecycle != inService || m.scaleIn {
			continue
		}
		if best == nil || counts[m.az] > counts[best.az] || counts[m.az] == counts[best.az] && m.launchedAt.Before(best.launchedAt) {
			best = m
		}
	}
	return best
}

// rebalance evens out the zones once a change left them two or more apart: it launches first, over the desired capacity
// and for that while over the maximum, and ends a member of the fullest zone once the new one is in service.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html
func (c *Cloud) rebalance(cl *cell, g *group) {
	if g.suspends("AZRebalance") || g.suspends("Launch") || g.balancing || len(g.spec.AZs) < 2 {
		return
	}
	counts := cl.zoneCounts(g)
	compare := func(a, b string) int { return counts[a] - counts[b] }
	full, empty := slices.MaxFunc(g.spec.AZs, compare), slices.MinFunc(g.spec.AZs, compare)
	if counts[full]-counts[empty] < 2 {
		return
	}
	g.balancing = true
	m := c.launchMember(cl, g)
	c.whenInService(m, func(in bool) {
		g.balancing = false
		if !in || g.suspends("Terminate") || cl.members(g.spec.Name) <= g.desired {
			return
		}
		if old := cl.scaleInChoice(g); old != nil && old != m && old.az == full {
			c.takeOut(cl, g, old, "instances were launched to balance instances in zones "+empty+" with other zones resulting in more than desired number of instances in the group. An instance was terminated to compensate.")
		}
		c.rebalance(cl, g)
	})
}

// whenInService calls do once the machine is in service, or once it never will be.
func (c *Cloud) whenInService(m *machine, do func(in bool)) {
	if m.lifecycle == inService || !m.serves() || m.state == ec2Terminated {
		do(m.lifecycle == inService)
		return
	}
	c.after(10*time.Second, func() { c.whenInService(m, do) })
}

// standby takes a member out of service and leaves it running: Auto Scaling ignores it, ECS does not know.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html
func (c *Cloud) standby(cl *cell, g *group, m *machine, decrement bool) *activity {
	a := c.startActivity(cl, g.spec.Name, "Moving EC2 instance to Standby: "+m.id, "instance "+m.id+" was moved to standby in response to a user request.")
	m.lifecycle = "EnteringStandby"
	if decrement {
		g.desired--
	}
	c.after(time.Second, func() {
		if m.lifecycle == "EnteringStandby" {
			m.lifecycle = lifecycleStandby
		}
		c.endActivity(cl, a.id, statusSuccessful)
		c.refill(cl, g)
	})
	return a
}

// unstandby brings it back and raises the desired capacity by one.
func (c *Cloud) unstandby(cl *cell, g *group, m *machine) *activity {
	a := c.startActivity(cl, g.spec.Name, "Moving EC2 instance out of Standby: "+m.id, "instance "+m.id+" was moved out of standby in response to a user request.")
	m.lifecycle = lifecyclePending
	g.desired++
	c.after(warmStarts, func() {
		if m.lifecycle == lifecyclePending {
			c.enterService(cl, m)
		}
		c.endActivity(cl, a.id, statusSuccessful)
	})
	return a
}

// detachMember makes a member an instance of its own, which loses its protection from scale-in. Its tag is left: a reader
// that trusts the tag alone takes it for a member still.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html
func (c *Cloud) detachMember(cl *cell, g *group, m *machine, decrement bool) *activity {
	a := c.startActivity(cl, g.spec.Name, "Detaching EC2 instance: "+m.id, "instance "+m.id+" was detached in response to a user request.")
	m.lifecycle = "Detaching"
	if decrement {
		g.desired--
	}
	c.after(2*time.Second, func() {
		m.lifecycle, m.group, m.scaleIn = "", "", false
		c.endActivity(cl, a.id, statusSuccessful)
		c.refill(cl, g)
		c.rebalance(cl, g)
	})
	return a
}
