package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ecsbot/ecsops"
)

// stepBulk looks at the members, begins what may begin of the next wave, pauses at the first
// surprise, and ends with the last member.
func (e *Engine) stepBulk(ctx context.Context, op Operation) (time.Time, error) {
	for range decideTries {
		d := newDraft(op, e.store.Clock().Now())
		d.op.Rows = slices.Clone(op.Rows)
		if err := e.bulkMembers(ctx, d); err != nil {
			return time.Time{}, err
		}
		d.tellSurprises(e.settings)
		d.giveUpWaiting()
		if d.mayBegin() {
			if err := e.beginWave(ctx, d); err != nil {
				return time.Time{}, fmt.Errorf("beginning a wave of batch %s: %w", op.ID, err)
			}
			d.tellSurprises(e.settings)
		}
		d.endRows("bulk_stopped", "bulk_nothing", "bulk_partly", "bulk_done")
		wake := d.now.Add(max(batchPoll, e.settings.Poll)) // members are looked at no more often
		var again bool
		var err error
		op, again, err = e.commitBatch(ctx, d, wake)
		switch {
		case err != nil || op.State != Releasing:
			return time.Time{}, err
		case !again:
			return wake, e.callOff(ctx, op)
		}
	}
	return e.store.Clock().Now().Add(busyRetry), nil
}

// bulkMembers brings the rows up to their operations. A row of the present wave whose
// operation exists began before a restart.
func (e *Engine) bulkMembers(ctx context.Context, d *draft) error {
	wave, _ := nextWave(d.op.Rows, d.now)
	for i, r := range d.op.Rows {
		if r.State != RowWaiting || r.Leave.Wave != wave {
			continue
		}
		switch _, err := e.store.Operation(ctx, r.Op); {
		case err == nil:
			d.released(i)
		case !errors.Is(err, ErrNotFound):
			return fmt.Errorf("looking for member %s of batch %s: %w", r.Op, d.op.ID, err)
		}
	}
	return e.lookAtMembers(ctx, d)
}

// leave makes a row's part that drains writable.
func (d *draft) leave(i int) *Leave {
	l := *d.op.Rows[i].Leave
	d.op.Rows[i].Leave, d.changed = &l, true
	return &l
}

// tellSurprises pauses the batch when a row ended otherwise than planned, as long as anything
// is left to begin: a person looks first. Members that are under way follow their own rules.
func (d *draft) tellSurprises(s Settings) {
	fresh := surprised(d.op.Rows)
	if len(fresh) == 0 {
		return
	}
	for _, i := range fresh {
		d.leave(i).Told = true
	}
	d.pause(string(d.op.Rows[fresh[0]].Target.EC2), s)
}

// pause asks, if anything is left to ask about.
func (d *draft) pause(about string, s Settings) {
	if d.op.StopBy != nil || !slices.ContainsFunc(d.op.Rows, func(r Row) bool { return r.State == RowWaiting }) {
		return
	}
	d.block(Block{Reason: BlockedSurprise, Detail: about, AskedUntil: d.now.Add(s.AskFor)})
}

// giveUpWaiting lets go of what has not begun, once a person stopped the batch or nobody
// answered its question.
func (d *draft) giveUpWaiting() {
	cause := ""
	switch b := d.op.Block; {
	case d.op.StopBy != nil:
		cause = "batch_stopped"
	case asks(b) && !d.now.Before(b.AskedUntil):
		cause = "batch_silence"
	default:
		return
	}
	for i := range d.op.Rows {
		if d.op.Rows[i].State == RowWaiting {
			d.skip(i, cause, "")
		}
	}
	d.unblock(BlockedSurprise)
}

func (d *draft) mayBegin() bool {
	return d.op.StopBy == nil && !asks(d.op.Block) && !d.now.Before(d.op.Bulk.RetryAt)
}

// beginWave reads the next wave's targets, counts what is unavailable in the cluster, and
// begins as many as the limit leaves room for: all of them before any drain is waited for.
// When one of them is not what was shown, none begins.
func (e *Engine) beginWave(ctx context.Context, d *draft) error {
	wave, begin := nextWave(d.op.Rows, d.now)
	if len(begin) == 0 {
		return nil
	}
	targets, intents := make([]ecsops.Target, len(begin)), make([]ecsops.Intent, len(begin))
	for k, i := range begin {
		targets[k], intents[k] = d.op.Rows[i].Target, d.op.Rows[i].Leave.Intent
	}
	snapshots, err := e.fleet.InspectMany(ecsops.Reading(ctx, intents...), targets)
	if err != nil {
		return fmt.Errorf("inspecting wave %d: %w", wave, err)
	}
	read := map[int]ecsops.Snapshot{}
	for k, i := range begin {
		read[i] = snapshots[k]
	}
	out, registered, known := Unavailable(snapshots)
	away := slices.Sorted(maps.Keys(out))
	if !known {
		for _, i := range begin {
			d.unread(i, *why("peers", snapshots[0].Peers.Why()))
		}
		return nil
	}
	most := min(d.op.Bulk.Most, d.op.Bulk.Limit.Of(registered))
	chosen := admit(d.op.Rows, begin, most, away)
	if len(chosen) == 0 {
		d.short(len(away), most, e.settings)
		return nil
	}
	plans, ready := d.judgeWave(chosen, read)
	if !ready {
		return nil
	}
	return e.releaseWave(ctx, d, wave, plans)
}

// Unavailable are the cluster's instances that take no tasks now, whoever made them so, and how
// many are registered: what snapshots of some of its instances tell together. Known is false
// when one of them does not know its peers.
func Unavailable(snapshots []ecsops.Snapshot) (away map[ecsops.InstanceARN]ecsops.EC2ID, registered int, known bool) {
	seen := map[ecsops.InstanceARN]bool{}
	away = map[ecsops.InstanceARN]ecsops.EC2ID{}
	note := func(arn ecsops.InstanceARN, id ecsops.EC2ID, status string, connected bool) {
		if seen[arn] {
			return
		}
		seen[arn] = true
		registered++
		if status == "DRAINING" || status == "DEREGISTERING" || !connected {
			away[arn] = id
		}
	}
	for _, s := range snapshots {
		peers, ok := s.Peers.Get()
		if !ok {
			return nil, 0, false
		}
		for _, p := range peers {
			note(p.Instance, p.EC2, p.Status, p.AgentConnected)
		}
		if i, ok := s.Instance.Get(); ok && !isGone(i) {
			note(s.Target.Instance, i.EC2, i.Status, i.AgentConnected)
		}
	}
	return away, registered, true
}

// short waits for other instances to come back, and asks when that takes as long as a drain may.
func (d *draft) short(away, most int, s Settings) {
	since := d.now
	if was := d.op.Bulk.Short; was != nil {
		since = was.Since
	}
	d.op.Bulk = d.op.Bulk.with(func(b *Bulk) {
		b.Short, b.RetryAt = &Short{Away: away, Most: most, Since: since}, d.now.Add(batchRetry)
	})
	d.changed = true
	if !slices.ContainsFunc(d.op.Rows, func(r Row) bool { return r.State == RowRunning }) && d.now.Sub(since) >= deadlineOf(d.op.Plan) {
		d.pause("others_unavailable", s)
	}
}

// unread waits until a row can be read, as long as a drain may take.
func (d *draft) unread(i int, u ecsops.Unknown) {
	l := d.leave(i)
	if l.Since.IsZero() {
		l.Since = d.now
	}
	if d.now.Sub(l.Since) >= deadlineOf(d.op.Plan) {
		d.skip(i, "batch_unread", u.Call+": "+u.Reason)
		return
	}
	row := &d.op.Rows[i]
	row.Missing, row.RetryAt = &u, d.now.Add(batchRetry)
}

// judgeWave makes the plans of those that begin. Ready is false when one of them is not what
// was shown: that one is left alone, and nothing else begins.
func (d *draft) judgeWave(chosen []int, read map[int]ecsops.Snapshot) (plans map[int]ecsops.Plan, ready bool) {
	plans, ready = map[int]ecsops.Plan{}, true
	for _, i := range chosen {
		row := d.op.Rows[i]
		plan := ecsops.NewPlan(read[i], row.Leave.Intent)
		missing, cause, detail := unlike(row, plan)
		switch {
		case missing != nil:
			d.unread(i, *missing)
		case cause != "":
			d.skip(i, cause, detail)
			ready = ready && slices.Contains(expectedEnds, cause)
		default:
			plans[i] = plan
		}
	}
	return plans, ready
}

// unlike says why a row does not begin: what could not be read, or how it is not what was shown.
func unlike(row Row, p ecsops.Plan) (missing *ecsops.Unknown, cause, detail string) {
	inst, ok := p.Snapshot.Instance.Get()
	switch {
	case !ok:
		return why("instance", p.Snapshot.Instance.Why()), "", ""
	case isGone(inst):
		return nil, "gone_already", ""
	case inst.EC2 != row.Target.EC2 || !inst.RegisteredAt.Equal(row.Target.RegisteredAt):
		return nil, "surprise", "registration"
	}
	for _, f := range p.Findings {
		if f.Rule == ecsops.RuleIncomplete && f.Severity == ecsops.Red && !slices.Contains(row.Leave.Shown.Red, f.Rule) && len(f.Missing) > 0 {
			u := f.Missing[0]
			return &u, "", ""
		}
	}
	if p.Path != row.Leave.Path {
		return nil, "surprise", "path " + string(p.Path)
	}
	if more := unshown(row.Leave.Shown, p); len(more) > 0 {
		return nil, "surprise", strings.Join(more, ", ")
	}
	return nil, "", ""
}

// unshown are red findings, tasks of no service and protected tasks that the batch did not show.
func unshown(shown Shown, p ecsops.Plan) []string {
	var out []string
	for _, f := range p.Findings {
		if f.Severity.Rank() >= ecsops.Red.Rank() && !slices.Contains(shown.Red, f.Rule) {
			out = append(out, string(f.Rule))
		}
	}
	standalone, protected := delicate(p)
	for _, arn := range standalone {
		if !slices.Contains(shown.Standalone, arn) {
			out = append(out, "standalone "+arn[strings.LastIndexByte(arn, '/')+1:])
		}
	}
	for _, arn := range protected {
		if !slices.Contains(shown.Protected, arn) {
			out = append(out, "protected "+arn[strings.LastIndexByte(arn, '/')+1:])
		}
	}
	return out
}

// releaseWave makes the operations of all that begin.
func (e *Engine) releaseWave(ctx context.Context, d *draft, wave int, plans map[int]ecsops.Plan) error {
	if len(plans) == 0 {
		return nil
	}
	ev := Event{Type: EvWave, Left: wave, Total: waves(d.op.Rows)}
	for i, r := range d.op.Rows {
		if _, ok := plans[i]; ok {
			ev.Targets = append(ev.Targets, r.Target)
		}
	}
	d.event(ev)
	d.op.Bulk = d.op.Bulk.with(func(b *Bulk) { b.Short, b.RetryAt = nil, zeroTime })
	for i := range d.op.Rows {
		plan, ok := plans[i]
		if !ok {
			continue
		}
		released, err := e.makeMember(ctx, d, i, plan)
		if err != nil {
			return err
		}
		if released {
			d.leave(i).Since = zeroTime
		}
	}
	return nil
}

// callOff undoes the members of a batch that a person stopped, as if each had been stopped.
func (e *Engine) callOff(ctx context.Context, op Operation) error {
	if op.StopBy == nil {
		return nil
	}
	for _, r := range op.Rows {
		if r.State != RowRunning {
			continue
		}
		member, err := e.store.Operation(ctx, r.Op)
		if err != nil {
			return fmt.Errorf("reading member %s of batch %s: %w", r.Op, op.ID, err)
		}
		if member.StopBy != nil || member.State.Terminal() {
			continue
		}
		d := newDraft(member, e.store.Clock().Now())
		applyStop(d, Decision{Verb: Stop, Actor: *op.StopBy, Channel: op.Origin.Channel})
		if !d.changed {
			continue // too late: it is deregistered
		}
		if err := e.commit(ctx, d, commitOptions{tickAt: d.now}); err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("stopping member %s of batch %s: %w", r.Op, op.ID, err)
		}
	}
	return nil
}
