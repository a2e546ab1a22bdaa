package blocks

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// Pick is the state of the picking modal.
type Pick struct {
	ID       string            // opaque, in private_metadata
	Revision int               // raised at every rewrite: block ids vary with it, so that Slack forgets old values
	Clusters int               // how many there are to choose from
	Cluster  ecsops.ClusterARN // chosen, or ""
	Instance *ecsops.Listed    // chosen, or nil
	Reason   string
	Purpose  ecsops.Purpose // chosen, or "" for the first
	// What the command said already, or the configuration: the form begins with it.
	Terminate ecsops.Termination
	Deadline  time.Duration // 0 = ecsops.DefaultDeadline
	DryRun    bool
	Problem   error // shown above the pickers
	// RequireReason says so beside the field; it cannot be an input that Slack insists on, as a dry run needs none.
	RequireReason bool
}

// reasonMost is how long a reason may be, in characters.
const reasonMost = 300

func modal(title, callback, metadata string, bs []slack.Block) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain(title, viewTitleLimit), Close: plain("Cancel", viewTitleLimit),
		CallbackID: callback, Blocks: slack.Blocks{BlockSet: bs},
	}
	if runeCount(metadata) <= metadataLimit { // cut, it would name something else
		v.PrivateMetadata = metadata
	}
	return v
}

// LoadingModal opens at once, before anything is looked up: a trigger lives three seconds.
func LoadingModal(id string) slack.ModalViewRequest {
	s := newSheet()
	s.section("loading", "⏳ Reading… this takes a moment.")
	return modal("Deregister", CallbackLoading, id, s.blocks)
}

// MessageModal shows a message (a refusal, an answer) in place of a modal.
func MessageModal(m Message) slack.ModalViewRequest {
	v := modal("Deregister", "", "", m.Blocks)
	v.Close = plain("Close", viewTitleLimit)
	return v
}

// PickModal lets a person pick cluster, then instance. Choosing a cluster (a
// block action) asks for the view to be rewritten: a suggestion's sibling value is
// stale, so the instance picker appears only then.
func PickModal(p Pick) slack.ModalViewRequest {
	s := newSheet()
	if p.Problem != nil {
		s.section("problem", say("⚠️ "+words.ProblemLine(p.Problem)))
	}
	s.add(clusterPicker(p))
	if p.Cluster == "" {
		s.context("hint", mrkdwn("Choose a cluster ("+strconv.Itoa(p.Clusters)+" to choose from); then its instances can be picked."))
		return pickView(p, s)
	}
	s.context("where", "Account "+code(p.Cluster.Account())+" · Region "+code(p.Cluster.Region()))
	s.add(instancePicker(p))
	s.add(purposeInput(p))
	s.add(terminateInput(p))
	s.add(deadlineInput(p))
	s.add(reasonInput(p))
	s.add(dryRunInput(p))
	return pickView(p, s)
}

// pickView can always be submitted: Slack takes no input blocks without submit.
// https://docs.slack.dev/reference/views/modal-views
func pickView(p Pick, s *sheet) slack.ModalViewRequest {
	v := modal("Deregister an instance", CallbackPick, p.ID, s.blocks)
	v.Submit = plain("Show the plan", viewTitleLimit)
	return v
}

// inputID varies with the revision where a value must be forgotten with it: Slack keeps
// what a person chose as long as block and action have the same ids.
// https://docs.slack.dev/surfaces/modals
func inputID(field string, revision int) string { return field + ":" + strconv.Itoa(revision) }

func clusterPicker(p Pick) slack.Block {
	e := externalSelect(ActionPickCluster, "Type a part of its name")
	if p.Cluster != "" {
		e.InitialOption = clusterOption(p.Cluster)
	}
	b := slack.NewInputBlock(inputID(ActionPickCluster, p.Revision), plain("Cluster", labelLimit), nil, e)
	b.DispatchAction = true
	return b
}

func instancePicker(p Pick) slack.Block {
	e := externalSelect(ActionPickInstance, "Type an id, a name, a zone or a type")
	if p.Instance != nil && usableValue(p.Instance.Target.InstanceID()) {
		e.InitialOption = instanceOption(*p.Instance)
	}
	return slack.NewInputBlock(inputID(ActionPickInstance, p.Revision), plain("Instance", labelLimit),
		plain("Its tasks are read when you ask for the plan; nothing is done before you confirm that.", labelLimit), e)
}

func externalSelect(actionID, placeholder string) *slack.SelectBlockElement {
	e := slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, plain(placeholder, placeholderLimit), actionID)
	zero := 0
	e.MinQueryLength = &zero // list at once, without typing
	return e
}

// purposes a person may choose from.
func purposes() []ecsops.Purpose {
	return []ecsops.Purpose{ecsops.Retire, ecsops.Reuse, ecsops.CleanGhost, ecsops.Move}
}

func purposeInput(p Pick) slack.Block {
	var opts []*slack.OptionBlockObject
	chosen := 0
	for i, v := range purposes() {
		opts = append(opts, slack.NewOptionBlockObject(string(v), plain(words.Purpose(v), optionLimit), plain(words.PurposeHint(v), optionLimit)))
		if v == p.Purpose {
			chosen = i
		}
	}
	r := slack.NewRadioButtonsBlockElement(FieldPurpose, opts...)
	r.InitialOption = opts[chosen]
	return slack.NewInputBlock(inputID(FieldPurpose, 0), plain("What for", labelLimit), nil, r)
}

func terminateInput(p Pick) slack.Block {
	var opts []*slack.OptionBlockObject
	chosen := 0
	for i, t := range []ecsops.Termination{ecsops.KeepRunning, ecsops.Terminate, ecsops.Replace, ecsops.Shrink} {
		if t == p.Terminate {
			chosen = i
		}
		opts = append(opts, slack.NewOptionBlockObject(terminationValue(t), plain(words.Termination(t), optionLimit), plain(words.TerminationHint(t), optionLimit)))
	}
	r := slack.NewRadioButtonsBlockElement(FieldTerminate, opts...)
	r.InitialOption = opts[chosen]
	return slack.NewInputBlock(inputID(FieldTerminate, 0), plain("The EC2 machine, afterwards", labelLimit), nil, r)
}

// terminationValue names a termination as an option value, which may not be empty.
func terminationValue(t ecsops.Termination) string {
	if t == ecsops.KeepRunning {
		return "keep"
	}
	return string(t)
}

// deadlines a person may choose from, besides the one that is given.
func deadlines() []time.Duration {
	return []time.Duration{15 * time.Minute, ecsops.DefaultDeadline, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
}

func deadlineInput(p Pick) slack.Block {
	given := cmp.Or(p.Deadline, ecsops.DefaultDeadline)
	all := append(deadlines(), given)
	slices.Sort(all)
	e := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("How long", placeholderLimit), FieldDeadline)
	for _, d := range slices.Compact(all) {
		o := slack.NewOptionBlockObject(d.String(), plain(words.Duration(d), optionLimit), nil)
		if d == given {
			e.InitialOption = o
		}
		e.Options = append(e.Options, o)
	}
	return slack.NewInputBlock(inputID(FieldDeadline, 0), plain("How long the drain may take before the bot asks", labelLimit), nil, e)
}

func reasonInput(p Pick) slack.Block {
	e := slack.NewPlainTextInputBlockElement(plain("Why it leaves: a ticket, an update …", placeholderLimit), FieldReason)
	e.MaxLength = reasonMost
	e.InitialValue = words.ForeignN(p.Reason, reasonMost)
	b := slack.NewInputBlock(inputID(FieldReason, 0), plain("Reason", labelLimit), nil, e)
	if p.RequireReason {
		b.Hint = plain("Required here, but for a dry run. It stands on the card and in the audit trail.", labelLimit)
	}
	b.Optional = true
	return b
}

// WhyModal asks for the reason that a command lacked. id, in private_metadata, is opaque.
func WhyModal(id string) slack.ModalViewRequest {
	s := newSheet()
	e := slack.NewPlainTextInputBlockElement(plain("A ticket, an update, a fault …", placeholderLimit), FieldReason)
	e.MaxLength = reasonMost
	s.add(slack.NewInputBlock(inputID(FieldReason, 0), plain("Why does it leave?", labelLimit),
		plain("Required here. It stands on the card and in the audit trail. The plan comes next; nothing is done before somebody confirms it.", labelLimit), e))
	v := modal("A reason, please", CallbackWhy, id, s.blocks)
	v.Submit = plain("Show the plan", viewTitleLimit)
	return v
}

func dryRunInput(p Pick) slack.Block {
	o := slack.NewOptionBlockObject("dry_run", plain("Dry run: only show the plan, nobody can confirm it", optionLimit), nil)
	e := slack.NewCheckboxGroupsBlockElement(FieldDryRun, o)
	if p.DryRun {
		e.InitialOptions = []*slack.OptionBlockObject{o}
	}
	b := slack.NewInputBlock(inputID(FieldDryRun, 0), plain("Trial", labelLimit), nil, e)
	b.Optional = true
	return b
}

// ForceModal lists by name what forced, the plan of a force as things are now,
// would orphan, and wants the instance id typed. id goes into private_metadata:
// the button's token, or an opaque name for token and plan.
func ForceModal(op workflow.Operation, forced ecsops.Plan, id string) slack.ModalViewRequest {
	orphans := forced.Lost()
	s := newSheet()
	s.section("where", where(op.Target))
	title, submit := "Force deregistration", "Ask for the force"
	if forced.EndsManaged() {
		title, submit = "Terminate the instance", "Ask for its end"
		s.section("managed", managedLines(op, forced)...)
	}
	switch {
	case forced.EndsManaged() && len(orphans) > 0:
		s.section("orphans", "⛔ *"+mrkdwn(words.Count(len(orphans), "task"))+" would be cut off*, at once, without a drain")
		lostSections(s, orphans, ecsops.FateCut)
	case forced.EndsManaged():
		s.section("orphans", "Its tasks leave or end first; nothing is left running.")
	case len(orphans) == 0:
		s.section("orphans", "No task runs there: nothing would be orphaned.")
	default:
		lines := []mrkdwn{"⛔ *" + mrkdwn(words.Count(len(orphans), "task")) + " would be orphaned*", say(words.Orphans(len(orphans), op.Target, forced.Snapshot.EC2))}
		s.section("orphans", append(lines, orphanNetworks(orphans))...)
		lostSections(s, orphans, ecsops.FateOrphaned)
	}
	if !forced.EndsManaged() {
		s.section("after", capacityLine(forced))
	}
	typed := slack.NewPlainTextInputBlockElement(plain("i-…", placeholderLimit), FieldTyped)
	typed.MaxLength = 64
	s.add(slack.NewInputBlock(inputID(FieldTyped, CardRevision(op)), plain("Type the instance id: "+words.Machine(op.Target), labelLimit),
		plain("After this a second person must approve.", labelLimit), typed))
	v := modal(title, CallbackForce, id, s.blocks)
	v.Submit = plain(submit, viewTitleLimit)
	return v
}

// orphanNetworks says what the network modes mean for those left behind.
func orphanNetworks(orphans []ecsops.TaskRef) mrkdwn {
	var cut, reachable int
	for _, t := range orphans {
		switch {
		case t.Network == "awsvpc":
			cut++
		case t.Class == ecsops.Replica && (t.Network == "bridge" || t.Network == "host"):
			reachable++
		}
	}
	var out mrkdwn
	if reachable > 0 {
		out += mrkdwn(words.Count(reachable, "service task")) + " in bridge or host mode may go on beside a replacement, doing the work twice. "
	}
	if cut > 0 {
		out += mrkdwn(words.Count(cut, "task")) + " in awsvpc mode: the network is cut, the processes go on."
	}
	return out
}

// managedLines say what the end of a Managed Instance is.
func managedLines(op workflow.Operation, p ecsops.Plan) []mrkdwn {
	return []mrkdwn{"⛔ *This terminates the machine " + say(words.Machine(op.Target)) + "*: ECS manages it, and ends it with its registration. That cannot be undone.",
		billingLine(p, op.Target)}
}

// lostSections names every task that is lost: a person approves by name. A modal holds
// 100 blocks; what is over that is counted, and can be read by /ecs status.
func lostSections(s *sheet, orphans []ecsops.TaskRef, fate ecsops.Fate) {
	const perSection, sections = 10, 80
	for i := 0; i < len(orphans) && i < perSection*sections; i += perSection {
		var lines []mrkdwn
		for _, t := range orphans[i:min(i+perSection, len(orphans))] {
			lines = append(lines, "• "+taskLine(t, fate, depth{line: 270}))
		}
		s.section("orphan", lines...)
	}
	if more := len(orphans) - perSection*sections; more > 0 {
		s.section("more", mrkdwn("…and "+strconv.Itoa(more)+" more"))
	}
}

// StopTasksModal offers the standalone tasks of OfferedTasks for stopping, a hundred
// at most. id goes into private_metadata: the token of the confirm or stop_tasks button.
func StopTasksModal(op workflow.Operation, id string) slack.ModalViewRequest {
	ts := OfferedTasks(op)
	s := newSheet()
	s.section("where", where(op.Target))
	s.section("intro", mrkdwn("*"+words.Count(len(ts), "task")+"* there "+isAre(len(ts))+" part of no service. A drain does not touch such tasks: it waits until they end, or until the bot stops what you tick. Nothing starts them again."))
	s.section("after", capacityLine(shownPlan(op)))
	opts := taskOptions(ts)
	for i := 0; i < len(opts) && i < boxesMost*boxesMost; i += boxesMost {
		n := i / boxesMost
		b := slack.NewInputBlock(inputID(FieldTasks, n), plain("Tasks to stop"+partLabel(n), labelLimit), nil,
			slack.NewCheckboxGroupsBlockElement(inputID(FieldTasks, n), opts[i:min(i+boxesMost, len(opts))]...))
		b.Optional = true
		s.add(b)
	}
	if more := len(ts) - min(len(opts), boxesMost*boxesMost); more > 0 {
		s.section("more", mrkdwn("…and "+strconv.Itoa(more)+" more, which will be waited for"))
	}
	v := modal("Tasks without a service", CallbackStopTasks, id, s.blocks)
	v.Submit = plain("Confirm", viewTitleLimit)
	return v
}

// OfferedTasks are the standalone tasks that nobody decided on: those of the undecided
// plan, or those that hold the running drain.
func OfferedTasks(op workflow.Operation) []ecsops.TaskRef {
	if op.Proposal == nil && op.State.Locks() {
		return op.Stoppable()
	}
	return waitingTasks(shownPlan(op))
}

// taskOptions are the tasks to tick. The value is the task's id: an ARN may be
// longer than Slack allows. A task without a usable id of its own is not offered.
func taskOptions(ts []ecsops.TaskRef) []*slack.OptionBlockObject {
	var out []*slack.OptionBlockObject
	seen := map[string]bool{}
	for _, t := range ts {
		if seen[t.ID()] || !usableValue(t.ID()) {
			continue
		}
		seen[t.ID()] = true
		more := "task " + words.ShortID(t.ID())
		if !t.StartedAt.IsZero() {
			more += ", started " + words.Time(t.StartedAt)
		}
		if t.StartedBy != "" {
			more += ", by " + words.ForeignN(t.StartedBy, 30)
		}
		out = append(out, slack.NewOptionBlockObject(t.ID(), plain(taskOption(t), optionLimit), plain(more, optionLimit)))
	}
	return out
}

// taskOption is what a task runs, within an option's text.
func taskOption(t ecsops.TaskRef) string {
	name := words.ForeignN(t.Name, 40)
	if image := words.Image(t.Image); image != "" && image != t.Name {
		return name + " · " + image
	}
	return name
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func partLabel(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + strconv.Itoa(n+1) + ")"
}
