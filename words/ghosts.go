package words

import (
	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// GhostKind heads a group of registrations whose agents are not connected.
func GhostKind(k ecsops.GhostKind, n int) string {
	switch k {
	case ecsops.GhostProven:
		return Count(n, "ghost") + ": registered, and the machine is gone"
	case ecsops.GhostHostStopped:
		return "Not ghosts, the machine is stopped: " + Count(n, "registration")
	case ecsops.GhostDisconnected:
		return "Not ghosts, the machine runs without its agent: " + Count(n, "registration")
	case ecsops.GhostChanging:
		return "In transition: " + Count(n, "registration")
	case ecsops.GhostUnproven:
		return "Not known, without proof: " + Count(n, "registration")
	}
	return "Of a kind that this version cannot name, " + Quote(string(k)) + ": " + Count(n, "registration")
}

// GhostWayOut says what to do about a kind.
func GhostWayOut(k ecsops.GhostKind) string {
	switch k {
	case ecsops.GhostProven:
		return "ECS still counts on them, and services wait for their tasks. Removing the registrations is the cure; nothing can be orphaned."
	case ecsops.GhostHostStopped:
		return "The machine can be started again. Start it, or take it out with “/ecs deregister”: a second person approves."
	case ecsops.GhostDisconnected:
		return "Containers may be working there. Restart the agent or the machine; “/ecs plan” shows what a deregistration would do."
	case ecsops.GhostChanging:
		return "Look again in some minutes; nothing is to be done before."
	case ecsops.GhostUnproven:
		return "No clean-up is offered without a proof. Grant what is missing, or look at the machine yourself."
	}
	return "Look with “/ecs plan”."
}

// Proof is what EC2 said of a machine, since when, and in which answer.
func Proof(p ecsops.MachineProof) string {
	s := "EC2 says " + Quote(p.State)
	switch p.State {
	case "":
		return "EC2 said nothing"
	case "not-found":
		s = "EC2 knows no such machine"
	}
	if !p.Since.IsZero() {
		s += " since " + Time(p.Since)
	} else if Foreign(p.Reason) != "" {
		s += " (" + Quote(p.Reason) + ")"
	}
	if !p.At.IsZero() {
		s += ", read " + Time(p.At)
	}
	if id := ForeignN(p.RequestID, 80); id != "" {
		s += ", AWS request " + Quote(id)
	}
	return s
}

// ProofBrief is a proof and what ECS still counts, for one row of many.
func ProofBrief(p ecsops.MachineProof, tasks int) string {
	s := Quote(p.State)
	if p.State == "not-found" {
		s = "EC2 knows no such machine"
	}
	if !p.Since.IsZero() {
		s += "; since " + Time(p.Since)
	}
	if tasks == 0 {
		return s + "; no task"
	}
	return s + "; " + Count(tasks, "stale task")
}

// GhostDoubt says why there is no proof.
func GhostDoubt(u ecsops.Unknown) string {
	switch u.Reason {
	case "managed":
		return "it belongs to ECS Managed Instances, which end their machines themselves"
	case "external":
		return "it is no EC2 machine, so EC2 can prove nothing"
	}
	return Unknown(u)
}

// StaleTasks says what ECS still counts on a registration.
func StaleTasks(n int) string {
	if n == 0 {
		return "ECS counts no task there"
	}
	return "ECS still counts " + Count(n, "task") + " there"
}

// UnreadPlace names a cluster, or an account and Region, that a sweep could not read.
func UnreadPlace(u ecsops.Unknown) string {
	s := "could not read " + ForeignN(u.Fact, 120)
	if u.Reason == "timed out" {
		return s + ": " + Quote(u.Call) + " did not answer in time"
	}
	return s + ": " + Quote(u.Call) + " answered " + Quote(u.Reason)
}

// Subject names what an operation is about: its machine, or how many ghosts or instances.
func Subject(op workflow.Operation) string {
	switch {
	case op.Bulk != nil:
		return Count(len(op.Rows), "instance")
	case op.IsBatch():
		return Count(len(op.Rows), "ghost")
	}
	return Machine(op.Target)
}

// SubjectWhere says where that is, in one line.
func SubjectWhere(op workflow.Operation) string {
	if !op.IsBatch() {
		return Where(op.Target)
	}
	cs := op.Clusters()
	if len(cs) == 1 {
		return Where(ecsops.Target{Cluster: cs[0], Account: cs[0].Account(), Region: cs[0].Region()})
	}
	names := make([]string, 0, len(cs))
	for _, c := range cs {
		names = append(names, Quote(c.Name()))
	}
	return Count(len(cs), "cluster") + ": " + Some(names, 4)
}

// Row says where one member of a batch stands.
func Row(r workflow.Row) string {
	if r.Leave != nil {
		return leavingRow(r)
	}
	switch r.State {
	case workflow.RowDone:
		return "removed and verified"
	case workflow.RowUnverified:
		return "removed, but not everything could be verified: " + trimStop(lowerFirst(Cause(r.Cause)))
	case workflow.RowSkipped:
		return "left alone: " + rowCause(r.Cause) + orElse(paren(r.Detail), "")
	case workflow.RowRunning:
		s := trimStop(lowerFirst(State(r.Now)))
		if r.Now == "" {
			s = "beginning"
		}
		if r.Block != "" {
			s += ", waiting: " + lowerFirst(BlockTitle(r.Block))
		}
		return s
	case workflow.RowWaiting:
		if r.Missing != nil {
			return "waiting for its proof: " + Unknown(*r.Missing)
		}
		return "waiting"
	}
	return "in a state that this version cannot name: " + Quote(string(r.State))
}

// rowCause is a cause in a word or two: the card explains those that need it once.
func rowCause(cause string) string {
	switch cause {
	case "came_back":
		return "no ghost any more"
	case "gone_already":
		return "gone already"
	case "busy":
		return "another operation holds it"
	case "batch_stopped":
		return "stopped before its turn"
	case "batch_deadline":
		return "out of time"
	case "batch_silence":
		return "nobody answered"
	case "batch_unread":
		return "it could not be read"
	case "surprise":
		return "not what was shown"
	case "deadline_undone":
		return "its drain took too long and was undone"
	case "stopped":
		return "called off and undone"
	}
	return trimStop(lowerFirst(Cause(cause)))
}

// RowsExplained says what rows' words mean, each once; "" when they need no explanation.
func RowsExplained(rows []workflow.Row) string {
	out := ""
	for _, cause := range []string{"came_back", "batch_deadline", "surprise"} {
		for _, r := range rows {
			if r.State == workflow.RowSkipped && r.Cause == cause {
				out = joined(" ", out, Sentence(rowCause(cause))+": "+lowerFirst(Cause(cause)))
				break
			}
		}
	}
	return out
}

// RowSymbol is a sign for a row, beside its words.
func RowSymbol(s workflow.RowState) string {
	switch s {
	case workflow.RowDone:
		return "✅"
	case workflow.RowUnverified:
		return "⚠️"
	case workflow.RowSkipped:
		return "🚫"
	case workflow.RowRunning:
		return "⏳"
	}
	return "▫️"
}

// BatchButton labels the button of a verb on a batch's card.
func BatchButton(v workflow.Verb, op workflow.Operation) string {
	switch {
	case v == workflow.Confirm && op.Bulk != nil && BulkEnds(op) != "":
		return "Drain, deregister, terminate " + Count(len(op.Rows), "instance")
	case v == workflow.Confirm && op.Bulk != nil:
		return "Drain and deregister " + Count(len(op.Rows), "instance")
	case v == workflow.Confirm:
		return "Remove " + Count(len(op.Rows), "registration")
	case v == workflow.Stop && op.Bulk == nil:
		return "Stop: begin no more"
	}
	return Verb(v)
}

// targets names machines, at most eight.
func targets(ts []ecsops.Target) string {
	names := make([]string, 0, len(ts))
	for _, t := range ts {
		names = append(names, Machine(t))
	}
	return Some(names, 8)
}

func batchEvent(ev workflow.Event) (string, bool) {
	if s, ok := waveEvent(ev); ok {
		return s, true
	}
	if ev.Intent != nil {
		return bulkEvent(ev)
	}
	switch ev.Type {
	case workflow.EvBatchProposed:
		return "asked to clean up " + Count(len(ev.Targets), "ghost") + ": " + targets(ev.Targets) + because(ev.Reason), true
	case workflow.EvReleased:
		return "began to clean up " + eventTarget(ev) + operationOf(ev.Detail), true
	case workflow.EvSkipped:
		return "left " + eventTarget(ev) + " alone" + why(ev) + detail(ev), true
	}
	return "", false
}

func operationOf(id string) string {
	if Foreign(id) == "" {
		return ""
	}
	return " as operation " + Quote(id)
}

// inBatch says that a decision was one on a batch.
func inBatch(ev workflow.Event) string {
	if Foreign(ev.Batch) == "" {
		return ""
	}
	return ", with batch " + Quote(ev.Batch)
}
