package blocks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Slack's limits, in characters (runes) and counts, as python-slack-sdk's models
// and Slack's pages give them.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	textLimit         = 4000 // recommended for a message's text
	messageBlocks     = 50
	viewBlocks        = 100
	totalLimit        = 13_200 // of a message's blocks: msg_blocks_too_long beyond it (slackapi/bolt-js#2509)
	headerLimit       = 150
	sectionLimit      = 3000
	fieldLimit        = 2000
	fieldsMost        = 10
	contextMost       = 10
	actionsMost       = 25
	buttonLimit       = 75
	valueLimit        = 2000
	idLimit           = 255
	optionLimit       = 75 // an option's text, and its description
	optionValueLimit  = 150
	optionsMost       = 100
	boxesMost         = 10 // options of checkboxes and radio buttons
	placeholderLimit  = 150
	labelLimit        = 2000
	initialLimit      = 3000
	viewTitleLimit    = 24
	metadataLimit     = 3000
	planTitleLimit    = 256    // no documented limit: kept short
	suggestionsBudget = 18_000 // bytes; slack-go drops an ack over 20,000 silently (maxResponseSize)
)

func runeCount(s string) int { return utf8.RuneCountInString(s) }

// Check reports the first limit of Slack's that a message breaks. It looks at
// the JSON as it is sent, and counts runes.
func Check(m Message) error {
	if m.Text == "" {
		return errors.New("text is empty: notifications and screen readers need it")
	}
	if n := runeCount(m.Text); n > textLimit {
		return fmt.Errorf("text has %d characters, the limit is %d", n, textLimit)
	}
	size, err := checkBlocks(m.Blocks, messageBlocks)
	if err != nil {
		return err
	}
	if size > totalLimit {
		return fmt.Errorf("blocks have %d characters in total, the limit is %d", size, totalLimit)
	}
	return nil
}

// CheckView reports the first limit of Slack's that a modal breaks.
func CheckView(v slack.ModalViewRequest) error {
	for name, t := range map[string]*slack.TextBlockObject{"title": v.Title, "submit": v.Submit, "close": v.Close} {
		if t == nil && name != "title" {
			continue
		}
		if t == nil || t.Text == "" || t.Type != slack.PlainTextType || runeCount(t.Text) > viewTitleLimit {
			return fmt.Errorf("view %s must be plain text of 1 to %d characters", name, viewTitleLimit)
		}
	}
	if runeCount(v.PrivateMetadata) > metadataLimit || runeCount(v.CallbackID) > idLimit || runeCount(v.ExternalID) > idLimit {
		return errors.New("private_metadata, callback_id or external_id is too long")
	}
	if v.Type != slack.VTModal {
		return fmt.Errorf("view type is %q", v.Type)
	}
	for _, b := range v.Blocks.BlockSet {
		if b.BlockType() == slack.MBTInput && v.Submit == nil {
			return errors.New("a view with input blocks needs submit")
		}
	}
	_, err := checkBlocks(v.Blocks.BlockSet, viewBlocks)
	return err
}

// checkBlocks checks the blocks and returns the size of their JSON in runes.
func checkBlocks(bs []slack.Block, most int) (int, error) {
	if len(bs) == 0 || len(bs) > most {
		return 0, fmt.Errorf("%d blocks, must be 1 to %d", len(bs), most)
	}
	raw, err := plainJSON(bs)
	if err != nil {
		return 0, fmt.Errorf("encoding blocks: %w", err)
	}
	var decoded []map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return 0, fmt.Errorf("decoding blocks: %w", err)
	}
	c := checker{blockIDs: map[string]bool{}, actionIDs: map[string]bool{}}
	for i, b := range decoded {
		if err := c.block(b); err != nil {
			return 0, fmt.Errorf("block %d (%v): %w", i, b["type"], err)
		}
	}
	return utf8.RuneCount(raw), nil
}

// plainJSON encodes without the \u003c that Go would write for "<".
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
