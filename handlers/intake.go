package handlers

import (
	"context"

	"github.com/rs/zerolog"

	"ecsbot/blocks"
	"ecsbot/socket"
	"ecsbot/workflow"
)

// Handle takes one envelope: commit, ack, hand over. A picker's question is
// answered from memory in the ack. It returns within about 3 s.
func (r *Router) Handle(ctx context.Context, e *socket.Envelope) {
	log := zerolog.Ctx(ctx).With().Str("envelope_id", e.ID).Logger()
	ctx = log.WithContext(ctx)
	if e.Type != envCommand && e.Type != envInteractive {
		r.ack(ctx, e, nil) // events: the app subscribes to none
		return
	}
	a, err := understand(e.ID, e.Type, e.Payload)
	if err != nil {
		r.Metrics.Handled(e.Type, "malformed", 0)
		log.Warn().Err(err).Msg("envelope not understood")
		r.ack(ctx, e, nil) // Slack would send the same again
		return
	}
	if a.typ == typeSuggestion {
		r.ack(ctx, e, r.suggest(ctx, a))
		return
	}
	r.burst.arrived()
	defer r.burst.acked()
	item := workflow.InboxItem{ID: e.ID, Kind: e.Type, Payload: e.Payload, ReceivedAt: r.Clock.Now()}
	fresh, err := r.put(ctx, item)
	if err != nil {
		r.Metrics.Handled(a.name(), "not_stored", 0)
		log.Error().Err(err).Msg("envelope not stored")
		r.notStored(ctx, e, a)
		return
	}
	r.stored(ctx, e, a, item, fresh)
}

// stored acks what is durable now, and hands it over. A redelivery is acked
// again: the first ack was lost, the envelope was not.
func (r *Router) stored(ctx context.Context, e *socket.Envelope, a *act, item workflow.InboxItem, fresh bool) {
	var payload any
	if a.typ == typeSubmission {
		if wrong := r.invalid(ctx, a); wrong != nil {
			payload = wrong
		}
	}
	r.ack(ctx, e, payload)
	if payload == nil && fresh {
		r.enqueue(job{item: item, act: a})
		return
	}
	if payload != nil { // answered in the modal, which stays open
		if err := r.Store.DoneInbox(ctx, item.ID); err != nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("marking an envelope handled")
		}
	}
}

func (r *Router) put(ctx context.Context, item workflow.InboxItem) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.Store.PutInbox(ctx, item)
}

// notStored tells the person that nothing was recorded and nothing will be
// done. A click has no answer in its ack and stays unacknowledged: Slack shows
// that it failed.
func (r *Router) notStored(ctx context.Context, e *socket.Envelope, a *act) {
	switch a.typ {
	case typeCommand:
		r.ack(ctx, e, ephemeral(blocks.NothingRecorded()))
	case typeSubmission:
		if block := firstInput(a.view); block != "" {
			r.ack(ctx, e, viewErrors(block, blocks.NothingRecorded().Text))
		}
	}
}

func (r *Router) ack(ctx context.Context, e *socket.Envelope, payload any) {
	if err := e.Ack(ctx, payload); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("acknowledging an envelope")
	}
}
