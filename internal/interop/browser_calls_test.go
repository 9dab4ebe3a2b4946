package interop

// Calls between a browser, over WS and WSS, and a phone on UDP, another browser, a phone on TLS.

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestBrowserCalls(t *testing.T) {
	a := newAuthority(t)
	s := startSecure(t, a)
	for _, scheme := range []string{"ws", "wss"} {
		phone := func(user, transport string) *peer.Peer {
			via := s.via(transport)
			via.TLS = a.config(user)
			p := peer.New(t, user+"-"+scheme+"-"+transport, "example.com", via)
			p.Register()
			return p
		}
		open := func(user string) *browser {
			b := openBrowser(t, s, scheme, user+"-"+scheme, a.config(user))
			b.register()
			return b
		}
		t.Run(scheme, func(t *testing.T) {
			alice := open("alice")
			for _, transport := range []string{"udp", "tcp", "tls"} {
				bob := phone("bob", transport)
				t.Run("called over "+transport, func(t *testing.T) { browserIsCalled(t, alice, bob) })
				t.Run("cancelled over "+transport, func(t *testing.T) { browserIsCancelled(t, alice, bob) })
				t.Run("calls over "+transport, func(t *testing.T) { browserCalls(t, alice, bob) })
				t.Run("cancels over "+transport, func(t *testing.T) { browserCancels(t, alice, bob) })
			}
			t.Run("another browser", func(t *testing.T) { browserCallsBrowser(t, alice, open("carol")) })
		})
	}
}

// browserIsCalled: a phone calls, both send requests within the call, the browser hangs up.
func browserIsCalled(t *testing.T, alice *browser, bob *peer.Peer) {
	call := bob.Invite("sip:"+alice.user+"@example.com", nil)
	inv := alice.request(sip.INVITE)
	if got := inv.Recipient.String(); got != "sip:"+alice.user+"@"+alice.host+";transport=ws" {
		t.Errorf("Request-URI %s", got)
	}
	alice.reply(inv, 180, "a1")
	call.Provisional(180)
	alice.reply(inv, 200, "a1")
	call.Final()
	call.Ack()
	alice.request(sip.ACK)

	answers := make(chan int)
	go func() { answers <- bob.Send(call.InDialog(sip.OPTIONS)).StatusCode }()
	r := alice.request(sip.OPTIONS)
	if r.GetHeader("Route") != nil {
		t.Errorf("our own Route reached the browser: %s", r.GetHeader("Route"))
	}
	alice.reply(r, 200, "")
	if code := <-answers; code != 200 {
		t.Errorf("OPTIONS within the call: %d", code)
	}
	d := alice.answeredWith(inv, "a1")
	d.send("BYE")
	bob.Bye()
	d.final(200)
}

func browserIsCancelled(t *testing.T, alice *browser, bob *peer.Peer) {
	call := bob.Invite("sip:"+alice.user+"@example.com", nil)
	inv := alice.request(sip.INVITE)
	alice.reply(inv, 180, "a2")
	call.Provisional(180)
	call.Cancel()
	alice.reply(alice.request(sip.CANCEL), 200, "")
	alice.reply(inv, 487, "a2")
	if code := call.Final().StatusCode; code != 487 {
		t.Errorf("a cancelled call ends with %d", code)
	}
	alice.request(sip.ACK)
}

// browserCalls: the browser calls, the phone hangs up.
func browserCalls(t *testing.T, alice *browser, bob *peer.Peer) {
	to := bob.AOR()
	d := alice.dialog(to.String())
	d.send("INVITE", "Contact: "+alice.contact()[:len(alice.contact())-1]+";ob>")
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	in.Reply(200, "OK")
	d.established(d.final(200))
	d.send("ACK")
	bob.Ack()
	answers := make(chan int)
	go func() { answers <- bob.Send(in.InDialog(sip.OPTIONS)).StatusCode }()
	alice.reply(alice.request(sip.OPTIONS), 200, "")
	if code := <-answers; code != 200 {
		t.Errorf("OPTIONS within the call: %d", code)
	}
	go func() { answers <- bob.Send(in.InDialog(sip.BYE)).StatusCode }()
	alice.reply(alice.request(sip.BYE), 200, "")
	if code := <-answers; code != 200 {
		t.Errorf("BYE: %d", code)
	}
}

func browserCancels(t *testing.T, alice *browser, bob *peer.Peer) {
	to := bob.AOR()
	d := alice.dialog(to.String())
	d.send("INVITE", "Contact: "+alice.contact())
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	for alice.response().StatusCode != 180 {
	}
	d.send("CANCEL")
	in.AwaitCancel()
	for { // the 200 to the CANCEL and the 487 to the INVITE have the same number
		if res := alice.response(); res.CSeq().MethodName == sip.INVITE && res.StatusCode >= 200 {
			if res.StatusCode != 487 {
				t.Errorf("a cancelled call ends with %d", res.StatusCode)
			}
			break
		}
	}
}

// browserCallsBrowser: both behind the same listener.
func browserCallsBrowser(t *testing.T, alice, carol *browser) {
	d := alice.dialog("sip:" + carol.user + "@example.com")
	d.send("INVITE", "Contact: "+alice.contact())
	inv := carol.request(sip.INVITE)
	carol.reply(inv, 200, "c1")
	d.established(d.final(200))
	d.send("ACK")
	carol.request(sip.ACK)
	d.send("INFO")
	carol.reply(carol.request(sip.INFO), 200, "")
	d.final(200)
	back := carol.answeredWith(inv, "c1")
	back.send("BYE")
	alice.reply(alice.request(sip.BYE), 200, "")
	back.final(200)
}

// A browser that is gone is not there for the moment, which a caller hears at once; it comes back
// with another name, and is reached.
func TestBrowserLeavesAndComesBack(t *testing.T) {
	s := startSecure(t, newAuthority(t))
	bob := peer.New(t, "bob", "example.com", s.via("udp"))
	alice := openBrowser(t, s, "ws", "alice", nil)
	alice.register()
	call := bob.Invite("sip:alice@example.com", nil)
	inv := alice.request(sip.INVITE)
	alice.reply(inv, 200, "a1")
	call.Final()
	call.Ack()
	alice.request(sip.ACK)
	alice.leave(s)

	began := time.Now()
	if code := bob.Invite("sip:alice@example.com", nil).Final().StatusCode; code != 480 {
		t.Errorf("a call to a browser that is gone: %d", code)
	}
	if code := bob.Send(call.InDialog(sip.BYE)).StatusCode; code != 430 {
		t.Errorf("a BYE to a browser that is gone: %d", code)
	}
	if d := time.Since(began); d > 25*time.Second { // neither waits for a Timer B or F
		t.Errorf("that took %s", d)
	}
	for range 12 { // more pages than a user may have contacts
		alice = openBrowser(t, s, "ws", "alice", nil)
		alice.register()
		again := bob.Invite("sip:alice@example.com", nil)
		inv = alice.request(sip.INVITE)
		alice.reply(inv, 486, "a2")
		if code := again.Final().StatusCode; code != 486 {
			t.Errorf("back again, answered %d", code)
		}
		alice.request(sip.ACK)
		alice.leave(s)
	}
}
