package bot_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ecsbot/audit"
	"ecsbot/ecsops"
	"ecsbot/store"
	"ecsbot/workflow"
)

// order is what a call to AWS tells of itself.
type order struct {
	ContainerInstance  string   `json:"containerInstance"`
	ContainerInstances []string `json:"containerInstances"`
	Status             string   `json:"status"`
	Force              bool     `json:"force"`
	Task               string   `json:"task"`
	EC2                string   `json:"InstanceId.1"`
	Member             string   `json:"InstanceId"`
}

// orderOf is the kind of a call and what it is about: the words of our intents.
func orderOf(action string, params []byte) (kind ecsops.ActionKind, about string, err error) {
	var o order
	if err := json.Unmarshal(params, &o); err != nil {
		return "", "", fmt.Errorf("reading %s: %w", params, err)
	}
	switch action {
	case "UpdateContainerInstancesState":
		about = strings.Join(o.ContainerInstances, " ")
		if o.Status == "ACTIVE" {
			return ecsops.ActUndrain, about, nil
		}
		return ecsops.ActDrain, about, nil
	case "DeregisterContainerInstance":
		if o.Force {
			return ecsops.ActForceDeregister, o.ContainerInstance, nil
		}
		return ecsops.ActDeregister, o.ContainerInstance, nil
	case "StopTask":
		return ecsops.ActStopTask, o.Task, nil
	case "TerminateInstances":
		return ecsops.ActTerminateEC2, o.EC2, nil
	case "TerminateInstanceInAutoScalingGroup":
		return ecsops.ActTerminateInGroup, o.Member, nil
	}
	return "", "", fmt.Errorf("nobody orders %s", action)
}

func aboutOf(a ecsops.Action) string {
	switch a.Kind {
	case ecsops.ActStopTask:
		return a.Task
	case ecsops.ActTerminateEC2, ecsops.ActTerminateInGroup:
		return string(a.Target.EC2)
	}
	return string(a.Target.Instance)
}

// records are all events of the log, in order.
func (s *troubles) records() []workflow.Event {
	s.t.Helper()
	var out []workflow.Event
	for {
		recs, err := s.process.db.Records(s.t.Context(), int64(len(out)), 1000)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(recs) == 0 {
			return out
		}
		for _, r := range recs {
			out = append(out, r.Event)
		}
	}
}

// judge asks the estate's own log and the store whether all promises were kept.
func (s *troubles) judge() {
	ops := s.all()
	events := s.records()
	s.judgeEnds(ops, events)
	s.judgeCalls(ops, events)
	s.judgeLength(events)
	err := s.process.db.View(s.t.Context(), func(v *store.View) error {
		report, err := audit.Verify(s.t.Context(), v, audit.Options{Operations: v, FollowUps: v})
		if err == nil && len(report.Problems) > 0 {
			s.t.Errorf("the log does not verify: %v", report.Problems)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// judgeEnds: each operation ended, and ended once.
func (s *troubles) judgeEnds(ops []workflow.Operation, events []workflow.Event) {
	ends := map[string]int{}
	for _, ev := range events {
		if ev.Type == workflow.EvEnded || ev.Type == workflow.EvExpired {
			ends[ev.Op]++
		}
	}
	for _, op := range ops {
		s.ends[string(op.State)+" "+op.Cause]++
		if !op.State.Terminal() || ends[op.ID] != 1 {
			s.t.Errorf("hangs: %s; %d ends", s.describe(op), ends[op.ID])
		}
	}
}

func (s *troubles) describe(op workflow.Operation) string {
	text := fmt.Sprintf("%s of %s: %s since %s", op.ID, op.Target.EC2, op.State, op.StartedAt.Format(time.DateTime))
	if op.Batch != "" {
		text += ", of batch " + op.Batch
	}
	if b := op.Block; b != nil {
		text += fmt.Sprintf(", paused: %+v", *b)
	}
	if o := op.Order; o != nil {
		text += fmt.Sprintf(", order %d %s at %s", o.N, o.Action.Kind, o.At.Format(time.DateTime))
		if o.Outcome != nil {
			text += fmt.Sprintf(": %+v", *o.Outcome)
		}
	}
	for _, r := range op.Rows {
		text += fmt.Sprintf("; row %s %s %s %s missing %v until %s", r.Target.EC2, r.State, r.Now, r.Cause, r.Missing, r.RetryAt.Format(time.DateTime))
	}
	return text + fmt.Sprintf(", next look %s, now %s", op.NextLook.Format(time.DateTime), time.Now().UTC().Format(time.DateTime))
}

// judgeCalls: each call that changes something has its own intent, committed before; what
// ends a machine or is forced was decided on.
func (s *troubles) judgeCalls(ops []workflow.Operation, events []workflow.Event) {
	intents := map[string][]time.Time{}
	for _, ev := range events {
		if ev.Type == workflow.EvOrdered {
			key := string(ev.Order.Action.Kind) + " " + aboutOf(ev.Order.Action)
			intents[key] = append(intents[key], ev.At)
		}
	}
	for _, c := range s.cloud.Log() {
		if !c.Mutating || c.Service == "sts" {
			continue
		}
		kind, about, err := orderOf(c.Action, c.Params)
		if err != nil {
			s.t.Error(err)
			continue
		}
		s.calls[string(kind)]++
		key := string(kind) + " " + about
		at := slices.IndexFunc(intents[key], func(at time.Time) bool { return !at.After(c.Real) })
		if at < 0 {
			s.t.Errorf("AWS was told %s at %s without an intent of its own that was committed before", key, c.Real)
			continue
		}
		intents[key] = slices.Delete(intents[key], at, at+1)
		if !decidedOn(ops, events, kind, about) {
			s.t.Errorf("AWS was told %s at %s, and nobody decided on that", key, c.Real)
		}
	}
}

// decidedOn reports whether somebody said yes to the like of it: by the stored plan, or by the
// record, as a later yes to a force takes the place of what was ticked.
func decidedOn(ops []workflow.Operation, events []workflow.Event, kind ecsops.ActionKind, about string) bool {
	return slices.ContainsFunc(ops, func(op workflow.Operation) bool {
		if op.Confirmed == nil || op.IsBatch() {
			return false
		}
		switch kind {
		case ecsops.ActTerminateEC2, ecsops.ActTerminateInGroup:
			return string(op.Target.EC2) == about && op.Plan.Has(ecsops.StepTerminate)
		case ecsops.ActForceDeregister:
			return string(op.Target.Instance) == about && op.Plan.Has(ecsops.StepForce)
		case ecsops.ActStopTask:
			return op.Plan.Intent.Purpose == ecsops.Reuse || slices.ContainsFunc(events, func(ev workflow.Event) bool {
				return ev.Op == op.ID && (ev.Type == workflow.EvTicked || ev.Type == workflow.EvConfirmed) && slices.Contains(ev.Tasks, about)
			})
		}
		return string(op.Target.Instance) == about
	})
}

// In any three hours an operation writes less than a record a minute, whatever happens: its
// own steps, a few for each task and each trouble, and none for each look or try.
const (
	within      = 3 * time.Hour
	mostRecords = 150
)

// judgeLength: hours of trouble do not fill the log.
func (s *troubles) judgeLength(events []workflow.Event) {
	times := map[string][]workflow.Event{}
	for _, ev := range events {
		if ev.Op != "" && ev.Type != workflow.EvRefused { // that is a person's click
			times[ev.Op] = append(times[ev.Op], ev)
		}
	}
	for _, all := range times {
		from := 0
		for to := range all {
			for all[to].At.Sub(all[from].At) > within {
				from++
			}
			if n := to - from + 1; n > s.most {
				s.most, s.mostOf = n, all[from:to+1]
			}
		}
	}
	if s.most > mostRecords {
		kinds := map[string]int{}
		for _, ev := range s.mostOf {
			key := string(ev.State) + " " + string(ev.Type)
			if ev.Block != nil {
				key += " " + string(ev.Block.Reason) + " " + ev.Block.Detail
			}
			if ev.Order != nil {
				key += " " + string(ev.Order.Action.Kind)
				if ev.Order.Outcome != nil {
					key += " " + string(ev.Order.Outcome.Result) + " " + ev.Order.Outcome.Code
				}
			}
			kinds[key]++
		}
		s.t.Errorf("%d records of %s within %s: %v", s.most, s.mostOf[0].Op, within, kinds)
	}
}
