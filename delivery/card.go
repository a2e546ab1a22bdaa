package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/workflow"
)

const (
	// redrawEvery is the least time between two drawings of mere progress on one card.
	redrawEvery = 4 * time.Second
	// runningToken is how long the buttons of a running operation live: longer than any operation.
	runningToken = 30 * 24 * time.Hour
)

// cardState is a card stream's State. The stream's Seq is the operation's version that was drawn.
type cardState struct {
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	// Direct says that the card's own channel is not reachable and the requester gets direct messages.
	Direct bool      `json:"direct,omitempty"`
	Drawn  time.Time `json:"drawn,omitzero"`
	Shape  string    `json:"shape,omitempty"` // see shape
	Hash   string    `json:"hash,omitempty"`  // of the message as drawn
	// Asked is the plan revision for which the approvers were asked.
	Asked int `json:"asked,omitempty"`
	// Told is the follow-up's notice that was posted last, Open are those whose buttons still stand.
	Told int          `json:"told,omitempty"`
	Open []openNotice `json:"open,omitempty"`
	// Left is a batch's message about what its members left.
	Left leftMessage `json:"left,omitzero"`
}

// card draws an operation's newest state.
func (d *Deliverer) card(ctx context.Context, s *workflow.Stream) (time.Time, error) {
	id := strings.TrimPrefix(s.Name, workflow.CardStreamPrefix)
	op, err := d.Store.Operation(ctx, id)
	if errors.Is(err, workflow.ErrNotFound) { // an older database was restored
		zerolog.Ctx(ctx).Error().Str("op_id", id).Msg("card of an operation that is not stored")
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading operation %s: %w", id, err)
	}
	c := &drawing{d: d, s: s, op: op}
	if len(s.State) > 0 {
		if err := json.Unmarshal(s.State, &c.st); err != nil {
			return time.Time{}, fmt.Errorf("reading the state of stream %s: %w", s.Name, err)
		}
	}
	if op.Version == s.Seq && c.st.Shape != "" {
		return time.Time{}, c.speak(ctx)
	}
	if wait := c.early(); !wait.IsZero() {
		return wait, c.tell(ctx) // the card may wait, a notice and its buttons may not
	}
	if err := c.draw(ctx); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, c.speak(ctx)
}

// speak says what does not fit the card, in its thread.
func (c *drawing) speak(ctx context.Context) error {
	if err := c.ask(ctx); err != nil {
		return err
	}
	if c.op.IsBatch() {
		return c.tellLeft(ctx)
	}
	return c.tell(ctx)
}

// drawing is one attempt at one card.
type drawing struct {
	d  *Deliverer
	s  *workflow.Stream
	op workflow.Operation
	st cardState
}

// shape is what may not wait: everything but progress.
func (c *drawing) shape() string {
	op := c.op
	block := ""
	if op.Block != nil {
		block = string(op.Block.Reason)
	}
	return fmt.Sprintf("%s/%s/%d/%d/%d/%t/%t", op.State, block, blocks.CardRevision(op), len(op.Approvals), op.Orders,
		op.Confirmed != nil, op.StopBy != nil)
}

func (c *drawing) urgency() urgency {
	if c.shape() == c.st.Shape {
		return progress
	}
	return change
}

// early is when a card that only made progress may be drawn again, or zero for now.
func (c *drawing) early() time.Time {
	due := c.st.Drawn.Add(redrawEvery)
	if c.urgency() == progress && c.d.clock.Now().Before(due) {
		return due
	}
	return time.Time{}
}

func (c *drawing) draw(ctx context.Context) error {
	tokens, err := c.tokens(ctx)
	if err != nil {
		return err
	}
	m := blocks.Card(c.op, tokens, blocks.Options{Now: c.d.clock.Now(), PlanBlock: c.d.PlanBlock, Approvers: c.d.Approvers})
	hash, err := hashOf(m)
	if err != nil {
		return err
	}
	if hash != c.st.Hash || c.st.TS == "" {
		if err := c.show(ctx, m, len(tokens) > 0); err != nil {
			return err
		}
	}
	c.st.Hash, c.st.Shape, c.st.Drawn = hash, c.shape(), c.d.clock.Now()
	c.s.Seq = c.op.Version
	return c.d.save(ctx, c.s, c.st)
}

// tokens are the buttons' values. Those of a decision end with the decision's time; those that steer a running operation,
// stop above all, outlive it.
func (c *drawing) tokens(ctx context.Context) (map[workflow.Verb]string, error) {
	var deciding, steering []workflow.Verb
	for _, v := range blocks.CardVerbs(c.op) {
		switch v {
		case workflow.Stop, workflow.Wait, workflow.Force, workflow.StopTasks, workflow.GoOn:
			steering = append(steering, v)
		default:
			deciding = append(deciding, v)
		}
	}
	expires := c.op.ExpiresAt
	if c.op.Proposal != nil {
		expires = c.op.ProposalExpires
	}
	tokens := map[workflow.Verb]string{}
	for _, part := range []struct {
		verbs   []workflow.Verb
		expires time.Time
	}{{deciding, expires}, {steering, c.op.CreatedAt.Add(runningToken)}} {
		if len(part.verbs) == 0 {
			continue
		}
		made, err := c.d.Store.Tokens(ctx, c.op.ID, blocks.CardRevision(c.op), part.verbs, part.expires)
		if err != nil {
			return nil, fmt.Errorf("making the buttons of operation %s: %w", c.op.ID, err)
		}
		maps.Copy(tokens, made)
	}
	return tokens, nil
}

func hashOf(m blocks.Message) (string, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encoding a card: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// show brings m to the card's message, or to a new one when that is not possible, or to the requester.
func (c *drawing) show(ctx context.Context, m blocks.Message, buttons bool) error {
	if c.st.TS == "" {
		return c.first(ctx, m, buttons)
	}
	at := place{channel: c.st.Channel, ts: c.st.TS}
	if buttons {
		if err := c.bind(ctx, at); err != nil {
			return err
		}
	}
	err := c.d.update(ctx, at, m, c.urgency())
	switch {
	case is(err, gone):
		return c.post(ctx, withNote("This card goes on from an earlier message that Slack no longer lets me change.", m), buttons)
	case is(err, unreachable):
		return c.direct(ctx, m, buttons)
	}
	return err
}

func (c *drawing) first(ctx context.Context, m blocks.Message, buttons bool) error {
	if c.st.Direct || c.op.Origin.Channel == "" {
		return c.direct(ctx, m, buttons)
	}
	return c.post(ctx, m, buttons)
}

// post sends a new message to where the card lives now.
func (c *drawing) post(ctx context.Context, m blocks.Message, buttons bool) error {
	at := place{channel: c.op.Origin.Channel, thread: c.op.Origin.Thread}
	if c.st.Direct {
		at = place{channel: c.st.Channel}
	}
	got, err := c.d.post(ctx, at, m)
	if is(err, gone) && at.thread != "" { // the thread's first message was deleted
		at.thread = ""
		got, err = c.d.post(ctx, at, m)
	}
	if is(err, unreachable) && !c.st.Direct {
		return c.direct(ctx, m, buttons)
	}
	if err != nil {
		return err
	}
	return c.settle(ctx, got, buttons)
}

const movedHere = "The card could not be shown in the channel where it was asked for: the bot is no member there, or the channel is archived. " +
	"It stays up to date here. Stopping works from here; every other decision needs a channel where the bot is a member: type “/invite” and the bot's name there."

// direct shows the card to the requester alone, with how to invite the bot.
func (c *drawing) direct(ctx context.Context, m blocks.Message, buttons bool) error {
	user := c.op.Requester.UserID
	if user == "" || user == workflow.BotActor().UserID {
		return c.nowhere(ctx, errors.New("nobody to write to"))
	}
	ch, _, _, err := c.d.Slack.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
	if err = c.d.classify("conversations.open", err); is(err, unreachable) || is(err, rejected) {
		return c.nowhere(ctx, err)
	}
	if err != nil {
		return err
	}
	got, err := c.d.post(ctx, place{channel: ch.ID}, m)
	if is(err, unreachable) {
		return c.nowhere(ctx, err)
	}
	if err != nil {
		return err
	}
	told := c.st.Direct
	c.st.Direct = true
	if err := c.settle(ctx, got, buttons); err != nil || told || c.op.Origin.Channel == "" {
		return err
	}
	_, err = c.d.post(ctx, place{channel: got.channel, thread: got.ts}, blocks.Note(movedHere))
	if err != nil { // the card itself is there, that is what counts
		zerolog.Ctx(ctx).Info().Err(err).Str("op_id", c.op.ID).Msg("invitation hint not posted")
	}
	return nil
}

// nowhere gives up on showing this version. The operation runs on, its audit thread tells it, and the next version tries again.
func (c *drawing) nowhere(ctx context.Context, cause error) error {
	zerolog.Ctx(ctx).Warn().Err(cause).Str("op_id", c.op.ID).Msg("card reaches nobody")
	c.st = cardState{Asked: c.st.Asked, Told: c.st.Told, Left: c.st.Left}
	return nil
}

// settle remembers the message before anything else can go wrong, then binds the buttons to it.
func (c *drawing) settle(ctx context.Context, at place, buttons bool) error {
	c.st.Channel, c.st.TS = at.channel, at.ts
	if err := c.d.save(ctx, c.s, c.st); err != nil {
		return err
	}
	if !buttons {
		return nil
	}
	return c.bind(ctx, at)
}

func (c *drawing) bind(ctx context.Context, at place) error {
	if err := c.d.Store.BindTokens(ctx, c.op.ID, at.channel, at.ts); err != nil {
		return fmt.Errorf("binding the buttons of operation %s to their message: %w", c.op.ID, err)
	}
	return nil
}

// ask mentions the approvers in the card's thread, once for each revision.
func (c *drawing) ask(ctx context.Context) error {
	rev := blocks.CardRevision(c.op)
	if !awaitsApproval(c.op) || c.st.Asked >= rev || c.st.TS == "" || len(c.d.Approvers) == 0 {
		return nil
	}
	m := blocks.ApproverAsk(c.op, blocks.Options{Now: c.d.clock.Now(), Approvers: c.d.Approvers})
	if _, err := c.reply(ctx, m); err != nil {
		return err
	}
	c.st.Asked = rev
	return c.d.save(ctx, c.s, c.st)
}

// reply posts in the card's thread, or beside it when the card is gone.
func (c *drawing) reply(ctx context.Context, m blocks.Message) (place, error) {
	thread := c.st.TS
	if c.op.Origin.Thread != "" && !c.st.Direct {
		thread = c.op.Origin.Thread
	}
	at, err := c.d.post(ctx, place{channel: c.st.Channel, thread: thread}, m)
	if is(err, gone) {
		at, err = c.d.post(ctx, place{channel: c.st.Channel}, m)
	}
	return at, err
}

func awaitsApproval(op workflow.Operation) bool {
	if op.State == workflow.AwaitingApproval {
		return true
	}
	for _, v := range blocks.CardVerbs(op) {
		if v == workflow.Approve {
			return true
		}
	}
	return false
}
