package stage

import (
	"context"
	"time"

	simaws "ecsbot/sim/aws"
)

// doMachine adds a container instance whose Name tag says anything.
func (s *Stage) doMachine(_ context.Context, args []string) (string, error) {
	return s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).AddInstance(simaws.InstanceSpec{Cluster: args[1], EC2ID: args[0],
		Type: "m6i.2xlarge", CPU: 8192, Memory: 31640, Age: time.Hour, Tags: []simaws.Tag{{Key: "Name", Value: args[2]}}})
}

// doTask starts a task of no service, by anybody.
func (s *Stage) doTask(_ context.Context, args []string) (string, error) {
	return s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).RunTask(simaws.TaskSpec{On: args[0], Cluster: args[1],
		TaskDefinition: args[2], StartedBy: args[3]})
}
