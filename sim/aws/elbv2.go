package aws

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *request) findTargetGroup(arn string) (*targetGroup, *apiError) {
	g := r.cell.targetGroups[arn]
	if g == nil || g.classic {
		return nil, fault("TargetGroupNotFound", "Target groups '%s' not found", arn)
	}
	return g, nil
}

func describeTargetGroups(r *request) (m, *apiError) {
	arns, names, lb := r.members("TargetGroupArns.member"), r.members("Names.member"), r.form.Get("LoadBalancerArn")
	for _, arn := range arns {
		if _, e := r.findTargetGroup(arn); e != nil {
			return nil, e
		}
	}
	var chosen []*targetGroup
	for _, g := range sorted(r.cell.targetGroups) {
		if !g.classic && (len(arns) == 0 || slices.Contains(arns, g.arn)) && (len(names) == 0 || slices.Contains(names, g.spec.Name)) && (lb == "" || lb == g.lb) {
			chosen = append(chosen, g)
		}
	}
	if len(names) > 0 && len(chosen) < len(names) {
		return nil, fault("TargetGroupNotFound", "One or more target groups not found")
	}
	return shown(r, chosen, r.form.Get("Marker"), r.number("PageSize"), 400, "TargetGroups", "NextMarker", func(g *targetGroup) m {
		balancers := l{}
		if g.lb != "" {
			balancers = l{g.lb}
		}
		return m{
			"TargetGroupArn": g.arn, "TargetGroupName": g.spec.Name, "Protocol": "HTTP", "Port": g.spec.Port, "VpcId": "vpc-0a1b2c3d4e5f60001",
			"HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": true, "HealthCheckIntervalSeconds": 10,
			"HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "Matcher": m{"HttpCode": "200"},
			"LoadBalancerArns": balancers, "TargetType": g.spec.Type, "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4",
		}
	})
}

func describeTargetGroupAttributes(r *request) (m, *apiError) {
	g, e := r.findTargetGroup(r.form.Get("TargetGroupArn"))
	if e != nil {
		return nil, e
	}
	out := l{}
	for _, kv := range [][2]string{
		{"deregistration_delay.timeout_seconds", strconv.Itoa(int(g.spec.DeregistrationWait / time.Second))},
		{"stickiness.enabled", "false"}, {"slow_start.duration_seconds", "0"}, {"load_balancing.algorithm.type", "round_robin"},
		{"target_group_health.dns_failover.minimum_healthy_targets.count", "1"},
	} {
		out = append(out, m{"Key": kv[0], "Value": kv[1]})
	}
	return m{"Attributes": out}, nil
}

func describeTargetHealth(r *request) (m, *apiError) {
	g, e := r.findTargetGroup(r.form.Get("TargetGroupArn"))
	if e != nil {
		return nil, e
	}
	keys := slices.SortedFunc(maps.Keys(r.cell.targets), func(a, b targetKey) int {
		if n := strings.Compare(a.id, b.id); n != 0 {
			return n
		}
		return a.port - b.port
	})
	out := l{}
	if r.form.Has("Targets.member.1.Id") {
		for i := 1; r.form.Has("Targets.member." + strconv.Itoa(i) + ".Id"); i++ {
			at := "Targets.member." + strconv.Itoa(i)
			id, port := r.form.Get(at+".Id"), r.number(at+".Port")
			if port == 0 {
				port = g.spec.Port
			}
			out = append(out, showTarget(r.cell.targets[targetKey{g.arn, id, port}], id, port))
		}
		return m{"TargetHealthDescriptions": out}, nil
	}
	for _, k := range keys {
		if k.group == g.arn {
			out = append(out, showTarget(r.cell.targets[k], k.id, k.port))
		}
	}
	return m{"TargetHealthDescriptions": out}, nil
}

func showTarget(t *target, id string, port int) m {
	state, az := "unused", ""
	if t != nil {
		state, az = t.state, t.az
	}
	shown := m{"State": state}
	switch state {
	case "initial":
		shown["Reason"], shown["Description"] = "Elb.InitialHealthChecking", "Initial health checks in progress"
	case "draining":
		shown["Reason"], shown["Description"] = "Target.DeregistrationInProgress", "Target deregistration is in progress"
	case "unhealthy":
		shown["Reason"], shown["Description"] = "Target.Timeout", "Request timed out"
	case "unused":
		shown["Reason"], shown["Description"] = "Target.NotRegistered", "Target is not registered to the target group"
	}
	target := m{"Id": id, "Port": port}
	if net.ParseIP(id) != nil {
		target["AvailabilityZone"] = text(az)
	}
	return m{"Target": target, "HealthCheckPort": strconv.Itoa(port), "TargetHealth": shown}
}

func describeLoadBalancers(r *request) (m, *apiError) {
	arns, names := r.members("LoadBalancerArns.member"), r.members("Names.member")
	var chosen []*balancer
	for _, b := range sorted(r.cell.balancers) {
		if (len(arns) == 0 || slices.Contains(arns, b.arn)) && (len(names) == 0 || slices.Contains(names, b.name)) {
			chosen = append(chosen, b)
		}
	}
	if len(chosen) < max(len(arns), len(names)) {
		return nil, fault("LoadBalancerNotFound", "One or more load balancers not found")
	}
	return shown(r, chosen, r.form.Get("Marker"), r.number("PageSize"), 400, "LoadBalancers", "NextMarker", func(b *balancer) m {
		return m{
			"LoadBalancerArn": b.arn, "LoadBalancerName": b.name, "DNSName": b.name + "-1234567890." + r.cell.key.region + ".elb.amazonaws.com",
			"CreatedTime": b.created, "Scheme": "internal", "VpcId": "vpc-0a1b2c3d4e5f60001", "State": m{"Code": "active"}, "Type": "application",
			"AvailabilityZones": l{}, "SecurityGroups": l{}, "IpAddressType": "ipv4", "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
		}
	})
}
