package words

import (
	"strconv"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// hostReason says why a look into a machine brought nothing, where AWS has no word for it;
// "" for AWS's own.
func hostReason(reason string) string {
	switch reason {
	case ecsops.HostNotManaged:
		return "Systems Manager does not manage the machine"
	case ecsops.HostOffline:
		return "its Systems Manager agent does not answer"
	case ecsops.HostNotLinux:
		return "it is no Linux machine, and the look is made for those"
	case ecsops.HostNoDocker:
		return "where its Systems Manager agent runs there is no docker, as on Bottlerocket"
	case ecsops.HostCut:
		return "its list of containers is longer than the 24,000 characters that Systems Manager keeps"
	case ecsops.HostNoListing:
		return "it answered something else than a list of containers"
	case ecsops.HostNoAnswer:
		return "it did not answer in time"
	case "Undeliverable", "DeliveryTimedOut":
		return "the command did not reach it (" + Quote(reason) + ")"
	case "ExecutionTimedOut":
		return "the command did not end in time (" + Quote(reason) + ")"
	case "Failed", "Cancelled", "Terminated":
		return "the command did not succeed there (" + Quote(reason) + ")"
	case "InvalidInstanceId":
		return "its Systems Manager agent takes no commands (" + Quote(reason) + ")"
	case "InvalidDocument":
		return "the document that lists them is not in this account and Region (" + Quote(reason) + ")"
	}
	return ""
}

// hostSaid is what a look into the machine brought, in a sentence or two.
func hostSaid(s ecsops.HostSight, orphans int) string {
	if s.Missing != nil {
		return "The machine was looked at, " + Time(s.At) + ": " + Unknown(*s.Missing) + ". Nothing is concluded from that."
	}
	ended := 0
	for _, t := range s.Tasks {
		if t.Ended() {
			ended++
		}
	}
	head := "Seen on the machine, " + Time(s.At) + ": "
	switch {
	case ended == orphans:
		return head + "none of the containers left behind runs any more."
	case ended == 0 && orphans == 1:
		return head + "containers of the task left behind run, or may."
	case ended == 0:
		return head + "containers of all " + Count(orphans, "task") + " left behind run, or may."
	}
	return head + "of " + Count(orphans, "task") + " left behind, " + strconv.Itoa(ended) + " " + hasOrHave(ended) + " ended and " + strconv.Itoa(orphans-ended) + " " + runs(orphans-ended) + ", or may."
}

func hasOrHave(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func runs(n int) string {
	if n == 1 {
		return "runs"
	}
	return "run"
}

func hostSeen(n workflow.Notice, t ecsops.Target) string {
	return hostSaid(hostOf(n), n.Orphans) + hostNext(n, t)
}

// hostNext says what to do about what still runs.
func hostNext(n workflow.Notice, t ecsops.Target) string {
	if n.Host == nil || n.Host.Missing != nil {
		return ""
	}
	return " To end it, stop the containers on " + Machine(t) + ", or terminate the machine."
}

func hostOf(n workflow.Notice) ecsops.HostSight {
	if n.Host == nil {
		return ecsops.HostSight{Missing: &ecsops.Unknown{Fact: "host"}}
	}
	return *n.Host
}

// hostClear closes a ledger by what was seen. The machine runs on.
func hostClear(n workflow.Notice, t ecsops.Target) string {
	return "The containers of " + Count(n.Orphans, "task") + " that were left behind on " + Machine(t) + " have ended, as seen on the machine, " + Time(hostOf(n).At) +
		": no more reminders of them. The machine itself runs on."
}

// HostTask says what was seen of one task left behind: each of its containers in a few words.
func HostTask(t ecsops.HostTask) string {
	parts := make([]string, 0, len(t.Containers))
	for _, c := range t.Containers {
		parts = append(parts, hostContainer(c))
	}
	s := "seen there: " + Some(parts, 6)
	if len(parts) == 0 {
		s = "seen there: no container of it"
	}
	if t.Early {
		s += "; it had not begun to run when it was left, so more may come"
	}
	return s
}

func hostContainer(c ecsops.HostContainer) string {
	s := Quote(c.Name) + " "
	switch c.State {
	case "running":
		s += "running"
		if !c.StartedAt.IsZero() {
			s += " since " + Time(c.StartedAt)
		}
	case "exited", "dead":
		s += c.State + " with code " + strconv.Itoa(c.ExitCode)
		if !c.EndedAt.IsZero() {
			s += " at " + Time(c.EndedAt)
		}
	default:
		s += Quote(c.State)
	}
	return s
}

// SignedOffSeeing says of a sign-off whether the machine had been looked at; at is zero when
// it had not.
func SignedOffSeeing(at time.Time) string {
	if at.IsZero() {
		return "nobody looked at the machine itself"
	}
	return "the machine had been looked at, " + Time(at)
}
