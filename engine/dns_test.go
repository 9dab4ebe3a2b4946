package engine_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	engineresolver "github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transaction"
)

// startNames is a DNS server on loopback that knows these records.
func startNames(t *testing.T, records ...string) string {
	t.Helper()
	var known []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, rr)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for _, rr := range known {
			if h := rr.Header(); h.Name == q.Question[0].Name && h.Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = s.ActivateAndServe() }() // ends with Shutdown
	t.Cleanup(func() { _ = s.Shutdown() })
	return c.LocalAddr().String()
}

// A name with two servers by SRV: the first is dead, the second gets the call, within one
// transaction of the caller's (RFC 3263 §4.3).
func TestNameWithADeadServer(t *testing.T) {
	t.Parallel() // it waits
	caller, dead, alive := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	port := func(l *line) int { return l.LocalAddr().(*net.UDPAddr).Port }
	server := startNames(t,
		fmt.Sprintf("_sip._udp.pbx.test. 60 IN SRV 1 0 %d a.pbx.test.", port(dead)),
		fmt.Sprintf("_sip._udp.pbx.test. 60 IN SRV 2 0 %d a.pbx.test.", port(alive)),
		"a.pbx.test. 60 IN A 127.0.0.1")
	eng := onSockets(t, 5*time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, DNS: engineresolver.Options{Servers: []string{server}},
		Timers: transaction.Timers{T1: 40 * time.Millisecond}, MaxDelay: -1, Router: relayTo(to("sip:bob@pbx.test"), nil)})
	for i := range 2 {
		text := fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKdns%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: dns%d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", caller.LocalAddr(), i, i)
		if _, err := caller.WriteToUDPAddrPort([]byte(text), eng.Locals()[0].Addr); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			dead.read("INVITE sip:bob@pbx.test")
		}
		inv := alive.read("INVITE sip:bob@pbx.test")
		res := fmt.Appendf(nil, "SIP/2.0 404 Not Found\r\nVia: %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=x\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
			inv.Value(inv.Find(inv.ID(0), 0)), inv.Value(1), inv.HeaderName("From"), inv.HeaderName("To"), inv.CallID())
		if _, err := alive.WriteToUDPAddrPort(res, eng.Locals()[0].Addr); err != nil {
			t.Fatal(err)
		}
		caller.read("404")
	}
	// The second call did not ask the dead one first: it is in quarantine.
	// What was sent is there already
	_ = dead.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		buf := make([]byte, 65536)
		n, _, err := dead.ReadFromUDPAddrPort(buf)
		if err != nil {
			break
		}
		if m := parse(t, string(buf[:n])); string(m.CallID()) == "dns1" {
			t.Error("the dead server was asked first again")
			break
		}
	}
}
