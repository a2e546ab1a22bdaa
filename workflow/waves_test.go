package workflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// leavers reads rows from words like "a1 b2 b2r c3d": zone, wave, and how it stands: r is
// running, d done, u unverified, s skipped, g gone already, x skipped by a stop; none is waiting.
func leavers(text string) []Row {
	var out []Row
	for i, w := range strings.Fields(text) {
		r := Row{Target: grave(i), State: RowWaiting, Leave: &Leave{AZ: w[:1]}}
		_, _ = fmt.Sscanf(w[1:], "%d", &r.Leave.Wave)
		switch w[len(w)-1] {
		case 'r':
			r.State = RowRunning
		case 'd':
			r.State = RowDone
		case 'u':
			r.State, r.Cause = RowUnverified, "not_all_verified"
		case 's':
			r.State, r.Cause = RowSkipped, "deadline"
		case 'g':
			r.State, r.Cause = RowSkipped, "gone_already"
		case 'x':
			r.State, r.Cause = RowSkipped, "batch_stopped"
		}
		out = append(out, r)
	}
	return out
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		limit      Limit
		registered int
		want       int
	}{
		{Limit{}, 500, 1}, {Limit{Count: 3}, 500, 3}, {Limit{Percent: 5}, 500, 25}, {Limit{Percent: 5}, 499, 24},
		{Limit{Percent: 5}, 19, 1}, {Limit{Percent: 5}, 0, 1}, {Limit{Percent: 100}, 7, 7},
	} {
		if got := c.limit.Of(c.registered); got != c.want {
			t.Errorf("%s of %d is %d, want %d", c.limit, c.registered, got, c.want)
		}
	}
}

func TestPlanWaves(t *testing.T) {
	for _, c := range []struct {
		zones string
		most  int
		want  string
	}{
		{"b a b a", 10, "a1 a1 b2 b2"},
		{"a a a", 1, "a1 a2 a3"},
		{"c a a a b", 2, "a1 a1 a2 b3 c4"},
		{"a", 25, "a1"},
	} {
		rows := leavers(c.zones)
		planWaves(rows, c.most)
		var got []string
		for _, r := range rows {
			got = append(got, fmt.Sprintf("%s%d", r.Leave.AZ, r.Leave.Wave))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s by %d: %s, want %s", c.zones, c.most, s, c.want)
		}
		last := strings.Fields(c.want)
		if n := waves(rows); fmt.Sprint(n) != last[len(last)-1][1:] {
			t.Errorf("%s by %d: %d waves", c.zones, c.most, n)
		}
	}
}

func TestNextWave(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		why, rows string
		later     int // this row is read again later
		wave      int
		want      []int
	}{
		{"the first", "a1 a1 b2", -1, 1, []int{0, 1}},
		{"not while one of the wave before is under way", "a1d a1r b2", -1, 1, nil},
		{"the rest of a wave", "a1r a1 b2", -1, 1, []int{1}},
		{"once it is over, however it ended", "a1d a1s b2 b2 c3", -1, 2, []int{2, 3}},
		{"not before its time", "a1d b2 b2", 1, 2, []int{2}},
		{"nothing is left", "a1d b2g", -1, 0, nil},
	} {
		rows := leavers(c.rows)
		if c.later >= 0 {
			rows[c.later].RetryAt = now.Add(time.Second)
		}
		wave, got := nextWave(rows, now)
		if wave != c.wave || !slices.Equal(got, c.want) {
			t.Errorf("%s (%s): wave %d, rows %v; want %d, %v", c.why, c.rows, wave, got, c.wave, c.want)
		}
	}
}

func TestAdmit(t *testing.T) {
	other := func(n int) []ecsops.InstanceARN {
		var out []ecsops.InstanceARN
		for i := range n {
			out = append(out, ecsops.InstanceARN(fmt.Sprintf("other-%d", i)))
		}
		return out
	}
	self := func(n ...int) []ecsops.InstanceARN {
		var out []ecsops.InstanceARN
		for _, i := range n {
			out = append(out, grave(i).Instance)
		}
		return out
	}
	for _, c := range []struct {
		why, rows string
		begin     []int
		most      int
		away      []ecsops.InstanceARN
		want      []int
	}{
		{"up to the limit", "a1 a1 a1", []int{0, 1, 2}, 2, nil, []int{0, 1}},
		{"what is under way counts", "a1r a1 a1", []int{1, 2}, 2, nil, []int{1}},
		{"what others drain counts", "a1 a1 a1", []int{0, 1, 2}, 2, other(1), []int{0}},
		{"no room at all", "a1 a1", []int{0, 1}, 2, other(2), nil},
		{"one that is away already costs nothing", "a1 a1 a1", []int{0, 1, 2}, 1, self(1), []int{1}},
		{"nor is one that is under way counted twice", "a1r a1 a1", []int{1, 2}, 2, self(0), []int{1}},
		{"all fit", "a1 a1 a1", []int{0, 1, 2}, 9, other(3), []int{0, 1, 2}},
	} {
		if got := admit(leavers(c.rows), c.begin, c.most, c.away); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

func TestSurprised(t *testing.T) {
	rows := leavers("a1d a1u b2s b2g c3r c3 c3x")
	if got := surprised(rows); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v, want the unverified one and the one that came to nothing", got)
	}
	late := leavers("a1d")
	late[0].Cause = "surprise" // too late to undo it: done, and yet not as it was shown
	if got := surprised(late); !slices.Equal(got, []int{0}) {
		t.Errorf("%v: a person is asked about what could not be undone any more", got)
	}
	rows[1].Leave.Told = true
	if got := surprised(rows); !slices.Equal(got, []int{2}) {
		t.Errorf("%v: nobody is asked twice about one row", got)
	}
}

// What cannot be read is named in its row and read again after a while, as long as a drain may
// take; then it is left alone.
func TestUnreadRow(t *testing.T) {
	start := time.Unix(1_800_000_000, 0).UTC()
	u := ecsops.Unknown{Fact: "instance", Call: "ecs:DescribeContainerInstances", Reason: "timed out"}
	plan := ecsops.Plan{Intent: ecsops.Intent{Deadline: time.Hour}}
	for _, c := range []struct {
		why     string
		since   time.Time
		state   RowState
		retried bool
	}{
		{"the first time", time.Time{}, RowWaiting, true},
		{"just before the deadline", start.Add(1 - time.Hour), RowWaiting, true},
		{"at the deadline", start.Add(-time.Hour), RowSkipped, false},
	} {
		rows := leavers("a1 a1")
		rows[1].Leave.Since = c.since
		d := newDraft(Operation{State: Releasing, Plan: plan, Rows: rows}, start)
		d.unread(1, u)
		got := d.op.Rows[1]
		if c.since.IsZero() {
			c.since = start
		}
		if got.State != c.state || !got.Leave.Since.Equal(c.since) {
			t.Errorf("%s: %s since %s", c.why, got.State, got.Leave.Since)
		}
		if named := got.Missing != nil && *got.Missing == u; named != c.retried || c.retried && !got.RetryAt.Equal(start.Add(batchRetry)) {
			t.Errorf("%s: missing %v, again at %s", c.why, got.Missing, got.RetryAt)
		}
		if _, begin := nextWave(d.op.Rows, start); !slices.Equal(begin, []int{0}) {
			t.Errorf("%s: %v are looked at at once", c.why, begin)
		}
	}
}

// TestUnlike: a row begins only as it was shown; what cannot be read is waited for.
func TestUnlike(t *testing.T) {
	one := ecsops.Unknown{Fact: "services", Call: "ecs:DescribeServices", Reason: "timed out"}
	incomplete := func(sev ecsops.Severity, missing ...ecsops.Unknown) ecsops.Finding {
		return ecsops.Finding{Rule: ecsops.RuleIncomplete, Severity: sev, Missing: missing}
	}
	as := func(change func(*ecsops.Instance)) ecsops.Fact[ecsops.Instance] {
		i := ecsops.Instance{Status: "ACTIVE", EC2: testTarget.EC2, RegisteredAt: testTarget.RegisteredAt}
		change(&i)
		return ecsops.Known(i)
	}
	for _, c := range []struct {
		why           string
		change        func(*ecsops.Plan, *Shown)
		missing       string
		cause, detail string
	}{
		{"as it was shown", func(*ecsops.Plan, *Shown) {}, "", "", ""},
		{"its registration could not be read", func(p *ecsops.Plan, _ *Shown) { p.Snapshot.Instance = ecsops.Fact[ecsops.Instance]{} }, "instance", "", ""},
		{"it is gone", func(p *ecsops.Plan, _ *Shown) {
			p.Snapshot.Instance = as(func(i *ecsops.Instance) { i.Status = "INACTIVE" })
		}, "", "gone_already", ""},
		{"another machine", func(p *ecsops.Plan, _ *Shown) {
			p.Snapshot.Instance = as(func(i *ecsops.Instance) { i.EC2 = "i-0" })
		}, "", "surprise", "registration"},
		{"it registered anew", func(p *ecsops.Plan, _ *Shown) {
			p.Snapshot.Instance = as(func(i *ecsops.Instance) { i.RegisteredAt = i.RegisteredAt.Add(1) })
		}, "", "surprise", "registration"},
		{"one fact could not be read", func(p *ecsops.Plan, _ *Shown) { p.Findings = []ecsops.Finding{incomplete(ecsops.Red, one)} }, "services", "", ""},
		{"… and people knew", func(p *ecsops.Plan, s *Shown) {
			p.Findings, s.Red = []ecsops.Finding{incomplete(ecsops.Red, one)}, []ecsops.Rule{ecsops.RuleIncomplete}
		}, "", "", ""},
		{"… and it matters little", func(p *ecsops.Plan, _ *Shown) { p.Findings = []ecsops.Finding{incomplete(ecsops.Amber, one)} }, "", "", ""},
		{"nobody says what is missing", func(p *ecsops.Plan, _ *Shown) { p.Findings = []ecsops.Finding{incomplete(ecsops.Red)} }, "", "surprise", "A12"},
		{"another red finding", func(p *ecsops.Plan, _ *Shown) {
			p.Findings = []ecsops.Finding{{Rule: ecsops.RuleLastInstance, Severity: ecsops.Red, Missing: []ecsops.Unknown{one}}}
		}, "", "surprise", "R6"},
		{"a task of no service", func(p *ecsops.Plan, _ *Shown) {
			p.Fates = []ecsops.TaskFate{{Task: ecsops.TaskRef{ARN: "arn:task/x", Class: ecsops.Standalone}}}
		}, "", "surprise", "standalone x"},
		{"… that was shown", func(p *ecsops.Plan, s *Shown) {
			p.Fates = []ecsops.TaskFate{{Task: ecsops.TaskRef{ARN: "arn:task/x", Class: ecsops.Standalone}}}
			s.Standalone = []string{"arn:task/x"}
		}, "", "", ""},
		{"another protected task than the one that was shown", func(p *ecsops.Plan, s *Shown) {
			p.Findings = []ecsops.Finding{{Rule: ecsops.RuleProtectedTask, Severity: ecsops.Red, Tasks: []ecsops.TaskRef{{ARN: "arn:task/x"}, {ARN: "arn:task/y"}}}}
			s.Red, s.Protected = []ecsops.Rule{ecsops.RuleProtectedTask}, []string{"arn:task/x"}
		}, "", "surprise", "protected y"},
		{"it leaves another way", func(p *ecsops.Plan, _ *Shown) { p.Path = ecsops.PathObserve }, "", "surprise", "path " + string(ecsops.PathObserve)},
	} {
		row := Row{Target: testTarget, Leave: &Leave{Path: ecsops.PathDrain}}
		p := ecsops.Plan{Path: ecsops.PathDrain, Snapshot: ecsops.Snapshot{Target: testTarget, Instance: as(func(*ecsops.Instance) {})}}
		c.change(&p, &row.Leave.Shown)
		missing, cause, detail := unlike(row, p)
		if got := missing; (got == nil) != (c.missing == "") || got != nil && got.Fact != c.missing || cause != c.cause || detail != c.detail {
			t.Errorf("%s: missing %v, %s %q", c.why, missing, cause, detail)
		}
	}
}
