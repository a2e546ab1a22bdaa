-- The text is SQLite's. On PostgreSQL the loader writes BIGINT for INTEGER,
-- BYTEA for BLOB and drops STRICT; nothing else differs. Every time is unix
-- nanoseconds, 0 for none. Every truth value is 0 or 1.

-- One row for each operation; doc is the workflow.Operation, the other columns
-- are copies for finding it. The partial index is the target's lock.
CREATE TABLE operations (
	id         TEXT PRIMARY KEY,
	version    INTEGER NOT NULL,
	state      TEXT NOT NULL,
	terminal   INTEGER NOT NULL,
	locked     INTEGER NOT NULL,
	target_key TEXT NOT NULL,
	cluster    TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	events     INTEGER NOT NULL,
	tick       INTEGER NOT NULL,
	doc        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX operations_lock ON operations (target_key) WHERE locked = 1;
CREATE INDEX operations_newest ON operations (created_at, id);
CREATE INDEX operations_active ON operations (created_at, id) WHERE terminal = 0;

-- The audit log: leaves, the Merkle tree's stored hashes, and its size. The
-- single head row is what appends lock, last of all.
CREATE TABLE audit_records (
	seq INTEGER PRIMARY KEY,
	op  TEXT NOT NULL,
	n   INTEGER NOT NULL,
	raw TEXT NOT NULL
) STRICT;
CREATE INDEX audit_records_op ON audit_records (op, seq) WHERE op <> '';
-- n is 0 for what was told of an operation without changing it: refusals.
CREATE UNIQUE INDEX audit_records_n ON audit_records (op, n) WHERE n > 0;
CREATE TABLE audit_hash (
	idx INTEGER PRIMARY KEY,
	h   BLOB NOT NULL
) STRICT;
CREATE TABLE audit_head (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	size INTEGER NOT NULL
) STRICT;
INSERT INTO audit_head (id, size) VALUES (1, 0);

-- Buttons.
CREATE TABLE tokens (
	token      TEXT PRIMARY KEY,
	op         TEXT NOT NULL,
	revision   INTEGER NOT NULL,
	verb       TEXT NOT NULL,
	channel    TEXT NOT NULL,
	ts         TEXT NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tokens_button ON tokens (op, revision, verb);
CREATE TABLE token_spends (
	token TEXT NOT NULL REFERENCES tokens (token) ON DELETE CASCADE,
	actor TEXT NOT NULL,
	at    INTEGER NOT NULL,
	PRIMARY KEY (token, actor)
) STRICT;

-- Envelopes, committed before their ack. payload is emptied when handled: it
-- holds response URLs.
CREATE TABLE inbox (
	id          TEXT PRIMARY KEY,
	kind        TEXT NOT NULL,
	payload     BLOB NOT NULL,
	received_at INTEGER NOT NULL,
	lease_until INTEGER NOT NULL,
	done_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_open ON inbox (received_at) WHERE done_at = 0;

-- Deliveries. want counts the wakes; seq and state belong to the deliverer.
CREATE TABLE streams (
	name        TEXT PRIMARY KEY,
	want        INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	state       BLOB NOT NULL,
	lease       TEXT NOT NULL,
	lease_until INTEGER NOT NULL,
	lease_ttl   INTEGER NOT NULL
) STRICT;

-- Dry runs.
CREATE TABLE plans (
	id         TEXT PRIMARY KEY,
	created_at INTEGER NOT NULL,
	doc        TEXT NOT NULL
) STRICT;
