package handlers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

const (
	id1, id2, id3 = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2", "i-0aaaaaaaaaaaaaaa3"
)

func TestParseBulk(t *testing.T) {
	bulk := func(change func(*DeregisterArgs), targets ...string) DeregisterArgs {
		d := DeregisterArgs{Targets: targets}
		if change != nil {
			change(&d)
		}
		return d
	}
	prodAt := func(d *DeregisterArgs) { d.Cluster = "prod" }
	for text, want := range map[string]DeregisterArgs{
		id1 + " " + id2:                              bulk(nil, id1, id2),
		id1 + " " + id2 + " prod":                    bulk(prodAt, id1, id2),
		id1 + " " + id2 + " " + id3 + " prod":        bulk(prodAt, id1, id2, id3),
		id1 + " " + id2 + " --cluster prod":          bulk(prodAt, id1, id2),
		id1 + " prod --max-unavailable 2":            bulk(func(d *DeregisterArgs) { d.Cluster, d.Limit = "prod", workflow.Limit{Count: 2} }, id1),
		id1 + " " + id2 + " —max-unavailable=5%":     bulk(func(d *DeregisterArgs) { d.Limit = workflow.Limit{Percent: 5} }, id1, id2),
		id1 + " " + id2 + " --max-unavailable '5 %'": bulk(func(d *DeregisterArgs) { d.Limit = workflow.Limit{Percent: 5} }, id1, id2),
		id1 + " " + id2 + " --terminate --dry-run":   bulk(func(d *DeregisterArgs) { d.Terminate, d.DryRun = TerminateWhichever, true }, id1, id2),
		"--filter 'attribute:ecs.availability-zone == eu-central-1a' prod": bulk(func(d *DeregisterArgs) {
			d.Cluster, d.Filter = "prod", "attribute:ecs.availability-zone == eu-central-1a"
		}),
		"--filter “runningTasksCount &lt; 3”": bulk(func(d *DeregisterArgs) { d.Filter = "runningTasksCount < 3" }),
	} {
		got, err := Parse("deregister " + text)
		if err != nil || fmt.Sprintf("%+v", got.Deregister) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", text, got.Deregister, err, want)
		}
	}
	for text, want := range map[string]Mistake{
		id1 + " prod extra":                         {What: mistakeExtra, Word: "extra"}, // as it always was
		id1 + " " + id2 + " nonsense prod":          {What: mistakeTarget, Word: "nonsense"},
		id1 + " " + id2 + " --force":                {What: mistakeNotInBulk, Word: "--force"},
		id1 + " " + id2 + " --intent=move":          {What: mistakeNotInBulk, Word: "--intent=move"},
		id1 + " " + id2 + " --intent=reuse":         {What: mistakeNotInBulk, Word: "--intent=reuse"},
		id1 + " " + id2 + " --max-unavailable 0":    {What: mistakeLimit, Word: "0"},
		id1 + " " + id2 + " --max-unavailable 101%": {What: mistakeLimit, Word: "101%"},
		id1 + " " + id2 + " --max-unavailable few":  {What: mistakeLimit, Word: "few"},
		id1 + " " + id2 + " prod --cluster staging": {What: mistakeExtra, Word: "prod"},
		"--filter 'x == y' " + id1 + " prod":        {What: mistakeBoth, Word: id1},
		"--max-unavailable 3 prod":                  {What: mistakeMissing, Word: "TARGET"},
		id1 + " " + id2 + " --max-unavail 3":        {What: mistakeOption, Word: "--max-unavail"},
		id1 + " " + id2 + " --max-unavailable":      {What: mistakeNoValue, Word: "--max-unavailable"},
		id1 + " " + id2 + " --deadline tomorrow":    {What: mistakeDeadline, Word: "tomorrow"},
	} {
		_, err := Parse("deregister " + text)
		m, ok := errors.AsType[*Mistake](err)
		if !ok || m.What != want.What || m.Word != want.Word {
			t.Errorf("%s: %+v, want %+v", text, err, want)
		}
	}
}

// many are n instances of prod.
func many(n int) func(*world) {
	return func(w *world) {
		w.listed[prod] = nil
		for i := range n {
			w.listed[prod] = append(w.listed[prod], listed(prod, i+1))
		}
	}
}

func TestBulkCommands(t *testing.T) {
	ec2 := func(n int) string { return string(target(prod, n).EC2) }
	all := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, ec2(i+1))
		}
		return strings.Join(out, " ")
	}
	for name, c := range map[string]struct {
		user, text string
		setup      func(*world)
		rows, left int // of the proposal; rows 0 = none
		refused    policy.Reason
		says       []string
	}{
		"two":                   {text: all(2) + " prod", rows: 2, says: []string{"Looking at 2 instances"}},
		"without a cluster":     {text: all(2), rows: 2},
		"a filter":              {text: "--filter 'x == y' prod", setup: func(w *world) { w.matching = map[string]int{"x == y": 2} }, rows: 2},
		"a filter for nothing":  {text: "--filter 'x == y' prod", setup: func(w *world) { w.matching = map[string]int{"x == y": 0} }, says: []string{"matches no container instance"}},
		"a bad filter":          {text: "--filter 'x ~ y' prod", says: []string{"ECS does not take the filter", "Invalid", "expression"}},
		"a filter, no cluster":  {text: "--filter 'x == y'", says: []string{"Which cluster"}},
		"a filter for too many": {text: "--filter 'x == y' prod", setup: func(w *world) { w.matching = map[string]int{"x == y": 201} }, says: []string{"201", "more than one batch takes"}},
		"one is unknown":        {text: all(2) + " i-0eeeeeeeeeeeeeee9 prod", says: []string{"i-0eeeeeeeeeeeeeee9", "is no container instance"}},
		"one twice":             {text: all(2) + " " + ec2(1) + " prod", says: []string{"named twice"}},
		"one twice, by its id":  {text: all(2) + " " + target(prod, 1).InstanceID() + " prod", says: []string{"named twice"}},
		"one of elsewhere":      {text: all(1) + " " + string(target(staging, 33).EC2) + " prod", setup: func(w *world) { w.listed[staging] = []ecsops.Listed{listed(staging, 33)} }, says: []string{"is no container instance of", "but of", "staging"}},
		"another's ARN":         {text: all(1) + " " + string(target(staging, 3).Instance) + " prod", says: []string{"one batch is about one cluster"}},
		"all of the cluster":    {text: all(3) + " prod", setup: func(w *world) { w.edit = func(s *ecsops.Snapshot) { s.Peers = ecsops.Known([]ecsops.Peer{}) } }, says: []string{"these are all 3 container instances"}},
		"peers unread":          {text: all(2) + " prod", setup: func(w *world) { w.edit = func(s *ecsops.Snapshot) { s.Peers = ecsops.Fact[[]ecsops.Peer]{} } }, says: []string{"could not be read"}},
		"one is a ghost": {text: all(2) + " prod", rows: 1, left: 1, setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) {
				if string(s.Target.EC2) == ec2(2) {
					s.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
					s.Instance = ecsops.Known(ecsops.Instance{Status: "ACTIVE", EC2: s.Target.EC2, RegisteredAt: s.Target.RegisteredAt})
				}
			}
		}},
		"it hosts the bot": {text: all(2) + " prod", rows: 1, left: 1, setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) { s.Self = ecsops.Known(target(prod, 2).Instance) }
		}},
		"all are held":    {text: all(2) + " prod", setup: func(w *world) { op := w.card("op1", nil); w.holder = &op }, says: []string{"none of them may leave", "another operation holds it"}},
		"dry run":         {text: all(2) + " prod --dry-run", says: []string{"Dry run", "nothing was and nothing will be done"}},
		"a plan":          {text: all(2) + " prod --dry-run", user: "UAP", says: []string{"Dry run"}},
		"nobody":          {user: "UNOBODY", text: all(2) + " prod", refused: policy.ReasonNotOperator},
		"unlisted":        {text: all(2) + " secret", refused: policy.ReasonClusterNotListed},
		"unknown cluster": {text: all(2) + " pord", says: []string{"pord", "prod"}},
		"a hundred": {text: all(100) + " prod --max-unavailable 5%", setup: func(w *world) {
			many(120)(w)
			w.edit = func(s *ecsops.Snapshot) {
				s.Peers = ecsops.Known([]ecsops.Peer{{Instance: "other", Status: "ACTIVE", AgentConnected: true}})
			}
		}, rows: 100},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			many(3)(w)
			if c.setup != nil {
				c.setup(w)
			}
			if c.user == "" {
				c.user = "UOP"
			}
			w.command(c.user, "deregister "+c.text)
			switch {
			case c.rows == 0 && len(w.bulks) > 0:
				t.Errorf("proposed %+v", w.bulks)
			case c.rows > 0 && (len(w.bulks) != 1 || len(w.bulks[0].Plans) != c.rows || len(w.bulks[0].Left) != c.left):
				t.Fatalf("proposed %d batches: %+v", len(w.bulks), w.bulks)
			}
			if c.refused != "" && (len(w.recorded) != 1 || w.recorded[0].Reasons[0] != c.refused) {
				t.Errorf("recorded %+v", w.recorded)
			}
			w.wantHeard(c.says...)
		})
	}
}
