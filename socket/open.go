package socket

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/slack-go/slack"
)

// Opener asks Slack for a new single-use WebSocket address (apps.connections.open). Its errors are slack-go's:
// slack.SlackErrorResponse, *slack.RateLimitedError, slack.StatusCodeError, or those of the network.
type Opener interface {
	OpenSocket(ctx context.Context) (url string, err error)
}

type slackOpener struct{ api *slack.Client }

// FromSlack is an Opener over slack-go's client, which needs the app-level token. The client must not retry by itself, as the
// manager paces, and must not have debug on, as that logs tickets.
func FromSlack(api *slack.Client) Opener { return slackOpener{api} }

func (o slackOpener) OpenSocket(ctx context.Context) (string, error) {
	_, url, err := o.api.StartSocketModeContext(ctx)
	return url, err
}

// FatalError is an answer from Slack that no retry mends until a person changes something.
type FatalError struct {
	// Code is Slack's word, such as invalid_auth or link_disabled.
	Code string
	// Fix says what to change, and where.
	Fix string
	// Err is the error as it came, or nil.
	Err error
}

func (f *FatalError) Error() string { return fmt.Sprintf("Slack answered %s: %s", f.Code, f.Fix) }

func (f *FatalError) Unwrap() error { return f.Err }

const (
	fixToken = "make a new app-level token (api.slack.com/apps › your app › Basic Information › App-Level Tokens) with the scope" +
		" connections:write, and put it into SLACK_APP_TOKEN (xapp-…)"
	fixSocketMode = "turn on Socket Mode (api.slack.com/apps › your app › Socket Mode) and see that the app is enabled and installed"
	fixInstall    = "see that the app is installed and enabled (api.slack.com/apps › your app › Install App; Slack admin › Manage apps)," +
		" then " + fixToken
	fixAdmin = "ask a Slack administrator to approve the app for this workspace (Slack admin › Manage apps)"
)

// fix returns what a person must do about an answer of apps.connections.open or the reason of a disconnect frame, and whether
// only a person can. Everything else is worth another try.
// https://docs.slack.dev/reference/methods/apps.connections.open; the same list is argued about in gravitational/teleport#67148.
func fix(code string) (string, bool) {
	switch code {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired":
		return "SLACK_APP_TOKEN is missing, mistyped, revoked or expired: " + fixToken, true
	case "missing_scope", "no_permission":
		return "SLACK_APP_TOKEN lacks the scope connections:write: " + fixToken, true
	case "not_allowed_token_type":
		return "SLACK_APP_TOKEN must be an app-level token (xapp-…), not a bot token (xoxb-…): " + fixToken, true
	case "account_inactive", "user_removed_from_team", "team_disabled":
		return "the app was uninstalled or its workspace is gone: " + fixInstall, true
	case ReasonLinkDisabled, "socket_mode_disabled", "app_disabled":
		return "Socket Mode is off or the app is disabled: " + fixSocketMode, true
	case "team_access_not_granted", "access_denied", "forbidden_team", "org_login_required", "enterprise_is_restricted",
		"two_factor_setup_required", "ekm_access_denied":
		return "this workspace or organisation does not let the app in: " + fixAdmin, true
	case "method_deprecated", "deprecated_endpoint":
		return "Slack no longer offers apps.connections.open in this form: a newer version of this program is needed", true
	}
	return "", false
}

// classify returns err as a *FatalError if no retry mends it, and else err itself.
func classify(err error) error {
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		if advice, fatal := fix(answer.Err); fatal {
			return &FatalError{Code: answer.Err, Fix: advice, Err: err}
		}
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok && status.Code == http.StatusNotFound {
		return &FatalError{Code: "HTTP 404", Fix: "no Slack API answers there: see that SLACK_API_URL is unset, or ends in /api/", Err: err}
	}
	return err
}
