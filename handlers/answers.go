package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
)

var errPanicked = errors.New("the handler panicked")

// tryingAgain is what the person of an envelope hears that stays in the inbox.
func tryingAgain() blocks.Message {
	return sentence("That could not be done yet: a part of the bot does not answer. It is recorded and tried again by itself, for ten minutes at most; then it is dropped, and you are told.")
}

// sentence is one of our own sentences as a message, in plain text: no word of
// it can become a mention or a link.
func sentence(s string) blocks.Message {
	return blocks.Message{
		Text:   strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s),
		Blocks: []slack.Block{slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, s, false, false), nil, nil)},
	}
}

// explain says what was not understood, and what to type instead.
func explain(m *Mistake) blocks.Message {
	word := shown(m.Word)
	switch m.What {
	case mistakeSubcommand, mistakeOption:
		return blocks.Nearest(string(m.What), word, m.Near)
	case mistakeExtra:
		return sentence("There is one word too many: “" + word + "”. Put quotes around a reason of several words, and give cluster and instance once each.")
	case mistakeMissing:
		if m.Word == "TARGET" {
			return sentence("Which instances? Give their ids, or --filter with a cluster query. Nothing was looked up.")
		}
		return sentence("Which operation? Give its id, as in “/ecs stop 3k7m2p9q”; “/ecs status” lists them.")
	case mistakeLimit:
		return sentence("“" + word + "” is no limit. Write how many instances may be unavailable at once, as in --max-unavailable 3 or --max-unavailable 5%.")
	case mistakeTarget:
		return sentence("“" + word + "” is no container instance that I can read. Several targets are EC2 ids, container-instance ids or ARNs, and one cluster at the end. Nothing was looked up.")
	case mistakeNotInBulk:
		return sentence(word + " is not possible for several instances at once. Give it to each by itself; nothing was done.")
	case mistakeBoth:
		return sentence("Give a filter or targets, not both: “" + word + "” beside --filter. Nothing was looked up.")
	case mistakeNoValue:
		return sentence("The option " + word + " wants a value, as in “" + word + "=…”.")
	case mistakeSingle:
		return sentence("There is an opening ' without its closing one. Put double quotes around text with an apostrophe: --reason \"it's broken\".")
	case mistakeDouble:
		return sentence("There is an opening \" without its closing one. Nothing was done.")
	case mistakeBackslash:
		return sentence("The command ends with a backslash. Leave it out, or write it twice.")
	case mistakeTooLong:
		return sentence(fmt.Sprintf("That is more than I read in one command (%d characters). Nothing was done.", maxText))
	case mistakeReason:
		return sentence(fmt.Sprintf("The reason is too long: at most %d characters. It stands in the audit trail; a link to a ticket does well.", maxReason))
	case mistakeDeadline:
		return sentence("“" + word + "” is no deadline. Write 45m, 2h or 1h30m, between one minute and 24 hours; a bare number means minutes.")
	}
	s := "That value is not one I know"
	if word != "" {
		s += ": “" + word + "”"
	}
	if len(m.Near) > 0 {
		s += ". Possible: " + strings.Join(m.Near, ", ")
	}
	return sentence(s + ". “/ecs help” shows the options.")
}

// shown makes a person's own word fit for one line.
func shown(word string) string {
	word = strings.Join(strings.FieldsFunc(word, invisible), " ")
	if short := clipRunes(word, 60); short != word {
		return short + "…"
	}
	return word
}

// noTarget answers a target in no form that we know.
func noTarget(text string, err error) blocks.Message {
	if e, ok := errors.AsType[*ecsops.RefError](err); ok && e.Reason == "too_long" {
		return sentence("That target is too long to be an id, an ARN or a console URL.")
	}
	return sentence("“" + shown(text) + "” is no container instance that I can read. Give an EC2 id (i-0123456789abcdef0), a container-instance id or ARN, " +
		"or the address of its page in the console; or “/ecs deregister” alone, to pick from a list.")
}

func contradiction(err error) blocks.Message {
	what := "place"
	if c, ok := errors.AsType[*contradictionError](err); ok {
		what = c.what
	}
	return sentence("The target names another " + what + " than the command does: one of them is wrong, so nothing was looked up.")
}

func whichCluster(found []ecsops.ClusterARN) blocks.Message {
	var b strings.Builder
	b.WriteString("Which cluster? Name one, as in “/ecs list " + found[0].Name() + "”:")
	for i, c := range found {
		if i == 20 {
			fmt.Fprintf(&b, "\n… and %d more", len(found)-i)
			break
		}
		fmt.Fprintf(&b, "\n%s (account %s, %s)", c.Name(), c.Account(), c.Region())
	}
	return sentence(b.String())
}

// awsTrouble answers a read that AWS did not answer. The error's text stays in
// the log.
func (r *Router) awsTrouble(ctx context.Context, doing string, err error, to *reply) {
	zerolog.Ctx(ctx).Warn().Err(err).Msg(doing)
	to.say(ctx, blocks.Problem(fmt.Errorf("%s: %w", doing, err)))
}
