package ecsops

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Cause is why a task still holds a drain.
type Cause string

// Causes. The first four are progress that takes its time; the others end by what
// somebody does, or by a time that is known.
const (
	HeldByStopping    Cause = "stopping"    // told to stop, within its time
	HeldByReplacement Cause = "replacement" // its replacement starts, or is not healthy yet
	HeldByTicked      Cause = "ticked"      // standalone: we stop it once the services' tasks are gone
	HeldByOthers      Cause = "others"      // daemon: ECS stops it last

	HeldByHanging    Cause = "hanging"    // told to stop, and should have ended
	HeldByStandalone Cause = "standalone" // of no service: a drain never stops it
	HeldByPercents   Cause = "percents"   // ECS may neither stop nor start one
	HeldByCapacity   Cause = "capacity"   // the service finds no place for a replacement
	HeldByProtection Cause = "protection" // scale-in protection
	HeldByDeployment Cause = "deployment" // a deployment of its service is in progress
	HeldByAgent      Cause = "agent"      // disconnected, and the machine is not known to be at fault
	HeldByHostLeave  Cause = "host_leave" // the machine is stopping or shutting down
	HeldByHostStop   Cause = "host_stop"  // the machine is stopped
	HeldByHostGone   Cause = "host_gone"  // the machine is terminated, or not found
	HeldUnknown      Cause = "unknown"    // Missing says what could not be read; without it ECS gives no reason
)

// heldUnread: what tells the cause was not asked for in this look.
const heldUnread = Cause("")

// Blocks reports whether the cause is more than progress that takes its time.
func (c Cause) Blocks() bool {
	switch c {
	case HeldByStopping, HeldByReplacement, HeldByTicked, HeldByOthers, heldUnread:
		return false
	}
	return true
}

// Host reports whether the agent or the machine is the cause: then all tasks there wait
// for the same thing.
func (c Cause) Host() bool {
	return c == HeldByAgent || c == HeldByHostLeave || c == HeldByHostStop || c == HeldByHostGone
}

// Read reports whether the look told the cause at all.
func (c Cause) Read() bool { return c != heldUnread }

// Hold is one task that a drain waits for, and why. Only the fields of its cause are set.
type Hold struct {
	Task    TaskRef        `json:"task"` // its Until is known protection, whatever the cause
	Cause   Cause          `json:"cause"`
	Since   time.Time      `json:"since,omitzero"`
	Until   time.Time      `json:"until,omitzero"` // when it should end by itself
	Service *ServiceImpact `json:"service,omitempty"`
	Pending int            `json:"pending,omitempty"` // tasks that the service starts
	Delay   time.Duration  `json:"delay,omitempty"`   // longest deregistration delay of its target groups
	Timeout time.Duration  `json:"timeout,omitempty"` // longest stop timeout of its containers
	Host    string         `json:"host,omitempty"`    // EC2's word for the machine's state
	// Quote is the service's own event; foreign text.
	Quote   string    `json:"quote,omitempty"`
	QuoteAt time.Time `json:"quote_at,omitzero"`
	// Missing is what could not be read, or not be read again.
	Missing *Unknown `json:"missing,omitempty"`
}

// Holds tells of every task on the target that has not ended why not: pure. began is when
// the drain did; the snapshot's ReadAt is now. Where the snapshot was not asked for what
// tells the cause, the hold's Cause is not Read.
func Holds(s Snapshot, in Intent, began time.Time) []Hold {
	h := newHolder(s, in, began)
	var out []Hold
	for _, t := range h.tasks {
		hold := h.host()
		if hold.Cause == "" && h.connected {
			hold = h.why(t)
		}
		hold.Task = h.ref(t)
		if t.Stopping() {
			hold.Since = t.StoppingAt
		}
		out = append(out, hold)
	}
	return out
}

// holder judges one look at a drain.
type holder struct {
	*judge
	began     time.Time
	now       time.Time
	connected bool
	moving    bool // other tasks than daemons are left
}

func newHolder(s Snapshot, in Intent, began time.Time) *holder {
	h := &holder{judge: newJudge(s, in), began: began, now: s.ReadAt}
	i, ok := s.Instance.Get()
	h.connected = i.AgentConnected || !ok // unread: nothing says that the agent is at fault
	h.moving = slices.ContainsFunc(h.tasks, func(t Task) bool { return !h.daemon(t) })
	return h
}

func (h *holder) daemon(t Task) bool {
	return t.Class == Daemon || t.Class == ManagedDaemon || t.Class == Replica && h.services[t.Service].Scheduling == "DAEMON"
}

// host is the cause that lies outside the tasks: ECS cannot reach them.
func (h *holder) host() Hold {
	switch {
	case h.connected:
		return Hold{}
	case h.s.external():
		return Hold{Cause: HeldByAgent} // EC2 has nothing to say of it
	}
	machine, ok := h.s.EC2.Get()
	if !ok {
		if unasked(h.s.EC2) {
			return Hold{}
		}
		return Hold{Cause: HeldByAgent, Missing: missing("ec2", "ec2:DescribeInstances", h.s.EC2)}
	}
	hold := Hold{Cause: HeldByAgent, Host: machine.State}
	switch {
	case machine.Gone():
		hold.Cause = HeldByHostGone
	case machine.State == "stopped":
		hold.Cause = HeldByHostStop
	case machine.State == "stopping", machine.State == "shutting-down":
		hold.Cause = HeldByHostLeave
	}
	return hold
}

// why is the cause of one task whose agent answers. What is certain goes before what is
// only likely: whether a drain honours scale-in protection is not documented.
func (h *holder) why(t Task) Hold {
	switch {
	case t.Stopping():
		return h.stopping(t)
	case t.Class == Standalone && slices.Contains(h.in.StopTasks, t.ARN):
		return Hold{Cause: HeldByTicked}
	case t.Class == Standalone:
		return Hold{Cause: HeldByStandalone}
	case h.daemon(t) && h.moving, t.Class == ManagedDaemon:
		return Hold{Cause: HeldByOthers}
	}
	if unasked(h.s.Services) {
		return Hold{}
	}
	return h.ofService(t)
}

func (h *holder) ofService(t Task) Hold {
	s, ok := h.services[t.Service]
	i := h.impacts[t.Service]
	hold := Hold{Service: &i, Pending: s.Pending}
	until, protected := h.protectedUntil(t)
	switch unable, at := h.unable(s); {
	case !ok:
		hold.Service, hold.Missing = nil, missing("services", "ecs:DescribeServices", h.s.Services)
	case i.stuck() && s.Pending == 0:
		hold.Cause = HeldByPercents
		return hold
	case unable != "":
		hold.Cause, hold.Quote, hold.QuoteAt = HeldByCapacity, unable, at
		return hold
	}
	switch {
	case protected:
		hold.Cause, hold.Until = HeldByProtection, until
		hold.Missing = nil
	case !ok:
		hold.Cause = HeldUnknown
	case s.Deployments > 1 || s.Rollout == "IN_PROGRESS":
		hold.Cause = HeldByDeployment
	case s.Pending > 0 || s.Running > s.Desired:
		hold.Cause = HeldByReplacement
	default:
		hold.Cause = HeldUnknown
		if _, known := h.s.Protection.Get(); !known {
			hold.Missing = missing("protection", "ecs:GetTaskProtection", h.s.Protection)
		}
	}
	if hold.Cause != HeldByProtection && len(s.Events) > 0 && !s.Events[0].At.Before(h.began) {
		hold.Quote, hold.QuoteAt = cutQuote(s.Events[0].Text), s.Events[0].At
	}
	return hold
}

func (h *holder) protectedUntil(t Task) (time.Time, bool) {
	all, _ := h.s.Protection.Get() // unknown: ofService says so where nothing else explains it
	until, ok := all[t.ARN]
	return until, ok && (until.IsZero() || until.After(h.now))
}

// unable is the service's newest event that it could not place a task, unless it placed
// one, or became steady, after it.
func (h *holder) unable(s Service) (string, time.Time) {
	for _, n := range s.Events {
		switch {
		case n.At.Before(h.began), strings.Contains(n.Text, "has reached a steady state"), strings.Contains(n.Text, " has started "):
			return "", time.Time{}
		case strings.Contains(n.Text, "was unable to place a task"):
			return cutQuote(n.Text), n.At
		}
	}
	return "", time.Time{}
}

// quoteMost bounds what is kept of an event, in bytes; AWS's own have some hundreds.
const quoteMost = 1024

func cutQuote(s string) string {
	if len(s) <= quoteMost {
		return s
	}
	return strings.ToValidUTF8(s[:quoteMost], "")
}

// stopping: connections drain for the longest delay, then the containers have their stop
// timeout before they are killed.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
func (h *holder) stopping(t Task) Hold {
	hold := Hold{Cause: HeldByStopping}
	d, known := h.definitions[t.TaskDefinition]
	if !known {
		hold.Missing = missing("task_definitions", "ecs:DescribeTaskDefinition", h.s.TaskDefinitions)
		return hold
	}
	hold.Timeout = d.StopTimeout
	s, known := h.services[t.Service]
	switch {
	case known || !t.ofService():
	case unasked(h.s.Services):
		return Hold{} // which target groups delay it, its service tells
	default:
		hold.Missing = missing("services", "ecs:DescribeServices", h.s.Services)
		return hold
	}
	for _, arn := range s.TargetGroups {
		g, known := h.groups[arn]
		if !known {
			hold.Missing = missing("target_groups", "elasticloadbalancing:DescribeTargetGroupAttributes", h.s.TargetGroups)
			return hold
		}
		hold.Delay = max(hold.Delay, g.Deregister)
	}
	if t.StoppingAt.IsZero() {
		hold.Missing = &Unknown{Fact: "tasks", Call: "ecs:DescribeTasks", Reason: reasonIncomplete}
		return hold
	}
	hold.Until = t.StoppingAt.Add(hold.Delay + hold.Timeout + stopMargin)
	if h.now.After(hold.Until) {
		hold.Cause = HeldByHanging
	}
	return hold
}

// stopMargin is what the steps beside take: noticing, detaching the network interface.
const stopMargin = 30 * time.Second

const reasonIncomplete = "incomplete answer"

// unasked reports whether a look did not ask for the fact, as opposed to a read that failed.
func unasked[T any](f Fact[T]) bool {
	return !f.known && f.unknown.Reason == ""
}

// missing is why a fact tells nothing; of one that was read, that what was asked is not in it.
func missing[T any](name, call string, f Fact[T]) *Unknown {
	u := Unknown{Reason: failureMissing}
	if !f.known {
		u = f.Why()
	}
	u.Fact, u.Call = cmp.Or(u.Fact, name), cmp.Or(u.Call, call)
	return &u
}
