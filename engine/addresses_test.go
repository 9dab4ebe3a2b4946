package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

func twoServers(c *engine.Config, w *sim.World) {
	c.Resolver = names(w, 0, map[string]string{"pbx.example": "udp:10.0.0.3:5060 udp:10.0.0.4:5060"})
}

// RFC 3263 §4.3: a 503 from one address of a name tries the next; a final response of another kind
// does not.
func Test503TriesTheNextAddress(t *testing.T) {
	for _, code := range []int{503, 404} {
		b := newBenchWith(t, 1, relayTo(to("sip:b@pbx.example"), nil), twoServers)
		one, two := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.send("INVITE")
		one.reply(one.expect("INVITE"), code, "")
		one.expect("ACK")
		if code == 503 {
			two.reply(two.expect("INVITE"), 200, "Contact: <sip:b@10.0.0.4>\r\n")
			c.ph.expect("200")
		} else {
			c.ack(c.ph.expect("404"))
		}
		b.quiet()
		if code == 404 && len(two.got) != 0 {
			t.Errorf("the second address got %v after a 404 of the first", two.lines())
		}
	}
}

// A proxy that said 100 before its 503 has failed like another; a phone that rang was asked.
func Test503AfterAProvisional(t *testing.T) {
	for _, first := range []int{100, 183} {
		b := newBenchWith(t, 1, relayTo(to("sip:b@pbx.example"), nil), twoServers)
		one, two := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.send("INVITE")
		inv := one.expect("INVITE")
		one.reply(inv, first, "")
		one.reply(inv, 503, "")
		if first == 100 {
			two.reply(two.expect("INVITE"), 486, "")
			two.expect("ACK")
			c.ack(c.ph.expect("486"))
		} else {
			c.ack(c.ph.expect("500"))
		}
		b.quiet()
		if len(two.got) > 0 {
			t.Errorf("after %d and 503: %v", first, two.lines())
		}
	}
}

// fates is a resolver that is told how addresses fare.
type fates struct {
	*resolver
	told []string
}

func (f *fates) Failed(p *transport.Peer)    { f.told = append(f.told, "-"+p.Addr.String()) }
func (f *fates) Succeeded(p *transport.Peer) { f.told = append(f.told, "+"+p.Addr.String()) }

// The resolver is told of each address that was tried: that one answered 503 is not a success, and
// the next one that is silent has failed.
func TestResolverIsToldOfEachAddress(t *testing.T) {
	f := &fates{}
	b := newBenchWith(t, 1, relayTo(to("sip:b@pbx.example"), nil), func(c *engine.Config, w *sim.World) {
		f.resolver = names(w, 0, map[string]string{"pbx.example": "udp:10.0.0.3:5060 udp:10.0.0.4:5060 udp:10.0.0.5:5060"})
		c.Resolver = f
	})
	one, three := b.phone("10.0.0.3:5060"), b.phone("10.0.0.5:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := one.expect("INVITE")
	one.reply(inv, 100, "")
	one.reply(inv, 503, "")
	three.reply(three.expect("INVITE"), 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
	if want := []string{"+10.0.0.3:5060", "-10.0.0.4:5060", "+10.0.0.5:5060"}; !slices.Equal(f.told, want) {
		t.Errorf("told %v, want %v", f.told, want)
	}
}

// §18.1.1: what is too large for UDP goes by TCP, and by UDP where TCP is refused, which is
// remembered.
func TestLargeRequestsGoByTCP(t *testing.T) {
	b := newBench(t, 1, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.extra = "Subject: " + strings.Repeat("x", 1500) + "\r\n"
	c.send("INVITE")
	inv := bob.expect("INVITE")
	via, err := inv.msg.TopVia()
	if err != nil || inv.p.Kind != transport.TCP || string(via.Transport) != "TCP" {
		t.Errorf("came over %s, Via says %s (%v)", inv.p.Kind, via.Transport, err)
	}
	bob.reply(inv, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

func TestLargeRequestsFallBackToUDP(t *testing.T) {
	b := newBench(t, 1, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	var kinds []transport.Kind
	var bob *sim.Host
	bob = b.w.HostOf("10.0.0.3:5060", func(p sim.Packet) {
		m := parse(t, string(p.Bytes))
		if m.Method() == message.MethodInvite {
			kinds = append(kinds, p.Kind)
			bob.Answer(p, message.AppendResponse(nil, m, 486, "", "x", nil, nil))
		}
	}, transport.UDP)
	alice := b.phone("10.0.0.2:5060")
	refused := 0
	for i := range 2 {
		c := alice.call("c"+string(rune('1'+i)), "sip:bob@example.com")
		c.extra = "Subject: " + strings.Repeat("x", 1500) + "\r\n"
		before := b.w.Elapsed()
		c.send("INVITE")
		r := alice.expect("486")
		if r.at-before > 100*time.Millisecond {
			t.Errorf("after %v", r.at-before)
		}
		c.ack(r)
		if refused != 0 && b.w.Stats().Unreachable != refused {
			t.Error("TCP was tried again")
		}
		refused = b.w.Stats().Unreachable
	}
	if !slices.Equal(kinds, []transport.Kind{transport.UDP, transport.UDP}) || refused == 0 {
		t.Errorf("came over %v, %d refused", kinds, refused)
	}
	b.quiet()
}

// A server that refuses a large request by TCP is not asked the same by UDP.
func TestLargeRequestRefusedByTCP(t *testing.T) {
	for _, code := range []int{503, 0} {
		b := newBenchWith(t, 1, relayTo(to("sip:b@pbx.example"), nil), twoServers)
		one, two := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.extra = "Subject: " + strings.Repeat("x", 1500) + "\r\n"
		c.send("INVITE")
		if inv := one.expect("INVITE"); code != 0 {
			one.reply(inv, code, "")
			one.expect("ACK")
		}
		inv := two.expect("INVITE")
		two.reply(inv, 486, "")
		c.ack(c.ph.expect("486"))
		b.quiet()
		if inv.p.Kind != transport.TCP || len(one.got) != 0 {
			t.Errorf("%d: the second server got it by %s, the first one then got %v", code, inv.p.Kind, one.lines())
		}
	}
}

// Each address of a name is tried by TCP first, though that of one before it was refused.
func TestLargeRequestToTheNextAddress(t *testing.T) {
	b := newBenchWith(t, 1, relayTo(to("sip:b@pbx.example"), nil), twoServers)
	var one *sim.Host
	one = b.w.HostOf("10.0.0.3:5060", func(p sim.Packet) {
		if m := parse(t, string(p.Bytes)); m.Method() == message.MethodInvite {
			one.Answer(p, message.AppendResponse(nil, m, 503, "", "x", nil, nil))
		}
	}, transport.UDP)
	two := b.phone("10.0.0.4:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.extra = "Subject: " + strings.Repeat("x", 1500) + "\r\n"
	c.send("INVITE")
	inv := two.expect("INVITE")
	if inv.p.Kind != transport.TCP {
		t.Errorf("came over %s", inv.p.Kind)
	}
	two.reply(inv, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.6 step 4: the Record-Route of a sips request is a sips URI, and requests of the dialog follow
// it.
func TestSipsRecordRoute(t *testing.T) {
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sips:bob@10.0.0.3:5061"), nil)
		return err
	}, func(c *engine.Config, w *sim.World) { c.Network = w.Network("udp:10.0.0.1:5060", "tls:10.0.0.1:5061") })
	alice, bob := b.phone("10.0.0.2:5061"), b.phone("10.0.0.3:5061")
	c := alice.call("c1", "sips:bob@example.com")
	secure := func(text string) {
		b.w.Do(func() {
			if err := alice.Stream(transport.TLS, "10.0.0.1:5061", []byte(strings.Replace(text, "SIP/2.0/UDP", "SIP/2.0/TLS", 1))); err != nil {
				t.Error(err)
			}
		})
	}
	secure(c.request("INVITE"))
	inv := bob.expect("INVITE")
	rr := elements(inv.msg, message.HeaderRecordRoute)
	if inv.p.Kind != transport.TLS || len(rr) != 2 || !strings.HasPrefix(rr[0], "<sips:10.0.0.1:5061;lr;r2=on;s=") ||
		!strings.HasPrefix(rr[1], "<sips:") || !strings.Contains(rr[1], "@10.0.0.1:5061;lr;r2=on;s=") {
		t.Fatalf("over %s, Record-Route %q", inv.p.Kind, rr)
	}
	bob.reply(inv, 200, "Contact: <sips:bob@10.0.0.3:5061>\r\n")
	ok := alice.expect("200")
	c.uri, c.toTag, c.branch, c.cseq, c.extra = "sips:bob@10.0.0.3:5061", string(ok.msg.ToTag()), 1, 1, callersRoutes(ok.msg)
	secure(c.request("BYE"))
	bye := bob.expect("BYE")
	if bye.p.Kind != transport.TLS {
		t.Errorf("the BYE came over %s", bye.p.Kind)
	}
	bob.reply(bye, 200, "")
	alice.expect("200")
	b.quiet()
}
