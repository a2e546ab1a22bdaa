package slack

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Changed returns a channel that is closed at the next change of the workspace.
// Whoever waits for more takes the channel first and looks then, so that no
// change is missed.
func (w *Workspace) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// MessagesSince returns the messages that were posted, edited or deleted after
// the revision, in the order of posting by channel, and the revision of now.
// Revision 0 is before everything. Earlier versions are left out: a page that
// follows has seen them.
func (w *Workspace) MessagesSince(revision int) (changed []Message, now int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, channel := range sortedKeys(w.messages) {
		for _, m := range w.messages[channel] {
			if m.revision > revision {
				one := *m
				one.Versions = nil
				changed = append(changed, one)
			}
		}
	}
	return changed, w.revision
}

// LogSince returns the entries after the one numbered seq, without waiting.
func (w *Workspace) LogSince(seq int) []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.entries[min(max(seq, 0), len(w.entries)):])
}

// OpenViews returns every view that anybody has open, by person, the one in
// front last.
func (w *Workspace) OpenViews() []View {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []View
	for _, user := range sortedKeys(w.stacks) {
		for _, id := range w.stacks[user] {
			out = append(out, *w.views[id])
		}
	}
	return out
}

// Usergroups returns every user group, by id.
func (w *Workspace) Usergroups() []Usergroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Usergroup
	for _, id := range sortedKeys(w.dir.groups) {
		g := *w.dir.groups[id]
		g.Users = slices.Clone(g.Users)
		out = append(out, g)
	}
	return out
}

// TeamName is the workspace's name.
func (w *Workspace) TeamName() string { return w.cfg.TeamName }

// Command is a slash command as the manifest declares it.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
	UsageHint   string `json:"usage_hint"`
}

// Commands returns the manifest's slash commands.
func (w *Workspace) Commands() []Command {
	var out []Command
	for _, c := range w.manifest.Features.SlashCommands {
		out = append(out, Command{c.Command, c.Description, c.UsageHint})
	}
	return out
}

// CheckBlocks says what chat.postMessage would find wrong with a message's
// blocks, in Slack's words; nil when it would take them.
func (w *Workspace) CheckBlocks(raw json.RawMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.checkMessageBlocks(raw); err != nil {
		return errors.New(describe(err))
	}
	return nil
}

// DelayAcks holds every ack back for a while (real time) as if it were under
// way; 0 ends it. Past the ack limit the person is told that the app did not
// answer, although it did.
func (w *Workspace) DelayAcks(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links.ackDelay = d
}
