package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// FollowUps are the stored follow-ups, which the log must tell the same of.
type FollowUps interface {
	// FollowUp returns workflow.ErrNotFound for an operation without one.
	FollowUp(ctx context.Context, op string) (workflow.FollowUp, error)
	// FollowUpIDs returns the ids of all operations that have one.
	FollowUpIDs(ctx context.Context) ([]string, error)
}

// followed is what an operation's events say of what is looked after since its end.
type followed struct {
	last    int64 // number of the newest record that says something of it
	ended   time.Time
	awaits  bool // something was still open at the end
	notices []workflow.Notice
	orphans []string // ARNs, as last named
	signed  *workflow.Notice
	closed  bool
	cleared bool // by what was seen on the machine itself
	unread  bool // something could not be read, once at least
	machine bool // people were reminded of the machine
	again   map[ecsops.InstanceARN]bool
	checks  map[string]ecsops.CheckResult // V9 and V10
}

// foldFollowUp reads an event that ends an operation, or came after.
func (v *verification) foldFollowUp(seq int64, ev workflow.Event) {
	if ev.Type != workflow.EvEnded && ev.Type != workflow.EvChecked && ev.Notice == nil {
		return
	}
	f := v.followed[ev.Op]
	if f == nil {
		f = &followed{again: map[ecsops.InstanceARN]bool{}, checks: map[string]ecsops.CheckResult{}}
		v.followed[ev.Op] = f
	}
	f.last = seq
	for _, c := range ev.Checks {
		if c.ID == "V9" || c.ID == "V10" {
			f.checks[c.ID] = c.Result
		}
	}
	if ev.Type == workflow.EvEnded {
		f.ended = ev.At
		f.awaits = f.checks["V9"] == ecsops.CheckPending || f.checks["V10"] == ecsops.CheckPending
	}
	if ev.Notice != nil {
		f.notice(*ev.Notice, ev)
	}
}

func (f *followed) notice(n workflow.Notice, ev workflow.Event) {
	if n.N > 0 { // else it was for the record only
		f.notices = append(f.notices, n)
	}
	f.machine = f.machine || n.Type == workflow.EvReminded && slices.Contains(n.Concerns, workflow.Machine)
	f.unread = f.unread || len(n.Missing) > 0
	for _, r := range n.Again {
		f.again[r.Instance] = true
	}
	if len(ev.Tasks) > 0 {
		f.orphans = ev.Tasks
	}
	switch n.Type {
	case workflow.EvSignedOff:
		f.signed, f.checks["V10"] = &n, ecsops.CheckSignedOff
	case workflow.EvLedgerClosed:
		f.closed, f.cleared = true, f.cleared || n.Cause == workflow.EndedHostClear
	}
}

// compareFollowUps holds every stored follow-up against its operation's events.
func (v *verification) compareFollowUps(ctx context.Context) error {
	ids, err := v.opts.FollowUps.FollowUpIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		told := v.followed[id]
		delete(v.followed, id)
		if told == nil || told.ended.IsZero() {
			v.problem(-1, "what operation %s left is looked after, but no record tells that it ended", id)
			continue
		}
		v.rep.FollowUps++
		f, err := v.opts.FollowUps.FollowUp(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			v.problem(told.last, "the follow-up of operation %s cannot be read: %v", id, err)
			continue
		}
		if what := told.contradicts(f); what != "" {
			v.problem(told.last, "the follow-up of operation %s %s", id, what)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.followed)) {
		if told := v.followed[id]; told.awaits {
			v.problem(told.last, "what operation %s left was to be looked after, but no follow-up is stored", id)
		}
	}
	return nil
}

// contradicts says how a stored follow-up is not what the events tell, or "".
func (t *followed) contradicts(f workflow.FollowUp) string {
	for _, said := range []string{t.sameBeginning(f), t.sameNotices(f), t.sameSignature(f), t.sameReturns(f), t.sameChecks(f)} {
		if said != "" {
			return said
		}
	}
	for _, w := range f.Watches {
		if w.Ended != "" && !t.mayEnd(f, w) {
			return fmt.Sprintf("looks after %s no more (%s), which its events do not tell", w.Concern, w.Ended)
		}
	}
	return ""
}

func (t *followed) sameBeginning(f workflow.FollowUp) string {
	if !f.Began.Equal(t.ended) {
		return fmt.Sprintf("counts from %s, its operation ended %s", f.Began.UTC().Format(time.RFC3339), t.ended.UTC().Format(time.RFC3339))
	}
	var arns []string
	for _, o := range f.Orphans {
		arns = append(arns, o.ARN)
	}
	if t.orphans != nil && !slices.Equal(arns, t.orphans) {
		return fmt.Sprintf("has %d orphans, its events name %d, or others", len(arns), len(t.orphans))
	}
	return ""
}

// sameNotices: the row keeps the newest of what people were told.
func (t *followed) sameNotices(f workflow.FollowUp) string {
	if f.Told != len(t.notices) || len(f.Notices) > f.Told {
		return fmt.Sprintf("is stored with %d notices, %d are told", f.Told, len(t.notices))
	}
	kept := t.notices[f.Told-len(f.Notices):]
	for i, n := range f.Notices {
		if !sameJSON(n, kept[i]) {
			return fmt.Sprintf("has another notice %d than its events", n.N)
		}
	}
	return ""
}

func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

func (t *followed) sameSignature(f workflow.FollowUp) string {
	switch {
	case f.SignedOff == nil && t.signed == nil:
		return ""
	case t.signed == nil:
		return fmt.Sprintf("is signed off by %q, which no record tells", f.SignedOff.Actor.UserID)
	case f.SignedOff == nil:
		return "is not signed off, though its events say so"
	case t.signed.By == nil || f.SignedOff.Actor != *t.signed.By || !f.SignedOff.At.Equal(t.signed.At):
		return "is signed off by another person, or at another time, than its events say"
	}
	return ""
}

func (t *followed) sameReturns(f workflow.FollowUp) string {
	if len(f.Again) != len(t.again) {
		return fmt.Sprintf("knows of %d new registrations, its events of %d", len(f.Again), len(t.again))
	}
	for _, r := range f.Again {
		if !t.again[r.Instance] {
			return fmt.Sprintf("knows of registration %s, its events do not", r.Instance)
		}
	}
	return ""
}

// sameChecks: each change of V9 and V10 is an event, so the row comes to what was told last.
func (t *followed) sameChecks(f workflow.FollowUp) string {
	for _, c := range f.Checks() {
		if was, told := t.checks[c.ID]; told && was != c.Result {
			return fmt.Sprintf("comes to %s for %s, its events say %s", c.Result, c.ID, was)
		}
	}
	return ""
}

// mayEnd reports whether a watch may have ended so, by what was told. That of the machine ends
// in silence when the machine was stopped at the time of its reminders.
func (t *followed) mayEnd(f workflow.FollowUp, w workflow.Watch) bool {
	switch w.Ended {
	case workflow.EndedMachineGone:
		return t.closed || w.Concern != workflow.Orphans && (w.Concern != workflow.Machine || w.Step == 0)
	case workflow.EndedSignedOff:
		return (w.Concern == workflow.Orphans || w.Concern == workflow.Host) && t.signed != nil
	case workflow.EndedHostClear:
		return t.cleared
	case workflow.EndedInUse:
		return len(t.again) > 0
	case workflow.EndedUnread:
		return t.unread
	case workflow.EndedTold:
		e, known := f.Machine.Get()
		return w.Concern == workflow.Machine && (t.machine || known && e.State == "stopped" || orphaned(f))
	case workflow.EndedLooked:
		return w.Concern == workflow.Return // V9 tells
	}
	return true // a way of a newer version
}

func orphaned(f workflow.FollowUp) bool {
	return slices.ContainsFunc(f.Watches, func(w workflow.Watch) bool { return w.Concern == workflow.Orphans })
}
