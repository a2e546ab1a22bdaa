package handlers

import (
	"cmp"
	"context"
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

// pick is the state of one picking modal, kept in the store. The client holds only its id.
type pick struct {
	ID       string
	User     string
	Channel  string
	Args     DeregisterArgs // with the configured deadline, where the command gave none
	Why      bool           // a reason is required
	Revision int
	Clusters []ecsops.ClusterARN // those that the person may touch
	Chosen   ecsops.ClusterARN
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
	p := pick{ID: opaque(), User: a.who.User, Channel: a.channel, Args: args, Why: r.RequireReason}
	r.urls.put(p.ID, a.responseURL)
	view, err := r.openView(ctx, a.trigger, blocks.LoadingModal(p.ID))
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
func (r *Router) fillPick(ctx context.Context, w asker, p pick, view string, to *reply) error {
	found, all, err := r.clusterFor(ctx, p.Args.Cluster, p.Args.Account, p.Args.Region)
	if err != nil {
		r.awsTrouble(ctx, "listing the clusters", err, to)
		return nil
	}
	may := r.touchable(w, found, proposing(p.Args))
	if len(may) == 0 {
		to.say(ctx, noCluster(p.Args.Cluster, all))
		return nil
	}
	p.Clusters = may
	if len(may) == 1 {
		p.Chosen = may[0]
	}
	if err := r.picks.put(ctx, p.ID, p); err != nil {
		return err
	}
	if err := r.updateView(ctx, p.modal(blocks.Picked{}), "", view); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("drawing the picking modal") // the person may have closed it
		return nil
	}
	to.view = ""
	r.readAhead(ctx, p, may[:min(len(may), readAhead)])
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
func (p pick) shown(got blocks.Picked) blocks.Pick {
	return blocks.Pick{ID: p.ID, Revision: p.Revision, Clusters: len(p.Clusters), Cluster: p.Chosen, RequireReason: p.Why,
		Reason: cmp.Or(got.Reason, p.Args.Reason), Purpose: cmp.Or(got.Purpose, p.Args.Intent),
		Terminate: p.Args.Terminate.drawn(), Deadline: p.Args.Deadline, DryRun: p.Args.DryRun}
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
func (p pick) modal(got blocks.Picked) slack.ModalViewRequest {
	v := blocks.PickModal(p.shown(got))
	if v.Submit == nil {
		v.Submit = slack.NewTextBlockObject(slack.PlainTextType, "Show the plan", false, false)
	}
	return v
}

// readAhead lists clusters for the picker.
func (r *Router) readAhead(ctx context.Context, p pick, clusters []ecsops.ClusterARN) {
	var g errgroup.Group
	g.SetLimit(readTogether)
	for _, c := range clusters {
		g.Go(func() error {
			_, _ = r.instances(ctx, p, c) // logged; the picker reads again when it is typed into
			return nil
		})
	}
	_ = g.Wait() // the functions return nil
}

func listKey(p pick, c ecsops.ClusterARN) string { return p.ID + "/" + string(c) }

// instances lists a cluster for a pick, once for as long as the modal may be open.
func (r *Router) instances(ctx context.Context, p pick, c ecsops.ClusterARN) ([]ecsops.Listed, error) {
	if list, read := r.lists.get(listKey(p, c)); read {
		return list, nil
	}
	v, err, _ := r.reads.Do(listKey(p, c), func() (any, error) {
		list, err := r.Fleet.List(ctx, c)
		if err == nil {
			r.lists.put(listKey(p, c), list)
		}
		return list, err
	})
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("cluster", string(c)).Msg("listing instances for the picker")
		return nil, err
	}
	return v.([]ecsops.Listed), nil
}

// readBehind lists a cluster while the picker says that it is still being read.
func (r *Router) readBehind(ctx context.Context, p pick, c ecsops.ClusterARN) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTimeout)
	go func() {
		defer cancel()
		_, _ = r.instances(ctx, p, c) // logged
	}()
}

// suggest answers a picker's question from memory and the store: it travels in the ack.
func (r *Router) suggest(ctx context.Context, a *act) any {
	s := r.suggestions(ctx, a)
	if s.Options == nil {
		s.Options = []*slack.OptionBlockObject{} // null is no list
	}
	return s
}

func (r *Router) suggestions(ctx context.Context, a *act) blocks.Suggestions {
	p, ok, err := r.myPick(ctx, a)
	switch {
	case err != nil:
		return blocks.StillReading()
	case !ok:
		return blocks.Suggestions{}
	}
	switch a.action.ActionID {
	case blocks.ActionPickCluster:
		return blocks.ClusterOptions(p.Clusters, a.query)
	case blocks.ActionPickInstance:
		list, read := r.lists.get(listKey(p, p.Chosen))
		if !read {
			if p.Chosen != "" { // another replica read it, or nobody could
				r.readBehind(ctx, p, p.Chosen)
			}
			return blocks.StillReading()
		}
		return blocks.InstanceOptions(list, a.query)
	}
	return blocks.Suggestions{}
}

// myPick finds the pick that a view names, if it is this person's own.
func (r *Router) myPick(ctx context.Context, a *act) (pick, bool, error) {
	if _, home := r.People.envelopeSays(a.who); !home {
		return pick{}, false, nil
	}
	p, ok, err := r.picks.soon(ctx, a.view.PrivateMetadata)
	return p, ok && p.User == a.who.User, err
}

// picked rewrites the modal when a cluster was chosen: an old suggestion's
// sibling value would be stale.
func (r *Router) picked(ctx context.Context, a *act, to *reply) error {
	p, ok, err := r.myPick(ctx, a)
	switch {
	case err != nil:
		return err
	case !ok:
		to.view = a.view.ID
		to.say(ctx, forgotten())
		return nil
	}
	if a.action.ActionID != blocks.ActionPickCluster || !p.choose(a.action.SelectedOption.Value) {
		return nil
	}
	if err := r.picks.put(ctx, p.ID, p); err != nil {
		return err
	}
	if err := r.updateView(ctx, p.modal(blocks.ReadPick(a.view)), a.view.Hash, a.view.ID); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("rewriting the picking modal") // hash_conflict: a newer choice did
	}
	_, _ = r.instances(ctx, p, p.Chosen) // logged; the picker reads again when it is typed into
	return nil
}

func (p *pick) choose(value string) bool {
	for _, c := range p.Clusters {
		if blocks.ClusterValue(c) == value {
			p.Chosen = c
			p.Revision++
			return true
		}
	}
	return false
}

func forgotten() blocks.Message {
	return sentence("This window is no longer known: it was opened too long ago. Nothing was done; please give the command again.")
}

// invalidPick checks a submission of the modal against what was offered. Whose
// it is, is judged and recorded when it is acted on.
func (r *Router) invalidPick(ctx context.Context, a *act) any {
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
	p, ok, err := r.picks.soon(ctx, a.view.PrivateMetadata)
	switch {
	case err != nil:
		return nil // to be judged in full
	case !ok:
		return field(blocks.ActionPickInstance, forgotten().Text)
	}
	if _, home := r.People.envelopeSays(a.who); !home || p.User != a.who.User {
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
	list, read := r.lists.get(listKey(p, p.Chosen))
	if _, found := p.target(got, list); !found && (read || got.Instance == "") {
		return field(blocks.ActionPickInstance, "Pick an instance of the chosen cluster from the list.")
	}
	return nil
}

// target is the picked instance, if it is among those offered of the cluster that the form shows.
func (p pick) target(got blocks.Picked, list []ecsops.Listed) (ecsops.Target, bool) {
	if got.Cluster != "" && got.Cluster != blocks.ClusterValue(p.Chosen) {
		return ecsops.Target{}, false
	}
	for _, l := range list {
		if l.Target.InstanceID() == got.Instance && got.Instance != "" {
			return l.Target, true
		}
	}
	return ecsops.Target{}, false
}

// submitPick goes on as the typed command does.
func (r *Router) submitPick(ctx context.Context, a *act, to *reply) error {
	p, known, err := r.picks.get(ctx, a.view.PrivateMetadata)
	switch {
	case err != nil:
		return err
	case !known:
		to.say(ctx, forgotten())
		return nil
	}
	if _, home := r.People.envelopeSays(a.who); !home || p.User != a.who.User {
		return r.notMine(ctx, a, policy.Propose, "modal_of_another_person", to)
	}
	url, _ := r.urls.get(p.ID) // of another replica's command: the answer is posted
	to.channel, to.url = p.Channel, url
	if r.invalidPick(ctx, a) != nil {
		to.say(ctx, notTaken())
		return nil
	}
	got := blocks.ReadPick(a.view)
	args := p.Args
	args.Reason, args.DryRun = got.Reason, got.DryRun // as the form says, which began with what the command said
	args.Intent = cmp.Or(got.Purpose, args.Intent)
	if got.Deadline > 0 {
		args.Deadline = got.Deadline
	}
	args.Terminate = terminationOf(got.Terminate, args.Terminate)
	w, err := r.mayPropose(ctx, a, p.Channel, args, to)
	if err != nil {
		return err
	}
	list, err := r.instances(ctx, p, p.Chosen)
	if err != nil {
		r.awsTrouble(ctx, "reading the cluster "+p.Chosen.Name(), err, to)
		return nil
	}
	target, ok := p.target(got, list)
	if !ok {
		to.say(ctx, notTaken())
		return nil
	}
	to.say(ctx, blocks.Looking(ecsops.Ref{EC2: target.EC2, Instance: target.Instance, Cluster: string(target.Cluster)}))
	return r.plan(ctx, w, target, args, to)
}
