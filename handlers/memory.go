package handlers

import (
	"sync"
	"time"

	"ecsbot/workflow"
)

// memory is a bounded map whose entries end. Nothing durable may depend on it.
type memory[V any] struct {
	clock workflow.Clock
	limit int
	life  time.Duration

	mu      sync.Mutex
	entries map[string]remembered[V] // guarded by mu
}

type remembered[V any] struct {
	value V
	at    time.Time
}

func newMemory[V any](clock workflow.Clock, limit int, life time.Duration) *memory[V] {
	return &memory[V]{clock: clock, limit: limit, life: life, entries: map[string]remembered[V]{}}
}

func (m *memory[V]) get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || m.clock.Now().Sub(e.at) > m.life {
		var zero V
		return zero, false
	}
	return e.value, true
}

// put makes room by dropping what ended, then the oldest.
func (m *memory[V]) put(key string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	if _, have := m.entries[key]; !have && len(m.entries) >= m.limit {
		m.makeRoom(now)
	}
	m.entries[key] = remembered[V]{value: v, at: now}
}

func (m *memory[V]) makeRoom(now time.Time) {
	oldest, oldestAt := "", now
	for k, e := range m.entries {
		if now.Sub(e.at) > m.life {
			delete(m.entries, k)
			continue
		}
		if oldest == "" || e.at.Before(oldestAt) {
			oldest, oldestAt = k, e.at
		}
	}
	if len(m.entries) >= m.limit {
		delete(m.entries, oldest)
	}
}
