package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/workflow"
)

// folded is what an operation's events add up to.
type folded struct {
	n       int
	state   workflow.State
	version int64
	last    int64 // number of its newest record
}

// fold reads one record's event into its operation, and collects checkpoints.
func (v *verification) fold(r Record) {
	ev, err := decode(r)
	if err != nil {
		v.problem(r.Seq, "it is no event: %v", err)
		return
	}
	if ev.Type == workflow.EvCheckpoint {
		v.collect(r.Seq, ev.Detail)
	}
	if ev.Op == "" || ev.N == 0 { // N = 0: told of an operation without changing it
		return
	}
	f := v.ops[ev.Op]
	if f == nil {
		f = &folded{}
		v.ops[ev.Op] = f
	}
	if ev.N != f.n+1 {
		v.problem(r.Seq, "it is event %d of operation %s, but event %d was to come", ev.N, ev.Op, f.n+1)
	}
	if ev.Version < f.version {
		v.problem(r.Seq, "operation %s goes back from version %d to %d", ev.Op, f.version, ev.Version)
	}
	if f.state.Terminal() && ev.State != "" && ev.State != f.state {
		v.problem(r.Seq, "operation %s had ended as %s and is %s again", ev.Op, f.state, ev.State)
	}
	f.n, f.version, f.last = ev.N, ev.Version, r.Seq
	if ev.State != "" {
		f.state = ev.State
	}
	v.foldFollowUp(r.Seq, ev)
}

func (v *verification) collect(seq int64, text string) {
	c, err := ParseCheckpoint(text, v.opts.Verifiers...)
	switch {
	case errors.Is(err, ErrUnknownKey):
		v.rep.Unchecked++
	case err != nil:
		v.problem(seq, "its checkpoint is forged or damaged: %v", err)
	case c.Size > seq:
		v.problem(seq, "its checkpoint speaks of %d records, more than there were", c.Size)
	default:
		v.claims = append(v.claims, claim{Checkpoint: c, at: seq})
	}
}

// compareOperations holds every stored operation against its events.
func (v *verification) compareOperations(ctx context.Context) error {
	ids, err := v.opts.Operations.OperationIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		f := v.ops[id]
		if f == nil {
			v.problem(-1, "operation %s is stored, but no record tells of it", id)
			continue
		}
		delete(v.ops, id)
		v.rep.Operations++
		op, err := v.opts.Operations.Operation(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			v.problem(f.last, "operation %s cannot be read: %v", id, err)
			continue
		}
		v.compare(op, f)
	}
	for _, id := range slices.Sorted(maps.Keys(v.ops)) {
		v.problem(v.ops[id].last, "operation %s is told of, but not stored", id)
	}
	return nil
}

func (v *verification) compare(op workflow.Operation, f *folded) {
	switch {
	case op.State != f.state:
		v.problem(f.last, "operation %s is stored as %s, its events end in %s", op.ID, op.State, f.state)
	case op.Events != f.n:
		v.problem(f.last, "operation %s is stored with %d events, %d are told", op.ID, op.Events, f.n)
	case op.Version < f.version:
		v.problem(f.last, "operation %s is stored in version %d, its events reach version %d", op.ID, op.Version, f.version)
	}
}

// roots remembers the root at every size, for checkpoints whose size is known
// only later: one inside the log follows what it speaks of.
type roots struct{ h []tlog.Hash }

func newRoots() *roots { return &roots{} }

func (r *roots) keep(size int64, h tlog.Hash) {
	if size != int64(len(r.h)) {
		panic(fmt.Sprintf("audit: root of %d kept after %d", size, len(r.h)))
	}
	r.h = append(r.h, h)
}

func (r *roots) at(size int64) (tlog.Hash, bool) {
	if size >= int64(len(r.h)) {
		return tlog.Hash{}, false
	}
	return r.h[size], true
}
