package words

import (
	"strings"

	"ecsbot/ecsops"
)

// aside is T40: what the Auto Scaling group is doing with a machine that it has neither in
// service nor in termination.
func aside(f ecsops.Finding) Explanation {
	state, group := "", "its Auto Scaling group"
	if len(f.Names) > 0 {
		state = f.Names[0]
	}
	if len(f.Names) > 1 && f.Names[1] != "" {
		group = "group " + Quote(f.Names[1])
	}
	says := " (" + Quote(state) + ")"
	switch {
	case strings.HasPrefix(state, "Warmed:"):
		return Explanation{"In a warm pool", "It waits in the warm pool of " + group + says + ", out of service.",
			"Change the warm pool if it is to go: once it is put into service, it may register again."}
	case strings.HasSuffix(state, "Standby"):
		return Explanation{"Set aside by its group", group + " has it in standby" + says + ": it neither counts nor replaces it, while ECS goes on placing tasks there.",
			"Find out who set it aside, and for what."}
	case strings.HasPrefix(state, "Detach"):
		return Explanation{"Leaving its group", group + " detaches it" + says + ": from then on it neither counts nor replaces it.",
			"Go on: AWS says to deregister what is detached. Ending the machine is then up to you."}
	case strings.HasPrefix(state, "Pending"):
		return Explanation{"Its group is bringing it in", group + " has it not in service yet" + says + ".", "Wait until it is, or ask whether it is to come at all."}
	case strings.HasSuffix(state, ":Retained"):
		return Explanation{"Retained by its group", group + " keeps it for a person to look at" + says + ": a lifecycle hook was abandoned or timed out.",
			"Look at why; then deregister, and terminate with --terminate=replace."}
	case strings.Contains(state, "RootVolume"):
		return Explanation{"Its root volume is being replaced", group + " replaces it" + says + ".", "Wait until that is done: the agent's data goes with the volume, and it registers anew."}
	}
	return Explanation{"Not in service in its group", group + " says " + Quote(state) + " of it.", "Find out what that means before going on."}
}
