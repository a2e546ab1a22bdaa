package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/audit"
	"ecsbot/workflow"
)

// appendEvents adds events to the Merkle log. It locks the head row, which
// every append waits for, so it comes last in its transaction.
func appendEvents(ctx context.Context, t tx, lock string, events []workflow.Event) error {
	if len(events) == 0 {
		return nil
	}
	var size int64
	if err := t.row(ctx, `SELECT size FROM audit_head WHERE id = 1`+lock).Scan(&size); err != nil {
		return fmt.Errorf("locking the audit log's head: %w", err)
	}
	raws := make([][]byte, len(events))
	for i, ev := range events {
		raw, err := json.Marshal(ev)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		raws[i] = raw
	}
	hashes, err := audit.Append(size, raws, hashReader(ctx, t))
	if err != nil {
		return fmt.Errorf("hashing events: %w", err)
	}
	var recs, hs values
	for i, ev := range events {
		recs.add(size+int64(i), ev.Op, ev.N, string(raws[i]))
	}
	first := tlog.StoredHashCount(size)
	for i := range hashes {
		hs.add(first+int64(i), hashes[i][:])
	}
	if _, err := t.exec(ctx, `INSERT INTO audit_records (seq, op, n, raw) VALUES `+recs.text(), recs.args...); err != nil {
		return fmt.Errorf("appending events: %w", err)
	}
	if _, err := t.exec(ctx, `INSERT INTO audit_hash (idx, h) VALUES `+hs.text(), hs.args...); err != nil {
		return fmt.Errorf("appending hashes: %w", err)
	}
	if _, err := t.exec(ctx, `UPDATE audit_head SET size = $1 WHERE id = 1`, size+int64(len(events))); err != nil {
		return fmt.Errorf("moving the audit log's head: %w", err)
	}
	return nil
}

// values builds the VALUES of a multi-row INSERT.
type values struct {
	b    strings.Builder
	args []any
}

func (v *values) add(row ...any) {
	if v.b.Len() > 0 {
		v.b.WriteByte(',')
	}
	v.b.WriteByte('(')
	for i, a := range row {
		if i > 0 {
			v.b.WriteByte(',')
		}
		v.args = append(v.args, a)
		v.b.WriteByte('$')
		v.b.WriteString(strconv.Itoa(len(v.args)))
	}
	v.b.WriteByte(')')
}

func (v *values) text() string { return v.b.String() }

func hashReader(ctx context.Context, c conn) tlog.HashReader {
	return tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) { return readHashes(ctx, c, idx) })
}

// readHashes returns the stored hashes with these indexes, in their order.
func readHashes(ctx context.Context, c conn, idx []int64) ([]tlog.Hash, error) {
	if len(idx) == 0 {
		return nil, nil
	}
	var v values
	for _, i := range idx {
		v.add(i)
	}
	rs, err := c.query(ctx, `SELECT idx, h FROM audit_hash WHERE idx IN (`+v.text()+`)`, v.args...)
	if err != nil {
		return nil, fmt.Errorf("reading hashes: %w", err)
	}
	defer rs.Close()
	found := make(map[int64]tlog.Hash, len(idx))
	for rs.Next() {
		var i int64
		var h []byte
		if err := rs.Scan(&i, &h); err != nil {
			return nil, fmt.Errorf("reading hashes: %w", err)
		}
		if len(h) != tlog.HashSize {
			return nil, fmt.Errorf("reading hash %d: it has %d bytes: %w", i, len(h), audit.ErrNoHash)
		}
		found[i] = tlog.Hash(h)
	}
	if err := rs.Err(); err != nil {
		return nil, fmt.Errorf("reading hashes: %w", err)
	}
	hs := make([]tlog.Hash, len(idx))
	for k, i := range idx {
		h, ok := found[i]
		if !ok {
			return nil, fmt.Errorf("reading hash %d: %w", i, audit.ErrNoHash)
		}
		hs[k] = h
	}
	return hs, nil
}

// LogSize is the number of audit records.
func (d *DB) LogSize(ctx context.Context) (int64, error) { return logSize(ctx, d.back) }

func logSize(ctx context.Context, c conn) (int64, error) {
	var n int64
	if err := c.row(ctx, `SELECT size FROM audit_head WHERE id = 1`).Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the audit log's size: %w", err)
	}
	return n, nil
}

// Records returns up to limit records from number from on, in order. It errs on
// a record that it cannot decode, after those before it.
func (d *DB) Records(ctx context.Context, from int64, limit int) ([]audit.Record, error) {
	recs, err := rawRecords(ctx, d.back, from, limit)
	if err != nil {
		return nil, err
	}
	return decoded(recs)
}

// decoded fills in the events. It errs on the first record that it cannot decode, and returns those before it.
func decoded(recs []audit.Record) ([]audit.Record, error) {
	for i := range recs {
		if err := json.Unmarshal(recs[i].Raw, &recs[i].Event); err != nil {
			return recs[:i], fmt.Errorf("decoding audit record %d: %w", recs[i].Seq, err)
		}
	}
	return recs, nil
}

// OperationRecords returns what the log says of an operation, oldest first.
func (d *DB) OperationRecords(ctx context.Context, op string) ([]audit.Record, error) {
	if op == "" {
		return nil, errors.New("reading an operation's records: no operation")
	}
	rs, err := d.back.query(ctx, `SELECT seq, raw FROM audit_records WHERE op = $1 AND op <> '' ORDER BY seq`, op)
	if err != nil {
		return nil, fmt.Errorf("reading the records of %s: %w", op, err)
	}
	recs, err := scanRecords(rs)
	if err != nil {
		return nil, err
	}
	return decoded(recs)
}

// rawRecords leaves Event empty.
func rawRecords(ctx context.Context, c conn, from int64, limit int) ([]audit.Record, error) {
	rs, err := c.query(ctx, `SELECT seq, raw FROM audit_records WHERE seq >= $1 ORDER BY seq LIMIT $2`, from, limit)
	if err != nil {
		return nil, fmt.Errorf("reading audit records: %w", err)
	}
	return scanRecords(rs)
}

func scanRecords(rs rows) ([]audit.Record, error) {
	defer rs.Close()
	var recs []audit.Record
	for rs.Next() {
		var r audit.Record
		var raw string
		if err := rs.Scan(&r.Seq, &raw); err != nil {
			return nil, fmt.Errorf("reading audit records: %w", err)
		}
		r.Raw = []byte(raw)
		recs = append(recs, r)
	}
	if err := rs.Err(); err != nil {
		return nil, fmt.Errorf("reading audit records: %w", err)
	}
	return recs, nil
}

// Hashes returns stored hashes of the Merkle tree (tlog.StoredHashIndex).
func (d *DB) Hashes(ctx context.Context, idx []int64) ([]tlog.Hash, error) {
	return readHashes(ctx, d.back, idx)
}
