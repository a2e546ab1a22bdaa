package ecsops

import "slices"

// roomRules: R3 and T12 to T14, from the capacity simulation. Where every instance that could
// take something is gone, R6 says it already.
func (j *judge) roomRules() {
	if !j.path.live() || !j.hasServiceTasks() {
		return
	}
	rooms := Rooms(j.s, j.force())
	if len(rooms) == 0 {
		return
	}
	j.roomFacts(rooms)
	by := map[RoomVerdict][]Room{}
	for _, r := range rooms {
		by[r.Verdict] = append(by[r.Verdict], r)
	}
	add := func(rule Rule, sev Severity, rooms []Room) {
		if len(rooms) > 0 {
			j.add(Finding{Rule: rule, Severity: sev, Rooms: rooms, Count: len(rooms)})
		}
	}
	for i := range j.findings {
		if j.findings[i].Rule == RuleDrainImpossible {
			j.findings[i].Rooms = by[RoomBlocked]
		}
	}
	for _, r := range by[RoomWontFit] {
		if r.Why == LacksInstances {
			j.nowhere = append(j.nowhere, r)
		}
	}
	add(RuleWontFit, Red, slices.DeleteFunc(by[RoomWontFit], func(r Room) bool { return r.Why == LacksInstances }))
	add(RuleScaleOut, Amber, by[RoomScaleOut])
	add(RuleRoomUnsure, Amber, by[RoomUnknown])
	add(RuleRoom, Green, by[RoomFits])
}

// roomFacts: where a fact that is missing could have shown that there is no room, A12 is red.
func (j *judge) roomFacts(rooms []Room) {
	lack(j, "task_definitions", j.s.TaskDefinitions, Red)
	for _, r := range rooms {
		s := j.services[r.Service]
		if distinct(s) {
			lack(j, "hosts", j.s.Hosts, Red)
		}
		if def := j.definitions[s.TaskDefinition]; def.NetworkMode == "awsvpc" || len(s.Subnets) > 0 {
			lack(j, "interfaces", j.s.Interfaces, Red)
		}
	}
}
