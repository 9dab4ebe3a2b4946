package presence_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/modules/presence"
)

// The tables that are made as `sipscript schema presence` says are read.
func TestSchema(t *testing.T) {
	url := sqlitetest.New(t, append(presence.Schema("", "sqlite"), `INSERT INTO presence_rules (watcher, user_uri, package, allow) VALUES ('sip:alice@example.com', 'sip:bob@example.com', NULL, 'true'), ('*@example.com', 'sip:carol@example.com', 'presence', 'pending'), ('sip:alice@example.com', 'sip:friends@example.com', NULL, NULL)`,
		`INSERT INTO presence_lists (uri, members) VALUES ('sip:friends@example.com', 'sip:bob@example.com, sip:carol@example.com')`)...)
	w := newWorld(t, fmt.Sprintf("interval = 0, authorize = %q, lists = %q", url, url))
	alice, dave := w.phone("alice"), w.phone("dave")
	w.phone("bob").Publish("presence", "", pidf("a", "open"))
	alice.Subscribe("friends", "presence", knowsLists)
	alice.Hears("active", `<tuple id="a">`, `<resource uri="sip:carol@example.com"><instance id="1" state="pending"/>`)
	if res, _ := dave.Subscribe("bob", "presence", ""); res.Status() != 403 {
		t.Errorf("a stranger: %d", res.Status())
	}
	if presence.Schema("kamailio", "sqlite") != nil {
		t.Error("there is a table for a layout that there is not")
	}
}
