package auth

// This file tests the border of a trust domain (RFC 3325): identity_headers.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

var identityIDs = []message.HeaderID{message.HeaderPAssertedIdentity, message.HeaderPPreferredIdentity, message.HeaderRemotePartyID}

// spoken are the identity headers a peer says, with a name of its own in each.
func spoken(name string) (lines string) {
	for _, id := range identityIDs {
		lines += fmt.Sprintf("%s: <sip:%s@example.com>\r\n", id, name)
	}
	return lines
}

// heard are the identity headers of a message, by name.
func heard(m *message.Message) (list []string) {
	for _, id := range identityIDs {
		all := m.Elements(id)
		for all.Next() {
			list = append(list, id.String()+": "+string(all.Value))
		}
	}
	return list
}

// borderWorld has a caller at Caller and bob at 10.0.0.9, who answers with the codes, and says who
// he is each time.
func borderWorld(t *testing.T, options, script string, codes ...int) (w *luabindtest.World, caller, bob *luabindtest.Peer) {
	t.Helper()
	w = luabindtest.New(t, head+"auth.configure { identity_headers = \"trusted\", "+options+" }\n"+script, luabindtest.Modules(luabindtest.Must(New(Options{}))))
	bob = w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if !m.IsRequest() || m.Method() == message.MethodAck || m.Method() == message.MethodCancel {
			return
		}
		for _, code := range codes {
			p.Reply(m, in, code, spoken("bob")+"Contact: <sip:bob@10.0.0.9>\r\n"+recordRoutes(m))
		}
	})
	return w, w.Peer(luabindtest.Caller, nil), bob
}

// recordRoutes are the Record-Route lines of a request, for its response.
func recordRoutes(m *message.Message) (lines string) {
	all := m.Elements(message.HeaderRecordRoute)
	for all.Next() {
		lines += "Record-Route: " + string(all.Value) + "\r\n"
	}
	return lines
}

// What strangers say of identities passes on no path, neither way; what trusted peers say does on
// each.
func TestStrangersIdentities(t *testing.T) {
	const to = `"sip:bob@10.0.0.9:5060"`
	for _, c := range []struct {
		name, route, method string
		codes               []int
	}{
		{"relay", `req:relay(` + to + `)`, "INVITE", []int{180, 200}},
		{"relay that fails", `req:relay(` + to + `)`, "INVITE", []int{183, 486}},
		{"relay of another method", `req:relay(` + to + `)`, "MESSAGE", []int{200}},
		{"relay after a wait", `sip.sleep(1) req:relay(` + to + `)`, "MESSAGE", []int{202}},
		{"record-routed", `req:record_route() req:relay(` + to + `)`, "INVITE", []int{180, 200}},
		{"on_response", `req:relay(` + to + `, { on_response = function(res, req) end })`, "INVITE", []int{180, 200}},
		{"on_failure", `req:relay(` + to + `, { on_failure = function(res, req) req:reply(res) end })`, "MESSAGE", []int{404}},
		{"fork", `req:fork(` + to + `)`, "INVITE", []int{180, 200}},
		{"fork and reply", `local res = req:fork(` + to + `) req:reply(res)`, "MESSAGE", []int{480}},
		{"forward", `req:forward(` + to + `)`, "INVITE", []int{180, 200}},
		{"forward of another method", `req:forward(` + to + `)`, "MESSAGE", []int{500}},
		{"forward after a wait", `sip.sleep(1) req:forward(` + to + `)`, "MESSAGE", []int{200}},
		{"an ACK", `req:relay(` + to + `)`, "ACK", nil},
		{"an ACK that is forwarded", `req:forward(` + to + `)`, "ACK", nil},
		{"a redirect that is followed", `req:relay("sip:bob@10.0.0.8:5060", { follow_redirects = true })`, "INVITE", []int{180, 200}},
		{"a failover", `req:relay({ "sip:bob@10.0.0.7:5060", ` + to + ` }, { order = "serial" })`, "INVITE", []int{180, 200}},
	} {
		for _, trusted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s trusted %v", c.name, trusted), func(t *testing.T) {
				options := ""
				if trusted {
					options = `trusted = { "10.0.0.0/24" }`
				}
				w, caller, bob := borderWorld(t, options, "function route(req) "+c.route+" end", c.codes...)
				w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
					if m.Method() != message.MethodAck {
						p.Reply(m, in, 302, "Contact: <sip:bob@10.0.0.9:5060>\r\n")
					}
				})
				w.Peer("10.0.0.7:5060", luabindtest.Answering(503))
				caller.Send(luabindtest.Addr, w.Request(c.method, "sip:bob@example.com", spoken("alice"), ""))
				w.Run(2 * time.Second)
				if len(bob.Got) == 0 {
					t.Fatal("bob got nothing")
				}
				expectHeard(t, bob.Got[0], trusted, "alice")
				for _, code := range c.codes {
					i := slices.IndexFunc(caller.Got, func(m *message.Message) bool { return m.Status() == code })
					if i < 0 {
						t.Fatalf("the caller got no %d", code)
					}
					expectHeard(t, caller.Got[i], trusted, "bob")
				}
			})
		}
	}
}

func expectHeard(t *testing.T, m *message.Message, all bool, name string) {
	t.Helper()
	want := ""
	if all {
		want = strings.TrimSpace(spoken(name))
	}
	if got := strings.Join(heard(m), "\r\n"); got != want {
		t.Errorf("got %q, want %q in\n%s", got, want, m.AppendTo(nil))
	}
}

// Everything else of a message leaves as it came.
func TestBorderLeavesTheRest(t *testing.T) {
	w, caller, bob := borderWorld(t, "", `function route(req) req:relay("sip:bob@10.0.0.9:5060") end`)
	const lines = "X-A:  1\r\np-asserted-identity : \"A, B\" <sip:a@b>,\r\n <tel:+1>\r\nPRIVACY: id\r\nX-B: 2\r\n\t3\r\n"
	caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", lines, "hello"))
	w.Run(100 * time.Millisecond)
	text := string(bob.Got[0].AppendTo(nil))
	if want := "X-A:  1\r\nPRIVACY: id\r\nX-B: 2\r\n\t3\r\n"; !strings.Contains(text, want) || strings.Contains(text, "tel:") {
		t.Errorf("got\n%s", text)
	}
}

// Where nothing is said of it, all passes.
func TestIdentityHeadersAreAnybodysByDefault(t *testing.T) {
	w := luabindtest.New(t, head+`function route(req) auth.trusted(req) req:relay("sip:bob@10.0.0.9:5060") end`, luabindtest.Modules(luabindtest.Must(New(Options{}))))
	bob := w.Peer("10.0.0.9:5060", nil)
	w.Peer(luabindtest.Caller, nil).Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", spoken("alice"), ""))
	w.Run(100 * time.Millisecond)
	expectHeard(t, bob.Got[0], true, "alice")
}

// What the script says of its own accord passes. P-Preferred-Identity of a stranger is a hint to
// it, and no more.
func TestScriptsAssert(t *testing.T) {
	for _, c := range []struct{ name, route, want string }{
		{"on the request", `req:set_header("P-Asserted-Identity", "<sip:alice@example.com>") req:relay(bob)`, "P-Asserted-Identity: <sip:alice@example.com>"},
		{"on the target", `req:relay { uri = bob, headers = { ["P-Asserted-Identity"] = "<sip:alice@example.com>" } }`, "P-Asserted-Identity: <sip:alice@example.com>"},
		{"on the branch", `req:relay(bob, { on_branch = function(branch, req) branch:set_header("Remote-Party-ID", "<sip:a@b>") end })`, "Remote-Party-ID: <sip:a@b>"},
		{"of a preference", `req:set_header("P-Asserted-Identity", req:header("P-Preferred-Identity")) req:relay(bob)`, "P-Asserted-Identity: <sip:alice@example.com>"},
		{"a preference", `req:set_header("P-Preferred-Identity", "<sip:x@y>") req:relay(bob)`, "P-Preferred-Identity: <sip:x@y>"},
		{"of what it believes", `req:set_header("X-Said", req:header("P-Asserted-Identity") or "nothing") req:relay(bob)`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, caller, bob := borderWorld(t, "", `local bob = "sip:bob@10.0.0.9:5060"
				function route(req) `+c.route+` end`)
			caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", spoken("alice"), ""))
			w.Run(100 * time.Millisecond)
			if got := strings.Join(heard(bob.Got[0]), "\n"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if said := bob.Got[0].HeaderName("X-Said"); said != nil && string(said) != "nothing" {
				t.Errorf("the script saw %q", said)
			}
		})
	}
}

// A trusted peer's identity is shown to strangers, but where its owner keeps it private (RFC 3325
// §7).
func TestPrivateIdentities(t *testing.T) {
	const party = "Remote-Party-ID: <sip:alice@example.com>"
	for _, c := range []struct {
		name, privacy string
		stranger      bool // the other side
		hidden        bool
	}{
		{"nothing asked", "", true, false},
		{"none", "Privacy: none\r\n", true, false},
		{"id", "Privacy: id\r\n", true, true},
		{"id among others", "Privacy: Header; ID ;critical\r\n", true, true},
		{"a value that begins like it", "Privacy: identity\r\n", true, false},
		{"id, to a trusted peer", "Privacy: id\r\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := `trusted = { "10.0.0.2", "10.0.0.9" }`
			if c.stranger {
				options = `trusted = { "10.0.0.2" }`
			}
			w, caller, bob := borderWorld(t, options, `function route(req) if req.body == "f" then return req:forward("sip:bob@10.0.0.9") end req:relay("sip:bob@10.0.0.9:5060") end`)
			for i, body := range []string{"r", "f"} {
				caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", c.privacy+"P-Asserted-Identity: <sip:alice@example.com>\r\n"+party+"\r\n", body))
				w.Run(10 * time.Millisecond)
				if got := len(heard(bob.Got[i])); (got == 0) != c.hidden {
					t.Errorf("bob got %q", heard(bob.Got[i]))
				}
			}
		})
	}
}

// The way back is the same: what bob, who is trusted, keeps private is not shown to a stranger. The
// script sees it.
func TestPrivateIdentitiesInResponses(t *testing.T) {
	for _, c := range []struct{ name, route string }{
		{"relay", `req:relay(bob)`},
		{"on_response", `req:relay(bob, { on_response = function(res, req) see(res) end })`},
		{"fork and reply", `local res = req:fork(bob) see(res) if not req.answered then req:reply(res) end`},
		{"forward", `req:forward(bob)`},
	} {
		for _, code := range []int{180, 200, 404} {
			t.Run(fmt.Sprintf("%s %d", c.name, code), func(t *testing.T) {
				w, caller, _ := borderWorld(t, `trusted = { "10.0.0.8" }`, `local bob = "sip:bob@10.0.0.8:5060"
					local function see(res)
						sip.log.info("it is %s", res:header("P-Asserted-Identity"))
					end
					function route(req) `+c.route+` end`)
				w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
					if m.Method() == message.MethodInvite {
						p.Reply(m, in, code, "Privacy: id\r\nP-Asserted-Identity: <sip:bob@example.com>\r\n")
					}
				})
				caller.Send(luabindtest.Addr, w.Request("INVITE", "sip:bob@example.com", "", ""))
				w.Run(time.Second)
				i := slices.IndexFunc(caller.Got, func(m *message.Message) bool { return m.Status() == code })
				if i < 0 {
					t.Fatalf("the caller got no %d", code)
				}
				expectHeard(t, caller.Got[i], false, "")
				if strings.Contains(c.route, "see") && code != 180 && !strings.Contains(w.Log(), "it is <sip:bob@example.com>") {
					t.Error("the script saw nothing")
				}
			})
		}
	}
}

// What comes when the request is over, or comes again, is as strange, and as private, as what came
// first.
func TestIdentitiesThatComeLate(t *testing.T) {
	const private = "Privacy: id\r\nP-Asserted-Identity: <sip:bob@example.com>\r\n"
	for _, c := range []struct {
		name, options, route string
		headers              string
		code                 int
		cancel               bool
	}{
		{"a 2xx again, from a stranger", "", `req:relay(bob)`, spoken("bob"), 200, false},
		{"a 2xx again, private", `trusted = { "10.0.0.8" }`, `req:relay(bob)`, private, 200, false},
		{"a 2xx again that a script saw", `trusted = { "10.0.0.8" }`, `req:relay(bob, { on_response = function(res, req) end })`, private, 200, false},
		{"a reliable 183 again that a script saw", `trusted = { "10.0.0.8" }`, `req:relay(bob, { on_response = function(res, req) end })`,
			private + "RSeq: 1\r\nRequire: 100rel\r\n", 183, false},
		{"a 2xx after the 487, from a stranger", "", `req:relay(bob)`, spoken("bob"), 200, true},
		{"a 2xx after the 487, private", `trusted = { "10.0.0.8" }`, `req:relay(bob)`, private, 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, caller, _ := borderWorld(t, c.options, `local bob = "sip:bob@10.0.0.8:5060"
				function route(req) `+c.route+` end`)
			var invite *message.Message
			var from sim.Packet
			bob := w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				switch m.Method() {
				case message.MethodInvite:
					invite, from = m, in
					p.Reply(m, in, 180, "")
				case message.MethodCancel:
					p.Reply(m, in, 200, "")
				}
			})
			text := w.Request("INVITE", "sip:bob@example.com", "", "")
			caller.Send(luabindtest.Addr, text)
			w.Run(100 * time.Millisecond)
			if c.cancel {
				caller.Send(luabindtest.Addr, []byte(strings.ReplaceAll(string(text), "INVITE", "CANCEL")))
				over := func() bool {
					return slices.ContainsFunc(caller.Got, func(m *message.Message) bool { return m.Status() == 487 })
				}
				if !w.Sim.RunUntil(time.Minute, over) {
					t.Fatal("no 487 came")
				}
			}
			caller.Got = nil
			for range 2 {
				bob.Reply(invite, from, c.code, c.headers)
				w.Run(5 * time.Second)
			}
			seen := 0
			for _, m := range caller.Got {
				if cs, _ := m.CSeq(); m.Status() == c.code && cs.Method == message.MethodInvite {
					seen++
					expectHeard(t, m, false, "")
				}
			}
			if seen < 2 {
				t.Errorf("%d came", seen)
			}
		})
	}
}

// A request of the script's own is one like another: what it asserts is not shown to strangers
// where it says so, and their answers are not believed.
func TestIdentitiesOfOwnRequests(t *testing.T) {
	w, _, bob := borderWorld(t, "", `function route(req) end`, 200)
	got, err := w.Eval(`local res = sip.send { method = "MESSAGE", uri = "sip:bob@10.0.0.9", headers = { Privacy = "id", ["P-Asserted-Identity"] = "<sip:a@b>" } }
		return res:header("P-Asserted-Identity") or "nothing"`)
	if err != nil || len(got) != 1 || got[0] != "nothing" {
		t.Errorf("%v, %v", got, err)
	}
	expectHeard(t, bob.Got[0], false, "")
}

// Remote-Party-ID says of each party whether it is private.
func TestPrivateRemoteParty(t *testing.T) {
	w, caller, bob := borderWorld(t, `trusted = { "10.0.0.2" }`, `function route(req) req:relay("sip:bob@10.0.0.9:5060") end`)
	caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com",
		"Remote-Party-ID: <sip:a@b>;privacy=full, <sip:c@d>;privacy=off\r\nRemote-Party-ID: <sip:e@f>;Privacy=\"name\"\r\nRemote-Party-ID: <sip:g@h>\r\n", ""))
	w.Run(100 * time.Millisecond)
	if got, want := strings.Join(heard(bob.Got[0]), "\n"), "Remote-Party-ID: <sip:c@d>;privacy=off\nRemote-Party-ID: <sip:g@h>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// From Go the policy does it for an engine that the Auth is attached to.
func TestBorderFromGo(t *testing.T) {
	a := luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.IdentityHeaders, p.Trusted = "trusted", []string{"192.0.2.1"} })}))
	w := luabindtest.New(t, `function route(req) req:relay("sip:bob@10.0.0.9:5060") end`)
	if err := a.Attach(w.Engine); err != nil {
		t.Fatal(err)
	}
	bob := w.Peer("10.0.0.9:5060", nil)
	w.Peer(luabindtest.Caller, nil).Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", spoken("alice"), ""))
	w.Run(100 * time.Millisecond)
	expectHeard(t, bob.Got[0], false, "")
}

func TestIdentityHeadersOption(t *testing.T) {
	if err := (policyOf(func(p *Policy) { p.IdentityHeaders = "all" })).Check(); err == nil || !strings.Contains(err.Error(), "identity_headers") {
		t.Errorf("%v", err)
	}
}
