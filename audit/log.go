package audit

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Log is where records and hashes are read from. store.DB and store.View are
// Logs; a View is one consistent moment, which Verify needs.
type Log interface {
	// LogSize is the number of records that the log says it has.
	LogSize(ctx context.Context) (int64, error)
	// Records returns up to limit records from number from on, ordered by number.
	Records(ctx context.Context, from int64, limit int) ([]Record, error)
	// Hashes returns stored hashes by tlog.StoredHashIndex, in the order asked.
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

// Reader is l's hashes as tlog wants them.
func Reader(ctx context.Context, l Log) tlog.HashReader {
	return tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) { return l.Hashes(ctx, idx) })
}

// Append returns the hashes to store, from tlog.StoredHashCount(size) on, when
// raws become the records size, size+1 … of the log whose hashes r reads.
func Append(size int64, raws [][]byte, r tlog.HashReader) ([]tlog.Hash, error) {
	first := tlog.StoredHashCount(size)
	var added []tlog.Hash
	// with reads the hashes that are not stored yet from added.
	with := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		var old []int64
		for _, i := range idx {
			if i < first {
				old = append(old, i)
			}
		}
		stored, err := r.ReadHashes(old)
		if err != nil {
			return nil, err
		}
		for k, i := range idx {
			if i < first {
				out[k], stored = stored[0], stored[1:]
			} else {
				out[k] = added[i-first]
			}
		}
		return out, nil
	})
	for k, raw := range raws {
		hs, err := tlog.StoredHashes(size+int64(k), raw, with)
		if err != nil {
			return nil, fmt.Errorf("hashing record %d: %w", size+int64(k), err)
		}
		added = append(added, hs...)
	}
	return added, nil
}

// Root is the root hash of the log's first size records.
func Root(ctx context.Context, l Log, size int64) (tlog.Hash, error) {
	h, err := tlog.TreeHash(size, Reader(ctx, l))
	if err != nil {
		return h, fmt.Errorf("computing the root of %d records: %w", size, err)
	}
	return h, nil
}
