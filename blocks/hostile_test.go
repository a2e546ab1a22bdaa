package blocks

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// corpus is what hostile people put into tags, names and reasons.
func corpus() []string {
	cores := []string{
		"", " ", "<!channel>", "<!here>", "<!everyone>", "@here", "@channel", "<@U0EVIL>", "<@W0EVIL|boss>", "<#C0EVIL>", "<!subteam^S0EVIL>",
		"<https://evil.example|Confirm>", "https://evil.example/x", "mailto:a@evil.example", "<!date^1^{date}^https://evil.example|x>", "*bold*", "_it_", "~gone~", "`code`", "```block```",
		":white_check_mark:", ":skull::skull:", "> quote", "&gt; quote", "&lt;!channel&gt;", "&amp;", "<", ">", "&", "<<<<", "|", "“<!channel>”", "”<!channel>“", "\"quoted\"",
		"line\nbreak", "line\r\n• *APPROVED*", "tab\tab", "nul\x00nul", "bell\a", "\x1b[31mred", "\u202Eevil\u202C", "\u2066x\u2069", "zero\u200Bwidth", "\uFEFFbom", "soft\u00ADhyphen",
		"\u2028sep\u2029", "z\u0335\u0336\u0337\u0338\u0334\u0333algo", "\u3164", "\u2800", "\xff\xfe", "emoji 🎉", "ＦＵＬＬ＠", "U01OPERATOR", "T1", "R11", "i-0a1b2c3d4e5f60001",
	}
	wraps := []func(string) string{
		func(s string) string { return s }, func(s string) string { return "web " + s }, func(s string) string { return s + s },
		func(s string) string { return "`" + s + "`" }, func(s string) string { return "“" + s }, func(s string) string { return s + "”" },
		func(s string) string { return strings.Repeat("&", 50) + s }, func(s string) string { return strings.Repeat("x", 4000) + s }, func(s string) string { return "arn:aws:ecs:x:1:task/prod/" + s },
	}
	var out []string
	for _, w := range wraps {
		for _, c := range cores {
			out = append(out, w(c))
		}
	}
	return append(out, strings.Repeat("<!channel>", 4000), strings.Repeat("&", 40_000), strings.Repeat("“", 40_000), strings.Repeat("\u0336", 40_000))
}

// hostile draws values made of the corpus, from one seed.
type hostile struct {
	*rand.Rand
	corpus []string
}

func (h *hostile) string() string { return h.corpus[h.IntN(len(h.corpus))] }

func pick[T any](h *hostile, from []T) T { return from[h.IntN(len(from))] }

// fill puts drawn values into everything that v reaches; every string is hostile.
func (h *hostile) fill(v reflect.Value, most int) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(h.Int64N(4_000_000_000)-10, 0).UTC()
		return
	case *ecsops.Fact[ecsops.EC2]:
		var e ecsops.EC2
		h.fill(reflect.ValueOf(&e).Elem(), most)
		*x = ecsops.Known(e)
		return
	case *ecsops.Fact[ecsops.Group]:
		var g ecsops.Group
		h.fill(reflect.ValueOf(&g).Elem(), most)
		*x = ecsops.Known(g)
		return
	case *workflow.State:
		*x = pick(h, states())
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(h.string())
	case reflect.Bool:
		v.SetBool(h.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(h.Int64N(1<<uint(1+h.IntN(40))) - 5)
	case reflect.Slice:
		n := h.IntN(most + 1)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			h.fill(v.Index(i), 3)
		}
	case reflect.Pointer:
		if h.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			h.fill(v.Elem(), most)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				h.fill(v.Field(i), most)
			}
		}
	}
}

func states() []workflow.State {
	return []workflow.State{workflow.Proposed, workflow.AwaitingApproval, workflow.Draining, workflow.StoppingTasks, workflow.Deregistering,
		workflow.Terminating, workflow.Verifying, workflow.Undoing, workflow.Releasing, workflow.Done, workflow.Unverified, workflow.RefusedOp, workflow.Expired, workflow.Stopped, "hostile"}
}

func hostileValue[T any](h *hostile, most int) T {
	var v T
	h.fill(reflect.ValueOf(&v).Elem(), most)
	return v
}

// causes are all that the package knows, and one that it does not.
func causes() []ecsops.Cause {
	return []ecsops.Cause{ecsops.HeldByStopping, ecsops.HeldByReplacement, ecsops.HeldByTicked, ecsops.HeldByOthers, ecsops.HeldByHanging,
		ecsops.HeldByStandalone, ecsops.HeldByPercents, ecsops.HeldByCapacity, ecsops.HeldByProtection, ecsops.HeldByDeployment,
		ecsops.HeldByAgent, ecsops.HeldByHostLeave, ecsops.HeldByHostStop, ecsops.HeldByHostGone, ecsops.HeldUnknown, "hostile"}
}

// known makes enums real often enough that every branch is drawn.
func known(h *hostile, op *workflow.Operation) {
	for i := range op.Rows {
		if op.Bulk != nil && op.Rows[i].Leave == nil { // the engine makes none without
			op.Rows[i].Leave = &workflow.Leave{Verdict: pick(h, []ecsops.Severity{ecsops.Red, ecsops.Green, "hostile"}), Brief: []workflow.Brief{{Rule: "R5", Names: hostileValue[[]string](h, 5)}}}
		}
		op.Rows[i].State = pick(h, []workflow.RowState{workflow.RowWaiting, workflow.RowRunning, workflow.RowDone, workflow.RowUnverified, workflow.RowSkipped, "hostile"})
	}
	if len(op.Rows) == 0 {
		op.Bulk = nil
	}
	fates := []ecsops.Fate{ecsops.FateMoves, ecsops.FateWaits, ecsops.FateOrphaned, ecsops.FateStuck, ecsops.FateStops}
	steps := []ecsops.StepKind{ecsops.StepDrain, ecsops.StepWait, ecsops.StepDeregister, ecsops.StepForce, ecsops.StepTerminate, ecsops.StepVerify}
	rules := []ecsops.Rule{"R1", "R2", "R3", "R4", "R5", "R8", "R9", "A1", "A7", "A12", "T1", "T2", "T11", "T34", "T35"}
	for i := range op.Progress.Holds {
		op.Progress.Holds[i].Cause = pick(h, causes())
	}
	for _, p := range []*ecsops.Plan{&op.Plan, op.Proposal} {
		if p == nil {
			continue
		}
		p.Path = pick(h, []ecsops.Path{ecsops.PathDrain, ecsops.PathForce, ecsops.PathGone, ecsops.PathMachine})
		for i := range p.Fates {
			p.Fates[i].Fate, p.Fates[i].Task.Class = pick(h, fates), ecsops.Standalone
		}
		for i := range p.Steps {
			p.Steps[i].Kind = pick(h, steps)
		}
		for i := range p.Findings {
			p.Findings[i].Rule, p.Findings[i].Bars = pick(h, rules), false
		}
	}
}

func TestHostileInput(t *testing.T) {
	all := corpus()
	if len(all) < 500 {
		t.Fatalf("the corpus has %d strings, want 500", len(all))
	}
	rapid.Check(t, func(t *rapid.T) {
		h := &hostile{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), all}
		most := rapid.SampledFrom([]int{0, 1, 2, 8, 60, 300}).Draw(t, "most")
		op := hostileValue[workflow.Operation](h, most)
		known(h, &op)
		if h.IntN(2) == 0 {
			op.Rows, op.Bulk = nil, nil // no batch
		}
		o := Options{Now: epoch, PlanBlock: h.IntN(2) == 0, Approvers: hostileValue[[]string](h, 20)}
		for name, m := range drawAll(h, op, o) {
			if err := Check(m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			inspect(t, name, m.Text, m.Blocks)
		}
		for name, v := range modalsOf(h, op) {
			if err := CheckView(v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			inspect(t, name, "", v.Blocks.BlockSet)
		}
	})
}

func drawAll(h *hostile, op workflow.Operation, o Options) map[string]Message {
	tok := map[workflow.Verb]string{}
	for _, v := range CardVerbs(op) {
		tok[v] = "token_" + string(v)
	}
	run := hostileValue[[]SeqEvent](h, 20)
	for i := range run {
		for k := range run[i].Event.Holds {
			run[i].Event.Holds[k].Cause = pick(h, causes())
		}
		run[i].Event.Type = pick(h, []workflow.EventType{workflow.EvProposed, workflow.EvOutcome, workflow.EvApproved, workflow.EvCheckpoint, workflow.EvRevised, workflow.EvRefused, workflow.EvBlocked, workflow.EvHeld, workflow.EvTicked,
			workflow.EvReminded, workflow.EvReturned, workflow.EvUnseen, workflow.EvSignedOff, workflow.EvLedgerClosed, workflow.EvBatchProposed, workflow.EvReleased, workflow.EvSkipped, workflow.EvWave, workflow.EvSurprise, workflow.EvWentOn, workflow.EvHostAsked, workflow.EvHostSeen, "hostile"})
	}
	answer := hostileValue[workflow.Answer](h, 0)
	answer.Changes = op.Changes
	instances := hostileValue[[]ecsops.Listed](h, 60)
	cluster := op.Target.Cluster
	ref := hostileValue[ecsops.Ref](h, 0)
	word := h.string()
	out := map[string]Message{
		"Card": Card(op, tok, o), "AuditRun": AuditRun(run), "AuditRoot": AuditRoot(op), "Answer": Answer(answer),
		"List": List(cluster, instances, epoch), "Status": Status([]workflow.Operation{op, op, op}, epoch), "DryRun": DryRun(op.Plan, word), "Undecidable": Undecidable(op.Plan),
		"Choose": Choose(word, ref, instances), "Nearest": Nearest(word, word, op.Watch), "NotFound": NotFound(ref, []ecsops.ClusterARN{cluster}, op.Watch, nil),
		"Ghosts": Ghosts(hostileGhosts(h), epoch), "Looking": Looking(ref), "Invite": Invite(word), "Problem": Problem(fmt.Errorf("%s", word)), "ApproverAsk": ApproverAsk(op, o),
		"Refusal": Refusal(policy.Verdict{Reasons: []policy.Reason{policy.Reason(word)}}, RefusalOf{Action: policy.Action(word), Cluster: cluster, Ask: o.Approvers}),
		"Help":    Help(HelpFor{Read: true, Propose: true, Decide: true, Clusters: []ecsops.ClusterARN{cluster, cluster}}), "Note": Note(word),
	}
	f, n := hostileValue[workflow.FollowUp](h, 60), hostileValue[workflow.Notice](h, 20)
	n.Type = pick(h, []workflow.EventType{workflow.EvReminded, workflow.EvReturned, workflow.EvUnseen, workflow.EvSignedOff, workflow.EvLedgerClosed, workflow.EvHostSeen, "hostile"})
	n.Concerns = append(n.Concerns, pick(h, []workflow.Concern{workflow.Orphans, workflow.Machine, workflow.Return, workflow.Host}))
	for i := range f.Watches {
		f.Watches[i].Concern, f.Watches[i].Ended = pick(h, []workflow.Concern{workflow.Orphans, workflow.Host}), ""
	}
	if n.Host != nil && pick(h, []string{"a", "b"}) == "a" { // containers of the orphans themselves
		n.Host.Missing = nil
		for i := range min(len(n.Host.Tasks), len(f.Orphans)) {
			n.Host.Tasks[i].Task = f.Orphans[i].ARN
		}
	}
	out["Notice"] = Notice(op, f, n, map[workflow.Verb]string{workflow.SignOffVerb: "token_1", workflow.EndMachine: "token_2", workflow.LookHostVerb: "token_3"})
	for i, m := range Details(op, o) {
		out[fmt.Sprintf("Details %d", i)] = m
	}
	return out
}

func hostileGhosts(h *hostile) GhostList {
	l := GhostList{ID: h.string(), Offset: h.IntN(40) - 5, Clean: h.IntN(2) == 0, Sweep: hostileValue[ecsops.Ghosts](h, 60)}
	for i := range l.Sweep.Found {
		l.Sweep.Found[i].Kind = pick(h, []ecsops.GhostKind{ecsops.GhostProven, ecsops.GhostUnproven, ecsops.GhostHostStopped, "hostile"})
	}
	return l
}

func modalsOf(h *hostile, op workflow.Operation) map[string]slack.ModalViewRequest {
	word := h.string()
	l := hostileValue[ecsops.Listed](h, 0)
	return map[string]slack.ModalViewRequest{
		"LoadingModal": LoadingModal(word), "ForceModal": ForceModal(op, op.Plan, word), "StopTasksModal": StopTasksModal(op, word),
		"WhyModal":     WhyModal(word),
		"PickModal":    PickModal(Pick{ID: word, Cluster: op.Target.Cluster, Instance: &l, Reason: word}),
		"MessageModal": MessageModal(Problem(fmt.Errorf("%s", word))),
	}
}

type fataler interface{ Fatalf(string, ...any) }

// inspect reads every text as Slack would and fails on what we did not build.
func inspect(t fataler, name, text string, bs []slack.Block) {
	if text != "" {
		mrkdwnOnly(t, name+" text", text)
	}
	raw, err := json.Marshal(bs)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var decoded any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	walk(decoded, func(kind, text string, verbatim bool) {
		if kind == slack.PlainTextType {
			clean(t, name+" plain_text", text, false)
			return
		}
		if !verbatim {
			t.Fatalf("%s: mrkdwn without verbatim: %q", name, text)
		}
		mrkdwnOnly(t, name, text)
	})
}

func walk(v any, visit func(kind, text string, verbatim bool)) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			walk(e, visit)
		}
	case map[string]any:
		kind, _ := x["type"].(string)
		if s, ok := x["text"].(string); ok && (kind == "mrkdwn" || kind == "plain_text") {
			verbatim, _ := x["verbatim"].(bool)
			visit(kind, s, verbatim)
		}
		for _, e := range x {
			walk(e, visit)
		}
	}
}

var (
	ours     = regexp.MustCompile(`^<(!date\^[0-9]+\^\{date_short_pretty\} \{time\}\|[0-9A-Za-z: ]+|@U01OPERATOR)>$`)
	fence    = regexp.MustCompile("(?s)```\n.*?\n```")
	span     = regexp.MustCompile("`[^`\n]+`")
	entity   = regexp.MustCompile(`<[^<>]*>`)
	amp      = regexp.MustCompile(`&(amp|lt|gt);`)
	emoji    = regexp.MustCompile(`:[A-Za-z0-9_+'-]+:`)
	italic   = regexp.MustCompile(`(^|[^\pL\pN_])_[^_]+_($|[^\pL\pN_])`)
	boldSpan = regexp.MustCompile(`\*[^*\n]+\*`)
)

// mrkdwnOnly parses mrkdwn: code first, as Slack does, then entities, then formatting.
func mrkdwnOnly(t fataler, name, text string) {
	clean(t, name, text, true)
	if rest := amp.ReplaceAllString(text, ""); strings.Contains(rest, "&") {
		t.Fatalf("%s: a raw & in %q", name, text)
	}
	bare := fence.ReplaceAllStringFunc(text, inner(t, name))
	bare = span.ReplaceAllStringFunc(bare, inner(t, name))
	for _, e := range entity.FindAllString(bare, -1) {
		if !ours.MatchString(e) {
			t.Fatalf("%s: entity %q that we did not build, in %q", name, e, text)
		}
	}
	bare = entity.ReplaceAllString(bare, "0")
	bare = boldSpan.ReplaceAllString(bare, "0")
	for what, found := range map[string]bool{
		"angle bracket": strings.ContainsAny(bare, "<>"), "backtick": strings.Contains(bare, "`"), "asterisk": strings.Contains(bare, "*"),
		"tilde": strings.Contains(bare, "~"), "emoji": emoji.MatchString(bare), "italic": italic.MatchString(bare), "link": strings.Contains(bare, "://"),
	} {
		if found {
			t.Fatalf("%s: %s outside code in %q", name, what, text)
		}
	}
}

func inner(t fataler, name string) func(string) string {
	return func(code string) string {
		if strings.ContainsAny(code, "<>") {
			t.Fatalf("%s: raw angle bracket in code %q", name, code)
		}
		return "0"
	}
}

// clean refuses what a reader cannot see, or that turns the text around.
func clean(t fataler, name, text string, lines bool) {
	for _, r := range text {
		if r == '\n' && lines {
			continue
		}
		if r == '\uFE0F' { // our own symbols: ⚠️
			continue
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == unicode.ReplacementChar {
			t.Fatalf("%s: invisible %U in %q", name, r, text)
		}
	}
}
