package bot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed file that is built into the binary.
type source struct {
	path    string
	file    *ast.File
	imports map[string]string // local name → path
}

// sources parses the files of the folders, tests left out.
func sources(t *testing.T, dirs ...string) []source {
	t.Helper()
	var out []source
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no source in %s (%v)", dir, err)
		}
		for _, p := range paths {
			if strings.HasSuffix(p, "_test.go") {
				continue
			}
			out = append(out, parse(t, p, nil))
		}
	}
	return out
}

// parse reads one file; src nil means from the disk.
func parse(t *testing.T, name string, src any) source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := source{path: name, file: f, imports: map[string]string{}}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		local := path.Base(p)
		if i.Name != nil {
			local = i.Name.Name
		}
		s.imports[local] = p
	}
	return s
}

const awsServices = "github.com/aws/aws-sdk-go-v2/service/"

// iamPrefix is the service's name in IAM, by its package in the SDK.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var iamPrefix = map[string]string{
	"ecs":                    "ecs",
	"ec2":                    "ec2",
	"autoscaling":            "autoscaling",
	"elasticloadbalancing":   "elasticloadbalancing", // Classic
	"elasticloadbalancingv2": "elasticloadbalancing",
	"sts":                    "sts",
	"ssm":                    "ssm",
}

// noPermissionNeeded is what IAM always allows.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
const noPermissionNeeded = "sts:GetCallerIdentity"

var paginator = regexp.MustCompile(`^New([A-Z]\w*)Paginator$`)

// awsActions is every IAM action that the sources need: calls of SDK clients and paginators.
func awsActions(t *testing.T, files []source) []string {
	t.Helper()
	clients := map[string]string{} // name of a field, variable or parameter → its package in the SDK
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				if svc := cmp.Or(s.service(f.Type, "Client"), callsOf(f.Type)); svc != "" {
					for _, name := range f.Names {
						clients[name.Name] = svc
					}
				}
			}
			return true
		})
	}
	found, inputs := map[string]bool{}, map[string]bool{}
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if action := s.action(n, clients); action != "" {
					found[action] = true
				}
			case *ast.SelectorExpr:
				if op, isInput := strings.CutSuffix(n.Sel.Name, "Input"); isInput {
					if svc := s.service(n, ""); svc != "" {
						inputs[action(svc, op)] = true
					}
				}
			}
			return true
		})
	}
	for in := range inputs {
		if !found[in] {
			t.Errorf("an input of %s is made, and no call of it was recognised: teach this test", in)
		}
	}
	delete(found, noPermissionNeeded)
	return slices.Sorted(maps.Keys(found))
}

// callsOf is the SDK package whose calls a struct of functions holds: *ec2Calls holds EC2's.
func callsOf(e ast.Expr) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if id, ok := e.(*ast.Ident); ok && strings.HasSuffix(id.Name, "Calls") && iamPrefix[strings.TrimSuffix(id.Name, "Calls")] != "" {
		return strings.TrimSuffix(id.Name, "Calls")
	}
	return ""
}

// service is the SDK package of a type or function such as *ecs.Client; name "" means any.
func (s source) service(e ast.Expr, name string) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || name != "" && sel.Sel.Name != name {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	svc, ok := strings.CutPrefix(s.imports[pkg.Name], awsServices)
	if !ok || strings.Contains(svc, "/") { // .../types
		return ""
	}
	return svc
}

func action(svc, op string) string {
	prefix, ok := iamPrefix[svc]
	if !ok {
		prefix = "unmapped-" + svc
	}
	return prefix + ":" + op
}

// action is the IAM action of one call expression, or "".
func (s source) action(call *ast.CallExpr, clients map[string]string) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if m := paginator.FindStringSubmatch(sel.Sel.Name); m != nil {
		if svc := s.service(sel, ""); svc != "" {
			return action(svc, m[1])
		}
	}
	switch on := sel.X.(type) {
	case *ast.SelectorExpr: // s.ecs.DescribeTasks(…)
		if svc := clients[on.Sel.Name]; svc != "" {
			return action(svc, sel.Sel.Name)
		}
	case *ast.Ident: // client.DescribeTasks(…), stscreds.NewAssumeRoleProvider(…)
		if s.imports[on.Name] == "github.com/aws/aws-sdk-go-v2/credentials/stscreds" && sel.Sel.Name == "NewAssumeRoleProvider" {
			return "sts:AssumeRole"
		}
		if svc := clients[on.Name]; svc != "" && s.imports[on.Name] == "" {
			return action(svc, sel.Sel.Name)
		}
	case *ast.CallExpr: // ecs.NewFromConfig(cfg).DescribeTasks(…)
		if svc := s.service(on.Fun, "NewFromConfig"); svc != "" {
			return action(svc, sel.Sel.Name)
		}
	}
	return ""
}

// statement is one of an IAM policy.
type statement struct {
	Sid, Effect      string
	Action, Resource oneOrMore
	Condition        map[string]map[string]oneOrMore
}

type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*o = make([]string, 1)
		return json.Unmarshal(b, &(*o)[0])
	}
	return json.Unmarshal(b, (*[]string)(o))
}

func policies(t *testing.T) map[string][]statement {
	t.Helper()
	paths, err := filepath.Glob("../deploy/iam/*.json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]statement{}
	for _, p := range paths {
		var doc struct {
			Version   string
			Statement []statement
		}
		dec := json.NewDecoder(bytes.NewReader(read(t, p)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&doc); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if doc.Version != "2012-10-17" || len(doc.Statement) == 0 {
			t.Errorf("%s: version %q and %d statements", p, doc.Version, len(doc.Statement))
		}
		out[filepath.Base(p)] = doc.Statement
	}
	return out
}

func TestPoliciesAllowExactlyTheCallsOfTheCode(t *testing.T) {
	used := awsActions(t, sources(t, "ecsops", "bot"))
	granted := map[string]string{}
	for name, statements := range policies(t) {
		for _, s := range statements {
			if s.Effect != "Allow" || s.Sid == "" {
				t.Errorf("%s: statement %q has the effect %q", name, s.Sid, s.Effect)
			}
			for _, a := range s.Action {
				if other := granted[a]; other != "" && (!asWhole(other) || !asWhole(name)) {
					t.Errorf("%s is granted twice, in %s and %s", a, other, name)
				}
				granted[a] = name
			}
		}
	}
	if len(used) < 20 {
		t.Fatalf("only %d calls found in the code: %q", len(used), used)
	}
	for _, a := range used {
		if granted[a] == "" {
			t.Errorf("the code calls %s and no policy in deploy/iam allows it", a)
		}
		delete(granted, a)
	}
	for a, name := range granted {
		t.Errorf("%s allows %s, which the code never calls", name, a)
	}
}

// asWhole reports a policy for one thing that may be switched on: it has all that this thing
// needs, its reads and what another such policy has included.
func asWhole(name string) bool { return name == "external.json" || name == "host-look.json" }

func TestPoliciesAreTight(t *testing.T) {
	// What IAM cannot scope to a cluster, and is only read.
	unscoped := regexp.MustCompile(`^(ecs:(ListClusters|DescribeTaskDefinition)|ssm:GetCommandInvocation|[a-z0-9]+:(Describe|List)\w+)$`)
	for name, statements := range policies(t) {
		for _, s := range statements {
			for _, a := range s.Action {
				mutates := !regexp.MustCompile(`:(Describe|List|Get)`).MatchString(a)
				if mutates == (name == "read.json") && !asWhole(name) {
					t.Errorf("%s stands in %s", a, name)
				}
				if strings.Contains(a, "*") {
					t.Errorf("%s grants %s: name the actions", name, a)
				}
				if slices.Contains(s.Resource, "*") && (mutates || !unscoped.MatchString(a)) {
					t.Errorf("%s grants %s on everything", name, a)
				}
			}
			for _, r := range s.Resource {
				if r != "*" && !strings.Contains(r, "ACCOUNT") {
					t.Errorf("%s: %s: resource %s has no placeholder for the account", name, s.Sid, r)
				}
			}
		}
	}
	for _, s := range policies(t)["terminate.json"] {
		if len(s.Condition["StringEquals"]) == 0 {
			t.Errorf("terminate.json: %s is not bound to a tag", s.Sid)
		}
	}
}

func TestTheCallFinderSeesEveryForm(t *testing.T) {
	src := `package x
import ("github.com/aws/aws-sdk-go-v2/service/ecs"; lb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"; "github.com/aws/aws-sdk-go-v2/credentials/stscreds"; "github.com/aws/aws-sdk-go-v2/service/kms")
type session struct { ecs *ecs.Client; elb *lb.Client }
func f(s session, k *kms.Client) {
	s.ecs.StopTask(ctx, &ecs.StopTaskInput{})
	ecs.NewListTasksPaginator(s.ecs, in)
	s.elb.DescribeTargetHealth(ctx, nil)
	sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	stscreds.NewAssumeRoleProvider(nil, "")
	k.Sign(ctx, nil)
	s.log.Info(ctx)
}`
	want := []string{"ecs:ListTasks", "ecs:StopTask", "elasticloadbalancing:DescribeTargetHealth", "sts:AssumeRole", "unmapped-kms:Sign"}
	if got := awsActions(t, []source{parse(t, "x.go", src)}); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// slackMethod is what a method of slack-go's client calls, and the bot scopes that it takes. Several scopes: one for each type of
// channel that it reads, https://docs.slack.dev/reference/methods.
var slackMethod = map[string]struct {
	method string
	scopes []string
}{
	"AuthTestContext":            {"auth.test", nil},
	"GetBotInfoContext":          {"bots.info", []string{"users:read"}},
	"GetConversationInfoContext": {"conversations.info", []string{"channels:read", "groups:read", "im:read"}},
	"GetUserGroupMembersContext": {"usergroups.users.list", []string{"usergroups:read"}},
	"GetUserInfoContext":         {"users.info", []string{"users:read"}},
	"OpenConversationContext":    {"conversations.open", []string{"im:write"}},
	"OpenViewContext":            {"views.open", nil},
	"PostEphemeralContext":       {"chat.postEphemeral", []string{"chat:write"}},
	"PostMessageContext":         {"chat.postMessage", []string{"chat:write"}},
	"StartSocketModeContext":     {"apps.connections.open", nil}, // connections:write, of the app-level token
	"UpdateMessageContext":       {"chat.update", []string{"chat:write"}},
	"UpdateViewContext":          {"views.update", nil},
}

// notSlack are methods of other libraries that end in Context, in files that import slack-go too.
var notSlack = []string{"DialContext", "WithContext"} // gorilla/websocket, zerolog

// slackScopes is every scope that the sources need, and the calls that are not in the table.
func slackScopes(files []source) (scopes, unknown []string) {
	need := map[string]bool{}
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && s.imports[pkg.Name] != "" {
				return true // a function, such as signal.NotifyContext
			}
			m, known := slackMethod[sel.Sel.Name]
			_, sibling := slackMethod[sel.Sel.Name+"Context"]
			switch {
			case known:
				for _, scope := range m.scopes {
					need[scope] = true
				}
			case sibling, s.imports["slack"] != "" && strings.HasSuffix(sel.Sel.Name, "Context") && !slices.Contains(notSlack, sel.Sel.Name):
				unknown = append(unknown, s.path+": "+sel.Sel.Name)
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(need)), unknown
}

func TestManifestAsksForExactlyTheScopesOfTheCode(t *testing.T) {
	m, err := manifestOf(t, read(t, "../manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	need, unknown := slackScopes(sources(t, "handlers", "delivery", "socket", "bot"))
	for _, u := range unknown {
		t.Errorf("%s: a call of slack-go that the table of methods and scopes lacks", u)
	}
	if len(m.Features.SlashCommands) > 0 {
		need = append(need, "commands")
	}
	slices.Sort(need)
	have := slices.Sorted(slices.Values(m.OAuth.Scopes.Bot))
	if !slices.Equal(need, have) {
		t.Errorf("the code needs %q\nthe manifest asks for %q", need, have)
	}
	for _, s := range have {
		if regexp.MustCompile(`history|customize|public|admin|email|files|search`).MatchString(s) {
			t.Errorf("the manifest asks for %s", s)
		}
	}
	// The finder must see a call, and report one that it does not know.
	sample := parse(t, "x.go", `package x
import "github.com/slack-go/slack"
func f(api *slack.Client) { api.GetUserInfoContext(ctx, "U1"); api.GetConversationHistoryContext(ctx, nil); api.PostMessage("C1") }`)
	scopes, strange := slackScopes([]source{sample})
	if !slices.Equal(scopes, []string{"users:read"}) || len(strange) != 2 {
		t.Errorf("sample: scopes %q, unknown %q", scopes, strange)
	}
}
