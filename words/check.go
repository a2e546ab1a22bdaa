package words

import (
	"fmt"
	"strings"

	"ecsbot/ecsops"
)

// CheckSymbol is a sign for a check's result, beside its words.
func CheckSymbol(r ecsops.CheckResult) string {
	switch r {
	case ecsops.CheckPassed:
		return "✓"
	case ecsops.CheckFailed:
		return "✗"
	case ecsops.CheckPending:
		return "●"
	case ecsops.CheckSkipped:
		return "–"
	case ecsops.CheckSignedOff:
		return "☑"
	}
	return "?"
}

// CheckResult names a result.
func CheckResult(r ecsops.CheckResult) string {
	switch r {
	case ecsops.CheckPassed:
		return "verified"
	case ecsops.CheckPending:
		return "not yet"
	case ecsops.CheckFailed:
		return "NOT as it should be"
	case ecsops.CheckUnknown:
		return "could not be read"
	case ecsops.CheckSkipped:
		return "does not apply"
	case ecsops.CheckSignedOff:
		return "signed off by a person, not seen from here"
	}
	return "result " + Quote(string(r))
}

// Check is one of V1–V10 with its result and evidence. Ids are short: the audit record
// has the rest.
func Check(c ecsops.Check) string {
	_, subject := checkWords(c.ID)
	if c.Outside {
		subject = "The host's registration in Systems Manager is as planned"
	}
	if LeftBehindUnseen(c) {
		return subject + ": ECS cannot tell, " + Count(max(c.Count, len(c.Names)), "task") + " left behind may still run on the machine"
	}
	s := subject + ": "
	if c.Result == ecsops.CheckUnknown && c.Missing != nil {
		return s + Unknown(*c.Missing)
	}
	s += checkResult(c)
	var evidence []string
	if c.Want > 0 || c.Count > 0 && c.Result != ecsops.CheckSkipped {
		evidence = append(evidence, countOfWant(c))
	}
	if names := shortIDs(c.Names); len(names) > 0 {
		evidence = append(evidence, Some(quoteAll(names), namesShown))
	}
	if c.Missing != nil {
		evidence = append(evidence, Unknown(*c.Missing))
	}
	if len(evidence) > 0 {
		s += " (" + strings.Join(evidence, "; ") + ")"
	}
	return s
}

// checkResult is CheckResult, with what is still to come of V9 and V10.
func checkResult(c ecsops.Check) string {
	switch {
	case c.Result == ecsops.CheckPending && c.ID == "V9":
		return "looked at 10 minutes and 1 hour after the end"
	case c.Result == ecsops.CheckPending && c.ID == "V10" && !c.At.IsZero():
		return "not all of it, as seen on the machine at " + Time(c.At) + "; reminded until it has, the machine is gone, or a person signs it off"
	case c.Result == ecsops.CheckPassed && c.ID == "V10" && !c.At.IsZero():
		return CheckResult(c.Result) + ", as seen on the machine at " + Time(c.At)
	case c.Result == ecsops.CheckPending && c.ID == "V10":
		return "ECS cannot tell; reminded until the machine is gone or a person signs it off"
	}
	return CheckResult(c.Result)
}

// LeftBehindUnseen reports a check that was skipped because ECS cannot tell what
// became of orphans: it does apply, and nothing passed.
func LeftBehindUnseen(c ecsops.Check) bool {
	return c.ID == "V5" && c.Result == ecsops.CheckSkipped && len(c.Names) > 0
}

// NotApplicable names the checks that do not apply in one line; "" when there are none.
func NotApplicable(cs []ecsops.Check) string {
	var out []string
	for _, c := range cs {
		if c.Result == ecsops.CheckSkipped && !LeftBehindUnseen(c) {
			out = append(out, checkID(c.ID))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "Does not apply: " + Some(out, 8)
}

// checkID is a check's id and what it is about.
func checkID(id string) string {
	topic, _ := checkWords(id)
	return strings.TrimSpace(ForeignN(id, 4) + " " + topic)
}

func countOfWant(c ecsops.Check) string {
	if c.Want > 0 {
		return fmt.Sprintf("%d of %d", c.Count, c.Want)
	}
	return fmt.Sprint(c.Count)
}

// checkWords are a check's topic, in brackets, and what it says when it passed.
func checkWords(id string) (topic, subject string) {
	switch id {
	case "V1":
		return "(registration)", "The registration is INACTIVE and no longer listed"
	case "V2":
		return "(services)", "The services run as many tasks as they want"
	case "V3":
		return "(target groups)", "The target groups lost the old targets and are as healthy as before"
	case "V4":
		return "(replacements)", "The replacements run on other instances"
	case "V5":
		return "(tasks outside any service)", "Tasks outside any service are accounted for"
	case "V6":
		return "(network interfaces)", "The tasks' network interfaces are gone"
	case "V7":
		return "(EC2 machine)", "The EC2 machine is as planned"
	case "V8":
		return "(Auto Scaling group)", "The Auto Scaling group did what was expected"
	case "V9":
		return "(registered again)", "The machine did not register again"
	case "V10":
		return "(left behind)", "What the force left behind has ended"
	}
	return "", "Check " + Quote(id)
}

func checksInShort(cs []ecsops.Check) string {
	if len(cs) == 0 {
		return "nothing to check"
	}
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		if LeftBehindUnseen(c) {
			parts = append(parts, checkID(c.ID)+" not to be seen from ECS")
			continue
		}
		id := checkID(c.ID)
		if c.Outside {
			id = ForeignN(c.ID, 4) + " (host in Systems Manager)"
		}
		parts = append(parts, id+" "+CheckResult(c.Result))
	}
	return Some(parts, 10)
}
