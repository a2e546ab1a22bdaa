package handlers

import (
	"errors"
	"testing"

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
	t.Run("not required, not asked", func(t *testing.T) {
		w := newWorld(t)
		w.command("UOP", command)
		if len(w.opened) != 0 || len(w.proposed) != 1 {
			t.Errorf("opened %d, proposed %d", len(w.opened), len(w.proposed))
		}
	})
}
