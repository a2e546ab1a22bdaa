package bot

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type appManifest struct {
	Metadata struct {
		Major int `yaml:"major_version"`
		Minor int `yaml:"minor_version"`
	} `yaml:"_metadata"`
	Display struct {
		Name             string `yaml:"name"`
		Description      string `yaml:"description"`
		LongDescription  string `yaml:"long_description"`
		BackgroundColour string `yaml:"background_color"`
	} `yaml:"display_information"`
	Features struct {
		BotUser struct {
			DisplayName  string `yaml:"display_name"`
			AlwaysOnline bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		SlashCommands []struct {
			Command      string `yaml:"command"`
			Description  string `yaml:"description"`
			UsageHint    string `yaml:"usage_hint"`
			ShouldEscape bool   `yaml:"should_escape"`
		} `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Interactivity struct {
			Enabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		OrgDeploy     bool `yaml:"org_deploy_enabled"`
		SocketMode    bool `yaml:"socket_mode_enabled"`
		TokenRotation bool `yaml:"token_rotation_enabled"`
	} `yaml:"settings"`
}

func manifestOf(t *testing.T, text []byte) (appManifest, error) {
	t.Helper()
	var m appManifest
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	err := dec.Decode(&m)
	return m, err
}

// manifestProblems checks what Slack's manifest schema 1 (slackapi/manifest-schema) asks of the parts that we use. Unknown keys
// are refused by the decoder.
func manifestProblems(m appManifest) []string {
	var out []string
	length := func(what, text string, least, most int) {
		if n := len([]rune(text)); n < least || n > most {
			out = append(out, fmt.Sprintf("%s has %d characters, not %d to %d", what, n, least, most))
		}
	}
	match := func(what, text, pattern string) {
		if !regexp.MustCompile(pattern).MatchString(text) {
			out = append(out, fmt.Sprintf("%s is %q", what, text))
		}
	}
	if m.Metadata.Major != 1 {
		out = append(out, fmt.Sprintf("major version %d, and these are the rules of 1", m.Metadata.Major))
	}
	length("display_information.name", m.Display.Name, 1, 35)
	length("display_information.description", m.Display.Description, 1, 140)
	length("display_information.long_description", m.Display.LongDescription, 175, 4000)
	match("display_information.background_color", m.Display.BackgroundColour, `^#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$`)
	length("bot_user.display_name", m.Features.BotUser.DisplayName, 1, 80)
	match("bot_user.display_name", m.Features.BotUser.DisplayName, `^[a-z0-9._-]+$`)
	if len(m.Features.SlashCommands) != 1 || m.Features.SlashCommands[0].Command != "/ecs" {
		out = append(out, "the slash commands are not /ecs alone")
	}
	for _, c := range m.Features.SlashCommands {
		length("slash command", c.Command, 2, 32)
		length("slash command description", c.Description, 1, 2000)
		length("slash command usage_hint", c.UsageHint, 0, 1000)
		if c.ShouldEscape {
			out = append(out, "should_escape would turn what people paste into <…> links")
		}
	}
	if scopes := m.OAuth.Scopes.Bot; len(scopes) > 255 || len(slices.Compact(slices.Sorted(slices.Values(scopes)))) != len(scopes) {
		out = append(out, "scopes are repeated or too many")
	}
	if !m.Settings.SocketMode || !m.Settings.Interactivity.Enabled {
		out = append(out, "Socket Mode and interactivity must be on")
	}
	if m.Settings.TokenRotation {
		out = append(out, "token rotation is on, and nothing refreshes tokens")
	}
	return out
}

func TestManifest(t *testing.T) {
	m, err := manifestOf(t, read(t, "../manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range manifestProblems(m) {
		t.Error(p)
	}
	if _, err := manifestOf(t, []byte("features:\n  botuser: {}\n")); err == nil {
		t.Error("an unknown key passes")
	}
	m.Display.Name, m.Settings.SocketMode = strings.Repeat("x", 36), false
	if got := manifestProblems(m); len(got) != 2 {
		t.Errorf("two faults put in, found %q", got)
	}
}

// dockerfile is the instructions of the last stage, by word.
func dockerfile(text string) map[string][]string {
	text = regexp.MustCompile(`\\\n`).ReplaceAllString(text, " ")
	out := map[string][]string{}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if word == "FROM" {
			out = map[string][]string{}
		}
		out[word] = append(out[word], strings.TrimSpace(rest))
	}
	return out
}

func imageProblems(text string) []string {
	var out []string
	last := dockerfile(text)
	one := func(word, pattern, why string) {
		if got := last[word]; len(got) != 1 || !regexp.MustCompile(pattern).MatchString(got[0]) {
			out = append(out, fmt.Sprintf("%s %q: %s", word, got, why))
		}
	}
	one("FROM", `^scratch$`, "nothing but the binary may be in the image")
	one("USER", `^[1-9][0-9]*:[1-9][0-9]*$`, "a number that is not root, as Kubernetes' runAsNonRoot wants")
	one("HEALTHCHECK", `CMD \["/bot", "healthcheck"\]$`, "there is no shell: the binary checks itself")
	one("ENTRYPOINT", `^\["/bot"\]$`, "there is no shell")
	one("VOLUME", `^/var/lib/ecsbot$`, "the only place that is written")
	if len(last["RUN"]) > 0 || len(last["ADD"]) > 0 || len(last["CMD"]) > 0 {
		out = append(out, "RUN, ADD or CMD in the last stage")
	}
	for _, c := range last["COPY"] {
		if !strings.HasPrefix(c, "--from=build ") {
			out = append(out, "COPY "+c+": only what was built")
		}
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "go mod verify"} {
		if !strings.Contains(text, want) {
			out = append(out, want+" is missing")
		}
	}
	return out
}

func TestImage(t *testing.T) {
	text := string(read(t, "../Dockerfile"))
	for _, p := range imageProblems(text) {
		t.Error(p)
	}
	for _, r := range [][2]string{{"USER 65532:65532", "USER root"}, {"FROM scratch", "FROM alpine"},
		{`CMD ["/bot", "healthcheck"]`, "CMD curl localhost"}, {"CGO_ENABLED=0 ", ""}} {
		if len(imageProblems(strings.ReplaceAll(text, r[0], r[1]))) != 1 {
			t.Errorf("%q in place of %q is not found", r[1], r[0])
		}
	}
	goVersion := regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+)`).FindStringSubmatch(text)
	if mod := string(read(t, "../go.mod")); goVersion == nil || !strings.Contains(mod, "\ngo "+goVersion[1]+".") {
		t.Errorf("the image builds with Go %q, go.mod says otherwise", goVersion)
	}
}

// TestBinaryIsStaticAndReproducible builds the image's binary in two folders.
func TestBinaryIsStaticAndReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary twice: make test")
	}
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	copySources(t, repo, copied)
	var sums []string
	for i, dir := range []string{repo, copied} {
		bin := filepath.Join(t.TempDir(), fmt.Sprintf("bot%d", i))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin, "./cmd/bot")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building in %s: %v\n%s", dir, err, out)
		}
		content := read(t, bin)
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(content)))
		if bytes.Contains(content, []byte(dir)) {
			t.Errorf("the binary names the folder %s", dir)
		}
		if i == 0 {
			checkStatic(t, bin)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("built in two folders, the binaries differ: %v", sums)
	}
}

// copySources copies what git would: everything but git's own folder and what is built.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	for _, top := range []string{"go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(to, top), read(t, filepath.Join(from, top)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "node_modules" || name == "tools" || strings.HasPrefix(name, ".") && p != from) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(from, p)
		if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
			return err
		}
		if ext := filepath.Ext(p); ext != ".go" && ext != ".sql" && ext != ".txt" && ext != ".json" && ext != ".yaml" {
			return nil
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(rel)), 0o700); err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkStatic(t *testing.T, bin string) {
	t.Helper()
	f, err := elf.Open(bin)
	if err != nil {
		t.Skipf("no ELF binary here: %v", err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is linked dynamically (%s): scratch has no loader", p.Type)
		}
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			t.Errorf("%s is replaced by %s", d.Path, d.Replace.Path)
		}
	}
	if info.Path != "ecsbot/cmd/bot" {
		t.Errorf("the binary is %s", info.Path)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
