package luabind_test

import (
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// repeat is a router that hands its first request to f.
type repeat struct {
	*luabind.Router
	f func(req *engine.Request, r *luabind.Router)
}

func (r *repeat) Route(req *engine.Request) error {
	r.f(req, r.Router)
	_, err := req.Reply(200, "", nil)
	return err
}

// binding is an object of a module that is a target.
type binding struct{ target engine.Target }

func (b *binding) ObjectType() *luabind.ObjectType { return bindingType }
func (b *binding) Target() *engine.Target          { return &b.target }
func (b *binding) String() string                  { return b.target.URI }

var bindingType = &luabind.ObjectType{Name: "binding",
	Fields: []luabind.Field{
		luabind.FieldOf("uri", luabind.ReturnsURI(""), func(_ *luabind.Call, b *binding) string { return b.target.URI }),
		luabind.FieldOf("q", luabind.ReturnsNumber(""), func(_ *luabind.Call, b *binding) float64 { return b.target.Q }),
	},
	Methods: []luabind.Function{
		luabind.Func1(luabind.Function{Name: "twice"}, luabind.Self[*binding](), luabind.ReturnsNumber(""),
			func(_ *luabind.Call, b *binding) float64 { return 2 * b.target.Q }),
	}}

// fakeRegistrar is what the benchmark's script needs of the registrar.
func fakeRegistrar() *module {
	b := &binding{engine.Target{URI: "sip:bob@10.0.0.9:5060", Q: 0.5}}
	b.target.Value = b
	var scratch []byte
	return &module{name: "registrar", functions: []luabind.Function{
		{Name: "save", Call: func(c *luabind.Call) int { c.Request(1); return c.PushBool(true) }},
		{Name: "lookup", Call: func(c *luabind.Call) int {
			u := c.URI(1)
			scratch = u.AppendAOR(scratch[:0])
			if len(u.User) == 0 {
				return luabind.PushList(c, []*binding(nil))
			}
			list := [1]*binding{b}
			return luabind.PushList(c, list[:])
		}},
	}}
}

var benchScripts = map[string]string{
	"empty":   `function route(req) end`,
	"method":  `function route(req) if req.method == "REGISTER" then return end end`,
	"is":      `function route(req) if req:is("INVITE", "SUBSCRIBE") then return end end`,
	"ruri":    `function route(req) local u = req.ruri.user end`,
	"header":  `function route(req) local u = req:header("User-Agent") end`,
	"targets": `function route(req) req.vars.t = nil end`,
	"location": `
local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  if not req.ruri.user then return req:reply(484) end
  local bindings = registrar.lookup(req.ruri)
  if #bindings == 0 then return req:reply(404) end
  return bindings[1]
end`,
	"ten bindings": `
function route(req)
  local a, b, c, d, e = req.method, req.in_dialog, req.ruri.user, req.ruri.host, req.from.uri
  local f, g, h, i, j = req:is("INVITE"), req:header("User-Agent"), req.call_id, req.cancelled, req.answered
end`,
	"strings": `
function route(req)
  local user, host = req.ruri.user, req.ruri.host
  local key = "u:" .. user .. "@" .. host
  local aor = ("sip:%s@%s"):format(user, host)
  local number = user:gsub("^00", "+") .. ";phone-context=" .. host
  local parts = {}
  for i = 1, 8 do parts[#parts + 1] = i .. "=" .. key end
  local line = table.concat(parts, ";") .. "|" .. aor .. "|" .. number:upper():sub(2, 20)
  return line == key
end`,
	"loop": `function route(req) local n = 0 for i = 1, 1000 do n = n + i % 7 end end`,
}

// onRequest calls f with an INVITE on its lane.
func onRequest(t testing.TB, script string, f func(req *engine.Request, r *luabind.Router)) {
	rep := &repeat{f: f}
	w := luabindtest.New(t, script, luabindtest.Modules(fakeRegistrar()),
		luabindtest.Wrap(func(r *luabind.Router) engine.Router { rep.Router = r; return rep }))
	if c := w.Code("INVITE", "sip:bob@example.com", "User-Agent: phone/1.0\r\nContact: <sip:alice@10.0.0.2>\r\n"); c != 200 {
		t.Fatalf("got %d", c)
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, name := range []string{"empty", "method", "is", "ruri", "header", "location", "ten bindings", "strings", "loop"} {
		b.Run(name, func(b *testing.B) {
			onRequest(b, benchScripts[name], func(req *engine.Request, r *luabind.Router) {
				b.ReportAllocs()
				for b.Loop() {
					if err := r.Route(req); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkSleepingScript(b *testing.B) {
	w := luabindtest.New(b, idle)
	l := w.Engine.Lanes()[0]
	_ = lane.Time(0)
	b.ReportAllocs()
	for b.Loop() {
		w.Router.Eval(l, "sip.sleep(0.001)", func([]any, error) {})
		w.Run(5e6)
	}
}
