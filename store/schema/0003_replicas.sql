-- Who serves from this database just now. joined and seen are rounds: n of the single row
-- below, which every announcement counts on and thereby locks.
CREATE TABLE replica_round (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	n  INTEGER NOT NULL
) STRICT;
INSERT INTO replica_round (id, n) VALUES (1, 0);
CREATE TABLE replicas (
	id     TEXT PRIMARY KEY,
	joined INTEGER NOT NULL,
	seen   INTEGER NOT NULL,
	until  INTEGER NOT NULL
) STRICT;
