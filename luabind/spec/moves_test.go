package spec_test

// This file looks at what phones do within calls: holding, transferring, reliable responses, late
// offers, late ACKs.

import (
	"strings"
	"testing"
)

const trio = pair + `local carol = t.ua("sip:carol@example.com"); carol:register()
local function talk(caller, to, callee)
  local call = caller:invite(to, { sdp = true })
  local leg = callee:expect("INVITE", { sdp = { direction = "sendrecv" } })
  leg:answer()
  call:expect(200, { sdp = { direction = "sendrecv" } })
  leg:expect("ACK", { sdp = false })
  return call, leg
end
`

func TestMoves(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"hold and resume, from either side", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			local again = call:hold()
			local held = leg:expect("INVITE", { sdp = { direction = "sendonly", hold = true } })
			t.equal(held.sdp.origin.version, 2)
			held:answer()
			again:expect(200, { sdp = { direction = "recvonly" } })
			local both = leg:hold()
			call:expect("INVITE", { sdp = { direction = "inactive" } }):answer()
			both:expect(200, { sdp = { direction = "inactive" } })
			leg:expect("ACK")
			again = call:resume()
			leg:expect("INVITE", { sdp = { direction = "recvonly" } }):answer()
			again:expect(200, { sdp = { direction = "sendonly" } })
			both = leg:resume()
			call:expect("INVITE", { sdp = { direction = "sendrecv", hold = false } }):answer()
			both:expect(200, { sdp = { direction = "sendrecv" } })
			call:bye()`},
		{"the same description keeps its version", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			local again = call:reinvite()
			t.equal(leg:expect("INVITE").sdp.origin.version, 1)
			again:cancel()
			again:expect(487)`},
		{"an offer in the 2xx is answered in the ACK", `
			local call = alice:invite("sip:bob@example.com")
			local leg = bob:expect("INVITE", { sdp = false })
			leg:answer()
			call:expect(200, { sdp = { codec = "PCMA" } })
			leg:expect("ACK", { sdp = { codec = "PCMA", address = "10.0.1.1" } })
			local again = leg:reinvite({ sdp = false })
			call:expect("INVITE", { sdp = false }):answer({ sdp = { codecs = { "PCMU" } } })
			again:expect(200)
			local ack = call:expect("ACK")
			t.equal(#ack.sdp.media[1].codecs, 1)
			t.equal(ack.sdp.media[1].codecs[1], { payload = 0, name = "PCMU", rate = 8000 })`},
		{"the ACK waits for its time, and the 2xx is repeated meanwhile", `
			local call = alice:invite("sip:bob@example.com", { ack = 2 })
			local leg = bob:expect("INVITE")
			leg:answer()
			call:expect(200)
			t.raises(function() leg:expect("ACK", { within = 1.5 }) end, "bob: no ACK came within 1.5 s")
			leg:expect("ACK", { within = 1 })
			t.raises(function() call:ack() end, "acknowledged already")`},
		{"the ACK that the spec sends", `
			local call = alice:invite("sip:bob@example.com", { ack = false })
			local leg = bob:expect("INVITE")
			t.raises(function() call:ack() end, "no 2xx to acknowledge")
			leg:answer()
			call:expect(200)
			t.advance(5)
			call:ack({ sdp = { direction = "sendonly" }, headers = { ["X-Late"] = "5" } })
			local ack = leg:expect("ACK", { sdp = { direction = "sendonly" }, headers = { ["X-Late"] = "^5$" } })
			t.equal(ack.cseq, { number = 1, method = "ACK" })
			t.advance(40)
			leg:expect_nothing()`},
		{"reliable provisional responses", `
			local call = alice:invite("sip:bob@example.com", { reliable = true, sdp = true })
			local leg = bob:expect("INVITE", { headers = { Supported = "100rel" } })
			leg:reply(183, { reliable = true, sdp = true })
			local res = call:expect(183, { headers = { Require = "100rel", RSeq = "^1$" }, sdp = { direction = "sendrecv" } })
			t.equal(leg:expect("PRACK").cseq, { number = 2, method = "PRACK" })
			leg:reply(180, { reliable = true })
			call:expect(180)
			local prack = leg:expect("PRACK", { headers = { RAck = "^2 1 INVITE$" } })
			prack:reply(200)
			leg:answer()
			t.equal(call:expect(200).sdp.origin.version, 1)
			call:bye()`},
		{"one that is not acknowledged comes again, and at last is given up", `
			local call = alice:invite("sip:bob@example.com", { reliable = true, prack = false })
			local leg = bob:expect("INVITE")
			leg:reply(183, { reliable = true })
			call:expect(183)
			t.raises(function() leg:reply(180, { reliable = true }) end, "has no PRACK yet")
			t.advance(20)
			t.raises(function() call:expect(183, { within = 0 }) end, "no 183 came")
			call:expect(504, { within = 20 })`},
		{"an offer in a reliable response is answered in the PRACK", `
			local call = alice:invite("sip:bob@example.com", { reliable = true })
			local leg = bob:expect("INVITE", { sdp = false })
			leg:reply(183, { reliable = true, sdp = true })
			call:expect(183)
			leg:expect("PRACK", { sdp = { direction = "sendrecv" } })
			leg:reply(200)
			call:expect(200)
			leg:expect("ACK", { sdp = false })`},
		{"a PRACK of nothing is answered 481", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			local prack = call:send({ method = "PRACK", headers = { RAck = "1 1 INVITE" } })
			prack:expect(481)
			leg:expect("PRACK")`},
		{"what cannot be reliable", `
			local call, leg = connect()
			t.raises(function() leg:reply(183, { reliable = true }) end, "does not offer 100rel")
			t.raises(function() leg:reply(200, { reliable = true }) end, "only a provisional")
			t.raises(function() call:prack() end, "no reliable provisional response")
			leg:reply(200)
			call:expect(200)`},
		{"UPDATE in an early dialog", `
			local call = alice:invite("sip:bob@example.com", { reliable = true, sdp = true })
			local leg = bob:expect("INVITE")
			leg:reply(183, { reliable = true, sdp = true })
			call:expect(183)
			leg:expect("PRACK")
			local update = leg:update({ sdp = { direction = "sendonly" } })
			call:expect("UPDATE", { sdp = { direction = "sendonly" } }):reply(200, { sdp = true })
			update:expect(200, { sdp = { direction = "recvonly" } })
			leg:answer()
			call:expect(200)`},
		{"a blind transfer", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			local refer = call:refer("sip:carol@example.com", { headers = { ["Referred-By"] = "<sip:alice@example.com>" } })
			local asked = leg:expect("REFER")
			t.equal(tostring(asked.refer_to), "sip:carol@example.com")
			asked:reply(202)
			refer:expect(202)
			leg:notify({ code = 100 })
			local notify = call:expect("NOTIFY", { headers = { Event = "^refer$", ["Subscription-State"] = "^active" } })
			t.equal(notify.body, "SIP/2.0 100 Trying\r\n")
			t.equal(notify.content_type, "message/sipfrag;version=2.0")
			notify:reply(200)
			local transferred = asked:follow({ sdp = true })
			local new = carol:expect("INVITE", { headers = { ["Referred-By"] = "alice" } })
			t.equal(new.replaces, nil)
			new:answer()
			transferred:expect(200)
			leg:notify({ code = 200 })
			call:expect("NOTIFY", { headers = { ["Subscription-State"] = "^terminated" } }):reply(200)
			call:bye()
			leg:expect("BYE")
			t.raises(function() leg:follow() end, "only a REFER can be followed, not INVITE")`},
		{"an attended transfer", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			local consult, other = talk(alice, "sip:carol@example.com", carol)
			local refer = call:refer(consult, { uri = "sip:carol@example.com" })
			local asked = leg:expect("REFER")
			t.equal(asked.refer_to.user, "carol")
			asked:reply(202)
			refer:expect(202)
			local transferred = asked:follow({ sdp = true })
			local new = carol:expect("INVITE")
			t.equal(new.replaces.call_id, consult.call_id)
			new:answer()
			transferred:expect(200)
			new.replaces:bye()
			consult:expect("BYE")
			t.raises(function() call:refer(other) end, "belongs to carol")
			t.raises(function() call:refer(bob) end, "must be a uri, a call or a leg, not a ua")`},
		{"the call that another one of the same phone replaces may be one it made", `
			alice:register()
			local call, leg = connect()
			leg:answer()
			local res = call:expect(200)
			local replacing = bob:invite("sip:alice@example.com", { headers = { Replaces = call.call_id .. ";to-tag=" .. leg.from.tag .. ";from-tag=" .. res.to.tag } })
			t.equal(alice:expect("INVITE").replaces.method, "INVITE")`},
		{"requests of all kinds within a call", `
			local call, leg = talk(alice, "sip:bob@example.com", bob)
			for _, x in ipairs({ { "info", "INFO" }, { "message", "MESSAGE" }, { "options", "OPTIONS" }, { "notify", "NOTIFY" }, { "update", "UPDATE" } }) do
				local there = call[x[1]](call, { body = "signal=1", headers = { ["X-N"] = x[2] } })
				local came = leg:expect(x[2], { headers = { ["X-N"] = x[2] } })
				t.equal(came.body, "signal=1")
				t.equal(came.in_dialog, true)
				came:reply(200)
				t.equal(came.answered, 200)
				t.ok(there:expect(200).final)
				local back = leg[x[1]](leg)
				call:expect(x[2]):reply(405)
				back:expect(405)
			end
			t.equal(leg:expect_nothing(), nil)`},
		{"any description, and any body", `
			local call = alice:invite("sip:bob@example.com", { sdp = { codecs = { "opus", "G722" }, port = 4000, address = "192.0.2.1" } })
			local leg = bob:expect("INVITE", { sdp = { codec = "opus", address = "192.0.2.1" } })
			t.equal(leg.sdp.media[1].port, 4000)
			leg:reply(183, { sdp = "v=0\r\nwhatever\r\n" })
			local res = call:expect(183)
			t.equal(res.body, "v=0\r\nwhatever\r\n")
			t.equal(res.content_type, "application/sdp")
			t.equal(res.sdp, nil)
			leg:answer({ body = "<x/>", content_type = "application/x" })
			t.equal(call:expect(200).content_type, "application/x")`},
		{"a refused medium stays in its place", `
			local call = alice:invite("sip:bob@example.com", { body = "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\n" ..
				"m=video 6000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 6002 RTP/AVP 8 0\r\na=recvonly\r\n" })
			local leg = bob:expect("INVITE")
			leg:answer()
			local media = call:expect(200).sdp.media
			t.equal(media[1].port, 0)
			t.equal(media[1].kind, "video")
			t.equal(media[2].direction, "sendonly")
			t.equal(media[2].codecs[1].name, "PCMA")`},
		{"fields as in routes", `
			local call = alice:invite("sip:bob@example.com", { headers = { ["User-Agent"] = "x/1", Expires = "60" }, reliable = true })
			local leg = bob:expect("INVITE")
			t.equal(leg.user_agent, "x/1")
			t.equal(leg.expires, 60)
			t.equal(leg.max_forwards, 69)
			t.equal(#leg.contacts, 1)
			t.equal(leg.contacts[1].uri.user, "alice")
			t.equal(#leg.routes, 0)
			leg:reply(183, { reliable = true })
			call:expect(183)
			t.equal(#leg:expect("PRACK").routes, 0)
			leg:reply(486)
			t.equal(call:expect(486).expires, nil)`},
		{"a phone with auto = false answers no PRACK", `
			local dan = t.ua("sip:dan@example.com", { auto = false }); dan:register()
			local call = alice:invite("sip:dan@example.com", { reliable = true })
			local leg = dan:expect("INVITE")
			leg:reply(183, { reliable = true })
			call:expect(183)
			local prack = leg:expect("PRACK")
			t.advance(1)
			t.equal(prack.answered, nil)
			prack:reply(200)
			leg:reply(486)
			call:expect(486)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			passes(t, "t.it('x', function() "+trio+c.lua+"\nend)")
		})
	}
}

// A move that is not possible, and a message that is not as expected, say what there was instead.
func TestMovesSayWhatTheySaw(t *testing.T) {
	for _, c := range []struct{ name, lua, want string }{
		{"a direction", `talk(alice, "sip:bob@example.com", bob):hold(); bob:expect("INVITE", { sdp = { direction = "inactive" } })`,
			`bob: the INVITE has the direction "sendonly", want "inactive"`},
		{"a codec", `alice:invite("sip:bob@example.com", { sdp = true }); bob:expect("INVITE", { sdp = { codec = "opus" } })`,
			`bob: the INVITE has the codec "PCMU, PCMA, telephone-event", want "opus"`},
		{"no description", `connect(); bob:expect("INVITE", { sdp = true })`, `bob: no INVITE came`},
		{"a description", `alice:invite("sip:bob@example.com"); bob:expect("INVITE", { sdp = true })`, `bob: the INVITE has no session description, want one`},
		{"a body", `alice:invite("sip:bob@example.com", { body = "x" }); bob:expect("INVITE", { sdp = false })`, "bob: the INVITE has a body, want none:\nx"},
		{"a header", `alice:invite("sip:bob@example.com", { headers = { Subject = "hi" } }); bob:expect("INVITE", { headers = { Subject = "^hello" } })`,
			`bob: the Subject of the INVITE is "hi", want one that matches "^hello"`},
		{"no header", `alice:invite("sip:bob@example.com"); bob:expect("INVITE", { headers = { Replaces = "x" } })`, `bob: the INVITE has no Replaces, want one that matches "x"`},
		{"of a response", `local call, leg = connect(); leg:answer(); call:expect(200, { sdp = { hold = true } })`, `alice: the 200 has the hold false, want true`},
		{"no dialog", `alice:invite("sip:bob@example.com"):hold()`, "there is no dialog"},
		{"body and sdp", `alice:invite("sip:bob@example.com", { sdp = true, body = "x" })`, "either body or sdp"},
		{"a wrong sdp", `alice:invite("sip:bob@example.com", { sdp = { direction = "up" } })`, "direction must be one of sendrecv, sendonly"},
		{"a wrong key", `alice:invite("sip:bob@example.com", { sdp = { colour = "up" } })`, "has no key colour"},
		{"a wrong ack", `alice:invite("sip:bob@example.com", { ack = "later" })`, "number of seconds, or false"},
		{"a wrong wish", `bob:expect("INVITE", { sdp = { colour = 1 } })`, "has no key colour"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, s := run(t, "t.it('x', function() "+trio+c.lua+"\nend)")
			if s.Failed != 1 || !strings.Contains(strings.ReplaceAll(out, "\n      ", "\n"), c.want) {
				t.Errorf("no %q in\n%s", c.want, out)
			}
		})
	}
}
