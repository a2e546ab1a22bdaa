package words

import (
	"strings"

	"ecsbot/ecsops"
)

// explainVolumes is T34: what becomes of the disks of a machine that ends.
func explainVolumes(f ecsops.Finding) (Explanation, bool) {
	if f.Rule != ecsops.RuleVolumes {
		return Explanation{}, false
	}
	e := Explanation{Title: "Disks of the machine", Detail: Volumes(f.Volumes)}
	lost, left := false, false
	for _, v := range f.Volumes {
		lost = lost || v.End != ecsops.VolumeStays && !v.Root
		left = left || v.End != ecsops.VolumeDeleted
	}
	var way []string
	if lost {
		way = append(way, "Copy what is needed of the data first.")
	}
	if left {
		way = append(way, "Delete what stays once nobody needs it.")
	}
	e.WayOut = orElse(strings.Join(way, " "), "Copy what is needed of them first.")
	return e, true
}

// Remaining is what a terminated machine left behind of its disks; "" for nothing.
func Remaining(p ecsops.Plan) string {
	vs := p.Remaining()
	if len(vs) == 0 {
		return ""
	}
	return Sentence(Volumes(vs)) + ". Delete what nobody needs any more."
}

// Volumes says what becomes of each, those first that cost or take data along.
func Volumes(vs []ecsops.Volume) string {
	var stay, unsaid, deleted []string
	for _, v := range vs {
		switch v.End {
		case ecsops.VolumeStays:
			stay = append(stay, volume(v))
		case ecsops.VolumeDeleted:
			deleted = append(deleted, volume(v))
		default:
			unsaid = append(unsaid, volume(v))
		}
	}
	var out []string
	if n := len(stay); n > 0 {
		out = append(out, Some(stay, namesShown)+plural(n, " stays, and is billed", " stay, and are billed"))
	}
	if n := len(unsaid); n > 0 {
		out = append(out, "EC2 does not say what becomes of "+Some(unsaid, namesShown))
	}
	if n := len(deleted); n > 0 {
		out = append(out, Some(deleted, namesShown)+plural(n, " is deleted with the machine, with its data", " are deleted with the machine, with their data"))
	}
	return strings.Join(out, "; ")
}

func volume(v ecsops.Volume) string {
	if v.Device == "" {
		return Quote(v.ID)
	}
	return Quote(v.ID) + " (" + Quote(v.Device) + ")"
}
