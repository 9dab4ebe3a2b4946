package dictstore_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictstore"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

const script = `d = sip.shared("forward", { durable = true }) function route(req) end`

// start runs the script with what is kept in a directory.
func start(t *testing.T, dir string) (*luabindtest.World, func()) {
	t.Helper()
	store, err := dictstore.Open(clients.New(clients.Options{Drivers: drivers.All()}), dir)
	if err != nil {
		t.Fatal(err)
	}
	w := luabindtest.New(t, script, luabindtest.Script(func(o *luabind.Options) { o.Dictionaries = store }))
	return w, func() {
		if err := w.Router.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDictionariesSurvive(t *testing.T) {
	dir := t.TempDir()
	w, stop := start(t, dir)
	if _, err := w.Eval(`d:set("alice", { to = "sip:bob@example.com", codes = { 486, 600 } }) d:set("key\0", "v\255") d:set("short", 1, 3600) d:set("x", 1) d:delete("x")`); err != nil {
		t.Fatal(err)
	}
	stop()
	w, stop = start(t, dir)
	defer stop()
	got, err := w.Eval(`return d:get("alice").codes[2], d:get("alice").to, d:get("key\0"), d:ttl("short") > 3500, d:get("x"), #d:keys()`)
	want := []any{600.0, "sip:bob@example.com", "v\xff", true, nil, 3.0}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v; want %#v", got, err, want)
	}
	if _, err := w.Eval(`sip.shared("other", { durable = true })`); err == nil || !strings.Contains(err.Error(), "while the file loads") {
		t.Error(err)
	}
	// A reload shares it, and a second generation does not read it again.
	if err := w.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Eval(`return #d:keys()`); err != nil || got[0] != 3.0 {
		t.Error(got, err)
	}
}

// Without a directory the script runs, and the log says that nothing is kept.
func TestWithoutDirectory(t *testing.T) {
	w := luabindtest.New(t, script)
	if got, err := w.Eval(`d:set("k", "v") return d:get("k")`); err != nil || got[0] != "v" {
		t.Error(got, err)
	}
	if n := strings.Count(w.Log(), "ends with the process"); n != 1 {
		t.Errorf("told %d times\n%s", n, w.Log())
	}
}
