package bot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/store"
	"ecsbot/workflow"
)

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"STATE_DIR=" + dir, "AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true"}
	db, err := store.Open(t.Context(), store.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	nowhere := filepath.Join(t.TempDir(), "state")
	elsewhere := []string{"STATE_DIR=" + nowhere}
	const noStore = "no bot has ever served from"
	for name, tt := range map[string]struct {
		args    []string
		environ []string
		code    int
		out     string // part of standard output
		errOut  string // part of standard error
	}{
		"help":               {[]string{"--help"}, environ, ExitDone, "Takes Amazon ECS container instances", ""},
		"help of a command":  {[]string{"plan", "--help"}, environ, ExitDone, "--terminate", ""},
		"version":            {[]string{"version"}, nil, ExitDone, "\n", ""},
		"settings":           {[]string{"config"}, nil, ExitDone, "| `OPERATORS` |", ""},
		"key":                {[]string{"audit", "key"}, nil, ExitDone, "PRIVATE+KEY+", "ecsbot/"},
		"mistyped":           {[]string{"staus"}, environ, ExitUsage, "", "did you mean \"status\""},
		"no target":          {[]string{"plan"}, environ, ExitUsage, "", "target"},
		"no configuration":   {nil, environ, ExitUsage, "", "  - OPERATORS is not set"},
		"check without it":   {[]string{"check"}, environ, ExitUsage, "", "  - SLACK_BOT_TOKEN is not set"},
		"nothing happened":   {[]string{"status"}, environ, ExitDone, "no operations", ""},
		"unknown operation":  {[]string{"status", "nope"}, environ, ExitRefused, "", "there is no operation"},
		"stop of it":         {[]string{"stop", "nope"}, environ, ExitRefused, "", "there is no operation"},
		"empty log":          {[]string{"audit", "verify"}, environ, ExitDone, "0 records", ""},
		"export":             {[]string{"audit", "export", "--format", "csv"}, environ, ExitDone, "seq,", ""},
		"unknown format":     {[]string{"audit", "export", "--format", "xml"}, environ, ExitUsage, "", "jsonl"},
		"no such checkpoint": {[]string{"audit", "verify", "--checkpoint", "/nowhere"}, environ, ExitRefused, "", "no file /nowhere"},
		"status elsewhere":   {[]string{"status"}, elsewhere, ExitFailed, "", noStore},
		"stop elsewhere":     {[]string{"stop", "nope"}, elsewhere, ExitFailed, "", noStore},
		"verify elsewhere":   {[]string{"audit", "verify"}, elsewhere, ExitFailed, "", noStore},
		"export elsewhere":   {[]string{"audit", "export"}, elsewhere, ExitFailed, "", noStore},
		"nobody serves":      {[]string{"healthcheck"}, append(environ, "HTTP_ADDR=127.0.0.1:1"), ExitFailed, "", "/healthz"},
		"nonsense target":    {[]string{"plan", "the-web-server"}, append(environ, "CLUSTERS=arn:aws:ecs:eu-central-1:111122223333:cluster/prod"), ExitRefused, "", "bot: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := Main(t.Context(), tt.args, tt.environ, &out, &errOut)
			if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errOut.String(), tt.errOut) {
				t.Errorf("bot %v = %d, want %d\nout: %s (want %q)\nerr: %s (want %q)", tt.args, code, tt.code, &out, tt.out, &errOut, tt.errOut)
			}
		})
	}
	if _, err := os.Stat(nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking made %s: %v", nowhere, err)
	}
}

// draining puts one running operation into a store under dir.
func draining(t *testing.T, dir string) workflow.Operation {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	target := ecsops.Target{Account: "111122223333", Region: "eu-central-1", Cluster: ecsops.MakeClusterARN("111122223333", "eu-central-1", "prod"),
		Instance: "arn:aws:ecs:eu-central-1:111122223333:container-instance/prod/0123", EC2: "i-0123456789abcdef0"}
	op := workflow.Operation{ID: "abcd2345", State: workflow.Draining, Target: target, Revision: 1, Requester: workflow.Actor{UserID: "U0OTHER"},
		WasStatus: "ACTIVE", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	if err := db.Commit(t.Context(), workflow.Change{Op: &op, Events: []workflow.Event{{Op: op.ID, At: time.Now(), Type: workflow.EvProposed}}}); err != nil {
		t.Fatal(err)
	}
	return op
}

func osUser(t *testing.T) string {
	t.Helper()
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		t.Skipf("this machine does not know its user: %v", err)
	}
	return u.Username
}

// events lists what the log says happened.
func events(t *testing.T, dir string) (list []workflow.Event) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	recs, err := db.Records(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		list = append(list, r.Event)
	}
	return list
}

// TestUserWithoutAName: the image has no user database, and its user can be mapped all the same.
func TestUserWithoutAName(t *testing.T) {
	const nobody = 1<<31 - 7
	name := userName(nobody)
	var m Users
	if err := m.Decode(name + "=U0OPERATOR"); err != nil || m[name] != "U0OPERATOR" {
		t.Errorf("TERMINAL_USERS cannot map %q: %v, %v", name, m, err)
	}
}

func TestStopFromATerminal(t *testing.T) {
	name := osUser(t)
	for what, tt := range map[string]struct {
		environ []string
		code    int
		errOut  string
		event   workflow.EventType
	}{
		"operator, AWS not configured": {[]string{"TERMINAL_USERS=" + name + "=U0OPERATOR", "OPERATORS=U0OPERATOR", "CLUSTERS=prod", "AWS_PROFILE=none"},
			ExitDone, "", workflow.EvStopAsked},
		"operator": {[]string{"TERMINAL_USERS=" + name + "=U0OPERATOR", "OPERATORS=U0OPERATOR"}, ExitDone, "", workflow.EvStopAsked},
		"unmapped": {[]string{"OPERATORS=U0OPERATOR"}, ExitRefused, "refused", workflow.EvRefused},
		"forged":   {[]string{"USER=root", "LOGNAME=alice", "TERMINAL_USERS=alice=U0OPERATOR", "OPERATORS=U0OPERATOR"}, ExitRefused, "refused", workflow.EvRefused},
		"no role":  {[]string{"TERMINAL_USERS=" + name + "=U0OTHER", "OPERATORS=U0OPERATOR"}, ExitRefused, "refused", workflow.EvRefused},
		"in a group that cannot be asked": {[]string{"TERMINAL_USERS=" + name + "=U0OTHER", "OPERATORS=S0ONCALL", "SLACK_API_URL=http://127.0.0.1:1/"},
			ExitRefused, "refused", workflow.EvRefused},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			op := draining(t, dir)
			environ := append([]string{"STATE_DIR=" + dir}, tt.environ...)
			var out, errOut bytes.Buffer
			code := Main(t.Context(), []string{"stop", op.ID}, environ, &out, &errOut)
			if code != tt.code || !strings.Contains(errOut.String(), tt.errOut) {
				t.Fatalf("exit %d, want %d\n%s%s", code, tt.code, &out, &errOut)
			}
			list := events(t, dir)
			last := list[len(list)-1]
			found := false
			for _, ev := range list {
				found = found || ev.Type == tt.event && ev.Actor.Terminal == name
			}
			if !found {
				t.Errorf("no event %s by %s at a terminal; the last is %+v", tt.event, name, last)
			}
			out.Reset()
			if Main(t.Context(), []string{"status"}, environ, &out, io.Discard) != ExitDone || !strings.Contains(out.String(), op.ID) {
				t.Errorf("status does not list the operation: %s", &out)
			}
		})
	}
}

type noClusters struct{ asked int }

func (f *noClusters) Clusters(context.Context) ([]ecsops.ClusterARN, error) {
	f.asked++
	return []ecsops.ClusterARN{"arn:aws:ecs:eu-central-1:999999999999:cluster/stage", "arn:aws:ecs:us-east-1:444455556666:cluster/batch"}, nil
}

func (f *noClusters) Regions() []string { return []string{"eu-central-1"} }

func TestRulesNameEveryClusterByARN(t *testing.T) {
	for name, tt := range map[string]struct {
		clusters string
		want     []string
		asks     int
	}{
		"all": {"*", []string{"*"}, 0},
		"ARNs": {"arn:aws:ecs:eu-central-1:111122223333:cluster/prod 444455556666/us-gov-west-1/batch",
			[]string{"arn:aws:ecs:eu-central-1:111122223333:cluster/prod", "arn:aws-us-gov:ecs:us-gov-west-1:444455556666:cluster/batch"}, 0},
		"bare": {"stage 444455556666/us-east-1/batch",
			[]string{"arn:aws:ecs:eu-central-1:999999999999:cluster/stage", "arn:aws:ecs:us-east-1:444455556666:cluster/batch"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(goodEnviron("CLUSTERS=" + tt.clusters))
			if err != nil {
				t.Fatal(err)
			}
			fleet := &noClusters{}
			got, err := makeRules(t.Context(), cfg, fleet)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got.Clusters, " ") != strings.Join(tt.want, " ") || fleet.asked != tt.asks {
				t.Errorf("clusters %q after asking %d times, want %q after %d", got.Clusters, fleet.asked, tt.want, tt.asks)
			}
			// "*" without Regions would allow nothing: policy denies a Region that is not listed.
			if name == "all" && strings.Join(got.Regions, " ") != "eu-central-1" {
				t.Errorf("the Regions of all clusters are %q", got.Regions)
			}
		})
	}
}

// Until Slack has said who we are, nobody's rights can be checked: the engine must be told so, not that all is well.
func TestLateAuthorityErrs(t *testing.T) {
	v, err := (&lateAuthority{}).Authorize(t.Context(), workflow.Operation{})
	if err == nil || v.Effect == policy.Allow {
		t.Errorf("Authorize = %v, %v; want an error", v, err)
	}
}

// The manifest asks for the scopes that are used, and no more.
func TestManifestScopes(t *testing.T) {
	b, err := os.ReadFile("../manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		OAuth struct {
			Scopes struct{ Bot []string }
		} `yaml:"oauth_config"`
	}
	if err := yaml.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, s := range m.OAuth.Scopes.Bot {
		have[s] = true
	}
	for _, s := range scopes() {
		if !have[s] {
			t.Errorf("the manifest lacks %s", s)
		}
		delete(have, s)
	}
	if len(have) > 0 {
		t.Errorf("the manifest asks for more than is used: %v", have)
	}
}
