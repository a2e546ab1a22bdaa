package ecsops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// ExternalMode is what the configuration allows of ECS Anywhere hosts.
type ExternalMode string

// External modes. Off refuses such plans, with the way that the host leaves; drain carries
// them out in ECS; ssm also ends the host's registration in Systems Manager, when asked.
const (
	ExternalOff   ExternalMode = ""
	ExternalDrain ExternalMode = "drain"
	ExternalSSM   ExternalMode = "ssm"
)

// Node is what Systems Manager knows of an ECS Anywhere host; the zero value is a machine
// that is none, or one that was not to be asked for.
type Node struct {
	Asked      bool      `json:"asked,omitempty"`
	Registered bool      `json:"registered,omitempty"`
	Ping       string    `json:"ping,omitempty"` // Online, ConnectionLost, Inactive: of the SSM agent, not of ECS's
	LastPing   time.Time `json:"last_ping,omitzero"`
	Name       string    `json:"name,omitempty"`     // foreign: escape before showing
	Platform   string    `json:"platform,omitempty"` // Linux, Windows, MacOS
}

const (
	nodeCall  = "ssm:DescribeInstanceInformation"
	nodeFact  = "node"
	pingAlive = string(ssmtypes.PingStatusOnline)
)

// readNode asks Systems Manager for an external host, where the configuration lets the bot
// act on such hosts at all.
func (r *reader) readNode() {
	id := r.id
	r.node = start(r.ctx, r.wg, func(ctx context.Context) (Node, error) {
		ec2, err := id.wait(ctx)
		if err != nil || !externalID(ec2) || r.f.cfg.External == ExternalOff {
			return Node{}, err
		}
		return r.s.node(ctx, ec2)
	})
}

// node reads one managed node by filter: one that is registered no more is in no answer.
func (s *session) node(ctx context.Context, id EC2ID) (Node, error) {
	out, err := s.ssm.DescribeInstanceInformation(ctx, &ssm.DescribeInstanceInformationInput{
		Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{string(id)}}}})
	if err != nil {
		return Node{}, called(nodeCall, err)
	}
	n := Node{Asked: true}
	for _, i := range out.InstanceInformationList {
		if aws.ToString(i.InstanceId) == string(id) {
			n.Registered, n.Ping, n.Name = true, string(i.PingStatus), aws.ToString(i.ComputerName)
			n.LastPing, n.Platform = aws.ToTime(i.LastPingDateTime).UTC(), string(i.PlatformType)
		}
	}
	return n, s.verify(ctx)
}

// external reports an ECS Anywhere host: SSM's id, or the attribute that its agent registers.
func (s Snapshot) external() bool {
	i, _ := s.Instance.Get()
	return externalID(s.Target.EC2) || i.External
}

// What T9 says (Names[1]).
const (
	ExternalRefused   = "off"        // the configuration does not let the bot
	ExternalNoForce   = "force"      // nobody could end what a force leaves there
	ExternalNoSSM     = "ssm_off"    // Systems Manager was asked for, and is not allowed
	ExternalNotOne    = "not_one"    // Systems Manager was asked for, and it is no such host
	ExternalLeaves    = "leaves"     // it leaves ECS; Systems Manager keeps it
	ExternalLeavesAll = "leaves_all" // it leaves both
)

// externalRules: T9. AWS's page on external instances has the way; nothing but the two
// registrations is in reach of AWS's APIs.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere-deregistration.html
func (j *judge) externalRules() {
	id := string(j.s.Target.EC2)
	if !j.s.external() {
		if j.in.DeregisterNode {
			j.add(Finding{Rule: RuleExternal, Severity: Red, Bars: true, Names: []string{id, ExternalNotOne}})
		}
		return
	}
	why := ""
	switch {
	case j.s.External == ExternalOff:
		why = ExternalRefused
	case j.in.Force:
		why = ExternalNoForce
	case j.in.DeregisterNode && j.s.External != ExternalSSM:
		why = ExternalNoSSM
	}
	if why != "" {
		j.add(Finding{Rule: RuleExternal, Severity: Red, Bars: true, Names: []string{id, why}})
		return
	}
	f := Finding{Rule: RuleExternal, Severity: Amber, Names: []string{id, ExternalLeaves}}
	if j.in.DeregisterNode {
		f.Names[1] = ExternalLeavesAll
		lack(j, nodeFact, j.s.Node, Red)
	}
	if n, ok := j.s.Node.Get(); ok {
		f.Node = &n
	}
	j.add(f)
}

// OutsideEC2 is RuleAgentLost's name for a host of which AWS sees nothing but its agents.
const OutsideEC2 = "outside_ec2"

// actsOn reports whether a plan may act on the external host.
func (s Snapshot) actsOn(in Intent) bool {
	return s.External != ExternalOff && !in.Force && (!in.DeregisterNode || s.External == ExternalSSM)
}

// externalSteps drain, deregister without force, and then end the host's registration in
// Systems Manager, if asked.
func externalSteps(s Snapshot, in Intent, fates []TaskFate) []Step {
	i, _ := s.Instance.Get()
	if !s.actsOn(in) || i.Status == "REGISTERING" || i.Status == "DEREGISTERING" {
		return nil
	}
	steps := []Step{{Kind: StepDrain}, {Kind: StepWait}, {Kind: StepStopTasks, Tasks: fated(fates, FateStops)}, {Kind: StepDeregister}}
	if i.Status == "DRAINING" {
		steps = steps[1:]
	}
	if in.DeregisterNode {
		steps = append(steps, Step{Kind: StepDeregisterNode})
	}
	return kept(append(steps, Step{Kind: StepVerify})...)
}

// ParseExternal reads the setting.
func ParseExternal(text string) (ExternalMode, error) {
	modes := []ExternalMode{ExternalDrain, ExternalSSM}
	switch m := ExternalMode(strings.ToLower(strings.TrimSpace(text))); {
	case m == "off":
		return ExternalOff, nil
	case m == ExternalOff || slices.Contains(modes, m):
		return m, nil
	}
	return ExternalOff, fmt.Errorf("%q is none of off, drain, ssm", text)
}

// nodeState is V7 of an external host: gone from Systems Manager when that was asked.
func (v verifier) nodeState() Check {
	n, ok := v.after.Snapshot.Node.Get()
	if !ok {
		u := v.after.Snapshot.Node.Why()
		u.Fact = nodeFact
		c := unread("V7", u)
		c.Outside = true
		return c
	}
	c := Check{ID: "V7", Outside: true, Names: []string{n.Ping}}
	if !n.Registered {
		c.Names = []string{"not in Systems Manager"}
	}
	return verdict(c, !n.Registered || !v.before.Has(StepDeregisterNode))
}
