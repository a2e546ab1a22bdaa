package aws

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Region is a handle to add things to what an account owns in one Region. Every method locks, so an estate may be
// extended while it serves.
type Region struct {
	c   *Cloud
	key cellKey
}

// Region returns the handle, and makes the account known: keys of AccessKeyID(account) are accepted from then on.
func (c *Cloud) Region(account, region string) *Region {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live.accounts[account] = true
	c.live.cell(cellKey{account, region})
	return &Region{c, cellKey{account, region}}
}

// AddRole makes a role assumable by every caller.
func (c *Cloud) AddRole(arn string) error {
	match := roleARNForm.FindStringSubmatch(arn)
	if match == nil {
		return fmt.Errorf("adding role %q: not a role ARN", arn)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live.roles[arn], c.live.accounts[match[1]] = true, true
	return nil
}

// edit runs do on the settled estate.
func (g *Region) edit(what string, do func(cl *cell) (string, error)) (string, error) {
	g.c.mu.Lock()
	defer g.c.unlock()
	g.c.settle()
	arn, err := do(g.c.live.cell(g.key))
	if err != nil {
		return "", fmt.Errorf("adding %s: %w", what, err)
	}
	g.c.touch()
	return arn, nil
}

// AddCluster adds a cluster and returns its ARN.
func (g *Region) AddCluster(spec ClusterSpec) (string, error) {
	return g.edit("cluster "+spec.Name, func(cl *cell) (string, error) {
		if spec.Name == "" || cl.clusters[spec.Name] != nil {
			return "", errors.New("the name is empty or taken")
		}
		arn := g.key.clusterARN(spec.Name)
		cl.clusters[spec.Name] = &cluster{arn: arn, name: spec.Name, status: statusActive, providers: spec.Providers, tags: spec.Tags}
		return arn, nil
	})
}

// AddInstance adds an EC2 instance, registered in its cluster unless told otherwise. It returns the container
// instance's ARN, or the EC2 id of one that is not registered.
func (g *Region) AddInstance(spec InstanceSpec) (string, error) {
	return g.edit("instance "+spec.EC2ID, func(cl *cell) (string, error) {
		if !spec.Unregistered && cl.clusters[spec.Cluster] == nil {
			return "", fmt.Errorf("cluster %q: %w", spec.Cluster, errNoSuch)
		}
		if spec.Group != "" && cl.groups[spec.Group] == nil {
			return "", fmt.Errorf("group %q: %w", spec.Group, errNoSuch)
		}
		mc := cl.machines[spec.EC2ID]
		if mc == nil {
			mc = g.c.newMachine(cl, spec)
		}
		if spec.Terminated {
			g.c.longGone(cl, mc, spec)
		}
		if spec.Unregistered {
			return mc.id, nil
		}
		return g.c.newInstance(cl, spec.Cluster, mc, spec).arn, nil
	})
}

func (c *Cloud) longGone(cl *cell, mc *machine, spec InstanceSpec) {
	mc.state, mc.endedAt = ec2Terminated, c.now.Add(-spec.TerminatedFor)
	mc.stateReason = [2]string{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	c.after(max(terminatedVisible-spec.TerminatedFor, 0), func() { c.forget(cl, mc) })
}

func (c *Cloud) newMachine(cl *cell, spec InstanceSpec) *machine {
	if spec.EC2ID == "" {
		spec.EC2ID = "i-0" + c.hex(16)
	}
	if spec.AZ == "" {
		spec.AZ = cl.key.region + "a"
	}
	if spec.Type == "" {
		spec.Type = "m6i.large"
	}
	mc := &machine{
		id: spec.EC2ID, kind: spec.Type, az: spec.AZ, state: ec2Running, launchedAt: c.now.Add(-spec.Age), privateIP: c.ip(), eni: "eni-0" + c.hex(16),
		tags: slices.Clone(spec.Tags), spot: spec.Spot, selfDrains: spec.SpotDrains, managed: spec.Managed, protected: spec.Protected, volumes: spec.Volumes, group: spec.Group, scaleIn: spec.ScaleIn,
	}
	if spec.Group != "" {
		mc.lifecycle = cmp.Or(spec.Lifecycle, inService)
		if mc.lifecycle == lifecycleWarmed+"Stopped" {
			mc.state = ec2Stopped
		}
		if !slices.ContainsFunc(mc.tags, func(t Tag) bool { return t.Key == "aws:autoscaling:groupName" }) {
			mc.tags = append(mc.tags, Tag{"aws:autoscaling:groupName", spec.Group})
		}
	}
	cl.machines[mc.id] = mc
	if strings.HasPrefix(mc.id, "mi-") {
		c.activate(cl, mc.id, mc.launchedAt)
	}
	if spec.Spot {
		c.requestSpot(cl, mc, spec.SpotStops)
	}
	c.touch()
	return mc
}

// newInstance registers the machine with the cluster.
func (c *Cloud) newInstance(cl *cell, clusterName string, mc *machine, spec InstanceSpec) *instance {
	id := spec.RegisterID
	if id == "" {
		id = c.hex(32)
	}
	i := &instance{
		id: id, arn: cl.key.arn("ecs", "container-instance/"+clusterName+"/"+id), cluster: cl.key.clusterARN(clusterName), ec2ID: mc.id,
		status: statusActive, connected: !spec.Disconnected && mc.state == ec2Running, version: 3, provider: spec.Provider, tags: mc.tags,
		cpu: spec.CPU, memory: spec.Memory, gpus: spec.GPUs, az: mc.az, registeredAt: c.now.Add(-spec.Age), external: strings.HasPrefix(mc.id, "mi-"),
	}
	if i.cpu == 0 {
		i.cpu = 2048
	}
	if i.memory == 0 {
		i.memory = 7764
	}
	if !i.connected {
		i.disconnectedAt = c.now.Add(-max(spec.TerminatedFor, 10*time.Minute))
	}
	i.attributes = map[string]string{
		"ecs.instance-type": mc.kind, "ecs.availability-zone": mc.az, "ecs.os-type": "linux", "ecs.os-family": "LINUX", "ecs.cpu-architecture": "x86_64",
		"ecs.ami-id": "ami-0a1b2c3d4e5f60001", "ecs.vpc-id": "vpc-0a1b2c3d4e5f60001", "ecs.subnet-id": subnetOf(mc.az),
		"ecs.capability.task-eni": "", "ecs.capability.execution-role-awslogs": "", "com.amazonaws.ecs.capability.docker-remote-api.1.44": "",
	}
	if i.external {
		i.attributes["ecs.capability.external"] = ""
	}
	maps.Copy(i.attributes, spec.Attributes)
	cl.instances[i.arn] = i
	c.touch()
	c.startDaemons(cl, i, false)
	c.kick(cl, i.cluster)
	return i
}

// AddTaskDefinition registers a task definition and returns its ARN.
func (g *Region) AddTaskDefinition(spec TaskDefinitionSpec) (string, error) {
	return g.edit("task definition "+spec.Family, func(cl *cell) (string, error) {
		if spec.Family == "" {
			return "", errors.New("no family")
		}
		if spec.Revision == 0 {
			spec.Revision = cl.latest[spec.Family] + 1
		}
		if spec.NetworkMode == "" {
			spec.NetworkMode = "bridge"
		}
		if len(spec.Containers) > 0 && spec.CPU+spec.Memory > 0 {
			return "", errors.New("the size of the task and of its containers: give one")
		}
		if spec.StopTimeout == 0 {
			spec.StopTimeout = 30 * time.Second
		}
		if spec.Image == "" {
			spec.Image = g.key.account + ".dkr.ecr." + g.key.region + ".amazonaws.com/" + spec.Family + ":" + strconv.Itoa(spec.Revision)
		}
		arn := g.key.arn("ecs", "task-definition/"+spec.Family+":"+strconv.Itoa(spec.Revision))
		cl.definitions[arn] = &definition{arn: arn, spec: spec, at: g.c.now}
		cl.latest[spec.Family] = max(cl.latest[spec.Family], spec.Revision)
		return arn, nil
	})
}

// AddService adds a service, with its first tasks RUNNING and healthy, and returns its ARN.
func (g *Region) AddService(spec ServiceSpec) (string, error) {
	return g.edit("service "+spec.Name, func(cl *cell) (string, error) {
		d := cl.findDefinition(spec.TaskDefinition)
		if d == nil || cl.clusters[spec.Cluster] == nil {
			return "", fmt.Errorf("task definition %q or cluster %q: %w", spec.TaskDefinition, spec.Cluster, errNoSuch)
		}
		if err := cl.checkBalancers(spec, d); err != nil {
			return "", err
		}
		if spec.MaxPercent == 0 {
			spec.MaxPercent = 200
		}
		if spec.Controller == "" {
			spec.Controller = "ECS"
		}
		for _, expression := range spec.Constraints {
			if _, err := parseQuery(expression); err != nil {
				return "", fmt.Errorf("constraint %q: %w", expression, err)
			}
		}
		s := &service{
			name: spec.Name, arn: g.key.arn("ecs", "service/"+spec.Cluster+"/"+spec.Name), cluster: g.key.clusterARN(spec.Cluster), spec: spec,
			definition: d.arn, status: statusActive, deployment: "ecs-svc/" + strconv.FormatUint(1e18+g.c.rng.Uint64N(8e18), 10), createdAt: g.c.now.Add(-30 * 24 * time.Hour), steady: true,
		}
		for n := range min(1+spec.History, 100) {
			s.events = append(s.events, event{id: g.c.uuid(), at: g.c.now.Add(-2*time.Hour - time.Duration(n)*6*time.Hour), text: "(service " + s.name + ") has reached a steady state."})
		}
		cl.services[s.arn] = s
		for _, on := range spec.On {
			if err := g.c.settled(cl, s, d, on); err != nil {
				return "", err
			}
		}
		g.c.kick(cl, s.cluster)
		return s.arn, nil
	})
}

// settled gives the service a task that has run on the host for a while.
func (c *Cloud) settled(cl *cell, s *service, d *definition, on string) error {
	var host *instance
	if !s.spec.Fargate {
		if host = cl.instanceOf(on); host == nil {
			return fmt.Errorf("instance %q: %w", on, errNoSuch)
		}
	}
	t := c.newTask(cl, s.cluster, d, host)
	cl.belong(t, s)
	t.exec, t.tags = s.spec.ExecEnabled, s.spec.Tags
	c.established(cl, t)
	return nil
}

func (c *Cloud) established(cl *cell, t *task) {
	t.createdAt = c.now.Add(-26 * time.Hour)
	t.startedAt = t.createdAt.Add(20 * time.Second)
	t.last, t.version = taskRunning, 5
	c.attach(cl, t)
	c.register(cl, t, true)
	if i := cl.instances[t.instance]; i != nil {
		if mc := cl.machines[i.ec2ID]; mc == nil || mc.state != ec2Running {
			c.targetsDown(cl, t)
		}
	}
}

// RunTask adds a task that belongs to no service (unless it shall pretend to) and returns its ARN.
func (g *Region) RunTask(spec TaskSpec) (string, error) {
	return g.edit("task of "+spec.TaskDefinition, func(cl *cell) (string, error) {
		d := cl.findDefinition(spec.TaskDefinition)
		if d == nil || cl.clusters[spec.Cluster] == nil {
			return "", fmt.Errorf("task definition %q or cluster %q: %w", spec.TaskDefinition, spec.Cluster, errNoSuch)
		}
		var host *instance
		if !spec.Fargate {
			if host = cl.instanceOf(spec.On); host == nil {
				return "", fmt.Errorf("instance %q: %w", spec.On, errNoSuch)
			}
		}
		t := g.c.newTask(cl, g.key.clusterARN(spec.Cluster), d, host)
		if spec.ID != "" {
			cl.dropTask(t)
			t.id, t.arn = spec.ID, g.key.arn("ecs", "task/"+spec.Cluster+"/"+spec.ID)
			cl.putTask(t)
		}
		t.startedBy, t.tags = spec.StartedBy, spec.Tags
		if spec.Group != "" {
			t.group = spec.Group
		}
		if s := cl.services[g.key.arn("ecs", "service/"+spec.Cluster+"/"+spec.Service)]; s != nil {
			cl.belong(t, s)
		}
		if spec.Start {
			g.c.advance(cl, t)
		} else {
			g.c.established(cl, t)
		}
		if spec.RunsFor > 0 {
			g.c.after(spec.RunsFor, func() { g.c.exits(cl, t) })
		}
		g.c.kick(cl, t.cluster)
		return t.arn, nil
	})
}

// exits is a container that ends by itself.
func (c *Cloud) exits(cl *cell, t *task) {
	if t.desired != taskRunning || !cl.awake(t) {
		return
	}
	t.desired, t.stoppingAt = taskStopped, c.now
	t.reason, t.code = "Essential container in task exited", "EssentialContainerExited"
	c.deprovision(cl, t)
}

// AddTargetGroup adds a target group and returns its ARN.
func (g *Region) AddTargetGroup(spec TargetGroupSpec) (string, error) {
	return g.edit("target group "+spec.Name, func(cl *cell) (string, error) {
		if !slices.Contains([]string{"instance", "ip", "lambda", "alb"}, spec.Type) {
			return "", fmt.Errorf("there is no target type %q", spec.Type)
		}
		if spec.HealthyAfter == 0 {
			spec.HealthyAfter = defaultHealthy
		}
		tg := &targetGroup{arn: g.key.arn("elasticloadbalancing", "targetgroup/"+spec.Name+"/"+g.c.hex(16)), spec: spec}
		if spec.Balancer != "" {
			for _, b := range cl.balancers {
				if b.name == spec.Balancer {
					tg.lb = b.arn
				}
			}
			if tg.lb == "" {
				tg.lb = g.key.arn("elasticloadbalancing", "loadbalancer/app/"+spec.Balancer+"/"+g.c.hex(16))
				cl.balancers[tg.lb] = &balancer{arn: tg.lb, name: spec.Balancer, created: g.c.now.Add(-90 * 24 * time.Hour)}
			}
		}
		cl.targetGroups[tg.arn] = tg
		return tg.arn, nil
	})
}

// AddGroup adds an Auto Scaling group and returns its ARN. Its first members come by InstanceSpec.Group; what Desired
// asks beyond them is launched after the first replacement only.
func (g *Region) AddGroup(spec GroupSpec) (string, error) {
	return g.edit("Auto Scaling group "+spec.Name, func(cl *cell) (_ string, err error) {
		if spec.Min > spec.Desired || spec.Desired > spec.Max {
			return "", fmt.Errorf("desired %d is not between %d and %d", spec.Desired, spec.Min, spec.Max)
		}
		if len(spec.AZs) == 0 {
			spec.AZs = []string{g.key.region + "a", g.key.region + "b", g.key.region + "c"}
		}
		if spec.Hooks, err = checkedHooks(spec.Hooks); err != nil {
			return "", err
		}
		gr := &group{suspended: spec.Suspended, arn: g.key.arn("autoscaling", "autoScalingGroup:"+g.c.uuid()+":autoScalingGroupName/"+spec.Name), spec: spec, desired: spec.Desired, created: g.c.now.Add(-90 * 24 * time.Hour)}
		cl.groups[spec.Name] = gr
		return gr.arn, nil
	})
}

// AddProvider adds a capacity provider and returns its ARN.
func (g *Region) AddProvider(spec ProviderSpec) (string, error) {
	return g.edit("capacity provider "+spec.Name, func(cl *cell) (string, error) {
		if !spec.ManagedInstances && cl.groups[spec.Group] == nil {
			return "", fmt.Errorf("group %q: %w", spec.Group, errNoSuch)
		}
		if spec.TargetCapacity < 0 || spec.TargetCapacity > 100 {
			return "", fmt.Errorf("target capacity %d is not between 1 and 100", spec.TargetCapacity)
		}
		arn := g.key.arn("ecs", "capacity-provider/"+spec.Name)
		p := &provider{arn: arn, spec: spec}
		cl.providers[spec.Name] = p
		if spec.ManagedScaling && spec.TargetCapacity > 0 {
			g.c.watchReservation(cl, p)
		}
		return arn, nil
	})
}

// checkedHooks fills in the defaults of lifecycle hooks.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html
func checkedHooks(in []HookSpec) ([]HookSpec, error) {
	out := slices.Clone(in)
	for n := range out {
		h := &out[n]
		h.DefaultResult, h.Heartbeat = cmp.Or(h.DefaultResult, resultAbandon), cmp.Or(h.Heartbeat, defaultHeartbeat)
		if h.Heartbeat < 30*time.Second || h.Heartbeat > 2*time.Hour || h.Transition != hookLaunching && h.Transition != hookTerminating ||
			h.DefaultResult != resultAbandon && h.DefaultResult != resultContinue {
			return nil, fmt.Errorf("lifecycle hook %+v is not as PutLifecycleHook takes it", *h)
		}
	}
	return out, nil
}
