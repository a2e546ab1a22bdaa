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
	return Sentence(strings.ReplaceAll(Foreign(key), "_", " ")) + "."
}

func causes() map[string]string {
	return map[string]string{
		"expired":                   "Nobody decided in time.",
		"cancelled":                 "It was cancelled.",
		"denied":                    "An approver said no.",
		"before_start":              "It was called off before anything was done.",
		"stopped":                   "A person called it off: the drain was undone, the instance is ACTIVE again.",
		"deadline_silence":          "The drain's deadline passed and nobody answered, so the drain was undone.",
		"drift_silence":             "Something changed, and nobody answered in time.",
		"stopped_not_ours":          "A person called it off. The drain was not the bot's, so it was left as it is.",
		"deadline_silence_not_ours": "Nobody answered at the deadline. The drain was not the bot's, so it was left as it is.",
		"drift_silence_not_ours":    "Something changed and nobody answered. The drain was not the bot's, so it was left as it is.",
		"group_terminating":         "The Auto Scaling group is terminating the machine, so the drain could not be undone.",
		"not_deregistered_in_ssm":   "Systems Manager refused to deregister the host for 20 minutes, so the bot stopped asking for it.",
		"not_terminated":            "The termination was refused for 20 minutes, so the bot stopped asking for it.",
		"came_back":                 "The machine, its agent or the registration changed since the list was read.",
		"gone_already":              "Its registration is gone already.",
		"batch_stopped":             "A person stopped the clean-up.",
		"batch_deadline":            "Its time ran out before it could be proven and ordered; nothing was changed.",
		"batch_cleaned":             "Every registration is gone.",
		"batch_partly":              "Not every one was removed and verified: the rows say which and why.",
		"batch_nothing":             "None was removed: the rows say why.",
		"batch_silence":             "Nobody answered after a surprise, so nothing more was begun.",
		"batch_unread":              "It could not be read for as long as a drain may take; nothing was changed.",
		"surprise":                  "Something was there that the batch did not show: a red finding, a task of no service, a protected task, another state.",
		"surprise_not_ours":         "Something was there that the batch did not show. The drain was not the bot's, so it was left as it is.",
		"deadline_undone":           "The drain's deadline passed. Nobody is asked about one of many, so the drain was undone.",
		"deadline_undone_not_ours":  "The drain's deadline passed. The drain was not the bot's, so it was left as it is.",
		"bulk_done":                 "Every instance is deregistered and verified.",
		"bulk_partly":               "Not every instance was deregistered and verified: the rows say which and why.",
		"bulk_nothing":              "None was deregistered: the rows say why.",
		"bulk_stopped":              "A person stopped it; what was under way was undone.",
		"verified":                  "Everything was looked at.",
		"orphans_left":              "What ECS can tell was looked at. Whether the orphaned containers still run, it cannot tell.",
		"not_all_verified":          "Not everything could be seen within ten minutes.",
		"not_yours":                 "The click was not allowed.",
		"mistyped":                  "The typed id was another one.",
		"changed":                   "What was shown had changed since: the card asks again.",
		"too_late":                  "It came too late for that.",
		"busy":                      "Another operation holds the instance.",
		"unreadable":                "AWS could not be read.",
		"not_possible":              "It was not possible.",
		"machine_gone":              "The machine is gone.",
		"host_clear":                "Every container that was left behind was seen on the machine to have ended.",
	}
}
