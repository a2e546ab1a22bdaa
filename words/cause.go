package words

import "strings"

// Cause says why an operation ended or was undone. The keys are the engine's; a
// key without words is spelled out.
func Cause(key string) string {
	if s, ok := causes()[key]; ok {
		return s
	}
	if key == "" {
		return "No cause was recorded."
	}
	return upperFirst(strings.ReplaceAll(Foreign(key), "_", " ")) + "."
}

func causes() map[string]string {
	return map[string]string{
		"expired":            "Nobody decided in time.",
		"cancelled":          "It was cancelled.",
		"denied":             "An approver said no.",
		"refused":            "Policy refused it.",
		"barred":             "A risk that no approval lifts.",
		"stop":               "A person stopped it.",
		"stopped":            "A person stopped it.",
		"stop_asked":         "A person stopped it.",
		"undone":             "The drain was undone: the instance is ACTIVE again.",
		"deadline_silence":   "The drain's deadline passed and nobody answered, so it is undone.",
		"drift_silence":      "Something changed, and nobody answered in time.",
		"drift":              "Something changed since it was decided.",
		"already_gone":       "The registration was gone already.",
		"gone":               "The registration was gone already.",
		"verified":           "Everything was looked at.",
		"done":               "Everything was looked at.",
		"unverified":         "Not everything could be seen in time.",
		"verify_timeout":     "Not everything could be seen in time.",
		"aws_refused":        "AWS refused the step.",
		"target_changed":     "The machine has another registration now.",
		"not_undone":         "The drain could not be undone: the instance is no longer there to make ACTIVE.",
		"authority_lost":     "Someone who decided lost the right to.",
		"group_terminating":  "The Auto Scaling group is terminating the machine.",
		"registration_gone":  "The registration is gone.",
		"locked":             "Another operation holds the instance.",
		"terminated_outside": "Someone else terminated the machine.",
	}
}
