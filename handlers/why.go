package handlers

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/policy"
	"ecsbot/words"
)

// unexplained is what somebody asked for without the reason that is required here.
type unexplained struct {
	User    string
	Channel string
	Then    string         // the command or the button that goes on
	Args    DeregisterArgs // of a command
	List    string         // of a button: the list of ghosts and the number in it
	Number  int
}

// unsaid reports whether a reason is required and missing. A plan that nobody can confirm
// needs none.
func (r *Router) unsaid(args DeregisterArgs) bool {
	return r.RequireReason && blank(args.Reason) && !args.DryRun
}

// blank reports a reason of which nobody would see anything.
func blank(reason string) bool { return words.ForeignN(reason, maxReason) == "" }

// askWhy opens a modal that asks for the reason, at once, as a trigger lives three seconds;
// what was asked for goes on with its submission, where policy is asked.
func (r *Router) askWhy(ctx context.Context, a *act, to *reply, q unexplained) error {
	again := "Please click again."
	if a.typ == typeCommand {
		again = "Give the command again, with the reason: --reason \"why\""
	}
	late := sentence("not deregistering: a reason is required here, and the window that asks for it could not be opened in time. Nothing was done. " + again)
	if a.retried {
		to.say(ctx, late)
		return nil
	}
	id := opaque()
	q.User, q.Channel = a.who.User, a.channel
	if err := r.whys.put(ctx, id, q); err != nil {
		return err
	}
	r.urls.put(id, a.responseURL)
	if _, err := r.openView(ctx, a.trigger, blocks.WhyModal(id)); err != nil {
		zerolog.Ctx(ctx).Warn().Str("reason", slackReason(err)).Msg("opening the modal for a reason")
		to.say(ctx, late)
	}
	return nil
}

// invalidWhy answers a reason of blanks, or one that is too long, in the modal.
func (r *Router) invalidWhy(a *act) any {
	block, why := blocks.FieldBlock(a.view, blocks.FieldReason), strings.TrimSpace(blocks.ReadWhy(a.view))
	switch {
	case block == "":
		return nil
	case blank(why):
		return viewErrors(block, "A few words that somebody understands a year later: a ticket, an update, a fault.")
	case utf8.RuneCountInString(why) > maxReason:
		return viewErrors(block, explain(&Mistake{What: mistakeReason}).Text)
	}
	return nil
}

// explained goes on with what was asked for, in its channel.
func (r *Router) explained(ctx context.Context, a *act, to *reply) error {
	q, known, err := r.whys.get(ctx, a.view.PrivateMetadata)
	switch {
	case err != nil:
		return err
	case !known:
		to.say(ctx, forgotten())
		return nil
	}
	if q.User != a.who.User {
		return r.notMine(ctx, a, policy.Propose, "modal_of_another_person", to)
	}
	url, _ := r.urls.get(a.view.PrivateMetadata) // of another replica's command: the answer is posted
	to.channel, to.url = q.Channel, url
	if r.invalidWhy(a) != nil {
		to.say(ctx, notTaken())
		return nil
	}
	there := *a
	there.channel, there.responseURL = q.Channel, url
	return r.goOn(ctx, &there, q, strings.TrimSpace(blocks.ReadWhy(a.view)), to)
}

// goOn does what was asked for, now with its reason.
func (r *Router) goOn(ctx context.Context, a *act, q unexplained, reason string, to *reply) error {
	if q.Then != cmdDeregister {
		return r.cleanListed(ctx, a, q.Then, q.List, q.Number, reason, to)
	}
	q.Args.Reason = reason
	if q.Args.Bulk() {
		return r.bulk(ctx, a, q.Args, to)
	}
	return r.deregister(ctx, a, q.Args, to)
}

// notTaken answers a submission that its window refused, and that was not marked as handled.
func notTaken() blocks.Message {
	return sentence("not deregistering: the form was not complete, as its window said. Nothing was done; please give the command again.")
}
