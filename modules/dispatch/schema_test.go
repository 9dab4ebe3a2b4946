package dispatch_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// The table that is made as `sipscript schema dispatch` says is read.
func TestSchema(t *testing.T) {
	url := sqlitetest.New(t, append(dispatch.Schema("", "sqlite"), `INSERT INTO dispatch_gateways (set_name, next_hop, weight, attrs) VALUES ('a', '10.0.0.11', 3, '{"region": "eu"}'), ('a', '10.0.0.12', NULL, NULL), ('b', '10.0.0.13', NULL, NULL)`)...)
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	w := luabindtest.New(t, fmt.Sprintf("local dispatch = require \"dispatch\"\ndispatch.configure { sets = { a = %q } }\nfunction route(req) req:drop() end", url),
		luabindtest.Modules(dispatch.New(dispatch.Options{Quiet: true, Clients: pool})))
	if got, want := eval(t, w, `local l, region = dispatch.list("a"), nil
		for _, g in ipairs(dispatch.targets("a")) do region = region or g.attrs and g.attrs.region end
		return #l, l[1].uri, l[1].weight, l[2].weight, region`), "2 sip:10.0.0.11 3 1 eu"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if dispatch.Schema("asterisk", "sqlite") != nil {
		t.Error("there is a table for a layout that there is not")
	}
}
