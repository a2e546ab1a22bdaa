package ecsops

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the document prints (deploy/ssm/host-look.json): a first line, a JSON array for each
// container, a last line with their number. Systems Manager keeps the first 24,000
// characters, so only the last line tells that nothing is missing.
const (
	listingBegins   = "ecsbot-host-look 1 begin"
	listingEnds     = "ecsbot-host-look 1 end "
	listingNoDocker = "ecsbot-host-look 1 no-docker"

	// containersKept of one task; those that have not ended come first.
	containersKept = 12
	nameKept       = 255

	// settlesBy is when a task that had not begun to run makes no containers any more: the
	// agent pulls an image for up to two hours (PullImageTimeout in aws/amazon-ecs-agent), and
	// then makes and starts what waited for it.
	settlesBy = 3 * time.Hour
)

type listedContainer struct {
	task string
	HostContainer
}

// tasks finds the orphans in a listing, or says why it is none.
func (q HostQuestion) tasks(text string, at time.Time) ([]HostTask, string) {
	listed, why := readListing(text)
	if why != "" {
		return nil, why
	}
	out := make([]HostTask, 0, len(q.Orphans))
	for _, o := range q.Orphans {
		t := HostTask{Task: o.ARN, Early: neverRan(o) && at.Before(q.Left.Add(settlesBy))}
		for _, c := range listed {
			if c.task == o.ARN {
				t.Containers = append(t.Containers, c.HostContainer)
			}
		}
		slices.SortStableFunc(t.Containers, func(a, b HostContainer) int {
			if a.Ended() != b.Ended() {
				return map[bool]int{true: 1, false: -1}[a.Ended()]
			}
			return cmp.Compare(a.Name, b.Name)
		})
		t.Containers = t.Containers[:min(len(t.Containers), containersKept)]
		out = append(out, t)
	}
	return out, ""
}

// neverRan: not all of the task's containers had been started.
func neverRan(t TaskRef) bool {
	return t.Status == "PROVISIONING" || t.Status == "PENDING" || t.Status == "ACTIVATING"
}

// readListing takes a complete listing, and nothing else.
func readListing(text string) ([]listedContainer, string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	first, last := lines[0], lines[len(lines)-1]
	number, ended := strings.CutPrefix(last, listingEnds)
	switch {
	case first == listingNoDocker && len(lines) == 1:
		return nil, HostNoDocker
	case first != listingBegins:
		return nil, HostNoListing
	case !ended:
		return nil, HostCut
	}
	body := lines[1 : len(lines)-1]
	if number != strconv.Itoa(len(body)) {
		return nil, HostNoListing
	}
	out := make([]listedContainer, 0, len(body))
	for _, line := range body {
		c, ok := readContainer(line)
		if !ok {
			return nil, HostNoListing
		}
		out = append(out, c)
	}
	return out, ""
}

// readContainer reads [task ARN, container name, state, exit code, started, finished].
func readContainer(line string) (listedContainer, bool) {
	var parts []json.RawMessage
	if json.Unmarshal([]byte(line), &parts) != nil || len(parts) != 6 {
		return listedContainer{}, false
	}
	var c listedContainer
	for i, into := range []any{&c.task, &c.Name, &c.State, &c.ExitCode, &c.StartedAt, &c.EndedAt} {
		if string(parts[i]) == "null" || json.Unmarshal(parts[i], into) != nil {
			return listedContainer{}, false
		}
	}
	c.Name, c.State = cut(c.Name, nameKept), cut(c.State, nameKept)
	c.StartedAt, c.EndedAt = whole(c.StartedAt), whole(c.EndedAt)
	return c, c.task != "" && c.State != ""
}

// whole leaves fractions of seconds out, docker's zero time, which it prints as year 1, and what
// is no time of a container: JSON cannot hold a year of five digits, which a zone can make of 9999.
func whole(t time.Time) time.Time {
	if t = t.UTC(); t.Unix() <= 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.Truncate(time.Second)
}
