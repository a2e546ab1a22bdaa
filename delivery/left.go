package delivery

import (
	"context"
	"errors"
	"fmt"

	"ecsbot/blocks"
	"ecsbot/workflow"
)

// leftMessage is a batch's one message about what its members left: in its thread, and redrawn as that changes.
type leftMessage struct {
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	Hash    string `json:"hash,omitempty"`
}

// tellLeft says in a batch's thread which of its members has something open. They have no card, and their own records are in
// the audit channel alone.
func (c *drawing) tellLeft(ctx context.Context) error {
	if c.st.TS == "" {
		return nil
	}
	left, err := c.left(ctx)
	if err != nil || len(left) == 0 && c.st.Left.TS == "" {
		return err
	}
	m := blocks.LeftBehind(c.op, left)
	hash, err := hashOf(m)
	if err != nil || hash == c.st.Left.Hash {
		return err
	}
	if c.st.Left.TS != "" {
		if err := c.bindLeft(ctx, left); err != nil {
			return err
		}
		err := c.d.update(ctx, place{channel: c.st.Left.Channel, ts: c.st.Left.TS}, m, change)
		if err == nil {
			c.st.Left.Hash = hash
			return c.d.save(ctx, c.s, c.st)
		}
		if !is(err, gone) {
			return err
		}
	}
	at, err := c.reply(ctx, m)
	if err != nil {
		return err
	}
	c.st.Left = leftMessage{Channel: at.channel, TS: at.ts}
	if err := c.d.save(ctx, c.s, c.st); err != nil { // before anything else can go wrong; without a hash it is drawn again
		return err
	}
	if err := c.bindLeft(ctx, left); err != nil {
		return err
	}
	c.st.Left.Hash = hash
	return c.d.save(ctx, c.s, c.st)
}

// left are the members with something open, in the order of their rows.
func (c *drawing) left(ctx context.Context) ([]blocks.Left, error) {
	var out []blocks.Left
	for _, r := range c.op.Rows {
		if !r.Settled() || r.State == workflow.RowSkipped {
			continue
		}
		f, err := c.d.Store.FollowUp(ctx, r.Op)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the follow-up of member %s of batch %s: %w", r.Op, c.op.ID, err)
		}
		if len(f.Open()) == 0 {
			continue
		}
		l := blocks.Left{FollowUp: f}
		if n, ends := blocks.EndsBy(f); ends && len(out) < blocks.MostLeft {
			tokens, err := c.d.Store.Tokens(ctx, r.Op, blocks.NoticeRevision(n), []workflow.Verb{workflow.EndMachine}, n.At.Add(noticeToken))
			if err != nil {
				return nil, fmt.Errorf("making a button for member %s of batch %s: %w", r.Op, c.op.ID, err)
			}
			l.Token = tokens[workflow.EndMachine]
		}
		out = append(out, l)
	}
	return out, nil
}

func (c *drawing) bindLeft(ctx context.Context, left []blocks.Left) error {
	for _, l := range left {
		if l.Token == "" {
			continue
		}
		n, _ := blocks.EndsBy(l.FollowUp)
		if err := c.d.Store.BindNotice(ctx, l.FollowUp.Op, blocks.NoticeRevision(n), c.st.Left.Channel, c.st.Left.TS); err != nil {
			return fmt.Errorf("binding a button of member %s of batch %s: %w", l.FollowUp.Op, c.op.ID, err)
		}
	}
	return nil
}
