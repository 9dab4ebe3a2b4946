//go:build unix

package rtpengine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const sdpType = "Content-Type: application/sdp\r\n"

// An INVITE without an offer: the callee offers in its 200, or in a reliable 183, and the answer
// comes in the ACK, or in the PRACK.
func TestLateOffers(t *testing.T) {
	d := rtpenginetest.Start(t)
	t.Run("in the 200", func(t *testing.T) {
		w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
		alice, bob := w.alice, w.party("10.0.0.3:5060")
		a, aPort := socket(t)
		b, bPort := socket(t)
		alice.send("INVITE", "", "")
		inv := bob.expect("INVITE")
		if len(inv.m.Body()) != 0 {
			t.Errorf("a description came from nowhere: %q", inv.m.Body())
		}
		bob.answer(inv, 200, sdpType, description("127.0.0.1", bPort))
		ok := alice.expect("200")
		toBob := alice.relayed(ok)
		within(alice, ok, bob, inv)
		alice.send("ACK", "", description("127.0.0.1", aPort))
		media(t, a, b, toBob, bob.relayed(bob.expect("ACK")))
		alice.send("BYE", "", "")
		bob.answer(bob.expect("BYE"), 200, "", "")
		w.gone()
	})
	t.Run("in a reliable 183", func(t *testing.T) {
		w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
		alice, bob := w.alice, w.party("10.0.0.3:5060")
		a, aPort := socket(t)
		b, bPort := socket(t)
		alice.send("INVITE", "Supported: 100rel\r\n", "")
		inv := bob.expect("INVITE")
		bob.answer(inv, 183, sdpType+"Require: 100rel\r\nRSeq: 7\r\n", description("127.0.0.1", bPort))
		early := alice.expect("183")
		toBob := alice.relayed(early)
		within(alice, early, bob, inv)
		alice.send("PRACK", "RAck: 7 1 INVITE\r\n", description("127.0.0.1", aPort))
		prack := bob.expect("PRACK")
		media(t, a, b, toBob, bob.relayed(prack))
		bob.answer(prack, 200, "", "")
		alice.expect("200 PRACK")
		a2, aPort2 := socket(t)
		// An offer of its own (RFC 3262 §5)
		alice.send("PRACK", "RAck: 8 1 INVITE\r\n", description("127.0.0.1", aPort2))
		prack = bob.expect("PRACK")
		toAlice := bob.relayed(prack)
		bob.answer(prack, 200, sdpType, description("127.0.0.1", bPort))
		media(t, a2, b, alice.relayed(alice.expect("200 PRACK")), toAlice)
		bob.answer(inv, 200, "", "")
		alice.expect("200 INVITE")
	})
}

// However a call fails, the daemon forgets it.
func TestFailures(t *testing.T) {
	d := rtpenginetest.Start(t)
	for _, row := range []struct {
		name string
		play func(alice, bob *party)
	}{
		{"busy", func(alice, bob *party) {
			bob.answer(bob.expect("INVITE"), 486, "", "")
			alice.expect("486")
		}},
		{"cancelled", func(alice, bob *party) {
			inv := bob.expect("INVITE")
			bob.answer(inv, 180, "", "")
			alice.expect("180")
			alice.cseq--
			alice.send("CANCEL", "", "")
			bob.answer(bob.expect("CANCEL"), 200, "", "")
			bob.answer(inv, 487, "", "")
			alice.expect("487")
		}},
		{"silent", func(alice, bob *party) {
			bob.expect("INVITE")
			alice.expect("408")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
			bob := w.party("10.0.0.3:5060")
			w.alice.send("INVITE", "", description("127.0.0.1", 4000))
			row.play(w.alice, bob)
			w.gone()
		})
	}
}

// Each branch of a fork has its own offer; a branch that is none of the daemon's has the caller's.
func TestForks(t *testing.T) {
	d := rtpenginetest.Start(t)
	callee := `callee = function(branch) if branch.ruri.host == "10.0.0.4" then return false end return { label = "b" } end`
	w := newWorld(t, script([]string{d.TCP}, "", callee, []string{"10.0.0.3:5060", "10.0.0.4:5060", "10.0.0.5:5060"}, ""))
	alice, bob, carol, dave := w.alice, w.party("10.0.0.3:5060"), w.party("10.0.0.4:5060"), w.party("10.0.0.5:5060")
	a, aPort := socket(t)
	x, xPort := socket(t)
	alice.send("INVITE", "", description("127.0.0.1", aPort))
	invB, invC, invD := bob.expect("INVITE"), carol.expect("INVITE"), dave.expect("INVITE")
	if text := string(invC.m.Body()); text != description("127.0.0.1", aPort) {
		t.Errorf("carol got %q", text)
	}
	carol.answer(invC, 180, "", "")
	bob.relayed(invB)
	toAlice := dave.relayed(invD)
	bob.answer(invB, 183, sdpType, description("127.0.0.1", 9))
	alice.relayed(alice.expect("183"))
	dave.answer(invD, 200, sdpType, description("127.0.0.1", xPort))
	ok := alice.expect("200")
	media(t, a, x, alice.relayed(ok), toAlice)
	for _, p := range []struct {
		p   *party
		inv *got
	}{{bob, invB}, {carol, invC}} {
		p.p.answer(p.p.expect("CANCEL"), 200, "", "")
		p.p.answer(p.inv, 487, "", "")
	}
	w.Run(1e9)
	media(t, a, x, alice.relayed(ok), toAlice)
}

// A failure that leads to voicemail takes the media there.
func TestVoicemail(t *testing.T) {
	d := rtpenginetest.Start(t)
	w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, `on_failure = function(res, req) req:relay("sip:mail@10.0.0.4:5060") end`))
	alice, bob, mail := w.alice, w.party("10.0.0.3:5060"), w.party("10.0.0.4:5060")
	a, aPort := socket(t)
	b, bPort := socket(t)
	alice.send("INVITE", "", description("127.0.0.1", aPort))
	bob.answer(bob.expect("INVITE"), 480, "", "")
	inv := mail.expect("INVITE")
	toAlice := mail.relayed(inv)
	mail.answer(inv, 200, sdpType, description("127.0.0.1", bPort))
	media(t, a, b, alice.relayed(alice.expect("200")), toAlice)
}

// What happens when no daemon is there: at the INVITE, at the answer, in the middle of the call.
func TestDaemonsThatAreNotThere(t *testing.T) {
	t.Run("for the offer", func(t *testing.T) {
		w := newWorld(t, script([]string{"udp:127.0.0.1:9"}, "", "", []string{"10.0.0.3:5060"}, `on_failure = function(res, req) req:reply(488, res.cause) end`))
		w.party("10.0.0.3:5060")
		w.alice.send("INVITE", "", description("127.0.0.1", 4000))
		if g := w.alice.expect("488"); string(g.m.ReasonPhrase()) != "media" {
			t.Errorf("cause %s", g.m.ReasonPhrase())
		}
	})
	t.Run("for the offer, and it may pass", func(t *testing.T) {
		w := newWorld(t, script([]string{"udp:127.0.0.1:9"}, `on_failure = "pass"`, "", []string{"10.0.0.3:5060"}, ""))
		bob := w.party("10.0.0.3:5060")
		w.alice.send("INVITE", "", description("127.0.0.1", 4000))
		inv := bob.expect("INVITE")
		if string(inv.m.Body()) != description("127.0.0.1", 4000) {
			t.Errorf("bob got %q", inv.m.Body())
		}
		bob.answer(inv, 200, sdpType, description("127.0.0.1", 5000))
		if ok := w.alice.expect("200"); string(ok.m.Body()) != description("127.0.0.1", 5000) {
			t.Errorf("alice got %q", ok.m.Body())
		}
	})
	t.Run("for the first, but the second is there", func(t *testing.T) {
		d := rtpenginetest.Start(t)
		w := newWorld(t, script([]string{"udp:127.0.0.1:9", d.UDP, "tcp:127.0.0.1:9"}, "", "", []string{"10.0.0.3:5060"}, ""))
		bob := w.party("10.0.0.3:5060")
		w.alice.send("INVITE", "", description("127.0.0.1", 4000))
		bob.relayed(bob.expect("INVITE"))
	})
	t.Run("for the answer", func(t *testing.T) {
		d := rtpenginetest.Start(t)
		w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
		alice, bob := w.alice, w.party("10.0.0.3:5060")
		alice.send("INVITE", "", description("127.0.0.1", 4000))
		inv := bob.expect("INVITE")
		bob.relayed(inv)
		d.Kill()
		bob.answer(inv, 200, sdpType, description("127.0.0.1", 5000))
		bob.expect("ACK")
		bob.answer(bob.expect("BYE"), 200, "", "")
		alice.expect("500")
	})
	t.Run("for the answer to a re-INVITE", func(t *testing.T) {
		d := rtpenginetest.Start(t)
		w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
		alice, bob := w.alice, w.party("10.0.0.3:5060")
		alice.send("INVITE", "", description("127.0.0.1", 4000))
		inv := bob.expect("INVITE")
		bob.answer(inv, 200, sdpType, description("127.0.0.1", 5000))
		ok := alice.expect("200")
		within(alice, ok, bob, inv)
		alice.send("ACK", "", "")
		bob.expect("ACK")
		alice.send("INVITE", "", description("127.0.0.1", 4002))
		again := bob.expect("INVITE")
		d.Kill()
		bob.answer(again, 200, sdpType, description("127.0.0.1", 5002))
		bob.expect("ACK")
		bob.answer(bob.expect("BYE"), 200, "", "")
		alice.expect("481 INVITE") // which ends the caller's side too (RFC 3261 §12.2.1.2)
	})
	t.Run("in the middle of the call", func(t *testing.T) {
		d, other := rtpenginetest.Start(t), rtpenginetest.Start(t)
		for _, first := range []struct{ engines []string }{{[]string{d.UDP, other.UDP}}} {
			w := newWorld(t, script(first.engines, "", "", []string{"10.0.0.3:5060"}, ""))
			alice, bob := w.alice, w.party("10.0.0.3:5060")
			a, aPort := socket(t)
			b, bPort := socket(t)
			alice.send("INVITE", "", description("127.0.0.1", aPort))
			inv := bob.expect("INVITE")
			bob.relayed(inv)
			bob.answer(inv, 200, sdpType, description("127.0.0.1", bPort))
			ok := alice.expect("200")
			within(alice, ok, bob, inv)
			alice.send("ACK", "", "")
			bob.expect("ACK")
			d.Kill() // it may have been the one or the other
			alice.send("INVITE", "", description("127.0.0.1", aPort))
			again := bob.expect("INVITE")
			toAlice := bob.relayed(again)
			bob.answer(again, 200, sdpType, description("127.0.0.1", bPort))
			media(t, a, b, alice.relayed(alice.expect("200")), toAlice)
		}
	})
}

// A browser and a plain phone: each is shown what it speaks, whoever offers.
func TestWebRTC(t *testing.T) {
	const fingerprint = "a=fingerprint:sha-256 AB:CD:EF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC\r\n"
	browser := strings.Replace(description("127.0.0.1", 4000), "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1) +
		"a=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=mid:0\r\n" + fingerprint +
		"a=candidate:1 1 UDP 2113937151 127.0.0.1 4000 typ host\r\n"
	isPlain := func(t *testing.T, who string, g *got) {
		t.Helper()
		text := string(g.m.Body())
		if !strings.Contains(text, " RTP/AVP ") || strings.Contains(text, "a=fingerprint") || strings.Contains(text, "a=candidate") || strings.Contains(text, "a=ice-") {
			t.Errorf("%s was shown %q", who, text)
		}
	}
	isWebRTC := func(t *testing.T, who string, g *got) {
		t.Helper()
		text := string(g.m.Body())
		for _, part := range []string{" UDP/TLS/RTP/SAVPF ", "a=fingerprint:", "a=candidate:", "a=rtcp-mux", "a=setup:"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s was not shown %q: %q", who, part, text)
			}
		}
	}
	d := rtpenginetest.Start(t)
	w := newWorld(t, script([]string{d.WS}, "", "", []string{"10.0.0.3:5060"}, ""))
	alice, bob := w.alice, w.party("10.0.0.3:5060")
	alice.send("INVITE", "", browser)
	inv := bob.expect("INVITE")
	isPlain(t, "bob", inv)
	bob.answer(inv, 200, sdpType, description("127.0.0.1", 5000))
	ok := alice.expect("200")
	isWebRTC(t, "alice", ok)
	within(alice, ok, bob, inv)
	alice.send("ACK", "", "")
	bob.expect("ACK")
	bob.send("INVITE", "", description("127.0.0.1", 5002))
	again := alice.expect("INVITE")
	isWebRTC(t, "alice", again)
	alice.answer(again, 200, sdpType, strings.Replace(browser, "actpass", "active", 1))
	isPlain(t, "bob", bob.expect("200"))
}

// What manage refuses.
func TestMisuse(t *testing.T) {
	for _, row := range []struct{ name, route, why string }{
		{"without record_route", `rtpengine.manage(req)`, "call record_route first"},
		{"for another method", `req:record_route() rtpengine.manage(req)`, "manage is for an INVITE"},
		{"with too much to carry", `req:record_route() rtpengine.manage(req, { caller = { address = ("x"):rep(300) } })`, "too long to travel"},
		{"with an unknown option", `req:record_route() rtpengine.manage(req, { caller = { ices = "x" } })`, "ices"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := luabindtest.New(t, `rtpengine = require "rtpengine"
rtpengine.configure({ engines = {} })
function route(req)
  local ok, err = pcall(function() `+row.route+` end)
  req:reply(299, err)
end`, luabindtest.Modules(closing(t)))
			method := "INVITE"
			if strings.Contains(row.name, "method") {
				method = "OPTIONS"
			}
			m := w.Ask(method, "sip:bob@example.com")
			if m == nil || !strings.Contains(string(m.ReasonPhrase()), row.why) {
				t.Errorf("%v", m)
			}
		})
	}
	for _, row := range []struct{ name, options, why string }{
		{"no daemons", `{}`, "engines is required"},
		{"a daemon without a scheme", `{ engines = { "127.0.0.1:2223" } }`, "udp:HOST:PORT"},
		{"another on_failure", `{ engines = {}, on_failure = "drop" }`, "on_failure"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := luabindtest.Try(t, `require("rtpengine").configure(`+row.options+`) function route(req) req:drop() end`, luabindtest.Modules(closing(t)))
			if err == nil || !strings.Contains(err.Error(), row.why) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What a script asks of a daemon, and does by hand.
func TestByHand(t *testing.T) {
	d := rtpenginetest.Start(t)
	w := newWorld(t, fmt.Sprintf(`rtpengine = require "rtpengine"
rtpengine.configure({ engines = { { uri = %q, weight = 3 } } })
function route(req)
  if req.in_dialog then return req:relay() end
  assert(rtpengine.offer(req, { ice = "remove", flags = { "symmetric" } }))
  req:relay("sip:bob@10.0.0.3:5060", { on_response = function(res) if res.body then assert(rtpengine.answer(res)) end end })
end`, d.UDP))
	alice, bob := w.alice, w.party("10.0.0.3:5060")
	a, aPort := socket(t)
	b, bPort := socket(t)
	alice.send("INVITE", "", description("127.0.0.1", aPort))
	inv := bob.expect("INVITE")
	toAlice := bob.relayed(inv)
	bob.answer(inv, 200, sdpType, description("127.0.0.1", bPort))
	media(t, a, b, alice.relayed(alice.expect("200")), toAlice)
	for _, row := range []struct{ lua, want string }{
		{`local e = rtpengine.engines()[1] return e.uri, e.weight, e.up`, fmt.Sprint("[", d.UDP, " 3 true]")},
		{`local q = rtpengine.query("c1") return q.result, type(q.created), type(q.tags)`, "[ok number table]"},
		{`return rtpengine.block_dtmf("c1")`, "[true]"},
		{`return rtpengine.unblock_dtmf("c1")`, "[true]"},
		{`return rtpengine.block_media("c1")`, "[true]"},
		{`return rtpengine.unblock_media("c1")`, "[true]"},
		{`return rtpengine.send_dtmf("c1", { digit = "1", from = "a1" })`, ""}, // built so or not
		{`return rtpengine.play("c1", { file = "/nowhere" })`, "[<nil> "},
		{`return rtpengine.delete("c1")`, "[true]"},
		{`return rtpengine.query("c1")`, "[<nil> rtpengine: Unknown call-id]"},
	} {
		t.Run(row.lua, func(t *testing.T) {
			got, err := w.Eval(`local rtpengine = require "rtpengine" ` + row.lua)
			if err != nil || !strings.HasPrefix(fmt.Sprint(got), row.want) {
				t.Errorf("%v %v, want %s", got, err, row.want)
			}
		})
	}
}

// A call that comes through here twice, by way of a core server, is two calls at the daemon: its
// media passes twice, and each ends by itself.
func TestSpiral(t *testing.T) {
	d := rtpenginetest.Start(t)
	w := newWorld(t, fmt.Sprintf(`rtpengine = require "rtpengine"
rtpengine.configure({ engines = { %q }, timeout = 5 })
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  rtpengine.manage(req)
  if req.source.ip == "10.0.0.9" then return req:relay("sip:bob@10.0.0.3:5060") end
  req:relay("sip:bob@10.0.0.9:5060")
end`, d.UDP))
	alice, bob, core := w.alice, w.party("10.0.0.3:5060"), w.party("10.0.0.9:5060")
	a, aPort := socket(t)
	b, bPort := socket(t)
	alice.send("INVITE", "", description("127.0.0.1", aPort))
	in := core.expect("INVITE")
	first := core.relayed(in)
	// The core sends it back, as a proxy does
	text := strings.Replace(string(in.m.AppendTo(nil)), "\r\n", "\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bKcore1\r\n", 1)
	core.peer.Send(luabindtest.Addr, []byte(text))
	inv := bob.expect("INVITE")
	toAlice := bob.relayed(inv)
	if toAlice == first {
		t.Errorf("both passages have port %d", first)
	}
	bob.answer(inv, 200, sdpType, description("127.0.0.1", bPort))
	back := core.expect("200")
	m := back.m
	m.RemoveElement(message.HeaderVia, 0)
	core.peer.Send(luabindtest.Addr, m.AppendTo(nil))
	ok := alice.expect("200")
	media(t, a, b, alice.relayed(ok), toAlice)
	got, err := w.Eval(`local rtpengine = require "rtpengine" return rtpengine.query("c1") ~= nil`)
	if err != nil || fmt.Sprint(got) != "[true]" {
		t.Errorf("%v %v", got, err)
	}
}
