package words

import (
	"fmt"
	"strings"

	"ecsbot/ecsops"
)

// Hold says why tasks hold a drain, and what would free it. Of several tasks they share
// cause, service and times.
func Hold(h ecsops.Hold) Explanation {
	for _, explain := range []func(ecsops.Hold) (Explanation, bool){holdByHost, holdByEnd, holdByService} {
		if e, ok := explain(h); ok {
			return withProtection(h, e)
		}
	}
	if h.Cause != ecsops.HeldUnknown {
		return Explanation{"A cause that this version cannot name: " + Quote(string(h.Cause)), "", "Look at the tasks in ECS."}
	}
	if h.Missing != nil {
		return Explanation{"Not known why", Sentence(Unknown(*h.Missing)), "Mend that, and the bot says more; or look at the service in ECS."}
	}
	return withProtection(h, Explanation{"ECS gives no reason", "", "Look at the service in ECS; the bot goes on by itself once the tasks end."})
}

// withProtection adds what was read beside the cause.
func withProtection(h ecsops.Hold, e Explanation) Explanation {
	if h.Cause != ecsops.HeldByProtection && !h.Task.Until.IsZero() {
		e.Detail = joined(" ", Stop(e.Detail), "Protected from scale-in until "+Time(h.Task.Until)+", too.")
	}
	if h.Missing != nil && h.Cause != ecsops.HeldByStopping {
		e.Detail = joined(" ", Stop(e.Detail), "It could not be read again: "+Unknown(*h.Missing)+".")
	}
	return e
}

func holdByHost(h ecsops.Hold) (Explanation, bool) {
	switch h.Cause {
	case ecsops.HeldByAgent:
		return Explanation{"The ECS agent is disconnected", agentDetail(h),
			"Restart the agent or the machine: then it goes on by itself."}, true
	case ecsops.HeldByHostLeave:
		return Explanation{"The machine is going down", "EC2 says " + Quote(h.Host) + ".", "Wait a minute: the bot looks again."}, true
	case ecsops.HeldByHostStop:
		return Explanation{"The machine is stopped", "Nothing runs there, and ECS hears of no end.",
			"Start the machine again; or force: nothing is orphaned on a stopped machine."}, true
	case ecsops.HeldByHostGone:
		return Explanation{"The machine is gone", "EC2 says " + Quote(h.Host) + ": only the registration is left.",
			"Force removes it: nothing can be orphaned."}, true
	}
	return Explanation{}, false
}

func agentDetail(h ecsops.Hold) string {
	switch {
	case h.Missing != nil:
		return "Whether the machine runs is not known, and ECS reaches no container there."
	case h.Host != "":
		return "The machine is " + Quote(h.Host) + ", and ECS reaches no container there; no service replaces its tasks."
	}
	return "ECS reaches no container there."
}

func holdByEnd(h ecsops.Hold) (Explanation, bool) {
	switch h.Cause {
	case ecsops.HeldByStopping:
		title := "Stopping, as long as that takes"
		if !h.Until.IsZero() {
			title = "Stopping, until " + Time(h.Until) + " at the latest"
		}
		return Explanation{title, stopTimes(h), ""}, true
	case ecsops.HeldByHanging:
		return Explanation{"It should have stopped by " + Time(h.Until), stopTimes(h),
			"Look at the machine: its agent or its container runtime hangs."}, true
	case ecsops.HeldByTicked:
		return Explanation{"The bot stops it", "It does so once the services' tasks are gone.", ""}, true
	case ecsops.HeldByOthers:
		if h.Task.Class == ecsops.ManagedDaemon {
			return Explanation{"A managed daemon ends with the machine", "The bot does not wait for it.", ""}, true
		}
		return Explanation{"A daemon ends last", "ECS stops it once nothing else is left there.", ""}, true
	case ecsops.HeldByStandalone:
		return Explanation{"No drain stops it", "It belongs to no service, and nobody starts it again.",
			"Wait until it ends, or let the bot stop it, if its owner agrees."}, true
	}
	return Explanation{}, false
}

// stopTimes is what the time of a stop is made of.
func stopTimes(h ecsops.Hold) string {
	switch {
	case h.Missing != nil:
		return "Until when is not known: " + Unknown(*h.Missing) + "."
	case h.Timeout == 0:
		return ""
	case h.Delay > 0:
		return "Its connections drain for " + Duration(h.Delay) + " (deregistration delay), then its containers have " + Duration(h.Timeout) + " (stop timeout)."
	}
	return "Its containers have " + Duration(h.Timeout) + " (stop timeout)."
}

func holdByService(h ecsops.Hold) (Explanation, bool) {
	name := "Its service"
	if h.Task.Service != "" {
		name = "Service " + Quote(h.Task.Service)
	}
	switch h.Cause {
	case ecsops.HeldByPercents:
		return Explanation{"ECS can neither stop nor start one", arithmetic(h), percentsWayOut(h)}, true
	case ecsops.HeldByCapacity:
		return Explanation{"No room for a replacement", name + " finds no place for another task.",
			"Add capacity that fits, or free some: then it goes on by itself."}, true
	case ecsops.HeldByProtection:
		title := "Protected from scale-in"
		if !h.Until.IsZero() {
			title += " until " + Time(h.Until)
		}
		return Explanation{title, "ECS has not told it to stop; whether a drain waits for the protection is not documented.",
			"Its owner ends the protection (UpdateTaskProtection), or wait."}, true
	case ecsops.HeldByDeployment:
		return Explanation{"A deployment is in progress", name + " moves its tasks as the deployment goes on.",
			"Wait until it ends, or let whoever deploys roll it back."}, true
	case ecsops.HeldByReplacement:
		return Explanation{"Its replacement is not ready", replacementDetail(h, name), "Wait; if it lasts, look at the health of the new task."}, true
	}
	return Explanation{}, false
}

func replacementDetail(h ecsops.Hold, name string) string {
	if h.Service == nil {
		return ""
	}
	s := fmt.Sprintf("%s wants %d, runs %d", name, h.Service.Desired, h.Service.Running)
	if h.Pending > 0 {
		s += fmt.Sprintf(" and starts %d", h.Pending)
	}
	return s + ": ECS stops the old one once the new one is healthy."
}

// arithmetic is why percents hold: “payments” runs 1, must keep 1, may run at most 1.
func arithmetic(h ecsops.Hold) string {
	i := h.Service
	if i == nil {
		return ""
	}
	return fmt.Sprintf("Service %s runs %d, must keep %d (minimum %d %% of %d) and may run at most %d (maximum %d %%).",
		Quote(i.Service), i.Running, i.Floor, i.MinPercent, i.Desired, i.Running+i.MayStart, i.MaxPercent)
}

// percentsWayOut names the percentages from which ECS may start, or stop, one task.
func percentsWayOut(h ecsops.Hold) string {
	const then = ": then it goes on by itself."
	i := h.Service
	if i == nil || i.Desired <= 0 {
		return "Raise the service's maximum percent, or lower its minimum percent" + then
	}
	start := (100*(i.Running+1) + i.Desired - 1) / i.Desired
	if stop := 100 * (i.Running - 1) / i.Desired; stop >= 0 && stop < i.MinPercent {
		return fmt.Sprintf("Raise the service's maximum percent to %d, or lower its minimum percent to %d%s", start, stop, then)
	}
	return fmt.Sprintf("Raise the service's maximum percent to %d%s", start, then)
}

// QuoteLimit is how much of a service's own event is shown, in runes: the usual ones fit.
const QuoteLimit = 400

// HoldLine is a hold in one line: tasks, cause, the service's words, what would free it.
func HoldLine(h ecsops.Hold, tasks string) string {
	e := Hold(h)
	s := tasks + ": " + lowerFirst(e.Title)
	if !h.Since.IsZero() {
		s += ", since " + Time(h.Since)
	}
	s = Stop(s)
	if e.Detail != "" {
		s += " " + Stop(e.Detail)
	}
	if q := ForeignN(h.Quote, QuoteLimit); q != "" {
		s += " The service says: " + string(OpenQuote) + q + string(CloseQuote) + "."
	}
	if e.WayOut != "" {
		s += " " + e.WayOut
	}
	return s
}

// HoldGroup are tasks that one cause holds alike.
type HoldGroup struct {
	Hold  ecsops.Hold
	Tasks []ecsops.TaskRef
}

// Names names the group's tasks, equal names once, or the one with its id.
func (g HoldGroup) Names() string {
	if len(g.Tasks) == 1 {
		return Task(g.Tasks[0])
	}
	s, _ := namesOf(withoutUntil(g.Tasks))
	return s
}

func withoutUntil(ts []ecsops.TaskRef) []ecsops.TaskRef {
	out := make([]ecsops.TaskRef, len(ts))
	for i, t := range ts {
		t.Until = ecsops.TaskRef{}.Until // the cause speaks of it
		out[i] = t
	}
	return out
}

// HoldGroups gathers holds by cause, service and the time that it ends, what blocks first.
func HoldGroups(hs []ecsops.Hold) []HoldGroup {
	type key struct {
		cause   ecsops.Cause
		service string
		until   int64
	}
	at := map[key]int{}
	var out []HoldGroup
	for _, first := range []bool{true, false} {
		for _, h := range hs {
			if h.Cause.Blocks() != first {
				continue
			}
			k := key{h.Cause, h.Task.Service, h.Until.Unix() / 60}
			if h.Cause.Host() {
				k.service = "" // all of them wait for the same machine
			}
			i, seen := at[k]
			if !seen {
				i = len(out)
				at[k] = i
				out = append(out, HoldGroup{Hold: h})
			}
			g := &out[i]
			g.Tasks = append(g.Tasks, h.Task)
			if h.Since.Before(g.Hold.Since) {
				g.Hold.Since = h.Since
			}
		}
	}
	return out
}

// ShortQuote is an event of a service for a card: ids are shortened.
func ShortQuote(s string) string {
	return hexID.ReplaceAllStringFunc(ForeignN(s, QuoteLimit), func(id string) string { return id[:8] })
}

// holdBrief is a cause within a sentence: what a drain is held by.
func holdBrief(h ecsops.Hold) string {
	switch h.Cause {
	case ecsops.HeldByStandalone:
		return "a task that no drain stops"
	case ecsops.HeldByHanging:
		return "a task that should have stopped by " + Time(h.Until)
	case ecsops.HeldByPercents:
		return "percentages by which ECS can neither stop nor start one"
	case ecsops.HeldByProtection:
		return "protection from scale-in" + strings.TrimPrefix(Hold(h).Title, "Protected from scale-in")
	case ecsops.HeldByDeployment:
		return "a deployment in progress"
	case ecsops.HeldByAgent:
		return "a disconnected agent"
	case ecsops.HeldByHostLeave:
		return "a machine that goes down"
	case ecsops.HeldByHostStop:
		return "a stopped machine"
	case ecsops.HeldByHostGone:
		return "a machine that is gone"
	case ecsops.HeldUnknown:
		return "a cause that is not known"
	}
	return lowerFirst(Hold(h).Title)
}

// HeldBy names causes in a row, for the record: no room for a replacement (service “web”).
func HeldBy(hs []ecsops.Hold) string {
	return each(hs, func(h ecsops.Hold) string {
		s := holdBrief(h)
		if h.Task.Service != "" && !h.Cause.Host() {
			s += " (service " + Quote(h.Task.Service) + ")"
		} else if h.Cause == ecsops.HeldByStandalone {
			s += " (" + taskName(h.Task) + ")"
		}
		return s
	})
}
