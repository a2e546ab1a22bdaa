package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Managed daemons: one task on each Managed Instance of the daemon's capacity providers, started first and stopped last.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons.html
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-auto-repair.html

// DaemonSpec describes a managed daemon, with one revision of one daemon task definition of one container.
type DaemonSpec struct {
	Cluster     string
	Name        string
	Family      string // of its daemon task definition; default the name
	Image       string
	CPU, Memory int
	Providers   []string
	NonCritical bool // critical=false
}

type daemon struct {
	arn, revision string
	cluster       string // ARN
	spec          DaemonSpec
	definition    string
}

// AddDaemon adds a managed daemon, whose tasks run already, and returns its ARN.
func (g *Region) AddDaemon(spec DaemonSpec) (string, error) {
	return g.edit("daemon "+spec.Name, func(cl *cell) (string, error) {
		if spec.Name == "" || cl.clusters[spec.Cluster] == nil {
			return "", fmt.Errorf("daemon %q in cluster %q: %w", spec.Name, spec.Cluster, errNoSuch)
		}
		for _, name := range spec.Providers {
			if p := cl.providers[name]; p == nil || !p.spec.ManagedInstances {
				return "", errors.New("daemons are for capacity providers of Managed Instances, which " + name + " is not")
			}
		}
		if spec.Family == "" {
			spec.Family = spec.Name
		}
		if spec.Image == "" {
			spec.Image = "public.ecr.aws/agents/" + spec.Family + ":1.4.2"
		}
		arn := g.key.arn("ecs", "daemon/"+spec.Cluster+"/"+spec.Name)
		d := &daemon{arn: arn, revision: g.key.arn("ecs", "daemon-revision/"+spec.Cluster+"/"+spec.Name+"/1000000000000000001"), cluster: g.key.clusterARN(spec.Cluster), spec: spec,
			definition: g.key.arn("ecs", daemonDefinitions+spec.Family+":1")}
		cl.daemons[arn] = d
		cl.definitions[d.definition] = &definition{arn: d.definition, at: g.c.now,
			spec: TaskDefinitionSpec{Family: spec.Family, Revision: 1, Image: spec.Image, CPU: spec.CPU, Memory: spec.Memory, NetworkMode: "daemon_bridge"}}
		for _, i := range sorted(cl.instances) {
			g.c.startDaemons(cl, i, true)
		}
		return arn, nil
	})
}

// daemonDefinitions begin the resource of a daemon task definition, which is no task definition.
const daemonDefinitions = "daemon-task-definition/"

func (d *daemon) isFor(i *instance) bool {
	return d.cluster == i.cluster && slices.Contains(d.spec.Providers, i.provider)
}

// startDaemons gives an instance that is ACTIVE the daemons that it lacks. What the group and startedBy of their tasks
// are is not documented.
func (c *Cloud) startDaemons(cl *cell, i *instance, settled bool) {
	if i.status != statusActive || !cl.isManaged(i) {
		return
	}
	for _, d := range sorted(cl.daemons) {
		if !d.isFor(i) || slices.ContainsFunc(cl.tasksOn(i.arn), func(t *task) bool { return t.daemon == d.arn }) {
			continue
		}
		t := c.newTask(cl, i.cluster, cl.definitions[d.definition], i)
		t.daemon, t.group = d.arn, "daemon:"+d.spec.Name
		if settled {
			c.established(cl, t)
		} else {
			c.advance(cl, t)
		}
	}
}

// daemonPass stops the daemons of a draining instance once nothing else is left there: "starting before application tasks
// and draining last" (aws/containers-roadmap#502, the announcement). Whether that holds for a drain that a person ordered
// is not said, and UpdateContainerInstancesState says that tasks of no service are not affected: KeepDaemons has it so.
// An instance whose critical daemon stopped is drained and terminated; the sim starts no replacement, as it launches no
// Managed Instances.
func (c *Cloud) daemonPass(cl *cell, i *instance) {
	tasks := slices.DeleteFunc(cl.tasksOn(i.arn), func(t *task) bool { return !t.alive() })
	others := slices.ContainsFunc(tasks, func(t *task) bool { return t.daemon == "" })
	switch {
	case i.status == statusActive && c.impaired(cl, i):
		i.repair = true
		i.status = statusDraining
		i.version++
		c.touch()
		c.kick(cl, i.cluster)
	case i.status != statusDraining || others || !i.connected:
	case i.repair && len(tasks) == 0:
		c.endManaged(cl, i)
	case !c.faults.keepDaemons || i.repair:
		for _, t := range tasks {
			c.stopTask(cl, t, "Task stopped during instance draining", "ServiceSchedulerInitiated", false)
		}
	}
}

// impaired reports whether a critical daemon of the instance has stopped.
func (c *Cloud) impaired(cl *cell, i *instance) bool {
	for _, d := range cl.daemons {
		if d.spec.NonCritical || !d.isFor(i) {
			continue
		}
		mine := slices.DeleteFunc(cl.tasksOn(i.arn), func(t *task) bool { return t.daemon != d.arn })
		if len(mine) > 0 && !slices.ContainsFunc(mine, func(t *task) bool { return t.desired == taskRunning }) {
			return true
		}
	}
	return false
}

// listDaemons filters by the cluster's ARN; without one it means the default cluster.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListDaemons.html
func listDaemons(r *request) (m, *apiError) {
	var in struct {
		ClusterArn, NextToken string
		CapacityProviderArns  []string
		MaxResults            int
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	cl, e := r.findCluster(in.ClusterArn)
	if e != nil {
		return nil, e
	}
	if in.MaxResults < 0 || in.MaxResults > 100 {
		return nil, fault("InvalidParameterException", "maxResults must be between 1 and 100.")
	}
	var all []*daemon
	for _, d := range sorted(r.cell.daemons) {
		of := len(in.CapacityProviderArns) == 0 || slices.ContainsFunc(d.spec.Providers, func(p string) bool {
			return slices.Contains(in.CapacityProviderArns, r.cell.key.arn("ecs", "capacity-provider/"+p))
		})
		if d.cluster == cl.arn && of {
			all = append(all, d)
		}
	}
	return shown(r, all, in.NextToken, in.MaxResults, 100, "daemonSummariesList", "nextToken", func(d *daemon) m {
		return m{"daemonArn": d.arn, "status": statusActive}
	})
}

// describeDaemon shows one daemon by its ARN.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeDaemon.html
func describeDaemon(r *request) (m, *apiError) {
	var in struct{ DaemonArn string }
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	d := r.cell.daemons[in.DaemonArn]
	if d == nil {
		return nil, fault("DaemonNotFoundException", "The specified daemon wasn't found.")
	}
	running := len(r.cell.tasksWhere(func(t *task) bool { return t.daemon == d.arn && t.counted() }))
	return m{"daemon": m{"daemonArn": d.arn, "clusterArn": d.cluster, "status": statusActive,
		"currentRevisions": l{m{"arn": d.revision, "totalRunningCount": running, "capacityProviders": l{}}}}}, nil
}

// describeDaemonRevisions says of up to 20 revisions whether they are critical.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeDaemonRevisions.html
func describeDaemonRevisions(r *request) (m, *apiError) {
	var in struct{ DaemonRevisionArns []string }
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	if n := len(in.DaemonRevisionArns); n == 0 || n > 20 {
		return nil, fault("InvalidParameterException", "daemonRevisionArns can have between 1 and 20 items.")
	}
	found, failed := l{}, l{}
	for _, arn := range in.DaemonRevisionArns {
		at := slices.IndexFunc(sorted(r.cell.daemons), func(d *daemon) bool { return d.revision == arn })
		if at < 0 {
			failed = append(failed, failure(arn, "MISSING"))
			continue
		}
		d := sorted(r.cell.daemons)[at]
		found = append(found, m{"daemonRevisionArn": d.revision, "daemonArn": d.arn, "clusterArn": d.cluster, "critical": !d.spec.NonCritical,
			"daemonTaskDefinitionArn": d.definition, "containerImages": l{m{"containerName": d.spec.Family, "image": d.spec.Image}}})
	}
	return m{"daemonRevisions": found, "failures": failed}, nil
}

// ofDaemon reports whether the task belongs to the daemon of that name in its cluster.
func (t *task) ofDaemon(name string) bool {
	return t.daemon != "" && t.daemon[strings.LastIndexByte(t.daemon, '/')+1:] == name
}

// KeepDaemons leaves managed daemons running on draining instances, until it is switched off.
func (c *Cloud) KeepDaemons(on bool) { c.meddle(func(f *faults) { f.keepDaemons = on }) }
