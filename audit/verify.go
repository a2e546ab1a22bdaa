package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/workflow"
)

// chunk is how many records are read at once.
const chunk = 1000

// maxProblems bounds a report; Problems beyond it are only counted.
const maxProblems = 100

// ErrNoHash is wrapped by a Log's Hashes when a hash is not stored: a finding
// of the verification, where any other error is a failure to read.
var ErrNoHash = errors.New("the hash is not stored")

// Operations are the stored operations, which the log must tell the same of.
type Operations interface {
	// Operation returns workflow.ErrNotFound for an unknown id.
	Operation(ctx context.Context, id string) (workflow.Operation, error)
	// OperationIDs returns all ids.
	OperationIDs(ctx context.Context) ([]string, error)
}

// Options say against what a log is verified; all are optional. Without a
// checkpoint a verification finds careless changes only: whoever can write to
// the database can also rewrite the log as a whole, with all its hashes. With
// one, nothing before it can have changed; what follows it is as good as the
// database's guard, until the next one is published.
type Options struct {
	// Checkpoint is a signed note published earlier, elsewhere.
	Checkpoint string
	// Verifiers check its signature, and those of checkpoints inside the log.
	Verifiers []note.Verifier
	// Operations, when given, are compared with what the log's events add up to.
	// They must be of the same moment as the log (store.View).
	Operations Operations
	// FollowUps, when given, are compared likewise.
	FollowUps FollowUps
}

// Problem is one proof that the log was changed.
type Problem struct {
	Seq  int64  // the record concerned, or where to begin to look; -1 when none can be named
	What string // a sentence
}

// String names the record first.
func (p Problem) String() string {
	if p.Seq < 0 {
		return p.What
	}
	return fmt.Sprintf("record %d: %s", p.Seq, p.What)
}

// Report is what a verification found.
type Report struct {
	Size        int64
	Root        tlog.Hash
	Problems    []Problem // at most 100: by record, then checkpoints, then operations, whose evidence is less exact
	Found       int       // problems in all
	Checkpoints int       // signed checkpoints that agreed, inside the log and given
	Unchecked   int       // checkpoints inside the log by keys that were not given
	Operations  int       // operations compared
	FollowUps   int       // follow-ups compared
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return r.Found == 0 }

// Verify reads the whole log and recomputes every hash and the root from the
// records alone. It checks that records are numbered without gaps; that the
// stored hashes are those; that events of an operation are numbered, do not go
// back in version and do not leave a terminal state; that the stored operations
// and follow-ups are what their events say; and that every signed checkpoint, inside
// and given, is a state the log went through. The error says that it could not be read.
func Verify(ctx context.Context, l Log, o Options) (Report, error) {
	v := &verification{log: l, opts: o, ops: map[string]*folded{}, followed: map[string]*followed{}}
	if err := v.takeCheckpoint(); err != nil {
		return Report{}, err
	}
	size, err := l.LogSize(ctx)
	if err != nil {
		return Report{}, err
	}
	v.size = size
	if err := v.readRecords(ctx); err != nil {
		return Report{}, err
	}
	if err := v.noMoreHashes(ctx); err != nil {
		return Report{}, err
	}
	slices.SortStableFunc(v.rep.Problems, func(a, b Problem) int { return cmp.Compare(a.Seq, b.Seq) })
	v.judgeCheckpoints()
	if o.Operations != nil {
		if err := v.compareOperations(ctx); err != nil {
			return Report{}, err
		}
	}
	if o.FollowUps != nil {
		if err := v.compareFollowUps(ctx); err != nil {
			return Report{}, err
		}
	}
	v.rep.Size, v.rep.Root = v.size, v.tree.root()
	return v.rep, nil
}

type verification struct {
	log  Log
	opts Options
	size int64 // by the head
	rep  Report

	tree    tree
	tainted bool // a leaf differs: the hashes above it do, too
	gap     bool // a record is missing: every later one sits elsewhere in the tree
	ops     map[string]*folded
	claims  []claim
	// followed is of operations, too: what is looked after once they ended.
	followed map[string]*followed
}

// claim is a checkpoint to be held against the recomputed tree.
type claim struct {
	Checkpoint
	at    int64     // the record that holds it, -1 for the given one
	found tlog.Hash // the recomputed root at Size; set when seen
	seen  bool
}

func (v *verification) problem(seq int64, format string, args ...any) {
	v.rep.Found++
	if len(v.rep.Problems) < maxProblems {
		v.rep.Problems = append(v.rep.Problems, Problem{seq, fmt.Sprintf(format, args...)})
	}
}

// takeCheckpoint: one that cannot be read is the caller's mistake, not a finding.
func (v *verification) takeCheckpoint() error {
	if v.opts.Checkpoint == "" {
		return nil
	}
	c, err := ParseCheckpoint(v.opts.Checkpoint, v.opts.Verifiers...)
	if err != nil {
		return err
	}
	v.claims = append(v.claims, claim{Checkpoint: c, at: -1})
	return nil
}

// readRecords goes through the log once.
func (v *verification) readRecords(ctx context.Context) error {
	roots := newRoots()
	roots.keep(0, v.tree.root())
	next := int64(0) // the number that must come
	for {
		recs, err := v.log.Records(ctx, next, chunk)
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			break
		}
		first := v.tree.size
		var want []tlog.Hash
		for _, r := range recs {
			if r.Seq != next {
				v.problem(next, "it is missing; the next one stored is %d", r.Seq)
				v.gap = true
			}
			if r.Seq >= v.size {
				v.problem(r.Seq, "it lies beyond the log's end, which is at %d", v.size)
			}
			next = r.Seq + 1
			want = append(want, v.tree.add(tlog.RecordHash(r.Raw))...)
			roots.keep(v.tree.size, v.tree.root())
			v.fold(r)
		}
		if err := v.compareHashes(ctx, first, recs, want); err != nil {
			return err
		}
	}
	if next < v.size {
		v.problem(next, "it is missing, and so is all that follows: the log says that it has %d records", v.size)
	}
	for i := range v.claims {
		v.claims[i].found, v.claims[i].seen = roots.at(v.claims[i].Size)
	}
	return nil
}

// compareHashes holds the stored hashes of the leaves from first on against
// want. After a difference in a leaf only leaves are compared: every hash above
// differs as its consequence.
func (v *verification) compareHashes(ctx context.Context, first int64, recs []Record, want []tlog.Hash) error {
	if v.gap {
		return nil
	}
	from := tlog.StoredHashCount(first)
	stored, missing, err := v.readHashes(ctx, from, len(want))
	if err != nil {
		return err
	}
	for i := range want {
		level, n := tlog.SplitStoredHashIndex(from + int64(i))
		seq := min(first+int64(len(recs)), (n+1)<<level) - 1 // the record that completed it
		if k := seq - first; k >= 0 && k < int64(len(recs)) {
			seq = recs[k].Seq
		}
		switch {
		case missing[i]:
			v.problem(seq, "a hash of it is missing")
		case stored[i] == want[i]:
		case level == 0:
			v.problem(seq, "its text is not what was hashed when it was written")
			v.tainted = true
		case !v.tainted:
			v.problem(seq, "the stored hash of the %d records up to it is not theirs", int64(1)<<level)
		}
	}
	return nil
}

func (v *verification) readHashes(ctx context.Context, from int64, n int) ([]tlog.Hash, []bool, error) {
	idx := make([]int64, n)
	for i := range idx {
		idx[i] = from + int64(i)
	}
	missing := make([]bool, n)
	hs, err := v.log.Hashes(ctx, idx)
	if err == nil || !errors.Is(err, ErrNoHash) {
		return hs, missing, err
	}
	hs = make([]tlog.Hash, n)
	for i := range idx { // find out which
		one, err := v.log.Hashes(ctx, idx[i:i+1])
		switch {
		case errors.Is(err, ErrNoHash):
			missing[i] = true
		case err != nil:
			return nil, nil, err
		default:
			hs[i] = one[0]
		}
	}
	return hs, missing, nil
}

// noMoreHashes finds a hash stored ahead of its record.
func (v *verification) noMoreHashes(ctx context.Context) error {
	if v.gap {
		return nil
	}
	_, err := v.log.Hashes(ctx, []int64{tlog.StoredHashCount(max(v.size, v.tree.size))})
	switch {
	case errors.Is(err, ErrNoHash):
		return nil
	case err != nil:
		return err
	}
	v.problem(v.size, "a hash is stored for it, but it is not")
	return nil
}

// judgeCheckpoints compares each claim. The first one that fails, and the last
// one that holds before it, say where the change lies.
func (v *verification) judgeCheckpoints() {
	slices.SortStableFunc(v.claims, func(a, b claim) int { return cmp.Compare(a.Size, b.Size) })
	good := int64(0) // the records before are proven
	for _, c := range v.claims {
		name := "the given checkpoint"
		if c.at >= 0 {
			name = fmt.Sprintf("the checkpoint in record %d", c.at)
		}
		switch {
		case !c.seen:
			v.problem(v.tree.size, "%s says that the log had %d records, it has %d: its end was cut off", name, c.Size, v.tree.size)
		case c.found != c.Root:
			v.problem(good, "here or after it, before record %d, a record was changed, removed or added: %s has another root", c.Size, name)
		default:
			v.rep.Checkpoints++
			good = max(good, c.Size)
		}
	}
}

// decode gives the record's event, from its text alone.
func decode(r Record) (workflow.Event, error) {
	var ev workflow.Event
	err := json.Unmarshal(r.Raw, &ev)
	return ev, err
}
