package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

func with(name string, values ...string) []proxy.HeaderEdit {
	return []proxy.HeaderEdit{{Name: name, Values: values}}
}

// Why one party leaves, the other is told (RFC 3326): of a BYE, a CANCEL, and a refusal (RFC 6432).
func TestReasonPasses(t *testing.T) {
	const reason = `Q.850;cause=31;text="terminated"`
	t.Run("BYE", func(t *testing.T) {
		b := newBench(t, 73)
		alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
		o, _ := b.talk(alice, bob)
		b.answered(o.Dialog().Send(phone.Spec{Method: "BYE", Headers: with("Reason", reason)}), 200)
		bye := b.got(bob, "BYE", 1)
		if got := string(bye.Msg.HeaderName("Reason")); got != reason {
			t.Errorf("Reason: %q", got)
		}
		b.reply(bye, 200, phone.Reply{})
		b.over()
	})
	t.Run("CANCEL", func(t *testing.T) {
		b := newBench(t, 74)
		alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
		b.joins(dialog.DialOptions{}, bobURI)
		o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		b.reply(b.got(bob, "INVITE", 1), 180, phone.Reply{})
		b.w.Run(time.Second)
		const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`
		_ = o.Cancel(with("Reason", elsewhere))
		b.answered(o, 487)
		if got := string(b.got(bob, "CANCEL", 1).Msg.HeaderName("Reason")); got != elsewhere {
			t.Errorf("Reason: %q", got)
		}
		b.over()
	})
	t.Run("refusal", func(t *testing.T) {
		b := newBench(t, 75)
		alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
		b.takes(func(a *dialog.Leg) {
			_ = b.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(_ *dialog.Leg, res *engine.Response) { _ = a.Pass(res) })
		})
		o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		b.reply(b.got(bob, "INVITE", 1), 486, phone.Reply{Headers: with("Reason", reason)})
		if got := string(b.answered(o, 486).HeaderName("Reason")); got != reason {
			t.Errorf("Reason: %q", got)
		}
		b.over()
	})
}

// One session has one Session-ID, through all of its legs (RFC 7989 §6).
func TestSessionIDPasses(t *testing.T) {
	const a, c = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "cccccccccccccccccccccccccccccccc"
	nil_ := strings.Repeat("0", 32)
	is := func(t *testing.T, what string, m *message.Message, local, remote string) {
		t.Helper()
		want := ""
		if local != "" {
			want = local + ";remote=" + remote
		}
		if got := string(m.HeaderName("Session-ID")); got != want {
			t.Errorf("%s: Session-ID: %q, not %q", what, got, want)
		}
	}
	for _, row := range []struct{ name, alice, bob string }{{"both", a, c}, {"only the caller", a, ""}, {"neither", "", ""}, {"nonsense", "xyz", "ZZ"}} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, 76)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			of := func(id, other string) []proxy.HeaderEdit {
				if id == "" {
					return nil
				}
				return with("Session-ID", fmt.Sprintf("%s;remote=%s", id, other))
			}
			from, to := row.alice, row.bob
			if len(from) != 32 {
				from, to = "", ""
			}
			far := to
			if far == "" {
				far = nil_
			}
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: of(row.alice, nil_)})
			in := b.got(bob, "INVITE", 1)
			is(t, "INVITE", in.Msg, from, nil_)
			b.reply(in, 180, phone.Reply{Headers: of(row.bob, row.alice)})
			b.reply(in, 200, phone.Reply{Media: own, Headers: of(row.bob, row.alice)})
			is(t, "200", b.answered(o, 200), to, from)
			is(t, "ACK", b.got(bob, "ACK", 1).Msg, from, far)
			b.w.Run(time.Second)
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE", Headers: of(row.alice, row.bob)}), 200)
			bye := b.got(bob, "BYE", 1)
			is(t, "BYE", bye.Msg, from, far)
			b.reply(bye, 200, phone.Reply{})
			b.over()
		})
	}
}
