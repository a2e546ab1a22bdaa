package workflow

import (
	"slices"
	"strings"
	"time"

	"ecsbot/ecsops"
)

// Concern is one thing that a follow-up looks after.
type Concern string

// Concerns.
const (
	// Orphans are containers that a force left behind: until their machine is gone, or
	// a person answers for them.
	Orphans Concern = "orphans"
	// Machine is EC2 that runs on, and costs, without its registration.
	Machine Concern = "machine"
	// Return is a registration of the same machine under another ARN.
	Return Concern = "return"
)

// Times of follow-ups, from the operation's end.
const (
	firstReminder = time.Hour
	dailyReminder = 24 * time.Hour
	firstReturn   = 10 * time.Minute
	lastReturn    = time.Hour // an agent that finds itself INACTIVE backs off for up to an hour
	returnLooks   = 2
	// lookAfterEvery spaces looks, and repetitions of one that failed, during the first
	// day; then it is lookLaterEvery.
	lookAfterEvery = 10 * time.Minute
	lookLaterEvery = time.Hour
	// giveUp is how long a machine or a registration that cannot be read is tried.
	// Orphans are never given up.
	giveUp = 7 * dailyReminder
	// noticesKept bounds the row; older ones stand in the log.
	noticesKept = 12
)

// Ways a watch ends. Stored as text; words has a sentence for those that people read.
const (
	EndedMachineGone = "machine_gone"
	EndedSignedOff   = "signed_off"
	EndedTold        = "told"       // both reminders of the machine were given
	EndedInUse       = "in_use"     // registered again: nobody is reminded to end it
	EndedLooked      = "looked"     // both looks were taken
	EndedUnread      = "never_read" // given up
)

// Watch is one concern with its schedule.
type Watch struct {
	Concern Concern   `json:"concern"`
	Due     time.Time `json:"due"`
	Step    int       `json:"step"` // reminders given, or looks taken
	Ended   string    `json:"ended,omitempty"`
}

// Notice is what people are told, once, in the operation's thread.
type Notice struct {
	N        int                     `json:"n"`
	At       time.Time               `json:"at"`
	Type     EventType               `json:"type"`
	Concerns []Concern               `json:"concerns,omitempty"`
	After    time.Duration           `json:"after"`             // since the operation's end
	Machine  string                  `json:"machine,omitempty"` // EC2's state; "" = not read
	Orphans  int                     `json:"orphans,omitempty"`
	Again    []ecsops.Reregistration `json:"again,omitempty"`
	How      string                  `json:"how,omitempty"` // returned: warm_pool, started_again or agent
	Missing  []ecsops.Unknown        `json:"missing,omitempty"`
	Cause    string                  `json:"cause,omitempty"` // ledger closed
	By       *Actor                  `json:"by,omitempty"`
	Host     *ecsops.HostSight       `json:"host,omitempty"` // what the newest look into the machine brought
}

// FollowUp is what is looked after once an operation has ended. It holds no lock.
type FollowUp struct {
	Op        string                  `json:"op"`
	Version   int64                   `json:"version"`
	Target    ecsops.Target           `json:"target"`
	Began     time.Time               `json:"began"` // the operation's end
	Since     time.Time               `json:"since"` // a registration after this is another one
	Orphans   []ecsops.TaskRef        `json:"orphans,omitempty"`
	Watches   []Watch                 `json:"watches"`
	Machine   ecsops.Fact[ecsops.EC2] `json:"machine"` // by the newest read that succeeded
	Again     []ecsops.Reregistration `json:"again,omitempty"`
	SignedOff *Approval               `json:"signed_off,omitempty"`
	Unseen    *ecsops.Unknown         `json:"unseen,omitempty"`   // the newest look at the machine brought nothing
	Unlisted  *ecsops.Unknown         `json:"unlisted,omitempty"` // nor did that for registrations
	Host      *HostLook               `json:"host,omitempty"`     // under way
	Sight     *ecsops.HostSight       `json:"sight,omitempty"`    // by the newest look into the machine
	Notices   []Notice                `json:"notices,omitempty"`  // the newest
	Told      int                     `json:"told"`               // notices so far
}

// Due is when to look next; the zero time when nothing is looked after any more.
func (f FollowUp) Due() time.Time { return f.dueBut("") }

// dueBut leaves one concern out.
func (f FollowUp) dueBut(c Concern) time.Time {
	var due time.Time
	for _, w := range f.Watches {
		if w.Ended == "" && w.Concern != c && (due.IsZero() || w.Due.Before(due)) {
			due = w.Due
		}
	}
	return due
}

// Watching reports whether the concern is still open.
func (f FollowUp) Watching(c Concern) bool {
	return slices.ContainsFunc(f.Watches, func(w Watch) bool { return w.Concern == c && w.Ended == "" })
}

// Open are the concerns that a person may still have to look after, by the newest reads: of the
// machine once people were reminded of it, as long as it costs.
func (f FollowUp) Open() []Concern {
	e, known := f.Machine.Get()
	if known && e.Gone() {
		return nil
	}
	var out []Concern
	if f.Watching(Orphans) {
		out = append(out, Orphans)
	}
	costs := known && e.State != "stopped" && e.State != "shutting-down"
	for _, w := range f.Watches {
		if w.Concern == Machine && w.Step > 0 && (w.Ended == "" || w.Ended == EndedTold) && costs {
			out = append(out, Machine)
		}
	}
	if len(f.Again) > 0 {
		out = append(out, Return)
	}
	return out
}

// lookAfter begins the follow-up of an operation that ends.
func (d *draft) lookAfter() {
	if d.op.IsBatch() {
		return // its members are looked after
	}
	f, ok := newFollowUp(d.op)
	if ok {
		d.follow = &f
	}
	if d.op.State == Done || d.op.State == Unverified {
		d.op.Progress.Checks = withLater(d.op.Progress.Checks, f.later())
	}
}

// newFollowUp says what is looked after once op has ended, if anything: what is gone, and
// what ECS itself ends, needs nobody.
func newFollowUp(op Operation) (FollowUp, bool) {
	f := FollowUp{Op: op.ID, Target: op.Target, Began: op.EndedAt, Since: op.StartedAt, Machine: seenMachine(op)}
	if op.Plan.Has(ecsops.StepForce) {
		f.Orphans = op.Plan.Orphans()
	}
	if op.State != Done && op.State != Unverified || !leftECS(op) || op.Plan.Path == ecsops.PathMachine {
		return FollowUp{Machine: f.Machine}, false
	}
	if e, known := f.Machine.Get(); known && e.Gone() || managed(op.Plan) {
		return f, false
	}
	if len(f.Orphans) > 0 {
		f.Watches = append(f.Watches, Watch{Concern: Orphans, Due: f.Began})
	}
	// In use under its other registration, or wanted for something else: nobody is reminded to end it.
	inUse := op.Plan.Path == ecsops.PathDuplicate || op.Plan.Intent.Purpose == ecsops.Reuse
	if strings.HasPrefix(string(op.Target.EC2), "i-") && !inUse {
		f.Watches = append(f.Watches, Watch{Concern: Machine, Due: f.Began.Add(firstReminder)})
	}
	f.Watches = append(f.Watches, Watch{Concern: Return, Due: f.Began.Add(firstReturn)})
	return f, true
}

// leftECS reports whether the registration is gone, or may be.
func leftECS(op Operation) bool {
	o := op.Order
	return final(op) || o != nil && isDeregister(o.Action.Kind) && (o.Outcome == nil || o.Outcome.Result == ecsops.ResultUnknown)
}

// managed: a force terminates an ECS Managed Instance.
func managed(p ecsops.Plan) bool {
	e, _ := p.Snapshot.EC2.Get() // unknown: reminded rather than forgotten
	c, _ := p.Snapshot.CapacityProvider.Get()
	return e.ManagedBy != "" || c.Type == "MANAGED_INSTANCES"
}

// seenMachine is what V7 saw.
func seenMachine(op Operation) ecsops.Fact[ecsops.EC2] {
	for _, c := range op.Progress.Checks {
		if c.ID == "V7" && c.Missing == nil && len(c.Names) > 0 {
			return ecsops.Known(ecsops.EC2{State: c.Names[0]})
		}
	}
	return ecsops.Fact[ecsops.EC2]{}
}

// Checks are V9 and V10 as the row has them.
func (f FollowUp) Checks() []ecsops.Check { return ecsops.VerifyLater(f.later()) }

// later is what V9 and V10 are judged by.
func (f FollowUp) later() ecsops.Later {
	l := ecsops.Later{Machine: f.Machine, Again: f.Again, Orphans: f.Orphans, SignedOff: f.SignedOff != nil, Host: f.Sight, Unseen: f.Unseen, Unlisted: f.Unlisted}
	for _, w := range f.Watches {
		if w.Concern == Return {
			l.Want, l.Looks = returnLooks, w.Step
		}
	}
	return l
}

// withLater puts V9 and V10 behind V1–V8, or in their place.
func withLater(checks []ecsops.Check, l ecsops.Later) []ecsops.Check {
	out := slices.DeleteFunc(slices.Clone(checks), func(c ecsops.Check) bool { return c.ID == "V9" || c.ID == "V10" })
	for i, c := range out {
		e, known := l.Machine.Get()
		ended := known && e.Gone() || l.Host != nil && l.Host.Clear(l.Orphans)
		if ended && c.ID == "V5" && c.Result == ecsops.CheckSkipped && len(c.Names) > 0 {
			out[i].Result, out[i].Names = ecsops.CheckPassed, nil // with their machine, or seen there
		}
	}
	return append(out, ecsops.VerifyLater(l)...)
}
