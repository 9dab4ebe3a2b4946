package luabind

// What a module needs that runs scripts written for another server, which have another interface
// than req: its own functions as globals, the script's file as it is, and what it keeps with a
// request and with a handler's run. One module of a program may do so.

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// Extend runs text, Lua of the module's own, in the call's VM while the script's file runs. The
// text gets the functions in a table; dots in their names make tables within, which the text and
// the script may change. It returns a table: "route" is the route function in place of the global
// one, "libraries" are what the script can require in addition, by name.
func (c *Call) Extend(name, text string, functions []Function) {
	v, l := c.vm, c.l
	if !v.loading {
		c.Raise("can only be called while the file runs")
	}
	p := v.gen.program.parts["\x00"+name]
	if p == nil {
		proto, err := compile(text, name)
		c.RaiseIf(err)
		p = &part{name: name, proto: proto}
		v.gen.program.parts["\x00"+name] = p
	}
	v.own = name
	t := v.main.NewTable()
	for _, f := range functions {
		at, last := within(v.main, t, f.Name)
		at.RawSetString(last, v.bind(f, f.Name, false))
	}
	l.Push(l.NewFunctionFromProto(p.proto))
	l.Push(t)
	l.Call(1, 1)
	out, ok := l.Get(-1).(*lua.LTable)
	l.Pop(1)
	if !ok {
		return
	}
	if f, ok := out.RawGetString("route").(*lua.LFunction); ok {
		v.route = f
	}
	if libraries, ok := out.RawGetString("libraries").(*lua.LTable); ok {
		libraries.ForEach(func(k, value lua.LValue) {
			v.modules[k.String()] = value
			if t, ok := value.(*lua.LTable); ok {
				v.watchLibrary(t)
			}
		})
	}
}

// within is the table that a name with dots belongs in, and its last part.
func within(l *lua.LState, t *lua.LTable, name string) (*lua.LTable, string) {
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		inner, ok := t.RawGetString(name[:i]).(*lua.LTable)
		if !ok {
			inner = l.NewTable()
			t.RawSetString(name[:i], inner)
		}
		return within(l, inner, name[i+1:])
	}
	return t, name
}

// ReadFile reads a file next to the script, which is watched from now on.
func (c *Call) ReadFile(file string) ([]byte, error) {
	p := c.vm.gen.program
	if !c.vm.loading {
		c.Raise("can only be called while the file runs")
	}
	if p.files == nil {
		return nil, errNoFile
	}
	file = path.Clean(filepath.ToSlash(file))
	if !fs.ValidPath(file) {
		return nil, fmt.Errorf("%q is not a file next to the script", file)
	}
	b, err := fs.ReadFile(p.files, file)
	if err != nil {
		return nil, err
	}
	if abs, err := filepath.Abs(filepath.Join(p.dir, filepath.FromSlash(file))); err == nil && p.dir != "" && !slices.Contains(p.paths, abs) {
		p.paths = append(p.paths, abs)
	}
	return b, nil
}

// Include runs a Lua file next to the script, whose text is given, as if it stood in the script.
// loose: its functions may read and set any global, as Lua itself lets them, and not only those
// that the file sets.
func (c *Call) Include(file, text string, loose bool) {
	v, l := c.vm, c.l
	p := v.gen.program.parts["\x00"+file]
	if p == nil {
		shown := path.Join(filepath.ToSlash(v.gen.program.dir), file)
		proto, err := v.gen.program.compile(text, shown, "")
		c.RaiseIf(err)
		p = &part{name: shown, proto: proto}
		v.gen.program.parts["\x00"+file] = p
	}
	v.loose = v.loose || loose
	l.Push(l.NewFunctionFromProto(p.proto))
	l.Call(0, 0)
}

// Running is the request whose handler runs, or nil. kept is a place for what belongs to the
// request, as long as it has handlers; frame is one for what belongs to this run of the handler,
// and is nil at its beginning. The handler of an event, or a task, has a frame only; the file
// itself has none.
func (c *Call) Running() (req *engine.Request, kept, frame *any) {
	t := c.vm.current
	switch {
	case t == nil || c.vm.loading:
		return nil, nil, nil
	case t.req == nil:
		return nil, nil, &t.frame
	}
	return t.req.req, &t.req.kept, &t.frame
}

// PushRunning pushes the request whose handler runs, or nil, and returns 1.
func (c *Call) PushRunning() int {
	if t := c.vm.current; t != nil && t.req != nil {
		c.l.Push(&t.req.ud)
	} else {
		c.l.Push(lua.LNil)
	}
	return 1
}

// Report logs and counts an error of a script's function that the module caught, as if it had ended
// a handler.
func (c *Call) Report(function, text string) {
	var req *engine.Request
	if t := c.vm.current; t != nil && t.req != nil {
		req = t.req.req
	}
	c.vm.report(req, function, &ScriptError{Text: c.vm.explained(text)})
}

// Position is the file and line that calls the function: "route.lua:7".
func (c *Call) Position() string { return c.place() }
