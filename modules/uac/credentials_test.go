package uac_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/auth"
)

// Scripts give credentials to a target, or to sip.send; the module auth of another server is who
// asks, with each algorithm it has.
func TestCredentialsOfScripts(t *testing.T) {
	const secret = `{ user = "bob", password = "s3cret" }`
	// As the module auth takes one
	const asUser = `{ user = "bob", password = { password = "s3cret" } }`
	for name, body := range map[string]string{
		"relay":          `req:relay{ uri = "sip:x@10.0.0.1", headers = { ["X-Round"] = "2" }, credentials = ` + secret + ` }`,
		"fork":           `req:reply(req:fork("sip:x@10.0.0.1", { headers = { ["X-Round"] = "2" }, credentials = ` + secret + ` }))`,
		"send":           `req:reply(sip.send{ method = "MESSAGE", from = "sip:bob@example.com", uri = "sip:x@10.0.0.1", headers = { ["X-Round"] = "2" }, credentials = ` + secret + ` }.code)`,
		"target":         `req:reply(sip.send{ method = "MESSAGE", from = "sip:bob@example.com", headers = { ["X-Round"] = "2" }, target = { uri = "sip:x@10.0.0.1", credentials = ` + secret + ` } }.code)`,
		"relay, a table": `req:relay{ uri = "sip:x@10.0.0.1", headers = { ["X-Round"] = "2" }, credentials = ` + asUser + ` }`,
		"send, a table":  `req:reply(sip.send{ method = "MESSAGE", from = "sip:bob@example.com", uri = "sip:x@10.0.0.1", headers = { ["X-Round"] = "2" }, credentials = ` + asUser + ` }.code)`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, algorithm := range []string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
				for _, qop := range []string{"auth", "auth-int"} {
					w := world(t, `
local auth = require "auth"
auth.configure { realm = "example.com", algorithms = { "`+algorithm+`" }, qop = { "`+qop+`" }, users = { bob = "s3cret" } }
function route(req)
  if req:header("X-Round") then
    if auth.require(req, { identity = false }) then req:reply(202) end
    return
  end
  `+body+`
end`, luabindtest.Modules(luabindtest.Must(auth.New(auth.Options{}))))
					if code := w.Code("MESSAGE", "sip:x@example.com"); code != 202 {
						t.Errorf("%s, %s, %s: %d\n%s", name, algorithm, qop, code, w.Log())
					}
					wantNoSecret(t, w)
				}
			}
		})
	}
}

// What can't be credentials is told where it stands.
func TestCredentialMistakes(t *testing.T) {
	for body, want := range map[string]string{
		`req:relay{ uri = "sip:x@10.0.0.8", credentials = { user = "a" } }`:                                             "credentials must be",
		`req:relay{ uri = "sip:x@10.0.0.8", credentials = { user = "a\r\nb", password = "c" } }`:                        "line break",
		`sip.send{ method = "MESSAGE", uri = "sip:x@10.0.0.8", credentials = { user = "a" } }`:                          "credentials must be",
		`sip.send{ method = "MESSAGE", uri = "sip:x@10.0.0.8", credentials = { user = "", password = "c", realm = 1 }}`: "realm",
	} {
		t.Run(body, func(t *testing.T) {
			w := world(t, "function route(req) "+body+" end")
			w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) { t.Errorf("%s: sent", body) })
			if code := w.Code("MESSAGE", "sip:x@example.com"); code != 500 || !strings.Contains(w.Log(), want) {
				t.Errorf("%s: %d\n%s", body, code, w.Log())
			}
		})
	}
}
