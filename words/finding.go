package words

import (
	"fmt"
	"slices"
	"strings"

	"ecsbot/ecsops"
)

// Explanation is a finding in words: Title (a few words), Detail (numbers and
// names, may be ""), WayOut (what to do about it, may be "").
type Explanation struct{ Title, Detail, WayOut string }

// namesShown is how many names one sentence lists before it counts the rest.
const namesShown = 4

// Finding is a finding in one line: title, detail, way out.
func Finding(f ecsops.Finding) string {
	e := Explain(f)
	s := e.Title
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	s = Stop(s)
	if e.WayOut != "" {
		s += " " + e.WayOut
	}
	return s
}

// Stop ends s with a full stop.
func Stop(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// Explain turns a finding into words. A rule without words yields its id and what
// it names, never nothing.
func Explain(f ecsops.Finding) Explanation {
	for _, explain := range []func(ecsops.Finding) (Explanation, bool){explainRed, explainRedHost, explainRoom, explainAmber, explainAmberTasks, explainState, explainEnd, explainIntent, explainGroup, explainVolumes} {
		if e, ok := explain(f); ok {
			return e
		}
	}
	return Explanation{
		Title:  "Rule " + Quote(string(f.Rule)),
		Detail: joined("; ", tasks(f.Tasks), services(f), Some(quoteAll(f.Names), namesShown)),
		WayOut: "Ask before going on: this version has no words for it.",
	}
}

func explainRed(f ecsops.Finding) (Explanation, bool) {
	n := len(f.Tasks)
	switch f.Rule {
	case ecsops.RuleStandaloneForce:
		if slices.Contains(f.Names, ecsops.EndsWithMachine) {
			return Explanation{"Tasks outside any service would be cut off",
				joined(": ", tasks(f.Tasks), plural(n, "it ends", "they end")+" at once with the machine, and no service starts a copy"),
				"Drain instead, and wait for the end or tick what to stop."}, true
		}
		return Explanation{"Tasks outside any service would be orphaned",
			joined(": ", tasks(f.Tasks), "ECS forgets "+plural(n, "it", "them")+", and no service starts a copy"),
			"Drain instead, and wait for the end or tick what to stop."}, true
	case ecsops.RuleServiceBelowMin:
		return Explanation{"A service would fall below its minimum", services(f),
			"Start more copies on other instances first, or go on with a second person's approval."}, true
	case ecsops.RuleTargetsZero:
		return Explanation{"A load balancer would have no healthy target", targetGroups(f),
			"Get healthy targets on other instances first, or go on with a second person's approval."}, true
	case ecsops.RuleProtectedTask:
		return Explanation{"A protected task runs here", tasks(f.Tasks),
			"Wait until the protection ends, or ask the owner to lift it: AWS does not promise that a drain spares it."}, true
	case ecsops.RuleDrainImpossible:
		return Explanation{"The drain could never end", percents(f),
			"Raise the service's desired count or maximum percent, or lower its minimum percent; then ask again."}, true
	}
	return Explanation{}, false
}

func explainRedHost(f ecsops.Finding) (Explanation, bool) {
	switch f.Rule {
	case ecsops.RuleLastInstance:
		return Explanation{"Last working instance", "No other instance of " + orElse(Some(quoteAll(f.Names), namesShown), "the cluster") + " is ACTIVE with its agent connected: its tasks have nowhere to go.",
			"Add an instance first."}, true
	case ecsops.RuleManagedInstance:
		if len(f.Missing) > 0 {
			return Explanation{"Perhaps an ECS Managed Instance", joined("; ", missing(f.Missing), "deregistering such a machine by force terminates it"),
				"Grant the missing permission, then ask again."}, true
		}
		return managedInstance(f), true
	case ecsops.RuleAgentLost:
		if slices.Contains(f.Names, ecsops.OutsideEC2) {
			return Explanation{"The ECS agent of the host does not answer", "AWS sees nothing else of a host outside EC2: its containers may go on working, as duplicates of copies started elsewhere.",
				"Restart the agent there, or the host: a drain waits for it."}, true
		}
		return Explanation{"The ECS agent does not answer, and the machine runs",
			joined(" ", since("Not connected since", f), joined(": ", tasks(f.Tasks), "ECS cannot reach the containers: they may go on working, as duplicates of copies started elsewhere.")),
			"Restart the agent or reboot the machine; or terminate the machine, through its Auto Scaling group if it has one."}, true
	case ecsops.RuleMove:
		return Explanation{"Moving to another cluster", "AWS says never to register an instance in another cluster: its agent keeps what it was registered as, and ends with an error there.",
			"Launch a new instance in the other cluster, then retire this one."}, true
	case ecsops.RuleOwnHost:
		return ownHost(f), true
	}
	return Explanation{}, false
}

// managedInstance is R7 of a machine that ECS is known to manage.
func managedInstance(f ecsops.Finding) Explanation {
	provider := ""
	if len(f.Names) > 0 {
		provider = " (capacity provider " + Quote(f.Names[0]) + ")"
	}
	if f.Bars {
		return Explanation{"ECS Managed Instance that EC2 does not show", "ECS manages this machine" + provider + ": deregistering it by force terminates it, and nobody could see whether it did.",
			"Look in EC2 whether managed resources are hidden from the bot; then ask again."}
	}
	return Explanation{"This terminates the machine", "ECS manages it" + provider + ", and ends it with its registration. Drained and idle it may be ended by ECS before the bot does.",
		"To only take it out of use, do nothing: ECS replaces such machines by itself, every two to three weeks at the latest."}
}

// managedDaemons is T35: tasks that nobody has to move, and nobody should stop by hand.
func managedDaemons(f ecsops.Finding) Explanation {
	var names []string
	for _, t := range f.Tasks {
		names = append(names, Quote(t.Name))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	n := len(names)
	e := Explanation{Title: "Managed daemons", Detail: Some(names, namesShown) + plural(n, " is a managed daemon: it ends", " are managed daemons: they end") + " with the machine, ECS runs one on each",
		WayOut: "Leave them to ECS."}
	if len(f.Names) > 0 {
		e.Detail += "; " + Some(quoteAll(f.Names), namesShown) + plural(len(f.Names), " is", " are") + " critical, so a stop by hand makes ECS replace the machine"
	}
	return e
}

// ownHost is R11, which also holds when it could not be ruled out.
func ownHost(f ecsops.Finding) Explanation {
	if len(f.Missing) > 0 {
		return Explanation{"The bot may run on that instance", joined("; ", missing(f.Missing), "a bot that runs there would stop itself in the middle of the work"),
			"Whoever runs the bot can tell it where it runs; then ask again."}
	}
	return Explanation{"This bot runs on that instance", joined(": ", tasks(f.Tasks), "It would stop itself in the middle of the work."),
		"Move the bot to another instance first, then ask again."}
}

func explainAmber(f ecsops.Finding) (Explanation, bool) {
	names := Some(quoteAll(f.Names), namesShown)
	switch f.Rule {
	case ecsops.RuleGroupOwned:
		return Explanation{"An Auto Scaling group owns the machine", groupDetail(f),
			"To retire the machine as well, ask with " + retireFlags(f.Group) + "."}, true
	case ecsops.RuleStackOwned:
		return Explanation{"Managed by infrastructure as code", orElse(names, "a stack") + " describes this machine: a change by hand is drift there.",
			"Change the count in the stack or code as well."}, true
	case ecsops.RuleSpot:
		return spot(f), true
	case ecsops.RuleDeployment:
		return Explanation{"A deployment is in progress", joined("; ", names, services(f)),
			"Wait for it to end: drain and deployment compete for the same percentages."}, true
	case ecsops.RuleDaemonLB:
		return Explanation{"A daemon behind a load balancer", joined(": ", joined("; ", tasks(f.Tasks), names, services(f), targetGroups(f)), "requests in flight may fail, ECS does not drain a daemon's targets gracefully"),
			"Go on when little is going on, or take its targets out first."}, true
	case ecsops.RuleLongDrain:
		return Explanation{"The drain may outlast its deadline",
			joined("; ", fmt.Sprintf("it may take %s, the deadline is %s", Duration(f.Duration), Duration(f.Limit)), targetGroups(f)),
			"Give a longer deadline (--deadline)."}, true
	case ecsops.RuleAlreadyDraining:
		return Explanation{"It is on its way out already", joined(" ", orElse(names, "DRAINING")+": someone else began this.", since("Seen since", f)),
			"Find out who. The bot does not undo what it did not begin."}, true
	case ecsops.RuleAZ:
		return Explanation{"Last instance of an availability zone", joined("; ", orElse(names, "its zone")+" would have no instance left", services(f)),
			"Add an instance there first if services must stay spread."}, true
	case ecsops.RuleIncomplete:
		return incomplete(f.Missing), true
	}
	return Explanation{}, false
}

func explainAmberTasks(f ecsops.Finding) (Explanation, bool) {
	names := Some(quoteAll(f.Names), namesShown)
	what := joined("; ", tasks(f.Tasks), names, services(f))
	n := len(f.Tasks)
	switch f.Rule {
	case ecsops.RuleDaemonDependent:
		return Explanation{"Tasks that depend on a daemon here", what, "They can only run where that daemon runs: check that other instances have it."}, true
	case ecsops.RuleStaticPorts:
		return Explanation{"Few places to go", joined(": ", what, "fixed host ports, or one task per instance"),
			"Check that another instance has the port free."}, true
	case ecsops.RuleBatchLike:
		return Explanation{"Looks like a job", joined(": ", what, "started by Batch, EventBridge or Step Functions"),
			plural(n, "Let it end, or stop it only if its owner agrees: the job", "Let them end, or stop them only if their owners agree: the jobs") + " may fail or run again."}, true
	case ecsops.RuleExec:
		return Explanation{"Someone may have a shell open", joined(": ", what, "ECS Exec is enabled"), "Ask in the team before the session is cut."}, true
	case ecsops.RuleLocalData:
		return Explanation{"Data on the machine itself", joined(" ", what, "stays behind, and is lost when the machine is terminated"),
			"Copy what you need first."}, true
	}
	return Explanation{}, false
}

func explainState(f ecsops.Finding) (Explanation, bool) {
	names := Some(quoteAll(f.Names), namesShown)
	n := len(f.Tasks)
	switch f.Rule {
	case ecsops.RuleStandaloneTask:
		return Explanation{"Tasks outside any service", joined(": ", tasks(f.Tasks), "a drain waits until "+plural(n, "it ends or is", "they end or are")+" stopped, and nothing starts "+plural(n, "it", "them")+" again"),
			plural(n, "Tick it to be stopped when you confirm, or let it end.", "Tick the ones to stop when you confirm, or let them end.")}, true
	case ecsops.RuleManagedDaemon:
		return managedDaemons(f), true
	case ecsops.RuleENI:
		return Explanation{"Network interfaces go", joined(": ", joined("; ", tasks(f.Tasks), names), "connections to the addresses are cut"), "Drain instead of forcing if those connections matter."}, true
	case ecsops.RuleAside:
		return aside(f), true
	case ecsops.RuleTransition:
		return Explanation{"In transition", "it is " + orElse(names, "on its way to another state"), "Wait a minute and ask again."}, true
	case ecsops.RuleDuplicate:
		return duplicate(f), true
	case ecsops.RuleGhost:
		return Explanation{"The machine is gone", "EC2 says " + orElse(stateAndReason(f.Names), "that it no longer exists") + "; nothing can be orphaned", ""}, true
	case ecsops.RuleHostStopped:
		return Explanation{"The machine is stopped", joined(" ", "No container runs on it"+reasonCode(f.Names)+".", "If it is started again, its agent cannot rejoin under this registration."), "Ask whether someone means to start it again."}, true
	case ecsops.RuleBilling:
		return Explanation{"EC2 keeps billing", orElse(joined(", ", quoteAll(f.Names)...), "the machine") + " keeps running and costing until it is terminated",
			"Choose to terminate it, or do so later."}, true
	case ecsops.RuleEmpty:
		return Explanation{"No tasks here", "Nothing runs on this instance.", ""}, true
	}
	return Explanation{}, false
}

// stateAndReason is “terminated” (“Client.UserInitiatedShutdown”): of a reason its code, which says as much as its sentence.
func stateAndReason(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return Quote(names[0]) + reasonCode(names[1:])
}

// reasonCode is “ (Client.UserInitiatedShutdown)” of EC2's state reason, "" for none.
func reasonCode(names []string) string {
	if len(names) == 0 {
		return ""
	}
	code, _, _ := strings.Cut(names[0], ": ")
	return " (" + Quote(code) + ")"
}

func explainEnd(f ecsops.Finding) (Explanation, bool) {
	switch f.Rule {
	case ecsops.RuleExternal:
		return external(f), true
	case ecsops.RuleGone:
		return Explanation{"Deregistered already", "ECS says " + orElse(Some(quoteAll(f.Names), namesShown), "that it knows no such registration any more") + ".", ""}, true
	case ecsops.RuleTermination:
		why := ""
		if len(f.Names) > 0 {
			why = f.Names[0]
		}
		e := noTermination(why)
		if len(f.Missing) > 0 {
			e.Detail += " " + Sentence(missing(f.Missing)) + "."
		}
		if f.Group != nil {
			e.Detail += " Group " + Quote(f.Group.Name) + ": " + Capacity(*f.Group) + "."
		}
		return e, true
	}
	return Explanation{}, false
}

// noTermination says why the machine cannot be terminated as asked.
func noTermination(why string) Explanation {
	detail, wayOut := Quote(why), "Ask without terminating."
	switch why {
	case "owner_unknown":
		detail, wayOut = "It is not known whether an Auto Scaling group owns it.", "Grant the missing permission or try again, or ask without terminating."
	case "in_group":
		detail, wayOut = "An Auto Scaling group owns it, and would start another.", "Ask with --terminate=replace (the group starts another) or --terminate=shrink (its capacity goes down by one)."
	case "no_group":
		detail, wayOut = "It is in no Auto Scaling group.", "Ask with --terminate=ec2."
	case "at_minimum":
		detail, wayOut = "Its group is at its minimum, so AWS refuses to lower the capacity.", "Ask with --terminate=replace, or lower the group's minimum first."
	case "termination_protected":
		detail, wayOut = "Termination protection is on.", "Switch the protection off first, or ask without terminating."
	case "protection_unknown":
		detail, wayOut = "It is not known whether termination protection is on.", "Grant the missing permission or try again, or ask without terminating."
	case "rehearsal_unknown":
		detail, wayOut = "It is not known whether EC2 would let the bot do it.", "Try again, or ask without terminating."
	case "unauthorized":
		detail = "EC2 refuses the bot, asked by a dry run: “ec2:TerminateInstances” answered “UnauthorizedOperation”."
		wayOut = "Grant the bot that permission for this machine (the policy of this project wants its tag ecsbot=terminate), or ask without terminating."
	case "refused":
		detail, wayOut = "EC2 says, asked by a dry run, that it may not be terminated: mostly that is termination protection.", "Switch the protection off first, or ask without terminating."
	case "standby":
		detail, wayOut = "It is in standby: its place in the group's capacity may have been given up already, so lowering that again would end another machine.", "Ask with --terminate=replace, put it back into service first, or ask without terminating."
	case "warm_pool":
		detail, wayOut = "It is in its group's warm pool.", "Change the warm pool instead, or ask without terminating."
	case "registered_again":
		detail, wayOut = "It is registered in ECS again: nobody decided on the tasks that may run there now.", "Deregister that registration with “/ecs deregister”, and terminate with it."
	case "external_host":
		detail = "It is no EC2 machine."
	}
	return Explanation{"The machine cannot be terminated as asked", detail, wayOut}
}

// tasks names tasks, equal names once: a card lists the ids with what happens to each.
func tasks(ts []ecsops.TaskRef) string {
	s, _ := namesOf(ts)
	return s
}

// namesOf is tasks, with how many it only counts.
func namesOf(ts []ecsops.TaskRef) (s string, left int) {
	count := map[string]int{}
	var names []string
	for _, t := range ts {
		n := taskName(t)
		if !t.Until.IsZero() {
			n += ", protected until " + Time(t.Until)
		}
		if count[n]++; count[n] == 1 {
			names = append(names, n)
		}
	}
	left = len(ts)
	out := make([]string, 0, namesShown+1)
	for _, n := range names[:min(len(names), namesShown)] {
		left -= count[n]
		out = append(out, times(n, count[n]))
	}
	if left > 0 {
		out = append(out, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(out, "; "), left
}

func times(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s ×%d", name, n)
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func services(f ecsops.Finding) string {
	return each(f.Services, func(s ecsops.ServiceImpact) string {
		return fmt.Sprintf("service %s would have %d of %d (%d here); at least %d must run", Quote(s.Service), s.After, s.Desired, s.Here, s.Floor)
	})
}

func percents(f ecsops.Finding) string {
	return each(f.Services, func(s ecsops.ServiceImpact) string {
		return fmt.Sprintf("service %s wants %d and runs %d; with minimum %d %% and maximum %d %% ECS may stop %d and start %d",
			Quote(s.Service), s.Desired, s.Running, s.MinPercent, s.MaxPercent, max(s.MayStop, 0), max(s.MayStart, 0))
	})
}

func targetGroups(f ecsops.Finding) string {
	return each(f.TargetGroups, func(t ecsops.TargetGroupHit) string {
		kind := "target group"
		if t.Classic {
			kind = "Classic load balancer"
		}
		s := fmt.Sprintf("%s %s: %d healthy now, %d after", kind, Quote(t.Name), t.Before, t.After)
		if t.Delay > 0 {
			s += ", connections drain for " + Duration(t.Delay)
		}
		return s
	})
}

func groupDetail(f ecsops.Finding) string {
	if f.Group == nil {
		return Some(quoteAll(f.Names), namesShown)
	}
	return "group " + Quote(f.Group.Name) + ": " + Capacity(*f.Group)
}

// retireFlags are the ways that the group would take: below its minimum it does not shrink.
func retireFlags(g *ecsops.Group) string {
	if g != nil && g.Desired <= g.Min {
		return "--terminate=replace"
	}
	return "--terminate=replace or --terminate=shrink"
}

// Capacity is an Auto Scaling group's arithmetic: "min 2, desired 8, max 10".
func Capacity(g ecsops.Group) string {
	return fmt.Sprintf("min %d, desired %d, max %d", g.Min, g.Desired, g.Max)
}

func since(label string, f ecsops.Finding) string {
	if f.Since.IsZero() {
		return ""
	}
	return label + " " + Time(f.Since) + "."
}

// each puts items in words, at most namesShown of them, and counts the rest.
func each[T any](items []T, word func(T) string) string {
	out := make([]string, 0, namesShown+1)
	for i, it := range items {
		if i == namesShown {
			out = append(out, fmt.Sprintf("and %d more", len(items)-namesShown))
			break
		}
		out = append(out, word(it))
	}
	return strings.Join(out, "; ")
}

func joined(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" && p != "." {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
