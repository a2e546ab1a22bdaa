package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ecsbot/blocks"
	"ecsbot/workflow"
)

// noticeToken is how long a notice's buttons live.
const noticeToken = 30 * 24 * time.Hour

// openNotice is a posted notice with buttons.
type openNotice struct {
	N     int    `json:"n"`
	TS    string `json:"ts"`
	Verbs string `json:"verbs"`
}

// tell posts the notices of the operation's follow-up that its thread has not got, in order, each once its predecessor is
// noted as told; and takes buttons away that stand for nothing any more. After a long outage of Slack only the newest reminder
// is posted: the log has them all.
func (c *drawing) tell(ctx context.Context) error {
	if !c.op.State.Terminal() || c.st.TS == "" {
		return nil
	}
	f, err := c.d.Store.FollowUp(ctx, c.op.ID)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the follow-up of operation %s: %w", c.op.ID, err)
	}
	if err := c.redrawNotices(ctx, f); err != nil {
		return err
	}
	for i, n := range f.Notices {
		if n.N <= c.st.Told || overtaken(n, f.Notices[i+1:]) {
			continue
		}
		if err := c.tellOne(ctx, f, n); err != nil {
			return err
		}
	}
	return nil
}

// overtaken: a later reminder says the same with newer facts.
func overtaken(n workflow.Notice, later []workflow.Notice) bool {
	return n.Type == workflow.EvReminded && slices.ContainsFunc(later, func(l workflow.Notice) bool {
		return l.Type == n.Type && !slices.ContainsFunc(n.Concerns, func(k workflow.Concern) bool { return !slices.Contains(l.Concerns, k) })
	})
}

func (c *drawing) tellOne(ctx context.Context, f workflow.FollowUp, n workflow.Notice) error {
	tokens, err := c.noticeTokens(ctx, f, n)
	if err != nil {
		return err
	}
	at, err := c.reply(ctx, blocks.Notice(c.op, f, n, tokens))
	if err != nil {
		return err
	}
	c.st.Told = n.N
	if len(tokens) > 0 {
		c.st.Open = append(c.st.Open, openNotice{N: n.N, TS: at.ts, Verbs: verbsOf(f, n)})
	}
	if err := c.d.save(ctx, c.s, c.st); err != nil { // before anything else can go wrong
		return err
	}
	if len(tokens) == 0 {
		return nil
	}
	if err := c.d.Store.BindNotice(ctx, c.op.ID, blocks.NoticeRevision(n), at.channel, at.ts); err != nil {
		return fmt.Errorf("binding the buttons of a notice of operation %s: %w", c.op.ID, err)
	}
	return nil
}

func (c *drawing) noticeTokens(ctx context.Context, f workflow.FollowUp, n workflow.Notice) (map[workflow.Verb]string, error) {
	verbs := blocks.NoticeVerbs(f, n)
	if len(verbs) == 0 {
		return nil, nil
	}
	tokens, err := c.d.Store.Tokens(ctx, c.op.ID, blocks.NoticeRevision(n), verbs, n.At.Add(noticeToken))
	if err != nil {
		return nil, fmt.Errorf("making the buttons of a notice of operation %s: %w", c.op.ID, err)
	}
	return tokens, nil
}

func verbsOf(f workflow.FollowUp, n workflow.Notice) string {
	var b strings.Builder
	for _, v := range blocks.NoticeVerbs(f, n) {
		b.WriteString(string(v) + " ")
	}
	return b.String()
}

// redrawNotices takes away the buttons whose time is over. A notice that cannot be changed any more keeps them: a click is
// answered with what is so.
func (c *drawing) redrawNotices(ctx context.Context, f workflow.FollowUp) error {
	changed := false
	var open []openNotice
	for _, o := range c.st.Open {
		i := slices.IndexFunc(f.Notices, func(n workflow.Notice) bool { return n.N == o.N })
		if i < 0 {
			changed = true
			continue
		}
		verbs := verbsOf(f, f.Notices[i])
		if verbs != o.Verbs {
			tokens, err := c.noticeTokens(ctx, f, f.Notices[i])
			if err != nil {
				return err
			}
			err = c.d.update(ctx, place{channel: c.st.Channel, ts: o.TS}, blocks.Notice(c.op, f, f.Notices[i], tokens), change)
			if err != nil && !is(err, gone) && !is(err, unreachable) {
				return err
			}
			o.Verbs, changed = verbs, true
		}
		if verbs != "" {
			open = append(open, o)
		}
	}
	if !changed {
		return nil
	}
	c.st.Open = open
	return c.d.save(ctx, c.s, c.st)
}
