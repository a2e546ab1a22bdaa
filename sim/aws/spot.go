package aws

import (
	"strconv"
	"strings"
	"time"
)

// Spot Instances, their requests and their interruptions.

const (
	// spotNotice is the time between the notice and the interruption.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
	spotNotice = 2 * time.Minute
	// spotPoll is how often the ECS agent asks the instance metadata for a notice.
	// https://github.com/aws/amazon-ecs-agent/blob/master/agent/app/agent.go (spotInstanceDrainingPoller)
	spotPoll = time.Second
)

// spotRequest is the request that a Spot Instance fulfils.
type spotRequest struct {
	id      string
	machine string
	stops   bool // its interruption behaviour is stop, which only persistent requests have
	state   string
	code    string
	message string
	updated time.Time
	created time.Time
}

// Status codes of a fulfilled request.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
const (
	spotFulfilled    = "fulfilled"
	spotMarkedToEnd  = "marked-for-termination"
	spotMarkedToStop = "marked-for-stop"
	spotEnded        = "instance-terminated-no-capacity"
	spotStopped      = "instance-stopped-no-capacity"
	spotEndedByUser  = "instance-terminated-by-user"
)

func (c *Cloud) requestSpot(cl *cell, mc *machine, stops bool) {
	cl.spots[mc.id] = &spotRequest{id: "sir-" + mc.id[2:10], machine: mc.id, stops: stops, state: "active", code: spotFulfilled,
		message: "Your spot request is fulfilled.", updated: mc.launchedAt, created: mc.launchedAt}
}

func (c *Cloud) setSpot(s *spotRequest, state, code, message string) {
	s.state, s.code, s.message, s.updated = state, code, message, c.now
	c.touch()
}

// InterruptSpot gives a Spot Instance its notice: its request is marked, and two minutes later EC2 takes it. An agent with
// ECS_ENABLE_SPOT_INSTANCE_DRAINING finds the notice in its instance metadata, and sets its own registration to DRAINING.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-spot.html
func (c *Cloud) InterruptSpot(ec2ID string) error {
	return c.onMachine("interrupting", ec2ID, func(cl *cell, mc *machine, i *instance) error {
		s := cl.spots[ec2ID]
		if s == nil || mc == nil || mc.state != ec2Running || s.code != spotFulfilled {
			return errNoSuch
		}
		if s.stops {
			c.setSpot(s, "active", spotMarkedToStop, "The Spot Instance is marked for stopping.")
		} else {
			c.setSpot(s, "closed", spotMarkedToEnd, "The Spot Instance is marked for termination.")
		}
		if i != nil && mc.selfDrains {
			c.after(spotPoll, func() { c.drainItself(cl, i) })
		}
		c.after(spotNotice, func() { c.takeSpot(cl, mc, s) })
		return nil
	})
}

// drainItself is the agent's own UpdateContainerInstancesState.
func (c *Cloud) drainItself(cl *cell, i *instance) {
	if i.connected && i.status == statusActive {
		i.status = statusDraining
		i.version++
		c.touch()
		c.kick(cl, i.cluster)
	}
}

func (c *Cloud) takeSpot(cl *cell, mc *machine, s *spotRequest) {
	if mc.state != ec2Running {
		return
	}
	if s.stops {
		c.setSpot(s, "open", spotStopped, "The Spot Instance was stopped because there is no longer enough Spot capacity available for it.")
		c.stopMachine(cl, mc)
		mc.stateReason = [2]string{"Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Spot instance stopped due to insufficient capacity"}
		return
	}
	c.setSpot(s, "closed", spotEnded, "The Spot Instance was terminated because there is no longer enough Spot capacity available for it.")
	c.terminateMachine(cl, mc, "Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")
}

// spotLeft closes the request of a machine that its owner terminated.
func (c *Cloud) spotLeft(cl *cell, mc *machine) {
	if s := cl.spots[mc.id]; s != nil && s.code != spotEnded {
		c.setSpot(s, "closed", spotEndedByUser, "The Spot Instance was terminated by the user.")
	}
}

// describeSpotInstanceRequests answers by request id or by filter.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotInstanceRequests.html
func describeSpotInstanceRequests(r *request) (m, *apiError) {
	if e := r.dryRun(); e != nil {
		return nil, e
	}
	all := sorted(r.cell.spots)
	if ids := r.members("SpotInstanceRequestId"); len(ids) > 0 {
		byID := map[string]*spotRequest{}
		for _, s := range all {
			byID[s.id] = s
		}
		all = nil
		for _, id := range ids {
			switch s := byID[id]; {
			case !strings.HasPrefix(id, "sir-"):
				return nil, fault("InvalidSpotInstanceRequestID.Malformed", "Invalid id: %q", id)
			case s == nil:
				return nil, fault("InvalidSpotInstanceRequestID.NotFound", "The spot instance request ID '%s' does not exist", id)
			default:
				all = append(all, s)
			}
		}
	}
	var out []*spotRequest
	filters := r.filters("Filter", "Value")
	for _, s := range all {
		ok, e := s.matches(filters)
		if e != nil {
			return nil, e
		}
		if ok {
			out = append(out, s)
		}
	}
	asked, err := strconv.Atoi(r.form.Get("MaxResults"))
	if r.form.Has("MaxResults") && (err != nil || asked < 5 || asked > 1000) {
		return nil, fault("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", r.form.Get("MaxResults"))
	}
	return shown(r, out, r.form.Get("NextToken"), asked, 1000, "spotInstanceRequestSet", "nextToken", (*spotRequest).show)
}

func (s *spotRequest) show() m {
	kind, behaviour := "one-time", "terminate"
	if s.stops {
		kind, behaviour = "persistent", "stop"
	}
	return m{"spotInstanceRequestId": s.id, "instanceId": s.machine, "state": s.state, "type": kind, "createTime": s.created,
		"instanceInterruptionBehavior": behaviour, "productDescription": "Linux/UNIX", "tagSet": l{},
		"status": m{"code": s.code, "message": s.message, "updateTime": s.updated}}
}

func (s *spotRequest) matches(filters []filter) (bool, *apiError) {
	for _, f := range filters {
		have := map[string]string{"instance-id": s.machine, "spot-instance-request-id": s.id, "state": s.state, "status-code": s.code}[f.name]
		if have == "" {
			return false, fault("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if !f.takes(have) {
			return false, nil
		}
	}
	return true, nil
}
