package aws

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	agentVersion  = "1.99.1"
	dockerVersion = "DockerVersion: 25.0.8"
)

func failure(arn, reason string) m { return m{"arn": arn, "reason": reason} }

// bindIn reads the input of a call within a cluster; name points at the input's own cluster.
func bindIn(r *request, in any, name *string) (*cluster, *apiError) {
	if e := bind(r, in); e != nil {
		return nil, e
	}
	return r.findCluster(*name)
}

// listed is the answer of every List call of ECS.
func listed(r *request, name string, arns []string, token string, asked int) (m, *apiError) {
	if asked < 0 || asked > 100 {
		return nil, fault("InvalidParameterException", "maxResults must be between 1 and 100.")
	}
	return shown(r, arns, token, asked, 100, name, "nextToken", func(arn string) string { return arn })
}

// described sorts what was asked for into what was found, as shown, and the failures that ECS answers with status 200.
func described[T any](r *request, cl *cluster, kind string, refs []string, find func(*cluster, string) *T, show func(*T) m) (found, failed l) {
	found, failed = l{}, l{}
	for _, ref := range refs {
		if x := find(cl, ref); x != nil {
			found = append(found, show(x))
		} else {
			failed = append(failed, failure(r.arnOf(cl, kind, ref), "MISSING"))
		}
	}
	return found, failed
}

// arnOf is the ARN that a failure names: the one that was asked for, or that of the id.
func (r *request) arnOf(cl *cluster, kind, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	return r.cell.key.arn("ecs", kind+"/"+cl.name+"/"+ref)
}

func anyList(in []string) l {
	out := l{}
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

func listContainerInstances(r *request) (m, *apiError) {
	var in struct {
		Cluster, Filter, NextToken, Status string
		MaxResults                         int
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if in.Status != "" && !slices.Contains([]string{"ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED"}, in.Status) {
		return nil, fault("InvalidParameterException", "status must be one of ACTIVE, DRAINING, REGISTERING, DEREGISTERING, REGISTRATION_FAILED.")
	}
	var match matcher
	if in.Filter != "" {
		parsed, err := parseQuery(in.Filter)
		if err != nil {
			return nil, fault("InvalidParameterException", "Invalid query: %v", err)
		}
		match = parsed
	}
	arns := []string{}
	for _, i := range sorted(r.cell.instances) {
		if i.cluster != cl.arn || i.status == statusInactive || (in.Status != "" && i.status != in.Status) {
			continue
		}
		if match == nil || match(r.cell.subject(i)) {
			arns = append(arns, i.arn)
		}
	}
	return listed(r, "containerInstanceArns", arns, in.NextToken, in.MaxResults)
}

// findInstance resolves a container instance of the cluster by id or ARN. An EC2 id is none.
func (r *request) findInstance(cl *cluster, ref string) *instance {
	id := lastPart(ref)
	i := r.cell.instances[r.cell.key.arn("ecs", "container-instance/"+cl.name+"/"+id)]
	if i == nil || (strings.HasPrefix(ref, "arn:") && ref != i.arn && ref != r.cell.key.arn("ecs", "container-instance/"+id)) {
		return nil
	}
	return i
}

func describeContainerInstances(r *request) (m, *apiError) {
	var in struct {
		Cluster                     string
		ContainerInstances, Include []string
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if n := len(in.ContainerInstances); n == 0 || n > 100 {
		return nil, fault("InvalidParameterException", "instanceIds can have between 1 and 100 items.")
	}
	found, failed := described(r, cl, "container-instance", in.ContainerInstances, r.findInstance,
		func(i *instance) m { return r.showInstance(i, in.Include) })
	return m{"containerInstances": found, "failures": failed}, nil
}

func (r *request) showInstance(i *instance, include []string) m {
	running, pending, tasks := 0, 0, r.cell.tasksOn(i.arn)
	for _, t := range tasks {
		if t.counted() {
			running++
		} else if t.pending() {
			pending++
		}
	}
	left := r.cell.remaining(i, tasks)
	fresh := spare{cpu: i.cpu, memory: i.memory, gpus: i.gpus, tcp: reservedPorts}
	attributes := l{}
	for _, name := range slices.Sorted(maps.Keys(i.attributes)) {
		attributes = append(attributes, m{"name": name, "value": text(i.attributes[name])})
	}
	out := m{
		"containerInstanceArn": i.arn, "ec2InstanceId": i.ec2ID, "capacityProviderName": text(i.provider), "version": i.version,
		"versionInfo": m{"agentVersion": agentVersion, "agentHash": "4b9d1c2e", "dockerVersion": dockerVersion},
		"status":      i.status, "statusReason": text(i.reason), "agentConnected": i.connected, "runningTasksCount": running, "pendingTasksCount": pending,
		"registeredResources": resources(fresh), "remainingResources": resources(left),
		"attributes": attributes, "registeredAt": epoch(i.registeredAt), "attachments": l{}, "tags": l{},
	}
	if slices.Contains(include, "TAGS") {
		out["tags"] = tagList(i.tags)
	}
	if slices.Contains(include, "CONTAINER_INSTANCE_HEALTH") {
		out["healthStatus"] = health(r.now, i)
	}
	return out
}

// resources shows ports that are taken, and GPUs that are not: by id.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html
func resources(s spare) l {
	set := func(name string, values l) m {
		return m{"name": name, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0, "stringSetValue": values}
	}
	texts := func(ports []int) l {
		out := l{}
		for _, p := range ports {
			out = append(out, strconv.Itoa(p))
		}
		return out
	}
	return l{
		m{"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": s.cpu},
		m{"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": s.memory},
		set("PORTS", texts(s.tcp)), set("PORTS_UDP", texts(s.udp)), set("GPU", gpuIDs(s.gpus)),
	}
}

func gpuIDs(n int) l {
	out := l{}
	for i := range n {
		out = append(out, "GPU-51b04a17-8e55-4c02-9d3f-0a1b2c3d4e"+strconv.Itoa(10+i))
	}
	return out
}

func health(now time.Time, i *instance) m {
	overall, since := "OK", i.registeredAt
	if !i.connected {
		overall, since = "IMPAIRED", i.disconnectedAt
	}
	return m{"overallStatus": overall, "details": l{m{
		"type": "AGENT_CONNECTIVITY", "status": overall, "lastUpdated": epoch(now), "lastStatusChange": epoch(since),
	}}}
}

func updateContainerInstancesState(r *request) (m, *apiError) {
	var in struct {
		Cluster, Status    string
		ContainerInstances []string
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if in.Status != statusActive && in.Status != statusDraining {
		return nil, fault("InvalidParameterException", "Container instance status must be one of [ACTIVE, DRAINING].")
	}
	if n := len(in.ContainerInstances); n == 0 || n > 10 {
		return nil, fault("InvalidParameterException", "instanceIds can have at most 10 items.")
	}
	found, failed := l{}, l{}
	for _, ref := range in.ContainerInstances {
		i := r.findInstance(cl, ref)
		switch {
		case i == nil:
			failed = append(failed, failure(r.arnOf(cl, "container-instance", ref), "MISSING"))
			continue
		case i.status == statusInactive:
			failed = append(failed, failure(i.arn, "INACTIVE"))
			continue
		case i.status != in.Status:
			i.status = in.Status
			i.version++
			r.effect = true
			r.c.touch()
			r.c.kick(r.cell, cl.arn)
			for _, s := range r.cell.services {
				if s.cluster == cl.arn {
					s.complaints, s.nextComplaint = 0, time.Time{}
				}
			}
		}
		found = append(found, r.showInstance(i, nil))
	}
	return m{"containerInstances": found, "failures": failed}, nil
}

// deregisterContainerInstance refuses while a task of it is not STOPPED, unless forced: whether real ECS refuses for
// tasks that are stopping already is not documented, and the stricter answer is given.
func deregisterContainerInstance(r *request) (m, *apiError) {
	var in struct {
		Cluster, ContainerInstance string
		Force                      bool
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	i := r.findInstance(cl, in.ContainerInstance)
	if in.ContainerInstance == "" || strings.HasPrefix(in.ContainerInstance, "i-") {
		return nil, fault("InvalidParameterException", "Invalid identifier: Container instance id or ARN expected.")
	}
	if i == nil {
		return nil, fault("ClientException", "Referenced container instance %s not found.", lastPart(in.ContainerInstance))
	}
	if i.status == statusInactive {
		return nil, fault("ClientException", "Container instance %s is inactive.", i.id)
	}
	tasks := slices.DeleteFunc(r.cell.tasksOn(i.arn), func(t *task) bool { return !t.alive() })
	if len(tasks) > 0 && !in.Force {
		return nil, fault("InvalidParameterException", "Found running tasks on the instance.")
	}
	host := r.cell.machines[i.ec2ID]
	up := host != nil && host.state == ec2Running
	r.effect = true
	if in.Force && r.cell.isManaged(i) {
		r.c.endManaged(r.cell, i)
		return m{"containerInstance": r.showInstance(i, nil)}, nil
	}
	for _, t := range tasks {
		r.c.give(r.cell, t, ForcedReason, "UserInitiated", up)
	}
	r.c.retire(r.cell, i)
	return m{"containerInstance": r.showInstance(i, nil)}, nil
}

func listTagsForResource(r *request) (m, *apiError) {
	var in struct{ ResourceArn string }
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	name := lastPart(in.ResourceArn)
	var tags []Tag
	switch c := r.cell; {
	case c.instances[in.ResourceArn] != nil:
		tags = c.instances[in.ResourceArn].tags
	case c.tasks[in.ResourceArn] != nil:
		tags = c.tasks[in.ResourceArn].tags
	case c.services[in.ResourceArn] != nil:
		tags = c.services[in.ResourceArn].spec.Tags
	case c.definitions[in.ResourceArn] != nil:
		tags = c.definitions[in.ResourceArn].spec.Tags
	case c.clusters[name] != nil && c.clusters[name].arn == in.ResourceArn:
		tags = c.clusters[name].tags
	case c.providers[name] != nil && c.providers[name].arn == in.ResourceArn:
		tags = c.providers[name].spec.Tags
	default:
		return nil, fault("InvalidParameterException", "The specified resource %s was not found.", in.ResourceArn)
	}
	return m{"tags": tagList(tags)}, nil
}
