package auth

// This file tests what is known of users without their passwords.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestExists(t *testing.T) {
	hash := HashPassword(MD5, "alice", "example.com", "x")
	for _, row := range []struct{ users, uri, want string }{
		{`{ alice = "x" }`, "sip:alice@example.com", "true nil"},
		{`{ alice = "x" }`, "sip:al%69ce@EXAMPLE.com.;user=phone", "true nil"},
		{`{ alice = "x" }`, "sips:alice@example.com", "true nil"},
		{`{ alice = "x" }`, "sip:alice@10.0.0.1:5060", "true nil"},
		{`{ alice = "x" }`, "sip:alice@example.org", "true nil"}, // ours too
		{`{ alice = { ha1 = "` + hash + `" } }`, "sip:alice@example.com", "true nil"},
		{`{ alice = "x" }`, "sip:bob@example.com", "false nil"},
		{`{ alice = "x" }`, "sip:Alice@example.com", "false nil"},
		{`{ alice = "x" }`, "sip:alice@elsewhere.net", "false nil"},
		{`{ alice = "x" }`, "sip:example.com", "false nil"},
		{`{ alice = "x" }`, "tel:+12015550123", "false nil"},
		{`{ ["alice@example.com"] = "x" }`, "sip:alice@10.0.0.1", "true nil"},
		{`{ ["alice@example.com"] = "x" }`, "sip:alice@example.org", "false nil"},
		{`function(user, realm) return user == "alice" and realm == "example.org" and "x" or nil end`, "sip:alice@example.org", "true nil"},
		{`function(user, realm) return user == "alice" and realm == "example.org" and "x" or nil end`, "sip:alice@example.com", "false nil"},
		{`function() sip.sleep(1) return "x" end`, "sip:alice@example.com", "true nil"},
		{`function() return nil, "the database is away" end`, "sip:alice@example.com", "nil users: the database is away"},
		{"", "sip:alice@example.com", "false nil"},
	} {
		t.Run(row.users+" "+row.uri, func(t *testing.T) {
			users := ""
			if row.users != "" {
				users = "auth.users(" + row.users + ")"
			}
			w := world(t, users+`
			function route(req)
				local there, err = auth.exists("`+row.uri+`")
				req:reply(200, tostring(there) .. " " .. tostring(err))
			end`, luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com", "example.org"} }))
			if m := w.Send(w.Request("MESSAGE", "sip:x@example.com", "", "")); m == nil || string(m.ReasonPhrase()) != row.want {
				t.Errorf("%v, want %s\n%s", m, row.want, w.Log())
			}
		})
	}
}

// A user known by a token is held to the same identity as one with a password.
func TestIdentify(t *testing.T) {
	for _, row := range []struct {
		method, user, options, from string
		code                        int
		said                        string
	}{
		{"MESSAGE", `"alice"`, "", "sip:alice@example.com", 200, "alice"},
		{"REGISTER", `"alice"`, "", "sip:alice@example.com", 200, "alice"},
		{"MESSAGE", `"alice@example.com"`, "", "sip:alice@example.com", 200, "alice@example.com"},
		{"MESSAGE", `"bob"`, "", "sip:alice@example.com", 403, ""},
		{"REGISTER", `"bob"`, "", "sip:bob@example.com", 403, ""}, // the To counts, alice's
		{"MESSAGE", `"bob"`, ", { identity = false }", "sip:alice@example.com", 200, "bob"},
		{"MESSAGE", `"bob"`, `, { identity = function(user, uri) return user .. uri.user == "bobalice" end }`, "sip:alice@example.com", 200, "bob"},
		{"MESSAGE", `"alice"`, `, { identity = function() return false end }`, "sip:alice@example.com", 403, ""},
		{"MESSAGE", `""`, "", "sip:alice@example.com", 500, ""},
	} {
		t.Run(strings.Join([]string{row.method, row.user, row.options, row.from}, " "), func(t *testing.T) {
			w := world(t, `
			sip.on("auth.failed", function(user, source, why) said:set("failed", user .. source .. why) end)
			function route(req)
				local user = auth.identify(req, `+row.user+row.options+`)
				if user then req:reply(200, user) end
			end`)
			p := newPhone(w, client{method: row.method})
			p.from = row.from
			m := p.send()
			p.expect(m, row.code)
			if row.code == 200 && string(m.ReasonPhrase()) != row.said {
				t.Errorf("%s, want %s", m.ReasonPhrase(), row.said)
			}
			failed, err := w.Eval(`return sip.shared("said"):get("failed")`)
			if err != nil || (failed[0] != nil) != (row.code == 403) {
				t.Error(failed, err)
			}
		})
	}
}

// watching is a router that notes whether the identity of a request was compared with its user.
type watching struct {
	*luabind.Router
	identified *bool
}

// Route is the engine's router.
func (w watching) Route(req *engine.Request) error {
	err := w.Router.Route(req)
	*w.identified = req.Identified()
	return err
}

// What relies on From asks whether From was compared with the user: with identity = false it was
// not required, and counts only if it is theirs by itself.
func TestIdentified(t *testing.T) {
	for _, row := range []struct {
		name, user, options string
		want                bool
	}{
		{"their own", "alice", "", true},
		{"their own, though any will do", "alice", ", { identity = false }", true},
		{"another's, and any will do", "bob", ", { identity = false }", false},
		{"another's, by the script", "bob", ", { identity = function() return true end }", true},
		{"another's", "bob", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := !row.want
			w := world(t, `function route(req) if auth.identify(req, "`+row.user+`"`+row.options+`) then req:reply(200) end end`,
				luabindtest.Wrap(func(r *luabind.Router) engine.Router { return watching{r, &got} }))
			p := newPhone(w, client{method: "MESSAGE"})
			p.from = "sip:alice@example.com"
			p.send()
			if got != row.want {
				t.Errorf("identified: %v", got)
			}
		})
	}
}
