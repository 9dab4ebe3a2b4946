package luabind_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

type typedOptions struct {
	Times int `lua:"times" min:"1"`
}

func typedModule() *module {
	b := &binding{engine.Target{URI: "sip:b@10.0.0.9", Q: 0.5}}
	b.target.Value = b
	return &module{name: "m", functions: []luabind.Function{
		luabind.Pure("upper", "", func(s string) string { return strings.ToUpper(s) }),
		luabind.Pure("fails", "", func(s string) (string, error) { return "", errors.New("failed: " + s) }),
		luabind.Pure("misuse", "", func(s string) error { return &engine.MisuseError{Text: "wrong " + s} }),
		luabind.Pure("ok", "", func() error { return nil }),
		luabind.Pure("mixed", "", func(s string, n int, f float64, b bool, d time.Duration, l []string, x any) (string, int, float64, bool, time.Duration, []string, any) {
			return s, n, f, b, d, l, x
		}),
		luabind.Pure("small", "", func(n uint8) int { return int(n) }),
		luabind.Pure("opts", "", func(s string, o *typedOptions) string {
			if o == nil {
				return s
			}
			return strings.Repeat(s, o.Times)
		}),
		luabind.Pure("method", "", func(r *engine.Request) string { return r.Method().String() }),
		luabind.Pure("one", "", func() *binding { return b }),
		luabind.Pure("none", "", func() *binding { return nil }),
		luabind.Pure("all", "", func() []*binding { return []*binding{b, b} }),
		luabind.Pure("q", "", func(b *binding) float64 { return b.target.Q }),
		luabind.Pure("void", "", func() {}),
		luabind.Waiting("slow", "", func(ctx context.Context, s string) (string, int, error) { return s + "!", len(s), ctx.Err() }),
		{Name: "call", Call: func(c *luabind.Call) int {
			r, err := c.Func(1).Call(c.Value(2), b, []any{1.0, "x"}, map[string]any{"k": true})
			if err != nil {
				return c.Fail(err)
			}
			for _, x := range r {
				c.Push(x)
			}
			return len(r)
		}},
		{Name: "kinds", Call: func(c *luabind.Call) int {
			var names []string
			for i := 1; i <= c.Len(); i++ {
				names = append(names, c.Kind(i).String())
			}
			return c.PushString(strings.Join(names, " "))
		}},
		{Name: "handler", Where: luabind.InHandler, Call: func(c *luabind.Call) int { return c.PushBool(c.AtLoad()) }},
	}}
}

func TestTypedFunctions(t *testing.T) {
	w := luabindtest.New(t, `m = require "m" `+idle, luabindtest.Modules(typedModule()))
	evals(t, w, map[string][]any{
		`return m.upper("abc")`: {"ABC"},
		`return m.fails("x")`:   {nil, "failed: x"},
		`return m.ok()`:         {true},
		`return m.void()`:       {},
		`local s, n, f, b, d, l, x = m.mixed("s", 2, 0.5, true, 1.5, {"a", "b"}, {k = {1}}) return s, n, f, b, d, l[2], x.k[1]`: {"s", 2.0, 0.5, true, 1.5, "b", 1.0},
		`local x = select(7, m.mixed("s", 2, 0.5, true, 1.5, "one", nil)) return x, m.small(255)`:                               {nil, 255.0},
		`return m.opts("a"), m.opts("a", {times = 3})`:                                                                          {"a", "aaa"},
		`return m.slow("abc")`: {"abc!", 3.0},
		`local b = m.one() return b.uri == sip.uri("sip:b@10.0.0.9"), b.q, tostring(b), b:twice(), m.q(b), m.none()`: {true, 0.5, "sip:b@10.0.0.9", 1.0, 0.5, nil},
		`local l = m.all() table.sort(l, function(a, b) return a.q < b.q end) return #l, l[2].q, l[1] == l[1]`:       {2.0, 0.5, true},
		`return m.call(function(a, b, c, d) sip.sleep(1) return a, b.q, c[2], d.k end, "v")`:                         {"v", 0.5, "x", true},
		`return m.kinds("s", 1, true, {}, print, sip.uri("sip:a@b"), m.one(), nil)`:                                  {"string number boolean table function uri object any"},
		`local d = sip.shared("x") return m.handler()`:                                                               {false},
	})
	evalFails(t, w, map[string]string{
		`m.upper()`:                              "m.upper: argument 1 must be a string, not nil",
		`m.upper({})`:                            "m.upper: argument 1 must be a string, not a table",
		`m.misuse("x")`:                          "wrong x",
		`m.mixed("s", 1.5)`:                      "m.mixed: argument 2 must be a whole number, not the number 1.5",
		`m.mixed("s", 1, "x")`:                   "argument 3 must be a number",
		`m.mixed("s", 1, 1, 1)`:                  "argument 4 must be true or false",
		`m.mixed("s", 1, 1, true, -1)`:           "argument 5 must be a number of seconds",
		`m.mixed("s", 1, 1, true, 1, {{}})`:      "argument 6 must be a string or a list of strings",
		`m.mixed("s", 1, 1, true, 1, {}, print)`: "argument 7: a function cannot be stored",
		`m.small(256)`:                           "argument 1 must be a number in range",
		`m.small(-1)`:                            "argument 1 must be a number in range",
		`m.opts("a", {time = 3})`:                `unknown option "time"; did you mean 'times'?`,
		`m.opts("a", {times = 0})`:               "times must be at least 1",
		`m.method("x")`:                          "argument 1 must be the request",
		`m.q(5)`:                                 "argument 1 must be an object",
		`return m.one().urI`:                     "a binding has no field 'urI'; did you mean 'uri'?",
		`m.one().q = 5`:                          "a binding is read-only",
		`m.one().twice()`:                        "write object:twice(...)",
		`return m.uper("x")`:                     "m has no function 'uper'; did you mean 'upper'?",
		`m.call(5)`:                              "m.call: argument 1 must be a function",
	})
	got, err := w.Eval(`return m.call(function() error("inner") end)`)
	if err != nil || got[0] != nil || !contains(got[1].(string), "inner") {
		t.Errorf("%v %v", got, err)
	}
	if _, err := luabindtest.Try(t, `require("m").handler() `+idle, luabindtest.Modules(typedModule())); err == nil || !contains(err.Error(), "only be called in a handler") {
		t.Error(err)
	}
	check(t, map[string]string{`return require("m").method(req), require("m").kinds(req)`: "MESSAGE req"}, luabindtest.Modules(typedModule()),
		luabindtest.Script(func(o *luabind.Options) { o.Source = `require "m" ` + o.Source }))
}

// A function that the script itself has taken away is not suggested in its own place.
func TestFunctionSetToNil(t *testing.T) {
	evalFails(t, luabindtest.New(t, `m = require("m") m.upper = nil `+idle, luabindtest.Modules(typedModule())), map[string]string{
		`return m.upper("x")`: "m.upper is gone: the script set it to nil",
	})
}

// Some editors begin a file with a byte order mark.
func TestByteOrderMark(t *testing.T) {
	mark := "\ufeff"
	w := luabindtest.New(t, mark+`part = require "part" `+idle, luabindtest.Script(func(o *luabind.Options) {
		o.Files = fstest.MapFS{"part.lua": {Data: []byte(mark + "#!/usr/bin/env lua\nreturn 5")}}
	}))
	evals(t, w, map[string][]any{`return part`: {5.0}})
}

func TestDeclarations(t *testing.T) {
	f := luabind.Waiting("score", "scores", func(ctx context.Context, caller string, o *typedOptions) (float64, error) { return 0, nil },
		luabind.Param{Name: "caller", Doc: "who calls"})
	if !f.Waits || len(f.Params) != 2 || f.Params[0].Name != "caller" || f.Params[0].Type != luabind.String || !f.Params[1].Optional || len(f.Results) != 1 ||
		f.Results[0].Type != luabind.Number || !f.Results[0].OrNil {
		t.Errorf("%+v", f)
	}
	for name, declare := range map[string]func(){
		"no function":     func() { luabind.Pure("x", "", 5) },
		"no context":      func() { luabind.Waiting("x", "", func(string) error { return nil }) },
		"bad parameter":   func() { luabind.Pure("x", "", func(chan int) {}) },
		"waiting request": func() { luabind.Waiting("x", "", func(context.Context, *engine.Request) error { return nil }) },
		"variadic":        func() { luabind.Pure("x", "", func(...string) {}) },
	} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: declared", name)
					}
				}()
				declare()
			}()
		})
	}
}

func TestObjectsAreTargets(t *testing.T) {
	for body, want := range map[string]int{
		`req:relay(m.one())`:                    486,
		`req:relay(m.all())`:                    486,
		`req:relay{uri = m.one(), timeout = 3}`: 486,
		`local r = req:fork(m.one()) assert(r.target == r.target and r.target.q == 0.5) req:reply(r)`: 486,
		`req:redirect(m.all())`: 302,
	} {
		t.Run(body, func(t *testing.T) {
			w, _, _ := routed(t, body, luabindtest.Modules(typedModule()), luabindtest.Script(func(o *luabind.Options) { o.Source = `m = require "m" ` + o.Source }))
			if got := w.Code("MESSAGE", "sip:bob@example.com"); got != want {
				t.Errorf("%s\ngot %d, want %d\n%s", body, got, want, w.Log())
			}
		})
	}
}

func TestEvents(t *testing.T) {
	m := &module{name: "m", events: []luabind.Event{{Name: "m.changed"}, {Name: "m.other"}}}
	w := luabindtest.New(t, `
local d = sip.shared("d")
sip.on("m.changed", function(a, n, t, b, x) sip.sleep(0.1) d:set("got", a .. n .. t.k .. b.q .. tostring(x)) end)
sip.on("m.changed", function() d:incr("second") end)
`+idle, luabindtest.Modules(m), luabindtest.Lanes(2))
	b := &binding{engine.Target{Q: 0.5}}
	if !m.host.Emit("m.changed", "a", 5, map[string]any{"k": "v"}, b, nil) || !m.host.Emit("m.other") {
		t.Error("not emitted")
	}
	w.Run(time.Second)
	evals(t, w, map[string][]any{`local d = sip.shared("d") return d:get("got"), d:get("second")`: {"a5v0.5nil", 1.0}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("an event that was not declared was emitted")
			}
		}()
		m.host.Emit("m.chnaged")
	}()
}
