package words

import (
	"context"
	"errors"

	"ecsbot/workflow"
)

// Problem explains an error to a person: what happened, why, what next. The
// error's own text stays out: it may carry what does not belong in a channel, and
// is in the log.
func Problem(err error) (what, why, next string) {
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

// ProblemLine is Problem in one line.
func ProblemLine(err error) string {
	what, why, next := Problem(err)
	return what + ": " + why + ". " + next
}
