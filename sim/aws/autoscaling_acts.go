package aws

import (
	"slices"
	"strconv"
	"strings"
)

// processes are what SuspendProcesses knows.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html
var processes = []string{"Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions"}

func suspendProcesses(r *request) (m, *apiError) { return r.suspend(true) }
func resumeProcesses(r *request) (m, *apiError)  { return r.suspend(false) }

func (r *request) suspend(on bool) (m, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, e
	}
	names := r.members("ScalingProcesses.member")
	for _, name := range names {
		if !slices.Contains(processes, name) {
			return nil, fault("ValidationError", "The process type %s is not supported.", name)
		}
	}
	if len(names) == 0 {
		names = processes
	}
	r.c.suspendProcesses(r.cell, g, names, on)
	r.effect = true
	return m{}, nil
}

func (c *Cloud) suspendProcesses(cl *cell, g *group, names []string, on bool) {
	left := slices.DeleteFunc(slices.Clone(g.suspended), func(name string) bool { return slices.Contains(names, name) })
	if on {
		left = append(left, names...)
		slices.Sort(left)
	}
	g.suspended = left
	c.touch()
	if on {
		return
	}
	// A resumed Launch replaces what was lost meanwhile, a resumed health check sees what failed meanwhile.
	for _, mc := range cl.membersOf(g.spec.Name) {
		if mc.state != ec2Running && mc.state != ec2Pending {
			c.memberFails(cl, mc)
		}
	}
	c.refill(cl, g)
	c.trim(cl, g, "a difference between desired and actual capacity.")
	c.rebalance(cl, g)
}

// hooked finds the wait that a call about a lifecycle action means.
func (r *request) hooked() (*machine, int, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, -1, e
	}
	id, token, name := r.form.Get("InstanceId"), r.form.Get("LifecycleActionToken"), r.form.Get("LifecycleHookName")
	for _, mc := range r.cell.membersOf(g.spec.Name) {
		if id != "" && mc.id != id {
			continue
		}
		if at := mc.waitsFor(name, token); at >= 0 && id+token != "" {
			return mc, at, nil
		}
	}
	return nil, -1, fault("ValidationError", "No active Lifecycle Action found with instance ID %s", id)
}

func completeLifecycleAction(r *request) (m, *apiError) {
	result := r.form.Get("LifecycleActionResult")
	if result != resultContinue && result != resultAbandon {
		return nil, fault("ValidationError", "1 validation error detected: Value '%s' at 'lifecycleActionResult' failed to satisfy constraint", result)
	}
	mc, at, e := r.hooked()
	if e != nil {
		return nil, e
	}
	r.c.completeHook(r.cell, mc, at, result)
	r.effect = true
	return m{}, nil
}

func recordLifecycleActionHeartbeat(r *request) (m, *apiError) {
	mc, at, e := r.hooked()
	if e != nil {
		return nil, e
	}
	r.c.beat(r.cell, mc, at)
	r.effect = true
	return m{}, nil
}

// chosenMembers are the members that a call names, all of them in the state that it wants.
func (r *request) chosenMembers(in string) (*group, []*machine, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, nil, e
	}
	var out []*machine
	for _, id := range r.members("InstanceIds.member") {
		mc := r.cell.machines[id]
		if mc == nil || mc.group != g.spec.Name || !mc.inGroup() {
			return nil, nil, fault("ValidationError", "The instance %s is not part of Auto Scaling group %s.", id, g.spec.Name)
		}
		if in != "" && mc.lifecycle != in {
			return nil, nil, fault("ValidationError", "The instance %s is not in %s.", id, in)
		}
		out = append(out, mc)
	}
	return g, out, nil
}

func setInstanceProtection(r *request) (m, *apiError) {
	on, err := strconv.ParseBool(r.form.Get("ProtectedFromScaleIn"))
	if err != nil {
		return nil, fault("ValidationError", "ProtectedFromScaleIn must be set")
	}
	g, chosen, e := r.chosenMembers(inService)
	if e != nil {
		return nil, e
	}
	for _, mc := range chosen {
		r.c.protectMember(r.cell, g, mc, on)
	}
	r.effect = true
	return m{}, nil
}

// leaving are the members of a call that may lower the desired capacity by as many.
func (r *request) leaving() (*group, []*machine, bool, *apiError) {
	decrement, err := strconv.ParseBool(r.form.Get("ShouldDecrementDesiredCapacity"))
	if err != nil {
		return nil, nil, false, fault("ValidationError", "ShouldDecrementDesiredCapacity must be set")
	}
	g, chosen, e := r.chosenMembers(inService)
	if e == nil && decrement && g.desired-len(chosen) < g.spec.Min {
		e = fault("ValidationError", "AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To place into standby or detach %d instance(s), please update the AutoScalingGroup sizes appropriately.",
			g.spec.Name, g.spec.Min, g.spec.Max, g.desired, len(chosen))
	}
	return g, chosen, decrement, e
}

func (r *request) acts(chosen []*machine, do func(mc *machine) *activity) m {
	out := l{}
	for _, mc := range chosen {
		out = append(out, r.showActivity(do(mc)))
	}
	r.effect = true
	return m{"Activities": out}
}

func enterStandby(r *request) (m, *apiError) {
	g, chosen, decrement, e := r.leaving()
	if e != nil {
		return nil, e
	}
	return r.acts(chosen, func(mc *machine) *activity { return r.c.standby(r.cell, g, mc, decrement) }), nil
}

func detachInstances(r *request) (m, *apiError) {
	g, chosen, decrement, e := r.leaving()
	if e != nil {
		return nil, e
	}
	return r.acts(chosen, func(mc *machine) *activity { return r.c.detachMember(r.cell, g, mc, decrement) }), nil
}

func exitStandby(r *request) (m, *apiError) {
	g, chosen, e := r.chosenMembers(lifecycleStandby)
	if e != nil {
		return nil, e
	}
	return r.acts(chosen, func(mc *machine) *activity { return r.c.unstandby(r.cell, g, mc) }), nil
}

func setDesiredCapacity(r *request) (m, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, e
	}
	want, err := strconv.Atoi(r.form.Get("DesiredCapacity"))
	if err != nil || want < g.spec.Min || want > g.spec.Max {
		return nil, fault("ValidationError", "New SetDesiredCapacity value %s is not between min value %d and max value %d for the AutoScalingGroup.", r.form.Get("DesiredCapacity"), g.spec.Min, g.spec.Max)
	}
	r.c.desire(r.cell, g, want)
	r.effect = true
	return m{}, nil
}

// desire gives the group another desired capacity, which it then terminates or launches for.
func (c *Cloud) desire(cl *cell, g *group, want int) {
	if want < g.desired {
		c.shrinkTo(cl, g, want, "a user request explicitly")
		return
	}
	g.desired = want
	c.touch()
	c.refill(cl, g)
}

func describeWarmPool(r *request) (m, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, e
	}
	out := l{}
	for _, mc := range r.cell.membersOf(g.spec.Name) {
		if strings.HasPrefix(mc.lifecycle, lifecycleWarmed) {
			out = append(out, r.showMember(mc))
		}
	}
	return m{"WarmPoolConfiguration": g.warmPool(), "Instances": out}, nil
}

// warmPool is nil for a group that has none.
func (g *group) warmPool() any {
	if !g.spec.WarmPool {
		return nil
	}
	return m{"MinSize": 1, "PoolState": "Stopped"}
}
