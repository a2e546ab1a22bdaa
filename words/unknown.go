package words

import (
	"strings"

	"ecsbot/ecsops"
)

// Unknown says which fact is missing, which call did not yield it, and why:
// "could not read load-balancer health: “elasticloadbalancing:DescribeTargetHealth” answered “AccessDenied”".
func Unknown(u ecsops.Unknown) string {
	return unread([]string{Fact(u.Fact)}, u)
}

// unread says of facts that one call failed to bring them, and how.
func unread(facts []string, u ecsops.Unknown) string {
	s := "could not read " + Some(facts, len(facts))
	call := Foreign(u.Call)
	switch reason := Foreign(u.Reason); {
	case u.Reason == notModelled:
		return byHand(u.Fact)
	case reason == "" || u.Reason == "not read":
		if call != "" {
			return s + ": " + Quote(call) + " was not asked"
		}
		return s
	case call == "":
		return s + ": " + Quote(reason)
	case u.Fact == "host" && hostReason(u.Reason) != "":
		return s + ": " + hostReason(u.Reason)
	case u.Reason == "timed out":
		return s + ": " + Quote(call) + " did not answer in time"
	case u.Reason == "too many clusters":
		return s + ": there are too many clusters for one preview to ask"
	default:
		return s + ": " + Quote(call) + " answered " + Quote(reason)
	}
}

// notModelled is the reason of a fact that no call would bring: this version has no rule for it.
const notModelled = "not modelled"

// byHand says what this version does not look at, and what to look at instead.
func byHand(fact string) string {
	switch fact {
	case "target_type_lambda", "target_type_alb":
		return "ECS registers no tasks in " + Fact(fact) + ", so their health says nothing of the tasks here: check yourself what they lead to"
	}
	return "this version does not look at " + Fact(fact) + ": check that yourself"
}

// missing says what could not be read, facts that one call failed to bring together.
func missing(us []ecsops.Unknown) string {
	facts := map[ecsops.Unknown][]string{}
	var kinds []ecsops.Unknown
	for _, u := range us {
		kind := ecsops.Unknown{Call: u.Call, Reason: u.Reason}
		if u.Reason == notModelled {
			kind.Fact = u.Fact
		}
		if facts[kind] == nil {
			kinds = append(kinds, kind)
		}
		facts[kind] = append(facts[kind], Fact(u.Fact))
	}
	out := make([]string, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, unread(facts[k], k))
	}
	if len(out) > missingShown {
		out = append(out[:missingShown], "and "+Count(len(out)-missingShown, "more failed call"))
	}
	return strings.Join(out, "; ")
}

// missingShown is how many failed calls a sentence names: what is not known is not hidden.
const missingShown = 8

// incomplete is A12: what could not be read, or what no version of this bot looks at.
func incomplete(us []ecsops.Unknown) Explanation {
	title := "Not looked at by the bot"
	for _, u := range us {
		if u.Reason != notModelled {
			title = ""
		}
	}
	if title == "" || len(us) == 0 {
		return Explanation{"Not everything could be read", missing(us),
			"Grant the missing permission or try again; what is unknown is never counted as safe."}
	}
	return Explanation{title, missing(us), ""}
}

// facts are the names of what may be unread.
var facts = map[string]string{
	"instance":               "the registration",
	"cluster":                "the cluster",
	"peers":                  "the cluster's other instances",
	"registrations":          "other registrations of the machine",
	"elsewhere":              "registrations of the machine in other clusters",
	"tasks":                  "the tasks on the instance",
	"protection":             "task protection",
	"services":               "the services",
	"task_definitions":       "the tasks' definitions",
	"target_groups":          "load-balancer health",
	"ec2":                    "the EC2 machine",
	"node":                   "what Systems Manager knows of the host",
	"host":                   "what runs on the machine",
	"spot":                   "whether a Spot interruption is announced",
	"group":                  "the Auto Scaling group",
	"hooks":                  "the group's lifecycle hooks",
	"capacity_provider":      "the capacity provider",
	"daemons":                "which tasks are managed daemons",
	"self":                   "which instance the bot itself runs on",
	"account":                "the account of the bot's credentials",
	"enis":                   "network interfaces",
	"activity":               "the group's activity",
	"listed":                 "the list of registrations",
	"replacements":           "the tasks' replacements",
	"storage":                "whether the machine has instance store",
	"rehearsal":              "whether EC2 would let the bot terminate the machine",
	"termination_protection": "whether termination protection is on",
	"target_type_lambda":     "target groups of Lambda functions",
	"target_type_alb":        "target groups that are load balancers",
	"others":                 "what other services want",
	"hosts":                  "which instances have tasks of the services here",
	"interfaces":             "the instances' network interfaces",
	"stopping":               "the tasks that are stopping elsewhere",
	"providers":              "the cluster's capacity providers",
	"lifecycles":             "what Auto Scaling does with the other instances",
	"":                       "a fact",
}

// Fact names a snapshot's fact.
func Fact(name string) string {
	if said, ok := facts[name]; ok {
		return said
	}
	return strings.ReplaceAll(ForeignN(name, 60), "_", " ")
}
