package stage

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	simslack "ecsbot/sim/slack"
)

// answered turns what a person would see go wrong into an error.
func answered(inv simslack.Invocation, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case inv.Error == simslack.ErrorTimeout:
		return "", errTimeout
	case inv.Error != "":
		return "", errors.New("Slack shows the person: " + inv.Error)
	case len(inv.AckPayload) > 0:
		var p struct {
			Text string `json:"text"`
		}
		_ = json.Unmarshal(inv.AckPayload, &p) // not every answer has a text
		return p.Text, nil
	}
	return "", nil
}

var errTimeout = errors.New("Slack shows the person: " + simslack.ErrorTimeout)

const (
	attempts = 3
	pauses   = 100 * time.Millisecond
)

// insist has a person do something again when they are told that it was not
// recorded, as happens where the disk of a busy machine stands still for seconds.
func insist(ctx context.Context, do func() (string, error)) (string, error) {
	for n := 1; ; n++ {
		said, err := do()
		unrecorded := errors.Is(err, errTimeout) || strings.Contains(said, "Nothing was recorded and nothing will be done")
		if !unrecorded || n == attempts || !pause(ctx) {
			return said, err
		}
	}
}

// pause is the moment in which a person looks again. It is false when there is no time left.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pauses):
		return true
	}
}
