package ecsops

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// SpotRequest is the request that a Spot Instance fulfils, as far as it tells of an
// interruption; the zero value is a machine that is none. A rebalance recommendation, which
// may come earlier, is in the machine's own metadata and in EventBridge: no call tells it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
type SpotRequest struct {
	Code    string    `json:"code,omitempty"` // fulfilled, marked-for-termination, marked-for-stop, instance-terminated-no-capacity …
	Updated time.Time `json:"updated,omitzero"`
	Stops   bool      `json:"stops,omitempty"` // interrupted, it is stopped or hibernated, not terminated
}

// SpotNotice is the time between the notice and the interruption.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const SpotNotice = 2 * time.Minute

// Announced reports whether EC2 gave notice to the machine.
func (r SpotRequest) Announced() bool { return strings.HasPrefix(r.Code, "marked-for-") }

// Interrupted reports whether EC2 took the machine.
func (r SpotRequest) Interrupted() bool {
	return strings.HasPrefix(r.Code, "instance-terminated-") || strings.HasPrefix(r.Code, "instance-stopped-")
}

// readSpot asks for the request of a machine that EC2 calls a Spot Instance.
func (r *reader) readSpot() {
	id, machine := r.id, r.machine
	r.spot = start(r.ctx, r.wg, func(ctx context.Context) (SpotRequest, error) {
		e, err := machine.wait(ctx)
		if reason, ok := errors.AsType[reasonError](err); ok && reason == reasonExternal {
			return SpotRequest{}, nil
		}
		if err != nil || !e.Spot {
			return SpotRequest{}, err
		}
		ec2, err := id.wait(ctx)
		if err != nil {
			return SpotRequest{}, err
		}
		return r.s.spotRequest(ctx, ec2)
	})
}

// spotRequest reads by filter: an id whose request has been forgotten would fail the call.
// Of several, as a persistent request that was cancelled leaves, the newest counts.
func (s *session) spotRequest(ctx context.Context, id EC2ID) (SpotRequest, error) {
	const call = "ec2:DescribeSpotInstanceRequests"
	out, err := s.ec2.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{
		Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: []string{string(id)}}}})
	if err != nil {
		return SpotRequest{}, called(call, err)
	}
	of := slices.DeleteFunc(out.SpotInstanceRequests, func(r ec2types.SpotInstanceRequest) bool {
		return aws.ToString(r.InstanceId) != string(id) || r.Status == nil
	})
	if len(of) == 0 {
		return SpotRequest{}, called(call, reasonError(failureMissing))
	}
	newest := slices.MaxFunc(of, func(a, b ec2types.SpotInstanceRequest) int {
		return aws.ToTime(a.Status.UpdateTime).Compare(aws.ToTime(b.Status.UpdateTime))
	})
	return SpotRequest{Code: aws.ToString(newest.Status.Code), Updated: aws.ToTime(newest.Status.UpdateTime).UTC(),
		Stops: newest.InstanceInterruptionBehavior != "" && newest.InstanceInterruptionBehavior != ec2types.InstanceInterruptionBehaviorTerminate}, nil
}

// What A3 says beside that the machine is a Spot Instance (Names[0]).
const (
	SpotAnnounced   = "announced"   // EC2 gave notice: Since is when, Limit the time from then
	SpotInterrupted = "interrupted" // EC2 has taken it, or is taking it
	SpotDrains      = "drains"      // it drains, and EC2 has not told why: its agent does so on a notice
	SpotQuiet       = "quiet"       // its request was read, and tells of no interruption
	spotStopsToo    = "stops"       // Names[1]: it is stopped, not terminated
	spotReason      = "Server.Spot" // EC2's state reason begins so
)

// spotRules: A3. A drain that must start each copy before it stops one takes at least a
// task's start and its load balancer's delay: with a minimum of 100 % two minutes are not
// enough (container-instance-spot in AWS's documents).
func (j *judge) spotRules(i Instance) {
	request, _ := j.s.Spot.Get()
	if !j.machine.Spot && request == (SpotRequest{}) {
		return
	}
	f := Finding{Rule: RuleSpot, Severity: Amber}
	switch {
	case request.Announced():
		f.Names, f.Since, f.Limit, f.Duration = []string{SpotAnnounced}, request.Updated, SpotNotice, j.eta()
		f.Services = j.startsFirst()
	case request.Interrupted(), strings.HasPrefix(j.machine.StateReason, spotReason):
		f.Names = []string{SpotInterrupted}
	case i.Status == "DRAINING":
		f.Names = []string{SpotDrains}
	case j.s.Spot.known:
		f.Names = []string{SpotQuiet}
	}
	if request.Stops && (request.Announced() || request.Interrupted()) {
		f.Names = append(f.Names, spotStopsToo)
	}
	j.add(f)
}

// startsFirst are the services that may not stop a task here before its copy runs.
func (j *judge) startsFirst() []ServiceImpact {
	var out []ServiceImpact
	for _, name := range sortedKeys(j.services) {
		if i := j.impacts[name]; i.Here > 0 && i.MayStop <= 0 && j.services[name].Scheduling != "DAEMON" {
			out = append(out, i)
		}
	}
	return out
}
