package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
)

// TestBrowserThatReconnected is JsSIP's way (trap 43): its Contact is its GRUU without ob, and its
// WebSocket is another one in the middle of calls, because the network went, or because the server
// was killed. Calls that it made and calls that it got go on, from both sides, and new ones reach
// it.
func TestBrowserThatReconnected(t *testing.T) {
	for _, c := range []struct {
		name string
		kill bool // the server
		open bool // the server does not know yet that the connection is gone
	}{{"the connection broke", false, false}, {"the network changed", false, true}, {"the server was killed", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			port, web := child.FreePort(t), child.FreePort(t)
			args := []string{"run", "-d", "example.com", "--data", t.TempDir(), "--admin", "127.0.0.1:0",
				"-l", fmt.Sprintf("udp:127.0.0.1:%d", port), "-l", fmt.Sprintf("ws:127.0.0.1:%d", web)}
			s := spawn(t, args...)
			s.ready()
			bob := peer.New(t, "bob", "example.com", s.via("udp"))
			bob.Register()
			alice := openBrowser(t, s, "ws", "alice", nil)
			alice.registerAs("3f2a", 1)

			made := alice.dialog("sip:bob@example.com") // a call of hers
			made.send("INVITE", "Contact: "+alice.contact())
			in := bob.Incoming()
			in.Reply(200, "OK")
			made.established(made.final(200))
			made.send("ACK")
			bob.Ack()
			call := bob.Invite("sip:alice@example.com", nil) // and one of his
			inv := alice.request(sip.INVITE)
			alice.reply(inv, 200, "a1")
			call.Final()
			call.Ack()
			alice.request(sip.ACK)
			got := alice.answeredWith(inv, "a1")

			switch {
			case c.kill:
				s.signal(syscall.SIGKILL)
				s.exit()
				s = spawn(t, args...)
				s.ready()
			case !c.open:
				alice.leave(s)
			}
			back := openBrowser(t, s, "ws", "alice", nil)
			back.host = alice.host
			back.registerAs("3f2a", 2)
			if back.gruu != alice.gruu {
				t.Errorf("another GRUU: %s, before %s", back.gruu, alice.gruu)
			}

			answers := make(chan int, 1)
			ask := func(what string, r *sip.Request) {
				t.Helper()
				go func() { answers <- bob.Send(r).StatusCode }()
				back.reply(back.request(r.Method), 200, "")
				if code := <-answers; code != 200 {
					t.Errorf("%s: %d", what, code)
				}
			}
			ask("a request in the call she made", in.InDialog(sip.OPTIONS))
			ask("a request in the call she got", call.InDialog(sip.OPTIONS))

			made.b, got.b = back, back
			made.send("OPTIONS")
			made.final(405) // of bob, who knows no OPTIONS
			ask("the end of the call she made", in.InDialog(sip.BYE))
			got.send("BYE")
			bob.Bye()
			got.final(200)

			next := bob.Invite("sip:alice@example.com", nil)
			inv = back.request(sip.INVITE)
			back.reply(inv, 200, "a2")
			next.Final()
			next.Ack()
			back.request(sip.ACK)
			ask("the end of a new call", next.InDialog(sip.BYE))
		})
	}
}

// registerAs registers an instance as JsSIP does: from then on its Contact is the GRUU that came
// back, in calls too.
func (b *browser) registerAs(instance string, sequence int) {
	b.t.Helper()
	d := b.dialog("sip:example.com")
	d.to, d.sequence = fmt.Sprintf("<sip:%s@example.com>", b.user), sequence-1
	d.send("REGISTER", fmt.Sprintf(`Contact: <sip:%s@%s;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:%s>";expires=600`, b.user, b.host, instance))
	res := d.final(200)
	contact := res.GetHeader("Contact").Value()
	_, gruu, ok := strings.Cut(contact, `pub-gruu="`)
	gruu, _, ok2 := strings.Cut(gruu, `"`)
	if !ok || !ok2 {
		b.t.Fatalf("no GRUU in %s", contact)
	}
	b.gruu = gruu
}
