package transaction

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

// Matching of requests (§17.2.3) and routing of responses (§18.2.2).

func TestBranchMatching(t *testing.T) {
	via := func(sentBy, branch string) req {
		return req{via: "SIP/2.0/UDP " + sentBy + ";branch=" + branch}
	}
	first := via("host.example.com:5060", "z9hG4bKaB1")
	for _, c := range []struct {
		name string
		q    req
		same bool
	}{
		{"the same", first, true},
		{"case of branch", via("host.example.com:5060", "Z9HG4BKAb1"), true}, // §7.3.1
		{"case of host", via("HOST.example.com:5060", "z9hG4bKaB1"), true},
		{"default port", via("host.example.com", "z9hG4bKaB1"), true}, // §18.2.2
		{"spaces", req{via: "SIP / 2.0 / UDP host.example.com : 5060 ; branch = z9hG4bKaB1"}, true},
		{"a Via below", req{via: first.via + "\r\nVia: SIP/2.0/UDP other;branch=z9hG4bKx"}, true},
		{"port", via("host.example.com:5061", "z9hG4bKaB1"), false},
		{"host", via("host2.example.com:5060", "z9hG4bKaB1"), false},
		{"branch", via("host.example.com:5060", "z9hG4bKaB2"), false},
		{"method", req{method: "OPTIONS", via: first.via}, false},
		{"extension method", req{method: "FROB", via: first.via}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.receive(first.String())
			r.receive(c.q.String())
			if same := len(r.user.requests) == 1; same != c.same {
				t.Errorf("%s: same %v", c.name, same)
			}
		})
	}
	r := newRig(t, Options{})
	r.receive(req{method: "FROB"}.String())
	r.receive(req{method: "FRIB"}.String())
	r.receive(req{method: "FROB"}.String())
	if len(r.user.requests) != 2 {
		t.Error("extension methods", len(r.user.requests))
	}
}

// oldVia is a Via of an RFC 2543 sender.
const oldVia = "SIP/2.0/UDP 198.51.100.7:5062"

func TestRFC2543Matching(t *testing.T) {
	for _, via := range []string{oldVia, oldVia + ";branch=1", oldVia + ";branch=z9hG4bK"} {
		first := req{via: via}
		for _, c := range []struct {
			name string
			q    req
			same bool
		}{
			{"the same", req{via: via}, true},
			{"other headers", req{via: via, extra: "Subject: x\r\n"}, true},
			{"Request-URI", req{via: via, uri: "sip:carol@example.com"}, false},
			{"To tag", req{via: via, to: "<sip:bob@example.com>;tag=x"}, false},
			{"From tag", req{via: via, from: "<sip:alice@example.com>;tag=x"}, false},
			{"Call-ID", req{via: via, callID: "call-2"}, false},
			{"CSeq number", req{via: via, cseq: 2}, false},
			{"topmost Via", req{via: via + ";x=y"}, false},
			{"method", req{via: via, method: "OPTIONS"}, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newRig(t, Options{})
				r.receive(first.String())
				r.receive(c.q.String())
				if same := len(r.user.requests) == 1; same != c.same {
					t.Errorf("%s: same %v", c.name, same)
				}
			})
		}
	}
}

// The ACK of an RFC 2543 sender matches by the To tag of the response it acknowledges; that of a
// 2xx goes through.
func TestRFC2543Ack(t *testing.T) {
	// At first, and within a dialog
	for _, to := range []string{"<sip:bob@example.com>", "<sip:bob@example.com>;tag=b1"} {
		r := newRig(t, Options{})
		q := req{via: oldVia, to: to}
		s := r.arrive(q)
		r.reply(s, 486)
		res := r.take()[0].text
		wrong := q
		wrong.method, wrong.to = "ACK", "<sip:bob@example.com>;tag=zzz"
		if a := r.arrive(wrong); !a.Stateless || s.State() != Completed {
			t.Error("ACK with another To tag", s.State())
		}
		r.receive(ackOf(q, res).String())
		if s.State() != Confirmed || len(r.user.requests) != 2 {
			t.Error(to, s.State(), len(r.user.requests))
		}
	}
	r := newRig(t, Options{})
	q := req{via: oldVia}
	s := r.arrive(q)
	ok := respond(render(s.Req), 200, "b1")
	r.do(func() { s.Respond(parse(t, ok)) })
	if a := r.arrive(ackOf(q, ok)); !a.Stateless || s.State() != Accepted {
		t.Error("ACK of a 2xx")
	}
}

func TestRFC2543Cancel(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{via: oldVia})
	r.receive(req{method: "CANCEL", via: oldVia}.String())
	r.took("SIP/2.0 200 OK")
	if len(r.user.cancelled) != 1 || r.user.cancelled[0] != s {
		t.Error(len(r.user.cancelled))
	}
}

// Where responses go, and from where (§18.2.2, RFC 3581 §4).
func TestReplyTo(t *testing.T) {
	for _, c := range []struct {
		via  string
		kind transport.Kind
		want string
	}{
		{"SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK1", transport.UDP, "198.51.100.7:5062"},
		{"SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1", transport.UDP, "198.51.100.7:5060"},
		{"SIP/2.0/UDP host.example.com:5080;branch=z9hG4bK1", transport.UDP, "198.51.100.7:5080"},
		{"SIP/2.0/UDP host.example.com:5080;branch=z9hG4bK1;rport", transport.UDP, "198.51.100.7:34567"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;rport;maddr=203.0.113.80", transport.UDP, "198.51.100.7:34567"}, // somebody else's
		{"SIP/2.0/UDP host;branch=z9hG4bK1;maddr=203.0.113.80", transport.UDP, "198.51.100.7:5060"},
		{"SIP/2.0/UDP 203.0.113.80:5080;branch=z9hG4bK1", transport.UDP, "198.51.100.7:5080"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;rport;maddr=198.51.100.7", transport.UDP, "198.51.100.7:5080"}, // its own
		{"SIP/2.0/UDP host;branch=z9hG4bK1;maddr=[::ffff:198.51.100.7]", transport.UDP, "198.51.100.7:5060"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;maddr=224.0.1.75", transport.UDP, "224.0.1.75:5080"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;maddr=255.255.255.255", transport.UDP, "198.51.100.7:5080"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;maddr=name.example.com", transport.UDP, "198.51.100.7:5080"},
		{"SIP/2.0/UDP host:5080;branch=z9hG4bK1;received=203.0.113.99", transport.UDP, "198.51.100.7:5080"}, // a lie
		{"SIP/2.0/TCP host;branch=z9hG4bK1;maddr=203.0.113.80", transport.TCP, "198.51.100.7:5060"},
		{"SIP/2.0/TCP host:5080;branch=z9hG4bK1;rport", transport.TCP, "198.51.100.7:5080"},
		{"SIP/2.0/TLS host.example.com;branch=z9hG4bK1", transport.TLS, "198.51.100.7:5061"},
		{"SIP/2.0/WS x.invalid;branch=z9hG4bK1", transport.WS, "198.51.100.7:80"},
	} {
		t.Run(c.via, func(t *testing.T) {
			r := newRig(t, Options{})
			here := netip.MustParseAddr("192.0.2.77") // of a listener bound to a wildcard
			s := r.arrive(req{via: c.via}, c.kind, mustAddr("198.51.100.7:34567"), here)
			to := s.ReplyTo()
			if to.LocalIP != here || s.From.LocalIP != here {
				t.Error(c.via, to.LocalIP)
			}
			if to.Addr != mustAddr(c.want) || to.Kind != c.kind || to.Local != s.From.Local || to.Local.Kind != c.kind {
				t.Errorf("%s: %v", c.via, to)
			}
			if c.kind.Reliable() != (to.Flow == 77) || to.FlowOnly != (c.kind == transport.WS) {
				t.Errorf("%s: flow %v %v", c.via, to.Flow, to.FlowOnly)
			}
			if (c.kind == transport.TLS) != (to.ServerName == "host.example.com") {
				t.Errorf("%s: %q", c.via, to.ServerName)
			}
			if s.From.Msg != nil {
				t.Error("From.Msg")
			}
			r.reply(s, 404)
			if got := r.take()[0].to; got != to {
				t.Error(got)
			}
		})
	}
}

// The Via of a trusted source is believed, in answers with and without a transaction.
func TestTrustVia(t *testing.T) {
	const via = "SIP/2.0/UDP host:5080;branch=z9hG4bK1;rport;maddr=203.0.113.80"
	for source, want := range map[string]string{
		"198.51.100.7:34567": "203.0.113.80:5080", "[::ffff:198.51.100.8]:5060": "203.0.113.80:5080", "192.0.2.200:34567": "192.0.2.200:34567",
	} {
		t.Run(source, func(t *testing.T) {
			r := newRig(t, Options{TrustVia: netip.MustParsePrefix("198.51.100.0/24").Contains})
			s := r.arrive(req{via: via}, transport.UDP, mustAddr(source))
			if s.ReplyTo().Addr.String() != want {
				t.Errorf("%s: %v", source, s.ReplyTo().Addr)
			}
			a := Arrival{Msg: mustParse(req{via: via, callID: "other"}.String()), Kind: transport.UDP, Source: mustAddr(source), Local: s.From.Local}
			r.take()
			r.do(func() {
				if err := r.layer.Reply(&a, 400, "", nil); err != nil {
					t.Error(err)
				}
			})
			if got := r.take(); len(got) != 1 || got[0].to.Addr.String() != want {
				t.Errorf("%s: %v", source, got)
			}
		})
	}
}

// ACKs of 2xx are forwarded with a Via and no transaction (§16.11).
func TestForward(t *testing.T) {
	r := newRig(t, Options{})
	m := parse(t, req{method: "ACK"}.String())
	r.do(func() {
		if err := r.layer.Forward(m, peerOf(transport.TCP), "z9hG4bKfwd"); err != nil {
			t.Error(err)
		}
		if err := r.layer.Forward(m, peerOf(transport.WSS), "z9hG4bKfwd"); err == nil {
			t.Error("no listener")
		}
		r.wire.fail = errWire
		if err := r.layer.Forward(m, peerOf(transport.UDP), "z9hG4bKfwd"); err == nil {
			t.Error("no error")
		}
	})
	s := r.took("ACK sip:bob@example.com SIP/2.0")[0]
	if !strings.Contains(s.text, "\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKfwd;rport\r\nVia: SIP/2.0/UDP 198") || s.to.Local != r.wire.locals[1] {
		t.Error(s.text)
	}
	if render(m) != (req{method: "ACK"}).String() {
		t.Error("the request was changed")
	}
	r.empty()
}
