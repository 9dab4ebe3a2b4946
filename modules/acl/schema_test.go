package acl

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// Tables that are made as `sipscript schema acl` says are read.
func TestSchema(t *testing.T) {
	for layout, insert := range map[string]string{
		"":         `INSERT INTO acl_entries (list, address, port) VALUES ('l', '192.0.2.0/24', 5060), ('other', '0.0.0.0/0', NULL)`,
		"kamailio": `INSERT INTO address (ip_addr, mask, port, tag, grp) VALUES ('192.0.2.0', 24, 5060, 'x', 1)`,
		"opensips": `INSERT INTO address (ip, mask, port, proto, grp) VALUES ('192.0.2.0', 24, 5060, 'any', 1)`,
	} {
		t.Run("layout "+layout, func(t *testing.T) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
			db, err := clients.New(clients.Options{Drivers: drivers.All()}).DB(url, clients.DBOptions{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, text := range append(Schema(layout, "sqlite"), insert) {
				if err := db.Do(t.Context(), func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, text); return err }); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
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
