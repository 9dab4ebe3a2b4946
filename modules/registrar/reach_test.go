package registrar

// This file tests how clients are reached: behind NATs, over connections, by a Path.

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestReach(t *testing.T) {
	const nat = "198.51.100.77:31024"
	natVia, ownVia := "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;rport", "SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK1"
	for _, c := range []struct {
		name, contact, via, source string
		kind                       transport.Kind
		received                   string
		flow                       transport.FlowID
	}{
		{"no NAT", "sip:bob@198.51.100.77:5062", ownVia, nat, transport.UDP, "", 0},
		{"NAT", "sip:bob@10.0.0.5", natVia, nat, transport.UDP, "udp:" + nat, 0},
		{"NAT, and a Via that knows better", "sip:bob@10.0.0.5", ownVia, nat, transport.UDP, "udp:" + nat, 0},
		{"NAT of a carrier", "sip:bob@100.64.3.4", ownVia, nat, transport.UDP, "udp:" + nat, 0},
		{"NAT, the contact's host rewritten", "sip:bob@198.51.100.77:5060", natVia, nat, transport.UDP, "udp:" + nat, 0},
		{"NAT, the hosts of contact and Via rewritten", "sip:bob@198.51.100.77", ownVia + ";rport", nat, transport.UDP, "udp:" + nat, 0},
		{"NAT, all rewritten", "sip:bob@198.51.100.77:31024", "SIP/2.0/UDP 198.51.100.77:31024;branch=z9hG4bK1;rport", nat, transport.UDP, "", 0},
		{"no NAT, another port for sending", "sip:bob@198.51.100.77", ownVia, nat, transport.UDP, "", 0},
		{"an inner network", "sip:bob@10.0.0.5", natVia, "10.0.0.5:5060", transport.UDP, "", 0},
		{"from one inner network to another", "sip:bob@192.168.0.5", "SIP/2.0/UDP 192.168.0.5:5060;branch=z9hG4bK1", "10.0.0.5:5060", transport.UDP, "udp:10.0.0.5:5060", 0},
		{"on somebody's behalf", "sip:bob@203.0.113.9", ownVia, nat, transport.UDP, "", 0},
		{"a client that knows no address", "sip:bob@0.0.0.0", ownVia, nat, transport.UDP, "udp:" + nat, 0},
		{"a name", "sip:bob@pc.example.net", natVia, nat, transport.UDP, "", 0},
		{"a name nobody has", "sip:bob@df7jal23ls0d.INVALID", natVia, nat, transport.UDP, "udp:" + nat, 0},
		{"a name nobody has, in full", "sip:bob@df7jal23ls0d.invalid.", natVia, nat, transport.UDP, "udp:" + nat, 0},
		{"IPv6", "sip:bob@[2001:DB8::7]:5062", "SIP/2.0/UDP [2001:db8::7];branch=z9hG4bK1", "[2001:db8::7]:9", transport.UDP, "", 0},
		{"IPv6, inner", "sip:bob@[fd00::7]", "SIP/2.0/UDP [fd00::7];branch=z9hG4bK1", "[2001:db8::7]:9", transport.UDP, "udp:[2001:db8::7]:9", 0},
		{"IPv4 in IPv6", "sip:bob@198.51.100.77", ownVia, "[::ffff:198.51.100.77]:31024", transport.UDP, "", 0},
		{"through a proxy", "sip:bob@10.0.0.5", "SIP/2.0/UDP p.example.net;branch=z9hG4bK2, " + natVia, nat, transport.UDP, "", 0},
		{"a connection", "sip:bob@198.51.100.77:5060;transport=tcp", ownVia, nat, transport.TCP, "tcp:" + nat, 7},
		{"a connection through a NAT", "sip:bob@10.0.0.5;transport=tls", natVia, nat, transport.TLS, "tls:" + nat, 7},
		{"a connection of a browser", "sip:bob@df7jal23ls0d.invalid;transport=ws", "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK1", nat, transport.WSS, "wss:" + nat, 7},
		{"a connection, on somebody's behalf", "sip:bob@203.0.113.9", ownVia, nat, transport.TCP, "", 0},
		{"a connection, but reached by UDP", "sip:bob@198.51.100.77;transport=UDP", ownVia, nat, transport.TCP, "", 0},
		{"no SIP", "mailto:bob@example.com", ownVia, nat, transport.TCP, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Policy{})
			from := &Origin{Source: netip.MustParseAddrPort(c.source), Transport: c.kind, Socket: "the listener"}
			if c.kind != transport.UDP {
				from.Flow = 7
			}
			m := reg{via: c.via, contacts: list("<" + c.contact + ">")}.message(t)
			if res := b.Process(context.Background(), m, from, home, b.now); res.Code != 200 {
				t.Fatal(res.Code, res.Err)
			}
			got := b.lookup(t, bob)[0]
			if got.Received() != c.received || got.Flow() != c.flow {
				t.Errorf("received %q, flow %d; want %q, %d", got.Received(), got.Flow(), c.received, c.flow)
			}
			target := got.Target()
			if target.URI != c.contact || target.Received != c.received || target.Flow != c.flow || target.Value != got {
				t.Errorf("target %+v", target)
			}
			if socket := target.FromSocket; (socket != "") != (c.received != "" && c.flow == 0) {
				t.Errorf("socket %q, received %q: the NAT lets in only what comes from the listener it knows", socket, c.received)
			}
		})
	}
}

func TestPath(t *testing.T) {
	contact := list("<sip:bob@10.0.0.5>")
	path := list("Path: <sip:p1.example.net;lr>, \"Edge, 2\" <sip:p2.example.net;lr>;x=1", "Path: <sip:p3.example.net;lr>")
	want := list("<sip:p1.example.net;lr>", `"Edge, 2" <sip:p2.example.net;lr>;x=1`, "<sip:p3.example.net;lr>")

	b := newBench(t, Policy{})
	res := b.send(t, reg{contacts: contact, headers: append(path, "Supported: gruu, path")})
	if got := res.header("Path"); res.Code != 200 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d, Path %q", res.Code, got)
	}
	found := b.lookup(t, bob)[0]
	if !reflect.DeepEqual(found.Path(), want) || !reflect.DeepEqual(found.Target().Path, want) {
		t.Errorf("path %q", found.Path())
	}
	if found.Received() != "" || found.Flow() != 0 {
		t.Errorf("received %q, flow %d: the Path says it all", found.Received(), found.Flow())
	}
	// The client did not say that it understands: the Path is kept, or nothing would reach it, and
	// not shown.
	res = b.send(t, reg{callID: "2", contacts: contact, headers: path})
	if got := res.header("Path"); res.Code != 200 || got != nil || len(b.lookup(t, bob)[0].Path()) != 3 {
		t.Errorf("%d, Path %q", res.Code, got)
	}
	for _, bad := range list("Path: nonsense", "Path: *", "Path: <tel:+1>", "Path: <sip:"+strings.Repeat("p", 2100)+">") {
		if res = b.send(t, reg{callID: "3", contacts: contact, headers: list(bad)}); res.Code != 400 {
			t.Errorf("%.40s: %d", bad, res.Code)
		}
	}

	b = newBench(t, policyOf(func(p *Policy) { p.UsePath = false }))
	res = b.send(t, reg{contacts: contact, headers: append(path, "Supported: path")})
	if res.Code != 200 || res.header("Path") != nil || b.lookup(t, bob)[0].Path() != nil {
		t.Errorf("NoPath: %d, Path %q", res.Code, res.header("Path"))
	}
	if res = b.send(t, reg{cseq: 2, headers: list("Require: path")}); res.Code != 420 {
		t.Errorf("NoPath, Require: path: %d", res.Code)
	}
}

// TestBinding: what is packed comes out again, and folds and controls never reach an answer.
func TestBinding(t *testing.T) {
	b := newBench(t, Policy{})
	res := b.send(t, reg{contacts: list("<sip:bob@192.0.2.4> ;q = 0.5\r\n ;+sip.instance=\"<urn:uuid:0\r\n 1>\";reg-id=3 ; expires=60;;x"),
		headers: list("User-Agent: Phone\r\n\t1.0 " + strings.Repeat("x", 200))})
	if got := res.header("Contact"); res.Code != 200 || got[0] != `<sip:bob@192.0.2.4>;q=0.5;+sip.instance="<urn:uuid:0 1>";reg-id=3;x;expires=60` {
		t.Fatalf("%d %v: %q", res.Code, res.Err, got)
	}
	x := b.lookup(t, bob)[0]
	if x.Instance() != "urn:uuid:0 1" || x.RegID() != 3 || x.Q() != 0.5 || x.CSeq() != 1 || x.CallID() != "843817637684230@998sdasdh09" ||
		!strings.HasPrefix(x.UserAgent(), "Phone 1.0 xxx") || len(x.UserAgent()) > maxUserAgent {
		t.Errorf("%+v", x.Record())
	}
	rec := Record{Contact: "sip:a@b", Params: ";x", Q: 0.25, CallID: "id", CSeq: 9, UserAgent: "ua", Path: list("<sip:p;lr>", "<sip:q;lr>"),
		Received: "udp:192.0.2.1:5", Socket: "s", Flow: 4, Expires: start.Local(), Updated: start.Local()}
	if got := NewBinding(&rec).Record(); !reflect.DeepEqual(got, rec) {
		t.Errorf("%+v\nbecame\n%+v", rec, got)
	}
}
