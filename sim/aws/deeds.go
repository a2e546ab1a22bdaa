package aws

import (
	"fmt"
	"slices"
	"time"
)

// Deeds done to the estate behind every client's back.

// onMachine runs do on the EC2 instance of that id, wherever it is.
func (c *Cloud) onMachine(what, ec2ID string, do func(cl *cell, mc *machine, i *instance) error) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		if mc, i := cl.machines[ec2ID], cl.instanceOf(ec2ID); mc != nil || i != nil {
			if err := do(cl, mc, i); err != nil {
				return fmt.Errorf("%s %s: %w", what, ec2ID, err)
			}
			c.touch()
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w", what, ec2ID, errNoSuch)
}

// DisconnectAgent cuts the ECS agent of the instance off. Its containers run on.
func (c *Cloud) DisconnectAgent(ec2ID string) error {
	return c.onMachine("disconnecting the agent of", ec2ID, func(_ *cell, _ *machine, i *instance) error {
		if i == nil {
			return errNoSuch
		}
		c.disconnect(i)
		return nil
	})
}

// ConnectAgent lets the agent come back; it needs a running EC2 instance.
func (c *Cloud) ConnectAgent(ec2ID string) error {
	return c.onMachine("connecting the agent of", ec2ID, func(cl *cell, mc *machine, i *instance) error {
		if i == nil || mc == nil || mc.state != ec2Running {
			return errNoSuch
		}
		c.connect(cl, i)
		return nil
	})
}

// StopEC2 stops the EC2 instance. ECS goes on calling its container instance ACTIVE, with its agent not connected.
func (c *Cloud) StopEC2(ec2ID string) error {
	return c.onMachine("stopping", ec2ID, func(cl *cell, mc *machine, _ *instance) error {
		if mc == nil {
			return errNoSuch
		}
		c.stopMachine(cl, mc)
		return nil
	})
}

// TerminateEC2 terminates the EC2 instance, protected or not, as its owner might.
func (c *Cloud) TerminateEC2(ec2ID string) error {
	return c.onMachine("terminating", ec2ID, func(cl *cell, mc *machine, _ *instance) error {
		if mc == nil {
			return errNoSuch
		}
		c.terminateMachine(cl, mc, "Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
		return nil
	})
}

// ReRegister registers the EC2 instance a second time, under a new ARN, in the cluster of that name: what an agent does
// that lost its checkpoint. The former registration stays as it is, with its agent not connected. It returns the new ARN.
func (c *Cloud) ReRegister(ec2ID, clusterName string) (string, error) {
	var arn string
	err := c.onMachine("registering", ec2ID, func(cl *cell, mc *machine, i *instance) error {
		if mc == nil || mc.state != ec2Running || cl.clusters[clusterName] == nil {
			return errNoSuch
		}
		if i != nil {
			c.disconnect(i)
		}
		arn = c.newInstance(cl, clusterName, mc, InstanceSpec{}).arn
		return nil
	})
	return arn, err
}

// PlaceTask starts one more task of the task definition on the instance, belonging to no service, as RunTask of
// somebody else would, or StartTask, which ignores DRAINING. It
// returns the task's ARN, or an error when the instance has no room or no agent for it.
func (c *Cloud) PlaceTask(ec2ID, taskDefinition, startedBy string) (string, error) {
	var arn string
	err := c.onMachine("placing a task on", ec2ID, func(cl *cell, _ *machine, i *instance) error {
		if i == nil {
			return errNoSuch
		}
		d := cl.findDefinition(taskDefinition)
		if d == nil {
			return fmt.Errorf("task definition %q: %w", taskDefinition, errNoSuch)
		}
		if _, reason := c.resources(cl, d, i); reason != "" {
			return fmt.Errorf("the instance %s", reason)
		}
		t := c.newTask(cl, i.cluster, d, i)
		t.startedBy, arn = startedBy, t.arn
		c.advance(cl, t)
		return nil
	})
	return arn, err
}

// onTask runs do on the task.
func (c *Cloud) onTask(what, arn string, do func(cl *cell, t *task)) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		if t := cl.tasks[arn]; t != nil {
			do(cl, t)
			c.touch()
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w", what, arn, errNoSuch)
}

// ProtectTask gives the task scale-in protection for d of virtual time; 0 takes it away.
func (c *Cloud) ProtectTask(arn string, d time.Duration) error {
	return c.onTask("protecting", arn, func(cl *cell, t *task) {
		t.protectedUntil = c.now.Add(d)
		c.kick(cl, t.cluster) // the scheduler may go on without it, or must not any more
		c.after(d, func() { c.kick(cl, t.cluster) })
	})
}

// EndTask lets the task's container exit by itself.
func (c *Cloud) EndTask(arn string) error {
	return c.onTask("ending", arn, func(cl *cell, t *task) { c.exits(cl, t) })
}

// onService runs do on the service.
func (c *Cloud) onService(what, arn string, do func(cl *cell, s *service)) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		if s := cl.services[arn]; s != nil {
			do(cl, s)
			c.touch()
			c.kick(cl, s.cluster)
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w", what, arn, errNoSuch)
}

// SetService changes a service's desired count and percents.
func (c *Cloud) SetService(arn string, desired, minPercent, maxPercent int) error {
	return c.onService("changing", arn, func(_ *cell, s *service) {
		s.spec.Desired, s.spec.MinPercent, s.spec.MaxPercent = desired, minPercent, maxPercent
		s.steady = false
	})
}

// SlowStop makes the containers of the task definition (family, or family:revision) take that long to obey SIGTERM, and
// gives them as long before they are killed.
func (c *Cloud) SlowStop(ref string, takes time.Duration) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		if d := cl.findDefinition(ref); d != nil {
			d.spec.StopTakes, d.spec.StopTimeout = takes, takes
			c.touch()
			return nil
		}
	}
	return fmt.Errorf("slowing the stop of %s: %w", ref, errNoSuch)
}

// SetDeployment shows a second deployment in progress on the service, or ends it.
func (c *Cloud) SetDeployment(arn string, inProgress bool) error {
	return c.onService("deploying", arn, func(_ *cell, s *service) { s.extraDeployment = inProgress })
}

// SetDraining changes how long the target group or Classic load balancer of that name lets connections end; 0 cuts them.
func (c *Cloud) SetDraining(name string, d time.Duration) error {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	for _, cl := range c.live.cells {
		for _, g := range sorted(cl.targetGroups) {
			if g.spec.Name == name {
				g.spec.DeregistrationWait = d
				c.touch()
				return nil
			}
		}
	}
	return fmt.Errorf("changing the draining of %s: %w", name, errNoSuch)
}

// AttachVolume attaches one more EBS volume to the EC2 instance, as AttachVolume does: what is attached by hand stays when
// the instance is terminated, unless the attachment is changed afterwards (not v.Keep).
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html
func (c *Cloud) AttachVolume(ec2ID string, v VolumeSpec) error {
	return c.onMachine("attaching a volume to", ec2ID, func(_ *cell, mc *machine, _ *instance) error {
		if mc == nil || mc.state == ec2Terminated || v.Device == "" {
			return errNoSuch
		}
		mc.volumes = append(slices.Clip(mc.volumes), v)
		return nil
	})
}
