package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// What RFC 3261 §16.3 to §16.6 and RFC 5393 ask of a request on its way through.
// docs/conformance.md names these tests.

// elements are the values of a header, one by one.
func elements(m *message.Message, id message.HeaderID) (values []string) {
	for e := m.Elements(id); e.Next(); {
		values = append(values, string(e.Value))
	}
	return values
}

// without is the text less the lines that begin so.
func without(text string, names ...string) string {
	var lines []string
	for _, l := range strings.SplitAfter(text, "\r\n") {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(l, n) }) {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "")
}

// §16.6 step 1: what the proxy has no business with goes on as it came, in order, body and all.
func TestCopyKeepsOrderUnknownHeadersAndBody(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	body := "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\n"
	text := strings.Replace(c.request("INVITE"), "Content-Length: 0\r\n\r\n",
		"X-Odd :  a ,b\r\nRequire: foo\r\nSupported: x\r\nx-odd: c\r\nSubject: two\r\n  lines\r\nContent-Type: application/sdp\r\n"+
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 1)
	c.ph.Send(proxyAddr, []byte(text))
	ib := bob.expect("INVITE sip:b@10.0.0.3:5060")
	own := []string{"INVITE ", "Via: ", "Max-Forwards: ", "Max-Breadth: "}
	if got, want := without(string(ib.p.Bytes), own...), without(text, own...); got != want {
		t.Errorf("went on as\n%s\nfor\n%s", got, want)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.6 step 2, §19.1.1: method= and headers may not be in a Request-URI.
func TestRequestURIIsRidOfWhatMayNotStandThere(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:b@10.0.0.3:5060;method=INVITE;x=1?Subject=hi": "sip:b@10.0.0.3:5060;x=1",
		"sip:b;method=u@10.0.0.3:5060;x;Method=BYE":        "sip:b;method=u@10.0.0.3:5060;x",
		"sip:b@10.0.0.3:5060;methods=1":                    "sip:b@10.0.0.3:5060;methods=1",
	} {
		t.Run(uri, func(t *testing.T) {
			b, c, bob, _ := trio(t, relayTo(to(uri), nil))
			c.send("INVITE")
			ib := bob.expect("INVITE")
			if got := string(ib.msg.RequestURI()); got != want {
				t.Errorf("%s went out as %s, want %s", uri, got, want)
			}
			bob.reply(ib, 486, "")
			c.ack(c.ph.expect("486"))
			b.quiet()
		})
	}
}

// §16.6 step 3.
func TestMaxForwardsIsAddedWhereMissing(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.ph.Send(proxyAddr, []byte(without(c.request("INVITE"), "Max-Forwards")))
	ib := bob.expect("INVITE")
	if got := string(ib.msg.Header(message.HeaderMaxForwards)); got != "70" {
		t.Errorf("Max-Forwards %q", got)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.6 step 4: ours comes before those of others; and never in a REGISTER, whose 200 must not make
// a route of it.
func TestRecordRouteStandsFirst(t *testing.T) {
	route := func(r *engine.Request) error {
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	}
	b, c, bob, _ := trio(t, route)
	c.extra = "Record-Route: <sip:10.0.0.9;lr>\r\n"
	c.send("INVITE")
	ib := bob.expect("INVITE")
	rr := elements(ib.msg, message.HeaderRecordRoute)
	if len(rr) != 2 || !strings.Contains(rr[0], "10.0.0.1") || !strings.Contains(rr[0], ";lr") || rr[1] != "<sip:10.0.0.9;lr>" {
		t.Errorf("Record-Route %q", rr)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	c.extra, c.branch = "", 1
	c.send("REGISTER")
	ib = bob.expect("REGISTER")
	if ib.msg.Header(message.HeaderRecordRoute) != nil {
		t.Error("a REGISTER was record-routed")
	}
	bob.reply(ib, 200, "")
	c.ph.expect("200")
	b.quiet()
}

// §16.6 step 9.
func TestContentLengthIsAddedOnStreams(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060;transport=tcp"), nil))
	text := without(c.request("INVITE"), "Content-Length")
	c.ph.Send(proxyAddr, []byte(strings.TrimSuffix(text, "\r\n")+"Content-Type: text/plain\r\n\r\nhello"))
	ib := bob.expect("INVITE")
	if got := string(ib.msg.Header(message.HeaderContentLength)); ib.p.Kind != transport.TCP || got != "5" || string(ib.msg.Body()) != "hello" {
		t.Errorf("over %s, Content-Length %q, body %q", ib.p.Kind, got, ib.msg.Body())
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.4: a maddr that names us has done its work, where the request came in as the URI says.
func TestMaddrOfOursIsStripped(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:bob@example.com;maddr=10.0.0.1":                    "sip:bob@example.com",
		"sip:bob@example.com:5060;x=1;maddr=10.0.0.1;y?Subject": "sip:bob@example.com:5060;x=1;y?Subject",
		"sip:bob@example.com;transport=udp;maddr=example.com":   "sip:bob@example.com",
		"sip:bob@example.com;maddr=10.0.0.1;transport=tcp":      "sip:bob@example.com;maddr=10.0.0.1;transport=tcp",
		"sip:bob@example.com:5070;maddr=10.0.0.1":               "sip:bob@example.com:5070;maddr=10.0.0.1",
		"sip:bob@example.com;maddr=10.0.0.9":                    "sip:bob@example.com;maddr=10.0.0.9",
		"sips:bob@example.com;maddr=10.0.0.1":                   "sips:bob@example.com;maddr=10.0.0.1",
	} {
		t.Run(uri, func(t *testing.T) {
			got := ""
			b := newBench(t, 1, func(r *engine.Request) error {
				got = string(r.Message().RequestURI())
				_, err := r.Reply(486, "", nil)
				return err
			})
			c := b.phone("10.0.0.2:5060").call("c1", uri)
			c.send("INVITE")
			c.ack(c.ph.expect("486"))
			if got != want {
				t.Errorf("%s was routed as %s, want %s", uri, got, want)
			}
			b.quiet()
		})
	}
}

// §16.4: our name in Route is us too; only the first entry goes, and an entry without our signature
// vouches for nothing.
func TestOwnRoutesAreRemovedOneAtATime(t *testing.T) {
	var seen []string
	b := newBench(t, 1, func(r *engine.Request) error {
		seen = append(seen, strings.Join(elements(r.Message(), message.HeaderRoute), ","))
		if _, ours := r.RouteParams(); ours {
			t.Error("an unsigned entry counts as ours")
		}
		_, err := r.Reply(486, "", nil)
		return err
	})
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	for i, extra := range []string{"Route: <sip:example.com;lr>\r\n", "Route: <sip:EXAMPLE.com:5060;lr>, <sip:10.0.0.1;lr>\r\n", "Route: <sip:10.0.0.9;lr>, <sip:example.com;lr>\r\n"} {
		c.branch, c.extra = i, extra
		c.send("INVITE")
		c.ack(c.ph.expect("486"))
	}
	if want := []string{"", "<sip:10.0.0.1;lr>", "<sip:10.0.0.9;lr>,<sip:example.com;lr>"}; !slices.Equal(seen, want) {
		t.Errorf("left %q, want %q", seen, want)
	}
	b.quiet()
}

// §16.5: a target is in the set once, however often it was found; another way to the same URI is
// another target.
func TestATargetIsTriedOnce(t *testing.T) {
	ts := []*engine.Target{{URI: "sip:b@10.0.0.3:5060"}, {URI: "SIP:%62@10.0.0.3:5060"}, {URI: "sip:b@10.0.0.3:5060", NextHop: "sip:10.0.0.4"}}
	b, c, bob, carol := trio(t, relayTo(ts, nil))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	carol.reply(carol.expect("INVITE"), 486, "")
	c.ack(c.ph.expect("486"))
	bob.expect("ACK")
	b.quiet()
	if len(bob.got) != 0 {
		t.Errorf("bob also got %v", bob.lines())
	}
}

// §16.3 step 2.
func TestUnknownSchemeIsAnswered416(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error { t.Error("routed"); return nil })
	c := b.phone("10.0.0.2:5060").call("c1", "mailto:bob@example.com")
	c.send("INVITE")
	c.ph.expect("416")
	b.quiet()
}

// A tel URI has no host to send to: it goes where the script says, and nowhere by itself.
func TestTelGoesByNextHop(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		var ts []*engine.Target
		if string(r.Message().RequestURI()) == "tel:+1" {
			ts = []*engine.Target{{NextHop: "sip:10.0.0.3:5060"}}
		} else {
			ts = to(string(r.Message().RequestURI()))
		}
		_, err := r.Relay(ts, nil)
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "tel:+1")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE tel:+1"), 486, "")
	c.ack(c.ph.expect("486"))
	c.uri, c.branch = "tel:+2", 1
	c.send("INVITE")
	c.ack(c.ph.expect("500"))
	b.quiet()
}

// §16.3 step 5, §8.2.2.3 (ACK and CANCEL are never answered 420).
func TestProxyRequireOfAckAndCancelIsIgnored(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.extra = "Proxy-Require: foo\r\n"
	c.send("INVITE")
	r := c.ph.expect("420")
	if got := string(r.msg.HeaderName("Unsupported")); got != "foo" {
		t.Errorf("Unsupported %q", got)
	}
	c.ack(r)
	c.branch, c.toTag = 1, "x"
	c.send("CANCEL")
	c.ph.expect("481")
	c.branch = 2
	c.send("ACK")
	bob.expect("ACK")
	b.quiet()
}

// §16.3 step 4: what was changed on its way round is a spiral and goes on; its responses find back
// through both turns.
func TestSpiral(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		uri := "sip:two@10.0.0.1:5060"
		if string(r.Message().RequestURI()) == uri {
			uri = "sip:b@10.0.0.3:5060"
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to(uri), nil)
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:one@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	if vias := elements(ib.msg, message.HeaderVia); len(vias) != 3 {
		t.Errorf("Via %q", vias)
	}
	bob.reply(ib, 180, "")
	c.ph.expect("180")
	c.send("CANCEL")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(ib, 487, "")
	c.ack(c.ph.expect("487"))
	bob.expect("ACK")
	b.quiet()
}

// A request with many Vias goes on, and its answer keeps them all.
func TestLongViaStack(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	for i := range 100 {
		c.extra += fmt.Sprintf("Via: SIP/2.0/UDP 10.1.0.%d:5060;branch=z9hG4bK%d\r\n", i, i)
	}
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 486, "")
	r := c.ph.expect("486")
	if n := len(elements(r.msg, message.HeaderVia)); n != 101 {
		t.Errorf("%d Vias came back", n)
	}
	c.ack(r)
	b.quiet()
}

// A method nobody has heard of is a request like any other, and never gets a provisional but 100
// (RFC 4320 §4.1).
func TestUnknownMethod(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("FROBNICATE")
	ib := bob.expect("FROBNICATE")
	bob.reply(ib, 183, "")
	bob.reply(ib, 501, "")
	c.ph.expect("501")
	b.quiet()
	if len(c.ph.got) != 0 {
		t.Errorf("the caller also got %v", c.ph.lines())
	}
}

// §16.9, §16.6 step 7: an address that can't be reached gives way to the next; when none is left it
// counts as 503, and 503 goes on as 500.
func TestUnreachableAddresses(t *testing.T) {
	b := newBenchWith(t, 1, relayTo(to("sip:b@many.example"), nil), func(c *engine.Config, w *sim.World) {
		c.Resolver = names(w, 0, map[string]string{"many.example": "tcp:10.0.0.98:5060 tcp:10.0.0.99:5060 udp:10.0.0.3:5060", "none.example": "tcp:10.0.0.99:5060"})
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()

	b, c, _, _ = trio(t, relayTo(to("sip:b@10.0.0.99;transport=tcp"), nil))
	c.send("INVITE")
	c.ack(c.ph.expect("500"))
	b.quiet()
}

// §8.2.6.1: the 100 of our own carries the Timestamp and no tag; it comes when nothing else did for
// 200 ms.
func TestTryingOfOurOwn(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.extra = "Timestamp: 54.1\r\n"
	c.send("INVITE")
	ib := bob.expect("INVITE")
	r := c.ph.expect("100")
	if r.at < 200*time.Millisecond || string(r.msg.HeaderName("Timestamp")) != "54.1" || r.msg.ToTag() != nil {
		t.Errorf("after %v:\n%s", r.at, r.p.Bytes)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.6 step 7: a sips Request-URI goes over TLS, whatever Route or next hop says; where that can't
// be had it goes nowhere.
func TestSipsGoesOverTLSOnly(t *testing.T) {
	for _, target := range []*engine.Target{{NextHop: "sip:10.0.0.3:5060"}, {Path: []string{"<sip:10.0.0.3:5060;lr>"}}, {NextHop: "sip:10.0.0.3:5060;transport=tcp"}} {
		b, c, bob, _ := trio(t, relayTo([]*engine.Target{target}, nil))
		c.uri = "sips:bob@example.com"
		c.send("INVITE")
		c.ack(c.ph.expect("500"))
		b.quiet()
		if len(bob.got) != 0 {
			t.Errorf("%+v: bob got %v over %s", target, bob.lines(), bob.got[0].p.Kind)
		}
	}
}
