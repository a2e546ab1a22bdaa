package bot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// goodEnviron is a complete configuration; with replaces or adds variables, and "NAME" alone removes one.
func goodEnviron(with ...string) []string {
	env := map[string]string{
		"SLACK_BOT_TOKEN": "xoxb-1-bot", "SLACK_APP_TOKEN": "xapp-1-app", "AUDIT_CHANNEL": "C0AUDIT",
		"OPERATORS": "U0OPERATOR", "APPROVERS": "U0APPROVER,S0ONCALL", "CHANNELS": "C0OPS",
		"CLUSTERS": "arn:aws:ecs:eu-central-1:111122223333:cluster/prod 444455556666/us-east-1/batch stage",
		"HOME":     "/home/ops", "PATH": "/bin", "GOFLAGS": "-mod=mod", "AWS_REGION": "eu-central-1",
	}
	for _, kv := range with {
		name, value, ok := strings.Cut(kv, "=")
		if ok {
			env[name] = value
		} else {
			delete(env, name)
		}
	}
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return environ
}

func TestLoadReadsEverything(t *testing.T) {
	cfg, err := Load(goodEnviron(
		"ROLES=arn:aws:iam::444455556666:role/ops/ecsbot", "REGIONS=eu-central-1, us-east-1", "TERMINAL_USERS=alice=U0OPERATOR,bob=W0BOB",
		"POLL_INTERVAL=2s", "PLAN_BLOCK=true", "LOG_LEVEL=debug", "HTTP_ADDR=:9000", "SLACK_API_URL=http://127.0.0.1:4040/api"))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		SlackBotToken: NewSecret("xoxb-1-bot"), SlackAppToken: NewSecret("xapp-1-app"), SlackAPIURL: "http://127.0.0.1:4040/api/",
		AuditChannel: "C0AUDIT", StateDir: "/home/ops/.local/state/ecsbot", Operators: People{"U0OPERATOR"},
		Approvers: People{"U0APPROVER", "S0ONCALL"}, Channels: Channels{"C0OPS"},
		Clusters: Clusters{Refs: []ClusterRef{
			{"111122223333", "eu-central-1", "prod"}, {"444455556666", "us-east-1", "batch"}, {Name: "stage"}}},
		Roles: Roles{"arn:aws:iam::444455556666:role/ops/ecsbot"}, Regions: Regions{"eu-central-1", "us-east-1"},
		HostDocument: "ecsbot-host-look", HTTPAddr: ":9000", LogLevel: zerolog.DebugLevel, PollInterval: 2 * time.Second, ProposalTTL: 15 * time.Minute,
		DrainDeadline: 30 * time.Minute, PlanBlock: true, TerminalUsers: Users{"alice": "U0OPERATOR", "bob": "W0BOB"},
		Warnings: []string{"SLACK_API_URL is not Slack's own: the tokens are sent to http://127.0.0.1:4040/api/"},
	}
	if diff := cmp.Diff(want, cfg, cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		with []string
		want []string // each must be a part of some problem
	}{
		"missing": {[]string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "AUDIT_CHANNEL", "OPERATORS", "CLUSTERS", "CHANNELS"}, []string{
			"SLACK_BOT_TOKEN is not set", "SLACK_APP_TOKEN is not set", "AUDIT_CHANNEL is not set", "OPERATORS is not set",
			"CLUSTERS is not set", "CHANNELS is not set"}},
		"empty is unset":        {[]string{"OPERATORS=  "}, []string{"OPERATORS is not set"}},
		"swapped tokens":        {[]string{"SLACK_BOT_TOKEN=xapp-9"}, []string{"SLACK_BOT_TOKEN does not start with xoxb-"}},
		"channel name":          {[]string{"AUDIT_CHANNEL=#ecs-audit"}, []string{"AUDIT_CHANNEL is"}},
		"everybody":             {[]string{"OPERATORS=*"}, []string{`OPERATORS "*" is not accepted for people`}},
		"names of people":       {[]string{"APPROVERS=alice,@bob"}, []string{`"alice" is no Slack user id`, `"@bob" is no Slack user id`}},
		"star and others":       {[]string{"CHANNELS=*,C0OPS", "CLUSTERS=* prod"}, []string{"CHANNELS \"*\" means all", "CLUSTERS \"*\" means all"}},
		"service ARN":           {[]string{"CLUSTERS=arn:aws:ecs:eu-central-1:111122223333:service/prod/web"}, []string{"is no cluster ARN"}},
		"half a path":           {[]string{"CLUSTERS=eu-central-1/prod"}, []string{"is no cluster"}},
		"all, but where":        {[]string{"CLUSTERS=*", "AWS_REGION"}, []string{"neither REGIONS nor AWS_REGION"}},
		"two roles":             {[]string{"ROLES=arn:aws:iam::111122223333:role/a arn:aws:iam::111122223333:role/b"}, []string{"account 111122223333 has two roles"}},
		"user ARN":              {[]string{"ROLES=arn:aws:iam::111122223333:user/a"}, []string{"is no role ARN"}},
		"zone for Region":       {[]string{"REGIONS=eu-central-1a"}, []string{"is no AWS Region"}},
		"clear text":            {[]string{"SLACK_API_URL=http://slack.example.com/api/"}, []string{"unencrypted"}},
		"no URL":                {[]string{"SLACK_API_URL=slack"}, []string{"is no URL"}},
		"address":               {[]string{"HTTP_ADDR=8080"}, []string{"HTTP_ADDR \"8080\" is no address"}},
		"port":                  {[]string{"HTTP_ADDR=:99999"}, []string{"is no port"}},
		"duration":              {[]string{"POLL_INTERVAL=ten"}, []string{`POLL_INTERVAL is "ten", which is no duration`}},
		"too often":             {[]string{"POLL_INTERVAL=1ms"}, []string{"POLL_INTERVAL 1ms is outside 1s to 5m"}},
		"bool":                  {[]string{"PLAN_BLOCK=ja"}, []string{"write true or false"}},
		"level":                 {[]string{"LOG_LEVEL=loud"}, []string{"LOG_LEVEL is"}},
		"looking at hosts":      {[]string{"HOST_LOOK=yes"}, []string{`"yes" is none of off, ssm`}},
		"AWS's own document":    {[]string{"HOST_LOOK_DOCUMENT=AWS-RunShellScript"}, []string{"is a document of AWS's, which could run anything"}},
		"terminal user":         {[]string{"TERMINAL_USERS=alice,bob=S0ONCALL,c=U01,c=U02"}, []string{`"alice" is not NAME=ID`, `"S0ONCALL" is no Slack user id`, "c is mapped to both"}},
		"MySQL":                 {[]string{"DATABASE_URL=mysql://x", "AUDIT_KEY=k"}, []string{"must start with postgres://"}},
		"replicas without key":  {[]string{"DATABASE_URL=postgres://db/x"}, []string{"AUDIT_KEY is not set, but DATABASE_URL is"}},
		"misspelt database":     {[]string{"DATABASE_ULR=postgres://db/x"}, []string{"Did you mean DATABASE_URL?"}},
		"misspelt audit key":    {[]string{"AUDIT_KEI=x"}, []string{"Did you mean AUDIT_KEY?"}},
		"both forms":            {[]string{"AUDIT_KEY=k", "AUDIT_KEY_FILE=/nowhere"}, []string{"both set"}},
		"file that is not":      {[]string{"SLACK_BOT_TOKEN", "SLACK_BOT_TOKEN_FILE=/nowhere/token"}, []string{"SLACK_BOT_TOKEN_FILE cannot be read"}},
		"nowhere to keep state": {[]string{"HOME"}, []string{"STATE_DIR is not set"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Load(goodEnviron(tt.with...))
			ce, ok := errors.AsType[*ConfigError](err)
			if !ok {
				t.Fatalf("Load(%v) = %v, want a ConfigError", tt.with, err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("no problem says %q:\n%v", w, err)
				}
			}
			if len(ce.Problems) > len(tt.want) {
				t.Errorf("more problems than expected: %q", ce.Problems)
			}
		})
	}
}

func TestLoadLeavesForeignVariablesAlone(t *testing.T) {
	cfg, err := Load(goodEnviron("REGION=x", "ROLE=x", "RULES=x", "STATIC_DIR=/x", "CHANNEL=x", "LC_ALL=C", "SLACK_TOKEN=x", "HTTP_PROXY=http://p"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"REGION is set, which nothing reads; REGIONS is not set", "ROLE is set, which nothing reads; ROLES is not set",
		"RULES is set, which nothing reads; ROLES is not set"}
	if diff := cmp.Diff(want, cfg.Warnings); diff != "" {
		t.Errorf("warnings (-want +got)\n%s", diff)
	}
}

func TestTerminalNeedsNoSlack(t *testing.T) {
	if _, err := LoadFor(Terminal, []string{"STATE_DIR=/var/lib/ecsbot"}); err != nil {
		t.Fatal(err)
	}
	_, err := LoadFor(Terminal, []string{"STATE_DIR=/var/lib/ecsbot", "POLL_INTERVAL=x"})
	if err == nil {
		t.Error("a malformed value passed")
	}
}

func TestStateDir(t *testing.T) {
	for want, environ := range map[string][]string{
		"/a":                     {"STATE_DIR=/a", "STATE_DIRECTORY=/b", "HOME=/h"},
		"/b":                     {"STATE_DIRECTORY=/b:/c", "XDG_STATE_HOME=/x", "HOME=/h"},
		"/x/ecsbot":              {"XDG_STATE_HOME=/x", "HOME=/h"},
		"/h/.local/state/ecsbot": {"HOME=/h"},
	} {
		cfg, err := LoadFor(Terminal, environ)
		if err != nil || cfg.StateDir != want {
			t.Errorf("LoadFor(%v).StateDir = %q, %v; want %q", environ, cfg.StateDir, err, want)
		}
	}
}

func TestSecretFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("xoxb-from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(goodEnviron("SLACK_BOT_TOKEN", "SLACK_BOT_TOKEN_FILE="+file))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.SlackBotToken.Reveal(); got != "xoxb-from-file" {
		t.Errorf("token = %q", got)
	}
}

// A canary stands in every secret; no way of printing a configuration, nor its errors, may show it.
func TestNoSecretIsShown(t *testing.T) {
	const canary = "cAnArY"
	good := goodEnviron("SLACK_BOT_TOKEN=xoxb-"+canary, "SLACK_APP_TOKEN=xapp-"+canary, "AUDIT_KEY="+canary,
		"DATABASE_URL=postgres://bot:"+canary+"@db/x")
	cfg, err := Load(good)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(cfg.SlackBotToken.Reveal(), canary) {
		t.Fatal("the canary is not in the configuration, so this test proves nothing")
	}
	var log bytes.Buffer
	l := zerolog.New(&log)
	l.Info().Interface("config", cfg).Object("token", cfg.SlackBotToken).Stringer("key", cfg.AuditKey).Msgf("%+v %#v", cfg, cfg)
	encoded, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ cfg Config }{cfg}
	_, bad := Load(goodEnviron("SLACK_BOT_TOKEN="+canary, "SLACK_APP_TOKEN=wrong-"+canary, "DATABASE_URL=mysql://bot:"+canary+"@db/x"))
	for how, text := range map[string]string{
		"%v": fmt.Sprintf("%v", cfg), "%+v": fmt.Sprintf("%+v", cfg), "%#v": fmt.Sprintf("%#v", cfg), "%s": fmt.Sprintf("%s", cfg.AuditKey),
		"%q": fmt.Sprintf("%q", cfg.AuditKey), "%x": fmt.Sprintf("%x", cfg.AuditKey), "%d": fmt.Sprintf("%d", cfg.AuditKey),
		"unexported field": fmt.Sprintf("%+v %#v", hidden, hidden), "pointer": fmt.Sprintf("%+v", &cfg), "JSON": string(encoded),
		"log": log.String(), "error": fmt.Sprintf("%+v", bad),
	} {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s shows a secret: %s", how, text)
		}
	}
}

func TestTableNamesEverySetting(t *testing.T) {
	table := Table()
	for _, name := range Names() {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("%s is not in the table", name)
		}
	}
	if got, want := strings.Count(table, "\n"), len(Names())+2; got != want {
		t.Errorf("%d lines, want %d:\n%s", got, want, table)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"ROLE", "ROLES", 1}, {"DATABASE_ULR", "DATABASE_URL", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
