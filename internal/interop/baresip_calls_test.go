package interop

// baresip registered over TLS, TCP or UDP, with a phone on UDP.

import (
	"fmt"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
)

// audio is a description of a phone that takes G.711 at a port where nobody listens.
func audio(t *testing.T) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", child.FreePort(t))
}

func withAudio(t *testing.T) func(*sip.Request) {
	return func(r *sip.Request) {
		r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		r.SetBody(audio(t))
	}
}

func TestBaresip(t *testing.T) {
	needBaresip(t)
	a := newAuthority(t)
	s := startSecure(t, a)
	for _, transport := range []string{"tls", "tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			alice := peer.New(t, "alice-"+transport, "example.com", s.via("udp"))
			alice.Register()
			bob := startBaresip(t, s, transport, "bob-"+transport, a.file)
			bob.says(0, "registered successfully")

			t.Run("answers, and the caller hangs up", func(t *testing.T) {
				call := callBaresip(t, alice, bob, "bob-"+transport)
				from := bob.out.count()
				call.Bye()
				bob.says(from, "session closed")
			})
			t.Run("answers, and hangs up", func(t *testing.T) {
				callBaresip(t, alice, bob, "bob-"+transport)
				bob.command("hangup")
				alice.Bye()
			})
			t.Run("is cancelled while it rings", func(t *testing.T) {
				from := bob.out.count()
				call := alice.Invite("sip:bob-"+transport+"@example.com", withAudio(t))
				call.Provisional(180)
				bob.says(from, "Incoming call")
				from = bob.out.count()
				call.Cancel()
				if code := call.Final().StatusCode; code != 487 {
					t.Errorf("a cancelled call ends with %d", code)
				}
				bob.says(from, "session closed")
			})
			t.Run("refuses", func(t *testing.T) {
				from := bob.out.count()
				call := alice.Invite("sip:bob-"+transport+"@example.com", withAudio(t))
				bob.says(from, "Incoming call")
				bob.command("hangup")
				if code := call.Final().StatusCode; code/100 < 4 {
					t.Errorf("a refused call ends with %d", code)
				}
			})
			t.Run("calls, and the callee hangs up", func(t *testing.T) {
				in := baresipCalls(t, bob, alice)
				from := bob.out.count()
				in.HangUp()
				bob.says(from, "session closed")
			})
			t.Run("calls, and hangs up", func(t *testing.T) {
				baresipCalls(t, bob, alice)
				bob.command("hangup")
				alice.Bye()
			})
		})
	}
}

// callBaresip makes a call that baresip answers.
func callBaresip(t *testing.T, alice *peer.Peer, bob *baresip, user string) *peer.Call {
	from := bob.out.count()
	call := alice.Invite("sip:"+user+"@example.com", withAudio(t))
	call.Provisional(180)
	bob.says(from, "Incoming call")
	bob.command("accept")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("answered %d", code)
	}
	call.Ack()
	bob.says(from, "established")
	return call
}

// baresipCalls has baresip make a call that is answered.
func baresipCalls(t *testing.T, bob *baresip, alice *peer.Peer) *peer.Incoming {
	from := bob.out.count()
	to := alice.AOR()
	bob.command("dial " + to.String())
	in := alice.Incoming()
	in.Reply(180, "Ringing")
	in.Answer(audio(t))
	alice.Ack()
	bob.says(from, "established")
	return in
}
