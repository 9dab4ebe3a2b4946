package auth

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/source"
)

// Schema are the statements that make the tables of users: our own for "", as `sipscript user
// migrate` does, or the table subscriber of a layout, as far as it is read.
func Schema(layout, database string) []string {
	const from = ` FROM subscriber WHERE username = ? AND domain = ?`
	switch layout {
	case "":
		list := []string{versionTable}
		for i, step := range migrations {
			list = append(list, dialect(database, step), fmt.Sprintf(`INSERT INTO auth_schema (version) VALUES (%d)`, i+1))
		}
		return list
	case "kamailio":
		return source.Schema[userRow](database, `SELECT password, ha1, ha1b`+from, "username", "domain")
	case "opensips":
		return source.Schema[userRow](database, `SELECT password, ha1, ha1_sha256, ha1_sha512t256`+from, "username", "domain")
	}
	return nil
}
