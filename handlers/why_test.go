package handlers

import (
	"errors"
	"testing"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/policy"
)

func reasonState(text string) payload {
	return payload{"reason:0": payload{blocks.FieldReason: payload{"type": "plain_text_input", "value": text}}}
}

// A command without the required reason opens one window, and proposes once it is given
// there: by the same person, in the channel of the command, under policy.
func TestRequiredReason(t *testing.T) {
	const command = "deregister " + testEC2 + " prod"
	asked := func(t *testing.T, user string) *world {
		w := newWorld(t)
		w.r.RequireReason = true
		w.command(user, command)
		if len(w.opened) != 1 || w.opened[0].CallbackID != blocks.CallbackWhy || len(w.proposed) != 0 {
			t.Fatalf("opened %+v, proposed %d", w.opened, len(w.proposed))
		}
		return w
	}
	t.Run("given", func(t *testing.T) {
		w := asked(t, "UOP")
		w.interact(submit("UOP", w.opened[0], reasonState("  OPS-17 ")))
		if len(w.proposed) != 1 || w.proposed[0].Plan.Intent.Reason != "OPS-17" || w.proposed[0].Actor.UserID != "UOP" || w.proposed[0].Origin.Channel == "" {
			t.Errorf("%+v", w.proposed)
		}
	})
	t.Run("blanks stay in the window", func(t *testing.T) {
		w := asked(t, "UOP")
		if a := w.interact(submit("UOP", w.opened[0], reasonState(" \n "))); a.frames[0]["payload"] == nil || len(w.proposed) != 0 {
			t.Errorf("%+v", a.frames)
		}
	})
	t.Run("by another person", func(t *testing.T) {
		w := asked(t, "UOP")
		w.interact(submit("UGRP", w.opened[0], reasonState("mine")))
		if len(w.proposed) != 0 || len(w.recorded) != 1 || w.recorded[0].Cause != "modal_of_another_person" {
			t.Errorf("proposed %d, recorded %+v", len(w.proposed), w.recorded)
		}
	})
	t.Run("by who may not", func(t *testing.T) {
		w := asked(t, "UNOBODY")
		w.interact(submit("UNOBODY", w.opened[0], reasonState("please")))
		w.wantRefused(policy.ReasonNotOperator)
		if len(w.proposed) != 0 {
			t.Error("proposed")
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		w := newWorld(t)
		w.r.RequireReason = true
		w.interact(submit("UOP", blocks.WhyModal("gone"), reasonState("late")))
		w.wantHeard("no longer known")
	})
	t.Run("too late for a window", func(t *testing.T) {
		w := newWorld(t)
		w.r.RequireReason = true
		w.apiErr["views.open"] = errors.New("expired_trigger_id")
		w.command("UOP", command)
		w.wantHeard("not deregistering: a reason is required here", "--reason")
		if len(w.proposed) != 0 {
			t.Error("proposed")
		}
	})
	t.Run("too late after a click", func(t *testing.T) {
		w := newWorld(t)
		w.haunt(2)
		w.command("UOP", "ghosts")
		w.r.RequireReason = true
		w.apiErr["views.open"] = errors.New("expired_trigger_id")
		w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
		w.wantHeard("not deregistering: a reason is required here", "Please click again")
		if w.heard("--reason") || len(w.batches) != 0 {
			t.Errorf("%+v", w.said)
		}
	})
	t.Run("not required, not asked", func(t *testing.T) {
		w := newWorld(t)
		w.command("UOP", command)
		if len(w.opened) != 0 || len(w.proposed) != 1 {
			t.Errorf("opened %d, proposed %d", len(w.opened), len(w.proposed))
		}
	})
	t.Run("what nobody can see is none", func(t *testing.T) {
		const unseen = "\u200b\u2060\u3164\u200e"
		w := newWorld(t)
		w.r.RequireReason = true
		w.command("UOP", command+" --reason "+unseen)
		if len(w.opened) != 1 || w.opened[0].CallbackID != blocks.CallbackWhy || len(w.proposed) != 0 {
			t.Fatalf("opened %+v, proposed %d", w.opened, len(w.proposed))
		}
		if a := w.interact(submit("UOP", w.opened[0], reasonState(unseen))); a.frames[0]["payload"] == nil || len(w.proposed) != 0 {
			t.Errorf("%+v, proposed %d", a.frames, len(w.proposed))
		}
	})
}

// The form asks for the reason, too; not for a dry run, which the command ticks. A
// submission that was answered in its window is not acted on when the sweep comes upon it.
func TestRequiredReasonInTheForm(t *testing.T) {
	form := func(t *testing.T, command string) (w *world, state payload, modal slack.ModalViewRequest) {
		t.Helper()
		w = newWorld(t)
		w.r.RequireReason = true
		w.command("UOP", command)
		modal = w.updated[0]
		p := w.pick(modal.PrivateMetadata)
		p.choose(blocks.ClusterValue(prod))
		w.must(w.r.picks.put(t.Context(), p.ID, p))
		return w, pickState(p, target(prod, 2)), blocks.PickModal(p.shown(blocks.Picked{}))
	}
	t.Run("none given", func(t *testing.T) {
		w, state, modal := form(t, "deregister")
		if a := w.interact(submit("UOP", modal, state)); a.frames[0]["payload"] == nil || len(w.proposed) != 0 {
			t.Fatalf("%+v, proposed %d", a.frames, len(w.proposed))
		}
		for _, item := range w.inbox {
			w.r.run(t.Context(), job{item: item, retried: true})
		}
		if len(w.proposed) != 0 {
			t.Errorf("proposed without a reason: %+v", w.proposed)
		}
		w.wantHeard("not deregistering: the form was not complete")
	})
	t.Run("the command is a dry run", func(t *testing.T) {
		w, state, modal := form(t, "deregister --dry-run")
		state["dry_run:0"] = payload{blocks.FieldDryRun: payload{"type": "checkboxes", "selected_options": []payload{{"value": "dry_run"}}}}
		if a := w.interact(submit("UOP", modal, state)); a.frames[0]["payload"] != nil || len(w.proposed) != 0 {
			t.Fatalf("%+v, proposed %d", a.frames, len(w.proposed))
		}
		w.wantHeard("Dry run")
	})
}
