package workflow

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a pause keeps of the one before it: how long it lasts already, and until when people
// were asked.
func TestBlockAfterBlock(t *testing.T) {
	t0 := time.Unix(1_800_000_000, 0).UTC()
	now, until := t0.Add(time.Minute), t0.Add(time.Hour)
	refused := Block{Reason: BlockedGroup, Call: "terminate", Detail: "ScalingActivityInProgress", Since: t0}
	question := Block{Reason: BlockedDeadline, Since: t0, AskedUntil: until}
	for name, c := range map[string]struct {
		why    string
		have   *Block
		set    Block
		want   Block
		events int
	}{
		"first": {"nothing was wrong", nil, Block{Reason: BlockedAWS}, Block{Reason: BlockedAWS, Since: now}, 1},
		"same":  {"said already", &refused, Block{Reason: BlockedGroup, Detail: "ScalingActivityInProgress"}, refused, 0},
		"same reason, another detail": {"patience began with the first of them", &refused, Block{Reason: BlockedGroup, Detail: "ResourceContention"},
			Block{Reason: BlockedGroup, Detail: "ResourceContention", Since: t0}, 1},
		"another reason":            {"that is new", &refused, Block{Reason: BlockedAWS}, Block{Reason: BlockedAWS, Since: now}, 1},
		"trouble during a question": {"the question stands", &question, Block{Reason: BlockedAWS}, question, 0},
		"the question, worded anew": {"its time does not start again", &question,
			Block{Reason: BlockedDeadline, Detail: "again", AskedUntil: until.Add(time.Hour)},
			Block{Reason: BlockedDeadline, Detail: "again", Since: t0, AskedUntil: until}, 1},
		"another question": {"it is asked in full", &question, Block{Reason: BlockedDrift, AskedUntil: until.Add(time.Hour)},
			Block{Reason: BlockedDrift, Since: now, AskedUntil: until.Add(time.Hour)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDraft(Operation{State: Draining, Block: c.have}, now)
			d.block(c.set)
			if diff := cmp.Diff(&c.want, d.op.Block); diff != "" {
				t.Errorf("%s: %s", c.why, diff)
			}
			if len(d.events) != c.events {
				t.Errorf("%s: %d events, want %d", c.why, len(d.events), c.events)
			}
		})
	}
}

// Where nothing changed there is nothing to commit: a look leaves no trace.
func TestNothingToCommit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	same := newDraft(Operation{State: Draining}, now)
	other := newDraft(Operation{State: Draining}, now)
	other.enter(Deregistering)
	for why, c := range map[string]struct {
		move Move
		want bool
	}{
		"no draft":          {Move{}, false},
		"it was looked at":  {Move{draft: same}, false},
		"the state changed": {Move{draft: other}, true},
	} {
		if op, events, ok := c.move.Changed(); ok != c.want || ok && (op.State != Deregistering || len(events) != 1) {
			t.Errorf("%s: %t, %s, %d events", why, ok, op.State, len(events))
		}
	}

	row := Row{Target: grave(0), State: RowRunning, Now: Draining, Leave: &Leave{Left: 2, Total: 3}}
	before := row
	row.follow(Operation{State: Draining, Progress: Progress{Left: 2, Total: 3}})
	if row != before {
		t.Errorf("a member where nothing moved changes its row: %+v", row)
	}
	row.follow(Operation{State: Draining, Progress: Progress{Left: 1, Total: 3}})
	if row.Leave.Left != 1 || before.Leave.Left != 2 {
		t.Errorf("one task left: the row says %d, its copy %d", row.Leave.Left, before.Leave.Left)
	}
	row.follow(Operation{State: Draining, Progress: Progress{Left: 1, Total: 4}})
	if row.Leave.Total != 4 {
		t.Errorf("a task came: the row says %d in all", row.Leave.Total)
	}
}
