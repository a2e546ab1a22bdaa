package page_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ecsbot/sim/page"
)

// TestTheBundleIsOfThisSource: web/build.mjs writes into the bundle from which
// source it was built. Needs no Node.
func TestTheBundleIsOfThisSource(t *testing.T) {
	recorded, err := fs.ReadFile(page.Embedded(), "source.sha256")
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"package.json", "package-lock.json", "build.mjs", "tsconfig.json"}
	err = filepath.WalkDir("web/src", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, strings.TrimPrefix(filepath.ToSlash(path), "web/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	sum := sha256.New()
	for _, path := range paths {
		raw, err := os.ReadFile(filepath.Join("web", filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write([]byte(path + "\x00"))
		sum.Write(raw)
		sum.Write([]byte{0})
	}
	if got, want := hex.EncodeToString(sum.Sum(nil)), strings.TrimSpace(string(recorded)); got != want {
		t.Errorf("the bundle in web/dist was built from another source than web/src (%s, now %s): run make page", want, got)
	}
}

// TestTheBundleIsWhole: what the page names is there, and none of it comes from elsewhere.
func TestTheBundleIsWhole(t *testing.T) {
	index, err := fs.ReadFile(page.Embedded(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	html := string(index)
	if strings.Contains(html, "http://") || strings.Contains(html, "https://") || strings.Contains(html, "<script>") || strings.Contains(html, " onload=") {
		t.Errorf("the page would be stopped by its own policy:\n%s", html)
	}
	named := 0
	for _, attribute := range []string{`src="`, `href="`} {
		for _, part := range strings.Split(html, attribute)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			named++
			if _, err := fs.Stat(page.Embedded(), strings.TrimPrefix(strings.TrimPrefix(name, "."), "/")); err != nil {
				t.Errorf("the page names %s: %v", name, err)
			}
		}
	}
	if named < 2 {
		t.Errorf("the page names %d files", named)
	}
}
