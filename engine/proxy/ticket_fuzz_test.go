package proxy

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// fuzzWire is a wire of one listener on which nothing is sent.
type fuzzWire struct {
	transport.Wire
	locals []*transport.Local
}

func (w *fuzzWire) Locals() []*transport.Local { return w.locals }

func fuzzCore() *Core {
	local := &transport.Local{Kind: transport.UDP, Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060", Name: "udp:10.0.0.1:5060"}
	return &Core{Env: &Env{
		Signer: NewSigner([32]byte{1}, [32]byte{2}, [32]byte{3}, [32]byte{4}),
		Wire:   &fuzzWire{locals: []*transport.Local{local}},
		IsLocal: func(host []byte, port uint16, _ []byte) bool {
			return string(host) == "10.0.0.1" && (port == 0 || port == 5060)
		},
		Wall: func() time.Time { return time.Unix(1800000000, 0) }, RouteLifetime: time.Hour,
	}}
}

// FuzzTickets has anybody write Record-Route, Contact, Route, Request-URI and Via: nothing panics,
// no request that holds no ticket passes, and a message stays one that can be read.
func FuzzTickets(f *testing.F) {
	const ours = "<sip:10.0.0.1:5060;lr;r2=on;s=60p01-461xn3v3f3b2vmbj1pgdc-28gpn24dvfg5vny2x;x=1>"
	f.Add(ours, "<sip:a@b>", "sip:b@c", "z9hG4bK-0011223344556677-0000000013c40a000002", uint8(0))
	f.Add(ours+","+ours, "*", "sip:10.0.0.1;lr", "z9hG4bK-", uint8(1))
	f.Add(" , <>, \"x\" <sip:[::1];maddr=10.0.0.1;s;lr>", "<sip:a@[::ffff:1.2.3.4]:5>,<x:>", "sip:x@[::];maddr=10.0.0.1;transport=udp", "", uint8(2))
	f.Add("<sip:t@10.0.0.1;lr;s="+string(bytes.Repeat([]byte{'0'}, ticketChars))+";a=!0;b=!;c=%41>", "sip:a@b;x", "tel:+1", "x", uint8(3))
	c := fuzzCore()
	f.Fuzz(func(t *testing.T, routes, contact, uri, branch string, how uint8) {
		if bytes.ContainsAny([]byte(routes+contact+uri+branch), "\r\n\x00") || bytes.ContainsAny([]byte(uri+branch), " \t") {
			t.Skip("no header can hold it")
		}
		via := "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=" + branch + "\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKx\r\n"
		rest := via + "Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: " + contact +
			"\r\nRecord-Route: " + routes + "\r\nRoute: " + routes + "\r\nContent-Length: 0\r\n\r\n"
		start := "SIP/2.0 " + []string{"180 x", "200 OK", "486 Busy", "302 Moved"}[how%4] + "\r\n"
		if how&4 != 0 {
			start = "INVITE " + uri + " SIP/2.0\r\n"
		}
		var m message.Message
		if m.Parse([]byte(start+rest), &message.Limits{}) != nil {
			return
		}
		if own, err := m.TopVia(); err == nil {
			if to, ok := c.wayBack(own.Branch(), &own, m.CallID(), 1); ok {
				t.Fatalf("a way back to %v that nobody signed", to)
			}
		}
		if !m.IsRequest() {
			c.sealAnswer(&m, &transport.Peer{})
		} else {
			x := Context{core: c, Req: &m, Server: &transaction.Server{}}
			x.Server.From.Kind = transport.UDP
			x.follow()
			if x.Signed {
				t.Fatalf("passes: %s", m.AppendTo(nil))
			}
			side := side{local: c.Wire.Locals()[0]}
			x.writeRecordRoute(&m, &side, &side, ";x=1")
		}
		var again message.Message
		if err := again.Parse(m.AppendTo(nil), &message.Limits{}); err != nil {
			t.Fatalf("%v in\n%s", err, m.AppendTo(nil))
		}
	})
}
