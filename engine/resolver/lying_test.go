package resolver

// This file tests servers that lie: wrong names, loops, floods, forgeries.

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

// saying answers a question with these records.
func saying(records ...string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		out := new(dns.Msg).SetReply(m)
		for _, s := range records {
			out.Answer = append(out.Answer, rr(s))
		}
		w.WriteMsg(out)
	}
}

func TestRecordsThatDoNotFit(t *testing.T) {
	const evil = "evil.example.net. 60 IN A 192.0.2.66"
	tests := []struct {
		name    string
		records []string
		want    string
	}{
		{"of another name", []string{evil, "x.example.com. 60 IN A 192.0.2.1"}, "udp 192.0.2.1:5060"},
		{"only of another name", []string{evil}, "A x.example.com: no records"},
		{"of another type", []string{"x.example.com. 60 IN TXT a", "x.example.com. 60 IN AAAA 2001:db8::66"}, "no records"},
		{"of another class", []string{"x.example.com. 60 CH A 192.0.2.66"}, "no records"},
		{"beside the chain", []string{"x.example.com. 60 IN CNAME y.example.com.", "y.example.com. 60 IN A 192.0.2.1", "x.example.com. 60 IN A 192.0.2.66"}, "udp 192.0.2.1:5060"},
		{"no address at all", []string{"x.example.com. 60 IN A 0.0.0.0"}, "no records"},
		{"the same twice", []string{"x.example.com. 60 IN A 192.0.2.1", "X.example.COM. 60 IN A 192.0.2.1"}, "udp 192.0.2.1:5060"},
		{"an alias of itself", []string{"x.example.com. 60 IN CNAME x.example.com."}, "a loop"},
		{"a loop", []string{"x.example.com. 60 IN CNAME y.example.com.", "y.example.com. 60 IN CNAME x.example.com."}, "a loop"},
		{"an alias of no name", []string{`x.example.com. 60 IN CNAME a\013b.example.com.`}, "no records"},
		{"a long chain", chain(9), "a loop, or a chain that is too long"},
		{"a chain", append(chain(8), "n8.example.com. 60 IN A 192.0.2.1"), "udp 192.0.2.1:5060"},
	}
	for _, test := range tests {
		s := serve(t, "")
		s.on("x.example.com", dns.TypeA, saying(test.records...))
		o := options(newClock(), s.addr)
		o.Family = OnlyIPv4
		r := start(t, o)
		peers, _, err := resolve(r, Query{Host: "x.example.com", Port: 5060})
		if got := strings.Join(list(peers), "|"); err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %s %v, want %s", test.name, got, err, test.want)
		}
	}
}

func chain(n int) []string {
	out := []string{"x.example.com. 60 IN CNAME n1.example.com."}
	for i := 1; i < n; i++ {
		out = append(out, fmt.Sprintf("n%d.example.com. 60 IN CNAME n%d.example.com.", i, i+1))
	}
	return out
}

// A chain that leads out of its message is followed by more questions, and no longer than any.
func TestChainOverMessages(t *testing.T) {
	s := serve(t, "")
	step := func(w dns.ResponseWriter, m *dns.Msg) {
		var n int
		name := m.Question[0].Name
		fmt.Sscanf(name, "n%d.", &n)
		saying(fmt.Sprintf("%s 60 IN CNAME n%d.example.com.", name, n+1))(w, m)
	}
	for i := range 20 {
		s.on(fmt.Sprintf("n%d.example.com", i), dns.TypeA, step)
	}
	o := options(newClock(), s.addr)
	o.Family = OnlyIPv4
	r := start(t, o)
	_, _, err := resolve(r, Query{Host: "n0.example.com", Port: 5060})
	if !errors.Is(err, ErrFailed) || len(s.questions()) != maxAliases+1 {
		t.Errorf("%v", err)
	}
	s.on("n3.example.com", dns.TypeA, saying("n3.example.com. 60 IN A 192.0.2.1"))
	if peers, _, err := resolve(r, Query{Host: "n1.example.com", Port: 5060}); err != nil || len(peers) != 1 {
		t.Errorf("%v %v", list(peers), err)
	}
}

func TestFloods(t *testing.T) {
	s := serve(t, "s.example.com. 60 IN A 192.0.2.1")
	var addrs, srvs, naptrs []string
	for i := range 600 {
		addrs = append(addrs, fmt.Sprintf("a.example.com. 60 IN A 192.0.%d.%d", i/256, i%256))
		srvs = append(srvs, fmt.Sprintf("_sip._udp.example.com. 60 IN SRV %d 1 5060 t%d.example.com.", 600-i, i))
		naptrs = append(naptrs, fmt.Sprintf(`example.com. 60 IN NAPTR %d 1 "s" "SIP+D2U" "" _sip._udp.n%d.example.com.`, i, i))
		s.on(fmt.Sprintf("t%d.example.com", i), dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
			var many []string
			for j := range 20 {
				many = append(many, fmt.Sprintf("%s 60 IN A 10.0.%d.%d", m.Question[0].Name, i%256, j+1))
			}
			saying(many...)(w, m)
		})
	}
	s.on("a.example.com", dns.TypeA, overTCP(saying(addrs...)))
	s.on("_sip._udp.example.com", dns.TypeSRV, overTCP(saying(srvs...)))
	s.on("example.com", dns.TypeNAPTR, overTCP(saying(naptrs...)))
	o := options(newClock(), s.addr)
	o.Kinds = []transport.Kind{transport.UDP}
	r := start(t, o)
	if peers, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060}); err != nil || len(peers) != maxAddresses {
		t.Errorf("%d addresses, %v", len(peers), err)
	}
	s.questions()
	if peers, _, err := resolve(r, Query{Host: "example.com", Kind: transport.UDP}); err != nil || len(peers) != maxPeers {
		t.Errorf("%d peers, %v", len(peers), err)
	}
	if n := len(s.questions()); n > 1+1+2*maxTargets { // one more for TCP
		t.Errorf("%d questions", n)
	}
	resolve(r, Query{Host: "example.com"})
	if n := len(s.questions()); n > 2+maxServices+2 {
		t.Errorf("%d questions for NAPTR", n)
	}
}

// overTCP sends clients of UDP to TCP.
func overTCP(f dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		if w.RemoteAddr().Network() == "udp" {
			out := new(dns.Msg).SetReply(m)
			out.Truncated = true
			w.WriteMsg(out)
			return
		}
		f(w, m)
	}
}

func TestSRVRecordsThatDoNotFit(t *testing.T) {
	s := serve(t, "s.example.com. 60 IN A 192.0.2.1")
	s.on("_sip._udp.x.example.com", dns.TypeSRV, saying(
		"_sip._udp.x.example.com. 60 IN SRV 1 0 0 s.example.com.",
		`_sip._udp.x.example.com. 60 IN SRV 1 0 5060 a\032b.example.com.`,
		"_sip._udp.x.example.com. 60 IN SRV 1 0 5060 192.0.2.66.",
		"_sip._udp.x.example.com. 60 IN SRV 1 0 5060 .",
		"_sip._udp.y.example.com. 60 IN SRV 1 0 5066 s.example.com.",
		"_sip._udp.x.example.com. 60 IN SRV 9 0 5061 s.example.com."))
	r := start(t, options(newClock(), s.addr))
	peers, _, err := resolve(r, Query{Host: "x.example.com", Kind: transport.UDP})
	if err != nil {
		t.Error(err)
	}
	same(t, "peers", list(peers), []string{"udp 192.0.2.1:5061"})
}

// Datagrams that are not an answer to the question are skipped, and the true one is still taken
// (RFC 5452 §9).
func TestForgeries(t *testing.T) {
	forge := func(change func(*dns.Msg)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, m *dns.Msg) {
			out := new(dns.Msg).SetReply(m)
			out.Answer = []dns.RR{rr("x.example.com. 60 IN A 192.0.2.66")}
			change(out)
			w.Write([]byte("not DNS at all, but long enough"))
			w.Write([]byte("short"))
			w.WriteMsg(out)
			saying("x.example.com. 60 IN A 192.0.2.1")(w, m)
		}
	}
	for name, change := range map[string]func(*dns.Msg){
		"id":           func(m *dns.Msg) { m.Id++ },
		"name":         func(m *dns.Msg) { m.Question[0].Name = "y.example.com." },
		"type":         func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"class":        func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"no question":  func(m *dns.Msg) { m.Question = nil },
		"not answer":   func(m *dns.Msg) { m.Response = false },
		"other opcode": func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "")
			s.on("x.example.com", dns.TypeA, forge(change))
			o := options(newClock(), s.addr)
			o.Family = OnlyIPv4
			r := start(t, o)
			peers, _, err := resolve(r, Query{Host: "x.example.com", Port: 5060})
			if got := strings.Join(list(peers), "|"); got != "udp 192.0.2.1:5060" {
				t.Errorf("%s: %s %v", name, got, err)
			}
		})
	}
}

// A server that sends nothing but strays is given up.
func TestStraysOnly(t *testing.T) {
	s, good := serve(t, ""), serve(t, zone)
	s.on("s2.example.com", dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
		for range maxStrays {
			w.Write([]byte("stray"))
		}
	})
	o := options(newClock(), s.addr, good.addr)
	o.Family = OnlyIPv4
	r := start(t, o)
	if peers, _, err := resolve(r, Query{Host: "s2.example.com", Port: 5060}); err != nil || len(peers) != 2 {
		t.Errorf("%v %v", list(peers), err)
	}
}

// Over TCP a wrong answer ends the attempt.
func TestForgeryOverTCP(t *testing.T) {
	s, good := serve(t, ""), serve(t, zone)
	s.on("s2.example.com", dns.TypeA, overTCP(func(w dns.ResponseWriter, m *dns.Msg) {
		out := new(dns.Msg).SetReply(m)
		out.Id++
		w.WriteMsg(out)
	}))
	var n atomic.Int32
	good.on("s2.example.com", dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
		n.Add(1)
		saying("s2.example.com. 60 IN A 192.0.2.2")(w, m)
	})
	o := options(newClock(), s.addr, good.addr)
	o.Family = OnlyIPv4
	r := start(t, o)
	if peers, _, err := resolve(r, Query{Host: "s2.example.com", Port: 5060}); err != nil || len(peers) != 1 || n.Load() != 1 {
		t.Errorf("%v %v", list(peers), err)
	}
}

// Whatever a message holds, reading it keeps the bounds.
func FuzzRead(f *testing.F) {
	for _, records := range [][]string{chain(9), {"x.example.com. 60 IN A 192.0.2.1", `x.example.com. 60 IN NAPTR 1 1 "s" "SIP+D2U" "" a.b.`, "x.example.com. 60 IN SRV 1 2 3 a.b."}} {
		m := new(dns.Msg).SetQuestion("x.example.com.", dns.TypeA)
		for _, s := range records {
			m.Answer = append(m.Answer, rr(s))
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m dns.Msg
		if m.Unpack(b) != nil {
			return
		}
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeNAPTR} {
			state := reading{name: "x.example.com", ttl: 1<<31 - 1}
			done := state.read(&m, qtype)
			a := &state.answer
			n := len(a.addrs) + len(a.srvs) + len(a.naptrs)
			if len(a.addrs) > maxAddresses || len(a.srvs) > maxTargets || len(a.naptrs) > maxServices || state.aliases > maxAliases+1 {
				t.Fatalf("out of bounds: %+v", state)
			}
			if done && (a.err == nil) != (n > 0 || a.refused) || !done && (n > 0 || state.aliases == 0) || state.ttl > 1<<31-1 {
				t.Fatalf("done %v: %+v", done, state)
			}
			for _, s := range a.srvs {
				if c, ok := canonical(s.target); !ok || c != s.target || s.port == 0 {
					t.Fatalf("bad target %q", s.target)
				}
			}
		}
	})
}
