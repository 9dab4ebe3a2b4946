package engine_test

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// A whole call: INVITE 180 200 ACK BYE 200 along our Record-Route.
func TestCall(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if err := r.RecordRoute(engine.RouteParam{Name: "x", Value: "1"}); err != nil {
			return err
		}
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE sip:bob@10.0.0.3:5060")
	if got := string(inv.msg.Header(message.HeaderMaxForwards)); got != "69" {
		t.Errorf("Max-Forwards %s", got)
	}
	rr := string(inv.msg.Header(message.HeaderRecordRoute))
	if !regexp.MustCompile(`^<sip:10\.0\.0\.1:5060;lr;s=[0-9b-df-hj-np-tv-z-]{45};x=1>$`).MatchString(rr) {
		t.Errorf("Record-Route %s", rr)
	}
	bob.reply(inv, 180, "")
	alice.expect("180")
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	if n := ok.msg.Elements(message.HeaderVia); !n.Next() || n.Next() {
		t.Error("the 200 should have one Via")
	}
	rr = elements(ok.msg, message.HeaderRecordRoute)[0]
	signature, _, _ := strings.Cut(rr[strings.Index(rr, ";s=")+3:], ";")
	// Parameters have no case
	c.extra = "Route: " + strings.Replace(rr, signature, strings.ToUpper(signature), 1) + "\r\n"
	c.toTag = string(ok.msg.ToTag())
	c.branch, c.uri = 1, "sip:bob@10.0.0.3:5060"
	c.send("ACK")
	ack := bob.expect("ACK")
	if ack.msg.Find(message.HeaderRoute, 0) >= 0 {
		t.Error("our own Route went on")
	}
	c.branch, c.cseq = 2, 1
	c.send("BYE")
	bob.reply(bob.expect("BYE"), 200, "")
	alice.expect("200")
	b.quiet()
}

// Two phones ring; one answers, the other is cancelled, its 487 is ACKed by us and goes no further.
func TestForkFirstAnswerWins(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060"), nil)
		return err
	})
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
	bob.reply(ib, 180, "")
	carol.reply(ic, 180, "")
	alice.expect("180")
	alice.expect("180")
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
	cancel := carol.expect("CANCEL")
	if got := string(cancel.msg.Header(message.HeaderReason)); !strings.HasPrefix(got, "SIP;cause=200") {
		t.Errorf("Reason %q", got)
	}
	carol.reply(cancel, 200, "")
	carol.reply(ic, 487, "")
	ack := carol.expect("ACK")
	vias := ack.msg.Elements(message.HeaderVia)
	if !vias.Next() || vias.Next() {
		t.Error("the ACK of a non-2xx has exactly one Via (trap 2)")
	}
	alice.expect("200")
	b.w.Run(10 * time.Second)
	for _, l := range alice.lines() {
		if l == "487" {
			t.Error("the 487 of the loser reached the caller")
		}
	}
	b.quiet()
}

// The caller hangs up: the branches' 487 is what he gets (§16.10, trap 1).
func TestCancel(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	alice.expect("200") // of the CANCEL
	cancel := bob.expect("CANCEL")
	if len(alice.got) != 0 && alice.lines()[0] == "487" {
		t.Error("487 before the branch said so")
	}
	bob.reply(cancel, 200, "")
	bob.reply(ib, 487, "")
	r := alice.expect("487")
	c.ack(r)
	bob.expect("ACK")
	b.quiet()
}

// A 200 that crosses the CANCEL wins (trap 1).
func TestTrap01SuccessRacesCancel(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
	bob.reply(bob.expect("CANCEL"), 200, "")
	for {
		r := alice.expect("200")
		if cs, _ := r.msg.CSeq(); cs.Method == message.MethodInvite {
			break
		}
	}
	b.quiet()
}

// The script waits in fork, goes on after the outcome, and tries the next: straight-line failover.
func TestTrap36ForkGoesOnPastAGoneDevice(t *testing.T) {
	var codes []int
	b := newBench(t, 1, func(r *engine.Request) error {
		for _, u := range []string{"sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060"} {
			res, err := r.Fork(to(u), &engine.ForkOptions{Defaults: engine.Target{RingTimeout: 5 * time.Second}})
			if err != nil {
				return err
			}
			codes = append(codes, res.Code())
			if res.Code() < 300 || r.Over() {
				return nil
			}
		}
		return nil
	})
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "") // and his device is gone: trap 36
	ic := carol.expect("INVITE")
	if d := ic.at - ib.at; d > 6*time.Second {
		t.Errorf("the second target was tried after %v", d)
	}
	bob.expect("CANCEL")
	carol.reply(ic, 486, "")
	r := alice.expect("486")
	c.ack(r)
	if len(codes) != 2 || codes[0] != 408 || codes[1] != 486 {
		t.Errorf("outcomes %v", codes)
	}
	b.quiet()
}

// A failover loop ends when the caller hung up (trap 31).
func TestTrap31CallerGoneEndsTheLoop(t *testing.T) {
	var cause string
	b := newBench(t, 1, func(r *engine.Request) error {
		res, _ := r.Fork(to("sip:b@10.0.0.3:5060"), nil)
		cause = res.Cause()
		res, _ = r.Fork(to("sip:c@10.0.0.4:5060"), nil)
		if res.Cause() != "cancelled" {
			t.Errorf("second fork: %d %q", res.Code(), res.Cause())
		}
		if ok, err := r.Reply(404, "", nil); ok || err != nil {
			t.Errorf("reply after the cancel: %v %v", ok, err)
		}
		return nil
	})
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(ib, 487, "")
	c.ack(alice.expect("487"))
	b.quiet()
	if len(carol.got) != 0 || cause != "cancelled" {
		t.Errorf("carol got %v; cause %q", carol.lines(), cause)
	}
}

// What nobody decided is answered 500, and what goes nowhere we vouch for is refused.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		route routerFunc
		extra string
		toTag string
		want  string
	}{
		{"no decision", func(r *engine.Request) error { return nil }, "", "", "500"},
		{"panic", func(r *engine.Request) error { panic("x") }, "", "", "500"},
		{"no target, no dialog", func(r *engine.Request) error { _, err := r.Relay(nil, nil); return err }, "", "", "403"},
		{"trap 28: a To tag and a Route of one's own", func(r *engine.Request) error { _, err := r.Relay(nil, nil); return err }, "Route: <sip:10.0.0.9;lr>\r\n", "x", "481"},
		{"a forged signature", func(r *engine.Request) error { _, err := r.Relay(nil, nil); return err }, "Route: <sip:10.0.0.1:5060;lr;s=AAAAAAAAAAAAAAAA>, <sip:10.0.0.9;lr>\r\n", "x", "481"},
		{"nobody there", func(r *engine.Request) error { _, err := r.Relay(to(), nil); return err }, "", "", "480"},
		{"empty list", func(r *engine.Request) error { _, err := r.Relay([]*engine.Target{}, nil); return err }, "", "", "480"},
		{"Proxy-Require", nil, "Proxy-Require: foo\r\n", "", "420"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 1, c.route)
			alice := b.phone("10.0.0.2:5060")
			if c.name == "nobody there" {
				return
			}
			cl := alice.call("c1", "sip:bob@example.com")
			cl.extra, cl.toTag = c.extra, c.toTag
			cl.send("INVITE")
			cl.ack(alice.expect(c.want))
			b.quiet()
		})
	}
}

// Max-Forwards 0 ends here (trap 7).
func TestTrap07MaxForwardsZero(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error { t.Error("routed"); return nil })
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.maxForward = "0"
	c.send("INVITE")
	c.ack(alice.expect("483"))
	b.quiet()
}

// A request that comes back unchanged is a loop; one that was changed is a spiral.
func TestLoop(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:loop@10.0.0.1:5060"), nil)
		return err
	})
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(alice.expect("482"))
	b.quiet()
}

// A stranger adds a To tag, and a Route of his own or one that looks like ours: nothing is relayed
// for him (trap 28).
func TestTrap28NoRelayByToTag(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if _, ours := r.RouteParams(); ours {
			t.Error("a route of a stranger's counts as ours")
		}
		_, err := r.Relay(nil, nil)
		return err
	})
	mallory, victim := b.phone("10.0.0.66:5060"), b.phone("10.0.0.9:5060")
	for i, route := range []string{"", "<sip:10.0.0.9;lr>", "<sip:10.0.0.1:5060;lr>, <sip:10.0.0.9;lr>", "<sip:10.0.0.1:5060;lr;s=AAAAAAAAAAAAAAAA>, <sip:10.0.0.9;lr>",
		"<sip:example.com;lr>, <sip:10.0.0.9;lr>", "<sip:10.0.0.1:5060;lr;s=>, <sip:10.0.0.9;lr>"} {
		for _, method := range []string{"BYE", "INVITE", "ACK"} {
			c := mallory.call("m"+string(rune('a'+i))+method, "sip:victim@10.0.0.9:5060")
			c.toTag = "x"
			if route != "" {
				c.extra = "Route: " + route + "\r\n"
			}
			c.send(method)
			if method != "ACK" {
				r := mallory.expect("481")
				if method == "INVITE" {
					c.ack(r)
				}
			}
		}
	}
	b.quiet()
	if len(victim.got) != 0 {
		t.Errorf("the victim got %v", victim.lines())
	}
}

// A signature holds for its own call only.
func TestTrap28SignatureBelongsToTheCall(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob, victim := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.9:5060")
	c := alice.call("mine", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	rr := string(inv.msg.Header(message.HeaderRecordRoute))
	bob.reply(inv, 486, "")
	c.ack(alice.expect("486"))
	d := alice.call("another", "sip:victim@10.0.0.9:5060")
	d.toTag, d.extra = "x", "Route: "+rr+"\r\n"
	d.send("BYE")
	alice.expect("481")
	b.quiet()
	if len(victim.got) != 0 {
		t.Errorf("the victim got %v", victim.lines())
	}
}

// A callback that panics has changed nothing, a branch whose on_branch did is not sent; the caller
// has his answer, and nothing is left.
func TestPanicsInCallbacks(t *testing.T) {
	for _, method := range []string{"INVITE", "MESSAGE"} {
		for name, o := range map[string]*engine.ForkOptions{
			"on_branch":   {OnBranch: func(*engine.Branch) error { panic("x") }},
			"on_response": {OnResponse: func(*engine.Response) { panic("x") }},
			"on_failure":  {OnFailure: func(*engine.Response) { panic("x") }},
			"failover":    {Order: engine.Serial, Failover: func(*engine.Response) bool { panic("x") }},
		} {
			for _, waits := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, waits %v", method, name, waits), func(t *testing.T) {
					b := newBenchWith(t, 1, func(r *engine.Request) (err error) {
						if waits {
							_, err = r.Fork(bobAndCarol, o)
						} else {
							_, err = r.Relay(bobAndCarol, o)
						}
						return err
					}, func(c *engine.Config, _ *sim.World) { c.Log = slog.New(slog.DiscardHandler) })
					for _, addr := range []string{"10.0.0.3:5060", "10.0.0.4:5060"} {
						ph := b.phone(addr)
						ph.on = func(m *message.Message, p sim.Packet) {
							if m.Method() != message.MethodAck {
								ph.reply(&received{m, p, 0}, 486, "")
							}
						}
					}
					c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
					c.send(method)
					want := "486"
					if name == "on_branch" {
						want = "500"
					}
					if r := c.ph.expect(want); method == "INVITE" {
						c.ack(r)
					}
					b.quiet()
				})
			}
		}
	}
}
