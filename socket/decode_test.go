package socket

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Decode reads what encoding/json reads, as it does, but for names in other letters, which Slack
// does not send: an envelope is too precious to be lost to a stricter reader.
func TestDecodeForgivesWhatEncodingJSONForgives(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                  `{"type":"interactive","envelope_id":"e1","payload":{"a":[1,2,{"b":null}]},"accepts_response_payload":true}`,
		"unknown fields":         `{"envelope_id":"e1","wobble":{"deep":[[[[]]]]},"type":"x"}`,
		"null":                   `{"envelope_id":"e1","type":null,"payload":null,"retry_attempt":null}`,
		"a name twice":           `{"envelope_id":"e1","envelope_id":"e2","payload":{"a":1,"a":2}}`,
		"half a surrogate":       `{"envelope_id":"e1","type":"\ud83d"}`,
		"bytes that are no text": "{\"envelope_id\":\"e\xff1\",\"type\":\"x\"}",
		"a wrong type":           `{"retry_attempt":"2","envelope_id":"e1","type":"x"}`,
		"wrong types":            `{"num_connections":1.5,"envelope_id":"e1","accepts_response_payload":"yes","type":"x"}`,
		"space around":           " \n{\"envelope_id\":\"e1\"}\t ",
		"cut off":                `{"envelope_id":"e1","type":"x`,
		"something behind":       `{"envelope_id":"e1"} {}`,
		"no object":              `["envelope_id"]`,
		"nothing":                ``,
	} {
		t.Run(name, func(t *testing.T) {
			var want message
			wantErr := json.Unmarshal([]byte(text), &want)
			got, err := Decode[message]([]byte(text))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-encoding/json +Decode:\n%s", d)
			}
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("error %v, encoding/json says %v", err, wantErr)
			}
		})
	}
}

// The payload outlives the buffer that it was read from.
func TestDecodeKeepsNothingOfItsInput(t *testing.T) {
	b := []byte(`{"envelope_id":"e1","payload":{"a":1}}`)
	got, err := Decode[message](b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 'x'
	}
	if got.EnvelopeID != "e1" || string(got.Payload) != `{"a":1}` {
		t.Errorf("%q, %s", got.EnvelopeID, got.Payload)
	}
}
