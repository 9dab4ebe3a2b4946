package registrar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// A party that moved within its dialog, to where the engine does not know it, is reached where it
// registered, and nowhere else.
func TestPartyThatMovedIsKnownByItsRegistration(t *testing.T) {
	for name, store := range map[string]Store{"memory": nil, "a store that waits": &slow{Memory: NewMemory()}} {
		t.Run(name, func(t *testing.T) {
			s := script(t, store, proxyScript)
			register := func(host string, cseq int) {
				s.serial++
				s.bob.Send(serverAddr, []byte(reg{via: via("UDP", "203.0.113.5:5060", s.serial), cseq: cseq, contacts: list("<sip:bob@" + host + ">")}.text()))
				s.bob.Next()
			}
			register("203.0.113.5", 1)
			alice, elsewhere := s.phone("203.0.113.9:5060"), s.phone("203.0.113.7:5060")
			request := func(method, uri, more string) {
				s.serial++
				alice.Send(serverAddr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n%sCall-ID: c\r\nCSeq: %d %s\r\nContact: <sip:alice@203.0.113.9>\r\nContent-Length: 0\r\n\r\n",
					method, uri, via("UDP", "203.0.113.9:5060", s.serial), more, s.serial, method))
			}
			request("INVITE", bob, "To: <sip:bob@example.com>\r\n")
			invite, _ := s.bob.Next()
			s.bob.Send(serverAddr, message.AppendResponse(nil, invite, 200, "", "2", []byte("Contact: <sip:bob@203.0.113.5>\r\n"), nil))
			m, _ := alice.Next()
			for ; m.Status() != 200; m, _ = alice.Next() {
			}
			later := "To: <sip:bob@example.com>;tag=2\r\nRoute: " + string(m.Header(message.HeaderRecordRoute)) + "\r\n"
			request("INFO", "sip:bob@203.0.113.7", later)
			if m, _ := alice.Next(); m.Status() != 481 {
				t.Errorf("nobody has been there: %d", m.Status())
			}
			register("203.0.113.7", 2)
			request("INFO", "sip:bob@203.0.113.7", strings.Replace(later, "sip:bob@example.com", "sip:carol@example.com", 1))
			if m, _ := alice.Next(); m.Status() != 481 {
				t.Errorf("somebody else in To: %d", m.Status())
			}
			request("INFO", "sip:bob@203.0.113.7;maddr=203.0.113.8", later)
			if m, _ := alice.Next(); m.Status() != 481 {
				t.Errorf("to an address that only looks like his: %d", m.Status())
			}
			request("INFO", "sip:bob@203.0.113.7", later)
			if m, _ := elsewhere.Next(); string(m.MethodText()) != "INFO" {
				t.Errorf("registered there: %s", m.MethodText())
			}
		})
	}
}

// Where a party is registered by name, it is there in any spelling of the name.
func TestBindingIsAtItsNameInAnySpelling(t *testing.T) {
	b := NewBinding(&Record{Contact: "sip:bob@pc.example.net", Q: 1})
	for uri, want := range map[string]bool{
		"sip:bob@pc.example.net":                         true,
		"sip:bob@PC.example.NET.":                        true,
		"sip:bob@192.0.2.1;maddr=pc.example.net.":        true,
		"sip:bob@pc.example.net.example.com":             false,
		"sip:bob@pc.example.net;maddr=other.example.net": false,
	} {
		t.Run(uri, func(t *testing.T) {
			u, err := message.ParseURI([]byte(uri))
			if err != nil {
				t.Fatal(err)
			}
			if got := b.isAt(&u); got != want {
				t.Errorf("%v", got)
			}
		})
	}
}

// A client whose name can't exist is on its connection or nowhere.
func TestLostFlowOfANameThatCantExist(t *testing.T) {
	for contact, gone := range map[string]bool{"sip:bob@x.invalid;transport=tcp": true, "sip:bob@x.INVALID.": true, "sip:bob@pc.example.net": false} {
		t.Run(contact, func(t *testing.T) {
			r := Record{Contact: contact, Received: "tcp:192.0.2.7:1024", Flow: 3}
			if r.LoseFlow(); (r.Flow == transport.FlowGone) != gone {
				t.Errorf("flow %d", r.Flow)
			}
		})
	}
}
