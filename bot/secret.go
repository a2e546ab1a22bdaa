package bot

import (
	"fmt"
	"io"

	"github.com/rs/zerolog"
)

const redacted = "[redacted]"

// Secret is a value that no formatting, encoding or logging shows. The text is behind a pointer, so that even a Secret in an
// unexported field, whose methods fmt cannot call, prints as an address.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text, "" when none was set. Hand it to the client that needs it and to nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Set reports whether there is a text.
func (s Secret) Set() bool { return s.Reveal() != "" }

// Decode takes the value of a variable (envconfig.Decoder). It never fails, as envconfig's errors quote the value.
func (s *Secret) Decode(value string) error {
	*s = NewSecret(value)
	return nil
}

// String is "[redacted]", or "" when unset.
func (s Secret) String() string {
	if !s.Set() {
		return ""
	}
	return redacted
}

// Format redacts under every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // fmt has nowhere to put the error
}

// MarshalText redacts in JSON and wherever else text is encoded.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalZerologObject redacts in the log.
func (s Secret) MarshalZerologObject(e *zerolog.Event) { e.Str("value", s.String()) }
