package sdp_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/sdp"
)

const offer = "v=0\r\no=alice 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nb=AS:512\r\nt=0 0\r\na=tool:x\r\nm=audio 4000 RTP/AVP 8 0 96 101\r\na=rtpmap:96 opus/48000/2\r\n" +
	"a=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=mid:0\r\na=ptime:20\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n" +
	"a=candidate:1 1 UDP 5 10.0.0.2 4000 typ host\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\nm=video 5000 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\na=sendonly\r\n"

func world(t testing.TB, lua string) *luabindtest.World {
	return luabindtest.New(t, "sdp = require \"sdp\"\n"+lua, luabindtest.Modules(sdp.New()))
}

// asked is what a handler's expression of an INVITE with that body is, as text.
func asked(t testing.TB, kind, body, lua string) string {
	t.Helper()
	w := world(t, `function route(req)
  local ok, got = pcall(function() `+lua+` end)
  req:reply(299, tostring(got):gsub("[\r\n]+", "|"), { headers = { ["X-OK"] = tostring(ok) } })
end`)
	m := w.Send(w.Request("INVITE", "sip:bob@example.com", "Content-Type: "+kind+"\r\n", body))
	if m == nil || m.Status() != 299 {
		t.Fatalf("no answer: %v", m)
	}
	return string(m.HeaderName("X-OK")) + " " + string(m.ReasonPhrase())
}

func TestReading(t *testing.T) {
	for lua, want := range map[string]string{
		`return sdp.of(req).address`:               "10.0.0.2",
		`return sdp.of(req).origin.user`:           "alice",
		`return sdp.of(req).bandwidth.AS`:          "512",
		`return sdp.of(req).hold`:                  "false",
		`return #sdp.of(req).media`:                "2",
		`return sdp.of(req):attributes("tool")[1]`: "x",
		`local m = sdp.of(req).media[1] return m.kind .. m.port .. m.ports .. m.protocol`:    "audio40001RTP/AVP",
		`local m = sdp.of(req).media[1] return m.address .. m.direction .. m.mid .. m.ptime`: "10.0.0.2sendrecv020",
		`return sdp.of(req).media[2].direction`:                                              "sendonly",
		`return sdp.of(req).media[2].mid`:                                                    "nil",
		`return sdp.of(req).media[2].ice`:                                                    "nil",
		`local i = sdp.of(req).media[1].ice return i.ufrag .. i.pwd .. tostring(i.lite) .. i.candidates[1].type .. i.candidates[1].port`: "upfalsehost4000",
		`local d = sdp.of(req).media[1].dtls return d.fingerprint .. d.setup`:                                                            "sha-256 AAactpass",
		`local c = sdp.of(req).media[1].codecs return #c .. c[1].name .. c[3].name .. c[3].channels .. c[3].fmtp .. c[3].rate`:           "4PCMAopus2useinbandfec=148000",
		`return sdp.of(req).media[1]:attributes("setup")[1]`:                                                                             "actpass",
		`return tostring(sdp.of(req)) .. tostring(sdp.of(req).media[1])`:                                                                 "sdpmedium",
	} {
		t.Run(lua, func(t *testing.T) {
			if got := asked(t, "application/sdp", offer, lua); got != "true "+want {
				t.Errorf("got %s", got)
			}
		})
	}
	for name, c := range map[string][3]string{
		"no body":         {"text/plain", "", "true nil"},
		"another":         {"text/plain", "hello", "true nil"},
		"not readable":    {"application/sdp", "hello", "true sdp: the first line is not v="},
		"a bad m= line":   {"application/sdp", "v=0\r\nm=audio\r\n", "true sdp: an m= line that can't be read"},
		"within two":      {"multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n\r\n" + offer + "\r\n--x--\r\n", "true sdp"},
		"not of the call": {"multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\nContent-Disposition: early-session\r\n\r\n" + offer + "\r\n--x--\r\n", "true nil"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asked(t, c[0], c[1], `local s, err = sdp.of(req) return err or s`); got != c[2] {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestEditing(t *testing.T) {
	for lua, want := range map[string][2]string{ // what is replaced by what
		`sdp.of(req):set_address("203.0.113.5")`:                                             {"c=IN IP4 10.0.0.2", "c=IN IP4 203.0.113.5"},
		`sdp.of(req):set_attribute("tool", false)`:                                           {"a=tool:x|", ""},
		`sdp.of(req):set_attribute("tool", "y")`:                                             {"a=tool:x", "a=tool:y"},
		`sdp.of(req):set_attribute("ice-lite", true)`:                                        {"a=tool:x", "a=tool:x|a=ice-lite"},
		`sdp.of(req).media[1]:set_port(6000)`:                                                {"audio 4000", "audio 6000"},
		`sdp.of(req).media[2]:set_direction("recvonly")`:                                     {"a=sendonly", "a=recvonly"},
		`sdp.of(req).media[2]:set_attribute("rtpmap", false)`:                                {"a=rtpmap:97 VP8/90000|", ""},
		`sdp.of(req).media[2]:set_address("203.0.113.5")`:                                    {"RTP/AVP 97", "RTP/AVP 97|c=IN IP4 203.0.113.5"},
		`sdp.of(req).media[2]:remove()`:                                                      {"video 5000", "video 0"},
		`sdp.of(req).media[1]:prefer_codecs({ "opus" })`:                                     {"8 0 96 101", "96 8 0 101"},
		`assert(sdp.of(req).media[1]:remove_codecs({ "PCMU" }))`:                             {"8 0 96 101", "8 96 101"},
		`assert(not sdp.of(req):keep_codecs({ "opus", "pcmu", "pcma", "telephone-event" }))`: {"video 5000", "video 0"},
		`assert(sdp.of(req).media[1]:remove_candidates("host") == 1)`:                        {"a=candidate:1 1 UDP 5 10.0.0.2 4000 typ host|", ""},
		`assert(sdp.of(req):remove_candidates() == 1)`:                                       {"a=candidate:1 1 UDP 5 10.0.0.2 4000 typ host|", ""},
		`sdp.of(req).media[1]:add_candidate({ address = "203.0.113.5", port = 7, type = "relay", first = true })`: {"a=candidate:1",
			"a=candidate:x1 1 UDP 6 203.0.113.5 7 typ relay|a=candidate:1"},
		`local s = sdp.of(req) local m = s.media[2] s:set_attribute("tool", false) m:set_port(1) s:set_attribute("tool", "x")`: {"video 5000", "video 1"},
	} {
		t.Run(lua, func(t *testing.T) {
			text := strings.ReplaceAll(offer, "\r\n", "|")
			if !strings.Contains(text, want[0]) {
				t.Fatal(want[0])
			}
			if got := asked(t, "application/sdp", offer, lua+` return req.body`); got != "true "+strings.Replace(text, want[0], want[1], 1) {
				t.Errorf("got\n%s", strings.ReplaceAll(got, "|", "\n"))
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	for lua, want := range map[string]string{
		`sdp.of("x")`:                                                                "argument 1 must be a request, response or branch, not the string",
		`sdp.of(req):set_address("x")`:                                               `"x" is not an IP address`,
		`sdp.of(req):set_attribute("a", "x\ny")`:                                     "line breaks",
		`sdp.of(req).media[1]:set_port(70000)`:                                       "a port is 0 to 65535",
		`sdp.of(req).media[1]:set_direction("both")`:                                 `must be one of "sendrecv"`,
		`sdp.of(req).media[1]:add_candidate({ address = "a b", port = 1 })`:          "a candidate that can't be written",
		`sdp.of(req).media[1]:add_candidate({ address = "a", port = 1, typ = "x" })`: "typ",
		`sdp.of(req):remove_candidates("x")`:                                         `must be one of "host"`,
		`sdp.of(req).port = 1`:                                                       "read-only",
		`local x = sdp.of(req).port`:                                                 "has no field 'port'",
		`local s = sdp.of(req) req:set_body(nil) local x = s.address`:                "no session description any more",
		`local s = sdp.of(req) local m = s.media[2] req:set_body("v=0\r\n", "application/sdp") local x = m.port`: "no medium 2 any more",
	} {
		t.Run(lua, func(t *testing.T) {
			if got := asked(t, "application/sdp", offer, lua); !strings.HasPrefix(got, "false ") || !strings.Contains(got, want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A description follows its message, and ends with its request.
func TestObjectsFollowTheirMessage(t *testing.T) {
	if got := asked(t, "application/sdp", offer, `local s = sdp.of(req) req:set_body("v=0\r\nc=IN IP4 192.0.2.9\r\n", "application/sdp") return s.address`); got != "true 192.0.2.9" {
		t.Error(got)
	}
	w := world(t, `local kept
function route(req)
  if kept then local ok, err = pcall(function() return kept.address end) return req:reply(299, err) end
  kept = sdp.of(req)
  req:reply(200)
end`)
	w.Send(w.Request("INVITE", "sip:bob@example.com", "Content-Type: application/sdp\r\n", offer))
	if m := w.Ask("OPTIONS", "sip:bob@example.com"); !strings.Contains(string(m.ReasonPhrase()), "this request is over") {
		t.Errorf("%s", m.ReasonPhrase())
	}
}

// Branches and responses are edited each on its own.
func TestBranchesAndResponses(t *testing.T) {
	w := world(t, `function route(req)
  req:record_route()
  req:relay({ "sip:one@10.0.0.7:5060", "sip:two@10.0.0.8:5060" }, {
    on_branch = function(branch) sdp.of(branch):set_address(branch.ruri.user == "one" and "192.0.2.1" or "192.0.2.2") end,
    on_response = function(res) local s = sdp.of(res) if s then s:set_address("192.0.2.3") end end })
end`)
	seen := map[string]string{}
	for user, addr := range map[string]string{"one": "10.0.0.7:5060", "two": "10.0.0.8:5060"} {
		w.Peer(addr, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
			if !m.IsRequest() || m.Method() != message.MethodInvite {
				return
			}
			seen[user] = string(m.Body())
			if user == "one" {
				p.Reply(m, in, 200, "Contact: <sip:one@10.0.0.7>\r\nContent-Type: application/sdp\r\nContent-Length: 24\r\n\r\nv=0\r\nc=IN IP4 10.0.0.7\r\n")
			}
		})
	}
	got := w.Send(w.Request("INVITE", "sip:bob@example.com", "Contact: <sip:alice@10.0.0.2>\r\nContent-Type: application/sdp\r\n", offer))
	want := map[string]string{"one": strings.Replace(offer, "c=IN IP4 10.0.0.2", "c=IN IP4 192.0.2.1", 1), "two": strings.Replace(offer, "c=IN IP4 10.0.0.2", "c=IN IP4 192.0.2.2", 1)}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("the branches have %q", seen)
	}
	if got == nil || !strings.Contains(string(got.Body()), "192.0.2.3") {
		t.Errorf("the caller got %v", got)
	}
}

// What the module costs in a script.
func BenchmarkScript(b *testing.B) {
	for name, lua := range map[string]string{"of": `sdp.of(req)`, "of and set_address": `sdp.of(req):set_address("192.0.2.7")`, "nothing": ``} {
		b.Run(name, func(b *testing.B) {
			w := world(b, fmt.Sprintf("function route(req) for i = 1, %d do %s end req:reply(299) end", b.N, lua))
			text := w.Request("INVITE", "sip:bob@example.com", "Content-Type: application/sdp\r\n", offer)
			b.ReportAllocs()
			b.ResetTimer()
			w.Send(text)
		})
	}
}
