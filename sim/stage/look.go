package stage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
)

// acts notes that a person does something: what they see from now on is new.
func (s *Stage) acts(user string) {
	var last string
	for _, channel := range places {
		for _, m := range s.Slack.Ephemerals(user, channel) {
			last = max(last, m.TS)
		}
	}
	for _, m := range s.direct(user) {
		last = max(last, m.TS)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acted[user] = last
}

// direct is what a person reads in the direct messages with the app.
func (s *Stage) direct(user string) []simslack.Message {
	return append(s.Slack.DMs(user), s.Slack.Ephemerals(user, directID(user))...)
}

func (s *Stage) since(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acted[user]
}

func (s *Stage) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.waits, Patience)
}

// visible is everything that can be read at a place, or by one person only,
// rendered, oldest first.
func (s *Stage) visible(where string) ([]string, error) {
	var messages []simslack.Message
	if id, err := place(where); err == nil {
		messages = s.Slack.Messages(id)
	} else {
		id, err := person(where)
		if err != nil {
			return nil, err
		}
		for _, channel := range places {
			messages = append(messages, s.Slack.Ephemerals(id, channel)...)
		}
		messages = append(messages, s.direct(id)...)
		since := s.since(id)
		messages = slices.DeleteFunc(messages, func(m simslack.Message) bool { return m.TS <= since })
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

func (s *Stage) doGone(ctx context.Context, args []string) (string, error) {
	return "", s.Slack.Wait(ctx, strings.Join(args, " ")+" to be gone", func(*simslack.Snapshot) bool {
		_, err := s.doUnseen(ctx, args)
		return err == nil
	})
}

func (s *Stage) doUnseen(_ context.Context, args []string) (string, error) {
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

// doShown also looks at what messages said before they were edited: a card
// passes through states faster than a line can look.
func (s *Stage) doShown(ctx context.Context, args []string) (string, error) {
	channel := args[0]
	match, err := regexp.Compile("(?is)" + strings.Join(args[1:], ".*"))
	if err != nil {
		return "", err
	}
	var found string
	err = s.Slack.Wait(ctx, strings.Join(args[1:], " … ")+" at "+args[0], func(snap *simslack.Snapshot) bool {
		for _, m := range snap.History(channel) {
			var b strings.Builder
			for _, v := range m.Versions {
				old := m
				old.Text, old.Blocks = v.Text, v.Blocks
				b.WriteString(s.Slack.Render(old) + "\n")
			}
			b.WriteString(s.Slack.Render(m))
			if match.MatchString(b.String()) {
				found = b.String()
				return true
			}
		}
		return false
	})
	return found, err
}

func (s *Stage) doThread(ctx context.Context, args []string) (string, error) {
	match, err := regexp.Compile("(?is)" + strings.Join(args, ".*"))
	if err != nil {
		return "", err
	}
	_, text, err := s.thread(ctx, simslack.DemoAudit, match)
	return text, err
}

// ThreadWith waits for a thread in the channel that matches as a whole, and
// returns its timestamp.
func (s *Stage) ThreadWith(ctx context.Context, channel string, match *regexp.Regexp) (ts string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	ts, _, err = s.thread(ctx, channel, match)
	return ts, err
}

// thread waits for a thread that matches; the newest wins.
func (s *Stage) thread(ctx context.Context, channel string, match *regexp.Regexp) (ts, text string, err error) {
	err = s.Slack.Wait(ctx, fmt.Sprintf("a thread in %s with %s", channel, match), func(snap *simslack.Snapshot) bool {
		for _, root := range slices.Backward(snap.Messages(channel)) {
			if root.ThreadTS != "" && root.ThreadTS != root.TS {
				continue
			}
			var b strings.Builder
			for _, m := range snap.Thread(channel, root.TS) {
				b.WriteString(s.Slack.Render(m) + "\n")
			}
			if match.MatchString(b.String()) {
				ts, text = root.TS, b.String()
				return true
			}
		}
		return false
	})
	return ts, text, err
}

var record = regexp.MustCompile(`\[#(\d+)\]`)

// doNumbers reads the record's numbers in #audit in the order of posting. A
// number may come again (delivery is at least once); none may be missing, and
// none may come before its predecessor.
func (s *Stage) doNumbers(ctx context.Context, args []string) (string, error) {
	match, err := regexp.Compile("(?is)" + args[0])
	if err != nil {
		return "", err
	}
	var found string
	err = s.Slack.Wait(ctx, "a record that matches "+args[0], func(snap *simslack.Snapshot) bool {
		for _, m := range snap.Messages(simslack.DemoAudit) {
			if text := s.Slack.Render(m); record.MatchString(text) && match.MatchString(text) {
				found = text
				return true
			}
		}
		return false
	})
	if err != nil {
		return "", err
	}
	next := 0
	for _, m := range s.Slack.Messages(simslack.DemoAudit) {
		for _, n := range record.FindAllStringSubmatch(s.Slack.Render(m), -1) {
			seq, err := strconv.Atoi(n[1])
			if err != nil {
				return "", err
			}
			if seq > next {
				return "", fmt.Errorf("record %d is missing before record %d", next, seq)
			}
			next = max(next, seq+1)
		}
	}
	return found, nil
}

func (s *Stage) doInstance(ctx context.Context, args []string) (string, error) {
	return "", s.AWS.Wait(ctx, args[0]+" "+args[1], func(st simaws.State) bool {
		i, ok := st.Instance(args[0])
		if args[1] == "gone" {
			return !ok || i.Status == "INACTIVE"
		}
		return ok && i.Status == args[1]
	})
}

func (s *Stage) doHost(ctx context.Context, args []string) (string, error) {
	return "", s.AWS.Wait(ctx, args[0]+" "+args[1], func(st simaws.State) bool {
		if args[1] == "terminated" && slices.Contains(st.Forgotten, args[0]) {
			return true // an hour ago or more
		}
		h, ok := st.Host(args[0])
		return ok && h.State == args[1]
	})
}

func (s *Stage) doCalls(_ context.Context, args []string) (string, error) {
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

func (s *Stage) doMutations(_ context.Context, args []string) (string, error) {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	var got []string
	for _, c := range s.AWS.Log() {
		if c.Mutating && c.TookEffect && c.Action != "AssumeRole" {
			got = append(got, c.Action)
		}
	}
	if len(got) != want {
		return "", fmt.Errorf("%d changes took effect: %v", len(got), got)
	}
	return "", nil
}
