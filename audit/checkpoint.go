package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says what the log was at one size. Published where the log's
// keeper cannot change it, it is what makes truncation and rewriting visible.
type Checkpoint struct {
	Origin string // the signing key's name
	Size   int64
	Root   tlog.Hash
}

// Sign returns the checkpoint as a signed note.
func (k Key) Sign(size int64, root tlog.Hash) (string, error) {
	if k.signer == nil {
		return "", errors.New("signing a checkpoint: no key")
	}
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", k.signer.Name(), size, root)}, k.signer)
	if err != nil {
		return "", fmt.Errorf("signing a checkpoint: %w", err)
	}
	return string(msg), nil
}

// ErrUnknownKey is wrapped by ParseCheckpoint when the signature is by none of
// the verifiers: nothing can be said about it.
var ErrUnknownKey = errors.New("signed by a key that was not given")

// ParseCheckpoint checks a signed checkpoint. It forgives what copying from a
// chat message does to one: code fences, changed dashes, line ends, lost blanks.
func ParseCheckpoint(text string, verifiers ...note.Verifier) (Checkpoint, error) {
	n, err := note.Open([]byte(unpaste(text)), note.VerifierList(verifiers...))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: %w", ErrUnknownKey)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("reading a checkpoint: it is signed, but it is no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: size %q is no number", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: root %q is no hash", lines[2])
	}
	if lines[0] != n.Sigs[0].Name {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: origin %q, but signed by %q", lines[0], n.Sigs[0].Name)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

func unpaste(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Trim(text, "` \n\t\u00a0")
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Trim(line, " \t\u00a0")
		for _, dash := range []string{"--- ", "-- ", "- ", "– "} {
			if rest, ok := strings.CutPrefix(line, dash); ok {
				line = "— " + rest
				break
			}
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// Signer makes checkpoints of a whole log.
type Signer struct {
	Log Log
	Key Key
}

// Checkpoint signs the log as it is now.
func (s Signer) Checkpoint(ctx context.Context) (string, error) {
	size, err := s.Log.LogSize(ctx)
	if err != nil {
		return "", err
	}
	root, err := Root(ctx, s.Log, size)
	if err != nil {
		return "", err
	}
	return s.Key.Sign(size, root)
}
