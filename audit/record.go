// Package audit is the record: a Merkle log (golang.org/x/mod/sumdb/tlog) whose
// leaves are the events' stored bytes, signed checkpoints, verification and
// export. It knows no Slack.
package audit

import "ecsbot/workflow"

// Record is one leaf of the log. Seq counts from 0 without gaps. Raw is the
// canonical text; Event is its decoding.
type Record struct {
	Seq   int64
	Raw   []byte
	Event workflow.Event
}
