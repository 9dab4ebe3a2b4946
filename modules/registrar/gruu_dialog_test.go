package registrar

// This file tests dialogs whose remote target is a GRUU: their requests would come back to us.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

const proxyScript = `
local registrar = require "registrar"
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

func TestGRUUIsARemoteTarget(t *testing.T) {
	for name, store := range map[string]Store{"memory": nil, "a store that waits": &slow{Memory: NewMemory()}} {
		t.Run(name, func(t *testing.T) {
			s := script(t, store, proxyScript)
			s.serial++
			s.bob.Send(serverAddr, []byte(reg{via: via("UDP", "203.0.113.5:5060", 1), cseq: 1, contacts: list("<sip:bob@203.0.113.5>;" + phoneID),
				headers: list("Supported: gruu")}.text()))
			answer, _ := s.bob.Next()
			public, _ := gruusOf(t, string(answer.Header(message.HeaderContact)))
			alice := s.phone("203.0.113.9:5060")
			request := func(method, uri, more string) {
				s.serial++
				branch := s.serial
				alice.Send(serverAddr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n%sCall-ID: c\r\nCSeq: %d %s\r\nContact: <sip:alice@203.0.113.9>\r\nContent-Length: 0\r\n\r\n",
					method, uri, via("UDP", "203.0.113.9:5060", branch), more, s.serial, method))
			}
			request("INVITE", bob, "To: <sip:bob@example.com>\r\n")
			invite, _ := s.bob.Next()
			route := string(invite.Header(message.HeaderRecordRoute))
			var vias strings.Builder
			for v := invite.Elements(message.HeaderVia); v.Next(); {
				fmt.Fprintf(&vias, "Via: %s\r\n", v.Value)
			}
			s.bob.Send(serverAddr, fmt.Appendf(nil, "SIP/2.0 200 OK\r\n%sRecord-Route: %s\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: %d INVITE\r\nContact: <%s>\r\nContent-Length: 0\r\n\r\n",
				vias.String(), route, s.serial, public))
			m, _ := alice.Next()
			for ; m.Status() != 200; m, _ = alice.Next() {
			}
			route = string(m.Header(message.HeaderRecordRoute))
			later := "To: <sip:bob@example.com>;tag=2\r\nRoute: " + route + "\r\n"
			for _, method := range list("ACK", "INFO") {
				request(method, public, later)
				if m, _ := s.bob.Next(); string(m.MethodText()) != method || string(m.RequestURI()) != "sip:bob@203.0.113.5" {
					t.Fatalf("%s %s, want %s", m.MethodText(), m.RequestURI(), method)
				}
			}
			// Gone: 480. Never signed by us: 481, whoever it is for.
			s.serial++
			s.bob.Send(serverAddr, []byte(reg{via: via("UDP", "203.0.113.5:5060", s.serial), callID: "other", contacts: list("*"), headers: list("Expires: 0")}.text()))
			s.Run(time.Second)
			alice.Forget()
			request("BYE", public, later)
			if m, _ := alice.Next(); m.Status() != 480 {
				t.Errorf("nobody is registered: %d", m.Status())
			}
			request("BYE", public, "To: <sip:bob@example.com>;tag=2\r\n")
			if m, _ := alice.Next(); m.Status() != 481 {
				t.Errorf("without a Route of ours: %d", m.Status())
			}
		})
	}
}
