package nat_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/nat"
)

const (
	inner = "v=0\r\no=- 1 1 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	ice   = inner + "a=ice-ufrag:x\r\na=ice-pwd:y\r\n"
)

// asked sends an INVITE from 192.0.2.9:1024 and returns the reason of its answer.
func asked(t *testing.T, script, via, contact, body string) string {
	t.Helper()
	w := start(t, "function route(req)\n"+script+"\nend", nat.Options{})
	caller, other := w.Sim.Phone(t, "192.0.2.9:1024", nil), w.Sim.Phone(t, "192.0.2.9:1025", nil)
	headers := ""
	if body != "" {
		headers = "Content-Type: application/sdp\r\n"
	}
	text := string(w.Request("INVITE", "sip:bob@example.com", "Contact: "+contact+"\r\n"+headers, body))
	caller.Send(server, []byte(strings.Replace(text, "Via: SIP/2.0/UDP "+luabindtest.Caller, "Via: SIP/2.0/UDP "+via, 1)))
	return string(final(w, caller, other).ReasonPhrase())
}

// final is the final response that one of the phones gets.
func final(w *world, phones ...*sim.Phone) (m *message.Message) {
	w.Sim.RunUntil(luabindtest.Patience, func() bool {
		for _, p := range phones {
			for _, got := range p.Got {
				if got.Status() >= 200 {
					m = got
				}
			}
		}
		return m != nil
	})
	return m
}

func TestDetect(t *testing.T) {
	const told = `local d = nat.detect(req)
  if not d then return req:reply(299, "false") end
  req:reply(299, (d.contact and "contact " or "") .. (d.via and "via " or "") .. (d.sdp and "sdp" or ""))`
	for _, c := range []struct{ name, via, contact, body, want string }{
		{"no NAT", "192.0.2.9:1024;rport", "<sip:a@192.0.2.9:1024>", strings.ReplaceAll(inner, "10.1.1.1", "192.0.2.9"), "false"},
		{"a NAT", "10.1.1.1;rport", "<sip:a@10.1.1.1>", inner, "contact via sdp"},
		{"Contact was rewritten", "10.1.1.1;rport", "<sip:a@192.0.2.9:1024>", inner, "via sdp"},
		{"Contact was rewritten, not its port", "10.1.1.1;rport", "<sip:a@192.0.2.9>", "", "contact via "},
		{"SDP was rewritten", "10.1.1.1;rport", "<sip:a@10.1.1.1>", strings.ReplaceAll(inner, "10.1.1.1", "192.0.2.9"), "contact via "},
		{"the port alone", "192.0.2.9:5060;rport", "<sip:a@192.0.2.9:1024>", "", "via "},
		{"another port for sending", "192.0.2.9:1025", "<sip:a@192.0.2.9:1025>", "", "false"},
		{"a browser's names", "x.invalid;rport", "<sip:a@x.invalid>", "", "contact via "},
		{"ICE", "192.0.2.9:1024", "<sip:a@192.0.2.9:1024>", ice, "false"},
		{"hold", "192.0.2.9:1024", "<sip:a@192.0.2.9:1024>", strings.ReplaceAll(inner, "10.1.1.1", "0.0.0.0"), "false"},
		{"through a proxy", "192.0.2.9:1024, SIP/2.0/UDP 10.1.1.1;rport", "<sip:a@10.1.1.1>", inner, "false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.TrimSpace(asked(t, told, c.via, c.contact, c.body)); got != strings.TrimSpace(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFixes(t *testing.T) {
	for _, c := range []struct{ name, script, contact, body, want string }{
		{"contact", `nat.fix_contact(req) return req:reply(299, tostring(req:header("Contact")))`, `"A, B" <sip:a:pw@10.1.1.1:5060;transport=udp?x=y>;q=0.5`, "",
			`"A, B" <sip:a:pw@192.0.2.9:1024;transport=udp?x=y>;q=0.5`},
		{"contact without a user", `nat.fix_contact(req) return req:reply(299, tostring(req:header("Contact")))`, `<sip:10.1.1.1>`, "", `<sip:192.0.2.9:1024>`},
		{"contact of IPv6", `nat.fix_contact(req) return req:reply(299, tostring(req:header("Contact")))`, `<sip:a@[fd00::1]:5062;ob>`, "", `<sip:a@192.0.2.9:1024;ob>`},
		{"contact that is right", `return req:reply(299, tostring(nat.fix_contact(req)))`, `<sip:a@192.0.2.9:1024>`, "", `false`},
		{"sdp", `local ok = nat.fix_sdp(req) return req:reply(299, tostring(ok) .. req.body:match("c=([^\r]*)"))`, `<sip:a@b>`, inner, `trueIN IP4 192.0.2.9`},
		{"sdp to another", `local ok = nat.fix_sdp(req, { address = "203.0.113.5" }) return req:reply(299, tostring(ok) .. req.body:match("c=([^\r]*)"))`, `<sip:a@b>`, inner, `trueIN IP4 203.0.113.5`},
		{"sdp with ICE", `local ok = nat.fix_sdp(req) return req:reply(299, tostring(ok) .. req.body:match("c=([^\r]*)"))`, `<sip:a@b>`, ice, `falseIN IP4 10.1.1.1`},
		{"no sdp", `return req:reply(299, tostring(nat.fix_sdp(req)))`, `<sip:a@b>`, "", `false`},
		{"bad sdp", `local ok, err = nat.fix_sdp(req) return req:reply(299, tostring(ok) .. err)`, `<sip:a@b>`, "x", `nilsdp: the first line is not v=`},
		{"no address", `local ok, err = pcall(nat.fix_sdp, req, { address = "x" }) return req:reply(299, err)`, `<sip:a@b>`, inner, `"x" is not an IP address`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := asked(t, c.script, "10.1.1.1;rport", c.contact, c.body); got != c.want && !(c.name == "no address" && strings.Contains(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Responses are looked at by where they came from; one that was made here came from nowhere.
func TestResponses(t *testing.T) {
	w := start(t, `function route(req)
  req:relay("sip:bob@192.0.2.9:1024", { on_response = function(res)
    local d = nat.detect(res)
    if d then nat.fix_contact(res) nat.fix_sdp(res) res:set_header("X-NAT", (d.contact and "contact " or "") .. (d.via and "via " or "") .. (d.sdp and "sdp" or "")) end end,
    on_failure = function(res) local ok, err = nat.fix_contact(res) req:reply(488, tostring(nat.detect(res)) .. tostring(ok) .. err) end })
end`, nat.Options{})
	answer := 200
	w.Sim.Phone(t, "192.0.2.9:1024", func(p *sim.Phone, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() == message.MethodInvite && answer > 0 {
			p.Reply(m, in, answer, "Contact: <sip:bob@10.1.1.1>\r\nContent-Type: application/sdp\r\nContent-Length: "+itoa(len(inner))+"\r\n\r\n"+inner)
		}
	})
	ask := func() *message.Message {
		caller := w.Sim.Phone(t, "198.51.100.7:5060", nil)
		defer caller.Remove()
		text := string(w.Request("INVITE", "sip:bob@example.com", "Contact: <sip:a@198.51.100.7>\r\n", ""))
		caller.Send(server, []byte(strings.Replace(text, "SIP/2.0/UDP "+luabindtest.Caller, "SIP/2.0/UDP 198.51.100.7", 1)))
		return final(w, caller)
	}
	m := ask()
	if m == nil || string(m.HeaderName("X-NAT")) != "contact sdp" || string(m.HeaderName("Contact")) != "<sip:bob@192.0.2.9:1024>" || !strings.Contains(string(m.Body()), "c=IN IP4 192.0.2.9") {
		t.Errorf("%v", m)
	}
	answer = 0
	m = ask()
	if m == nil || m.Status() != 488 || !strings.HasPrefix(string(m.ReasonPhrase()), "falsenilthe response was made here") {
		t.Errorf("%v", m)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
