package dispatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// gateway is a peer that answers INVITEs with a code (0: with nothing) and keeps what came.
type gateway struct {
	code int
	got  []*message.Message
}

func newGateway(w *luabindtest.World, addr string, code int) *gateway {
	g := &gateway{code: code}
	w.Peer(addr, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if !m.IsRequest() || m.Method() == message.MethodAck {
			return
		}
		g.got = append(g.got, m)
		if g.code != 0 || m.Method() == message.MethodBye {
			code := g.code
			if m.Method() == message.MethodBye {
				code = 200
			}
			p.Reply(m, in, code, "Contact: <sip:gw@"+addr+">\r\n")
		}
	})
	return g
}

// calls relays with record_route.
const calls = `
function route(req)
  if req.in_dialog then return req:relay() end
  if sip.args.record ~= "no" then req:record_route() end
  req:relay(dispatch.targets("carriers"))
end`

// What an entry says about its requests.
func TestWhatEntriesChange(t *testing.T) {
	for _, tt := range []struct{ name, entry, uri, want, header string }{
		{"nothing", `{ next_hop = "sip:10.0.0.11" }`, "sip:+49301@example.com;user=phone", "sip:+49301@example.com;user=phone", ""},
		{"the host", `{ next_hop = "sip:10.0.0.11", rewrite = "host" }`, "sip:+49301@example.com;user=phone", "sip:+49301@10.0.0.11;user=phone", ""},
		{"the URI", `{ next_hop = "sip:conf@10.0.0.11:5060", rewrite = "uri" }`, "sip:+49301@example.com", "sip:conf@10.0.0.11:5060", ""},
		{"headers", `{ next_hop = "10.0.0.11", headers = { ["X-Carrier"] = "one", Subject = false } }`, "sip:b@example.com", "sip:b@example.com", "one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world(t, `dispatch.configure { sets = { carriers = { `+tt.entry+` } } }`+calls)
			g := newGateway(w, "10.0.0.11:5060", 486)
			w.Send(w.Request("INVITE", tt.uri, "Subject: x\r\n", ""))
			w.Run(time.Second)
			if len(g.got) == 0 {
				t.Fatal(w.Log())
			}
			m := g.got[0]
			if got := string(m.RequestURI()); got != tt.want {
				t.Errorf("Request-URI %s, want %s", got, tt.want)
			}
			if got := string(m.HeaderName("X-Carrier")); got != tt.header || tt.header != "" && m.Header(message.HeaderSubject) != nil {
				t.Errorf("X-Carrier %q\n%s", got, m.Header(message.HeaderSubject))
			}
		})
	}
}

// A gateway has as many calls as it may; the next one follows, and a call that ends makes room.
func TestMaxCalls(t *testing.T) {
	w := world(t, `dispatch.configure { sets = { carriers = { { next_hop = "sip:10.0.0.11", max_calls = 2 }, { next_hop = "sip:10.0.0.12", priority = 1, max_calls = 1 } } } }`+calls)
	one, two := newGateway(w, "10.0.0.11:5060", 200), newGateway(w, "10.0.0.12:5060", 200)
	var res [5]*message.Message
	for i := range res {
		res[i] = w.Send(w.Request("INVITE", "sip:b@example.com", "", ""))
	}
	if len(one.got) != 2 || len(two.got) != 1 {
		t.Errorf("%d and %d calls", len(one.got), len(two.got))
	}
	if code := res[4].Status(); code != 500 { // what a 503 of ours is to a caller (§16.7)
		t.Errorf("the fifth: %d", code)
	}
	state := `local out = {} for _, g in ipairs(dispatch.list()) do out[#out + 1] = g.calls end return table.concat(out, " ")`
	if got := eval(t, w, state); got != "2 1" {
		t.Errorf("calls %s", got)
	}
	var routes []string
	for rr := res[0].Elements(message.HeaderRecordRoute); rr.Next(); {
		routes = append([]string{string(rr.Value)}, routes...)
	}
	bye := strings.Replace(string(w.Request("BYE", "sip:gw@10.0.0.11:5060", "Route: "+strings.Join(routes, ", ")+"\r\n", "")),
		"To: <sip:gw@10.0.0.11:5060>", "To: <sip:b@example.com>;tag="+string(res[0].ToTag()), 1)
	bye = strings.NewReplacer(callID(bye), string(res[0].CallID()), "tag=from6", "tag="+string(res[0].FromTag())).Replace(bye)
	if m := w.Send([]byte(bye)); m.Status() != 200 {
		t.Fatalf("BYE: %d\n%s", m.Status(), bye)
	}
	w.Run(time.Second)
	if got := eval(t, w, state); got != "1 1" {
		t.Errorf("calls %s after a BYE", got)
	}
}

func callID(text string) string {
	_, rest, _ := strings.Cut(text, "Call-ID: ")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}

// The cause of a full gateway is "full", and a call that is not record-routed cannot be counted.
func TestFullAndUncounted(t *testing.T) {
	for _, tt := range []struct{ name, relay, want string }{
		{"full", `req:record_route() req:relay(dispatch.targets("carriers"), { on_failure = function(res) req:reply(503, res.cause) end })`, "503 full"},
		{"not record-routed", `local ok, err = pcall(req.relay, req, dispatch.targets("carriers")) req:reply(403, err:match("[^:]*record_route") and "raised")`, "403 raised"},
		{"fewest calls", `local ok, err = pcall(req.relay, req, dispatch.targets("free", { by = "least_calls" })) req:reply(403, err:match("[^:]*record_route") and "raised")`, "403 raised"},
		{"stateless", `req:record_route() local ok, err = pcall(req.forward, req, dispatch.select("carriers")) req:reply(403, err:match("[^:]*record_route") and "raised")`, "403 raised"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world(t, `dispatch.configure { sets = { free = { "sip:10.0.0.12" }, carriers = { { next_hop = "sip:10.0.0.11", max_calls = 1 } } } }
				function route(req) if req.ruri.user == "first" then req:record_route() return req:relay(dispatch.targets("carriers")) end `+tt.relay+` end`)
			newGateway(w, "10.0.0.11:5060", 0)
			w.Peer("10.0.0.3:5060", nil).Send(luabindtest.Addr, w.Request("INVITE", "sip:first@example.com", "", ""))
			w.Run(100 * time.Millisecond)
			res := w.Send(w.Request("INVITE", "sip:b@example.com", "", ""))
			if got := fmt.Sprintf("%d %s", res.Status(), res.ReasonPhrase()); got != tt.want {
				t.Errorf("%s, want %s\n%s", got, tt.want, w.Log())
			}
		})
	}
}

func TestIsFrom(t *testing.T) {
	w := world(t, `dispatch.configure { sets = { carriers = { { next_hop = "sip:10.0.0.2:5070", carrier = "other port" }, { next_hop = "sip:10.0.0.2", carrier = "one" } }, empty = {} } }
		function route(req)
			local g = dispatch.is_from(req, "carriers")
			dispatch.mark("carriers", "sip:10.0.0.2", "disabled")
			req:reply(g and g.carrier == "one" and dispatch.is_from(req, "carriers") and not dispatch.is_from(req, "empty") and 200 or 403)
		end`)
	if code := w.Code("OPTIONS", "sip:example.com"); code != 200 {
		t.Errorf("%d\n%s", code, w.Log())
	}
}

// Handlers hear of gateways that went down and came back, with the reason.
func TestEvents(t *testing.T) {
	w := world(t, `dispatch.configure { sets = { carriers = { "sip:10.0.0.11;transport=tcp" } }, passive = { within = 10 } }
		local heard = sip.shared("heard")
		sip.on("dispatch.down", function(set, uri, why) heard:set("down", set .. " " .. uri .. " " .. why) end)
		sip.on("dispatch.up", function(set, uri, why) heard:set("up", set .. " " .. uri .. " " .. why) end)`+calls)
	w.Send(w.Request("INVITE", "sip:b@example.com", "", ""))
	w.Run(time.Second)
	if got := eval(t, w, `return sip.shared("heard"):get("down")`); got != "carriers sip:10.0.0.11;transport=tcp connect: connection refused" {
		t.Errorf("down: %s", got)
	}
	w.Run(11 * time.Second)
	if got := eval(t, w, `return sip.shared("heard"):get("up")`); got != "carriers sip:10.0.0.11;transport=tcp it is tried again" {
		t.Errorf("up: %s", got)
	}
}

// States survive a reload of the script and of the list; a list that cannot be read changes
// nothing.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateways.csv")
	write := func(text string) {
		if err := os.WriteFile(path, []byte("next_hop,weight\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sip:10.0.0.11,1\nsip:10.0.0.12,1\n")
	d := dispatch.New(dispatch.Options{Quiet: true})
	w := luabindtest.New(t, fmt.Sprintf(`local dispatch = require "dispatch" dispatch.configure { sets = { carriers = "file:%s" } }
		function route(req) req:reply(404) end`, path), luabindtest.Modules(d))
	state := `local out = {} for _, g in ipairs(dispatch.list()) do out[#out + 1] = g.uri:sub(-2) .. g.state .. g.weight end return table.concat(out, " ")`
	for _, step := range []struct {
		name string
		do   func() string
		want string
	}{
		{"mark", func() string { return eval(t, w, `return dispatch.mark("carriers", "sip:10.0.0.12", "draining")`) }, "11up1 12draining1"},
		{"the script", func() string { return fmt.Sprint(w.Router.Reload(t.Context())) }, "11up1 12draining1"},
		{"the list", func() string {
			write("sip:10.0.0.12,7\nsip:10.0.0.13,1\n")
			return eval(t, w, `return dispatch.reload("carriers")`)
		}, "12draining7 13up1"},
		{"a bad list", func() string { write("sip:10.0.0.12,x\n"); return eval(t, w, `return dispatch.reload("carriers")`) }, "12draining7 13up1"},
	} {
		t.Run(step.name, func(t *testing.T) {
			said := step.do()
			if step.name == "a bad list" && !strings.Contains(said, "gateways.csv:2: weight") {
				t.Error(said)
			}
			if got := eval(t, w, state); got != step.want {
				t.Errorf("%s, want %s (%s)", got, step.want, said)
			}
		})
	}
	if n := len(d.Sets()); n != 1 {
		t.Errorf("%d sets", n)
	}
}
