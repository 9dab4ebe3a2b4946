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

// phone is one behind a NAT of its own that registers, and counts what comes.
type phone struct {
	*sim.Phone
	nat      *sim.NAT
	answers  bool
	got      []string
	at       []time.Duration
	contact  string
	sequence int
}

func (w *world) phone(n int) *phone {
	p := &phone{answers: true}
	inside := fmt.Sprintf("10.0.%d.%d", n/250, n%250+2)
	p.contact = "sip:u" + fmt.Sprint(n) + "@" + inside + ":5060"
	p.nat = w.Sim.NAT(fmt.Sprintf("192.0.%d.%d", 10+n/250, n%250+2), inside)
	p.Phone = w.Sim.Phone(w.T, inside+":5060", func(_ *sim.Phone, m *message.Message, in sim.Packet) {
		if !m.IsRequest() {
			return
		}
		p.got = append(p.got, string(m.MethodText())+" "+string(m.RequestURI()))
		p.at = append(p.at, w.Sim.Elapsed())
		if p.answers {
			p.Reply(m, in, 200, "")
		}
	})
	p.register(3600)
	return p
}

func (p *phone) register(expires int) {
	p.sequence++
	user := strings.TrimPrefix(p.contact[:strings.IndexByte(p.contact, '@')], "sip:")
	p.Send(server, fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=1\r\n"+
		"To: <sip:%s@example.com>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\nContact: <%s>\r\nExpires: %d\r\nContent-Length: 0\r\n\r\n", p.Addr(), user, p.sequence, user, user, user, p.sequence, p.contact, expires))
}

const saving = `
sip.on("nat.lost", function(aor, binding) sip.shared("lost"):incr(aor .. " " .. tostring(binding.uri), 1, 0) end)
function route(req) if req.method == "REGISTER" then return registrar.save(req) end req:reply(200) end
`

// Each client behind a NAT is pinged once in each interval, at another time than the others; one
// that has stopped to answer is lost, one that never answered is not.
func TestKeepAlives(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 20, lost_after = 2 } }`+saving, nat.Options{})
	const phones = 200
	all := make([]*phone, phones)
	for n := range all {
		all[n] = w.phone(n)
	}
	silent, dies, leaves := all[0], all[1], all[2]
	silent.answers = false
	w.Run(200 * time.Second)
	perTick := map[time.Duration]int{}
	for n, p := range all {
		if len(p.got) < 9 || len(p.got) > 11 || p.got[0] != "OPTIONS "+p.contact {
			t.Fatalf("phone %d got %d: %q", n, len(p.got), p.got)
		}
		for i, at := range p.at {
			if i > 0 && (at-p.at[i-1] < 19900*time.Millisecond || at-p.at[i-1] > 20100*time.Millisecond) {
				t.Fatalf("phone %d was pinged after %v", n, at-p.at[i-1])
			}
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

	dies.answers = false
	leaves.register(0)
	before := len(leaves.got)
	w.Run(100 * time.Second)
	s := w.nat.Stats()
	if s.Lost != 1 || s.Kept != phones-2 || len(leaves.got) > before {
		t.Errorf("%+v; the one that unregistered got %d", s, len(leaves.got)-before)
	}
	got, err := w.Eval(`return sip.shared("lost"):get("sip:u1@example.com " .. "` + dies.contact + `"), #registrar.bindings("sip:u1@example.com"), #registrar.bindings("sip:u0@example.com"), #sip.shared("lost"):keys()`)
	if err != nil || fmt.Sprint(got) != "[1 0 1 1]" {
		t.Errorf("%v %v", got, err)
	}
}

// A client that registers again is judged again, at its new address.
func TestKeepAlivesFollowTheNAT(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 10, lost_after = 2 } }`+saving, nat.Options{})
	p := w.phone(1)
	w.Run(31 * time.Second)
	p.nat.Rebind()
	w.Run(15 * time.Second)
	p.register(3600)
	p.got = nil
	w.Run(60 * time.Second)
	if s := w.nat.Stats(); len(p.got) < 5 || s.Lost != 0 {
		t.Errorf("%d pings at the new address, %+v", len(p.got), s)
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
			p.answers = false
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
	p.answers = false
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
	if len(p.got) < 3 {
		t.Fatalf("%d pings", len(p.got))
	}
	if err := w.nat.Detach(t.Context(), w.Engine); err != nil {
		t.Fatal(err)
	}
	p.got = nil
	p.register(3600)
	w.Run(30 * time.Second)
	if len(p.got) > 0 {
		t.Errorf("%d pings after the end", len(p.got))
	}
}
