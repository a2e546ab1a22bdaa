package blocks

import (
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
)

// HelpFor says what the reader may do.
type HelpFor struct {
	Read, Propose, Decide bool                // list and status; deregister; approve and stop
	Clusters              []ecsops.ClusterARN // that they may touch
}

// Help explains each command that the reader may run, with an example.
func Help(h HelpFor) Message {
	s := newSheet()
	s.header("Take an ECS container instance out of service, safely")
	s.section("intro", "The bot shows a plan of what happens to every task, does nothing before a yes, drains, deregisters, and looks whether it worked.")
	text := "Commands: "
	for _, c := range commands(h) {
		s.section("command", code(c.usage), say(c.what), exampleLine(c))
		text += c.usage + ": " + c.what + " "
	}
	if !h.Read && !h.Propose {
		s.section("nothing", "You may not use the other commands here.")
	}
	if n := len(h.Clusters); n > 0 {
		s.section("clusters", append([]mrkdwn{"*Clusters*"}, bullets(n, depth{items: 15}, func(i int) mrkdwn {
			c := h.Clusters[i]
			return code(c.Name()) + ": account " + code(c.Account()) + ", Region " + code(c.Region())
		}, "")...)...)
	}
	return Message{Text: fallback(text), Blocks: s.blocks}
}

func exampleLine(c command) mrkdwn {
	if c.example == c.usage {
		return ""
	}
	return "Example: " + code(c.example)
}

type command struct{ usage, what, example string }

func commands(h HelpFor) []command {
	out := []command{{"/ecs help", "This text.", "/ecs help"}}
	if h.Propose {
		out = append(out,
			command{"/ecs deregister", "Pick cluster and instance from lists.", "/ecs deregister"},
			command{"/ecs deregister TARGET [CLUSTER]", "Show a plan. TARGET is an EC2 id, or a container-instance id or ARN, as you have it.", "/ecs deregister i-0a1b2c3d4e5f60001 prod --reason 'kernel update'"},
			command{"/ecs deregister TARGET --dry-run", "Show the plan only; nobody can confirm it.", "/ecs deregister i-0a1b2c3d4e5f60001 prod --dry-run"},
			command{"/ecs deregister TARGET TARGET… [CLUSTER] [--max-unavailable N]", "Several in one batch, in waves of at most N (or N%) at a time, one Availability Zone after the other. Instead of targets: --filter with a cluster query.", "/ecs deregister --filter 'attribute:ecs.availability-zone == eu-central-1a' prod --max-unavailable 5%"})
	}
	if h.Read || h.Propose {
		out = append(out,
			command{"/ecs plan TARGET [CLUSTER]", "The same plan, for looking: no button, no operation.", "/ecs plan i-0a1b2c3d4e5f60001 prod"},
			command{"/ecs ghosts [CLUSTER]", "Registrations whose machines are gone, with the proof, to clean up one or all.", "/ecs ghosts"},
			command{"/ecs list [CLUSTER]", "The cluster's instances, with their tasks and agents.", "/ecs list prod"},
			command{"/ecs status [OPERATION]", "What runs and what ran lately, or everything about one operation.", "/ecs status"})
	}
	if h.Propose || h.Decide {
		out = append(out, command{"/ecs stop OPERATION", "Call it off and undo the drain, while that is possible.", "/ecs stop 7KQ2M"})
	}
	return out
}

// List shows a cluster's container instances, twenty at most.
func List(cluster ecsops.ClusterARN, instances []ecsops.Listed, now time.Time) Message {
	if len(instances) == 0 {
		return Note("Cluster " + words.Quote(cluster.Name()) + " has no container instances (a cluster with Fargate tasks only has none).")
	}
	return fit(func(d depth) Message {
		s := newSheet()
		title := words.Count(len(instances), "container instance") + " in cluster " + words.Quote(cluster.Name())
		s.section("title", bold(title), "Account "+code(cluster.Account())+" · Region "+code(cluster.Region()))
		shown := min(len(instances), d.items)
		for _, l := range instances[:shown] {
			s.section("instance", listedLine(l, now))
		}
		if more := len(instances) - shown; more > 0 {
			s.context("more", mrkdwn("…and "+strconv.Itoa(more)+" more. To find one: ")+code("/ecs deregister"))
		}
		return Message{Text: fallback(listText(title, instances)), Blocks: s.blocks}
	})
}

func listedLine(l ecsops.Listed, now time.Time) mrkdwn {
	parts := []mrkdwn{code(words.Machine(l.Target)), code(l.Status), agentWord(l), mrkdwn(words.Count(l.Running, "task"))}
	if l.Pending > 0 {
		parts = append(parts, mrkdwn(strconv.Itoa(l.Pending)+" pending"))
	}
	for _, foreign := range []string{l.AZ, l.Type, l.Name} {
		if words.Foreign(foreign) != "" {
			parts = append(parts, code(foreign))
		}
	}
	if l.EC2State != "" && l.EC2State != "running" {
		parts = append(parts, "EC2 "+code(l.EC2State))
	}
	if age := ageOf(", ", l.RegisteredAt, now); age != "" {
		parts = append(parts, "registered "+mrkdwn(strings.TrimPrefix(string(age), ", ")))
	}
	return joinMrkdwn(parts, partsSep)
}

func agentWord(l ecsops.Listed) mrkdwn {
	if l.AgentConnected {
		return "✓ agent connected"
	}
	return "⚠️ agent NOT connected"
}

func listText(title string, instances []ecsops.Listed) string {
	var lines []string
	for _, l := range instances[:min(len(instances), 10)] {
		lines = append(lines, words.Machine(l.Target)+" "+words.Quote(l.Status)+", "+words.Count(l.Running, "task"))
	}
	return title + ": " + strings.Join(lines, "; ") + "."
}

// Choose lets a person choose one of several registrations. id is an opaque name
// for the command that waits; it is in the block id ("choose:" + id).
func Choose(id string, ref ecsops.Ref, found []ecsops.Listed) Message {
	sentence := words.Ref(ref) + " is registered more than once, so nothing is done yet. Choose the registration that you mean."
	return fit(func(d depth) Message {
		s := newSheet()
		s.section("question", say("❓ "+sentence))
		s.section("found", bullets(len(found), depth{items: min(d.items, 8)}, func(i int) mrkdwn {
			return listedLine(found[i], time.Time{}) + " · " + code(found[i].Target.InstanceID()) + " in " + code(found[i].Target.Cluster.Name())
		}, "")...)
		if opts := chooseOptions(found, d.items); len(opts) > 0 {
			s.add(slack.NewActionBlock(words.ForeignN("choose:"+id, idLimit), slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Choose a registration", placeholderLimit), ActionChoose, opts...)))
		}
		return Message{Text: fallback(sentence), Blocks: s.blocks}
	})
}

func chooseOptions(found []ecsops.Listed, most int) []*slack.OptionBlockObject {
	var opts []*slack.OptionBlockObject
	seen := map[string]bool{}
	for _, l := range found[:min(len(found), most)] {
		if v := ChooseValue(l.Target); usableValue(v) && !seen[v] {
			seen[v] = true
			opts = append(opts, slack.NewOptionBlockObject(v, plain(chooseLabel(l), optionLimit), plain(chooseMore(l), optionLimit)))
		}
	}
	return opts
}

func chooseLabel(l ecsops.Listed) string {
	return words.Machine(l.Target) + " in " + words.ForeignN(l.Target.Cluster.Name(), 30) + ", " + words.Foreign(l.Status)
}

func chooseMore(l ecsops.Listed) string {
	return "registered " + words.Time(l.RegisteredAt) + ", " + words.ForeignN(l.Target.InstanceID(), 32)
}

// ChooseValue is the option value of one registration in Choose.
func ChooseValue(t ecsops.Target) string {
	return t.Account + "/" + t.Region + "/" + t.InstanceID()
}

// Nearest answers an unknown word (a "subcommand", "cluster", "instance" …) with
// the nearest names.
func Nearest(what, word string, near []string) Message {
	sentence := "There is no " + words.Foreign(what) + " " + words.Quote(word) + ", so nothing was done."
	if len(near) > 0 {
		quoted := make([]string, 0, len(near))
		for _, n := range near[:min(len(near), 5)] {
			quoted = append(quoted, words.Quote(n))
		}
		sentence += " Did you mean " + words.Some(quoted, 5) + "?"
	}
	if what == "operation" {
		return Note("⚠️ " + sentence + " See “/ecs status”.")
	}
	return Note("⚠️ " + sentence + " See “/ecs help”.")
}

// NotFound says where an instance was looked for. near are similar ids.
func NotFound(ref ecsops.Ref, searched []ecsops.ClusterARN, near []string, unreadable []ecsops.Unknown, empty ...ecsops.EmptyCluster) Message {
	sentence := words.NotFound(ref, searched, near, unreadable, empty...)
	return Note("⚠️ " + sentence)
}
