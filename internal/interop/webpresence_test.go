package interop

// Browsers that watch, publish and write: JsSIP and SIP.js as the phones of two users.

import (
	"fmt"
	"testing"
)

// socialScript serves state to everybody, and keeps what is written to somebody who is away.
const socialScript = `
local messages, presence, registrar = require "messages", require "presence", require "registrar"
presence.configure { interval = 0, authorize = function() return true end }
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "PUBLISH" then return presence.publish(req, { trusted = true }) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req, { trusted = true }) end
  local list = registrar.lookup(req.ruri)
  if req.method == "MESSAGE" and #list == 0 then return messages.store(req) end
  req:record_route()
  req:relay(list)
end
`

// browsersKnowOfEachOther is what the users of two pages see of each other beside calls, in a
// browser that is open.
func browsersKnowOfEachOther(t *testing.T, w *web) {
	s := w.server(t, script(t, socialScript))
	jssip, sipjs := w.registers(t, "JsSIP", s.web("carol", "")), w.registers(t, "SIP.js", s.web("dave", ""))
	for _, row := range []struct {
		one, other *webPhone
		otherUser  string
	}{
		{jssip, sipjs, "sip:dave@example.com"},
		{sipjs, jssip, "sip:carol@example.com"},
	} {
		t.Run(row.one.name+" watches "+row.other.name, func(t *testing.T) {
			watcher, publisher := row.one.in(t), row.other.in(t)
			watcher.does(fmt.Sprintf("watch(%q)", row.otherUser))
			watcher.until("told closed")
			for _, basic := range []string{"open", "closed", "open"} { // two of them modify it
				publisher.does(fmt.Sprintf("publish(%q)", basic))
				if got := publisher.until("published 200", "published 412", "published 489"); got != "published 200" {
					t.Error(got)
				}
				watcher.until("told " + basic)
			}
			watcher.does("unwatch()")
			watcher.until("over")
			eventually(t, "the subscription has ended", func() bool { return s.metric("sipscript_presence_subscriptions") == 0 })
		})
		t.Run(row.one.name+" writes to "+row.other.name, func(t *testing.T) {
			writer, reader := row.one.in(t), row.other.in(t)
			says := func(text, want string) {
				t.Helper()
				writer.does(fmt.Sprintf("message(%q, %q)", row.otherUser, text))
				if got := writer.until("answered 200", "answered 202", "answered 480"); got != want {
					t.Errorf("%q: %s, want %s", text, got, want)
				}
			}
			says("hello", "answered 200")
			reader.until("message hello")
			reader.does("leave()")
			reader.until("unregistered")
			says("are you there?", "answered 202")
			says("once more", "answered 202")
			reader.does("back()")
			reader.until("registered")
			reader.until("message are you there?")
			reader.until("message once more")
		})
	}
	if n := s.metric("sipscript_presence_notifies_failed_total"); n != 0 {
		t.Errorf("%v NOTIFYs were not answered 2xx", n)
	}
}
