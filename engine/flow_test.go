package engine_test

// Clients that are reached on the connection they opened or not at all (RFC 5626 §5.3, RFC 7118
// §5): the requests of their dialogs too.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// browsers is a world with WebSocket clients: each call goes to the flow in *callee, or to its
// Request-URI while that is 0.
func browsers(t *testing.T, seed uint64, callee *transport.FlowID) *bench {
	return newBenchWith(t, seed, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if r.Method() == message.MethodRegister {
			*callee = r.Flow()
			_, err := r.Reply(200, "", nil)
			return err
		}
		_ = r.RecordRoute()
		target := &engine.Target{URI: "sip:bob@10.0.0.3:5060"}
		if *callee != 0 {
			target = &engine.Target{URI: "sip:bob@b.invalid;transport=ws", Flow: *callee, Received: "ws:10.0.0.3:5060"}
		}
		_, err := r.Relay([]*engine.Target{target}, nil)
		return err
	}, func(c *engine.Config, w *sim.World) {
		c.Network, c.Secret = w.Network("udp:10.0.0.1:5060", "ws:10.0.0.1:80"), []byte("the same in all processes")
	})
}

// overWS sends text as a browser writes it.
func overWS(ph *handset, text string) {
	text = strings.ReplaceAll(text, "SIP/2.0/UDP "+ph.Addr().String(), "SIP/2.0/WS a.invalid")
	text = strings.ReplaceAll(text, fmt.Sprintf("<sip:alice@%s>", ph.Addr()), "<sip:alice@a.invalid;transport=ws>")
	ph.b.w.Do(func() {
		if err := ph.Stream(transport.WS, "10.0.0.1:80", []byte(text)); err != nil {
			ph.b.t.Error(err)
		}
	})
}

// within makes c a request of the dialog, from the callee where back.
func (c *call) within(ok, inv *received, uri string, back bool) {
	c.uri, c.toTag, c.extra = uri, string(ok.msg.ToTag()), callersRoutes(ok.msg)
	if back {
		c.from, c.toTag = "<sip:bob@example.com>;tag="+c.toTag, string(inv.msg.FromTag())
		c.extra = "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"
	}
	c.branch++
	c.cseq++
}

func TestDialogOfABrowserGoesByItsConnection(t *testing.T) {
	for _, both := range []bool{false, true} { // a phone is called, another browser
		var callee transport.FlowID
		b := browsers(t, 1, &callee)
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		contact := "sip:bob@10.0.0.3:5060"
		if both {
			overWS(bob, bob.call("r", "sip:example.com").request("REGISTER"))
			bob.expect("200")
			contact = "sip:bob@b.invalid;transport=ws"
		}
		c := alice.call("c1", "sip:bob@example.com")
		overWS(alice, c.request("INVITE"))
		inv := bob.expect("INVITE")
		if rr := elements(inv.msg, message.HeaderRecordRoute); len(rr) != 2 || !strings.Contains(rr[1], "@10.0.0.1:80;transport=ws;lr;r2=on") {
			t.Fatalf("Record-Route %q", rr)
		}
		bob.reply(inv, 200, "Contact: <"+contact+">\r\n")
		ok := alice.expect("200")

		c.within(ok, inv, contact, false)
		overWS(alice, strings.ReplaceAll(c.request("ACK"), "CSeq: 2", "CSeq: 1"))
		if ack := bob.expect("ACK"); ack.msg.Find(message.HeaderRoute, 0) >= 0 {
			t.Error("our own Route went on")
		}
		c.within(ok, inv, contact, false)
		overWS(alice, c.request("INFO"))
		bob.reply(bob.expect("INFO "+contact), 200, "")
		alice.expect("200")

		// The callee hangs up: alice's Contact leads nowhere.
		back := bob.call("c1", "")
		back.branch = 7
		back.within(ok, inv, "sip:alice@a.invalid;transport=ws", true)
		if both {
			overWS(bob, back.request("BYE"))
		} else {
			back.send("BYE")
		}
		bye := alice.expect("BYE sip:alice@a.invalid;transport=ws")
		if bye.p.Kind != transport.WS || bye.msg.Find(message.HeaderRoute, 0) >= 0 {
			t.Errorf("over %s, Route %q", bye.p.Kind, bye.msg.Header(message.HeaderRoute))
		}
		alice.reply(bye, 200, "")
		bob.expect("200")
		b.quiet()
	}
}

// Connections that are gone: 480 for a call, 430 within a dialog (RFC 5626 §5.3.1); the token of
// another process, or one that was changed, brings nobody onto somebody else's connection.
func TestConnectionOfABrowserIsGone(t *testing.T) {
	var callee transport.FlowID
	b := browsers(t, 1, &callee)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	overWS(bob, bob.call("r", "sip:example.com").request("REGISTER"))
	bob.expect("200")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:bob@b.invalid;transport=ws>\r\n")
	ok := alice.expect("200")

	c.within(ok, inv, "sip:bob@b.invalid;transport=ws", false)
	good := c.extra
	at := strings.Index(good, "@10.0.0.1:80")
	c.extra = good[:at-1] + "z" + good[at:]
	c.send("INFO")
	alice.expect("481")

	b.w.BreakStreams()
	c.extra = good
	c.branch++
	c.send("INFO")
	alice.expect("430")
	d := alice.call("c2", "sip:bob@example.com")
	d.send("INVITE")
	d.ack(alice.expect("480"))
	b.quiet()

	// The process of after a restart, where somebody else has the same number
	other := browsers(t, 2, &callee)
	mallory := other.phone("10.0.0.3:5060")
	alice = other.phone("10.0.0.2:5060")
	overWS(mallory, mallory.call("r", "sip:example.com").request("REGISTER"))
	mallory.expect("200")
	c.ph = alice
	c.uri = "sip:bob@10.0.0.9:5060"
	c.send("INFO")
	other.w.Run(100e6)
	if len(mallory.got) > 0 {
		t.Errorf("somebody else got %v", mallory.lines())
	}
	other.quiet()
}
