package aws

import (
	"slices"
	"strings"
)

func (s *service) launch() string {
	if s.spec.Fargate {
		return "FARGATE"
	}
	return "EC2"
}

func (r *request) findService(cl *cluster, ref string) *service {
	s := r.cell.services[r.cell.key.arn("ecs", "service/"+cl.name+"/"+lastPart(ref))]
	if s == nil || (strings.HasPrefix(ref, "arn:") && ref != s.arn) {
		return nil
	}
	return s
}

func listServices(r *request) (m, *apiError) {
	var in struct {
		Cluster, NextToken, LaunchType, SchedulingStrategy string
		MaxResults                                         int
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	arns := []string{}
	for _, s := range sorted(r.cell.services) {
		if s.cluster == cl.arn && (in.LaunchType == "" || in.LaunchType == s.launch()) &&
			(in.SchedulingStrategy == "" || in.SchedulingStrategy == s.scheduling()) {
			arns = append(arns, s.arn)
		}
	}
	size := in.MaxResults
	if size == 0 {
		size = 10
	}
	return listed(r, "serviceArns", arns, in.NextToken, size)
}

func (s *service) scheduling() string {
	if s.spec.Daemon {
		return "DAEMON"
	}
	return "REPLICA"
}

func describeServices(r *request) (m, *apiError) {
	var in struct {
		Cluster           string
		Services, Include []string
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if n := len(in.Services); n == 0 || n > 10 {
		return nil, fault("InvalidParameterException", "Services can have between 1 and 10 items.")
	}
	found, failed := described(r, cl, "service", in.Services, r.findService,
		func(s *service) m { return r.showService(s, slices.Contains(in.Include, "TAGS")) })
	return m{"services": found, "failures": failed}, nil
}

func (r *request) showService(s *service, withTags bool) m {
	running, pending := 0, 0
	for _, t := range r.cell.tasksOf(s.arn) {
		if t.counted() {
			running++
		} else if t.pending() {
			pending++
		}
	}
	out := m{
		"serviceArn": s.arn, "serviceName": s.name, "clusterArn": s.cluster, "status": s.status, "desiredCount": s.spec.Desired,
		"runningCount": running, "pendingCount": pending, "taskDefinition": s.definition, "schedulingStrategy": s.scheduling(),
		"deploymentController": m{"type": s.spec.Controller}, "createdAt": epoch(s.createdAt), "enableExecuteCommand": s.spec.ExecEnabled,
		"deploymentConfiguration": m{
			"minimumHealthyPercent": s.spec.MinPercent, "maximumPercent": s.spec.MaxPercent,
			"deploymentCircuitBreaker": m{"enable": false, "rollback": false},
		},
		"loadBalancers": r.showBalancers(s), "serviceRegistries": l{}, "placementConstraints": s.showConstraints(),
		"placementStrategy": s.showStrategy(),
		"events":            s.showEvents(), "deployments": s.showDeployments(running, pending), "taskSets": l{}, "tags": l{},
		"enableECSManagedTags": false, "propagateTags": "NONE",
	}
	if len(s.spec.Strategy) > 0 {
		strategy := l{}
		for _, name := range s.spec.Strategy {
			strategy = append(strategy, m{"capacityProvider": name, "weight": 1, "base": 0})
		}
		out["capacityProviderStrategy"] = strategy
	} else {
		out["launchType"] = s.launch()
	}
	if d := r.cell.definitions[s.definition]; d != nil && d.spec.NetworkMode == "awsvpc" {
		out["networkConfiguration"] = m{"awsvpcConfiguration": m{
			"subnets": s.subnets(r.cell.key.region), "securityGroups": l{"sg-0a1b2c3d4e5f60001"}, "assignPublicIp": "DISABLED"}}
	}
	if withTags {
		out["tags"] = tagList(s.spec.Tags)
	}
	return out
}

func (r *request) showBalancers(s *service) l {
	name := ""
	if d := r.cell.definitions[s.definition]; d != nil {
		name = d.spec.Family
	}
	out := l{}
	for _, b := range s.spec.Balancers {
		shown := m{"containerName": name, "containerPort": b.ContainerPort}
		if g := r.cell.targetGroups[b.TargetGroup]; g != nil && g.classic {
			shown["loadBalancerName"] = g.spec.Name
		} else {
			shown["targetGroupArn"] = b.TargetGroup
		}
		out = append(out, shown)
	}
	return out
}

func (s *service) showConstraints() l {
	out := l{}
	for _, e := range s.spec.Constraints {
		out = append(out, m{"type": "memberOf", "expression": e})
	}
	if s.spec.Distinct {
		out = append(out, m{"type": "distinctInstance"})
	}
	return out
}

func (s *service) showStrategy() l {
	if len(s.spec.Placement) == 0 {
		return l{m{"type": "spread", "field": "attribute:ecs.availability-zone"}, m{"type": "spread", "field": "instanceId"}}
	}
	out := l{}
	for _, p := range s.spec.Placement {
		out = append(out, m{"type": p.Type, "field": text(p.Field)})
	}
	return out
}

func (s *service) subnets(region string) l {
	zones := s.spec.Zones
	if len(zones) == 0 {
		zones = []string{region + "a", region + "b", region + "c"}
	}
	out := l{}
	for _, az := range zones {
		out = append(out, subnetOf(az))
	}
	return out
}

func (s *service) showEvents() l {
	out := l{}
	for _, e := range s.events {
		out = append(out, m{"id": e.id, "createdAt": epoch(e.at), "message": e.text})
	}
	return out
}

func (s *service) showDeployments(running, pending int) l {
	show := func(id, status, state string) m {
		return m{
			"id": id, "status": status, "taskDefinition": s.definition, "desiredCount": s.spec.Desired, "runningCount": running, "pendingCount": pending,
			"failedTasks": 0, "createdAt": epoch(s.createdAt), "updatedAt": epoch(s.createdAt), "launchType": s.launch(), "rolloutState": state,
			"rolloutStateReason": "ECS deployment " + id + " " + strings.ToLower(strings.ReplaceAll(state, "_", " ")) + ".",
		}
	}
	if !s.extraDeployment {
		return l{show(s.deployment, "PRIMARY", "COMPLETED")}
	}
	old := show(s.deployment, statusActive, "COMPLETED")
	fresh := show(s.deployment+"9", "PRIMARY", "IN_PROGRESS")
	fresh["runningCount"], fresh["pendingCount"] = 0, 0
	return l{fresh, old}
}

// subnetOf is the one subnet of an availability zone.
func subnetOf(az string) string {
	if az == "" {
		return "subnet-0a1b2c3d4e5f60000"
	}
	return "subnet-0a1b2c3d4e5f6000" + az[len(az)-1:]
}
