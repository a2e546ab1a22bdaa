package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// MaxBulk is how many instances one batch may take out.
const MaxBulk = 200

// Bulk is what a batch of drains is about beside its rows. All of them are of one cluster.
type Bulk struct {
	Limit      Limit            `json:"limit"`
	Most       int              `json:"most"`           // what the limit came to when it was shown; less if the cluster shrinks
	Registered int              `json:"registered"`     // container instances of the cluster then
	Away       []ecsops.EC2ID   `json:"away,omitempty"` // other instances that were DRAINING or disconnected then
	Filter     string           `json:"filter,omitempty"`
	Joint      []ecsops.Finding `json:"joint,omitempty"` // of all instances at once
	Left       []LeftOut        `json:"left,omitempty"`  // asked for, and no part of it
	Short      *Short           `json:"short,omitempty"`
	RetryAt    time.Time        `json:"retry_at,omitzero"`
}

// LeftOut is an instance that was asked for and is left alone.
type LeftOut struct {
	Target ecsops.Target `json:"target"`
	Cause  string        `json:"cause"`            // words key
	Rule   ecsops.Rule   `json:"rule,omitempty"`   // what bars it
	Detail string        `json:"detail,omitempty"` // foreign
}

// Short is why a wave does not begin: so many instances are unavailable already.
type Short struct {
	Away  int       `json:"away"`
	Most  int       `json:"most"`
	Since time.Time `json:"since"`
}

// Leave is what a row has that drains.
type Leave struct {
	AZ      string          `json:"az,omitempty"`
	Wave    int             `json:"wave"`
	Intent  ecsops.Intent   `json:"intent"` // its own: how its machine ends depends on its group
	Path    ecsops.Path     `json:"path"`
	Verdict ecsops.Severity `json:"verdict"`
	Shown   Shown           `json:"shown"`
	Brief   []Brief         `json:"brief,omitempty"` // its findings, worst first, green ones left out
	Tasks   int             `json:"tasks"`           // that must leave
	Left    int             `json:"left"`            // of its operation, as last seen
	Total   int             `json:"total"`
	Since   time.Time       `json:"since,omitzero"` // waits for being read
	Told    bool            `json:"told,omitempty"` // a person was asked about how it ended
}

// Brief is one finding of a row: what fits into a line.
type Brief struct {
	Rule     ecsops.Rule     `json:"rule"`
	Severity ecsops.Severity `json:"severity"`
	Count    int             `json:"count,omitempty"`
	Names    []string        `json:"names,omitempty"` // at most three: tasks, services, or what the rule names
}

// Shown is what a batch showed of a member: its yes covers this and no more.
type Shown struct {
	Red        []ecsops.Rule `json:"red,omitempty"`        // its own red findings, and those of all at once
	Standalone []string      `json:"standalone,omitempty"` // ARNs of tasks outside any service
	Protected  []string      `json:"protected,omitempty"`  // ARNs of tasks under scale-in protection
}

// BulkProposal is a list of instances of one cluster that someone wants to take out. Plans
// are those of ecsops.AssessTogether for what may be taken out at all; Left is the rest.
type BulkProposal struct {
	Plans      []ecsops.Plan
	Joint      []ecsops.Finding
	Left       []LeftOut
	Limit      Limit
	Registered int
	Away       []ecsops.EC2ID
	Filter     string
	Intent     ecsops.Intent // what all have in common
	Actor      Actor
	Origin     Origin
	Verdict    policy.Verdict // of the propose request; must not refuse
}

// BulkPlan is the plan that policy judges for a batch: the worst of its rows and of all at once.
func BulkPlan(p BulkProposal) ecsops.Plan {
	out := ecsops.Plan{Intent: p.Intent, Path: ecsops.PathDrain, Verdict: ecsops.Green, Findings: p.Joint,
		Steps: []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepDeregister}, {Kind: ecsops.StepVerify}}}
	worse := func(s ecsops.Severity) {
		if s.Rank() > out.Verdict.Rank() {
			out.Verdict = s
		}
	}
	for _, f := range p.Joint {
		worse(f.Severity)
	}
	for _, one := range p.Plans {
		worse(one.Verdict)
		t := one.Snapshot.Target
		out.Snapshot.Target = ecsops.Target{Account: t.Account, Region: t.Region, Cluster: t.Cluster}
		out.Snapshot.ReadAt = one.Snapshot.ReadAt
	}
	return out
}

// ProposeBulk stores a proposed batch of drains, its event and the delivery of its card in one
// transaction. It holds no lock; each member takes its own when its wave begins.
func (e *Engine) ProposeBulk(ctx context.Context, p BulkProposal) (Operation, error) {
	if p.Verdict.Effect == policy.Refuse || p.Verdict.Effect == "" {
		return Operation{}, errors.New("proposing a batch: policy did not allow it")
	}
	if err := p.valid(); err != nil {
		return Operation{}, fmt.Errorf("proposing a batch: %w", err)
	}
	now := e.store.Clock().Now()
	op := Unproposed(p)
	op.ID, op.CreatedAt, op.ExpiresAt = newID(), now, now.Add(e.settings.ProposalTTL)
	d := newDraft(op, now)
	intent := p.Intent
	ev := Event{Type: EvBatchProposed, Actor: p.Actor, Channel: p.Origin.Channel, Digest: op.Plan.Digest, Intent: &intent, Verdict: op.Plan.Verdict,
		Rules: rules(op.Plan), Reason: intent.Reason, Left: op.Bulk.Most, Total: waves(op.Rows)}
	for _, r := range op.Rows {
		ev.Targets = append(ev.Targets, r.Target)
	}
	d.event(ev)
	if err := e.commit(ctx, d, commitOptions{tickAt: op.ExpiresAt}); err != nil {
		return Operation{}, fmt.Errorf("storing the batch: %w", err)
	}
	return d.op, nil
}

// Unproposed is the batch as it would be proposed: what a dry run shows.
func Unproposed(p BulkProposal) Operation {
	rows := make([]Row, 0, len(p.Plans))
	for _, one := range p.Plans {
		rows = append(rows, leavingRow(one, p.Joint))
	}
	bulk := &Bulk{Limit: p.Limit, Most: p.Limit.Of(p.Registered), Registered: p.Registered, Away: p.Away, Filter: p.Filter, Joint: p.Joint, Left: p.Left}
	planWaves(rows, bulk.Most)
	plan := BulkPlan(p)
	plan.Digest = bulkDigest(plan, bulk, rows)
	return Operation{State: Proposed, Revision: 1, Rows: rows, Bulk: bulk, Target: plan.Snapshot.Target, Requester: p.Actor, Origin: p.Origin,
		Plan: plan, Needs: policy.Needs(plan)}
}

// valid refuses what no batch may be about.
func (p BulkProposal) valid() error {
	if len(p.Plans) == 0 || len(p.Plans) > MaxBulk {
		return fmt.Errorf("%d instances, must be 1 to %d", len(p.Plans), MaxBulk)
	}
	seen := map[string]bool{}
	for _, one := range p.Plans {
		t := one.Snapshot.Target
		switch {
		case seen[t.Key()] || t.Instance == "":
			return fmt.Errorf("%s is named twice, or not at all", t.EC2)
		case t.Cluster != p.Plans[0].Snapshot.Target.Cluster:
			return fmt.Errorf("%s is in another cluster than %s", t.EC2, p.Plans[0].Snapshot.Target.EC2)
		case len(one.Barred()) > 0 || !MayLeave(one.Path):
			return fmt.Errorf("%s may not leave in a batch: path %s", t.EC2, one.Path)
		}
		seen[t.Key()] = true
	}
	return nil
}

// MayLeave reports whether a batch drains what is on that path. There is no force in bulk.
func MayLeave(p ecsops.Path) bool {
	return p == ecsops.PathDrain || p == ecsops.PathObserve || p == ecsops.PathGroup
}

func leavingRow(p ecsops.Plan, joint []ecsops.Finding) Row {
	inst, _ := p.Snapshot.Instance.Get() // unknown bars a plan
	l := &Leave{AZ: inst.AZ, Intent: p.Intent, Path: p.Path, Verdict: p.Verdict, Shown: shownOf(p, joint)}
	for _, f := range p.Fates {
		if f.Fate != ecsops.FateDead {
			l.Tasks++
		}
	}
	for _, f := range p.Findings {
		if f.Severity != ecsops.Green {
			l.Brief = append(l.Brief, briefOf(f))
		}
	}
	l.Left, l.Total = l.Tasks, l.Tasks
	return Row{Target: p.Snapshot.Target, Tasks: l.Tasks, Op: newID(), State: RowWaiting, Leave: l}
}

func shownOf(p ecsops.Plan, joint []ecsops.Finding) Shown {
	var s Shown
	for _, f := range slices.Concat(p.Findings, joint) {
		if f.Severity.Rank() >= ecsops.Red.Rank() && !slices.Contains(s.Red, f.Rule) {
			s.Red = append(s.Red, f.Rule)
		}
	}
	s.Standalone, s.Protected = delicate(p)
	slices.Sort(s.Red)
	return s
}

// delicate are the tasks that nobody loses unasked: those of no service, and protected ones.
func delicate(p ecsops.Plan) (standalone, protected []string) {
	for _, f := range p.Fates {
		if f.Task.Class == ecsops.Standalone {
			standalone = append(standalone, f.Task.ARN)
		}
	}
	for _, f := range p.Findings {
		if f.Rule == ecsops.RuleProtectedTask {
			protected = append(protected, arns(f.Tasks)...)
		}
	}
	return standalone, protected
}

// briefNames is how many things a row's line names of one finding.
const briefNames = 3

func briefOf(f ecsops.Finding) Brief {
	b := Brief{Rule: f.Rule, Severity: f.Severity, Count: f.Count}
	add := func(name string) {
		if name != "" && len(b.Names) < briefNames && !slices.Contains(b.Names, name) {
			b.Names = append(b.Names, name)
		}
	}
	for _, t := range f.Tasks {
		add(t.Name)
	}
	for _, s := range f.Services {
		add(s.Service)
	}
	for _, r := range f.Rooms {
		add(r.Service)
	}
	for _, g := range f.TargetGroups {
		add(g.Name)
	}
	for _, u := range f.Missing {
		add(u.Fact)
	}
	for _, n := range f.Names {
		add(n)
	}
	return b
}

// bulkDigest covers what the people decide on: the limit, the order, every registration with
// what was shown of it, and the red findings of all at once.
func bulkDigest(p ecsops.Plan, b *Bulk, rows []Row) string {
	type decided struct {
		Key, EC2, AZ string
		Registered   time.Time
		Wave         int
		Path         ecsops.Path
		Terminate    ecsops.Termination
		Shown        Shown
	}
	basis := struct {
		Limit    Limit
		Most     int
		Deadline time.Duration
		Rows     []decided
	}{Limit: b.Limit, Most: b.Most, Deadline: deadlineOf(p)}
	for _, r := range rows {
		basis.Rows = append(basis.Rows, decided{r.Target.Key(), string(r.Target.EC2), r.Leave.AZ, r.Target.RegisteredAt.UTC(), r.Leave.Wave,
			r.Leave.Path, r.Leave.Intent.Terminate, r.Leave.Shown})
	}
	raw, err := json.Marshal(basis)
	if err != nil {
		panic("workflow: strings that do not marshal: " + err.Error()) // cannot be: strings, numbers and times only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Wave says which wave of how many a batch of drains is at; 0 when none is left.
func (op Operation) Wave() (now, of int) {
	if op.Bulk == nil {
		return 0, 0
	}
	now, _ = nextWave(op.Rows, time.Time{})
	return now, waves(op.Rows)
}

// goOn begins the next wave after a person looked at the surprise.
func goOn(d *draft, dec Decision) Answer {
	if b := d.op.Block; d.op.State != Releasing || b == nil || b.Reason != BlockedSurprise {
		return Answer{Kind: TooLate, Detail: "not_asked"}
	}
	d.event(Event{Type: EvWentOn, Actor: dec.Actor, Channel: dec.Channel})
	d.unblock(BlockedSurprise)
	d.op.Bulk = d.op.Bulk.with(func(b *Bulk) { b.Short, b.RetryAt = nil, zeroTime })
	return Answer{Kind: Accepted}
}

// with is a changed copy: the stored one is shared.
func (b *Bulk) with(change func(*Bulk)) *Bulk {
	out := *b
	change(&out)
	return &out
}
