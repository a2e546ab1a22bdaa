package blocks

import (
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
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
	Problem  error // shown above the pickers
}

// Picked is what a submitted picking modal says. Cluster and Instance are option
// values, to be looked up in the list they were made from.
type Picked struct {
	Cluster   string // ClusterValue
	Instance  string // container-instance id
	Reason    string
	Deadline  time.Duration
	Terminate ecsops.Termination
	DryRun    bool
}

// Suggestions answer a picker, in the ack. The empty list is sent as a list
// (slack.OptionsResponse would send {}, which Slack refuses).
type Suggestions struct {
	Options []*slack.OptionBlockObject `json:"options"`
}

// ValueReading is the option value of StillReading: it chooses nothing.
const ValueReading = "reading"

// LoadingModal opens at once, before anything is looked up: a trigger lives three seconds.
func LoadingModal(id string) slack.ModalViewRequest { return slack.ModalViewRequest{} }

// ProblemModal replaces a modal that cannot go on.
func ProblemModal(err error) slack.ModalViewRequest { return slack.ModalViewRequest{} }

// MessageModal shows a message (a refusal, an answer) in place of a modal.
func MessageModal(m Message) slack.ModalViewRequest { return slack.ModalViewRequest{} }

// PickModal lets a person pick cluster, then instance.
func PickModal(p Pick) slack.ModalViewRequest { return slack.ModalViewRequest{} }

// ForceModal lists the orphans by name and wants the instance id typed. token is
// the confirm button's; the submission spends it.
func ForceModal(op workflow.Operation, token string) slack.ModalViewRequest {
	return slack.ModalViewRequest{}
}

// StopTasksModal offers the standalone tasks for stopping. token is the confirm button's.
func StopTasksModal(op workflow.Operation, token string) slack.ModalViewRequest {
	return slack.ModalViewRequest{}
}

// ClusterValue is the option value for a cluster: a digest, since an ARN can be
// longer than the 150 characters that Slack allows.
func ClusterValue(c ecsops.ClusterARN) string { return string(c) }

// ClusterOptions are the clusters whose name contains query.
func ClusterOptions(all []ecsops.ClusterARN, query string) Suggestions { return Suggestions{} }

// InstanceOptions are the instances that match query by id, name, AZ or type.
// The option value is the container-instance id.
func InstanceOptions(all []ecsops.Listed, query string) Suggestions { return Suggestions{} }

// StillReading is the one suggestion while the list is not there yet.
func StillReading() Suggestions { return Suggestions{} }

// ReadPick reads a submitted (or acted on) picking modal.
func ReadPick(v slack.View) Picked { return Picked{} }

// ReadTyped reads the instance id typed into ForceModal.
func ReadTyped(v slack.View) string { return "" }

// ReadTasks reads the ids of the tasks ticked in StopTasksModal.
func ReadTasks(v slack.View) []string { return nil }

// FieldBlock finds the block id of an input, for answering with errors on it.
func FieldBlock(v slack.View, actionID string) string { return "" }

// ChooseValue is the option value of one registration in Choose.
func ChooseValue(t ecsops.Target) string { return "" }

// ReadChoice reads ChooseValue back. It is client-held: resolve and authorise it again.
func ReadChoice(value string) (ref ecsops.Ref, ok bool) { return ecsops.Ref{}, false }
