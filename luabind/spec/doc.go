// Package spec runs tests of routing scripts: files *_spec.lua that say, straight down, what phones
// do and what they expect.
//
//	local t = require "sip.test"
//	t.it("rings bob", function()
//	  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
//	  bob:register()
//	  local call = alice:invite("sip:bob@example.com")
//	  bob:expect("INVITE"):reply(200)
//	  call:expect(200)
//	end)
//
// x_spec.lua tests x.lua beside it. Each test has a world of its own (package sim): a server with
// the script, phones (package phone), links, and virtual time; and a VM of its own, in which the
// spec's file runs again. So tests share nothing, and one that is run alone does what it does among
// others.
//
// The spec's function runs as a handler on one more lane of that world. What it waits for (expect,
// advance, sip.sleep) lends that lane, and time goes on from event to event; it is woken by an
// event of its own, so that nothing else runs while it does. With one lane in the server a run is
// repeated exactly by its seed.
package spec
