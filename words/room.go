package words

import (
	"fmt"
	"slices"

	"ecsbot/ecsops"
)

// landingsShown is how many instances a sentence about landing names.
const landingsShown = 3

// RoomSeverity is the severity that a room's sign shows.
func RoomSeverity(v ecsops.RoomVerdict) ecsops.Severity {
	switch v {
	case ecsops.RoomFits:
		return ecsops.Green
	case ecsops.RoomScaleOut, ecsops.RoomUnknown:
		return ecsops.Amber
	}
	return ecsops.Red
}

// RoomVerdict names a verdict.
func RoomVerdict(v ecsops.RoomVerdict) string {
	switch v {
	case ecsops.RoomFits:
		return "fits"
	case ecsops.RoomScaleOut:
		return "fits after a scale-out"
	case ecsops.RoomWontFit:
		return "will not fit"
	case ecsops.RoomBlocked:
		return "blocked by its percentages"
	}
	return "not certain"
}

// Room is what the capacity simulation says of one service, as a row.
func Room(r ecsops.Room) string {
	return Quote(r.Service) + " " + orElse(roomVerb(r), RoomVerdict(r.Verdict)) + ": " + roomBody(r)
}

func roomVerb(r ecsops.Room) string {
	switch r.Verdict {
	case ecsops.RoomBlocked:
		return "is blocked by its percentages"
	case ecsops.RoomUnknown:
		return "may not fit"
	}
	return ""
}

func roomBody(r ecsops.Room) string {
	copies := Count(r.Copies, "copy")
	if r.Copies != 1 {
		copies = fmt.Sprintf("%d copies", r.Copies)
	}
	switch r.Verdict {
	case ecsops.RoomFits:
		if r.Copies == 0 {
			return "no further copy is needed elsewhere"
		}
		return joined("; ", copies+plural(r.Copies, " finds", " find")+" room whatever the order, with "+Count(r.Places, "instance")+" to choose from"+waves(r), landing(r))
	case ecsops.RoomScaleOut:
		return copies + plural(r.Copies, " waits", " wait") + " until capacity provider " + Quote(r.Provider) + " has launched up to " + Count(r.New, "instance")
	case ecsops.RoomWontFit:
		most := "none finds"
		if r.Most > 0 {
			most = fmt.Sprintf("at best %d %s", r.Most, plural(r.Most, "finds", "find"))
		}
		return copies + plural(r.Copies, " needs", " need") + " room, " + most + " it; " + lacks(r)
	case ecsops.RoomBlocked:
		return "no copy may start and no task may stop"
	}
	return copies + "; " + unsure(r)
}

func waves(r ecsops.Room) string {
	if r.Waves < 2 {
		return ""
	}
	return fmt.Sprintf(", in about %d waves", r.Waves)
}

// landing is where copies would go if they were spread: one possibility of many.
func landing(r ecsops.Room) string {
	if len(r.Landing) == 0 {
		return ""
	}
	var out []string
	for _, l := range r.Landing {
		s := fmt.Sprintf("%d on %s", l.Copies, ForeignN(orElse(string(l.EC2), string(l.Instance)), 40))
		if l.AZ != "" {
			s += " (" + ForeignN(l.AZ, 40) + ")"
		}
		out = append(out, s)
	}
	return "spread out that is " + Some(out, landingsShown)
}

// lacks says what instances have too little of.
func lacks(r ecsops.Room) string {
	const closest = "the closest instances "
	switch r.Why {
	case ecsops.LacksInstances:
		return "no other instance takes tasks"
	case ecsops.LacksProvider:
		return "no other instance belongs to its capacity provider"
	case ecsops.LacksAttribute:
		return closest + "lack the attribute " + Quote(r.Detail)
	case ecsops.LacksConstraint:
		return closest + "do not meet " + Quote(r.Detail)
	case ecsops.LacksZone:
		return "no other instance is in a zone of its subnets"
	case ecsops.LacksDistinct:
		return closest + "run a task of it already, and it wants one for each instance"
	case ecsops.LacksMemory:
		return closest + "have too little memory left"
	case ecsops.LacksCPU:
		return closest + "have too few CPU units left"
	case ecsops.LacksGPU:
		return closest + "have too few GPUs left"
	case ecsops.LacksPort:
		return closest + "have its host port taken"
	case ecsops.LacksENI:
		return closest + "can attach no further network interface"
	}
	return closest + "lack something: " + Quote(string(r.Why))
}

// unsure says why nobody can tell whether the copies fit.
func unsure(r ecsops.Room) string {
	switch r.Why {
	case ecsops.UnsureTight:
		return "there is room only if everything is placed well"
	case ecsops.UnsureStopping:
		return "there is room once tasks that are stopping elsewhere have ended"
	case ecsops.UnsureShrinking:
		return "there is room only if a service elsewhere gives up what it is about to"
	case ecsops.UnsureSurplus:
		return "the service runs more tasks than it wants, and which of them go is not known"
	case ecsops.UnsureDeployment:
		return "a deployment of the service is under way"
	case ecsops.UnsureDefinition:
		return "the task asks for " + Quote(r.Detail) + ", which the bot does not simulate"
	case ecsops.UnsureVolumes:
		return "the task needs EBS volumes attached, and how many an instance takes is not known"
	case ecsops.UnsureManaged:
		return "Managed Instances of " + Quote(r.Detail) + " bring machines of AWS's choice"
	case ecsops.UnsureConstraint:
		return "the bot cannot judge the constraint " + Quote(r.Detail) + " beforehand"
	case ecsops.UnsureTrunking:
		return "the task needs a network interface, and with ENI trunking how many are left cannot be read"
	case ecsops.UnsureLeaving:
		return "there is room only on instances that their Auto Scaling group is taking out"
	case ecsops.UnsureFacts:
		return missing(r.Missing)
	case ecsops.UnsureLaunch:
		return "there is room only if capacity provider " + Quote(r.Detail) + " brings a new instance in time"
	case ecsops.UnsureDraining:
		return Quote(r.Detail) + " is draining too, and its tasks want the same room"
	case ecsops.UnsureRival:
		return "service " + Quote(r.Detail) + " wants room too, and how much cannot be told"
	case ecsops.UnsurePlacement:
		return "launch type, subnets or ports may keep it from where there is room"
	}
	return "for the reason " + Quote(string(r.Why))
}

// rooms puts rooms in words, a few, and counts the rest.
func rooms(f ecsops.Finding) string { return each(f.Rooms, Room) }

func explainRoom(f ecsops.Finding) (Explanation, bool) {
	switch f.Rule {
	case ecsops.RuleWontFit:
		return Explanation{"No room for the replacements", joined("; ", rooms(f), services(f), tasks(f.Tasks), Some(quoteAll(f.Names), namesShown)),
			"Add capacity to the cluster first; until there is room the drain waits."}, true
	case ecsops.RuleScaleOut:
		return Explanation{"Room comes with new instances only", rooms(f), "Raise the group's desired capacity first if the drain should not wait for it."}, true
	case ecsops.RuleRoomUnsure:
		way := "Add an instance first, or go on and watch: without room the drain waits, and can be undone."
		if slices.ContainsFunc(f.Rooms, func(r ecsops.Room) bool { return len(r.Missing) > 0 }) {
			way = "Grant the missing permission, then ask again; or add an instance first."
		}
		return Explanation{"It is not certain that the replacements fit", rooms(f), way}, true
	case ecsops.RuleRoom:
		return Explanation{"Room for the replacements", rooms(f), "Nothing to do: they find a place in any order."}, true
	}
	return Explanation{}, false
}
