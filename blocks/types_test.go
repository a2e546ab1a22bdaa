package blocks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every golden message compiles against Slack's own types (@slack/types), which
// know fields and enums that Check does not look at. The compiler is installed
// once, from the committed lock file, into the user's cache.
func TestGoldenFilesAgainstSlackTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("needs npm")
	}
	home := installTypes(t)
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(home, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "golden.ts"), typescript(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(t, dir, "golden.ts"); err != nil {
		t.Errorf("the golden messages are not what @slack/types takes: %v\n%s", err, out)
	}
	// The compiler must be able to say no.
	wrong := "import type { KnownBlock } from \"@slack/types\";\nexport const b: KnownBlock[] = [{\"type\": \"header\", \"text\": {\"type\": \"mrkdwn\", \"text\": \"x\"}}];\n"
	if err := os.WriteFile(filepath.Join(dir, "wrong.ts"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(t, dir, "wrong.ts"); err == nil {
		t.Errorf("a header of mrkdwn compiles: %s", out)
	}
}

// installTypes returns a folder with node_modules for the committed lock file.
func installTypes(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile("testdata/slacktypes/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("testdata/slacktypes/package.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(lock, manifest...))
	home := filepath.Join(cache, "ecsbot", "slacktypes", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(home, "installed")); err == nil {
		return home
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
		if err := os.WriteFile(filepath.Join(home, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, home, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	if err := os.WriteFile(filepath.Join(home, "installed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func compile(t *testing.T, dir, file string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", file)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// typescript writes every message and modal as a typed constant.
func typescript(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("import type { KnownBlock, ModalView } from \"@slack/types\";\n")
	for name, m := range messages() {
		raw, err := plainJSON(m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "export const %s: KnownBlock[] = %s;\n", name, raw)
	}
	for name, v := range modals() {
		raw, err := plainJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "export const %s: ModalView = %s;\n", name, raw)
	}
	return b.Bytes()
}
