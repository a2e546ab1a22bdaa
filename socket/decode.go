package socket

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads JSON that Slack sent, in one pass. What that refuses is read again by
// encoding/json, which forgives more and tells of a field of a wrong type by
// *json.UnmarshalTypeError, with all others read. Each click carries its whole message, and
// encoding/json's two passes took more time than all else before an ack.
func Decode[T any](b []byte) (T, error) {
	var fast T
	if err := json.Unmarshal(b, &fast, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err == nil {
		return fast, nil
	}
	var careful T
	err := stdjson.Unmarshal(b, &careful)
	return careful, err
}
