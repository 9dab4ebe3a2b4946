package registrar

// This file tests flows of instances: RFC 5626 §6 and §7, and what RFC 3608 adds to an answer.

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

const (
	phoneID  = `+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"`
	laptopID = `+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000002>"`
)

// flowReg is a REGISTER of a flow, straight from its client.
func flowReg(callID string, cseq int, contacts ...string) reg {
	return reg{callID: callID, cseq: cseq, contacts: contacts, headers: list("Supported: path, outbound")}
}

func TestFlows(t *testing.T) {
	const a, b, c = "sip:bob@192.0.2.4:1", "sip:bob@192.0.2.4:2", "sip:bob@192.0.2.4:3"
	flow := func(uri, instance string, id int, more string) string {
		return fmt.Sprintf("<%s>;reg-id=%d;%s%s", uri, id, instance, more)
	}
	for name, steps := range map[string][]step{
		"flows are told apart by reg-id, and a lookup has one": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, "")), code: 200, bound: list(a), codeOnly: true},
			{after: 1e9, send: flowReg("y", 1, flow(b, phoneID, 2, "")), code: 200, contacts: list(flow(b, phoneID, 2, ";expires=3600"), flow(a, phoneID, 1, ";expires=3599")), bound: list(b)},
			{after: 1e9, send: flowReg("z", 1, flow(c, laptopID, 1, "")), code: 200, codeOnly: true, bound: list(c, b)},
		},
		"the same flow under another URI and Call-ID takes the old one's place": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, "")), code: 200, codeOnly: true},
			{send: flowReg("y", 1, flow(b, strings.ToUpper(phoneID[:14])+phoneID[14:], 1, "")), code: 200, contacts: list("<" + b + ">;reg-id=1;" + strings.ToUpper(phoneID[:14]) + phoneID[14:] + ";expires=3600"), bound: list(b)},
		},
		"ids don't distinguish case": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, "")), code: 200, codeOnly: true},
			{send: flowReg("y", 1, flow(b, strings.Replace(phoneID, "AABBCCDDEEFF", "aabbccddeeff", 1), 1, "")), code: 200, codeOnly: true, bound: list(b)},
		},
		"the order of requests counts within a flow": {
			{send: flowReg("x", 5, flow(a, phoneID, 1, "")), code: 200, codeOnly: true},
			{send: flowReg("x", 5, flow(b, phoneID, 1, "")), code: 500, bound: list(a)},
			{send: flowReg("x", 4, flow(b, phoneID, 2, "")), code: 200, codeOnly: true},
		},
		"a flow is removed by its id, whatever its URI": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, "")), code: 200, codeOnly: true},
			{send: flowReg("x", 2, flow(b, phoneID, 2, "")), code: 200, codeOnly: true},
			{send: flowReg("x", 3, flow(c, phoneID, 1, ";expires=0")), code: 200, contacts: list(flow(b, phoneID, 2, ";expires=3600")), bound: list(b)},
		},
		"one flow at a time": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, ""), flow(b, phoneID, 2, "")), code: 400},
			{send: flowReg("x", 1, flow(a, phoneID, 1, ""), "<"+b+">"), code: 400},
			{send: flowReg("x", 1, flow(a, phoneID, 1, ""), "<"+b+">;expires=0"), code: 200, codeOnly: true},
		},
		"a reg-id without an instance is ignored": {
			{send: flowReg("x", 1, "<"+a+">;reg-id=1"), code: 200, codeOnly: true},
			{send: flowReg("y", 1, "<"+b+">;reg-id=1"), code: 200, codeOnly: true, bound: list(a, b)},
		},
		"an instance that moved, without flows": {
			{send: reg{callID: "x", contacts: list("<" + a + ">;" + phoneID)}, code: 200, codeOnly: true},
			{send: reg{callID: "y", contacts: list("<" + b + ">;" + phoneID)}, code: 200, contacts: list("<" + b + ">;" + phoneID + ";expires=3600"), bound: list(b)},
		},
		"an instance with two contacts in one request": {
			{send: reg{contacts: list("<"+a+">;"+phoneID, "<"+b+">;"+phoneID)}, code: 200, contacts: list("<"+a+">;"+phoneID+";expires=3600", "<"+b+">;"+phoneID+";expires=3600"), bound: list(a)},
		},
		"an instance moves to an address that is bound": {
			{send: reg{callID: "x", contacts: list("<" + b + ">")}, code: 200, codeOnly: true},
			{after: 1e9, send: reg{callID: "y", contacts: list("<" + a + ">;" + phoneID)}, code: 200, codeOnly: true},
			{after: 1e9, send: reg{callID: "y", cseq: 2, contacts: list("<" + b + ">;" + phoneID)}, code: 200,
				contacts: list("<"+b+">;"+phoneID+";expires=3600", "<"+a+">;"+phoneID+";expires=3599"), bound: list(b)},
		},
		"an instance refreshes one of two contacts": {
			{send: reg{callID: "x", contacts: list("<"+a+">;"+phoneID, "<"+b+">;q=0.5;"+phoneID)}, code: 200, codeOnly: true},
			{send: reg{callID: "x", cseq: 2, contacts: list("<" + b + ">;q=0.5;" + phoneID)}, code: 200,
				contacts: list("<"+a+">;"+phoneID+";expires=3600", "<"+b+">;q=0.5;"+phoneID+";expires=3600")},
		},
		"with and without flows beside each other": {
			{send: flowReg("x", 1, flow(a, phoneID, 1, "")), code: 200, codeOnly: true},
			{send: reg{callID: "y", contacts: list("<" + b + ">")}, code: 200, codeOnly: true, bound: list(a, b)},
			{send: reg{callID: "y", cseq: 2, contacts: list("*"), headers: list("Expires: 0")}, code: 200},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBench(t, Policy{})
			for i, s := range steps {
				w.now = w.now.Add(s.after)
				res := w.send(t, s.send)
				if res.Code != s.code {
					t.Fatalf("step %d: %d %s (%v), want %d", i+1, res.Code, res.Reason, res.Err, s.code)
				}
				if got := res.header("Contact"); res.Code == 200 && !s.codeOnly && strings.Join(got, "\n") != strings.Join(s.contacts, "\n") {
					t.Errorf("step %d: Contact %q, want %q", i+1, got, s.contacts)
				}
				if s.bound != nil {
					w.has(t, bob, s.bound...)
				}
			}
		})
	}
}

func TestOutboundIsSaid(t *testing.T) {
	contact := "<sip:bob@10.1.2.3>;reg-id=1;" + phoneID
	edge := "SIP/2.0/UDP edge.example.net;branch=z9hG4bKe, SIP/2.0/UDP 10.1.2.3;branch=z9hG4bK1"
	for _, c := range []struct {
		name           string
		kind           transport.Kind
		policy         Policy
		via            string
		contact        string
		headers        []string
		code           int
		require, timer string
	}{
		{"over UDP", transport.UDP, Policy{}, "", contact, list("Supported: outbound"), 200, "outbound", "25"},
		{"over TCP", transport.TCP, Policy{}, "", contact, list("Supported: gruu, OUTBOUND"), 200, "outbound", "120"},
		{"of a browser", transport.WSS, Policy{}, "", contact, list("Supported: outbound"), 200, "outbound", ""},
		{"as configured", transport.TLS, policyOf(func(p *Policy) { p.FlowTimer = 60e9 }), "", contact, list("Supported: outbound"), 200, "outbound", "60"},
		{"not supported by the client", transport.TCP, Policy{}, "", contact, nil, 200, "", ""},
		{"no reg-id", transport.TCP, Policy{}, "", "<sip:bob@10.1.2.3>;" + phoneID, list("Supported: outbound"), 200, "", ""},
		{"switched off", transport.TCP, policyOf(func(p *Policy) { p.Outbound = new(bool) }), "", contact, list("Supported: outbound"), 200, "", ""},
		{"switched off, and required", transport.TCP, policyOf(func(p *Policy) { p.Outbound = new(bool) }), "", contact, list("Require: outbound"), 420, "", ""},
		{"through an edge proxy", transport.UDP, Policy{}, edge, contact, list("Supported: outbound, path", "Path: <sip:core.example.net;lr>, <sip:e@edge.example.net;lr;ob>"), 200, "outbound", ""},
		{"through a proxy that can't", transport.UDP, Policy{}, edge, contact, list("Supported: outbound, path", "Path: <sip:core.example.net;lr;ob>, <sip:e@edge.example.net;lr>"), 200, "", ""},
		{"through a proxy that can't, as the RFC has it", transport.UDP, policyOf(func(p *Policy) { p.Outbound = yes() }), edge, contact, list("Supported: outbound, path", "Path: <sip:e@edge.example.net;lr>"), 439, "", ""},
		{"through a proxy that says nothing, as the RFC has it", transport.UDP, policyOf(func(p *Policy) { p.Outbound = yes() }), edge, contact, list("Supported: outbound"), 439, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.policy)
			from := &Origin{Source: netip.MustParseAddrPort("198.51.100.77:31024"), Transport: c.kind, Socket: "the listener"}
			if c.kind != transport.UDP {
				from.Flow = 7
			}
			m := reg{via: c.via, contacts: list(c.contact), headers: c.headers}.message(t)
			res := b.Process(context.Background(), m, from, home, b.now)
			if res.Code != c.code {
				t.Fatalf("%d %v", res.Code, res.Err)
			}
			if r, f := strings.Join(res.header("Require"), ","), strings.Join(res.header("Flow-Timer"), ","); r != c.require || f != c.timer {
				t.Errorf("Require %q, Flow-Timer %q", r, f)
			}
		})
	}
}

// TestFlowIsTheWay: a client that speaks outbound is reached on its flow, even where its contact
// could be believed.
func TestFlowIsTheWay(t *testing.T) {
	b := newBench(t, Policy{})
	g := flowReg("x", 1, "<sip:bob@192.0.2.4:5060>;reg-id=1;"+phoneID)
	from := udpFrom("192.0.2.4:5060")
	if res := b.Process(context.Background(), g.message(t), from, home, b.now); res.Code != 200 {
		t.Fatal(res.Err)
	}
	if got := b.lookup(t, bob)[0].Target(); got.Received != "udp:192.0.2.4:5060" || got.FromSocket != from.Socket {
		t.Errorf("%+v", got)
	}
	// Over TCP that is said to the proxy, which else connects to where a client seemed to listen.
	for i, more := range list("reg-id=1;"+phoneID, phoneID, "reg-id=1", "reg-id=1;"+phoneID) {
		b := newBench(t, Policy{})
		from := &Origin{Source: from.Source, Transport: transport.TCP, Flow: 7}
		g := flowReg("x", i+1, "<sip:bob@192.0.2.4:5060;transport=tcp>;"+more)
		if i == 3 {
			g.headers = nil // it does not support outbound
		}
		if res := b.Process(context.Background(), g.message(t), from, home, b.now); res.Code != 200 {
			t.Fatal(res.Err)
		}
		if got := b.lookup(t, bob)[0].Target(); got.Flow != 7 || got.FlowOnly != (i == 0) {
			t.Errorf("%s: %+v", more, got)
		}
	}
}

func TestOthersOfAnInstance(t *testing.T) {
	b := newBench(t, Policy{})
	for i := 1; i <= 3; i++ {
		b.now = b.now.Add(1e9)
		if res := b.send(t, flowReg("x", i, fmt.Sprintf("<sip:bob@192.0.2.4:%d>;reg-id=%d;%s", i, i, phoneID))); res.Code != 200 {
			t.Fatal(res.Err)
		}
	}
	b.send(t, reg{callID: "other", contacts: list("<sip:bob@192.0.2.9>")})
	found := b.lookup(t, bob)
	if len(found) != 2 {
		t.Fatalf("%d bindings", len(found))
	}
	first := found[0].Target()
	if first.Value != found[0] || len(first.Others) != 2 || first.Others[0].URI != "sip:bob@192.0.2.4:2" || first.Others[1].URI != "sip:bob@192.0.2.4:1" {
		t.Errorf("%+v", first)
	}
	if found[1].Target().Others != nil {
		t.Error("the other phone has others")
	}
	u := mustURI(t, bob)
	if all, err := b.Bindings(context.Background(), &u, b.now); err != nil || len(all) != 4 {
		t.Errorf("%d of 4 bindings, %v", len(all), err)
	}
	off, err := b.With(policyOf(func(p *Policy) { p.Outbound = new(bool) }))
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := off.Lookup(context.Background(), &u, b.now); len(all) != 4 {
		t.Errorf("%d of 4 bindings without outbound", len(all))
	}
}

func TestServiceRoute(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.ServiceRoute = list("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>") }))
	if res := b.send(t, reg{contacts: list("<sip:bob@192.0.2.4>")}); strings.Join(res.header("Service-Route"), " ") != "<sip:p1.example.com;lr> <sip:p2.example.com;lr>" {
		t.Errorf("%q", res.Headers)
	}
	if res := b.send(t, reg{cseq: 2, contacts: list("<sip:bob@192.0.2.4>;expires=1")}); res.Code != 423 || res.header("Service-Route") != nil {
		t.Errorf("%d %q", res.Code, res.Headers)
	}
	for _, bad := range []string{"", "sip:p.example.com;lr", "<sip:p.example.com>", "<tel:1;lr>", "<sip:p.example.com;lr>\r\nX: y", "x"} {
		if (policyOf(func(p *Policy) { p.ServiceRoute = list(bad) })).Check() == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestCapabilitiesAreKept: what a UA says of itself by contact parameters comes back, to it and to
// scripts (RFC 3840 §5).
func TestCapabilitiesAreKept(t *testing.T) {
	const params = `;audio;+sip.message="TRUE";methods="INVITE,BYE";mobility="fixed";description="<A \"phone\">"`
	b := newBench(t, Policy{})
	res := b.send(t, reg{contacts: list("<sip:bob@192.0.2.4>" + params + ";pub-gruu=\"sip:x@y;gr\";temp-gruu=\"sip:z@y;gr\"")})
	if got := strings.Join(res.header("Contact"), "\n"); got != "<sip:bob@192.0.2.4>"+params+";expires=3600" {
		t.Errorf("%s", got)
	}
	if p := b.lookup(t, bob)[0].params(); p["audio"] != true || p["+sip.message"] != "TRUE" || p["methods"] != "INVITE,BYE" || len(p) != 5 {
		t.Errorf("%v", p)
	}
}
