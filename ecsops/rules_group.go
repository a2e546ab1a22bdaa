package ecsops

import "slices"

// groupRules: T31 to T33. What its Auto Scaling group will do otherwise than its settings promise.
func (j *judge) groupRules() {
	if !j.path.live() || j.group.Name == "" {
		return
	}
	if lost := j.unmanaged(); len(lost) > 0 {
		j.addNames(RuleGroupUntagged, lost)
	}
	j.abandonHooks()
	var stopped []string
	for _, process := range []string{"Launch", "Terminate"} {
		if slices.Contains(j.group.Suspended, process) && (j.in.Terminate == Replace || process == "Terminate" && j.in.Terminate == Shrink) {
			stopped = append(stopped, process)
		}
	}
	j.addNames(RuleSuspended, stopped)
}

// unmanaged is what the capacity provider is set to do to the group's instances, and may not: the policy of ECS's own role
// (AmazonECSServiceRolePolicy) lets it act on groups with the tag AmazonECSManaged alone.
func (j *judge) unmanaged() []string {
	p, ok := j.s.CapacityProvider.Get()
	if !ok || p.Name == "" || j.group.ManagedTag {
		return nil
	}
	var out []string
	if p.ManagedDraining {
		out = append(out, "managed draining")
	}
	if p.TerminationProtection {
		out = append(out, "managed termination protection")
	}
	return out
}

// abandonHooks: one hook that is abandoned ends the wait of all, that of ECS's managed draining included.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html
func (j *judge) abandonHooks() {
	p, _ := j.s.CapacityProvider.Get()
	through := j.in.Terminate == Replace || j.in.Terminate == Shrink || j.group.Terminating()
	hooks, _ := j.s.Hooks.Get()
	if !p.ManagedDraining || !j.group.ManagedTag || !through {
		return
	}
	f := Finding{Rule: RuleAbandonHook, Severity: Amber}
	for _, h := range hooks {
		if h.Default != "ABANDON" {
			continue
		}
		f.Names = append(f.Names, h.Name)
		if f.Duration == 0 || h.Heartbeat < f.Duration {
			f.Duration = h.Heartbeat
		}
	}
	if len(f.Names) > 0 {
		f.Names = sortedOnce(f.Names)
		j.add(f)
	}
}

// cutRules: T30. Load balancers that give open connections no time.
func (j *judge) cutRules() {
	if !j.path.live() {
		return
	}
	var cut []TargetGroupHit
	for _, name := range sortedKeys(j.services) {
		for _, arn := range j.services[name].TargetGroups {
			if g, ok := j.groups[arn]; ok && g.Deregister == 0 && len(g.Here) > 0 && j.impacts[name].Here > 0 {
				cut = append(cut, hit(g, name))
			}
		}
	}
	if len(cut) > 0 {
		j.add(Finding{Rule: RuleCutOff, Severity: Amber, TargetGroups: cut, Count: len(cut)})
	}
}

func hit(g TargetGroup, service string) TargetGroupHit {
	return TargetGroupHit{Name: g.Name, Service: service, Before: g.Healthy, After: g.HealthyAfter, Delay: g.Deregister, Classic: g.TargetType == targetTypeClassic}
}
