package acl

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
)

// Tables that are made as `sipscript schema acl` says are read.
func TestSchema(t *testing.T) {
	for layout, insert := range map[string]string{
		"":         `INSERT INTO acl_entries (list, address, port) VALUES ('l', '192.0.2.0/24', 5060), ('other', '0.0.0.0/0', NULL)`,
		"kamailio": `INSERT INTO address (ip_addr, mask, port, tag, grp) VALUES ('192.0.2.0', 24, 5060, 'x', 1)`,
		"opensips": `INSERT INTO address (ip, mask, port, proto, grp) VALUES ('192.0.2.0', 24, 5060, 'any', 1)`,
	} {
		t.Run("layout "+layout, func(t *testing.T) {
			url := sqlitetest.New(t, append(Schema(layout, "sqlite"), insert)...)
			if layout != "" {
				layout = fmt.Sprintf(", layout = %q", layout)
			}
			w, _ := world(t, fmt.Sprintf(`acl.configure({ lists = { l = { url = %q%s } } })`, url, layout))
			eval(t, w, `return acl.check("192.0.2.9:5060", "l").address, acl.check("192.0.2.9:5061", "l"), acl.check("198.51.100.1:5060", "l")`, "192.0.2.0/24", false, false)
		})
	}
	if Schema("asterisk", "sqlite") != nil {
		t.Error("there is a table for a layout that there is not")
	}
}
