package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// A mask: the far side sees another From, or To, in every message of the dialog, and the near side
// never notices.

// masking relays to 10.0.0.3 with From and To masked, and the rest along our route.
func masking(onBranch bool) routerFunc {
	k := engine.Mask{From: `"Front Desk" <sip:+4930555@trunk.example>`, To: "<sip:+1555@trunk.example>"}
	return func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		o := &engine.ForkOptions{}
		if err := r.RecordRoute(engine.RouteParam{Name: "x", Value: "1"}); err != nil {
			return err
		}
		if onBranch {
			o.OnBranch = func(b *engine.Branch) error { return b.Mask(k) }
		} else if err := r.Mask(k); err != nil {
			return err
		}
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), o)
		return err
	}
}

const (
	maskedFrom = `"Front Desk" <sip:+4930555@trunk.example>`
	maskedTo   = "<sip:+1555@trunk.example>"
	aliceFrom  = "<sip:alice@example.com>"
	aliceTo    = "<sip:bob@example.com>"
)

// wantParties checks From and To; tags "" for none.
func wantParties(t *testing.T, who string, m *message.Message, from, fromTag, to, toTag string) {
	t.Helper()
	for _, p := range [...]struct {
		id        message.HeaderID
		text, tag string
	}{{message.HeaderFrom, from, fromTag}, {message.HeaderTo, to, toTag}} {
		t.Run(p.text, func(t *testing.T) {
			want := p.text
			if p.tag != "" {
				want += ";tag=" + p.tag
			}
			if got := string(m.Header(p.id)); got != want {
				t.Errorf("%s: %s: %s, want %s", who, p.id, got, want)
			}
		})
	}
}

func TestMaskedCall(t *testing.T) {
	for _, onBranch := range []bool{false, true} {
		t.Run(fmt.Sprint("branch=", onBranch), func(t *testing.T) {
			b := newBench(t, 1, masking(onBranch))
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			const bt = "tag-10.0.0.3-5060"
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			inv := bob.expect("INVITE")
			wantParties(t, "INVITE", inv.msg, maskedFrom, "a1", maskedTo, "")
			if strings.Contains(string(inv.p.Bytes), "sip:alice@example.com") {
				t.Errorf("the caller shows:\n%s", inv.p.Bytes)
			}
			rr := string(inv.msg.Header(message.HeaderRecordRoute))
			bob.reply(inv, 180, "")
			wantParties(t, "180", alice.expect("180").msg, aliceFrom, "a1", aliceTo, bt)
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			ok := alice.expect("200")
			wantParties(t, "200", ok.msg, aliceFrom, "a1", aliceTo, bt)
			b.w.Run(time.Second)
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n") // again: the ACK is late
			wantParties(t, "200 again", alice.expect("200").msg, aliceFrom, "a1", aliceTo, bt)
			callers := callersRoutes(ok.msg)
			in := func(branch int, cseq int, method string) *received {
				text := fmt.Sprintf("%s sip:bob@10.0.0.3:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-m-%d\r\nMax-Forwards: 70\r\n%sFrom: %s;tag=a1\r\nTo: %s;tag=%s\r\nCall-ID: c1\r\nCSeq: %d %s\r\nContact: <sip:alice@10.0.0.2:5060>\r\nContent-Length: 0\r\n\r\n",
					method, branch, callers, aliceFrom, aliceTo, bt, cseq, method)
				alice.Send(proxyAddr, []byte(text))
				got := bob.expect(method)
				wantParties(t, method, got.msg, maskedFrom, "a1", maskedTo, bt)
				return got
			}
			in(1, 1, "ACK")
			again := in(2, 2, "INVITE")
			bob.reply(again, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			wantParties(t, "200 of re-INVITE", alice.expect("200").msg, aliceFrom, "a1", aliceTo, bt)
			in(3, 2, "ACK")
			from := func(method string, cseq int) *received {
				text := fmt.Sprintf("%s sip:alice@10.0.0.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bK-b-%d\r\nMax-Forwards: 70\r\nRoute: %s\r\nFrom: %s;tag=%s\r\nTo: %s;tag=a1\r\nCall-ID: c1\r\nCSeq: %d %s\r\nContact: <sip:bob@10.0.0.3:5060>\r\nContent-Length: 0\r\n\r\n",
					method, cseq, rr, maskedTo, bt, maskedFrom, cseq, method)
				bob.Send(proxyAddr, []byte(text))
				got := alice.expect(method)
				wantParties(t, method+" of the callee", got.msg, aliceTo, bt, aliceFrom, "a1")
				alice.reply(got, 200, "Contact: <sip:alice@10.0.0.2:5060>\r\n")
				wantParties(t, "its 200", bob.expect("200").msg, maskedTo, bt, maskedFrom, "a1")
				return got
			}
			from("INFO", 7)
			from("BYE", 8)
			b.quiet()
		})
	}
}

// A failure, a CANCEL and its 487 fit on either side.
func TestMaskedCallIsCancelled(t *testing.T) {
	b := newBench(t, 1, masking(false))
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	alice.expect("200")
	cancel := bob.expect("CANCEL")
	wantParties(t, "CANCEL", cancel.msg, maskedFrom, "a1", maskedTo, "")
	bob.reply(cancel, 200, "")
	bob.reply(inv, 487, "")
	wantParties(t, "ACK", bob.expect("ACK").msg, maskedFrom, "a1", maskedTo, "tag-10.0.0.3-5060")
	res := alice.expect("487")
	wantParties(t, "487", res.msg, aliceFrom, "a1", aliceTo, "tag-10.0.0.3-5060")
	c.ack(res)
	b.quiet()
}

// Where a mask could not be kept up it is refused, and so is what is not an address.
func TestMaskIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		record   bool
		mask     engine.Mask
		inDialog bool
		want     string
	}{
		"no record_route": {false, engine.Mask{From: "<sip:x@y>"}, false, "record_route first"},
		"in a dialog":     {true, engine.Mask{From: "<sip:x@y>"}, true, "settles From and To"},
		"no brackets":     {true, engine.Mask{From: "sip:x@y"}, false, "is not an address"},
		"a tag":           {true, engine.Mask{From: "<sip:x@y>;tag=1"}, false, "is not an address"},
		"no uri":          {true, engine.Mask{To: "<hello>"}, false, "is not an address"},
		"a line break":    {true, engine.Mask{To: "<sip:x@y>\r\nX: <a>"}, false, "line break"},
		"too long":        {true, engine.Mask{To: "<sip:" + strings.Repeat("x", 600) + "@y>"}, false, "fit into every request"},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			b := newBench(t, 1, func(r *engine.Request) error {
				if c.record {
					_ = r.RecordRoute()
				}
				got = r.Mask(c.mask)
				_, err := r.Reply(486, "", nil)
				return err
			})
			call := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
			if c.inDialog {
				call.toTag = "t"
			}
			call.send("INVITE")
			call.ack(call.ph.expect("486"))
			var misuse *engine.MisuseError
			if !errors.As(got, &misuse) || !strings.Contains(got.Error(), c.want) {
				t.Errorf("%v", got)
			}
			b.quiet()
		})
	}
}

// A request that starts no dialog needs no route back; forwarded statelessly its answer could not
// be changed back, which is refused.
func TestMaskedMessage(t *testing.T) {
	stateless := false
	b := newBench(t, 1, func(r *engine.Request) error {
		if err := r.Mask(engine.Mask{From: maskedFrom}); err != nil {
			t.Error(err)
		}
		if stateless {
			ok, err := r.Forward(&engine.Target{URI: "sip:bob@10.0.0.3:5060"})
			if ok {
				t.Error("forwarded")
			}
			return err
		}
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("MESSAGE")
	m := bob.expect("MESSAGE")
	wantParties(t, "MESSAGE", m.msg, maskedFrom, "a1", aliceTo, "")
	bob.reply(m, 200, "")
	wantParties(t, "200", alice.expect("200").msg, aliceFrom, "a1", aliceTo, "tag-10.0.0.3-5060")
	stateless = true
	c.branch = 1
	c.send("MESSAGE")
	b.w.Run(10 * time.Second)
	if len(bob.got) != 0 {
		t.Errorf("%v", bob.lines())
	}
	b.quiet()
}

// A mask and a challenge at once: the entry carries both.
func TestMaskedAndChallenged(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			return toTrunk(r)
		}
		_ = r.RecordRoute()
		if err := r.Mask(engine.Mask{From: maskedFrom}); err != nil {
			t.Error(err)
		}
		return toTrunk(r)
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c, _ := b.established(alice, bob)
	c.branch, c.cseq = 2, 1
	c.send("BYE")
	bye := bob.expect("BYE")
	wantNumber(t, "BYE", bye.msg, 3)
	wantParties(t, "BYE", bye.msg, maskedFrom, "a1", "<sip:bob@10.0.0.3:5060>", c.toTag)
	bob.reply(bye, 200, "")
	wantParties(t, "200", alice.expect("200").msg, aliceFrom, "a1", "<sip:bob@10.0.0.3:5060>", c.toTag)
	b.quiet()
}
