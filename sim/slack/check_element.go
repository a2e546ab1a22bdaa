package slack

import (
	"encoding/json"
	"slices"
	"strconv"
)

// place is where an element stands.
type place int

const (
	inSection place = iota
	inActions
	inInput
	inContextActions
)

// elementShape is what one type of element may hold and where it may stand.
type elementShape struct {
	fields []string
	places []place
	check  func(k *checker, path string, e object)
}

func elementShapes() map[string]elementShape {
	everywhere := []place{inSection, inActions, inInput}
	buttons := []place{inSection, inActions}
	inputs := []place{inInput}
	selects := func(own ...string) []string {
		return append([]string{"placeholder", "confirm", "focus_on_load"}, own...)
	}
	multi := func(own ...string) []string { return append(selects("max_selected_items"), own...) }
	return map[string]elementShape{
		"button":           {[]string{"text", "value", "url", "style", "confirm", "accessibility_label"}, buttons, (*checker).button},
		"workflow_button":  {[]string{"text", "workflow", "style", "accessibility_label"}, buttons, (*checker).button},
		"icon_button":      {[]string{"icon", "text", "value", "accessibility_label", "visible_to_user_ids", "confirm"}, []place{inContextActions}, (*checker).iconButton},
		"feedback_buttons": {[]string{"positive_button", "negative_button"}, []place{inContextActions}, func(*checker, string, object) {}},
		"image":            {[]string{"image_url", "slack_file", "alt_text"}, []place{inSection}, (*checker).imageElement},
		"overflow":         {[]string{"options", "confirm"}, buttons, func(k *checker, p string, e object) { k.options(p, e, 1, 5, plainOnly) }},
		"checkboxes":       {[]string{"options", "initial_options", "confirm", "focus_on_load"}, everywhere, (*checker).boxes},
		"radio_buttons":    {[]string{"options", "initial_option", "confirm", "focus_on_load"}, everywhere, (*checker).boxes},
		"static_select":    {selects("options", "option_groups", "initial_option"), everywhere, (*checker).staticSelect},
		"external_select":  {selects("initial_option", "min_query_length"), everywhere, (*checker).externalSelect},
		"users_select":     {selects("initial_user"), everywhere, (*checker).placeholder},
		"channels_select":  {selects("initial_channel", "response_url_enabled"), everywhere, (*checker).placeholder},
		"conversations_select": {selects("initial_conversation", "default_to_current_conversation", "response_url_enabled", "filter"),
			everywhere, (*checker).placeholder},
		"multi_static_select":        {multi("options", "option_groups", "initial_options"), everywhere, (*checker).staticSelect},
		"multi_external_select":      {multi("initial_options", "min_query_length"), everywhere, (*checker).externalSelect},
		"multi_users_select":         {multi("initial_users"), everywhere, (*checker).placeholder},
		"multi_channels_select":      {multi("initial_channels"), everywhere, (*checker).placeholder},
		"multi_conversations_select": {multi("initial_conversations", "default_to_current_conversation", "filter"), everywhere, (*checker).placeholder},
		"datepicker":                 {selects("initial_date"), everywhere, (*checker).placeholder},
		"timepicker":                 {selects("initial_time", "timezone"), everywhere, (*checker).placeholder},
		"datetimepicker":             {[]string{"initial_date_time", "confirm", "focus_on_load"}, []place{inActions, inInput}, func(*checker, string, object) {}},
		"plain_text_input": {[]string{"placeholder", "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config",
			"focus_on_load"}, inputs, (*checker).textInput},
		"email_text_input": {[]string{"placeholder", "initial_value", "dispatch_action_config", "focus_on_load"}, inputs, (*checker).placeholder},
		"url_text_input":   {[]string{"placeholder", "initial_value", "dispatch_action_config", "focus_on_load"}, inputs, (*checker).placeholder},
		"number_input": {[]string{"placeholder", "is_decimal_allowed", "initial_value", "min_value", "max_value", "dispatch_action_config",
			"focus_on_load"}, inputs, (*checker).numberInput},
		"rich_text_input": {[]string{"placeholder", "initial_value", "min_lines", "max_lines", "dispatch_action_config", "focus_on_load"},
			inputs, (*checker).placeholder},
		"file_input": {[]string{"filetypes", "max_files"}, inputs, func(*checker, string, object) {}},
	}
}

// element checks one element; seen holds the action_ids of its block.
func (k *checker) element(path string, v any, where place, seen map[string]bool) {
	e, ok := v.(object)
	if !ok {
		k.fail(path, "must be an element object")
		return
	}
	kind, _ := e["type"].(string)
	shape, ok := elementShapes()[kind]
	if !ok || !slices.Contains(shape.places, where) {
		k.fail(path+"/type", "unsupported type: %s", kind)
		return
	}
	k.known(path, e, append([]string{"type", "action_id"}, shape.fields...))
	if kind != "image" {
		k.actionID(path, e, seen)
	}
	if c, ok := e["confirm"]; ok {
		k.confirm(path+"/confirm", c)
	}
	k.focus(path, e)
	shape.check(k, path, e)
}

func (k *checker) actionID(path string, e object, seen map[string]bool) {
	id, given := e["action_id"]
	if !given || id == "" {
		e["action_id"] = k.fresh()
		return
	}
	s := k.text(path+"/action_id", id, 1, 255)
	if seen[s] {
		k.fail(path+"/action_id", "action_id already exists in this block: %s", s)
	}
	seen[s] = true
}

func (k *checker) focus(path string, e object) {
	k.boolean(path, e, "focus_on_load")
	if on, _ := e["focus_on_load"].(bool); on {
		if k.focused {
			k.fail(path+"/focus_on_load", "only one element may have focus_on_load")
		}
		k.focused = true
	}
}

func (k *checker) confirm(path string, v any) {
	c, ok := v.(object)
	if !ok {
		k.fail(path, "must be an object")
		return
	}
	k.known(path, c, []string{"title", "text", "confirm", "deny", "style"})
	k.optionalTextObject(path, c, "title", plainOnly, 100)
	k.textObject(path+"/text", c["text"], anyText, 300)
	k.optionalTextObject(path, c, "confirm", plainOnly, 30)
	k.optionalTextObject(path, c, "deny", plainOnly, 30)
	k.oneOf(path, c, "style", "primary", "danger")
}

func (k *checker) button(path string, e object) {
	k.textObject(path+"/text", e["text"], plainOnly, 75)
	k.optionalText(path, e, "value", 2000)
	k.optionalText(path, e, "url", 3000)
	k.optionalText(path, e, "accessibility_label", 75)
	k.oneOf(path, e, "style", "primary", "danger")
}

func (k *checker) iconButton(path string, e object) {
	k.needText(path, e, "icon", 75)
	k.textObject(path+"/text", e["text"], plainOnly, 75)
	k.optionalText(path, e, "value", 2000)
	k.optionalText(path, e, "accessibility_label", 75)
}

// options checks a list of options and returns their values.
func (k *checker) options(path string, e object, least, most int, kind textKind) []string {
	var values []string
	k.each(path, e, "options", least, most, func(at string, o object) {
		k.option(at, o, kind)
		v, _ := o["value"].(string)
		if slices.Contains(values, v) {
			k.fail(at+"/value", "value is not unique: %s", v)
		}
		values = append(values, v)
	})
	return values
}

func (k *checker) option(path string, o object, kind textKind) {
	k.known(path, o, []string{"text", "value", "description", "url"})
	k.textObject(path+"/text", o["text"], kind, 75)
	k.needText(path, o, "value", 150)
	k.optionalTextObject(path, o, "description", kind, 75)
	k.optionalText(path, o, "url", 3000)
}

func (k *checker) boxes(path string, e object) {
	values := k.options(path, e, 1, 10, anyText)
	k.initial(path, e, values)
}

// initial checks that what is chosen at first is among the options.
func (k *checker) initial(path string, e object, values []string) {
	check := func(at string, o object) {
		if v, _ := o["value"].(string); !slices.Contains(values, v) {
			k.fail(at, "is not among the options")
		}
	}
	if o, ok := e["initial_option"].(object); ok {
		check(path+"/initial_option", o)
	}
	if _, ok := e["initial_options"]; ok {
		k.each(path, e, "initial_options", 1, 100, check)
	}
}

func (k *checker) staticSelect(path string, e object) {
	k.placeholder(path, e)
	_, flat := e["options"]
	_, grouped := e["option_groups"]
	if flat == grouped {
		k.fail(path, "exactly one of options and option_groups is required")
		return
	}
	var values []string
	if flat {
		values = k.options(path, e, 1, 100, plainOnly)
	} else {
		values = k.groups(path, e)
	}
	k.initial(path, e, values)
}

func (k *checker) groups(path string, e object) []string {
	var values []string
	k.each(path, e, "option_groups", 1, 100, func(at string, g object) {
		k.textObject(at+"/label", g["label"], plainOnly, 75)
		values = append(values, k.options(at, g, 1, 100, plainOnly)...)
	})
	return values
}

func (k *checker) externalSelect(path string, e object) {
	k.placeholder(path, e)
	k.integer(path, e, "min_query_length", 0, 3000)
	if o, ok := e["initial_option"].(object); ok {
		k.option(path+"/initial_option", o, plainOnly)
	}
	k.each(path, e, "initial_options", 0, 100, func(at string, o object) { k.option(at, o, plainOnly) })
}

func (k *checker) placeholder(path string, e object) {
	k.optionalTextObject(path, e, "placeholder", plainOnly, 150)
	k.integer(path, e, "max_selected_items", 1, 1000)
	if v, ok := e["initial_value"]; ok {
		if _, isText := v.(string); !isText && e["type"] != "rich_text_input" {
			k.fail(path+"/initial_value", "must be a string")
		}
	}
}

func (k *checker) textInput(path string, e object) {
	k.placeholder(path, e)
	k.boolean(path, e, "multiline")
	least, hasLeast := k.integer(path, e, "min_length", 0, 3000)
	most, hasMost := k.integer(path, e, "max_length", 1, 3000)
	if hasLeast && hasMost && least > most {
		k.fail(path+"/min_length", "is more than max_length")
	}
	if s, ok := e["initial_value"].(string); ok && hasMost && int64(len([]rune(s))) > most {
		k.fail(path+"/initial_value", "is longer than max_length")
	}
}

func (k *checker) numberInput(path string, e object) {
	k.placeholder(path, e)
	if _, ok := e["is_decimal_allowed"].(bool); !ok {
		k.fail(path, "missing required field: is_decimal_allowed")
	}
	for _, f := range []string{"initial_value", "min_value", "max_value"} {
		if v, ok := e[f]; ok {
			s, isText := v.(string)
			if _, err := strconv.ParseFloat(s, 64); !isText || err != nil {
				k.fail(path+"/"+f, "must be a number in a string")
			}
		}
	}
}

// checkOptions checks what an app answers to a block_suggestion.
func checkOptions(raw json.RawMessage) ([]Option, []string) {
	var answer object
	if err := decode(raw, &answer); err != nil {
		return nil, []string{"[ERROR] the answer is not a JSON object"}
	}
	k := newChecker(onModal, func() string { return "" })
	_, flat := answer["options"]
	_, grouped := answer["option_groups"]
	if flat == grouped {
		k.fail("", "exactly one of options and option_groups is required")
		return nil, k.problems
	}
	if flat {
		k.options("", answer, 0, 100, plainOnly)
	} else {
		k.groups("", answer)
	}
	if len(k.problems) > 0 {
		return nil, k.problems
	}
	return readOptions(answer), nil
}

// Option is one choice of a menu.
type Option struct {
	Text        string `json:"text"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Group       string `json:"group,omitempty"`
}

// readOptions takes the options out of a checked element or answer.
func readOptions(e object) []Option {
	out := []Option{}
	take := func(group string, list any) {
		items, _ := list.([]any)
		for _, raw := range items {
			if o, ok := raw.(object); ok {
				v, _ := o["value"].(string)
				out = append(out, Option{Text: textOf(o["text"]), Value: v, Description: textOf(o["description"]), Group: group})
			}
		}
	}
	take("", e["options"])
	groups, _ := e["option_groups"].([]any)
	for _, raw := range groups {
		if g, ok := raw.(object); ok {
			take(textOf(g["label"]), g["options"])
		}
	}
	return out
}

// textOf is the text of a text object, or "".
func textOf(v any) string {
	o, _ := v.(object)
	s, _ := o["text"].(string)
	return s
}
