package blocks

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
)

// Suggestions answer a picker, in the ack. The empty list is sent as a list
// (slack.OptionsResponse would send {}, which Slack refuses).
type Suggestions struct {
	Options []*slack.OptionBlockObject `json:"options"`
}

// ValueReading is the option value of StillReading: it chooses nothing.
const ValueReading = "reading"

// ClusterValue is the option value for a cluster: a digest, since an ARN can be
// longer than the 150 characters that Slack allows.
func ClusterValue(c ecsops.ClusterARN) string {
	sum := sha256.Sum256([]byte(c))
	return hex.EncodeToString(sum[:12])
}

// ClusterOptions are the clusters whose ARN contains every word of query.
func ClusterOptions(all []ecsops.ClusterARN, query string) Suggestions {
	return suggest(all, query, func(c ecsops.ClusterARN) string { return string(c) }, clusterOption)
}

// InstanceOptions are the instances that match every word of query by id, name,
// zone, type or status. The option value is the container-instance id.
func InstanceOptions(all []ecsops.Listed, query string) Suggestions {
	return suggest(all, query, func(l ecsops.Listed) string {
		return strings.Join([]string{string(l.Target.EC2), l.Target.InstanceID(), l.Name, l.AZ, l.Type, l.Status}, " ")
	}, instanceOption)
}

// StillReading is the one suggestion while the list is not there yet.
func StillReading() Suggestions {
	return Suggestions{Options: []*slack.OptionBlockObject{
		slack.NewOptionBlockObject(ValueReading, plain("Still reading, type again in a moment", optionLimit), nil),
	}}
}

// suggest keeps what matches, within Slack's counts and the size of an ack.
func suggest[T any](all []T, query string, hay func(T) string, draw func(T) *slack.OptionBlockObject) Suggestions {
	out := Suggestions{Options: []*slack.OptionBlockObject{}}
	size, seen := 0, map[string]bool{}
	for _, it := range all {
		if !matches(hay(it), query) {
			continue
		}
		o := draw(it)
		if !usableValue(o.Value) || seen[o.Value] {
			continue // Slack would refuse the whole list
		}
		seen[o.Value] = true
		raw, err := plainJSON(o)
		if size += len(raw) + 1; err != nil || size > suggestionsBudget || len(out.Options) == optionsMost {
			break
		}
		out.Options = append(out.Options, o)
	}
	return out
}

// usableValue reports whether Slack takes an option with that value.
func usableValue(v string) bool { return v != "" && runeCount(v) <= optionValueLimit }

func matches(hay, query string) bool {
	hay = strings.ToLower(hay)
	for _, w := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(hay, w) {
			return false
		}
	}
	return true
}

func clusterOption(c ecsops.ClusterARN) *slack.OptionBlockObject {
	return slack.NewOptionBlockObject(ClusterValue(c), plain(c.Name(), optionLimit),
		plain("account "+words.ForeignN(c.Account(), 20)+", Region "+words.ForeignN(c.Region(), 30), optionLimit))
}

func instanceOption(l ecsops.Listed) *slack.OptionBlockObject {
	name := words.Machine(l.Target)
	if words.Foreign(l.Name) != "" {
		name += " · " + words.Foreign(l.Name)
	}
	more := words.ForeignN(l.Status, 20) + ", " + words.Count(l.Running, "task")
	if !l.AgentConnected {
		more += ", agent NOT connected"
	}
	for _, p := range []string{l.AZ, l.Type} {
		if words.Foreign(p) != "" {
			more += ", " + words.ForeignN(p, 20)
		}
	}
	return slack.NewOptionBlockObject(l.Target.InstanceID(), plain(name, optionLimit), plain(more, optionLimit))
}
