package delivery

import (
	"strings"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
)

// checkpointMessage shows a signed checkpoint as it is, ready to be copied into `bot audit verify --checkpoint`. It is our own
// text: origin, size, root hash and signature, with no letter that means anything to Slack inside a code block.
func checkpointMessage(text string) blocks.Message {
	text = strings.TrimRight(text, "\n")
	body := slack.NewTextBlockObject(slack.MarkdownType, "*Signed checkpoint of the audit log*\n```\n"+text+"\n```", false, false)
	return blocks.Message{
		Text:   "Signed checkpoint of the audit log\n" + text,
		Blocks: []slack.Block{slack.NewSectionBlock(body, nil, nil)},
	}
}
