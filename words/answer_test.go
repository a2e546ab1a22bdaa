package words

import (
	"testing"

	"ecsbot/workflow"
)

// Who comes second must not take a no for a yes, nor what runs for what has ended.
func TestAnswersToASecondClick(t *testing.T) {
	otto := workflow.Actor{UserID: "U0OTTO"}
	for name, c := range map[string]struct {
		kind workflow.AnswerKind
		op   workflow.Operation
		want string
	}{
		"confirmed":        {workflow.AlreadyDone, workflow.Operation{State: workflow.Draining}, "Already done by U0OTTO. Nothing was done twice."},
		"done":             {workflow.AlreadyDone, workflow.Operation{State: workflow.Done, Cause: "verified"}, "Already done by U0OTTO. Nothing was done twice."},
		"denied":           {workflow.AlreadyDone, workflow.Operation{State: workflow.RefusedOp, Cause: "denied", StopBy: &otto}, "Refused already by U0OTTO. Nothing was done twice."},
		"cancelled":        {workflow.AlreadyDone, workflow.Operation{State: workflow.Stopped, Cause: "cancelled", StopBy: &otto}, "Called off already by U0OTTO. Nothing was done twice."},
		"being undone":     {workflow.AlreadyDone, workflow.Operation{State: workflow.Undoing, StopBy: &otto}, "Called off already by U0OTTO. Nothing was done twice."},
		"undone by itself": {workflow.AlreadyDone, workflow.Operation{State: workflow.Stopped, Cause: "deadline_silence"}, "Too late: it is over. The drain's deadline passed and nobody answered, so the drain was undone. Nothing was changed now."},
		"expired":          {workflow.WasExpired, workflow.Operation{State: workflow.Expired}, "Expired: nothing was done. Ask again with “/ecs deregister” for a fresh plan."},
		"expired ghosts":   {workflow.WasExpired, workflow.Operation{State: workflow.Expired, Rows: []workflow.Row{{}}}, "Expired: nothing was done. Ask again with “/ecs ghosts” for a fresh list."},
		"expired revision": {workflow.WasExpired, workflow.Operation{State: workflow.Draining}, "Expired: nothing was done about that offer. The card shows how the operation goes on."},
	} {
		if got := Answer(workflow.Answer{Kind: c.kind, By: otto, Op: c.op}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
