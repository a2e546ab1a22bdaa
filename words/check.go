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
	}
	return "result " + Quote(string(r))
}

// Check is one of V1–V8 with its result and evidence.
func Check(c ecsops.Check) string {
	if c.ID == "V5" && c.Result == ecsops.CheckSkipped && len(c.Names) > 0 {
		return fmt.Sprintf("%s: ECS cannot tell; %s left behind may still run on the machine (%s)",
			checkSubject(c.ID), Count(max(c.Count, len(c.Names)), "task"), Some(quoteAll(c.Names), namesShown))
	}
	s := checkSubject(c.ID) + ": " + CheckResult(c.Result)
	var evidence []string
	if c.Want > 0 || c.Count > 0 && c.Result != ecsops.CheckSkipped {
		evidence = append(evidence, countOfWant(c))
	}
	if len(c.Names) > 0 {
		evidence = append(evidence, Some(quoteAll(c.Names), namesShown))
	}
	if c.Missing != nil {
		evidence = append(evidence, Unknown(*c.Missing))
	}
	if len(evidence) > 0 {
		s += " (" + strings.Join(evidence, "; ") + ")"
	}
	return s
}

func countOfWant(c ecsops.Check) string {
	if c.Want > 0 {
		return fmt.Sprintf("%d of %d", c.Count, c.Want)
	}
	return fmt.Sprint(c.Count)
}

// checkSubject says what a check looks at.
func checkSubject(id string) string {
	switch id {
	case "V1":
		return "The registration is INACTIVE and no longer listed"
	case "V2":
		return "The services run as many tasks as they want"
	case "V3":
		return "The target groups lost the old targets and are as healthy as before"
	case "V4":
		return "The replacements run on other instances"
	case "V5":
		return "Tasks outside any service are accounted for"
	case "V6":
		return "The tasks' network interfaces are gone"
	case "V7":
		return "The EC2 machine is as planned"
	case "V8":
		return "The Auto Scaling group did what was expected"
	}
	return "Check " + Quote(id)
}

func checksInShort(cs []ecsops.Check) string {
	if len(cs) == 0 {
		return "nothing to check"
	}
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		parts = append(parts, ForeignN(c.ID, 4)+" "+CheckResult(c.Result))
	}
	return Some(parts, 10)
}
