package audit

import "golang.org/x/mod/sumdb/tlog"

// tree recomputes a Merkle tree from leaves alone, in O(log n) memory: left[k]
// is the newest complete subtree of 2^k leaves that waits for its right sibling.
type tree struct {
	size int64
	left []tlog.Hash
}

// add appends a leaf and returns the hashes that the log stores for it: the
// leaf's own, then that of each subtree that it completes, as
// tlog.StoredHashesForRecordHash does.
func (t *tree) add(leaf tlog.Hash) []tlog.Hash {
	h, stored := leaf, []tlog.Hash{leaf}
	level := 0
	for ; t.size>>level&1 == 1; level++ {
		h = tlog.NodeHash(t.left[level], h)
		stored = append(stored, h)
	}
	if level == len(t.left) {
		t.left = append(t.left, h)
	} else {
		t.left[level] = h
	}
	t.size++
	return stored
}

// root is the tree's root hash; that of an empty tree is the hash of nothing.
func (t *tree) root() tlog.Hash {
	var h tlog.Hash
	found := false
	for level := range t.left {
		if t.size>>level&1 == 0 {
			continue
		}
		if !found {
			h, found = t.left[level], true
			continue
		}
		h = tlog.NodeHash(t.left[level], h)
	}
	if !found {
		h, _ = tlog.TreeHash(0, nil) // reads no hashes, cannot fail
	}
	return h
}
