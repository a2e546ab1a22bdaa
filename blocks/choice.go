package blocks

import (
	"strings"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// choiceLines show the other ends that the machine of a group may have, each with its
// arithmetic. What AWS would refuse is said and has no button.
func choiceLines(op workflow.Operation, d depth) []mrkdwn {
	if len(op.Choices()) == 0 {
		return nil
	}
	g, _ := op.Plan.Snapshot.Group.Get() // known where there is a choice
	var ends []string
	for _, t := range []ecsops.Termination{ecsops.Replace, ecsops.Shrink, ecsops.KeepRunning} {
		if t != op.Plan.Intent.Terminate {
			ends = append(ends, words.GroupChoice(g, t))
		}
	}
	return []mrkdwn{"*Other ends for the machine*, as a new revision of this plan: " + sayN(strings.Join(ends, "; ")+".", d.line)}
}
