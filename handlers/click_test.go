package handlers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// who may click what, when all fits.
func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		verb workflow.Verb
		user string
		want policy.Effect
	}{
		{workflow.Confirm, "UOP", policy.Allow}, {workflow.Confirm, "UGRP", policy.Allow}, {workflow.Confirm, "UAP", policy.Refuse}, {workflow.Confirm, "UNOBODY", policy.Refuse},
		{workflow.Approve, "UAP", policy.Allow}, {workflow.Approve, "UOP", policy.Refuse}, {workflow.Deny, "UAP", policy.Allow}, {workflow.Deny, "UGRP", policy.Refuse},
		{workflow.Stop, "UAP", policy.Allow}, {workflow.Stop, "UOP", policy.Allow}, {workflow.Stop, "UNOBODY", policy.Refuse},
		{workflow.Cancel, "UOP", policy.Allow}, {workflow.Cancel, "UAP", policy.Allow}, {workflow.Wait, "UOP", policy.Allow}, {workflow.Wait, "UAP", policy.Refuse},
		{workflow.StopTasks, "UOP", policy.Allow}, {workflow.StopTasks, "UAP", policy.Refuse}, {workflow.StopTasks, "UNOBODY", policy.Refuse},
	} {
		w := newWorld(t)
		w.card("op", nil)
		w.interact(click(c.user, c.verb, "op-"+string(c.verb)))
		if len(w.decided) != 1 {
			t.Errorf("%s by %s: decided %+v; said %+v", c.verb, c.user, w.decided, w.said)
			continue
		}
		d := w.decided[0]
		if d.Verdict.Effect != c.want || d.Op != "op" || d.Verb != c.verb || d.Actor.UserID != c.user || d.Token != "op-"+string(c.verb) || d.Revision != 1 || d.Channel != testChannel {
			t.Errorf("%s by %s: %+v", c.verb, c.user, d)
		}
		if len(w.said) == 0 || !w.done["E1"] {
			t.Errorf("%s by %s: unanswered", c.verb, c.user)
		}
	}
}

// Forged, moved, replayed, stale and expired buttons change nothing and are recorded.
func TestBadButtons(t *testing.T) {
	good := func() payload { return click("UOP", workflow.Confirm, "op-confirm") }
	for name, c := range map[string]struct {
		world func(*world)
		p     func() payload
		cause string
	}{
		"forged":               {p: func() payload { return click("UOP", workflow.Confirm, "guess") }, cause: "unknown_token"},
		"empty":                {p: func() payload { return click("UOP", workflow.Confirm, "") }, cause: "unknown_token"},
		"operation id":         {p: func() payload { return click("UOP", workflow.Confirm, "op") }, cause: "unknown_token"},
		"another verb's token": {p: func() payload { return click("UOP", workflow.Confirm, "op-cancel") }, cause: "token_of_another_action"},
		"another message":      {p: func() payload { return good().set("container.message_ts", "9.9") }, cause: "token_of_another_message"},
		"no message":           {p: func() payload { return good().drop("container.message_ts") }, cause: "token_of_another_message"},
		"another channel":      {p: func() payload { return good().set("channel.id", "C0ELSE").set("container.channel_id", "C0ELSE") }, cause: "token_of_another_message"},
		"channel in one place": {p: func() payload { return good().set("channel.id", "C0ELSE") }, cause: "token_of_another_message"},
		"container elsewhere":  {p: func() payload { return good().set("container.channel_id", "C0ELSE") }, cause: "token_of_another_message"},
		"container nowhere":    {p: func() payload { return good().drop("container.channel_id") }, cause: "token_of_another_message"},
		"no channel":           {p: func() payload { return good().drop("channel") }, cause: "token_of_another_message"},
		"no container":         {p: func() payload { return good().drop("container") }, cause: "token_of_another_message"},
		"no such operation":    {world: func(w *world) { delete(w.ops, "op") }, p: good, cause: "token_of_no_operation"},
		"unknown action":       {p: func() payload { return click("UOP", "drain", "op-confirm") }, cause: "unknown_action"},
		"expired":              {world: func(w *world) { w.clock.advance(15 * time.Minute) }, p: good, cause: causeExpired},
		"stale cancel":         {world: func(w *world) { bumpRevision(w) }, p: func() payload { return click("UOP", workflow.Cancel, "op-cancel") }, cause: causeStale},
		"stale wait":           {world: func(w *world) { bumpRevision(w) }, p: func() payload { return click("UOP", workflow.Wait, "op-wait") }, cause: causeStale},
		"stale force":          {world: func(w *world) { bumpRevision(w) }, p: func() payload { return click("UOP", workflow.Force, "op-force") }, cause: causeStale},
		"forged modal": {p: func() payload {
			return submit("UOP", blocks.ForceModal(workflow.Operation{}, ecsops.Plan{}, "guess"), typedState(testEC2))
		}, cause: "unknown_token"},
		"cancel's token in a modal": {p: func() payload {
			return submit("UOP", blocks.ForceModal(workflow.Operation{}, ecsops.Plan{}, "op-cancel"), typedState(testEC2))
		}, cause: "token_of_another_action"},
		"force's token in the other modal": {p: func() payload {
			return submit("UOP", blocks.StopTasksModal(workflow.Operation{}, "op-force"), nil)
		}, cause: "token_of_another_action"},
		"stop_tasks' token in the other modal": {p: func() payload {
			return submit("UOP", blocks.ForceModal(workflow.Operation{}, ecsops.Plan{}, "op-stop_tasks"), typedState(testEC2))
		}, cause: "token_of_another_action"},
		"stale stop_tasks": {world: func(w *world) { bumpRevision(w) }, p: func() payload { return click("UOP", workflow.StopTasks, "op-stop_tasks") }, cause: causeStale},
		"unknown modal": {p: func() payload {
			p := submit("UOP", blocks.ForceModal(workflow.Operation{}, ecsops.Plan{}, "op-force"), nil)
			p["view"].(payload)["callback_id"] = "other"
			return p
		}, cause: "unknown_modal"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.card("op", nil)
			if c.world != nil {
				c.world(w)
			}
			w.interact(c.p())
			if len(w.decided) != 0 {
				t.Errorf("decided %+v", w.decided)
			}
			if len(w.recorded) != 1 || w.recorded[0].Type != workflow.EvRefused || w.recorded[0].Cause != c.cause || w.recorded[0].Actor.UserID != "UOP" {
				t.Errorf("recorded %+v, want %s", w.recorded, c.cause)
			}
			if len(w.said) == 0 {
				t.Error("silence")
			}
		})
	}
}

func bumpRevision(w *world) {
	op := w.ops["op"]
	op.Revision++
	w.ops["op"] = op
}

// stop holds at any revision and after its expiry, as long as the operation runs.
func TestStopHoldsAtAnyRevision(t *testing.T) {
	w := newWorld(t)
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	bumpRevision(w)
	w.clock.advance(time.Hour)
	w.interact(click("UOP", workflow.Stop, "op-stop"))
	if len(w.decided) != 1 || w.decided[0].Verdict.Effect != policy.Allow {
		t.Errorf("%+v %+v", w.decided, w.recorded)
	}
}

// Facts for a decision are always live; those for reading may be 30 s old.
func TestDecisionsAskSlackEachTime(t *testing.T) {
	w := newWorld(t)
	w.card("op", nil)
	w.command("UOP", "status")
	w.command("UOP", "status")
	if n := count(w.asked, "users.info"); n != 1 {
		t.Errorf("two reads asked users.info %d times", n)
	}
	w.clock.advance(factsAge + time.Second)
	w.command("UOP", "status")
	if n := count(w.asked, "users.info"); n != 2 {
		t.Errorf("an old fact was believed: %d", n)
	}
	for range 2 {
		w.interact(click("UOP", workflow.Cancel, "op-cancel"))
	}
	if n := count(w.asked, "users.info"); n != 4 {
		t.Errorf("two decisions asked users.info %d times", n-2)
	}
	w.users["UOP"].Deleted = true
	w.interact(click("UOP", workflow.Cancel, "op-cancel"))
	if d := w.decided[len(w.decided)-1]; d.Verdict.Effect != policy.Refuse || !slices.Contains(d.Verdict.Reasons, policy.ReasonDeactivated) {
		t.Errorf("a leaver's click: %+v", d.Verdict)
	}
}

func count(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// A click that overtakes the binding of its card waits for it.
func TestClickBeforeTheCardIsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.card("op", nil)
		bound := w.tokens["op-confirm"]
		unbound := bound
		unbound.Channel, unbound.TS = "", ""
		w.tokens["op-confirm"] = unbound
		go func() {
			time.Sleep(bindPause + bindPause/2)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tokens["op-confirm"] = bound
		}()
		w.interact(click("UOP", workflow.Confirm, "op-confirm"))
		if len(w.decided) != 1 {
			t.Errorf("said %+v", w.said)
		}
		// The process died between posting the card and noting where.
		w.tokens["op-confirm"] = unbound
		w.interact(click("UOP", workflow.Confirm, "op-confirm"))
		if len(w.decided) != 2 || w.tokens["op-confirm"] != bound {
			t.Errorf("a card that was never bound: %+v, token %+v", w.said, w.tokens["op-confirm"])
		}
	})
}

func TestApprovalIsJudgedOnTheShownRevision(t *testing.T) {
	w := newWorld(t)
	w.card("op", func(op *workflow.Operation) {
		op.State = workflow.Draining
		p := op.Plan
		p.Intent.Force = true
		op.Proposal = &p
	})
	w.interact(click("UAP", workflow.Approve, "op-approve"))
	if len(w.decided) != 1 || w.decided[0].Revision != 2 || w.decided[0].Verdict.Effect != policy.Allow {
		t.Fatalf("%+v", w.decided)
	}
	w.r.Rules.Approvers = nil
	w.interact(click("UAP", workflow.Approve, "op-approve"))
	if d := w.decided[1]; d.Verdict.Effect != policy.Refuse {
		t.Errorf("without approvers: %+v", d.Verdict)
	}
}

func TestForce(t *testing.T) {
	w := newWorld(t)
	w.edit = standalone
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(click("UOP", workflow.Force, "op-force"))
	if len(w.decided) != 0 || len(w.opened) != 1 || len(w.updated) != 1 || w.updated[0].CallbackID != blocks.CallbackForce {
		t.Fatalf("opening spends nothing and shows the modal: %+v %+v %+v", w.decided, w.opened, w.said)
	}
	if first := w.events; slices.Index(first, "views.open") < 0 {
		t.Errorf("order: %v", first)
	}
	modal := w.updated[0]
	if !strings.Contains(w.said[len(w.said)-1].text, "batch:3") {
		t.Errorf("the orphan is not named: %+v", w.said)
	}
	a := w.interact(submit("UOP", modal, typedState("i-0wrong")))
	if len(w.decided) != 0 || len(a.frames) != 1 || a.frames[0]["payload"].(map[string]any)["response_action"] != "errors" {
		t.Fatalf("a wrong id: %+v %+v", w.decided, a.frames)
	}
	if !w.done["E2"] {
		t.Error("the answered submission stays in the inbox")
	}
	a = w.interact(submit("UOP", modal, typedState(" "+strings.ToUpper(testEC2)+" ")))
	if len(w.decided) != 1 || a.frames[0]["payload"] != nil {
		t.Fatalf("%+v %+v said %+v", w.decided, a.frames, w.said)
	}
	d := w.decided[0]
	if d.Verb != workflow.Force || d.Token != "op-force" || !strings.EqualFold(d.Typed, testEC2) || len(d.Tasks) != 1 || d.Verdict.Effect != policy.Require {
		t.Errorf("%+v", d)
	}
	if !slices.Equal(d.Verdict.Requirements, []policy.Requirement{policy.TypedID, policy.SecondPerson}) {
		t.Errorf("requirements %v", d.Verdict.Requirements)
	}
}

func TestForceIsRefusedBeforeAnythingIsRead(t *testing.T) {
	w := newWorld(t)
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(click("UAP", workflow.Force, "op-force"))
	if len(w.inspected) != 0 || len(w.decided) != 1 || w.decided[0].Verdict.Effect != policy.Refuse {
		t.Errorf("%+v", w.decided)
	}
	w = newWorld(t)
	w.r.Rules.Approvers = nil
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(click("UOP", workflow.Force, "op-force"))
	if len(w.decided) != 1 || !slices.Contains(w.decided[0].Verdict.Reasons, policy.ReasonNoApprovers) {
		t.Errorf("%+v", w.decided)
	}
}

// After a restart nobody knows which orphans were shown: nothing is approved.
func TestForceModalAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(submit("UOP", blocks.ForceModal(w.ops["op"], w.ops["op"].Plan, "op-force"), typedState(testEC2)))
	if len(w.decided) != 0 || len(w.said) == 0 {
		t.Errorf("%+v", w.decided)
	}
}

func TestForceWithUnknownTasksShowsNothing(t *testing.T) {
	w := newWorld(t)
	w.edit = func(s *ecsops.Snapshot) {
		s.Tasks = ecsops.NotKnown[[]ecsops.Task](ecsops.Unknown{Call: "ecs:ListTasks", Reason: "AccessDeniedException"})
	}
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(click("UOP", workflow.Force, "op-force"))
	if len(w.updated) != 1 || w.updated[0].CallbackID == blocks.CallbackForce {
		t.Errorf("%+v", w.updated)
	}
}

// confirm of a forced plan wants the typed id; of a plan with standalone tasks, the ticks.
func TestConfirmWithModals(t *testing.T) {
	for name, c := range map[string]struct {
		intent   ecsops.Intent
		callback string
	}{"forced": {ecsops.Intent{Purpose: ecsops.Retire, Force: true}, blocks.CallbackForce}, "standalone": {ecsops.Intent{Purpose: ecsops.Retire}, blocks.CallbackStopTasks}} {
		w := newWorld(t)
		w.card("op", func(op *workflow.Operation) {
			s := op.Plan.Snapshot
			standalone(&s)
			op.Plan = ecsops.NewPlan(s, c.intent)
			op.Needs = policy.Needs(op.Plan)
		})
		w.interact(click("UOP", workflow.Confirm, "op-confirm"))
		if len(w.decided) != 0 || len(w.updated) != 1 || w.updated[0].CallbackID != c.callback {
			t.Fatalf("%s: %+v %+v", name, w.decided, w.updated)
		}
		arn := "arn:aws:ecs:eu-north-1:111122223333:task/prod/0123456789abcdef0123456789abcdef"
		state := typedState(testEC2)
		if c.callback == blocks.CallbackStopTasks {
			state = payload{"tasks:0": payload{"tasks:0": payload{"type": "checkboxes", "selected_options": []payload{
				{"value": "0123456789abcdef0123456789abcdef"}, {"value": "ffffffffffffffffffffffffffffffff"}}}}}
		}
		w.interact(submit("UOP", w.updated[0], state))
		if len(w.decided) != 1 || w.decided[0].Verb != workflow.Confirm || w.decided[0].Token != "op-confirm" {
			t.Fatalf("%s: %+v said %+v", name, w.decided, w.said)
		}
		d := w.decided[0]
		if c.callback == blocks.CallbackForce && (d.Typed != testEC2 || len(d.Tasks) != 0) {
			t.Errorf("%s: %+v", name, d)
		}
		if c.callback == blocks.CallbackStopTasks && !slices.Equal(d.Tasks, []string{arn}) {
			t.Errorf("%s: ticked %v", name, d.Tasks)
		}
	}
}

// The card of a drain that standalone tasks hold lists them; what is ticked goes to the
// engine as tasks that hold it now, whatever else the client sends.
func TestStopTasksFromTheCard(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	arn := "arn:aws:ecs:eu-north-1:111122223333:task/prod/" + id
	w := newWorld(t)
	w.card("op", func(op *workflow.Operation) {
		op.State = workflow.Draining
		op.Progress.Holds = []ecsops.Hold{
			{Task: ecsops.TaskRef{ARN: arn, Name: "late:1", Class: ecsops.Standalone}, Cause: ecsops.HeldByStandalone},
			{Task: ecsops.TaskRef{ARN: arn + "0", Name: "web:1", Service: "web", Class: ecsops.Replica}, Cause: ecsops.HeldByPercents},
		}
	})
	w.interact(click("UOP", workflow.StopTasks, "op-stop_tasks"))
	if len(w.decided) != 0 || len(w.updated) != 1 || w.updated[0].CallbackID != blocks.CallbackStopTasks {
		t.Fatalf("%+v %+v", w.decided, w.updated)
	}
	if drawn := jsonOf(w.updated[0]); !strings.Contains(drawn, "late:1") || strings.Contains(drawn, "web:1") {
		t.Errorf("the window lists %s", drawn)
	}
	w.interact(submit("UOP", w.updated[0], payload{"tasks:0": payload{"tasks:0": payload{"type": "checkboxes", "selected_options": []payload{
		{"value": id}, {"value": id + "0"}, {"value": "ffffffffffffffffffffffffffffffff"}}}}}))
	if len(w.decided) != 1 {
		t.Fatalf("%+v said %+v", w.decided, w.said)
	}
	if d := w.decided[0]; d.Verb != workflow.StopTasks || d.Token != "op-stop_tasks" || !slices.Equal(d.Tasks, []string{arn}) || d.Verdict.Effect != policy.Allow {
		t.Errorf("%+v", d)
	}
}

func TestModalThatCannotOpen(t *testing.T) {
	w := newWorld(t)
	w.apiErr["views.open"] = slackErr("expired_trigger_id")
	w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
	w.interact(click("UOP", workflow.Force, "op-force"))
	if len(w.decided) != 0 || !w.heard("click again") {
		t.Errorf("%+v", w.said)
	}
	w.command("UOP", "deregister")
	if !w.heard("/ecs deregister i-") {
		t.Errorf("%+v", w.said)
	}
}

func TestPickModal(t *testing.T) {
	w := newWorld(t)
	w.command("UOP", "deregister --deadline 1h")
	if i, j := slices.Index(w.events, "ack"), slices.Index(w.events, "views.open"); i < 0 || j != i+1 {
		t.Fatalf("the modal must open right after the ack: %v", w.events)
	}
	if w.opened[0].CallbackID != blocks.CallbackLoading || len(w.updated) != 1 || w.updated[0].CallbackID != blocks.CallbackPick {
		t.Fatalf("opened %+v, updated %+v", w.opened, w.updated)
	}
	modal := w.updated[0]
	p := w.pick(modal.PrivateMetadata)
	if slices.Contains(p.Clusters, secret) {
		t.Fatalf("pick %+v", p)
	}
	suggestion := func(user, action, query string) string {
		s := interactive(typeSuggestion, user)
		s["view"] = viewOf(modal, nil)
		s["action_id"], s["block_id"], s["value"] = action, "b", query
		a := w.interact(s)
		return jsonOf(a.frames[0]["payload"])
	}
	if got := suggestion("UOP", blocks.ActionPickCluster, "stag"); !strings.Contains(got, "staging") || strings.Contains(got, "prod") {
		t.Errorf("clusters: %s", got)
	}
	if got := suggestion("UOP", blocks.ActionPickCluster, "nothing fits"); got != `{"options":[]}` {
		t.Errorf("no match: %s", got)
	}
	if got := suggestion("UGRP", blocks.ActionPickCluster, ""); got != `{"options":[]}` {
		t.Errorf("another person is told: %s", got)
	}
	if got := suggestion("UOP", blocks.ActionPickInstance, ""); !strings.Contains(got, blocks.ValueReading) {
		t.Errorf("before a cluster is chosen: %s", got)
	}
	if len(w.inbox) != 1 {
		t.Errorf("suggestions were stored: %d", len(w.inbox))
	}
	act := interactive(typeActions, "UOP")
	act["view"] = viewOf(modal, nil)
	act["actions"] = []payload{{"action_id": blocks.ActionPickCluster, "block_id": "pick_cluster:0", "type": "external_select", "selected_option": payload{"value": blocks.ClusterValue(prod)}}}
	w.interact(act)
	p = w.pick(p.ID)
	if len(w.updated) != 2 || p.Chosen != prod || blockIDs(w.updated[1])[0] == blockIDs(modal)[0] {
		t.Fatalf("choosing a cluster rewrites the view with new block ids: %+v", w.updated)
	}
	if got := suggestion("UOP", blocks.ActionPickInstance, "web-2"); !strings.Contains(got, "web-2") || strings.Contains(got, "web-1") {
		t.Errorf("instances: %s", got)
	}
	a := w.interact(submit("UOP", w.updated[1], pickState(p, target(staging, 3))))
	if len(w.proposed) != 0 || a.frames[0]["payload"] == nil {
		t.Errorf("an instance of another cluster was taken")
	}
	w.interact(submit("UOP", w.updated[1], pickState(p, target(prod, 2))))
	if len(w.proposed) != 1 || w.proposed[0].Plan.Snapshot.Target != target(prod, 2) || w.proposed[0].Origin.Channel != testChannel {
		t.Fatalf("%+v said %+v", w.proposed, w.said)
	}
	if d := w.proposed[0].Plan.Intent.Deadline; d != time.Hour {
		t.Errorf("the command's own options are lost: %v", d)
	}
}

// TestFormBeginsWithTheCommand: what was typed, or configured, stands in the form, and what the
// form says in the end is what holds.
func TestFormBeginsWithTheCommand(t *testing.T) {
	w := newWorld(t)
	w.r.Deadline = 45 * time.Minute
	w.command("UOP", "deregister --cluster prod --terminate=shrink --dry-run")
	form := w.updated[len(w.updated)-1]
	begins := jsonOf(form.Blocks)
	for _, initial := range []string{`"value":"shrink"`, `"value":"45m0s"`, `"value":"dry_run"`} {
		if n := strings.Count(begins, initial); n != 2 { // offered, and chosen
			t.Errorf("%s is not what the form begins with: %s", initial, begins)
		}
	}
	p := w.pick(form.PrivateMetadata)
	state := pickState(p, target(prod, 2))
	state["terminate:0"] = payload{blocks.FieldTerminate: payload{"type": "radio_buttons", "selected_option": payload{"value": "keep"}}}
	state["dry_run:0"] = payload{blocks.FieldDryRun: payload{"type": "checkboxes", "selected_options": []payload{}}}
	state["deadline:0"] = payload{blocks.FieldDeadline: payload{"type": "static_select", "selected_option": payload{"value": "45m0s"}}}
	w.interact(submit("UOP", form, state))
	if len(w.proposed) != 1 {
		t.Fatalf("said %+v", w.said)
	}
	if in := w.proposed[0].Plan.Intent; in.Terminate != ecsops.KeepRunning || in.Deadline != 45*time.Minute {
		t.Errorf("the form said otherwise: %+v", in)
	}
}

func blockIDs(m slack.ModalViewRequest) []string {
	var out []string
	for _, b := range m.Blocks.BlockSet {
		if in, ok := b.(*slack.InputBlock); ok {
			out = append(out, in.BlockID)
		}
	}
	return out
}

func TestPickModalRefused(t *testing.T) {
	w := newWorld(t)
	w.command("UNOBODY", "deregister")
	if len(w.opened) != 1 || len(w.updated) != 1 || w.updated[0].CallbackID == blocks.CallbackPick {
		t.Errorf("%+v", w.updated)
	}
	w.wantRefused(policy.ReasonNotOperator)
	if len(w.kept) != 0 {
		t.Error("a refused person's pick is kept")
	}
}

func TestPickAfterARestart(t *testing.T) {
	w := newWorld(t)
	p := pick{ID: "gone", Chosen: prod}
	modal := blocks.PickModal(p.shown(blocks.Picked{}))
	a := w.interact(submit("UOP", modal, pickState(p, target(prod, 1))))
	if len(w.proposed) != 0 || a.frames[0]["payload"] == nil {
		t.Errorf("submission: %+v", a.frames)
	}
	act := interactive(typeActions, "UOP")
	act["view"] = viewOf(modal, nil)
	act["actions"] = []payload{{"action_id": blocks.ActionPickCluster, "selected_option": payload{"value": "x"}}}
	w.interact(act)
	if len(w.updated) != 1 || !w.heard("no longer known") {
		t.Errorf("%+v", w.said)
	}
}

func TestAuthorize(t *testing.T) {
	base := func(w *world) workflow.Operation {
		return w.card("op", func(op *workflow.Operation) {
			op.State = workflow.Draining
			op.Confirmed = &workflow.Approval{Actor: workflow.Actor{UserID: "UOP", TeamID: testTeam}, Revision: 1}
		})
	}
	red := func(op *workflow.Operation) {
		op.Plan.Intent.Force = true
		op.Approvals = []workflow.Approval{{Actor: workflow.Actor{UserID: "UAP", TeamID: testTeam}, Revision: 1}}
	}
	for name, c := range map[string]struct {
		world   func(*world)
		op      func(*workflow.Operation)
		allowed bool
		waits   bool
	}{
		"entitled":                          {allowed: true},
		"another confirmed":                 {op: func(op *workflow.Operation) { op.Confirmed.Actor.UserID = "UGRP" }, allowed: true},
		"the confirmer left the group":      {op: func(op *workflow.Operation) { op.Confirmed.Actor.UserID = "UGRP" }, world: func(w *world) { w.groups["SOPS"] = nil }},
		"the requester was deactivated":     {world: func(w *world) { w.users["UOP"].Deleted = true }},
		"the requester is gone":             {world: func(w *world) { delete(w.users, "UOP") }},
		"no longer on the list":             {world: func(w *world) { w.r.People.rules.Operators = []string{"UELSE"} }},
		"the cluster was taken off":         {world: func(w *world) { w.r.People.rules.Clusters = []string{string(staging)} }},
		"the channel was shared since":      {world: func(w *world) { w.places[testChannel].IsExtShared = true }, allowed: true},
		"forced, approved":                  {op: red, allowed: true},
		"forced, not approved":              {op: func(op *workflow.Operation) { red(op); op.Approvals = nil }},
		"forced, approved another revision": {op: func(op *workflow.Operation) { red(op); op.Approvals[0].Revision = 0 }},
		"the approver was deactivated":      {op: red, world: func(w *world) { w.users["UAP"].Deleted = true }},
		"the approver is on no list":        {op: red, world: func(w *world) { w.r.People.rules.Approvers = []string{"UELSE"} }},
		"the requester approved himself":    {op: func(op *workflow.Operation) { red(op); op.Approvals[0].Actor.UserID = "UOP" }, world: func(w *world) { w.r.People.rules.Approvers = []string{"UOP", "UAP"} }},
		"barred since":                      {op: func(op *workflow.Operation) { op.Plan.Intent.Purpose = ecsops.Move }},
		"Slack is down":                     {world: func(w *world) { w.userErr["UOP"] = errors.New("dial tcp: refused") }, waits: true},
		"Slack is slow":                     {world: func(w *world) { w.userErr["UOP"] = context.DeadlineExceeded }, waits: true},
		"Slack limits":                      {world: func(w *world) { w.userErr["UOP"] = &slack.RateLimitedError{} }, waits: true},
		"groups not readable":               {op: func(op *workflow.Operation) { op.Confirmed.Actor.UserID = "UGRP" }, world: func(w *world) { w.groupErr = errors.New("503") }, waits: true},
		"approver not readable":             {op: red, world: func(w *world) { w.userErr["UAP"] = errors.New("503") }, waits: true},
		"scope taken away":                  {world: func(w *world) { w.userErr["UOP"] = slackErr("missing_scope") }, waits: true},
		"no requester":                      {op: func(op *workflow.Operation) { op.Requester = workflow.Actor{} }},
	} {
		w := newWorld(t)
		op := base(w)
		if c.op != nil {
			c.op(&op)
		}
		if c.world != nil {
			c.world(w)
		}
		v, err := w.r.People.Authorize(t.Context(), op)
		if (err != nil) != c.waits || (err == nil && v.Allowed() != c.allowed) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := &clock{now: time.Unix(0, 0)}
	m := newMemory[int](c, 3, time.Minute)
	for i, k := range []string{"a", "b", "c", "d"} {
		m.put(k, i)
		c.advance(time.Second)
	}
	if _, ok := m.get("a"); ok || len(m.entries) != 3 {
		t.Errorf("the oldest stayed: %v", m.entries)
	}
	c.advance(2 * time.Minute)
	if _, ok := m.get("d"); ok {
		t.Error("an old entry was believed")
	}
	m.put("e", 5)
	if len(m.entries) != 1 {
		t.Errorf("ended entries stay: %v", m.entries)
	}
}
