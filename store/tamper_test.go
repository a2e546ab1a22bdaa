package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/audit"
	"ecsbot/store"
	"ecsbot/workflow"
)

const (
	tamperings = 1000
	logLength  = 240
)

// evidence is a stored log with the checkpoint that was published of it.
type evidence struct {
	db         *sql.DB
	key        audit.Key
	checkpoint string
	recs       []audit.Record
}

// life commits a believable history: operations that begin, move and end,
// refusals about them, and events of none. check is called after each commit.
func life(t *testing.T, db *store.DB, rnd *rand.Rand, check func()) {
	t.Helper()
	path := []workflow.State{workflow.Proposed, workflow.Draining, workflow.Deregistering, workflow.Verifying, workflow.Done}
	at := map[string]int{}
	commit := func(c workflow.Change) {
		if err := db.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		check()
	}
	for n := int64(0); n < logLength; n, _ = db.LogSize(t.Context()) {
		k := rnd.IntN(12)
		id := fmt.Sprintf("op%02d", k)
		switch step := at[id]; {
		case rnd.IntN(5) == 0:
			commit(workflow.Change{Events: event(workflow.EvServiceStart)})
		case step > 0 && rnd.IntN(4) == 0:
			ev := event(workflow.EvRefused)
			ev[0].Op = id
			commit(workflow.Change{Events: ev})
		case step == 0:
			commit(workflow.Change{Op: proposal(id, k), Events: append(event(workflow.EvProposed), event(workflow.EvAsked)...)})
			at[id]++
		default:
			op := get(t, db, id)
			if step < len(path) {
				op.State = path[step]
				at[id]++
			}
			commit(workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvState)})
			if rnd.IntN(3) == 0 { // progress without an event
				op = get(t, db, id)
				commit(workflow.Change{Op: &op, Expect: op.Version})
			}
		}
	}
}

func testKey(t *testing.T) audit.Key {
	t.Helper()
	k, err := audit.LoadOrCreateKey("", t.TempDir()+"/audit.key")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verify(t *testing.T, l interface {
	audit.Log
	audit.Operations
	audit.FollowUps
}, checkpoint string, k audit.Key) audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), l, audit.Options{Checkpoint: checkpoint, Verifiers: []note.Verifier{k.Verifier()}, Operations: l, FollowUps: l})
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	return r
}

// TestGoodLogsRaiseNoAlarm verifies after every commit, on both databases,
// against every checkpoint published so far in turn.
func TestGoodLogsRaiseNoAlarm(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db, k, rnd := p.open(t), testKey(t), rand.New(rand.NewPCG(1, 2))
		var published []string
		n := 0
		life(t, db, rnd, func() {
			text, err := audit.Signer{Log: db, Key: k}.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			published = append(published, text)
			err = db.View(t.Context(), func(v *store.View) error {
				if r := verify(t, v, published[rnd.IntN(len(published))], k); !r.OK() || r.Checkpoints != 1 {
					t.Errorf("false alarm at %d records: %v", r.Size, r.Problems)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			n++
		})
		t.Logf("%d good logs verified", n)
	})
}

// tampering changes the log as a database's administrator could. seq is the
// first record it concerns, -1 when none can be named. Those that need the
// checkpoint are consistent in themselves.
type tampering struct {
	name       string
	checkpoint bool
	do         func(e *evidence, x *tamperer) (seq int64)
}

// tamperer runs SQL in a transaction that is rolled back afterwards.
type tamperer struct {
	t   *testing.T
	tx  *sql.Tx
	rnd *rand.Rand
}

func (x *tamperer) exec(q string, args ...any) {
	x.t.Helper()
	if _, err := x.tx.ExecContext(x.t.Context(), q, args...); err != nil {
		x.t.Fatalf("%s: %v", q, err)
	}
}

// any is a record other than the last ones, so that a tail is left.
func (x *tamperer) any(e *evidence) int64 { return x.rnd.Int64N(int64(len(e.recs)) - 2) }

// forge is a record's text with another actor: plausible, and never the same.
func (x *tamperer) forge(raw []byte) string {
	return strings.Replace(string(raw), `"user_id":"U1"`, fmt.Sprintf(`"user_id":"U%d"`, 2+x.rnd.IntN(1000)), 1)
}

// rehash recomputes every hash and the head, as one without the key can.
func (x *tamperer) rehash() {
	x.t.Helper()
	rs, err := x.tx.QueryContext(x.t.Context(), `SELECT raw FROM audit_records ORDER BY seq`)
	if err != nil {
		x.t.Fatal(err)
	}
	var raws [][]byte
	for rs.Next() {
		var raw string
		if err := rs.Scan(&raw); err != nil {
			x.t.Fatal(err)
		}
		raws = append(raws, []byte(raw))
	}
	if err := rs.Err(); err != nil {
		x.t.Fatal(err)
	}
	hs, err := audit.Append(0, raws, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, nil }))
	if err != nil {
		x.t.Fatal(err)
	}
	x.exec(`DELETE FROM audit_hash`)
	for i, h := range hs {
		x.exec(`INSERT INTO audit_hash (idx, h) VALUES ($1, $2)`, i, h[:])
	}
	x.exec(`UPDATE audit_head SET size = $1`, len(raws))
}

// shift renumbers the records from seq on.
func (x *tamperer) shift(seq, by int64) {
	x.exec(`UPDATE audit_records SET seq = -seq - 1 WHERE seq >= $1`, seq)
	x.exec(`UPDATE audit_records SET seq = -seq - 1 + $1 WHERE seq < 0`, by)
}

func (x *tamperer) edit(e *evidence) int64 {
	seq := x.any(e)
	x.exec(`UPDATE audit_records SET raw = $2 WHERE seq = $1`, seq, x.forge(e.recs[seq].Raw))
	return seq
}

func (x *tamperer) flip(e *evidence) int64 {
	seq := x.any(e)
	raw := bytes.Clone(e.recs[seq].Raw)
	raw[x.rnd.IntN(len(raw))] ^= 1 << x.rnd.IntN(7)
	x.exec(`UPDATE audit_records SET raw = $2 WHERE seq = $1`, seq, string(raw))
	return seq
}

func (x *tamperer) remove(e *evidence) int64 {
	seq := x.any(e)
	x.exec(`DELETE FROM audit_records WHERE seq = $1`, seq)
	return seq
}

func (x *tamperer) insert(e *evidence) int64 {
	seq := x.any(e)
	x.shift(seq, 1)
	x.exec(`INSERT INTO audit_records (seq, op, n, raw) VALUES ($1, '', 0, $2)`, seq, x.forge(e.recs[0].Raw))
	return seq
}

func (x *tamperer) swap(e *evidence) int64 {
	a, b := x.any(e), x.any(e)
	for bytes.Equal(e.recs[a].Raw, e.recs[b].Raw) {
		b = x.any(e)
	}
	x.exec(`UPDATE audit_records SET raw = $2 WHERE seq = $1`, a, string(e.recs[b].Raw))
	x.exec(`UPDATE audit_records SET raw = $2 WHERE seq = $1`, b, string(e.recs[a].Raw))
	return min(a, b)
}

var tamperingKinds = []tampering{
	{"edit", false, func(e *evidence, x *tamperer) int64 { return x.edit(e) }},
	{"flip a bit", false, func(e *evidence, x *tamperer) int64 { return x.flip(e) }},
	{"delete", false, func(e *evidence, x *tamperer) int64 { return x.remove(e) }},
	{"insert", false, func(e *evidence, x *tamperer) int64 { return x.insert(e) }},
	{"swap", false, func(e *evidence, x *tamperer) int64 { return x.swap(e) }},
	{"edit, rehashed", true, func(e *evidence, x *tamperer) int64 { x.edit(e); x.rehash(); return -1 }},
	{"delete, renumbered, rehashed", true, func(e *evidence, x *tamperer) int64 { x.shift(x.remove(e)+1, -1); x.rehash(); return -1 }},
	{"insert, rehashed", true, func(e *evidence, x *tamperer) int64 { x.insert(e); x.rehash(); return -1 }},
	{"swap, rehashed", true, func(e *evidence, x *tamperer) int64 { x.swap(e); x.rehash(); return -1 }},
	{"truncate, rehashed", true, func(e *evidence, x *tamperer) int64 {
		x.exec(`DELETE FROM audit_records WHERE seq > $1`, x.any(e))
		x.rehash()
		return -1
	}},
	{"append beyond the end", false, func(e *evidence, x *tamperer) int64 {
		n := int64(len(e.recs))
		x.exec(`INSERT INTO audit_records (seq, op, n, raw) VALUES ($1, '', 0, $2)`, n, x.forge(e.recs[0].Raw))
		return n
	}},
	{"change a hash", false, func(e *evidence, x *tamperer) int64 {
		x.exec(`UPDATE audit_hash SET h = $2 WHERE idx = $1`, x.rnd.Int64N(tlog.StoredHashCount(int64(len(e.recs)))), bytes.Repeat([]byte{7}, 32))
		return -1
	}},
	{"delete a hash", false, func(e *evidence, x *tamperer) int64 {
		x.exec(`DELETE FROM audit_hash WHERE idx = $1`, x.rnd.Int64N(tlog.StoredHashCount(int64(len(e.recs)))))
		return -1
	}},
	{"move the head", false, func(e *evidence, x *tamperer) int64 {
		x.exec(`UPDATE audit_head SET size = size + $1`, 1-2*x.rnd.IntN(2))
		return -1
	}},
	{"change an operation's state", false, func(_ *evidence, x *tamperer) int64 {
		x.changeOperation(func(op *workflow.Operation) { op.State = workflow.RefusedOp })
		return -1
	}},
	{"take back an operation's version", false, func(_ *evidence, x *tamperer) int64 {
		x.changeOperation(func(op *workflow.Operation) { op.Version = 0 })
		return -1
	}},
	{"change an operation's event count", false, func(_ *evidence, x *tamperer) int64 {
		x.changeOperation(func(op *workflow.Operation) { op.Events++ })
		return -1
	}},
	{"delete an operation", false, func(_ *evidence, x *tamperer) int64 {
		x.exec(`DELETE FROM operations WHERE id = (SELECT id FROM operations ORDER BY id LIMIT 1)`)
		return -1
	}},
	{"an operation from nowhere", false, func(_ *evidence, x *tamperer) int64 {
		x.exec(`INSERT INTO operations SELECT 'forged', version, state, terminal, 0, 'k', cluster, created_at, events, tick, doc FROM operations LIMIT 1`)
		return -1
	}},
}

// changeOperation rewrites an operation's row and document alike.
func (x *tamperer) changeOperation(f func(*workflow.Operation)) {
	x.t.Helper()
	var op workflow.Operation
	var doc string
	err := x.tx.QueryRowContext(x.t.Context(), `SELECT doc FROM operations ORDER BY id LIMIT 1 OFFSET $1`, x.rnd.IntN(5)).Scan(&doc)
	if err == nil {
		err = json.Unmarshal([]byte(doc), &op)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	f(&op)
	x.exec(`UPDATE operations SET state = $2, version = $3, doc = $4 WHERE id = $1`, op.ID, string(op.State), op.Version, text(x.t, op))
}

func gather(t *testing.T, rnd *rand.Rand) *evidence {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{StateDir: dir, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	life(t, db, rnd, func() {})
	e := &evidence{key: testKey(t)}
	if e.checkpoint, err = (audit.Signer{Log: db, Key: e.key}).Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.recs, err = db.Records(t.Context(), 0, 1<<20); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if e.db, err = sql.Open("sqlite", store.DSN(dir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.db.Close() })
	return e
}

// TestEveryTamperingIsFound changes a real stored log in 1,000 ways.
func TestEveryTamperingIsFound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	e := gather(t, rnd)
	found := map[string]int{}
	for i := range tamperings {
		k := tamperingKinds[i%len(tamperingKinds)]
		tx, err := e.db.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		seq := k.do(e, &tamperer{t, tx, rnd})
		checkpoint := ""
		if k.checkpoint {
			checkpoint = e.checkpoint
		}
		r := verify(t, store.ViewOf(tx), checkpoint, e.key)
		switch {
		case r.OK():
			t.Errorf("%d, %s of record %d: not found", i, k.name, seq)
		case seq >= 0 && r.Problems[0].Seq != seq:
			t.Errorf("%d, %s of record %d: the report begins with %v", i, k.name, seq, r.Problems[0])
		default:
			found[k.name]++
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	// What is left is the log as it was: nothing may be found any more.
	tx, err := e.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // only read
	if r := verify(t, store.ViewOf(tx), e.checkpoint, e.key); !r.OK() || r.Checkpoints != 1 || r.Operations == 0 {
		t.Errorf("the untouched log: %+v", r)
	}
	t.Logf("found of %d: %v", tamperings, found)
}

// TestExportVerifiesAlone proves an export with a checkpoint and a public key only.
func TestExportVerifiesAlone(t *testing.T) {
	e := gather(t, rand.New(rand.NewPCG(5, 6)))
	tx, err := e.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // only read
	var out bytes.Buffer
	if err := audit.WriteJSON(&out, audit.All(t.Context(), store.ViewOf(tx), 0)); err != nil {
		t.Fatal(err)
	}
	public, err := note.NewVerifier(e.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) (audit.Report, error) {
		ex, err := audit.ReadExport(strings.NewReader(text))
		if err != nil {
			return audit.Report{}, err
		}
		return audit.Verify(t.Context(), ex, audit.Options{Checkpoint: e.checkpoint, Verifiers: []note.Verifier{public}})
	}
	if r, err := check(out.String()); err != nil || !r.OK() || r.Checkpoints != 1 || r.Size != int64(len(e.recs)) {
		t.Errorf("the export: %+v, %v", r, err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	for name, bad := range map[string]string{
		"edited": strings.Replace(out.String(), `"user_id":"U1"`, `"user_id":"U9"`, 1),
		"cut":    strings.Join(lines[:len(lines)-3], ""),
		"holed":  strings.Join(append(append([]string{}, lines[:5]...), lines[6:]...), ""),
	} {
		if r, err := check(bad); err == nil && r.OK() {
			t.Errorf("%s export: nothing was found", name)
		}
	}
}
