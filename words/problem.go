package words

import (
	"context"
	"errors"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Problem explains an error to a person: what happened, why, what next. The
// error's own text stays out: it may carry what does not belong in a channel, and
// is in the log.
func Problem(err error) (what, why, next string) {
	if what, why, next, ok := lookupProblem(err); ok {
		return what, why, next
	}
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		return "There is no such operation", "its id is not in the records", "See “/ecs status” for the latest ones."
	case errors.Is(err, workflow.ErrConflict):
		return "Nothing was done", "the operation changed at the same moment", "Look at its card and decide again."
	case errors.Is(err, workflow.ErrLocked):
		return "Nothing was done", "another operation holds this instance", "See “/ecs status”."
	case errors.Is(err, workflow.ErrSpent):
		return "Nothing was done a second time", "you used this button already", "Look at the card for what came of it."
	case errors.Is(err, context.DeadlineExceeded):
		return "It took too long", "AWS, Slack or the store did not answer in time", "Try again in a minute; what was decided before goes on by itself."
	case errors.Is(err, context.Canceled):
		return "It was interrupted", "the bot is shutting down or restarting", "Try again in a minute; what was decided before goes on by itself."
	}
	return "Something went wrong inside the bot, and nothing was done", "the cause is in its log", "Try again; if it stays, ask whoever runs the bot."
}

// lookupProblem explains errors about what a person named.
func lookupProblem(err error) (what, why, next string, ok bool) {
	if e, is := errors.AsType[*ecsops.NotFoundError](err); is {
		return "Nothing was done", trimStop(lowerFirst(NotFound(e.Ref, e.Searched, e.Nearest, e.Unreadable, e.Empty...))), "See “/ecs list”.", true
	}
	if e, is := errors.AsType[*ecsops.UnknownClusterError](err); is {
		next = "See “/ecs help” for the clusters that you may use."
		if len(e.Nearest) > 0 {
			next = "Did you mean " + Some(quoteAll(e.Nearest), 5) + "?"
		}
		return "Nothing was done", "no allowed cluster is called " + Quote(e.Name) + orElse(semicolon(missing(e.Unreadable)), ""), next, true
	}
	if e, is := errors.AsType[*ecsops.RefError](err); is {
		return "Nothing was done", refReason(e), "Give an EC2 id (i-…), or a container-instance id or ARN.", true
	}
	if e, is := errors.AsType[*ecsops.WrongAccountError](err); is {
		return "Nothing was done", "the bot's AWS credentials are of account " + Quote(e.Have) + ", the target is in " + Quote(e.Want),
			"Whoever runs the bot can give it a role for that account (ROLES).", true
	}
	return "", "", "", false
}

func semicolon(s string) string {
	if s == "" {
		return ""
	}
	return "; " + s
}

func refReason(e *ecsops.RefError) string {
	switch e.Reason {
	case "empty":
		return "no instance was named"
	case "too_long":
		return "what was named is too long to be an instance"
	case "other_resource":
		return Quote(e.Text) + " names something else than a container instance"
	}
	return Quote(e.Text) + " names no container instance"
}

// ProblemLine is Problem in one line.
func ProblemLine(err error) string {
	what, why, next := Problem(err)
	return what + ": " + why + ". " + next
}
