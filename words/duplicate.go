package words

import (
	"strings"

	"ecsbot/ecsops"
)

// duplicate is T4: which registrations one machine has, and which of them is in use.
func duplicate(f ecsops.Finding) Explanation {
	e := Explanation{Title: "Registered more than once", WayOut: "Check that this is the one you mean."}
	e.Detail = "The same machine has " + Count(max(f.Count, len(f.Registrations)), "other registration")
	if len(f.Registrations) == 0 {
		e.Detail += orElse(colon(Some(quoteAll(shortIDs(f.Names)), namesShown)), ".") // recorded before they were told in full
		return e
	}
	e.Detail += ": " + each(f.Registrations, registration)
	which := ""
	if len(f.Names) > 0 {
		which = f.Names[0]
	}
	switch {
	case f.Severity == ecsops.Red:
		e.Title = "The machine is in use under another registration"
		e.WayOut = "Drain and deregister that one first: its tasks would end with the machine, undrained."
	case which == ecsops.LeftOver:
		e.WayOut = "This one is left over: the machine's agent answers under the other. Such a registration can safely be deregistered, AWS says."
	case which == ecsops.InUse:
		e.WayOut = "This is the one in use: its agent is connected. The others' is not; AWS says that such ones can safely be deregistered, each by its own id."
	}
	return e
}

// registration is one of them: "“c0ffee…” in cluster “staging”, ACTIVE, agent connected, registered 23 Nov 08:40".
func registration(r ecsops.Registration) string {
	agent := "agent not connected"
	if r.AgentConnected {
		agent = "agent connected"
	}
	id := string(r.Instance)[strings.LastIndexByte(string(r.Instance), '/')+1:]
	parts := []string{Quote(shortIDs([]string{id})[0])}
	if r.Cluster != "" {
		parts[0] += " in cluster " + Quote(r.Cluster.Name())
	}
	if r.Status != "" {
		parts = append(parts, Foreign(r.Status))
	}
	parts = append(parts, agent)
	if !r.RegisteredAt.IsZero() {
		parts = append(parts, "registered "+Time(r.RegisteredAt))
	}
	return strings.Join(parts, ", ")
}
