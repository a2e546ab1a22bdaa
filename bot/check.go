package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/audit"
	"ecsbot/ecsops"
	"ecsbot/store"
	"ecsbot/words"
)

// scopes are what the bot calls Slack with; manifest.yaml asks for the same.
func scopes() []string {
	return []string{"commands", "chat:write", "im:read", "im:write", "users:read", "usergroups:read", "channels:read", "groups:read"}
}

const checkTimeout = 60 * time.Second

// matrix collects what Check finds, one line for each thing that must work.
type matrix struct {
	out    io.Writer
	failed int
	err    error
}

func (m *matrix) line(mark, what, detail string) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.out, "%-4s %-45s %s\n", mark, what, words.Strip(detail))
	}
}

func (m *matrix) ok(what, detail string)   { m.line("ok", what, detail) }
func (m *matrix) warn(what, detail string) { m.line("warn", what, detail) }
func (m *matrix) fail(what, detail string) {
	m.failed++
	m.line("FAIL", what, detail)
}

func (m *matrix) judge(what string, err error, fix, good string) {
	if err == nil {
		m.ok(what, good)
		return
	}
	detail := err.Error()
	if fix != "" {
		detail += ": " + fix
	}
	m.fail(what, detail)
}

// Check asks everything that serving needs, changes nothing, and prints a line for each: the store, both tokens, the scopes, the
// channels, and each AWS permission in each cluster. The error wraps ErrRefused when a line failed.
func Check(ctx context.Context, cfg Config, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	m := &matrix{out: out}
	for _, w := range cfg.Warnings {
		m.warn("configuration", w)
	}
	checkStore(ctx, cfg, m)
	checkSlack(ctx, cfg, m)
	checkAWS(ctx, cfg, m)
	switch {
	case m.err != nil:
		return m.err
	case m.failed > 0:
		return fmt.Errorf("%w: %s failed", ErrRefused, words.Count(m.failed, "check"))
	}
	return nil
}

func checkStore(ctx context.Context, cfg Config, m *matrix) {
	where := "SQLite under " + cfg.StateDir
	if cfg.DatabaseURL.Set() {
		where = "PostgreSQL"
	}
	db, err := store.Open(ctx, store.Options{URL: cfg.DatabaseURL.Reveal(), StateDir: cfg.StateDir})
	m.judge("store", err, "", where)
	if err != nil {
		return
	}
	defer db.Close()
	size, err := db.LogSize(ctx)
	m.judge("store: audit log", err, "", words.Count(int(size), "record"))
	if cfg.AuditKey.Set() {
		_, err := audit.ParseKey(cfg.AuditKey.Reveal())
		m.judge("AUDIT_KEY", err, "`bot audit key` makes one", "signs checkpoints")
	}
}

func checkSlack(ctx context.Context, cfg Config, m *matrix) {
	api := slackClient(cfg)
	auth, err := api.AuthTestContext(ctx)
	if err != nil {
		m.judge("slack: SLACK_BOT_TOKEN", err, tokenFix(err), "")
		return
	}
	m.ok("slack: SLACK_BOT_TOKEN", fmt.Sprintf("workspace %s (%s), bot user %s", auth.Team, auth.TeamID, auth.UserID))
	checkScopes(auth.Header.Get("X-OAuth-Scopes"), m)
	_, _, err = api.StartSocketModeContext(ctx)
	m.judge("slack: SLACK_APP_TOKEN", err, "it needs the scope connections:write, and Socket Mode must be on", "opens connections")
	checkChannel(ctx, api, m, "AUDIT_CHANNEL", cfg.AuditChannel)
	for _, id := range cfg.Channels {
		if id != Everything && !strings.HasPrefix(id, "D") {
			checkChannel(ctx, api, m, "CHANNELS", id)
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(cfg.Operators, cfg.Approvers)))) {
		checkPerson(ctx, api, m, id)
	}
}

// checkScopes compares Slack's header with the need, both ways: more scopes than needed are a risk for nothing.
func checkScopes(header string, m *matrix) {
	if header == "" {
		m.warn("slack: scopes", "Slack did not say which the token has")
		return
	}
	var have []string
	for s := range strings.SplitSeq(header, ",") {
		have = append(have, strings.TrimSpace(s))
	}
	for _, s := range scopes() {
		if slices.Contains(have, s) {
			m.ok("slack: scope "+s, "")
		} else {
			m.fail("slack: scope "+s, "missing: add it as in manifest.yaml and reinstall the app")
		}
	}
	for _, s := range have {
		if !slices.Contains(scopes(), s) {
			m.warn("slack: scope "+s, "not needed: take it away")
		}
	}
}

func checkChannel(ctx context.Context, api *slack.Client, m *matrix, variable, id string) {
	what := fmt.Sprintf("slack: %s %s", variable, id)
	ch, err := api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	switch {
	case err != nil:
		m.judge(what, err, "check the id; in a private channel, invite the bot first", "")
	case ch.IsArchived:
		m.fail(what, "archived")
	case ch.IsExtShared:
		m.fail(what, "shared with another organisation: the bot refuses to work there")
	case !ch.IsMember:
		m.fail(what, "the bot is no member: /invite it there")
	default:
		m.ok(what, "member")
	}
}

func checkPerson(ctx context.Context, api *slack.Client, m *matrix, id string) {
	if strings.HasPrefix(id, "S") {
		members, err := api.GetUserGroupMembersContext(ctx, id)
		m.judge("slack: user group "+id, err, "check the id", words.Count(len(members), "member"))
		return
	}
	u, err := api.GetUserInfoContext(ctx, id)
	switch {
	case err != nil:
		m.judge("slack: user "+id, err, "check the id", "")
	case u.Deleted || u.IsRestricted || u.IsUltraRestricted || u.IsStranger || u.IsBot:
		m.fail("slack: user "+id, "deactivated, a guest, from elsewhere or a bot: the bot refuses them")
	default:
		m.ok("slack: user "+id, "")
	}
}

func checkAWS(ctx context.Context, cfg Config, m *matrix) {
	fleet, err := ecsops.New(ctx, fleetConfig(cfg, nil, nil))
	if err != nil {
		m.fail("aws: configuration", err.Error())
		return
	}
	clusters, err := fleet.Clusters(ctx)
	if err != nil {
		m.fail("aws: clusters", err.Error())
	}
	for _, c := range clusters {
		for _, p := range fleet.Permissions(ctx, c) {
			what := "aws: " + c.Name() + " " + p.Call
			switch {
			case p.OK:
				m.ok(what, p.Detail)
			case p.Unsure:
				m.warn(what, p.Detail)
			default:
				m.fail(what, p.Detail)
			}
		}
	}
}

// Healthcheck asks the serving process on this machine whether it lives, for the container's health check.
func Healthcheck(ctx context.Context, addr HostPort) error {
	host, port, err := net.SplitHostPort(string(addr))
	if err != nil {
		return fmt.Errorf("reading HTTP_ADDR: %w", err)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("asking /healthz: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking /healthz: %w", err)
	}
	_, err = io.Copy(io.Discard, res.Body)
	err = errors.Join(err, res.Body.Close())
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking /healthz: HTTP %d", res.StatusCode)
	}
	return err
}
