package words

import (
	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// State says where an operation stands.
func State(s workflow.State) string { return string(s) }

// Event says what happened, with its actor, in one sentence.
func Event(ev workflow.Event) string { return string(ev.Type) }

// Answer is the reply to a decision.
func Answer(a workflow.Answer) string { return string(a.Kind) }

// Ref names what a person asked for.
func Ref(r ecsops.Ref) string { return string(r.EC2) }
