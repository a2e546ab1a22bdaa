package store

import "database/sql"

// ViewOf reads the store inside a test's own transaction, changes included.
func ViewOf(tx *sql.Tx) *View { return &View{sqlConn{tx}} }

// DSN is how the store writes its SQLite file.
func DSN(dir string) string { return sqliteDSN(dir+"/"+sqliteFile, false) }
