package nat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/nat"
	"github.com/sipscript/sipscript/modules/registrar"
)

const server = "203.0.113.1:5060"

type world struct {
	*luabindtest.World
	nat *nat.NAT
	reg *registrar.Registrar
}

func start(t testing.TB, script string, o nat.Options) *world {
	t.Helper()
	w := &world{nat: nat.New(o), reg: luabindtest.Must(registrar.New(registrar.Options{}))}
	w.World = luabindtest.New(t, "nat, registrar = require \"nat\", require \"registrar\"\n"+script, luabindtest.Modules(w.reg, w.nat),
		luabindtest.Engine(func(c *engine.Config) { c.Network = c.Clock.(*sim.World).Network("udp:"+server, "tcp:"+server) }))
	return w
}

// phone registers one behind a NAT of its own. It answers pings.
func (w *world) phone(n int) *sim.Phone { p, _ := w.behind(n); return p }

// behind is phone, with the NAT.
func (w *world) behind(n int) (*sim.Phone, *sim.NAT) {
	inside := fmt.Sprintf("10.0.%d.%d", n/250, n%250+2)
	nat := w.Sim.NAT(fmt.Sprintf("192.0.%d.%d", 10+n/250, n%250+2), inside)
	p := w.Peer(inside+":5060", nil)
	p.Server, p.User, p.Answers = server, fmt.Sprint("u", n), luabindtest.Always(200)
	p.Register("3600")
	return p, nat
}

func contact(p *sim.Phone) string { return "sip:" + p.User + "@" + p.Addr().String() }

func pings(p *sim.Phone) int { return len(p.Requests("OPTIONS")) }

const saving = `
sip.on("nat.lost", function(aor, binding) sip.shared("lost"):incr(aor .. " " .. tostring(binding.uri), 1, 0) end)
function route(req) if req.method == "REGISTER" then return registrar.save(req) end req:reply(200) end
`

// Each client behind a NAT is pinged once in each interval, at another time than the others; one
// that has stopped to answer is lost, one that never answered is not.
func TestKeepAlives(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 20, lost_after = 2 } }`+saving, nat.Options{})
	const phones = 200
	all := make([]*sim.Phone, phones)
	for n := range all {
		all[n] = w.phone(n)
	}
	silent, dies, leaves := all[0], all[1], all[2]
	silent.Answers = nil
	w.Run(200 * time.Second)
	perTick := map[time.Duration]int{}
	for _, p := range all {
		if n := len(p.Got); n < 9 || n > 11 || n != pings(p) || string(p.Got[0].RequestURI()) != contact(p) {
			t.Fatalf("%s got %d, first %s", p.User, n, p.Got[0].RequestURI())
		}
		var last time.Duration
		for _, in := range p.In {
			at := time.Duration(in.At)
			if last > 0 && (at-last < 19900*time.Millisecond || at-last > 20100*time.Millisecond) {
				t.Fatalf("%s was pinged after %v", p.User, at-last)
			}
			last = at
			perTick[at.Truncate(time.Second)]++
		}
	}
	for at, n := range perTick { // 10 each second; more than 30 has a probability of 1e-7
		if n > 30 {
			t.Errorf("%d pings at %v", n, at)
		}
	}
	if s := w.nat.Stats(); s.Kept != phones || s.Answered < (phones-1)*9 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}

	dies.Answers = nil
	leaves.Register("0")
	before := pings(leaves)
	w.Run(100 * time.Second)
	s := w.nat.Stats()
	if s.Lost != 1 || s.Kept != phones-2 || pings(leaves) > before {
		t.Errorf("%+v; the one that unregistered got %d", s, pings(leaves)-before)
	}
	got, err := w.Eval(`return sip.shared("lost"):get("sip:u1@example.com " .. "` + contact(dies) + `"), #registrar.bindings("sip:u1@example.com"), #registrar.bindings("sip:u0@example.com"), #sip.shared("lost"):keys()`)
	if err != nil || fmt.Sprint(got) != "[1 0 1 1]" {
		t.Errorf("%v %v", got, err)
	}
}

// A client that registers again is judged again, at its new address.
func TestKeepAlivesFollowTheNAT(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 10, lost_after = 2 } }`+saving, nat.Options{})
	p, nat := w.behind(1)
	w.Run(31 * time.Second)
	nat.Rebind()
	w.Run(15 * time.Second)
	p.Register("3600")
	p.Forget()
	w.Run(60 * time.Second)
	if s := w.nat.Stats(); pings(p) < 5 || s.Lost != 0 {
		t.Errorf("%d pings at the new address, %+v", pings(p), s)
	}
}

func TestKeepAliveMethodsAndPolicies(t *testing.T) {
	for _, c := range []struct {
		name, configure string
		quiet           bool
		sent            string // what begins a datagram; "" for nothing
		removed         bool
	}{
		{"OPTIONS", `nat.configure { keepalive = {} }`, false, "OPTIONS ", true},
		{"crlf", `nat.configure { keepalive = { method = "crlf" } }`, false, "\r\n\r\n", false},
		{"stun", `nat.configure { keepalive = { method = "stun" } }`, false, "\x00\x11\x00\x00\x21\x12\xa4\x42", false},
		{"none", ``, false, "", false},
		{"none without a table", `nat.configure { remove_lost = false }`, false, "", false},
		{"in a spec", `nat.configure { keepalive = {} }`, true, "", false},
		{"lost ones stay", `nat.configure { keepalive = {}, remove_lost = false }`, false, "OPTIONS ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, c.configure+saving, nat.Options{Quiet: c.quiet})
			var sent []string
			w.Sim.Trace(func(p sim.Packet) {
				if p.From.String() == server && !strings.HasPrefix(string(p.Bytes), "SIP/2.0") {
					sent = append(sent, string(p.Bytes))
				}
			})
			p := w.phone(1)
			w.Run(60 * time.Second)
			p.Answers = nil
			w.Run(120 * time.Second)
			if c.sent == "" && len(sent) > 0 || c.sent != "" && (len(sent) < 3 || !strings.HasPrefix(sent[0], c.sent)) {
				t.Errorf("%d sent: %.200q", len(sent), sent)
			}
			got, err := w.Eval(`return #registrar.bindings("sip:u1@example.com")`)
			if err != nil || fmt.Sprint(got) != map[bool]string{true: "[0]", false: "[1]"}[c.removed] {
				t.Errorf("bindings left: %v %v", got, err)
			}
		})
	}
}

// Answers from elsewhere, to another ping, or made up, are nobody's sign of life.
func TestKeepAliveAnswersOfOthers(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 10, lost_after = 2 } }`+saving, nat.Options{})
	p := w.phone(1)
	var ping *message.Message
	w.Sim.Trace(func(k sim.Packet) {
		if strings.HasPrefix(string(k.Bytes), "OPTIONS") {
			var m message.Message
			if m.Parse(k.Bytes, nil) == nil {
				ping = &m
			}
		}
	})
	w.Run(30 * time.Second)
	p.Answers = nil
	other := w.Sim.Phone(t, "198.51.100.9:5060", nil)
	for range 10 {
		w.Run(5 * time.Second)
		text := string(message.AppendResponse(nil, ping, 200, "", "x", nil, nil))
		other.Send(server, []byte(text))
		other.Send(server, []byte(strings.Replace(text, "z9hG4bKnat", "z9hG4bKnat0", 1)))
	}
	if s := w.nat.Stats(); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}

// An engine that stops sends nothing more, and a second one is served instead of the first.
func TestKeepAlivesEndWithTheEngine(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 5 } }`+saving, nat.Options{})
	p := w.phone(1)
	w.Run(20 * time.Second)
	if pings(p) < 3 {
		t.Fatalf("%d pings", pings(p))
	}
	if err := w.nat.Detach(t.Context(), w.Engine); err != nil {
		t.Fatal(err)
	}
	p.Forget()
	p.Register("3600")
	w.Run(30 * time.Second)
	if pings(p) > 0 {
		t.Errorf("%d pings after the end", pings(p))
	}
}
