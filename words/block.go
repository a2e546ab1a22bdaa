package words

import (
	"time"

	"ecsbot/workflow"
)

// BlockTitle says in a few words why an operation pauses.
func BlockTitle(r workflow.BlockReason) string {
	switch r {
	case workflow.BlockedDeadline:
		return "The drain takes longer than its deadline"
	case workflow.BlockedDrift:
		return "Something changed since it was decided"
	case workflow.BlockedAWS:
		return "AWS does not answer, or asks to slow down"
	case workflow.BlockedCredentials:
		return "AWS denies access"
	case workflow.BlockedAuthority:
		return "The people's rights could not be checked, or were lost"
	case workflow.BlockedTasks:
		return "ECS refuses: tasks still run"
	case workflow.BlockedGroup:
		return "The Auto Scaling group refuses, or is still at work"
	case workflow.BlockedAgent:
		return "The ECS agent is disconnected"
	case workflow.BlockedSurprise:
		return "A surprise: nothing more begins until a person has looked"
	case workflow.BlockedConsistency:
		return "Not clear yet whether the last order took effect"
	}
	return "A pause that this version cannot name: " + Quote(string(r))
}

// BlockWayOut says what ends a pause.
func BlockWayOut(b workflow.Block) string {
	silence := ""
	if !b.AskedUntil.IsZero() {
		silence = " Without an answer by " + Time(b.AskedUntil) + " the bot undoes the drain, if it is its own."
	}
	switch b.Reason {
	case workflow.BlockedDeadline:
		return "Wait longer, undo, or force." + silence
	case workflow.BlockedDrift:
		return "Read the difference and confirm it, or undo." + silence
	case workflow.BlockedAWS:
		return "The bot tries again by itself; nothing needs to be done."
	case workflow.BlockedCredentials:
		return "Renew or widen the bot's AWS permissions; it goes on by itself."
	case workflow.BlockedAuthority:
		return "The bot asks Slack again by itself; undo works meanwhile."
	case workflow.BlockedTasks:
		return "The bot waits until they end."
	case workflow.BlockedGroup:
		return "Look at the group's activity; the bot tries again by itself."
	case workflow.BlockedAgent:
		return "That is normal for some minutes. If it lasts, the bot asks."
	case workflow.BlockedSurprise:
		s := "Look at the row, then go on with the rest, or stop. What is under way ends by its own rules."
		if !b.AskedUntil.IsZero() {
			s += " Without an answer by " + Time(b.AskedUntil) + " nothing more begins."
		}
		return s
	case workflow.BlockedConsistency:
		return "The bot looks until it is sure, and does nothing else before."
	}
	return "Look at the operation's status." + silence
}

// Silence says what happens when nobody answers a question of op's: its own drain is
// undone, another's is left.
func Silence(op workflow.Operation) string {
	if op.Bulk != nil {
		return "nothing more begins"
	}
	if op.WasStatus == "DRAINING" {
		return "the bot ends its part, and the drain, which it did not begin, goes on"
	}
	return "the bot undoes the drain"
}

// BlockOf says why op pauses and what ends the pause; op.Block must be set.
func BlockOf(op workflow.Operation) string {
	b := *op.Block
	until := b.AskedUntil
	b.AskedUntil = time.Time{}
	s := blockHead(b) + " " + WayOutOf(op)
	if op.Proposal != nil && b.Reason == workflow.BlockedDeadline {
		s = BlockTitle(b.Reason) + "." // the revision is what is asked
	}
	if !until.IsZero() {
		s += " Without an answer by " + Time(until) + " " + Silence(op) + "."
	}
	return s
}

// Block says why an operation pauses and what ends the pause.
func Block(b workflow.Block) string { return blockHead(b) + " " + BlockWayOut(b) }

func blockHead(b workflow.Block) string {
	s := BlockTitle(b.Reason)
	if Foreign(b.Detail) != "" {
		s += " (" + Quote(b.Detail) + ")"
	}
	return s + "."
}
