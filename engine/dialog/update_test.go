package dialog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

const updates = "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK"

// updater is a call whose callee takes UPDATE.
func updater(t *testing.T, seed uint64, first time.Duration) *pair {
	t.Helper()
	b := newBench(t, seed)
	p := &pair{bench: b, alice: b.phone("alice", "10.0.1.1:5060"), bob: b.phone("bob", "10.0.2.1:5060")}
	p.takes(func(a *dialog.Leg) {
		p.a = a
		b.dial(a, nil, bobURI, dialog.DialOptions{}, func(x *dialog.Leg) {
			p.far = x
			p.bridge(first, false)
		})
	})
	p.o = p.alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: with("Allow", updates)})
	p.in = b.got(p.bob, "INVITE", 1)
	b.reply(p.in, 200, phone.Reply{Media: own, Headers: with("Allow", updates)})
	b.answered(p.o, 200)
	b.got(p.bob, "ACK", 1)
	p.w.Run(time.Second)
	return p
}

// An offer by UPDATE goes to the other side, as an UPDATE where that takes it and as an INVITE
// where it does not, and its answer or refusal back; in both directions.
func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		name string
		from string // who sends it
		code int
	}{{"from the caller", "alice", 200}, {"from the callee", "bob", 200}, {"refused", "alice", 488}, {"glare of the other side", "alice", 491}} {
		t.Run(c.name, func(t *testing.T) {
			p := updater(t, 91, 0)
			d, to := p.o.Dialog(), p.bob
			if c.from == "bob" {
				d, to = p.in.Dialog(), p.alice
			}
			said := p.far.LocalSDP()
			u := d.Send(phone.Spec{Method: "UPDATE", Media: phone.Media{Own: true, Port: 4747}})
			got := p.got(to, "UPDATE", 1)
			if !bytes.Contains(got.Msg.Body(), []byte("m=audio 4747")) || got.Msg.HeaderName("Contact") == nil {
				t.Errorf("passed:\n%s", got.Msg.Original())
			}
			o := phone.Reply{}
			if c.code == 200 {
				o.Media = own
			}
			p.reply(got, c.code, o)
			res := p.answered(u, c.code)
			if c.code == 200 && !bytes.Contains(res.Body(), []byte("m=audio")) {
				t.Error("no answer")
			}
			p.w.Run(time.Second)
			if c.code != 200 && !bytes.Equal(clean(said), clean(p.far.LocalSDP())) {
				t.Error("a refused offer left a trace")
			}
			p.ended(p.o.Dialog(), p.bob)
		})
	}
	t.Run("as an INVITE", func(t *testing.T) {
		p := newPair(t, 92, 0, false)
		u := p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: phone.Media{Own: true, Port: 4747}})
		p.reply(p.got(p.bob, "INVITE", 2), 200, phone.Reply{Media: own})
		p.answered(u, 200)
		p.got(p.bob, "ACK", 2)
		p.ended(p.o.Dialog(), p.bob)
	})
	t.Run("an INVITE that nobody answers", func(t *testing.T) {
		p := newPair(t, 93, 0, false)
		u := p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: phone.Media{Own: true, Port: 4747}})
		p.reply(p.got(p.bob, "INVITE", 2), 180, phone.Reply{})
		p.answered(u, 504)
		p.ended(p.o.Dialog(), p.bob)
	})
	t.Run("lost", func(t *testing.T) {
		p := updater(t, 94, 0)
		u := p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: own})
		p.reply(p.got(p.bob, "UPDATE", 1), 481, phone.Reply{})
		p.answered(u, 481)
		p.reply(p.got(p.alice, "BYE", 1), 200, phone.Reply{})
		p.over()
	})
}

// Two offers at once: 491 where ours has no answer, 500 with Retry-After where the party's own has
// none (RFC 3311 §5.2), whatever carries them.
func TestUpdateGlare(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		from                string // of the second
		code                int
	}{
		{"UPDATE into our UPDATE", "UPDATE", "UPDATE", "bob", 491}, {"INVITE into our UPDATE", "UPDATE", "INVITE", "bob", 491},
		{"UPDATE into our INVITE", "INVITE", "UPDATE", "bob", 491},
		{"UPDATE before its UPDATE", "UPDATE", "UPDATE", "alice", 500}, {"INVITE before its UPDATE", "UPDATE", "INVITE", "alice", 500},
		{"UPDATE before its INVITE", "INVITE", "UPDATE", "alice", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := updater(t, 95, 0)
			first := p.o.Dialog().Send(phone.Spec{Method: c.first, Media: own})
			n := 1
			if c.first == "INVITE" {
				n = 2
			}
			got := p.got(p.bob, c.first, n)
			d := p.in.Dialog()
			if c.from == "alice" {
				d = p.o.Dialog()
			}
			res := p.answered(d.Send(phone.Spec{Method: c.second, Media: own}), c.code)
			if (c.code == 500) != (res.HeaderName("Retry-After") != nil) {
				t.Error("Retry-After")
			}
			p.reply(got, 200, phone.Reply{Media: own})
			p.answered(first, 200)
			p.w.Run(time.Second)
			p.ended(p.o.Dialog(), p.bob)
		})
	}
}

// A leg without a peer answers by itself; one without an offer is answered at once, and moves the
// party.
func TestUpdateAlone(t *testing.T) {
	p := updater(t, 96, 5*time.Second)
	moved := p.o.Dialog().Send(phone.Spec{Method: "UPDATE"})
	p.answered(moved, 200)
	if n := len(p.methods(p.bob, "UPDATE")); n != 0 {
		t.Error("an UPDATE without an offer was passed")
	}
	p.w.Run(6 * time.Second)
	res := p.answered(p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: own}), 200)
	if !strings.Contains(string(res.Body()), "a=inactive") {
		t.Error("somebody is there to talk to")
	}
	p.answered(p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Body: []byte(rawSDP + "m=video 5000 RTP/AVP 96\r\n")}), 488)
	p.answered(p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Body: []byte("x"), ContentType: "text/plain"}), 415)
	p.does(func(*lane.Lane) { p.bridge(0, false) })
	p.agrees(p.alice, p.bob)
	p.ended(p.o.Dialog(), p.bob)
}

// An UPDATE that is open as its leg, or the bridge, ends is answered.
func TestUpdateEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
	}{{"the leg", 487}, {"the bridge", 491}} {
		t.Run(c.name, func(t *testing.T) {
			limit := 5 * time.Second
			if c.code == 487 {
				limit = 0
			}
			p := updater(t, 97, limit)
			u := p.o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: own})
			got := p.got(p.bob, "UPDATE", 1)
			if c.code == 487 {
				p.does(func(*lane.Lane) { p.a.HangUp("") })
			}
			p.answered(u, c.code)
			p.reply(got, 200, phone.Reply{Media: own})
			p.w.Run(time.Second)
			p.does(func(*lane.Lane) { p.a.HangUp(""); p.far.HangUp("") })
			p.w.Run(time.Second)
			p.over()
		})
	}
}
