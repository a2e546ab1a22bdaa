package words

import (
	"strings"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Purpose is what an instance is wanted for, as an option to choose.
func Purpose(p ecsops.Purpose) string {
	switch p {
	case ecsops.Retire:
		return "Retire it: it is not needed any more"
	case ecsops.Reuse:
		return "Reuse the machine for something else"
	case ecsops.CleanGhost:
		return "Clean up a ghost: its machine is gone"
	case ecsops.Move:
		return "Move it to another cluster"
	case ecsops.EndMachine:
		return "End the machine"
	}
	return "Unknown purpose " + Quote(string(p))
}

// PurposeHint says in a few words what choosing it means; "" for none.
func PurposeHint(p ecsops.Purpose) string {
	switch p {
	case ecsops.Retire:
		return "Choose below what becomes of the machine"
	case ecsops.Reuse:
		return "Every task is stopped first; nothing is forced or terminated"
	case ecsops.CleanGhost:
		return "Only what EC2 proves to be gone"
	case ecsops.Move:
		return "AWS says not to; the answer shows the right way"
	}
	return ""
}

// Wanted says what the plan is for, where it is more than taking the instance out; "" else.
func Wanted(p ecsops.Plan) string {
	if p.Intent.Purpose == ecsops.Reuse {
		return "Wanted for something else: every task is stopped first, nothing is forced or terminated."
	}
	return ""
}

// ReuseNeeds is what reuse needs beside the deregistration, one sentence each.
func ReuseNeeds(p ecsops.Plan) []string {
	if p.Intent.Purpose != ecsops.Reuse {
		return nil
	}
	for _, f := range p.Findings {
		if f.Rule == ecsops.RuleReuse {
			return reuseNeeds(f.Names)
		}
	}
	return reuseNeeds(nil)
}

// reuseNeeds: a running agent asks again each hour; its checkpoint makes it end with an
// error, and without one it registers anew (amazon-ecs-agent#125, #583).
func reuseNeeds(names []string) []string {
	var out []string
	for _, n := range names {
		if n == ecsops.ReuseBottlerocket {
			out = append(out, "It runs Bottlerocket: provision it anew instead, its agent's state cannot be cleaned by hand.")
		}
	}
	if len(out) == 0 {
		out = append(out, "Stop and disable the ECS agent there (systemctl disable --now ecs): left running, it asks ECS again each hour.",
			"Remove the agent's checkpoint under /var/lib/ecs/data once the agent is disabled.")
	}
	out = append(out, "Never register it in another cluster: launch a new machine there.")
	for _, n := range names {
		if n != ecsops.ReuseBottlerocket {
			out = append(out, "Auto Scaling group "+Quote(n)+" still counts it as its own and may terminate it: detach it from the group first.")
		}
	}
	return out
}

// explainIntent: T20 and T21.
func explainIntent(f ecsops.Finding) (Explanation, bool) {
	switch f.Rule {
	case ecsops.RuleReuse:
		return Explanation{"Reuse needs more than this", strings.Join(reuseNeeds(f.Names), " "),
			"Do it on the machine once it is deregistered; the bot does not touch it."}, true
	case ecsops.RuleIntent:
		why, state := "", ""
		if len(f.Names) > 0 {
			why = f.Names[0]
		}
		if len(f.Names) > 1 {
			state = f.Names[1]
		}
		if path, ok := strings.CutPrefix(why, "ghost_"); ok {
			return noGhost(ecsops.Path(path), state, f.Missing), true
		}
		return noReuse(why, f.Missing), true
	}
	return Explanation{}, false
}

// noReuse says why the machine cannot be reused as asked.
func noReuse(why string, unread []ecsops.Unknown) Explanation {
	switch why {
	case "reuse_force":
		return Explanation{"Reuse forbids force", "AWS says to stop every task before a machine is used for something else; a force leaves their containers running, unwatched",
			"Ask without --force: the bot drains it, and stops the tasks of no service once the others have left."}
	case "reuse_terminate":
		return Explanation{"A machine to be reused is not terminated", "both were asked for", "Ask without --terminate, or without --intent=reuse."}
	case "reuse_gone":
		return Explanation{"There is no machine to reuse", "EC2 says that it is gone", "Clean its registration up: --intent=ghost."}
	case "reuse_machine_unknown":
		return Explanation{"Whether there is a machine to reuse could not be read", missing(unread), "Grant the missing permission, then ask again."}
	case "reuse_owner_unknown":
		return Explanation{"Whose machine it is could not be read", "an Auto Scaling group might terminate it", "Grant autoscaling:DescribeAutoScalingInstances, then ask again."}
	case "reuse_managed":
		return Explanation{"ECS owns this machine", "an ECS Managed Instance ends when it leaves its cluster", "Launch a machine of your own for the other use."}
	case "reuse_terminating":
		return Explanation{"Its Auto Scaling group is terminating the machine", "nothing will be left to reuse", "Take another machine, or detach this one from its group while that is possible."}
	case "reuse_stopped":
		return Explanation{"The machine is stopped, and ECS still shows tasks there", "without force ECS keeps the registration, and reuse forbids force",
			"Start it, wait until its agent is connected, and ask again; or retire it."}
	}
	return Explanation{"What is wanted does not go with what this is", Quote(why), "Ask without --intent for the ordinary plan."}
}

// noGhost says what an instance is that is no proven ghost, and what to do instead.
func noGhost(p ecsops.Path, state string, unread []ecsops.Unknown) Explanation {
	const title, ordinary = "This is no proven ghost", "Ask for the ordinary plan: “/ecs deregister” without --intent."
	said := "EC2 says " + orElse(quoted(state), "nothing of it")
	switch p {
	case ecsops.PathDrain, ecsops.PathObserve, ecsops.PathGroup, ecsops.PathForce:
		return Explanation{title, joined(" ", missing(unread), said+", and its ECS agent is connected: tasks may be at work."), ordinary}
	case ecsops.PathDisconnected:
		if len(unread) > 0 {
			return Explanation{title, "whether its machine still exists could not be read: " + missing(unread), "Grant the missing permission, then ask again; or look in EC2."}
		}
		return Explanation{title, said + ", only its agent does not answer: containers may go on working.", "Restart the agent or reboot the machine; then ask for the ordinary plan."}
	case ecsops.PathHostStopped:
		return Explanation{title, said + ": it can be started again.", ordinary + " A second person approves it."}
	case ecsops.PathDuplicate:
		return Explanation{title, "its machine runs, and answers under another registration", ordinary}
	case ecsops.PathWait:
		return Explanation{title, "it is on its way to another state (" + said + ")", "Wait a minute and ask again."}
	case ecsops.PathManaged:
		return Explanation{title, "it is, or may be, an ECS Managed Instance: a force would terminate a machine that exists", ordinary}
	case ecsops.PathExternal:
		return Explanation{title, "EC2 knows nothing of a host outside AWS, so it proves nothing", "Look at the host itself, and deregister it its own way."}
	}
	return Explanation{title, said + " (" + Quote(string(p)) + ")", ordinary}
}

func quoted(s string) string {
	if Foreign(s) == "" {
		return ""
	}
	return Quote(s)
}

// WayOutOf is BlockWayOut for this operation: reuse forbids the force that a deadline offers.
func WayOutOf(op workflow.Operation) string {
	b := workflow.Block{Reason: op.Block.Reason}
	if b.Reason == workflow.BlockedDeadline && op.Plan.Intent.Purpose == ecsops.Reuse {
		return "Wait longer, stop the tasks that hold it, or undo. Reuse forbids force."
	}
	return BlockWayOut(b)
}

// LaunchThere and RetireHere are what AWS recommends instead of moving an instance.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister_container_instance.html
func LaunchThere() string {
	return "Launch a new machine in the other cluster: by its Auto Scaling group, or with ECS_CLUSTER set to its name."
}

// RetireHere is the second half.
func RetireHere() string { return "Once it is registered there, retire this one and terminate it:" }
