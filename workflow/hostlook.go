package workflow

import (
	"slices"
	"time"

	"ecsbot/ecsops"
)

// Host is the look into the machine itself, through Systems Manager: what the containers
// do that a force left behind. It is watched only where the configuration allows it.
const Host Concern = "host"

// EndedHostClear ends a watch when every container that was left behind was seen to have ended.
const EndedHostClear = "host_clear"

// Times of looks into a machine.
const (
	// firstHostLook leaves the containers a few minutes to end by themselves.
	firstHostLook = 3 * time.Minute
	// hostAhead is how long before a reminder the machine is looked into, so that the
	// reminder can tell.
	hostAhead = 5 * time.Minute
	hostPoll  = 5 * time.Second // between two askings for an answer
	hostRetry = 15 * time.Second
	// hostPatience is how long an answer is waited for: the command waits a minute for its
	// delivery and may run for another, and Systems Manager lags behind.
	hostPatience = 5 * time.Minute
	hostTries    = 3 // orders of one look
)

// HostLook is a look under way. Its order is committed before the command is sent. Systems
// Manager has no idempotency token, so a process that dies before it hears of the command
// leaves one whose id nobody knows: another is sent then. Both only read.
type HostLook struct {
	By    *Actor    `json:"by,omitempty"` // who asked; nil = its time had come
	Began time.Time `json:"began"`
	Tries int       `json:"tries,omitempty"`
	Order *Order    `json:"order,omitempty"` // the latest
}

// withHost watches the machine itself as long as orphans are, where a document says how to look.
func (f FollowUp) withHost(document string) FollowUp {
	i := slices.IndexFunc(f.Watches, func(w Watch) bool { return w.Concern == Host })
	switch {
	case document == "" && i >= 0:
		f.Watches, f.Host = slices.Delete(slices.Clone(f.Watches), i, i+1), nil
	case document != "" && i < 0 && f.Watching(Orphans) && isEC2(f.Target):
		f.Watches = append(slices.Clone(f.Watches), Watch{Concern: Host, Due: f.Began.Add(firstHostLook)})
	}
	return f
}

func isEC2(t ecsops.Target) bool { return len(t.EC2) > 2 && t.EC2[:2] == "i-" }

// plannedLook is when the n-th look is due, from the end on.
func plannedLook(n int) time.Duration {
	if n == 0 {
		return firstHostLook
	}
	return orphanReminder(n) - hostAhead
}

// HostSeen is what was read for a decision about a look.
type HostSeen struct {
	Node   *ecsops.Fact[ecsops.Node]
	Answer *ecsops.Fact[ecsops.HostAnswer]
}

// HostHow is what a decision about a look depends on beside the row and the time.
type HostHow struct {
	Document string
	Order    int           // the number that the next order of the operation takes
	Owner    string        // this process
	Barrier  time.Duration // how long another process may still be at its order; 0 = there is none
}

// HostMove is what DecideHost answers: read, or commit, and then perhaps act.
type HostMove struct {
	Node, Answer bool           // read that first
	Act          *ecsops.Action // after the commit
	FollowUp     FollowUp
	Events       []Event
	Changed      bool
}

// DecideHost takes a look one move on. It is pure, and concludes only from a complete answer.
func DecideHost(f FollowUp, seen HostSeen, how HostHow, now time.Time) HostMove {
	if f.at(Host, now) == nil {
		return HostMove{}
	}
	f.Watches, f.Notices = slices.Clone(f.Watches), slices.Clone(f.Notices)
	h := &looking{f: f, how: how, now: now}
	if f.Host != nil {
		look := *f.Host
		h.f.Host = &look
	}
	switch look := h.f.Host; {
	case look == nil, look.Order == nil:
		return h.begin(seen.Node)
	case look.Order.Outcome == nil:
		return h.unheard()
	}
	switch out := h.f.Host.Order.Outcome; out.Result {
	case ecsops.OK:
		return h.hear(seen.Answer)
	case ecsops.Refused:
		return h.finish(ecsops.HostUnseen(now, sendCommand, out.Code))
	}
	return h.repeat()
}

const (
	nodeCall       = "ssm:DescribeInstanceInformation"
	sendCommand    = "ssm:SendCommand"
	invocationCall = "ssm:GetCommandInvocation"
)

// looking is one decision on a look.
type looking struct {
	f   FollowUp
	how HostHow
	now time.Time
}

func (h *looking) changed(events ...Event) HostMove {
	return HostMove{FollowUp: h.f, Events: events, Changed: true}
}

func (h *looking) again(d time.Duration) { h.f.open(Host).Due = h.now.Add(d) }

// begin orders a look where Systems Manager says that the machine's agent answers.
func (h *looking) begin(node *ecsops.Fact[ecsops.Node]) HostMove {
	if node == nil {
		return HostMove{Node: true}
	}
	if h.f.Host == nil {
		h.f.Host = &HostLook{Began: h.now}
	}
	n, known := node.Get()
	why := node.Why()
	switch cannot := n.CannotLook(); {
	case !known && h.now.Sub(h.f.Host.Began) < hostPatience:
		h.again(hostRetry)
		return h.changed()
	case !known:
		return h.finish(ecsops.HostUnseen(h.now, why.Call, why.Reason))
	case cannot != "":
		return h.finish(ecsops.HostUnseen(h.now, nodeCall, cannot))
	}
	return h.order()
}

func (h *looking) order() HostMove {
	look := h.f.Host
	look.Tries++
	a := ecsops.Action{Kind: ecsops.ActLookAtHost, Target: h.f.Target, Document: h.how.Document, Session: h.f.Op,
		Reason: "operation " + h.f.Op + ": lists the containers that were left behind"}
	look.Order = &Order{N: h.how.Order, Action: a, At: h.now, Owner: h.how.Owner}
	h.again(max(h.how.Barrier, hostRetry))
	o := *look.Order
	m := h.changed(Event{Type: EvOrdered, Order: &o})
	m.Act = &a
	return m
}

// unheard: whoever gave the order died, or could not store the answer. Another replica may
// still be at it.
func (h *looking) unheard() HostMove {
	o := *h.f.Host.Order
	if free := o.At.Add(h.how.Barrier); o.Owner != h.how.Owner && h.now.Before(free) {
		h.f.open(Host).Due = free
		return h.changed()
	}
	o.Outcome, o.ClosedBy = &ecsops.Outcome{Result: ecsops.ResultUnknown, Code: notHeard, At: h.now}, "look"
	h.f.Host.Order = &o
	h.again(hostRetry)
	copied := o
	return h.changed(Event{Type: EvOutcome, Order: &copied})
}

// notHeard is the code of an order whose answer nobody kept.
const notHeard = "NotHeard"

// repeat orders once more what was throttled, or whose answer was lost: it only reads.
func (h *looking) repeat() HostMove {
	look := h.f.Host
	if look.Order.Outcome.Code == notSent {
		look.Tries = max(0, look.Tries-1) // that one never left
	}
	if look.Tries >= hostTries {
		return h.finish(ecsops.HostUnseen(h.now, sendCommand, look.Order.Outcome.Code))
	}
	return h.order()
}

// hear asks for the answer, and waits for it.
func (h *looking) hear(answer *ecsops.Fact[ecsops.HostAnswer]) HostMove {
	if answer == nil {
		return HostMove{Answer: true}
	}
	a, known := answer.Get()
	late := h.now.Sub(h.f.Host.Order.At) >= hostPatience
	switch {
	case known && !a.Pending:
		return h.finish(a.Sight)
	case !late:
		h.again(hostPoll)
		return h.changed()
	case known:
		return h.finish(ecsops.HostUnseen(h.now, invocationCall, ecsops.HostNoAnswer))
	}
	why := answer.Why()
	return h.finish(ecsops.HostUnseen(h.now, why.Call, why.Reason))
}

// finish keeps what the look brought, tells what is new of it, and closes the ledger when
// everything was seen to have ended.
func (h *looking) finish(sight ecsops.HostSight) HostMove {
	before, was, look := ecsops.VerifyLater(h.f.later()), h.f.Sight, h.f.Host
	h.f.Sight, h.f.Host = &sight, nil
	watch := h.f.open(Host)
	for !h.now.Before(h.f.Began.Add(plannedLook(watch.Step))) {
		watch.Step++
	}
	watch.Due = h.f.Began.Add(plannedLook(watch.Step))
	n := Notice{Type: EvHostSeen, Concerns: []Concern{Host}, Orphans: len(h.f.Orphans), Host: &sight, By: look.By}
	var events []Event
	switch {
	case sight.Clear(h.f.Orphans):
		watch.Ended = EndedHostClear
		if w := h.f.open(Orphans); w != nil {
			w.Ended = EndedHostClear
		}
		n.Type, n.Cause = EvLedgerClosed, EndedHostClear
		events = append(events, h.f.note(n, h.now))
	case look.By != nil, was == nil, !was.SaysAs(sight):
		events = append(events, h.f.note(n, h.now))
	default: // for the record only
		n.At, n.After = h.now, h.now.Sub(h.f.Began)
		events = append(events, Event{Type: EvHostSeen, Notice: &n, Tasks: arns(h.f.Orphans)})
	}
	if after := ecsops.VerifyLater(h.f.later()); differ(before, after) {
		events = append(events, Event{Type: EvChecked, Checks: after})
	}
	return h.changed(events...)
}

func differ(a, b []ecsops.Check) bool {
	return !slices.EqualFunc(a, b, func(a, b ecsops.Check) bool { return a.ID == b.ID && a.Result == b.Result })
}
