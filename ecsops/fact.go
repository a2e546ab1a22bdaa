package ecsops

import "encoding/json"

// Fact is a value read from AWS, or unknown with the call and the reason.
// Nothing reaches the value without handling unknown. The zero Fact is unknown
// ("not read").
type Fact[T any] struct {
	value   T
	known   bool
	unknown Unknown
}

// Unknown says which call did not yield a fact, and why.
type Unknown struct {
	Fact   string `json:"fact"`   // snake_case name of the snapshot's fact, as in FactName
	Call   string `json:"call"`   // service:Operation, as IAM spells it
	Reason string `json:"reason"` // an AWS error code, "timed out", "not read", "not modelled"
}

// Known wraps a value that was read.
func Known[T any](v T) Fact[T] { return Fact[T]{value: v, known: true} }

// NotKnown is a fact that could not be read.
func NotKnown[T any](u Unknown) Fact[T] { return Fact[T]{unknown: u} }

// Get returns the value and whether it is known. An unknown fact yields T's zero.
func (f Fact[T]) Get() (T, bool) {
	if !f.known {
		var zero T
		return zero, false
	}
	return f.value, true
}

// Why says why the fact is unknown; it is meaningless when the fact is known.
func (f Fact[T]) Why() Unknown {
	if f.unknown.Reason == "" {
		return Unknown{Fact: f.unknown.Fact, Call: f.unknown.Call, Reason: "not read"}
	}
	return f.unknown
}

type factJSON[T any] struct {
	Value   *T       `json:"value,omitempty"`
	Unknown *Unknown `json:"unknown,omitempty"`
}

// MarshalJSON writes {"value":…} or {"unknown":{…}}.
func (f Fact[T]) MarshalJSON() ([]byte, error) {
	if f.known {
		return json.Marshal(factJSON[T]{Value: &f.value})
	}
	u := f.Why()
	return json.Marshal(factJSON[T]{Unknown: &u})
}

// UnmarshalJSON reads what MarshalJSON wrote; anything else is unknown. A known nil (an
// empty list) stays known.
func (f *Fact[T]) UnmarshalJSON(b []byte) error {
	var j struct {
		Value   json.RawMessage `json:"value"`
		Unknown *Unknown        `json:"unknown"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*f = Fact[T]{}
	switch {
	case j.Value != nil:
		if err := json.Unmarshal(j.Value, &f.value); err != nil {
			return err
		}
		f.known = true
	case j.Unknown != nil:
		f.unknown = *j.Unknown
	}
	return nil
}
