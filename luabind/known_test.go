package luabind_test

import (
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Globals are looked up once for each name, and again after a handler has assigned one, however it
// does: what a function reads is what was assigned last.
func TestGlobalsAreReadAnew(t *testing.T) {
	w := luabindtest.New(t, `
count, last = 0, nil
local function get() return tostring(count) .. tostring(last) end
local function add(n) count = count + n end
function route(req)
  local out = { get() }
  for i = 1, 2 do
    add(1)
    out[#out + 1] = get()
    _G.count = count + 10
    out[#out + 1] = get()
    rawset(_G, "count", count + 100)
    out[#out + 1] = get()
    _G["last"] = i
    out[#out + 1] = get()
    last = nil
    out[#out + 1] = get()
  end
  req:reply(299, table.concat(out, " "))
end`)
	const want = "0nil 1nil 11nil 111nil 1111 111nil 112nil 122nil 222nil 2222 222nil"
	if m := w.Ask("OPTIONS", "sip:bob@example.com"); m == nil || string(m.ReasonPhrase()) != want {
		t.Errorf("%v\nwant %s\n%s", m, want, w.Log())
	}
}
