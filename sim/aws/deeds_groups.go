package aws

import (
	"fmt"
	"slices"
)

// Deeds done to Auto Scaling groups and their members behind every client's back.

func (c *Cloud) onGroup(what, name string, do func(cl *cell, g *group) error) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		if g := cl.groups[name]; g != nil {
			if err := do(cl, g); err != nil {
				return fmt.Errorf("%s %s: %w", what, name, err)
			}
			c.touch()
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w", what, name, errNoSuch)
}

func (c *Cloud) onMember(what, ec2ID string, do func(cl *cell, g *group, mc *machine) error) error {
	return c.onMachine(what, ec2ID, func(cl *cell, mc *machine, _ *instance) error {
		if mc == nil || !mc.inGroup() {
			return errNoSuch
		}
		return do(cl, cl.groups[mc.group], mc)
	})
}

// Suspend suspends a process of the Auto Scaling group (Launch, Terminate, AZRebalance …), or resumes it.
func (c *Cloud) Suspend(groupName, process string, on bool) error {
	return c.onGroup("suspending "+process+" of", groupName, func(cl *cell, g *group) error {
		if !slices.Contains(processes, process) {
			return errNoSuch
		}
		c.suspendProcesses(cl, g, []string{process}, on)
		return nil
	})
}

// SetDesired changes the desired capacity of the Auto Scaling group, as SetDesiredCapacity does.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetDesiredCapacity.html
func (c *Cloud) SetDesired(groupName string, want int) error {
	return c.onGroup("setting the capacity of", groupName, func(cl *cell, g *group) error {
		if want < g.spec.Min || want > g.spec.Max {
			return fmt.Errorf("%d is not between %d and %d", want, g.spec.Min, g.spec.Max)
		}
		c.desire(cl, g, want)
		return nil
	})
}

// AddHook gives the Auto Scaling group one more lifecycle hook. Members that wait already do not wait for it.
func (c *Cloud) AddHook(groupName string, h HookSpec) error {
	return c.onGroup("adding a hook to", groupName, func(_ *cell, g *group) error {
		hooks, err := checkedHooks(append(slices.Clone(g.spec.Hooks), h))
		if err == nil {
			g.spec.Hooks = hooks
		}
		return err
	})
}

// CompleteHook completes the lifecycle action of the instance with CONTINUE or ABANDON, as the hook's owner would.
func (c *Cloud) CompleteHook(ec2ID, name, result string) error {
	return c.onMember("completing the hook "+name+" of", ec2ID, func(cl *cell, _ *group, mc *machine) error {
		at := mc.waitsFor(name, "")
		if at < 0 || result != resultContinue && result != resultAbandon {
			return errNoSuch
		}
		c.completeHook(cl, mc, at, result)
		return nil
	})
}

// Retire has somebody else terminate a member through its group, which replaces it or shrinks.
func (c *Cloud) Retire(ec2ID string, shrink bool) error {
	return c.onMember("retiring", ec2ID, func(cl *cell, g *group, mc *machine) error {
		if isTerminating(mc.lifecycle) || shrink && g.desired <= g.spec.Min {
			return errNoSuch
		}
		c.terminateMember(cl, g, mc, shrink)
		return nil
	})
}

// Standby moves a member to Standby, with its capacity given up, or back into service.
func (c *Cloud) Standby(ec2ID string, on bool) error {
	return c.onMember("moving to or from standby", ec2ID, func(cl *cell, g *group, mc *machine) error {
		switch {
		case on && mc.lifecycle == inService:
			c.standby(cl, g, mc, g.desired > g.spec.Min)
		case !on && mc.lifecycle == lifecycleStandby:
			c.unstandby(cl, g, mc)
		default:
			return errNoSuch
		}
		return nil
	})
}

// ProtectFromScaleIn gives a member scale-in protection, or takes it away.
func (c *Cloud) ProtectFromScaleIn(ec2ID string, on bool) error {
	return c.onMember("protecting", ec2ID, func(cl *cell, g *group, mc *machine) error {
		c.protectMember(cl, g, mc, on)
		return nil
	})
}
