package aws

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// findCluster resolves a cluster by name or ARN; an omitted one is the cluster named "default".
func (r *request) findCluster(ref string) (*cluster, *apiError) {
	if ref == "" {
		ref = "default"
	}
	if strings.HasPrefix(ref, "arn:") && ref != r.cell.key.clusterARN(lastPart(ref)) {
		return nil, fault("ClusterNotFoundException", "Cluster not found.")
	}
	cl := r.cell.clusters[lastPart(ref)]
	if cl == nil || cl.status != statusActive {
		return nil, fault("ClusterNotFoundException", "Cluster not found.")
	}
	return cl, nil
}

func listClusters(r *request) (m, *apiError) {
	var in struct {
		MaxResults int
		NextToken  string
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	arns := make([]string, 0, len(r.cell.clusters))
	for _, cl := range sorted(r.cell.clusters) {
		arns = append(arns, cl.arn)
	}
	return listed(r, "clusterArns", arns, in.NextToken, in.MaxResults)
}

func describeClusters(r *request) (m, *apiError) {
	var in struct{ Clusters, Include []string }
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	if len(in.Clusters) == 0 {
		in.Clusters = []string{"default"}
	}
	if len(in.Clusters) > 100 {
		return nil, fault("InvalidParameterException", "clusters can have at most 100 items.")
	}
	found, failed := l{}, l{}
	for _, ref := range in.Clusters {
		cl := r.cell.clusters[lastPart(ref)]
		if cl == nil || (strings.HasPrefix(ref, "arn:") && ref != cl.arn) {
			arn := ref
			if !strings.HasPrefix(ref, "arn:") {
				arn = r.cell.key.clusterARN(ref)
			}
			failed = append(failed, failure(arn, "MISSING"))
			continue
		}
		found = append(found, r.showCluster(cl, in.Include))
	}
	return m{"clusters": found, "failures": failed}, nil
}

func (r *request) showCluster(cl *cluster, include []string) m {
	registered, services := 0, 0
	running, pending := map[string]int{}, map[string]int{}
	for _, i := range r.cell.instances {
		if i.cluster == cl.arn && i.status != statusInactive {
			registered++
		}
	}
	for _, s := range r.cell.services {
		if s.cluster == cl.arn && s.status == statusActive {
			services++
		}
	}
	for _, t := range r.cell.tasks {
		if t.cluster != cl.arn {
			continue
		}
		if t.counted() {
			running[t.launch]++
		} else if t.pending() {
			pending[t.launch]++
		}
	}
	out := m{
		"clusterArn": cl.arn, "clusterName": cl.name, "status": cl.status,
		"registeredContainerInstancesCount": registered, "activeServicesCount": services,
		"runningTasksCount": running["EC2"] + running["FARGATE"] + running["EXTERNAL"],
		"pendingTasksCount": pending["EC2"] + pending["FARGATE"] + pending["EXTERNAL"],
		"capacityProviders": anyList(cl.providers), "defaultCapacityProviderStrategy": l{},
		"statistics": l{}, "tags": l{}, "settings": l{},
	}
	if slices.Contains(include, "STATISTICS") {
		out["statistics"] = r.statistics(cl, running, pending)
	}
	if slices.Contains(include, "TAGS") {
		out["tags"] = tagList(cl.tags)
	}
	if slices.Contains(include, "SETTINGS") {
		out["settings"] = l{m{"name": "containerInsights", "value": "disabled"}}
	}
	return out
}

func (r *request) statistics(cl *cluster, running, pending map[string]int) l {
	byLaunch := map[string]int{}
	for _, s := range r.cell.services {
		if s.cluster == cl.arn && s.status == statusActive {
			byLaunch[s.launch()]++
		}
	}
	out := l{}
	for _, launch := range []struct{ key, name string }{{"EC2", "EC2"}, {"FARGATE", "Fargate"}, {"EXTERNAL", "External"}} {
		for name, n := range map[string]int{"running" + launch.name + "TasksCount": running[launch.key],
			"pending" + launch.name + "TasksCount": pending[launch.key], "active" + launch.name + "ServiceCount": byLaunch[launch.key]} {
			out = append(out, m{"name": name, "value": strconv.Itoa(n)})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].(m)["name"].(string) < out[j].(m)["name"].(string) })
	return out
}

func describeCapacityProviders(r *request) (m, *apiError) {
	var in struct {
		CapacityProviders, Include []string
		Cluster, NextToken         string
		MaxResults                 int
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	var chosen []*provider
	failed := l{}
	for _, p := range sorted(r.cell.providers) {
		if len(in.CapacityProviders) == 0 && (in.Cluster == "" || p.spec.Cluster == "" || p.spec.Cluster == lastPart(in.Cluster)) {
			chosen = append(chosen, p)
		}
	}
	for _, ref := range in.CapacityProviders {
		if p := r.cell.providers[lastPart(ref)]; p != nil {
			chosen = append(chosen, p)
		} else {
			failed = append(failed, failure(ref, "MISSING"))
		}
	}
	out, e := shown(r, chosen, in.NextToken, in.MaxResults, 10, "capacityProviders", "nextToken",
		func(p *provider) m { return r.showProvider(p, slices.Contains(in.Include, "TAGS")) })
	if e != nil {
		return nil, e
	}
	out["failures"] = failed
	return out, nil
}

func onOff(on bool) string {
	if on {
		return "ENABLED"
	}
	return "DISABLED"
}

func (r *request) showProvider(p *provider, withTags bool) m {
	out := m{"capacityProviderArn": p.arn, "name": p.spec.Name, "status": statusActive, "cluster": text(p.spec.Cluster), "tags": l{}}
	if withTags {
		out["tags"] = tagList(p.spec.Tags)
	}
	if p.spec.ManagedInstances {
		out["type"] = "MANAGED_INSTANCES"
		out["managedInstancesProvider"] = m{
			"infrastructureRoleArn":      "arn:aws:iam::" + r.cell.key.account + ":role/ecsInfrastructureRole",
			"infrastructureOptimization": m{"scaleInAfter": p.spec.scaleInAfter()},
			"instanceLaunchTemplate":     m{"ec2InstanceProfileArn": "arn:aws:iam::" + r.cell.key.account + ":instance-profile/ecsInstanceRole"},
		}
		return out
	}
	out["type"] = "EC2_AUTOSCALING"
	arn := any(nil)
	if g := r.cell.groups[p.spec.Group]; g != nil {
		arn = g.arn
	}
	out["autoScalingGroupProvider"] = m{
		"autoScalingGroupArn": arn, "managedDraining": onOff(p.spec.ManagedDraining), "managedTerminationProtection": onOff(p.spec.TerminationProtection),
		"managedScaling": m{"status": onOff(p.spec.ManagedScaling), "targetCapacity": cmp.Or(p.spec.TargetCapacity, 100), "minimumScalingStepSize": 1, "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300},
	}
	return out
}
