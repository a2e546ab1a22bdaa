package ecsops

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const unknownValue = "unknown"

// hereIs begins what is decided on of a service.
const hereIs = "here="

// decided is one thing that the person decided on.
type decided struct {
	What  string `json:"what"`
	Name  string `json:"name,omitempty"`
	Value string `json:"value"`
}

// Digest is the SHA-256, in hex, over what a person decides on: registration, EC2 id,
// owner, states, rule ids, for each service {tasks here, task definition, desired,
// percents}, standalone and protected tasks by ARN. Counters of version, replicas' ARNs
// and where there is room are left out: they change all the time and change nothing.
func Digest(p Plan) string {
	b, err := json.Marshal(basis(p))
	if err != nil {
		panic("ecsops: strings that do not marshal: " + err.Error()) // cannot be: decided holds strings only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// breathing are the rules that come and go with every task that is placed somewhere in the
// cluster, and with every other instance that drains. That there is no room at all (R3) is
// no such rule.
func breathing(r Rule) bool { return r == RuleScaleOut || r == RuleRoomUnsure || r == RuleRoom }

// Diff names each decision-relevant difference; it is empty exactly when the digests are equal.
func Diff(before, after Plan) []Change {
	type key struct{ what, name string }
	changes := map[key]*Change{}
	for _, d := range basis(before) {
		changes[key{d.What, d.Name}] = &Change{What: d.What, Name: d.Name, Before: d.Value}
	}
	for _, d := range basis(after) {
		k := key{d.What, d.Name}
		if changes[k] == nil {
			changes[k] = &Change{What: d.What, Name: d.Name}
		}
		changes[k].After = d.Value
	}
	var out []Change
	for _, c := range changes {
		if c.Before != c.After {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name)) })
	return out
}

// basis lists the decided things in a fixed order; no two have the same what and name, and
// no value is empty.
func basis(p Plan) []decided {
	s := p.Snapshot
	out := []decided{
		{"registration", "", string(s.Target.Instance)},
		{"ec2_id", "", cmp.Or(string(s.Target.EC2), "none")},
	}
	if p.Path == PathMachine {
		out = append(out, machineBasis(s)...)
	} else {
		out = append(out, stateBasis(s)...)
		out = append(out, ownerBasis(s)...)
		out = append(out, taskBasis(s)...)
	}
	out = append(out, volumeBasis(p)...)
	seen := map[Rule]bool{}
	for _, f := range p.Findings {
		if !seen[f.Rule] && !breathing(f.Rule) {
			seen[f.Rule] = true
			out = append(out, decided{"rule", string(f.Rule), "found"})
		}
	}
	slices.SortFunc(out, func(a, b decided) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name)) })
	return out
}

// machineBasis leaves out the registration that is gone: ECS shows it as INACTIVE for an
// hour and then not at all, which changes nothing.
func machineBasis(s Snapshot) []decided {
	out := []decided{{"status", "", "gone"}}
	e, _ := s.EC2.Get() // PathMachine has read it
	out = append(out, decided{"ec2_state", "", cmp.Or(e.State, "none")})
	for _, d := range ownerBasis(s) {
		if d.Name != "capacity_provider" {
			out = append(out, d)
		}
	}
	return out
}

func stateBasis(s Snapshot) []decided {
	status, agent, registered := unknownValue, unknownValue, unknownValue
	if i, ok := s.Instance.Get(); ok {
		status, agent = cmp.Or(i.Status, failureMissing), connected(i.AgentConnected)
		registered = i.RegisteredAt.UTC().Format(time.RFC3339Nano) + " " + string(i.EC2)
	}
	machine := unknownValue
	if e, ok := s.EC2.Get(); ok {
		machine = cmp.Or(e.State, "none")
	}
	return []decided{{"status", "", status}, {"agent", "", agent}, {"registered_at", "", registered}, {"ec2_state", "", machine}}
}

func connected(yes bool) string {
	if yes {
		return "connected"
	}
	return "disconnected"
}

// ownerBasis: who else disposes of the machine. The group's sizes are left out: they
// breathe, and what matters of them is a rule.
func ownerBasis(s Snapshot) []decided {
	group, lifecycle, stack, managed, provider := unknownValue, unknownValue, unknownValue, unknownValue, unknownValue
	g, groupOK := s.Group.Get()
	e, machineOK := s.EC2.Get()
	if groupOK {
		group, lifecycle = cmp.Or(g.Name, "none"), cmp.Or(g.Lifecycle, "none")
	}
	if machineOK {
		managed = cmp.Or(e.ManagedBy, "none")
		stack = cmp.Or(e.Tags[stackTag], g.Stack, "none")
	}
	if p, ok := s.CapacityProvider.Get(); ok {
		provider = cmp.Or(p.Name, "none")
	}
	return []decided{{"owner", "group", group}, {"owner", "lifecycle", lifecycle}, {"owner", "stack", stack},
		{"owner", "managed_by", managed}, {"owner", "capacity_provider", provider}}
}

func taskBasis(s Snapshot) []decided {
	all, tasksOK := s.Tasks.Get()
	services, servicesOK := s.Services.Get()
	protection, protectionOK := s.Protection.Get()
	var out []decided
	unknown := func(what string, ok bool) {
		if !ok {
			out = append(out, decided{what, "", unknownValue})
		}
	}
	unknown("standalone", tasksOK)
	unknown("service", tasksOK && servicesOK)
	unknown("protected", tasksOK && protectionOK)
	seen := map[string]bool{}
	here := map[string]int{}
	for _, t := range all {
		if t.Stopped() || seen[t.ARN] {
			continue
		}
		seen[t.ARN] = true
		switch { // a managed daemon's is no decision: ECS starts another whenever one ends
		case t.Class == Standalone:
			out = append(out, decided{"standalone", t.ARN, cmp.Or(t.DesiredStatus, "present")})
		case t.ofService() && !t.Stopping():
			here[t.Service]++
		}
		if until, ok := protection[t.ARN]; ok && (until.IsZero() || until.After(s.ReadAt)) {
			out = append(out, decided{"protected", t.ARN, "protected"})
		}
	}
	for _, name := range sortedKeys(services) {
		v := services[name]
		desired := ""
		if v.Scheduling != "DAEMON" { // a daemon's is no decision: ECS sets it to the number of instances
			desired = " desired=" + strconv.Itoa(v.Desired)
		}
		out = append(out, decided{"service", name, fmt.Sprintf("%s%d%s min=%d max=%d task_definition=%s",
			hereIs, here[name], desired, v.MinPercent, v.MaxPercent, v.TaskDefinition)})
	}
	if !servicesOK {
		for _, name := range sortedKeys(here) {
			out = append(out, decided{"service", name, hereIs + strconv.Itoa(here[name])})
		}
	}
	return out
}
