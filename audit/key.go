package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// keyPrefix begins the name of every key; the name is the log's origin.
const keyPrefix = "ecsbot/"

// Key signs checkpoints (Ed25519, as a sumdb/note key). Its String is its name:
// the secret does not leave it.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// Public is the verifier key (name+hash+key): give it to whoever shall verify.
func (k Key) Public() string { return k.public }

// Verifier checks this key's signatures.
func (k Key) Verifier() note.Verifier { return k.verifier }

// String is the key's name.
func (k Key) String() string {
	if k.signer == nil {
		return "(no key)"
	}
	return k.signer.Name()
}

// errKey never shows the text: it is a secret.
var errKey = errors.New("AUDIT_KEY is not a signing key (PRIVATE+KEY+name+hash+key, as golang.org/x/mod/sumdb/note makes them)")

// ParseKey reads the text of a signing key.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	signer, err := note.NewSigner(text)
	if err != nil {
		return Key{}, errKey
	}
	// PRIVATE+KEY+<name>+<hash>+<base64 of algorithm and seed>
	parts := strings.SplitN(text, "+", 5)
	if len(parts) != 5 {
		return Key{}, errKey
	}
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return Key{}, errKey
	}
	pub, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return Key{}, errKey
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), pub)
	if err != nil {
		return Key{}, errKey
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return Key{}, errKey
	}
	return Key{signer: signer, verifier: verifier, public: public}, nil
}

// NewKey makes a signing key with a name of its own and returns its text.
func NewKey() (text string, err error) {
	text, _, err = note.GenerateKey(rand.Reader, keyPrefix+strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return "", fmt.Errorf("making a signing key: %w", err)
	}
	return text, nil
}

// LoadOrCreateKey takes the key from text (AUDIT_KEY), or else from the file,
// which it makes, for its owner alone, when it is missing.
func LoadOrCreateKey(text, path string) (Key, error) {
	if text != "" {
		return ParseKey(text)
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(path); err != nil {
			return Key{}, fmt.Errorf("making the audit key: %w", err)
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("reading the audit key: %w", err)
	}
	k, err := ParseKey(string(b))
	if err != nil {
		return Key{}, fmt.Errorf("%s holds no signing key: restore it from a backup, or move it away to begin a new one", path)
	}
	return k, nil
}

// createKey writes the whole key before its name exists, and never over another
// process's key.
func createKey(path string) error {
	text, err := NewKey()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".audit-key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // a temporary name: gone after the rename, or to be thrown away
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
