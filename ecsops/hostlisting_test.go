package ecsops

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

var lookedAt = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const (
	orphanA = "arn:aws:ecs:eu-central-1:123456789012:task/prod/aaaa"
	orphanB = "arn:aws:ecs:eu-central-1:123456789012:task/prod/bbbb"
)

func listedLine(task, name, state string, code int) string {
	return fmt.Sprintf(`[%q,%q,%q,%d,"2026-11-23T08:00:00.123456789Z","0001-01-01T00:00:00Z"]`, task, name, state, code)
}

// TestReadListing: only a whole listing counts, whatever the machine prints.
func TestReadListing(t *testing.T) {
	one, two := listedLine(orphanA, "app", "running", 0), listedLine(orphanB, "app", "exited", 137)
	whole := func(lines ...string) string {
		return "ecsbot-host-look 1 begin\n" + strings.Join(append(lines, fmt.Sprintf("ecsbot-host-look 1 end %d", len(lines))), "\n") + "\n"
	}
	for name, c := range map[string]struct {
		text string
		n    int
		why  string
	}{
		"two containers":                     {whole(one, two), 2, ""},
		"none at all":                        {whole(), 0, ""},
		"Windows' line ends":                 {strings.ReplaceAll(whole(one), "\n", "\r\n"), 1, ""},
		"cut in a line":                      {whole(one, two)[:len(whole(one))-10], 0, HostCut},
		"cut between lines":                  {"ecsbot-host-look 1 begin\n" + one + "\n", 0, HostCut},
		"cut after the first line":           {"ecsbot-host-look 1 begin\n", 0, HostCut},
		"cut, and the agent's own last line": {"ecsbot-host-look 1 begin\n" + one + "\n---Output truncated---", 0, HostCut},
		"a line too few":                     {"ecsbot-host-look 1 begin\n" + one + "\necsbot-host-look 1 end 2", 0, HostNoListing},
		"a line too many":                    {"ecsbot-host-look 1 begin\n" + one + "\n" + two + "\necsbot-host-look 1 end 1", 0, HostNoListing},
		"no number":                          {"ecsbot-host-look 1 begin\necsbot-host-look 1 end x", 0, HostNoListing},
		"another version":                    {"ecsbot-host-look 2 begin\necsbot-host-look 2 end 0", 0, HostNoListing},
		"no docker":                          {"ecsbot-host-look 1 no-docker\n", 0, HostNoDocker},
		"nothing":                            {"", 0, HostNoListing},
		"another document's output":          {"hello", 0, HostNoListing},
		"a line that is none":                {whole(one, "CONTAINER ID"), 0, HostNoListing},
		"a line of five":                     {whole(`["a","b","running",0,"2026-11-23T08:00:00Z"]`), 0, HostNoListing},
		"a line without a task":              {whole(listedLine("", "app", "running", 0)), 0, HostNoListing},
		"a line without a state":             {whole(listedLine(orphanA, "app", "", 0)), 0, HostNoListing},
		"a line with null":                   {whole(`["a","b",null,0,"2026-11-23T08:00:00Z","2026-11-23T08:00:00Z"]`), 0, HostNoListing},
		"a time that is none":                {whole(`["a","b","running",0,"yesterday","2026-11-23T08:00:00Z"]`), 0, HostNoListing},
	} {
		got, why := readListing(c.text)
		if len(got) != c.n || why != c.why {
			t.Errorf("%s: %d containers, %q; want %d, %q", name, len(got), why, c.n, c.why)
		}
	}
	far, why := readListing(whole(strings.NewReplacer("2026-11-23T08:00:00.123456789Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59").Replace(one)))
	if why != "" || !far[0].StartedAt.IsZero() || !far[0].EndedAt.IsZero() {
		t.Errorf("%q %+v", why, far)
	}
	if _, err := json.Marshal(far[0].HostContainer); err != nil {
		t.Errorf("what a machine printed cannot be stored: %v", err)
	}
	got, _ := readListing(whole(one))
	if c := got[0]; c.task != orphanA || c.Name != "app" || c.State != "running" || !c.StartedAt.Equal(lookedAt.Add(-time.Hour)) || !c.EndedAt.IsZero() {
		t.Errorf("read as %+v", c)
	}
}

func invoked(status ssmtypes.CommandInvocationStatus, details, stdout string) *ssm.GetCommandInvocationOutput {
	return &ssm.GetCommandInvocationOutput{Status: status, StatusDetails: aws.String(details), StandardOutputContent: aws.String(stdout),
		ExecutionStartDateTime: aws.String("2026-11-23T09:00:02.000Z")}
}

// TestHostAnswer: what each end of a command says, and what of the containers is an end.
func TestHostAnswer(t *testing.T) {
	list := func(lines ...string) string {
		return "ecsbot-host-look 1 begin\n" + strings.Join(append(lines, fmt.Sprintf("ecsbot-host-look 1 end %d", len(lines))), "\n")
	}
	ok := func(lines ...string) *ssm.GetCommandInvocationOutput {
		return invoked("Success", "Success", list(lines...))
	}
	running, exited := listedLine(orphanA, "app", "running", 0), listedLine(orphanA, "app", "exited", 137)
	other := listedLine(orphanB, "app", "exited", 0)
	for name, c := range map[string]struct {
		out     *ssm.GetCommandInvocationOutput
		status  string // of the orphan when it was left
		pending bool
		why     string // Missing
		clear   bool
	}{
		"not sent yet":                        {out: invoked("Pending", "Pending", ""), pending: true},
		"under way":                           {out: invoked("InProgress", "InProgress", ""), pending: true},
		"the agent does not answer":           {out: invoked("Delayed", "Delayed", ""), pending: true},
		"being cancelled":                     {out: invoked("Cancelling", "Cancelling", ""), pending: true},
		"cancelled":                           {out: invoked("Cancelled", "Cancelled", ""), why: "Cancelled"},
		"failed":                              {out: invoked("Failed", "Failed", list(exited, other)), why: "Failed"},
		"never delivered":                     {out: invoked("TimedOut", "Delivery Timed Out", ""), why: "DeliveryTimedOut"},
		"undeliverable":                       {out: invoked("Failed", "Undeliverable", ""), why: "Undeliverable"},
		"a status that nobody knows":          {out: invoked("Odd", "", list(exited, other)), why: "Odd"},
		"cut":                                 {out: invoked("Success", "Success", "ecsbot-host-look 1 begin\n"+exited), why: HostCut},
		"one runs":                            {out: ok(running, other)},
		"all exited":                          {out: ok(exited, other), clear: true},
		"none is there":                       {out: ok(), clear: true},
		"one of a task's two runs":            {out: ok(exited, listedLine(orphanA, "sidecar", "running", 0), other)},
		"paused is no end":                    {out: ok(listedLine(orphanA, "app", "paused", 0), other)},
		"created is no end":                   {out: ok(listedLine(orphanA, "app", "created", 0), other)},
		"restarting is no end":                {out: ok(listedLine(orphanA, "app", "restarting", 1), other)},
		"dead is one":                         {out: ok(listedLine(orphanA, "app", "dead", 1), other), clear: true},
		"it had not begun: more may come":     {out: ok(), status: "PENDING"},
		"it had not begun, and exited by now": {out: ok(exited, other), status: "PROVISIONING"},
		"some of it had begun, more may come": {out: ok(exited, other), status: "ACTIVATING"},
	} {
		q := HostQuestion{Command: "c", Asked: lookedAt, Left: lookedAt.Add(-5 * time.Minute), Orphans: []TaskRef{{ARN: orphanA, Status: c.status}, {ARN: orphanB, Status: "RUNNING"}}}
		a := q.answer(c.out, lookedAt.Add(time.Minute))
		why := ""
		if a.Sight.Missing != nil {
			why = a.Sight.Missing.Reason
		}
		if a.Pending != c.pending || why != c.why || a.Sight.Clear(q.Orphans) != c.clear {
			t.Errorf("%s: pending %v, missing %q, clear %v", name, a.Pending, why, a.Sight.Clear(q.Orphans))
		}
		if !a.Pending && !a.Sight.At.Equal(lookedAt.Add(2*time.Second)) {
			t.Errorf("%s: seen at %v", name, a.Sight.At)
		}
	}
	q := HostQuestion{Asked: lookedAt, Left: lookedAt.Add(-4 * time.Hour), Orphans: []TaskRef{{ARN: orphanA, Status: "PENDING"}}}
	if !q.answer(ok(), lookedAt.Add(time.Minute)).Sight.Clear(q.Orphans) {
		t.Error("four hours later a task that never began is not known to have ended")
	}
	q.Left = lookedAt.Add(-119 * time.Minute)
	if q.answer(ok(), lookedAt.Add(time.Minute)).Sight.Clear(q.Orphans) {
		t.Error("cleared while the agent may still be pulling its image")
	}
	q.Left = lookedAt.Add(-5 * time.Minute)
	ahead := ok()
	ahead.ExecutionStartDateTime = aws.String("2026-11-23T21:00:00.000Z")
	if a := q.answer(ahead, lookedAt.Add(time.Minute)); a.Sight.Clear(q.Orphans) || !a.Sight.At.Equal(lookedAt) {
		t.Errorf("a machine whose clock is ahead is believed: %+v", a.Sight)
	}
	if (HostSight{At: lookedAt}).Clear(nil) || (HostSight{}).Clear(q.Orphans) || (HostSight{At: lookedAt}).Clear(q.Orphans) {
		t.Error("a look that says nothing of a task clears it")
	}
}

// TestManyContainers: those that have not ended are kept, whatever else there is.
func TestManyContainers(t *testing.T) {
	var lines []string
	for i := range 40 {
		lines = append(lines, listedLine(orphanA, fmt.Sprintf("a%02d", i), "exited", 0))
	}
	lines = append(lines, listedLine(orphanA, "z", "running", 0))
	text := "ecsbot-host-look 1 begin\n" + strings.Join(lines, "\n") + fmt.Sprintf("\necsbot-host-look 1 end %d", len(lines))
	got, why := HostQuestion{Orphans: []TaskRef{{ARN: orphanA, Status: "RUNNING"}}}.tasks(text, lookedAt)
	if why != "" || len(got[0].Containers) != containersKept || got[0].Containers[0].Name != "z" || got[0].Ended() {
		t.Errorf("%q %+v", why, got)
	}
}
