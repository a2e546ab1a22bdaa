package ecsops

import (
	"context"
	"errors"
	"time"
)

const stackTag = "aws:cloudformation:stack-name"

var errNotYet = errors.New("not built yet")

// NotFoundError: no container instance of the allowed clusters is what the Ref names.
type NotFoundError struct {
	Ref        Ref
	Searched   []ClusterARN
	Nearest    []string  // ids like the one asked for, nearest first; at most 5
	Unreadable []Unknown // what could not be read: it may be there
}

func (e *NotFoundError) Error() string { return "no container instance " + e.Ref.String() + " found" }

// UnknownClusterError: the named cluster is not among the allowed ones.
type UnknownClusterError struct {
	Name       string
	Nearest    []string // names of allowed clusters, nearest first; at most 5
	Unreadable []Unknown
}

func (e *UnknownClusterError) Error() string { return "no allowed cluster " + e.Name }

// InspectOption changes what Inspect trusts.
type InspectOption func(*inspectOptions)

type inspectOptions struct{ fresh bool }

// Fresh makes Inspect serve nothing from caches but what cannot change (task-definition revisions).
func Fresh() InspectOption { return func(o *inspectOptions) { o.fresh = true } }

// Preview is what a reference turned out to be: one Found has its Snapshot, several
// leave the choice to the person.
type Preview struct {
	Found    []Listed
	Snapshot Snapshot
}

// PermissionCheck is one line of the self-test's matrix.
type PermissionCheck struct {
	Call   string
	OK     bool
	Detail string
}

// Clusters returns the allowed clusters.
func (f *Fleet) Clusters(ctx context.Context) ([]ClusterARN, error) { return nil, errNotYet }

// Resolve finds the container instances that ref names.
func (f *Fleet) Resolve(ctx context.Context, ref Ref) ([]Listed, error) { return nil, errNotYet }

// List returns the cluster's container instances.
func (f *Fleet) List(ctx context.Context, cluster ClusterARN) ([]Listed, error) { return nil, errNotYet }

// Preview resolves and inspects.
func (f *Fleet) Preview(ctx context.Context, ref Ref) (Preview, error) { return Preview{}, errNotYet }

// Inspect reads everything about t.
func (f *Fleet) Inspect(ctx context.Context, t Target, opts ...InspectOption) (Snapshot, error) {
	return Snapshot{}, errNotYet
}

// Look reads the registration, its tasks, and what lf names.
func (f *Fleet) Look(ctx context.Context, t Target, lf LookFor) (Snapshot, error) {
	return Snapshot{}, errNotYet
}

// After reads what a verification needs.
func (f *Fleet) After(ctx context.Context, t Target, lf LookFor, since time.Time) (After, error) {
	return After{}, errNotYet
}

// Do makes one AWS call.
func (f *Fleet) Do(ctx context.Context, a Action) Outcome { return Outcome{Result: ResultUnknown} }

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
