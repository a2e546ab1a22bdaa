package aws

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// visible reports whether ECS still tells about the task: an orphan's record is kept longer here than ECS would.
func (r *request) visible(t *task) bool {
	return t.alive() || r.now.Sub(t.stoppedAt) < stoppedVisible
}

func listTasks(r *request) (m, *apiError) {
	var in struct {
		Cluster, ContainerInstance, Family, NextToken, StartedBy, ServiceName, DesiredStatus, LaunchType, DaemonName string
		MaxResults                                                                                                   int
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	desired := in.DesiredStatus
	switch desired {
	case "":
		desired = taskRunning
	case taskRunning, taskStopped, taskPending:
	default:
		return nil, fault("InvalidParameterException", "desiredStatus must be one of RUNNING, PENDING, STOPPED.")
	}
	if in.StartedBy != "" && (in.ContainerInstance != "" || in.ServiceName != "" || in.Family != "") {
		return nil, fault("InvalidParameterException", "startedBy must be the only filter.")
	}
	var on *instance
	if in.ContainerInstance != "" {
		if on = r.findInstance(cl, in.ContainerInstance); on == nil {
			return nil, fault("InvalidParameterException", "Container instance %s not found.", in.ContainerInstance)
		}
	}
	var of *service
	if in.ServiceName != "" {
		if of = r.findService(cl, in.ServiceName); of == nil {
			return nil, fault("ServiceNotFoundException", "Service not found.")
		}
	}
	arns := []string{}
	for _, t := range sorted(r.cell.tasks) {
		if t.cluster != cl.arn || t.desired != desired || !r.visible(t) || (in.DaemonName != "" && !t.ofDaemon(in.DaemonName)) ||
			(on != nil && t.instance != on.arn) || (of != nil && t.service != of.arn) ||
			(in.Family != "" && !strings.Contains(t.definition, "/"+in.Family+":")) ||
			(in.StartedBy != "" && t.startedBy != in.StartedBy) || (in.LaunchType != "" && t.launch != in.LaunchType) {
			continue
		}
		arns = append(arns, t.arn)
	}
	return listed(r, "taskArns", arns, in.NextToken, in.MaxResults)
}

func (r *request) findTask(cl *cluster, ref string) *task {
	t := r.cell.tasks[r.cell.key.arn("ecs", "task/"+cl.name+"/"+lastPart(ref))]
	if t == nil || !r.visible(t) || (strings.HasPrefix(ref, "arn:") && ref != t.arn) {
		return nil
	}
	return t
}

func describeTasks(r *request) (m, *apiError) {
	var in struct {
		Cluster        string
		Tasks, Include []string
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if n := len(in.Tasks); n == 0 || n > 100 {
		return nil, fault("InvalidParameterException", "Tasks can have between 1 and 100 items.")
	}
	found, failed := described(r, cl, "task", in.Tasks, r.findTask,
		func(t *task) m { return r.showTask(t, slices.Contains(in.Include, "TAGS")) })
	return m{"tasks": found, "failures": failed}, nil
}

func (r *request) showTask(t *task, withTags bool) m {
	connectivity, at := "CONNECTED", t.createdAt
	if i := r.cell.instances[t.instance]; i != nil && !i.connected {
		connectivity, at = "DISCONNECTED", i.disconnectedAt
	}
	out := m{
		"taskArn": t.arn, "clusterArn": t.cluster, "taskDefinitionArn": t.definition, "containerInstanceArn": text(t.instance),
		"group": t.group, "startedBy": text(t.startedBy), "launchType": t.launch, "capacityProviderName": text(t.provider),
		"availabilityZone": text(t.az), "desiredStatus": t.desired, "lastStatus": t.last, "healthStatus": "UNKNOWN",
		"connectivity": connectivity, "connectivityAt": epoch(at), "createdAt": epoch(t.createdAt), "startedAt": epoch(t.startedAt),
		"pullStartedAt": epoch(t.startedAt), "pullStoppedAt": epoch(t.startedAt), "stoppingAt": epoch(t.stoppingAt), "stoppedAt": epoch(t.stoppedAt),
		"executionStoppedAt": epoch(t.stoppedAt), "stoppedReason": text(t.reason), "stopCode": text(t.code),
		"cpu": strconv.Itoa(t.cpu), "memory": strconv.Itoa(t.memory), "enableExecuteCommand": t.exec, "version": t.version,
		"overrides": m{"containerOverrides": l{}, "inferenceAcceleratorOverrides": l{}}, "attributes": l{}, "attachments": l{}, "tags": l{},
		"containers": r.showContainers(t),
	}
	if withTags {
		out["tags"] = tagList(t.tags)
	}
	if t.eni != "" {
		status := "ATTACHED"
		if r.cell.enis[t.eni] == nil {
			status = "DELETED"
		}
		out["attachments"] = l{m{"id": t.id[:8] + "-51b0-4a17-8e55-" + t.id[:12], "type": "ElasticNetworkInterface", "status": status, "details": l{
			m{"name": "subnetId", "value": subnetOf(t.az)}, m{"name": "networkInterfaceId", "value": t.eni}, m{"name": "privateIPv4Address", "value": t.ip},
		}}}
	}
	return out
}

func (r *request) showContainers(t *task) l {
	d := r.cell.definitions[t.definition]
	if d == nil {
		return l{}
	}
	last := t.last
	switch t.last {
	case taskProvisioning, taskActivating:
		last = taskPending
	case taskDeactivating, taskStopping:
		last = taskRunning
	case taskDeprovisioning:
		last = taskStopped
	}
	bindings := l{}
	for _, p := range d.spec.Ports {
		for _, use := range t.ports {
			if use.container == p.ContainerPort && use.udp == p.UDP {
				bindings = append(bindings, m{"bindIP": "0.0.0.0", "containerPort": p.ContainerPort, "hostPort": use.host, "protocol": transport(p.UDP)})
			}
		}
	}
	interfaces := l{}
	if t.eni != "" {
		interfaces = append(interfaces, m{"attachmentId": t.id[:8] + "-51b0-4a17-8e55-" + t.id[:12], "privateIpv4Address": t.ip})
	}
	var exit any
	if t.exitCode != nil {
		exit = *t.exitCode
	}
	return l{m{
		"containerArn": r.cell.key.arn("ecs", "container/"+lastPart(t.cluster)+"/"+t.id+"/1"), "taskArn": t.arn, "name": d.spec.Family, "image": d.spec.Image, "imageDigest": digestOf(d.spec.Image),
		"lastStatus": last, "exitCode": exit, "healthStatus": "UNKNOWN", "cpu": strconv.Itoa(t.cpu), "memory": strconv.Itoa(t.memory), "gpuIds": gpuIDs(t.gpus),
		"networkBindings": bindings, "networkInterfaces": interfaces, "runtimeId": t.id + t.id,
	}}
}

// digestOf is the digest that the image names, or one that is always the same for it.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html
func digestOf(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(image)))
}

func stopTask(r *request) (m, *apiError) {
	var in struct{ Cluster, Task, Reason string }
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	t := r.findTask(cl, in.Task)
	if t == nil || in.Task == "" {
		return nil, fault("InvalidParameterException", "The referenced task was not found.")
	}
	reason := in.Reason
	if reason == "" {
		reason = "Task stopped by user"
	}
	if t.desired == taskRunning {
		r.c.stopTask(r.cell, t, reason, "UserInitiated", false)
		r.effect = true
	}
	return m{"task": r.showTask(t, false)}, nil
}

func getTaskProtection(r *request) (m, *apiError) {
	var in struct {
		Cluster string
		Tasks   []string
	}
	cl, e := bindIn(r, &in, &in.Cluster)
	if e != nil {
		return nil, e
	}
	if len(in.Tasks) > 100 {
		return nil, fault("InvalidParameterException", "tasks can have at most 100 items.")
	}
	if len(in.Tasks) == 0 {
		for _, t := range r.cell.tasksWhere(func(t *task) bool { return t.cluster == cl.arn && t.counted() && t.isProtected(r.now) }) {
			in.Tasks = append(in.Tasks, t.arn)
		}
	}
	found, failed := l{}, l{}
	for _, ref := range in.Tasks {
		t := r.findTask(cl, ref)
		switch {
		case t == nil || !t.alive():
			failed = append(failed, failure(r.arnOf(cl, "task", ref), "MISSING"))
		case t.service == "":
			failed = append(failed, m{"arn": t.arn, "reason": "TASK_NOT_VALID", "detail": "The task is not part of a service."})
		case t.isProtected(r.now):
			found = append(found, m{"taskArn": t.arn, "protectionEnabled": true, "expirationDate": epoch(t.protectedUntil)})
		default:
			found = append(found, m{"taskArn": t.arn, "protectionEnabled": false})
		}
	}
	return m{"protectedTasks": found, "failures": failed}, nil
}

func describeTaskDefinition(r *request) (m, *apiError) {
	var in struct {
		TaskDefinition string
		Include        []string
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	d := r.cell.findDefinition(in.TaskDefinition)
	if d == nil || strings.Contains(d.arn, daemonDefinitions) {
		return nil, fault("ClientException", "Unable to describe task definition.")
	}
	out := m{"taskDefinition": r.showDefinition(d)}
	if slices.Contains(in.Include, "TAGS") {
		out["tags"] = tagList(d.spec.Tags)
	}
	return out, nil
}

// findDefinition resolves an ARN, family:revision, or a family's latest.
func (c *cell) findDefinition(ref string) *definition {
	if strings.HasPrefix(ref, "arn:") {
		return c.definitions[ref]
	}
	if !strings.Contains(ref, ":") {
		ref += ":" + strconv.Itoa(c.latest[ref])
	}
	return c.definitions[c.key.arn("ecs", "task-definition/"+ref)]
}

func (r *request) showDefinition(d *definition) m {
	ports := l{}
	for _, p := range d.spec.Ports {
		host := p.HostPort
		if d.spec.NetworkMode == "host" || d.spec.NetworkMode == "awsvpc" {
			host = p.ContainerPort
		}
		ports = append(ports, m{"containerPort": p.ContainerPort, "hostPort": host, "protocol": transport(p.UDP)})
	}
	volumes, mounts := l{}, l{}
	if d.spec.HostVolume != "" {
		volumes = append(volumes, m{"name": "data", "host": m{"sourcePath": d.spec.HostVolume}})
		mounts = append(mounts, m{"sourceVolume": "data", "containerPath": "/data", "readOnly": false})
	}
	requires, constraints := l{}, l{}
	for _, name := range d.spec.Requires {
		requires = append(requires, m{"name": name})
	}
	for _, e := range d.spec.Constraints {
		constraints = append(constraints, m{"type": "memberOf", "expression": e})
	}
	containers := l{}
	for i, p := range d.spec.parts() {
		c := m{
			"name": d.spec.Family, "image": d.spec.Image, "cpu": p.CPU, "memory": p.Memory, "essential": i == 0,
			"portMappings": l{}, "environment": l{}, "mountPoints": l{}, "volumesFrom": l{}, "stopTimeout": int(d.spec.StopTimeout / time.Second),
		}
		if i == 0 {
			c["portMappings"], c["mountPoints"] = ports, mounts
		} else {
			c["name"] = d.spec.Family + "-" + strconv.Itoa(i)
		}
		if p.Reservation > 0 {
			c["memoryReservation"] = p.Reservation
		}
		if p.GPUs > 0 {
			c["resourceRequirements"] = l{m{"type": "GPU", "value": strconv.Itoa(p.GPUs)}}
		}
		containers = append(containers, c)
	}
	out := m{
		"taskDefinitionArn": d.arn, "family": d.spec.Family, "revision": d.spec.Revision, "status": statusActive, "networkMode": d.spec.NetworkMode,
		"compatibilities": l{"EXTERNAL", "EC2"}, "registeredAt": epoch(d.at), "volumes": volumes, "requiresAttributes": requires,
		"placementConstraints": constraints, "containerDefinitions": containers,
	}
	if len(d.spec.Containers) == 0 {
		out["cpu"], out["memory"] = strconv.Itoa(d.spec.CPU), strconv.Itoa(d.spec.Memory)
	}
	return out
}

func transport(udp bool) string {
	if udp {
		return "udp"
	}
	return "tcp"
}
