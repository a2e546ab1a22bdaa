package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"ecsbot/ecsops"
)

// memStore keeps the guarantees of Store in memory. Operations are stored as
// JSON, so that a field that does not survive the round trip is noticed.
type memStore struct {
	clock *fakeClock

	mu     sync.Mutex
	ops    map[string][]byte
	follow map[string][]byte // follow-ups, by operation
	order  []string
	events []Event
	spent  map[Spend]bool
	ticks  map[string]time.Time
	// fail makes the next commits fail: before effect or after it.
	fail func(Change) (before, after error)
	// after runs when a commit took effect, before its caller hears of it.
	after func(Change)
}

var _ Store = (*memStore)(nil)

type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time                  { return c.now }
func (c *fakeClock) Until(t time.Time) time.Duration { return max(0, t.Sub(c.now)) }

func newMemStore(clock *fakeClock) *memStore {
	return &memStore{clock: clock, ops: map[string][]byte{}, follow: map[string][]byte{}, spent: map[Spend]bool{}, ticks: map[string]time.Time{}}
}

func (m *memStore) Clock() Clock { return m.clock }

func (m *memStore) Operation(_ context.Context, id string) (Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(id)
}

func (m *memStore) get(id string) (Operation, error) {
	raw, ok := m.ops[id]
	if !ok {
		return Operation{}, ErrNotFound
	}
	var op Operation
	return op, json.Unmarshal(raw, &op)
}

func (m *memStore) Holder(_ context.Context, t ecsops.Target) (Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holder(t)
}

func (m *memStore) holder(t ecsops.Target) (Operation, error) {
	for _, id := range m.order {
		op, err := m.get(id)
		if err != nil {
			return op, err
		}
		if op.State.Locks() && op.Target.Key() == t.Key() {
			return op, nil
		}
	}
	return Operation{}, ErrNotFound
}

func (m *memStore) Operations(_ context.Context, _ Filter) ([]Operation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Operation
	for _, id := range slices.Backward(m.order) {
		op, err := m.get(id)
		if err != nil {
			return nil, err
		}
		out = append(out, op)
	}
	return out, nil
}

func (m *memStore) FollowUp(_ context.Context, op string) (FollowUp, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.following(op)
}

func (m *memStore) following(op string) (FollowUp, error) {
	raw, ok := m.follow[op]
	if !ok {
		return FollowUp{}, ErrNotFound
	}
	var f FollowUp
	return f, json.Unmarshal(raw, &f)
}

func (m *memStore) keep(f FollowUp) error {
	have, err := m.following(f.Op)
	if errors.Is(err, ErrNotFound) && f.Version != 0 || err == nil && have.Version != f.Version {
		return ErrConflict
	}
	f.Version++
	raw, err := json.Marshal(f)
	m.follow[f.Op] = raw
	return err
}

func (m *memStore) Commit(_ context.Context, c Change) error {
	err := m.commit(c)
	if err == nil && m.after != nil {
		m.after(c)
	}
	return err
}

func (m *memStore) commit(c Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		before, after := m.fail(c)
		if before != nil {
			return before
		}
		if err := m.apply(c); err != nil {
			return err
		}
		return after
	}
	return m.apply(c)
}

func (m *memStore) apply(c Change) error {
	if c.Spend != nil && m.spent[*c.Spend] {
		return ErrSpent
	}
	if f := c.FollowUp; f != nil {
		if have, err := m.following(f.Op); err == nil && have.Version != f.Version {
			return ErrConflict
		}
	}
	if op := c.Op; op != nil {
		have, err := m.get(op.ID)
		switch {
		case errors.Is(err, ErrNotFound) && c.Expect != 0, err == nil && have.Version != c.Expect:
			return ErrConflict
		}
		if op.State.Locks() {
			if h, err := m.holder(op.Target); err == nil && h.ID != op.ID {
				return ErrLocked
			}
		}
		raw, err := json.Marshal(op)
		if err != nil {
			return err
		}
		if c.Expect == 0 {
			m.order = append(m.order, op.ID)
		}
		m.ops[op.ID] = raw
		if !c.TickAt.IsZero() {
			m.ticks[op.ID] = c.TickAt
		}
	}
	if c.FollowUp != nil {
		if err := m.keep(*c.FollowUp); err != nil {
			return err
		}
	}
	if c.Spend != nil {
		m.spent[*c.Spend] = true
	}
	m.events = append(m.events, c.Events...)
	return nil
}

// of returns the events of one operation.
func (m *memStore) of(id string) []Event {
	var out []Event
	for _, ev := range m.events {
		if ev.Op == id {
			out = append(out, ev)
		}
	}
	return out
}

// checkStory asserts what must hold of every operation's events, whatever
// happened: numbered without gaps, each mutating call of the world preceded by
// its own ordered event, at most one end, the stored state is the last one told.
func checkStory(t tester, m *memStore, w *world, id string) {
	t.Helper()
	op, err := m.get(id)
	if err != nil {
		t.Fatalf("operation %s: %v", id, err)
	}
	ordered, ended, n := 0, 0, 0
	var last State
	for _, ev := range m.of(id) {
		if ev.N == 0 {
			continue // a refusal: changes nothing
		}
		n++
		if ev.N != n {
			t.Errorf("event %d of %s is numbered %d", n, id, ev.N)
		}
		last = ev.State
		switch ev.Type {
		case EvOrdered:
			ordered++
		case EvEnded, EvExpired:
			ended++
		}
		if ended > 0 && ev.Type != EvEnded && ev.Type != EvExpired {
			t.Errorf("event %s after the end", ev.Type)
		}
	}
	if last != op.State {
		t.Errorf("the events end in %s, the row says %s", last, op.State)
	}
	if ended > 1 || op.State.Terminal() != (ended == 1) {
		t.Errorf("%d ends for state %s", ended, op.State)
	}
	if len(m.order) == 1 && len(w.calls) > ordered {
		t.Errorf("%d calls but %d orders: %v", len(w.calls), ordered, w.calls)
	}
}
