package dialog_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog"
)

// notify tells about the call of a party that was referred.
func notify(d *phone.Dialog, fragment, state string) *phone.Outgoing {
	return notifyOf(d, "", fragment, state)
}

// notifyOf is notify with parameters of the Event.
func notifyOf(d *phone.Dialog, params, fragment, state string) *phone.Outgoing {
	return d.Send(phone.Spec{Method: "NOTIFY", Body: []byte(fragment), ContentType: "message/sipfrag", Headers: []proxy.HeaderEdit{
		{Name: "Event", Values: []string{"refer" + params}}, {Name: "Subscription-State", Values: []string{state}}}})
}

func TestTransfer(t *testing.T) {
	const target = "sip:carol@example.com"
	for _, row := range []struct {
		name   string
		callee bool
		play   func(w *world, refer *phone.Incoming, d *phone.Dialog)
		want   string
		calls  int
	}{
		{"the target answers", false, func(w *world, refer *phone.Incoming, d *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(notify(d, "SIP/2.0 100 Trying\r\n", "active"), 200)
			w.Answered(notify(d, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"), 200)
		}, "", 0},
		{"the callee is told, and the target answers", true, func(w *world, refer *phone.Incoming, d *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(notify(d, "SIP/2.0 200 OK\r\n", "terminated"), 200)
		}, "", 0},
		{"before the REFER is answered", false, func(w *world, refer *phone.Incoming, d *phone.Dialog) {
			w.Answered(notify(d, "SIP/2.0 200 OK\r\n", "terminated"), 200)
			w.Reply(refer, 202)
		}, "", 0},
		{"the target is busy", false, func(w *world, refer *phone.Incoming, d *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(notify(d, "SIP/2.0 486 Busy Here\r\n", "terminated"), 200)
		}, "the caller answered 486", 1},
		{"it ends without a word", false, func(w *world, refer *phone.Incoming, d *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(notify(d, "nonsense", "terminated"), 200)
		}, "the caller answered 300", 1},
		{"the party refuses", true, func(w *world, refer *phone.Incoming, _ *phone.Dialog) { w.Reply(refer, 603) }, "the callee answered 603", 1},
		{"the party is gone", false, func(w *world, refer *phone.Incoming, _ *phone.Dialog) { w.Reply(refer, 481) }, "the caller answered 481", 0},
		{"nothing is told", false, func(w *world, refer *phone.Incoming, _ *phone.Dialog) { w.Reply(refer, 202) }, "the caller answered 408", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			c := w.only()
			b := w.begin(func(done func(error)) bool {
				return c.Transfer(target, dialog.TransferOptions{Callee: row.callee}, done)
			})
			told, d, other := alice, out.Dialog(), "<sip:bob@example.com>"
			if row.callee {
				told, d, other = bob, in.Dialog(), "<sip:alice@example.com>"
			}
			refer := w.Came(told, "REFER")
			if string(refer.Msg.HeaderName("Refer-To")) != "<"+target+">" || string(refer.Msg.HeaderName("Referred-By")) != other || refer.Msg.Header(message.HeaderContact) == nil {
				t.Errorf("%s", refer.Msg.AppendTo(nil))
			}
			row.play(w, refer, d)
			w.ends(b, row.want)
			for _, p := range []*phone.Phone{alice, bob} {
				for _, r := range p.Inbox() {
					if r.Method() == "NOTIFY" {
						t.Errorf("%s got a NOTIFY", p.Name())
					}
				}
			}
			w.calls(row.calls)
			if row.calls > 0 { // and goes on, with numbers of its own
				w.infoFrom("caller", out, in, alice, bob)
				w.infoFrom("callee", out, in, alice, bob)
			} else if row.want == "" {
				w.Came(alice, "BYE")
				w.Came(bob, "BYE")
				if v := c.View(); v.Cause != "transferred" {
					t.Errorf("%s", v.Cause)
				}
			}
		})
	}
}

// What is not asked, and why.
func TestNothingIsAsked(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out := alice.Invite("sip:bob@example.com", phone.Spec{AckDelays: phone.AckDelays{AckManual: true}})
	in := w.Came(bob, "INVITE")
	w.Reply(in, 180)
	c := w.only()
	w.ends(w.begin(c.Hold), dialog.ErrOver.Error())
	w.Reply(in, 200)
	w.Answered(out, 200)
	w.ends(w.begin(c.Hold), dialog.ErrBusy.Error())
	if err := out.Ack(phone.Spec{}); err != nil {
		t.Fatal(err)
	}
	w.Came(bob, "ACK")
	for name, target := range map[string]string{"no URI": "carol", "a line": "sip:c@x\r\nX: y", "another URI": "sip:c@x>, <sip:d@y", "tel": "tel:+4930"} {
		t.Run(name, func(t *testing.T) {
			w.ends(w.begin(func(done func(error)) bool { return c.Transfer(target, dialog.TransferOptions{}, done) }), "the target is not a sip or sips URI")
		})
	}
	w.Run(time.Second)
	if n := len(alice.Inbox()) + len(bob.Inbox()); n != 2 { // INVITE and ACK
		t.Errorf("%d requests", n)
	}
}

// Scripts wait, on the call's lane and on others.
func TestAskInScripts(t *testing.T) {
	const script = `
dialog = require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "MESSAGE" then
    local call = dialog.list()[1]
    local ok, err, code = call[req.ruri.user](call, req.ruri.user == "transfer" and "sip:carol@example.com" or nil)
    return req:reply(ok and 202 or 500, ("%s %s %s"):format(ok, err, code))
  end
  dialog.track(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`
	w := newWorld(t, script)
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.speak(alice, bob)
	for _, row := range []struct {
		what, method string
		code         int
		want         string
	}{
		{"hold", "INVITE", 200, "true nil nil"},
		{"resume", "INVITE", 200, "true nil nil"},
		{"hold", "INVITE", 488, "nil the caller answered 488 488"},
		{"transfer", "REFER", 603, "nil the caller answered 603 603"},
	} {
		t.Run(row.what+" "+row.want, func(t *testing.T) {
			carol := w.Phone("carol", "10.0.0.4")
			defer carol.Leave(true)
			o := carol.Send(phone.Spec{Method: "MESSAGE", URI: "sip:" + row.what + "@example.com"})
			ask := w.Came(alice, row.method)
			if row.code == 200 {
				answer(t, ask)
				answer(t, w.Came(bob, "INVITE"))
				w.Came(bob, "ACK")
			} else {
				w.Reply(ask, row.code)
			}
			w.Run(time.Second)
			if m := o.Final(); m == nil || string(m.ReasonPhrase()) != row.want {
				t.Errorf("%v", m)
			}
		})
	}
}

// The party that is told may hang up at any time: what counts is what it tells, before or after.
func TestTransferAndBye(t *testing.T) {
	const done, ringing, busy = "SIP/2.0 200 OK\r\n", "SIP/2.0 180 Ringing\r\n", "SIP/2.0 486 Busy Here\r\n"
	bye := phone.Spec{Method: "BYE"}
	for _, row := range []struct {
		name  string
		play  func(w *world, refer *phone.Incoming, d, other *phone.Dialog)
		want  string
		cause string
	}{
		{"202, BYE, NOTIFY", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(d.Send(bye), 200)
			w.Answered(notify(d, ringing, "active"), 200)
			w.Answered(notify(d, done, "terminated"), 200)
		}, "", "bye"},
		{"202, NOTIFY of what rings, BYE, NOTIFY", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(notify(d, ringing, "active"), 200)
			w.Answered(d.Send(bye), 200)
			w.Answered(notify(d, done, "terminated"), 200)
		}, "", "bye"},
		{"BYE, 202, NOTIFY", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Answered(d.Send(bye), 200)
			w.Reply(refer, 202)
			w.Answered(notify(d, done, "terminated"), 200)
		}, "", "bye"},
		{"NOTIFY and BYE at once", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			a, b := notify(d, done, "terminated"), d.Send(bye)
			w.Answered(a, 200)
			w.Sim.RunUntil(time.Minute, b.Done)
		}, "", "transferred"},
		{"BYE and NOTIFY at once", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			b, a := d.Send(bye), notify(d, done, "terminated")
			w.Answered(a, 200)
			w.Sim.RunUntil(time.Minute, b.Done)
		}, "", "transferred"},
		{"NOTIFY, BYE before its 200 arrives", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.Sim.SetLinkBetween("10.0.0.1", "10.0.0.2", sim.Link{Delay: time.Second})
			a := notify(d, done, "terminated")
			w.Run(100 * time.Millisecond)
			b := d.Send(bye)
			w.Answered(a, 200)
			w.Sim.RunUntil(time.Minute, b.Done)
		}, "", "transferred"},
		{"the other one hangs up, NOTIFY", func(w *world, refer *phone.Incoming, d, other *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(other.Send(bye), 200)
			w.Answered(notify(d, done, "terminated"), 200)
		}, "", "bye"},
		{"BYE, NOTIFY of a failure", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(d.Send(bye), 200)
			w.Answered(notify(d, busy, "terminated"), 200)
		}, "the caller answered 486", "bye"},
		{"BYE, and no NOTIFY", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.Answered(d.Send(bye), 200)
		}, dialog.ErrOver.Error(), "bye"},
		{"BYE, 481", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Answered(d.Send(bye), 200)
			w.Reply(refer, 481)
		}, "the caller answered 481", "bye"},
		{"the server hangs up", func(w *world, refer *phone.Incoming, d, _ *phone.Dialog) {
			w.Reply(refer, 202)
			w.only().Hangup("")
		}, dialog.ErrOver.Error(), "hung up"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("limits = { x = 1 }", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			c := w.only()
			b := w.begin(func(done func(error)) bool {
				return c.Transfer("sip:carol@example.com", dialog.TransferOptions{}, done)
			})
			row.play(w, w.Came(alice, "REFER"), out.Dialog(), in.Dialog())
			w.calls(0)
			if n := w.d.Count("x"); n != 0 {
				t.Errorf("%d slots", n)
			}
			w.ends(b, row.want)
			if v := c.View(); v.Cause != row.cause {
				t.Errorf("%s", v.Cause)
			}
			for _, r := range bob.Inbox() {
				if r.Method() == "NOTIFY" {
					t.Error("bob got a NOTIFY")
				}
			}
		})
	}
}

// Whatever a party tells of a REFER of this server's own is for this server: after the result,
// after the end of the call, without end. What it tells of a REFER of the other party's goes there,
// under the number that one knows.
func TestToldOfLater(t *testing.T) {
	const ringing, done, busy = "SIP/2.0 180 Ringing\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 486 Busy Here\r\n"
	referTo := []proxy.HeaderEdit{{Name: "Refer-To", Values: []string{"<sip:dave@example.com>"}}}
	for _, row := range []struct {
		name  string
		play  func(w *world, alice, bob *phone.Phone, out, in *phone.Dialog)
		bobs  []string // the Event of NOTIFYs that bob got
		calls int
	}{
		{"after success", func(w *world, alice, _ *phone.Phone, out, _ *phone.Dialog) {
			w.Reply(w.Came(alice, "REFER"), 202)
			w.Answered(notify(out, done, "active"), 200)
			w.Came(alice, "BYE")
			w.Answered(notify(out, done, "terminated;reason=noresource"), 200)
		}, nil, 0},
		{"after a failure", func(w *world, alice, _ *phone.Phone, out, _ *phone.Dialog) {
			w.Reply(w.Came(alice, "REFER"), 202)
			w.Answered(notify(out, busy, "active"), 200)
			w.Run(time.Minute)
			w.Answered(notify(out, busy, "terminated"), 200)
		}, nil, 1},
		{"after time was up, and after the call", func(w *world, alice, _ *phone.Phone, out, in *phone.Dialog) {
			w.Reply(w.Came(alice, "REFER"), 202)
			w.Run(70 * time.Second)
			w.Answered(notify(out, ringing, "active"), 200)
			w.Answered(in.Send(phone.Spec{Method: "BYE"}), 200)
			w.Run(time.Minute)
			w.Answered(notify(out, done, "terminated"), 200)
		}, nil, 0},
		{"of the other party's as well", func(w *world, alice, bob *phone.Phone, out, in *phone.Dialog) {
			first := w.Came(alice, "REFER")
			w.Reply(first, 202)
			cs, _ := first.Msg.CSeq()
			w.Answered(notifyOf(out, "", busy, "active"), 200)
			o := in.Send(phone.Spec{Method: "REFER", Headers: referTo})
			second := w.Came(alice, "REFER")
			w.Reply(second, 202)
			w.Answered(o, 202)
			seen, _ := second.Msg.CSeq()
			for _, told := range []struct {
				id    uint32
				state string
				bob   bool
			}{{cs.Number, "active", false}, {seen.Number, "active", true}, {cs.Number, "terminated", false}, {seen.Number, "terminated", true}} {
				n := notifyOf(out, fmt.Sprintf(";x=y; id=%d", told.id), ringing, told.state)
				if told.bob {
					w.Reply(w.Came(bob, "NOTIFY"), 200)
				}
				w.Answered(n, 200)
			}
		}, []string{"refer;id=1", "refer;id=1"}, 1},
		{"of the other party's that came first", func(w *world, alice, bob *phone.Phone, out, in *phone.Dialog) {
			w.Reply(w.Came(alice, "REFER"), 603)
			w.Run(time.Second)
			o := in.Send(phone.Spec{Method: "REFER", Headers: referTo})
			w.Reply(w.Came(alice, "REFER"), 202)
			w.Answered(o, 202)
			b := w.begin(func(done func(error)) bool {
				return w.only().Transfer("sip:carol@example.com", dialog.TransferOptions{}, done)
			})
			ours := w.Came(alice, "REFER")
			w.Reply(ours, 202)
			cs, _ := ours.Msg.CSeq()
			n := notifyOf(out, "", done, "terminated")
			w.Reply(w.Came(bob, "NOTIFY"), 200)
			w.Answered(n, 200)
			w.Answered(notifyOf(out, fmt.Sprintf(";id=%d", cs.Number), done, "terminated"), 200)
			w.ends(b, "")
		}, []string{"refer"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			w.begin(func(done func(error)) bool {
				return w.only().Transfer("sip:carol@example.com", dialog.TransferOptions{}, done)
			})
			row.play(w, alice, bob, out.Dialog(), in.Dialog())
			w.calls(row.calls)
			var got []string
			for _, r := range bob.Inbox() {
				if r.Method() == "NOTIFY" {
					got = append(got, string(r.Msg.HeaderName("Event")))
				}
			}
			if !slices.Equal(got, row.bobs) {
				t.Errorf("bob was told %q, want %q", got, row.bobs)
			}
		})
	}
}
