package engine_test

// What becomes of requests whose connection is gone before they are sent: RFC 5626 §5.3.1 and §7,
// RFC 3261 §18.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// A client that listens where it registered is connected to; one that is behind a NAT, or asked for
// its flow alone, is not: the address in its contact may be somebody else's. It is not there for
// the moment, which is not a failure of a server.
func TestTargetWhoseConnectionIsGone(t *testing.T) {
	const there, gone = "sip:b@10.0.0.3:5060;transport=tcp", transport.FlowID(999)
	for name, tt := range map[string]struct {
		target engine.Target
		tried  bool
		want   int
	}{
		"it listens":                   {engine.Target{URI: there, Received: "tcp:10.0.0.3:1024"}, true, 486},
		"it listens, by UDP":           {engine.Target{URI: "sip:b@10.0.0.3:5060", Received: "tcp:10.0.0.3:1024"}, true, 486},
		"nobody knows where it was":    {engine.Target{URI: there}, true, 486},
		"behind a NAT":                 {engine.Target{URI: there, Received: "tcp:192.0.2.9:1024"}, false, 480},
		"its flow alone":               {engine.Target{URI: there, Received: "tcp:10.0.0.3:1024", FlowOnly: true}, false, 480},
		"a browser":                    {engine.Target{URI: "sip:b@10.0.0.3:5060;transport=ws", Received: "ws:10.0.0.3:1024"}, false, 480},
		"a browser that says TCP":      {engine.Target{URI: there, Received: "ws:10.0.0.3:1024"}, false, 480},
		"it listens no more":           {engine.Target{URI: "sip:b@10.0.0.99:5060;transport=tcp", Received: "tcp:10.0.0.99:1024"}, false, 480},
		"a maddr of somebody else's":   {engine.Target{URI: there + ";maddr=10.0.0.4", Received: "tcp:10.0.0.3:1024"}, false, 480},
		"IPv4 in IPv6":                 {engine.Target{URI: there, Received: "tcp:[::ffff:10.0.0.3]:1024"}, true, 486},
		"a name":                       {engine.Target{URI: "sip:b@example.net", Received: "tcp:10.0.0.3:1024"}, false, 480},
		"of an earlier process":        {engine.Target{URI: there, Received: "tcp:192.0.2.9:1024", Flow: transport.FlowGone}, false, 480},
		"the way is the default's":     {engine.Target{URI: there}, false, 480},
		"a way and a default that was": {engine.Target{URI: there, NextHop: there}, true, 486},
	} {
		t.Run(name, func(t *testing.T) {
			for _, stateless := range []bool{false, true} {
				target := tt.target
				var o *engine.ForkOptions
				if strings.Contains(name, "default") {
					o = &engine.ForkOptions{Defaults: engine.Target{Flow: gone, FlowOnly: true}}
				} else if target.Flow == 0 {
					target.Flow = gone
				}
				if o != nil && stateless {
					continue
				}
				b := newBenchWith(t, 1, func(r *engine.Request) error {
					if stateless {
						_, err := r.Forward(&target)
						return err
					}
					_, err := r.Relay([]*engine.Target{&target}, o)
					return err
				}, func(c *engine.Config, w *sim.World) {
					c.Network = w.Network("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "ws:10.0.0.1:80")
				})
				alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
				c := alice.call("c1", "sip:bob@example.com")
				c.send("MESSAGE")
				if tt.tried {
					bob.reply(bob.expect("MESSAGE"), 486, "")
				}
				if !stateless || tt.tried {
					r := alice.expect("")
					if r.msg.Status() != tt.want {
						t.Errorf("%s, stateless %v: %s, want %d", name, stateless, startLine(r.msg), tt.want)
					}
				}
				b.quiet()
				if len(bob.got) > 0 || len(carol.got) > 0 {
					t.Errorf("%s, stateless %v: %v, %v", name, stateless, bob.lines(), carol.lines())
				}
			}
		})
	}
}

// In a dialog the other side is told that the way has ended (430), and whoever has the address in
// the Contact here hears nothing; a caller that listens there is connected to. So it is after a
// restart of the server, when the connection was another process's.
func TestDialogWhoseConnectionIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		contact string
		tried   bool
	}{
		"it listens":     {"sip:alice@10.0.0.2:5070;transport=tcp", true},
		"behind a NAT":   {"sip:alice@192.168.0.2:5070;transport=tcp", false},
		"it asks for it": {"sip:alice@10.0.0.2:5070;transport=tcp;ob", false},
		"a proxy of it":  {"sip:alice@10.0.0.2:5070;transport=udp;ob", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, restart := range []bool{false, true} {
				route := func(r *engine.Request) error {
					if r.InDialog() {
						_, err := r.Relay(nil, nil)
						return err
					}
					_ = r.RecordRoute()
					_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
					return err
				}
				secret := func(c *engine.Config, _ *sim.World) { c.Secret = []byte("the same in all processes") }
				b := newBenchWith(t, 1, route, secret)
				alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
				c := alice.call("c1", "sip:bob@example.com")
				text := strings.ReplaceAll(c.request("INVITE"), "SIP/2.0/UDP", "SIP/2.0/TCP")
				text = strings.ReplaceAll(text, "<sip:alice@10.0.0.2:5060>", "<"+tt.contact+">")
				if strings.Contains(tt.contact, "192.168.") {
					text = strings.Replace(text, "SIP/2.0/TCP 10.0.0.2:5060", "SIP/2.0/TCP 192.168.0.2:5070", 1)
				}
				b.w.Do(func() { _ = alice.Stream(transport.TCP, proxyAddr, []byte(text)) })
				inv := bob.expect("INVITE")
				bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
				ok := alice.expect("200")
				b.w.BreakStreams()
				if restart {
					b = newBenchWith(t, 2, route, secret)
					bob = b.phone("10.0.0.3:5060")
				}
				at, _, _ := strings.Cut(strings.SplitAfter(tt.contact, "@")[1], ";")
				somebody := b.phone(at)
				back := bob.call("c1", "")
				back.branch = 7
				back.within(ok, inv, tt.contact, true)
				back.send("BYE")
				if tt.tried {
					bye := somebody.expect("BYE")
					if bye.msg.Find(message.HeaderRoute, 0) >= 0 {
						t.Error("our own Route went on")
					}
					somebody.reply(bye, 200, "")
					bob.expect("200")
				} else {
					bob.expect("430")
				}
				b.quiet()
				if len(somebody.got) > 0 {
					t.Errorf("%s: somebody else got %v", name, somebody.lines())
				}
			}
		})
	}
}
