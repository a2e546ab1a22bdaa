package aws

import (
	"fmt"
	"slices"
	"time"
)

const (
	passAfter      = 1500 * time.Millisecond // the scheduler's reaction to a change
	retryAfter     = 15 * time.Second        // its next try when something did not fit
	firstComplaint = time.Minute             // between two "unable to place" events; doubles up to lastComplaint
	lastComplaint  = 15 * time.Minute
)

// kick orders a scheduler pass over the cluster.
func (c *Cloud) kick(cl *cell, clusterARN string) {
	if c.pass[clusterARN] {
		return
	}
	c.pass[clusterARN] = true
	c.after(passAfter, func() {
		c.pass[clusterARN] = false
		c.schedule(cl, clusterARN)
	})
}

// schedule is one pass: every service towards its desired count, and the owners of instances towards theirs.
func (c *Cloud) schedule(cl *cell, clusterARN string) {
	again := false
	for _, s := range sorted(cl.services) {
		if s.cluster != clusterARN || s.spec.Fargate || s.status != statusActive {
			continue
		}
		if s.spec.Daemon {
			again = c.daemon(cl, s) || again
		} else {
			again = c.replicas(cl, s) || again
		}
		c.steadiness(cl, s)
	}
	c.managedPass(cl, clusterARN)
	c.protectBusy(cl)
	c.finishTerminations(cl)
	if again {
		c.after(retryAfter, func() { c.kick(cl, clusterARN) })
	}
}

// percents are the service's bounds while tasks move. The CODE_DEPLOY and EXTERNAL controllers leave them at their
// defaults, whatever is set.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func (s *service) percents() (least, most int) {
	if s.spec.Controller != "ECS" {
		return 100, 200
	}
	return s.spec.MinPercent, s.spec.MaxPercent
}

// minimum is the number of healthy tasks to keep, rounded up.
func (s *service) minimum() int {
	least, _ := s.percents()
	return (s.spec.Desired*least + 99) / 100
}

// maximum is the number of tasks not to exceed, rounded down.
func (s *service) maximum() int {
	_, most := s.percents()
	return s.spec.Desired * most / 100
}

// replicas moves a replica service on by what its percents allow now, and reports whether a task did not fit.
func (c *Cloud) replicas(cl *cell, s *service) bool {
	var keep, leave []*task
	total, healthy := 0, 0
	for _, t := range cl.tasksOf(s.arn) {
		if t.desired != taskRunning {
			continue
		}
		i := cl.instances[t.instance]
		// Tasks of a host whose agent is not connected never move (aws/containers-roadmap#2040).
		if i != nil && i.status == statusDraining && i.connected {
			if t.pending() {
				c.stopTask(cl, t, "Container instance is in DRAINING state.", "ServiceSchedulerInitiated", false)
				continue
			}
			leave = append(leave, t)
		} else {
			keep = append(keep, t)
		}
		total++
		if c.healthy(cl, t) {
			healthy++
		}
	}
	missing := s.spec.Desired - len(keep)
	if missing < 0 {
		c.stopSome(cl, s, youngest(keep, -missing), "scaled down")
	}
	unplaced := c.startSome(cl, s, min(missing, s.maximum()-total))
	c.moveAway(cl, s, leave, healthy)
	return unplaced
}

// youngest picks the n tasks to end when there are too many.
func youngest(tasks []*task, n int) []*task {
	out := slices.Clone(tasks)
	slices.SortStableFunc(out, func(a, b *task) int { return b.createdAt.Compare(a.createdAt) })
	return out[:n]
}

// moveAway stops tasks on draining hosts as long as the healthy ones stay at the minimum.
func (c *Cloud) moveAway(cl *cell, s *service, leave []*task, healthy int) {
	spare := healthy - s.minimum()
	var stop []*task
	for _, t := range leave {
		if c.faults.spare && t.isProtected(c.now) {
			continue
		}
		if !c.healthy(cl, t) {
			stop = append(stop, t)
			continue
		}
		if spare > 0 {
			spare--
			stop = append(stop, t)
		}
	}
	c.stopSome(cl, s, stop, "draining")
}

func (c *Cloud) stopSome(cl *cell, s *service, tasks []*task, why string) {
	if len(tasks) == 0 {
		return
	}
	reason := "Scaling activity initiated by (deployment " + s.deployment + ")"
	if why == "draining" {
		reason = "Task stopped due to container instance draining."
	}
	names := ""
	for _, t := range tasks {
		c.stopTask(cl, t, reason, "ServiceSchedulerInitiated", true)
		names += " (task " + t.id + ")"
	}
	s.steady = false
	c.note(s, fmt.Sprintf("has stopped %d running tasks:%s.", len(tasks), names))
}

// startSome starts up to n tasks and reports whether one did not fit.
func (c *Cloud) startSome(cl *cell, s *service, n int) bool {
	if n <= 0 {
		return false
	}
	d := cl.definitions[s.definition]
	names, started := "", 0
	for range n {
		host, why := c.place(cl, s, d)
		if host == nil {
			c.complain(cl, s, why)
			break
		}
		t := c.newTask(cl, s.cluster, d, host)
		cl.belong(t, s)
		t.exec, t.tags = s.spec.ExecEnabled, s.spec.Tags
		c.advance(cl, t)
		started++
		names += " (task " + t.id + ")"
	}
	if started > 0 {
		s.steady = false
		if started == n {
			s.complaints, s.nextComplaint = 0, time.Time{}
		}
		c.note(s, fmt.Sprintf("has started %d tasks:%s.", started, names))
		c.kick(cl, s.cluster)
	}
	return started < n
}

// complain notes that a task did not fit, with growing pauses, and asks a managed-scaling provider for a host.
func (c *Cloud) complain(cl *cell, s *service, why string) {
	s.steady = false
	c.scaleOut(cl, s)
	if c.now.Before(s.nextComplaint) {
		return
	}
	pause := min(firstComplaint<<min(s.complaints, 10), lastComplaint)
	s.complaints++
	s.nextComplaint = c.now.Add(pause)
	c.note(s, "was unable to place a task because no container instance met all of its requirements. "+why+
		" For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
}

// daemon keeps one task on each fitting instance; on a draining one it stops the daemon last
// (aws/containers-roadmap#128), and starts no other elsewhere.
func (c *Cloud) daemon(cl *cell, s *service) bool {
	d := cl.definitions[s.definition]
	unplaced, desired := false, 0
	for _, i := range sorted(cl.instances) {
		if i.cluster != s.cluster {
			continue
		}
		var mine *task
		others := false
		for _, t := range cl.tasksOn(i.arn) {
			if t.service == s.arn && t.desired == taskRunning {
				mine = t
			} else if t.alive() && !c.isDaemon(cl, t) {
				others = true
			}
		}
		switch {
		case i.status == statusDraining && i.connected && mine != nil && !others:
			c.stopSome(cl, s, []*task{mine}, "draining")
		case i.status == statusActive && mine != nil:
			desired++
		case i.status == statusActive:
			want, failed := c.startDaemon(cl, s, d, i)
			desired += want
			unplaced = unplaced || failed
		}
	}
	if s.spec.Desired != desired {
		s.spec.Desired = desired
		c.touch()
	}
	return unplaced
}

// startDaemon starts the daemon on an instance that meets its constraints, and reports how many it wants there (0 or
// 1) and whether there was no room.
func (c *Cloud) startDaemon(cl *cell, s *service, d *definition, i *instance) (int, bool) {
	met, reason := c.fits(cl, s, d, i)
	if reason != "" {
		if met <= 4 { // not meant for this instance, or nobody to ask there
			return 0, false
		}
		c.complain(cl, s, "The closest matching (container-instance "+i.id+") "+reason)
		return 1, true
	}
	t := c.newTask(cl, s.cluster, d, i)
	cl.belong(t, s)
	c.advance(cl, t)
	s.steady = false
	c.note(s, "has started 1 tasks: (task "+t.id+").")
	return 1, false
}

func (c *Cloud) isDaemon(cl *cell, t *task) bool {
	s := cl.services[t.service]
	return s != nil && s.spec.Daemon
}

// steadiness notes the moment at which a service has what it wants and nothing moves.
func (c *Cloud) steadiness(cl *cell, s *service) {
	running, moving := 0, s.extraDeployment
	for _, t := range cl.tasksOf(s.arn) {
		switch i := cl.instances[t.instance]; {
		case !t.alive():
		case !t.counted() || (i != nil && i.status == statusDraining && i.connected):
			moving = true
		default:
			running++
		}
	}
	steady := !moving && running == s.spec.Desired
	if steady && !s.steady {
		c.note(s, "has reached a steady state.")
	}
	s.steady = steady
}
