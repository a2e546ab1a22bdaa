package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody    = 1 << 20
	maxLogText = 8 << 10
)

// targets are the prefixes of X-Amz-Target, by service; read only.
var targets = map[string]string{"ecs": "AmazonEC2ContainerServiceV20141113.", "ssm": "AmazonSSM."}

// operation is one API action. run answers from r.w, which for reads may be a stale view.
type operation struct {
	mutating bool
	run      func(r *request) (m, *apiError)
}

// request is one call on its way through the estate.
type request struct {
	c      *Cloud
	w      *world
	cell   *cell
	now    time.Time
	caller session
	op     operation
	body   []byte     // JSON protocol
	form   url.Values // query protocols
	call   Call
	proto  protocol
	effect bool // the call changed something
}

// session is who calls: an IAM user, or an assumed role.
type session struct {
	account, arn, userID   string
	roleARN, name, sourceI string
	expires                time.Time
}

// operations is the table of what the estate can do; read only.
var operations = map[string]map[string]operation{
	"ecs": {
		"ListClusters":                  {run: listClusters},
		"DescribeClusters":              {run: describeClusters},
		"ListContainerInstances":        {run: listContainerInstances},
		"DescribeContainerInstances":    {run: describeContainerInstances},
		"UpdateContainerInstancesState": {run: updateContainerInstancesState, mutating: true},
		"DeregisterContainerInstance":   {run: deregisterContainerInstance, mutating: true},
		"ListTasks":                     {run: listTasks},
		"DescribeTasks":                 {run: describeTasks},
		"StopTask":                      {run: stopTask, mutating: true},
		"ListServices":                  {run: listServices},
		"DescribeServices":              {run: describeServices},
		"DescribeTaskDefinition":        {run: describeTaskDefinition},
		"DescribeCapacityProviders":     {run: describeCapacityProviders},
		"GetTaskProtection":             {run: getTaskProtection},
		"ListDaemons":                   {run: listDaemons},
		"DescribeDaemon":                {run: describeDaemon},
		"DescribeDaemonRevisions":       {run: describeDaemonRevisions},
		"ListTagsForResource":           {run: listTagsForResource},
	},
	"ec2": {
		"DescribeInstances":            {run: describeInstances},
		"DescribeInstanceStatus":       {run: describeInstanceStatus},
		"DescribeInstanceAttribute":    {run: describeInstanceAttribute},
		"DescribeInstanceTypes":        {run: describeInstanceTypes},
		"DescribeNetworkInterfaces":    {run: describeNetworkInterfaces},
		"DescribeSpotInstanceRequests": {run: describeSpotInstanceRequests},
		"TerminateInstances":           {run: terminateInstances, mutating: true},
	},
	"autoscaling": {
		"DescribeAutoScalingInstances":        {run: describeAutoScalingInstances},
		"DescribeAutoScalingGroups":           {run: describeAutoScalingGroups},
		"DescribeLifecycleHooks":              {run: describeLifecycleHooks},
		"DescribeScalingActivities":           {run: describeScalingActivities},
		"TerminateInstanceInAutoScalingGroup": {run: terminateInstanceInAutoScalingGroup, mutating: true},
		"CompleteLifecycleAction":             {run: completeLifecycleAction, mutating: true},
		"RecordLifecycleActionHeartbeat":      {run: recordLifecycleActionHeartbeat, mutating: true},
		"SuspendProcesses":                    {run: suspendProcesses, mutating: true},
		"ResumeProcesses":                     {run: resumeProcesses, mutating: true},
		"SetInstanceProtection":               {run: setInstanceProtection, mutating: true},
		"SetDesiredCapacity":                  {run: setDesiredCapacity, mutating: true},
		"EnterStandby":                        {run: enterStandby, mutating: true},
		"ExitStandby":                         {run: exitStandby, mutating: true},
		"DetachInstances":                     {run: detachInstances, mutating: true},
		"DescribeWarmPool":                    {run: describeWarmPool},
	},
	"elasticloadbalancing": {
		"DescribeTargetGroups":          {run: describeTargetGroups},
		"DescribeTargetGroupAttributes": {run: describeTargetGroupAttributes},
		"DescribeTargetHealth":          {run: describeTargetHealth},
		"DescribeLoadBalancers":         {run: describeLoadBalancers},
	},
	classicAPI: {
		"DescribeInstanceHealth":         {run: describeInstanceHealth},
		"DescribeLoadBalancerAttributes": {run: describeClassicAttributes},
		"DescribeLoadBalancers":          {run: describeClassicBalancers},
	},
	"ssm": {
		"DescribeInstanceInformation": {run: describeInstanceInformation},
		"DeregisterManagedInstance":   {run: deregisterManagedInstance, mutating: true},
		"SendCommand":                 {run: sendCommand, mutating: true},
		"GetCommandInvocation":        {run: getCommandInvocation},
	},
	"sts": {
		"GetCallerIdentity": {run: getCallerIdentity},
		"AssumeRole":        {run: assumeRole},
	},
}

// versions are the API versions of the query services; read only.
var versions = map[string]string{
	"ec2": "2016-11-15", "autoscaling": "2011-01-01", "elasticloadbalancing": "2015-12-01", classicAPI: classicVersion, "sts": "2011-06-15",
}

// ServeHTTP answers a call of any service, or of the control interface under /sim/.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if strings.HasPrefix(hr.URL.Path, "/sim/") {
		c.control(w, hr)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody))
	if err != nil {
		http.Error(w, "reading the request: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	r, refused := c.receive(hr, body)
	defer c.leaveCall()
	if refused == nil {
		if refused = c.obstruct(hr.Context(), r); refused == errHung {
			c.record(r, "Hung")
			panic(http.ErrAbortHandler)
		}
	}
	if refused == errCut {
		c.record(r, "ConnectionReset")
		cut(w)
		return
	}
	var out m
	if refused == nil {
		out, refused = c.perform(r)
	}
	code := "OK"
	if refused != nil {
		code = refused.code
	}
	if c.loses(r, refused) {
		c.record(r, code+" (response lost)")
		cut(w)
		return
	}
	c.record(r, code)
	c.reply(w, r, out, refused)
}

// receive reads who calls what, where. The request that it returns is good enough to be recorded even when refused.
func (c *Cloud) receive(hr *http.Request, body []byte) (*request, *apiError) {
	r := &request{c: c, body: body, call: Call{Real: time.Now(), UserAgent: hr.UserAgent()}}
	c.mu.Lock()
	c.reqSeq++
	c.inFlight++
	r.call.InFlight = c.inFlight
	r.call.RequestID = fmt.Sprintf("%08x-51b0-4a17-8e55-%012x", uint32(c.reqSeq), c.reqSeq)
	c.mu.Unlock()

	if target := hr.Header.Get("X-Amz-Target"); target != "" {
		r.proto, r.call.Service = awsJSON, "ecs"
		if strings.HasPrefix(target, targets["ssm"]) {
			r.call.Service = "ssm"
		}
		name, known := strings.CutPrefix(target, targets[r.call.Service])
		r.call.Action = name
		r.call.Params = compact(body)
		if !known {
			return r, fault("UnknownOperationException", "unknown target %s", target)
		}
	} else if refused := r.readForm(hr); refused != nil {
		return r, refused
	}
	if refused := c.authenticate(hr, r); refused != nil {
		return r, refused
	}
	op, known := operations[r.api()][r.call.Action]
	if !known {
		code := "InvalidAction"
		if r.proto == awsJSON {
			code = "UnknownOperationException"
		}
		return r, fault(code, "The action %s is not valid for this web service.", r.call.Action)
	}
	r.op, r.call.Mutating = op, op.mutating && !r.isDryRun()
	return r, nil
}

func compact(body []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, body) != nil || b.Len() > maxLogText {
		text, err := json.Marshal(string(body[:min(len(body), maxLogText)]))
		if err != nil {
			return nil
		}
		return text
	}
	return b.Bytes()
}

func (r *request) readForm(hr *http.Request) *apiError {
	r.proto = awsQuery
	form, err := url.ParseQuery(string(r.body))
	if err != nil || hr.Method != http.MethodPost {
		return fault("MalformedQueryString", "The query string is malformed.")
	}
	r.form, r.call.Action = form, form.Get("Action")
	params := map[string]string{}
	for k, v := range form {
		if k != "Action" && k != "Version" {
			params[k] = strings.Join(v, ",")
		}
	}
	text, err := json.Marshal(params)
	if err != nil {
		return fault("MalformedQueryString", "%v", err)
	}
	r.call.Params = text
	return nil
}

// authenticate reads account, Region and service from the credential scope of the signature.
func (c *Cloud) authenticate(hr *http.Request, r *request) *apiError {
	header := hr.Header.Get("Authorization")
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			fields[k] = v
		}
	}
	scope := strings.Split(fields["Credential"], "/")
	if !ok || len(scope) != 5 || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" || len(fields["Signature"]) != 64 {
		return &apiError{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	r.call.Region = scope[2]
	if r.proto != awsJSON {
		r.call.Service = scope[3]
		if scope[3] == "ec2" {
			r.proto = ec2Query
		}
		if refused := r.wrongVersion(); refused != nil {
			return refused
		}
	} else if scope[3] != r.call.Service {
		return &apiError{http.StatusForbidden, "InvalidSignatureException", "Credential should be scoped to correct service: '" + r.call.Service + "'."}
	}
	who, refused := c.identify(scope[0], hr.Header.Get("X-Amz-Security-Token"), r.proto)
	r.caller, r.call.Account, r.call.Caller, r.call.SourceIdentity = who, who.account, who.arn, who.sourceI
	return refused
}

// identify knows the holder of an access key: a session that AssumeRole made, or the user of AccessKeyID. Keys that could
// be real are refused like any unknown one.
func (c *Cloud) identify(key, token string, p protocol) (session, *apiError) {
	code := map[protocol]string{awsJSON: "UnrecognizedClientException", awsQuery: "InvalidClientTokenId", ec2Query: "AuthFailure"}[p]
	unknown := &apiError{http.StatusForbidden, code, "The security token included in the request is invalid."}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.sessions[key]; ok {
		if token == "" {
			return session{}, unknown
		}
		if time.Now().After(s.expires) {
			return s, &apiError{http.StatusForbidden, "ExpiredToken" + map[bool]string{true: "Exception"}[p == awsJSON], "The security token included in the request is expired"}
		}
		return s, nil
	}
	account, ok := strings.CutPrefix(key, "AKIASIM")
	if !ok || len(account) < 12 || !c.live.accounts[account[:12]] {
		return session{}, unknown
	}
	account = account[:12]
	return session{account: account, arn: "arn:aws:iam::" + account + ":user/sim", userID: "AIDASIM" + account}, nil
}

// perform settles the estate and runs the operation.
func (c *Cloud) perform(r *request) (out m, refused *apiError) {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	r.now, r.w = c.now, c.live
	if !r.op.mutating && r.call.Service != "sts" {
		r.w = c.view()
	}
	r.cell = r.w.cell(cellKey{r.call.Account, r.call.Region})
	out, refused = r.op.run(r)
	if r.op.mutating {
		c.settle()
	}
	return out, refused
}

// InFlight is how many calls are being answered.
func (c *Cloud) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight
}

func (c *Cloud) leaveCall() {
	c.mu.Lock()
	c.inFlight--
	c.mu.Unlock()
}

// cut ends the connection with a reset, as a broken network does.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (c *Cloud) reply(w http.ResponseWriter, r *request, out m, refused *apiError) {
	status := http.StatusOK
	var kind string
	var body []byte
	var err error
	if refused != nil {
		status = refused.status
		kind, body, err = refusal(r.proto, r.api(), r.call.RequestID, refused)
	} else {
		kind, body, err = answer(r.proto, r.api(), r.call.Action, r.call.RequestID, out)
	}
	if err != nil {
		http.Error(w, "writing the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Amzn-Requestid", r.call.RequestID)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// bind reads the JSON input of a call.
func bind(r *request, in any) *apiError {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.body, in); err != nil {
		return fault("SerializationException", "%v", err)
	}
	return nil
}

// members reads a list out of a form: Name.member.1, Name.member.2 … or Name.1 ….
func (r *request) members(name string) []string {
	var out []string
	for i := 1; ; i++ {
		v, ok := r.form[name+"."+strconv.Itoa(i)]
		if !ok {
			return out
		}
		out = append(out, v[0])
	}
}

// page cuts the page of a sorted list that a call asks for. Tokens are opaque to clients and bound to the action.
func page[T any](r *request, all []T, token string, asked, limit int) ([]T, string, *apiError) {
	size := limit
	if asked > 0 {
		size = min(asked, limit)
	}
	if forced := r.c.faults.pageSize; forced > 0 {
		size = min(size, forced)
	}
	from := 0
	if token != "" {
		text, ok := strings.CutPrefix(token, "sim-"+r.call.Action+"-")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 0 {
			return nil, "", fault("InvalidParameterException", "Invalid token: %s", token)
		}
		from = min(n, len(all))
	}
	to := min(from+size, len(all))
	if to == len(all) {
		return all[from:to], "", nil
	}
	return all[from:to], fmt.Sprintf("sim-%s-%d", r.call.Action, to), nil
}

// shown is the answer of a call that pages: one page of the list, and the token of the next under the name that the service gives it.
func shown[T, S any](r *request, all []T, token string, asked, limit int, members, next string, show func(T) S) (m, *apiError) {
	all, after, e := page(r, all, token, asked, limit)
	if e != nil {
		return nil, e
	}
	out := l{}
	for _, x := range all {
		out = append(out, show(x))
	}
	return m{members: out, next: text(after)}, nil
}

// text is nil for "", so that an absent member is left out.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}
