package words

import "ecsbot/ecsops"

// externalWay is what AWS's page on external instances has people do, in order; the bot
// does the first two, and the third where it is allowed and asked.
const externalWay = "Drain; deregister in ECS; deregister in Systems Manager; then, on the host, before it may join anything again, stop and remove the agents " +
	"(ecs, amazon-ssm-agent) and delete their data (/var/lib/ecs, /etc/ecs, /var/lib/amazon/ssm). To come back it needs a new activation."

// external is T9: an ECS Anywhere host, and how it leaves.
func external(f ecsops.Finding) Explanation {
	id, what := "it", ""
	if len(f.Names) > 0 && f.Names[0] != "" {
		id = Quote(f.Names[0])
	}
	if len(f.Names) > 1 {
		what = f.Names[1]
	}
	e := Explanation{Title: "External instance (ECS Anywhere)", Detail: id + " is no EC2 machine: it has no load balancer and no awsvpc network, and nobody but you can end it.", WayOut: externalWay}
	switch what {
	case ecsops.ExternalNotOne:
		return Explanation{"No external instance (ECS Anywhere)", id + " has no registration of its own in Systems Manager to end.", "Ask without --deregister-ssm."}
	case ecsops.ExternalNoForce:
		e.Title, e.WayOut = "An external instance (ECS Anywhere) is never forced", "Ask without --force: what a force leaves behind on that host, no call of AWS can end."
	case ecsops.ExternalNoSSM:
		e.Title, e.WayOut = "Systems Manager is not for this bot to change", "Ask without --deregister-ssm, or have whoever runs the bot allow it (EXTERNAL=ssm)."
	case ecsops.ExternalLeaves:
		e.Detail = joined(" ", node(f.Node), "Systems Manager keeps it; ask with --deregister-ssm to end that, too, if the bot may.")
	case ecsops.ExternalLeavesAll:
		e.Detail = joined(" ", node(f.Node), "It leaves ECS and Systems Manager: to come back it needs a new activation.")
	}
	return e
}

// node says what Systems Manager sees of the host.
func node(n *ecsops.Node) string {
	switch {
	case n == nil:
		return ""
	case !n.Registered:
		return "Systems Manager does not know it (any more)."
	case n.Ping == "Online":
		return "Its Systems Manager agent answers (" + Quote(n.Ping) + ")."
	}
	s := "Its Systems Manager agent does not answer (" + Quote(orElse(n.Ping, "no word")) + ")"
	if !n.LastPing.IsZero() {
		s += " since " + Time(n.LastPing)
	}
	return s + ": nobody knows what the host does."
}
