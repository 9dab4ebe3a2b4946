package spec_test

import (
	"strings"
	"testing"
)

const managing = `local rtpengine = require "rtpengine"
rtpengine.configure({ engines = { "udp:127.0.0.1:2223" } })
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  rtpengine.manage(req)
  req:relay("sip:bob@10.0.0.3")
end
`

func TestMedia(t *testing.T) {
	for name, row := range map[string]struct {
		spec string
		want string // in the output; "" for a test that passes
	}{
		"as usual": {`t.rtpengine()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local inv = bob:expect("INVITE")
  t.match(inv.body, "c=IN IP4 203.0.113.99")
  inv:reply(200, { sdp = true })
  t.match(call:expect(200).body, "c=IN IP4 203.0.113.99")`, ""},
		"a function": {`local seen = {}
  t.rtpengine(function(command) seen[#seen + 1] = command.command .. " " .. command["ICE"] return { sdp = command.sdp:gsub("s=[^\r\n]*", "s=ours") } end)
  alice:invite("sip:bob@example.com", { sdp = true })
  t.match(bob:expect("INVITE").body, "s=ours")
  t.equal(seen, { "offer remove" })`, ""},
		"refused": {`t.rtpengine(function() return { error = "no ports" } end)
  alice:invite("sip:bob@example.com", { sdp = true }):expect(500)`, ""},
		"not there": {`alice:invite("sip:bob@example.com", { sdp = true }):expect(500)`,
			`the script has rtpengine at udp:127.0.0.1:2223 carry out "offer", which nothing answers: t.rtpengine()`},
	} {
		t.Run(name, func(t *testing.T) {
			out, s := against(t, managing, `t.it("manages", function()
  local alice, bob = t.ua("sip:alice@example.com", { addr = "10.0.0.2" }), t.ua("sip:bob@10.0.0.3", { addr = "10.0.0.3" })
  `+row.spec+`
end)`)
			if row.want == "" && (s.Failed > 0 || s.Passed != 1) || row.want != "" && (s.Failed != 1 || !strings.Contains(out, row.want)) {
				t.Errorf("want %q\n%s", row.want, out)
			}
		})
	}
}
