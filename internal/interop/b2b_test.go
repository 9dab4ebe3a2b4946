package interop

// Calls of this server's own between real phones: each call is two dialogs, whose parties hold,
// transfer and negotiate.

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
)

// b2bScript has each call be two legs, and follows its parties' transfers. It tells what they say,
// and hear of each other.
const b2bScript = `
local b2b, registrar, rtpengine = require "b2b", require "registrar", require "rtpengine"
local media = sip.args.media and "rtpengine"
if media then rtpengine.configure { engines = { sip.args.media } } end
b2b.configure { refer = function(refer, leg)
  if not refer.attended then return registrar.lookup(refer.to) end
end }
sip.on("b2b.moved", function(leg, other) sip.log.warn("moved") end)
local function user(uri) return sip.uri(uri).user:match "^%a+" end
local function direction(sdp) return (sdp or ""):match "a=(%a+nly)" or (sdp or ""):match "a=(inactive)" or "sendrecv" end
local function tell(leg, name)
  local last
  while leg.state ~= "ended" do
    local now = name .. " says " .. direction(leg.remote_sdp) .. ", hears " .. direction(leg.local_sdp)
    if now ~= last then sip.log.warn("%s", now) end
    last = now
    sip.sleep(0.05)
  end
  sip.log.warn("%s ended: %s", name, leg.why)
end
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method ~= "INVITE" then return req:reply(405) end
  local a = b2b.incoming(req, { flow_lost = 1, media = media })
  if not a then return end
  local b, res = a:dial(sip.args[req.ruri.user] or registrar.lookup(req.ruri), { timeout = 20, flow_lost = 1 })
  if not b then return a:reject(res) end
  a:join(b)
  local caller, callee = user(a.from), user(req.ruri)
  sip.spawn(function() tell(a, caller) end)
  sip.spawn(function() tell(b, callee) end)
  while media and a.state ~= "ended" do
    sip.sleep(0.3)
    local known = rtpengine.query(a)
    if known and known.totals.RTP.packets > 40 then sip.log.warn("media are relayed") end
  end
end`

// noLegs waits until all calls are over.
func (s *server) noLegs(t *testing.T) {
	t.Helper()
	eventually(t, "the legs have ended", func() bool { return s.metric("sipscript_b2b_legs") == 0 })
}

// says waits for a line of the log, of those from number from on.
func (s *server) says(t *testing.T, from int, parts ...string) {
	t.Helper()
	if _, ok := s.log.awaitOr(s.ended, from, parts...); !ok {
		t.Fatalf("the server does not say %q", parts)
	}
}

// A party holds the other one, and takes it back.
func (s *server) heldBy(t *testing.T, holder, held string, hold, resume func()) {
	t.Helper()
	line := s.log.count()
	hold()
	s.says(t, line, holder+" says sendonly, hears recvonly")
	s.says(t, line, held+" says recvonly, hears sendonly")
	line = s.log.count()
	resume()
	s.says(t, line, holder+" says sendrecv, hears sendrecv")
	s.says(t, line, held+" says sendrecv, hears sendrecv")
}

// baresip calls, is called, holds and is held, and sends whom it talks to elsewhere. It is called
// by sipp too, which changes the codec.
func TestBaresipsCallBackToBack(t *testing.T) {
	if raceBuild() {
		return // once is enough
	}
	needBaresip(t)
	t.Run("directly", func(t *testing.T) { baresipsCallBackToBack(t, start(t, "--no-watch", script(t, b2bScript)), nil) })
	t.Run("by rtpengine", func(t *testing.T) {
		d := rtpenginetest.Start(t)
		s := start(t, "--no-watch", "--set", "media="+d.UDP, script(t, b2bScript))
		baresipsCallBackToBack(t, s, func(from int) { s.says(t, from, "media are relayed") })
	})
}

// relayed, if not nil, waits until media have passed a relay, as the log says from a line on.
func baresipsCallBackToBack(t *testing.T, s *server, relayed func(from int)) {
	phones := map[string]*baresip{}
	for _, user := range []string{"alice", "bob", "carol"} {
		phones[user] = startBaresipAt(t, place{"", "127.0.0.1"}, s.addrs["udp"], "udp", user, "", "", "ausine")
	}
	for _, p := range phones {
		p.says(0, "registered successfully")
	}
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	talk := func(t *testing.T, p *baresip, from int) {
		t.Helper()
		p.says(from, "established")
		p.says(from, "incoming rtp for 'audio' established")
	}
	for _, row := range []struct{ sends, stays string }{{"alice", "bob"}, {"bob", "alice"}} {
		t.Run(row.sends+" holds and transfers", func(t *testing.T) {
			sends, stays := phones[row.sends], phones[row.stays]
			from, at := alice.out.count(), bob.out.count()
			alice.command("dial sip:bob@example.com")
			bob.says(at, "Incoming call")
			bob.command("accept")
			talk(t, alice, from)
			talk(t, bob, at)
			if relayed != nil {
				relayed(s.log.count())
			}
			s.heldBy(t, row.sends, row.stays, func() { sends.command("hold") }, func() { sends.command("resume") })

			at, third, line := stays.out.count(), carol.out.count(), s.log.count()
			sends.command("transfer sip:carol@example.com")
			carol.says(third, "Incoming call")
			carol.command("accept")
			talk(t, carol, third)
			stays.says(at, "got re-INVITE (SDP Offer)") // to hear carol
			s.says(t, line, row.sends+" ended")
			carol.command("hangup")
			stays.says(at, "session closed")
			s.noLegs(t)
		})
	}
	t.Run("another codec", func(t *testing.T) {
		from := bob.out.count()
		caller := startSipp(t, sippOptions{scenario: "recoding_caller", transport: "udp", server: s.addrs["udp"], calls: 1, rate: 1, service: "bob"})
		bob.says(from, "Incoming call")
		bob.command("accept")
		caller.wait()
		bob.says(from, "audio decoder: PCMA")
		bob.says(from, "session closed")
		s.noLegs(t)
	})
}

// Offers that come late, and provisional answers that one side alone acknowledges, with sipp.
func TestSippCallsBackToBack(t *testing.T) {
	needSipp(t)
	if raceBuild() {
		return // once is enough
	}
	for _, row := range []struct {
		name, caller, callee string
	}{
		{"a late offer", "late_caller", "late_callee"},
		{"PRACK of the caller's", "prack_caller", "callee"},
		{"PRACK of the callee's", "uac", "prack_callee"},
	} {
		t.Run(row.name, func(t *testing.T) {
			callee := startSipp(t, sippOptions{scenario: row.callee, transport: "udp", calls: 5})
			s := start(t, "--no-watch", "--set", "bob=sip:bob@"+callee.addr(), script(t, b2bScript))
			caller := startSipp(t, sippOptions{scenario: row.caller, builtin: row.caller == "uac", transport: "udp", server: s.addrs["udp"], calls: 5, rate: 20, service: "bob", pause: 100 * time.Millisecond})
			caller.wait()
			callee.wait()
			s.noLegs(t)
		})
	}
}

// linphone holds, and has those whom it called one after the other talk to each other.
func TestLinphonesCallBackToBack(t *testing.T) {
	if raceBuild() {
		return // once is enough
	}
	s := start(t, "--no-watch", "--lanes", "4", script(t, b2bScript))
	phones := map[string]*linphone{}
	for user, friend := range map[string]string{"alice": "bob", "bob": "carol", "carol": "alice"} {
		phones[user] = startLinphone(t, s, user, friend)
	}
	eventually(t, "they are registered", func() bool { return s.metric("sipscript_registrar_bindings") == 3 })
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	call := func(t *testing.T, to *linphone, name string) {
		t.Helper()
		from, at := alice.out.count(), to.out.count()
		alice.does("call sip:" + name + "@example.com")
		to.says(at, "incoming call from sip:alice@example.com")
		to.does("answer")
		alice.says(from, "Media streams established")
		to.says(at, "Media streams established")
	}
	call(t, bob, "bob")
	s.heldBy(t, "alice", "bob", func() { alice.does("pause") }, func() { alice.does("resume 1") })
	s.heldBy(t, "bob", "alice", func() { bob.does("pause") }, func() { bob.does("resume 1") })
	from := alice.out.count()
	alice.does("pause")
	alice.says(from, "is now paused") // before that it makes no REFER
	call(t, carol, "carol")
	line := s.log.count()
	alice.does("transfer 1 --to-call 2")
	s.says(t, line, "moved")
	s.says(t, line, "alice ended")
	from = bob.out.count()
	carol.does("terminate")
	bob.says(from, "ended")
	s.noLegs(t)
}

// Pages of JsSIP and SIP.js call each other: each holds the other one, and either hangs up. Their
// descriptions come as they were said, but for whom they are from.
func browsersCallBackToBack(t *testing.T, w *web) {
	s := w.server(t, "--no-watch", script(t, b2bScript))
	alice, bob := w.registers(t, "JsSIP", s.web("alice", "")), w.registers(t, "SIP.js", s.web("bob", ""))
	for _, row := range []struct{ caller, callee *webPhone }{{alice, bob}, {bob, alice}} {
		t.Run(row.caller.name+" calls", func(t *testing.T) {
			to := "sip:bob@example.com"
			if row.callee == alice {
				to = "sip:alice@example.com"
			}
			webCall(t, row.caller.in(t), row.callee.in(t), to, func(caller, callee *webPhone) {
				for _, d := range [...][2]string{{caller.descriptions().Local, callee.descriptions().Remote}, {callee.descriptions().Local, caller.descriptions().Remote}} {
					if a, b := afterOrigin(d[0]), afterOrigin(d[1]); a != b || d[0] == d[1] {
						t.Errorf("said\n%s\ncame\n%s", d[0], d[1])
					}
				}
				holds(t, caller, callee)
				holds(t, callee, caller)
				callee.does("hangUp()")
			})
			s.noLegs(t)
		})
	}
	t.Run("a page is closed", func(t *testing.T) {
		alice, bob := alice.in(t), bob.in(t)
		alice.does(`call("sip:bob@example.com")`)
		bob.until("called")
		bob.does("answer()")
		alice.until("established")
		bob.until("established")
		alice.eval(`setTimeout(() => { location.href = "about:blank"; }, 10) > 0`)
		bob.until("ended")
		s.noLegs(t)
	})
}

// afterOrigin is what follows the line of a description that says whom it is from.
func afterOrigin(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "\r\no=")
	_, rest, _ = strings.Cut(rest, "\r\n")
	return rest
}
