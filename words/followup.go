package words

import (
	"strconv"
	"strings"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Notice is what people are told after an operation's end, in two or three sentences.
func Notice(n workflow.Notice, t ecsops.Target) string {
	switch n.Type {
	case workflow.EvReminded:
		return reminder(n, t)
	case workflow.EvReturned:
		return Machine(t) + " registered again, " + after(n.After) + ": " + each(n.Again, Reregistration) + ". " + cameBack(n.How)
	case workflow.EvUnseen:
		return "What " + Machine(t) + " left could not be looked at, " + after(n.After) + ": " + missing(n.Missing) + ". Nothing is concluded from that" + triedAgain(n) + "."
	case workflow.EvHostSeen:
		return hostSeen(n, t)
	case workflow.EvSignedOff:
		return "A person answers for " + Count(n.Orphans, "task") + " left behind on " + Machine(t) + ": no more reminders. " + signedOffSeeing(n)
	case workflow.EvLedgerClosed:
		if n.Cause == workflow.EndedHostClear {
			return hostClear(n, t)
		}
		return Machine(t) + " is gone, EC2 says: nothing that was left behind runs any more, and it is no longer billed."
	}
	return "Something about " + Machine(t) + " that this version cannot name: " + Quote(string(n.Type)) + "."
}

// signedOffSeeing says whether anybody had looked.
func signedOffSeeing(n workflow.Notice) string {
	if n.Host == nil {
		return "Nothing was looked at on the machine itself."
	}
	return hostSaid(*n.Host, n.Orphans)
}

// triedAgain: after a week only orphans are still tried.
func triedAgain(n workflow.Notice) string {
	if n.After >= 7*24*time.Hour {
		return "; it was tried for a week, and is not tried any more. Look yourself"
	}
	return ", and it is tried again"
}

func reminder(n workflow.Notice, t ecsops.Target) string {
	var s []string
	if about(n, workflow.Orphans) {
		s = append(s, "The containers of "+Count(n.Orphans, "task")+" were left behind on "+Machine(t)+" by a force"+since1(n.After)+", and ECS does not watch them. "+hostState(n))
		if n.Host != nil {
			s = append(s, hostSaid(*n.Host, n.Orphans))
		}
	}
	if about(n, workflow.Machine) {
		s = append(s, Machine(t)+" was deregistered "+ago(n.After)+" and still runs: EC2 bills it until it is terminated.")
	}
	if len(n.Missing) > 0 {
		s = append(s, "Not known: "+missing(n.Missing)+".")
	}
	return strings.Join(s, " ")
}

// LeftTitle heads what the machines of a batch left.
func LeftTitle(open, of int) string {
	if open == 0 {
		return "✅ Nothing is left to look after: each of these machines is terminated, or nobody is to be reminded of it"
	}
	return "⚠️ To be looked after: " + strconv.Itoa(open) + " of " + Count(of, "machine")
}

// LeftRead says how old what is said of a batch's machines may be.
func LeftRead() string {
	return "As last read: each machine one hour and a day after its end, its registrations after ten minutes and an hour. This message follows; the threads in the audit channel tell when"
}

// Left is what one machine of a batch left that a person may look after, in a sentence.
func Left(f workflow.FollowUp) string {
	var s []string
	for _, c := range f.Open() {
		switch c {
		case workflow.Orphans:
			s = append(s, Count(len(f.Orphans), "task")+" left behind there, unwatched")
		case workflow.Machine:
			s = append(s, "still runs, and EC2 bills it until it is terminated")
		case workflow.Return:
			s = append(s, "registered again: "+each(f.Again, Reregistration))
		}
	}
	return strings.Join(s, "; ")
}

// hostState says what EC2's state means for containers that ECS forgot.
func hostState(n workflow.Notice) string {
	switch n.Machine {
	case "":
		return "Whether the machine still runs could not be read: they may go on working."
	case "stopped":
		return "EC2 says the machine is stopped: nothing runs on it until somebody starts it."
	case "running":
		return "EC2 says the machine runs: so may they."
	}
	return "EC2 says the machine is " + Quote(n.Machine) + "."
}

// cameBack says what mostly makes a machine register again, and what to do.
func cameBack(how string) string {
	const then = " New tasks may run there. Deregister it once more, and terminate it or switch its agent off."
	switch how {
	case "warm_pool":
		return "Its Auto Scaling group has a warm pool, which brings machines back." + then
	case "started_again":
		return "The machine was started again since: its user data, or its agent's service, registered it." + then
	}
	return "Its agent was restarted without its data, or user data or a configuration tool started it again." + then
}

// Reregistration names a registration that a machine took after it had left.
func Reregistration(r ecsops.Reregistration) string {
	s := "container instance " + Quote(ShortID(TaskID(string(r.Instance)))) + " in cluster " + Quote(r.Cluster.Name()) + ", " + orElse(ForeignN(r.Status, 24), "in an unknown state")
	if !r.Connected {
		s += ", agent not connected"
	}
	return s
}

// NoticeTitle is a notice in a few words.
func NoticeTitle(n workflow.Notice) string {
	switch {
	case n.Type == workflow.EvReminded && about(n, workflow.Orphans) && n.After < time.Minute:
		return "⚠️ Orphan ledger opened"
	case n.Type == workflow.EvReminded && about(n, workflow.Orphans):
		return "⚠️ Orphans are still on the ledger"
	case n.Type == workflow.EvReminded:
		return "💸 Still running and billed"
	case n.Type == workflow.EvReturned:
		return "⚠️ Registered again"
	case n.Type == workflow.EvUnseen:
		return "❔ Could not be looked at"
	case n.Type == workflow.EvHostSeen:
		return "🔎 Looked at the host"
	case n.Type == workflow.EvSignedOff:
		return "☑ Orphans signed off"
	case n.Type == workflow.EvLedgerClosed:
		return "✅ Nothing is left to look after"
	}
	return "Follow-up"
}

func about(n workflow.Notice, c workflow.Concern) bool {
	for _, k := range n.Concerns {
		if k == c {
			return true
		}
	}
	return false
}

func after(d time.Duration) string {
	if d < time.Minute {
		return "right after the end"
	}
	return Duration(d) + " after the end"
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return Duration(d) + " ago"
}

func since1(d time.Duration) string {
	if d < time.Minute {
		return ""
	}
	return " " + ago(d)
}

func followEvent(ev workflow.Event) (string, bool) {
	n := workflow.Notice{Type: ev.Type}
	if ev.Notice != nil {
		n = *ev.Notice
	}
	switch ev.Type {
	case workflow.EvReminded:
		return "reminded, " + after(n.After) + ", of " + remindedOf(n, ev) + unknowns(n), true
	case workflow.EvReturned:
		return "found " + eventTarget(ev) + " registered again, " + after(n.After) + ": " + orElse(each(n.Again, Reregistration), "under another registration"), true
	case workflow.EvUnseen:
		return "could not look at what " + eventTarget(ev) + " left, " + after(n.After) + triedAgain(n) + unknowns(n), true
	case workflow.EvHostAsked:
		return "asked for a look at " + eventTarget(ev), true
	case workflow.EvHostSeen:
		return "looked at " + eventTarget(ev) + ", " + after(n.After) + ": " + lowerFirst(trimStop(hostSaid(hostOf(n), n.Orphans))), true
	case workflow.EvSignedOff:
		return "signed off what was left behind on " + eventTarget(ev) + ", " + after(n.After) + ": no more reminders" + orphanIDs(ev), true
	case workflow.EvLedgerClosed:
		return "looks after " + eventTarget(ev) + " no more, " + after(n.After) + ": " + trimStop(lowerFirst(Cause(orElse(n.Cause, workflow.EndedMachineGone)))), true
	}
	return "", false
}

func remindedOf(n workflow.Notice, ev workflow.Event) string {
	var of []string
	if about(n, workflow.Orphans) {
		of = append(of, Count(n.Orphans, "task")+" left behind on "+eventTarget(ev)+orphanIDs(ev))
	}
	if about(n, workflow.Machine) {
		of = append(of, "the machine "+eventTarget(ev)+", which runs on and is billed")
	}
	s := orElse(strings.Join(of, "; and of "), "what "+eventTarget(ev)+" left")
	if n.Machine != "" {
		s += "; EC2 says " + Quote(n.Machine)
	}
	return s
}

func orphanIDs(ev workflow.Event) string {
	if len(ev.Tasks) == 0 {
		return ""
	}
	ids := make([]string, 0, len(ev.Tasks))
	for _, arn := range ev.Tasks {
		ids = append(ids, string(OpenQuote)+TaskID(arn)+string(CloseQuote))
	}
	return " (" + Some(ids, 8) + ")"
}

func unknowns(n workflow.Notice) string {
	if len(n.Missing) == 0 {
		return ""
	}
	return "; " + missing(n.Missing)
}
