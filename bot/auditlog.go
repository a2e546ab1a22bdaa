package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"ecsbot/audit"
	"ecsbot/store"
	"ecsbot/words"
)

// OpenLog opens only the store, which must exist, for the audit commands.
func OpenLog(ctx context.Context, cfg Config) (*store.DB, error) {
	return store.Open(ctx, store.Options{URL: cfg.DatabaseURL.Reveal(), StateDir: cfg.StateDir, Existing: true})
}

// NewAuditKey prints a new signing key for AUDIT_KEY, and on errOut the public key that verifies it.
func NewAuditKey(out, errOut io.Writer) error {
	text, err := audit.NewKey()
	if err != nil {
		return err
	}
	key, err := audit.ParseKey(text)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, text)
	_, err2 := fmt.Fprintf(errOut, "The line on standard output is AUDIT_KEY: keep it secret. Who verifies checkpoints needs\n%s\n", key.Public())
	return errors.Join(err, err2)
}

// VerifyAudit recomputes the log and compares the stored operations with it. checkpoint is a signed checkpoint or the name of a
// file that holds one, or ""; publics are verifier keys beside that of the configured signing key.
func VerifyAudit(ctx context.Context, cfg Config, checkpoint string, publics []string, out io.Writer) error {
	o, err := verifyOptions(cfg, checkpoint, publics)
	if err != nil {
		return err
	}
	db, err := OpenLog(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	var report audit.Report
	err = db.View(ctx, func(v *store.View) (err error) {
		o.Operations, o.FollowUps = v, v
		report, err = audit.Verify(ctx, v, o)
		return err
	})
	if err != nil {
		return fmt.Errorf("verifying the audit log: %w", err)
	}
	return printReport(report, o.Checkpoint != "", out)
}

func verifyOptions(cfg Config, checkpoint string, publics []string) (audit.Options, error) {
	var o audit.Options
	for _, p := range publics {
		v, err := note.NewVerifier(p)
		if err != nil {
			return o, fmt.Errorf("%w: %q is no verifier key (name+hash+key)", ErrRefused, p)
		}
		o.Verifiers = append(o.Verifiers, v)
	}
	// The key is not made here: a new one verifies nothing.
	if _, err := os.Stat(keyPath(cfg)); cfg.AuditKey.Set() || err == nil {
		key, err := audit.LoadOrCreateKey(cfg.AuditKey.Reveal(), keyPath(cfg))
		if err != nil {
			return o, err
		}
		o.Verifiers = append(o.Verifiers, key.Verifier())
	}
	if checkpoint == "" {
		return o, nil
	}
	o.Checkpoint = checkpoint
	if b, err := os.ReadFile(checkpoint); err == nil {
		o.Checkpoint = string(b)
	} else if !strings.Contains(checkpoint, "\n") && !errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("reading the checkpoint: %w", err)
	} else if !strings.Contains(checkpoint, "\n") {
		return o, fmt.Errorf("%w: there is no file %s, and a checkpoint has several lines", ErrRefused, checkpoint)
	}
	return o, nil
}

func printReport(r audit.Report, against bool, out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, root %s; %s agree, %s compared, %s too.\n", words.Count(int(r.Size), "record"), r.Root,
		words.Count(r.Checkpoints, "signed checkpoint"), words.Count(r.Operations, "operation"), words.Count(r.FollowUps, "follow-up"))
	if r.Unchecked > 0 {
		fmt.Fprintf(&b, "%s by keys that were not given: not checked.\n", words.Count(r.Unchecked, "checkpoint"))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "CHANGED %s\n", p)
	}
	switch {
	case r.OK() && against:
		b.WriteString("The log is whole and continues the checkpoint.\n")
	case r.OK():
		b.WriteString("The log is whole. That it was not rewritten as a whole only a checkpoint from the audit channel can prove (--checkpoint).\n")
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("%w: the audit log was changed (%s)", ErrRefused, words.Count(r.Found, "proof"))
	}
	return nil
}

// ExportAudit writes the whole log in order, as "jsonl" or "csv".
func ExportAudit(ctx context.Context, cfg Config, format string, out io.Writer) error {
	write := audit.WriteJSON
	if format == "csv" {
		write = audit.WriteCSV
	}
	db, err := OpenLog(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.View(ctx, func(v *store.View) error { return write(out, audit.All(ctx, v, 0)) })
	if err != nil {
		return fmt.Errorf("exporting the audit log: %w", err)
	}
	return nil
}
