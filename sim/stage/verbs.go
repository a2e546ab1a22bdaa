package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	simslack "ecsbot/sim/slack"
)

// Patience is the real time that a line waits for what it wants to see.
const Patience = 20 * time.Second

var people = map[string]string{
	"olga": simslack.DemoOperator, "otto": simslack.DemoOperator2, "ana": simslack.DemoApprover,
	"gus": simslack.DemoGuest, "sam": simslack.DemoStranger, "lea": simslack.DemoLeaver,
}

var places = map[string]string{
	"ops": simslack.DemoOps, "audit": simslack.DemoAudit, "shared": simslack.DemoShared, "random": simslack.DemoRandom,
}

// verbs in the order of Help.
var verbs = []struct {
	name string
	// shape is a letter for each word that must follow: u a person, c a channel
	// (both become ids), w any word.
	shape, usage string
	run          func(*Stage, context.Context, []string) (string, error)
}{
	{"start", "", "start                             start the process and wait for its connection", (*Stage).doStart},
	{"connected", "", "connected                         wait until the process holds a connection", (*Stage).doConnected},
	{"stop", "", "stop                              ask the process to end", (*Stage).doStop},
	{"kill", "", "kill                              kill the process (SIGKILL)", (*Stage).doKill},
	{"say", "ucw", "say olga #ops '/ecs …'            type a command", (*Stage).doSay},
	{"mumble", "ucww", "mumble olga #ops '/ecs …' 4000    type a command followed by that many letters", (*Stage).doMumble},
	{"click", "ucw", "click ana #ops approve [regexp]   press the newest such button, in a message that matches; approve@TEXT: of the row that says TEXT", (*Stage).doClick},
	{"press", "ucw", "press olga #ops ghosts_clean_all [regexp]   press the newest such button, in a message that she alone sees", (*Stage).doPress},
	{"stale", "ucw", "stale olga #ops confirm           press the button as 'keep' remembered it", (*Stage).doStale},
	{"both", "uucw", "both olga otto #ops confirm       two people press the same button at the same moment", (*Stage).doBoth},
	{"keep", "cw", "keep #ops confirm [regexp]        remember the newest message with that button", (*Stage).doKeep},
	{"fill", "uww", "fill olga block action value…     fill in the open modal; without a value: empty it", (*Stage).doFill},
	{"suggest", "uwwww", "suggest olga block action text regexp   type into a menu of the open modal and choose", (*Stage).doSuggest},
	{"submit", "u", "submit olga                       submit the open modal", (*Stage).doSubmit},
	{"modal", "uw", "modal olga regexp                 wait until the open modal matches", (*Stage).doModal},
	{"see", "ww", "see #ops|olga regexp              wait for a message that matches: there, or to olga alone since her last act", (*Stage).doSee},
	{"unseen", "ww", "unseen #ops|olga regexp           nothing there, or since her last act, matches", (*Stage).doUnseen},
	{"gone", "ww", "gone #ops|olga regexp             wait until nothing there matches any more", (*Stage).doGone},
	{"shown", "cw", "shown #ops regexp regexp…         wait until one message shows or once showed them all, in this order", (*Stage).doShown},
	{"thread", "w", "thread regexp regexp…             wait until one thread in #audit matches them all, in this order", (*Stage).doThread},
	{"numbers", "w", "numbers regexp                    wait until a record matches, and #audit has every number up to it, in order", (*Stage).doNumbers},
	{"instance", "ww", "instance i-… STATUS|gone          wait until ECS has it so", (*Stage).doInstance},
	{"host", "ww", "host i-… STATE                    wait until EC2 has it so", (*Stage).doHost},
	{"calls", "ww", "calls Action N                    that many calls of the action took effect", (*Stage).doCalls},
	{"mutations", "w", "mutations N                       that many changes took effect in AWS, of all kinds", (*Stage).doMutations},
	{"break", "w", "break what [key=value…]           a fault in AWS (sim/aws, Break)", (*Stage).doBreak},
	{"machine", "www", "machine i-… CLUSTER NAME [kind…]  add a container instance with that Name tag: spot, spot-drains (by itself, on a notice), spot-stops, group=GROUP, lifecycle=STATE (in its group)", (*Stage).doMachine},
	{"add", "ww", "add service Name=shop …            add to the estate: host, definition, service, task, targets, group, provider, cluster; fields as in sim/aws's …Spec", (*Stage).doAdd},
	{"someone", "www", "someone ecs UpdateContainerInstancesState {…}   somebody else calls AWS; EC2 and Auto Scaling take key=value", (*Stage).doSomeone},
	{"hosted", "ww", "hosted i-… CLUSTER                the process runs as a task there, from its next start", (*Stage).doHosted},
	{"task", "wwww", "task i-… CLUSTER FAMILY STARTER [ID]   start a task of no service there", (*Stage).doTask},
	{"service", "wwwww", "service CLUSTER NAME 1 100 200    what the service wants, its minimum and its maximum percent", (*Stage).doService},
	{"classic", "wwww", "classic i-… CLUSTER NAME 40s       a service with one task there, behind a Classic load balancer of that name and connection draining", (*Stage).doClassic},
	{"protect", "www", "protect i-… FAMILY 2h             protect the family's tasks there from scale-in; 0s ends it", (*Stage).doProtect},
	{"slow", "ww", "slow FAMILY 5m                    let the family's containers take that long to stop", (*Stage).doSlow},
	{"slack", "w", "slack fault…                      a fault in Slack: refresh, cut, fail METHOD ERROR N, limit METHOD SECONDS N, remove #ops, invite #ops, archive #ops, delete #ops regexp, heal", (*Stage).doSlack},
	{"patience", "w", "patience 60                       real seconds that a line waits for what it wants to see", (*Stage).doPatience},
	{"pace", "w", "pace 600                          virtual seconds per second", (*Stage).doPace},
	{"advance", "w", "advance 30m                       move the clock", (*Stage).doAdvance},
}

// Help lists the lines that Do understands.
func Help() string {
	var b strings.Builder
	for _, v := range verbs {
		b.WriteString(v.usage + "\n")
	}
	return b.String()
}

// Names are the verbs that Do understands.
func Names() []string {
	var out []string
	for _, v := range verbs {
		out = append(out, v.name)
	}
	return out
}

// Do acts one line, already split into words. What it answers is for reading.
func (s *Stage) Do(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", nil
	}
	for _, v := range verbs {
		if v.name != words[0] {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, s.patience())
		defer cancel()
		args, err := resolve(v.shape, words[1:])
		if err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
		out, err := v.run(s, ctx, args)
		if err != nil {
			return out, fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
		return out, nil
	}
	return "", fmt.Errorf("unknown line %q; known:\n%s", words[0], Help())
}

// resolve checks that the words are there, and turns names into ids.
func resolve(shape string, words []string) ([]string, error) {
	if err := need(words, len(shape)); err != nil {
		return nil, err
	}
	args := slices.Clone(words)
	for i, kind := range shape {
		var err error
		switch kind {
		case 'u':
			args[i], err = person(words[i])
		case 'c':
			args[i], err = place(words[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

func need(args []string, n int) error {
	if len(args) < n {
		return fmt.Errorf("wants %d words", n)
	}
	return nil
}

// Person is the id of one of the people whom lines name.
func Person(name string) (string, error) { return person(name) }

// Place is the id of one of the channels that lines name.
func Place(name string) (string, error) { return place(name) }

func person(name string) (string, error) {
	if id, ok := people[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("nobody is called %q", name)
}

// place finds a channel (#ops or, where # begins a comment, ops), or somebody's
// direct messages with the app: @olga.
func place(name string) (string, error) {
	if id, ok := places[strings.TrimPrefix(name, "#")]; ok {
		return id, nil
	}
	if id, ok := people[strings.TrimPrefix(name, "@")]; ok && name[0] == '@' {
		return directID(id), nil
	}
	return "", fmt.Errorf("no channel is called %q", name)
}

// directID is the channel of a person's direct messages with the app.
func directID(user string) string { return "D" + strings.TrimLeft(user, "UW") }

func (s *Stage) doStart(ctx context.Context, _ []string) (string, error) {
	if err := s.Start(); err != nil {
		return "", err
	}
	return "", s.Connected(ctx)
}

func (s *Stage) doConnected(ctx context.Context, _ []string) (string, error) {
	return "", s.Connected(ctx)
}

func (s *Stage) doStop(context.Context, []string) (string, error) { return "", s.Stop() }
func (s *Stage) doKill(context.Context, []string) (string, error) { return "", s.Kill() }

func (s *Stage) doSay(ctx context.Context, args []string) (string, error) {
	user := args[0]
	channel := args[1]
	s.acts(user)
	command, text, _ := strings.Cut(strings.Join(args[2:], " "), " ")
	return insist(ctx, func() (string, error) { return answered(s.Slack.Command(ctx, user, channel, command, text)) })
}

func (s *Stage) doMumble(ctx context.Context, args []string) (string, error) {
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return "", err
	}
	return s.doSay(ctx, append(args[:3:3], strings.Repeat("m", n)))
}

// withAction finds the newest message in the channel with the action whose
// rendering matches.
func (s *Stage) withAction(channel, action string, match *regexp.Regexp) (simslack.Message, bool) {
	messages := s.Slack.Messages(channel)
	for _, m := range slices.Backward(messages) {
		if strings.Contains(string(m.Blocks), `"action_id":"`+action+`"`) && (match == nil || match.MatchString(s.Slack.Render(m))) {
			return m, true
		}
	}
	return simslack.Message{}, false
}

func (s *Stage) doClick(ctx context.Context, args []string) (string, error) {
	user := args[0]
	channel := args[1]
	action, row, of := strings.Cut(args[2], "@")
	m, err := s.button(ctx, channel, append([]string{action}, args[3:]...))
	if err != nil {
		return "", err
	}
	var o simslack.ClickOptions
	if of {
		if o.BlockID, err = rowOf(m, action, row); err != nil {
			return "", err
		}
	}
	s.acts(user)
	return insist(ctx, func() (string, error) { return answered(s.Slack.Click(ctx, user, channel, m.TS, action, o)) })
}

// rowOf finds the block with that button that speaks of row, where several have the button.
func rowOf(m simslack.Message, action, row string) (string, error) {
	var blocks []json.RawMessage
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		return "", err
	}
	for _, raw := range blocks {
		var b struct {
			BlockID string `json:"block_id"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return "", err
		}
		if strings.Contains(string(raw), `"action_id":"`+action+`"`) && strings.Contains(string(raw), row) {
			return b.BlockID, nil
		}
	}
	return "", fmt.Errorf("no block with the button %s speaks of %q", action, row)
}

// doPress clicks in a message that is shown to one person.
func (s *Stage) doPress(ctx context.Context, args []string) (string, error) {
	user, channel, action := args[0], args[1], args[2]
	match, err := optional(args, 3)
	if err != nil {
		return "", err
	}
	var m simslack.Message
	err = s.Slack.Wait(ctx, "a message to "+user+" with the button "+action, func(*simslack.Snapshot) bool {
		for _, shown := range slices.Backward(s.Slack.Ephemerals(user, channel)) {
			if strings.Contains(string(shown.Blocks), `"action_id":"`+action+`"`) && (match == nil || match.MatchString(s.Slack.Render(shown))) {
				m = shown
				return true
			}
		}
		return false
	})
	if err != nil {
		return "", err
	}
	s.acts(user)
	return insist(ctx, func() (string, error) {
		return answered(s.Slack.Click(ctx, user, channel, m.TS, action, simslack.ClickOptions{}))
	})
}

// optional compiles the n-th word, if there is one.
func optional(args []string, n int) (*regexp.Regexp, error) {
	if len(args) <= n {
		return nil, nil
	}
	return regexp.Compile("(?is)" + args[n])
}

// button waits for a message with the action, whose rendering matches: args are
// the action and, if given, the regexp.
func (s *Stage) button(ctx context.Context, channel string, args []string) (simslack.Message, error) {
	match, err := optional(args, 1)
	if err != nil {
		return simslack.Message{}, err
	}
	var m simslack.Message
	err = s.Slack.Wait(ctx, "a message with the button "+strings.Join(args, " "), func(*simslack.Snapshot) bool {
		var ok bool
		m, ok = s.withAction(channel, args[0], match)
		return ok
	})
	return m, err
}

// doBoth lets two people press one button. It fails unless both presses were acked.
func (s *Stage) doBoth(ctx context.Context, args []string) (string, error) {
	channel := args[2]
	m, err := s.button(ctx, channel, args[3:])
	if err != nil {
		return "", err
	}
	var group errgroup.Group
	for _, user := range args[:2] {
		s.acts(user)
		group.Go(func() error {
			_, err := answered(s.Slack.Click(ctx, user, channel, m.TS, args[3], simslack.ClickOptions{Stale: &m}))
			return err
		})
	}
	return "", group.Wait()
}

func (s *Stage) doKeep(ctx context.Context, args []string) (string, error) {
	channel := args[0]
	match, err := optional(args, 2)
	if err != nil {
		return "", err
	}
	return "", s.Slack.Wait(ctx, "a message with the button "+args[1], func(*simslack.Snapshot) bool {
		m, ok := s.withAction(channel, args[1], match)
		if ok {
			raw, err := json.Marshal(m)
			if err != nil {
				return false
			}
			s.mu.Lock()
			s.saved[args[1]] = string(raw)
			s.mu.Unlock()
		}
		return ok
	})
}

func (s *Stage) doStale(ctx context.Context, args []string) (string, error) {
	user := args[0]
	channel := args[1]
	s.mu.Lock()
	raw := s.saved[args[2]]
	s.mu.Unlock()
	var m simslack.Message
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return "", fmt.Errorf("nothing was kept for %s: %w", args[2], err)
	}
	s.acts(user)
	return answered(s.Slack.Click(ctx, user, channel, m.TS, args[2], simslack.ClickOptions{Stale: &m}))
}

// front waits for a person's open modal.
func (s *Stage) front(ctx context.Context, user string, match *regexp.Regexp) (simslack.View, error) {
	var v simslack.View
	err := s.Slack.Wait(ctx, "an open modal of "+user, func(snap *simslack.Snapshot) bool {
		views := snap.Views(user)
		if len(views) == 0 {
			return false
		}
		v = views[len(views)-1]
		return match == nil || match.MatchString(s.Slack.RenderView(v))
	})
	return v, err
}

func (s *Stage) doModal(ctx context.Context, args []string) (string, error) {
	user := args[0]
	match, err := regexp.Compile("(?is)" + args[1])
	if err != nil {
		return "", err
	}
	v, err := s.front(ctx, user, match)
	if err != nil {
		return "", err
	}
	return s.Slack.RenderView(v), nil
}

// blockID finds the block by id or by a prefix of it: ids change with each drawing.
func blockID(v simslack.View, want string) (string, error) {
	var blocks []struct {
		BlockID string `json:"block_id"`
	}
	if err := json.Unmarshal(v.Blocks, &blocks); err != nil {
		return "", err
	}
	for _, b := range blocks {
		if strings.HasPrefix(b.BlockID, want) {
			return b.BlockID, nil
		}
	}
	return "", fmt.Errorf("the modal has no block %q", want)
}

// frontBlock waits until a person's open modal has the block.
func (s *Stage) frontBlock(ctx context.Context, user, want string) (v simslack.View, block string, err error) {
	err = s.Slack.Wait(ctx, "the block "+want+" in a modal of "+user, func(snap *simslack.Snapshot) bool {
		views := snap.Views(user)
		if len(views) == 0 {
			return false
		}
		v = views[len(views)-1]
		block, err = blockID(v, want)
		return err == nil
	})
	return v, block, err
}

func (s *Stage) doFill(ctx context.Context, args []string) (string, error) {
	user := args[0]
	for {
		v, block, err := s.frontBlock(ctx, user, args[1])
		if err != nil {
			return "", err
		}
		said, err := answered(s.Slack.SetValue(ctx, user, v.ID, block, args[2], args[3:]...))
		if !errors.Is(err, simslack.ErrNoElement) || !pause(ctx) { // rewritten under their hands: they look again
			return said, err
		}
	}
}

// doSuggest types into a menu until an option matches, as a person would while it says "still reading".
func (s *Stage) doSuggest(ctx context.Context, args []string) (string, error) {
	user := args[0]
	match, err := regexp.Compile("(?i)" + args[4])
	if err != nil {
		return "", err
	}
	for {
		v, block, err := s.frontBlock(ctx, user, args[1])
		if err != nil {
			return "", err
		}
		options, err := s.Slack.Suggest(ctx, user, simslack.Place{View: v.ID}, block, args[2], args[3])
		for _, o := range options {
			if !match.MatchString(o.Text) {
				continue
			}
			var inv simslack.Invocation
			if inv, err = s.Slack.SetValue(ctx, user, v.ID, block, args[2], o.Value); err == nil {
				return answered(inv, nil)
			}
		}
		if err != nil && !errors.Is(err, simslack.ErrNoElement) { // rewritten under their hands: they look again
			return "", err
		}
		if !pause(ctx) {
			return "", fmt.Errorf("no option matches %q: %v", args[4], options)
		}
	}
}

func (s *Stage) doSubmit(ctx context.Context, args []string) (string, error) {
	user := args[0]
	v, err := s.front(ctx, user, nil)
	if err != nil {
		return "", err
	}
	s.acts(user)
	return insist(ctx, func() (string, error) {
		r, err := s.Slack.Submit(ctx, user, v.ID)
		if err != nil {
			return "", err
		}
		for block, text := range r.Errors {
			return block + ": " + text, nil
		}
		return answered(r.Invocation, nil)
	})
}

func (s *Stage) doPatience(_ context.Context, args []string) (string, error) {
	seconds, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = time.Duration(seconds) * time.Second
	return "", nil
}

func (s *Stage) doPace(_ context.Context, args []string) (string, error) {
	pace, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return "", err
	}
	return "", s.SetPace(pace)
}

func (s *Stage) doAdvance(_ context.Context, args []string) (string, error) {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return "", err
	}
	return "", s.Advance(d)
}
