package audit

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"ecsbot/ecsops"
)

// All goes through the log's records from number from on, decoded, a chunk at a
// time. It ends after the first error, which comes with the record as far as
// it is known.
func All(ctx context.Context, l Log, from int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			recs, err := l.Records(ctx, from, chunk)
			if err != nil {
				yield(Record{Seq: from}, err)
				return
			}
			for _, r := range recs {
				if r.Event, err = decode(r); err != nil {
					yield(r, fmt.Errorf("decoding audit record %d: %w", r.Seq, err))
					return
				}
				if !yield(r, nil) {
					return
				}
				from = r.Seq + 1
			}
			if len(recs) == 0 {
				return
			}
		}
	}
}

// line is a record in JSON Lines. Raw is the leaf's text, byte for byte: a
// whole export can be verified without the database (ReadExport).
type line struct {
	Seq int64           `json:"seq"`
	Raw json.RawMessage `json:"event"`
}

// WriteJSON writes one JSON object to a line: {"seq":0,"event":{…}}.
func WriteJSON(w io.Writer, recs iter.Seq2[Record, error]) error {
	b := bufio.NewWriter(w)
	for r, err := range recs {
		if err != nil {
			return errors.Join(err, b.Flush())
		}
		if strings.ContainsAny(string(r.Raw), "\r\n") {
			return errors.Join(fmt.Errorf("record %d spans lines: the bot did not write it", r.Seq), b.Flush())
		}
		// An Encoder would rewrite the text.
		if _, err := fmt.Fprintf(b, `{"seq":%d,"event":%s}`+"\n", r.Seq, r.Raw); err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

// columns of the CSV, in order.
var columns = []string{"seq", "at", "operation", "n", "type", "state", "from", "revision", "user", "team", "enterprise",
	"terminal", "envelope", "account", "region", "cluster", "container_instance", "ec2_id", "channel", "action", "result",
	"code", "request_id", "reason", "cause", "detail"}

// WriteCSV writes a header and one row to a record, of the fields that fit a
// table. A cell that a spreadsheet would take for a formula begins with '.
// https://owasp.org/www-community/attacks/CSV_Injection
func WriteCSV(w io.Writer, recs iter.Seq2[Record, error]) error {
	c := csv.NewWriter(w)
	if err := c.Write(columns); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	for r, err := range recs {
		if err != nil {
			c.Flush()
			return errors.Join(err, c.Error())
		}
		if err := c.Write(cells(r)); err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

func cells(r Record) []string {
	ev := r.Event
	var t ecsops.Target
	if ev.Target != nil {
		t = *ev.Target
	}
	var action, result, code, request string
	if o := ev.Order; o != nil {
		action = string(o.Action.Kind)
		if o.Outcome != nil {
			result, code, request = string(o.Outcome.Result), o.Outcome.Code, o.Outcome.RequestID
		}
	} else {
		action = string(ev.Action)
	}
	row := []string{strconv.FormatInt(r.Seq, 10), ev.At.UTC().Format(time.RFC3339Nano), ev.Op, strconv.Itoa(ev.N), string(ev.Type),
		string(ev.State), string(ev.From), strconv.Itoa(ev.Revision), ev.Actor.UserID, ev.Actor.TeamID, ev.Actor.EnterpriseID,
		ev.Actor.Terminal, ev.Actor.Envelope, t.Account, t.Region, string(t.Cluster), string(t.Instance), string(t.EC2),
		ev.Channel, action, result, code, request, ev.Reason, ev.Cause, ev.Detail}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Export is a JSON Lines export as a Log, so that it can be verified by anyone
// who has a checkpoint and the public key, without the database.
type Export struct {
	recs   []Record
	hashes []tlog.Hash
}

var _ Log = (*Export)(nil)

// ReadExport reads a whole, unfiltered export.
func ReadExport(r io.Reader) (*Export, error) {
	e, t := &Export{}, tree{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("reading line %d of the export: %w", len(e.recs)+1, err)
		}
		rec := Record{Seq: l.Seq, Raw: l.Raw}
		if n := len(e.recs); n > 0 && l.Seq <= e.recs[n-1].Seq {
			return nil, fmt.Errorf("reading line %d of the export: record %d follows record %d", n+1, l.Seq, e.recs[n-1].Seq)
		}
		e.recs = append(e.recs, rec)
		e.hashes = append(e.hashes, t.add(tlog.RecordHash(rec.Raw))...)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	return e, nil
}

// LogSize implements Log: an export ends where it ends.
func (e *Export) LogSize(context.Context) (int64, error) {
	if len(e.recs) == 0 {
		return 0, nil
	}
	return e.recs[len(e.recs)-1].Seq + 1, nil
}

// Records implements Log.
func (e *Export) Records(_ context.Context, from int64, limit int) ([]Record, error) {
	i, _ := slices.BinarySearchFunc(e.recs, from, func(r Record, n int64) int { return cmp.Compare(r.Seq, n) })
	return e.recs[i:min(len(e.recs), i+limit)], nil
}

// Hashes implements Log: they are computed from the records.
func (e *Export) Hashes(_ context.Context, idx []int64) ([]tlog.Hash, error) {
	hs := make([]tlog.Hash, len(idx))
	for k, i := range idx {
		if i >= int64(len(e.hashes)) {
			return nil, fmt.Errorf("reading hash %d: %w", i, ErrNoHash)
		}
		hs[k] = e.hashes[i]
	}
	return hs, nil
}
