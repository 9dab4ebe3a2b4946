package transaction

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestInviteClientRefusedOverUDP(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{extra: "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n", body: "v=0"}, transport.UDP, &o)
	inv := r.took("INVITE sip:bob@example.com SIP/2.0")[0]
	if !strings.HasPrefix(inv.text, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch="+c.Branch()+";rport\r\nVia: SIP/2.0/UDP 198.51.100.7:5062") {
		t.Fatalf("Via:\n%s", inv.text)
	}
	r.receive(respond(inv.text, 180, "b1"))
	r.receive(respond(inv.text, 486, "b1"))
	r.took("ACK sip:bob@example.com SIP/2.0")
	r.advance(33 * time.Second)
	r.empty()
	if len(o.codes) != 2 || o.codes[1] != 486 {
		t.Fatal(o.codes)
	}
}

func TestInviteServerRefusedOverUDP(t *testing.T) {
	r := newRig(t, Options{})
	invite := req{}.String()
	r.receive(invite)
	s := r.user.requests[0]
	held := s.Req
	r.advance(204 * time.Millisecond)
	r.took("SIP/2.0 100 Trying")
	r.do(func() {
		if err := s.Reply(404, "", nil, nil); err != nil {
			t.Error(err)
		}
	})
	res := r.took("SIP/2.0 404 Not Found")[0]
	if s.Req != nil || !strings.Contains(render(held), "received=198.51.100.7") {
		t.Error("Req", render(held))
	}
	r.advance(1600 * time.Millisecond)
	r.took("SIP/2.0 404 Not Found", "SIP/2.0 404 Not Found")
	to := res.text[strings.Index(res.text, "To: ")+4:]
	to = to[:strings.Index(to, "\r\n")]
	r.receive(strings.Replace(req{method: "ACK", to: to}.String(), "INVITE", "ACK", 1))
	r.advance(6 * time.Second)
	r.took()
	r.empty()
	if len(r.user.requests) != 1 {
		t.Error("ACK got through")
	}
}
