package slack

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// User is a person or a bot.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"` // the handle
	RealName string `json:"real_name"`
	Email    string `json:"email,omitempty"`
	TeamID   string `json:"team_id"` // empty means the workspace's own

	IsBot             bool   `json:"is_bot,omitempty"`
	IsAdmin           bool   `json:"is_admin,omitempty"`
	Deleted           bool   `json:"deleted,omitempty"`
	IsRestricted      bool   `json:"is_restricted,omitempty"`       // multi-channel guest
	IsUltraRestricted bool   `json:"is_ultra_restricted,omitempty"` // single-channel guest
	IsStranger        bool   `json:"is_stranger,omitempty"`         // from another workspace, seen through a shared channel
	Locale            string `json:"locale,omitempty"`
	TZ                string `json:"tz,omitempty"`
}

// Channel is a conversation.
type Channel struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Topic       string   `json:"topic,omitempty"`
	IsPrivate   bool     `json:"is_private,omitempty"`
	IsIM        bool     `json:"is_im,omitempty"`
	IsExtShared bool     `json:"is_ext_shared,omitempty"`
	IsArchived  bool     `json:"is_archived,omitempty"`
	SharedTeams []string `json:"shared_teams,omitempty"` // further teams of an externally shared channel
	Members     []string `json:"members"`
}

// Usergroup is a named set of people.
type Usergroup struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Name     string   `json:"name"`
	Users    []string `json:"users"`
	Disabled bool     `json:"disabled,omitempty"`
}

// directory is who and what there is. The Workspace's mu guards it.
type directory struct {
	users    map[string]*User
	channels map[string]*Channel
	groups   map[string]*Usergroup
	// what people did: chosen in messages, and offered by type-ahead menus
	states  map[string]State
	offered map[string][]object
}

func newDirectory(cfg Config) (directory, error) {
	d := directory{users: map[string]*User{}, channels: map[string]*Channel{}, groups: map[string]*Usergroup{},
		states: map[string]State{}, offered: map[string][]object{}}
	d.users[cfg.BotUserID] = &User{ID: cfg.BotUserID, Name: cfg.BotName, RealName: cfg.BotName, TeamID: cfg.TeamID, IsBot: true}
	for _, u := range cfg.Users {
		if u.TeamID == "" {
			u.TeamID = cfg.TeamID
		}
		if _, dup := d.users[u.ID]; dup || u.ID == "" {
			return d, fmt.Errorf("slack simulator: user id %q is empty or given twice", u.ID)
		}
		d.users[u.ID] = &u
	}
	for _, c := range cfg.Channels {
		if _, dup := d.channels[c.ID]; dup || c.ID == "" {
			return d, fmt.Errorf("slack simulator: channel id %q is empty or given twice", c.ID)
		}
		for _, m := range c.Members {
			if d.users[m] == nil {
				return d, fmt.Errorf("slack simulator: %s has an unknown member %q", c.ID, m)
			}
		}
		c.Members = slices.Clone(c.Members)
		d.channels[c.ID] = &c
	}
	for _, g := range cfg.Usergroups {
		g.Users = slices.Clone(g.Users)
		d.groups[g.ID] = &g
	}
	return d, nil
}

func (c *Channel) has(user string) bool { return slices.Contains(c.Members, user) }

// dmID is the channel of the direct messages between a user and the app.
func dmID(user string) string { return "D" + strings.TrimLeft(user, "UW") }

// dm returns the direct-message channel of a user and the bot, making it when needed.
func (d *directory) dm(user, bot string) *Channel {
	id := dmID(user)
	if c := d.channels[id]; c != nil {
		return c
	}
	c := &Channel{ID: id, IsIM: true, Members: []string{user, bot}}
	d.channels[id] = c
	return c
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// EditUser changes a person as an administrator would. It reports whether the
// person exists; the id itself cannot change.
func (w *Workspace) EditUser(id string, edit func(*User)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.dir.users[id]
	if u == nil {
		return false
	}
	next := *u
	edit(&next)
	next.ID = id
	w.dir.users[id] = &next
	w.touch()
	return true
}

// EditChannel changes a channel as an administrator would, and reports whether it exists.
func (w *Workspace) EditChannel(id string, edit func(*Channel)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.dir.channels[id]
	if c == nil {
		return false
	}
	next := *c
	next.Members = slices.Clone(c.Members)
	edit(&next)
	next.ID = id
	w.dir.channels[id] = &next
	w.touch()
	return true
}

// EditUsergroup changes a user group as an administrator would, and reports whether it exists.
func (w *Workspace) EditUsergroup(id string, edit func(*Usergroup)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.dir.groups[id]
	if g == nil {
		return false
	}
	next := *g
	next.Users = slices.Clone(g.Users)
	edit(&next)
	next.ID = id
	w.dir.groups[id] = &next
	w.touch()
	return true
}

// Users returns everybody, by id.
func (w *Workspace) Users() []User {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []User
	for _, id := range sortedKeys(w.dir.users) {
		out = append(out, *w.dir.users[id])
	}
	return out
}

// Channels returns every conversation, by id.
func (w *Workspace) Channels() []Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Channel
	for _, id := range sortedKeys(w.dir.channels) {
		c := *w.dir.channels[id]
		c.Members = slices.Clone(c.Members)
		out = append(out, c)
	}
	return out
}

// Post has a person write an ordinary message; the app hears nothing of it.
func (w *Workspace) Post(user, channel, threadTS, text string) (Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ch, err := w.actor(user, channel)
	if err == nil {
		err = w.checkThread(ch.ID, threadTS)
	}
	if err != nil {
		return Message{}, fmt.Errorf("writing a message: %w", err)
	}
	w.note(Entry{Kind: KindPerson, Method: "post", User: user, Channel: channel, Detail: text})
	return *w.post(Message{Channel: ch.ID, ThreadTS: threadTS, User: user, Text: text, Via: "person"}), nil
}
