package bot

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecsbot/store"
	"ecsbot/workflow"

	_ "modernc.org/sqlite" // to tamper with the log behind the store's back
)

// signed returns a checkpoint of the log under dir, as it stands in the audit channel's message.
func signed(t *testing.T, dir string) string {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	signer, err := newSigner(Config{StateDir: dir}, db)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return "```\n" + text + "```"
}

func verify(t *testing.T, dir string, args ...string) (code int, text string) {
	t.Helper()
	var out bytes.Buffer
	code = Main(t.Context(), append([]string{"audit", "verify"}, args...), []string{"STATE_DIR=" + dir}, &out, &out)
	return code, out.String()
}

func TestAuditVerifyFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	draining(t, dir)
	pasted := signed(t, dir)
	file := filepath.Join(t.TempDir(), "checkpoint.txt")
	if err := os.WriteFile(file, []byte(pasted), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{pasted, file} {
		if code, text := verify(t, dir, "--checkpoint", given); code != ExitDone || !strings.Contains(text, "continues the checkpoint") {
			t.Errorf("verify = %d %s, want a whole log that continues the checkpoint", code, text)
		}
	}
	tamper(t, dir, "UPDATE audit_records SET raw = replace(raw, 'proposed', 'approved')")
	if code, text := verify(t, dir); code != ExitRefused || !strings.Contains(text, "CHANGED record 0") {
		t.Errorf("verify of a changed log = %d %s, want %d and record 0 named", code, text, ExitRefused)
	}
}

// A log that was begun anew is whole in itself; only a checkpoint tells that it is another one.
func TestAuditVerifyFindsARewrittenLog(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	draining(t, dir)
	db, err := store.Open(t.Context(), store.Options{StateDir: other})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Commit(t.Context(), workflow.Change{Events: []workflow.Event{{Type: workflow.EvServiceStart}}}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	pasted := signed(t, dir)
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, keyFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := verify(t, other); code != ExitDone {
		t.Fatalf("verify = %d %s", code, text)
	}
	if code, text := verify(t, other, "--checkpoint", pasted); code != ExitRefused {
		t.Errorf("verify against the checkpoint = %d %s, want %d", code, text, ExitRefused)
	}
}

// A verification makes no key: a new one would verify nothing.
func TestAuditVerifyMakesNoKey(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if code, text := verify(t, dir); code != ExitDone {
		t.Fatalf("verify = %d %s", code, text)
	}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
}

func tamper(t *testing.T, dir, statement string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the store's file: %v, %v", files, err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
