package words

import (
	"fmt"

	"ecsbot/ecsops"
)

// explainGroup are the findings on what a load balancer or an Auto Scaling group does otherwise than one would expect.
func explainGroup(f ecsops.Finding) (Explanation, bool) {
	names := Some(quoteAll(f.Names), namesShown)
	switch f.Rule {
	case ecsops.RuleCutOff:
		return Explanation{"Open connections are cut", joined(": ", targetGroups(f), "no time is set for connections to end"),
			"Set a deregistration delay (a Classic load balancer: connection draining) first, or go on when little is going on."}, true
	case ecsops.RuleGroupUntagged:
		return Explanation{"ECS may not act on its Auto Scaling group", "the capacity provider promises " + names + ", and the group lacks the tag AmazonECSManaged, without which ECS's role may not touch it",
			"Add the tag AmazonECSManaged to the group; until then, count on neither."}, true
	case ecsops.RuleAbandonHook:
		return Explanation{"A lifecycle hook may end the drain", fmt.Sprintf("once %s is abandoned, by its owner or after %s, the group waits for no other hook, that of ECS's managed draining included", names, Duration(f.Duration)),
			"Let the drain end before the group terminates, or set the hook's default result to CONTINUE."}, true
	case ecsops.RuleSuspended:
		return Explanation{"Processes of its group are suspended", names + ": " + suspendedMeans(f.Names),
			"Resume them in the group first, or count on what it does without them."}, true
	}
	return Explanation{}, false
}

func suspendedMeans(processes []string) string {
	s := ""
	for _, p := range processes {
		switch p {
		case "Launch":
			s = joined("; ", s, "no replacement is launched until it is resumed")
		case "Terminate":
			s = joined("; ", s, "AWS does not say whether the group terminates an instance that it is asked to")
		}
	}
	return s
}
