package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Systems Manager, as far as managed nodes go: hybrid-activated ones, which ECS Anywhere registers with first, and EC2
// instances whose agent answers. Commands to them: ssm_commands.go.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere-registration.html

// node is a managed node: a machine outside EC2 that was activated, or an EC2 instance with an agent and a role for it.
type node struct {
	id         string
	kind       string // ManagedInstance, EC2Instance
	platform   string // Linux, Windows
	system     string // its distribution
	noDocker   bool   // where the agent runs there is none
	silent     bool   // the agent died a moment ago, and no missed ping has told yet
	ping       string // Online, ConnectionLost, Inactive
	lastPing   time.Time
	registered time.Time
	activation string
}

const (
	pingOnline = "Online"
	pingLost   = "ConnectionLost"
	// nodeCredentialsLast is how long the agents of a node that was deregistered go on with the credentials that they hold:
	// they rotate within the hour.
	nodeCredentialsLast = time.Hour
)

var nodeForm = regexp.MustCompile(`^mi-[0-9a-f]{17}$`)

// activate makes a managed node of a machine that is no EC2 instance.
func (c *Cloud) activate(cl *cell, id string, at time.Time) {
	cl.nodes[id] = &node{id: id, kind: kindManaged, platform: "Linux", system: "Ubuntu", ping: pingOnline, lastPing: c.now, registered: at, activation: c.uuid()}
}

const (
	kindManaged = "ManagedInstance"
	kindEC2     = "EC2Instance"

	systemWindows      = "Microsoft Windows Server 2022 Datacenter"
	systemBottlerocket = "Bottlerocket"
	systemAmazon       = "Amazon Linux"
)

// ManageEC2 lets the agent of an EC2 instance answer Systems Manager: "" is Amazon Linux; Windows; Bottlerocket, whose
// agent runs in a container of its own that has no docker.
// https://bottlerocket.dev/en/os/latest/concepts/host-containers/
func (c *Cloud) ManageEC2(id, system string) error {
	return c.onMachine("managing", id, func(cl *cell, mc *machine, _ *instance) error {
		if mc == nil || mc.state != ec2Running {
			return errNoSuch
		}
		n := &node{id: id, kind: kindEC2, platform: "Linux", system: systemAmazon, ping: pingOnline, lastPing: c.now, registered: c.now}
		switch system {
		case "":
		case "Windows":
			n.platform, n.system = "Windows", systemWindows
		case systemBottlerocket:
			n.system, n.noDocker = systemBottlerocket, true
		default:
			return fmt.Errorf("no system is called %q", system)
		}
		cl.nodes[id] = n
		return nil
	})
}

// SilenceNode kills the Systems Manager agent of a node, while its last ping still counts; or with on false lets it come back.
func (c *Cloud) SilenceNode(id string, on bool) error {
	return c.onMachine("silencing", id, func(cl *cell, _ *machine, _ *instance) error {
		n := cl.nodes[id]
		if n == nil {
			return errNoSuch
		}
		n.silent = on
		return nil
	})
}

// LoseNode cuts off the Systems Manager agent of a managed node, or with lost false lets it come back.
func (c *Cloud) LoseNode(id string, lost bool) error {
	return c.onMachine("cutting off", id, func(cl *cell, _ *machine, _ *instance) error {
		n := cl.nodes[id]
		if n == nil {
			return errNoSuch
		}
		n.lastPing, n.ping = c.now, pingOnline
		if lost {
			n.ping = pingLost
		}
		return nil
	})
}

// describeInstanceInformation lists managed nodes. A node that was deregistered is in no answer.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html
func describeInstanceInformation(r *request) (m, *apiError) {
	var in struct {
		Filters []struct {
			Key    string
			Values []string
		}
		InstanceInformationFilterList []struct {
			Key      string   `json:"key"`
			ValueSet []string `json:"valueSet"`
		}
		MaxResults *int
		NextToken  string
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	if in.MaxResults != nil && (*in.MaxResults < 5 || *in.MaxResults > 50) {
		return nil, fault("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 5 and 50", *in.MaxResults)
	}
	if len(in.Filters) > 0 && len(in.InstanceInformationFilterList) > 0 {
		return nil, fault("ValidationException", "Filters and InstanceInformationFilterList cannot be used together.")
	}
	want := map[string][]string{}
	for _, f := range in.Filters {
		want[f.Key] = f.Values
	}
	for _, f := range in.InstanceInformationFilterList {
		want[f.Key] = f.ValueSet
	}
	var out []*node
	for _, n := range sorted(r.cell.nodes) {
		ok, e := n.matches(want)
		if e != nil {
			return nil, e
		}
		if ok {
			out = append(out, n)
		}
	}
	asked := 0
	if in.MaxResults != nil {
		asked = *in.MaxResults
	}
	return shown(r, out, in.NextToken, asked, 50, "InstanceInformationList", "NextToken", (*node).show)
}

func (n *node) matches(want map[string][]string) (bool, *apiError) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		have, known := map[string]string{"InstanceIds": n.id, "PingStatus": n.ping, "ResourceType": n.kind, "PlatformTypes": n.platform, "ActivationIds": n.activation}[key]
		if !known {
			return false, fault("InvalidFilterKey", "The specified filter key %s is not valid.", key)
		}
		for _, v := range want[key] {
			if key == "InstanceIds" && !nodeForm.MatchString(v) && !instanceIDForm.MatchString(v) {
				return false, fault("InvalidInstanceInformationFilterValue", "The specified filter value %s is not valid.", v)
			}
		}
		if !slices.Contains(want[key], have) {
			return false, nil
		}
	}
	return true, nil
}

func (n *node) show() m {
	out := m{"InstanceId": n.id, "PingStatus": n.ping, "LastPingDateTime": epoch(n.lastPing), "AgentVersion": "3.3.3270.0", "IsLatestVersion": true,
		"PlatformType": n.platform, "PlatformName": n.system, "ResourceType": n.kind, "IPAddress": "192.0.2.17", "ComputerName": "host-" + n.id[len(n.id)-4:]}
	if n.kind == kindManaged { // EC2 instances have no activation
		out["ActivationId"], out["IamRole"], out["RegistrationDate"], out["PlatformVersion"] = n.activation, "ecsAnywhereRole", epoch(n.registered), "24.04"
	}
	return out
}

// deregisterManagedInstance ends a hybrid activation. The agents on the host know nothing of it until their credentials
// have run out; both need a new activation to come back.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeregisterManagedInstance.html
func deregisterManagedInstance(r *request) (m, *apiError) {
	var in struct{ InstanceID string }
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	if !nodeForm.MatchString(in.InstanceID) {
		return nil, fault("ValidationException", "1 validation error detected: Value '%s' at 'instanceId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^mi-[0-9a-f]{17}$", in.InstanceID)
	}
	if r.cell.nodes[in.InstanceID] == nil {
		return nil, fault("InvalidInstanceId", "Instance %s is not a managed instance of this account.", in.InstanceID)
	}
	delete(r.cell.nodes, in.InstanceID)
	r.effect = true
	r.c.touch()
	cl := r.cell
	r.c.after(nodeCredentialsLast, func() {
		if i := cl.instanceOf(in.InstanceID); i != nil {
			r.c.disconnect(i)
		}
	})
	return m{}, nil
}
