package words

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Duration is a length of time for a person: "45 s", "25 min", "1 h 10 min", "2 d 3 h".
// It is rounded to what matters at that size; a negative one counts as zero.
func Duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute-time.Second/2:
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	case d < time.Hour-30*time.Second:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return twoUnits(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	}
	d = d.Round(time.Hour)
	return twoUnits(int(d/(24*time.Hour)), "d", int(d%(24*time.Hour)/time.Hour), "h")
}

func twoUnits(big int, bigUnit string, small int, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", big, bigUnit)
	}
	return fmt.Sprintf("%d %s %d %s", big, bigUnit, small, smallUnit)
}

// Time is a moment in UTC, to the minute: "23 Nov 2026 08:01 UTC"; "an unknown time" for zero.
func Time(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2 Jan 2006 15:04 UTC")
}

// Count is a number with its noun: "1 task", "3 tasks".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Some lists at most limit names and counts the rest: "a, b and 3 more".
// The names must be cleaned already.
func Some(names []string, limit int) string {
	if len(names) > limit {
		return strings.Join(names[:limit], ", ") + fmt.Sprintf(" and %d more", len(names)-limit)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func quoteAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = Quote(n)
	}
	return out
}

// TaskID is the last part of a task ARN, cleaned.
func TaskID(arn string) string {
	return ForeignN(arn[strings.LastIndexByte(arn, '/')+1:], 40)
}

// Task names a task: what it runs, for which service, its id.
func Task(t ecsops.TaskRef) string {
	s := taskName(t)
	switch {
	case t.Service == "" && t.Class == ecsops.Standalone:
		s += " (belongs to no service)"
	case t.Class == ecsops.ManagedDaemon:
		s += " (managed daemon)"
	}
	return s + ", task " + string(OpenQuote) + ShortID(t.ID()) + string(CloseQuote)
}

// TaskBrief is what a task runs and its id, for lists of those that come to no harm.
func TaskBrief(t ecsops.TaskRef) string {
	return taskName(t) + " " + string(OpenQuote) + ShortID(t.ID()) + string(CloseQuote)
}

// TaskNames names tasks without their ids, equal names once: “web:12” ×3. all
// reports whether every name is there.
func TaskNames(ts []ecsops.TaskRef) (names string, all bool) {
	names, left := namesOf(ts)
	return names, left == 0
}

// taskName is family and revision, with the service where that is called otherwise.
func taskName(t ecsops.TaskRef) string {
	family := t.Name
	if i := strings.LastIndexByte(family, ':'); i > 0 {
		family = family[:i]
	}
	if t.Service == "" || t.Service == family {
		return Quote(t.Name)
	}
	return Quote(t.Name) + " of service " + Quote(t.Service)
}

var hexID = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// ShortID is the beginning of an id of 32 hexadecimal digits, enough to tell a
// card's tasks apart on a phone; any other id is whole. The audit record has all of it.
func ShortID(id string) string {
	return ForeignN(hexID.ReplaceAllStringFunc(id, func(s string) string { return s[:8] }), 40)
}

// shortIDs shortens every such id within names.
func shortIDs(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = hexID.ReplaceAllStringFunc(n, func(s string) string { return s[:8] })
	}
	return out
}

// Machine names a target's EC2 instance, or the registration when there is none.
func Machine(t ecsops.Target) string {
	if t.EC2 != "" {
		return ForeignN(string(t.EC2), 40)
	}
	if id := ForeignN(t.InstanceID(), 40); id != "" {
		return "container instance " + id
	}
	return "an unknown instance"
}

// Where names cluster, account and Region of a target, in one line.
func Where(t ecsops.Target) string {
	return fmt.Sprintf("cluster %s, account %s, Region %s",
		Quote(t.Cluster.Name()), orUnknown(t.Account, 20), orUnknown(t.Region, 30))
}

func orUnknown(s string, limit int) string {
	if c := ForeignN(s, limit); c != "" {
		return string(OpenQuote) + c + string(CloseQuote)
	}
	return "unknown"
}

// slackID is what a Slack user id looks like.
var slackID = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)

// Actor names who did something, by id: "U012ABCDEF", "“alice” at a terminal", "the bot".
func Actor(a workflow.Actor) string {
	switch {
	case a.UserID == workflow.BotActor().UserID:
		return "the bot"
	case a.Terminal != "" && slackID.MatchString(a.UserID):
		return a.UserID + " (" + Quote(a.Terminal) + " at a terminal)"
	case a.Terminal != "":
		return Quote(a.Terminal) + " at a terminal"
	case slackID.MatchString(a.UserID):
		return a.UserID
	case a.UserID != "":
		return Quote(a.UserID)
	}
	return "someone unknown"
}
