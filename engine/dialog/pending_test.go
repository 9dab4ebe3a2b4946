package dialog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// pair is a call whose owner bridges by hand.
type pair struct {
	*bench
	alice, bob *phone.Phone
	o          *phone.Outgoing
	in         *phone.Incoming
	a, far     *dialog.Leg
}

func newPair(t *testing.T, seed uint64, first time.Duration, again bool) *pair {
	b := newBench(t, seed)
	p := &pair{bench: b, alice: b.phone("alice", "10.0.1.1:5060"), bob: b.phone("bob", "10.0.2.1:5060")}
	p.takes(func(a *dialog.Leg) {
		p.a = a
		b.dial(a, nil, bobURI, dialog.DialOptions{}, func(x *dialog.Leg) {
			p.far = x
			p.bridge(first, again)
		})
	})
	p.o = p.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	p.in = b.got(p.bob, "INVITE", 1)
	b.reply(p.in, 200, phone.Reply{Media: own})
	b.answered(p.o, 200)
	b.got(p.bob, "ACK", 1)
	return p
}

// bridge joins them for a time, again and again if so.
func (p *pair) bridge(limit time.Duration, again bool) {
	if err := p.agent.Bridge(p.a, p.far, dialog.BridgeOptions{Timeout: limit}, func(ended *dialog.Leg, why string) {
		switch {
		case ended != nil || why != dialog.WhyAgain:
			p.a.HangUp("")
			p.far.HangUp("")
		case again:
			p.bridge(limit, again)
		}
	}); err != nil {
		p.t.Error(err)
	}
}

// A leg that talked to nobody for a while is brought together with the other once they are joined.
func TestAloneThenJoined(t *testing.T) {
	for _, who := range []string{"alice", "bob"} {
		t.Run(who, func(t *testing.T) {
			p := newPair(t, 51, 5*time.Second, false)
			p.w.Run(6 * time.Second)
			d := p.o.Dialog()
			if who == "bob" {
				d = p.in.Dialog()
			}
			res := p.answered(d.Send(phone.Spec{Method: "INVITE", Media: own}), 200)
			if !strings.Contains(string(res.Body()), "a=inactive") {
				t.Error("somebody is there to talk to")
			}
			p.w.Run(time.Second)
			p.does(func(*lane.Lane) { p.bridge(0, false) })
			p.agrees(p.alice, p.bob)
			p.told(p.alice, "10.0.2.1")
			p.told(p.bob, "10.0.1.1")
			if strings.Contains(string(p.a.LocalSDP())+string(p.far.LocalSDP()), "a=inactive") {
				t.Error("the media are inactive")
			}
			p.ended(p.o.Dialog(), p.bob)
		})
	}
}

// The time of a bridge ends as an INVITE is passed: that may come again (491), and what is accepted
// all the same, or crosses a CANCEL, is told to both.
func TestPassedTooLate(t *testing.T) {
	for _, c := range []struct {
		name             string
		limit            time.Duration
		accepts, cancels bool
	}{{"withdrawn", 5 * time.Second, false, false}, {"accepted all the same", 5 * time.Second, true, false}, {"accepted as it is cancelled", 0, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, 52, c.limit, c.limit > 0)
			p.w.RunUntil(10*time.Second, func() bool { return p.w.Elapsed() > 4900*time.Millisecond })
			re := p.o.Dialog().Send(phone.Spec{Method: "INVITE", Media: phone.Media{Own: true, Port: 4444}})
			again := p.got(p.bob, "INVITE", 2)
			if !c.cancels {
				p.answered(re, 491)
			} else {
				p.w.Run(time.Second)
				p.w.Do(func() { _ = re.Cancel(nil); _ = again.Reply(200, phone.Reply{Media: own}) })
				p.answered(re, 487)
			}
			if !c.accepts {
				p.w.Run(time.Second)
				if len(p.methods(p.bob, "BYE"))+len(p.methods(p.alice, "BYE")) > 0 {
					t.Error("the call is over")
				}
				p.ended(p.o.Dialog(), p.bob)
				return
			}
			if !c.cancels {
				p.reply(again, 200, phone.Reply{Media: own})
			}
			p.agrees(p.alice, p.bob)
			if n := len(p.methods(p.alice, "INVITE")) + len(p.methods(p.bob, "INVITE")); n < 4 {
				t.Errorf("%d INVITEs: nobody was told", n)
			}
			p.told(p.bob, "10.0.1.1")
			p.told(p.alice, "10.0.2.1")
			p.ended(p.o.Dialog(), p.bob)
		})
	}
}

// What is accepted while nobody is joined is told to both once they are.
func TestAcceptedBetween(t *testing.T) {
	p := newPair(t, 57, 5*time.Second, false)
	p.w.Run(4500 * time.Millisecond)
	re := p.o.Dialog().Send(phone.Spec{Method: "INVITE", Media: phone.Media{Own: true, Port: 4444}})
	again := p.got(p.bob, "INVITE", 2)
	p.answered(re, 491)
	p.reply(again, 200, phone.Reply{Media: own})
	p.w.Run(time.Second)
	before := len(p.methods(p.alice, "INVITE")) + len(p.methods(p.bob, "INVITE"))
	p.does(func(*lane.Lane) { p.bridge(0, false) })
	p.agrees(p.alice, p.bob)
	if n := len(p.methods(p.alice, "INVITE")) + len(p.methods(p.bob, "INVITE")); n != before+2 {
		t.Errorf("%d INVITEs brought them together", n-before)
	}
	p.ended(p.o.Dialog(), p.bob)
}

// A 2xx that comes long after its INVITE was cancelled gets its ACK.
func TestAcceptedAfterEnd(t *testing.T) {
	b := newBench(t, 58)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
	var invites []string
	bob.on = func(m string) {
		switch {
		case strings.HasPrefix(m, "INVITE"):
			if invites = append(invites, m); len(invites) == 1 {
				bob.reply(m, 200, "b", rawContact, rawSDP)
			} else {
				bob.reply(m, 180, "b", rawContact, "")
			}
		case strings.HasPrefix(m, "BYE"), strings.HasPrefix(m, "CANCEL"):
			bob.reply(m, 200, "", "", "")
		}
	}
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.answered(o, 200)
	o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	b.w.Run(58 * time.Second)
	o.Dialog().Send(phone.Spec{Method: "BYE"})
	b.w.Run(5 * time.Second)
	bob.reply(invites[1], 200, "b", rawContact, rawSDP)
	b.over() // each 2xx has its ACK
}

// An INVITE that is passed has a bound, and may come again after it.
func TestPassedHasBound(t *testing.T) {
	p := newPair(t, 53, 0, false)
	re := p.o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	p.reply(p.got(p.bob, "INVITE", 2), 180, phone.Reply{})
	p.w.RunUntil(2*time.Minute, re.Done)
	p.answered(re, 500)
	if n := len(p.methods(p.alice, "BYE")); n > 0 || p.a.State() != dialog.Answered {
		t.Error("the call is over")
	}
	p.ended(p.o.Dialog(), p.bob)
}

// A 2xx that comes again gets its ACK again, whatever INVITEs came after (§13.2.2.4).
func TestAckAgain(t *testing.T) {
	b := newBench(t, 54)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
	var invites []string
	bob.on = func(m string) {
		switch {
		case strings.HasPrefix(m, "INVITE"):
			invites = append(invites, m)
			bob.reply(m, 200, "b", rawContact, rawSDP)
		case strings.HasPrefix(m, "BYE"):
			bob.reply(m, 200, "", "", "")
		}
	}
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.answered(o, 200)
	for range 3 {
		b.w.Run(time.Second)
		b.answered(o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own}), 200)
	}
	b.w.Run(time.Second)
	for _, m := range invites {
		before, _ := bob.count("ACK")
		bob.reply(m, 200, "b", rawContact, rawSDP)
		b.w.Run(100 * time.Millisecond)
		if after, ack := bob.count("ACK"); after != before+1 || hdr(ack, "CSeq") != strings.Replace(hdr(m, "CSeq"), "INVITE", "ACK", 1) {
			t.Errorf("%s got %d ACKs", hdr(m, "CSeq"), after-before)
		}
	}
	o.Dialog().Send(phone.Spec{Method: "BYE"})
	b.over()
}

// An offer that was refused leaves no trace in the session (§14.1).
func TestRefusedOffer(t *testing.T) {
	video := append([]byte(strings.Replace(rawSDP, "4000", "4002", 1)), "m=video 5000 RTP/AVP 96\r\n"...)
	for _, c := range []struct {
		name string
		code int
	}{{"refused", 488}, {"glare", 491}, {"given up", 0}} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, 55, 30*time.Second, false)
			mine, theirs := clean(p.a.LocalSDP()), p.a.RemoteSDP()
			to, from := clean(p.far.LocalSDP()), p.far.RemoteSDP()
			re := p.o.Dialog().Send(phone.Spec{Method: "INVITE", Body: video, ContentType: "application/sdp"})
			again := p.got(p.bob, "INVITE", 2)
			if c.code == 0 {
				_ = re.Cancel(nil)
				p.answered(re, 487)
			} else {
				p.reply(again, c.code, phone.Reply{})
				p.answered(re, c.code)
			}
			p.w.Run(time.Second)
			if !bytes.Equal(mine, clean(p.a.LocalSDP())) || !bytes.Equal(theirs, p.a.RemoteSDP()) || !bytes.Equal(to, clean(p.far.LocalSDP())) || !bytes.Equal(from, p.far.RemoteSDP()) {
				t.Errorf("the session:\n%s\n%s", p.a.RemoteSDP(), p.far.LocalSDP())
			}
			p.w.Run(30 * time.Second) // nobody is joined with them
			p.answered(p.in.Dialog().Send(phone.Spec{Method: "INVITE", Media: own}), 200)
			p.w.Run(time.Second)
			p.does(func(*lane.Lane) { p.a.HangUp(""); p.far.HangUp("") })
			p.reply(p.got(p.alice, "BYE", 1), 200, phone.Reply{})
			p.reply(p.got(p.bob, "BYE", 1), 200, phone.Reply{})
			p.over()
		})
	}
}

// clean is a description without its o=.
func clean(sdp []byte) []byte {
	before, rest, _ := bytes.Cut(sdp, []byte("o="))
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	return append(append([]byte(nil), before...), rest...)
}

// A callee that is full is no reason for others to avoid this server (§16.7 step 6).
func TestPassFull(t *testing.T) {
	b := newBench(t, 56)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
	bob.on = func(m string) {
		if strings.HasPrefix(m, "INVITE") {
			bob.reply(m, 503, "b", "Retry-After: 3600\r\n", "")
		}
	}
	b.takes(func(a *dialog.Leg) {
		_ = b.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(_ *dialog.Leg, res *engine.Response) { _ = a.Pass(res) })
	})
	if res := b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), 500); res.HeaderName("Retry-After") != nil {
		t.Error("there is a Retry-After")
	}
	b.over()
}
