package dialog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

const carolURI = "sip:carol@10.0.3.1:5060"

// does has a function called on the lane.
func (b *bench) does(f func(l *lane.Lane)) {
	b.eng.Lanes()[0].Post(lane.Func(f))
	b.w.Run(0)
}

// dial calls one party for a leg, and tells the leg that answered, or nil.
func (b *bench) dial(a *dialog.Leg, l *lane.Lane, uri string, o dialog.DialOptions, then func(*dialog.Leg)) {
	if err := b.agent.Dial(l, a, []*engine.Target{{URI: uri}}, o, func(x *dialog.Leg, _ *engine.Response) {
		if x != nil {
			b.legs = append(b.legs, x)
		}
		then(x)
	}); err != nil {
		b.t.Error(err)
	}
}

// join bridges two legs, and ends both after it.
func (b *bench) join(x, y *dialog.Leg) {
	if err := b.agent.Bridge(x, y, dialog.BridgeOptions{}, func(ended *dialog.Leg, why string) {
		if ended == nil {
			b.t.Errorf("the bridge ended at %v: %s", b.w.Elapsed(), why)
		}
		x.HangUp("")
		y.HangUp("")
	}); err != nil {
		b.t.Error(err)
	}
}

// takes is a route that accepts.
func (b *bench) takes(then func(a *dialog.Leg)) {
	b.route = func(r *engine.Request) error {
		a, err := b.agent.Accept(r, dialog.AcceptOptions{})
		if err == nil {
			b.legs = append(b.legs, a)
			then(a)
		}
		return err
	}
}

// ended hangs up one phone, and answers the BYE at the other.
func (b *bench) ended(d *phone.Dialog, other *phone.Phone) {
	b.t.Helper()
	b.answered(d.Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(other, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// has checks that a message describes somebody's media.
func has(t *testing.T, what string, m *message.Message, address string) {
	t.Helper()
	if !bytes.Contains(m.Body(), []byte("c=IN IP4 "+address+"\r\n")) {
		t.Errorf("%s has not the address %s:\n%s", what, address, m.Original())
	}
}

// What a caller hears early is of one party: a description of another comes in another dialog of
// the caller's (§13.2.1).
func TestEarlyOfAnother(t *testing.T) {
	const media = "v=0\r\no=- 1 1 IN IP4 10.0.9.9\r\ns=-\r\nc=IN IP4 10.0.9.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	for _, c := range []struct {
		name        string
		first       func(b *bench, a *dialog.Leg, then func())
		early       string // who is heard first
		serial, ask bool   // the second rings too
	}{
		{"a second hunt", func(b *bench, a *dialog.Leg, then func()) {
			b.dial(a, nil, bobURI, dialog.DialOptions{Timeout: 5 * time.Second}, func(*dialog.Leg) { then() })
		}, "10.0.2.1", false, false},
		{"a second hunt with early media", func(b *bench, a *dialog.Leg, then func()) {
			b.dial(a, nil, bobURI, dialog.DialOptions{Timeout: 5 * time.Second}, func(*dialog.Leg) { then() })
		}, "10.0.2.1", false, true},
		{"an announcement", func(b *bench, a *dialog.Leg, then func()) {
			_ = a.Ring(183, []byte(media))
			then()
		}, "10.0.9.9", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 41)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.takes(func(a *dialog.Leg) {
				c.first(b, a, func() {
					b.dial(a, nil, carolURI, dialog.DialOptions{}, func(x *dialog.Leg) { b.join(a, x) })
				})
			})
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			if c.early == "10.0.2.1" {
				b.reply(b.got(bob, "INVITE", 1), 183, phone.Reply{Media: own})
			}
			in := b.got(carol, "INVITE", 1)
			if c.ask {
				b.reply(in, 183, phone.Reply{Media: own})
				b.w.Run(time.Second)
			}
			b.reply(in, 200, phone.Reply{Media: own})
			b.answered(o, 200)
			said := map[string]string{} // by tag
			for _, x := range o.Answers {
				if len(x.Msg.Body()) == 0 {
					continue
				}
				_, address, _ := strings.Cut(string(x.Msg.Body()), "\r\nc=")
				address, _, _ = strings.Cut(address, "\r\n")
				if was := said[string(x.Msg.ToTag())]; was != "" && was != address {
					t.Errorf("the dialog %s has media of %s and of %s", x.Msg.ToTag(), was, address)
				}
				said[string(x.Msg.ToTag())] = address
			}
			if len(said) != 2 || c.ask && len(o.Answers) < 3 {
				t.Errorf("dialogs: %v, %d answers", said, len(o.Answers))
			}
			b.ended(o.Dialog(), carol)
		})
	}
}

// In a search one by one the caller hears of the second party, too, whatever the first sent.
func TestSecondRings(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, then phone.Reply
		code        int
	}{{"media, then media", phone.Reply{Media: own}, phone.Reply{Media: own}, 183}, {"media, then rings", phone.Reply{Media: own}, phone.Reply{}, 180}, {"rings, then media", phone.Reply{}, phone.Reply{Media: own}, 183}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 42)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.joins(dialog.DialOptions{Serial: true, Early: dialog.EarlyFirst}, bobURI, carolURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := b.got(bob, "INVITE", 1)
			code := 180
			if c.first.Media.Own {
				code = 183
			}
			b.reply(in, code, c.first)
			b.w.Run(time.Second)
			heard := len(o.Answers)
			tag := string(o.Answers[heard-1].Msg.ToTag())
			b.reply(in, 486, phone.Reply{})
			second := b.got(carol, "INVITE", 1)
			b.reply(second, c.code, c.then)
			b.w.Run(time.Second)
			if len(o.Answers) != heard+1 {
				t.Fatalf("%d answers, then %d", heard, len(o.Answers))
			}
			if now := o.Answers[heard].Msg; now.Status() != c.code || (string(now.ToTag()) == tag) == c.first.Media.Own {
				t.Errorf("%d in the dialog %s, after %s", now.Status(), now.ToTag(), tag)
			}
			b.reply(second, 200, phone.Reply{Media: own})
			b.answered(o, 200)
			b.ended(o.Dialog(), carol)
		})
	}
}

// Legs that were called for nobody are joined with a caller that rings, and with one another: each
// learns the other's address, and each INVITE gets its ACK.
func TestJoinCalled(t *testing.T) {
	t.Run("a caller rings", func(t *testing.T) {
		for _, c := range []struct {
			name  string
			offer phone.Spec
			o     dialog.DialOptions
		}{
			{"offers", phone.Spec{Media: own}, dialog.DialOptions{}},
			{"offers nothing", phone.Spec{}, dialog.DialOptions{}},
			{"offers, something else was offered", phone.Spec{Media: own}, dialog.DialOptions{SDP: []byte(rawSDP)}},
			{"offers nothing, something else was offered", phone.Spec{}, dialog.DialOptions{SDP: []byte(rawSDP)}},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := newBench(t, 43)
				alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
				b.takes(func(a *dialog.Leg) {
					b.dial(nil, a.Lane(), bobURI, c.o, func(x *dialog.Leg) { b.join(a, x) })
				})
				o := alice.Invite("sip:bob@example.com", c.offer)
				b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
				for n := 2; o.Final() == nil && n < 4; n++ {
					b.w.Run(time.Second)
					if k := len(b.methods(bob, "INVITE")); k >= n {
						b.reply(b.got(bob, "INVITE", n), 200, phone.Reply{Media: own})
					}
				}
				res := b.answered(o, 200)
				b.w.Run(time.Second)
				has(t, "alice's 200", res, "10.0.2.1")
				b.told(bob, "10.0.1.1")
				b.w.Run(60 * time.Second)
				b.ended(o.Dialog(), bob)
			})
		}
	})
	t.Run("two called", func(t *testing.T) {
		for _, between := range []time.Duration{0, time.Second, 4900 * time.Millisecond} {
			t.Run(between.String(), func(t *testing.T) {
				b := newBench(t, 44)
				bob, carol := b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
				var legs []*dialog.Leg
				b.does(func(l *lane.Lane) {
					for _, uri := range []string{bobURI, carolURI} {
						b.dial(nil, l, uri, dialog.DialOptions{}, func(x *dialog.Leg) {
							if legs = append(legs, x); len(legs) == 2 {
								b.join(legs[0], legs[1])
							}
						})
					}
				})
				in := b.got(bob, "INVITE", 1)
				b.reply(in, 200, phone.Reply{Media: own})
				b.w.Run(between)
				b.reply(b.got(carol, "INVITE", 1), 200, phone.Reply{Media: own})
				b.agrees(bob, carol)
				b.told(bob, "10.0.3.1")
				b.told(carol, "10.0.2.1")
				b.w.Run(60 * time.Second)
				b.ended(in.Dialog(), carol)
			})
		}
	})
	t.Run("slowly", func(t *testing.T) {
		b := newBench(t, 46)
		bob, carol := b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
		var first *dialog.Leg
		b.does(func(l *lane.Lane) {
			for _, uri := range []string{bobURI, carolURI} {
				b.dial(nil, l, uri, dialog.DialOptions{}, func(x *dialog.Leg) {
					if first != nil {
						b.join(first, x)
					}
					first = x
				})
			}
		})
		in := b.got(bob, "INVITE", 1)
		b.reply(in, 200, phone.Reply{Media: own})
		b.reply(b.got(carol, "INVITE", 1), 200, phone.Reply{Media: own})
		re := b.got(bob, "INVITE", 2)
		b.reply(re, 180, phone.Reply{})
		b.w.Run(8 * time.Second) // longer than an offer waits that nobody takes up
		b.reply(re, 200, phone.Reply{Media: own})
		b.w.Run(time.Second)
		b.told(bob, "10.0.3.1")
		b.told(carol, "10.0.2.1")
		b.ended(in.Dialog(), carol)
	})
	t.Run("glare as a caller rings", func(t *testing.T) {
		b := newBench(t, 47)
		alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
		b.takes(func(a *dialog.Leg) {
			b.dial(nil, a.Lane(), bobURI, dialog.DialOptions{}, func(x *dialog.Leg) { b.join(a, x) })
		})
		o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
		b.reply(b.got(bob, "INVITE", 2), 491, phone.Reply{})
		b.reply(b.got(bob, "INVITE", 3), 200, phone.Reply{Media: own})
		b.answered(o, 200)
		b.ended(o.Dialog(), bob)
	})
	t.Run("one who answered, and one called", func(t *testing.T) {
		for _, swapped := range []bool{false, true} {
			b := newBench(t, 45)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.takes(func(a *dialog.Leg) {
				_ = a.Answer([]byte(rawSDP))
				b.dial(nil, a.Lane(), bobURI, dialog.DialOptions{}, func(x *dialog.Leg) {
					if swapped {
						b.join(x, a)
					} else {
						b.join(a, x)
					}
				})
			})
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
			b.agrees(alice, bob)
			b.told(alice, "10.0.2.1")
			b.told(bob, "10.0.1.1")
			if n := len(b.methods(bob, "INVITE")); n != 1 { // the ACK has the answer
				t.Errorf("bob got %d INVITEs", n)
			}
			b.ended(o.Dialog(), bob)
		}
	})
}

// methods are the requests of a method that a phone has got.
func (b *bench) methods(p *phone.Phone, method string) (list []*phone.Incoming) {
	for _, i := range p.Inbox() {
		if i.Method() == method {
			list = append(list, i)
		}
	}
	return list
}

// agrees has phones answer INVITEs for a while.
func (b *bench) agrees(phones ...*phone.Phone) {
	for range 80 {
		b.w.Run(100 * time.Millisecond)
		for _, p := range phones {
			for _, i := range b.methods(p, "INVITE") {
				if i.Answered() == 0 {
					b.reply(i, 200, phone.Reply{Media: own})
				}
			}
		}
	}
}

// told checks that the last description that a phone has got is of somebody.
func (b *bench) told(p *phone.Phone, address string) {
	b.t.Helper()
	var last *message.Message
	for _, i := range p.Inbox() {
		if len(i.Msg.Body()) > 0 {
			last = i.Msg
		}
	}
	if last == nil {
		b.t.Errorf("%s was told nothing", p.Name())
		return
	}
	has(b.t, p.Name()+"'s last "+string(last.MethodText()), last, address)
}
