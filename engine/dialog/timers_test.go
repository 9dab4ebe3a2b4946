package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// timing are the headers of a party with session timers.
func timing(expires string, supported bool) []proxy.HeaderEdit {
	list := with("Allow", updates)
	if expires != "" {
		list = append(list, proxy.HeaderEdit{Name: "Session-Expires", Values: []string{expires}})
	}
	if supported {
		list = append(list, proxy.HeaderEdit{Name: "Supported", Values: []string{"timer"}})
	}
	return list
}

// What a caller is answered: who refreshes, and how often (RFC 4028 §9).
func TestTimerOfCaller(t *testing.T) {
	for _, c := range []struct {
		name, expires string
		supported     bool
		want          string
	}{
		{"none", "", false, ""}, {"it has timers", "", true, "1800;refresher=uac"}, {"it asks", "600", true, "600;refresher=uac"},
		{"it says who", "600;refresher=uas", true, "600;refresher=uas"}, {"its proxy asks", "600", false, "600;refresher=uas"}, {"too long", "90000", true, "1800;refresher=uac"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 111)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: timing(c.expires, c.supported)})
			b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
			res := b.answered(o, 200)
			if got := string(res.HeaderName("Session-Expires")); got != c.want {
				t.Errorf("Session-Expires: %q, not %q", got, c.want)
			}
			if got, want := string(res.HeaderName("Require")) == "timer", strings.HasSuffix(c.want, "uac"); got != want {
				t.Errorf("Require: timer: %v", got)
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.over()
		})
	}
}

// One that is too short is refused (§6): the first INVITE, a later one and an UPDATE.
func TestTimerTooShort(t *testing.T) {
	b := newBench(t, 112)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	res := b.answered(alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: timing("60", true)}), 422)
	if string(res.HeaderName("Min-SE")) != "90" {
		t.Error("no Min-SE")
	}
	o, _ := b.talk(alice, bob)
	b.answered(o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own, Headers: timing("60", true)}), 422)
	b.answered(o.Dialog().Send(phone.Spec{Method: "UPDATE", Headers: timing("60", true)}), 422)
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.over()
}

// A caller that is to refresh and does not is gone: both get a BYE (§10). One that does goes on,
// and its peer hears nothing of that.
func TestTimerTheirs(t *testing.T) {
	for _, by := range []string{"nobody", "UPDATE", "INVITE"} {
		t.Run(by, func(t *testing.T) {
			b := newBench(t, 113)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Body: []byte(rawSDP), Headers: timing("600", true)})
			b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
			b.answered(o, 200)
			b.w.Run(300 * time.Second)
			until := 290 * time.Second
			if by != "nobody" {
				s := phone.Spec{Method: by, Headers: timing("600;refresher=uac", true)}
				if by == "INVITE" {
					s.Body = []byte(rawSDP)
				}
				if res := b.answered(o.Dialog().Send(s), 200); string(res.HeaderName("Session-Expires")) != "600;refresher=uac" {
					t.Errorf("Session-Expires: %q", res.HeaderName("Session-Expires"))
				}
				b.w.Run(299 * time.Second)
				if len(b.methods(alice, "BYE")) != 0 || len(bob.Inbox()) != 2 {
					t.Errorf("bob got %d requests", len(bob.Inbox()))
				}
			}
			b.w.RunUntil(until, func() bool { return len(b.methods(alice, "BYE")) > 0 && len(b.methods(bob, "BYE")) > 0 })
			if got := string(b.got(alice, "BYE", 1).Msg.HeaderName("Reason")); !strings.Contains(got, "Session timer expired") {
				t.Errorf("Reason: %q", got)
			}
			if at := b.w.Elapsed().Seconds(); by == "nobody" && (at < 560 || at > 580) {
				t.Errorf("ended after %v s", at)
			}
			b.over()
		})
	}
}

// A callee's timer: what our INVITE asks for, the longer interval that a 422 wants, and refreshes
// of ours, by UPDATE where that is taken and else by an INVITE; one that knows nothing of the call
// any more, or is silent, ends it.
func TestTimerOfCallee(t *testing.T) {
	for _, c := range []struct {
		name, allow, method string
		code                int // the answer to the second refresh; 0: none
	}{{"by UPDATE", updates, "UPDATE", 481}, {"by INVITE", "INVITE, ACK, BYE", "INVITE", 481}, {"silent", updates, "UPDATE", 0}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 114)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			first := b.got(bob, "INVITE", 1)
			if string(first.Msg.HeaderName("Session-Expires")) != "1800" || !strings.Contains(string(first.Msg.HeaderName("Supported")), "timer") {
				t.Errorf("the INVITE:\n%s", first.Msg.Original())
			}
			b.reply(first, 422, phone.Reply{Headers: with("Min-SE", "3600")})
			second := b.got(bob, "INVITE", 2)
			if string(second.Msg.HeaderName("Session-Expires")) != "3600" || string(second.Msg.HeaderName("Min-SE")) != "3600" || string(second.Msg.CallID()) != string(first.Msg.CallID()) {
				t.Errorf("the INVITE after a 422:\n%s", second.Msg.Original())
			}
			b.reply(second, 200, phone.Reply{Media: own, Headers: append(with("Allow", c.allow), with("Session-Expires", "3600;refresher=uac")...)})
			b.answered(o, 200)
			n := len(b.methods(bob, c.method))
			b.w.Run(1790 * time.Second)
			refresh := b.got(bob, c.method, n+1)
			if at := b.w.Elapsed().Seconds(); at < 1800 || at > 1805 || string(refresh.Msg.HeaderName("Session-Expires")) != "3600;refresher=uac" {
				t.Errorf("at %v s:\n%s", at, refresh.Msg.Original())
			}
			r := phone.Reply{Headers: with("Session-Expires", "3600;refresher=uac")}
			if c.method == "INVITE" {
				r.Media = own
			}
			b.reply(refresh, 200, r)
			b.w.Run(1790 * time.Second)
			if again := b.got(bob, c.method, n+2); c.code != 0 {
				b.reply(again, c.code, phone.Reply{})
			}
			if len(b.methods(alice, "INVITE")) != 0 {
				t.Error("alice was told")
			}
			b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// Without Session-Expires in the 2xx there is no timer (§7.2), nor where the owner wants none.
func TestNoTimer(t *testing.T) {
	for _, c := range []struct {
		name string
		off  bool
	}{{"the callee says nothing", false}, {"the owner wants none", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 115)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{NoTimer: c.off}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := b.got(bob, "INVITE", 1)
			if got := in.Msg.HeaderName("Session-Expires") != nil; got == c.off {
				t.Errorf("Session-Expires: %v", got)
			}
			r := phone.Reply{Media: own}
			if c.off {
				r.Headers = with("Session-Expires", "600;refresher=uac")
			}
			b.reply(in, 200, r)
			b.answered(o, 200)
			b.w.Run(5000 * time.Second)
			if len(bob.Inbox()) != 2 {
				t.Errorf("bob got %d requests", len(bob.Inbox()))
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.over()
		})
	}
}
