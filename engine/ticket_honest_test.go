package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// remote is a dialog with a callee whose Contact is not where its answers come from, beyond proxies
// that record-route as the tests say.
type remote struct {
	*pair
	to *handset // where the Contact leads, if anywhere
}

// Contacts of gateways, and of phones behind proxies, are not where their answers come from.
func newRemote(t *testing.T, route routerFunc, answers func(p *pair, inv *received) *received) *remote {
	b := ticketBench(t, route, nil)
	p := &pair{bench: b, alice: b.phone("10.0.0.2:5060"), bob: b.phone("10.0.0.3:5060"), carol: b.phone("10.0.0.4:5060"), trunk: b.phone("10.0.0.9:5060")}
	c := p.alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := p.bob.expect("INVITE")
	res := answers(p, inv)
	p.caller = &call{ph: p.alice, id: "c1", toTag: string(res.msg.ToTag()), maxForward: "70", branch: 10, cseq: 10, extra: callersRoutes(res.msg)}
	return &remote{p, p.carol}
}

// What user agents do to URIs, and does not change where a request goes.
func TestTargetsInAnySpelling(t *testing.T) {
	for _, c := range []struct{ contact, uri, want string }{
		{"sip:bob@10.0.0.4:5060", "sip:bob@10.0.0.4", "10.0.0.4"},
		{"sip:bob@10.0.0.4", "sip:bob@10.0.0.4:5060", "10.0.0.4"},
		{"sip:bob@10.0.0.4", "sip:bob@10.0.0.4;transport=udp", "10.0.0.4"},
		{"sip:bob@10.0.0.4:5060;transport=UDP", "sip:bob@10.0.0.4", "10.0.0.4"},
		{"sip:bob@10.0.0.4;ob;line=AbC", "sip:bob@10.0.0.4", "10.0.0.4"},
		{"sip:b%6Fb@10.0.0.4", "sip:bob@10.0.0.4", "10.0.0.4"},
		{"sip:bob@10.0.0.4", "SIP:bob@10.0.0.4;lr=x", "10.0.0.4"},
		{"sip:bob:pw@10.0.0.4?a=b", "sip:bob@10.0.0.4", "10.0.0.4"},
		{"sip:bob@10.0.0.4", "sip:bob@10.0.0.4:5061", "481"},
		{"sip:bob@10.0.0.4", "sip:bob@10.0.0.4;transport=tcp", "481"},
		{"sip:bob@10.0.0.4", "sips:bob@10.0.0.4", "481"},
		{"sip:bob@10.0.0.4", "sip:bobby@10.0.0.4", "481"},
		{"sip:bob@10.0.0.4", "sip:bob@10.0.0.4;maddr=10.0.0.9", "481"},
		{"sip:bob@10.0.0.4;maddr=10.0.0.4", "sip:bob@10.0.0.4;maddr=10.0.0.9", "481"},
		{"sip:bob@10.0.0.4", "tel:+1555", "481"},
	} {
		t.Run(c.contact, func(t *testing.T) {
			r := newRemote(t, within(to("sip:bob@10.0.0.3:5060")), func(p *pair, inv *received) *received {
				p.bob.reply(inv, 200, "Contact: <"+c.contact+">\r\n")
				return p.alice.expect("200")
			})
			r.caller.uri = c.uri
			if got := r.outcome(r.alice, r.caller.request("INFO")); got != c.want {
				t.Errorf("%s for %s: %q, want %q", c.uri, c.contact, got, c.want)
			}
		})
	}
}

// A proxy beyond ours that record-routes is where the request goes next, as it named itself.
func TestTicketsAndOtherRoutes(t *testing.T) {
	for _, c := range []struct{ entry, route, want string }{
		{"<sip:10.0.0.4;lr>", "<sip:10.0.0.4;lr>", "10.0.0.4"},
		{"<sip:10.0.0.4;lr>", "<sip:10.0.0.4:5060;lr=on>", "10.0.0.4"},
		{"<sip:edge@10.0.0.4;lr;x=1>", "<sip:EDGE@10.0.0.4;lr>", "10.0.0.4"},
		{"<sip:10.0.0.4:5060>", "<sip:10.0.0.4:5060>", "10.0.0.4"}, // a strict router
		{"<sip:10.0.0.4;lr>", "<sip:10.0.0.4>", "481"},
		{"<sip:10.0.0.4;lr>", "<sip:+900123@10.0.0.4;lr>", "481"},
		{"<sip:10.0.0.4>", "<sip:+900123@10.0.0.4>", "481"},
		{"<sip:10.0.0.4;lr>", "<sip:10.0.0.9;lr>", "481"},
		{"<sip:10.0.0.4;lr>", "<sip:10.0.0.4;maddr=10.0.0.9;lr>", "481"},
	} {
		t.Run(c.entry, func(t *testing.T) {
			r := newRemote(t, within(to("sip:bob@10.0.0.3:5060")), func(p *pair, inv *received) *received {
				text := string(message.AppendResponse(nil, inv.msg, 200, "", "b", []byte("Contact: <sip:bob@10.0.0.9>\r\n"), nil))
				p.bob.Answer(inv.p, []byte(strings.Replace(text, "Record-Route: ", "Record-Route: "+c.entry+", ", 1)))
				return p.alice.expect("200")
			})
			r.caller.uri = "sip:bob@10.0.0.9"
			if !strings.HasSuffix(r.caller.extra, c.entry+"\r\n") {
				t.Fatalf("%s ends not in %s", r.caller.extra, c.entry)
			}
			r.caller.extra = strings.Replace(r.caller.extra, c.entry, c.route, 1)
			if got := r.outcome(r.alice, r.caller.request("INFO")); got != c.want {
				t.Errorf("%s for %s: %q, want %q", c.route, c.entry, got, c.want)
			}
		})
	}
}

// The caller may go on with the route set of the 18x, and the Contact of the 2xx (§13.2.2.4 wants
// both of the 2xx).
func TestContactOfTheSuccess(t *testing.T) {
	for _, early := range []string{"", "Contact: <sip:early@10.0.0.9>\r\n"} {
		r := newRemote(t, within(to("sip:bob@10.0.0.3:5060")), func(p *pair, inv *received) *received {
			p.bob.reply(inv, 183, early)
			res := p.alice.expect("183")
			p.bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.4>\r\n")
			p.alice.expect("200")
			return res
		})
		r.caller.uri = "sip:bob@10.0.0.4"
		if got := r.outcome(r.alice, r.caller.request("BYE")); got != "10.0.0.4" {
			t.Errorf("after %q: %q", early, got)
		}
	}
}

// What a script makes of a Contact is where the party is for the other.
func TestContactsThatAScriptEdits(t *testing.T) {
	const own, shown = "<sip:hidden@10.0.0.3:5060>", "<sip:bob@10.0.0.4>"
	route := func(r *engine.Request) error {
		if !r.InDialog() {
			_ = r.RecordRoute()
		} else if r.Method() == message.MethodUpdate {
			_ = r.SetHeader("Contact", "<sip:alice@10.0.0.9>")
		}
		var targets []*engine.Target
		if !r.InDialog() {
			targets = to("sip:bob@10.0.0.3:5060")
		}
		_, err := r.Relay(targets, &engine.ForkOptions{OnResponse: func(res *engine.Response) {
			if res.Message().Header(message.HeaderContact) != nil {
				_ = res.SetHeader("Contact", shown)
			}
		}})
		return err
	}
	var inv *received
	r := newRemote(t, route, func(p *pair, i *received) *received {
		inv = i
		p.bob.reply(inv, 200, "Contact: "+own+"\r\n")
		return p.alice.expect("200")
	})
	r.caller.uri = "sip:bob@10.0.0.4"
	if got := r.outcome(r.alice, r.caller.request("INFO")); got != "10.0.0.4" {
		t.Errorf("of the answer: %q", got)
	}
	r.caller.branch++
	r.caller.cseq++
	r.outcome(r.alice, r.caller.request("UPDATE"))
	d := &call{ph: r.bob, id: "c1", uri: "sip:alice@10.0.0.9", toTag: "a1", maxForward: "70", branch: 50, cseq: 50,
		from: "<sip:bob@example.com>;tag=" + r.caller.toTag, extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
	if got := r.outcome(r.bob, d.request("INFO")); got != "10.0.0.9" {
		t.Errorf("of a refresh: %q", got)
	}
}

// A refresh that was refused, or that crosses a request, leaves its sender where it was
// (§12.2.1.2).
func TestRefusedRefresh(t *testing.T) {
	r := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
	for i, host := range []string{"10.0.0.4", "10.0.0.9"} {
		r.caller.branch++
		r.caller.cseq++
		r.alice.Send(proxyAddr, []byte(rewritten(r.caller, "UPDATE", "<sip:alice@10.0.0.2:5060>", "<sip:alice@"+host+">")))
		r.bob.reply(r.bob.expect("UPDATE"), []int{200, 488}[i], "")
		r.alice.expect([]string{"200", "488"}[i])
	}
	r.callee.uri = "sip:alice@10.0.0.4"
	if got := r.outcome(r.bob, r.callee.request("INFO")); got != "10.0.0.4" {
		t.Errorf("%q", got)
	}
}

// An identity of ours is one in any spelling.
func TestIdentitiesOfOursInAnySpelling(t *testing.T) {
	for from, want := range map[string]string{
		"sip:bob@example.com.": "10.0.0.2", "sip:bob@EXAMPLE.com:5060": "10.0.0.2", "sip:b%6fb@example.com": "10.0.0.2", "sips:bob@example.com": "10.0.0.2",
		"sip:carol@example.com.": "403", "sip:carol@Example.Com.:5060": "403", "sip:carol@10.0.0.1": "403", "tel:+1555": "403",
		"sip:carol@example.net": "10.0.0.2",
	} {
		t.Run(from, func(t *testing.T) {
			p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
			if got := p.outcome(p.bob, rewritten(p.callee, "INFO", "From: <sip:bob@example.com>", "From: <"+from+">")); got != want {
				t.Errorf("%s: %q, want %q", from, got, want)
			}
		})
	}
}

// So is a name or address of ours, in Route as elsewhere.
func TestNamesOfOursInAnySpelling(t *testing.T) {
	b := newBenchWith(t, 1, func(*engine.Request) error { return nil }, func(c *engine.Config, w *sim.World) {
		c.Network = w.Network("udp:[2001:db8::1]:5060")
	})
	for host, want := range map[string]bool{
		"2001:db8::1": true, "2001:DB8:0:0:0:0:0:1": true, "2001:db8::0:1": true, "2001:db8::2": false,
		"example.com": true, "EXAMPLE.com.": true, "example.com.net": false, ".": false, "": false,
	} {
		t.Run(host, func(t *testing.T) {
			if got := b.eng.IsLocal(host, 0); got != want {
				t.Errorf("%q: %v", host, got)
			}
		})
	}
}

// behindNAT makes what alice writes that of a phone which knows its own address alone.
var behindNAT = strings.NewReplacer("Contact: <sip:alice@10.0.0.2:5060>", "Contact: <sip:alice@192.168.1.2:5060>", "UDP 10.0.0.2:5060", "UDP 192.168.1.2:5060")

// Phones behind NATs have tokens in their entries: twice, where the request passes here twice.
func TestTicketsOfASpiralBetweenNATs(t *testing.T) {
	b := ticketBench(t, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute(engine.RouteParam{Name: "Dir", Value: "X"})
		targets := []*engine.Target{{URI: "sip:bob@192.168.7.7:5060", Received: "udp:10.0.0.3:5060"}}
		if uri, _ := message.ParseURI(r.Message().RequestURI()); string(uri.User) == "alias" {
			targets = to("sip:bob@10.0.0.1:5060")
		}
		_, err := r.Relay(targets, nil)
		return err
	}, nil)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:alias@example.com")
	alice.Send(proxyAddr, []byte(behindNAT.Replace(c.request("INVITE"))))
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:bob@192.168.7.7:5060>\r\n")
	ok := alice.expect("200")
	c.uri, c.branch, c.extra, c.toTag = "sip:bob@192.168.7.7:5060", 1, callersRoutes(ok.msg), string(ok.msg.ToTag())
	for _, extra := range []string{c.extra, strings.ToLower(c.extra)} {
		c.extra = "R" + extra[1:]
		c.branch++
		c.send("ACK")
		bob.expect("ACK")
		c.branch++
		c.cseq++
		c.send("UPDATE")
		bob.reply(bob.expect("UPDATE"), 200, "Contact: <sip:bob@192.168.7.7:5060>\r\n")
		alice.expect("200")
	}
	d := &call{ph: bob, id: "c1", uri: "sip:alice@192.168.1.2:5060", toTag: "a1", maxForward: "70", branch: 50, cseq: 50,
		from:  "<sip:alias@example.com>;tag=" + c.toTag,
		extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
	d.send("BYE")
	alice.reply(alice.expect("BYE"), 200, "")
	bob.expect("200")
	b.quiet()
}

// Phones of RFC 2543 put our entry into the Request-URI, token and all.
func TestStrictPhonesBehindNATs(t *testing.T) {
	b := ticketBench(t, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay([]*engine.Target{{URI: "sip:bob@192.168.7.7:5060", Received: "udp:10.0.0.3:5060"}}, nil)
		return err
	}, nil)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	alice.Send(proxyAddr, []byte(behindNAT.Replace(c.request("INVITE"))))
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:bob@192.168.7.7:5060>\r\n")
	ok := alice.expect("200")
	strict := func(c *call, rr []string, target string) {
		c.uri = strings.Trim(rr[0], "<>")
		c.extra = "Route: " + strings.Join(append(rr[1:], "<"+target+">"), ", ") + "\r\n"
	}
	rr := elements(ok.msg, message.HeaderRecordRoute)
	slices.Reverse(rr)
	c.branch, c.toTag = 1, string(ok.msg.ToTag())
	strict(c, rr, "sip:bob@192.168.7.7:5060")
	c.send("ACK")
	bob.expect("ACK")
	d := &call{ph: bob, id: "c1", toTag: "a1", maxForward: "70", branch: 50, cseq: 50, from: "<sip:bob@example.com>;tag=" + c.toTag}
	strict(d, elements(inv.msg, message.HeaderRecordRoute), "sip:alice@192.168.1.2:5060")
	d.send("BYE")
	alice.reply(alice.expect("BYE"), 200, "")
	bob.expect("200")
}
