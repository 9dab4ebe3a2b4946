package interop

// A call whose media is gone, as a real rtpengine tells.

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/internal/rtpenginetest"
)

// Neither party sends media: the daemon gives the call up, tells the admin interface, and the
// script, which asked for that, has both sides hung up.
func TestCallsEndWithTheirMedia(t *testing.T) {
	admin := fmt.Sprintf("127.0.0.1:%d", child.FreePort(t))
	d := rtpenginetest.Start(t, "--timeout=1", "--silent-timeout=1", "--xmlrpc-format=1", "--b2b-url=http://"+admin+"/api/v1/rtpengine/timeout")
	s := spawn(t, "run", "-l", "udp:127.0.0.1:0", "--admin", admin, "-d", "example.com", "--set", "media="+d.UDP, script(t, `
local dialog, registrar, rtpengine = require "dialog", require "registrar", require "rtpengine"
rtpengine.configure { engines = { sip.args.media } }
sip.on("rtpengine.timeout", function(call_id) sip.log.warn("no media: %s", call_id) end)
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  rtpengine.manage(req)
  dialog.track(req, { end_without_media = true })
  req:relay(registrar.lookup(req.ruri))
end`))
	s.ready()
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	call := alice.Invite("sip:bob@example.com", withAudio(t))
	in := bob.Incoming()
	in.Answer(audio(t))
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("answered %d", code)
	}
	call.Ack()
	bob.Ack()
	alice.Bye()
	bob.Bye()
	s.log.await(t, 0, "no media: ", in.Request.CallID().Value())
	if n := s.metric("sipscript_rtpengine_timeouts_total"); n != 1 {
		t.Errorf("%v timeouts", n)
	}
}
