package luabind

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// An error that pcall catches costs no new Lua state and no traceback.
func TestCaughtErrorsAllocateLittle(t *testing.T) {
	v := newTestVM(t, `
function fails() error("x", 0) end
function caught() return pcall(fails) end`)
	f := v.main.GetGlobal("caught").(*lua.LFunction)
	once := func() {
		if err := v.invoke(nil, f, nil); err != nil {
			t.Fatal(err)
		}
	}
	once()
	if n := testing.AllocsPerRun(200, once); n > 6 {
		t.Errorf("%.0f allocations", n)
	}
}

// The state of a failed pcall is that of the next; what its functions left behind keeps its values.
func TestStatesAreUsedAgain(t *testing.T) {
	for _, c := range []struct {
		name, body string
		kept       int
		want       lua.LValue
	}{
		{"after an error", `local f pcall(function() local n = 1 f = function() n = n + 1 return n end error("x") end)
			pcall(function() local a, b, c = 7, 8, 9 error(a + b + c) end) f() return f()`, 1, lua.LNumber(3)},
		{"after an error that is a table", `pcall(error, {}) return select("#", pcall(function() return 1, 2 end))`, 1, lua.LNumber(3)},
		{"of an error within another's", `return (pcall(function() pcall(error, "x") error("y") end))`, 2, lua.LFalse},
		{"not one with a large stack", `return (select(2, pcall(function() return select("#", unpack({}, 1, 7000)) end)))`, 0, lua.LNumber(7000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newTestVM(t, "function f() "+c.body+" end")
			v.spare = nil
			var out []lua.LValue
			if err := v.invoke(nil, v.main.GetGlobal("f").(*lua.LFunction), &out); err != nil {
				t.Fatal(err)
			}
			if len(out) != 1 || out[0] != c.want || len(v.spare) != c.kept {
				t.Errorf("%v, and %d states are kept", out, len(v.spare))
			}
			for _, s := range v.spare {
				if s.GetTop() != 0 || frameOf(s) != nil {
					t.Errorf("a state has %d values", s.GetTop())
				}
			}
		})
	}
}
