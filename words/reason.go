package words

import (
	"strings"

	"ecsbot/policy"
)

// NotDeregistering starts every refusal.
const NotDeregistering = "not deregistering: "

// Reason says why policy refuses or asks for more, as the end of a refusal.
func Reason(r policy.Reason) string {
	switch r {
	case policy.ReasonNotOperator:
		return "you are not among the operators"
	case policy.ReasonNotApprover:
		return "you are not among the approvers"
	case policy.ReasonOtherWorkspace:
		return "your account belongs to another workspace"
	case policy.ReasonGuest:
		return "guests may not use this"
	case policy.ReasonDeactivated:
		return "that account is deactivated"
	case policy.ReasonBot:
		return "bots, apps and workflows may not use this"
	case policy.ReasonStranger:
		return "your account belongs to another organisation"
	case policy.ReasonPersonUnknown:
		return "Slack did not say who you are, and without that the answer is no"
	case policy.ReasonGroupsUnknown:
		return "Slack did not say which user groups you are in, and without that the answer is no"
	case policy.ReasonChannelUnknown:
		return "Slack did not say what kind of channel this is, and without that the answer is no"
	case policy.ReasonChannelNotListed:
		return "this channel is not on the list of allowed channels"
	case policy.ReasonChannelShared:
		return "this channel is shared with another organisation"
	case policy.ReasonClusterNotListed:
		return "that cluster is not on the list of allowed clusters"
	case policy.ReasonRegionNotListed:
		return "that Region is not on the list of allowed Regions"
	case policy.ReasonNoApprovers:
		return "it needs a second person's approval, and no approvers are configured (APPROVERS is empty)"
	case policy.ReasonSelfApproval:
		return "you asked for it, so someone else must approve it"
	case policy.ReasonBarred:
		return "no approval lifts this"
	case policy.ReasonNeedsApproval:
		return "it needs a second person's approval first"
	case policy.ReasonChannelArchived:
		return "this channel is archived"
	case policy.ReasonPlanUnknown:
		return "there is no plan for it, and without one the answer is no"
	case policy.ReasonAlreadyApproved:
		return "you approved this revision already"
	case policy.ReasonUnknownAction:
		return "what was asked is not known, so the answer is no"
	case policy.ReasonReuse:
		return "AWS says to stop every task before the machine is reused, and a force stops none"
	case policy.ReasonNotGhost:
		return "its machine is not proven gone, so it wants a plan of its own"
	case policy.ReasonUnmapped:
		return "your terminal user is not mapped to a Slack person, so you may only read"
	}
	return "of a rule that this version cannot name: " + Quote(string(r))
}

// Reasons joins reasons into one text: "a; b".
func Reasons(rs []policy.Reason) string {
	if len(rs) == 0 {
		return "no reason was given"
	}
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, Reason(r))
	}
	return strings.Join(out, "; ")
}

// Refusal is a refused request in one sentence.
func Refusal(a policy.Action, v policy.Verdict) string {
	return Refused(a) + ": " + Reasons(v.Reasons) + ". Nothing was changed."
}

// Refused is the head of a refusal of an action.
func Refused(a policy.Action) string {
	switch a {
	case policy.Read:
		return "not showing this"
	case policy.Propose, policy.Confirm, policy.Force, policy.Execute:
		return strings.TrimSuffix(NotDeregistering, ": ")
	case policy.Clean:
		return "not cleaning up"
	case policy.Approve:
		return "not approved"
	case policy.Deny:
		return "not denied"
	case policy.Stop:
		return "not stopping it"
	case policy.Wait:
		return "not waiting longer"
	case policy.StopTasks:
		return "not stopping any task"
	case policy.Cancel:
		return "not cancelled"
	case policy.SignOff:
		return "not signed off"
	case policy.LookHost:
		return "not looking at the host"
	}
	return "refused " + Quote(string(a))
}

// Doing names an action of a person, as asked: "asked to confirm".
func Doing(a policy.Action) string {
	switch a {
	case policy.Read:
		return "asked to see it"
	case policy.Propose:
		return "asked for a plan"
	case policy.Confirm:
		return "tried to confirm"
	case policy.Approve:
		return "tried to approve"
	case policy.Deny:
		return "tried to deny"
	case policy.Stop:
		return "tried to stop it"
	case policy.Wait:
		return "tried to prolong the wait"
	case policy.Force:
		return "tried to force it"
	case policy.StopTasks:
		return "tried to have tasks stopped"
	case policy.Cancel:
		return "tried to cancel"
	case policy.SignOff:
		return "tried to sign the orphans off"
	case policy.LookHost:
		return "asked for a look at the host"
	case policy.Clean:
		return "asked to clean up ghosts"
	case policy.Execute:
		return "was to be acted for"
	}
	return "asked for " + Quote(string(a))
}

// Requirement says what is still missing.
func Requirement(r policy.Requirement) string {
	switch r {
	case policy.SecondPerson:
		return "a second person out of the approvers must approve"
	case policy.TypedID:
		return "the instance id must be typed"
	}
	return "something that this version cannot name: " + Quote(string(r))
}
