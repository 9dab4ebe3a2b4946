package registrar

// This file tests clients that come back on another connection in the middle of a call (trap 43).

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

func TestClientThatReconnected(t *testing.T) {
	const contact = "sip:bob@192.168.0.2;transport=tcp"
	for _, c := range []struct {
		name    string
		gruu    bool   // the dialog has its GRUU
		dialog  string // else the contact it has
		again   string // the contact it registers next, "" for none
		code    int
		leadsTo string
		open    bool // the server does not know that the connection is gone
	}{
		{"its GRUU, the same contact", true, "", contact, 200, contact, false},
		{"its GRUU, another contact", true, "", "sip:bob@192.168.0.3;transport=tcp", 200, "sip:bob@192.168.0.3;transport=tcp", false},
		{"its contact", false, contact, contact, 200, contact, false},
		{"its contact, and now another", false, contact, "sip:bob@192.168.0.3;transport=tcp", 430, "", false},
		{"it stays away, its GRUU", true, "", "", 430, "", false},
		{"it stays away", false, contact, "", 430, "", false},
		{"its GRUU, from another network", true, "", contact, 200, contact, true},
		{"its GRUU, from another network under another contact", true, "", "sip:bob@192.168.0.3;transport=tcp", 200, "sip:bob@192.168.0.3;transport=tcp", true},
		{"its contact, from another network", false, contact, contact, 200, contact, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script(t, nil, proxyScript)
			bob, alice := s.phone("203.0.113.7:5060"), s.phone("203.0.113.9:5060")
			stream := func(text string) {
				s.Do(func() { _ = bob.Stream(transport.TCP, serverAddr, []byte(text)) })
			}
			register := func(contact string) string {
				s.serial++
				stream(reg{via: via("TCP", "192.168.0.2:5060", s.serial), cseq: s.serial, contacts: list("<" + contact + ">;" + phoneID), headers: list("Supported: gruu")}.text())
				answer, _ := bob.Next()
				public, _ := gruusOf(t, string(answer.Header(message.HeaderContact)))
				return public
			}
			target := register(contact)
			if !c.gruu {
				target = c.dialog
			}
			request := func(method, uri, more string) {
				s.serial++
				alice.Send(serverAddr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n%sCall-ID: c\r\nCSeq: %d %s\r\nContact: <sip:alice@203.0.113.9>\r\nContent-Length: 0\r\n\r\n",
					method, uri, via("UDP", "203.0.113.9:5060", s.serial), more, s.serial, method))
			}
			respond := func(m *message.Message, more string) {
				var vias strings.Builder
				for v := m.Elements(message.HeaderVia); v.Next(); {
					fmt.Fprintf(&vias, "Via: %s\r\n", v.Value)
				}
				cs := m.Header(message.HeaderCSeq)
				stream(fmt.Sprintf("SIP/2.0 200 OK\r\n%s%sFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
					vias.String(), more, cs))
			}
			request("INVITE", "sip:bob@example.com", "To: <sip:bob@example.com>\r\n")
			invite, _ := bob.Next()
			respond(invite, "Record-Route: "+string(invite.Header(message.HeaderRecordRoute))+"\r\nContact: <"+target+">\r\n")
			m, _ := alice.Next()
			for ; m.Status() != 200; m, _ = alice.Next() {
			}
			later := "To: <sip:bob@example.com>;tag=2\r\nRoute: " + string(m.Header(message.HeaderRecordRoute)) + "\r\n"
			if c.open {
				bob = s.phone("203.0.113.8:5060")
			} else {
				s.BreakStreams()
			}
			if c.again != "" {
				register(c.again)
			}
			bob.Forget()
			request("INFO", target, later)
			if c.code == 200 {
				info, _ := bob.Next()
				if string(info.RequestURI()) != c.leadsTo {
					t.Errorf("it got %s %s, want %s", info.MethodText(), info.RequestURI(), c.leadsTo)
				}
				respond(info, "")
			}
			if m, _ := alice.Next(); m.Status() != c.code {
				t.Errorf("the caller hears %d, want %d", m.Status(), c.code)
			}
		})
	}
}

// A connection is left when its own registration is on another one now, and by nothing else.
func TestConnectionsThatAreLeft(t *testing.T) {
	const id = `;+sip.instance="<urn:uuid:1>";reg-id=1`
	for _, c := range []struct {
		name, first, then string // what the contact says
		flow              transport.FlowID
		left              bool
	}{
		{"another connection", id, id, 2, true},
		{"the same connection", id, id, 1, false},
		{"another flow of the instance", id, `;+sip.instance="<urn:uuid:1>";reg-id=2`, 2, false},
		{"another instance", id, `;+sip.instance="<urn:uuid:2>";reg-id=1`, 2, false},
		{"no instance", "", "", 2, false},
		{"by UDP now", id, id, 0, true},
		{"removed", id, id + ";expires=0", 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Policy{})
			var left []transport.FlowID
			register := func(cseq int, flow transport.FlowID, params string) {
				kind := transport.TCP
				if flow == 0 {
					kind = transport.UDP
				}
				from := &Origin{Source: netip.MustParseAddrPort("198.51.100.77:31024"), Transport: kind, Flow: flow, Left: func(id transport.FlowID) { left = append(left, id) }}
				g := reg{cseq: cseq, contacts: list("<sip:bob@10.0.0.5;transport=" + kind.String() + ">" + params), via: via(kind.Via(), "10.0.0.5", cseq), headers: list("Supported: outbound")}
				if res := b.Process(context.Background(), g.message(t), from, home, b.now); res.Code != 200 {
					t.Fatal(res.Code, res.Err)
				}
			}
			register(1, 1, c.first)
			register(2, c.flow, c.then)
			if want := []transport.FlowID{1}; c.left != slices.Equal(left, want) || !c.left && len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// A phone behind a NAT that forgot its mapping registers from another address: the requests of its
// calls go there.
func TestClientWhoseNATRebound(t *testing.T) {
	const contact = "sip:bob@192.168.0.2:5060"
	for _, c := range []struct {
		name   string
		again  string // what it registers with next, "" for nothing
		params string // of both contacts
		callID string // of the second REGISTER, "" for that of the first
		moved  bool
	}{
		{"the same contact", contact, "", "", true},
		{"its instance, in another series", contact, phoneID, "another", true},
		{"it stays away", "", "", "", false},
		{"perhaps another phone", contact, "", "another", false},
	} {
		for store, s := range map[string]*scripted{"memory": script(t, nil, proxyScript), "a store that waits": script(t, &slow{Memory: NewMemory()}, proxyScript)} {
			t.Run(c.name+", "+store, func(t *testing.T) {
				nat := s.NAT("203.0.113.77", "192.168.0.2")
				bob, alice := s.phone("192.168.0.2:5060"), s.phone("203.0.113.9:5060")
				register := func(contact, callID string) {
					s.serial++
					bob.Send(serverAddr, []byte(reg{via: via("UDP", "192.168.0.2:5060", s.serial), cseq: s.serial, callID: callID, contacts: list("<" + contact + ">;" + c.params), headers: list("Supported: gruu")}.text()))
					if m, _ := bob.Next(); m.Status() != 200 {
						t.Fatal(m.Status())
					}
				}
				register(contact, "")
				request := func(method, uri, more string) {
					s.serial++
					alice.Send(serverAddr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n%sCall-ID: c\r\nCSeq: %d %s\r\nContact: <sip:alice@203.0.113.9>\r\nContent-Length: 0\r\n\r\n",
						method, uri, via("UDP", "203.0.113.9:5060", s.serial), more, s.serial, method))
				}
				request("INVITE", "sip:bob@example.com", "To: <sip:bob@example.com>\r\n")
				invite, _ := bob.Next()
				bob.Send(serverAddr, message.AppendResponse(nil, invite, 200, "", "2", []byte("Contact: <"+contact+">\r\n"), nil))
				m, _ := alice.Next()
				for ; m.Status() != 200; m, _ = alice.Next() {
				}
				later := "To: <sip:bob@example.com>;tag=2\r\nRoute: " + string(m.Header(message.HeaderRecordRoute)) + "\r\n"
				nat.Rebind()
				if c.again != "" {
					register(c.again, c.callID)
				}
				bob.Forget()
				request("INFO", contact, later)
				s.World.Run(2 * time.Second)
				if got := len(bob.Got) > 0; got != c.moved {
					t.Errorf("the INFO arrived: %v", got)
				}
			})
		}
	}
}
