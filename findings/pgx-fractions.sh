#!/usr/bin/env bash
# github.com/jackc/pgx/v5 5.12.0.
#
# PostgreSQL rounds a fraction that is assigned to an integer: 1.99 is stored as 2. Expected: a float64 for a parameter
# of type integer does the same, or is an error, as text that is no integer is.
# Seen: it is cut, without an error: 1.99 is sent as 1, and "credit - $1" takes 1 for 1.99. numeric
# gets it whole, and for text it is an error, as a whole number is.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat >go.mod <<'MOD'
module finding
go 1.24
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

func main() {
	m := pgtype.NewMap()
	for _, value := range []float64{2, 1.99, -1.99, 0.5} {
		for _, t := range []struct {
			name string
			oid  uint32
		}{{"int4", pgtype.Int4OID}, {"int8", pgtype.Int8OID}, {"numeric", pgtype.NumericOID}, {"text", pgtype.TextOID}} {
			// As for the parameters of a query that is prepared: in the format of the type.
			format := m.FormatCodeForOID(t.oid)
			data, err := m.Encode(t.oid, format, value, nil)
			if err != nil {
				fmt.Println(value, t.name, "an error")
				continue
			}
			var back any
			if err := m.Scan(t.oid, format, data, &back); err != nil {
				panic(err)
			}
			if n, ok := back.(pgtype.Numeric); ok {
				text, _ := n.Value()
				back = text
			}
			fmt.Println(value, t.name, back)
		}
	}
}
GO
go get github.com/jackc/pgx/v5@v5.12.0 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
2 int4 2
2 int8 2
2 numeric 2
2 text an error
1.99 int4 1
1.99 int8 1
1.99 numeric 1.99
1.99 text an error
-1.99 int4 -1
-1.99 int8 -1
-1.99 numeric -1.99
-1.99 text an error
0.5 int4 0
0.5 int8 0
0.5 numeric 0.5
0.5 text an error
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
