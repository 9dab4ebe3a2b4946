package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// This file declares the module sip.test.

// opener makes the module in the VM of one test.
type opener struct{ w *world }

// Library is what specs can use of sip.test.
func Library() (luabind.Library, error) {
	list, err := luabind.Declared(opener{&world{}})
	if err != nil {
		return luabind.Library{}, err
	}
	return list[len(list)-1], nil
}

// Doc describes the module.
func (opener) Doc() string { return "Phones, links and virtual time: for specs." }

// Name is what specs require.
func (opener) Name() string { return "sip.test" }

// Open makes the module.
func (o opener) Open(*luabind.Host) (luabind.Module, error) { return module(o), nil }

type module struct{ w *world }

// Close has nothing to do: the world is closed by whoever made it.
func (module) Close() error { return nil }

// Functions are those of sip.test.
func (m module) Functions() []luabind.Function {
	w := m.w
	name := luabind.TextArg("name", "")
	fn := luabind.FuncArg("fn", "function()", "")
	group := fn.Described(func(p *luabind.Param) { p.Runs = luabind.AtLoad })
	return append([]luabind.Function{
		luabind.Do2(luabind.Function{Name: "it", Example: `t.it("rings bob", function() t.ua("sip:bob@example.com"):register() end)`, Doc: "A test: fn runs in a world of its own.", Where: luabind.AtLoad}, name, fn, w.it),
		luabind.Do2(luabind.Function{Name: "describe", Example: `t.describe("calls", function() t.it("are refused", function() end) end)`, Doc: "Groups tests: their names begin with its name.", Where: luabind.AtLoad}, name, group, w.describe),
		luabind.Do1(luabind.Function{Name: "before", Example: `t.before(function() t.advance(1) end)`, Doc: "fn runs before each test that follows in the file or the group.", Where: luabind.AtLoad}, fn, w.beforeEach),
		luabind.Func1(luabind.Function{Name: "server", Example: `t.server({ addr = "10.0.0.2:5060", args = { limit = "2" } })`,
			Doc: "Starts the test's server with options other than the defaults; outside tests, for all later tests in the file or the group."},
			serverArg(w), luabind.ReturnsObject[*server](serverType, "nil outside of tests"), w.newServer),
		luabind.Func1(luabind.Function{Name: "node", Example: "local a, b = t.node({ addr = \"10.0.0.2\" }), t.node({ addr = \"10.0.0.3\" })\nlocal carol = t.ua(\"sip:carol@example.com\", { proxy = b.addr })\na:stop({ kill = true })",
			Doc: "Starts a server that shares with the test's other nodes what --redis shares: registrations, sip.shared with redis = true, limits that are shared. t.redis() is their Redis, server:stop{ kill = true } ends one."},
			serverArg(w), luabind.ReturnsObject[*server](serverType, "nil outside of tests"), w.newNode),
		luabind.Func2(luabind.Function{Name: "ua", Example: `local carol = t.ua("sip:carol@example.com", { password = "secret", transport = "tcp" })`, Waits: true,
			Doc: "A phone, or any other user agent, with an address of record, or with an IP address (\"sip:vm@10.0.0.9\"), at which it then is."},
			luabind.URIArg("uri", ""), luabind.OptionsArg(uaOptions{}), luabind.ReturnsObject[*ua](uaType, ""), w.newUA),
		luabind.Do1(luabind.Function{Name: "advance", Example: `t.advance(60)`, Doc: "Lets virtual time pass.", Where: luabind.InHandler, Waits: true},
			luabind.SecondsArg("seconds", ""), w.advance),
		w.clockFunction(),
		w.dnsFunction(),
		w.natFunction(),
		w.requestFunction(),
		w.reloadFunction(),
		w.restartFunction(),
		luabind.Do1(luabind.Function{Name: "link", Example: `t.link({ loss = 0.2, delay = 0.05 })`, Where: luabind.InHandler,
			Doc: "Sets the quality of the links from now on. Only datagrams are lost, duplicated or reordered."},
			luabind.OptionsArg(linkOptions{Delay: time.Millisecond}), w.setLink),
	}, slices.Concat(w.outsideFunctions(), w.mediaFunctions(), w.recordFunctions(), assertions())...)
}

// advance lets time pass.
func (w *world) advance(c *luabind.Call, d time.Duration) { w.pass(c, d) }

// serverArg are the options of t.server: those not given are as in the file or the group.
func serverArg(w *world) luabind.Arg[serverOptions] {
	return luabind.ArgOf(func(c *luabind.Call, n int) serverOptions {
		o := w.plan.defaults
		c.Decode(n, &o)
		return o
	}, luabind.Param{Name: "options", Type: luabind.Table, Optional: true, Options: serverOptions{}})
}

// newServer is t.server{…}.
func (w *world) newServer(c *luabind.Call, o serverOptions) *server {
	if c.AtLoad() {
		w.plan.defaults = o
		return nil
	}
	s, err := w.start(c, o)
	if err != nil {
		c.Raise("%s", textOf(err))
	}
	w.pass(c, 0) // what the script starts is done before the spec continues
	return s
}

// newNode is t.node{…}.
func (w *world) newNode(c *luabind.Call, o serverOptions) *server {
	o.Redis = true
	return w.newServer(c, o)
}

// uniqueName is the ladder's name for a phone: "bob", and "bob 2" for a second one.
func (w *world) uniqueName(given, user, host string) string {
	name := given
	if name == "" {
		name = user
	}
	if name == "" {
		name = host
	}
	n := 0
	for _, p := range w.ladder.phones {
		if p.Name == name || strings.HasPrefix(p.Name, name+" ") {
			n++
		}
	}
	if n > 0 {
		name = fmt.Sprintf("%s %d", name, n+1)
	}
	return name
}

// linkOptions are those of t.link. What is not given is as it was at first: a delay of 1 ms and
// nothing else.
type linkOptions struct {
	Loss      float64       `lua:"loss" min:"0" max:"1" doc:"the share of datagrams that are lost, 0 to 1"`
	Duplicate float64       `lua:"duplicate" min:"0" max:"1" doc:"the share of datagrams that arrive twice, 0 to 1"`
	Delay     time.Duration `lua:"delay" doc:"seconds, one way"`
	Jitter    time.Duration `lua:"jitter" doc:"seconds: each datagram takes up to this much longer"`
	From      string        `lua:"from" doc:"only for datagrams from this address (needs to)"`
	To        string        `lua:"to" doc:"only for datagrams to this address (needs from)"`
}

// setLink is t.link{…}.
func (w *world) setLink(c *luabind.Call, o linkOptions) {
	l := sim.Link{Delay: o.Delay, Jitter: o.Jitter, Loss: o.Loss, Duplicate: o.Duplicate}
	switch {
	case (o.From == "") != (o.To == ""):
		c.Raise("give from and to, or neither")
	case o.From != "":
		w.sim.SetLinkBetween(addressArg(c, o.From).Addr().String(), addressArg(c, o.To).Addr().String(), l)
	default:
		w.sim.SetLink(l)
	}
}
