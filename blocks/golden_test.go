package blocks

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

var update = flag.Bool("update", false, "rewrite testdata")

// A golden file is what a reviewer pastes into Block Kit Builder: {"blocks": …, "text": …}.
func TestMessages(t *testing.T) {
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) {
			if err := Check(m); err != nil {
				t.Errorf("Check: %v", err)
			}
			golden(t, name, map[string]any{"blocks": m.Blocks, "text": m.Text})
		})
	}
}

func TestModals(t *testing.T) {
	for name, v := range modals() {
		t.Run(name, func(t *testing.T) {
			if err := CheckView(v); err != nil {
				t.Errorf("CheckView: %v", err)
			}
			golden(t, name, v)
		})
	}
}

// A golden file that no test writes any more is a picture of nothing.
func TestNoGoldenFileIsLeftOver(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	drawn, views := messages(), modals()
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		_, isMessage := drawn[name]
		_, isModal := views[name]
		if !isMessage && !isModal {
			t.Errorf("%s belongs to no message", f)
		}
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := plainJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("no golden file (go test ./blocks -update writes it): %v", err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func messages() map[string]Message {
	out := map[string]Message{}
	for name, op := range cards() {
		out["Card_"+name] = Card(op, tokens(op), drawing())
	}
	withPlan := drawing()
	withPlan.PlanBlock = true
	progress := running(amberPlan(), workflow.Draining)
	out["Card_progress_plan_block"] = Card(progress, tokens(progress), withPlan)
	addAudit(out)
	addAnswers(out)
	op, f := followed()
	looked := f
	looked.Watches = append(slices.Clone(f.Watches), workflow.Watch{Concern: workflow.Host})
	for name, n := range notices() {
		f := f
		if strings.HasPrefix(name, "host_") {
			f = looked
		}
		out["Notice_"+name] = Notice(op, f, n, noticeTokens(f, n))
	}
	addGhosts(out)
	addBulks(out)
	return out
}

func cards() map[string]workflow.Operation {
	needing := proposed(redPlan())
	needing.Needs = []policy.Requirement{policy.SecondPerson}
	awaiting := needing
	awaiting.State, awaiting.Confirmed = workflow.AwaitingApproval, &workflow.Approval{Actor: person(operator), Revision: 1}
	forced := proposed(forcePlan())
	forced.Needs = []policy.Requirement{policy.TypedID, policy.SecondPerson}
	undoing := running(amberPlan(), workflow.Undoing)
	by := person(approver)
	undoing.StopBy = &by
	forceDone := ended(forcePlan(), workflow.Done, "orphans_left")
	goneLater := ended(forcePlan(), workflow.Done, "orphans_left")
	goneLater.Progress.Checks = []ecsops.Check{{ID: "V5", Result: ecsops.CheckPassed, Count: 4}, {ID: "V9", Result: ecsops.CheckPassed, Names: []string{"terminated"}}, {ID: "V10", Result: ecsops.CheckPassed, Count: 4, Want: 4, Names: []string{"terminated"}}}
	signedOff := ended(forcePlan(), workflow.Done, "orphans_left")
	signedOff.Progress.Checks[5].Result, signedOff.Progress.Checks[4].Result = ecsops.CheckSignedOff, ecsops.CheckFailed
	signedOff.Progress.Checks[4].Names = []string{"prod: 8f2e6c1d"}
	stoppedOp := ended(amberPlan(), workflow.Stopped, "stopped")
	stoppedOp.StopBy = &by
	terminated := ended(redPlan(), workflow.Done, "verified")
	terminated.Progress.Checks = []ecsops.Check{{ID: "V1", Result: ecsops.CheckPassed}, {ID: "V7", Result: ecsops.CheckPassed, Names: []string{"terminated"}}, {ID: "V8", Result: ecsops.CheckPassed, Count: 1, Names: []string{"Terminating EC2 instance"}}}
	endedToo := ended(endingPlan(), workflow.Done, "verified")
	endedToo.Progress.Checks = []ecsops.Check{{ID: "V1", Result: ecsops.CheckPassed}, {ID: "V7", Result: ecsops.CheckPassed, Names: []string{"terminated"}}}
	pending := running(amberPlan(), workflow.Verifying)
	pending.Progress.Checks = checks()
	refused := proposed(barredPlan())
	refused.State, refused.Cause = workflow.RefusedOp, "denied"
	expired := proposed(amberPlan())
	expired.State, expired.Cause = workflow.Expired, "expired"
	revised := proposed(amberPlan())
	revised.Revision, revised.Changes = 2, drifted().Changes
	standalone := heldBy(ecsops.Hold{Task: batchTask(), Cause: ecsops.HeldByStandalone}, ecsops.Hold{Task: agentTask(), Cause: ecsops.HeldByOthers})
	standalone.Deadline = standalone.Progress.LookedAt.Add(10 * time.Minute)
	unread := ecsops.Hold{Task: webTask(), Cause: ecsops.HeldUnknown, Missing: &ecsops.Unknown{Fact: "protection", Call: "ecs:GetTaskProtection", Reason: "AccessDenied"}}
	slow := running(amberPlan(), workflow.Draining)
	slow.Progress.Every, slow.Progress.Drains = 40*time.Second, 120
	return map[string]workflow.Operation{
		"draining_slow": slow,
		"proposed_room": proposed(roomPlan()),
		"proposed":      proposed(amberPlan()), "proposed_red": needing, "awaiting_approval": awaiting, "proposed_force": forced,
		"held_percents": heldBy(percentsHold()), "held_protection": heldBy(protectedHold()), "held_capacity": heldBy(capacityHold()),
		"held_standalone": standalone, "held_stopping": heldBy(stoppingHolds()...), "held_host": heldBy(hostHolds()...), "held_unknown": heldBy(unread),
		"proposed_managed": wanting(managedPlan(false), policy.TypedID, policy.SecondPerson), "proposed_managed_force": wanting(managedPlan(true), policy.TypedID, policy.SecondPerson),
		"proposed_minimum": proposed(minimalPlan()),
		"proposed_ending":  proposed(endingPlan()), "done_ending": endedToo,
		"proposed_reuse": proposed(reusePlan()), "done_reuse": ended(reusePlan(), workflow.Done, "verified"),
		"proposed_ghost": proposed(ghostPlan()), "barred": proposed(barredPlan()), "revised": revised,
		"proposed_duplicate": proposed(duplicatePlan()), "proposed_spot": proposed(spotPlan()), "proposed_standby": proposed(standbyPlan()), "proposed_external": proposed(externalPlan()),
		"draining": running(amberPlan(), workflow.Draining), "verifying": running(amberPlan(), workflow.Verifying), "verifying_pending": pending,
		"deadline": atDeadline(), "force_awaits": forceProposed(), "drift": drifted(), "undoing": undoing,
		"done": ended(amberPlan(), workflow.Done, "verified"), "done_force": forceDone, "done_force_gone": goneLater, "done_force_signed_off": signedOff, "machine": proposed(machinePlan()), "machine_done": machineDone(), "done_terminated": terminated, "unverified": ended(redPlan(), workflow.Unverified, "not_all_verified"),
		"stopped": stoppedOp, "expired": expired, "refused": refused, "not_terminated": notTerminated(),
	}
}

// notTerminated is deregistered, and AWS refused the rest.
func notTerminated() workflow.Operation {
	op := ended(redPlan(), workflow.Unverified, "not_terminated")
	op.OrderedTermination = time.Time{}
	op.Order = &workflow.Order{Action: ecsops.Action{Kind: ecsops.ActTerminateInGroup, Group: "prod-ecs"}, Outcome: &ecsops.Outcome{Result: ecsops.Refused, Code: "ScalingActivityInProgress"}}
	return op
}

func wanting(p ecsops.Plan, needs ...policy.Requirement) workflow.Operation {
	op := proposed(p)
	op.Needs = needs
	return op
}

func addAudit(out map[string]Message) {
	t := target()
	order := &workflow.Order{N: 1, Action: ecsops.Action{Kind: ecsops.ActDrain, Target: t}, At: epoch}
	done := *order
	done.Outcome = &ecsops.Outcome{Result: ecsops.OK, RequestID: "b7f2-01", At: epoch.Add(time.Second)}
	intent := amberPlan().Intent
	run := []workflow.Event{
		{Op: "7KQ2M", N: 1, At: epoch, Type: workflow.EvProposed, Actor: person(operator), Target: &t, Revision: 1, Verdict: ecsops.Amber, Rules: []ecsops.Rule{"A1", "A12", "T1"}, Intent: &intent, Reason: intent.Reason},
		{Op: "7KQ2M", N: 2, At: epoch, Type: workflow.EvConfirmed, Actor: person(operator), Target: &t, Revision: 1, Tasks: []string{batchTask().ARN}},
		{Op: "7KQ2M", N: 3, At: epoch, Type: workflow.EvOrdered, Actor: workflow.BotActor(), Target: &t, Order: order},
		{Op: "7KQ2M", N: 4, At: epoch, Type: workflow.EvOutcome, Actor: workflow.BotActor(), Target: &t, Order: &done},
		{Op: "7KQ2M", N: 5, At: epoch, Type: workflow.EvProgress, Actor: workflow.BotActor(), Target: &t, Left: 3, Total: 7},
		{Op: "7KQ2M", N: 6, At: epoch, Type: workflow.EvHeld, Actor: workflow.BotActor(), Target: &t, Left: 2, Total: 7, Holds: []ecsops.Hold{percentsHold(), capacityHold()}},
		{Op: "7KQ2M", N: 7, At: epoch, Type: workflow.EvTicked, Actor: person(operator), Target: &t, Revision: 2, Tasks: []string{batchTask().ARN}},
		{Op: "7KQ2M", N: 8, At: epoch, Type: workflow.EvEnded, Actor: workflow.BotActor(), Target: &t, State: workflow.Done, Cause: "verified"},
	}
	var seq []SeqEvent
	for i, ev := range run {
		seq = append(seq, SeqEvent{Seq: int64(123 + i), Event: ev})
	}
	out["AuditRoot"] = AuditRoot(proposed(amberPlan()))
	out["AuditRun"] = AuditRun(seq)
	out["AuditRun_refused"] = AuditRun([]SeqEvent{{Seq: 130, Event: workflow.Event{At: epoch, Type: workflow.EvRefused, Actor: person("U09STRANGER"), Target: &t, Action: policy.Approve, Reasons: []policy.Reason{policy.ReasonNotApprover, policy.ReasonGuest}}}})
	out["AuditRun_checkpoint"] = AuditRun([]SeqEvent{{Seq: 131, Event: workflow.Event{At: epoch, Type: workflow.EvCheckpoint, Actor: workflow.BotActor(), Detail: "ecsbot/audit\n131\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— ecsbot Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"}}})
}

func addAnswers(out map[string]Message) {
	cluster := target().Cluster
	ref := ecsops.Ref{EC2: target().EC2, Cluster: "prod"}
	op := running(amberPlan(), workflow.Draining)
	out["Help"] = Help(HelpFor{Read: true, Propose: true, Decide: true, Clusters: []ecsops.ClusterARN{cluster}})
	out["Help_stranger"] = Help(HelpFor{})
	out["Looking"] = Looking(ref)
	out["Long"] = Long(6200 * time.Millisecond)
	out["Refusal"] = Refusal(policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonNotOperator, policy.ReasonChannelNotListed}}, RefusalOf{Action: policy.Propose, Cluster: cluster, Ask: []string{operator, "S03ONCALL"}})
	out["Answer_accepted"] = Answer(workflow.Answer{Kind: workflow.Accepted, Op: op, Detail: "undoing"})
	out["Answer_already"] = Answer(workflow.Answer{Kind: workflow.AlreadyDone, Op: op, By: person(approver)})
	out["Answer_changed"] = Answer(workflow.Answer{Kind: workflow.Changed, Op: op, Changes: drifted().Changes})
	out["List"] = List(cluster, listed(8), epoch)
	out["List_long"] = List(cluster, listed(120), epoch)
	out["Status"] = Status([]workflow.Operation{op, atDeadline(), ended(amberPlan(), workflow.Done, "verified")}, epoch.Add(time.Hour))
	out["DryRun"] = DryRun(redPlan(), "plan_01JD")
	out["Undecidable_move"] = Instead(movePlan(), "cmd_01")
	out["Undecidable_reuse"] = Undecidable(refusedPlan(ecsops.Reuse, "reuse_force"))
	out["Undecidable_no_ghost"] = Undecidable(refusedPlan(ecsops.CleanGhost, "ghost_host_stopped", "stopped"))
	out["Undecidable"] = Undecidable(redPlan())
	gone := amberPlan()
	gone.Path, gone.Verdict, gone.Findings = ecsops.PathGone, ecsops.Green, []ecsops.Finding{{Rule: ecsops.RuleGone, Severity: ecsops.Green, Names: []string{"INACTIVE"}}}
	out["Undecidable_gone"] = Undecidable(gone)
	wait := amberPlan()
	wait.Path, wait.Findings = ecsops.PathWait, []ecsops.Finding{{Rule: ecsops.RuleTransition, Severity: ecsops.Amber, Names: []string{"DEREGISTERING"}}}
	out["Undecidable_wait"] = Undecidable(wait)
	out["Choose"] = Choose("cmd_01", ref, listed(2))
	out["Nearest"] = Nearest("subcommand", "deregsiter", []string{"deregister"})
	out["NotFound_fargate"] = NotFound(ref, []ecsops.ClusterARN{cluster}, nil, nil, ecsops.EmptyCluster{Cluster: cluster, Fargate: 2})
	out["NotFound"] = NotFound(ref, []ecsops.ClusterARN{cluster}, []string{"i-0a1b2c3d4e5f60002"}, []ecsops.Unknown{{Fact: "listed", Call: "ecs:ListContainerInstances", Reason: "timed out"}})
	out["Invite"] = Invite("C0OPS")
	out["TooLate"] = TooLate(epoch)
	out["NothingRecorded"] = NothingRecorded()
	out["Overloaded"] = Overloaded()
	out["Problem"] = Problem(errors.New("pq: password authentication failed"))
	out["ApproverAsk"] = ApproverAsk(forceProposed(), drawing())
	out["Note"] = Note("A word of ours, and " + words.Quote("*theirs* <!channel>") + ".")
	out["Details"] = Details(proposed(redPlan()), drawing())[1]
	out["Details_held"] = Details(heldBy(capacityHold(), protectedHold(), percentsHold()), drawing())[1]
}

func modals() map[string]slack.ModalViewRequest {
	chosen := listed(1)[0]
	c := target().Cluster
	many := amberPlan()
	for i := range 12 {
		t := batchTask()
		t.ARN = taskPrefix + fmt.Sprintf("%032x", 0xfeed00+i)
		many.Fates = append(many.Fates, ecsops.TaskFate{Task: t, Fate: ecsops.FateWaits})
	}
	shrinking, forcedToo := amberPlan(), forcePlan()
	shrinking.Intent.Terminate, forcedToo.Intent.Terminate = ecsops.Shrink, ecsops.Replace
	return map[string]slack.ModalViewRequest{
		"Modal_stop_shrink":   StopTasksModal(proposed(shrinking), "tok_confirm_5Hq9"),
		"Modal_force_replace": ForceModal(proposed(forcedToo), forcedToo, "tok_confirm_5Hq9"),
		"Modal_loading":       LoadingModal("cmd_01"),
		"Modal_pick":          PickModal(Pick{ID: "cmd_01", Clusters: 3}),
		"Modal_pick_why":      PickModal(Pick{ID: "cmd_01", Revision: 2, Clusters: 3, Cluster: c, Instance: &chosen, RequireReason: true}),
		"Modal_why":           WhyModal("cmd_01"),
		"Modal_picked":        PickModal(Pick{ID: "cmd_01", Revision: 2, Clusters: 3, Cluster: c, Instance: &chosen, Reason: "kernel update"}),
		"Modal_message":       MessageModal(Problem(workflow.ErrLocked)),
		"Modal_force":         ForceModal(atDeadline(), forcePlan(), "tok_force_5Hq9"),
		"Modal_managed":       ForceModal(proposed(managedPlan(false)), managedPlan(false), "tok_confirm_5Hq9"),
		"Modal_managed_force": ForceModal(proposed(managedPlan(true)), managedPlan(true), "tok_confirm_5Hq9"),
		"Modal_stop":          StopTasksModal(proposed(many), "tok_confirm_5Hq9"),
		"Modal_stop_held":     StopTasksModal(heldBy(ecsops.Hold{Task: batchTask(), Cause: ecsops.HeldByStandalone}), "tok_stop_5Hq9"),
		"Modal_force_big":     ForceModal(atDeadline(), manyOrphans(30), "tok_force_5Hq9"),
	}
}

func manyOrphans(n int) ecsops.Plan {
	p := forcePlan()
	p.Fates = nil
	for range n {
		p.Fates = append(p.Fates, ecsops.TaskFate{Task: batchTask(), Fate: ecsops.FateOrphaned})
	}
	return p
}
