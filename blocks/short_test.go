package blocks

import (
	"regexp"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// textOf is what a reader sees of a message, line by line.
func textOf(m Message) []string {
	var lines []string
	for _, b := range m.Blocks {
		switch x := b.(type) {
		case *slack.HeaderBlock:
			lines = append(lines, x.Text.Text)
		case *slack.SectionBlock:
			lines = append(lines, strings.Split(x.Text.Text, "\n")...)
		case *slack.ContextBlock:
			for _, e := range x.ContextElements.Elements {
				lines = append(lines, e.(*slack.TextBlockObject).Text)
			}
		}
	}
	return lines
}

var (
	wholeID   = regexp.MustCompile(`[0-9a-f]{32}`)
	rowEnd    = regexp.MustCompile(`; ends, and its group (replaces it|shrinks)$`) // each row of a batch says how its machine ends
	sentenceN = regexp.MustCompile(`[^.;:\n]{30,}`)
)

// A card is read on a phone: no sentence twice, no id of 32 digits, nothing green spread out.
func TestCardsAreShortAndSayNothingTwice(t *testing.T) {
	for name, m := range messages() {
		if !strings.HasPrefix(name, "Card_") && name != "DryRun" && !strings.HasPrefix(name, "Undecidable") {
			continue
		}
		seen := map[string]bool{}
		for _, l := range textOf(m) {
			l = rowEnd.ReplaceAllString(l, "")
			for _, s := range sentenceN.FindAllString(l, -1) {
				if seen[strings.TrimSpace(s)] {
					t.Errorf("%s says twice: %q", name, s)
				}
				seen[strings.TrimSpace(s)] = true
			}
			if wholeID.MatchString(l) {
				t.Errorf("%s shows a whole id: %q", name, l)
			}
			if strings.Contains(l, "(Green") {
				t.Errorf("%s spreads out what is in order: %q", name, l)
			}
		}
	}
	for name, most := range map[string]int{"Card_proposed": 26, "Card_proposed_ghost": 10, "Card_done": 14, "Card_stopped": 8, "Card_draining": 16} {
		if got := len(textOf(messages()[name])); got > most {
			t.Errorf("%s has %d lines, more than %d", name, got, most)
		}
	}
}

// An end that leaves containers running is not shown as a clean one.
func TestOrphansAreNoSuccess(t *testing.T) {
	m := Card(ended(forcePlan(), workflow.Done, "orphans_left"), nil, drawing())
	if all := strings.Join(textOf(m), "\n") + m.Text; strings.Contains(all, "✅") || strings.Contains(all, "Done and verified") || !strings.Contains(all, "? V5") {
		t.Errorf("orphans look like a success:\n%s", all)
	}
	gone := forcePlan()
	gone.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
	if m := Card(ended(gone, workflow.Done, "verified"), nil, drawing()); !strings.Contains(m.Text, "Done and verified") {
		t.Errorf("without a machine nothing is left: %s", m.Text)
	}
}

func TestNobodyIsPromisedAPlace(t *testing.T) {
	p := amberPlan()
	p.Findings = append(p.Findings, ecsops.Finding{Rule: ecsops.RuleLastInstance, Severity: ecsops.Red, Names: []string{"prod"}})
	p.Fates = p.Fates[:2]
	all := strings.Join(textOf(Card(proposed(p), nil, drawing())), "\n")
	if strings.Contains(all, "Replaced on other instances") || strings.Contains(all, "may take about") || !strings.Contains(all, "there may be no place") {
		t.Errorf("the last instance promises a place:\n%s", all)
	}
}

func TestBillingIsTrue(t *testing.T) {
	for why, c := range map[string]struct {
		ec2  ecsops.Fact[ecsops.EC2]
		want string
	}{
		"running": {ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.large"}), "i-0a1b2c3d4e5f60001 (`m6i.large`, `running`) goes on costing"},
		"stopped": {ecsops.Known(ecsops.EC2{State: "stopped"}), "the disks of i-0a1b2c3d4e5f60001 go on costing"},
		"gone":    {ecsops.Known(ecsops.EC2{State: "terminated"}), ""},
		"unknown": {ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2"}), "if i-0a1b2c3d4e5f60001 still exists"},
	} {
		p := amberPlan()
		p.Snapshot.EC2 = c.ec2
		if got := string(billingLine(p, target())); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q", why, got)
		}
	}
	op := ended(amberPlan(), workflow.Done, "verified")
	op.Progress.Checks = []ecsops.Check{{ID: "V7", Result: ecsops.CheckPassed, Names: []string{"terminated"}}}
	if all := strings.Join(textOf(Card(op, nil, drawing())), "\n"); strings.Contains(all, "costing") {
		t.Errorf("a machine that was found terminated costs nothing:\n%s", all)
	}
}

func TestManyAlikeTasksAreOneLine(t *testing.T) {
	p := amberPlan()
	for range 20 {
		p.Fates = append(p.Fates, ecsops.TaskFate{Task: batchTask(), Fate: ecsops.FateWaits}, ecsops.TaskFate{Task: webTask(), Fate: ecsops.FateMoves})
	}
	all := strings.Join(textOf(Card(proposed(p), nil, drawing())), "\n")
	for _, want := range []string{"(21)\n• `nightly-report:11` (belongs to no service), task `d4e5f607` and 20 more: see `/ecs status 7KQ2M`\n", "(21): `web:42` ×21\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing:\n%s", want, all)
		}
	}
	if n := strings.Count(all, "`nightly-report:11`"); n != 2 { // the finding, and its line
		t.Errorf("the task's name is there %d times", n)
	}
	p = forcePlan()
	p.Fates = nil
	for range 9 {
		p.Fates = append(p.Fates, ecsops.TaskFate{Task: batchTask(), Fate: ecsops.FateOrphaned})
	}
	if all := strings.Join(textOf(Card(proposed(p), nil, drawing())), "\n"); strings.Count(all, "task `d4e5f607`") != 9 {
		t.Errorf("orphans are approved one by one:\n%s", all)
	}
}
