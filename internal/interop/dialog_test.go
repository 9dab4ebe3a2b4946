package interop

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/peer"
)

const trackingScript = `
local registrar, dialog = require "registrar", require "dialog"
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.in_dialog then return req:relay() end
  if not dialog.track(req, { limits = { all = 1 } }) then return req:reply(486) end
  req:relay(registrar.lookup(req.ruri))
end`

// trackedCall is a call as the admin API has it.
type trackedCall struct {
	ID, State string
	Keys      []string
}

func (s *server) tracked() (list []trackedCall) {
	s.t.Helper()
	_, body := s.http("GET", "/api/v1/dialog/calls")
	var a struct{ Calls []trackedCall }
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		s.t.Fatalf("%v in %q", err, body)
	}
	return a.Calls
}

// TestTrackedCall: a call with baresip is known, is there after kill -9, with its slot, and ends
// for both phones when it is hung up by the admin API.
func TestTrackedCall(t *testing.T) {
	if raceBuild() {
		return // once is enough
	}
	needBaresip(t)
	dir, path := filepath.Join(t.TempDir(), "data"), script(t, trackingScript)
	s := start(t, "--data", dir, path)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	alice.Register()
	bob := startBaresip(t, s, "udp", "bob", "")
	bob.says(0, "registered successfully")
	callBaresip(t, alice, bob, "bob")
	before := s.tracked()
	if len(before) != 1 || before[0].State != "confirmed" || len(before[0].Keys) != 1 {
		t.Fatalf("before: %+v", before)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	again := spawn(t, "run", "-l", "udp:"+s.addrs["udp"], "--admin", "127.0.0.1:0", "-d", "example.com", "--data", dir, path)
	again.ready()
	// Before the server ends: it would wait for it half a minute, to take its registration back
	t.Cleanup(bob.stop)
	after := again.tracked()
	if len(after) != 1 || after[0].ID != before[0].ID || after[0].State != "confirmed" || len(after[0].Keys) != 1 {
		t.Fatalf("after kill -9: %+v, before: %+v", after, before)
	}
	from := bob.out.count()
	if code, body := again.http("POST", "/api/v1/dialog/calls/"+after[0].ID+"/hang_up"); code != 200 {
		t.Fatalf("hang_up: %d %s", code, body)
	}
	bob.says(from, "session closed")
	alice.Bye()
	for end := time.Now().Add(patience); len(again.tracked()) > 0; {
		if time.Now().After(end) {
			t.Fatal("the call is still there")
		}
	}
	if n := again.metric("sipscript_dialog_keys"); n != 0 {
		t.Errorf("%v keys are held", n)
	}
}
