package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// secrets are the variables by which the bot, or the AWS SDK, would be given
// something real.
var secrets = []string{
	"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_BOT_TOKEN_FILE", "SLACK_APP_TOKEN_FILE", "AUDIT_KEY", "DATABASE_URL",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
}

// warnOfTokens says which settings for the real Slack and AWS are not looked at:
// the child's environment is made by the stage alone, and the simulators refuse
// every token that is not theirs.
func warnOfTokens(out io.Writer, environ []string) {
	var found []string
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if slices.Contains(secrets, name) && value != "" && !strings.Contains(strings.ToLower(value), "sim") {
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		fmt.Fprintf(out, "Refused: %s. The demo takes no real token or key: it does not read them, and the bot that it starts does not get them.\n",
			strings.Join(found, ", "))
	}
}
