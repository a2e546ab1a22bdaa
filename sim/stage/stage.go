// Package stage puts a Slack workspace, an AWS estate and one process between
// them on a stage with one clock, and lets people act by short lines of text:
// the conversations of the tests and of the demo. The process is any program
// that reads its settings from the environment; the stage knows nothing of it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	simslack "ecsbot/sim/slack"
)

// ClockFileVar is the environment variable that names the file with the stage's clock.
const ClockFileVar = "STAGE_CLOCK_FILE"

// Config is how a stage is set.
type Config struct {
	Dir      string   // for the clock and the process's state; must exist
	Manifest []byte   // the app's
	Pace     float64  // virtual seconds per second; 0 means 60
	Env      []string // further settings of the process; later entries win
	// Command makes the process. Its environment is set by the stage.
	Command func() *exec.Cmd
	Log     io.Writer // the process's output; nil keeps the last lines for errors
	Slack   func(*simslack.Config)
}

// Stage is set by New and must be closed.
type Stage struct {
	Slack *simslack.Workspace
	AWS   *simaws.Cloud
	Clock *clock.Paced

	cfg  Config
	file string

	mu       sync.Mutex
	running  map[string]*process // guarded by mu: by name
	changed  chan struct{}       // guarded by mu: closed when a process starts or ends
	saved    map[string]string   // guarded by mu: what a verb kept for later lines
	metadata []*http.Server      // guarded by mu: task metadata endpoints
	acted    map[string]string   // guarded by mu: by person, the newest message to them alone when they last acted
	waits    time.Duration       // guarded by mu: see patience
}

// New sets the stage: the demo workspace and the demo estate, both listening on loopback.
func New(ctx context.Context, cfg Config) (*Stage, error) {
	if cfg.Pace == 0 {
		cfg.Pace = 60
	}
	s := &Stage{Clock: clock.New(time.Now().UTC().Truncate(time.Second), cfg.Pace), cfg: cfg,
		file: filepath.Join(cfg.Dir, "clock"), saved: map[string]string{}, acted: map[string]string{},
		running: map[string]*process{}, changed: make(chan struct{})}
	if err := clock.Publish(s.Clock, s.file); err != nil {
		return nil, err
	}
	aws, err := simaws.New(simaws.Config{Clock: s.Clock, Seed: 1})
	if err != nil {
		return nil, fmt.Errorf("building the estate: %w", err)
	}
	if err := aws.Demo(); err != nil {
		return nil, fmt.Errorf("building the estate: %w", err)
	}
	workspace := simslack.Demo()
	workspace.Manifest, workspace.Shown = cfg.Manifest, s.Clock.Now
	if cfg.Slack != nil {
		cfg.Slack(&workspace)
	}
	slack, err := simslack.New(workspace)
	if err != nil {
		return nil, fmt.Errorf("building the workspace: %w", err)
	}
	if err := aws.Start(ctx, "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the estate: %w", err)
	}
	s.AWS = aws
	if err := slack.Start("127.0.0.1:0"); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the workspace: %w", err), aws.Close())
	}
	s.Slack = slack
	return s, nil
}

// Close ends the processes and both simulators.
func (s *Stage) Close() error {
	err := errors.Join(s.end(First, syscall.SIGKILL), s.end(Second, syscall.SIGKILL))
	s.mu.Lock()
	for _, m := range s.metadata {
		err = errors.Join(err, m.Close())
	}
	s.mu.Unlock()
	return errors.Join(err, s.Slack.Close(), s.AWS.Close())
}

// SetPace changes the clock for everyone on the stage.
func (s *Stage) SetPace(pace float64) error {
	s.Clock.SetPace(pace)
	return clock.Publish(s.Clock, s.file)
}

// Advance moves the clock of everyone on the stage.
func (s *Stage) Advance(d time.Duration) error {
	s.Clock.Advance(d)
	return clock.Publish(s.Clock, s.file)
}

// Env is the process's whole environment: nothing of the caller's but PATH and
// HOME, so that no real credential can reach it.
func (s *Stage) Env() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.cfg.Dir,
		ClockFileVar + "=" + s.file,
		"SLACK_BOT_TOKEN=" + simslack.DemoBotToken, "SLACK_APP_TOKEN=" + simslack.DemoAppToken,
		"SLACK_API_URL=" + s.Slack.URL(),
		"AWS_ENDPOINT_URL=" + s.AWS.URL(), "AWS_REGION=" + simaws.DemoRegion,
		"AWS_ACCESS_KEY_ID=" + simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY=" + simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AUDIT_CHANNEL=" + simslack.DemoAudit, "STATE_DIR=" + filepath.Join(s.cfg.Dir, "state"),
		"OPERATORS=" + simslack.DemoOperator + "," + simslack.DemoOperator2,
		"APPROVERS=" + simslack.DemoApprover,
		"CLUSTERS=prod,staging,serverless", "CHANNELS=" + simslack.DemoOps + "," + simslack.DemoShared + "," + simslack.DemoRandom,
		"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=info",
		"PROPOSAL_TTL=4h", // people on a stage are slower than its clock
	}
	return append(env, s.cfg.Env...)
}

// Dir is the stage's folder.
func (s *Stage) Dir() string { return s.cfg.Dir }
