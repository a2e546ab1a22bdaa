package bot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "ecsbot"

// arrows is the house: a package may import what stands right of it, and what those may import.
var arrows = map[string][]string{
	"ecsops":    {},
	"socket":    {},
	"policy":    {"ecsops"},
	"workflow":  {"ecsops", "policy"},
	"audit":     {"workflow"},
	"store":     {"workflow", "audit"},
	"words":     {"workflow", "policy", "ecsops"},
	"blocks":    {"words"},
	"delivery":  {"workflow", "audit", "blocks", "words"},
	"handlers":  {"ecsops", "policy", "workflow", "audit", "words", "blocks", "socket"},
	"bot":       {"ecsops", "policy", "workflow", "audit", "store", "words", "blocks", "delivery", "socket", "handlers"},
	"cmd/bot":   {"bot"},
	"cmd/demo":  {"bot", "sim/page", "sim/stage", "sim/slack", "sim/aws", "sim/clock"},
	"sim/clock": {},
	"sim/slack": {"sim/clock"},
	"sim/aws":   {"sim/clock"},
	"sim/stage": {"sim/clock", "sim/slack", "sim/aws"},
	"sim/page":  {"sim/clock", "sim/slack", "sim/aws", "sim/stage"},
}

// homes says where third parties may be imported; what is not named may be anywhere.
var homes = map[string][]string{
	"github.com/slack-go/slack":          {"socket", "handlers", "blocks", "delivery", "bot"},
	"github.com/aws/":                    {"ecsops", "bot"},
	"github.com/kelseyhightower/":        {"bot"},
	"github.com/riverqueue/":             {"store"},
	"github.com/jackc/":                  {"store"},
	"modernc.org/":                       {"store", "cmd/demo"},
	"github.com/gorilla/websocket":       {"socket", "sim/slack"},
	"github.com/prometheus/":             {"bot"},
	"github.com/alecthomas/kong":         {"handlers", "bot", "cmd/bot", "cmd/demo"},
	"github.com/go-json-experiment/json": {"socket", "cmd/demo"},
	"github.com/kballard/go-shellquote":  {"handlers", "bot", "cmd/demo", "sim/page"},
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath                string
	Imports                   []string
	TestImports, XTestImports []string
}

// house is the name under which a package stands in the table: its longest prefix there.
func house(path string) (string, bool) {
	rel, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return "", false
	}
	best := ""
	for name := range arrows {
		if (rel == name || strings.HasPrefix(rel, name+"/")) && len(name) > len(best) {
			best = name
		}
	}
	if best == "" {
		return rel, true
	}
	return best, true
}

// reach is everything that a package may import.
func reach(name string) []string {
	out := []string{name}
	for i := 0; i < len(out); i++ {
		for _, next := range arrows[out[i]] {
			if !slices.Contains(out, next) {
				out = append(out, next)
			}
		}
	}
	return out
}

// violations says in a sentence what breaks the rules.
func violations(pkgs []listed) []string {
	var out []string
	for _, p := range pkgs {
		from, ours := house(p.ImportPath)
		if !ours {
			continue
		}
		if _, known := arrows[from]; !known {
			out = append(out, fmt.Sprintf("%s has no line in the table of arrows: say there what it may import", p.ImportPath))
			continue
		}
		imports := p.Imports
		if strings.HasPrefix(from, "sim/") { // the simulators know nothing of the bot, not even in their tests
			imports = slices.Concat(imports, ourOnly(p.TestImports), ourOnly(p.XTestImports))
		}
		for _, imp := range imports {
			if why := forbidden(from, imp); why != "" {
				out = append(out, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imp, why))
			}
		}
	}
	return out
}

func ourOnly(imports []string) []string {
	return slices.DeleteFunc(slices.Clone(imports), func(i string) bool { return !strings.HasPrefix(i, module+"/") })
}

func forbidden(from, imp string) string {
	if to, ours := house(imp); ours {
		if !slices.Contains(reach(from), to) {
			return fmt.Sprintf("%s may import only %s of this module", from, strings.Join(reach(from)[1:], ", "))
		}
		return ""
	}
	for prefix, at := range homes {
		if strings.HasPrefix(imp, prefix) && !slices.Contains(at, from) {
			return fmt.Sprintf("%s lives in %s", strings.TrimSuffix(prefix, "/"), strings.Join(at, ", "))
		}
	}
	return ""
}

func TestImportsRunOneWay(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages listed", len(pkgs))
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

func TestTheImportCheckCanFail(t *testing.T) {
	for name, tt := range map[string]struct {
		pkg  listed
		want string // part of the sentence; "" = allowed
	}{
		"up the house":          {listed{ImportPath: "ecsbot/ecsops", Imports: []string{"fmt", "ecsbot/workflow"}}, "ecsops may import only"},
		"sideways":              {listed{ImportPath: "ecsbot/handlers", Imports: []string{"ecsbot/store"}}, "handlers may import only"},
		"simulator knows us":    {listed{ImportPath: "ecsbot/sim/aws", Imports: []string{"ecsbot/ecsops"}}, "sim/aws may import only"},
		"its tests know us":     {listed{ImportPath: "ecsbot/sim/aws", TestImports: []string{"ecsbot/ecsops"}}, "sim/aws may import only"},
		"production simulates":  {listed{ImportPath: "ecsbot/bot", Imports: []string{"ecsbot/sim/slack"}}, "bot may import only"},
		"its tests may":         {listed{ImportPath: "ecsbot/bot", TestImports: []string{"ecsbot/sim/slack"}}, ""},
		"driver away from home": {listed{ImportPath: "ecsbot/workflow", Imports: []string{"github.com/jackc/pgx/v5"}}, "github.com/jackc lives in store"},
		"AWS away from home":    {listed{ImportPath: "ecsbot/words", Imports: []string{"github.com/aws/aws-sdk-go-v2/aws"}}, "github.com/aws lives in"},
		"Slack in the words":    {listed{ImportPath: "ecsbot/words", Imports: []string{"github.com/slack-go/slack"}}, "lives in socket"},
		"a folder of its own":   {listed{ImportPath: "ecsbot/store/pgtest", Imports: []string{"ecsbot/blocks"}}, "store may import only"},
		"a new package":         {listed{ImportPath: "ecsbot/util"}, "has no line in the table"},
		"through what is below": {listed{ImportPath: "ecsbot/store", Imports: []string{"ecsbot/ecsops", "github.com/jackc/pgx/v5"}}, ""},
		"composition":           {listed{ImportPath: "ecsbot/bot", Imports: []string{"ecsbot/store", "ecsbot/socket"}}, ""},
		"not ours":              {listed{ImportPath: "golang.org/x/mod", Imports: []string{"ecsbot/store"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := violations([]listed{tt.pkg})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("allowed import reported: %q", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("violations = %q, want one that says %q", got, tt.want)
			}
		})
	}
}
