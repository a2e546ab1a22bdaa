package words

import (
	"fmt"
	"strconv"
	"strings"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Limit says how many instances may be unavailable at once.
func Limit(l workflow.Limit, most int) string {
	s := "at most " + strconv.Itoa(most) + " unavailable at once"
	if l.Percent > 0 {
		s += " (" + strconv.Itoa(l.Percent) + " %)"
	}
	return s
}

// BulkOrder says how a batch of drains goes about it.
func BulkOrder(op workflow.Operation) string {
	b := op.Bulk
	_, of := op.Wave()
	s := Count(len(op.Rows), "instance") + " in " + Count(of, "wave") + ", one Availability Zone at a time, " + Limit(b.Limit, b.Most) +
		" of " + strconv.Itoa(b.Registered) + " registered; instances that others drain, or that lost their agent, count too. " +
		"A wave begins once the one before is deregistered and verified. The first surprise stops it and asks."
	if n := len(b.Away); n > 0 {
		names := make([]string, 0, n)
		for _, id := range b.Away {
			names = append(names, ForeignN(string(id), 40))
		}
		s += " Unavailable now: " + Some(names, 5) + "."
		if n >= b.Most {
			s += " That is all that the limit allows: nothing begins before some of them are back. Remove what is a ghost, or ask again with a higher --max-unavailable."
		}
	}
	return s
}

// BulkHonest says what nobody can promise about a batch's copies.
func BulkHonest() string {
	return "The room for the copies is computed without any of these instances and for all of their tasks together. Until a later wave is set to DRAINING, ECS may still place copies there; they then move once more."
}

// BulkBilling says what goes on costing; "" when the machines end too.
func BulkBilling(op workflow.Operation) string {
	n := 0
	for _, r := range op.Rows {
		left := r.State != workflow.RowSkipped
		if left && r.Leave != nil && r.Leave.Intent.Terminate == ecsops.KeepRunning {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return "Deregistering does not end billing: " + plural(n, "1 machine goes", strconv.Itoa(n)+" machines go") + " on costing until terminated. Reminders, and who registers again, are in this card's thread."
}

// BulkEnds says what becomes of the machines of a batch; "" when they all run on.
func BulkEnds(op workflow.Operation) string {
	n := map[ecsops.Termination]int{}
	for _, r := range op.Rows {
		if r.Leave != nil {
			n[r.Leave.Intent.Terminate]++
		}
	}
	var parts []string
	for _, end := range []struct {
		how  ecsops.Termination
		what string
	}{{ecsops.Replace, "through its Auto Scaling group, which starts a replacement"}, {ecsops.Shrink, "through its Auto Scaling group, whose capacity goes down by one for each"},
		{ecsops.Terminate, "by EC2, in no group"}} {
		if n[end.how] > 0 {
			parts = append(parts, strconv.Itoa(n[end.how])+" "+end.what)
		}
	}
	switch {
	case len(parts) == 0:
		return ""
	case n[ecsops.KeepRunning] > 0:
		parts = append(parts, strconv.Itoa(n[ecsops.KeepRunning])+" not")
	}
	return "Each machine is terminated once it is out of ECS: " + strings.Join(parts, "; ") + "."
}

// ends is how one row's machine ends, for its line.
func ends(t ecsops.Termination) string {
	switch t {
	case ecsops.Replace:
		return "; ends, and its group replaces it"
	case ecsops.Shrink:
		return "; ends, and its group shrinks"
	case ecsops.Terminate:
		return "; its machine is terminated"
	case ecsops.KeepRunning:
	}
	return ""
}

// WaveNow says which wave is under way.
func WaveNow(op workflow.Operation) string {
	now, of := op.Wave()
	if now == 0 {
		return ""
	}
	return fmt.Sprintf("Wave %d of %d", now, of)
}

// Shortage says why the next wave does not begin.
func Shortage(s workflow.Short) string {
	return Count(s.Away, "instance") + " of the cluster " + plural(s.Away, "is", "are") + " unavailable already, and at most " +
		strconv.Itoa(s.Most) + " may be: the next begin when others are back."
}

// Brief is one finding of a row in a few words.
func Brief(b workflow.Brief) string {
	names := ""
	if len(b.Names) > 0 {
		clean := make([]string, 0, len(b.Names))
		for _, n := range b.Names {
			clean = append(clean, Quote(ForeignN(n, 40)))
		}
		names = ": " + Some(clean, 3)
	}
	if s := briefTitle(b); s != "" {
		return s + names
	}
	return ForeignN(string(b.Rule), 8) + names
}

func briefTitle(b workflow.Brief) string {
	switch b.Rule {
	case ecsops.RuleServiceBelowMin:
		return "falls to none or below the minimum"
	case ecsops.RuleWontFit:
		return "no room"
	case ecsops.RuleTargetsZero:
		return "no healthy target left"
	case ecsops.RuleProtectedTask:
		return Count(max(b.Count, 1), "protected task")
	case ecsops.RuleLastInstance:
		return "last instance"
	case ecsops.RuleDrainImpossible:
		return "percentages hold it"
	case ecsops.RuleSpot:
		return "Spot"
	case ecsops.RuleDeployment:
		return "deployment in progress"
	case ecsops.RuleDaemonLB:
		return "daemon behind a load balancer"
	case ecsops.RuleDaemonDependent:
		return "placed by another service's tasks"
	case ecsops.RuleLongDrain:
		return "may take longer than its deadline"
	case ecsops.RuleAlreadyDraining:
		return "leaving already"
	}
	return briefRest(b)
}

func briefRest(b workflow.Brief) string {
	switch b.Rule {
	case ecsops.RuleStaticPorts:
		return "fixed ports"
	case ecsops.RuleAZ:
		return "last of its zone"
	case ecsops.RuleBatchLike:
		return "batch work"
	case ecsops.RuleIncomplete:
		return "not read"
	case ecsops.RuleExec:
		return "ECS Exec"
	case ecsops.RuleLocalData:
		return "local data"
	case ecsops.RuleVolumes:
		return Count(max(b.Count, 1), "disk") + " to look at"
	case ecsops.RuleStandaloneTask:
		return Count(max(b.Count, 1), "task") + " of no service"
	case ecsops.RuleDuplicate:
		return "registered more than once"
	case ecsops.RuleScaleOut:
		return "room after a scale-out"
	case ecsops.RuleRoomUnsure:
		return "room not certain"
	case ecsops.RuleGroupOwned:
		return "in a group"
	case ecsops.RuleStackOwned:
		return "owned by a stack"
	}
	return ""
}

// LeavingBrief is a row of a batch of drains before it begins: tasks, and what blocks.
func LeavingBrief(l workflow.Leave) string {
	s := Count(l.Tasks, "task")
	if l.Tasks == 0 {
		s = "no task"
	}
	for _, b := range l.Brief {
		if b.Rule != ecsops.RuleGroupOwned && b.Rule != ecsops.RuleStackOwned { // who owns it stands above all rows
			s += "; " + Brief(b)
		}
	}
	return s + ends(l.Intent.Terminate)
}

// leavingRow says where one row of a batch of drains stands.
func leavingRow(r workflow.Row) string {
	switch r.State {
	case workflow.RowDone:
		if r.Leave.Intent.Terminate != ecsops.KeepRunning {
			return "deregistered, terminated and verified"
		}
		return "deregistered and verified"
	case workflow.RowUnverified:
		return "deregistered, but not everything could be verified: " + trimStop(lowerFirst(Cause(r.Cause)))
	case workflow.RowSkipped:
		if r.Now == workflow.Stopped || r.Now == workflow.RefusedOp {
			return "not deregistered: " + rowCause(r.Cause)
		}
		return "left alone: " + rowCause(r.Cause) + orElse(paren(r.Detail), "")
	case workflow.RowWaiting:
		if r.Missing != nil {
			return "waiting to be read: " + Unknown(*r.Missing)
		}
		return "waiting: " + LeavingBrief(*r.Leave)
	}
	s := trimStop(lowerFirst(State(r.Now)))
	if r.Now == "" {
		s = "beginning"
	}
	if r.Leave.Left > 0 {
		s += ", " + strconv.Itoa(r.Leave.Left) + " of " + Count(r.Leave.Total, "task") + " left"
	}
	if r.Block != "" {
		s += ", waiting: " + lowerFirst(BlockTitle(r.Block))
	}
	return s
}

// LeftOut says why an instance that was asked for is no part of a batch.
func LeftOut(l workflow.LeftOut) string {
	s := Machine(l.Target) + ": "
	switch l.Cause {
	case string(ecsops.PathGhost):
		return s + "its machine is gone; “/ecs ghosts” removes such registrations"
	case string(ecsops.PathHostStopped):
		return s + "its machine is stopped: that takes a force, and a plan of its own"
	case string(ecsops.PathDisconnected):
		return s + "its agent is disconnected, so a drain does not move"
	case string(ecsops.PathManaged):
		return s + "it is an ECS Managed Instance: ECS ends it by itself"
	case string(ecsops.PathExternal):
		return s + "it is an external instance, which leaves another way"
	case string(ecsops.PathWait):
		return s + "it is between two states: ask again in a minute"
	case string(ecsops.PathGone):
		return s + "it is deregistered already"
	case "busy":
		return s + "another operation holds it" + other(l.Detail)
	case "shrink_limit":
		return s + "its group may not become smaller than its minimum" + paren(l.Detail)
	case "barred":
		return s + trimStop(lowerFirst(Explain(ecsops.Finding{Rule: l.Rule, Severity: ecsops.Red, Bars: true, Names: kept(l.Detail)}).Title))
	}
	return s + Quote(l.Cause) + paren(l.Detail)
}

func kept(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func bulkEvent(ev workflow.Event) (string, bool) {
	switch ev.Type {
	case workflow.EvBatchProposed:
		return "asked to deregister " + Count(len(ev.Targets), "instance") + " in " + Count(ev.Total, "wave") + " of at most " + strconv.Itoa(ev.Left) + ": " +
			targets(ev.Targets) + asked(ev) + verdictOf(ev) + because(ev.Reason), true
	case workflow.EvReleased:
		return "began to take out " + eventTarget(ev) + operationOf(ev.Detail), true
	}
	return "", false
}

func waveEvent(ev workflow.Event) (string, bool) {
	switch ev.Type {
	case workflow.EvWave:
		return fmt.Sprintf("began with %s of wave %d of %d: %s", Count(len(ev.Targets), "instance"), ev.Left, ev.Total, targets(ev.Targets)), true
	case workflow.EvSurprise:
		return "found on " + eventTarget(ev) + " what nobody approved" + changed(ev), true
	case workflow.EvWentOn:
		return "looked at what stopped the batch and goes on", true
	}
	return "", false
}
