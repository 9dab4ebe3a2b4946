package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

const outside = "192.0.2.1"

// twoNetworks are the listeners of a server between two networks.
func twoNetworks(c *engine.Config, w *sim.World) {
	c.Network = w.Network("udp:"+proxyAddr, "tcp:"+proxyAddr, "udp:"+outside+":5060", "tcp:"+outside+":5060")
}

// Requests of our own within a dialog leave from the network that the party is on, whatever
// listener comes first.
func TestOwnRequestsStayOnTheirNetwork(t *testing.T) {
	for _, row := range []struct {
		name, to, extra, contact string
		from, socket             string
	}{
		{"inside", proxyAddr, "", "", "udp:" + proxyAddr, "udp:" + proxyAddr},
		{"outside", outside + ":5060", "", "", "udp:" + outside + ":5060", "udp:" + outside + ":5060"},
		{"outside, by its route", outside + ":5060", "Record-Route: <sip:198.51.100.2:5060;lr>\r\n", "", "udp:" + outside + ":5060", "udp:" + outside + ":5060"},
		{"outside, at another transport", outside + ":5060", "", ";transport=tcp", "tcp:" + outside, "udp:" + outside + ":5060"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var reach engine.Reach
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				reach = r.Reach()
				return refuseAll(r)
			}, twoNetworks)
			alice := b.phone("198.51.100.2:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.extra = row.extra
			text := c.request("INVITE")
			if row.contact != "" {
				text = strings.Replace(text, "Contact: <sip:alice@198.51.100.2:5060>", "Contact: <sip:alice@198.51.100.2:5060"+row.contact+">", 1)
			}
			alice.Send(row.to, []byte(text))
			alice.expect("403")
			if reach.Socket != row.socket {
				t.Errorf("reached from %q, want %q", reach.Socket, row.socket)
			}
			b.onLane(func(l *lane.Lane) {
				err := b.eng.SendAsync(&engine.SendSpec{Method: "BYE", URI: reach.URI, CallID: "c1", Target: reach.Target()}, func(*engine.Response, error) {})
				if err != nil {
					t.Error(err)
				}
			})
			bye := alice.expect("BYE")
			if got := bye.p.Kind.String() + ":" + bye.p.From.String(); !strings.HasPrefix(got, row.from) {
				t.Errorf("the BYE came from %s, want %s", got, row.from)
			}
			via, _ := bye.msg.TopVia()
			if host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(row.from, "udp:"), "tcp:"), ":"); string(via.Host) != host {
				t.Errorf("its Via has %s", via.Host)
			}
		})
	}
}

// With one network there is nothing to remember.
func TestOneNetworkNeedsNoHome(t *testing.T) {
	var reach engine.Reach
	b := newBench(t, 1, func(r *engine.Request) error {
		reach = r.Reach()
		return refuseAll(r)
	})
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(c.ph.expect("403"))
	if reach.Socket != "" {
		t.Errorf("reached from %q", reach.Socket)
	}
	b.quiet()
}

// reached notes where who accepted an INVITE is.
type reached struct {
	inviter
	reach engine.Reach
	creds []engine.HeaderEdit
	cseq  uint32
	to    string
}

func (r *reached) Progress(i *engine.Invitation, res *message.Message) {
	if res.Status() == 200 {
		r.reach, r.creds, r.cseq, r.to = i.Reach(res), i.Credentials(), i.CSeq(), string(res.Header(message.HeaderTo))
	}
}

// An INVITE that leaves from a listener of its target's (from_socket) names that in its Contact;
// its ACK and what follows leave from there. An ACK has the credentials of its INVITE (§13.2.2.4).
func TestInviteFromASocket(t *testing.T) {
	b := newBenchWith(t, 1, refuseAll, twoNetworks)
	bob := b.phone("198.51.100.3:5060")
	h := &reached{}
	var id string
	b.onLane(func(l *lane.Lane) {
		id = b.eng.NewCallID(l)
		s := &engine.SendSpec{Method: "INVITE", CallID: id, From: "<sip:us@example.com>;tag=u", CSeq: 7, NextCSeq: func() uint32 { return 12 },
			Target: &engine.Target{URI: "sip:bob@198.51.100.3:5060", FromSocket: "udp:" + outside + ":5060", Credentials: &engine.Credentials{User: "u", Password: "p"}}}
		if _, err := b.eng.Invite(l, s, "us", h); err != nil {
			t.Fatal(err)
		}
	})
	invite := bob.expect("INVITE")
	if c := string(invite.msg.Header(message.HeaderContact)); !strings.Contains(c, "us@"+outside) {
		t.Errorf("its Contact is %s", c)
	}
	bob.reply(invite, 407, askPassword)
	bob.expect("ACK")
	invite = bob.expect("INVITE")
	if cs, _ := invite.msg.CSeq(); cs.Number != 12 {
		t.Errorf("its number is %d, not the dialog's next", cs.Number)
	}
	credentials := string(invite.msg.Header(message.HeaderProxyAuthorization))
	bob.reply(invite, 200, "Contact: <sip:bob@198.51.100.3:5060>\r\n")
	b.w.Run(100 * time.Millisecond)
	b.onLane(func(l *lane.Lane) {
		s := &engine.SendSpec{Method: "ACK", From: "<sip:us@example.com>;tag=u", To: h.to, CallID: id, CSeq: h.cseq, Headers: h.creds, Target: h.reach.Target()}
		if _, err := b.eng.Acknowledge(l, s); err != nil {
			t.Error(err)
		}
	})
	ack := bob.expect("ACK")
	if ack.p.From.Addr().String() != outside {
		t.Errorf("the ACK came from %s", ack.p.From)
	}
	if got := string(ack.msg.Header(message.HeaderProxyAuthorization)); got != credentials || got == "" {
		t.Errorf("the ACK has the credentials %q, its INVITE %q", got, credentials)
	}
}

// A party whose Contact is a URI of our domains, a GRUU, is reached where its messages came from:
// at the URI we would reach ourselves (RFC 5627 §6).
func TestReachOfAGRUU(t *testing.T) {
	const gruu = "sip:alice@example.com;gr=urn:uuid:1"
	var reach engine.Reach
	b := newBench(t, 1, func(r *engine.Request) error {
		reach = r.Reach()
		return refuseAll(r)
	})
	bye := func(to engine.Reach, ph *handset) {
		t.Helper()
		b.onLane(func(l *lane.Lane) {
			if err := b.eng.SendAsync(&engine.SendSpec{Method: "BYE", URI: to.URI, CallID: "c1", Target: to.Target()}, func(*engine.Response, error) {}); err != nil {
				t.Error(err)
			}
		})
		if uri := string(ph.expect("BYE").msg.RequestURI()); uri != gruu {
			t.Errorf("the BYE is for %s", uri)
		}
	}
	alice, bob := b.phone("198.51.100.2:5060"), b.phone("198.51.100.3:5060")
	alice.Send(proxyAddr, []byte(strings.Replace(alice.call("c1", "sip:bob@example.com").request("INVITE"), "<sip:alice@198.51.100.2:5060>", "<"+gruu+">", 1)))
	alice.expect("403")
	bye(reach, alice)
	h := &reached{}
	b.onLane(func(l *lane.Lane) {
		s := &engine.SendSpec{Method: "INVITE", CallID: b.eng.NewCallID(l), From: "<sip:us@example.com>;tag=u", CSeq: 1, Target: &engine.Target{URI: "sip:bob@198.51.100.3:5060"}}
		if _, err := b.eng.Invite(l, s, "us", h); err != nil {
			t.Fatal(err)
		}
	})
	bob.reply(bob.expect("INVITE"), 200, "Contact: <"+gruu+">\r\n")
	b.w.Run(100 * time.Millisecond)
	bye(h.reach, bob)
}
