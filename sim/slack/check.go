package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// object is a decoded JSON object.
type object = map[string]any

// surface is where blocks are shown.
type surface string

const (
	onMessage surface = "message"
	onModal   surface = "modal"
)

// checker collects what Slack would find wrong with blocks. Limits are those of
// docs.slack.dev/reference/block-kit as python-slack-sdk's models and
// @slack/types have them.
type checker struct {
	surface  surface
	problems []string
	total    int // characters of all texts
	blockIDs map[string]bool
	focused  bool
	inputs   int
	fresh    func() string // makes ids for what has none
}

func newChecker(s surface, fresh func() string) *checker {
	return &checker{surface: s, blockIDs: map[string]bool{}, fresh: fresh}
}

func (k *checker) fail(path, format string, args ...any) {
	k.problems = append(k.problems, fmt.Sprintf("[ERROR] %s [json-pointer:%s]", fmt.Sprintf(format, args...), path))
}

// decode reads JSON with numbers kept as they are.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if d.More() {
		return fmt.Errorf("reading JSON: %w", errTrailing)
	}
	return nil
}

// checkMessageBlocks checks a message's blocks and returns them with the ids
// that Slack fills in. The caller holds mu.
func (w *Workspace) checkMessageBlocks(raw []byte) (json.RawMessage, error) {
	var list []any
	if err := decode(raw, &list); err != nil {
		return nil, refuse("invalid_blocks_format", "[ERROR] blocks is not a JSON array [json-pointer:/blocks]")
	}
	k := newChecker(onMessage, w.freshID)
	k.blocks("/blocks", list, 50)
	if len(k.problems) > 0 {
		return nil, refuse("invalid_blocks", k.problems...)
	}
	if k.total > maxBlocksTotal {
		return nil, refuse("msg_blocks_too_long", fmt.Sprintf("[ERROR] the blocks' texts have %d characters, about %d are taken [json-pointer:/blocks]", k.total, maxBlocksTotal))
	}
	return mustJSON(list), nil
}

// freshID makes a block_id or action_id. The caller holds mu.
func (w *Workspace) freshID() string {
	w.serial++
	id := strconv.FormatInt(int64(w.serial)*7919+1_000_003, 36)
	return id[max(0, len(id)-5):]
}

func (k *checker) blocks(path string, list []any, most int) {
	if len(list) > most {
		k.fail(path, "no more than %d items allowed", most)
	}
	for i, raw := range list {
		at := path + "/" + strconv.Itoa(i)
		b, ok := raw.(object)
		if !ok {
			k.fail(at, "must be an object")
			continue
		}
		k.block(at, b)
	}
}

// block checks one block and gives it an id when it has none.
func (k *checker) block(path string, b object) {
	kind, _ := b["type"].(string)
	shape, ok := blockShapes()[kind]
	if !ok {
		k.fail(path+"/type", "unsupported type: %s", kind)
		return
	}
	k.known(path, b, append([]string{"type", "block_id"}, shape.fields...))
	if shape.only != "" && shape.only != k.surface {
		k.fail(path, "%s blocks are not supported in a %s", kind, k.surface)
	}
	k.blockID(path, b)
	shape.check(k, path, b)
}

func (k *checker) blockID(path string, b object) {
	id, given := b["block_id"]
	if !given || id == "" {
		b["block_id"] = k.fresh()
		return
	}
	s := k.text(path+"/block_id", id, 1, 255)
	if k.blockIDs[s] {
		k.fail(path+"/block_id", "`block_id` already exists: %s", s)
	}
	k.blockIDs[s] = true
}

// known refuses properties that do not belong there.
func (k *checker) known(path string, o object, fields []string) {
	for _, name := range sortedKeys(o) {
		if !slices.Contains(fields, name) {
			k.fail(path, "invalid additional property: %s", name)
		}
	}
}

// text checks a plain JSON string and returns it.
func (k *checker) text(path string, v any, least, most int) string {
	s, ok := v.(string)
	if !ok {
		k.fail(path, "must be a string")
		return ""
	}
	n := len([]rune(s))
	if n < least {
		k.fail(path, "must be more than %d characters", least-1)
	}
	if n > most {
		k.fail(path, "must be less than %d characters", most+1)
	}
	return s
}

// words is text that people read, never empty; it counts towards the message's total.
func (k *checker) words(path string, v any, most int) {
	k.total += len([]rune(k.text(path, v, 1, most)))
}

func (k *checker) optionalText(path string, o object, name string, most int) {
	if v, ok := o[name]; ok {
		k.text(path+"/"+name, v, 0, most)
	}
}

func (k *checker) needText(path string, o object, name string, most int) {
	v, ok := o[name]
	if !ok {
		k.fail(path, "missing required field: %s", name)
		return
	}
	k.text(path+"/"+name, v, 1, most)
}

func (k *checker) boolean(path string, o object, names ...string) {
	for _, n := range names {
		if v, ok := o[n]; ok {
			if _, isBool := v.(bool); !isBool {
				k.fail(path+"/"+n, "must be a boolean")
			}
		}
	}
}

func (k *checker) oneOf(path string, o object, name string, allowed ...string) {
	v, ok := o[name]
	if !ok {
		return
	}
	if s, _ := v.(string); !slices.Contains(allowed, s) {
		k.fail(path+"/"+name, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

func (k *checker) integer(path string, o object, name string, least, most int64) (int64, bool) {
	v, ok := o[name]
	if !ok {
		return 0, false
	}
	num, _ := v.(json.Number)
	n, err := num.Int64()
	if err != nil || n < least || n > most {
		k.fail(path+"/"+name, "must be an integer from %d to %d", least, most)
		return 0, false
	}
	return n, true
}

// textKind says which text objects a place takes.
type textKind int

const (
	plainOnly textKind = iota
	anyText
	mrkdwnOnly
)

// textObject checks a text object that must be there.
func (k *checker) textObject(path string, v any, kind textKind, most int) {
	o, ok := v.(object)
	if !ok {
		k.fail(path, "must be a text object")
		return
	}
	t, _ := o["type"].(string)
	allowed := map[textKind][]string{plainOnly: {"plain_text"}, anyText: {"plain_text", "mrkdwn"}, mrkdwnOnly: {"mrkdwn"}}[kind]
	if !slices.Contains(allowed, t) {
		k.fail(path+"/type", "must be %s, not %q", strings.Join(allowed, " or "), t)
		return
	}
	if t == "plain_text" {
		k.known(path, o, []string{"type", "text", "emoji"})
	} else {
		k.known(path, o, []string{"type", "text", "verbatim"})
	}
	k.boolean(path, o, "emoji", "verbatim")
	k.words(path+"/text", o["text"], most)
}

func (k *checker) optionalTextObject(path string, o object, name string, kind textKind, most int) {
	if v, ok := o[name]; ok && v != nil {
		k.textObject(path+"/"+name, v, kind, most)
	}
}

// items returns a list property that must hold from least to most items.
func (k *checker) items(path string, o object, name string, least, most int) []any {
	v, ok := o[name]
	if !ok {
		if least > 0 {
			k.fail(path, "missing required field: %s", name)
		}
		return nil
	}
	list, ok := v.([]any)
	at := path + "/" + name
	if !ok {
		k.fail(at, "must be an array")
		return nil
	}
	if len(list) < least {
		k.fail(at, "no fewer than %d items allowed", least)
	}
	if len(list) > most {
		k.fail(at, "no more than %d items allowed", most)
	}
	return list
}

// each runs check over the objects of a list property.
func (k *checker) each(path string, o object, name string, least, most int, check func(path string, item object)) {
	for i, raw := range k.items(path, o, name, least, most) {
		at := path + "/" + name + "/" + strconv.Itoa(i)
		item, ok := raw.(object)
		if !ok {
			k.fail(at, "must be an object")
			continue
		}
		check(at, item)
	}
}
