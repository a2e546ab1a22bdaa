package stage

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
)

// doBreak switches a fault in AWS on or off: break throttle action=DescribeTasks n=3.
func (s *Stage) doBreak(_ context.Context, args []string) (string, error) {
	b := simaws.Break{What: args[0]}
	for _, kv := range args[1:] {
		key, value, _ := strings.Cut(kv, "=")
		if err := setBreak(&b, key, value); err != nil {
			return "", err
		}
	}
	return s.AWS.Break(b)
}

func setBreak(b *simaws.Break, key, value string) (err error) {
	switch key {
	case "action":
		b.Action = value
	case "region":
		b.Region = value
	case "id":
		b.ID = value
	case "extra":
		b.Extra = value
	case "n":
		b.N, err = strconv.Atoi(value)
	case "rate":
		b.Rate, err = strconv.ParseFloat(value, 64)
	case "seconds":
		b.Seconds, err = strconv.ParseFloat(value, 64)
	case "on":
		b.On, err = strconv.ParseBool(value)
	default:
		return fmt.Errorf("a break has no %q", key)
	}
	return err
}

// doSlack switches a fault in Slack on or off.
func (s *Stage) doSlack(_ context.Context, args []string) (string, error) {
	if err := need(args, 1); err != nil {
		return "", err
	}
	switch args[0] {
	case "refresh":
		s.Slack.Refresh(simslack.RefreshOptions{Reason: simslack.ReasonRefresh, CloseAfter: 2 * time.Second})
		return "", nil
	case "cut":
		s.Slack.Cut(0, simslack.CutReset)
		return "", nil
	case "heal":
		s.Slack.Heal()
		return "", nil
	case "fail", "limit":
		return "", s.failSlack(args)
	}
	if err := need(args, 2); err != nil {
		return "", err
	}
	channel, err := place(args[1])
	if err != nil {
		return "", err
	}
	did := false
	switch args[0] {
	case "remove":
		did = s.Slack.RemoveBot(channel)
	case "invite":
		did = s.Slack.InviteBot(channel)
	case "archive":
		did = s.Slack.ArchiveChannel(channel)
	case "delete":
		did, err = s.deleteMessages(channel, args[2:])
		if err != nil {
			return "", err
		}
	}
	if !did {
		return "", fmt.Errorf("nothing to do")
	}
	return "", nil
}

// deleteMessages deletes what matches, as an administrator would.
func (s *Stage) deleteMessages(channel string, args []string) (did bool, err error) {
	if err := need(args, 1); err != nil {
		return false, err
	}
	match, err := regexp.Compile("(?is)" + args[0])
	if err != nil {
		return false, err
	}
	for _, m := range s.Slack.Messages(channel) {
		if match.MatchString(s.Slack.Render(m)) {
			did = s.Slack.DeleteMessage(channel, m.TS) || did
		}
	}
	return did, nil
}

func (s *Stage) failSlack(args []string) error {
	if err := need(args, 4); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	if args[0] == "fail" {
		s.Slack.FailNext(args[1], args[2], n)
		return nil
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	s.Slack.RateLimitNext(args[1], time.Duration(seconds)*time.Second, n)
	return nil
}
