-- What is looked after once an operation has ended. doc is the workflow.FollowUp;
-- open says that something is still due, at due, and tick counts the jobs.
CREATE TABLE followups (
	op      TEXT PRIMARY KEY REFERENCES operations (id),
	version INTEGER NOT NULL,
	open    INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	tick    INTEGER NOT NULL,
	doc     TEXT NOT NULL
) STRICT;
CREATE INDEX followups_open ON followups (due) WHERE open = 1;
