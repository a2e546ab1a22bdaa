package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/store"
	"ecsbot/workflow"
)

// history ends operations and follows them up, as the engine does.
type history struct {
	t  *testing.T
	db *store.DB
	n  int
}

// end ends an operation whose machine runs on; with orphans, by force.
func (h *history) end(id string, orphans ...string) {
	h.t.Helper()
	h.n++
	op := insert(h.t, h.db, id, h.n, workflow.Verifying)
	op.State, op.EndedAt = workflow.Done, noon
	f := workflow.FollowUp{Op: id, Target: op.Target, Began: noon, Since: noon.Add(-time.Hour), Machine: machineIs("running")}
	for _, o := range orphans {
		f.Orphans = append(f.Orphans, ecsops.TaskRef{ARN: "arn:aws:ecs:eu-west-1:123456789012:task/prod/" + o})
	}
	if len(orphans) > 0 {
		f.Watches = []workflow.Watch{{Concern: workflow.Orphans, Due: noon}}
	}
	f.Watches = append(f.Watches, workflow.Watch{Concern: workflow.Machine, Due: noon.Add(time.Hour)}, workflow.Watch{Concern: workflow.Return, Due: noon.Add(10 * time.Minute)})
	ended := event(workflow.EvEnded)
	ended[0].Checks = f.Checks()
	if err := h.db.Commit(h.t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: ended, FollowUp: &f}); err != nil {
		h.t.Fatal(err)
	}
}

func machineIs(state string) ecsops.Fact[ecsops.EC2] { return ecsops.Known(ecsops.EC2{State: state}) }

// look follows up after that time, and finds that.
func (h *history) look(id string, after time.Duration, seen ecsops.Aftermath) {
	h.t.Helper()
	f := followed(h.t, h.db, id)
	m := workflow.DecideFollowUp(f, &seen, noon.Add(after))
	if !m.Changed {
		h.t.Fatalf("nothing was due for %s after %s", id, after)
	}
	c := workflow.Change{FollowUp: &m.FollowUp}
	if len(m.Events) > 0 {
		op := get(h.t, h.db, id)
		for i := range m.Events {
			m.Events[i].At = noon.Add(after)
		}
		c.Op, c.Expect, c.Events = &op, op.Version, m.Events
	}
	if err := h.db.Commit(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) signOff(id string) {
	h.t.Helper()
	e, err := workflow.New(workflow.Deps{Store: h.db, Fleet: struct{ workflow.Fleet }{}, Authority: struct{ workflow.Authority }{}})
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := e.Afterwards(h.t.Context(), workflow.Decision{Op: id, Verb: workflow.SignOffVerb, Actor: workflow.Actor{UserID: "U2"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil || answer.Kind != workflow.Accepted {
		h.t.Fatalf("signing off: %v, %v", answer.Kind, err)
	}
}

func aftermath(state string, again ...ecsops.Reregistration) ecsops.Aftermath {
	return ecsops.Aftermath{EC2: machineIs(state), Group: ecsops.Known(ecsops.Group{}), Again: ecsops.Known(again)}
}

func (h *history) all() {
	unread := ecsops.Aftermath{EC2: ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "AccessDenied"}),
		Again: ecsops.NotKnown[[]ecsops.Reregistration](ecsops.Unknown{Fact: "registrations", Call: "ecs:ListContainerInstances", Reason: "AccessDenied"})}
	h.end("begun")
	h.end("told")
	h.look("told", 10*time.Minute, aftermath("running"))
	h.look("told", time.Hour, aftermath("running"))
	h.look("told", 24*time.Hour, aftermath("running"))
	h.end("stopped")
	h.look("stopped", time.Hour, aftermath("stopped"))
	h.look("stopped", 24*time.Hour, aftermath("stopped"))
	h.end("back")
	h.look("back", 10*time.Minute, aftermath("running", ecsops.Reregistration{Instance: "arn:ci/new", RegisteredAt: noon.Add(time.Minute)}))
	h.look("back", time.Hour, aftermath("running"))
	h.end("unread")
	h.look("unread", 10*time.Minute, unread)
	h.look("unread", time.Hour, unread)
	h.look("unread", 8*24*time.Hour, unread)
	h.end("gone", "a", "b")
	h.look("gone", 0, aftermath("running"))
	h.look("gone", 20*time.Minute, aftermath("terminated"))
	h.end("left", "a", "b")
	h.look("left", 0, aftermath("running"))
	h.end("signed", "a")
	h.look("signed", 0, aftermath("running"))
	h.signOff("signed")
	h.look("signed", time.Hour, aftermath("running"))
}

// rewrite changes a follow-up's document as a database's administrator could.
func (x *tamperer) rewrite(op string, change func(*workflow.FollowUp)) {
	x.t.Helper()
	var f workflow.FollowUp
	var doc string
	err := x.tx.QueryRowContext(x.t.Context(), `SELECT doc FROM followups WHERE op = $1`, op).Scan(&doc)
	if err == nil {
		err = json.Unmarshal([]byte(doc), &f)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	change(&f)
	x.exec(`UPDATE followups SET doc = $2 WHERE op = $1`, op, text(x.t, f))
}

func endedAs(c workflow.Concern, how string) func(*workflow.FollowUp) {
	return func(f *workflow.FollowUp) {
		for i := range f.Watches {
			if f.Watches[i].Concern == c {
				f.Watches[i].Ended = how
			}
		}
	}
}

// TestTamperedFollowUpsAreFound: a follow-up that says otherwise than the log is found, and
// honest ones of every kind raise no alarm.
func TestTamperedFollowUpsAreFound(t *testing.T) {
	dir, key := t.TempDir(), testKey(t)
	db, err := store.Open(t.Context(), store.Options{StateDir: dir, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	(&history{t: t, db: db}).all()
	db.Close()
	file, err := sql.Open("sqlite", store.DSN(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	try := func(do func(*tamperer)) (problems []string, compared int) {
		tx, err := file.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback() //nolint:errcheck // whatever was changed is taken back
		do(&tamperer{t: t, tx: tx})
		r := verify(t, store.ViewOf(tx), "", key)
		for _, p := range r.Problems {
			problems = append(problems, p.What)
		}
		return problems, r.FollowUps
	}
	if found, n := try(func(*tamperer) {}); len(found) > 0 || n != 8 {
		t.Fatalf("%d honest ones compared: %q", n, found)
	}
	edit := func(op string, change func(*workflow.FollowUp)) func(*tamperer) {
		return func(x *tamperer) { x.rewrite(op, change) }
	}
	signed := &workflow.Approval{Actor: workflow.Actor{UserID: "U9"}, At: noon}
	for name, c := range map[string]struct {
		do   func(*tamperer)
		says string
	}{
		"signed off, and nobody did": {edit("left", func(f *workflow.FollowUp) {
			f.SignedOff = signed
			endedAs(workflow.Orphans, workflow.EndedSignedOff)(f)
		}), "which no record tells"},
		"another person signed":         {edit("signed", func(f *workflow.FollowUp) { f.SignedOff.Actor.UserID = "U9" }), "by another person"},
		"it was signed at another time": {edit("signed", func(f *workflow.FollowUp) { f.SignedOff.At = noon }), "at another time"},
		"the signature is gone":         {edit("signed", func(f *workflow.FollowUp) { f.SignedOff = nil }), "is not signed off"},
		"the watch ended signed":        {edit("left", endedAs(workflow.Orphans, workflow.EndedSignedOff)), "looks after orphans no more"},
		"the machine is gone, it says":  {edit("left", func(f *workflow.FollowUp) { f.Machine = machineIs("terminated") }), "comes to passed for V"},
		"the watch ended with it":       {edit("left", endedAs(workflow.Orphans, workflow.EndedMachineGone)), "looks after orphans no more"},
		"its host was seen to be clear": {edit("left", endedAs(workflow.Orphans, workflow.EndedHostClear)), "looks after orphans no more"},
		"orphans were never read":       {edit("left", endedAs(workflow.Orphans, workflow.EndedUnread)), "looks after orphans no more"},
		"an orphan less":                {edit("left", func(f *workflow.FollowUp) { f.Orphans = f.Orphans[:1] }), "has 1 orphans"},
		"another orphan":                {edit("left", func(f *workflow.FollowUp) { f.Orphans[0].ARN = "x" }), "orphans"},
		"the machine was told of":       {edit("begun", endedAs(workflow.Machine, workflow.EndedTold)), "looks after machine no more"},
		"the machine is in use":         {edit("begun", endedAs(workflow.Machine, workflow.EndedInUse)), "looks after machine no more"},
		"the machine went in silence":   {edit("told", endedAs(workflow.Machine, workflow.EndedMachineGone)), "looks after machine no more"},
		"both looks were taken":         {edit("begun", func(f *workflow.FollowUp) { endedAs(workflow.Return, workflow.EndedLooked)(f); f.Watches[1].Step = 2 }), "comes to passed for V9"},
		"nothing came back":             {edit("back", func(f *workflow.FollowUp) { f.Again = nil }), "0 new registrations"},
		"another came back":             {edit("back", func(f *workflow.FollowUp) { f.Again[0].Instance = "arn:ci/other" }), "knows of registration"},
		"a notice is another":           {edit("told", func(f *workflow.FollowUp) { f.Notices[0].Machine = "stopped" }), "another notice 1"},
		"notices are gone":              {edit("told", func(f *workflow.FollowUp) { f.Notices, f.Told = nil, 0 }), "0 notices"},
		"it began later":                {edit("begun", func(f *workflow.FollowUp) { f.Began = f.Began.Add(time.Hour) }), "counts from"},
		"it is no document":             {func(x *tamperer) { x.exec(`UPDATE followups SET doc = '{}' WHERE op = 'begun'`) }, "cannot be read"},
		"nobody looks any more":         {func(x *tamperer) { x.exec(`DELETE FROM followups WHERE op = 'left'`) }, "no follow-up is stored"},
		"one of another operation": {func(x *tamperer) {
			x.exec(`INSERT INTO operations SELECT 'zz', version, state, terminal, 0, 'k', cluster, created_at, events, tick, doc FROM operations LIMIT 1`)
			x.exec(`UPDATE followups SET op = 'zz' WHERE op = 'begun'`)
		}, "no record tells that it ended"},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := try(c.do)
			if !strings.Contains(strings.Join(found, "\n"), c.says) {
				t.Errorf("found %q, want %q", found, c.says)
			}
		})
	}
}
