package luabind

import (
	"errors"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/internal/syntax"
	lua "github.com/yuin/gopher-lua"
)

// Console runs what a person types in the VM of a lane, if Options name it. It can hold a request:
// the script's route is not called, and the request is what the typed code calls req, until it is
// decided or let go. Except for Complete, all functions are for a lane's holder, and results are
// given with the lane's token.
type Console struct {
	router *Router
	// Take makes the next request be held.
	Take bool
	held *heldRequest
	env  *lua.LTable // what was assigned at the prompt
	vm   *vm         // that env belongs to
}

// heldRequest is a request whose handler waits for what is typed.
type heldRequest struct {
	vm     *vm
	o      *reqObj
	req    *engine.Request
	waiter *lane.Waiter
	work   func()
	sent   bool // something was sent for it: its handler has done its work
	over   bool
	err    error
}

// Complete reports whether a text needs no more lines.
func Complete(text string) bool {
	var e *syntax.Error
	_, err := compileTyped(text)
	return !errors.As(err, &e) || !strings.Contains(e.Text, "at the end of the file")
}

// compileTyped compiles what was typed: an expression, or statements. A local lives as long as the
// prompt.
func compileTyped(text string) (*lua.FunctionProto, error) {
	if proto, err := compile("return "+text, "console"); err == nil {
		return proto, nil
	}
	if rest, ok := strings.CutPrefix(strings.TrimLeft(text, " \t"), "local "); ok {
		text = rest
		if proto, err := compile("return "+text, "console"); err == nil { // local x
			return proto, nil
		}
	}
	return compile(text, "console")
}

// Held is the request that is held, as its method, Request-URI and Call-ID; "" for none.
func (c *Console) Held() string {
	if c.held == nil {
		return ""
	}
	return requestType.text(c.held.vm.main, c.held.o)
}

// hold is Route for a request that is taken.
func (c *Console) hold(v *vm, o *reqObj, req *engine.Request) error {
	c.Take = false
	h := &heldRequest{vm: v, o: o, req: req}
	c.held = h
	o.active++ // its objects live between the lines that are typed
	for !h.over {
		h.waiter = lane.NewWaiter()
		req.Suspend(func() { v.lane.Park(h.waiter) })
		if work := h.work; work != nil {
			h.work = nil
			work()
		}
		h.over = h.over || req.Decided() || req.Over()
	}
	c.held = nil
	if o.active--; o.active == 0 {
		o.req = nil
	}
	return h.err
}

// Run runs what was typed, and gives its results as text, one for each value. Code that waits lends
// the lane.
func (c *Console) Run(l *lane.Lane, text string, done func(results []string, err error)) {
	proto, err := compileTyped(text)
	if err != nil {
		done(nil, err)
		return
	}
	c.do(l, func(v *vm, o *reqObj) {
		fn := v.main.NewFunctionFromProto(proto)
		fn.Env = c.environment(v)
		var out []lua.LValue
		if err := v.invoke(o, fn, &out); err != nil {
			done(nil, err)
			return
		}
		results := make([]string, 0, len(out))
		for _, x := range out {
			var shown []lua.LValue
			if err := v.invoke(o, v.main.NewFunction(func(l *lua.LState) int {
				l.Push(lua.LString(v.show(l, l.Get(1))))
				return 1
			}), &shown, x); err != nil {
				done(results, err)
				return
			}
			results = append(results, shown[0].String())
		}
		done(results, nil)
	})
}

// Release ends the handler of the request that is held: by the script's route, unless what was
// typed has sent something for it.
func (c *Console) Release(l *lane.Lane, done func(error)) {
	if c.held == nil {
		done(errors.New("there is no request in hand"))
		return
	}
	c.do(l, func(v *vm, o *reqObj) {
		h := c.held
		var err error
		if v.route != nil && !h.sent {
			if failed := v.invoke(o, v.route, nil, &o.ud); failed != nil {
				v.report(o.req, "route", failed)
				err = failed
			}
		}
		h.over, h.err = true, err
		done(err)
	})
}

// noteSent notes that something is sent for a request.
func (c *Console) noteSent(o *reqObj) {
	if c != nil && c.held != nil && c.held.o == o {
		c.held.sent = true
	}
}

// do runs f as a handler of the request that is held, or of none.
func (c *Console) do(l *lane.Lane, f func(v *vm, o *reqObj)) {
	if h := c.held; h != nil {
		h.work = func() { f(h.vm, h.o) }
		l.Wake(h.waiter)
		return
	}
	v := c.router.enter(l)
	defer v.end()
	f(v, nil)
}

// environment is where the typed code finds its names: req, what was assigned at the prompt, the
// script's globals, the locals of the script that its functions use, and the modules.
func (c *Console) environment(v *vm) *lua.LTable {
	if c.vm == v {
		return c.env
	}
	c.vm, c.env = v, v.main.NewTable()
	c.env.Metatable = v.metatable(func(l *lua.LState) int {
		l.Push(c.look(v, l.Get(2).String()))
		return 1
	}, func(l *lua.LState) int {
		name, value := l.Get(2), l.Get(3)
		if u := v.local(name.String()); u != nil {
			u.SetValue(value)
		} else if v.main.G.Global.RawGet(name) != lua.LNil || v.globals[name.String()] {
			v.assigned++
			v.main.G.Global.RawSet(name, value)
		} else {
			c.env.RawSet(name, value)
		}
		return 0
	})
	v.modules["(console)"] = c.env // its memory counts
	return c.env
}

// look finds a name that was not assigned at the prompt.
func (c *Console) look(v *vm, name string) lua.LValue {
	if name == "req" && c.held != nil && c.held.vm == v {
		return &c.held.o.ud
	}
	if x := v.main.G.Global.RawGetString(name); x != lua.LNil {
		return x
	}
	if u := v.local(name); u != nil {
		return u.Value()
	}
	if m := v.gen.byName[name]; m != nil {
		if v.modules[name] == nil {
			v.modules[name] = v.bindModule(m)
		}
		return v.modules[name]
	}
	v.missing = missing{name, position(v.current.l)}
	return lua.LNil
}

// maxLooked bounds how many functions are looked at for a local.
const maxLooked = 1000

// local is the variable that is a local of the script's file and used by one of its functions; nil
// for none.
func (v *vm) local(name string) *lua.Upvalue {
	var rest []*lua.LFunction
	seen := map[*lua.LFunction]bool{}
	add := func(x lua.LValue) {
		if f, ok := x.(*lua.LFunction); ok && !f.IsG && !seen[f] && len(seen) < maxLooked {
			seen[f] = true
			rest = append(rest, f)
		}
	}
	add(v.route)
	for _, key := range sortedNames(v.main.G.Global) {
		add(v.main.G.Global.RawGetString(key))
	}
	for len(rest) > 0 {
		f := rest[0]
		rest = rest[1:]
		for i, u := range f.Upvalues {
			if i < len(f.Proto.DbgUpvalues) && f.Proto.DbgUpvalues[i] == name {
				return u
			}
		}
		for _, u := range f.Upvalues {
			add(u.Value())
		}
	}
	return nil
}
