package aws

import (
	"fmt"
	"strconv"
	"time"
)

// container is what docker on a host knows of one container of a task.
type container struct {
	id         string
	name       string // docker's own
	state      string // running, exited
	exitCode   int
	startedAt  time.Time
	finishedAt time.Time
	labels     map[string]string
}

// keptByAgent is how long the agent keeps the containers of a stopped task: ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
const keptByAgent = 3 * time.Hour

// containersOn are the containers of the host, running or not. The labels are those that the agent gives them
// (aws/amazon-ecs-agent, agent/engine/docker_task_engine.go).
func (c *Cloud) containersOn(cl *cell, host string) []container {
	var out []container
	for _, t := range cl.tasksWhere(func(t *task) bool { return t.host == host && !t.startedAt.IsZero() && !t.removed }) {
		d := cl.definitions[t.definition]
		if d == nil {
			continue
		}
		names := []string{}
		for i := range d.spec.parts() {
			name := d.spec.Family
			if i > 0 {
				name += "-" + strconv.Itoa(i)
			}
			names = append(names, name)
		}
		if d.spec.NetworkMode == "awsvpc" {
			names = append(names, pauseContainer)
		}
		for i, name := range names {
			if one, there := c.containerOf(t, d, i, name); there {
				out = append(out, one)
			}
		}
	}
	return out
}

// pauseContainer holds the network of an awsvpc task (aws/amazon-ecs-agent, agent/api/task/task.go).
const pauseContainer = "~internal~ecs~pause"

func (c *Cloud) containerOf(t *task, d *definition, i int, name string) (container, bool) {
	out := container{id: t.id + fmt.Sprintf("%032x", i), name: "/ecs-" + d.spec.Family + "-" + strconv.Itoa(d.spec.Revision) + "-" + name + "-" + t.id[:20],
		state: "running", startedAt: t.startedAt, labels: map[string]string{
			"com.amazonaws.ecs.cluster": lastPart(t.cluster), "com.amazonaws.ecs.container-name": name, "com.amazonaws.ecs.task-arn": t.arn,
			"com.amazonaws.ecs.task-definition-family": d.spec.Family, "com.amazonaws.ecs.task-definition-version": strconv.Itoa(d.spec.Revision)}}
	if t.alive() || t.orphan {
		return out, true
	}
	out.state, out.finishedAt = "exited", t.stoppedAt
	if !t.killedAt.IsZero() {
		out.finishedAt = t.killedAt
	}
	if t.exitCode != nil {
		out.exitCode = *t.exitCode
	}
	return out, c.now.Sub(out.finishedAt) < keptByAgent
}

// EndOrphans lets a person on the host kill the containers that ECS gave up, of one family or ("") of all, and remove them.
func (c *Cloud) EndOrphans(ec2ID, family string, code int, removed bool) error {
	return c.onMachine("ending orphans on", ec2ID, func(cl *cell, _ *machine, _ *instance) error {
		some := cl.tasksWhere(func(t *task) bool {
			d := cl.definitions[t.definition]
			return t.host == ec2ID && t.orphan && (family == "" || d != nil && d.spec.Family == family)
		})
		if len(some) == 0 {
			return errNoSuch
		}
		for _, t := range some {
			t.orphan, t.killedAt, t.exitCode, t.removed = false, c.now, &code, removed
		}
		return nil
	})
}
