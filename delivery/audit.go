package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/audit"
	"ecsbot/blocks"
	"ecsbot/workflow"
)

const (
	// readAhead is how many records are read at once.
	readAhead = 100
	// checkpointRecords and checkpointTime say when a checkpoint is due: whichever comes first after a record.
	checkpointRecords = 50
	checkpointTime    = 5 * time.Minute
	// keepThreads bounds the state of the audit stream. An operation that is forgotten gets a new thread.
	keepThreads = 300
)

// auditState is the audit stream's State.
type auditState struct {
	Threads map[string]*thread `json:"threads,omitempty"` // by operation
	// Unsigned counts the records since the last checkpoint, and Since is when the first of them was delivered.
	Unsigned int       `json:"unsigned,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// thread is an operation's thread in the audit channel.
type thread struct {
	TS  string `json:"ts"`
	Seq int64  `json:"seq"` // of its newest record
}

// audit posts the records that the audit channel has not got, then a checkpoint when one is due.
func (d *Deliverer) audit(ctx context.Context, s *workflow.Stream) (time.Time, error) {
	st, err := readAuditState(s)
	if err != nil {
		return time.Time{}, err
	}
	until := time.Now().Add(busyTime)
	for time.Now().Before(until) {
		recs, err := d.Store.Records(ctx, s.Seq+1, readAhead)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading audit records from %d: %w", s.Seq+1, err)
		}
		if len(recs) == 0 {
			return d.checkpoint(ctx, s, st)
		}
		if err := d.postRecords(ctx, s, st, recs, until); err != nil {
			return time.Time{}, err
		}
	}
	return d.clock.Now(), nil
}

func readAuditState(s *workflow.Stream) (*auditState, error) {
	st := &auditState{}
	if len(s.State) > 0 {
		if err := json.Unmarshal(s.State, st); err != nil {
			return nil, fmt.Errorf("reading the state of stream %s: %w", s.Name, err)
		}
	}
	if st.Threads == nil {
		st.Threads = map[string]*thread{}
	}
	return st, nil
}

func (d *Deliverer) postRecords(ctx context.Context, s *workflow.Stream, st *auditState, recs []audit.Record, until time.Time) error {
	if want := s.Seq + 1; recs[0].Seq != want {
		zerolog.Ctx(ctx).Error().Int64("want", want).Int64("got", recs[0].Seq).Msg("audit log has a gap")
	}
	for _, run := range runs(recs) {
		if time.Now().After(until) {
			return nil
		}
		if err := d.postRun(ctx, s, st, run); err != nil {
			return err
		}
		if st.Unsigned >= checkpointRecords {
			if _, err := d.checkpoint(ctx, s, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// runs cuts records into what one message may carry: neighbours of one operation. What belongs to no operation stands alone.
func runs(recs []audit.Record) [][]audit.Record {
	var out [][]audit.Record
	for _, r := range recs {
		last := len(out) - 1
		if last >= 0 && r.Event.Op != "" && out[last][0].Event.Op == r.Event.Op && len(out[last]) < blocks.MaxRun {
			out[last] = append(out[last], r)
			continue
		}
		out = append(out, []audit.Record{r})
	}
	return out
}

// postRun posts one message into its thread and advances.
func (d *Deliverer) postRun(ctx context.Context, s *workflow.Stream, st *auditState, run []audit.Record) error {
	var events []blocks.SeqEvent
	for _, r := range run {
		events = append(events, blocks.SeqEvent{Seq: r.Seq, Event: r.Event})
	}
	m := blocks.AuditRun(events)
	op := run[0].Event.Op
	root, err := d.root(ctx, s, st, op)
	if err != nil {
		return err
	}
	_, err = d.post(ctx, place{channel: d.AuditChannel, thread: root}, m)
	if root != "" && is(err, gone) {
		if root, err = d.newRoot(ctx, s, st, op, "This thread goes on from an earlier one whose first message is gone."); err != nil {
			return err
		}
		_, err = d.post(ctx, place{channel: d.AuditChannel, thread: root}, m)
	}
	if err != nil {
		return err
	}
	last := run[len(run)-1].Seq
	if t := st.Threads[op]; t != nil {
		t.Seq = last
	}
	if st.Unsigned == 0 {
		st.Since = d.clock.Now()
	}
	st.Unsigned += len(run)
	s.Seq = last
	if err := d.save(ctx, s, st); err != nil {
		return err
	}
	d.delivered(last)
	return nil
}

func (d *Deliverer) delivered(seq int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.posted = max(d.posted, seq)
}

// root is the timestamp of the operation's thread, which is begun when there is none; "" is the channel's top level.
func (d *Deliverer) root(ctx context.Context, s *workflow.Stream, st *auditState, op string) (string, error) {
	if op == "" {
		return "", nil
	}
	if t := st.Threads[op]; t != nil {
		return t.TS, nil
	}
	return d.newRoot(ctx, s, st, op, "")
}

func (d *Deliverer) newRoot(ctx context.Context, s *workflow.Stream, st *auditState, id, note string) (string, error) {
	op, err := d.Store.Operation(ctx, id)
	if errors.Is(err, workflow.ErrNotFound) {
		return "", nil // the record speaks for itself at the top level
	}
	if err != nil {
		return "", fmt.Errorf("reading operation %s: %w", id, err)
	}
	m := blocks.AuditRoot(op)
	if note != "" {
		m = withNote(note, m)
	}
	at, err := d.post(ctx, place{channel: d.AuditChannel}, m)
	if err != nil {
		return "", err
	}
	st.Threads[id] = &thread{TS: at.ts, Seq: s.Seq}
	st.forget()
	return at.ts, d.save(ctx, s, st)
}

// forget drops the threads that were quiet for longest.
func (st *auditState) forget() {
	if len(st.Threads) <= keepThreads {
		return
	}
	ids := slices.SortedFunc(maps.Keys(st.Threads), func(a, b string) int { return cmp.Compare(st.Threads[a].Seq, st.Threads[b].Seq) })
	for _, id := range ids[:len(ids)-keepThreads] {
		delete(st.Threads, id)
	}
}

func (d *Deliverer) save(ctx context.Context, s *workflow.Stream, state any) error {
	b, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encoding the state of stream %s: %w", s.Name, err)
	}
	s.State = b
	if err := d.Store.AdvanceStream(ctx, *s); err != nil {
		return fmt.Errorf("advancing stream %s to %d: %w", s.Name, s.Seq, err)
	}
	return nil
}

// checkpoint publishes a signed checkpoint once enough records or enough time have passed since the last one, and else returns
// when it will be due. The channel so becomes a witness outside the database. A checkpoint is no record: it asks for no other.
func (d *Deliverer) checkpoint(ctx context.Context, s *workflow.Stream, st *auditState) (time.Time, error) {
	if st.Unsigned == 0 {
		return time.Time{}, nil
	}
	if due := st.Since.Add(checkpointTime); st.Unsigned < checkpointRecords && d.clock.Now().Before(due) {
		return due, nil
	}
	text, err := d.Signer.Checkpoint(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("signing a checkpoint: %w", err)
	}
	if _, err := d.post(ctx, place{channel: d.AuditChannel}, checkpointMessage(text)); err != nil {
		return time.Time{}, err
	}
	st.Unsigned, st.Since = 0, time.Time{}
	return time.Time{}, d.save(ctx, s, st)
}
