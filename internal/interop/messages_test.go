package interop

// Messages for users who are away outlive the process, wherever it is killed.

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const storing = `
local messages, registrar = require "messages", require "registrar"
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  local list = registrar.lookup(req.ruri)
  if #list == 0 then return messages.store(req) end
  req:relay(list)
end
`

// receive waits for a MESSAGE at a registrant.
func (r *registrant) receive() string {
	r.t.Helper()
	buf := make([]byte, 4096)
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			r.t.Fatalf("no MESSAGE came: %v", err)
		}
		if text := string(buf[:n]); strings.HasPrefix(text, "MESSAGE ") {
			return text
		}
	}
}

// TestMessagesSurviveKills: a message that was answered 202 is delivered although the process is
// killed before; one that was sent, and whose answer was not noted, comes once more with the same
// Call-ID, CSeq and From tag.
func TestMessagesSurviveKills(t *testing.T) {
	dir, script := t.TempDir(), script(t, storing)
	again := func(s *server) *server {
		if s != nil {
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
		return start(t, "--data", dir, script)
	}
	s := again(nil)
	alice := newRegistrant(t, 1, s.addrs["udp"])
	for i := range 3 {
		if code := alice.message(i); !strings.HasPrefix(code, "SIP/2.0 202 ") {
			t.Fatalf("message %d: %s", i, code)
		}
	}
	s = again(s)
	bob := newRegistrant(t, 2, s.addrs["udp"])
	if code := bob.register("bob", 1); code != 200 {
		t.Fatal(code)
	}
	first := bob.receive() // and is not answered
	s = again(s)           // where bob is registered by the file, at an address he has left
	bob = newRegistrant(t, 3, s.addrs["udp"])
	if code := bob.register("bob", 1); code != 200 {
		t.Fatal(code)
	}
	for i := range 3 {
		got := bob.receive()
		if i == 0 {
			for _, name := range []string{"Call-ID", "CSeq", "From"} {
				if field(first, name) != field(got, name) || field(got, name) == "" {
					t.Errorf("%s was %q, and is %q", name, field(first, name), field(got, name))
				}
			}
		}
		if !strings.HasSuffix(got, fmt.Sprintf("\r\n\r\nhello %d", i)) {
			t.Errorf("message %d is\n%s", i, got)
		}
		if _, err := bob.conn.Write([]byte(strings.Replace(busy(got), "486 Busy Here", "200 OK", 1))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "messages are noted as delivered", func() bool { return s.metric("sipscript_messages_delivered_total") == 3 })
	if n := s.metric("sipscript_messages_pending"); n != 0 {
		t.Errorf("%v are left", n)
	}
}

// message sends a MESSAGE to bob, and returns the answer.
func (r *registrant) message(n int) string {
	r.t.Helper()
	body := fmt.Sprintf("hello %d", n)
	_, err := fmt.Fprintf(r.conn, "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKm%d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=m%d\r\nTo: <sip:bob@example.com>\r\n"+
		"Call-ID: m%d\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", r.conn.LocalAddr(), n, n, n, len(body), body)
	if err != nil {
		r.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	size, err := r.conn.Read(buf)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(buf[:size])
}

// field is the value of a header.
func field(message, name string) string {
	_, rest, _ := strings.Cut(message, "\r\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
