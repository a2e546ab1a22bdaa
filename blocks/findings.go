package blocks

import (
	"cmp"
	"slices"
	"strconv"

	"ecsbot/ecsops"
	"ecsbot/words"
)

// drawFindings draws what is red or amber with its way out, and what is green in one line.
func drawFindings(s *sheet, p ecsops.Plan, d depth, rest mrkdwn) {
	fs, green := risks(p.Findings)
	for _, f := range fs[:min(len(fs), d.items)] {
		s.section("finding", findingLines(f, p, d)...)
	}
	if more := len(fs) - d.items; more > 0 {
		s.section("findings", mrkdwn("…and "+words.Count(more, "finding")+" more")+rest)
	}
	drawGreen(s, green, d, func(f ecsops.Finding) bool { // billing and room have their own lines
		return f.Rule == ecsops.RuleBilling && billingLine(p, p.Snapshot.Target) != "" || f.Rule == ecsops.RuleRoom
	})
}

// risks parts what is to be read from what is in order, what decides most first.
func risks(all []ecsops.Finding) (risky, green []ecsops.Finding) {
	for _, f := range byUrgency(all) {
		if f.Severity == ecsops.Green {
			green = append(green, f)
		} else {
			risky = append(risky, f)
		}
	}
	return risky, green
}

func byUrgency(fs []ecsops.Finding) []ecsops.Finding {
	return slices.SortedStableFunc(slices.Values(fs), func(a, b ecsops.Finding) int { return cmp.Compare(words.Urgency(b), words.Urgency(a)) })
}

func findingLines(f ecsops.Finding, p ecsops.Plan, d depth) []mrkdwn {
	e := words.Explain(f)
	lines := []mrkdwn{findingHead(f, e), sayN(words.Stop(words.Sentence(e.Detail)), d.line)}
	if e.WayOut != "" && (f.Rule != ecsops.RuleGroupOwned || p.Intent.Terminate == ecsops.KeepRunning && p.Intent.Purpose != ecsops.Reuse) { // the group's way is taken already, or no way
		lines = append(lines, "Way out: "+sayN(e.WayOut, d.line))
	}
	return lines
}

func findingHead(f ecsops.Finding, e words.Explanation) mrkdwn {
	return mrkdwn(words.Symbol(f.Severity)) + " *" + sayN(e.Title, 200) + "* (" + mrkdwn(words.Severity(f.Severity)) + ", " + sayN(string(f.Rule), 12) + ")"
}

// drawGreen folds what is in order, but for what is said elsewhere.
func drawGreen(s *sheet, green []ecsops.Finding, d depth, elsewhere func(ecsops.Finding) bool) {
	var lines []mrkdwn
	for _, f := range green[:min(len(green), max(d.items, 2))] {
		if elsewhere == nil || !elsewhere(f) {
			lines = append(lines, sayN(words.Fold(f), d.line))
		}
	}
	if len(lines) > 0 {
		s.section("green", "✅ "+joinMrkdwn(lines, " · "))
	}
}

// drawBarred is all there is to say where nothing can be decided: why, the way
// out, what could not be read, and what else was found by its name alone.
func drawBarred(s *sheet, p ecsops.Plan, d depth, rest mrkdwn) {
	var others []mrkdwn
	shown, barred := 0, len(p.Barred()) > 0
	risky, green := risks(p.Findings)
	for _, f := range risky {
		if f.Bars || !barred || f.Rule == ecsops.RuleIncomplete {
			if shown++; shown <= d.items {
				s.section("finding", findingLines(f, p, d)...)
			}
			continue
		}
		others = append(others, sayN(words.Explain(f).Title, 200)+" ("+sayN(string(f.Rule), 12)+")")
	}
	if more := shown - d.items; more > 0 {
		s.section("findings", mrkdwn("…and "+words.Count(more, "finding")+" more")+rest)
	}
	if more := len(others) - max(d.items, 2); more > 0 {
		others = append(others[:max(d.items, 2)], mrkdwn(strconv.Itoa(more)+" more")+rest)
	}
	if len(others) > 0 {
		s.section("others", "Also found: "+joinMrkdwn(others, ", "))
	}
	if !barred {
		drawGreen(s, green, d, nil)
	}
}
