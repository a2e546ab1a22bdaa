package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Render is a message as a person would read it in a terminal: mentions are
// names, links are spelt out, escapes are undone. A mention of somebody who
// does not exist is shown as <?…?>.
func (w *Workspace) Render(m Message) string {
	r := w.renderer()
	if len(m.Blocks) == 0 || string(m.Blocks) == "[]" {
		out := r.mrkdwn(m.Text)
		if m.Edited {
			out += " (edited)"
		}
		return out
	}
	return r.blocks(decodeBlocks(m.Blocks), nil, nil)
}

// RenderView is a view as a person would read it in a terminal, with what was
// filled in and the errors beside the fields.
func (w *Workspace) RenderView(v View) string {
	r := w.renderer()
	var b strings.Builder
	fmt.Fprintf(&b, "┌─ %s ─┐\n%s\n", v.Title, r.blocks(decodeBlocks(v.Blocks), v.State, v.Errors))
	for _, label := range []string{v.Close, v.Submit} {
		if label != "" {
			fmt.Fprintf(&b, "[%s] ", label)
		}
	}
	return strings.TrimRight(b.String(), " \n")
}

// renderer knows the names that texts mention.
type renderer struct {
	users, channels, groups map[string]string
}

func (w *Workspace) renderer() renderer {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := renderer{map[string]string{}, map[string]string{}, map[string]string{}}
	for id, u := range w.dir.users {
		r.users[id] = u.Name
	}
	for id, c := range w.dir.channels {
		if !c.IsPrivate && !c.IsIM {
			r.channels[id] = c.Name
		}
	}
	for id, g := range w.dir.groups {
		r.groups[id] = g.Handle
	}
	return r
}

var entity = regexp.MustCompile(`<[^<>\n]*>`)

// mrkdwn resolves the entities of a text; emphasis is left as written.
func (r renderer) mrkdwn(s string) string {
	s = entity.ReplaceAllStringFunc(s, func(e string) string { return r.entity(e[1 : len(e)-1]) })
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

func (r renderer) entity(e string) string {
	target, label, _ := strings.Cut(e, "|")
	named := func(names map[string]string, sign, id string) string {
		if n, ok := names[id]; ok {
			return sign + n
		}
		return "<?" + e + "?>"
	}
	switch {
	case strings.HasPrefix(target, "@"):
		return named(r.users, "@", target[1:])
	case strings.HasPrefix(target, "#"):
		return named(r.channels, "#", target[1:])
	case strings.HasPrefix(target, "!subteam^"):
		return named(r.groups, "@", target[len("!subteam^"):])
	case strings.HasPrefix(target, "!date^"):
		return renderDate(target, label)
	case target == "!here", target == "!channel", target == "!everyone":
		return "@" + target[1:] + "(!)"
	case strings.Contains(target, "://"), strings.HasPrefix(target, "mailto:"):
		if label != "" && label != target {
			return label + " (" + target + ")"
		}
		return target
	}
	return "<?" + e + "?>"
}

// renderDate shows <!date^…> in UTC.
func renderDate(target, fallback string) string {
	parts := strings.SplitN(target, "^", 4)
	var sec int64
	if len(parts) < 3 {
		return fallback
	}
	if _, err := fmt.Sscan(parts[1], &sec); err != nil {
		return fallback
	}
	t := time.Unix(sec, 0).UTC()
	return strings.NewReplacer("{date_num}", t.Format("2006-01-02"), "{date}", t.Format("January 2, 2006"),
		"{date_short}", t.Format("Jan 2, 2006"), "{date_short_pretty}", t.Format("Jan 2, 2006"), "{date_pretty}", t.Format("January 2, 2006"),
		"{date_long}", t.Format("Monday, January 2, 2006"), "{date_long_pretty}", t.Format("Monday, January 2, 2006"),
		"{time}", t.Format("15:04"), "{time_secs}", t.Format("15:04:05")).Replace(parts[2])
}

// text renders a text object.
func (r renderer) text(v any) string {
	o, _ := v.(object)
	s, _ := o["text"].(string)
	if o["type"] == "mrkdwn" {
		return r.mrkdwn(s)
	}
	return s
}

func (r renderer) blocks(list []any, state State, problems map[string]string) string {
	var lines []string
	for _, raw := range list {
		if b, ok := raw.(object); ok {
			if s := r.block(b, state); s != "" {
				lines = append(lines, s)
			}
			if id, _ := b["block_id"].(string); problems[id] != "" {
				lines = append(lines, "  ✗ "+problems[id])
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (r renderer) block(b object, state State) string {
	id, _ := b["block_id"].(string)
	switch b["type"] {
	case "header":
		return "# " + r.text(b["text"])
	case "divider":
		return "────────"
	case "section":
		return r.section(b, state[id])
	case "context":
		return "· " + r.join(b["elements"], " ", func(e object) string {
			if e["type"] == "image" {
				return fmt.Sprintf("(%v)", e["alt_text"])
			}
			return r.text(e)
		})
	case "actions", "context_actions":
		return r.join(b["elements"], " ", func(e object) string { return r.element(e, state[id]) })
	case "input":
		return r.input(b, state[id])
	case "image":
		return fmt.Sprintf("(image: %v)", b["alt_text"])
	}
	return r.newBlock(b, state)
}

// newBlock renders the blocks of the newer kinds.
func (r renderer) newBlock(b object, state State) string {
	switch b["type"] {
	case "markdown":
		return fmt.Sprint(b["text"])
	case "rich_text":
		return r.rich(b["elements"])
	case "table", "data_table":
		return r.table(b)
	case "plan":
		return fmt.Sprintf("▤ %v\n%s", b["title"], r.join(b["tasks"], "\n", r.task))
	case "task_card":
		return r.task(b)
	case "alert":
		return fmt.Sprintf("⚠ %s", r.text(b["text"]))
	case "card":
		parts := []string{r.text(b["title"]), r.text(b["subtitle"]), r.text(b["body"]), r.text(b["subtext"]),
			r.join(b["actions"], " ", func(e object) string { return r.element(e, nil) })}
		return strings.Join(nonEmpty(parts), "\n")
	case "carousel":
		return r.join(b["elements"], "\n", func(e object) string { return r.block(e, state) })
	case "container":
		children, _ := b["child_blocks"].([]any)
		return strings.Join(nonEmpty([]string{r.text(b["title"]), r.text(b["subtitle"]), r.blocks(children, state, nil)}), "\n")
	}
	return fmt.Sprintf("(%v)", b["type"])
}

func nonEmpty(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (r renderer) join(v any, sep string, one func(object) string) string {
	items, _ := v.([]any)
	var parts []string
	for _, raw := range items {
		if o, ok := raw.(object); ok {
			parts = append(parts, one(o))
		}
	}
	return strings.Join(parts, sep)
}

func (r renderer) section(b object, chosen map[string]map[string]any) string {
	parts := []string{r.text(b["text"]), r.join(b["fields"], "\n", func(f object) string { return "  " + strings.ReplaceAll(r.text(f), "\n", ": ") })}
	if a, ok := b["accessory"].(object); ok {
		parts = append(parts, r.element(a, chosen))
	}
	return strings.Join(nonEmpty(parts), "\n")
}

func (r renderer) input(b object, chosen map[string]map[string]any) string {
	e, _ := b["element"].(object)
	out := r.text(b["label"])
	if optional, _ := b["optional"].(bool); optional {
		out += " (optional)"
	}
	out += ": " + r.element(e, chosen)
	if hint := r.text(b["hint"]); hint != "" {
		out += "\n  " + hint
	}
	return out
}

// element renders an interactive element with what is chosen in it.
func (r renderer) element(e object, chosen map[string]map[string]any) string {
	kind, _ := e["type"].(string)
	id, _ := e["action_id"].(string)
	switch kind {
	case "button", "workflow_button", "icon_button":
		label := r.text(e["text"])
		switch e["style"] {
		case "danger":
			label = "!" + label + "!"
		case "primary":
			label = "*" + label + "*"
		}
		return "[" + label + "]"
	case "feedback_buttons":
		return "[+] [-]"
	case "overflow":
		return "[… " + optionTexts(readOptions(e)) + "]"
	case "image":
		return fmt.Sprintf("(%v)", e["alt_text"])
	}
	picked := shownChoice(chosen[id], kind)
	switch kind {
	case "checkboxes", "radio_buttons":
		return r.boxes(e, picked)
	}
	if picked == "" {
		if picked = r.text(e["placeholder"]); picked != "" {
			picked = "‹" + picked + "›"
		}
	}
	sign := ""
	if !strings.HasSuffix(kind, "input") {
		sign = " ▾"
	}
	return "[" + picked + sign + "]"
}

func (r renderer) boxes(e object, picked string) string {
	var out []string
	for _, o := range readOptions(e) {
		mark := "☐"
		if strings.Contains("\x00"+picked+"\x00", "\x00"+o.Text+"\x00") {
			mark = "☑"
		}
		out = append(out, mark+" "+r.mrkdwn(o.Text))
	}
	return strings.Join(out, "  ")
}

func optionTexts(options []Option) string {
	var out []string
	for _, o := range options {
		out = append(out, o.Text)
	}
	return strings.Join(out, " | ")
}

// shownChoice is what an element shows as chosen; several are separated by NUL
// in boxes and by commas elsewhere.
func shownChoice(st map[string]any, kind string) string {
	raw, err := json.Marshal(st[stateField(kind)])
	if err != nil || string(raw) == "null" {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	sep := ", "
	if kind == "checkboxes" || kind == "radio_buttons" {
		sep = "\x00"
	}
	switch v := v.(type) {
	case string:
		return v
	case object:
		return textOf(v["text"])
	case []any:
		var parts []string
		for _, x := range v {
			if o, ok := x.(object); ok {
				parts = append(parts, textOf(o["text"]))
			} else {
				parts = append(parts, fmt.Sprint(x))
			}
		}
		return strings.Join(parts, sep)
	}
	return fmt.Sprint(v)
}

func (r renderer) task(t object) string {
	sign, ok := map[string]string{"pending": "○", "in_progress": "◐", "complete": "●", "error": "✗"}[fmt.Sprint(t["status"])]
	if !ok {
		sign = "?"
	}
	out := fmt.Sprintf("  %s %v", sign, t["title"])
	for _, name := range []string{"details", "output"} {
		if o, ok := t[name].(object); ok {
			out += "\n      " + r.rich(o["elements"])
		}
	}
	return out
}

func (r renderer) table(b object) string {
	rows, _ := b["rows"].([]any)
	var lines []string
	for _, row := range rows {
		lines = append(lines, "| "+r.join(row, " | ", func(c object) string {
			if c["type"] == "rich_text" {
				return r.rich(c["elements"])
			}
			if e, ok := c["element"].(object); ok {
				return r.element(e, nil)
			}
			if s, ok := c["text"].(string); ok {
				return s
			}
			return fmt.Sprint(c["value"])
		})+" |")
	}
	return strings.Join(lines, "\n")
}

func (r renderer) rich(v any) string {
	return r.join(v, "\n", func(e object) string {
		if e["type"] == "rich_text_list" {
			return r.join(e["elements"], "\n", func(s object) string { return "• " + r.join(s["elements"], "", r.leaf) })
		}
		return r.join(e["elements"], "", r.leaf)
	})
}

func (r renderer) leaf(e object) string {
	switch e["type"] {
	case "user":
		return r.entity(fmt.Sprintf("@%v", e["user_id"]))
	case "channel":
		return r.entity(fmt.Sprintf("#%v", e["channel_id"]))
	case "usergroup":
		return r.entity(fmt.Sprintf("!subteam^%v", e["usergroup_id"]))
	case "broadcast":
		return fmt.Sprintf("@%v(!)", e["range"])
	case "emoji":
		return fmt.Sprintf(":%v:", e["name"])
	case "link":
		if s, ok := e["text"].(string); ok {
			return fmt.Sprintf("%s (%v)", s, e["url"])
		}
		return fmt.Sprint(e["url"])
	case "date":
		return renderDate(fmt.Sprintf("!date^%v^%v", e["timestamp"], e["format"]), fmt.Sprint(e["fallback"]))
	}
	return fmt.Sprint(e["text"])
}
