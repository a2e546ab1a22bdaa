package handlers

import (
	"context"
	"strings"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
)

// choice is a command that waits for its person to choose a registration.
type choice struct {
	User  string
	Args  DeregisterArgs
	Found []ecsops.Listed
}

// chosen goes on with the registration that the person chose. The value is the
// client's word: it must be one of those that were offered, to this person.
func (r *Router) chosen(ctx context.Context, a *act, to *reply) error {
	c, ok, err := r.choices.get(ctx, strings.TrimPrefix(a.action.BlockID, "choose:"))
	if err != nil {
		return err
	}
	if ok && c.User != a.who.User {
		return r.notMine(ctx, a, policy.Propose, "choice_of_another_person", to)
	}
	if !ok {
		to.say(ctx, sentence("This choice is no longer known: it was offered too long ago. Nothing was done; please give the command again."))
		return nil
	}
	value := a.action.SelectedOption.Value
	if value == "" {
		value = a.action.Value
	}
	for _, f := range c.Found {
		if blocks.ChooseValue(f.Target) != value {
			continue
		}
		w, err := r.mayPropose(ctx, a, a.channel, c.Args, to)
		if err != nil {
			return err
		}
		return r.plan(ctx, w, f.Target, c.Args, to)
	}
	to.say(ctx, sentence("That instance was not among those offered. Nothing was done; please give the command again."))
	return nil
}
