package ecsops

import "context"

const stackTag = "aws:cloudformation:stack-name"

// PermissionCheck is one line of the self-test's matrix.
type PermissionCheck struct {
	Call   string
	OK     bool
	Detail string
}

// Permissions calls each read once.
func (f *Fleet) Permissions(ctx context.Context, cluster ClusterARN) []PermissionCheck { return nil }

// Assess judges a snapshot.
func Assess(s Snapshot, in Intent) []Finding { return nil }

// NewPlan makes the plan for an intent.
func NewPlan(s Snapshot, in Intent) Plan { return Plan{Snapshot: s, Intent: in} }

// Digest is the fingerprint of what a person decides on.
func Digest(p Plan) string { return "" }

// Diff names each decision-relevant change.
func Diff(before, after Plan) []Change { return nil }

// Verify answers V1–V8.
func Verify(before Plan, after After) []Check { return nil }
