package ecsops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmw "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	asg "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Do makes one mutating AWS call: one HTTP attempt, no retries. Before it, and only once
// for each session, GetCallerIdentity must answer the target's account; when that fails
// nothing was sent and the outcome is refused or throttled, never unknown.
func (f *Fleet) Do(ctx context.Context, a Action) Outcome {
	ctx = withUse(ctx, useOrder)
	out := Outcome{At: f.clock.Now().UTC()}
	if err := errors.Join(a.check(), f.allows(a)); err != nil {
		out.Result, out.Code, out.Message = Refused, "InvalidAction", err.Error()
		return out
	}
	s := f.ordering(a.Target.Account, a.Target.Region, a.Session)
	if err := s.verify(ctx); err != nil {
		return notSent(out, err)
	}
	md, failures, err := s.send(ctx, a, &out)
	out.At = f.clock.Now().UTC()
	out.RequestID, _ = awsmw.GetRequestIDMetadata(md)
	switch {
	case err != nil:
		return classifyOutcome(out, err)
	case len(failures) > 0:
		// HTTP 200, and yet nothing was done to the one instance that was named.
		out.Result, out.Code, out.Message = Refused, aws.ToString(failures[0].Reason), aws.ToString(failures[0].Detail)
		return out
	}
	out.Result = OK
	return out
}

// check refuses an action that lacks what its call needs: an empty cluster would mean the
// one named "default".
func (a Action) check() error {
	t := a.Target
	switch {
	case t.Account == "" || t.Region == "" || t.Cluster == "" || t.Instance == "":
		return errors.New("target lacks account, Region, cluster or container instance")
	case t.Cluster.Account() != t.Account || t.Cluster.Region() != t.Region:
		return errors.New("target's cluster is in another account or Region")
	case a.Kind == ActStopTask && a.Task == "":
		return errors.New("no task to stop")
	case a.Kind == ActDeregisterNode && !externalID(t.EC2):
		return fmt.Errorf("%q is no managed node's id", t.EC2)
	case a.Kind == ActLookAtHost && !strings.HasPrefix(string(t.EC2), "i-"):
		return fmt.Errorf("%q is no EC2 instance id", t.EC2)
	case (a.Kind == ActTerminateEC2 || a.Kind == ActTerminateInGroup) && !strings.HasPrefix(string(t.EC2), "i-"):
		return fmt.Errorf("%q is no EC2 instance id", t.EC2)
	}
	return nil
}

// allows refuses a look that the configuration does not name: no other document is ever sent.
func (f *Fleet) allows(a Action) error {
	if a.Kind == ActLookAtHost && (a.Document == "" || a.Document != f.cfg.looksAt()) {
		return fmt.Errorf("the configuration allows no document %q", a.Document)
	}
	return nil
}

func (s *session) send(ctx context.Context, a Action, got *Outcome) (middleware.Metadata, []ecstypes.Failure, error) {
	t := a.Target
	switch a.Kind {
	case ActDrain:
		return s.setState(ctx, t, ecstypes.ContainerInstanceStatusDraining)
	case ActUndrain:
		return s.setState(ctx, t, ecstypes.ContainerInstanceStatusActive)
	case ActStopTask:
		in := &ecs.StopTaskInput{Cluster: aws.String(string(t.Cluster)), Task: aws.String(a.Task)}
		if a.Reason != "" {
			in.Reason = aws.String(cut(a.Reason, maxStopReason))
		}
		out, err := s.ecs.StopTask(ctx, in)
		return metadataOf(out, err, func() middleware.Metadata { return out.ResultMetadata }), nil, err
	case ActDeregister, ActForceDeregister:
		out, err := s.ecs.DeregisterContainerInstance(ctx, &ecs.DeregisterContainerInstanceInput{
			Cluster: aws.String(string(t.Cluster)), ContainerInstance: aws.String(string(t.Instance)), Force: aws.Bool(a.Kind == ActForceDeregister)})
		return metadataOf(out, err, func() middleware.Metadata { return out.ResultMetadata }), nil, err
	case ActTerminateEC2:
		out, err := s.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{string(t.EC2)}})
		return metadataOf(out, err, func() middleware.Metadata { return out.ResultMetadata }), nil, err
	case ActTerminateInGroup:
		out, err := s.asg.TerminateInstanceInAutoScalingGroup(ctx, &asg.TerminateInstanceInAutoScalingGroupInput{
			InstanceId: aws.String(string(t.EC2)), ShouldDecrementDesiredCapacity: aws.Bool(a.Decrement)})
		return metadataOf(out, err, func() middleware.Metadata { return out.ResultMetadata }), nil, err
	}
	return s.sendSSM(ctx, a, got)
}

func (s *session) sendSSM(ctx context.Context, a Action, got *Outcome) (middleware.Metadata, []ecstypes.Failure, error) {
	switch a.Kind {
	case ActLookAtHost:
		command, md, err := s.sendLook(ctx, a)
		got.Command = command
		return md, nil, err
	case ActDeregisterNode:
		out, err := s.ssm.DeregisterManagedInstance(ctx, &ssm.DeregisterManagedInstanceInput{InstanceId: aws.String(string(a.Target.EC2))})
		return metadataOf(out, err, func() middleware.Metadata { return out.ResultMetadata }), nil, err
	}
	return middleware.Metadata{}, nil, &notSentError{cause: fmt.Errorf("no such action %q", a.Kind)}
}

const maxStopReason = 1024 // StopTask: the reason may be up to 1024 characters

func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}

func (s *session) setState(ctx context.Context, t Target, status ecstypes.ContainerInstanceStatus) (middleware.Metadata, []ecstypes.Failure, error) {
	out, err := s.ecs.UpdateContainerInstancesState(ctx, &ecs.UpdateContainerInstancesStateInput{
		Cluster: aws.String(string(t.Cluster)), ContainerInstances: []string{string(t.Instance)}, Status: status})
	if err != nil {
		return middleware.Metadata{}, nil, err
	}
	return out.ResultMetadata, out.Failures, nil
}

func metadataOf[T any](out *T, err error, get func() middleware.Metadata) middleware.Metadata {
	if err != nil || out == nil {
		return middleware.Metadata{}
	}
	return get()
}

// notSent is the outcome when the call itself never left the process.
func notSent(out Outcome, err error) Outcome {
	out = classifyOutcome(out, err)
	if out.Result == ResultUnknown {
		out.Result = Throttled // try again later: nothing happened
	}
	return out
}

// classifyOutcome says what is known after an error. Only an answer from AWS that refuses
// proves that nothing happened; a timeout, a lost connection or a 5xx proves nothing.
func classifyOutcome(out Outcome, err error) Outcome {
	out.Message = err.Error()
	out.Code = reasonOf(err)
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		out.RequestID = resp.ServiceRequestID()
	}
	api, isAPI := errors.AsType[smithy.APIError](err)
	if isAPI {
		out.Code, out.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if _, ok := errors.AsType[*notSentError](err); ok {
		out.Result, out.Code = Throttled, "LocalBudget"
		return out
	}
	status := statusOf(err)
	switch {
	case isThrottle(err):
		out.Result = Throttled
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout:
		out.Result = Refused
	case status == 0 && neverSent(err):
		out.Result = Refused
	default:
		out.Result = ResultUnknown
	}
	return out
}

// refused: AWS answered, and the answer is no.
func refused(err error) bool {
	status := statusOf(err)
	return status >= 400 && status < 500 && !isThrottle(err)
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}

// isThrottle also sees the throttling that ECS wraps as ClientException (aws/aws-sdk#488).
func isThrottle(err error) bool {
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
		return true
	}
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == "ClientException" && strings.Contains(strings.ToLower(api.ErrorMessage()), "throttl") ||
		ok && api.ErrorCode() == "ClientException" && strings.Contains(api.ErrorMessage(), "Rate exceeded")
}

// neverSent: the request ended before a byte of it could have left: it was invalid, or no
// credentials could be had to sign it.
func neverSent(err error) bool {
	if _, ok := errors.AsType[*WrongAccountError](err); ok {
		return true
	}
	if _, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
		return true
	}
	op, ok := errors.AsType[*smithy.OperationError](err)
	return ok && strings.Contains(op.Error(), "get identity: ")
}
