package interop

// A registration with a trunk, of a process that is told to stop.

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// TestStopUnregisters: a registrar is told that a process stops, before it ends.
func TestStopUnregisters(t *testing.T) {
	registrar, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer registrar.Close()
	// next answers one REGISTER and returns its Expires. What is sent again, because the answer was
	// slow, is skipped.
	seen := map[string]bool{}
	next := func() string {
		t.Helper()
		buf := make([]byte, 65536)
		_ = registrar.SetReadDeadline(time.Now().Add(patience))
		m := new(message.Message)
		n, from, err := registrar.ReadFrom(buf)
		for ; err == nil; n, from, err = registrar.ReadFrom(buf) {
			if err := m.Parse(buf[:n], &message.Limits{}); err != nil || string(m.MethodText()) != "REGISTER" {
				t.Fatalf("%v\n%s", err, buf[:n])
			}
			if number := string(m.Header(message.HeaderCSeq)); !seen[number] {
				seen[number] = true
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		contact := fmt.Appendf(nil, "Contact: %s\r\n", m.Header(message.HeaderContact))
		if _, err := registrar.WriteTo(message.AppendResponse(nil, m, 200, "", "trunk", contact, nil), from); err != nil {
			t.Fatal(err)
		}
		return string(bytes.TrimSpace(m.Header(message.HeaderExpires)))
	}
	s := start(t, script(t, fmt.Sprintf(`
local uac = require "uac"
uac.register { name = "trunk", registrar = "sip:%s", user = "4930", password = "s3cret" }
sip.on("uac.registered", function(name) sip.log.info("%%s is registered", name) end)
function route(req) req:reply(404) end`, registrar.LocalAddr())))
	if e := next(); e != "3600" {
		t.Errorf("Expires: %s", e)
	}
	eventually(t, "it is registered", func() bool { return strings.Contains(s.log.text(), "trunk is registered") })
	s.signal(syscall.SIGTERM)
	if e := next(); e != "0" {
		t.Errorf("Expires: %s", e)
	}
	if code := s.exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
