package stage

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
)

// doMachine adds a container instance whose Name tag says anything.
func (s *Stage) doMachine(_ context.Context, args []string) (string, error) {
	spec := simaws.InstanceSpec{Cluster: args[1], EC2ID: args[0],
		Type: "m6i.2xlarge", CPU: 8192, Memory: 31640, Age: time.Hour, Tags: []simaws.Tag{{Key: "Name", Value: args[2]}}}
	for _, kind := range args[3:] {
		switch group, isGroup := strings.CutPrefix(kind, "group="); {
		case isGroup:
			spec.Group = group
		case strings.HasPrefix(kind, "lifecycle="):
			spec.Lifecycle = strings.TrimPrefix(kind, "lifecycle=")
		case kind == "spot":
			spec.Spot = true
		case kind == "spot-drains":
			spec.Spot, spec.SpotDrains = true, true
		case kind == "spot-stops":
			spec.Spot, spec.SpotStops = true, true
		default:
			return "", fmt.Errorf("no kind of machine is called %q", kind)
		}
	}
	return s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).AddInstance(spec)
}

// doTask starts a task of no service, by anybody; its id may be given.
func (s *Stage) doTask(_ context.Context, args []string) (string, error) {
	spec := simaws.TaskSpec{On: args[0], Cluster: args[1], TaskDefinition: args[2], StartedBy: args[3]}
	if len(args) > 4 {
		spec.ID = args[4]
	}
	return s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).RunTask(spec)
}

// doService changes what a service wants and within which bounds, as its owner would.
func (s *Stage) doService(_ context.Context, args []string) (string, error) {
	found, ok := s.AWS.State().Service(args[0], args[1])
	if !ok {
		return "", fmt.Errorf("cluster %s has no service %s", args[0], args[1])
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[2+i]); err != nil {
			return "", err
		}
	}
	return "", s.AWS.SetService(found.ARN, n[0], n[1], n[2])
}

// doClassic adds a Classic load balancer, and a service of its name with one task there; each at a host port of its own.
func (s *Stage) doClassic(_ context.Context, args []string) (string, error) {
	ec2ID, cluster, name := args[0], args[1], args[2]
	draining, err := time.ParseDuration(args[3])
	if err != nil {
		return "", err
	}
	r := s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion)
	port := 8100 + len(s.AWS.State().TargetGroups)
	lb, err := r.AddClassic(simaws.ClassicSpec{Name: name, InstancePort: port, Draining: draining})
	if err != nil {
		return "", err
	}
	if _, err := r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: name, CPU: 64, Memory: 128, Ports: []simaws.PortSpec{{ContainerPort: 80, HostPort: port}}}); err != nil {
		return "", err
	}
	return r.AddService(simaws.ServiceSpec{Cluster: cluster, Name: name, TaskDefinition: name, Desired: 1, MinPercent: 100, MaxPercent: 200,
		Balancers: []simaws.BalancerSpec{{TargetGroup: lb, ContainerPort: 80}}, On: []string{ec2ID}})
}

// doProtect gives the tasks of a family there scale-in protection, or with 0s ends it.
func (s *Stage) doProtect(_ context.Context, args []string) (string, error) {
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return "", err
	}
	did := 0
	for _, t := range s.AWS.State().TasksOn(args[0]) {
		if strings.Contains(t.Definition, "/"+args[1]+":") {
			if err := s.AWS.ProtectTask(t.ARN, d); err != nil {
				return "", err
			}
			did++
		}
	}
	if did == 0 {
		return "", fmt.Errorf("no task of family %s runs on %s", args[1], args[0])
	}
	return "", nil
}

// doSlow makes a family's containers take their time to stop.
func (s *Stage) doSlow(_ context.Context, args []string) (string, error) {
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return "", err
	}
	return "", s.AWS.SlowStop(args[0], d)
}
