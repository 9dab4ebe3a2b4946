package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
)

func (w *world) hangUp(c *dialog.Call, reason string) {
	w.t.Helper()
	if !c.Hangup(reason) {
		w.t.Error("it has ended before")
	}
}

func header(r *phone.Incoming, id message.HeaderID) string { return string(r.Msg.Header(id)) }

// Both parties get a BYE that belongs to their dialog: with the other's tags, at their Contact,
// with a number higher than all before it.
func TestHangUp(t *testing.T) {
	for _, row := range []struct {
		name  string
		by    string // who sends requests before it
		a, b  string // CSeq of the BYE for the caller, and for the callee
		route string
	}{
		{"at once", "", "1 BYE", "2 BYE", ""},
		{"after the caller's INFO", "caller", "1 BYE", "3 BYE", ""},
		{"after the callee's INFO", "callee", "", "2 BYE", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			info := header(w.infoFrom(row.by, out, in, alice, bob), message.HeaderCSeq)
			w.hangUp(w.only(), "Q.850;cause=31")
			toBob, toAlice := w.Came(bob, "BYE"), w.Came(alice, "BYE")
			a := row.a
			if a == "" {
				var n int
				_, _ = fmt.Sscan(info, &n)
				a = fmt.Sprint(n+1, " BYE")
			}
			tag := string(out.Final().ToTag())
			from := string(in.Msg.FromTag())
			for _, one := range []struct {
				name, got, want string
			}{
				{"to the callee: CSeq", header(toBob, message.HeaderCSeq), row.b},
				{"to the caller: CSeq", header(toAlice, message.HeaderCSeq), a},
				{"to the callee: From", string(toBob.Msg.FromTag()), from},
				{"to the callee: To", string(toBob.Msg.ToTag()), tag},
				{"to the caller: From", string(toAlice.Msg.FromTag()), tag},
				{"to the caller: To", string(toAlice.Msg.ToTag()), from},
				{"to the callee: URI", string(toBob.Msg.RequestURI()), "sip:bob@10.0.0.3:5060"},
				{"to the caller: URI", string(toAlice.Msg.RequestURI()), "sip:alice@10.0.0.2:5060"},
				{"Reason", header(toBob, message.HeaderReason), "Q.850;cause=31"},
				{"Reason", header(toAlice, message.HeaderReason), "Q.850;cause=31"},
			} {
				t.Run(one.name, func(t *testing.T) {
					if one.got != one.want {
						t.Errorf("%s, want %s", one.got, one.want)
					}
				})
			}
			w.heard("early", "answered", "ended hung up server")
			w.calls(0)
			if out.Dialog().Confirmed() || in.Dialog().Confirmed() {
				t.Error("a phone is still in the call")
			}
		})
	}
}

// infoFrom has a party send an INFO within the call, and returns it as the other got it.
func (w *world) infoFrom(who string, out *phone.Outgoing, in *phone.Incoming, alice, bob *phone.Phone) *phone.Incoming {
	w.t.Helper()
	sender, to := out.Dialog(), bob
	switch who {
	case "":
		return in
	case "callee":
		sender, to = in.Dialog(), alice
	}
	o := sender.Send(phone.Spec{Method: "INFO"})
	got := w.Came(to, "INFO")
	w.Reply(got, 200)
	w.Answered(o, 200)
	return got
}

// Proxies on the way are passed in their order, a masked party sees what it knows, and a Contact
// that moved is followed.
func TestHangUpWithinTheirDialog(t *testing.T) {
	const route = `
dialog = require "dialog"
uac = require "uac"
function route(req)
  if req.in_dialog then return req:relay() end
  dialog.track(req)
  %s
  req:relay("sip:bob@10.0.0.9:5060")
end`
	for _, row := range []struct{ name, mask, routes, uri, from string }{
		{"proxies", "", "<sip:10.0.0.8;lr>, <sip:10.0.0.9;lr>", "sip:bob@10.0.0.3:5077", "<sip:alice@example.com>"},
		{"masked", `uac.mask(req, { from = "sip:x@trunk.example" })`, "<sip:10.0.0.9;lr>", "sip:bob@10.0.0.3:5077", "<sip:x@trunk.example>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, fmt.Sprintf(route, row.mask), withUAC(t))
			alice := w.Phone("alice", "10.0.0.2")
			var bye *message.Message
			w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				switch {
				case m.Method() == message.MethodInvite:
					routes := strings.Split(row.routes, ", ")
					for _, r := range routes {
						m.InsertTop(message.HeaderRecordRoute, []byte(r))
					}
					p.Answer(in, message.AppendResponse(nil, m, 200, "", "b1", []byte("Contact: <sip:bob@10.0.0.3:5077>\r\n"), nil))
				case m.Method() == message.MethodBye:
					bye = m
					p.Answer(in, message.AppendResponse(nil, m, 200, "", "", nil, nil))
				}
			})
			peer2(w, "10.0.0.8:5060", &bye)
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Answered(out, 200)
			w.Run(time.Second)
			w.hangUp(w.only(), "")
			w.Came(alice, "BYE")
			w.Run(time.Second)
			if bye == nil {
				t.Fatal("no BYE for the callee")
			}
			var got []string
			for e := bye.Elements(message.HeaderRoute); e.Next(); {
				got = append(got, string(e.Value))
			}
			if strings.Join(got, ", ") != row.routes || string(bye.RequestURI()) != row.uri {
				t.Errorf("%s with Route %s", bye.RequestURI(), got)
			}
			if from := string(bye.Header(message.HeaderFrom)); !strings.HasPrefix(from, row.from+";tag=") || string(bye.ToTag()) != "b1" {
				t.Errorf("From %s, To %s", from, bye.Header(message.HeaderTo))
			}
		})
	}
}

// peer2 answers a BYE at an address.
func peer2(w *world, addr string, bye **message.Message) {
	w.Peer(addr, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.Method() == message.MethodBye {
			*bye = m
			p.Answer(in, message.AppendResponse(nil, m, 200, "", "", nil, nil))
		}
	})
}

// Before the answer the callee is cancelled and the caller gets 480; whoever answers just then
// is acknowledged and gets a BYE, also when its 2xx comes again.
func TestHangUpBeforeTheAnswer(t *testing.T) {
	t.Run("it rings", func(t *testing.T) {
		w := newWorld(t, scriptOf("limits = { x = 1 }", "", "10.0.0.3", "10.0.0.4"))
		alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
		out := alice.Invite("sip:bob@example.com", phone.Spec{})
		w.Reply(w.Came(bob, "INVITE"), 180)
		w.Reply(w.Came(carol, "INVITE"), 183)
		w.Answered(out, 180)
		w.hangUp(w.only(), "SIP;cause=503")
		for _, p := range []*phone.Phone{bob, carol} {
			if got := header(w.Came(p, "CANCEL"), message.HeaderReason); got != "SIP;cause=503" {
				t.Errorf("Reason: %s", got)
			}
		}
		w.Answered(out, 480)
		w.heard("early", "ended hung up server")
		w.calls(0)
		w.Run(time.Minute)
		w.heard()
	})
	t.Run("the callee answers at that moment", func(t *testing.T) {
		w := newWorld(t, scriptOf("limits = { x = 1 }", "", "10.0.0.3"))
		alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(o *phone.Options) { o.Manual = true })
		out := alice.Invite("sip:bob@example.com", phone.Spec{})
		in := w.Came(bob, "INVITE")
		w.Reply(in, 180)
		w.Answered(out, 180)
		w.hangUp(w.only(), "")
		w.Reply(in, 200)
		w.Answered(out, 480)
		w.Came(bob, "ACK")
		bye := w.Came(bob, "BYE")
		if got := header(bye, message.HeaderCSeq); got != "2 BYE" {
			t.Errorf("CSeq: %s", got)
		}
		w.Reply(bye, 200)
		w.Run(time.Minute)
		for _, a := range out.Answers {
			if a.Msg.Status() == 200 {
				t.Error("the caller got the 200")
			}
		}
		n := 0
		for _, r := range bob.Inbox() {
			if r.Method() == "BYE" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d BYEs", n)
		}
		w.heard("early", "ended hung up server")
		if w.d.Count("x") != 0 {
			t.Error("a slot is left")
		}
	})
}

// A caller whose ACK has not come gets its BYE when it has, or when it will not come (RFC 3261
// §15).
func TestHangUpBeforeTheACK(t *testing.T) {
	for _, row := range []struct {
		name string
		ack  bool
		wait time.Duration
	}{{"it comes", true, 3 * time.Second}, {"it does not", false, 33 * time.Second}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out := alice.Invite("sip:bob@example.com", phone.Spec{AckDelays: phone.AckDelays{AckManual: true}})
			w.Reply(w.Came(bob, "INVITE"), 200)
			w.Answered(out, 200)
			w.hangUp(w.only(), "")
			w.Came(bob, "BYE")
			w.calls(1) // the BYE for the caller waits
			w.heard("answered", "ended hung up server")
			if row.ack {
				w.Run(2 * time.Second)
				if err := out.Ack(phone.Spec{}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(alice.Inbox()); n != 0 {
				t.Errorf("%d requests before", n)
			}
			w.Run(row.wait)
			w.Came(alice, "BYE")
			w.calls(0)
		})
	}
}

// Each leg that was answered is ended.
func TestHangUpAllLegs(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3", "10.0.0.4"))
	alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	b, c := w.Came(bob, "INVITE"), w.Came(carol, "INVITE")
	_ = b.Reply(200, phone.Reply{})
	_ = c.Reply(200, phone.Reply{})
	w.Answered(out, 200)
	w.Run(time.Second)
	w.hangUp(w.only(), "")
	w.Came(bob, "BYE")
	w.Came(carol, "BYE")
	w.Came(alice, "BYE")
	w.Run(40 * time.Second)
	w.calls(0)
	w.heard("answered", "ended hung up server")
}

// At a shutdown the calls that nobody answered end.
func TestShutdown(t *testing.T) {
	w := newWorld(t, scriptOf("limits = { x = 5 }", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Came(bob, "INVITE")
	w.calls(1)
	w.events = nil
	if err := w.d.Detach(t.Context(), w.Engine); err != nil {
		t.Error(err)
	}
	w.heard("ended shutdown server")
	if w.d.Count("x") != 0 {
		t.Error("a slot is left")
	}
}
