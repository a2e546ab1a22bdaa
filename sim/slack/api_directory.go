package slack

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (w *Workspace) userObject(u *User, withLocale bool) map[string]any {
	profile := map[string]any{"real_name": u.RealName, "display_name": u.Name, "team": u.TeamID}
	if u.Email != "" && w.manifest.has("users:read.email") {
		profile["email"] = u.Email
	}
	out := map[string]any{"id": u.ID, "team_id": u.TeamID, "name": u.Name, "deleted": u.Deleted, "profile": profile,
		"is_bot": u.IsBot, "is_app_user": false, "updated": 1_700_000_000}
	if w.cfg.EnterpriseID != "" && !u.IsStranger {
		out["enterprise_user"] = map[string]any{"id": u.ID, "enterprise_id": w.cfg.EnterpriseID, "enterprise_name": w.cfg.TeamName,
			"is_admin": false, "is_owner": false, "teams": []string{w.cfg.TeamID}}
	}
	if u.Deleted { // Slack leaves most of the account out once it is deactivated
		return out
	}
	offset := 0
	if loc, err := time.LoadLocation(u.TZ); err == nil {
		_, offset = w.now().In(loc).Zone()
	}
	out["real_name"], out["tz"], out["tz_label"], out["tz_offset"] = u.RealName, u.TZ, u.TZ, offset
	out["is_admin"], out["is_owner"], out["is_primary_owner"] = u.IsAdmin, false, false
	out["is_restricted"], out["is_ultra_restricted"] = u.IsRestricted, u.IsUltraRestricted
	if u.IsStranger {
		out["is_stranger"] = true
	}
	if withLocale {
		out["locale"] = u.Locale
	}
	return out
}

func (w *Workspace) usersInfo(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.dir.users[c.args["user"]]
	if u == nil {
		return nil, refuse("user_not_found")
	}
	if u.IsStranger && !w.shares(u.ID) {
		return nil, refuse("user_not_visible")
	}
	return reply{"user": w.userObject(u, c.flag("include_locale"))}, nil
}

// shares says whether a stranger is in a channel of this workspace. The caller holds mu.
func (w *Workspace) shares(user string) bool {
	for _, ch := range w.dir.channels {
		if ch.IsExtShared && ch.has(user) {
			return true
		}
	}
	return false
}

func (w *Workspace) usersList(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []any
	for _, id := range sortedKeys(w.dir.users) {
		all = append(all, w.userObject(w.dir.users[id], c.flag("include_locale")))
	}
	return paged(c, "members", all, w.cfg.PageSize)
}

func (w *Workspace) botsInfo(c *call) (reply, error) {
	if c.args["bot"] != w.cfg.BotID {
		return nil, refuse("bot_not_found")
	}
	return reply{"bot": map[string]any{"id": w.cfg.BotID, "deleted": false, "name": w.cfg.BotName, "app_id": w.cfg.AppID,
		"user_id": w.cfg.BotUserID, "updated": 1_700_000_000}}, nil
}

func (w *Workspace) usergroupsList(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []any{}
	for _, id := range sortedKeys(w.dir.groups) {
		g := w.dir.groups[id]
		if g.Disabled && !c.flag("include_disabled") {
			continue
		}
		o := map[string]any{"id": g.ID, "team_id": w.cfg.TeamID, "is_usergroup": true, "name": g.Name, "handle": g.Handle,
			"description": "", "is_external": false, "date_delete": 0, "user_count": len(g.Users)}
		if g.Disabled {
			o["date_delete"] = 1_700_000_000
		}
		if c.flag("include_users") {
			o["users"] = g.Users
		}
		out = append(out, o)
	}
	return reply{"usergroups": out}, nil
}

func (w *Workspace) usergroupsUsersList(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.dir.groups[c.args["usergroup"]]
	if g == nil || g.Disabled && !c.flag("include_disabled") {
		return nil, refuse("no_such_subteam")
	}
	return reply{"users": append([]string{}, g.Users...)}, nil
}

func channelKind(c *Channel) (kind, scope string) {
	switch {
	case c.IsIM:
		return "im", "im:read"
	case c.IsPrivate:
		return "private_channel", "groups:read"
	}
	return "public_channel", "channels:read"
}

func (w *Workspace) channelObject(c *Channel, withMembers bool) map[string]any {
	member := c.has(w.cfg.BotUserID)
	out := map[string]any{"id": c.ID, "created": 1_700_000_000, "is_archived": c.IsArchived, "is_im": c.IsIM, "is_org_shared": false,
		"context_team_id": w.cfg.TeamID, "updated": 1_700_000_000_000}
	if c.IsIM {
		for _, m := range c.Members {
			if m != w.cfg.BotUserID {
				out["user"] = m
			}
		}
		out["is_open"] = true
		return out
	}
	out["name"], out["name_normalized"] = c.Name, c.Name
	out["is_channel"], out["is_group"], out["is_mpim"], out["is_private"] = true, false, false, c.IsPrivate
	out["is_general"], out["is_member"] = false, member
	out["is_shared"], out["is_ext_shared"], out["is_pending_ext_shared"] = c.IsExtShared, c.IsExtShared, false
	out["shared_team_ids"] = append([]string{w.cfg.TeamID}, c.SharedTeams...)
	out["conversation_host_id"] = w.cfg.TeamID
	out["topic"] = map[string]any{"value": c.Topic, "creator": "", "last_set": 0}
	out["purpose"] = map[string]any{"value": "", "creator": "", "last_set": 0}
	if withMembers {
		out["num_members"] = len(c.Members)
	}
	return out
}

// visible finds a channel that the app may look at. The caller holds mu.
func (w *Workspace) visible(id string) (*Channel, error) {
	c := w.dir.channels[id]
	if c == nil || (c.IsPrivate || c.IsIM) && !c.has(w.cfg.BotUserID) {
		return nil, refuse("channel_not_found")
	}
	if _, scope := channelKind(c); !w.manifest.has(scope) {
		return nil, w.missingScope(scope)
	}
	return c, nil
}

func (w *Workspace) conversationsInfo(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.visible(c.args["channel"])
	if err != nil {
		return nil, err
	}
	return reply{"channel": w.channelObject(ch, c.flag("include_num_members"))}, nil
}

func (w *Workspace) conversationsMembers(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.visible(c.args["channel"])
	if err != nil {
		return nil, err
	}
	var all []any
	for _, m := range ch.Members {
		all = append(all, m)
	}
	return paged(c, "members", all, w.cfg.PageSize)
}

func (w *Workspace) conversationsList(c *call) (reply, error) {
	return w.listChannels(c, func(ch *Channel) bool { return !ch.IsPrivate && !ch.IsIM || ch.has(w.cfg.BotUserID) })
}

func (w *Workspace) usersConversations(c *call) (reply, error) {
	who := c.args["user"]
	if who == "" {
		who = w.cfg.BotUserID
	}
	w.mu.Lock()
	known := w.dir.users[who] != nil
	w.mu.Unlock()
	if !known {
		return nil, refuse("user_not_found")
	}
	return w.listChannels(c, func(ch *Channel) bool {
		return ch.has(who) && (!ch.IsPrivate && !ch.IsIM || ch.has(w.cfg.BotUserID))
	})
}

func (w *Workspace) listChannels(c *call, keep func(*Channel) bool) (reply, error) {
	types := c.args["types"]
	if types == "" {
		types = "public_channel"
	}
	wanted := strings.Split(types, ",")
	for i, t := range wanted {
		wanted[i] = strings.TrimSpace(t)
		scope, ok := map[string]string{"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}[wanted[i]]
		if !ok {
			return nil, refuse("invalid_types")
		}
		if !w.manifest.has(scope) {
			return nil, w.missingScope(scope)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []any
	for _, id := range sortedKeys(w.dir.channels) {
		ch := w.dir.channels[id]
		kind, _ := channelKind(ch)
		if !keep(ch) || !slices.Contains(wanted, kind) || ch.IsArchived && c.flag("exclude_archived") {
			continue
		}
		all = append(all, w.channelObject(ch, true))
	}
	return paged(c, "channels", all, w.cfg.PageSize)
}

// conversationsOpen opens the direct messages with one person.
func (w *Workspace) conversationsOpen(c *call) (reply, error) {
	if id := c.args["channel"]; id != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		ch, err := w.visible(id)
		if err != nil {
			return nil, err
		}
		return reply{"channel": map[string]any{"id": ch.ID}, "no_op": true, "already_open": true}, nil
	}
	ids := strings.Split(c.args["users"], ",")
	if c.args["users"] == "" {
		return nil, refuse("users_list_not_supplied")
	}
	if len(ids) > 1 {
		return nil, refuse("invalid_user_combination")
	}
	if !w.manifest.has("im:write") {
		return nil, w.missingScope("im:write")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.dir.users[ids[0]]
	switch {
	case u == nil:
		return nil, refuse("user_not_found")
	case u.Deleted:
		return nil, refuse("user_disabled")
	case u.IsBot:
		return nil, refuse("cannot_dm_bot")
	}
	return reply{"channel": map[string]any{"id": w.dir.dm(u.ID, w.cfg.BotUserID).ID}}, nil
}

// paged cuts one page out of a list. A page may hold fewer than was asked for.
func paged(c *call, name string, all []any, most int) (reply, error) {
	from := 0
	if cursor := c.args["cursor"]; cursor != "" {
		raw, err := base64.StdEncoding.DecodeString(cursor)
		n, ok := strings.CutPrefix(string(raw), "from:")
		if from, _ = strconv.Atoi(n); err != nil || !ok || from <= 0 || from > len(all) {
			return nil, refuse("invalid_cursor")
		}
	}
	size := most
	if v := c.args["limit"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 1000 {
			return nil, refuse("invalid_limit")
		}
		if n > 0 {
			size = min(size, n)
		}
	}
	to := min(from+size, len(all))
	next := ""
	if to < len(all) {
		next = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "from:%d", to))
	}
	return reply{name: append([]any{}, all[from:to]...), "next_cursor": next}, nil
}
