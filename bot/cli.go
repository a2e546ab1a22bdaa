package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"ecsbot/ecsops"
	"ecsbot/store"
)

// Exit codes of the program.
const (
	ExitDone    = 0
	ExitFailed  = 1 // something went wrong: AWS, Slack, the store
	ExitUsage   = 2 // the arguments or the configuration are wrong; nothing was connected
	ExitRefused = 3 // the answer is no: policy, a failed check, a changed log, an unknown operation, a second serving process
)

const description = `Takes Amazon ECS container instances out of service, from Slack. Without a command it serves.

Settings come from the environment: see "bot config".
Exit codes: 0 done, 1 something went wrong, 2 wrong arguments or configuration, 3 refused (by policy, a failed check, a changed log).`

// grammar is the command line.
type grammar struct {
	Serve       serveCommand       `cmd:"" default:"1" help:"Serve: connect to Slack and carry out operations."`
	Plan        planCommand        `cmd:"" help:"Show what taking a container instance out of service would do. Changes nothing."`
	Status      statusCommand      `cmd:"" help:"Show the latest operations, or one."`
	Stop        stopCommand        `cmd:"" help:"Undo an operation, as the Slack user that TERMINAL_USERS maps you to."`
	Audit       auditCommand       `cmd:"" help:"Verify or export the audit log, or make a signing key."`
	Check       checkCommand       `cmd:"" help:"Test tokens, scopes, channels, AWS permissions and the store."`
	Config      configCommand      `cmd:"" help:"List the settings as a Markdown table."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the serving process on this machine whether it lives."`
	Version     versionCommand     `cmd:"" help:"Show the version."`
}

// outside is what a command gets from its process.
type outside struct {
	ctx         context.Context
	environ     []string
	out, errOut io.Writer
}

type (
	serveCommand struct{}
	planCommand  struct {
		Target    string        `arg:"" help:"EC2 id, container-instance id or ARN, in whatever form."`
		Cluster   string        `arg:"" optional:"" help:"Name or ARN of the cluster; all of CLUSTERS are searched without."`
		Account   string        `help:"Account of the cluster."`
		Region    string        `help:"Region of the cluster."`
		Force     bool          `help:"Plan a forced deregistration, which orphans running tasks."`
		Terminate string        `enum:"keep,terminate,replace,shrink" default:"keep" help:"What to do with the machine afterwards: ${enum}. In an Auto Scaling group: replace or shrink."`
		SSM       bool          `name:"deregister-ssm" help:"End an external instance's registration in Systems Manager, too."`
		Intent    string        `enum:"retire,reuse,ghost,move" default:"retire" help:"What it is wanted for: ${enum}."`
		Deadline  time.Duration `help:"How long the drain may take."`
		Reason    string        `help:"Why."`
	}
	statusCommand struct {
		Operation string `arg:"" optional:"" help:"Id of an operation."`
	}
	stopCommand struct {
		Operation string `arg:"" help:"Id of the operation."`
	}
	auditCommand struct {
		Verify verifyCommand `cmd:"" help:"Recompute the log and compare the stored operations with it."`
		Export exportCommand `cmd:"" help:"Write the whole log to standard output."`
		Key    keyCommand    `cmd:"" help:"Make a signing key for AUDIT_KEY."`
	}
	verifyCommand struct {
		Checkpoint string   `help:"A signed checkpoint from the audit channel, or a file with one: finds truncation and rewriting."`
		Key        []string `help:"Public key that verifies checkpoints, beside our own."`
	}
	exportCommand struct {
		Format string `enum:"jsonl,csv" default:"jsonl" help:"One of ${enum}."`
	}
	keyCommand         struct{}
	checkCommand       struct{}
	configCommand      struct{}
	healthcheckCommand struct{}
	versionCommand     struct{}
)

// exiting carries an exit code out of kong, which would end the process at --help.
type exiting int

// Main is the program: it parses args (without the program's name), does what they say, and returns the exit code. Answers go
// to out, errors to errOut, in sentences.
func Main(ctx context.Context, args, environ []string, out, errOut io.Writer) (code int) {
	defer func() {
		if v := recover(); v != nil {
			c, ok := v.(exiting)
			if !ok {
				panic(v)
			}
			code = int(c)
		}
	}()
	parser, err := kong.New(new(grammar), kong.Name("bot"), kong.Description(description), kong.Writers(out, errOut),
		kong.Exit(func(c int) { panic(exiting(c)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return complain(errOut, err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "bot: %s\nTry \"bot --help\".\n", err) // nowhere else to say it
		return ExitUsage
	}
	return complain(errOut, parsed.Run(&outside{ctx, environ, out, errOut}))
}

// complain prints an error and returns its exit code.
func complain(errOut io.Writer, err error) int {
	if err == nil {
		return ExitDone
	}
	_, _ = fmt.Fprintf(errOut, "bot: %s\n", err) // nowhere else to say it
	switch _, wrong := errors.AsType[*ConfigError](err); {
	case wrong:
		return ExitUsage
	case errors.Is(err, ErrRefused), errors.Is(err, store.ErrServing):
		return ExitRefused
	}
	return ExitFailed
}

func (serveCommand) Run(o *outside) error {
	cfg, err := Load(o.environ)
	if err != nil {
		return err
	}
	return Run(o.ctx, cfg)
}

// at opens the terminal for f; existing says that f speaks of what was stored.
func (o *outside) at(existing bool, f func(*At) error) error {
	cfg, err := LoadFor(Terminal, o.environ)
	if err != nil {
		return err
	}
	a, err := AtTerminal(o.ctx, cfg, existing, o.out)
	if err != nil {
		return err
	}
	defer a.Close()
	return f(a)
}

func (c planCommand) Run(o *outside) error {
	termination := ecsops.Termination(c.Terminate)
	if c.Terminate == "keep" {
		termination = ecsops.KeepRunning
	}
	return o.at(false, func(a *At) error {
		return a.Plan(o.ctx, PlanFor{Target: c.Target, Cluster: c.Cluster, Account: c.Account, Region: c.Region,
			Intent: ecsops.Purpose(c.Intent), Force: c.Force, DeregisterSSM: c.SSM, Terminate: termination, Deadline: c.Deadline, Reason: c.Reason})
	})
}

func (c statusCommand) Run(o *outside) error {
	return o.at(true, func(a *At) error { return a.Status(o.ctx, c.Operation) })
}

func (c stopCommand) Run(o *outside) error {
	return o.at(true, func(a *At) error { return a.Stop(o.ctx, c.Operation) })
}

func (c verifyCommand) Run(o *outside) error {
	cfg, err := LoadFor(Terminal, o.environ)
	if err != nil {
		return err
	}
	return VerifyAudit(o.ctx, cfg, c.Checkpoint, c.Key, o.out)
}

func (c exportCommand) Run(o *outside) error {
	cfg, err := LoadFor(Terminal, o.environ)
	if err != nil {
		return err
	}
	return ExportAudit(o.ctx, cfg, c.Format, o.out)
}

func (keyCommand) Run(o *outside) error { return NewAuditKey(o.out, o.errOut) }

func (checkCommand) Run(o *outside) error {
	cfg, err := Load(o.environ)
	if err != nil {
		return err
	}
	return Check(o.ctx, cfg, o.out)
}

func (configCommand) Run(o *outside) error {
	_, err := io.WriteString(o.out, Table())
	return err
}

func (healthcheckCommand) Run(o *outside) error {
	cfg, err := LoadFor(Terminal, o.environ)
	if err != nil {
		return err
	}
	return Healthcheck(o.ctx, cfg.HTTPAddr)
}

func (versionCommand) Run(o *outside) error {
	_, err := fmt.Fprintln(o.out, Version())
	return err
}
