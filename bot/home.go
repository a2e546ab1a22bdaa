package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/handlers"
	"ecsbot/policy"
)

const (
	slackTimeout = 30 * time.Second // of one Web API call
	greetTimeout = 10 * time.Second
	firstWait    = time.Second
	longestWait  = 30 * time.Second
)

// slackClient talks to Slack's Web API. It has no debug, which logs tickets, and no retries, which post twice.
func slackClient(cfg Config) *slack.Client {
	return slack.New(cfg.SlackBotToken.Reveal(),
		slack.OptionAppLevelToken(cfg.SlackAppToken.Reveal()),
		slack.OptionAPIURL(string(cfg.SlackAPIURL)),
		slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout}))
}

// greetOnce asks Slack who we are. It returns nil when Slack cannot be reached now, and an error when its answer is one that
// only a person can mend.
func (s *service) greetOnce(ctx context.Context) (*handlers.Home, error) {
	home, err := whoAmI(ctx, s.api)
	if err == nil {
		zerolog.Ctx(ctx).Info().Str("team_id", home.Team).Str("app_id", home.App).Str("bot_user", home.BotUser).Msg("Slack knows us")
		return &home, nil
	}
	if fix := tokenFix(err); fix != "" {
		return nil, fmt.Errorf("Slack does not accept SLACK_BOT_TOKEN (%w): %s", err, fix)
	}
	zerolog.Ctx(ctx).Warn().Err(err).Msg("Slack not reached, operations run on")
	return nil, ctx.Err()
}

// greet asks until Slack answers. Its refusals are waited out too: operations are running.
func (s *service) greet(ctx context.Context) (*handlers.Home, error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		s.waitFor("Slack cannot be reached")
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		home, err := whoAmI(ctx, s.api)
		if err == nil {
			s.waitFor("")
			return &home, nil
		}
		if fix := tokenFix(err); fix != "" {
			s.waitFor(fix)
		}
		zerolog.Ctx(ctx).Warn().Err(err).Dur("again_after", wait).Msg("Slack not reached")
	}
}

func (s *service) waitFor(what string) {
	if what == "" {
		s.waiting.Store(nil)
		return
	}
	s.waiting.Store(&what)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// whoAmI reads the app's own identity: what an envelope must name to be ours.
func whoAmI(ctx context.Context, api *slack.Client) (handlers.Home, error) {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	auth, err := api.AuthTestContext(ctx)
	if err != nil {
		return handlers.Home{}, fmt.Errorf("calling auth.test: %w", err)
	}
	info, err := api.GetBotInfoContext(ctx, slack.GetBotInfoParameters{Bot: auth.BotID})
	if err != nil {
		return handlers.Home{}, fmt.Errorf("calling bots.info: %w", err)
	}
	return handlers.Home{App: info.AppID, Team: auth.TeamID, Enterprise: auth.EnterpriseID, BotUser: auth.UserID}, nil
}

// tokenFix is what a person must do about an answer of auth.test or bots.info, or "" when waiting may help.
func tokenFix(err error) string {
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		if status, ok := errors.AsType[slack.StatusCodeError](err); ok && status.Code == http.StatusNotFound {
			return "no Slack API answers there; see that SLACK_API_URL is unset or ends in /api/"
		}
		return ""
	}
	const where = "api.slack.com/apps › your app › OAuth & Permissions"
	switch answer.Err {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "user_removed_from_team", "team_disabled":
		return "it is mistyped, revoked or of an uninstalled app; install the app and copy its bot token (" + where + ")"
	case "not_allowed_token_type":
		return "it must be a bot token (xoxb-…); copy it from " + where
	case "missing_scope", "no_permission":
		return fmt.Sprintf("the app lacks the scope %s; add it as in manifest.yaml and reinstall the app (%s)", answer.Needed, where)
	case "access_denied", "team_access_not_granted", "org_login_required", "enterprise_is_restricted", "ekm_access_denied":
		return "this workspace does not let the app in; ask a Slack administrator to approve it"
	}
	return ""
}

// rules are the configured policy with every cluster as an ARN. Bare names take the account of our AWS credentials, so AWS is
// asked, again and again until it answers.
func (s *service) rules(ctx context.Context) (policy.Rules, error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		rules, err := makeRules(ctx, s.cfg, s.fleet)
		if err == nil {
			s.waitFor("")
			return rules, nil
		}
		zerolog.Ctx(ctx).Warn().Err(err).Msg("account of bare cluster names not known")
		s.waitFor("the account of our AWS credentials is not known, which bare names in CLUSTERS need: " + err.Error())
		if err := pause(ctx, wait); err != nil {
			return policy.Rules{}, err
		}
	}
}

type clusterLister interface {
	Clusters(ctx context.Context) ([]ecsops.ClusterARN, error)
	Regions() []string
}

func makeRules(ctx context.Context, cfg Config, fleet clusterLister) (policy.Rules, error) {
	r := policy.Rules{Operators: cfg.Operators, Approvers: cfg.Approvers, Channels: cfg.Channels, Regions: cfg.Regions}
	if cfg.Clusters.All {
		r.Clusters = []string{Everything}
		if len(r.Regions) == 0 {
			r.Regions = fleet.Regions() // every cluster, where the fleet looks
		}
		return r, nil
	}
	bare := false
	for _, ref := range cfg.Clusters.Refs {
		if ref.Account == "" {
			bare = true
			continue
		}
		r.Clusters = append(r.Clusters, string(ecsops.MakeClusterARN(ref.Account, ref.Region, ref.Name)))
	}
	if !bare {
		return r, nil
	}
	arns, err := fleet.Clusters(ctx)
	if err != nil {
		return r, err
	}
	r.Clusters = nil
	for _, arn := range arns {
		r.Clusters = append(r.Clusters, string(arn))
	}
	return r, nil
}
