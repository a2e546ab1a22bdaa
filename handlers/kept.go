package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/workflow"
)

// keptLife is how long a form, a list or a choice may be gone on with.
const keptLife = 30 * time.Minute

// kept keeps what people were shown in the store: Slack brings what they do next to any
// replica, also after a restart.
type kept[V any] struct {
	kind  string // beside the id in its key, so that no id stands for another thing
	store Store
	clock workflow.Clock
}

type keptDoc[V any] struct {
	At    time.Time `json:"at"`
	Value V         `json:"value"`
}

func newKept[V any](kind string, d Deps) kept[V] {
	return kept[V]{kind: kind, store: d.Store, clock: d.Clock}
}

func (s kept[V]) put(ctx context.Context, id string, v V) error {
	doc, err := json.Marshal(keptDoc[V]{At: s.clock.Now(), Value: v})
	if err != nil {
		return fmt.Errorf("encoding a %s: %w", s.kind, err)
	}
	return s.store.SaveShown(ctx, s.kind+"/"+id, doc)
}

// get is false for what is unknown, or too old. An error means that the store did not answer.
func (s kept[V]) get(ctx context.Context, id string) (V, bool, error) {
	var doc keptDoc[V]
	raw, err := s.store.Shown(ctx, s.kind+"/"+id)
	if errors.Is(err, workflow.ErrNotFound) {
		return doc.Value, false, nil
	}
	if err != nil {
		return doc.Value, false, err
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("kind", s.kind).Msg("what was shown cannot be read") // of another version
		return doc.Value, false, nil
	}
	return doc.Value, s.clock.Now().Sub(doc.At) <= keptLife, nil
}

// soon is get for an answer that travels in an ack: what the store cannot tell in time is unknown.
func (s kept[V]) soon(ctx context.Context, id string) (v V, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout/2)
	defer cancel()
	return s.get(ctx, id)
}
