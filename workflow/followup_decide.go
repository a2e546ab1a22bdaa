package workflow

import (
	"slices"
	"strings"
	"time"

	"ecsbot/ecsops"
)

// FollowMove is what DecideFollowUp answers: wait, read, or commit and wait.
type FollowMove struct {
	// Read asks for an Aftermath, Registrations for its costly part.
	Read, Registrations bool
	// FollowUp is the row after the move, Events what it tells of; only when Changed.
	FollowUp FollowUp
	Events   []Event
	Changed  bool
	// Next is when to look again; zero = never.
	Next time.Time
}

// DecideFollowUp holds every rule of follow-ups. It is pure: a function of the row, of what
// was read, and of the time. What could not be read is said and tried again; nothing is
// concluded from it. What was missed while the bot was away is made up once, not once for
// each time.
func DecideFollowUp(f FollowUp, seen *ecsops.Aftermath, now time.Time) FollowMove {
	due := f.dueBut(Host) // DecideHost's
	if due.IsZero() || now.Before(due) {
		return FollowMove{Next: f.Due()}
	}
	if seen == nil {
		return FollowMove{Read: true, Registrations: f.at(Return, now) != nil}
	}
	f.Watches, f.Again, f.Notices = slices.Clone(f.Watches), slices.Clone(f.Again), slices.Clone(f.Notices)
	w := &following{f: f, seen: *seen, now: now, before: ecsops.VerifyLater(f.later())}
	w.readMachine()
	w.returned()
	if w.gone() {
		w.closeAll()
	} else {
		w.orphans()
		w.machine()
	}
	w.tell()
	w.checked()
	return FollowMove{FollowUp: w.f, Events: w.events, Changed: true, Next: w.f.Due()}
}

// at is the concern's watch when it is due.
func (f *FollowUp) at(c Concern, now time.Time) *Watch {
	for i := range f.Watches {
		if w := &f.Watches[i]; w.Concern == c && w.Ended == "" && !now.Before(w.Due) {
			return w
		}
	}
	return nil
}

func (f *FollowUp) open(c Concern) *Watch {
	for i := range f.Watches {
		if w := &f.Watches[i]; w.Concern == c && w.Ended == "" {
			return w
		}
	}
	return nil
}

// following is one decision on one follow-up.
type following struct {
	f      FollowUp
	seen   ecsops.Aftermath
	now    time.Time
	before []ecsops.Check
	events []Event

	remind  []Concern        // said in one notice
	unread  []Concern        // whose reading failed for the first time in a row
	missing []ecsops.Unknown // by which reads
}

func (w *following) age() time.Duration { return w.now.Sub(w.f.Began) }

// again is when to look next at what changes by itself.
func (w *following) again() time.Time {
	if w.age() < dailyReminder {
		return w.now.Add(lookAfterEvery)
	}
	return w.now.Add(lookLaterEvery)
}

// readMachine keeps what the card needs of the machine; of a failed read, why.
func (w *following) readMachine() {
	e, ok := w.seen.EC2.Get()
	if ok {
		w.f.Machine, w.f.Unseen = ecsops.Known(ecsops.EC2{State: e.State, Type: e.Type, LaunchedAt: e.LaunchedAt}), nil
		return
	}
	why := w.seen.EC2.Why()
	why.Fact = "ec2"
	if w.f.Unseen == nil {
		for _, c := range []Concern{Orphans, Machine} {
			if w.f.at(c, w.now) != nil {
				w.unread = append(w.unread, c)
			}
		}
		if len(w.unread) > 0 {
			w.missing = append(w.missing, why)
		}
	}
	if len(w.unread) > 0 || w.f.Unseen != nil {
		w.f.Unseen = &why
	}
}

// gone is true by a successful read of this moment only.
func (w *following) gone() bool {
	e, ok := w.seen.EC2.Get()
	return ok && e.Gone()
}

// state is EC2's word, "" when it was not read.
func (w *following) state() string {
	e, _ := w.seen.EC2.Get()
	return e.State
}

// returned looks for the same machine under another registration.
func (w *following) returned() {
	watch := w.f.at(Return, w.now)
	if watch == nil {
		return
	}
	all, ok := w.seen.Again.Get()
	if !ok {
		w.unlisted(watch)
		return
	}
	w.f.Unlisted = nil
	var fresh []ecsops.Reregistration
	for _, r := range all {
		known := slices.ContainsFunc(w.f.Again, func(k ecsops.Reregistration) bool { return k.Instance == r.Instance })
		if !known && (r.RegisteredAt.IsZero() || r.RegisteredAt.After(w.f.Since)) {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) > 0 {
		w.f.Again = append(w.f.Again, fresh...)
		w.notice(Notice{Type: EvReturned, Concerns: []Concern{Return}, Again: fresh, How: w.how()})
	}
	watch.Step, watch.Due = 1, w.f.Began.Add(lastReturn)
	if w.age() >= lastReturn {
		watch.Step, watch.Ended = returnLooks, EndedLooked
	}
}

func (w *following) unlisted(watch *Watch) {
	why := w.seen.Again.Why()
	if w.f.Unlisted == nil {
		w.unread, w.missing = append(w.unread, Return), append(w.missing, why)
	}
	w.f.Unlisted = &why
	w.retry(watch)
}

// retry comes back to what could not be read. Only orphans are never given up.
func (w *following) retry(watch *Watch) {
	watch.Due = w.again()
	if w.age() >= giveUp {
		watch.Ended = EndedUnread
		w.unread = append(w.unread, watch.Concern)
		w.remember(watch.Concern)
	}
}

// remember names the read that a concern was given up for.
func (w *following) remember(c Concern) {
	why := w.f.Unseen
	if c == Return {
		why = w.f.Unlisted
	}
	if why != nil && !slices.Contains(w.missing, *why) {
		w.missing = append(w.missing, *why)
	}
}

// how guesses why a machine registered again, from what shows: a warm pool brings machines
// back, a start runs user data and with it the agent; else its agent was restarted with
// its data gone, or something configures it anew.
func (w *following) how() string {
	g, _ := w.seen.Group.Get()
	e, _ := w.seen.EC2.Get()
	switch {
	case g.WarmPool, strings.HasPrefix(g.Lifecycle, "Warmed"):
		return "warm_pool"
	case !w.f.Since.IsZero() && e.LaunchedAt.After(w.f.Since): // EC2's launch time is that of the latest start
		return "started_again"
	}
	return "agent"
}

// closeAll: a machine that is gone runs nothing, costs nothing and registers nothing.
func (w *following) closeAll() {
	told := w.f.open(Orphans) != nil
	if m := w.f.open(Machine); m != nil && m.Step > 0 {
		told = true
	}
	for i := range w.f.Watches {
		if w.f.Watches[i].Ended == "" {
			w.f.Watches[i].Ended = EndedMachineGone
		}
	}
	w.f.Host = nil
	if told {
		w.notice(Notice{Type: EvLedgerClosed, Cause: EndedMachineGone, Orphans: len(w.f.Orphans)})
	}
}

// orphans are told of at once, after an hour, after a day, and then each day.
func (w *following) orphans() {
	watch := w.f.at(Orphans, w.now)
	if watch == nil {
		return
	}
	if at := w.f.Began.Add(orphanReminder(watch.Step)); !w.now.Before(at) {
		w.remind = append(w.remind, Orphans)
		for !w.now.Before(w.f.Began.Add(orphanReminder(watch.Step))) {
			watch.Step++
		}
	}
	watch.Due = earliest(w.again(), w.f.Began.Add(orphanReminder(watch.Step)))
}

// orphanReminder is when the n-th reminder is due, from the end on.
func orphanReminder(n int) time.Duration {
	switch n {
	case 0:
		return 0
	case 1:
		return firstReminder
	}
	return time.Duration(n-1) * dailyReminder
}

// machine reminds twice of a machine that runs, and is billed, for nothing.
func (w *following) machine() {
	watch := w.f.at(Machine, w.now)
	switch {
	case watch == nil:
		return
	case len(w.f.Again) > 0:
		watch.Ended = EndedInUse
		return
	case w.state() == "":
		w.retry(watch)
		return
	case w.leaving():
		watch.Due = w.again()
		return
	case w.state() != "stopped": // a stopped machine is not billed by the second
		w.remind = append(w.remind, Machine)
	}
	watch.Step, watch.Due = 1, w.f.Began.Add(dailyReminder)
	if w.age() >= dailyReminder {
		watch.Step, watch.Ended = 2, EndedTold
	}
}

// leaving: it is being terminated, by us or by others.
func (w *following) leaving() bool {
	g, _ := w.seen.Group.Get() // unknown: reminded rather than forgotten
	return w.state() == "shutting-down" || terminating(g)
}

// tell makes one notice of what is due, with what could not be read.
func (w *following) tell() {
	slices.Sort(w.unread)
	w.unread = slices.Compact(w.unread)
	n := Notice{Concerns: w.remind, Machine: w.state(), Missing: w.missing}
	switch {
	case len(w.remind) > 0:
		n.Type = EvReminded
	case len(w.unread) > 0:
		n.Type, n.Concerns = EvUnseen, w.unread
	default:
		return
	}
	if slices.Contains(n.Concerns, Orphans) {
		n.Orphans, n.Host = len(w.f.Orphans), w.f.Sight
		if n.Machine == "" && w.f.Unseen != nil && len(n.Missing) == 0 {
			n.Missing = []ecsops.Unknown{*w.f.Unseen}
		}
	}
	w.notice(n)
}

func (w *following) notice(n Notice) {
	w.events = append(w.events, w.f.note(n, w.now))
}

// note adds a notice to the row and returns its event.
func (f *FollowUp) note(n Notice, now time.Time) Event {
	f.Told++
	n.N, n.At, n.After = f.Told, now, now.Sub(f.Began)
	f.Notices = append(f.Notices, n)
	if over := len(f.Notices) - noticesKept; over > 0 {
		f.Notices = f.Notices[over:]
	}
	ev := Event{Type: n.Type, Notice: &n}
	if n.Orphans > 0 {
		ev.Tasks = arns(f.Orphans)
	}
	return ev
}

// checked records a change of V9 or V10, for the card and the log.
func (w *following) checked() {
	after := ecsops.VerifyLater(w.f.later())
	for i := range after {
		if after[i].Result != w.before[i].Result {
			w.events = append(w.events, Event{Type: EvChecked, Checks: after})
			return
		}
	}
}
