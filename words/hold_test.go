package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// The numbers that would free a service are those from which ECS may start, or stop, one.
func TestPercentsThatWouldFreeIt(t *testing.T) {
	for name, c := range map[string]struct {
		why                string
		desired, run       int
		least, most        int
		start, stop        int // 0: none is named
		mayStart, mustKeep int
	}{
		"1 at 100/100":  {"200 % of 1 is 2; 0 % of 1 is 0", 1, 1, 100, 100, 200, 0, 0, 1},
		"1 at 100/150":  {"150 % of 1 is 1, rounded down", 1, 1, 100, 150, 200, 0, 0, 1},
		"4 at 100/100":  {"125 % of 4 is 5; 75 % of 4 is 3", 4, 4, 100, 100, 125, 75, 0, 4},
		"3 at 100/130":  {"134 % of 3 is 4; 66 % of 3 is 2, rounded up", 3, 3, 100, 130, 134, 66, 0, 3},
		"3 of 4 at 100": {"one is missing and may not start: 100 % of 4 is 4, yet it runs 3", 4, 3, 75, 75, 100, 50, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			h := ecsops.Hold{Cause: ecsops.HeldByPercents, Service: &ecsops.ServiceImpact{Service: "web", Here: 1, Desired: c.desired, Running: c.run,
				MinPercent: c.least, MaxPercent: c.most, MayStart: c.mayStart, Floor: c.mustKeep}}
			start, stop := maximumOf(t, Hold(h).WayOut), minimumOf(t, Hold(h).WayOut)
			if start != c.start || stop != c.stop {
				t.Fatalf("%s: start at %d, stop at %d, want %d and %d: %s", c.why, start, stop, c.start, c.stop, Hold(h).WayOut)
			}
			if c.desired*start/100 <= c.run {
				t.Errorf("maximum %d %% of %d lets no other start beside %d", start, c.desired, c.run)
			}
			if (c.desired*(start-1))/100 > c.run {
				t.Errorf("a maximum of %d %% would do", start-1)
			}
			if (c.desired*stop+99)/100 >= c.run {
				t.Errorf("minimum %d %% of %d lets none of %d stop", stop, c.desired, c.run)
			}
		})
	}
}

func numberAfter(t *testing.T, s, after string) int {
	t.Helper()
	_, rest, ok := strings.Cut(s, after)
	if !ok {
		t.Fatalf("no %q in %q", after, s)
	}
	n := 0
	for _, r := range rest {
		if r < '0' || r > '9' {
			break
		}
		n = 10*n + int(r-'0')
	}
	return n
}

func maximumOf(t *testing.T, s string) int {
	t.Helper()
	return numberAfter(t, s, "maximum percent to ")
}
func minimumOf(t *testing.T, s string) int {
	t.Helper()
	return numberAfter(t, s, "minimum percent to ")
}

func TestHoldSaysItAll(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 1, 0, 0, time.UTC)
	task := ecsops.TaskRef{ARN: "arn:aws:ecs:eu-central-1:1:task/prod/abc", Name: "web:7", Service: "web", Class: ecsops.Replica}
	for name, c := range map[string]struct {
		hold ecsops.Hold
		want []string
	}{
		"percents": {ecsops.Hold{Cause: ecsops.HeldByPercents, Service: &ecsops.ServiceImpact{Service: "web", Desired: 1, Running: 1, MinPercent: 100, MaxPercent: 100, Floor: 1}},
			[]string{"runs 1, must keep 1 (minimum 100 % of 1) and may run at most 1 (maximum 100 %)"}},
		"capacity":            {ecsops.Hold{Cause: ecsops.HeldByCapacity, Quote: "was unable to place a task <!channel>"}, []string{"The service says: “was unable to place a task <!channel>”"}},
		"protected besides":   {ecsops.Hold{Cause: ecsops.HeldByDeployment, Task: ecsops.TaskRef{Until: at}}, []string{"Protected from scale-in until 23 Nov 2026 08:01 UTC, too."}},
		"old knowledge":       {ecsops.Hold{Cause: ecsops.HeldByProtection, Until: at, Missing: &ecsops.Unknown{Fact: "protection", Call: "ecs:GetTaskProtection", Reason: "AccessDenied"}}, []string{"until 23 Nov 2026 08:01 UTC", "could not be read again", "GetTaskProtection", "AccessDenied"}},
		"stopping":            {ecsops.Hold{Cause: ecsops.HeldByStopping, Until: at, Delay: 5 * time.Minute, Timeout: 2 * time.Minute}, []string{"until 23 Nov 2026 08:01 UTC at the latest", "5 min (deregistration delay)", "2 min (stop timeout)"}},
		"stopping, unread":    {ecsops.Hold{Cause: ecsops.HeldByStopping, Missing: &ecsops.Unknown{Fact: "target_groups", Call: "x:Y", Reason: "AccessDenied"}}, []string{"Until when is not known", "AccessDenied"}},
		"unknown, unread":     {ecsops.Hold{Cause: ecsops.HeldUnknown, Missing: &ecsops.Unknown{Fact: "services", Call: "ecs:DescribeServices", Reason: "timed out"}}, []string{"not known why", "DescribeServices"}},
		"replacement":         {ecsops.Hold{Cause: ecsops.HeldByReplacement, Pending: 1, Service: &ecsops.ServiceImpact{Desired: 4, Running: 4}}, []string{"wants 4, runs 4 and starts 1"}},
		"a cause of tomorrow": {ecsops.Hold{Cause: "gremlins"}, []string{"“gremlins”"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.hold.Task.Name == "" {
				until := c.hold.Task.Until
				c.hold.Task = task
				c.hold.Task.Until = until
			}
			c.hold.Since = at
			got := HoldLine(c.hold, Task(c.hold.Task))
			for _, w := range append(c.want, "“web:7”", "since 23 Nov 2026 08:01 UTC") {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in %q", w, got)
				}
			}
		})
	}
}

// Tasks that wait for the same thing are one group; what blocks comes first.
func TestHoldGroups(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	hold := func(name, service string, cause ecsops.Cause, since time.Duration) ecsops.Hold {
		return ecsops.Hold{Task: ecsops.TaskRef{ARN: "task/" + name, Name: name, Service: service}, Cause: cause, Since: at.Add(since)}
	}
	got := HoldGroups([]ecsops.Hold{
		hold("log", "log", ecsops.HeldByOthers, 0), hold("web", "web", ecsops.HeldByPercents, time.Minute), hold("web", "web", ecsops.HeldByPercents, 0),
		hold("api", "api", ecsops.HeldByPercents, 0),
	})
	if len(got) != 3 || got[0].Names() != "“web” ×2" || !got[0].Hold.Since.Equal(at) || got[2].Hold.Cause != ecsops.HeldByOthers {
		t.Errorf("%+v", got)
	}
	host := HoldGroups([]ecsops.Hold{hold("web", "web", ecsops.HeldByAgent, 0), hold("api", "api", ecsops.HeldByAgent, 0)})
	if len(host) != 1 || len(host[0].Tasks) != 2 {
		t.Errorf("one machine, yet %+v", host)
	}
}
