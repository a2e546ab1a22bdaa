package ecsops_test

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

func TestVerifyLater(t *testing.T) {
	gone, running := ecsops.Known(ecsops.EC2{State: "terminated"}), ecsops.Known(ecsops.EC2{State: "running"})
	again := []ecsops.Reregistration{{Cluster: cluster, Instance: instance + "1", Status: "ACTIVE", RegisteredAt: start.Add(time.Minute)}}
	orphans := []ecsops.TaskRef{{ARN: taskARN(1), Name: "web:7"}}
	unread := &ecsops.Unknown{Fact: "x", Call: "ecs:ListContainerInstances", Reason: "timed out"}
	for _, c := range []struct {
		id, why string
		in      ecsops.Later
		want    ecsops.CheckResult
	}{
		{"V9", "nobody looked yet", ecsops.Later{Machine: running, Want: 2}, ecsops.CheckPending},
		{"V9", "one look of two", ecsops.Later{Machine: running, Looks: 1, Want: 2}, ecsops.CheckPending},
		{"V9", "both looks found nothing", ecsops.Later{Machine: running, Looks: 2, Want: 2}, ecsops.CheckPassed},
		{"V9", "the same machine under another ARN", ecsops.Later{Machine: running, Looks: 2, Want: 2, Again: again}, ecsops.CheckFailed},
		{"V9", "it came back, and is gone now: it did come back", ecsops.Later{Machine: gone, Looks: 1, Want: 2, Again: again}, ecsops.CheckFailed},
		{"V9", "a machine that is gone registers nothing", ecsops.Later{Machine: gone, Want: 2}, ecsops.CheckPassed},
		{"V9", "the list could not be read", ecsops.Later{Machine: running, Looks: 1, Want: 2, Unlisted: unread}, ecsops.CheckUnknown},
		{"V9", "an unread machine is no gone one", ecsops.Later{Want: 2}, ecsops.CheckPending},
		{"V9", "nothing was deregistered", ecsops.Later{Machine: running}, ecsops.CheckSkipped},
		{"V10", "nothing was left behind", ecsops.Later{Machine: running}, ecsops.CheckSkipped},
		{"V10", "no call of AWS tells what they do", ecsops.Later{Machine: running, Orphans: orphans}, ecsops.CheckPending},
		{"V10", "they ended with their machine", ecsops.Later{Machine: gone, Orphans: orphans}, ecsops.CheckPassed},
		{"V10", "a stopped machine can be started", ecsops.Later{Machine: ecsops.Known(ecsops.EC2{State: "stopped"}), Orphans: orphans}, ecsops.CheckPending},
		{"V10", "a person's word is not a look", ecsops.Later{Machine: running, Orphans: orphans, SignedOff: true}, ecsops.CheckSignedOff},
		{"V10", "seen on the machine to have ended", ecsops.Later{Machine: running, Orphans: orphans, Host: saw("exited")}, ecsops.CheckPassed},
		{"V10", "seen so, whatever EC2 does not say", ecsops.Later{Orphans: orphans, Unseen: unread, Host: saw("exited")}, ecsops.CheckPassed},
		{"V10", "seen to run", ecsops.Later{Machine: running, Orphans: orphans, Host: saw("running")}, ecsops.CheckPending},
		{"V10", "a look at another task", ecsops.Later{Machine: running, Orphans: append(orphans, ecsops.TaskRef{ARN: taskARN(2)}), Host: saw("exited")}, ecsops.CheckPending},
		{"V10", "a look that brought nothing", ecsops.Later{Machine: running, Orphans: orphans, Host: blind()}, ecsops.CheckUnknown},
		{"V10", "a person's word where a look brought nothing", ecsops.Later{Machine: running, Orphans: orphans, Host: blind(), SignedOff: true}, ecsops.CheckSignedOff},
		{"V10", "the machine could not be read", ecsops.Later{Orphans: orphans, Unseen: unread}, ecsops.CheckUnknown},
	} {
		got := ecsops.VerifyLater(c.in)[map[string]int{"V9": 0, "V10": 1}[c.id]]
		if got.ID != c.id || got.Result != c.want || got.Result == ecsops.CheckUnknown && got.Missing == nil {
			t.Errorf("%s, %s: %+v, want %s", c.id, c.why, got, c.want)
		}
	}
}

func saw(state string) *ecsops.HostSight {
	return &ecsops.HostSight{At: start, Tasks: []ecsops.HostTask{{Task: taskARN(1), Containers: []ecsops.HostContainer{{Name: "app", State: state}}}}}
}

func blind() *ecsops.HostSight {
	s := ecsops.HostUnseen(start, "ssm:GetCommandInvocation", ecsops.HostCut)
	return &s
}

// TestVerifyLaterNamesWhatRuns: of a look, the tasks that have not ended, and when it was.
func TestVerifyLaterNamesWhatRuns(t *testing.T) {
	sight := saw("exited")
	sight.Tasks = append(sight.Tasks, ecsops.HostTask{Task: taskARN(2), Containers: []ecsops.HostContainer{{Name: "app", State: "running"}}})
	l := ecsops.Later{Machine: ecsops.Known(ecsops.EC2{State: "running"}), Orphans: []ecsops.TaskRef{{ARN: taskARN(1)}, {ARN: taskARN(2)}}, Host: sight}
	c := ecsops.VerifyLater(l)[1]
	if c.Count != 1 || c.Want != 2 || len(c.Names) != 1 || c.Names[0] != l.Orphans[1].ID() || !c.At.Equal(start) {
		t.Errorf("%+v", c)
	}
}

// TestVerifyLaterNamesWhereItCameBack: the cluster and the registration, for whoever ends it there.
func TestVerifyLaterNamesWhereItCameBack(t *testing.T) {
	l := ecsops.Later{Want: 2, Again: []ecsops.Reregistration{{Cluster: cluster, Instance: instance + "1"}}}
	c := ecsops.VerifyLater(l)[0]
	want := ecsops.ClusterARN(cluster).Name() + ": " + ecsops.Target{Instance: instance + "1"}.InstanceID()
	if len(c.Names) != 1 || c.Names[0] != want {
		t.Errorf("%q, want %q", c.Names, want)
	}
}

// TestSignedOffIsDatedByWhatWasSeen: a person's word has no time of the machine but where a look saw it.
func TestSignedOffIsDatedByWhatWasSeen(t *testing.T) {
	orphans := []ecsops.TaskRef{{ARN: taskARN(1), Name: "web:7"}}
	for why, c := range map[string]struct {
		host *ecsops.HostSight
		want time.Time
	}{
		"no look":                {nil, time.Time{}},
		"a look saw them run":    {saw("running"), start},
		"a look brought nothing": {blind(), time.Time{}},
	} {
		if got := ecsops.VerifyLater(ecsops.Later{Orphans: orphans, SignedOff: true, Host: c.host})[1]; !got.At.Equal(c.want) {
			t.Errorf("%s: %s", why, got.At)
		}
	}
}
