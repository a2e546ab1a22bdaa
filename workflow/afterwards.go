package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/policy"
)

// Afterwards takes a person's word about what an ended operation left: SignOffVerb closes the
// ledger of its orphans; LookHostVerb has the machine looked into, once at a time: whoever
// asks while a look is under way is told so. Every answer is one of the fixed set; an error
// means that nothing was recorded.
func (e *Engine) Afterwards(ctx context.Context, dec Decision) (Answer, error) {
	for range decideTries {
		answer, err := e.afterwardsOnce(ctx, dec)
		if !errors.Is(err, ErrConflict) {
			return answer, err
		}
	}
	return Answer{}, fmt.Errorf("deciding %s on operation %s: %w", dec.Verb, dec.Op, ErrConflict)
}

func (e *Engine) afterwardsOnce(ctx context.Context, dec Decision) (Answer, error) {
	op, err := e.store.Operation(ctx, dec.Op)
	if err != nil {
		return Answer{}, fmt.Errorf("loading operation %s: %w", dec.Op, err)
	}
	f, err := e.store.FollowUp(ctx, dec.Op)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Answer{}, fmt.Errorf("loading follow-up %s: %w", dec.Op, err)
	}
	f.Watches, f.Notices = slices.Clone(f.Watches), slices.Clone(f.Notices)
	answer, ev := Answer{Kind: NotYours, Reasons: dec.Verdict.Reasons}, Event{}
	if dec.Verdict.Effect == policy.Allow {
		answer, ev = f.decide(dec, op.Revision, e.settings.HostLook, e.store.Clock().Now())
	}
	if answer.Op = op; answer.Kind != Accepted {
		return answer, e.recordRefusal(ctx, op, dec, answer)
	}
	var spend *Spend
	if dec.Token != "" {
		spend = &Spend{Token: dec.Token, Actor: dec.Actor.UserID}
	}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("verb", string(dec.Verb)).Msg("decided afterwards")
	err = e.commitFollowUp(ctx, f, []Event{ev}, spend)
	if errors.Is(err, ErrSpent) {
		return Answer{Kind: AlreadyDone, Op: op, By: dec.Actor}, nil
	}
	return answer, err
}

// decide changes f where the answer is Accepted: pure but for f.
func (f *FollowUp) decide(dec Decision, revision int, hostLook string, now time.Time) (Answer, Event) {
	switch dec.Verb {
	case SignOffVerb:
		return f.signOff(dec, revision, now)
	case LookHostVerb:
		return f.askHost(dec, hostLook, now)
	}
	return Answer{Kind: NotYours}, Event{}
}

func (f *FollowUp) signOff(dec Decision, revision int, now time.Time) (Answer, Event) {
	switch {
	case f.SignedOff != nil:
		return Answer{Kind: AlreadyDone, By: f.SignedOff.Actor}, Event{}
	case !f.Watching(Orphans):
		return Answer{Kind: TooLate, Detail: "no_orphans"}, Event{}
	}
	f.open(Orphans).Ended = EndedSignedOff
	if w := f.open(Host); w != nil {
		w.Ended, f.Host = EndedSignedOff, nil
	}
	f.SignedOff = &Approval{Actor: dec.Actor, Revision: revision, At: now}
	ev := f.note(Notice{Type: EvSignedOff, Orphans: len(f.Orphans), By: &dec.Actor, Host: f.Sight}, now)
	ev.Actor, ev.Channel = dec.Actor, dec.Channel
	return Answer{Kind: Accepted, Detail: "signed_off"}, ev
}

func (f *FollowUp) askHost(dec Decision, hostLook string, now time.Time) (Answer, Event) {
	*f = f.withHost(hostLook)
	switch {
	case !f.Watching(Orphans):
		return Answer{Kind: TooLate, Detail: "no_orphans_left"}, Event{}
	case !f.Watching(Host):
		return Answer{Kind: TooLate, Detail: "host_look_off"}, Event{}
	case f.Host != nil:
		return Answer{Kind: AlreadyDone, By: f.Host.by()}, Event{}
	}
	f.open(Host).Due, f.Host = now, &HostLook{By: &dec.Actor, Began: now}
	return Answer{Kind: Accepted, Detail: "host_look"}, Event{Type: EvHostAsked, Actor: dec.Actor, Channel: dec.Channel}
}
