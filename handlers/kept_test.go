package handlers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ecsbot/blocks"
	"ecsbot/workflow"
)

// Slack brings what a person does next to any replica: each goes on with what another one showed.
func TestAnotherReplicaGoesOn(t *testing.T) {
	t.Run("the picking form", func(t *testing.T) {
		w := newWorld(t)
		w.command("UOP", "deregister --deadline 1h")
		form := w.updated[0]
		suggest := func(action string) string {
			s := interactive(typeSuggestion, "UOP")
			s["view"], s["action_id"], s["block_id"], s["value"] = viewOf(form, nil), action, "b", ""
			return jsonOf(w.interact(s).frames[0]["payload"])
		}
		w.elsewhere()
		if got := suggest(blocks.ActionPickCluster); !strings.Contains(got, "prod") {
			t.Errorf("clusters: %s", got)
		}
		act := interactive(typeActions, "UOP")
		act["view"] = viewOf(form, nil)
		act["actions"] = []payload{{"action_id": blocks.ActionPickCluster, "block_id": "pick_cluster:0", "selected_option": payload{"value": blocks.ClusterValue(prod)}}}
		w.interact(act)
		form = w.updated[len(w.updated)-1]
		w.elsewhere()
		if got := suggest(blocks.ActionPickInstance); !strings.Contains(got, blocks.ValueReading) {
			t.Errorf("before they are read here: %s", got)
		}
		key := listKey(w.pick(form.PrivateMetadata), prod)
		eventually(t, w, func() bool { _, read := w.r.lists.get(key); return read })
		if got := suggest(blocks.ActionPickInstance); !strings.Contains(got, "web-2") {
			t.Errorf("instances: %s", got)
		}
		w.elsewhere()
		if a := w.interact(submit("UOP", form, pickState(w.pick(form.PrivateMetadata), target(prod, 2)))); a.frames[0]["payload"] != nil {
			t.Errorf("%+v", a.frames)
		}
		if len(w.proposed) != 1 || w.proposed[0].Plan.Snapshot.Target != target(prod, 2) || w.proposed[0].Plan.Intent.Deadline != time.Hour {
			t.Errorf("%+v said %+v", w.proposed, w.said)
		}
	})
	t.Run("a reason", func(t *testing.T) {
		w := newWorld(t)
		w.r.RequireReason = true
		w.command("UOP", "deregister "+testEC2+" prod --deadline 1h")
		w.elsewhere()
		w.interact(submit("UOP", w.opened[0], reasonState("OPS-17")))
		if len(w.proposed) != 1 || w.proposed[0].Plan.Intent.Reason != "OPS-17" || w.proposed[0].Plan.Intent.Deadline != time.Hour {
			t.Errorf("%+v said %+v", w.proposed, w.said)
		}
	})
	t.Run("ghosts", func(t *testing.T) {
		w := newWorld(t)
		w.haunt(3)
		w.r.RequireReason = true
		w.command("UOP", "ghosts")
		w.elsewhere()
		w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
		w.elsewhere()
		w.interact(submit("UOP", w.opened[0], reasonState("tidy up")))
		if len(w.batches) != 1 || w.batches[0].Reason != "tidy up" || len(w.batches[0].Ghosts) != 3 {
			t.Errorf("%+v said %+v", w.batches, w.said)
		}
	})
	t.Run("a force", func(t *testing.T) {
		w := newWorld(t)
		w.edit = standalone
		w.card("op", func(op *workflow.Operation) { op.State = workflow.Draining })
		w.interact(click("UOP", workflow.Force, "op-force"))
		w.elsewhere()
		w.interact(submit("UOP", w.updated[0], typedState(testEC2)))
		if len(w.decided) != 1 || len(w.decided[0].Tasks) != 1 {
			t.Errorf("%+v said %+v", w.decided, w.said)
		}
	})
}

func TestWhatWasShownEnds(t *testing.T) {
	w := newWorld(t)
	w.haunt(2)
	w.command("UOP", "ghosts")
	w.clock.now = w.clock.now.Add(keptLife + time.Second)
	w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
	w.wantHeard("This list is no longer known")
	if len(w.batches) != 0 {
		t.Errorf("%+v", w.batches)
	}
}

// A store that does not answer makes nothing unknown: the click is tried again, the picker says that it is still reading.
func TestShownUnderABrokenStore(t *testing.T) {
	w := newWorld(t)
	w.haunt(2)
	w.command("UOP", "ghosts")
	w.command("UOP", "deregister")
	w.keptErr = errors.New("the store does not answer")
	a := interactive(typeSuggestion, "UOP")
	a["view"], a["action_id"], a["block_id"] = viewOf(w.updated[0], nil), blocks.ActionPickCluster, "b"
	if got := jsonOf(w.interact(a).frames[0]["payload"]); !strings.Contains(got, blocks.ValueReading) {
		t.Errorf("%s", got)
	}
	w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
	if w.heard("no longer known") || len(w.batches) != 0 {
		t.Errorf("%+v %+v", w.batches, w.said)
	}
	w.wantHeard("tried again by itself")
}
