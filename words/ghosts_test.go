package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

func TestEveryGhostKindAndRowHasWords(t *testing.T) {
	for typ, say := range map[string]func(string) string{
		"../ecsops GhostKind":  func(s string) string { return GhostKind(ecsops.GhostKind(s), 2) },
		"../ecsops GhostKind ": func(s string) string { return GhostWayOut(ecsops.GhostKind(s)) },
		"../workflow RowState": func(s string) string { return Row(workflow.Row{State: workflow.RowState(s)}) },
	} {
		dir, name, _ := strings.Cut(strings.TrimSpace(typ), " ")
		seen := map[string]string{}
		for _, v := range constants(t, dir, name) {
			got := say(v)
			if got == "" || strings.Contains(got, cannotName) || seen[got] != "" {
				t.Errorf("%s %q has no words of its own (or those of %q): %q", name, v, seen[got], got)
			}
			seen[got] = v
		}
	}
	for _, cause := range []string{"came_back", "gone_already", "busy", "batch_stopped", "batch_deadline", "batch_cleaned", "batch_partly", "batch_nothing"} {
		if _, ok := causes()[cause]; !ok {
			t.Errorf("cause %q of a row has no words", cause)
		}
	}
}

func TestGhostSentences(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	target := ecsops.Target{EC2: "i-0a1b2c3d4e5f60007", Cluster: ecsops.MakeClusterARN("123456789012", "eu-central-1", "prod")}
	for why, c := range map[string]struct{ got, want string }{
		"a proof with its moment and its answer": {Proof(ecsops.MachineProof{State: "terminated", Reason: "User initiated (2026-11-23 08:40:00 GMT)", Since: at.Add(-20 * time.Minute), RequestID: "r-1", At: at}),
			"EC2 says “terminated” since 23 Nov 2026 08:40 UTC, read 23 Nov 2026 09:00 UTC, AWS request “r-1”"},
		"a machine that EC2 forgot": {Proof(ecsops.MachineProof{State: "not-found", At: at}), "EC2 knows no such machine, read 23 Nov 2026 09:00 UTC"},
		"without a moment EC2's own words stand": {Proof(ecsops.MachineProof{State: "terminated", Reason: "Server.SpotInstanceTermination"}),
			"EC2 says “terminated” (“Server.SpotInstanceTermination”)"},
		"a proof among many": {ProofBrief(ecsops.MachineProof{State: "terminated", Since: at}, 1), "“terminated”; since 23 Nov 2026 09:00 UTC; 1 stale task"},
		"no proof is none":   {Proof(ecsops.MachineProof{}), "EC2 said nothing"},
		"a place that hangs": {UnreadPlace(ecsops.Unknown{Fact: "clusters of 1/eu-north-1", Call: "ecs:ListClusters", Reason: "timed out"}),
			"could not read clusters of 1/eu-north-1: “ecs:ListClusters” did not answer in time"},
		"a row that came back": {Row(workflow.Row{State: workflow.RowSkipped, Cause: "came_back", Detail: "running"}),
			"left alone: no ghost any more (“running”)"},
		"what that means is said once": {RowsExplained([]workflow.Row{{State: workflow.RowSkipped, Cause: "came_back"}, {State: workflow.RowSkipped, Cause: "came_back"}}),
			"No ghost any more: the machine, its agent or the registration changed since the list was read."},
		"a row that waits for AWS": {Row(workflow.Row{State: workflow.RowRunning, Now: workflow.Deregistering, Block: workflow.BlockedCredentials}),
			"deregistering, waiting: AWS denies access"},
		"who asked for many": {EventPhrase(workflow.Event{Type: workflow.EvBatchProposed, Targets: []ecsops.Target{target, target}}),
			"asked to clean up 2 ghosts: i-0a1b2c3d4e5f60007 and i-0a1b2c3d4e5f60007"},
		"and why": {EventPhrase(workflow.Event{Type: workflow.EvBatchProposed, Targets: []ecsops.Target{target}, Reason: "tidy"}),
			"asked to clean up 1 ghost: i-0a1b2c3d4e5f60007; reason: “tidy”"},
		"what became of one": {EventPhrase(workflow.Event{Type: workflow.EvReleased, Target: &target, Detail: "abc"}),
			"began to clean up i-0a1b2c3d4e5f60007 as operation “abc”"},
		"a batch in a list": {Subject(workflow.Operation{Rows: make([]workflow.Row, 3)}), "3 ghosts"},
		"where it is": {SubjectWhere(workflow.Operation{Rows: []workflow.Row{{Target: target}}}),
			"cluster “prod”, account “123456789012”, Region “eu-central-1”"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", why, c.got, c.want)
		}
	}
}
