package blocks

import (
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
)

// Picked is what a submitted picking modal says. Cluster and Instance are option
// values, to be looked up in the list they were made from.
type Picked struct {
	Cluster   string // ClusterValue
	Instance  string // container-instance id
	Reason    string
	Deadline  time.Duration // 0 when none that could be offered
	Terminate ecsops.Termination
	Purpose   ecsops.Purpose
	DryRun    bool
}

// ReadPick reads a submitted (or acted on) picking modal. Everything in it is the
// client's word: look it up, authorise it.
func ReadPick(v slack.View) Picked {
	p := Picked{
		Cluster:  value(v, ActionPickCluster).SelectedOption.Value,
		Instance: value(v, ActionPickInstance).SelectedOption.Value,
		Reason:   value(v, FieldReason).Value,
		DryRun:   len(value(v, FieldDryRun).SelectedOptions) > 0,
	}
	if d, err := time.ParseDuration(value(v, FieldDeadline).SelectedOption.Value); err == nil && d > 0 && d <= slices.Max(deadlines()) {
		p.Deadline = d
	}
	switch t := ecsops.Termination(value(v, FieldTerminate).SelectedOption.Value); t {
	case ecsops.Terminate, ecsops.Replace, ecsops.Shrink:
		p.Terminate = t
	}
	if w := ecsops.Purpose(value(v, FieldPurpose).SelectedOption.Value); slices.Contains(purposes(), w) {
		p.Purpose = w
	}
	if p.Instance == ValueReading {
		p.Instance = ""
	}
	if p.Cluster == ValueReading {
		p.Cluster = ""
	}
	return p
}

// ReadWhy reads the reason given in WhyModal.
func ReadWhy(v slack.View) string { return value(v, FieldReason).Value }

// ReadTyped reads the instance id typed into ForceModal.
func ReadTyped(v slack.View) string { return value(v, FieldTyped).Value }

// ReadTasks reads the ids (the last part of the ARN) of the tasks ticked in StopTasksModal.
func ReadTasks(v slack.View) []string {
	var out []string
	if v.State == nil {
		return nil
	}
	for _, actions := range v.State.Values {
		for id, a := range actions {
			if strings.HasPrefix(id, FieldTasks+":") {
				for _, o := range a.SelectedOptions {
					out = append(out, o.Value)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FieldBlock finds the block id of an input, for answering with an error on it;
// "" when the view has no such input.
func FieldBlock(v slack.View, actionID string) string {
	if v.State == nil {
		return ""
	}
	for block, actions := range v.State.Values {
		if _, ok := actions[actionID]; ok {
			return block
		}
	}
	return ""
}

func value(v slack.View, actionID string) slack.BlockAction {
	if block := FieldBlock(v, actionID); block != "" {
		return v.State.Values[block][actionID]
	}
	return slack.BlockAction{}
}
