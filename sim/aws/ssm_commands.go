package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run Command of Systems Manager: documents of the account's own, sent to managed nodes.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html

// DocumentSpec is a Command document, schema 2.2, in JSON.
type DocumentSpec struct{ Name, Content string }

type document struct {
	name  string
	steps []documentStep
}

// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html
type documentStep struct {
	Action       string              `json:"action"`
	Name         string              `json:"name"`
	Precondition map[string][]string `json:"precondition"`
	Inputs       struct {
		TimeoutSeconds string   `json:"timeoutSeconds"`
		RunCommand     []string `json:"runCommand"`
	} `json:"inputs"`
}

// command is one invocation: what was sent to one node.
type command struct {
	id, node, document, comment string
	status, details             string
	visibleAt, startedAt, ended time.Time
	stdout, stderr              string
	code                        int
	step                        string
}

const (
	commandVisible  = time.Second // after SendCommand: boto/boto3#2701
	commandDelivery = 2 * time.Second
	commandRuns     = time.Second
	commandRetry    = 5 * time.Second // while the agent does not answer

	maxTargets = 50
	maxStdout  = 24000 // of GetCommandInvocation
	maxStderr  = 8000
)

var (
	documentNameForm = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,128}$`)
	commandForm      = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
)

// AddDocument adds a Command document. Its scripts are run on this machine, by a shell that sees the simulated host's
// docker and no other program; so documents come from whoever builds the estate, never over the wire.
func (g *Region) AddDocument(spec DocumentSpec) (string, error) {
	return g.edit("document "+spec.Name, func(cl *cell) (string, error) {
		var in struct {
			SchemaVersion string         `json:"schemaVersion"`
			Description   string         `json:"description"`
			Parameters    map[string]any `json:"parameters"`
			MainSteps     []documentStep `json:"mainSteps"`
		}
		d := json.NewDecoder(strings.NewReader(spec.Content))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return "", err
		}
		switch {
		case !documentNameForm.MatchString(spec.Name):
			return "", errors.New("no name of a document")
		case in.SchemaVersion != "2.2" || len(in.MainSteps) == 0:
			return "", errors.New("no Command document of schema 2.2")
		case len(in.Parameters) > 0:
			return "", errors.New("parameters are not simulated")
		}
		for _, s := range in.MainSteps {
			if s.Action != "aws:runShellScript" || s.Name == "" || len(s.Inputs.RunCommand) == 0 {
				return "", fmt.Errorf("step %q is no aws:runShellScript with commands", s.Name)
			}
		}
		cl.documents[spec.Name] = &document{name: spec.Name, steps: in.MainSteps}
		return g.key.arn("ssm", "document/"+spec.Name), nil
	})
}

func sendCommand(r *request) (m, *apiError) {
	in := struct {
		DocumentName, Comment string
		InstanceIDs           []string `json:"InstanceIds"`
		TimeoutSeconds        int
		Parameters            map[string][]string
	}{TimeoutSeconds: 3600}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	invalid := func(format string, args ...any) (m, *apiError) {
		return nil, fault("ValidationException", "1 validation error detected: "+format, args...)
	}
	switch {
	case len(in.InstanceIDs) == 0 || len(in.InstanceIDs) > maxTargets:
		return invalid("Value at 'instanceIds' failed to satisfy constraint: Member must have length between 1 and %d", maxTargets)
	case in.TimeoutSeconds < 30 || in.TimeoutSeconds > 2592000:
		return invalid("Value '%d' at 'timeoutSeconds' failed to satisfy constraint: Member must have value between 30 and 2592000", in.TimeoutSeconds)
	case len([]rune(in.Comment)) > 100:
		return invalid("Value at 'comment' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	d := r.cell.documents[in.DocumentName]
	switch {
	case d == nil:
		return nil, fault("InvalidDocument", "document %s does not exist in your account", in.DocumentName)
	case len(in.Parameters) > 0:
		return nil, fault("InvalidParameters", "parameters %v are not defined in the document", slices.Sorted(maps.Keys(in.Parameters)))
	}
	if e := r.sendable(in.InstanceIDs); e != nil {
		return nil, e
	}
	id := r.c.uuid()
	for _, node := range in.InstanceIDs {
		r.deliver(d, &command{id: id, node: node, document: d.name, comment: in.Comment, status: "Pending", details: "Pending", code: -1,
			visibleAt: r.now.Add(commandVisible)}, r.now.Add(time.Duration(in.TimeoutSeconds)*time.Second))
	}
	r.effect = true
	r.c.touch()
	return m{"Command": m{"CommandId": id, "DocumentName": d.name, "DocumentVersion": "$DEFAULT", "Comment": in.Comment, "InstanceIds": in.InstanceIDs,
		"RequestedDateTime": epoch(r.now), "ExpiresAfter": epoch(r.now.Add(time.Duration(in.TimeoutSeconds) * time.Second)), "Status": "Pending", "StatusDetails": "Pending",
		"Targets": l{}, "Parameters": m{}, "MaxConcurrency": "50", "MaxErrors": "0", "TargetCount": len(in.InstanceIDs), "CompletedCount": 0, "ErrorCount": 0,
		"DeliveryTimedOutCount": 0, "TimeoutSeconds": in.TimeoutSeconds}}, nil
}

// sendable: InvalidInstanceId is said of what is no managed node, of one that is being terminated, and of one whose agent
// is known not to run; UnsupportedPlatformType of Windows, for which aws:runShellScript is not made.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
func (r *request) sendable(ids []string) *apiError {
	for i, id := range ids {
		n, mc := r.cell.nodes[id], r.cell.machines[id]
		switch {
		case slices.Contains(ids[:i], id):
			return fault("DuplicateInstanceId", "instance id %s is given twice", id)
		case n == nil, n.ping != pingOnline, n.kind == kindEC2 && (mc == nil || mc.state == ec2ShuttingDown || mc.state == ec2Terminated):
			return fault("InvalidInstanceId", "Instances [[%s]] not in a valid state for account %s", id, r.cell.key.account)
		case n.platform != "Linux":
			return fault("UnsupportedPlatformType", "the document does not support the platform type of %s", id)
		}
	}
	return nil
}

// deliver tries to reach the node's agent until the command expires.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
func (r *request) deliver(d *document, cm *command, expires time.Time) {
	c, cl := r.c, r.cell
	cl.commands[cm.id+"/"+cm.node] = cm
	var try func()
	try = func() {
		n, mc := cl.nodes[cm.node], cl.machines[cm.node]
		awake := n != nil && !n.silent && n.ping == pingOnline && (n.kind != kindEC2 || mc != nil && mc.state == ec2Running)
		switch {
		case awake:
			cm.status, cm.details, cm.startedAt = "InProgress", "InProgress", c.now
			c.after(commandRuns, func() { c.runDocument(cl, d, cm) })
		case !c.now.Before(expires):
			cm.status, cm.details, cm.ended = "TimedOut", "DeliveryTimedOut", c.now
		default:
			cm.status, cm.details = "Delayed", "Delayed"
			c.after(min(commandRetry, expires.Sub(c.now)), try)
		}
		c.touch()
	}
	c.after(commandDelivery, try)
}

// runDocument runs the steps of a document, as the agent does, until one fails.
func (c *Cloud) runDocument(cl *cell, d *document, cm *command) {
	n, mc := cl.nodes[cm.node], cl.machines[cm.node]
	if n == nil || n.silent || n.kind == kindEC2 && (mc == nil || mc.state != ec2Running) {
		cm.status, cm.details, cm.ended = "TimedOut", "ExecutionTimedOut", c.now // nobody hears of its end
		c.touch()
		return
	}
	cm.status, cm.details, cm.code = "Success", "Success", 0
	for _, s := range d.steps {
		cm.step = s.Name
		if want := s.Precondition["StringEquals"]; len(want) == 2 && want[0] == "platformType" && want[1] != n.platform {
			continue // skipped
		}
		var host *dockerHost
		if !n.noDocker {
			host = &dockerHost{c.containersOn(cl, cm.node)}
		}
		seconds, err := strconv.Atoi(s.Inputs.TimeoutSeconds)
		if err != nil || seconds <= 0 {
			seconds = 3600
		}
		cm.stdout, cm.stderr, cm.code = runScript(c.base, s.Inputs.RunCommand, host, time.Duration(seconds)*time.Second)
		if cm.code != 0 {
			cm.status, cm.details = "Failed", "Failed"
			break
		}
	}
	cm.ended = c.now
	c.touch()
}

// getCommandInvocation tells how a command went on one node; eventually, as the page says.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
func getCommandInvocation(r *request) (m, *apiError) {
	var in struct {
		CommandID  string `json:"CommandId"`
		InstanceID string `json:"InstanceId"`
		PluginName string
	}
	if e := bind(r, &in); e != nil {
		return nil, e
	}
	if !commandForm.MatchString(in.CommandID) {
		return nil, fault("InvalidCommandId", "The specified command ID is not valid.")
	}
	cm := r.cell.commands[in.CommandID+"/"+in.InstanceID]
	if cm == nil || r.now.Before(cm.visibleAt) {
		return nil, fault("InvocationDoesNotExist", "The command ID and instance ID you specified did not match any invocations.")
	}
	if in.PluginName != "" && in.PluginName != cm.step {
		return nil, fault("InvalidPluginName", "The plugin name is not valid.")
	}
	return m{"CommandId": cm.id, "InstanceId": cm.node, "Comment": cm.comment, "DocumentName": cm.document, "DocumentVersion": "$DEFAULT", "PluginName": cm.step,
		"ResponseCode": cm.code, "Status": cm.status, "StatusDetails": cm.details, "ExecutionStartDateTime": isoTime(cm.startedAt), "ExecutionEndDateTime": isoTime(cm.ended),
		"ExecutionElapsedTime": "", "StandardOutputContent": firstRunes(cm.stdout, maxStdout), "StandardErrorContent": firstRunes(cm.stderr, maxStderr),
		"StandardOutputUrl": "", "StandardErrorUrl": ""}, nil
}

func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func firstRunes(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}
