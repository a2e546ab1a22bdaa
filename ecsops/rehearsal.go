package ecsops

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
)

// Rehearsal is what EC2 answered to the termination as a dry run, which changes nothing and
// is always answered by an error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
type Rehearsal string

// Rehearsals.
const (
	RehearsalNone    Rehearsal = ""        // not asked: the bot does not terminate the machine by itself, or there is none
	RehearsalAllowed Rehearsal = "allowed" // DryRunOperation
	RehearsalDenied  Rehearsal = "denied"  // UnauthorizedOperation: the credentials lack the permission
	RehearsalRefused Rehearsal = "refused" // OperationNotPermitted: mostly termination protection
)

const (
	rehearsalFact    = "rehearsal"
	codeDryRun       = "DryRunOperation"
	codeUnauthorized = "UnauthorizedOperation"
)

type rehearsalKey struct{}

// Reading is ctx for inspections that plans for such intents are made of. Of a machine that is
// to end, its type is asked for, which tells whether it has disks that end with it. Where the bot
// itself is to terminate a machine of no Auto Scaling group, EC2 is asked for that as a dry
// run, beside the other reads; otherwise nobody shall find attempts of it in CloudTrail.
func Reading(ctx context.Context, ins ...Intent) context.Context {
	if ends(ins) {
		ctx = context.WithValue(ctx, endsKey{}, true)
	}
	if !slices.ContainsFunc(ins, func(in Intent) bool { return in.Terminate == Terminate }) {
		return ctx
	}
	return context.WithValue(ctx, rehearsalKey{}, true)
}

func rehearses(ctx context.Context) bool { return ctx.Value(rehearsalKey{}) != nil }

// readRehearsal asks for a machine that is in no group, if the plan may end it. It waits for
// what the other reads of the machine wait for, too: it makes no inspection deeper.
func (r *reader) readRehearsal() {
	id, member, machine := r.id, r.member, r.machine
	r.rehearsal = start(r.ctx, r.wg, func(ctx context.Context) (Rehearsal, error) {
		if !rehearses(ctx) {
			return RehearsalNone, nil
		}
		place, err := member.wait(ctx)
		if err != nil || place.AutoScalingGroupName != nil {
			return RehearsalNone, err
		}
		ec2, err := id.wait(ctx)
		if err != nil || ec2 == "" || externalID(ec2) {
			return RehearsalNone, err
		}
		if e, err := machine.wait(ctx); err == nil && !e.ours() {
			return RehearsalNone, nil
		}
		return r.s.rehearse(ctx, ec2)
	})
}

// ours: the machine exists, and nobody but us ends it: ECS ends its Managed Instances.
func (e EC2) ours() bool { return !e.Gone() && e.ManagedBy == "" }

func (s *session) rehearse(ctx context.Context, ids ...EC2ID) (Rehearsal, error) {
	in := &ec2.TerminateInstancesInput{DryRun: aws.Bool(true)}
	for _, id := range ids {
		in.InstanceIds = append(in.InstanceIds, string(id))
	}
	_, err := s.ec2.TerminateInstances(ctx, in)
	if err == nil {
		return RehearsalNone, called(terminateCall, reasonError("incomplete answer"))
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return RehearsalNone, called(terminateCall, err)
	}
	switch api.ErrorCode() {
	case codeDryRun:
		return RehearsalAllowed, nil
	case codeUnauthorized:
		return RehearsalDenied, nil
	case "OperationNotPermitted":
		return RehearsalRefused, nil
	case "InvalidInstanceID.NotFound":
		return RehearsalNone, nil
	}
	return RehearsalNone, called(terminateCall, err)
}

// rehearsed is the answer about one of many machines.
type rehearsed struct {
	answer Rehearsal
	err    error
}

// rehearsals asks for all machines of no group at once. What EC2 refuses is refused for
// all, without a word on which of them it is about: then each is asked for by itself, as far
// as time and budget go.
func (s *session) rehearsals(ctx context.Context, alone []EC2ID) map[EC2ID]rehearsed {
	out := make(map[EC2ID]rehearsed, len(alone))
	if len(alone) == 0 {
		return out
	}
	all, err := s.rehearse(ctx, alone...)
	if len(alone) == 1 || err == nil && all == RehearsalAllowed {
		for _, id := range alone {
			out[id] = rehearsed{all, err}
		}
		return out
	}
	answers := make([]rehearsed, len(alone))
	var wg sync.WaitGroup
	for i, id := range alone {
		wg.Go(func() { answers[i].answer, answers[i].err = s.rehearse(ctx, id) })
	}
	wg.Wait()
	for i, id := range alone {
		out[id] = answers[i]
	}
	return out
}

// readRehearsals asks for all targets of many; they are read in their batches by then.
func (m *many) readRehearsals() {
	r, ids, members, machines := m.r, m.ids, m.members, m.machines
	m.rehearsals = start(r.ctx, r.wg, func(ctx context.Context) (map[EC2ID]rehearsed, error) {
		if !rehearses(ctx) {
			return nil, nil
		}
		all, err := ids.wait(ctx)
		if err != nil {
			return nil, err
		}
		places, err := members.wait(ctx)
		if err != nil {
			return nil, err
		}
		described, machinesErr := machines.wait(ctx)
		alone := slices.DeleteFunc(slices.Clone(all), func(id EC2ID) bool {
			_, grouped := places[id]
			e, found := described[id]
			return grouped || machinesErr == nil && (!found || !e.ours())
		})
		return r.s.rehearsals(ctx, alone), nil
	})
}

// aimRehearsal is the target's part of what was asked for all.
func (m *many) aimRehearsal(id *later[EC2ID]) {
	r := m.r
	r.rehearsal = start(r.ctx, r.wg, func(ctx context.Context) (Rehearsal, error) {
		ec2, err := id.wait(ctx)
		if err != nil {
			return RehearsalNone, err
		}
		all, err := m.rehearsals.wait(ctx)
		if err != nil {
			return RehearsalNone, err
		}
		return all[ec2].answer, all[ec2].err
	})
}

// noRehearsal says why EC2 would not let the bot end a machine of no group, as far as it was
// asked, or "".
func (j *judge) noRehearsal() string {
	switch answer, known := j.s.Rehearsal.Get(); {
	case !known:
		return "rehearsal_unknown"
	case answer == RehearsalDenied:
		return "unauthorized"
	case answer == RehearsalRefused:
		return "refused"
	case answer != RehearsalAllowed:
		j.miss(Unknown{Fact: rehearsalFact, Call: terminateCall, Reason: "not read"}, Amber, false)
	}
	return ""
}
