package engine_test

// Several ways to one phone (RFC 5626 §7), and connections that are lost while it rings.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// ways is one instance with a way for each URI.
func ways(uris ...string) *engine.Target {
	list := to(uris...)
	list[0].Others = list[1:]
	return list[0]
}

var orders = []engine.Order{engine.Parallel, engine.Serial, engine.ByQ}

// What fails as a way is replaced, in every order; a serial order goes on to the next target only
// after the last way.
func TestWaysToOneInstance(t *testing.T) {
	for name, tt := range map[string]struct {
		first string // the URI of the first way
		act   func(bob *handset)
		o     engine.ForkOptions
		next  bool // the second way is tried
	}{
		"430":         {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.reply(bob.expect("INVITE"), 430, "") }, engine.ForkOptions{}, true},
		"408":         {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.reply(bob.expect("INVITE"), 408, "") }, engine.ForkOptions{}, true},
		"unreachable": {"sip:b@10.0.0.99:5060;transport=tcp", func(*handset) {}, engine.ForkOptions{}, true},
		"silent":      {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.expect("INVITE") }, engine.ForkOptions{}, true},
		"no reply":    {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.expect("INVITE") }, engine.ForkOptions{Defaults: engine.Target{ReplyTimeout: time.Second}}, true},
		"busy":        {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.reply(bob.expect("INVITE"), 486, "") }, engine.ForkOptions{}, false},
		"480":         {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.reply(bob.expect("INVITE"), 480, "") }, engine.ForkOptions{}, false},
		"503":         {"sip:b@10.0.0.3:5060", func(bob *handset) { bob.reply(bob.expect("INVITE"), 503, "") }, engine.ForkOptions{}, false},
		"no answer": {"sip:b@10.0.0.3:5060", func(bob *handset) {
			inv := bob.expect("INVITE")
			bob.reply(inv, 180, "")
			bob.expect("CANCEL")
			bob.reply(inv, 487, "")
		}, engine.ForkOptions{Defaults: engine.Target{RingTimeout: 5 * time.Second}}, false},
	} {
		for _, order := range orders {
			t.Run(fmt.Sprintf("%s, order %d", name, order), func(t *testing.T) {
				o := tt.o
				o.Order = order
				targets := append([]*engine.Target{ways(tt.first, "sip:b@10.0.0.5:5060", "sip:b@10.0.0.6:5060")}, to("sip:c@10.0.0.4:5060")...)
				targets[0].Q, targets[1].Q = 1, 0.5
				b, c, bob, carol := trio(t, relayTo(targets, &o))
				second, third := b.phone("10.0.0.5:5060"), b.phone("10.0.0.6:5060")
				c.send("INVITE")
				if order == engine.Parallel {
					b.w.Run(10 * time.Millisecond)
					carol.reply(carol.expect("INVITE"), 480, "") // beside the ways of another
				}
				tt.act(bob)
				if tt.next {
					inv := second.expect("INVITE")
					if len(third.got) > 0 || order != engine.Parallel && len(carol.got) > 0 {
						t.Errorf("third %v, carol %v", third.lines(), carol.lines())
					}
					second.reply(inv, 180, "")
					c.ph.expect("180")
					second.reply(inv, 486, "")
				}
				if order != engine.Parallel {
					carol.reply(carol.expect("INVITE"), 480, "")
				}
				final := c.ph.expect("4")
				c.ack(final)
				if code := final.msg.Status(); tt.next && code != 486 {
					t.Errorf("the caller got %d", code)
				}
				b.quiet()
				if len(third.got) > 0 || !tt.next && len(second.got) > 0 {
					t.Errorf("tried after an answer: %v, %v", second.lines(), third.lines())
				}
			})
		}
	}
}

// The last way answers; one way at a time, though the first one is slow and rings after all.
func TestOneWayRingsAtATime(t *testing.T) {
	target := ways("sip:b@10.0.0.3:5060", "sip:b@10.0.0.5:5060", "sip:b@10.0.0.6:5060")
	target.ReplyTimeout, target.Others[0].ReplyTimeout = time.Second, time.Second
	b, c, bob, _ := trio(t, relayTo([]*engine.Target{target}, nil))
	second, third := b.phone("10.0.0.5:5060"), b.phone("10.0.0.6:5060")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	if at := second.expect("INVITE").at - inv.at; at < time.Second || at > 1100*time.Millisecond {
		t.Errorf("the second way after %v", at)
	}
	bob.reply(inv, 180, "")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(inv, 487, "")
	last := third.expect("INVITE")
	third.reply(last, 200, "Contact: <sip:b@10.0.0.6:5060>\r\n")
	ok := c.ph.expect("200")
	if string(ok.msg.ToTag()) != "tag-10.0.0.6-5060" {
		t.Errorf("answered by %s", ok.msg.ToTag())
	}
	b.quiet()

	// A 2xx of a way that was given up wins all the same, and ends the others.
	b, c, bob, _ = trio(t, relayTo([]*engine.Target{target}, nil))
	second = b.phone("10.0.0.5:5060")
	c.send("INVITE")
	inv = bob.expect("INVITE")
	other := second.expect("INVITE")
	second.reply(other, 180, "")
	bob.reply(inv, 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
	c.ph.expect("200")
	second.reply(second.expect("CANCEL"), 200, "")
	second.reply(other, 487, "")
	b.quiet()
}

// Where all ways have failed the caller is told that nobody is there; an answer of another target
// is better.
func TestNoCallerGets430(t *testing.T) {
	for _, tt := range []struct {
		carol, want int
		causes      [2]int
	}{{0, 480, [2]int{430, 430}}, {0, 480, [2]int{430, 0}}, {486, 486, [2]int{430, 430}}, {0, 408, [2]int{430, 408}}, {0, 408, [2]int{408, 430}}} {
		t.Run(fmt.Sprint(tt.carol), func(t *testing.T) {
			targets := []*engine.Target{ways("sip:b@10.0.0.3:5060", "sip:b@10.0.0.5:5060")}
			if tt.causes[1] == 0 {
				targets[0].Others = nil
			}
			if tt.carol != 0 {
				targets = append(targets, to("sip:c@10.0.0.4:5060")...)
			}
			b, c, bob, carol := trio(t, relayTo(targets, nil))
			second := b.phone("10.0.0.5:5060")
			c.send("INVITE")
			bob.reply(bob.expect("INVITE"), tt.causes[0], "")
			if tt.causes[1] != 0 {
				second.reply(second.expect("INVITE"), tt.causes[1], "")
			}
			if tt.carol != 0 {
				carol.reply(carol.expect("INVITE"), tt.carol, "")
			}
			final := c.ph.expect("4")
			if c.ack(final); final.msg.Status() != tt.want {
				t.Errorf("%+v: %d", tt, final.msg.Status())
			}
			b.quiet()
		})
	}
	// A proxy that only follows a Route passes it back: it is for the one who wrote that.
	b, c, bob, _ := trio(t, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
	ok := c.ph.expect("200")
	c.toTag, c.uri, c.extra = string(ok.msg.ToTag()), "sip:b@10.0.0.3:5060", callersRoutes(ok.msg)
	c.branch, c.cseq = 1, 1
	c.send("INFO")
	bob.reply(bob.expect("INFO"), 430, "")
	c.ph.expect("430")
	b.quiet()
}

// The caller's CANCEL ends it: no further way, whatever the present one says.
func TestCancelledWaysAreNotFollowed(t *testing.T) {
	for _, rings := range []bool{true, false} {
		for _, code := range []int{487, 430, 408} {
			b, c, bob, _ := trio(t, relayTo([]*engine.Target{ways("sip:b@10.0.0.3:5060", "sip:b@10.0.0.5:5060")}, nil))
			second := b.phone("10.0.0.5:5060")
			c.send("INVITE")
			inv := bob.expect("INVITE")
			if rings {
				bob.reply(inv, 180, "")
				c.ph.expect("180")
			}
			c.send("CANCEL")
			b.w.Run(time.Second)
			bob.reply(inv, code, "")
			c.ack(c.ph.expect("4"))
			b.quiet()
			if len(second.got) > 0 {
				t.Errorf("rings %v, %d: %v", rings, code, second.lines())
			}
		}
	}
}

// flowWorld is a world whose phones register over TCP; a call goes to the flows of those in the
// order of their registration, as one instance.
func flowWorld(t *testing.T) (b *bench, flows *[]transport.FlowID) {
	flows = new([]transport.FlowID)
	b = newBenchWith(t, 1, func(r *engine.Request) error {
		if r.Method() == message.MethodRegister {
			*flows = append(*flows, r.Flow())
			_, err := r.Reply(200, "", nil)
			return err
		}
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		var list []*engine.Target
		for _, id := range *flows {
			list = append(list, &engine.Target{URI: "sip:b@192.168.1.9:5060", Flow: id, Received: "tcp:192.0.2.9:1"})
		}
		list[0].Others = list[1:]
		_, err := r.Relay(list[:1], nil)
		return err
	}, func(c *engine.Config, w *sim.World) { c.Network = w.Network("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060") })
	return b, flows
}

// registered is a phone that did, over TCP.
func registered(b *bench, addr string) *handset {
	ph := b.phone(addr)
	text := strings.Replace(ph.call("r"+addr, "sip:example.com").request("REGISTER"), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
	b.w.Do(func() {
		if err := ph.Stream(transport.TCP, proxyAddr, []byte(text)); err != nil {
			b.t.Error(err)
		}
	})
	ph.expect("200")
	return ph
}

// A connection that is lost while the phone rings on it: the next way at once, or the end.
func TestConnectionLostWhileItRings(t *testing.T) {
	for _, method := range []string{"INVITE", "MESSAGE"} {
		for _, rings := range []bool{true, false} {
			for _, two := range []bool{true, false} {
				b, flows := flowWorld(t)
				alice, bob := b.phone("10.0.0.2:5060"), registered(b, "10.0.0.3:5060")
				var second *handset
				if two {
					second = registered(b, "10.0.0.5:5060")
				}
				c := alice.call("c1", "sip:bob@example.com")
				c.send(method)
				req := bob.expect(method)
				if rings {
					bob.reply(req, 180, "")
				}
				b.w.Run(time.Second)
				lost := b.w.Elapsed()
				b.w.Break((*flows)[0])
				code := 480
				if two {
					other := second.expect(method)
					if other.at-lost > 10*time.Millisecond {
						t.Errorf("%s: the second way after %v", method, other.at-lost)
					}
					second.reply(other, 200, "Contact: <sip:b@10.0.0.5:5060>\r\n")
					code = 200
				}
				final := alice.expect(fmt.Sprint(code))
				if final.at-lost > 10*time.Millisecond {
					t.Errorf("%s, rings %v: answered after %v", method, rings, final.at-lost)
				}
				if method == "INVITE" && code == 480 {
					c.ack(final)
				}
				b.quiet()
			}
		}
	}
}

// What is over is not touched by the end of its connection; what is within a dialog gets 430, what
// was cancelled 487.
func TestConnectionLostInOtherStates(t *testing.T) {
	b, _ := flowWorld(t)
	alice, bob := b.phone("10.0.0.2:5060"), registered(b, "10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:b@192.168.1.9:5060>\r\n")
	ok := alice.expect("200")
	c.within(ok, inv, "sip:b@192.168.1.9:5060", false)
	c.send("INFO")
	bob.expect("INFO")
	lost := b.w.Elapsed()
	b.w.BreakStreams()
	if r := alice.expect("430"); r.at-lost > 10*time.Millisecond {
		t.Errorf("430 after %v", r.at-lost)
	}
	b.quiet()
	if len(alice.got) > 0 {
		t.Errorf("more: %v", alice.lines())
	}

	b, _ = flowWorld(t)
	alice, bob = b.phone("10.0.0.2:5060"), registered(b, "10.0.0.3:5060")
	c = alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 180, "")
	alice.expect("180")
	c.send("CANCEL")
	alice.expect("200")
	bob.expect("CANCEL")
	lost = b.w.Elapsed()
	b.w.BreakStreams()
	r := alice.expect("487")
	if c.ack(r); r.at-lost > 10*time.Millisecond {
		t.Errorf("487 after %v", r.at-lost)
	}
	b.quiet()
}
