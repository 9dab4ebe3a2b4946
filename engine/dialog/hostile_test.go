package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A call that leads back here ends when its hops are used up (§16.3 step 3).
func TestLoop(t *testing.T) {
	b := newBench(t, 31)
	alice := b.phone("alice", "10.0.1.1:5060")
	b.joins(dialog.DialOptions{}, "sip:bob@"+here)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.answered(o, 483)
	if n := len(b.legs); n > 80 {
		t.Errorf("%d calls came in", n)
	}
	b.empty(time.Second)
}

// Whatever a callee answers, each leg leaves.
func TestLegsLeave(t *testing.T) {
	for _, c := range []struct {
		name  string
		again func(bob *raw, m string) // how it answers the second INVITE
		leave string                   // who ends the call then
	}{
		{"100, the caller leaves", func(bob *raw, m string) { bob.reply(m, 100, "b", "", "") }, "caller"},
		{"100, the callee leaves", func(bob *raw, m string) { bob.reply(m, 100, "b", "", "") }, "callee"},
		{"100, and nobody leaves", func(bob *raw, m string) { bob.reply(m, 100, "b", "", "") }, ""},
		{"another dialog's 200", func(bob *raw, m string) { bob.reply(m, 200, "other", rawContact, rawSDP) }, ""},
		{"another dialog's 200, the caller leaves", func(bob *raw, m string) { bob.reply(m, 200, "other", rawContact, rawSDP) }, "caller"},
		{"another dialog's 200, the callee leaves", func(bob *raw, m string) { bob.reply(m, 200, "other", rawContact, rawSDP) }, "callee"},
		{"another dialog's 200, cancelled", func(bob *raw, m string) { bob.reply(m, 200, "other", rawContact, rawSDP) }, "cancel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 32)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
			n, first := 0, ""
			bob.on = func(m string) {
				switch {
				case strings.HasPrefix(m, "INVITE"):
					if n++; n == 1 {
						first = m
						bob.reply(m, 200, "b", rawContact, rawSDP)
					} else {
						c.again(bob, m)
					}
				case strings.HasPrefix(m, "BYE"), strings.HasPrefix(m, "CANCEL"):
					bob.reply(m, 200, "", "", "")
				}
			}
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			b.answered(o, 200)
			b.w.Run(time.Second)
			re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
			b.w.Run(time.Second)
			switch c.leave {
			case "caller":
				o.Dialog().Send(phone.Spec{Method: "BYE"})
			case "callee":
				bob.bye(first, "10.0.2.1:5060", 1)
			case "cancel":
				_ = re.Cancel(nil)
			default:
				bound := 100 * time.Second
				if strings.HasPrefix(c.name, "another") { // there is nothing to cancel
					bound = 40 * time.Second
				}
				b.w.RunUntil(bound, re.Done)
				if m := re.Final(); m == nil || m.Status() < 400 {
					t.Errorf("the caller's INVITE was answered %d", statusOf(m))
				}
			}
			b.empty(300 * time.Second)
		})
	}
}

// A 2xx without a tag makes a dialog with a peer that knows of none (§12.1.2).
func TestNoTag(t *testing.T) {
	b := newBench(t, 33)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
	bob.on = func(m string) {
		if strings.HasPrefix(m, "INVITE") {
			bob.reply(m, 200, "", rawContact, rawSDP)
		} else if strings.HasPrefix(m, "BYE") {
			bob.reply(m, 200, "", "", "")
		}
	}
	b.joins(dialog.DialOptions{Timeout: 20 * time.Second}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.answered(o, 200)
	if n, ack := bob.count("ACK"); n != 1 || strings.Contains(hdr(ack, "To"), "tag=") {
		t.Errorf("%d ACKs: %s", n, ack)
	}
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.w.Run(time.Second)
	b.hangsUp(t, bob)
	b.over()
}

// From and To may have no brackets, or be folded: what goes back names the same dialog.
func TestAddresses(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"without brackets", "sip:alice@example.com;tag=a1", "sip:bob@example.com", "<sip:alice@example.com>;tag=a1"},
		{"folded", "<sip:alice@example.com>\r\n ;tag=a1", "Bob\r\n <sip:bob@example.com>", "<sip:alice@example.com>;tag=a1"},
		{"named", `"Al \"x\"" <sip:alice@example.com>;x=y;tag=a1`, "<sip:bob@example.com>;z", `"Al \"x\"" <sip:alice@example.com>;tag=a1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 34)
			alice, bob := b.raw("10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			tag := ""
			alice.on = func(m string) {
				switch {
				case strings.HasPrefix(m, "SIP/2.0 200") && strings.Contains(hdr(m, "CSeq"), "INVITE"):
					_, tag, _ = strings.Cut(m[strings.Index(m, "\r\nTo:"):], ";tag=")
					tag, _, _ = strings.Cut(tag, "\r\n")
					alice.h.Send(here, fmt.Appendf(nil, "ACK sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKack\r\nFrom: %s\r\nTo: <sip:bob@example.com>;tag=%s\r\nCall-ID: raw1\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
						here, c.from, tag))
				case strings.HasPrefix(m, "BYE"):
					alice.reply(m, 200, "", "", "")
				}
			}
			alice.invite(c.from, c.to, "Contact: <sip:alice@10.0.1.1:5060>\r\n")
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 200, phone.Reply{Media: own})
			b.w.Run(time.Second)
			in.Dialog().Send(phone.Spec{Method: "BYE"})
			b.w.Run(time.Second)
			_, bye := alice.count("BYE")
			if _, from, _ := strings.Cut(hdr(bye, "From"), ";tag="); hdr(bye, "To") != c.want || from != tag || tag == "" {
				t.Errorf("the BYE is from %q to %q, tag %q", hdr(bye, "From"), hdr(bye, "To"), tag)
			}
			b.over()
		})
	}
}

// invite sends an INVITE.
func (r *raw) invite(from, to, headers string) {
	r.h.Send(here, fmt.Appendf(nil, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKinv\r\nFrom: %s\r\nTo: %s\r\nCall-ID: raw1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		from, to, headers, len(rawSDP), rawSDP))
}

// A caller that could not be sent a BYE is not taken (§8.1.1.8).
func TestNoContact(t *testing.T) {
	for _, c := range []struct{ name, contact string }{{"none", ""}, {"star", "Contact: *\r\n"}, {"tel", "Contact: <tel:+49>\r\n"}, {"unreadable", "Contact: <sip:@>\r\n"}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 35)
			alice, bob := b.raw("10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			alice.invite("<sip:alice@example.com>;tag=a1", "<sip:bob@example.com>", c.contact)
			b.w.Run(time.Second)
			if n, _ := alice.count("SIP/2.0 400"); n == 0 || len(bob.Inbox()) > 0 || b.agent.Calls() != 0 {
				t.Errorf("%d 400s, bob got %d requests, %d legs", n, len(bob.Inbox()), b.agent.Calls())
			}
		})
	}
}

// A header that cannot be sent is an error; folded ones of a callee are passed on one line.
func TestReject(t *testing.T) {
	for _, name := range []string{"Content-Length", "Record-Route", "X y"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 36)
			alice := b.phone("alice", "10.0.1.1:5060")
			b.route = func(r *engine.Request) error {
				a, err := b.agent.Accept(r, dialog.AcceptOptions{})
				if err != nil {
					return err
				}
				if a.Reject(486, engine.HeaderEdit{Name: name, Values: []string{"0"}}) == nil {
					t.Error("it was taken")
				}
				return a.Reject(488)
			}
			b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), 488)
			b.over()
		})
	}
	t.Run("folded", func(t *testing.T) {
		b := newBench(t, 37)
		alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
		bob.on = func(m string) {
			if strings.HasPrefix(m, "INVITE") {
				bob.reply(m, 486, "b", "Warning: 399 x\r\n \"busy\"\r\n", "")
			}
		}
		b.route = func(r *engine.Request) error {
			a, err := b.agent.Accept(r, dialog.AcceptOptions{})
			if err != nil {
				return err
			}
			return b.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(_ *dialog.Leg, res *engine.Response) {
				if err := a.Pass(res); err != nil {
					t.Error(err)
				}
			})
		}
		res := b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), 486)
		if v := string(res.HeaderName("Warning")); v != `399 x "busy"` {
			t.Errorf("Warning: %q", v)
		}
		b.over()
	})
}

// 0 is a number that a peer's CSeq may begin with (§12.1.2: there is none before).
func TestCSeqZero(t *testing.T) {
	b := newBench(t, 38)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
	first := ""
	bob.on = func(m string) {
		if strings.HasPrefix(m, "INVITE") {
			first = m
			bob.reply(m, 200, "b", rawContact, rawSDP)
		}
	}
	b.joins(dialog.DialOptions{}, bobURI)
	b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), 200)
	bob.bye(first, "10.0.2.1:5060", 0)
	b.w.Run(time.Second)
	if n, _ := bob.count("SIP/2.0 200"); n != 1 {
		t.Errorf("the BYE was not answered 200: %q", bob.got[len(bob.got)-1])
	}
	b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// A 2xx after the call was given up is acknowledged, and its dialog ended.
func TestLateAccept(t *testing.T) {
	for _, code := range []int{486, 408, 603} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			b := newBench(t, 39)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
			bob.on = func(m string) {
				switch {
				case strings.HasPrefix(m, "INVITE"):
					bob.reply(m, code, "c", "", "")
					bob.reply(m, 200, "b", rawContact, rawSDP)
				case strings.HasPrefix(m, "BYE"):
					bob.reply(m, 200, "", "", "")
				}
			}
			b.joins(dialog.DialOptions{}, bobURI)
			b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), code)
			b.w.Run(time.Second)
			b.hangsUp(t, bob)
			b.over()
		})
	}
}

// A 2xx that cannot be sent ends the call: the caller gets a final answer.
func TestAnswerTooLarge(t *testing.T) {
	b := newBench(t, 40)
	alice := b.phone("alice", "10.0.1.1:5060")
	b.takes(func(a *dialog.Leg) {
		_ = a.Answer(append([]byte(rawSDP), strings.Repeat("a=x\r\n", 1<<20)...))
	})
	b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own}), 500)
	if why := b.ends[b.legs[0]]; len(why) != 1 || why[0] != dialog.WhyMedia {
		t.Errorf("it ended %v", why)
	}
	b.over()
}
