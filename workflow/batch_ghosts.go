package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// MaxBatch is how many ghosts one decision may be about; its card shows a row for each.
const MaxBatch = 50

const (
	batchAtOnce   = 5 // ghosts that are cleaned up at the same time
	batchReleases = 3 // in one attempt: each reads a target in full
)

// BatchProposal is a list of ghosts that someone wants to clean up.
type BatchProposal struct {
	Ghosts  []ecsops.Ghost // proven ones only, at most MaxBatch
	Actor   Actor
	Origin  Origin
	Verdict policy.Verdict // of the request to clean, for every cluster
	Reason  string         // the person's words, or ""
}

// ProposeBatch stores a proposed batch, its event and the delivery of its card in one
// transaction. It holds no lock, and refuses what is not proven.
func (e *Engine) ProposeBatch(ctx context.Context, p BatchProposal) (Operation, error) {
	if p.Verdict.Effect != policy.Allow {
		return Operation{}, errors.New("proposing a batch: policy did not allow it")
	}
	rows, err := rowsOf(p.Ghosts)
	if err != nil {
		return Operation{}, fmt.Errorf("proposing a batch: %w", err)
	}
	now := e.store.Clock().Now()
	op := Operation{
		ID: newID(), State: Proposed, Revision: 1, Rows: rows, Requester: p.Actor, Origin: p.Origin,
		Plan:      ecsops.Plan{Intent: ecsops.Intent{Purpose: ecsops.Retire, Deadline: ecsops.DefaultDeadline, Reason: p.Reason}, Digest: batchDigest(rows)},
		CreatedAt: now, ExpiresAt: now.Add(e.settings.ProposalTTL),
	}
	if cs := op.Clusters(); len(cs) == 1 { // found with its cluster's operations
		op.Target = ecsops.Target{Account: cs[0].Account(), Region: cs[0].Region(), Cluster: cs[0]}
	}
	d := newDraft(op, now)
	ev := Event{Type: EvBatchProposed, Actor: p.Actor, Channel: p.Origin.Channel, Digest: op.Plan.Digest, Reason: p.Reason}
	for _, r := range rows {
		ev.Targets = append(ev.Targets, r.Target)
	}
	d.event(ev)
	if err := e.commit(ctx, d, commitOptions{tickAt: op.ExpiresAt}); err != nil {
		return Operation{}, fmt.Errorf("storing the batch: %w", err)
	}
	return d.op, nil
}

func rowsOf(ghosts []ecsops.Ghost) ([]Row, error) {
	if len(ghosts) == 0 || len(ghosts) > MaxBatch {
		return nil, fmt.Errorf("%d ghosts, must be 1 to %d", len(ghosts), MaxBatch)
	}
	seen := map[string]bool{}
	rows := make([]Row, 0, len(ghosts))
	for _, g := range ghosts {
		key := g.Target.Key()
		if g.Kind != ecsops.GhostProven || g.Target.Instance == "" || seen[key] {
			return nil, fmt.Errorf("%s in %s is not proven gone, or named twice", g.Target.EC2, g.Target.Cluster.Name())
		}
		seen[key] = true
		rows = append(rows, Row{Target: g.Target, Proof: g.Proof, Tasks: g.Running + g.Pending, Op: newID(), State: RowWaiting})
	}
	return rows, nil
}

// batchDigest covers what the person decides on: the registrations, each as it was
// registered. Rows' operations and counts are left out.
func batchDigest(rows []Row) string {
	h := sha256.New()
	for _, r := range rows {
		fmt.Fprintf(h, "%s %s %s\n", r.Target.Key(), r.Target.EC2, r.Target.RegisteredAt.UTC().Format(time.RFC3339Nano))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stepBatch looks at the members, releases a few more, and ends with the last of them.
func (e *Engine) stepBatch(ctx context.Context, op Operation) (time.Time, error) {
	for released := 0; ; {
		d := newDraft(op, e.store.Clock().Now())
		d.op.Rows = slices.Clone(op.Rows)
		if err := e.lookAtMembers(ctx, d); err != nil {
			return time.Time{}, err
		}
		d.giveUpRows()
		next := d.nextRow()
		if next >= 0 && released < batchReleases {
			released++
			if err := e.releaseRow(ctx, d, next); err != nil {
				return time.Time{}, fmt.Errorf("releasing a member of batch %s: %w", op.ID, err)
			}
		}
		d.endRows("batch_stopped", "batch_nothing", "batch_partly", "batch_cleaned")
		wake := d.now.Add(batchPoll)
		if next >= 0 {
			wake = d.now
		}
		var again bool
		var err error
		op, again, err = e.commitBatch(ctx, d, wake)
		switch {
		case err != nil || op.State != Releasing:
			return time.Time{}, err
		case !again && (next < 0 || released >= batchReleases):
			return wake, nil
		}
	}
}

// giveUpRows lets go of what waits, once a person stopped the batch or its time is over.
func (d *draft) giveUpRows() {
	cause := ""
	switch {
	case d.op.StopBy != nil:
		cause = "batch_stopped"
	case !d.now.Before(d.op.Deadline):
		cause = "batch_deadline"
	default:
		return
	}
	for i := range d.op.Rows {
		if d.op.Rows[i].State == RowWaiting {
			d.skip(i, cause, "")
		}
	}
}

// nextRow is the first row that may be released now, or -1.
func (d *draft) nextRow() int {
	running, next := 0, -1
	for i, r := range d.op.Rows {
		switch {
		case r.State == RowRunning:
			running++
		case r.State == RowWaiting && next < 0 && !d.now.Before(r.RetryAt):
			next = i
		}
	}
	if running >= batchAtOnce {
		return -1
	}
	return next
}

// releaseRow proves a row's ghost again and makes its operation; what is no ghost any more is
// skipped, and what could not be read is tried again later.
func (e *Engine) releaseRow(ctx context.Context, d *draft, i int) error {
	row := &d.op.Rows[i]
	switch _, err := e.store.Operation(ctx, row.Op); {
	case err == nil: // made before a restart
		d.released(i)
		return nil
	case !errors.Is(err, ErrNotFound):
		return err
	}
	snapshot, err := e.fleet.Inspect(ctx, row.Target)
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", row.Target.EC2, err)
	}
	plan := ecsops.NewPlan(snapshot, d.op.Plan.Intent)
	missing, cause, detail := doubts(row.Target, plan)
	switch {
	case missing != nil:
		row.Missing, row.RetryAt, d.changed = missing, d.now.Add(batchRetry), true
		return nil
	case cause != "":
		d.skip(i, cause, detail)
		return nil
	}
	_, err = e.makeMember(ctx, d, i, plan)
	return err
}

// doubts say why a row is not cleaned up now: what could not be read, or what it is instead
// of a ghost.
func doubts(t ecsops.Target, p ecsops.Plan) (missing *ecsops.Unknown, cause, detail string) {
	s := p.Snapshot
	inst, ok := s.Instance.Get()
	if !ok {
		return why("instance", s.Instance.Why()), "", ""
	}
	machine, machineRead := s.EC2.Get()
	_, providerRead := s.CapacityProvider.Get()
	switch {
	case isGone(inst):
		return nil, "gone_already", ""
	case inst.EC2 != t.EC2 || !inst.RegisteredAt.Equal(t.RegisteredAt):
		return nil, "came_back", string(inst.EC2)
	case policy.Cleanable(p):
		return nil, "", ""
	case !machineRead:
		return why("ec2", s.EC2.Why()), "", ""
	case p.Path == ecsops.PathManaged && !providerRead:
		return why("capacity_provider", s.CapacityProvider.Why()), "", ""
	}
	return nil, "came_back", machine.State
}

// stillGhost reports whether a member's target is the same registration and still proven
// gone. How EC2 says so, and what services want of the tasks that are left, may change.
func stillGhost(op Operation, fresh ecsops.Snapshot) bool {
	missing, cause, _ := doubts(op.Target, ecsops.NewPlan(fresh, op.Plan.Intent))
	return missing == nil && cause == ""
}

// memberDeadline ends a member whose time is over: nothing was ordered, or AWS said no. An
// order whose answer is not known is looked after as long as any other result.
func (w *step) memberDeadline() Move {
	if o := w.op.Order; o != nil && (o.Outcome == nil || o.Outcome.Result == ecsops.ResultUnknown) {
		w.enter(Verifying)
		return w.again()
	}
	w.end(Stopped, "batch_deadline")
	return Move{draft: w.draft}
}
