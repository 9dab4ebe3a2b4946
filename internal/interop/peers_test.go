package interop

// sipgo as caller and callee: registers, calls and cancels through the server, over each pair of
// transports.

import (
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestPeersCallThroughTheDefaultScript(t *testing.T) {
	s := start(t) // without a script: the embedded one
	for _, c := range []struct{ caller, callee string }{{"udp", "udp"}, {"tcp", "tcp"}, {"udp", "tcp"}, {"tcp", "udp"}} {
		t.Run(c.caller+" to "+c.callee, func(t *testing.T) {
			alice := peer.New(t, "alice", "example.com", s.via(c.caller))
			bob := peer.New(t, "bob-"+c.caller+"-"+c.callee, "example.com", s.via(c.callee))
			alice.Register()
			bob.Register()
			to := bob.AOR()

			t.Run("answered", func(t *testing.T) { answered(t, alice, bob, to.String()) })
			t.Run("cancelled", func(t *testing.T) { cancelled(t, alice, bob, to.String()) })
			t.Run("refused", func(t *testing.T) { refused(t, alice, bob, to.String()) })
			t.Run("hung up by the callee", func(t *testing.T) { hungUpByCallee(t, alice, bob, to.String()) })
		})
	}
}

func answered(t *testing.T, alice, bob *peer.Peer, to string) {
	call := alice.Invite(to, nil)
	in := bob.Incoming()
	if rr := in.Request.GetHeaders("Record-Route"); len(rr) == 0 {
		t.Error("no Record-Route at the callee")
	}
	in.Reply(180, "Ringing")
	call.Provisional(180)
	in.Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("answered %d", code)
	}
	call.Ack()
	bob.Ack()
	call.Bye()
	if bye := bob.Bye(); bye.GetHeader("Route") != nil {
		t.Errorf("our own Route reached the callee: %s", bye.GetHeader("Route"))
	}
}

func hungUpByCallee(t *testing.T, alice, bob *peer.Peer, to string) {
	call := alice.Invite(to, nil)
	in := bob.Incoming()
	in.Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("answered %d", code)
	}
	call.Ack()
	bob.Ack()
	in.HangUp()
	alice.Bye()
}

func cancelled(t *testing.T, alice, bob *peer.Peer, to string) {
	call := alice.Invite(to, nil)
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	call.Provisional(180)
	call.Cancel()
	in.AwaitCancel()
	if code := call.Final().StatusCode; code != 487 {
		t.Errorf("a cancelled call ends with %d", code)
	}
}

func refused(t *testing.T, alice, bob *peer.Peer, to string) {
	call := alice.Invite(to, nil)
	bob.Incoming().Reply(486, "Busy Here")
	if code := call.Final().StatusCode; code != 486 {
		t.Errorf("a refused call ends with %d", code)
	}
}

func TestAnswersOfTheDefaultScript(t *testing.T) {
	s := start(t)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	for _, c := range []struct {
		method sip.RequestMethod
		to     string
		code   int
	}{
		{sip.OPTIONS, "sip:example.com", 200},
		{sip.OPTIONS, "sip:" + s.addrs["udp"], 200},
		{sip.MESSAGE, "sip:nobody@example.com", 480},
		{sip.MESSAGE, "sip:someone@elsewhere.example", 404},
		{sip.REGISTER, "sip:elsewhere.example", 404},
	} {
		t.Run(c.to, func(t *testing.T) {
			if res := alice.Send(alice.Request(c.method, c.to)); res.StatusCode != c.code {
				t.Errorf("%s %s: %d %s, want %d", c.method, c.to, res.StatusCode, res.Reason, c.code)
			}
		})
	}
}

// A stranger's To tag opens no way through: without our signed Route a request within a call is
// answered 481.
func TestNoRelayByToTag(t *testing.T) {
	s := start(t)
	mallory := peer.New(t, "mallory", "elsewhere.example", s.via("udp"))
	victim := peer.New(t, "victim", "elsewhere.example", s.via("udp"))
	contact := victim.Contact()
	for _, route := range []string{"", "<sip:" + s.addrs["udp"] + ";lr>"} {
		r := mallory.Request(sip.INFO, contact.String())
		r.To().Params.Add("tag", "x")
		if route != "" {
			r.PrependHeader(sip.NewHeader("Route", route))
		}
		if res := mallory.Send(r); res.StatusCode != 481 {
			t.Errorf("Route %q: %d", route, res.StatusCode)
		}
	}
}
