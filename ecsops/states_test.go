package ecsops_test

import (
	"strings"
	"testing"

	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"ecsbot/ecsops"
)

// stateRow is what a state means: the path, a finding that says so ("" = none), and the
// same when the machine is to go through its group.
type stateRow struct {
	path    ecsops.Path
	rule    ecsops.Rule
	retire  ecsops.Path
	refused string // why a termination through the group is barred, "" when it is not
}

// TestEveryLifecycle has a row for each state that Auto Scaling's API knows.
func TestEveryLifecycle(t *testing.T) {
	const drain, group = ecsops.PathDrain, ecsops.PathGroup
	aside, leaving := stateRow{drain, "T40", group, ""}, stateRow{group, "A8", group, ""}
	warm := stateRow{drain, "T40", group, "warm_pool"}
	rows := map[asgtypes.LifecycleState]stateRow{
		"InService": {drain, "", group, ""}, "Pending": aside, "Pending:Wait": aside, "Pending:Proceed": aside, "Quarantined": aside,
		"Terminating": leaving, "Terminating:Wait": leaving, "Terminating:Proceed": leaving, "Terminating:Retained": aside, "Terminated": {drain, "", group, ""},
		"Detaching": aside, "Detached": aside, "EnteringStandby": aside, "Standby": aside,
		"ReplacingRootVolume": aside, "ReplacingRootVolume:Wait": aside, "ReplacingRootVolume:Proceed": aside, "RootVolumeReplaced": aside,
		"Warmed:Pending": warm, "Warmed:Pending:Wait": warm, "Warmed:Pending:Proceed": warm, "Warmed:Pending:Retained": warm,
		"Warmed:Terminating": {group, "A8", group, "warm_pool"}, "Warmed:Terminating:Wait": {group, "A8", group, "warm_pool"}, "Warmed:Terminating:Proceed": {group, "A8", group, "warm_pool"},
		"Warmed:Terminating:Retained": warm, "Warmed:Terminated": {drain, "", group, "warm_pool"}, "Warmed:Stopped": warm, "Warmed:Running": warm, "Warmed:Hibernated": warm,
		"Something:New": aside, // of a later API: never taken for in service
	}
	for _, state := range asgtypes.LifecycleState("").Values() {
		if _, ok := rows[state]; !ok {
			t.Errorf("%s has no row", state)
		}
	}
	for state, want := range rows {
		s := calm()
		owned(&s)
		with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = string(state) })
		p := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire})
		if p.Path != want.path || want.rule != "" && !has(p, want.rule) || want.rule != "T40" && has(p, "T40") || want.rule != "A8" && has(p, "A8") {
			t.Errorf("%s: path %s, %s", state, p.Path, rules(p))
		}
		ended := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Terminate: ecsops.Replace})
		why := ""
		if has(ended, ecsops.RuleTermination) {
			why = finding(t, ended, ecsops.RuleTermination).Names[0]
		}
		if ended.Path != want.retire || why != want.refused {
			t.Errorf("%s, through the group: path %s, refused %q", state, ended.Path, why)
		}
		shrunk := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Terminate: ecsops.Shrink})
		if standby := strings.HasSuffix(string(state), "Standby"); standby != (has(shrunk, ecsops.RuleTermination) && finding(t, shrunk, ecsops.RuleTermination).Names[0] == "standby") {
			t.Errorf("%s: shrinking the group: %s", state, rules(shrunk))
		}
	}
}

// TestEveryRegistration has a row for each status of a registration, with and without its
// agent, and for each state of the machine.
func TestEveryRegistration(t *testing.T) {
	type both struct{ connected, lost ecsops.Path }
	const disconnected, wait, gone = ecsops.PathDisconnected, ecsops.PathWait, ecsops.PathGone
	statuses := map[string]both{
		"ACTIVE": {ecsops.PathDrain, disconnected}, "DRAINING": {ecsops.PathObserve, disconnected}, "REGISTERING": {wait, wait}, "DEREGISTERING": {wait, wait},
		"REGISTRATION_FAILED": {ecsops.PathDrain, disconnected}, "INACTIVE": {gone, gone}, "": {gone, gone},
	}
	for _, s := range ecstypes.ContainerInstanceStatus("").Values() {
		if _, ok := statuses[string(s)]; !ok {
			t.Errorf("status %s has no row", s)
		}
	}
	for name, want := range statuses {
		for lost, path := range map[bool]ecsops.Path{false: want.connected, true: want.lost} {
			s := calm()
			with(&s.Instance, func(i *ecsops.Instance) { i.Status, i.Missing, i.AgentConnected = name, name == "", !lost })
			p := plan(s)
			if p.Path != path {
				t.Errorf("%q, agent lost %t: path %s, want %s", name, lost, p.Path, path)
			}
			if path == wait && !has(p, ecsops.RuleTransition) || path == gone && !has(p, ecsops.RuleGone) || path == disconnected && !has(p, ecsops.RuleAgentLost) {
				t.Errorf("%q, agent lost %t: %s", name, lost, rules(p))
			}
			if path != wait && path != gone && len(p.Steps) == 0 {
				t.Errorf("%q, agent lost %t: no steps", name, lost)
			}
		}
	}
	states := map[string]both{
		"pending": {wait, wait}, "running": {ecsops.PathDrain, disconnected}, "shutting-down": {wait, wait}, "stopping": {wait, wait},
		"stopped": {wait, ecsops.PathHostStopped}, "terminated": {wait, ecsops.PathGhost}, "not-found": {wait, ecsops.PathGhost},
	}
	for _, s := range ec2types.InstanceStateName("").Values() {
		if _, ok := states[string(s)]; !ok {
			t.Errorf("EC2 state %s has no row", s)
		}
	}
	for name, want := range states {
		for lost, path := range map[bool]ecsops.Path{false: want.connected, true: want.lost} {
			s := calm()
			machine(&s, name)
			if lost {
				agentLost(&s)
			}
			if p := plan(s); p.Path != path {
				t.Errorf("EC2 %s, agent lost %t: path %s, want %s", name, lost, p.Path, path)
			}
		}
	}
}
