package words

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// constants reads the string constants of a type from a package's source, so that
// a new one without words fails here and not in front of a person.
func constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	var out []string
	for _, file := range sources(t, dir) {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				out = append(out, valuesOf(t, spec.(*ast.ValueSpec), typeName)...)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no constants of type %s in %s", typeName, dir)
	}
	return out
}

func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}

func valuesOf(t *testing.T, vs *ast.ValueSpec, typeName string) []string {
	t.Helper()
	id, ok := vs.Type.(*ast.Ident)
	if !ok || id.Name != typeName {
		return nil
	}
	var out []string
	for _, v := range vs.Values {
		s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

const cannotName = "this version"

func TestEveryConstantHasWords(t *testing.T) {
	eco, pol, wfl := "../ecsops", "../policy", "../workflow"
	for _, c := range []struct {
		dir, typeName string
		say           func(string) string
	}{
		{eco, "Rule", func(s string) string { return Finding(ecsops.Finding{Rule: ecsops.Rule(s)}) }},
		{eco, "Path", func(s string) string { return Path(ecsops.Path(s)) }},
		{eco, "Fate", func(s string) string { return Fate(ecsops.Fate(s)) }},
		{eco, "Cause", func(s string) string {
			h := ecsops.Hold{Cause: ecsops.Cause(s), Host: "running"}
			return Hold(h).Title + HeldBy([]ecsops.Hold{h})
		}},
		{eco, "StepKind", func(s string) string { return Step(ecsops.Step{Kind: ecsops.StepKind(s)}) }},
		{eco, "Termination", func(s string) string { return Termination(ecsops.Termination(s)) }},
		{eco, "ActionKind", func(s string) string { return Action(ecsops.Action{Kind: ecsops.ActionKind(s)}) }},
		{eco, "Result", func(s string) string { return Outcome(ecsops.Outcome{Result: ecsops.Result(s)}) }},
		{eco, "CheckResult", func(s string) string { return CheckResult(ecsops.CheckResult(s)) }},
		{pol, "Reason", func(s string) string { return Reason(policy.Reason(s)) }},
		{pol, "Requirement", func(s string) string { return Requirement(policy.Requirement(s)) }},
		{pol, "Action", func(s string) string { return Doing(policy.Action(s)) + Refused(policy.Action(s)) }},
		{wfl, "State", func(s string) string { return State(workflow.State(s)) }},
		{wfl, "EventType", func(s string) string { return Event(workflow.Event{Type: workflow.EventType(s)}) }},
		{wfl, "AnswerKind", func(s string) string { return Answer(workflow.Answer{Kind: workflow.AnswerKind(s)}) }},
		{wfl, "BlockReason", func(s string) string { return Block(workflow.Block{Reason: workflow.BlockReason(s)}) }},
		{wfl, "Verb", func(s string) string { return Button(workflow.Verb(s), ecsops.Plan{}) }},
	} {
		seen := map[string]string{}
		for _, v := range constants(t, c.dir, c.typeName) {
			got := c.say(v)
			if got == "" || strings.Contains(got, cannotName) || v != "" && strings.Contains(got, string(OpenQuote)+v+string(CloseQuote)) {
				t.Errorf("%s %q has no words of its own: %q", c.typeName, v, got)
			}
			if other, ok := seen[got]; ok {
				t.Errorf("%s %q and %q say the same: %q", c.typeName, v, other, got)
			}
			seen[got] = v
		}
	}
}

func TestUnknownConstantsAreNamedNotHidden(t *testing.T) {
	for _, got := range []string{
		Finding(ecsops.Finding{Rule: "X9"}), Path("x9"), Fate("x9"), Step(ecsops.Step{Kind: "x9"}), Reason("x9"), State("x9"),
		Event(workflow.Event{Type: "x9"}), Answer(workflow.Answer{Kind: "x9"}), Block(workflow.Block{Reason: "x9"}), Check(ecsops.Check{ID: "x9"}), Cause("x9"),
	} {
		if !strings.Contains(strings.ToLower(got), "x9") {
			t.Errorf("an unknown value disappears: %q", got)
		}
	}
}

func TestEveryFactOfASnapshotHasAName(t *testing.T) {
	for _, file := range sources(t, "../ecsops") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "Snapshot" && spec.Name.Name != "After" {
				return true
			}
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				if _, isFact := f.Type.(*ast.IndexExpr); !isFact {
					continue
				}
				key := strings.Trim(strings.TrimPrefix(strings.Trim(f.Tag.Value, "`"), "json:"), `"`)
				if got := Fact(key); got == strings.ReplaceAll(key, "_", " ") {
					t.Errorf("fact %q has no name of its own", key)
				}
			}
			return true
		})
	}
}

var causeCall = regexp.MustCompile(`^(giveUp|end|endCause)$`)

// The engine's causes are literals: in Cause fields and in the calls that end an operation.
func TestEveryCauseOfTheEngineHasWords(t *testing.T) {
	found := map[string]bool{}
	take := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[s] = true
		}
	}
	for _, file := range sources(t, "../workflow") {
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.KeyValueExpr:
				if id, ok := x.Key.(*ast.Ident); ok && id.Name == "Cause" {
					take(x.Value)
				}
			case *ast.AssignStmt:
				for i, l := range x.Lhs {
					if sel, ok := l.(*ast.SelectorExpr); ok && sel.Sel.Name == "Cause" && len(x.Lhs) == len(x.Rhs) {
						take(x.Rhs[i])
					}
				}
			case *ast.CallExpr:
				if sel, ok := x.Fun.(*ast.SelectorExpr); ok && causeCall.MatchString(sel.Sel.Name) {
					for _, a := range x.Args {
						take(a)
					}
				}
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Fatal("no causes found in ../workflow: has the engine changed how it names them?")
	}
	for key := range found {
		if _, ok := causes()[key]; !ok {
			t.Errorf("cause %q has no words", key)
		}
	}
	for _, silent := range []string{"stopped", "deadline_silence", "drift_silence"} {
		if _, ok := causes()[silent+"_not_ours"]; !ok {
			t.Errorf("cause %q_not_ours has no words", silent)
		}
	}
}

// What is red or amber comes with a way out. (What no version looks at says in its detail what to check.)
func TestEveryRiskHasAWayOut(t *testing.T) {
	green := []ecsops.Rule{ecsops.RuleGhost, ecsops.RuleEmpty, ecsops.RuleGone}
	for _, r := range constants(t, "../ecsops", "Rule") {
		if slices.Contains(green, ecsops.Rule(r)) {
			continue
		}
		if e := Explain(ecsops.Finding{Rule: ecsops.Rule(r), Tasks: []ecsops.TaskRef{{Name: "a"}}}); e.WayOut == "" {
			t.Errorf("rule %s has no way out", r)
		}
	}
	for _, fact := range []string{"target_type_lambda", "target_type_alb"} {
		e := Explain(ecsops.Finding{Rule: ecsops.RuleIncomplete, Missing: []ecsops.Unknown{{Fact: fact, Reason: "not modelled"}}})
		if !strings.Contains(e.Detail, "check") {
			t.Errorf("%s: nobody says what to check: %q", fact, e.Detail)
		}
	}
}

// TestRoomsHaveWords: each verdict and each reason has a sentence of its own.
func TestRoomsHaveWords(t *testing.T) {
	for _, verdict := range constants(t, "../ecsops", "RoomVerdict") {
		if got := RoomVerdict(ecsops.RoomVerdict(verdict)); (got == RoomVerdict("")) != (verdict == string(ecsops.RoomUnknown)) {
			t.Errorf("verdict %s has no words of its own: %q", verdict, got)
		}
	}
	seen := map[string]string{}
	for _, why := range constants(t, "../ecsops", "RoomReason") {
		r := ecsops.Room{Service: "web", Verdict: ecsops.RoomWontFit, Why: ecsops.RoomReason(why), Copies: 2, Detail: "detail",
			Missing: []ecsops.Unknown{{Fact: "others", Call: "ecs:DescribeServices", Reason: "AccessDenied"}}}
		short := Room(r)
		r.Verdict = ecsops.RoomUnknown
		s := Room(r)
		if !strings.Contains(short, Quote(why)) {
			s = short // a thing that instances lack
		}
		if strings.Contains(s, Quote(why)) || seen[s] != "" {
			t.Errorf("reason %s has no words of its own: %q", why, s)
		}
		seen[s] = why
	}
	r := ecsops.Room{Service: "web", Verdict: ecsops.RoomFits, Copies: 3, Places: 4, Waves: 3, Landing: []ecsops.Landing{{EC2: "i-1", AZ: "eu-west-1a", Copies: 2}, {EC2: "i-2", Copies: 1}}}
	if got, want := Room(r), "“web” fits: 3 copies find room whatever the order, with 4 instances to choose from, in about 3 waves; spread out that is 2 on i-1 (eu-west-1a) and 1 on i-2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChecksHaveWords(t *testing.T) {
	for i := 1; i <= 8; i++ {
		id := fmt.Sprintf("V%d", i)
		if got := Check(ecsops.Check{ID: id, Result: ecsops.CheckPassed}); strings.Contains(got, id) || !strings.HasSuffix(got, ": verified") {
			t.Errorf("check %s: %q", id, got)
		}
	}
}

func TestSentences(t *testing.T) {
	task := ecsops.TaskRef{ARN: "arn:aws:ecs:eu-central-1:1:task/prod/0123456789abcdef0123456789abcdef", Name: "report:3", Class: ecsops.Standalone}
	target := ecsops.Target{EC2: "i-0a1b2c3d4e5f60001"}
	for why, c := range map[string]struct{ got, want string }{
		"a missing permission is named": {
			Unknown(ecsops.Unknown{Fact: "target_groups", Call: "elasticloadbalancing:DescribeTargetHealth", Reason: "AccessDenied"}),
			"could not read load-balancer health: “elasticloadbalancing:DescribeTargetHealth” answered “AccessDenied”"},
		"an order that was not sent":      {Outcome(ecsops.Outcome{Result: ecsops.Throttled, Code: "NotSent"}), "the bot was held up and did not send it, nothing was changed"},
		"what is not modelled is said so": {Unknown(ecsops.Unknown{Fact: "target_type_alb", Reason: "not modelled"}), "ECS registers no tasks in target groups that are load balancers, so their health says nothing of the tasks here: check yourself what they lead to"},
		"a refusal says that nothing changed": {
			Refusal(policy.Propose, policy.Verdict{Reasons: []policy.Reason{policy.ReasonNotOperator, policy.ReasonGuest}}),
			"not deregistering: you are not among the operators; guests may not use this. Nothing was changed."},
		"percentages in numbers": {
			Explain(ecsops.Finding{Rule: ecsops.RuleDrainImpossible, Services: []ecsops.ServiceImpact{{Service: "web", Desired: 1, Running: 1, MinPercent: 100, MaxPercent: 150}}}).Detail,
			"service “web” wants 1 and runs 1; with minimum 100 % and maximum 150 % ECS may stop 0 and start 0"},
		"orphans are never called stopped": {Orphans(2, target, ecsops.Known(ecsops.EC2{State: "running"})),
			"ECS will show STOPPED; the containers of 2 tasks keep running on i-0a1b2c3d4e5f60001 until you stop them or terminate the machine."},
		"a machine that is gone runs nothing": {Orphans(2, target, ecsops.Known(ecsops.EC2{State: "terminated"})), "The machine is gone, so no container is left running."},
		"a task by name":                      {Task(task), "“report:3” (belongs to no service), task “01234567”"},
		"a service of another name is named":  {Task(ecsops.TaskRef{ARN: task.ARN, Name: "report:3", Service: "nightly", Class: ecsops.Replica}), "“report:3” of service “nightly”, task “01234567”"},
		"equal names are counted":             {tasks([]ecsops.TaskRef{task, task, {Name: "web:1", Service: "web"}}), "“report:3” ×2; “web:1”"},
		"facts that one call failed to bring stand together, and no other": {
			Explain(ecsops.Finding{Rule: ecsops.RuleIncomplete, Missing: []ecsops.Unknown{{Fact: "ec2", Call: "ec2:X", Reason: "AccessDenied"}, {Fact: "target_type_alb", Reason: "not modelled"}, {Fact: "group", Call: "ec2:X", Reason: "AccessDenied"}}}).Detail,
			"could not read the EC2 machine and the Auto Scaling group: “ec2:X” answered “AccessDenied”; ECS registers no tasks in target groups that are load balancers, so their health says nothing of the tasks here: check yourself what they lead to"},
		"what may be so is not said to be so": {Explain(ecsops.Finding{Rule: ecsops.RuleOwnHost, Missing: []ecsops.Unknown{{Fact: "self", Call: "x", Reason: "AccessDenied"}}}).Title, "The bot may run on that instance"},
		"a drain that a task holds has no estimate": {DrainTime(ecsops.Plan{ETA: time.Minute, Fates: []ecsops.TaskFate{{Fate: ecsops.FateWaits}}}),
			"The drain lasts until the task that holds it ends. After 30 min the bot asks; silence means undo."},
		"a drain without a place to go has none either": {
			DrainTime(ecsops.Plan{ETA: time.Minute, Fates: []ecsops.TaskFate{{Fate: ecsops.FateMoves}}, Findings: []ecsops.Finding{{Rule: ecsops.RuleLastInstance}}}),
			"As things are, the drain does not end by itself. After 30 min the bot asks; silence means undo."},
		"a foreign drain is not undone": {DrainTime(ecsops.Plan{ETA: time.Minute, Path: ecsops.PathObserve}),
			"The drain may take about 60 s. After 30 min the bot asks; silence ends its part, and the drain, which it did not begin, goes on."},
		"what hurts comes first": {First(ecsops.Plan{Findings: []ecsops.Finding{
			{Rule: ecsops.RuleIncomplete, Severity: ecsops.Amber, Missing: []ecsops.Unknown{{Fact: "target_type_alb", Reason: "not modelled"}}}, {Rule: ecsops.RuleBilling, Severity: ecsops.Green}, {Rule: ecsops.RuleStandaloneTask, Severity: ecsops.Amber}}}),
			"Know first: tasks outside any service."},
		"a passed check shows its evidence": {Check(ecsops.Check{ID: "V4", Result: ecsops.CheckPassed, Count: 1, Want: 1, Names: []string{"0123456789abcdef0123456789abcdef on x"}}),
			"The replacements run on other instances: verified (1 of 1; “01234567 on x”)"},
		"orphans are reminded of by what EC2 says": {Notice(workflow.Notice{Type: workflow.EvReminded, Concerns: []workflow.Concern{workflow.Orphans, workflow.Machine}, After: time.Hour, Machine: "running", Orphans: 2}, ecsops.Target{EC2: "i-0a1b2c3d4e5f60001"}),
			"The containers of 2 tasks were left behind on i-0a1b2c3d4e5f60001 by a force 1 h ago, and ECS does not watch them. EC2 says the machine runs: so may they. i-0a1b2c3d4e5f60001 was deregistered 1 h ago and still runs: EC2 bills it until it is terminated."},
		"what was not read is not concluded from": {Notice(workflow.Notice{Type: workflow.EvUnseen, Concerns: []workflow.Concern{workflow.Return}, After: 10 * time.Minute, Missing: []ecsops.Unknown{{Fact: "registrations", Call: "ecs:ListContainerInstances", Reason: "timed out"}}}, ecsops.Target{EC2: "i-0a1b2c3d4e5f60001"}),
			"What i-0a1b2c3d4e5f60001 left could not be looked at, 10 min after the end: could not read other registrations of the machine: “ecs:ListContainerInstances” did not answer in time. Nothing is concluded from that, and it is tried again."},
		"a pending check names what is missing": {Check(ecsops.Check{ID: "V4", Result: ecsops.CheckPending, Count: 0, Want: 1, Names: []string{"0123456789abcdef0123456789abcdef on x"}}),
			"The replacements run on other instances: not yet (0 of 1; “01234567 on x”)"},
		"orphans are no check that does not apply": {NotApplicable([]ecsops.Check{{ID: "V5", Result: ecsops.CheckSkipped, Count: 1, Names: []string{"a"}}, {ID: "V8", Result: ecsops.CheckSkipped}, {ID: "V1", Result: ecsops.CheckUnknown}}),
			"Does not apply: V8 (Auto Scaling group)"},
		"below the minimum AWS refuses": {GroupArithmetic(ecsops.Group{Name: "g", Min: 2, Desired: 2, Max: 4}, ecsops.Shrink),
			"Auto Scaling group “g”: desired 2 → 1 (min 2, max 4); nothing is started in its place. AWS will refuse: that is below the minimum."},
		"an approval of orphans is no order to stop them": {
			EventPhrase(workflow.Event{Type: workflow.EvApproved, Revision: 2, Tasks: []string{task.ARN}}),
			"approved revision 2; tasks that would be left running on the machine: “0123456789abcdef0123456789abcdef”"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", why, c.got, c.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 45 * time.Second: "45 s", 119*time.Second + 600*time.Millisecond: "2 min", 25 * time.Minute: "25 min",
		59*time.Minute + 45*time.Second: "1 h", 70 * time.Minute: "1 h 10 min", 2 * time.Hour: "2 h", 51 * time.Hour: "2 d 3 h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

// A problem's words never carry the error's own text: it may hold what does not belong in a channel.
func TestProblemKeepsSecrets(t *testing.T) {
	for _, err := range []error{
		errors.New("dial xoxb-123: refused"), fmt.Errorf("xoxb-123: %w", workflow.ErrNotFound), fmt.Errorf("xoxb-123: %w", workflow.ErrConflict),
		fmt.Errorf("xoxb-123: %w", workflow.ErrLocked), fmt.Errorf("xoxb-123: %w", workflow.ErrSpent), fmt.Errorf("xoxb-123: %w", context.DeadlineExceeded), fmt.Errorf("xoxb-123: %w", context.Canceled),
	} {
		what, why, next := Problem(err)
		if what == "" || why == "" || next == "" || strings.Contains(what+why+next, "xoxb") {
			t.Errorf("Problem(%v) = %q, %q, %q", err, what, why, next)
		}
	}
	if a, b := ProblemLine(workflow.ErrLocked), ProblemLine(errors.New("x")); a == b {
		t.Errorf("ErrLocked has no words of its own: %q", a)
	}
}

func TestForeign(t *testing.T) {
	spaced := "  web \n\t api "
	for in, want := range map[string]string{
		spaced: "web api", "a\u202Eb": "ab", "z\u200Bw": "zw", "“x”": `"x"`, "`x`": "'x'", "\xffa": "a", "é": "é", "e\u0301\u0302\u0303": "e\u0301\u0302",
		strings.Repeat("a", 200): strings.Repeat("a", 119) + "…", "\u3164": "", "🎉": "🎉",
	} {
		if got := Foreign(in); got != want {
			t.Errorf("Foreign(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzForeign(f *testing.F) {
	f.Add("web <!channel>\u202E\n“x”", 10)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = limit%300 + 1
		got := ForeignN(s, limit)
		if n := utf8.RuneCountInString(got); n > max(limit, 1) {
			t.Errorf("%d runes, limit %d: %q", n, limit, got)
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t“”`\u202E\u200B\u0000") {
			t.Errorf("not clean: %q", got)
		}
		if again := ForeignN(got, limit); again != got {
			t.Errorf("cleaning twice differs: %q, then %q", got, again)
		}
	})
}

func TestRefusedClickSaysWhatAndWhy(t *testing.T) {
	target := ecsops.Target{EC2: "i-0a1b2c3d4e5f60001"}
	for want, ev := range map[string]workflow.Event{
		"tried to force it for i-0a1b2c3d4e5f60001":    {Type: workflow.EvRefused, Action: policy.Force, Target: &target, Cause: "mistyped"},
		"was refused: the typed id was another one":    {Type: workflow.EvRefused, Action: policy.Force, Target: &target, Cause: "mistyped"},
		"was refused: unknown token":                   {Type: workflow.EvRefused, Action: policy.Confirm, Cause: "unknown_token"},
		"was refused: you are not among the operators": {Type: workflow.EvRefused, Action: policy.Confirm, Cause: "not_yours", Reasons: []policy.Reason{policy.ReasonNotOperator}},
	} {
		if got := EventPhrase(ev); !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
