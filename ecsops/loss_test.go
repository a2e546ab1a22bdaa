package ecsops_test

import (
	"maps"
	"testing"

	"ecsbot/ecsops"
)

func TestLoss(t *testing.T) {
	s := calm()
	with(&s.Instance, func(i *ecsops.Instance) { i.CPU, i.Memory, i.CapacityProvider = 4096, 16000, "cp" })
	s.Peers = ecsops.Known([]ecsops.Peer{
		{Instance: "a", Status: "ACTIVE", AgentConnected: true, AZ: "x", CapacityProvider: "cp", Registered: ecsops.Resources{CPU: 4096}},
		{Instance: "b", Status: "ACTIVE", AgentConnected: true, AZ: "y", Registered: ecsops.Resources{CPU: 2048}},
		{Instance: "c", Status: "DRAINING", AgentConnected: true, AZ: "x", CapacityProvider: "cp", Registered: ecsops.Resources{CPU: 4096}},
		{Instance: "d", Status: "ACTIVE", AZ: "z", CapacityProvider: "cp", Registered: ecsops.Resources{CPU: 4096}},
	})
	l, ok := plan(s).Loss()
	if !ok || l.CPU != 4096 || l.Memory != 16000 || l.Percent != 40 || l.Left != 2 || l.OfProvider != 1 || !maps.Equal(l.Zones, map[string]int{"x": 1, "y": 1}) {
		t.Errorf("%+v known %t", l, ok)
	}
	for _, fact := range []string{"instance", "peers"} {
		if l, ok := plan(s.Blank(fact)).Loss(); ok {
			t.Errorf("without %s: %+v", fact, l)
		}
	}
	with(&s.EC2, func(e *ecsops.EC2) { e.State = "terminated" })
	with(&s.Instance, func(i *ecsops.Instance) { i.AgentConnected = false })
	if l, ok := plan(s).Loss(); ok {
		t.Errorf("a ghost's room was lost before: %+v", l)
	}
}

func TestOrphansHold(t *testing.T) {
	s := calm()
	serve(&s, "web", 4, 100, 200, 2)
	run(&s, "")
	tasks, _ := s.Tasks.Get()
	definitions := map[string]ecsops.TaskDefinition{}
	for _, task := range tasks {
		definitions[task.TaskDefinition] = ecsops.TaskDefinition{ARN: task.TaskDefinition, CPU: 256, Memory: 512}
	}
	s.TaskDefinitions = ecsops.Known(definitions)
	forced := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Force: true})
	if cpu, memory, ok := forced.OrphansHold(); !ok || cpu != 3*256 || memory != 3*512 {
		t.Errorf("%d, %d, known %t of %d orphans", cpu, memory, ok, len(forced.Orphans()))
	}
	if _, _, ok := plan(s).OrphansHold(); ok {
		t.Error("a drain orphans nothing")
	}
	forced = ecsops.NewPlan(s.Blank("task_definitions"), ecsops.Intent{Purpose: ecsops.Retire, Force: true})
	if cpu, memory, ok := forced.OrphansHold(); ok {
		t.Errorf("without definitions: %d, %d", cpu, memory)
	}
}
