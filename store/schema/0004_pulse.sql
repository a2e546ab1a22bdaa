-- Who dies without a word is noticed by its pulse: an advisory lock of PostgreSQL, held by a connection that ends with the
-- process. 0 is none. holder is who leased: what a dead replica held is handed out again.
ALTER TABLE replicas ADD COLUMN pulse INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE streams ADD COLUMN holder TEXT NOT NULL DEFAULT '';
