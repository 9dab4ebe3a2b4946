package engine_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// The ACK of a 2xx that goes no further has the credentials of the INVITE (RFC 3261 §13.2.2.4), its
// sender's or ours; the BYE has none, whose digest would be wrong.
func TestRefusedAnswerIsAcknowledgedWithCredentials(t *testing.T) {
	const senders = `Digest username="alice",realm="bob's",nonce="n",uri="sip:bob@example.com",response="00"`
	for _, refuse := range []struct {
		name string
		how  func(r *engine.Request)
	}{
		{"by a follower", func(r *engine.Request) {
			r.Follow(&follower{responding: func(_ *engine.Request, res *engine.Response) {
				if res.Code() == 200 {
					res.Refuse(503, "media")
				}
			}})
		}},
		{"by a witness", func(r *engine.Request) { r.Witness(&witness{refuse: true}) }},
	} {
		for _, ours := range []bool{false, true} {
			t.Run(fmt.Sprint(refuse.name, map[bool]string{false: ", the sender's", true: ", ours"}[ours]), func(t *testing.T) {
				b := newBench(t, 1, func(r *engine.Request) error {
					refuse.how(r)
					target := &engine.Target{URI: "sip:bob@10.0.0.3:5060"}
					if ours {
						target.Credentials = trunkCredentials
					}
					_, err := r.Relay([]*engine.Target{target}, nil)
					return err
				})
				alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
				c := alice.call("c1", "sip:bob@example.com")
				if !ours {
					c.extra = "Authorization: " + senders + "\r\nProxy-Authorization: " + senders + "\r\n"
				}
				c.send("INVITE")
				inv := bob.expect("INVITE")
				if ours {
					bob.reply(inv, 401, fmt.Sprintf(challengeMD5, "n1"))
					bob.expect("ACK")
					inv = bob.expect("INVITE")
				}
				for range 2 { // its 2xx comes again
					bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
					ack := bob.expect("ACK")
					for _, id := range []message.HeaderID{message.HeaderAuthorization, message.HeaderProxyAuthorization} {
						if got, want := string(ack.msg.Header(id)), string(inv.msg.Header(id)); got != want {
							t.Errorf("%s: %q in the ACK, %q in the INVITE", id, got, want)
						}
					}
				}
				if len(inv.msg.Header(message.HeaderAuthorization)) == 0 {
					t.Error("the INVITE had no credentials")
				}
				for _, m := range bob.got {
					if m.msg.Method() == message.MethodBye && m.msg.Header(message.HeaderAuthorization) != nil {
						t.Error("a BYE with the credentials of the INVITE")
					}
				}
			})
		}
	}
}
