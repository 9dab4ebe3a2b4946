// Package spec runs tests of routing scripts: files *_spec.lua that say, from top to bottom, what
// phones do and what they expect.
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
// x_spec.lua tests the x.lua next to it. Each test has its own world (package sim): a server with
// the script, phones (package phone), links, and virtual time; and its own VM, in which the spec's
// file runs again. So tests share nothing, and a test run alone does the same as among others.
//
// The spec's function runs as a handler on one more lane of that world. What it waits for (expect,
// advance, sip.sleep) lends that lane, and time advances from event to event; an event of its own
// wakes it, so that nothing else runs at the same time. With one lane in the server a run is
// repeated exactly by its seed.
package spec
