package bot_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ecsbot/audit"
	"ecsbot/bot"
	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	"ecsbot/sim/stage"
	"ecsbot/store/pgtest"
)

// childVar makes the test's binary the bot itself: a process that can be killed.
const childVar = "ECSBOT_TEST_CHILD"

// conversationsAtOnce is how many are played side by side unless -parallel says
// otherwise: they wait much more than they work.
const conversationsAtOnce = 12

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		os.Exit(childMain())
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = parallel.Value.Set(strconv.Itoa(conversationsAtOnce)) // a number is one that it takes
	}
	os.Exit(m.Run())
}

func childMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := childRun(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childRun(ctx context.Context) error {
	cfg, err := bot.Load(os.Environ())
	if err != nil {
		return err
	}
	c, err := clock.Follow(os.Getenv(stage.ClockFileVar))
	if err != nil {
		return err
	}
	return bot.Run(ctx, cfg, bot.WithClock(c))
}

func readManifest(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newStage is a stage whose process is this binary.
func newStage(t testing.TB, dir string, pace float64, env ...string) *stage.Stage {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.New(t.Context(), stage.Config{Dir: dir, Manifest: readManifest(t), Pace: pace,
		Env: append([]string{childVar + "=1"}, env...), Command: func() *exec.Cmd { return exec.Command(self) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).AddDocument(hostDocument(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the process printed:\n%s", s.Output())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// hostDocument is the document that looks into machines, as somebody would install it.
func hostDocument(t testing.TB) simaws.DocumentSpec {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "deploy", "ssm", "host-look.json"))
	if err != nil {
		t.Fatal(err)
	}
	return simaws.DocumentSpec{Name: ecsops.HostLookDocument, Content: string(content)}
}

// TestConversations plays testdata/*.txt: people type and click, the bot answers,
// over the real protocols.
func TestConversations(t *testing.T) {
	if testing.Short() {
		t.Skip("conversations start processes: make test")
	}
	bin := buildBot(t)
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		converse(t, "sqlite", bin, func(testing.TB) []string { return nil })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server, key := pgtest.New(t), auditKey(t)
		converse(t, "postgres", bin, func(t testing.TB) []string {
			return []string{"DATABASE_URL=" + server.Database(t), "AUDIT_KEY=" + key}
		})
	})
}

func auditKey(t testing.TB) string {
	t.Helper()
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// buildBot builds the real binary for the terminal's side of a conversation.
func buildBot(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bot")
	if out, err := exec.Command("go", "build", "-o", bin, "ecsbot/cmd/bot").CombinedOutput(); err != nil {
		t.Fatalf("building cmd/bot: %v\n%s", err, out)
	}
	return bin
}

func converse(t *testing.T, kind, bin string, database func(t testing.TB) []string) {
	cmds := map[string]func(*testscript.TestScript, bool, []string){}
	for _, name := range stage.Names() {
		cmds[name] = verb(name)
	}
	cmds["end"], cmds["crash"] = verb("stop"), verb("kill") // testscript has a stop and a kill of its own
	cmds["remember"] = remember
	cmds["bot"] = func(ts *testscript.TestScript, neg bool, args []string) { botCommand(ts, bin, neg, args) }
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: cmds,
		Condition: func(cond string) (bool, error) {
			if cond == "sqlite" || cond == "postgres" {
				return cond == kind, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(e *testscript.Env) error {
			extra := database(e.T().(testing.TB))
			if more, err := os.ReadFile(filepath.Join(e.WorkDir, "env")); err == nil {
				extra = append(extra, strings.Fields(strings.ReplaceAll(string(more), "$WHOAMI", whoAmI(t)))...)
			}
			e.Values["stage"] = newStage(e.T().(testing.TB), e.WorkDir, 60, extra...)
			return nil
		},
	})
}

// whoAmI is the operating-system user, which the bot's terminal commands go by.
func whoAmI(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func verb(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s := ts.Value("stage").(*stage.Stage)
		out, err := s.Do(context.Background(), append([]string{name}, args...))
		if neg {
			if err == nil {
				ts.Fatalf("%s succeeded: %s", name, out)
			}
			ts.Logf("%v", err)
			return
		}
		ts.Check(err)
		if out != "" {
			ts.Logf("%s", out)
		}
	}
}

// remember keeps what a group of a regexp matched at a place, as a variable of
// the script: remember OP #ops 'Operation `(\w+)`'.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: remember NAME PLACE REGEXP")
	}
	text, err := ts.Value("stage").(*stage.Stage).Do(context.Background(), []string{"see", args[1], args[2]})
	ts.Check(err)
	m := regexp.MustCompile("(?is)" + args[2]).FindStringSubmatch(text)
	if len(m) < 2 {
		ts.Fatalf("the regexp has no group that matched")
	}
	ts.Setenv(args[0], m[1])
	ts.Logf("%s=%s", args[0], m[1])
}

// botPatience is how long a command at the terminal may take.
const botPatience = 60 * time.Second

// botCommand runs the terminal side of the bot beside the serving process.
func botCommand(ts *testscript.TestScript, bin string, neg bool, args []string) {
	s := ts.Value("stage").(*stage.Stage)
	ctx, cancel := context.WithTimeout(context.Background(), botPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env, cmd.Dir = s.Env(), ts.MkAbs(".")
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	ts.Check(os.WriteFile(ts.MkAbs("out"), out, 0o600))
	if (err != nil) != neg || ctx.Err() != nil {
		ts.Fatalf("bot %s: %v", strings.Join(args, " "), err)
	}
}
