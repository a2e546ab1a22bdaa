package aws

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *request) number(name string) int {
	n, err := strconv.Atoi(r.form.Get(name))
	if err != nil {
		return 0
	}
	return n
}

func (mc *machine) health() string {
	if mc.state == ec2Running || mc.state == ec2Pending || strings.HasPrefix(mc.lifecycle, lifecycleWarmed) {
		return "HEALTHY"
	}
	return "UNHEALTHY"
}

// inGroup reports the members that Auto Scaling still lists.
func (mc *machine) inGroup() bool {
	return mc.group != "" && mc.lifecycle != "Terminated" && mc.lifecycle != ""
}

func launchTemplate(groupName string) m {
	return m{"LaunchTemplateId": "lt-0a1b2c3d4e5f60001", "LaunchTemplateName": groupName, "Version": "1"}
}

func describeAutoScalingInstances(r *request) (m, *apiError) {
	ids := r.members("InstanceIds.member")
	if len(ids) > 50 {
		return nil, fault("ValidationError", "The number of instance ids that may be passed in is limited to 50")
	}
	var chosen []*machine
	for _, mc := range sorted(r.cell.machines) {
		if mc.inGroup() && (len(ids) == 0 || slices.Contains(ids, mc.id)) {
			chosen = append(chosen, mc)
		}
	}
	return shown(r, chosen, r.form.Get("NextToken"), r.number("MaxRecords"), 50, "AutoScalingInstances", "NextToken", func(mc *machine) m {
		return m{
			"InstanceId": mc.id, "InstanceType": mc.kind, "AutoScalingGroupName": mc.group, "AvailabilityZone": mc.az, "LifecycleState": mc.lifecycle,
			"HealthStatus": mc.health(), "ProtectedFromScaleIn": mc.scaleIn, "LaunchTemplate": launchTemplate(mc.group),
		}
	})
}

func describeAutoScalingGroups(r *request) (m, *apiError) {
	names := r.members("AutoScalingGroupNames.member")
	var chosen []*group
	for _, g := range sorted(r.cell.groups) {
		if len(names) == 0 || slices.Contains(names, g.spec.Name) || slices.Contains(names, g.arn) {
			chosen = append(chosen, g)
		}
	}
	return shown(r, chosen, r.form.Get("NextToken"), r.number("MaxRecords"), 100, "AutoScalingGroups", "NextToken", r.showGroup)
}

// showMember is the group's own view; DescribeAutoScalingInstances spells health another way.
func (r *request) showMember(mc *machine) m {
	return m{
		"InstanceId": mc.id, "InstanceType": mc.kind, "AvailabilityZone": mc.az, "LifecycleState": mc.lifecycle, "HealthStatus": mc.health()[:1] + strings.ToLower(mc.health()[1:]),
		"ProtectedFromScaleIn": mc.scaleIn, "LaunchTemplate": launchTemplate(mc.group),
	}
}

func (r *request) showGroup(g *group) m {
	instances, suspended, tags, subnets := l{}, l{}, l{}, []string{}
	for _, mc := range r.cell.membersOf(g.spec.Name) {
		if !strings.HasPrefix(mc.lifecycle, lifecycleWarmed) { // those DescribeWarmPool tells
			instances = append(instances, r.showMember(mc))
		}
	}
	for _, name := range g.suspended {
		suspended = append(suspended, m{"ProcessName": name, "SuspensionReason": "User suspended"})
	}
	for _, t := range g.spec.Tags {
		tags = append(tags, m{"ResourceId": g.spec.Name, "ResourceType": "auto-scaling-group", "Key": t.Key, "Value": t.Value, "PropagateAtLaunch": true})
	}
	for _, az := range g.spec.AZs {
		subnets = append(subnets, subnetOf(az))
	}
	return m{
		"AutoScalingGroupName": g.spec.Name, "AutoScalingGroupARN": g.arn, "MinSize": g.spec.Min, "MaxSize": g.spec.Max, "DesiredCapacity": g.desired,
		"DefaultCooldown": 300, "AvailabilityZones": anyList(g.spec.AZs), "LoadBalancerNames": l{}, "TargetGroupARNs": l{}, "HealthCheckType": "EC2",
		"HealthCheckGracePeriod": 300, "Instances": instances, "CreatedTime": g.created, "SuspendedProcesses": suspended, "VPCZoneIdentifier": strings.Join(subnets, ","),
		"EnabledMetrics": l{}, "Tags": tags, "TerminationPolicies": l{"Default"}, "NewInstancesProtectedFromScaleIn": g.spec.ProtectNew,
		"ServiceLinkedRoleARN": "arn:aws:iam::" + r.cell.key.account + ":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
		"LaunchTemplate":       launchTemplate(g.spec.Name), "CapacityRebalance": false, "WarmPoolConfiguration": g.warmPool(),
	}
}

func (r *request) findGroup(name string) (*group, *apiError) {
	g := r.cell.groups[name]
	if g == nil {
		return nil, fault("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup '%s' not found", name)
	}
	return g, nil
}

func describeLifecycleHooks(r *request) (m, *apiError) {
	g, e := r.findGroup(r.form.Get("AutoScalingGroupName"))
	if e != nil {
		return nil, e
	}
	hooks := r.cell.hooksOf(g)
	names := r.members("LifecycleHookNames.member")
	out := l{}
	for _, h := range hooks {
		if len(names) > 0 && !slices.Contains(names, h.Name) {
			continue
		}
		out = append(out, m{
			"LifecycleHookName": h.Name, "AutoScalingGroupName": g.spec.Name, "LifecycleTransition": h.Transition, "DefaultResult": h.DefaultResult,
			"HeartbeatTimeout": int(h.Heartbeat / time.Second), "GlobalTimeout": int(h.globalTimeout() / time.Second),
		})
	}
	return m{"LifecycleHooks": out}, nil
}

func (r *request) showActivity(a *activity) m {
	out := m{
		"ActivityId": a.id, "AutoScalingGroupName": a.group, "Description": a.description, "Cause": a.cause, "StartTime": a.start,
		"StatusCode": a.status, "Progress": a.progress, "Details": "{}",
	}
	if !a.end.IsZero() {
		out["EndTime"] = a.end
	}
	return out
}

func describeScalingActivities(r *request) (m, *apiError) {
	name, ids := r.form.Get("AutoScalingGroupName"), r.members("ActivityIds.member")
	if name != "" {
		if _, e := r.findGroup(name); e != nil {
			return nil, e
		}
	}
	var chosen []*activity
	for _, a := range sorted(r.cell.activities) {
		if (name == "" || a.group == name) && (len(ids) == 0 || slices.Contains(ids, a.id)) {
			chosen = append(chosen, a)
		}
	}
	slices.SortStableFunc(chosen, func(a, b *activity) int { return b.start.Compare(a.start) })
	return shown(r, chosen, r.form.Get("NextToken"), r.number("MaxRecords"), 100, "Activities", "NextToken", r.showActivity)
}

func terminateInstanceInAutoScalingGroup(r *request) (m, *apiError) {
	id := r.form.Get("InstanceId")
	decrement, err := strconv.ParseBool(r.form.Get("ShouldDecrementDesiredCapacity"))
	if err != nil || id == "" {
		return nil, fault("ValidationError", "InstanceId and ShouldDecrementDesiredCapacity must be set")
	}
	mc := r.cell.machines[id]
	if mc == nil || !mc.inGroup() {
		return nil, fault("ValidationError", "Instance Id not found - No managed instance found for instance ID: %s", id)
	}
	g := r.cell.groups[mc.group]
	if strings.HasPrefix(mc.lifecycle, lifecycleWarmed) {
		// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
		return nil, fault("ValidationError", "Instance %s is in a warm pool and cannot be terminated by this operation.", id)
	}
	if isTerminating(mc.lifecycle) {
		return nil, fault("ScalingActivityInProgress", "Instance %s is already being terminated.", id)
	}
	if decrement && g.desired <= g.spec.Min {
		return nil, fault("ValidationError", "Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.spec.Min)
	}
	a := r.c.terminateMember(r.cell, g, mc, decrement)
	r.effect = true
	return m{"Activity": r.showActivity(a)}, nil
}
