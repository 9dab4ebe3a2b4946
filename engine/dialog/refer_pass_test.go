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

// passing is a call of alice with bob whose REFERs are passed.
func passing(t *testing.T, seed uint64) *three {
	x := newThree(t, seed)
	x.refer = func(r *dialog.Referral) { _ = r.Pass() }
	return x
}

// asks has alice send a REFER, which bob gets.
func (x *three) asks(headers ...proxy.HeaderEdit) (*phone.Outgoing, *phone.Incoming) {
	x.t.Helper()
	n := len(x.methods(x.bob, "REFER"))
	o := x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: append(with("Refer-To", "<"+carolURI+";method=INVITE>"), headers...)})
	return o, x.got(x.bob, "REFER", n+1)
}

// tells has bob send a NOTIFY of a REFER that it has got.
func (x *three) tells(refer *phone.Incoming, id bool, code int, state string) *phone.Outgoing {
	event := "refer"
	if cs, _ := refer.Msg.CSeq(); id {
		event += fmt.Sprint(";id=", cs.Number)
	}
	return x.in.Dialog().Send(phone.Spec{Method: "NOTIFY", Contact: true, Headers: append(with("Event", event), with("Subscription-State", state)...),
		Body: fmt.Appendf(nil, "SIP/2.0 %d What\r\n", code), ContentType: "message/sipfrag"})
}

// ordered checks the order in which alice got something: a response 202 and requests.
func (x *three) ordered(want ...string) {
	x.t.Helper()
	var got []string
	for _, line := range x.log {
		_, line, _ = strings.Cut(line, "10.0.0.1:5060 → 10.0.1.1:5060  ")
		for _, w := range []string{"SIP/2.0 202", "NOTIFY", "BYE"} {
			if strings.HasPrefix(line, w) {
				got = append(got, w)
			}
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		x.t.Errorf("alice got %q, not %q", got, want)
	}
}

// A REFER is passed to the other party, its answer and its NOTIFYs back, and their answers; each
// subscription has the number of the REFER in its own dialog.
func TestReferPasses(t *testing.T) {
	for _, id := range []bool{true, false} {
		t.Run(fmt.Sprint("with an id: ", id), func(t *testing.T) {
			x := passing(t, 301)
			x.answered(x.o.Dialog().Send(phone.Spec{Method: "OPTIONS"}), 200) // the numbers differ
			o, refer := x.asks(with("Referred-By", "<sip:alice@example.com>")...)
			for name, want := range map[string]string{"Refer-To": "<" + carolURI + ";method=INVITE>", "Referred-By": "<sip:alice@example.com>"} {
				if got := string(refer.Msg.HeaderName(name)); got != want {
					t.Errorf("%s: %s", name, got)
				}
			}
			if !strings.Contains(string(refer.Msg.HeaderName("Contact")), "@10.0.0.1") {
				t.Errorf("Contact: %s", refer.Msg.HeaderName("Contact"))
			}
			x.reply(refer, 202, phone.Reply{})
			x.answered(o, 202)
			cs, _ := o.Final().CSeq()
			for i, c := range []struct {
				code  int
				state string
			}{{100, "active;expires=60"}, {200, "terminated;reason=noresource"}} {
				n := x.tells(refer, id, c.code, c.state)
				got := x.got(x.alice, "NOTIFY", i+1)
				if e := string(got.Msg.HeaderName("Event")); e != fmt.Sprint("refer;id=", cs.Number) {
					t.Errorf("Event: %s", e)
				}
				if s := x.sipfrag(x.alice, i+1); s != fmt.Sprintf("SIP/2.0 %d What %s", c.code, c.state) {
					t.Errorf("it says %q", s)
				}
				x.reply(got, 200, phone.Reply{})
				x.answered(n, 200)
			}
			x.answered(x.tells(refer, true, 200, "terminated"), 481) // it is over
			x.ordered("SIP/2.0 202", "NOTIFY", "NOTIFY")
			x.ended(x.o.Dialog(), x.bob)
		})
	}
}

// What is refused is passed back, a challenge as 503; a NOTIFY that overtakes the 202 comes after
// it; without a subscription there is none.
func TestReferPassedAnswers(t *testing.T) {
	for _, c := range []struct{ code, want int }{{603, 603}, {405, 405}, {401, 503}, {302, 480}} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			x := passing(t, 302)
			o, refer := x.asks()
			x.reply(refer, c.code, phone.Reply{})
			x.answered(o, c.want)
			x.answered(x.tells(refer, true, 200, "terminated"), 481)
			o, refer = x.asks() // another one is possible
			x.reply(refer, 486, phone.Reply{})
			x.answered(o, 486)
			x.ended(x.o.Dialog(), x.bob)
		})
	}
	t.Run("overtaken", func(t *testing.T) {
		x := passing(t, 303)
		o, refer := x.asks()
		n := x.tells(refer, true, 100, "active")
		x.reply(x.got(x.alice, "NOTIFY", 1), 200, phone.Reply{})
		x.answered(n, 200)
		x.answered(o, 202)
		x.reply(refer, 202, phone.Reply{})
		n = x.tells(refer, true, 486, "terminated")
		x.reply(x.got(x.alice, "NOTIFY", 2), 481, phone.Reply{})
		x.answered(n, 481)
		x.ordered("SIP/2.0 202", "NOTIFY", "NOTIFY")
		x.ended(x.o.Dialog(), x.bob)
	})
	t.Run("overtaken, and refused all the same", func(t *testing.T) {
		x := passing(t, 304)
		o, refer := x.asks()
		n := x.tells(refer, true, 100, "active")
		x.reply(x.got(x.alice, "NOTIFY", 1), 200, phone.Reply{})
		x.answered(n, 200)
		x.answered(o, 202)
		x.reply(refer, 603, phone.Reply{})
		x.reply(x.got(x.alice, "NOTIFY", 2), 200, phone.Reply{})
		if got := x.sipfrag(x.alice, 2); !strings.HasPrefix(got, "SIP/2.0 603") || !strings.Contains(got, "terminated") {
			t.Errorf("the last: %q", got)
		}
		x.ended(x.o.Dialog(), x.bob)
	})
	t.Run("no subscription", func(t *testing.T) {
		x := passing(t, 305)
		o, refer := x.asks(with("Refer-Sub", "false")...)
		if string(refer.Msg.HeaderName("Refer-Sub")) != "false" {
			t.Error("bob is not told")
		}
		x.reply(refer, 200, phone.Reply{Headers: with("Refer-Sub", "false")})
		if res := x.answered(o, 200); string(res.HeaderName("Refer-Sub")) != "false" {
			t.Error("nor is alice")
		}
		x.answered(x.tells(refer, true, 200, "terminated"), 481)
		x.ended(x.o.Dialog(), x.bob)
	})
}

// Whoever sent a REFER gets a last NOTIFY before its BYE: if the other party leaves without one, or
// the owner ends the call, or nothing comes any more.
func TestLastNotify(t *testing.T) {
	for _, c := range []struct{ name, says string }{{"the other party leaves", "503"}, {"its owner ends it", "503"}, {"silence", "408"}, {"the agent ends", "503"}} {
		t.Run(c.name, func(t *testing.T) {
			x := passing(t, 306)
			o, refer := x.asks()
			x.reply(refer, 202, phone.Reply{})
			x.answered(o, 202)
			switch c.name {
			case "the other party leaves":
				x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			case "its owner ends it":
				x.does(func(*lane.Lane) { x.a.HangUp("") })
			case "the agent ends":
				x.agent.EndCalls()
			default:
				x.w.Run(181 * time.Second)
			}
			x.w.Run(2 * time.Second) // a NOTIFY without an answer holds the BYE
			if n := len(x.methods(x.alice, "BYE")); n != 0 {
				t.Error("a BYE before the NOTIFY was answered")
			}
			if got := x.sipfrag(x.alice, 1); !strings.HasPrefix(got, "SIP/2.0 "+c.says) || !strings.Contains(got, "terminated") {
				t.Errorf("the last: %q", got)
			}
			x.settle(x.alice, x.bob)
			if c.name == "silence" {
				x.ended(x.o.Dialog(), x.bob)
				return
			}
			x.ordered("SIP/2.0 202", "NOTIFY", "NOTIFY", "NOTIFY", "BYE") // it was repeated
			x.over()
		})
	}
}

// After the BYE of whoever sent a REFER nobody is told: NOTIFYs are refused.
func TestReferSenderLeaves(t *testing.T) {
	for _, before := range []bool{false, true} {
		x := passing(t, 307)
		x.refer = func(r *dialog.Referral) {
			if err := r.Pass(); err != nil {
				t.Error(err)
			}
		}
		// The bridge ends neither leg: bob's goes on, and tells
		o, refer := x.asks()
		if !before {
			x.reply(refer, 202, phone.Reply{})
			x.answered(o, 202)
		}
		x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		if before {
			x.answered(o, 481)
			x.reply(refer, 202, phone.Reply{})
		}
		x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
		x.answered(x.tells(refer, true, 200, "terminated"), 481)
		x.over()
	}
}

// Replaces names a dialog of the sender's with this server: the other party gets the one that the
// third knows, and its URI in the place of our Contact.
func TestReferPassTranslatesReplaces(t *testing.T) {
	for _, contact := range []bool{false, true} {
		x := passing(t, 308)
		o, in, c, d := x.call(x.alice, x.carol)
		m := o.Final()
		target := "sip:carol@example.com"
		if contact {
			target = strings.Trim(string(m.HeaderName("Contact")), "<>")
		}
		refer := func(callID string) (*phone.Outgoing, *phone.Incoming) {
			n := len(x.methods(x.bob, "REFER"))
			value := "<" + target + "?X=1&Replaces=" + callID + "%3Bto-tag%3D" + string(m.ToTag()) + "%3Bfrom-tag%3D" + string(m.FromTag()) + "&Require=replaces>"
			o := x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", value)})
			return o, x.got(x.bob, "REFER", n+1)
		}
		r, got := refer(o.CallID())
		x.reply(got, 202, phone.Reply{Headers: with("Refer-Sub", "false")})
		x.answered(r, 202)
		want := "sip:carol@example.com"
		if contact {
			want = carolURI
		}
		cd := in.Dialog()
		text := string(got.Msg.HeaderName("Refer-To"))
		if !strings.HasPrefix(text, "<"+want+"?X=1&Replaces=") || !strings.HasSuffix(text, "&Require=replaces>") || !strings.Contains(text, cd.CallID()) || strings.Contains(text, o.CallID()) {
			t.Errorf("Refer-To: %s", text)
		}
		// As carol reads it
		if id := fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", cd.CallID(), tagOf(in), d.ID()); !strings.Contains(text, id) {
			t.Errorf("Refer-To: %s, not %s", text, id)
		}
		r, got = refer("another-call") // none of ours: as it is
		if !strings.Contains(string(got.Msg.HeaderName("Refer-To")), "another-call%3Bto-tag%3D"+string(m.ToTag())) {
			t.Errorf("Refer-To: %s", got.Msg.HeaderName("Refer-To"))
		}
		x.reply(got, 603, phone.Reply{})
		x.answered(r, 603)
		_ = c
		x.agent.EndCalls()
		x.settle(x.alice, x.bob, x.carol)
		x.w.Run(time.Second)
		x.over()
	}
}

// tagOf is the tag that a phone has given an INVITE.
func tagOf(in *phone.Incoming) string {
	text := in.Dialog().ReplacedBy("sip:x")
	_, tag, _ := strings.Cut(text, "from-tag%3D")
	return strings.TrimSuffix(tag, ">")
}

// A REFER of the owner's: it is done with the last NOTIFY, and says what that told.
func TestOurRefer(t *testing.T) {
	type step struct {
		code  int
		state string
		want  int // our answer
	}
	for _, c := range []struct {
		name  string
		reply phone.Reply
		code  int    // of the REFER's answer
		steps []step // NOTIFYs
		want  int    // what done is told; 0: success
	}{
		{"succeeds", phone.Reply{}, 202, []step{{100, "active", 200}, {180, "active;expires=9", 200}, {200, "terminated;reason=noresource", 200}, {200, "terminated", 481}}, 0},
		{"fails", phone.Reply{}, 202, []step{{100, "active", 200}, {486, "terminated", 200}}, 486},
		{"is refused", phone.Reply{}, 603, nil, 603},
		{"ends without an outcome", phone.Reply{}, 202, []step{{100, "terminated;reason=noresource", 200}}, 500},
		{"has no subscription", phone.Reply{Headers: with("Refer-Sub", "false")}, 202, nil, 0},
		{"is final, and the subscription is not", phone.Reply{}, 202, []step{{200, "active", 200}}, 0},
		{"has a NOTIFY without a state", phone.Reply{}, 202, []step{{200, "", 400}, {404, "terminated", 200}}, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newThree(t, 310)
			told, code := 0, -1
			x.does(func(*lane.Lane) {
				if err := x.far.Refer(carolURI, dialog.ReferOptions{Headers: with("Referred-By", "<sip:us@example.com>")}, func(res *engine.Response) {
					told, code = told+1, 0
					if res != nil {
						code = res.Code()
					}
				}); err != nil {
					t.Error(err)
				}
			})
			refer := x.got(x.bob, "REFER", 1)
			if string(refer.Msg.HeaderName("Refer-To")) != "<"+carolURI+">" || string(refer.Msg.HeaderName("Referred-By")) != "<sip:us@example.com>" {
				t.Errorf("a REFER:\n%s", refer.Msg.Original())
			}
			x.reply(refer, c.code, c.reply)
			x.w.Run(time.Second)
			for _, s := range c.steps {
				x.answered(x.tells(refer, true, s.code, s.state), s.want)
			}
			if told != 1 || code != c.want {
				t.Errorf("told %d times: %d", told, code)
			}
			x.ended(x.o.Dialog(), x.bob)
		})
	}
}

// It ends with the leg, and after its time; and names by Replaces whom it is to call.
func TestOurReferEnds(t *testing.T) {
	for _, silent := range []bool{true, false} {
		x := newThree(t, 311)
		o, in, _, d := x.call(x.alice, x.carol)
		_ = o
		code := 0
		x.does(func(*lane.Lane) {
			if x.far.Refer(carolURI, dialog.ReferOptions{Replaces: x.far.Dialog()}, nil) != dialog.ErrBusy {
				t.Error("to itself")
			}
			uri, replaces := d.Party()
			if err := x.far.Refer(uri, dialog.ReferOptions{Timeout: 20 * time.Second, Replaces: replaces}, func(res *engine.Response) { code = res.Code() }); err != nil {
				t.Error(err)
			}
		})
		refer := x.got(x.bob, "REFER", 1)
		want := fmt.Sprintf("<%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", carolURI, in.Dialog().CallID(), tagOf(in), d.ID())
		if got := string(refer.Msg.HeaderName("Refer-To")); got != want {
			t.Errorf("Refer-To: %s, not %s", got, want)
		}
		x.reply(refer, 202, phone.Reply{})
		if silent {
			x.w.Run(19 * time.Second)
			if code != 0 {
				t.Error("too early")
			}
			x.w.Run(2 * time.Second)
		} else {
			x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}
		if want := map[bool]int{true: 408, false: 487}[silent]; code != want {
			t.Errorf("told %d, not %d", code, want)
		}
		x.agent.EndCalls()
		x.settle(x.alice, x.bob, x.carol)
		x.over()
	}
}

// NOTIFYs of nothing, and of other packages, are refused (RFC 6665 §4.1.3).
func TestNotifyOfNothing(t *testing.T) {
	x := newThree(t, 312)
	for _, c := range []struct {
		event string
		code  int
	}{{"refer", 481}, {"refer;id=7", 481}, {"refer;id=x", 481}, {"presence", 489}, {"", 489}} {
		h := with("Subscription-State", "active")
		if c.event != "" {
			h = append(h, with("Event", c.event)...)
		}
		t.Run(c.event, func(t *testing.T) {
			res := x.answered(x.o.Dialog().Send(phone.Spec{Method: "NOTIFY", Contact: true, Headers: h}), c.code)
			if c.code == 489 && string(res.HeaderName("Allow-Events")) != "refer" {
				t.Error("no Allow-Events")
			}
		})
	}
	x.ended(x.o.Dialog(), x.bob)
}
