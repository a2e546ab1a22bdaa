package aws

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Classic load balancers: the same endpoint as version 2, another API version.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/Welcome.html
const (
	classicAPI     = "elasticloadbalancing classic"
	classicVersion = "2012-06-01"
)

// ClassicSpec describes a Classic load balancer. What it sends traffic to are EC2 instances, at one port.
type ClassicSpec struct {
	Name         string
	InstancePort int
	Draining     time.Duration // of connections; 0 is off, as it is in what the API makes by default
	HealthyAfter time.Duration // registered to InService; default 20 s
}

// AddClassic adds a Classic load balancer and returns its ARN, for BalancerSpec. To the rest of the estate it is a target
// group of instances.
func (g *Region) AddClassic(spec ClassicSpec) (string, error) {
	return g.edit("Classic load balancer "+spec.Name, func(cl *cell) (string, error) {
		arn := g.key.arn("elasticloadbalancing", "loadbalancer/"+spec.Name)
		if spec.Name == "" || len(spec.Name) > 32 || cl.targetGroups[arn] != nil {
			return "", errors.New("the name is empty, too long or taken")
		}
		if spec.HealthyAfter == 0 {
			spec.HealthyAfter = defaultHealthy
		}
		cl.targetGroups[arn] = &targetGroup{arn: arn, classic: true, spec: TargetGroupSpec{
			Name: spec.Name, Type: "instance", Port: spec.InstancePort, DeregistrationWait: spec.Draining, HealthyAfter: spec.HealthyAfter}}
		return arn, nil
	})
}

// checkBalancers refuses what ECS refuses: it registers tasks in target groups of the types instance and ip, the latter for
// awsvpc alone, which Classic load balancers do not take.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
func (cl *cell) checkBalancers(spec ServiceSpec, d *definition) error {
	for _, b := range spec.Balancers {
		g := cl.targetGroups[b.TargetGroup]
		switch {
		case g == nil:
			return fmt.Errorf("target group or load balancer %q: %w", b.TargetGroup, errNoSuch)
		case g.spec.Type != "instance" && g.spec.Type != "ip":
			return fmt.Errorf("target group %s has the target type %s", g.spec.Name, g.spec.Type)
		case (g.spec.Type == "ip") != (d.spec.NetworkMode == "awsvpc"):
			return fmt.Errorf("%s has the target type %s, which is incompatible with the network mode %s", g.spec.Name, g.spec.Type, d.spec.NetworkMode)
		}
	}
	return nil
}

// shownTo is how service events name it.
func (g *targetGroup) shownTo() (what, where string) {
	if g.classic {
		return "instances", "(elb " + g.spec.Name + ")"
	}
	return "targets", "(target-group " + g.arn + ")"
}

func (r *request) findClassic(name string) (*targetGroup, *apiError) {
	g := r.cell.targetGroups[r.cell.key.arn("elasticloadbalancing", "loadbalancer/"+name)]
	if g == nil {
		return nil, fault("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '%s'", name)
	}
	return g, nil
}

// registered are the EC2 instances of a Classic load balancer, with the best that any of their tasks has to show.
func (r *request) registered(g *targetGroup) map[string]string {
	order := []string{"unhealthy", "initial", "draining", "healthy"}
	out := map[string]string{}
	for k, t := range r.cell.targets {
		if k.group != g.arn {
			continue
		}
		if was, ok := out[k.id]; !ok || slices.Index(order, t.state) > slices.Index(order, was) {
			out[k.id] = t.state
		}
	}
	return out
}

func describeInstanceHealth(r *request) (m, *apiError) {
	g, e := r.findClassic(r.form.Get("LoadBalancerName"))
	if e != nil {
		return nil, e
	}
	states := r.registered(g)
	ids := slices.Sorted(maps.Keys(states))
	if r.form.Has("Instances.member.1.InstanceId") {
		ids = nil
		for n := 1; r.form.Has("Instances.member." + strconv.Itoa(n) + ".InstanceId"); n++ {
			id := r.form.Get("Instances.member." + strconv.Itoa(n) + ".InstanceId")
			if r.cell.machines[id] == nil {
				return nil, fault("InvalidInstance", "Could not find EC2 instance %s.", id)
			}
			ids = append(ids, id)
		}
	}
	out := l{}
	for _, id := range ids {
		mc := r.cell.machines[id]
		if mc == nil || mc.state == ec2Terminated { // the state of terminated instances is not returned
			continue
		}
		shown := showClassicState(mc, states[id])
		if r.c.faults.confused {
			shown["State"], shown["ReasonCode"], shown["Description"] = "Unknown", "ELB", "A transient error occurred. Please try again later."
		}
		out = append(out, shown)
	}
	return m{"InstanceStates": out}, nil
}

// showClassicState uses the descriptions that InstanceState documents. One that is being deregistered is InService still.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_InstanceState.html
func showClassicState(mc *machine, state string) m {
	out := m{"InstanceId": mc.id, "State": "OutOfService", "ReasonCode": "ELB", "Description": "N/A"}
	switch {
	case state == "":
		out["ReasonCode"], out["Description"] = "N/A", "Instance is not currently registered with the LoadBalancer."
	case mc.state == ec2Stopped:
		out["ReasonCode"], out["Description"] = "Instance", "Instance is in stopped state."
	case state == "healthy":
		out["State"], out["ReasonCode"] = inService, "N/A"
	case state == "draining":
		out["State"], out["ReasonCode"], out["Description"] = inService, "N/A", "Instance deregistration currently in progress."
	case state == "initial":
		out["Description"] = "Instance has not passed the configured HealthyThreshold number of health checks consecutively."
	default:
		out["ReasonCode"], out["Description"] = "Instance", "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
	}
	return out
}

func describeClassicAttributes(r *request) (m, *apiError) {
	g, e := r.findClassic(r.form.Get("LoadBalancerName"))
	if e != nil {
		return nil, e
	}
	draining := m{"Enabled": g.spec.DeregistrationWait > 0}
	if g.spec.DeregistrationWait > 0 {
		draining["Timeout"] = int(g.spec.DeregistrationWait / time.Second)
	}
	return m{"LoadBalancerAttributes": m{
		"ConnectionDraining": draining, "CrossZoneLoadBalancing": m{"Enabled": true}, "AccessLog": m{"Enabled": false}, "ConnectionSettings": m{"IdleTimeout": 60},
	}}, nil
}

func describeClassicBalancers(r *request) (m, *apiError) {
	names := r.members("LoadBalancerNames.member")
	var chosen []*targetGroup
	for _, name := range names {
		if _, e := r.findClassic(name); e != nil {
			return nil, e
		}
	}
	for _, g := range sorted(r.cell.targetGroups) {
		if g.classic && (len(names) == 0 || slices.Contains(names, g.spec.Name)) {
			chosen = append(chosen, g)
		}
	}
	return shown(r, chosen, r.form.Get("Marker"), r.number("PageSize"), 400, "LoadBalancerDescriptions", "NextMarker", func(g *targetGroup) m {
		instances := l{}
		for _, id := range slices.Sorted(maps.Keys(r.registered(g))) {
			instances = append(instances, m{"InstanceId": id})
		}
		port := strconv.Itoa(g.spec.Port)
		return m{
			"LoadBalancerName": g.spec.Name, "DNSName": g.spec.Name + "-1234567890." + r.cell.key.region + ".elb.amazonaws.com", "Scheme": "internal",
			"VPCId": "vpc-0a1b2c3d4e5f60001", "Instances": instances, "AvailabilityZones": l{}, "Subnets": l{}, "SecurityGroups": l{},
			"ListenerDescriptions": l{m{"Listener": m{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": g.spec.Port}, "PolicyNames": l{}}},
			"HealthCheck":          m{"Target": "HTTP:" + port + "/", "Interval": 10, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 2},
		}
	})
}

// api is the table and the namespace of the call's service.
func (r *request) api() string {
	if r.call.Service == "elasticloadbalancing" && r.form.Get("Version") == classicVersion {
		return classicAPI
	}
	return r.call.Service
}

// wrongVersion refuses a query service's call of a version that is not served.
func (r *request) wrongVersion() *apiError {
	if want := versions[r.api()]; r.form.Get("Version") != want || want == "" {
		return &apiError{http.StatusBadRequest, "InvalidAction", "Could not find operation " + r.call.Action + " for version " + strings.TrimSpace(r.form.Get("Version"))}
	}
	return nil
}
