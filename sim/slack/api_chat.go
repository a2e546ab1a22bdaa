package slack

import (
	"encoding/json"
	"fmt"
	"strings"
)

// content is the part of a message that the app writes.
type content struct {
	text     string
	blocks   json.RawMessage
	hasText  bool
	hasBlock bool
	metadata json.RawMessage
	warnings []string
}

// readContent checks text, blocks and metadata. The caller holds mu.
func (w *Workspace) readContent(args map[string]string) (content, error) {
	var c content
	c.text, c.hasText = args["text"]
	raw, hasBlocks := args["blocks"]
	if hasBlocks && strings.TrimSpace(raw) != "" {
		blocks, err := w.checkMessageBlocks([]byte(raw))
		if err != nil {
			return c, err
		}
		c.blocks, c.hasBlock = blocks, true
	}
	if raw, ok := args["attachments"]; ok && raw != "" && raw != "[]" {
		return c, refuse("invalid_attachments", "[ERROR] the simulator takes blocks, not legacy attachments [json-pointer:/attachments]")
	}
	if raw, ok := args["metadata"]; ok && raw != "" {
		var err error
		if c.metadata, err = checkMetadata([]byte(raw)); err != nil {
			return c, err
		}
	}
	empty := string(c.blocks) == "" || string(c.blocks) == "[]"
	if strings.TrimSpace(c.text) == "" {
		if empty {
			return c, refuse("no_text")
		}
		c.warnings = append(c.warnings, "missing_text_in_message")
	}
	if r := []rune(c.text); len(r) > maxMessageText {
		c.text = string(r[:maxMessageText])
		c.warnings = append(c.warnings, "message_truncated")
	}
	return c, nil
}

// checkMetadata returns nil for metadata whose fields are all empty: slack-go
// sends that with every answer to a response_url.
func checkMetadata(raw []byte) (json.RawMessage, error) {
	var m struct {
		EventType    string                     `json:"event_type"`
		EventPayload map[string]json.RawMessage `json:"event_payload"`
	}
	err := json.Unmarshal(raw, &m)
	if err == nil && m.EventType == "" && m.EventPayload == nil {
		return nil, nil
	}
	if err != nil || m.EventType == "" || m.EventPayload == nil {
		return nil, refuse("invalid_metadata_format", "[ERROR] metadata needs event_type and an object event_payload [json-pointer:/metadata]")
	}
	if len(raw) > 8<<10 {
		return nil, refuse("metadata_too_large")
	}
	return raw, nil
}

// writable finds the channel and says whether the app may post there. A user id
// means the direct messages with that person. The caller holds mu.
func (w *Workspace) writable(id string) (*Channel, error) {
	if u := w.dir.users[id]; u != nil {
		if u.IsBot || u.Deleted {
			return nil, refuse("channel_not_found")
		}
		return w.dir.dm(id, w.cfg.BotUserID), nil
	}
	c := w.dir.channels[id]
	member := c != nil && c.has(w.cfg.BotUserID)
	switch {
	case c == nil, (c.IsPrivate || c.IsIM) && !member:
		return nil, refuse("channel_not_found")
	case c.IsArchived:
		return nil, refuse("is_archived")
	case !member:
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

func (w *Workspace) checkThread(channel, threadTS string) error {
	if threadTS == "" {
		return nil
	}
	parent := w.find(channel, threadTS)
	if parent == nil || parent.EphemeralTo != "" {
		return refuse("thread_not_found")
	}
	if parent.ThreadTS != "" && parent.ThreadTS != parent.TS {
		return refuse("cannot_reply_to_message")
	}
	return nil
}

// written is the message that a call wants posted in ch. The caller holds mu.
func (w *Workspace) written(c *call, ch *Channel) (Message, error) {
	body, err := w.readContent(c.args)
	if err != nil {
		return Message{}, err
	}
	if err := w.checkThread(ch.ID, c.args["thread_ts"]); err != nil {
		return Message{}, err
	}
	c.warnings = append(c.warnings, body.warnings...)
	return Message{Channel: ch.ID, ThreadTS: c.args["thread_ts"], User: w.cfg.BotUserID, BotID: w.cfg.BotID,
		Text: body.text, Blocks: body.blocks, Metadata: body.metadata, Warnings: body.warnings, Via: c.method}, nil
}

func (w *Workspace) postMessage(c *call) (reply, error) {
	if (c.args["username"] != "" || c.args["icon_emoji"] != "" || c.args["icon_url"] != "") && !w.manifest.has("chat:write.customize") {
		return nil, w.missingScope("chat:write.customize")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.writable(c.args["channel"])
	if err != nil {
		return nil, err
	}
	msg, err := w.written(c, ch)
	if err != nil {
		return nil, err
	}
	m := w.post(msg)
	c.channel, c.ts = ch.ID, m.TS
	return reply{"channel": ch.ID, "ts": m.TS, "message": w.messageObject(m)}, nil
}

func (w *Workspace) postEphemeral(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.writable(c.args["channel"])
	if err != nil {
		return nil, err
	}
	if w.dir.users[c.args["user"]] == nil {
		return nil, refuse("user_not_found")
	}
	if !ch.has(c.args["user"]) {
		return nil, refuse("user_not_in_channel")
	}
	msg, err := w.written(c, ch)
	if err != nil {
		return nil, err
	}
	if w.faults.lost > 0 { // the answer is the same: delivery is not guaranteed
		w.faults.lost--
		w.note(Entry{Kind: KindFault, Method: c.method, Outcome: "lost", User: c.args["user"], Channel: ch.ID})
		return reply{"message_ts": w.nextTS()}, nil
	}
	msg.EphemeralTo = c.args["user"]
	m := w.post(msg)
	c.ts = m.TS
	return reply{"message_ts": m.TS}, nil
}

// ownMessage finds a message of the app that it may change. An ephemeral message
// cannot be found by the Web API. The caller holds mu.
func (w *Workspace) ownMessage(c *call, cannot string) (*Message, error) {
	ch := w.dir.channels[c.args["channel"]]
	if ch == nil || (ch.IsPrivate || ch.IsIM) && !ch.has(w.cfg.BotUserID) {
		return nil, refuse("channel_not_found")
	}
	m := w.find(ch.ID, c.args["ts"])
	switch {
	case m == nil, m.Deleted, m.EphemeralTo != "":
		return nil, refuse("message_not_found")
	case m.User != w.cfg.BotUserID:
		return nil, refuse(cannot)
	case ch.IsArchived:
		return nil, refuse("is_inactive")
	case !ch.has(w.cfg.BotUserID): // not documented; the stricter reading
		return nil, refuse(cannot)
	}
	return m, nil
}

// updateMessage is chat.update. Blocks alone leave no "(edited)"; text without
// blocks removes the blocks (api.slack.com/methods/chat.update).
func (w *Workspace) updateMessage(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, err := w.ownMessage(c, "cant_update_message")
	if err != nil {
		return nil, err
	}
	body, err := w.readContent(c.args)
	if err != nil {
		return nil, err
	}
	if n := len([]rune(body.text)); n > maxUpdateText {
		return nil, refuse("msg_too_long", fmt.Sprintf("[ERROR] text has %d characters, chat.update takes %d [json-pointer:/text]", n, maxUpdateText))
	}
	c.warnings = append(c.warnings, body.warnings...)
	m = w.edit(m, func(next *Message) { rewrite(next, body) })
	return reply{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": w.messageObject(m)}, nil
}

// rewrite gives a message new content.
func rewrite(m *Message, body content) {
	if body.hasText {
		m.Edited = m.Edited || !body.hasBlock && m.Text != body.text
		m.Text = body.text
	}
	m.Blocks = body.blocks
	if body.metadata != nil {
		m.Metadata = body.metadata
	}
	m.Warnings = append(m.Warnings[:len(m.Warnings):len(m.Warnings)], body.warnings...)
}

func (w *Workspace) deleteMessage(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, err := w.ownMessage(c, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	next := *m
	next.Deleted = true
	w.replace(m, &next)
	w.touch()
	return reply{"channel": m.Channel, "ts": m.TS}, nil
}

func (w *Workspace) getPermalink(c *call) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ts := c.args["channel"], c.args["message_ts"]
	ch := w.dir.channels[id]
	if ch == nil || (ch.IsPrivate || ch.IsIM) && !ch.has(w.cfg.BotUserID) {
		return nil, refuse("channel_not_found")
	}
	m := w.find(id, ts)
	if m == nil || m.Deleted || m.EphemeralTo != "" {
		return nil, refuse("message_not_found")
	}
	return reply{"channel": id, "permalink": fmt.Sprintf("https://%s.slack.com/archives/%s/p%s", w.cfg.TeamDomain, id, strings.ReplaceAll(ts, ".", ""))}, nil
}

// messageObject is a message as Slack sends it.
func (w *Workspace) messageObject(m *Message) map[string]any {
	out := map[string]any{"type": "message", "user": m.User, "team": w.cfg.TeamID, "text": m.Text, "ts": m.TS}
	if m.BotID != "" {
		out["bot_id"], out["app_id"] = m.BotID, w.cfg.AppID
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if m.Blocks != nil {
		out["blocks"] = m.Blocks
	}
	if m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	if m.Edited {
		out["edited"] = map[string]any{"user": m.User, "ts": m.TS}
	}
	return out
}
