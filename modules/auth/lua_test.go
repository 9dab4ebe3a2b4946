package auth

// This file tests the module as scripts see it.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const head = `
local auth = require "auth"
local said = sip.shared("said")
`

// asker is a client that sends requests in a world, and answers challenges.
type asker struct {
	*luabindtest.World
	client
	from, to string
	serial   int
}

func newPhone(w *luabindtest.World, c client) *asker {
	return &asker{World: w, client: c.filled(), from: "sip:alice@example.com", to: "sip:alice@example.com"}
}

func (p *asker) send(headers ...string) *message.Message {
	p.T.Helper()
	p.serial++
	lines := strings.Join(headers, "\r\n")
	if lines != "" {
		lines += "\r\n"
	}
	return p.Send(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%x-%d\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=1\r\nTo: <%s>\r\nCall-ID: %s%d\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
		p.method, p.ruri, luabindtest.Caller, p.user+p.method+p.to, p.serial, p.from, p.to, p.user, p.serial, p.method, lines, len(p.body), p.body))
}

// ask sends a request, and once more with credentials when it is challenged.
func (p *asker) ask(headers ...string) *message.Message {
	p.T.Helper()
	m := p.send(headers...)
	if m == nil || m.Status() != 401 && m.Status() != 407 {
		return m
	}
	challenge, answer := message.HeaderWWWAuthenticate, "Authorization: "
	if m.Status() == 407 {
		challenge, answer = message.HeaderProxyAuthenticate, "Proxy-Authorization: "
	}
	all := m.Elements(challenge)
	for all.Next() {
		v := string(all.Value)
		if p.algorithm == param(v, "algorithm") || p.algorithm == "" {
			p.nonce, p.opaque, p.realm, p.nc = param(v, "nonce"), param(v, "opaque"), param(v, "realm"), 1
			if p.algorithm == "" {
				p.algorithm = param(v, "algorithm")
			}
			break
		}
	}
	return p.send(append(headers, answer+p.credentials())...)
}

func (p *asker) expect(m *message.Message, code int) {
	p.T.Helper()
	if m == nil || m.Status() != code {
		p.T.Errorf("answered %v, want %d", m, code)
	}
}

// A phone answers the challenge it likes best, before anybody knows whose it is: a user with a hash
// for the other one only is refused.
func TestLuaWarnsOfMissingHashes(t *testing.T) {
	hash := HashPassword(MD5, "bob", "example.com", "x")
	for options, want := range map[string]string{
		``:                             "algorithm=SHA-256 users=bob count=1",
		`algorithms = {"MD5"}`:         "",
		`algorithms = {"SHA-512-256"}`: "algorithm=SHA-512-256 users=bob count=1",
	} {
		t.Run(options, func(t *testing.T) {
			w := world(t, `auth.configure{realm = "example.com", users = {alice = "x", bob = {ha1 = "`+hash+`", algorithm = "MD5"}}, `+options+`} `+reply)
			if log := w.Log(); !strings.Contains(log, want) || strings.Contains(log, "have no hash") != (want != "") {
				t.Errorf("%s: want %q in the log:\n%s", options, want, log)
			}
		})
	}
}

func world(t *testing.T, script string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, head+script, append(options, luabindtest.Modules(luabindtest.Must(New(Options{}))))...)
}

const reply = `
function route(req)
	local user = auth.require(req)
	if user then req:reply(200, "user " .. user) else said:set("false", user == false) end
end`

func TestLuaRequire(t *testing.T) {
	w := world(t, `auth.users { alice = "open sesame", bob = "swordfish", ["carol@example.com"] = "x" }`+reply)
	p := newPhone(w, client{})
	first := p.send()
	p.expect(first, 401)
	if n := first.Find(message.HeaderWWWAuthenticate, 0); n < 0 || first.Find(message.HeaderWWWAuthenticate, n+1) < 0 ||
		!strings.Contains(string(first.Value(n)), `realm="example.com"`) || !strings.Contains(string(first.Value(n)), "algorithm=SHA-256,") {
		t.Errorf("challenges: %s", first.Header(message.HeaderWWWAuthenticate))
	}
	m := p.ask()
	p.expect(m, 200)
	if string(m.ReasonPhrase()) != "user alice" {
		t.Errorf("reason %q", m.ReasonPhrase())
	}
	p.expect(p.send("Authorization: "+p.credentials()), 401) // used before
	p.nc = 7
	p.expect(p.send("Authorization: "+p.credentials()), 200)
	p.expect(p.send("Authorization: Digest username=\"alice"), 400)
	p.password = "wrong"
	p.expect(p.ask(), 401)

	i := newPhone(w, client{method: "INVITE", uri: "sip:bob@example.com", algorithm: "MD5"})
	p.expect(i.ask(), 200)
	c := newPhone(w, client{user: "carol@example.com", password: "x"})
	c.to = "sip:carol@example.com"
	p.expect(c.ask(), 200)
}

func TestTrap30Identity(t *testing.T) {
	for _, c := range []struct {
		options    string
		method     string
		user, from string
		to         string
		code       int
	}{
		// third-party registration: the To counts
		{"", "REGISTER", "alice", "sip:bob@example.com", "sip:alice@example.com", 200},
		{"", "REGISTER", "alice", "sip:alice@example.com", "sip:bob@example.com", 403},
		{"", "MESSAGE", "alice", "sip:alice@example.com", "sip:bob@example.com", 200},
		{"", "MESSAGE", "alice", "sip:bob@example.com", "sip:alice@example.com", 403},
		{"", "MESSAGE", "alice", "sip:alice@elsewhere.net", "sip:bob@example.com", 403},
		{"", "MESSAGE", "alice", "sip:alice@10.0.0.1", "sip:bob@example.com", 200},
		{"", "MESSAGE", "alice", "sip:al%69ce@EXAMPLE.COM:5060", "sip:bob@example.com", 200},
		{"", "MESSAGE", "alice", "sip:anonymous@anonymous.invalid", "sip:bob@example.com", 403},
		{"", "MESSAGE", "alice", "tel:+12015550123", "sip:bob@example.com", 403},
		{"identity = false", "MESSAGE", "alice", "sip:bob@example.com", "sip:alice@example.com", 200},
		{"identity = true", "MESSAGE", "alice", "sip:bob@example.com", "sip:alice@example.com", 403},
		{"identity = function(user, uri) return user == 'alice' and uri.user == 'bob' end", "MESSAGE", "alice", "sip:bob@example.com", "sip:x@example.com", 200},
		{"identity = function(user, uri) return uri.host == 'x' end", "MESSAGE", "alice", "sip:alice@example.com", "sip:x@example.com", 403},
		{"identity = function(user, uri) sip.sleep(1) return true end", "MESSAGE", "alice", "sip:bob@example.com", "sip:x@example.com", 200},
		{"identity = function(user, uri) error('no') end", "MESSAGE", "alice", "sip:bob@example.com", "sip:x@example.com", 500},
		{"identity = 7", "MESSAGE", "alice", "sip:bob@example.com", "sip:x@example.com", 500},
	} {
		t.Run(c.options+" "+c.method+" "+c.from, func(t *testing.T) {
			w := world(t, `auth.configure { realm = "example.com", users = { alice = "open sesame" } }
			function route(req)
				if auth.require(req, { `+c.options+` }) then req:reply(200) end
			end`)
			p := newPhone(w, client{user: c.user, method: c.method})
			p.from, p.to = c.from, c.to
			p.expect(p.ask(), c.code)
		})
	}
}

// ACK and CANCEL are not challenged.
func TestLuaNoChallenge(t *testing.T) {
	w := world(t, `auth.users {}
	function route(req)
		said:set(req.method, tostring(auth.require(req)) .. tostring(auth.challenge(req)) .. tostring(select(2, auth.check(req))))
	end`)
	caller := w.Peer(luabindtest.Caller, nil)
	for _, method := range []string{"ACK", "CANCEL"} {
		caller.Send(luabindtest.Addr, w.Request(method, "sip:bob@example.com", "", ""))
		w.Run(time.Second)
		got, err := w.Eval(`return sip.shared("said"):get("` + method + `")`)
		if err != nil || got[0] != "falsefalsemissing" {
			t.Errorf("%s: %v %v", method, got, err)
		}
	}
	for _, m := range caller.Got {
		if m.Status() != 481 {
			t.Errorf("answered %d", m.Status())
		}
	}
}

// Users of all kinds; a function may wait.
func TestLuaUsers(t *testing.T) {
	sha := HashPassword(SHA256, "alice", "example.com", "open sesame")
	md5 := HashPassword(MD5, "alice", "example.com", "open sesame")
	for _, users := range []string{
		`{ alice = "open sesame" }`,
		`{ alice = { password = "open sesame" } }`,
		`function(user) return user == "alice" and { password = "open sesame" } or nil end`,
		`{ alice = { ha1 = "` + sha + `" } }`,
		`{ alice = { ha1 = "` + sha + `", algorithm = "SHA-256" } }`,
		`{ alice = { { ha1 = "` + md5 + `" }, { ha1 = "` + strings.ToUpper(sha) + `" } } }`,
		`function(user, realm) if user == "alice" and realm == "example.com" then return "open sesame" end end`,
		`function(user, realm) sip.sleep(2) return user == "alice" and { ha1 = "` + sha + `" } end`,
	} {
		w := world(t, "auth.users("+users+")"+reply)
		p := newPhone(w, client{})
		p.expect(p.ask(), 200)
		p.password = "wrong"
		p.expect(p.ask(), 401)
		p.user, p.to = "bob", "sip:bob@example.com"
		p.expect(p.ask(), 401)
	}
	w := world(t, `auth.users(function() return nil, "the database is away" end)`+reply)
	p := newPhone(w, client{})
	m := p.ask()
	p.expect(m, 503)
	if len(m.Header(message.HeaderRetryAfter)) == 0 {
		t.Error("no Retry-After")
	}
	w = world(t, `auth.users(function() error("oops") end)`+reply)
	newPhone(w, client{}).expect(newPhone(w, client{}).ask(), 500)
	w = world(t, `auth.users(function() return 7 end)`+reply)
	newPhone(w, client{}).expect(newPhone(w, client{}).ask(), 500)
}

func TestLuaCheck(t *testing.T) {
	w := world(t, `auth.configure { users = { alice = "open sesame" }, max_failures = 3, ban = 60, nonce_lifetime = 10, realm = "example.com" }
	local banned = sip.shared("banned")
	sip.on("auth.banned", function(source, user, seconds) banned:set("last", source .. " " .. tostring(user) .. " " .. seconds) end)
	sip.on("auth.failed", function(user, source, reason) banned:incr(user .. " " .. source .. " " .. reason, 1, 0) end)
	function route(req)
		local user, reason = auth.check(req, { identity = function(user, uri) return uri.user == user end })
		if user then return req:reply(200) end
		if reason == "missing" then return auth.challenge(req) end
		if reason == "stale" then return auth.challenge(req, { stale = true }) end
		req:reply(480, reason)
	end`)
	p := newPhone(w, client{method: "MESSAGE", uri: "sip:bob@example.com"})
	reason := func(m *message.Message) string { p.T.Helper(); p.expect(m, 480); return string(m.ReasonPhrase()) }
	p.expect(p.ask(), 200)
	p.from = "sip:bob@example.com"
	if r := reason(p.ask()); r != "identity" {
		t.Error(r)
	}
	p.from = "sip:alice@example.com"
	if r := reason(p.send("Proxy-Authorization: " + p.credentials())); r != "replay" {
		t.Error(r)
	}
	if r := reason(p.send("Proxy-Authorization: Digest x")); r != "malformed" {
		t.Error(r)
	}
	p.expect(p.ask(), 200)
	w.Run(10 * time.Second)
	p.nc = 2
	m := p.send("Proxy-Authorization: " + p.credentials())
	p.expect(m, 407)
	if param(string(m.Header(message.HeaderProxyAuthenticate)), "stale") != "true" {
		t.Error("not stale")
	}
	right := p.password
	p.password = "wrong"
	for range 3 {
		if r := reason(p.ask()); r != "failed" {
			t.Error(r)
		}
	}
	p.password = right
	if r := reason(p.ask()); r != "banned" {
		t.Error(r)
	}
	w.Run(60 * time.Second)
	p.expect(p.ask(), 200)
	got, err := w.Eval(`local b = sip.shared("banned") return b:get("last"), b:get("alice 10.0.0.2 failed"), b:get("alice 10.0.0.2 identity")`)
	if err != nil || got[0] != "10.0.0.2 alice 60" || got[1] != 3.0 || got[2] != 1.0 {
		t.Errorf("events: %v %v", got, err)
	}
	if log := w.Log(); strings.Contains(log, "sesame") || strings.Contains(log, p.response()) {
		t.Errorf("a secret was logged:\n%s", log)
	}
}

// Our credentials stay here; others go on as they came, byte for byte.
func TestLuaStrip(t *testing.T) {
	w := world(t, `auth.users { alice = "open sesame" }
	function route(req)
		if auth.require(req) then req:relay("sip:bob@10.0.0.9:5060") end
	end`)
	bob := w.Peer("10.0.0.9:5060", luabindtest.Answering(200))
	p := newPhone(w, client{method: "MESSAGE", uri: "sip:bob@example.com"})
	other := "Proxy-Authorization: Digest username=\"x\",\r\n  realm = \"elsewhere.net\", response=\"y\""
	alike := "Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"n\", uri=\"sip:bob@example.com\", response=\"r\""
	old := "Proxy-Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"old\", uri=\"sip:bob@example.com\", response=\"r\""
	m := p.send()
	p.nonce = param(string(m.Header(message.HeaderProxyAuthenticate)), "nonce")
	p.algorithm = "SHA-256"
	// A phone sends what it registered with, too.
	registered := fmt.Sprintf("Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"%s\", uri=\"sip:example.com\", response=\"r\"", p.nonce)
	p.expect(p.send(old, other, registered, alike, "Proxy-Authorization: Bearer x", old, "Proxy-Authorization: "+p.credentials()), 200)
	if len(bob.Got) != 1 {
		t.Fatalf("bob got %d", len(bob.Got))
	}
	text := string(bob.Got[0].AppendTo(nil))
	if !strings.Contains(text, other+"\r\n") || !strings.Contains(text, alike+"\r\n") || !strings.Contains(text, "Bearer x") ||
		strings.Count(text, "roxy-Authorization") != 2 || strings.Contains(text, p.nonce) || strings.Contains(text, "old") {
		t.Errorf("bob got\n%s", text)
	}
}

// Half-way through a nonce's life the 200 brings the next one.
func TestLuaNextNonce(t *testing.T) {
	w := world(t, `auth.users { alice = "open sesame" }`+reply)
	p := newPhone(w, client{})
	m := p.ask()
	if m.Find(message.HeaderAuthenticationInfo, 0) >= 0 {
		t.Errorf("info: %s", m.Header(message.HeaderAuthenticationInfo))
	}
	w.Run(200 * time.Second)
	p.nc = 2
	m = p.send("Authorization: " + p.credentials())
	p.expect(m, 200)
	p.nonce, p.nc = param(string(m.Header(message.HeaderAuthenticationInfo)), "nextnonce"), 1
	w.Run(200 * time.Second)
	p.expect(p.send("Authorization: "+p.credentials()), 200)
}

// The caller gives up while the users are asked.
func TestLuaCancelled(t *testing.T) {
	w := world(t, `auth.users(function() sip.sleep(10) return "open sesame" end)
	function route(req)
		local user = auth.require(req)
		said:set("user", tostring(user))
		if user then req:reply(200) end
	end`)
	p := newPhone(w, client{method: "INVITE", uri: "sip:bob@example.com"})
	p.send() // 407
	var got []*message.Message
	m := w.Send(w.Request("INVITE", "sip:bob@example.com", "", ""))
	c := client{method: "INVITE", uri: "sip:bob@example.com", algorithm: "SHA-256"}.filled()
	c.nonce, c.realm = param(string(m.Header(message.HeaderProxyAuthenticate)), "nonce"), "example.com"
	caller := w.Peer(luabindtest.Caller, func(_ *luabindtest.Peer, m *message.Message, _ sim.Packet) { got = append(got, m) })
	invite := string(w.Request("INVITE", "sip:bob@example.com", "Proxy-Authorization: "+c.credentials()+"\r\n", ""))
	caller.Send(luabindtest.Addr, []byte(invite))
	w.Run(time.Second)
	cancel, _, _ := strings.Cut(strings.Replace(strings.ReplaceAll(invite, "7 INVITE", "7 CANCEL"), "INVITE sip", "CANCEL sip", 1), "Proxy-Auth")
	caller.Send(luabindtest.Addr, []byte(cancel+"Content-Length: 0\r\n\r\n"))
	w.Run(15 * time.Second)
	codes := ""
	for _, m := range got {
		if m.Status() >= 200 && strings.Contains(invite, "Call-ID: "+string(m.CallID())+"\r\n") && !strings.Contains(codes, fmt.Sprint(m.Status())) {
			codes += fmt.Sprint(m.Status(), " ")
		}
	}
	said, err := w.Eval(`return sip.shared("said"):get("user")`)
	if !strings.Contains(codes, "487") || strings.Contains(codes, "407") || err != nil || said[0] != "false" {
		t.Errorf("answers %s; require gave %v %v", codes, said, err)
	}
}

// Mistakes are found while the file loads, and name themselves without showing a secret.
func TestLuaMistakes(t *testing.T) {
	for script, want := range map[string]string{
		`auth.configure { realm = 'a"b' }`:                     "must not contain quotes",
		`auth.configure { algorithms = { "SHA-1" } }`:          "unknown algorithm",
		`auth.configure { algorithms = {} }`:                   "at least one",
		`auth.configure { qop = { "x" } }`:                     "qop must be",
		`auth.configure { nonce_lifetime = 1 }`:                "at least 10",
		`auth.configure { uri = "sometimes" }`:                 "one of",
		`auth.configure { nonsense = 1 }`:                      "nonsense",
		`auth.configure {} auth.configure {}`:                  "already",
		`auth.users({}) auth.users({})`:                        "already",
		`auth.configure { users = {} } auth.users({})`:         "already",
		`auth.users { alice = "hunter2" .. math.random(1e9) }`: "users: differs between lanes",
		`auth.users(7)`:                              "users must be a table",
		`auth.users("nonsense")`:                     "users must be a table",
		`auth.users("oracle:x")`:                     "users must be a table",
		`auth.users { alice = 7 }`:                   "a user is a password",
		`auth.users { alice = {} }`:                  "a user is a password",
		`auth.users { alice = { ha1 = "hunter2" } }`: "32 (MD5) or 64",
		`auth.users { alice = { ha1 = "hunter2", algorithm = "SHA-256" }}`: "64 hexadecimal digits",
		`auth.users { alice = { ha1 = "hunter2", realm = "x" } }`:          "unknown key",
		`auth.require()`: "auth.require",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, head+script+"\nfunction route(req) end", luabindtest.Modules(luabindtest.Must(New(Options{}))))
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, want %q", script, err, want)
			}
		})
	}
	w := world(t, `function route(req) req:reply(200) auth.require(req) end`)
	newPhone(w, client{}).expect(newPhone(w, client{}).send(), 200)
	if !strings.Contains(w.Log(), "decided already") {
		t.Error("a second decision did not raise")
	}
}
