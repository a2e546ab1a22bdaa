package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/socket"
	"ecsbot/workflow"
)

const (
	testApp     = "A0APP"
	testTeam    = "T0HOME"
	testChannel = "C0OPS"
	testURL     = "https://hooks.slack.test/commands/secret"
	testEC2     = "i-0aaaaaaaaaaaaaaa1"
)

const (
	prod    = ecsops.ClusterARN("arn:aws:ecs:eu-north-1:111122223333:cluster/prod")
	staging = ecsops.ClusterARN("arn:aws:ecs:eu-north-1:111122223333:cluster/staging")
	secret  = ecsops.ClusterARN("arn:aws:ecs:eu-north-1:111122223333:cluster/secret")
)

// clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Until(t time.Time) time.Duration { return max(0, t.Sub(c.Now())) }

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// said is one thing that somebody was shown.
type said struct {
	way  string // url, ephemeral, direct, view
	to   string // channel, user or view id
	text string // everything: text and blocks
}

// world is every fake around one Router.
type world struct {
	t     *testing.T
	r     *Router
	clock *clock

	mu       sync.Mutex
	said     []said
	opened   []slack.ModalViewRequest
	updated  []slack.ModalViewRequest
	asked    []string // calls of Slack's directory
	users    map[string]*slack.User
	userErr  map[string]error
	groups   map[string][]string
	groupErr error
	places   map[string]*slack.Channel
	placeErr error
	apiErr   map[string]error // by method
	urlErr   int              // status of the response URL; 0 = 200

	inbox   map[string]workflow.InboxItem
	done    map[string]bool
	putErr  error
	doneErr error
	tokens  map[string]workflow.Token
	ops     map[string]workflow.Operation
	holder  *workflow.Operation
	plans   map[string]ecsops.Plan
	kept    map[string][]byte
	keptErr error
	keptMu  sync.Mutex // waits hold mu
	opErr   error

	later     []workflow.Decision // decided afterwards
	again     ecsops.Fact[[]ecsops.Reregistration]
	proposed  []workflow.Proposal
	batches   []workflow.BatchProposal
	bulks     []workflow.BulkProposal
	matching  map[string]int // by filter: how many of the cluster's instances it matches
	sweep     ecsops.Ghosts  // of all clusters
	sweepErr  error
	decided   []workflow.Decision
	recorded  []workflow.Event
	answer    workflow.Answer
	decideErr error
	events    []string // order of what happened

	clusters   []ecsops.ClusterARN
	clusterErr error
	listed     map[ecsops.ClusterARN][]ecsops.Listed
	listErr    error
	resolveErr error
	resolved   []ecsops.Ref
	inspected  []ecsops.Target
	inspectErr error
	takes      time.Duration // how long ecsops says that an inspection takes
	edit       func(*ecsops.Snapshot)
	panics     bool
	serial     int
}

func homeUser(id string) *slack.User { return &slack.User{ID: id, TeamID: testTeam} }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		users:   map[string]*slack.User{"UOP": homeUser("UOP"), "UAP": homeUser("UAP"), "UGRP": homeUser("UGRP"), "UNOBODY": homeUser("UNOBODY")},
		userErr: map[string]error{}, groups: map[string][]string{"SOPS": {"UGRP"}}, apiErr: map[string]error{},
		places: map[string]*slack.Channel{}, inbox: map[string]workflow.InboxItem{}, done: map[string]bool{},
		tokens: map[string]workflow.Token{}, ops: map[string]workflow.Operation{}, plans: map[string]ecsops.Plan{}, kept: map[string][]byte{},
		clusters: []ecsops.ClusterARN{prod, staging, secret}, listed: map[ecsops.ClusterARN][]ecsops.Listed{},
		answer: workflow.Answer{Kind: workflow.Accepted}, again: ecsops.Known([]ecsops.Reregistration(nil)),
	}
	w.place(testChannel, func(c *slack.Channel) { c.IsMember = true })
	w.listed[prod] = []ecsops.Listed{listed(prod, 1), listed(prod, 2)}
	w.listed[staging] = []ecsops.Listed{listed(staging, 3)}
	rules := policy.Rules{
		Operators: []string{"UOP", "SOPS"}, Approvers: []string{"UAP"}, Clusters: []string{string(prod), string(staging)}, Channels: []string{testChannel},
	}
	home := Home{App: testApp, Team: testTeam, BotUser: "UBOT"}
	r, err := New(Deps{
		Slack: w, People: NewPeople(w, rules, home, w.clock), Store: w, Engine: w, Fleet: w, Rules: rules, Clock: w.clock, Home: home,
		HTTP: &http.Client{Transport: w},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.r = r
	return w
}

func (w *world) place(id string, edit func(*slack.Channel)) {
	c := &slack.Channel{}
	c.ID = id
	edit(c)
	w.places[id] = c
}

func listed(c ecsops.ClusterARN, n int) ecsops.Listed {
	return ecsops.Listed{Target: target(c, n), Status: "ACTIVE", AgentConnected: true, AZ: "eu-north-1a", Type: "m5.large", Name: fmt.Sprintf("web-%d", n), EC2State: "running"}
}

func target(c ecsops.ClusterARN, n int) ecsops.Target {
	digits := strconv.Itoa(n)
	return ecsops.Target{
		Account: c.Account(), Region: c.Region(), Cluster: c, EC2: ecsops.EC2ID("i-0aaaaaaaaaaaaaaaa"[:19-len(digits)] + digits),
		Instance:     ecsops.InstanceARN(fmt.Sprintf("arn:aws:ecs:eu-north-1:111122223333:container-instance/%s/%032x", c.Name(), n)),
		RegisteredAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// Directory and API.

func (w *world) call(method string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, method)
	return w.apiErr[method]
}

func (w *world) GetUserInfoContext(_ context.Context, id string, _ ...slack.GetUserInfoOption) (*slack.User, error) {
	if err := errors.Join(w.call("users.info"), w.userErr[id]); err != nil {
		return nil, err
	}
	if u := w.users[id]; u != nil {
		return u, nil
	}
	return nil, slack.SlackErrorResponse{Err: "user_not_found"}
}

func (w *world) GetUserGroupMembersContext(_ context.Context, id string, _ ...slack.GetUserGroupMembersOption) ([]string, error) {
	if err := errors.Join(w.call("usergroups.users.list"), w.groupErr); err != nil {
		return nil, err
	}
	return w.groups[id], nil
}

func (w *world) GetConversationInfoContext(_ context.Context, in *slack.GetConversationInfoInput) (*slack.Channel, error) {
	if err := errors.Join(w.call("conversations.info"), w.placeErr); err != nil {
		return nil, err
	}
	if c := w.places[in.ChannelID]; c != nil {
		return c, nil
	}
	return nil, slack.SlackErrorResponse{Err: "channel_not_found"}
}

func (w *world) OpenViewContext(_ context.Context, trigger string, v slack.ModalViewRequest) (*slack.ViewResponse, error) {
	if err := w.call("views.open"); err != nil {
		return nil, err
	}
	if trigger == "" {
		return nil, slack.SlackErrorResponse{Err: "invalid_trigger_id"}
	}
	w.happened("views.open")
	w.opened = append(w.opened, v)
	resp := &slack.ViewResponse{}
	resp.ID = fmt.Sprintf("V%d", len(w.opened))
	return resp, nil
}

func (w *world) UpdateViewContext(_ context.Context, v slack.ModalViewRequest, _, _, id string) (*slack.ViewResponse, error) {
	if err := w.call("views.update"); err != nil {
		return nil, err
	}
	w.updated = append(w.updated, v)
	w.hear("view", id, v)
	return &slack.ViewResponse{}, nil
}

func (w *world) PostEphemeralContext(_ context.Context, channel, user string, opts ...slack.MsgOption) (string, error) {
	if err := w.call("chat.postEphemeral"); err != nil {
		return "", err
	}
	w.hear("ephemeral", channel+"/"+user, values(opts))
	return "", nil
}

func (w *world) PostMessageContext(_ context.Context, channel string, opts ...slack.MsgOption) (string, string, error) {
	if err := w.call("chat.postMessage"); err != nil {
		return "", "", err
	}
	w.hear("direct", channel, values(opts))
	return "", "", nil
}

func values(opts []slack.MsgOption) any {
	_, v, err := slack.UnsafeApplyMsgOptions("", "", "", opts...)
	if err != nil {
		return err.Error()
	}
	return v
}

func (w *world) hear(way, to string, content any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(content); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, said{way, to, b.String()})
}

// RoundTrip is the response URL.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	status := w.urlErr
	if status == 0 {
		status = http.StatusOK
		w.hear("url", req.URL.String(), json.RawMessage(b))
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}, Request: req}, nil
}

// Store.

func (w *world) happened(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, what)
}

func (w *world) PutInbox(_ context.Context, it workflow.InboxItem) (bool, error) {
	if w.putErr != nil {
		return false, w.putErr
	}
	w.happened("put")
	w.mu.Lock()
	defer w.mu.Unlock()
	_, have := w.inbox[it.ID]
	if !have {
		w.inbox[it.ID] = it
	}
	return !have, nil
}

func (w *world) ClaimInbox(_ context.Context, limit int, _ time.Duration) ([]workflow.InboxItem, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []workflow.InboxItem
	for id, it := range w.inbox {
		if !w.done[id] && len(out) < limit {
			out = append(out, it)
		}
	}
	return out, nil
}

func (w *world) DoneInbox(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[id] = true
	return w.doneErr
}

func (w *world) Token(_ context.Context, token string) (workflow.Token, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.tokens[token]; ok {
		return t, nil
	}
	return workflow.Token{}, workflow.ErrNotFound
}

func (w *world) BindTokens(_ context.Context, op, channel, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, t := range w.tokens {
		if t.Op == op {
			t.Channel, t.TS = channel, ts
			w.tokens[name] = t
		}
	}
	return nil
}

func (w *world) SaveShown(_ context.Context, id string, doc []byte) error {
	w.keptMu.Lock()
	defer w.keptMu.Unlock()
	w.kept[id] = doc
	return w.keptErr
}

func (w *world) Shown(_ context.Context, id string) ([]byte, error) {
	w.keptMu.Lock()
	defer w.keptMu.Unlock()
	if doc, ok := w.kept[id]; ok {
		return doc, w.keptErr
	}
	return nil, cmp.Or(w.keptErr, workflow.ErrNotFound)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// pick is the state of a picking modal.
func (w *world) pick(id string) pick {
	w.t.Helper()
	p, known, err := w.r.picks.get(w.t.Context(), id)
	if err != nil || !known {
		w.t.Fatalf("no pick %s: %v", id, err)
	}
	return p
}

// keptID is the id of something of that kind that was shown.
func (w *world) keptID(kind string) string {
	w.t.Helper()
	for k := range w.kept {
		if id, of := strings.CutPrefix(k, kind+"/"); of {
			return id
		}
	}
	w.t.Fatalf("nothing is kept of %s", kind)
	return ""
}

// elsewhere goes on with another replica: of the first one it has the store alone.
func (w *world) elsewhere() {
	w.t.Helper()
	r, err := New(w.r.Deps)
	if err != nil {
		w.t.Fatal(err)
	}
	w.r = r
}

func (w *world) SavePlan(_ context.Context, id string, p ecsops.Plan) error {
	w.plans[id] = p
	return nil
}

func (w *world) Operation(_ context.Context, id string) (workflow.Operation, error) {
	if w.opErr != nil {
		return workflow.Operation{}, w.opErr
	}
	if op, ok := w.ops[id]; ok {
		return op, nil
	}
	return workflow.Operation{}, workflow.ErrNotFound
}

func (w *world) BindNotice(_ context.Context, op string, revision int, channel, ts string) error {
	for id, tok := range w.tokens {
		if tok.Op == op && tok.Revision == revision {
			tok.Channel, tok.TS = channel, ts
			w.tokens[id] = tok
		}
	}
	return nil
}

func (w *world) Afterwards(_ context.Context, d workflow.Decision) (workflow.Answer, error) {
	w.later = append(w.later, d)
	a := w.answer
	a.Op = w.ops[d.Op]
	if d.Verb == workflow.LookHostVerb {
		a.Detail = "host_look"
	}
	return a, w.decideErr
}

func (w *world) RegisteredAgain(context.Context, ecsops.Target) (ecsops.Fact[[]ecsops.Reregistration], error) {
	return w.again, w.inspectErr
}

func (w *world) Operations(_ context.Context, f workflow.Filter) ([]workflow.Operation, error) {
	var out []workflow.Operation
	for _, op := range w.ops {
		if !f.Active || !op.State.Terminal() {
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b workflow.Operation) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out[:min(len(out), cmp.Or(f.Limit, 20))], w.opErr
}

func (w *world) Holder(context.Context, ecsops.Target) (workflow.Operation, error) {
	if w.holder != nil {
		return *w.holder, nil
	}
	return workflow.Operation{}, workflow.ErrNotFound
}

// Engine.

func (w *world) Propose(_ context.Context, p workflow.Proposal) (workflow.Operation, error) {
	w.proposed = append(w.proposed, p)
	op := workflow.Operation{ID: fmt.Sprintf("op%d", len(w.proposed)), Target: p.Plan.Snapshot.Target, Requester: p.Actor}
	w.ops[op.ID] = op
	return op, nil
}

func (w *world) ProposeBatch(_ context.Context, p workflow.BatchProposal) (workflow.Operation, error) {
	w.batches = append(w.batches, p)
	op := workflow.Operation{ID: fmt.Sprintf("batch%d", len(w.batches)), Requester: p.Actor}
	w.ops[op.ID] = op
	return op, nil
}

func (w *world) ProposeBulk(_ context.Context, p workflow.BulkProposal) (workflow.Operation, error) {
	w.bulks = append(w.bulks, p)
	op := workflow.Unproposed(p)
	op.ID = fmt.Sprintf("bulk%d", len(w.bulks))
	w.ops[op.ID] = op
	return op, nil
}

func (w *world) InspectMany(ctx context.Context, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	var out []ecsops.Snapshot
	for _, t := range ts {
		s, err := w.Inspect(ctx, t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (w *world) Matching(_ context.Context, c ecsops.ClusterARN, filter string) ([]ecsops.Listed, error) {
	n, ok := w.matching[filter]
	if !ok {
		return nil, &ecsops.FilterError{Filter: filter, Message: "Invalid <!channel> expression"}
	}
	var out []ecsops.Listed
	for i := range n {
		out = append(out, listed(c, i+1))
	}
	return out, nil
}

// Ghosts reads what want keeps, and nothing else.
func (w *world) Ghosts(_ context.Context, want func(ecsops.ClusterARN) bool) (ecsops.Ghosts, error) {
	w.happened("sweep")
	out := w.sweep
	out.Found, out.Searched, out.ReadAt = nil, nil, w.clock.Now()
	for _, c := range w.clusters {
		if want(c) {
			out.Searched = append(out.Searched, c)
		}
	}
	for _, g := range w.sweep.Found {
		if want(g.Target.Cluster) {
			out.Found = append(out.Found, g)
		}
	}
	return out, w.sweepErr
}

func (w *world) Decide(_ context.Context, d workflow.Decision) (workflow.Answer, error) {
	if w.decideErr != nil {
		return workflow.Answer{}, w.decideErr
	}
	w.decided = append(w.decided, d)
	if d.Verdict.Effect != policy.Allow && d.Verdict.Effect != policy.Require {
		return workflow.Answer{Kind: workflow.NotYours, Reasons: d.Verdict.Reasons, Op: w.ops[d.Op]}, nil
	}
	a := w.answer
	a.Op = w.ops[d.Op]
	return a, nil
}

func (w *world) Record(_ context.Context, events ...workflow.Event) error {
	w.recorded = append(w.recorded, events...)
	return nil
}

// Fleet.

func (w *world) Clusters(context.Context) ([]ecsops.ClusterARN, error) {
	if w.panics {
		panic("a bug")
	}
	return w.clusters, w.clusterErr
}

func (w *world) Preview(ctx context.Context, ref ecsops.Ref) (ecsops.Preview, error) {
	found, err := w.resolve(ref)
	p := ecsops.Preview{Found: found}
	if err == nil && len(found) == 1 {
		p.Snapshot, err = w.Inspect(ctx, found[0].Target)
	}
	return p, err
}

func (w *world) resolve(ref ecsops.Ref) ([]ecsops.Listed, error) {
	w.resolved = append(w.resolved, ref)
	if w.resolveErr != nil {
		return nil, w.resolveErr
	}
	var out []ecsops.Listed
	for _, c := range w.clusters {
		for _, l := range w.listed[c] {
			if l.Target.EC2 == ref.EC2 && (ref.Cluster == "" || ref.Cluster == c.Name() || ref.Cluster == string(c)) {
				out = append(out, l)
			}
		}
	}
	if len(out) == 0 {
		return nil, &ecsops.NotFoundError{Ref: ref, Searched: []ecsops.ClusterARN{prod, staging}}
	}
	return out, nil
}

func (w *world) List(_ context.Context, c ecsops.ClusterARN) ([]ecsops.Listed, error) {
	w.happened("list " + c.Name())
	return w.listed[c], w.listErr
}

func (w *world) Inspect(ctx context.Context, t ecsops.Target) (ecsops.Snapshot, error) {
	ecsops.TakesLong(ctx, w.takes)
	w.inspected = append(w.inspected, t)
	s := snapshot(t, w.clock.Now())
	if w.edit != nil {
		w.edit(&s)
	}
	return s, w.inspectErr
}

// snapshot is a healthy, empty instance of a cluster with room: nothing to fear.
func snapshot(t ecsops.Target, now time.Time) ecsops.Snapshot {
	peer := func(n int, az string) ecsops.Peer {
		p := target(t.Cluster, n)
		return ecsops.Peer{Instance: p.Instance, EC2: p.EC2, Status: "ACTIVE", AgentConnected: true, AZ: az}
	}
	return ecsops.Snapshot{
		Target: t, ReadAt: now,
		Instance:         ecsops.Known(ecsops.Instance{Status: "ACTIVE", AgentConnected: true, EC2: t.EC2, RegisteredAt: t.RegisteredAt, AZ: "eu-north-1a", Type: "m5.large"}),
		Cluster:          ecsops.Known(ecsops.Cluster{ARN: t.Cluster, Status: "ACTIVE", Instances: 3}),
		Peers:            ecsops.Known([]ecsops.Peer{peer(7, "eu-north-1a"), peer(8, "eu-north-1b")}),
		Registrations:    ecsops.Known[[]ecsops.Registration](nil),
		Elsewhere:        ecsops.Known(ecsops.Elsewhere{}),
		Spot:             ecsops.Known(ecsops.SpotRequest{}),
		Node:             ecsops.Known(ecsops.Node{}),
		Rehearsal:        ecsops.Known(ecsops.RehearsalAllowed),
		Storage:          ecsops.Known(ecsops.Storage{Asked: true}),
		Tasks:            ecsops.Known[[]ecsops.Task](nil),
		Protection:       ecsops.Known(map[string]time.Time{}),
		Services:         ecsops.Known(map[string]ecsops.Service{}),
		TaskDefinitions:  ecsops.Known(map[string]ecsops.TaskDefinition{}),
		TargetGroups:     ecsops.Known(map[string]ecsops.TargetGroup{}),
		EC2:              ecsops.Known(ecsops.EC2{State: "running", Type: "m5.large", AZ: "eu-north-1a", TerminationReadOK: true}),
		Group:            ecsops.Known(ecsops.Group{}),
		Hooks:            ecsops.Known[[]ecsops.Hook](nil),
		CapacityProvider: ecsops.Known(ecsops.CapacityProvider{}),
		Daemons:          ecsops.Known(map[string]ecsops.DaemonOf{}),
		Self:             ecsops.Known(ecsops.InstanceARN("")),
		Others:           ecsops.Known[[]ecsops.Service](nil),
		Hosts:            ecsops.Known(map[string][]ecsops.InstanceARN{}),
		Interfaces:       ecsops.Known(map[ecsops.EC2ID]ecsops.Interfaces{}),
		Stopping:         ecsops.Known(ecsops.Stopping{}),
		Providers:        ecsops.Known(map[string]ecsops.Provider{}),
		Lifecycles:       ecsops.Known(map[ecsops.EC2ID]string{}),
	}
}

// standalone adds a task that a drain does not move.
func standalone(s *ecsops.Snapshot) {
	s.Tasks = ecsops.Known([]ecsops.Task{{
		ARN: "arn:aws:ecs:eu-north-1:111122223333:task/prod/0123456789abcdef0123456789abcdef", Class: ecsops.Standalone, LastStatus: "RUNNING", DesiredStatus: "RUNNING",
		TaskDefinition: "arn:aws:ecs:eu-north-1:111122223333:task-definition/batch:3",
	}})
	s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{"arn:aws:ecs:eu-north-1:111122223333:task-definition/batch:3": {FamilyAndRev: "batch:3", StopTimeout: 30 * time.Second}})
}

// Payloads, as Slack's documentation shows them.

type payload map[string]any

func (p payload) set(path string, v any) payload {
	m := p
	parts := strings.Split(path, ".")
	for _, k := range parts[:len(parts)-1] {
		next, ok := m[k].(payload)
		if !ok {
			next = payload{}
			m[k] = next
		}
		m = next
	}
	m[parts[len(parts)-1]] = v
	return p
}

func (p payload) drop(path string) payload {
	m := p
	parts := strings.Split(path, ".")
	for _, k := range parts[:len(parts)-1] {
		next, ok := m[k].(payload)
		if !ok {
			return p
		}
		m = next
	}
	delete(m, parts[len(parts)-1])
	return p
}

func slash(user, text string) payload {
	return payload{
		"token": "x", "team_id": testTeam, "team_domain": "home", "channel_id": testChannel, "channel_name": "ops", "user_id": user, "user_name": "somebody",
		"command": "/ecs", "text": text, "api_app_id": testApp, "is_enterprise_install": "false", "response_url": testURL, "trigger_id": "trigger",
	}
}

func interactive(typ, user string) payload {
	return payload{
		"type": typ, "api_app_id": testApp, "team": payload{"id": testTeam, "domain": "home"}, "enterprise": nil,
		"user": payload{"id": user, "username": "somebody", "name": "somebody", "team_id": testTeam}, "trigger_id": "trigger",
	}
}

func click(user string, verb workflow.Verb, token string) payload {
	p := interactive(typeActions, user)
	p["channel"] = payload{"id": testChannel, "name": "ops"}
	p["container"] = payload{"type": "message", "message_ts": "1.000001", "channel_id": testChannel, "is_ephemeral": false}
	p["message"] = payload{"user": "UAUTHOR", "ts": "1.000001"}
	p["response_url"] = testURL
	p["actions"] = []payload{{"action_id": string(verb), "block_id": "verbs", "type": "button", "value": token}}
	return p
}

func viewOf(m slack.ModalViewRequest, state payload) payload {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	var v payload
	if err := json.Unmarshal(b, &v); err != nil {
		panic(err)
	}
	v["id"], v["hash"], v["state"] = "V1", "h1", payload{"values": state}
	return v
}

func submit(user string, m slack.ModalViewRequest, state payload) payload {
	p := interactive(typeSubmission, user)
	p["view"] = viewOf(m, state)
	return p
}

// acks collects what is written on the arrival socket.
type acks struct {
	w      *world
	frames []map[string]any
	err    error
}

func (a *acks) WriteAck(_ context.Context, frame []byte) error {
	a.w.happened("ack")
	if a.err != nil {
		return a.err
	}
	var f map[string]any
	if err := json.Unmarshal(frame, &f); err != nil {
		return err
	}
	a.frames = append(a.frames, f)
	return nil
}

// send hands an envelope over, without acting on it yet.
func (w *world) send(kind string, p payload) *acks {
	w.serial++
	return w.sendID(fmt.Sprintf("E%d", w.serial), kind, p)
}

func (w *world) sendID(id, kind string, p payload) *acks {
	b, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	a := &acks{w: w}
	w.r.Handle(w.t.Context(), socket.NewEnvelope(id, kind, b, a))
	return a
}

// settle acts on everything that waits.
func (w *world) settle() {
	for {
		select {
		case j := <-w.r.jobs:
			w.r.run(w.t.Context(), j)
		default:
			return
		}
	}
}

func (w *world) command(user, text string) {
	w.t.Helper()
	w.send(envCommand, slash(user, text))
	w.settle()
}

func (w *world) interact(p payload) *acks {
	w.t.Helper()
	a := w.send(envInteractive, p)
	w.settle()
	return a
}

// heard reports whether someone was told something that contains all of parts.
func (w *world) heard(parts ...string) bool {
	for _, s := range w.said {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s.text, p) }) {
			return true
		}
	}
	return false
}

func (w *world) wantHeard(parts ...string) {
	w.t.Helper()
	if !w.heard(parts...) {
		w.t.Errorf("nobody was told %q; said: %+v", parts, w.said)
	}
}

// card stores an operation with tokens for every verb, bound to the card.
func (w *world) card(id string, edit func(*workflow.Operation)) workflow.Operation {
	s := snapshot(target(prod, 1), w.clock.Now())
	op := workflow.Operation{
		ID: id, State: workflow.Proposed, Revision: 1, Target: s.Target, Plan: ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire}),
		Requester: workflow.Actor{UserID: "UOP", TeamID: testTeam}, Origin: workflow.Origin{Channel: testChannel}, ExpiresAt: w.clock.Now().Add(15 * time.Minute),
	}
	if edit != nil {
		edit(&op)
	}
	w.ops[id] = op
	for v := range verbActions() {
		tok := workflow.Token{
			Token: id + "-" + string(v), Op: id, Revision: blocks.CardRevision(op), Verb: v, Channel: testChannel, TS: "1.000001", ExpiresAt: w.clock.Now().Add(15 * time.Minute),
		}
		w.tokens[tok.Token] = tok
	}
	for v := range noticeActions() {
		tok := workflow.Token{Token: id + "-" + string(v), Op: id, Revision: -1, Verb: v, Channel: testChannel, TS: "1.000001", ExpiresAt: w.clock.Now().Add(15 * time.Minute)}
		w.tokens[tok.Token] = tok
	}
	return op
}

func slackErr(word string) error { return slack.SlackErrorResponse{Err: word} }

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
