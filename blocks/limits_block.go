package blocks

import (
	"fmt"
	"slices"
)

// checker walks the JSON of blocks. A block's id is unique in its message, an action's in its block:
// rows of one message may each have the same button.
type checker struct{ blockIDs, actionIDs map[string]bool }

type object = map[string]any

func (c checker) block(b object) error {
	if err := unique(c.blockIDs, b["block_id"], "block_id"); err != nil {
		return err
	}
	clear(c.actionIDs)
	switch b["type"] {
	case "header":
		return text(b["text"], headerLimit, "plain_text")
	case "section":
		return c.section(b)
	case "context":
		return each(b["elements"], contextMost, func(e object) error { return text(e, sectionLimit, "plain_text", "mrkdwn") })
	case "actions":
		return each(b["elements"], actionsMost, c.element)
	case "divider":
		return nil
	case "input":
		return c.input(b)
	case "plan":
		return plan(b)
	}
	return fmt.Errorf("unknown block type %v", b["type"])
}

func (c checker) section(b object) error {
	if b["text"] == nil && b["fields"] == nil {
		return fmt.Errorf("needs text or fields")
	}
	if b["text"] != nil {
		if err := text(b["text"], sectionLimit, "plain_text", "mrkdwn"); err != nil {
			return err
		}
	}
	if b["fields"] != nil {
		if err := each(b["fields"], fieldsMost, func(f object) error { return text(f, fieldLimit, "plain_text", "mrkdwn") }); err != nil {
			return err
		}
	}
	if a, ok := b["accessory"].(object); ok {
		return c.element(a)
	}
	return nil
}

func (c checker) input(b object) error {
	if err := text(b["label"], labelLimit, "plain_text"); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	if b["hint"] != nil {
		if err := text(b["hint"], labelLimit, "plain_text"); err != nil {
			return fmt.Errorf("hint: %w", err)
		}
	}
	e, ok := b["element"].(object)
	if !ok {
		return fmt.Errorf("needs an element")
	}
	return c.element(e)
}

func (c checker) element(e object) error {
	if s, _ := e["action_id"].(string); s == "" {
		return fmt.Errorf("element %v needs an action_id", e["type"])
	}
	if err := unique(c.actionIDs, e["action_id"], "action_id"); err != nil {
		return err
	}
	if e["placeholder"] != nil {
		if err := text(e["placeholder"], placeholderLimit, "plain_text"); err != nil {
			return fmt.Errorf("placeholder: %w", err)
		}
	}
	switch e["type"] {
	case "button":
		return buttonLimits(e)
	case "static_select":
		return options(e["options"], optionsMost)
	case "checkboxes", "radio_buttons":
		return options(e["options"], boxesMost)
	case "external_select":
		if e["initial_option"] != nil {
			return option(e["initial_option"].(object))
		}
		return nil
	case "plain_text_input":
		return short(e["initial_value"], initialLimit, "initial_value")
	}
	return fmt.Errorf("unknown element type %v", e["type"])
}

func buttonLimits(e object) error {
	if err := text(e["text"], buttonLimit, "plain_text"); err != nil {
		return err
	}
	if err := short(e["accessibility_label"], buttonLimit, "accessibility_label"); err != nil {
		return err
	}
	if s := e["style"]; s != nil && s != "primary" && s != "danger" {
		return fmt.Errorf("unknown style %v", s)
	}
	return short(e["value"], valueLimit, "value")
}

// options checks a list of options; their values tell them apart.
func options(v any, most int) error {
	values := map[string]bool{}
	return each(v, most, func(o object) error {
		if err := option(o); err != nil {
			return err
		}
		return unique(values, o["value"], "option value")
	})
}

func option(o object) error {
	if err := text(o["text"], optionLimit, "plain_text", "mrkdwn"); err != nil {
		return err
	}
	if o["description"] != nil {
		if err := text(o["description"], optionLimit, "plain_text", "mrkdwn"); err != nil {
			return err
		}
	}
	if s, _ := o["value"].(string); s == "" {
		return fmt.Errorf("option without a value")
	}
	return short(o["value"], optionValueLimit, "option value")
}

func plan(b object) error {
	if s, _ := b["title"].(string); s == "" || runeCount(s) > planTitleLimit {
		return fmt.Errorf("plan title must have 1 to %d characters", planTitleLimit)
	}
	ids := map[string]bool{}
	return each(b["tasks"], messageBlocks, func(t object) error {
		if s, _ := t["title"].(string); s == "" || runeCount(s) > planTitleLimit {
			return fmt.Errorf("task title must have 1 to %d characters", planTitleLimit)
		}
		if s, _ := t["task_id"].(string); s == "" {
			return fmt.Errorf("task without an id")
		}
		if !slices.Contains([]any{"pending", "in_progress", "complete", "error"}, t["status"]) {
			return fmt.Errorf("unknown status %v", t["status"])
		}
		return unique(ids, t["task_id"], "task_id")
	})
}

// text checks a text object: its type, that it is not empty, and its length.
func text(v any, limit int, kinds ...string) error {
	t, ok := v.(object)
	if !ok {
		return fmt.Errorf("no text object")
	}
	kind, _ := t["type"].(string)
	if !slices.Contains(kinds, kind) {
		return fmt.Errorf("text type %q, must be one of %v", kind, kinds)
	}
	s, _ := t["text"].(string)
	if n := runeCount(s); n == 0 || n > limit {
		return fmt.Errorf("text has %d characters, must have 1 to %d", n, limit)
	}
	return nil
}

func short(v any, limit int, name string) error {
	if s, _ := v.(string); runeCount(s) > limit {
		return fmt.Errorf("%s has %d characters, the limit is %d", name, runeCount(s), limit)
	}
	return nil
}

// each checks a list of 1 to most objects.
func each(v any, most int, check func(object) error) error {
	list, _ := v.([]any)
	if len(list) == 0 || len(list) > most {
		return fmt.Errorf("%d entries, must be 1 to %d", len(list), most)
	}
	for i, e := range list {
		o, ok := e.(object)
		if !ok {
			return fmt.Errorf("entry %d is no object", i)
		}
		if err := check(o); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return nil
}

// unique checks an id: short, and not seen before. An absent one is Slack's to make.
func unique(seen map[string]bool, v any, name string) error {
	s, _ := v.(string)
	if s == "" {
		return nil
	}
	if runeCount(s) > idLimit {
		return fmt.Errorf("%s has %d characters, the limit is %d", name, runeCount(s), idLimit)
	}
	if seen[s] {
		return fmt.Errorf("%s %q appears twice", name, s)
	}
	seen[s] = true
	return nil
}
