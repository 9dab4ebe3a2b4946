package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Credentials of our realm leave on no path, whether or not a script has looked at them (trap 39).
func TestCredentialsStayHere(t *testing.T) {
	const to = `"sip:bob@10.0.0.9:5060"`
	for _, c := range []struct {
		name, route, method string
		own                 bool
	}{
		{"relay", `req:relay(` + to + `)`, "MESSAGE", false},
		{"relay after a wait", `sip.sleep(1) req:relay(` + to + `)`, "MESSAGE", false},
		{"fork", `local res = req:fork(` + to + `) req:reply(res)`, "MESSAGE", false},
		{"forward", `req:forward(` + to + `)`, "MESSAGE", false},
		{"forward after a wait", `sip.sleep(1) req:forward(` + to + `)`, "MESSAGE", false},
		{"an ACK", `req:relay(` + to + `)`, "ACK", false},
		{"an ACK that is forwarded", `req:forward(` + to + `)`, "ACK", false},
		{"a redirect that is followed", `req:relay("sip:bob@10.0.0.8:5060", { follow_redirects = true })`, "MESSAGE", false},
		{"a failover", `req:relay({ "sip:bob@10.0.0.7:5060", ` + to + ` }, { order = "serial" })`, "MESSAGE", false},
		{"a header of the target", `local h = req:header("Proxy-Authorization") req:remove_header("Proxy-Authorization") req:relay { uri = ` + to + `, headers = { ["Proxy-Authorization"] = h } }`, "MESSAGE", true},
		{"a header set on the branch", `local h = req:header("Proxy-Authorization") req:relay(` + to + `, { on_branch = function(branch, req) branch:set_header("Proxy-Authorization", h) end })`, "MESSAGE", true},
		{"a request of our own", `sip.send { method = "MESSAGE", uri = ` + to + `, headers = { Authorization = req:header("Authorization"), ["Proxy-Authorization"] = req:header("Proxy-Authorization") } } req:reply(200)`, "MESSAGE", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world(t, `auth.users { alice = "open sesame" }
			function route(req)
				if req.method == "REGISTER" then return auth.require(req) end
				`+c.route+`
			end`)
			bob := w.Peer("10.0.0.9:5060", luabindtest.Answering(200))
			w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				p.Reply(m, in, 302, "Contact: <sip:bob@10.0.0.9:5060>\r\n")
			})
			w.Peer("10.0.0.7:5060", luabindtest.Answering(503))
			p := newPhone(w, client{})
			challenge := string(p.send().Header(message.HeaderWWWAuthenticate))
			digest := func(realm, rest string) string {
				return `Digest username="alice", realm="` + realm + `", uri="sip:bob@example.com", response="r", ` + rest
			}
			fresh := fmt.Sprintf(`nonce="%s"`, param(challenge, "nonce"))
			known := fmt.Sprintf(`nonce="forgotten", opaque="%s"`, param(challenge, "opaque"))
			other := "Proxy-Authorization: " + digest("elsewhere.net", `nonce="n"`)
			p.method, p.ruri = c.method, "sip:bob@example.com"
			p.send("Proxy-Authorization: "+digest("example.com", fresh), "Proxy-Authorization: "+digest("example.com", `nonce="n"`),
				"Authorization: "+digest("example.com", fresh), "Authorization: "+digest("example.com", known), other)
			w.Run(5 * time.Second)
			if len(bob.Got) == 0 {
				t.Fatalf("bob got nothing\n%s", w.Log())
			}
			text := string(bob.Got[0].AppendTo(nil))
			if strings.Contains(text, `realm="example.com"`) {
				t.Errorf("bob got\n%s", text)
			}
			if !c.own && !strings.Contains(text, other+"\r\n") {
				t.Errorf("credentials of another realm are lost\n%s", text)
			}
		})
	}
}

// Where nobody has a password here, a realm may be another server's: what answers its challenges
// passes.
func TestCredentialsForTheServerBehind(t *testing.T) {
	w := world(t, `auth.configure { trusted = { "192.0.2.99" } }
	function route(req) if not auth.trusted(req) then req:relay("sip:bob@10.0.0.9:5060") end end`)
	bob := w.Peer("10.0.0.9:5060", luabindtest.Answering(200))
	p := newPhone(w, client{method: "MESSAGE", uri: "sip:bob@example.com", nonce: "theirs"})
	p.expect(p.send("Proxy-Authorization: "+p.credentials()), 200)
	if len(bob.Got) != 1 || bob.Got[0].Header(message.HeaderProxyAuthorization) == nil {
		t.Error("the credentials are lost")
	}
}

// Who overheard credentials can't use them for another call by writing a second Via.
func TestForgedVia(t *testing.T) {
	for _, c := range []struct {
		name, options string
		trust         string
		code          int
	}{
		{"anybody's", "", "", 400},
		{"of a trusted peer", `, trusted = { "10.0.0.2" }`, "", 200},
		{"of a proxy whose Via is believed", "", "10.0.0.2/32", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world(t, `auth.configure { users = { alice = "open sesame" }`+c.options+` }`+reply, luabindtest.Engine(func(e *engine.Config) {
				if c.trust != "" {
					e.TrustVia = []netip.Prefix{netip.MustParsePrefix(c.trust)}
				}
			}))
			p := newPhone(w, client{method: "MESSAGE", uri: "sip:carol@elsewhere.net", ruri: "sip:bob@example.com"})
			p.expect(p.ask("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2"), c.code)
		})
	}
}
