-- What a person was shown and may go on with: a form, a list of ghosts, a choice. Any replica takes what they do next.
CREATE TABLE shown (
	id         TEXT PRIMARY KEY,
	created_at INTEGER NOT NULL,
	doc        TEXT NOT NULL
) STRICT;
CREATE INDEX shown_age ON shown (created_at);
