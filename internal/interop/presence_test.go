package interop

// Real phones and sipp as watchers and publishers: baresip's modules presence and mwi.

import (
	"fmt"
	"testing"
)

// presenceScript serves everybody's state to everybody: nobody has to prove anything.
const presenceScript = `
local presence, registrar = require "presence", require "registrar"
presence.configure { from = "registrations", interval = 0, authorize = function() return true end }
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "PUBLISH" then return presence.publish(req, { trusted = true }) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req, { trusted = true }) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
`

func startPresence(t *testing.T) *server {
	t.Helper()
	return start(t, script(t, presenceScript))
}

// What baresip shows of a contact that registers.
func TestBaresipPresence(t *testing.T) {
	s := startPresence(t)
	alice := startBaresipAt(t, place{"", "127.0.0.1"}, s.addrs["udp"], "udp", "alice", "", "", "contact", "presence", `"Bob" <sip:bob@example.com>;presence=p2p`)
	eventually(t, "bob is watched", func() bool { return s.metric("sipscript_presence_subscriptions") == 1 })
	startBaresip(t, s, "udp", "bob", "")
	alice.out.await(t, 0, "sip:bob@example.com", "Online")
	if n := s.metric("sipscript_presence_notifies_failed_total"); n != 0 {
		t.Errorf("%v NOTIFYs were not answered 2xx", n)
	}
}

// baresip's light for waiting messages. Its module mwi, that of 1.0.0, subscribes without end if it
// is registered a millisecond after its start, whatever is answered: so the REGISTER takes a while,
// as it does over a network. Debian's baresip has no module for lamps.
func TestBaresipMWI(t *testing.T) {
	s := start(t, script(t, `
local presence, registrar = require "presence", require "registrar"
presence.configure { interval = 0, authorize = function() return true end }
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then
    sip.sleep(1.5)
    return registrar.save(req)
  end
  if req.method == "SUBSCRIBE" then
    presence.set("sip:bob@example.com", "message-summary", { voice = { new = 2, old = 1 } })
    return presence.subscribe(req, { trusted = true })
  end
  req:reply(404)
end
`))
	bob := startBaresipAt(t, place{"", "127.0.0.1"}, s.addrs["udp"], "udp", "bob", "", "", "mwi")
	bob.out.await(t, 0, "Voice-message: 2/1")
	if n := s.metric("sipscript_presence_notifies_failed_total"); n != 0 {
		t.Errorf("%v NOTIFYs were not answered 2xx", n)
	}
}

// sipp watches 50 users and publishes for them.
func TestSippPresence(t *testing.T) {
	s := startPresence(t)
	var users []string
	for i := range 50 {
		users = append(users, fmt.Sprintf("u%d", i))
	}
	watchers := startSipp(t, sippOptions{scenario: "presence_watcher", transport: "udp", server: s.addrs["udp"], calls: 50, rate: 100, fields: users})
	eventually(t, "50 watchers are told", func() bool { return s.metric("sipscript_presence_notifies_total") >= 50 })
	publishers := startSipp(t, sippOptions{scenario: "presence_publisher", transport: "udp", server: s.addrs["udp"], calls: 50, rate: 100, fields: users})
	publishers.wait()
	watchers.wait()
}
