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

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
)

// Patience is the real time that a line waits for what it wants to see.
const Patience = 20 * time.Second

var people = map[string]string{
	"olga": simslack.DemoOperator, "otto": simslack.DemoOperator2, "ana": simslack.DemoApprover,
	"gus": simslack.DemoGuest, "sam": simslack.DemoStranger, "lea": simslack.DemoLeaver,
}

var places = map[string]string{
	"#ops": simslack.DemoOps, "#audit": simslack.DemoAudit, "#shared": simslack.DemoShared, "#random": simslack.DemoRandom,
}

// verbs in the order of Help.
var verbs = []struct {
	name, usage string
	run         func(*Stage, context.Context, []string) (string, error)
}{
	{"start", "start                             start the process and wait for its connection", (*Stage).doStart},
	{"stop", "stop                              ask the process to end", (*Stage).doStop},
	{"kill", "kill                              kill the process (SIGKILL)", (*Stage).doKill},
	{"say", "say olga #ops '/ecs …'            type a command", (*Stage).doSay},
	{"click", "click ana #ops approve [regexp]   press the newest such button, in a message that matches", (*Stage).doClick},
	{"stale", "stale olga #ops confirm           press the button as 'keep' remembered it", (*Stage).doStale},
	{"keep", "keep #ops confirm                 remember the newest message with that button", (*Stage).doKeep},
	{"fill", "fill olga block action value…     fill in the open modal", (*Stage).doFill},
	{"suggest", "suggest olga block action text regexp   type into a menu of the open modal and choose", (*Stage).doSuggest},
	{"submit", "submit olga                       submit the open modal", (*Stage).doSubmit},
	{"modal", "modal olga regexp                 wait until the open modal matches", (*Stage).doModal},
	{"see", "see #ops|olga regexp              wait for a message (there, or visible to olga only) that matches", (*Stage).doSee},
	{"unseen", "unseen #ops|olga regexp           nothing there matches", (*Stage).doUnseen},
	{"thread", "thread regexp regexp…             wait until one thread in #audit matches them all, in this order", (*Stage).doThread},
	{"instance", "instance i-… STATUS|gone          wait until ECS has it so", (*Stage).doInstance},
	{"host", "host i-… STATE                    wait until EC2 has it so", (*Stage).doHost},
	{"calls", "calls Action N                    that many calls of the action took effect", (*Stage).doCalls},
	{"break", "break what [key=value…]           a fault in AWS (sim/aws, Break)", (*Stage).doBreak},
	{"slack", "slack fault…                      a fault in Slack: refresh, cut, fail METHOD ERROR N, limit METHOD SECONDS N, remove #ops, invite #ops, archive #ops, heal", (*Stage).doSlack},
	{"pace", "pace 600                          virtual seconds per second", (*Stage).doPace},
	{"advance", "advance 30m                       move the clock", (*Stage).doAdvance},
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
		ctx, cancel := context.WithTimeout(ctx, Patience)
		defer cancel()
		out, err := v.run(s, ctx, words[1:])
		if err != nil {
			return out, fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
		return out, nil
	}
	return "", fmt.Errorf("unknown line %q; known:\n%s", words[0], Help())
}

func need(args []string, n int) error {
	if len(args) < n {
		return fmt.Errorf("wants %d words", n)
	}
	return nil
}

func person(name string) (string, error) {
	if id, ok := people[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("nobody is called %q", name)
}

func place(name string) (string, error) {
	if id, ok := places[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("no channel is called %q", name)
}

func (s *Stage) doStart(ctx context.Context, _ []string) (string, error) {
	if err := s.Start(); err != nil {
		return "", err
	}
	return "", s.Connected(ctx)
}

func (s *Stage) doStop(context.Context, []string) (string, error) { return "", s.Stop() }
func (s *Stage) doKill(context.Context, []string) (string, error) { return "", s.Kill() }

func (s *Stage) doSay(ctx context.Context, args []string) (string, error) {
	if err := need(args, 3); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	channel, err := place(args[1])
	if err != nil {
		return "", err
	}
	command, text, _ := strings.Cut(strings.Join(args[2:], " "), " ")
	inv, err := s.Slack.Command(ctx, user, channel, command, text)
	return answered(inv, err)
}

// answered turns what a person would see go wrong into an error.
func answered(inv simslack.Invocation, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case inv.Error != "":
		return "", errors.New("Slack shows the person: " + inv.Error)
	case len(inv.AckPayload) > 0:
		var p struct {
			Text string `json:"text"`
		}
		_ = json.Unmarshal(inv.AckPayload, &p) // not every answer has a text
		return p.Text, nil
	}
	return "", nil
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
	if err := need(args, 3); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	channel, err := place(args[1])
	if err != nil {
		return "", err
	}
	var match *regexp.Regexp
	if len(args) > 3 {
		if match, err = regexp.Compile("(?is)" + args[3]); err != nil {
			return "", err
		}
	}
	var m simslack.Message
	err = s.Slack.Wait(ctx, "a message with the button "+args[2], func(*simslack.Snapshot) bool {
		var ok bool
		m, ok = s.withAction(channel, args[2], match)
		return ok
	})
	if err != nil {
		return "", err
	}
	return answered(s.Slack.Click(ctx, user, channel, m.TS, args[2], simslack.ClickOptions{}))
}

func (s *Stage) doKeep(ctx context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	channel, err := place(args[0])
	if err != nil {
		return "", err
	}
	return "", s.Slack.Wait(ctx, "a message with the button "+args[1], func(*simslack.Snapshot) bool {
		m, ok := s.withAction(channel, args[1], nil)
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
	if err := need(args, 3); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	channel, err := place(args[1])
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	raw := s.saved[args[2]]
	s.mu.Unlock()
	var m simslack.Message
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return "", fmt.Errorf("nothing was kept for %s: %w", args[2], err)
	}
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
	if err := need(args, 2); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
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

func (s *Stage) doFill(ctx context.Context, args []string) (string, error) {
	if err := need(args, 4); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	v, err := s.front(ctx, user, nil)
	if err != nil {
		return "", err
	}
	block, err := blockID(v, args[1])
	if err != nil {
		return "", err
	}
	return answered(s.Slack.SetValue(ctx, user, v.ID, block, args[2], args[3:]...))
}

// doSuggest types into a menu until an option matches, as a person would while it says "still reading".
func (s *Stage) doSuggest(ctx context.Context, args []string) (string, error) {
	if err := need(args, 5); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	match, err := regexp.Compile("(?i)" + args[4])
	if err != nil {
		return "", err
	}
	for {
		v, err := s.front(ctx, user, nil)
		if err != nil {
			return "", err
		}
		block, err := blockID(v, args[1])
		if err != nil {
			return "", err
		}
		options, err := s.Slack.Suggest(ctx, user, simslack.Place{View: v.ID}, block, args[2], args[3])
		if err != nil {
			return "", err
		}
		for _, o := range options {
			if match.MatchString(o.Text) {
				return answered(s.Slack.SetValue(ctx, user, v.ID, block, args[2], o.Value))
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no option matches %q: %v", args[4], options)
		case <-time.After(100 * time.Millisecond): // a person types again
		}
	}
}

func (s *Stage) doSubmit(ctx context.Context, args []string) (string, error) {
	if err := need(args, 1); err != nil {
		return "", err
	}
	user, err := person(args[0])
	if err != nil {
		return "", err
	}
	v, err := s.front(ctx, user, nil)
	if err != nil {
		return "", err
	}
	r, err := s.Slack.Submit(ctx, user, v.ID)
	if err != nil {
		return "", err
	}
	for block, text := range r.Errors {
		return block + ": " + text, nil
	}
	return answered(r.Invocation, nil)
}

// visible is everything that can be read at a place, or by one person only,
// rendered, oldest first.
func (s *Stage) visible(where string) ([]string, error) {
	var messages []simslack.Message
	if id, ok := places[where]; ok {
		messages = s.Slack.Messages(id)
	} else {
		id, err := person(where)
		if err != nil {
			return nil, err
		}
		for _, channel := range places {
			messages = append(messages, s.Slack.Ephemerals(id, channel)...)
		}
		messages = append(messages, s.Slack.DMs(id)...)
		slices.SortStableFunc(messages, func(a, b simslack.Message) int { return strings.Compare(a.TS, b.TS) })
	}
	var out []string
	for _, m := range messages {
		if !m.Deleted {
			out = append(out, s.Slack.Render(m))
		}
	}
	return out, nil
}

func (s *Stage) doSee(ctx context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	match, err := regexp.Compile("(?is)" + args[1])
	if err != nil {
		return "", err
	}
	var found string
	err = s.Slack.Wait(ctx, fmt.Sprintf("%s at %s", args[1], args[0]), func(*simslack.Snapshot) bool {
		texts, err := s.visible(args[0])
		if err != nil {
			return false
		}
		for _, t := range slices.Backward(texts) {
			if match.MatchString(t) {
				found = t
				return true
			}
		}
		return false
	})
	if err != nil {
		return "", fmt.Errorf("%w\nprocess:\n%s", err, s.Output())
	}
	return found, nil
}

func (s *Stage) doUnseen(_ context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	match, err := regexp.Compile("(?is)" + args[1])
	if err != nil {
		return "", err
	}
	texts, err := s.visible(args[0])
	if err != nil {
		return "", err
	}
	for _, t := range texts {
		if match.MatchString(t) {
			return "", fmt.Errorf("is there:\n%s", t)
		}
	}
	return "", nil
}

func (s *Stage) doThread(ctx context.Context, args []string) (string, error) {
	if err := need(args, 1); err != nil {
		return "", err
	}
	match, err := regexp.Compile("(?is)" + strings.Join(args, ".*"))
	if err != nil {
		return "", err
	}
	var found string
	err = s.Slack.Wait(ctx, "an audit thread with "+strings.Join(args, " … "), func(*simslack.Snapshot) bool {
		for _, root := range s.Slack.Messages(simslack.DemoAudit) {
			if root.ThreadTS != "" && root.ThreadTS != root.TS {
				continue
			}
			var b strings.Builder
			for _, m := range s.Slack.Thread(simslack.DemoAudit, root.TS) {
				b.WriteString(s.Slack.Render(m) + "\n")
			}
			if match.MatchString(b.String()) {
				found = b.String()
				return true
			}
		}
		return false
	})
	return found, err
}

func (s *Stage) doInstance(ctx context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	return "", s.AWS.Wait(ctx, args[0]+" "+args[1], func(st simaws.State) bool {
		i, ok := st.Instance(args[0])
		if args[1] == "gone" {
			return !ok || i.Status == "INACTIVE"
		}
		return ok && i.Status == args[1]
	})
}

func (s *Stage) doHost(ctx context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	return "", s.AWS.Wait(ctx, args[0]+" "+args[1], func(st simaws.State) bool {
		h, ok := st.Host(args[0])
		return ok && h.State == args[1]
	})
}

func (s *Stage) doCalls(_ context.Context, args []string) (string, error) {
	if err := need(args, 2); err != nil {
		return "", err
	}
	want, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	got := 0
	for _, c := range s.AWS.Log() {
		if c.Action == args[0] && c.TookEffect {
			got++
		}
	}
	if got != want {
		return "", fmt.Errorf("%d calls took effect", got)
	}
	return "", nil
}

func (s *Stage) doPace(_ context.Context, args []string) (string, error) {
	if err := need(args, 1); err != nil {
		return "", err
	}
	pace, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return "", err
	}
	return "", s.SetPace(pace)
}

func (s *Stage) doAdvance(_ context.Context, args []string) (string, error) {
	if err := need(args, 1); err != nil {
		return "", err
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return "", err
	}
	return "", s.Advance(d)
}
