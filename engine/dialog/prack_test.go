package dialog_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// relies are the headers of an INVITE whose caller takes reliable responses.
func relies(name string) []proxy.HeaderEdit {
	return []proxy.HeaderEdit{{Name: name, Values: []string{"100rel"}}, {Name: "Allow", Values: []string{updates}}}
}

// PRACK is each leg's own (RFC 3262): with or without it at either side, the early answer reaches
// the caller, and its 2xx has it again.
func TestPrackPerLeg(t *testing.T) {
	for _, c := range []struct {
		name     string
		caller   string // the header that names 100rel
		callee   bool
		prack    bool // the caller's
		provides int  // PRACKs at the callee
	}{
		{"neither", "", false, false, 0}, {"the callee", "", true, false, 1}, {"the caller", "Supported", false, true, 0},
		{"both", "Supported", true, true, 1}, {"required by the caller", "Require", false, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 101)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			s := phone.Spec{Media: own}
			if c.caller != "" {
				s.Headers = relies(c.caller)
			}
			o := alice.Invite("sip:bob@example.com", s)
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 183, phone.Reply{Media: own, Reliable: c.callee})
			b.w.Run(time.Second)
			b.reply(in, 180, phone.Reply{Reliable: c.callee})
			b.w.Run(time.Second)
			final := phone.Reply{}
			if !c.callee {
				final.Media = own
			}
			b.reply(in, 200, final)
			has(t, "the 200", b.answered(o, 200), "10.0.2.1")
			b.got(bob, "ACK", 1)
			var early *message.Message
			for _, a := range o.Answers {
				if a.Msg.Status() == 183 && early == nil {
					early = a.Msg
				}
			}
			if early == nil {
				t.Fatal("no 183")
			}
			has(t, "the 183", early, "10.0.2.1")
			if got := early.HeaderName("RSeq") != nil; got != c.prack {
				t.Errorf("the 183 is reliable: %v", got)
			}
			n := 0
			for _, i := range bob.Inbox() {
				if i.Method() == "PRACK" {
					n++
				}
			}
			if want := c.provides * 2; n != want {
				t.Errorf("bob got %d PRACKs, not %d", n, want)
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// A reliable response is repeated with T1, doubled, until its PRACK comes; without one the call is
// refused after 64·T1 (§3).
func TestPrackNeverComes(t *testing.T) {
	b := newBench(t, 102)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: relies("Supported"), PrackManual: true})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 183, phone.Reply{Media: own})
	at := b.w.Elapsed()
	b.w.RunUntil(40*time.Second, o.Done)
	if wait := b.w.Elapsed() - at; wait < 31900*time.Millisecond || wait > 32500*time.Millisecond {
		t.Errorf("refused after %v", wait)
	}
	b.answered(o, 504)
	n := 0
	for _, l := range b.log {
		if strings.Contains(l, "→ 10.0.1.1:5060  SIP/2.0 183") {
			n++
		}
	}
	if n != 7 { // 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5
		t.Errorf("sent %d times", n)
	}
	b.got(bob, "CANCEL", 1)
	b.over()
}

// No 2xx before the PRACK of a reliable answer (§3); and a second response waits for it.
func TestPrackBeforeAnswer(t *testing.T) {
	b := newBench(t, 103)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: relies("Require"), PrackManual: true})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 183, phone.Reply{Media: own})
	b.reply(in, 180, phone.Reply{})
	b.reply(in, 200, phone.Reply{Media: own})
	b.w.Run(2 * time.Second)
	for _, a := range o.Answers {
		if c := a.Msg.Status(); c > 100 && c != 183 {
			t.Errorf("%d before the PRACK", c)
		}
	}
	x, err := o.Prack(phone.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	b.answered(x, 200)
	b.answered(o, 200)
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.over()
}

// A PRACK that acknowledges nothing is answered 481, one of a response that is another one's too.
func TestPrackOfNothing(t *testing.T) {
	b := newBench(t, 104)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: relies("Supported"), PrackManual: true})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 183, phone.Reply{Media: own})
	b.w.Run(100 * time.Millisecond)
	for _, rack := range []string{"", "x", "1 1 INVITE", "4294967296 1 INVITE"} {
		b.answered(o.Dialog().Send(phone.Spec{Method: "PRACK", Headers: with("RAck", rack)}), 481)
	}
	x, _ := o.Prack(phone.Spec{})
	b.answered(x, 200)
	rseq := ""
	for _, a := range o.Answers {
		if v := a.Msg.HeaderName("RSeq"); v != nil {
			rseq = string(v)
		}
	}
	b.answered(o.Dialog().Send(phone.Spec{Method: "PRACK", Headers: with("RAck", rseq+" 1 INVITE")}), 481)
	b.reply(in, 486, phone.Reply{})
	b.answered(o, 486)
	b.over()
}

// An offer in a PRACK is answered in its 2xx (§5); the peer is told of it once the call is
// answered.
func TestOfferInPrack(t *testing.T) {
	b := newBench(t, 105)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: relies("Supported"), PrackManual: true})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 183, phone.Reply{Media: own})
	b.w.Run(100 * time.Millisecond)
	x, err := o.Prack(phone.Spec{Body: []byte(strings.Replace(rawSDP, "4000", "4848", 1))})
	if err != nil {
		t.Fatal(err)
	}
	if res := b.answered(x, 200); !bytes.Contains(res.Body(), []byte("m=audio")) {
		t.Error("no answer")
	}
	b.reply(in, 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.agrees(alice, bob)
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// An offer by UPDATE before the answer goes to the other side if that has acknowledged an answer
// and takes UPDATE; one that the caller cannot take is refused: 504. In both directions.
func TestEarlyUpdate(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []proxy.HeaderEdit
		from    string
		rel     bool // the callee's answer is acknowledged
		code    int
	}{
		{"by the callee", relies("Supported"), "bob", true, 200},
		{"by the callee, the caller takes no UPDATE", with("Supported", "100rel"), "bob", true, 504},
		{"by the callee, the caller has no 100rel", with("Allow", updates), "bob", true, 504},
		{"by the caller", relies("Supported"), "alice", true, 200},
		{"by the caller, the callee's answer may change", relies("Supported"), "alice", false, 504},
		{"by the caller, without an answer", with("Allow", updates), "alice", true, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 106)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: c.headers})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 183, phone.Reply{Media: own, Reliable: c.rel, Headers: with("Allow", updates)})
			b.w.Run(time.Second)
			d, to := o.Dialog(), bob
			if c.from == "bob" {
				d, to = in.Dialog(), alice
			}
			u := d.Send(phone.Spec{Method: "UPDATE", Media: phone.Media{Own: true, Port: 4949}})
			if c.code == 200 {
				got := b.got(to, "UPDATE", 1)
				if !bytes.Contains(got.Msg.Body(), []byte("m=audio 4949")) {
					t.Errorf("passed:\n%s", got.Msg.Body())
				}
				b.reply(got, 200, phone.Reply{Media: own})
			}
			b.answered(u, c.code)
			if n := len(b.methods(to, "UPDATE")); c.code != 200 && n != 0 {
				t.Error("it was passed")
			}
			final := phone.Reply{}
			if !c.rel {
				final.Media = own
			}
			b.reply(in, 200, final)
			res := b.answered(o, 200)
			if got := len(res.Body()) > 0; got == (c.code == 200) {
				t.Errorf("the 2xx has a description: %v", got)
			}
			b.got(bob, "ACK", 1)
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// An INVITE without an offer offers 100rel if its caller has it: the offer of who is called comes
// early then, the caller's answer in its PRACK goes on in ours, and neither 2xx has any (RFC 3262
// §5). With several targets it offers none: the caller could answer one alone.
func TestLateOfferByPrack(t *testing.T) {
	for _, c := range []struct {
		name    string
		caller  bool
		relayed bool
		targets []string
		offers  bool
		refuses bool // the caller's PRACK has no answer
	}{
		{name: "the caller has no 100rel", targets: []string{bobURI}},
		{name: "two targets", caller: true, targets: []string{bobURI, carolURI}},
		{name: "early offer", caller: true, targets: []string{bobURI}, offers: true},
		{name: "early offer, relayed", caller: true, relayed: true, targets: []string{bobURI}, offers: true},
		{name: "no answer to it", caller: true, targets: []string{bobURI}, offers: true, refuses: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 107)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.phone("carol", "10.0.3.1:5060")
			bobs, alices := "10.0.2.1", "10.0.1.1"
			if c.relayed {
				b.relays().wait = func() time.Duration { return 100 * time.Millisecond }
				bobs, alices = "10.9.1.2", "10.9.1.1"
			}
			b.joins(dialog.DialOptions{}, c.targets...)
			s := phone.Spec{PrackManual: c.refuses}
			if c.caller {
				s.Headers = relies("Supported")
			}
			o := alice.Invite("sip:bob@example.com", s)
			in := b.got(bob, "INVITE", 1)
			if got := strings.Contains(string(in.Msg.HeaderName("Supported")), "100rel"); got != c.offers {
				t.Errorf("100rel is offered: %v", got)
			}
			if !c.offers {
				_ = o.Cancel(nil)
				b.answered(o, 487)
				b.over()
				return
			}
			b.reply(in, 183, phone.Reply{Media: own, Reliable: true})
			b.w.Run(time.Second)
			if c.refuses {
				rseq := string(o.Answers[len(o.Answers)-1].Msg.HeaderName("RSeq"))
				b.answered(o.Dialog().Send(phone.Spec{Method: "PRACK", Headers: with("RAck", rseq+" 1 INVITE")}), 200)
				if ack := b.got(bob, "PRACK", 1); !bytes.Contains(ack.Msg.Body(), []byte("m=audio 0 ")) {
					t.Errorf("bob's PRACK has %q", ack.Msg.Body())
				}
				_ = o.Cancel(nil)
				b.answered(o, 487)
				b.over()
				return
			}
			early := o.Answers[len(o.Answers)-1].Msg
			has(t, "the 183", early, bobs)
			has(t, "bob's PRACK", b.got(bob, "PRACK", 1).Msg, alices)
			b.reply(in, 180, phone.Reply{Reliable: true})
			b.w.Run(time.Second)
			b.reply(in, 200, phone.Reply{})
			if m := b.answered(o, 200); len(m.Body()) > 0 {
				t.Errorf("the 200 has %q", m.Body())
			}
			if ack := b.got(bob, "ACK", 1); len(ack.Msg.Body()) > 0 {
				t.Errorf("bob's ACK has %q", ack.Msg.Body())
			}
			b.w.Run(time.Second)
			re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
			b.reply(b.got(bob, "INVITE", 2), 200, phone.Reply{Media: own})
			has(t, "the answer of a later INVITE", b.answered(re, 200), bobs)
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// What this server offers by itself to a caller that has made no offer: early, by a reliable answer
// alone, whose PRACK answers it; then the 2xx makes no other one (RFC 3261 §13.2.1, RFC 3262 §5).
func TestOfferOfOurs(t *testing.T) {
	for _, c := range []struct {
		name         string
		caller       bool // it has 100rel
		silent, at   bool // its PRACK answers nothing; the call is answered before it
		early, in2xx bool // where the offer is
		remote       string
	}{
		{name: "without 100rel", in2xx: true, remote: "10.0.1.1"},
		{name: "with 100rel", caller: true, early: true, remote: "10.0.1.1"},
		{name: "answered before the PRACK", caller: true, at: true, early: true, remote: "10.0.1.1"},
		{name: "no answer in the PRACK", caller: true, silent: true, early: true, in2xx: true, remote: "10.0.1.1"},
		{name: "nor in that of an answered call", caller: true, silent: true, at: true, early: true, in2xx: true, remote: "10.0.1.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 108)
			alice := b.phone("alice", "10.0.1.1:5060")
			var leg *dialog.Leg
			answer := func(*lane.Lane) {
				if err := leg.Answer([]byte(rawSDP)); err != nil {
					t.Error(err)
				}
			}
			b.takes(func(l *dialog.Leg) {
				leg = l
				if err := l.Ring(183, []byte(rawSDP)); err != nil {
					t.Error(err)
				}
			})
			s := phone.Spec{PrackManual: c.silent || c.at}
			if c.caller {
				s.Headers = relies("Supported")
			}
			o := alice.Invite("sip:ivr@example.com", s)
			b.w.Run(100 * time.Millisecond)
			early := o.Answers[len(o.Answers)-1].Msg
			if got := len(early.Body()) > 0; early.Status() != 183 || got != c.early {
				t.Errorf("%d offers: %v", early.Status(), got)
			}
			if c.at {
				b.does(answer)
				b.w.Run(100 * time.Millisecond)
			}
			switch {
			case c.silent:
				b.answered(o.Dialog().Send(phone.Spec{Method: "PRACK", Headers: with("RAck", string(early.HeaderName("RSeq"))+" 1 INVITE")}), 200)
			case c.at:
				x, err := o.Prack(phone.Spec{Media: own})
				if err != nil {
					t.Fatal(err)
				}
				b.answered(x, 200)
			}
			if !c.at {
				b.does(answer)
			}
			if res := b.answered(o, 200); len(res.Body()) > 0 != c.in2xx {
				t.Errorf("the 200 has %q", res.Body())
			}
			b.w.Run(time.Second)
			b.does(func(*lane.Lane) {
				if got := string(leg.RemoteSDP()); !strings.Contains(got, c.remote) {
					t.Errorf("alice's description: %q", got)
				}
			})
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.over()
		})
	}
}

// A caller that has got an offer of ours early, an announcement's, gets none of who is called then,
// which is not left without a PRACK: 100rel is not offered to it.
func TestDialAfterOfferOfOurs(t *testing.T) {
	b := newBench(t, 109)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.takes(func(l *dialog.Leg) {
		if err := l.Ring(183, []byte(rawSDP)); err != nil {
			t.Error(err)
		}
		b.dial(l, nil, bobURI, dialog.DialOptions{}, func(*dialog.Leg) {})
	})
	o := alice.Invite("sip:bob@example.com", phone.Spec{Headers: relies("Supported")})
	in := b.got(bob, "INVITE", 1)
	if strings.Contains(string(in.Msg.HeaderName("Supported")), "100rel") {
		t.Error("100rel is offered")
	}
	_ = o.Cancel(nil)
	b.answered(o, 487)
	b.over()
}

// Over a link that loses, each reliable response is acknowledged once, in order, and the call is
// set up.
func TestPrackOverLoss(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			b := newBench(t, 2000+seed)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			b.w.SetLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: 100 * time.Millisecond, Loss: 0.25, Duplicate: 0.1})
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: relies("Require")})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 183, phone.Reply{Media: own, Reliable: true})
			b.w.Run(8 * time.Second)
			b.reply(in, 200, phone.Reply{Media: own})
			b.w.RunUntil(60*time.Second, o.Done)
			m := o.Final()
			if m == nil || m.Status() != 200 && m.Status() != 504 && m.Status() != 408 {
				t.Fatalf("answered %d", statusOf(m))
			}
			b.w.SetLink(sim.Link{Delay: 5 * time.Millisecond})
			b.does(func(*lane.Lane) {
				for _, l := range b.legs {
					l.HangUp("")
				}
			})
			b.w.Run(time.Second)
			b.over()
		})
	}
}
