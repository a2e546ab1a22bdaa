package handlers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
)

func dereg(edit func(*DeregisterArgs)) Command {
	c := Command{Name: cmdDeregister, Deregister: DeregisterArgs{Target: "i-0abc123def4567890"}}
	if edit != nil {
		edit(&c.Deregister)
	}
	return c
}

func TestParse(t *testing.T) {
	plain := dereg(nil)
	forced := dereg(func(d *DeregisterArgs) { d.Force = true })
	reason := func(s string) Command { return dereg(func(d *DeregisterArgs) { d.Reason = s }) }
	for text, want := range map[string]Command{
		"":                                       {Name: cmdHelp},
		"  \u00a0 \t ":                           {Name: cmdHelp},
		"help":                                   {Name: cmdHelp},
		"--help":                                 {Name: cmdHelp},
		"-h":                                     {Name: cmdHelp},
		"?":                                      {Name: cmdHelp},
		"help deregister":                        {Name: cmdHelp},
		"deregister --help":                      {Name: cmdHelp},
		"HELP":                                   {Name: cmdHelp},
		"deregister":                             {Name: cmdDeregister},
		"deregister i-0abc123def4567890":         plain,
		"  Deregister\u00a0i-0abc123def4567890 ": plain,
		"deregister \u200bi-0abc123def4567890":   plain,
		"deregister “i-0abc123def4567890”":       plain,
		"deregister <http://i-0abc123def4567890|x y>":             dereg(func(d *DeregisterArgs) { d.Target = "http://i-0abc123def4567890" }),
		"deregister i-0abc123def4567890 prod":                     dereg(func(d *DeregisterArgs) { d.Cluster = "prod" }),
		"deregister i-0abc123def4567890 --cluster prod":           dereg(func(d *DeregisterArgs) { d.Cluster = "prod" }),
		"deregister i-0abc123def4567890 prod --cluster=prod":      dereg(func(d *DeregisterArgs) { d.Cluster = "prod" }),
		"deregister i-0abc123def4567890 --force":                  forced,
		"deregister i-0abc123def4567890 —force":                   forced,
		"deregister i-0abc123def4567890 –force":                   forced,
		"deregister i-0abc123def4567890 -force":                   forced,
		"deregister i-0abc123def4567890 –-force":                  forced,
		"deregister —force i-0abc123def4567890":                   forced,
		"deregister i-0abc123def4567890 --dry-run":                dereg(func(d *DeregisterArgs) { d.DryRun = true }),
		"deregister i-0abc123def4567890 —dry-run":                 dereg(func(d *DeregisterArgs) { d.DryRun = true }),
		"deregister i-0abc123def4567890 --deadline 45m":           dereg(func(d *DeregisterArgs) { d.Deadline = 45 * time.Minute }),
		"deregister i-0abc123def4567890 --deadline=2H":            dereg(func(d *DeregisterArgs) { d.Deadline = 2 * time.Hour }),
		"deregister i-0abc123def4567890 --deadline 90":            dereg(func(d *DeregisterArgs) { d.Deadline = 90 * time.Minute }),
		"deregister i-0abc123def4567890 --terminate":              dereg(func(d *DeregisterArgs) { d.Terminate = TerminateWhichever }),
		"deregister --terminate i-0abc123def4567890":              dereg(func(d *DeregisterArgs) { d.Terminate = TerminateWhichever }),
		"deregister i-0abc123def4567890 --terminate=shrink":       dereg(func(d *DeregisterArgs) { d.Terminate = TerminateShrink }),
		"deregister i-0abc123def4567890 prod --terminate shrink":  dereg(func(d *DeregisterArgs) { d.Cluster, d.Terminate = "prod", TerminateShrink }),
		"deregister —terminate Replace i-0abc123def4567890":       dereg(func(d *DeregisterArgs) { d.Terminate = TerminateReplace }),
		"deregister i-0abc123def4567890 --terminate prod":         dereg(func(d *DeregisterArgs) { d.Cluster, d.Terminate = "prod", TerminateWhichever }),
		"deregister i-0abc123def4567890 `prod`.":                  dereg(func(d *DeregisterArgs) { d.Cluster = "prod" }),
		"deregister i-0abc123def4567890 —terminate=Replace":       dereg(func(d *DeregisterArgs) { d.Terminate = TerminateReplace }),
		"deregister i-0abc123def4567890 --terminate=ec2":          dereg(func(d *DeregisterArgs) { d.Terminate = TerminateEC2 }),
		"deregister i-0abc123def4567890 --intent Reuse":           dereg(func(d *DeregisterArgs) { d.Intent = ecsops.Reuse }),
		"deregister i-0abc123def4567890 —intent=ghost":            dereg(func(d *DeregisterArgs) { d.Intent = ecsops.CleanGhost }),
		"deregister i-0abc123def4567890 --intent=retire":          dereg(func(d *DeregisterArgs) { d.Intent = ecsops.Retire }),
		"deregister i-0abc123def4567890 --intent move":            dereg(func(d *DeregisterArgs) { d.Intent = ecsops.Move }),
		"deregister i-0abc123def4567890 --account 111122223333":   dereg(func(d *DeregisterArgs) { d.Account = "111122223333" }),
		"deregister i-0abc123def4567890 --region EU-north-1":      dereg(func(d *DeregisterArgs) { d.Region = "eu-north-1" }),
		`deregister i-0abc123def4567890 --reason "disk full #42"`: reason("disk full #42"),
		"deregister i-0abc123def4567890 --reason “it’s broken”":   reason("itʼs broken"),
		"deregister i-0abc123def4567890 --reason it’s":            reason("itʼs"),
		`deregister i-0abc123def4567890 --reason "it's broken"`:   reason("it's broken"),
		`deregister i-0abc123def4567890 --reason "a; b | c & d"`:  reason("a; b | c & d"),
		`deregister i-0abc123def4567890 --reason "R&amp;D &lt;3"`: reason("R&D <3"),
		"deregister i-0abc123def4567890 --reason ‘worn out’":      reason("worn out"),
		"plan i-0abc123def4567890 prod --force --deadline 2h": {Name: cmdPlan, Deregister: DeregisterArgs{
			Target: "i-0abc123def4567890", Cluster: "prod", Force: true, Deadline: 2 * time.Hour, DryRun: true}},
		"plan i-0abc123def4567890 --dry-run": {Name: cmdPlan, Deregister: DeregisterArgs{Target: "i-0abc123def4567890", DryRun: true}},
		"plan i-0abc123def4567890 —terminate=Shrink —reason “kernel update”": {Name: cmdPlan, Deregister: DeregisterArgs{
			Target: "i-0abc123def4567890", Terminate: TerminateShrink, Reason: "kernel update", DryRun: true}},
		"plan":                   {Name: cmdPlan, Deregister: DeregisterArgs{DryRun: true}},
		"ghosts":                 {Name: cmdGhosts},
		"Ghosts prod":            {Name: cmdGhosts, Cluster: "prod"},
		"ghosts —cluster prod":   {Name: cmdGhosts, Cluster: "prod"},
		"ghosts --help":          {Name: cmdHelp},
		"list":                   {Name: cmdList},
		"list prod":              {Name: cmdList, Cluster: "prod"},
		"list --cluster prod":    {Name: cmdList, Cluster: "prod"},
		"status":                 {Name: cmdStatus},
		"status 3K7M2P9Q":        {Name: cmdStatus, Operation: "3k7m2p9q"},
		"stop `3k7m2p9q`":        {Name: cmdStop, Operation: "3k7m2p9q"},
		"stop #3k7m2p9q.":        {Name: cmdStop, Operation: "3k7m2p9q"},
		"status 3k7m2p9q\ndon't": {},
	} {
		got, err := Parse(text)
		if want.Name == "" {
			if err == nil {
				t.Errorf("%q was understood: %+v", text, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for text, want := range map[string]Mistake{
		"deregster i-1":                         {What: mistakeSubcommand, Word: "deregster", Near: []string{"deregister"}},
		"gohsts":                                {What: mistakeSubcommand, Word: "gohsts", Near: []string{"ghosts"}},
		"ghosts a b":                            {What: mistakeExtra, Word: "b"},
		"ghosts prod --cluster other":           {What: mistakeExtra, Word: "prod"},
		"ghosts --dry-run":                      {What: mistakeOption, Word: "--dry-run"},
		"plan i-1 prod extra":                   {What: mistakeExtra, Word: "extra"},
		"plan i-1 --frce":                       {What: mistakeOption, Word: "--frce", Near: []string{"--force"}},
		"plan i-1 --intent steal":               {What: mistakeValue, Word: "steal", Near: []string{"--intent=retire", "--intent=reuse", "--intent=ghost"}},
		"lst":                                   {What: mistakeSubcommand, Word: "lst", Near: []string{"list"}},
		"drain i-1":                             {What: mistakeSubcommand, Word: "drain"},
		"i-0abc123def4567890":                   {What: mistakeSubcommand, Word: "i-0abc123def4567890"},
		"deregister i-1 --frce":                 {What: mistakeOption, Word: "--frce", Near: []string{"--force"}},
		"deregister i-1 —dryrun":                {What: mistakeOption, Word: "--dryrun", Near: []string{"--dry-run"}},
		"deregister i-1 --xyzzyq":               {What: mistakeOption, Word: "--xyzzyq"},
		"list --force":                          {What: mistakeOption, Word: "--force"},
		"deregister i-1 prod extra":             {What: mistakeExtra, Word: "extra"},
		"deregister i-1 prod --cluster other":   {What: mistakeExtra, Word: "prod"},
		"stop":                                  {What: mistakeMissing, Word: "OPERATION"},
		"stop a b":                              {What: mistakeExtra, Word: "b"},
		"deregister i-1 --reason":               {What: mistakeNoValue, Word: "--reason"},
		"deregister i-1 --deadline soon":        {What: mistakeDeadline, Word: "soon"},
		"deregister i-1 --deadline 10s":         {What: mistakeDeadline, Word: "10s"},
		"deregister i-1 --deadline -5m":         {What: mistakeNoValue, Word: "--deadline"},
		"deregister i-1 --deadline=-5m":         {What: mistakeDeadline, Word: "-5m"},
		"deregister i-1 --deadline 99999999999": {What: mistakeDeadline, Word: "99999999999"},
		"deregister i-1 --terminate=maybe": {What: mistakeValue, Word: "maybe",
			Near: []string{"--terminate=replace", "--terminate=shrink", "--terminate=ec2"}},
		"deregister i-1 --intent steal":                               {What: mistakeValue, Word: "steal", Near: []string{"--intent=retire", "--intent=reuse", "--intent=ghost"}},
		`deregister i-1 --reason "open`:                               {What: mistakeDouble},
		"deregister i-1 --reason it's":                                {What: mistakeSingle},
		`deregister i-1 \`:                                            {What: mistakeBackslash},
		strings.Repeat("a", maxText+1):                                {What: mistakeTooLong},
		"deregister i-1 --reason " + strings.Repeat("ä", maxReason+1): {What: mistakeReason},
	} {
		_, err := Parse(text)
		m, ok := errors.AsType[*Mistake](err)
		if !ok {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, *m); d != "" {
			t.Errorf("%.60q (-want +got):\n%s", text, d)
		}
		if msg := explain(m); msg.Text == "" || len(msg.Blocks) == 0 {
			t.Errorf("%.60q is not explained", text)
		}
	}
}

// --force and --dry-run must never be lost, or appear from nowhere.
func TestOptionsAreNeverInvented(t *testing.T) {
	for _, text := range []string{
		`deregister i-0abc123def4567890 --reason "--force"`,
		`deregister i-0abc123def4567890 --reason "use —force"`,
		"deregister i-0abc123def4567890 --reason '#--force'",
	} {
		c, err := Parse(text)
		if err == nil && c.Deregister.Force {
			t.Errorf("%q became a force", text)
		}
	}
	for _, text := range []string{
		"deregister i-0abc123def4567890 # --dry-run", "deregister i-0abc123def4567890 ; --dry-run", "deregister i-0abc123def4567890 | —dry-run",
	} {
		c, err := Parse(text)
		if err == nil && !c.Deregister.DryRun {
			t.Errorf("%q lost its dry run", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "help", "deregister i-1 prod --force --terminate=shrink --deadline 45m --reason “x”", "list —cluster", "stop ’", "<a|b> \x00 --", "status - -- --= -=",
		"plan", "plan i-1 prod --force —dry-run", "plan -- --force", "ghosts", "ghosts prod —cluster=prod", "ghosts <http://prod|prod> ’", "ghosts --", "plan --terminate= --deadline=",
		"deregister --", "deregister -- --force", "deregister --terminate= --deadline=", "-", "--=x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			m, ok := errors.AsType[*Mistake](err)
			if !ok {
				t.Fatalf("%q: error is no Mistake: %v", text, err)
			}
			if explain(m).Text == "" {
				t.Fatalf("%q is not explained", text)
			}
			return
		}
		if c.Name == "" {
			t.Fatalf("%q: no command and no mistake", text)
		}
		if c.Name == cmdPlan && !c.Deregister.DryRun {
			t.Fatalf("%q: a plan that can be confirmed", text)
		}
		if c.Deregister.Force && !strings.Contains(strings.ToLower(normalise(text)), "force") {
			t.Fatalf("%q: force from nowhere", text)
		}
	})
}

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		word string
		want string
	}{{"pord", "prod"}, {"prod-", "prod-eu prod-us prod"}, {"zzz", ""}, {strings.Repeat("x", 4000), ""}, {"", ""}} {
		if got := strings.Join(nearest(c.word, []string{"prod", "prod-eu", "prod-us", "staging"}), " "); got != c.want {
			t.Errorf("nearest %.20q: %q, want %q", c.word, got, c.want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ä", "a", 1}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
