package handlers

import (
	"cmp"
	"context"
	"sync"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"
	"golang.org/x/sync/errgroup"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
)

const (
	readAhead    = 10 // clusters whose instances are listed when the modal opens
	readTogether = 4
)

// pick is the state of one picking modal. The client holds only its id. After a
// restart it is gone, which the person is told.
type pick struct {
	id      string
	user    string
	channel string
	url     string         // response URL of the command: a capability, never logged
	args    DeregisterArgs // with the configured deadline, where the command gave none
	why     bool           // a reason is required

	mu        sync.Mutex
	revision  int
	clusters  []ecsops.ClusterARN // those that the person may touch; nil while they are read
	chosen    ecsops.ClusterARN
	instances map[ecsops.ClusterARN][]ecsops.Listed
}

// openPick opens the modal at once (its trigger lives three seconds), then asks
// whether the person may use it, then reads what there is to pick.
func (r *Router) openPick(ctx context.Context, a *act, args DeregisterArgs, to *reply) error {
	again := sentence("The window to pick an instance could not be opened in time. Nothing was done; give the command again, or name the instance: /ecs deregister i-0123456789abcdef0")
	if a.retried {
		to.say(ctx, again) // its trigger has expired
		return nil
	}
	args.Deadline = cmp.Or(args.Deadline, r.Deadline)
	p := &pick{id: opaque(), user: a.who.User, channel: a.channel, url: a.responseURL, args: args, why: r.RequireReason, instances: map[ecsops.ClusterARN][]ecsops.Listed{}}
	view, err := r.openView(ctx, a.trigger, blocks.LoadingModal(p.id))
	if err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("opening the picking modal")
		to.say(ctx, again)
		return nil
	}
	to.view = view
	w, err := r.mayPropose(ctx, a, a.channel, args, to)
	if err != nil {
		return err
	}
	return r.fillPick(ctx, w, p, view, to)
}

// fillPick reads the clusters, draws the pickers, and reads the instances ahead.
func (r *Router) fillPick(ctx context.Context, w asker, p *pick, view string, to *reply) error {
	found, all, err := r.clusterFor(ctx, p.args.Cluster, p.args.Account, p.args.Region)
	if err != nil {
		r.awsTrouble(ctx, "listing the clusters", err, to)
		return nil
	}
	may := r.touchable(w, found, proposing(p.args))
	if len(may) == 0 {
		to.say(ctx, noCluster(p.args.Cluster, all))
		return nil
	}
	p.mu.Lock()
	p.clusters = may
	if len(may) == 1 {
		p.chosen = may[0]
	}
	p.mu.Unlock()
	r.picks.put(p.id, p)
	if err := r.updateView(ctx, p.modal(blocks.Picked{}), "", view); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("drawing the picking modal") // the person may have closed it
		return nil
	}
	to.view = ""
	r.readInstances(ctx, p, may[:min(len(may), readAhead)]...)
	return nil
}

// touchable keeps the clusters that policy lets the person act on.
func (r *Router) touchable(w asker, clusters []ecsops.ClusterARN, action policy.Action) []ecsops.ClusterARN {
	var out []ecsops.ClusterARN
	for _, c := range clusters {
		v := policy.Decide(r.Rules, policy.Request{Action: action, Person: w.person, Channel: w.place, Cluster: c})
		if v.Effect != policy.Refuse {
			out = append(out, c)
		}
	}
	return out
}

// shown is the pick as the modal draws it, with what was filled in already.
func (p *pick) shown(got blocks.Picked) blocks.Pick {
	p.mu.Lock()
	defer p.mu.Unlock()
	return blocks.Pick{ID: p.id, Revision: p.revision, Clusters: len(p.clusters), Cluster: p.chosen, RequireReason: p.why,
		Reason: cmp.Or(got.Reason, p.args.Reason), Purpose: cmp.Or(got.Purpose, p.args.Intent),
		Terminate: p.args.Terminate.drawn(), Deadline: p.args.Deadline, DryRun: p.args.DryRun}
}

// drawn is what the form shows of a typed --terminate.
func (t Termination) drawn() ecsops.Termination {
	switch t {
	case TerminateReplace:
		return ecsops.Replace
	case TerminateShrink:
		return ecsops.Shrink
	case TerminateWhichever, TerminateEC2:
		return ecsops.Terminate
	}
	return ecsops.KeepRunning
}

// terminationOf is what a submitted form says; typed is what the command said.
func terminationOf(t ecsops.Termination, typed Termination) Termination {
	switch {
	case t == typed.drawn():
		return typed // the form does not tell --terminate=ec2 from --terminate
	case t == ecsops.Replace:
		return TerminateReplace
	case t == ecsops.Shrink:
		return TerminateShrink
	case t == ecsops.Terminate:
		return TerminateWhichever
	}
	return ""
}

// modal draws the pick. Slack takes no view with an input and without submit; a
// submission before an instance is picked is answered on the cluster's input.
func (p *pick) modal(got blocks.Picked) slack.ModalViewRequest {
	v := blocks.PickModal(p.shown(got))
	if v.Submit == nil {
		v.Submit = slack.NewTextBlockObject(slack.PlainTextType, "Show the plan", false, false)
	}
	return v
}

// readInstances lists clusters into the pick. A list that cannot be read stays
// unread: the picker goes on saying so.
func (r *Router) readInstances(ctx context.Context, p *pick, clusters ...ecsops.ClusterARN) {
	var g errgroup.Group
	g.SetLimit(readTogether)
	for _, c := range clusters {
		g.Go(func() error {
			list, err := r.Fleet.List(ctx, c)
			if err != nil {
				zerolog.Ctx(ctx).Warn().Err(err).Str("cluster", string(c)).Msg("listing instances for the picker")
				return nil
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.instances[c] = list
			return nil
		})
	}
	_ = g.Wait() // the functions return nil
}

// suggest answers a picker's question from memory: it travels in the ack.
func (r *Router) suggest(a *act) any {
	s := r.suggestions(a)
	if s.Options == nil {
		s.Options = []*slack.OptionBlockObject{} // null is no list
	}
	return s
}

func (r *Router) suggestions(a *act) blocks.Suggestions {
	p, ok := r.myPick(a)
	if !ok {
		return blocks.Suggestions{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch a.action.ActionID {
	case blocks.ActionPickCluster:
		if p.clusters == nil {
			return blocks.StillReading()
		}
		return blocks.ClusterOptions(p.clusters, a.query)
	case blocks.ActionPickInstance:
		list, read := p.instances[p.chosen]
		if !read {
			return blocks.StillReading()
		}
		return blocks.InstanceOptions(list, a.query)
	}
	return blocks.Suggestions{}
}

// myPick finds the pick that a view names, if it is this person's own.
func (r *Router) myPick(a *act) (*pick, bool) {
	if _, home := r.People.envelopeSays(a.who); !home {
		return nil, false
	}
	p, ok := r.picks.get(a.view.PrivateMetadata)
	if !ok || p.user != a.who.User {
		return nil, false
	}
	return p, true
}

// picked rewrites the modal when a cluster was chosen: an old suggestion's
// sibling value would be stale.
func (r *Router) picked(ctx context.Context, a *act, to *reply) error {
	p, ok := r.myPick(a)
	if !ok {
		to.view = a.view.ID
		to.say(ctx, forgotten())
		return nil
	}
	if a.action.ActionID != blocks.ActionPickCluster || !p.choose(a.action.SelectedOption.Value) {
		return nil
	}
	if err := r.updateView(ctx, p.modal(blocks.ReadPick(a.view)), a.view.Hash, a.view.ID); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("rewriting the picking modal") // hash_conflict: a newer choice did
	}
	p.mu.Lock()
	cluster := p.chosen
	_, read := p.instances[cluster]
	p.mu.Unlock()
	if !read {
		r.readInstances(ctx, p, cluster)
	}
	return nil
}

func (p *pick) choose(value string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clusters {
		if blocks.ClusterValue(c) == value {
			p.chosen = c
			p.revision++
			return true
		}
	}
	return false
}

func forgotten() blocks.Message {
	return sentence("This window is no longer known: it was opened too long ago, or before a restart. Nothing was done; please give the command again.")
}

// invalidPick checks a submission of the modal against what was offered. Whose
// it is, is judged and recorded when it is acted on.
func (r *Router) invalidPick(a *act) any {
	field := func(action, text string) any {
		block := blocks.FieldBlock(a.view, action)
		if block == "" {
			block = firstInput(a.view)
		}
		if block == "" {
			return nil
		}
		return viewErrors(block, text)
	}
	p, ok := r.picks.get(a.view.PrivateMetadata)
	if !ok {
		return field(blocks.ActionPickInstance, forgotten().Text)
	}
	if _, mine := r.myPick(a); !mine {
		return nil
	}
	got := blocks.ReadPick(a.view)
	if utf8.RuneCountInString(got.Reason) > maxReason {
		return field(blocks.FieldReason, explain(&Mistake{What: mistakeReason}).Text)
	}
	if r.unsaid(DeregisterArgs{Reason: got.Reason, DryRun: got.DryRun}) {
		return field(blocks.FieldReason, "A reason is required here; only a dry run needs none.")
	}
	if got.Deadline != 0 && (got.Deadline < minDeadline || got.Deadline > maxDeadline) {
		return field(blocks.FieldDeadline, "Between one minute and 24 hours.")
	}
	if got.Purpose == ecsops.Reuse && got.Terminate != ecsops.KeepRunning {
		return field(blocks.FieldTerminate, "To be reused, the machine must go on running.")
	}
	if _, found := p.target(got); !found {
		return field(blocks.ActionPickInstance, "Pick an instance of the chosen cluster from the list.")
	}
	return nil
}

// target is the picked instance, if it was among those offered.
func (p *pick) target(got blocks.Picked) (ecsops.Target, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.instances[p.chosen] {
		if l.Target.InstanceID() == got.Instance && got.Instance != "" {
			return l.Target, true
		}
	}
	return ecsops.Target{}, false
}

// submitPick goes on as the typed command does.
func (r *Router) submitPick(ctx context.Context, a *act, to *reply) error {
	if _, known := r.picks.get(a.view.PrivateMetadata); !known {
		to.say(ctx, forgotten())
		return nil
	}
	p, mine := r.myPick(a)
	if !mine {
		return r.notMine(ctx, a, policy.Propose, "modal_of_another_person", to)
	}
	to.channel, to.url = p.channel, p.url
	if r.invalidPick(a) != nil {
		to.say(ctx, notTaken())
		return nil
	}
	got := blocks.ReadPick(a.view)
	target, ok := p.target(got)
	if !ok {
		to.say(ctx, forgotten())
		return nil
	}
	args := p.args
	args.Reason, args.DryRun = got.Reason, got.DryRun // as the form says, which began with what the command said
	args.Intent = cmp.Or(got.Purpose, args.Intent)
	if got.Deadline > 0 {
		args.Deadline = got.Deadline
	}
	args.Terminate = terminationOf(got.Terminate, args.Terminate)
	w, err := r.mayPropose(ctx, a, p.channel, args, to)
	if err != nil {
		return err
	}
	to.say(ctx, blocks.Looking(ecsops.Ref{EC2: target.EC2, Instance: target.Instance, Cluster: string(target.Cluster)}))
	return r.plan(ctx, w, target, args, to)
}
