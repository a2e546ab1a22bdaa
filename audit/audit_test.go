package audit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/audit"
	"ecsbot/workflow"
)

func newKey(t *testing.T) (string, audit.Key) {
	t.Helper()
	text, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := audit.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

func TestKeyFileIsMadeOnceForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	names := make([]string, 8)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			k, err := audit.LoadOrCreateKey("", path)
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}
			names[i] = k.Public()
		})
	}
	wg.Wait()
	for _, n := range names {
		if n != names[0] {
			t.Errorf("two starts at once have keys %q and %q", names[0], n)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".audit-key-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestKeyFromText(t *testing.T) {
	secret, want := newKey(t)
	got, err := audit.LoadOrCreateKey(" "+secret+"\n", "/nonexistent/key")
	if err != nil || got.Public() != want.Public() {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"hunter2", secret[:len(secret)-4], strings.Replace(secret, "PRIVATE", "PUBLIC", 1), want.Public()} {
		_, err := audit.ParseKey(bad)
		if err == nil {
			t.Errorf("%.12s… was taken for a key", bad)
		} else if strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	path := filepath.Join(t.TempDir(), "audit.key")
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LoadOrCreateKey("", path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken key file: %v", err)
	}
}

func TestCheckpoint(t *testing.T) {
	_, k := newKey(t)
	_, other := newKey(t)
	root := tlog.RecordHash([]byte("r"))
	signed, err := k.Sign(42, root)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Checkpoint{Origin: k.String(), Size: 42, Root: root}
	for name, text := range map[string]string{
		"as signed":      signed,
		"code block":     "```\n" + signed + "```",
		"no last line":   strings.TrimSpace(signed),
		"windows":        strings.ReplaceAll(signed, "\n", "\r\n"),
		"dashes changed": strings.ReplaceAll(signed, "— ", "-- "),
		"indented":       "  " + strings.ReplaceAll(signed, "\n", "\n  "),
	} {
		if got, err := audit.ParseCheckpoint(text, k.Verifier()); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := audit.ParseCheckpoint(signed, other.Verifier()); !errors.Is(err, audit.ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
	if _, err := audit.ParseCheckpoint(strings.Replace(signed, "\n42\n", "\n41\n", 1), k.Verifier()); err == nil {
		t.Error("a changed size was taken")
	}
	for _, bad := range []string{"", "hello", "a\nb\nc\n"} {
		if _, err := audit.ParseCheckpoint(bad, k.Verifier()); err == nil {
			t.Errorf("%q was taken for a checkpoint", bad)
		}
	}
}

// export makes a log of events, as Log.
func export(t *testing.T, events ...workflow.Event) *audit.Export {
	t.Helper()
	var b bytes.Buffer
	if err := audit.WriteJSON(&b, records(t, events...)); err != nil {
		t.Fatal(err)
	}
	e, err := audit.ReadExport(&b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func records(t *testing.T, events ...workflow.Event) iter.Seq2[audit.Record, error] {
	t.Helper()
	return func(yield func(audit.Record, error) bool) {
		for i, ev := range events {
			raw, err := json.Marshal(ev)
			if err != nil {
				t.Fatal(err)
			}
			if !yield(audit.Record{Seq: int64(i), Raw: raw, Event: ev}, nil) {
				return
			}
		}
	}
}

// TestAppendIsTlog: hashes are those of tlog, whatever the batches.
func TestAppendIsTlog(t *testing.T) {
	var one []tlog.Hash
	var raws [][]byte
	reader := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		hs := make([]tlog.Hash, len(idx))
		for k, i := range idx {
			hs[k] = one[i]
		}
		return hs, nil
	})
	for n := range int64(200) {
		raw := []byte{byte(n), byte(n >> 8)}
		raws = append(raws, raw)
		hs, err := tlog.StoredHashes(n, raw, reader)
		if err != nil {
			t.Fatal(err)
		}
		one = append(one, hs...)
	}
	for _, cut := range []int64{0, 1, 7, 8, 100, 199} {
		got, err := audit.Append(cut, raws[cut:], reader)
		if err != nil {
			t.Fatal(err)
		}
		want := one[tlog.StoredHashCount(cut):]
		if len(got) != len(want) {
			t.Fatalf("from %d: %d hashes, want %d", cut, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("from %d: hash %d differs", cut, i)
			}
		}
	}
}

// TestFold: what the events of one operation may not say.
func TestFold(t *testing.T) {
	ev := func(n int, s workflow.State, version int64) workflow.Event {
		return workflow.Event{Op: "op1", N: n, State: s, Version: version, Type: workflow.EvState}
	}
	for name, row := range map[string]struct {
		events []workflow.Event
		bad    int64 // -1: good
	}{
		"good":            {[]workflow.Event{ev(1, "proposed", 1), ev(2, "", 1), ev(3, "done", 5)}, -1},
		"told after":      {[]workflow.Event{ev(1, "done", 1), {Op: "op1", Type: workflow.EvRefused}, ev(2, "done", 2)}, -1},
		"number left out": {[]workflow.Event{ev(1, "proposed", 1), ev(3, "done", 2)}, 1},
		"number twice":    {[]workflow.Event{ev(1, "proposed", 1), ev(1, "done", 2)}, 1},
		"version back":    {[]workflow.Event{ev(1, "proposed", 2), ev(2, "done", 1)}, 1},
		"back to life":    {[]workflow.Event{ev(1, "done", 1), ev(2, "draining", 2)}, 1},
	} {
		r, err := audit.Verify(t.Context(), export(t, row.events...), audit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if row.bad < 0 != r.OK() || !r.OK() && r.Problems[0].Seq != row.bad {
			t.Errorf("%s: %v", name, r.Problems)
		}
	}
}

// TestCheckpointsInsideTheLog narrow the search, and unknown keys are said.
func TestCheckpointsInsideTheLog(t *testing.T) {
	_, k := newKey(t)
	_, old := newKey(t)
	sign := func(k audit.Key, events []workflow.Event) workflow.Event {
		text, err := audit.Signer{Log: export(t, events...), Key: k}.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return workflow.Event{Type: workflow.EvCheckpoint, Detail: text}
	}
	var events []workflow.Event
	for i := range 9 {
		if i%3 == 2 {
			signer := k
			if i == 2 {
				signer = old
			}
			events = append(events, sign(signer, events))
			continue
		}
		events = append(events, workflow.Event{Type: workflow.EvServiceStart, Detail: string(rune('a' + i))})
	}
	opts := audit.Options{Verifiers: []note.Verifier{k.Verifier()}}
	r, err := audit.Verify(t.Context(), export(t, events...), opts)
	if err != nil || !r.OK() || r.Checkpoints != 2 || r.Unchecked != 1 {
		t.Errorf("good: %+v, %v", r, err)
	}
	events[6].Detail = "forged"
	r, err = audit.Verify(t.Context(), export(t, events...), opts)
	if err != nil || r.OK() || r.Problems[0].Seq != 5 {
		t.Errorf("record 6 changed, rehashed: %v, %v; the last good checkpoint is of 5 records", r.Problems, err)
	}
}

// broken is a log that cannot be read: an error, never a finding.
type broken struct{ *audit.Export }

var errDisk = errors.New("disk on fire")

func (broken) Records(context.Context, int64, int) ([]audit.Record, error) { return nil, errDisk }

func TestUnreadableIsNoFinding(t *testing.T) {
	if _, err := audit.Verify(t.Context(), broken{export(t)}, audit.Options{}); !errors.Is(err, errDisk) {
		t.Errorf("verifying: %v", err)
	}
	for _, err := range audit.All(t.Context(), broken{export(t)}, 0) {
		if !errors.Is(err, errDisk) {
			t.Errorf("reading: %v", err)
		}
	}
}

func TestCSVIsNoFormula(t *testing.T) {
	for _, evil := range []string{`=cmd|' /C calc'!A0`, "+1", "-2", "@SUM(A1)", "\t=1", "a,\"b\"\n=c"} {
		var b bytes.Buffer
		at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		if err := audit.WriteCSV(&b, records(t, workflow.Event{Type: workflow.EvProposed, At: at, Reason: evil})); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q: %d rows, %v", evil, len(rows), err)
		}
		for i, cell := range rows[1] {
			if cell != "" && strings.ContainsRune("=+-@\t", rune(cell[0])) {
				t.Errorf("column %s begins like a formula: %q", rows[0][i], cell)
			}
		}
		if !strings.Contains(strings.Join(rows[1], "|"), evil) {
			t.Errorf("%q is not in the row %q", evil, rows[1])
		}
	}
}
