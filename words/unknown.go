package words

import (
	"strings"

	"ecsbot/ecsops"
)

// Unknown says which fact is missing, which call did not yield it, and why:
// "could not read load-balancer health: “elasticloadbalancing:DescribeTargetHealth” answered “AccessDenied”".
func Unknown(u ecsops.Unknown) string {
	s := "could not read " + Fact(u.Fact)
	call := Foreign(u.Call)
	switch reason := Foreign(u.Reason); {
	case u.Reason == "not modelled":
		return "this version does not look at " + Fact(u.Fact)
	case reason == "" || u.Reason == "not read":
		if call != "" {
			return s + ": " + Quote(call) + " was not asked"
		}
		return s
	case call == "":
		return s + ": " + Quote(reason)
	case u.Reason == "timed out":
		return s + ": " + Quote(call) + " did not answer in time"
	default:
		return s + ": " + Quote(call) + " answered " + Quote(reason)
	}
}

// Fact names a snapshot's fact.
func Fact(name string) string {
	switch name {
	case "instance":
		return "the registration"
	case "cluster":
		return "the cluster"
	case "peers":
		return "the cluster's other instances"
	case "registrations":
		return "other registrations of the machine"
	case "tasks":
		return "the tasks on the instance"
	case "protection":
		return "task protection"
	case "services":
		return "the services"
	case "task_definitions":
		return "the tasks' definitions"
	case "target_groups":
		return "load-balancer health"
	case "ec2":
		return "the EC2 machine"
	case "group":
		return "the Auto Scaling group"
	case "hooks":
		return "the group's lifecycle hooks"
	case "capacity_provider":
		return "the capacity provider"
	case "self":
		return "which instance the bot itself runs on"
	case "enis":
		return "network interfaces"
	case "activity":
		return "the group's activity"
	case "listed":
		return "the list of registrations"
	case "replacements":
		return "the tasks' replacements"
	case "termination_protection":
		return "whether termination protection is on"
	case "target_type_lambda":
		return "target groups of Lambda functions"
	case "target_type_alb":
		return "target groups that are load balancers"
	case "classic_lbs", "classic_load_balancers":
		return "Classic Load Balancers"
	case "capacity":
		return "whether the replacements fit elsewhere"
	case "":
		return "a fact"
	}
	return strings.ReplaceAll(ForeignN(name, 60), "_", " ")
}
