package ecsops

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// HostLookMode is whether the bot may look into machines on which a force left tasks.
type HostLookMode string

// Modes. ssm sends one document of our own, which lists containers and changes nothing
// (deploy/ssm/host-look.json).
const (
	HostLookOff HostLookMode = ""
	HostLookSSM HostLookMode = "ssm"
)

// HostLookDocument is the document's name where the configuration has no other.
const HostLookDocument = "ecsbot-host-look"

// ParseHostLook reads the setting.
func ParseHostLook(text string) (HostLookMode, error) {
	switch m := HostLookMode(strings.ToLower(strings.TrimSpace(text))); m {
	case "off", HostLookOff:
		return HostLookOff, nil
	case HostLookSSM:
		return m, nil
	}
	return HostLookOff, fmt.Errorf("%q is none of off, ssm", text)
}

// Names of documents; those that begin so are AWS's, and run whatever their caller says.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html
var (
	documentForm  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,128}$`)
	documentOfAWS = regexp.MustCompile(`(?i)^(aws|amazon|amzn)`)
)

// ParseHostLookDocument reads the name of the document. No ARN: a document that another
// account shares may change unseen.
func ParseHostLookDocument(text string) (string, error) {
	name := strings.TrimSpace(text)
	switch {
	case !documentForm.MatchString(name):
		return "", fmt.Errorf("%q is no name of a document of your own (3 to 128 of letters, digits, _ . -)", text)
	case documentOfAWS.MatchString(name):
		return "", fmt.Errorf("%q is a document of AWS's, which could run anything: name one of your own, made of deploy/ssm/host-look.json", text)
	}
	return name, nil
}

// looksAt is the document that the configuration allows; "" = none.
func (c Config) looksAt() string {
	if c.HostLook != HostLookSSM {
		return ""
	}
	if c.HostLookDocument == "" {
		return HostLookDocument
	}
	return c.HostLookDocument
}

const (
	hostFact       = "host"
	sendCall       = "ssm:SendCommand"
	invocationCall = "ssm:GetCommandInvocation"
	noCommand      = "00000000-0000-0000-0000-000000000000"

	// hostDelivery is how long a command waits for the agent; 30 s is the least.
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
	hostDelivery = 60
	maxComment   = 100
)

// Reasons why a look brought nothing, where AWS has no code for it. words has a sentence
// for each.
const (
	HostNotManaged = "not managed"   // Systems Manager does not know the machine
	HostOffline    = "agent offline" // its agent does not answer
	HostNotLinux   = "not Linux"     // the document is for Linux
	HostNoDocker   = "no docker"     // as on Bottlerocket, whose agent sees none
	HostCut        = "output cut"    // Systems Manager keeps 24,000 characters
	HostNoListing  = "no listing"    // it answered something else
	HostNoAnswer   = "no answer"     // it did not answer in time
)

// HostSight is what one look into a machine brought: for each task that was left behind its
// containers, or why nothing is known.
type HostSight struct {
	At      time.Time  `json:"at"`
	Command string     `json:"command,omitempty"` // Systems Manager's command id
	Tasks   []HostTask `json:"tasks,omitempty"`
	Missing *Unknown   `json:"missing,omitempty"`
}

// HostTask is one task left behind, as the machine has it.
type HostTask struct {
	Task       string          `json:"task"` // ARN
	Containers []HostContainer `json:"containers,omitempty"`
	// Early: it had not begun to run when it was left, so containers may yet be made.
	Early bool `json:"early,omitempty"`
}

// HostContainer is one container. Its texts are the machine's: foreign, escape before showing.
type HostContainer struct {
	Name      string    `json:"name"`
	State     string    `json:"state"` // docker's: created, running, paused, restarting, removing, exited, dead
	ExitCode  int       `json:"exit_code,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Ended reports whether the container is known not to run any more. Paused ones, and those
// about to run or to go, are not.
func (c HostContainer) Ended() bool { return c.State == "exited" || c.State == "dead" }

// Ended reports whether the task's containers are known not to run any more: each exited,
// or none is there.
func (t HostTask) Ended() bool {
	return !t.Early && !slices.ContainsFunc(t.Containers, func(c HostContainer) bool { return !c.Ended() })
}

// Of is what was seen of a task; false when the look says nothing of it.
func (s HostSight) Of(task string) (HostTask, bool) {
	i := slices.IndexFunc(s.Tasks, func(t HostTask) bool { return t.Task == task })
	if s.Missing != nil || i < 0 {
		return HostTask{}, false
	}
	return s.Tasks[i], true
}

// Left are those of the tasks that are not known to have ended.
func (s HostSight) Left(tasks []TaskRef) []TaskRef {
	var out []TaskRef
	for _, t := range tasks {
		if seen, ok := s.Of(t.ARN); !ok || !seen.Ended() {
			out = append(out, t)
		}
	}
	return out
}

// Clear reports whether all of the tasks are known to have ended. A look that brought
// nothing clears nothing.
func (s HostSight) Clear(tasks []TaskRef) bool {
	return s.Missing == nil && !s.At.IsZero() && len(tasks) > 0 && len(s.Left(tasks)) == 0
}

// SaysAs reports whether another look says the same, at another time.
func (s HostSight) SaysAs(o HostSight) bool {
	if s.Missing != nil || o.Missing != nil {
		return s.Missing != nil && o.Missing != nil && *s.Missing == *o.Missing
	}
	return slices.EqualFunc(s.Tasks, o.Tasks, func(a, b HostTask) bool {
		return a.Task == b.Task && a.Early == b.Early && slices.EqualFunc(a.Containers, b.Containers, func(a, b HostContainer) bool {
			return a.Name == b.Name && a.State == b.State && a.ExitCode == b.ExitCode && a.StartedAt.Equal(b.StartedAt)
		})
	})
}

// HostUnseen is a look that brought nothing.
func HostUnseen(at time.Time, call, reason string) HostSight {
	return HostSight{At: at, Missing: &Unknown{Fact: hostFact, Call: call, Reason: reason}}
}

// CannotLook says why Systems Manager cannot look into the machine, or "".
func (n Node) CannotLook() string {
	switch {
	case !n.Registered:
		return HostNotManaged
	case n.Platform != "" && n.Platform != string(ssmtypes.PlatformTypeLinux):
		return HostNotLinux
	case n.Ping != pingAlive:
		return HostOffline
	}
	return ""
}

// Node reads what Systems Manager knows of the target's machine. It errs only when ctx ends.
func (f *Fleet) Node(ctx context.Context, t Target) (Fact[Node], error) {
	boxed, cancel := context.WithTimeout(withUse(ctx, usePoll), f.cfg.TimeBox)
	defer cancel()
	n, err := f.reading(t.Account, t.Region).node(boxed, t.EC2)
	return fact(hostFact, nodeCall, n, err), ctx.Err()
}

// HostQuestion is what a look into a machine is to answer.
type HostQuestion struct {
	Target  Target
	Command string    // Systems Manager's command id
	Asked   time.Time // when it was sent
	Orphans []TaskRef
	Left    time.Time // when they were left behind
}

// HostAnswer is how far a look has come.
type HostAnswer struct {
	Pending bool // the machine has not answered yet
	Sight   HostSight
}

// HostLook reads what a command brought; unknown while Systems Manager cannot be asked, or
// does not know the command: what was sent shows only after a while (boto/boto3#2701).
// It errs only when ctx ends.
func (f *Fleet) HostLook(ctx context.Context, q HostQuestion) (Fact[HostAnswer], error) {
	boxed, cancel := context.WithTimeout(withUse(ctx, usePoll), f.cfg.TimeBox)
	defer cancel()
	s := f.reading(q.Target.Account, q.Target.Region)
	out, err := s.invocation(boxed, q.Target.EC2, q.Command)
	if err != nil {
		return NotKnown[HostAnswer](unknownOf(hostFact, invocationCall, err)), ctx.Err()
	}
	return Known(q.answer(out, f.clock.Now())), ctx.Err()
}

func (s *session) invocation(ctx context.Context, id EC2ID, command string) (*ssm.GetCommandInvocationOutput, error) {
	out, err := s.ssm.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: aws.String(command), InstanceId: aws.String(string(id))})
	if err != nil {
		return nil, called(invocationCall, err)
	}
	if aws.ToString(out.InstanceId) != string(id) || aws.ToString(out.CommandId) != command {
		return nil, called(invocationCall, errors.New("it answered for another command or machine"))
	}
	return out, s.verify(ctx)
}

// answer reads an invocation. Of its ends only Success says anything of the containers.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
func (q HostQuestion) answer(out *ssm.GetCommandInvocationOutput, now time.Time) HostAnswer {
	switch out.Status {
	case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress,
		ssmtypes.CommandInvocationStatusDelayed, ssmtypes.CommandInvocationStatusCancelling:
		return HostAnswer{Pending: true}
	}
	// The machine answered after it was asked; when, its own clock says, which may be wrong.
	sight := HostSight{At: q.Asked, Command: q.Command}
	if at, err := time.Parse(time.RFC3339, aws.ToString(out.ExecutionStartDateTime)); err == nil && at.After(q.Asked) && !at.After(now) {
		sight.At = at.UTC()
	}
	why := ""
	if out.Status == ssmtypes.CommandInvocationStatusSuccess {
		sight.Tasks, why = q.tasks(aws.ToString(out.StandardOutputContent), sight.At)
	} else {
		why = strings.Join(strings.Fields(aws.ToString(out.StatusDetails)), "") // AWS writes them with and without spaces
		if why == "" {
			why = string(out.Status)
		}
	}
	if why != "" {
		sight.Missing = &Unknown{Fact: hostFact, Call: invocationCall, Reason: why}
	}
	return HostAnswer{Sight: sight}
}

// sendLook has the machine list its containers.
func (s *session) sendLook(ctx context.Context, a Action) (string, middleware.Metadata, error) {
	out, err := s.ssm.SendCommand(ctx, &ssm.SendCommandInput{DocumentName: aws.String(a.Document), InstanceIds: []string{string(a.Target.EC2)},
		TimeoutSeconds: aws.Int32(hostDelivery), Comment: aws.String(cut(a.Reason, maxComment))})
	if err != nil {
		return "", middleware.Metadata{}, err
	}
	if out.Command == nil || aws.ToString(out.Command.CommandId) == "" {
		return "", out.ResultMetadata, &smithy.SerializationError{Err: errors.New("the answer names no command")}
	}
	return aws.ToString(out.Command.CommandId), out.ResultMetadata, nil
}
