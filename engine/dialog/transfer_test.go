package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// three is a call of alice with bob, whose owner lets it be moved, and somebody else.
type three struct {
	*pair
	carol *phone.Phone
	refer func(*dialog.Referral)
	taken map[*dialog.Leg]int
	whys  []string // of bridges that the owner made
}

func newThree(t *testing.T, seed uint64) *three {
	t.Helper()
	return newThreeOn(t, seed, 1)
}

func newThreeOn(t *testing.T, seed uint64, lanes int) *three {
	t.Helper()
	x := &three{taken: map[*dialog.Leg]int{}}
	b := newBenchOn(t, seed, dialog.Options{Replaces: func() bool { return true }, Refer: func(r *dialog.Referral) {
		if x.refer == nil {
			r.Refuse(603)
			return
		}
		x.refer(r)
	}, Taken: func(l *dialog.Leg) { x.taken[l]++ }}, lanes)
	x.pair = &pair{bench: b, alice: b.phone("alice", "10.0.1.1:5060"), bob: b.phone("bob", "10.0.2.1:5060")}
	x.carol = b.phone("carol", "10.0.3.1:5060")
	x.o, x.in, x.a, x.far = x.call(x.alice, x.bob)
	return x
}

// call is one of two phones, joined.
func (x *three) call(from, to *phone.Phone) (o *phone.Outgoing, in *phone.Incoming, a, far *dialog.Leg) {
	x.t.Helper()
	x.takes(func(l *dialog.Leg) {
		a = l
		x.dial(l, nil, "sip:"+to.Name()+"@"+to.Addr().String(), dialog.DialOptions{}, func(y *dialog.Leg) {
			far = y
			if err := x.agent.Bridge(l, y, dialog.BridgeOptions{}, func(_ *dialog.Leg, why string) {
				x.whys = append(x.whys, why)
				if why != dialog.WhyMoved && why != dialog.WhyParted {
					l.HangUp("")
					y.HangUp("")
				}
			}); err != nil {
				x.t.Error(err)
			}
		})
	})
	n := len(x.methods(to, "INVITE"))
	o = from.Invite("sip:somebody@example.com", phone.Spec{Media: own})
	in = x.got(to, "INVITE", n+1)
	x.reply(in, 200, phone.Reply{Media: own})
	x.answered(o, 200)
	x.w.Run(time.Second)
	return o, in, a, far
}

// answers answers what a phone is asked from now on.
func (b *bench) settle(phones ...*phone.Phone) {
	for range 60 {
		b.w.Run(100 * time.Millisecond)
		for _, p := range phones {
			for _, i := range p.Inbox() {
				if i.Answered() != 0 || i.Method() == "ACK" || i.Method() == "CANCEL" {
					continue
				}
				_ = i.Reply(200, phone.Reply{Media: phone.Media{Own: i.Method() == "INVITE"}})
			}
		}
	}
}

// A party goes to somebody else without a REFER: whom it talked to is ended when that has answered,
// or is joined with it again when nobody has.
func TestTransfer(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
	}{{"answered", 200}, {"refused", 486}} {
		t.Run(c.name, func(t *testing.T) {
			x := newThree(t, 121)
			var far *dialog.Leg
			var res *engine.Response
			x.does(func(*lane.Lane) {
				if err := x.agent.Transfer(x.a, []*engine.Target{{URI: carolURI}}, dialog.DialOptions{}, dialog.BridgeOptions{}, func(l *dialog.Leg, r *engine.Response) { far, res = l, r }); err != nil {
					t.Error(err)
				}
			})
			in := x.got(x.carol, "INVITE", 1)
			if !strings.Contains(string(in.Msg.HeaderName("From")), "sip:alice@") {
				t.Errorf("From: %s", in.Msg.HeaderName("From"))
			}
			if len(x.methods(x.bob, "BYE")) > 0 {
				t.Error("bob is ended before carol has answered")
			}
			if c.code != 200 {
				x.reply(in, c.code, phone.Reply{})
			}
			x.settle(x.alice, x.bob, x.carol)
			if x.taken[x.a] != 1 || x.taken[x.far] != 1 || len(x.whys) != 1 || x.whys[0] != dialog.WhyMoved {
				t.Errorf("taken %v, the bridge ended %v", x.taken, x.whys)
			}
			other := x.bob
			if c.code == 200 {
				x.legs = append(x.legs, far)
				other = x.carol
				if far == nil || x.a.Peer() != far || len(x.methods(x.bob, "BYE")) != 1 || x.far.State() != dialog.Ended {
					t.Errorf("%v; bob got %d BYEs", res, len(x.methods(x.bob, "BYE")))
				}
				x.told(x.alice, "10.0.3.1")
			} else if res == nil || res.Code() != 486 || x.a.Peer() != x.far {
				t.Errorf("%v", res)
			}
			x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.settle(other)
			x.over()
		})
	}
}

// A party that leaves while somebody is called for it leaves nobody behind.
func TestTransferLeft(t *testing.T) {
	for _, who := range []string{"the one that goes", "its peer"} {
		t.Run(who, func(t *testing.T) {
			x := newThree(t, 122)
			told := 0
			x.does(func(*lane.Lane) {
				_ = x.agent.Transfer(x.a, []*engine.Target{{URI: carolURI}}, dialog.DialOptions{}, dialog.BridgeOptions{}, func(l *dialog.Leg, _ *engine.Response) {
					told++
					if l != nil {
						x.legs = append(x.legs, l)
					}
				})
			})
			in := x.got(x.carol, "INVITE", 1)
			x.reply(in, 180, phone.Reply{})
			d := x.o.Dialog()
			if who == "its peer" {
				d = x.in.Dialog()
			}
			x.answered(d.Send(phone.Spec{Method: "BYE"}), 200)
			if who == "its peer" {
				x.reply(in, 486, phone.Reply{})
			}
			x.settle(x.alice, x.bob)
			if told != 1 {
				t.Errorf("told %d times", told)
			}
			x.over()
		})
	}
}

// Two that each talk to somebody are joined: the others are ended. One leg is in one bridge.
func TestMove(t *testing.T) {
	x := newThree(t, 123)
	dave := x.phone("dave", "10.0.4.1:5060")
	_, _, c, d := x.call(x.carol, dave)
	x.does(func(*lane.Lane) {
		if x.agent.Move(x.a, x.a, dialog.BridgeOptions{}) != dialog.ErrBusy || x.agent.Move(x.a, x.far, dialog.BridgeOptions{}) != dialog.ErrBusy {
			t.Error("with itself, or its peer")
		}
		if err := x.agent.Move(x.a, d, dialog.BridgeOptions{}); err != nil {
			t.Error(err)
		}
		if x.agent.Move(x.a, x.far, dialog.BridgeOptions{}) != dialog.ErrState {
			t.Error("with one that has ended")
		}
	})
	x.settle(x.alice, x.bob, x.carol, dave)
	if x.a.Peer() != d || len(x.methods(x.bob, "BYE")) != 1 || len(x.methods(x.carol, "BYE")) != 1 || c.State() != dialog.Ended {
		t.Error("they are not joined, or the others are not ended")
	}
	x.told(x.alice, "10.0.4.1")
	x.told(dave, "10.0.1.1")
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.settle(dave)
	x.over()
}

// sipfrag is what the n-th NOTIFY told.
func (x *three) sipfrag(p *phone.Phone, n int) string {
	x.t.Helper()
	i := x.got(p, "NOTIFY", n)
	if !strings.HasPrefix(string(i.Msg.HeaderName("Event")), "refer") || i.Msg.HeaderName("Contact") == nil {
		x.t.Errorf("a NOTIFY:\n%s", i.Msg.Original())
	}
	return strings.TrimSpace(string(i.Msg.Body())) + " " + string(i.Msg.HeaderName("Subscription-State"))
}

// A REFER is refused unless its owner accepts it; then whom the sender talks to is called away, and
// the sender is told: 202, the NOTIFYs, and the BYE (RFC 3515).
func TestRefer(t *testing.T) {
	for _, c := range []struct {
		name          string
		accept, quiet bool
		code          int // the answer of whom it goes to
	}{{"refused by default", false, false, 0}, {"answered", true, false, 200}, {"nobody answers", true, false, 486}, {"without NOTIFY", true, true, 200}} {
		t.Run(c.name, func(t *testing.T) {
			x := newThree(t, 124)
			if c.accept {
				x.refer = func(r *dialog.Referral) {
					if r.To != carolURI || r.By != "<sip:alice@example.com>" || r.Leg != x.a {
						t.Errorf("%+v", r)
					}
					if err := r.Accept([]*engine.Target{{URI: r.To}}, dialog.DialOptions{}, dialog.BridgeOptions{}); err != nil {
						t.Error(err)
					}
				}
			}
			h := append(with("Refer-To", "<"+carolURI+">"), proxy.HeaderEdit{Name: "Referred-By", Values: []string{"<sip:alice@example.com>"}})
			if c.quiet {
				h = append(h, proxy.HeaderEdit{Name: "Refer-Sub", Values: []string{"false"}})
			}
			refer := x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: h})
			if !c.accept {
				x.answered(refer, 603)
				x.ended(x.o.Dialog(), x.bob)
				return
			}
			res := x.answered(refer, 202)
			if got := string(res.HeaderName("Refer-Sub")) == "false"; got != c.quiet {
				t.Errorf("Refer-Sub: %v", got)
			}
			if in := x.got(x.carol, "INVITE", 1); c.code != 200 {
				x.reply(in, c.code, phone.Reply{})
			}
			x.settle(x.alice, x.bob, x.carol)
			if c.quiet {
				if n := len(x.methods(x.alice, "NOTIFY")); n != 0 {
					t.Errorf("%d NOTIFYs", n)
				}
			} else {
				if got := x.sipfrag(x.alice, 1); got != "SIP/2.0 100 Trying active;expires=300" {
					t.Errorf("first: %q", got)
				}
				if got := x.sipfrag(x.alice, 2); !strings.HasPrefix(got, fmt.Sprint("SIP/2.0 ", c.code)) || !strings.HasSuffix(got, " terminated;reason=noresource") {
					t.Errorf("last: %q", got)
				}
			}
			if c.code != 200 {
				if x.a.Peer() != x.far {
					t.Error("they are not joined again")
				}
				x.ended(x.o.Dialog(), x.bob)
				return
			}
			if len(x.methods(x.alice, "BYE")) != 1 || x.a.State() != dialog.Ended || x.far.Peer() == nil {
				t.Error("the sender is not ended")
			}
			x.inOrder(x.alice)
			x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.settle(x.carol)
			x.over()
		})
	}
}

// inOrder checks that the last NOTIFY came before the BYE.
func (x *three) inOrder(p *phone.Phone) {
	x.t.Helper()
	bye := false
	for _, i := range p.Inbox() {
		switch i.Method() {
		case "BYE":
			bye = true
		case "NOTIFY":
			if bye {
				x.t.Error("a NOTIFY after the BYE")
			}
		}
	}
}

// A REFER with Replaces names whom the sender has talked to before: the two parties are joined, and
// the sender's two calls are ended. One that names no dialog is refused.
func TestReferAttended(t *testing.T) {
	x := newThree(t, 125)
	x.refer = func(r *dialog.Referral) {
		if r.Elsewhere == r.Talk {
			t.Error("a talk that is elsewhere")
		}
		_ = r.Accept(nil, dialog.DialOptions{}, dialog.BridgeOptions{})
	}
	o, in, _, d := x.call(x.alice, x.carol)
	id := func(callID, to, from string) []proxy.HeaderEdit {
		return with("Refer-To", fmt.Sprintf("<%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", carolURI, callID, to, from))
	}
	m := o.Final()
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: id(o.CallID(), string(m.ToTag()), "wrong")}), 603)
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: id(o.CallID(), string(m.ToTag()), string(m.FromTag()))}), 202)
	x.settle(x.alice, x.bob, x.carol)
	if x.far.Peer() != d || len(x.methods(x.alice, "BYE")) != 2 {
		t.Errorf("alice got %d BYEs", len(x.methods(x.alice, "BYE")))
	}
	if got := x.sipfrag(x.alice, 2); !strings.HasPrefix(got, "SIP/2.0 200") {
		t.Errorf("the last NOTIFY: %q", got)
	}
	x.told(x.bob, "10.0.3.1")
	x.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.settle(x.bob)
	x.over()
}

// What is no REFER that can be followed is refused: two Refer-To, none, one while another is under
// way, and one of a leg that ends meanwhile.
func TestReferNonsense(t *testing.T) {
	x := newThree(t, 126)
	var kept *dialog.Referral
	x.refer = func(r *dialog.Referral) { kept = r }
	d := x.o.Dialog()
	x.answered(d.Send(phone.Spec{Method: "REFER"}), 400)
	x.answered(d.Send(phone.Spec{Method: "REFER", Headers: with("Refer-To", "<sip:a@b>", "<sip:c@d>")}), 400)
	first := d.Send(phone.Spec{Method: "REFER", Headers: with("Refer-To", "<sip:a@b>")})
	x.w.Run(time.Second)
	x.answered(d.Send(phone.Spec{Method: "REFER", Headers: with("Refer-To", "<sip:a@b>")}), 603)
	x.answered(d.Send(phone.Spec{Method: "BYE"}), 200)
	x.answered(first, 481)
	if kept.Accept(nil, dialog.DialOptions{}, dialog.BridgeOptions{}) != dialog.ErrState {
		t.Error("accepted after the end")
	}
	x.settle(x.bob)
	x.over()
}
