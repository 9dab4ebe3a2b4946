package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// world runs a script, which has the local dispatch, without probes.
func world(t *testing.T, script string) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, "local dispatch = require \"dispatch\"\n"+script, luabindtest.Modules(dispatch.New(dispatch.Options{Quiet: true})))
}

// eval is what a chunk with the local dispatch returns.
func eval(t *testing.T, w *luabindtest.World, chunk string) string {
	t.Helper()
	out, err := w.Eval("local dispatch = require \"dispatch\"\n" + chunk)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(fmt.Sprintln(out...), "\n")
}

const three = `dispatch.configure { sets = { carriers = {
	{ next_hop = "sip:10.0.0.11", carrier = "one", attrs = { region = "eu" } }, "10.0.0.12", { next_hop = "sip:10.0.0.13:5070;transport=tcp", priority = 1, weight = 3 } } } }
`

func TestFunctions(t *testing.T) {
	for _, tt := range []struct{ name, chunk, want string }{
		{"targets", `local list = assert(dispatch.targets("carriers", { by = "round_robin" })) return #list, tostring(list[1]), list[3].next_hop`,
			"3 sip:10.0.0.12 sip:10.0.0.13:5070;transport=tcp"},
		{"eight unless it is said", `for i = 1, 10 do dispatch.add("carriers", "10.0.1." .. i) end return #dispatch.targets("carriers"), #dispatch.targets("carriers", { limit = 99 })`, "8 13"},
		{"limit", `return #dispatch.targets("carriers", { limit = 2 })`, "2"},
		{"select", `local g = dispatch.select("carriers", { by = "hash", key = "k" }) return g.set, g.priority`, "carriers 0"},
		{"fields", `dispatch.mark("carriers", "10.0.0.12", "disabled") local g = dispatch.select("carriers")
			return g.next_hop, g.address, g.carrier, g.attrs.region, g.weight, g.calls`, "sip:10.0.0.11 udp:10.0.0.11:5060 one eu 1 0"},
		{"none is up", `for _, g in ipairs(dispatch.list("carriers")) do dispatch.mark("carriers", g.uri, "draining") end return dispatch.targets("carriers")`,
			"<nil> no gateway of carriers is up"},
		{"select none", `for _, g in ipairs(dispatch.list()) do dispatch.mark("carriers", g.uri, "down") end return dispatch.select("carriers")`,
			"<nil> no gateway of carriers is up"},
		{"list", `dispatch.mark("carriers", "sip:10.0.0.12", "draining", 60) local out = {} for _, g in ipairs(dispatch.list()) do
			out[#out + 1] = g.uri .. " " .. g.state .. " " .. tostring(g.why) .. " " .. tostring(g.left) .. " " .. g.addresses[1].address end return table.concat(out, ", ")`,
			"sip:10.0.0.11 up nil nil udp:10.0.0.11:5060, sip:10.0.0.12 draining marked draining 60 udp:10.0.0.12:5060, sip:10.0.0.13:5070;transport=tcp up nil nil tcp:10.0.0.13:5070"},
		{"mark nobody", `return dispatch.mark("carriers", "sip:nobody", "down")`, "<nil> there is no such gateway in the set: sip:nobody"},
		{"add and remove", `dispatch.add("carriers", "sip:10.0.0.14") dispatch.add("carriers", { next_hop = "10.0.0.15", weight = 7 })
			dispatch.remove("carriers", "10.0.0.11") local out = {} for _, g in ipairs(dispatch.list("carriers")) do out[#out + 1] = g.uri .. "*" .. g.weight end
			return table.concat(out, " ")`, "sip:10.0.0.12*1 sip:10.0.0.13:5070;transport=tcp*3 sip:10.0.0.14*1 sip:10.0.0.15*7"},
		{"remove nobody", `return dispatch.remove("carriers", "sip:nobody")`, "<nil> there is no such gateway in the set: sip:nobody"},
		{"reload", `return dispatch.reload()`, "true"},
		{"an unknown set", `dispatch.targets("x")`, `dispatch.targets: there is no set "x"; the sets are carriers`},
		{"hash without a key", `dispatch.targets("carriers", { by = "hash" })`, `by = "hash" needs a key`},
		{"an unknown order", `dispatch.targets("carriers", { by = "luck" })`, `option by must be one of`},
		{"an unknown mark", `dispatch.mark("carriers", "sip:10.0.0.11", "gone")`, `"up", "down", "draining" or "disabled"`},
		{"not a gateway", `dispatch.add("carriers", { next = 1 })`, `unknown "next"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world(t, three+"function route(req) req:reply(404) end")
			if got := eval(t, w, tt.chunk); !strings.Contains(got, tt.want) {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestConfigureRefuses(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"no sets", `{}`, "option sets is required"},
		{"no list", `{ sets = { a = "x" } }`, `sets.a: expected a table, a function`},
		{"not a gateway", `{ sets = { a = { { next_hop = "sip:10.0.0.1", wieght = 2 } } } }`, `entry 1: unknown "wieght"`},
		{"no URI", `{ sets = { a = { "sip:10.0.0.1", "a b" } } }`, `entry 2: next_hop`},
		{"twice", `{ sets = { a = { "sip:10.0.0.1", "10.0.0.1" } } }`, `entry 2: sip:10.0.0.1 is in the list twice`},
		{"a header of ours", `{ sets = { a = { { next_hop = "h", headers = { Via = "x" } } } } }`, "Via"},
		{"a bad header", `{ sets = { a = { { next_hop = "h", headers = { X = true } } } } }`, "headers: X must be text"},
		{"a weight", `{ sets = { a = { { next_hop = "h", weight = -1 } } } }`, "weight: must be at least 0"},
		{"probes with INVITE", `{ sets = {}, probe = { method = "INVITE" } }`, "probe.method: INVITE needs a call"},
		{"too many probes", `{ sets = {}, probe = { interval = 0.01 } }`, "probe.interval must be at least 0.1"},
		{"codes", `{ sets = {}, probe = { ok = { "ok" } } }`, "probe.ok must be a list of final codes"},
		{"an address", `{ sets = {}, probe = { from = "x" } }`, "probe.from"},
		{"a layout", `{ sets = { a = { url = "sqlite:x", layout = "asterisk", setid = 1 } } }`, `there is no layout "asterisk"`},
		{"no setid", `{ sets = { a = { url = "sqlite:x", layout = "kamailio" } } }`, "sets.a: setid is missing"},
		{"a bad setid", `{ sets = { a = { url = "sqlite:x", layout = "kamailio", setid = "x" } } }`, "setid must be a whole number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := luabindtest.Try(t, `require("dispatch").configure `+tt.options+` function route() end`, luabindtest.Modules(dispatch.New(dispatch.Options{})))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

// relays is a script that relays to the set, as the page says.
const relays = three + `
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(dispatch.targets("carriers", { by = "round_robin" }), OPTIONS)
end`

// A list carries its order and failover; options override it.
func TestListsAreSerial(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		codes         [3]int // of the gateways; 0: silence
		want          string
	}{
		{"a 503", "nil", [3]int{486, 503, 486}, "12 11"},
		{"all", "nil", [3]int{504, 500, 502}, "12 11 13"},
		{"silence", "{ reply_timeout = 1 }", [3]int{486, 0, 486}, "12 11"},
		{"the answer of whoever was called", "nil", [3]int{486, 404, 486}, "12"},
		{"all at once", `{ order = "parallel" }`, [3]int{486, 486, 486}, "11 12 13"},
		{"other codes", `{ failover = { 404 } }`, [3]int{503, 404, 486}, "12 11"},
		{"serial, said again", `{ order = "serial" }`, [3]int{486, 404, 486}, "12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world(t, strings.Replace(relays, "OPTIONS", tt.options, 1))
			asked := map[string]bool{}
			var order []string
			for i, code := range tt.codes {
				addr := fmt.Sprintf("10.0.0.%d:5060", 11+i)
				if i == 2 {
					addr = "10.0.0.13:5070"
				}
				w.Peer(addr, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
					if !m.IsRequest() || m.Method() != message.MethodInvite {
						return
					}
					if name := fmt.Sprint(11 + i); !asked[name] {
						asked[name] = true
						order = append(order, name)
					}
					if code != 0 {
						luabindtest.Answering(code)(p, m, in)
					}
				})
			}
			w.Send(w.Request("INVITE", "sip:+49301234@example.com", "", ""))
			w.Run(5 * time.Second)
			if tt.name == "all at once" {
				order = sorted(order)
			}
			if got := strings.Join(order, " "); got != tt.want {
				t.Errorf("asked %s, want %s\n%s", got, tt.want, w.Log())
			}
		})
	}
}

func sorted(list []string) []string {
	out := append([]string(nil), list...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}
