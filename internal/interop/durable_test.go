package interop

// What scripts put into durable dictionaries outlives the process, however it ends.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictstore"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// remembering keeps the body of a MESSAGE from each user, and tells it in an answer to OPTIONS.
const remembering = `
local forwards = sip.shared("forwards", { durable = true })
function route(req)
  local user = req.from.uri.user
  if req.method == "MESSAGE" then
    forwards:set(user, { to = req.body })
    return req:reply(200)
  end
  local kept = forwards:get(user)
  req:reply(kept and 200 or 404, kept and kept.to or "Nothing")
end
`

// TestDurableDictionaryAfterKill: forwardings that users set are there after kill -9. A change is
// on disk a tenth of a second after it was made.
func TestDurableDictionaryAfterKill(t *testing.T) {
	dir, path := t.TempDir(), script(t, remembering)
	s := start(t, "--data", dir, path)
	client := newRegistrant(t, 1, s.addrs["udp"])
	for i := range 20 {
		if answer := client.request("MESSAGE", fmt.Sprint("u", i), fmt.Sprint("target", i)); !strings.HasPrefix(answer, "SIP/2.0 200 ") {
			t.Fatal(answer)
		}
	}
	store, err := dictstore.Open(clients.New(clients.Options{Drivers: drivers.All()}), dir)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the changes are in the file", func() bool {
		n := 0
		if err := store.Load("forwards", func(dict.Change) { n++ }); err != nil {
			t.Fatal(err)
		}
		return n == 20
	})
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	s = start(t, "--data", dir, path)
	client = newRegistrant(t, 2, s.addrs["udp"])
	for i := range 20 {
		answer := client.request("OPTIONS", fmt.Sprint("u", i), "")
		if want := fmt.Sprintf("SIP/2.0 200 target%d\r\n", i); !strings.HasPrefix(answer, want) {
			t.Errorf("u%d: %.60q, want %q", i, answer, want)
		}
	}
	if answer := client.request("OPTIONS", "u99", ""); !strings.HasPrefix(answer, "SIP/2.0 404 ") {
		t.Errorf("nobody's: %.60q", answer)
	}
}

// request sends a request of a user and returns the answer.
func (r *registrant) request(method, user, body string) string {
	r.t.Helper()
	r.asked++
	id := fmt.Sprintf("q%d-%d", r.id, r.asked)
	_, err := fmt.Fprintf(r.conn, "%s sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=1\r\nTo: <sip:example.com>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", method, r.conn.LocalAddr(), id, user, id, method, len(body), body)
	if err != nil {
		r.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			r.t.Fatal(err)
		}
		if text := string(buf[:n]); strings.Contains(text, "Call-ID: "+id+"\r\n") {
			return text
		}
	}
}
