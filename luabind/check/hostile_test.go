package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/check"
)

// entries is a table of n numbers, as scripts require them.
func entries(n int) string {
	var b strings.Builder
	b.WriteString("return {\n")
	for i := range n {
		fmt.Fprintf(&b, "['+49%d'] = { uri = 'sip:%d@example.com', timeout = 20, tags = { 'a', 'b' } },\n", i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// Four times as long a table takes four times as much. What is counted is memory, which does not
// depend on what else the machine does; BenchmarkLongTable has the time.
func TestLongTablesTakeLinearWork(t *testing.T) {
	c := checker(t)
	taken := func(n int) (bytes float64) {
		text := entries(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list := c.Source("x.lua", text, nil)
		runtime.ReadMemStats(&after)
		if len(list) > 0 {
			t.Fatal(lines(list))
		}
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	if small, large := taken(5_000), taken(20_000); large > 5*small {
		t.Errorf("5,000 entries took %.0f bytes, 20,000 took %.0f", small, large)
	}
}

// hostile are scripts that would take for ever, or all of the stack, if something were not bounded.
var hostile = map[string]string{
	"branches": func() string { // 2^200 paths
		var b strings.Builder
		b.WriteString("function route(req)\n")
		for i := range 200 {
			fmt.Fprintf(&b, "local a%d = req.vars.a%d if a%d then req.vars.b = %d end\n", i%100, i, i%100, i)
		}
		return b.String() + "req:reply(404) end"
	}(),
	"decisions in branches": func() string {
		var b strings.Builder
		b.WriteString("local auth = require 'auth' function route(req)\n")
		for i := range 150 {
			fmt.Fprintf(&b, "local a%d = auth.require(req) if a%d then req.vars.b = %d end\n", i, i, i)
		}
		return b.String() + "req:reply(404) end"
	}(),
	"calls that call twice": func() string { // 2^100 calls
		var b strings.Builder
		b.WriteString("local f0 = function(req) req:record_route() end\n")
		for i := range 100 {
			fmt.Fprintf(&b, "local f%d = function(req) if req.vars.x%d then f%d(req) else f%d(req) end end\n", i+1, i, i, i)
		}
		return b.String() + "function route(req) f100(req) req:reply(404) end"
	}(),
	"a chain of globals": func() string {
		var b strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&b, "g%d = g%d\n", i, i+1)
		}
		return b.String() + "g0 = 1 function route(req) req:reply(g20000) end"
	}(),
	"names that nothing declares": func() string {
		var b strings.Builder
		b.WriteString("function route(req) req:reply(404) end\n")
		for i := range 30_000 {
			fmt.Fprintf(&b, "x = unknown_name_of_some_length_%d\n", i)
		}
		return b.String()
	}(),
	"nested":    strings.Repeat("x = {", 100_000),
	"chained":   "x = f" + strings.Repeat("()", 100_000),
	"mutual":    "local f, g function f(req) return g(req) end function g(req) return f(req) end function route(req) f(req) end",
	"to self":   "function route(req) return route(req) end",
	"of itself": "local t = {} t.t = t t = t.t for _, x in ipairs(t) do t = x end function route(req) req:relay(t) end",
	"nested loops": "function route(req)\n" + strings.Repeat("for i = 1, 2 do if req.vars.x then req:fork('sip:a@b') end\n", 60) +
		strings.Repeat("end\n", 60) + "end",
	"elseif": "function route(req)\nif req.vars.x == 0 then req:drop()\n" + func() string {
		var b strings.Builder
		for i := range 900 {
			fmt.Fprintf(&b, "elseif req.vars.x == %d then req:reply(%d)\n", i, 400+i%100)
		}
		return b.String()
	}() + "end end",
}

func TestHostileScriptsAreBounded(t *testing.T) {
	c := checker(t)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			list := c.Source("x.lua", text, nil)
			if took := time.Since(began); took > 10*time.Second || len(list) > 1000 {
				t.Errorf("%v, %d findings", took, len(list))
			}
		})
	}
}

// Any bytes are checked, without a panic, and each finding has a place in the file.
func FuzzCheck(f *testing.F) {
	for _, m := range append(append([]mistake{}, mistakes...), decisions...) {
		f.Add([]byte(m.script))
	}
	for _, x := range innocents {
		f.Add([]byte(x.script))
	}
	scripts, _ := filepath.Glob(filepath.Join(root, "scripts", "*.lua"))
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	c := checker(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		began := time.Now()
		list := c.Source("x.lua", string(text), lib)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		count := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 1
		for _, x := range list {
			if x.File != "x.lua" {
				continue
			}
			if x.Line < 1 || x.Line > count || x.Column < 1 || x.Message == "" || x.Severity != check.Error && x.Severity != check.Warning {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkLongTable(b *testing.B) {
	c, text := checker(b), entries(100_000)
	for b.Loop() {
		c.Source("x.lua", text, nil)
	}
}
