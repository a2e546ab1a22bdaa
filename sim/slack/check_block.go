package slack

import (
	"errors"
	"slices"
	"strconv"
)

var errTrailing = errors.New("something follows the value")

// blockShape is what one type of block may hold.
type blockShape struct {
	fields []string
	only   surface // "" means everywhere
	check  func(k *checker, path string, b object)
}

// blockShapes is the table of block types.
func blockShapes() map[string]blockShape {
	return map[string]blockShape{
		"section":         {fields: []string{"text", "fields", "accessory", "expand"}, check: (*checker).section},
		"header":          {fields: []string{"text", "level"}, check: func(k *checker, p string, b object) { k.textObject(p+"/text", b["text"], plainOnly, 150) }},
		"divider":         {check: func(*checker, string, object) {}},
		"context":         {fields: []string{"elements"}, check: (*checker).context},
		"actions":         {fields: []string{"elements"}, check: (*checker).actions},
		"context_actions": {fields: []string{"elements"}, only: onMessage, check: (*checker).contextActions},
		"image":           {fields: []string{"image_url", "slack_file", "alt_text", "title"}, check: (*checker).imageBlock},
		"input":           {fields: []string{"label", "hint", "optional", "element", "dispatch_action"}, check: (*checker).input},
		"markdown":        {fields: []string{"text"}, only: onMessage, check: func(k *checker, p string, b object) { k.words(p+"/text", b["text"], 12_000) }},
		"rich_text":       {fields: []string{"elements"}, check: (*checker).richText},
		"table":           {fields: []string{"rows", "column_settings"}, only: onMessage, check: (*checker).table},
		"data_table":      {fields: []string{"rows", "caption", "page_size", "row_header_column_index"}, only: onMessage, check: (*checker).dataTable},
		"plan":            {fields: []string{"title", "tasks"}, only: onMessage, check: (*checker).plan},
		"task_card":       {fields: taskFields(), only: onMessage, check: (*checker).taskCard},
		"alert":           {fields: []string{"text", "level"}, check: (*checker).alert},
		"card":            {fields: cardFields(), only: onMessage, check: (*checker).card},
		"carousel":        {fields: []string{"elements"}, only: onMessage, check: (*checker).carousel},
		"container": {fields: []string{"title", "rich_text_title", "subtitle", "icon", "width", "is_collapsible", "default_collapsed",
			"has_header_divider", "child_blocks"}, only: onMessage, check: (*checker).container},
		"video": {fields: []string{"video_url", "thumbnail_url", "alt_text", "title", "title_url", "author_name", "provider_name",
			"provider_icon_url", "description"}, check: (*checker).video},
	}
}

func (k *checker) section(path string, b object) {
	_, hasText := b["text"]
	_, hasFields := b["fields"]
	if !hasText && !hasFields {
		k.fail(path, "missing required field: text or fields")
	}
	k.optionalTextObject(path, b, "text", anyText, 3000)
	k.boolean(path, b, "expand")
	if hasFields {
		k.each(path, b, "fields", 1, 10, func(at string, f object) { k.textObject(at, f, anyText, 2000) })
	}
	if a, ok := b["accessory"]; ok {
		k.element(path+"/accessory", a, inSection, map[string]bool{})
	}
}

func (k *checker) context(path string, b object) {
	k.each(path, b, "elements", 1, 10, func(at string, e object) {
		if e["type"] == "image" {
			k.imageElement(at, e)
			return
		}
		k.textObject(at, e, anyText, 2000)
	})
}

func (k *checker) actions(path string, b object) {
	seen := map[string]bool{}
	k.each(path, b, "elements", 1, 25, func(at string, e object) { k.element(at, e, inActions, seen) })
}

func (k *checker) contextActions(path string, b object) {
	seen := map[string]bool{}
	k.each(path, b, "elements", 1, 5, func(at string, e object) { k.element(at, e, inContextActions, seen) })
}

func (k *checker) imageBlock(path string, b object) {
	k.imageElement(path, b)
	k.optionalTextObject(path, b, "title", plainOnly, 2000)
}

func (k *checker) imageElement(path string, e object) {
	_, url := e["image_url"]
	_, file := e["slack_file"]
	if url == file {
		k.fail(path, "exactly one of image_url and slack_file is required")
	}
	if url {
		k.text(path+"/image_url", e["image_url"], 1, 3000)
	}
	k.needText(path, e, "alt_text", 2000)
}

func (k *checker) input(path string, b object) {
	k.inputs++
	k.textObject(path+"/label", b["label"], plainOnly, 2000)
	k.optionalTextObject(path, b, "hint", plainOnly, 2000)
	k.boolean(path, b, "optional", "dispatch_action")
	k.element(path+"/element", b["element"], inInput, map[string]bool{})
}

func (k *checker) alert(path string, b object) {
	k.textObject(path+"/text", b["text"], anyText, 3000)
	k.oneOf(path, b, "level", "default", "info", "warning", "error", "success")
}

func cardFields() []string {
	return []string{"hero_image", "icon", "slack_icon", "title", "subtitle", "body", "subtext", "actions"}
}

func (k *checker) card(path string, b object) {
	some := false
	for _, f := range []string{"hero_image", "title", "actions", "body"} {
		_, has := b[f]
		some = some || has
	}
	if !some {
		k.fail(path, "missing required field: one of hero_image, title, actions, body")
	}
	for _, f := range []string{"hero_image", "icon"} {
		if v, ok := b[f].(object); ok {
			k.imageElement(path+"/"+f, v)
		}
	}
	k.optionalTextObject(path, b, "title", anyText, 150)
	k.optionalTextObject(path, b, "subtitle", anyText, 150)
	k.optionalTextObject(path, b, "body", anyText, 200)
	k.optionalTextObject(path, b, "subtext", anyText, 200)
	seen := map[string]bool{}
	k.each(path, b, "actions", 0, 25, func(at string, e object) {
		if e["type"] != "button" {
			k.fail(at+"/type", "must be button")
			return
		}
		k.element(at, e, inActions, seen)
	})
}

func (k *checker) carousel(path string, b object) {
	k.each(path, b, "elements", 1, 10, func(at string, e object) {
		if e["type"] != "card" {
			k.fail(at+"/type", "must be card")
			return
		}
		k.block(at, e)
	})
}

func (k *checker) container(path string, b object) {
	_, plain := b["title"]
	rich, isRich := b["rich_text_title"].(object)
	if !plain && !isRich {
		k.fail(path, "missing required field: title or rich_text_title")
	}
	k.optionalTextObject(path, b, "title", plainOnly, 150)
	k.optionalTextObject(path, b, "subtitle", anyText, 150)
	if isRich {
		k.richText(path+"/rich_text_title", rich)
	}
	k.oneOf(path, b, "width", "narrow", "standard", "wide", "full")
	k.boolean(path, b, "is_collapsible", "default_collapsed", "has_header_divider")
	k.each(path, b, "child_blocks", 1, 10, func(at string, c object) {
		kind, _ := c["type"].(string)
		if !slices.Contains([]string{"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "table", "video"}, kind) {
			k.fail(at+"/type", "%q may not be in a container", kind)
			return
		}
		k.block(at, c)
	})
}

func taskFields() []string {
	return []string{"task_id", "title", "details", "output", "sources", "status", "hide_title"}
}

func (k *checker) taskCard(path string, b object) {
	k.needText(path, b, "task_id", 255)
	k.words(path+"/title", b["title"], 3000)
	if _, ok := b["status"]; !ok {
		k.fail(path, "missing required field: status")
	}
	k.oneOf(path, b, "status", "pending", "in_progress", "complete", "error")
	for _, f := range []string{"details", "output"} {
		if v, ok := b[f]; ok {
			rich, _ := v.(object)
			if rich == nil || rich["type"] != "rich_text" {
				k.fail(path+"/"+f, "must be a rich_text block")
				continue
			}
			k.richText(path+"/"+f, rich)
		}
	}
	k.each(path, b, "sources", 0, 100, func(at string, s object) {
		if s["type"] != "url" {
			k.fail(at+"/type", "must be url")
		}
		k.needText(at, s, "url", 3000)
		k.needText(at, s, "text", 3000)
	})
}

func (k *checker) plan(path string, b object) {
	k.words(path+"/title", b["title"], 3000)
	ids := map[string]bool{}
	k.each(path, b, "tasks", 0, 50, func(at string, task object) {
		if task["type"] != "task_card" {
			k.fail(at+"/type", "must be task_card")
			return
		}
		k.known(at, task, append([]string{"type", "block_id"}, taskFields()...))
		k.taskCard(at, task)
		id, _ := task["task_id"].(string)
		if ids[id] {
			k.fail(at+"/task_id", "task_id is not unique: %s", id)
		}
		ids[id] = true
	})
}

// row checks a table's row; the first row tells how long the others are.
func (k *checker) row(path string, raw any, most, width int) int {
	cells, ok := raw.([]any)
	if !ok {
		k.fail(path, "must be an array")
		return width
	}
	if len(cells) == 0 || len(cells) > most {
		k.fail(path, "must hold 1 to %d cells", most)
	}
	if width > 0 && len(cells) != width {
		k.fail(path, "has %d cells, the first row has %d", len(cells), width)
	}
	for i, c := range cells {
		cell, _ := c.(object)
		k.cell(path+"/"+strconv.Itoa(i), cell)
	}
	return len(cells)
}

func (k *checker) cell(path string, c object) {
	switch c["type"] {
	case "raw_text":
		k.words(path+"/text", c["text"], 3000)
	case "raw_number":
		if _, ok := c["value"]; !ok {
			k.fail(path, "missing required field: value")
		}
	case "rich_text":
		k.richText(path, c)
	case "action":
		k.element(path+"/element", c["element"], inActions, map[string]bool{})
	default:
		k.fail(path+"/type", "unsupported cell type: %v", c["type"])
	}
}

func (k *checker) table(path string, b object) {
	width := 0
	for i, r := range k.items(path, b, "rows", 1, 100) {
		w := k.row(path+"/rows/"+strconv.Itoa(i), r, 20, width)
		if i == 0 {
			width = w
		}
	}
	for i, raw := range k.items(path, b, "column_settings", 0, 20) {
		if c, ok := raw.(object); ok { // a null keeps the column's default
			at := path + "/column_settings/" + strconv.Itoa(i)
			k.oneOf(at, c, "align", "left", "center", "right")
			k.boolean(at, c, "is_wrapped")
		}
	}
}

func (k *checker) dataTable(path string, b object) {
	k.needText(path, b, "caption", 3000)
	k.integer(path, b, "page_size", 1, 100)
	width := 0
	for i, r := range k.items(path, b, "rows", 2, 101) {
		w := k.row(path+"/rows/"+strconv.Itoa(i), r, 20, width)
		if i == 0 {
			width = w
		}
	}
	k.integer(path, b, "row_header_column_index", 0, int64(max(0, width-1)))
}

func (k *checker) richText(path string, b object) {
	k.each(path, b, "elements", 1, 100, func(at string, e object) {
		switch e["type"] {
		case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
			k.each(at, e, "elements", 0, 1000, k.richLeaf)
		case "rich_text_list":
			if _, ok := e["style"]; !ok {
				k.fail(at, "missing required field: style")
			}
			k.oneOf(at, e, "style", "bullet", "ordered")
			k.each(at, e, "elements", 1, 1000, func(in string, s object) {
				if s["type"] != "rich_text_section" {
					k.fail(in+"/type", "must be rich_text_section")
					return
				}
				k.each(in, s, "elements", 0, 1000, k.richLeaf)
			})
		default:
			k.fail(at+"/type", "unsupported type: %v", e["type"])
		}
	})
}

func (k *checker) richLeaf(path string, e object) {
	need := map[string]string{"text": "text", "link": "url", "emoji": "name", "user": "user_id", "usergroup": "usergroup_id",
		"channel": "channel_id", "team": "team_id", "broadcast": "range", "color": "value", "date": "format"}
	kind, _ := e["type"].(string)
	field, ok := need[kind]
	if !ok {
		k.fail(path+"/type", "unsupported type: %s", kind)
		return
	}
	v, ok := e[field]
	if !ok {
		k.fail(path, "missing required field: %s", field)
		return
	}
	k.words(path+"/"+field, v, 3000)
}

func (k *checker) video(path string, b object) {
	k.needText(path, b, "video_url", 3000)
	k.needText(path, b, "thumbnail_url", 3000)
	k.needText(path, b, "alt_text", 2000)
	k.textObject(path+"/title", b["title"], plainOnly, 199)
	k.optionalText(path, b, "author_name", 49)
	k.optionalTextObject(path, b, "description", plainOnly, 200)
}
