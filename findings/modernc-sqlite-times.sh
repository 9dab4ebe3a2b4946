#!/usr/bin/env bash
# modernc.org/sqlite 1.60.1, database/sql's driver without cgo.
#
# In SQLite a value has a type of its own, and a column's declared type decides only how what is stored is converted
# (sqlite.org/datatype3.html §1, §3): text in a column declared DATETIME, DATE or TIMESTAMP is text.
# Expected: a text is a string, whichever column it is from.
# Seen: from such a column it is a time.Time where it looks like a time, and a string where it doesn't; max(), coalesce()
# and || of the same column give the string, for which SQLite tells no declared type. A number in the column is a number,
# and `TIMESTAMP WITH TIME ZONE` a string. So one column is of different types from row to row and query to query.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat >go.mod <<'EOF'
module finding
go 1.24
EOF
cat >main.go <<'EOF'
package main

import (
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE t (n INTEGER, at DATETIME, zoned TIMESTAMP WITH TIME ZONE);
		INSERT INTO t VALUES (1, '2026-01-02 03:04:05', '2026-01-02 03:04:05'), (2, 'tomorrow', 'tomorrow'), (3, 1767323045, 1767323045)`)
	if err != nil {
		panic(err)
	}
	for _, query := range []string{"SELECT at FROM t WHERE n = 1", "SELECT at FROM t WHERE n = 2", "SELECT at FROM t WHERE n = 3",
		"SELECT zoned FROM t WHERE n = 1", "SELECT max(at) FROM t WHERE n = 1", "SELECT coalesce(at, '') FROM t WHERE n = 1"} {
		var value any
		if err := db.QueryRow(query).Scan(&value); err != nil {
			panic(err)
		}
		fmt.Printf("%s: %T %v\n", query, value, value)
	}
}
EOF
go get modernc.org/sqlite@v1.60.1 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
SELECT at FROM t WHERE n = 1: time.Time 2026-01-02 03:04:05 +0000 UTC
SELECT at FROM t WHERE n = 2: string tomorrow
SELECT at FROM t WHERE n = 3: int64 1767323045
SELECT zoned FROM t WHERE n = 1: string 2026-01-02 03:04:05
SELECT max(at) FROM t WHERE n = 1: string 2026-01-02 03:04:05
SELECT coalesce(at, '') FROM t WHERE n = 1: string 2026-01-02 03:04:05
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
