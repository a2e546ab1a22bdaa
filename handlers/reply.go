package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/blocks"
)

// Slack takes 5 answers on a response URL within 30 minutes.
const (
	responseUses = 5
	responseLife = 29 * time.Minute
	maxRetryWait = 10 * time.Second
)

// reply is the way back to the person of one envelope: the modal that is open,
// else the response URL, else an ephemeral message, else a direct message.
type reply struct {
	r       *Router
	url     string
	born    time.Time
	channel string
	user    string
	view    string // id of an open modal that shows what we say
	uses    int
}

func (r *Router) replyTo(a *act) *reply {
	channel := a.channel
	if channel == "" {
		channel = a.container
	}
	return &reply{r: r, url: a.responseURL, born: r.Clock.Now(), channel: channel, user: a.who.User}
}

// say tells the person something that only they see. Failing to is logged:
// nothing that was decided hangs on it.
func (p *reply) say(ctx context.Context, m blocks.Message) {
	var errs []error
	for _, way := range []func(context.Context, blocks.Message) error{p.inModal, p.byURL, p.ephemerally, p.directly} {
		err := way(ctx, m)
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	zerolog.Ctx(ctx).Error().Err(errors.Join(errs...)).Str("user", p.user).Msg("the person could not be answered")
}

var errNoWay = errors.New("not possible here")

func (p *reply) inModal(ctx context.Context, m blocks.Message) error {
	if p.view == "" {
		return errNoWay
	}
	view := p.view
	p.view = "" // a second message would overwrite the first
	return p.r.updateView(ctx, blocks.MessageModal(m), "", view)
}

func (p *reply) byURL(ctx context.Context, m blocks.Message) error {
	if p.url == "" || p.uses >= responseUses || p.r.Clock.Now().Sub(p.born) > responseLife {
		return errNoWay
	}
	p.uses++
	ctx, cancel := context.WithTimeout(ctx, responseTimeout)
	defer cancel()
	err := slack.PostWebhookCustomHTTPContext(ctx, p.url, p.r.HTTP, &slack.WebhookMessage{
		ResponseType: slack.ResponseTypeEphemeral, Text: m.Text, Blocks: &slack.Blocks{BlockSet: m.Blocks},
	})
	if err != nil {
		return errors.New("posting to the response URL: " + slackReason(err)) // the error's own text holds the URL
	}
	return nil
}

func (p *reply) ephemerally(ctx context.Context, m blocks.Message) error {
	if p.channel == "" || p.user == "" {
		return errNoWay
	}
	return patiently(ctx, func() error {
		_, err := p.r.Slack.PostEphemeralContext(ctx, p.channel, p.user, options(m)...)
		return err
	})
}

func (p *reply) directly(ctx context.Context, m blocks.Message) error {
	if p.user == "" {
		return errNoWay
	}
	return patiently(ctx, func() error {
		_, _, err := p.r.Slack.PostMessageContext(ctx, p.user, options(m)...) // a user id opens the direct message
		return err
	})
}

func options(m blocks.Message) []slack.MsgOption {
	return []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...), slack.MsgOptionDisableLinkUnfurl()}
}

// patiently waits once as long as Slack asks to, when that is short.
func patiently(ctx context.Context, call func() error) error {
	err := call()
	limited, ok := errors.AsType[*slack.RateLimitedError](err)
	if !ok || limited.RetryAfter > maxRetryWait {
		return err
	}
	t := time.NewTimer(limited.RetryAfter)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return err
	case <-t.C:
		return call()
	}
}

func (r *Router) openView(ctx context.Context, trigger string, view slack.ModalViewRequest) (string, error) {
	resp, err := r.Slack.OpenViewContext(ctx, trigger, view)
	if err != nil {
		return "", fmt.Errorf("opening a modal: %w", err)
	}
	return resp.ID, nil
}

func (r *Router) updateView(ctx context.Context, view slack.ModalViewRequest, hash, id string) error {
	err := patiently(ctx, func() error {
		_, err := r.Slack.UpdateViewContext(ctx, view, "", hash, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("rewriting a modal: %w", err)
	}
	return nil
}

// ephemeral is a message as a command's ack carries it.
func ephemeral(m blocks.Message) any {
	return map[string]any{"response_type": slack.ResponseTypeEphemeral, "text": m.Text}
}

// viewErrors answers a submission on one of its inputs.
func viewErrors(block, text string) any {
	return slack.NewErrorsViewSubmissionResponse(map[string]string{block: text})
}

func firstInput(v slack.View) string {
	for _, b := range v.Blocks.BlockSet {
		if in, ok := b.(*slack.InputBlock); ok {
			return in.BlockID
		}
	}
	return ""
}
