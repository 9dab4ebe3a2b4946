package luabind

// What a file says to modules while it runs, so that two generations can be compared.

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// differs are the modules that the file configured differently than that of another generation.
func (g *generation) differs(from *generation) (list []string) {
	for _, m := range g.modules {
		if g.said[m.name] != from.said[m.name] {
			list = append(list, m.name)
		}
	}
	return list
}

// saying is a module's function for the file, whose calls are remembered: of the background VM, in
// which the file runs as in all.
func (v *vm) saying(f Function, module string) func(c *Call) int {
	call := f.Call
	return func(c *Call) int {
		h := fnv.New64a()
		fmt.Fprint(h, v.gen.said[module], f.Name)
		for n := 1; n <= c.Len(); n++ {
			spell(h, c.l.Get(n), 10)
		}
		v.gen.said[module] = h.Sum64()
		return call(c)
	}
}

// spell writes a value, so that equal ones are written alike. Nothing is known of functions.
func spell(w io.Writer, v lua.LValue, deep int) {
	t, ok := v.(*lua.LTable)
	switch {
	case !ok && (v.Type() == lua.LTString || v.Type() == lua.LTNumber || v.Type() == lua.LTBool):
		fmt.Fprintf(w, "%q|", v.String())
		return
	case !ok || deep == 0:
		fmt.Fprintf(w, "%s|", v.Type())
		return
	}
	lines := make([]string, 0, t.Len())
	t.ForEach(func(k, x lua.LValue) {
		var b strings.Builder
		spell(&b, k, 1)
		spell(&b, x, deep-1)
		lines = append(lines, b.String())
	})
	slices.Sort(lines)
	fmt.Fprintf(w, "{%s}|", strings.Join(lines, ","))
}
