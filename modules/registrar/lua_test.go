package registrar

// This file tests the module as scripts see it, and the examples of README.md.

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// scripted is a world whose routing is a script's.
type scripted struct {
	*world
	bob    *client
	serial int
}

func tryScript(t *testing.T, store Store, source string, options ...luabindtest.Option) (*scripted, error) {
	t.Helper()
	s := &scripted{world: emptyWorld(t, store)}
	if err := s.run(source, append(options, luabindtest.Modules(s.reg))...); err != nil {
		return nil, err
	}
	s.bob = s.phone("203.0.113.5:5060")
	return s, nil
}

func script(t *testing.T, store Store, source string) *scripted {
	t.Helper()
	s, err := tryScript(t, store, source)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// register sends a REGISTER from bob's phone and returns the answer.
func (s *scripted) register(contacts ...string) *message.Message {
	s.t.Helper()
	s.send(contacts...)
	m, _ := s.bob.Next()
	return m
}

func (s *scripted) send(contacts ...string) {
	s.serial++
	s.bob.Send(serverAddr, []byte(reg{via: via("UDP", "203.0.113.5:5060", s.serial), cseq: s.serial, contacts: contacts,
		headers: list("User-Agent: Phone")}.text()))
}

// ask sends a MESSAGE for bob and returns the code and reason of the answer, with which scripts
// tell what they saw.
func (s *scripted) ask() string {
	s.t.Helper()
	s.serial++
	asker := s.phone(fmt.Sprintf("203.0.113.9:%d", 10000+s.serial))
	asker.Send(serverAddr, fmt.Appendf(nil, "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: ask%d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
		via("UDP", asker.Addr().String(), s.serial), s.serial))
	m, _ := asker.Next()
	for m.Status() < 200 {
		m, _ = asker.Next()
	}
	return fmt.Sprintf("%d %s", m.Status(), m.ReasonPhrase())
}

const head = `
local registrar = require "registrar"
local said = sip.shared("said")
local function save(req) return req.method == "REGISTER" and (registrar.save(req) or true) end
`

func TestLuaSave(t *testing.T) {
	s := script(t, nil, `
		local registrar = require "registrar"
		registrar.configure { max_contacts = 1, min_expires = 100, max_expires = 200, default_expires = 150, use_path = false, gruu = false,
			outbound = false, durability = "relaxed" }
		local said = sip.shared("said")
		function route(req)
			if req.method == "REGISTER" then
				local ok, err = registrar.save(req, { headers = { ["X-Node"] = "one", Supported = { "a", "b" } } })
				said:set("last", tostring(ok) .. " " .. tostring(err))
				return
			end
			req:reply(200, said:get("last"))
		end`)
	for _, c := range []struct {
		contacts []string
		code     int
		said     string
	}{
		{list("<sip:bob@203.0.113.5>"), 200, "true nil"},
		{list("<sip:bob@203.0.113.5>;expires=99"), 423, "false registrar: save: 423 Interval Too Brief"},
		{list("<sip:bob@203.0.113.6>"), 403, "false registrar: save: 403 Too Many Contacts"},
		{list("<sip:bob@h>;q=9"), 400, "false registrar: save: 400 Bad Contact: q is not 0 to 1"},
		// RFC 4475 §3.1.2.13
		{list("sip:bob@h?Route=%3Csip:h%3E"), 400, "false registrar: save: 400 Bad Contact"},
		{list("\"bob <sip:bob@h>"), 400, "false registrar: save: 400 Bad Contact"},
		{list("<sip:bob@203.0.113.5>,"), 400, "false registrar: save: 400 Bad Contact"},
	} {
		t.Run(c.said, func(t *testing.T) {
			m := s.register(c.contacts...)
			if m.Status() != c.code || string(m.HeaderName("X-Node")) != "one" {
				t.Errorf("%v: %s", c.contacts, m.AppendTo(nil))
			}
			if got := s.ask(); got != "200 "+c.said {
				t.Errorf("%v: the script saw %q", c.contacts, got)
			}
			if v := string(m.Header(message.HeaderContact)); c.code == 200 && v != "<sip:bob@203.0.113.5>;expires=150" {
				t.Errorf("Contact %q", v)
			}
		})
	}
}

// minded is a store that remembers how durable a change was to be.
type minded struct {
	*Memory
	last Durability
}

func (a *minded) Update(ctx context.Context, aor string, d Durability, change func([]*Binding) ([]*Binding, error)) error {
	a.last = d
	return a.Memory.Update(ctx, aor, d, change)
}

// TestLuaDurability: what the script chose is what the store is asked for.
func TestLuaDurability(t *testing.T) {
	for options, want := range map[string]Durability{``: Commit, `durability = "commit"`: Commit, `durability = "relaxed"`: Relaxed} {
		t.Run(options, func(t *testing.T) {
			store := &minded{Memory: NewMemory(), last: "none"}
			s := script(t, store, head+`registrar.configure { `+options+` } function route(req) save(req) end`)
			if m := s.register("<sip:bob@203.0.113.5>"); m.Status() != 200 || store.last != want {
				t.Errorf("%q: %d, durability %v", options, m.Status(), store.last)
			}
		})
	}
}

func TestLuaLookup(t *testing.T) {
	s := script(t, nil, head+`
		function route(req)
			if save(req) then return end
			local b = registrar.lookup(req.ruri)[1]
			req:reply(200, table.concat({ tostring(b.uri), b.uri.host, b.q, tostring(b.path), tostring(b.flow), tostring(b.received), b.user_agent,
				b.instance, b.reg_id, b.expires, #registrar.bindings("sip:%62ob@EXAMPLE.COM"), registrar.count(),
				registrar.remove("sip:bob@example.com", "sip:other@h"), registrar.remove(req.ruri), registrar.count(), #registrar.lookup(req.ruri) }, " "))
		end`)
	if m := s.register(`<sip:bob@0.0.0.0>;q=0.5;+sip.instance="<urn:x:1>";reg-id=2;expires=600`); m.Status() != 200 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	s.Run(10 * time.Second)
	if got, want := s.ask(), "200 sip:bob@0.0.0.0 0.0.0.0 0.5 nil nil udp:203.0.113.5:5060 Phone urn:x:1 2 590 1 1 0 1 0 0"; !sameButSeconds(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// TestLuaUnknownGRUU: relay, fork and redirect answer 404 for a GRUU that was never issued, and 480
// where nobody is registered.
func TestLuaUnknownGRUU(t *testing.T) {
	for _, store := range []Store{nil, &slow{Memory: NewMemory()}} {
		s := script(t, store, head+`
		function route(req)
			local way = req:header("X-Way")
			if way == "wait" then
				local list, why = registrar.wait(req.ruri, 5)
				return req:reply(#list == 0 and why == "not found" and 404 or 480)
			end
			if way == "fork" then req:fork(registrar.lookup(req.ruri)) return end
			req[way](req, registrar.lookup(req.ruri))
		end`)
		for _, way := range list("relay", "fork", "redirect", "wait") {
			for uri, want := range map[string]int{bob: 480, "sip:bob@example.com;gr=urn:x": 480, "sip:bob@example.com;gr": 404,
				"sip:tgruu.AAAA@EXAMPLE.com;gr": 404, "sip:tgruu.AAAA@elsewhere.example;gr": 480} {
				t.Run(uri, func(t *testing.T) {
					s.serial++
					asker := s.phone(fmt.Sprintf("203.0.113.9:%d", 10000+s.serial))
					asker.Send(serverAddr, fmt.Appendf(nil, "MESSAGE %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <%s>\r\nX-Way: %s\r\nCall-ID: ask%d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
						uri, via("UDP", asker.Addr().String(), s.serial), uri, way, s.serial))
					m, _ := asker.Next()
					for m.Status() < 200 {
						m, _ = asker.Next()
					}
					if m.Status() != want {
						t.Errorf("%s, %s: %d, want %d", way, uri, m.Status(), want)
					}
				})
			}
		}
	}
}

// sameButSeconds compares texts word by word, numbers from 580 to 590 as equal: time passes for
// messages under way.
func sameButSeconds(got, want string) bool {
	g, w := strings.Fields(got), strings.Fields(want)
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		if g[i] != w[i] && !(strings.HasPrefix(g[i], "58") && w[i] == "590") {
			return false
		}
	}
	return true
}

func TestLuaWait(t *testing.T) {
	for name, store := range map[string]Store{"memory": nil, "a store that waits": &slow{Memory: NewMemory()}} {
		t.Run(name, func(t *testing.T) {
			s := script(t, store, head+`
				function route(req)
					if save(req) then return end
					local start = sip.now()
					local list = registrar.wait(req.ruri, 10)
					req:reply(200, string.format("%d after %d", #list, math.floor(sip.now() - start + 0.5)))
				end`)
			if got := s.ask(); got != "200 0 after 10" {
				t.Errorf("nobody comes: %q", got)
			}
			s.After(4*time.Second, func() { s.send("<sip:bob@203.0.113.5>") })
			if got := s.ask(); got != "200 1 after 4" {
				t.Errorf("bob comes after 4 s: %q", got)
			}
			if got := s.ask(); got != "200 1 after 0" {
				t.Errorf("bob is there: %q", got)
			}
			if n := s.reg.waiters.any.Load(); n != 0 {
				t.Errorf("%d waiters are left", n)
			}
		})
	}
}

func TestLuaStoreAway(t *testing.T) {
	store := &slow{Memory: NewMemory(), err: fmt.Errorf("no route to host")}
	s := script(t, store, head+`
		function route(req)
			if save(req) then return end
			local out = {}
			for _, f in ipairs { registrar.lookup, registrar.bindings, registrar.remove, function(u) return registrar.wait(u, 5) end } do
				local v, err = f(req.ruri)
				out[#out + 1] = tostring(v) .. " " .. err
			end
			req:reply(200, table.concat(out, "; "))
		end`)
	if m := s.register("<sip:bob@203.0.113.5>"); m.Status() != 503 {
		t.Errorf("%d", m.Status())
	}
	away := "nil registrar: lookup: no route to host; "
	if got, want := s.ask(), "200 "+away+away+"nil registrar: remove: no route to host; nil registrar: lookup: no route to host"; got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestLuaEvents(t *testing.T) {
	s := script(t, nil, head+`
		for _, name in ipairs { "bound", "refreshed", "expired", "removed" } do
			sip.on("registrar." .. name, function(aor, binding)
				said:set("events", (said:get("events") or "") .. name .. " " .. aor .. " " .. tostring(binding.uri) .. ";")
			end)
		end
		function route(req)
			if save(req) then return end
			req:reply(200, said:get("events"))
		end`)
	s.register("<sip:bob@203.0.113.5>;expires=60")
	s.register("<sip:bob@203.0.113.5>;expires=90")
	s.register("<sip:bob@203.0.113.6>", "<sip:bob@203.0.113.6>;expires=0")
	s.register("<sip:bob@203.0.113.7>;expires=600")
	s.register("<sip:bob@203.0.113.7>;expires=0")
	s.Run(3 * time.Minute)
	const five, seven = " sip:bob@example.com sip:bob@203.0.113.5;", " sip:bob@example.com sip:bob@203.0.113.7;"
	if got, want := s.ask(), "200 bound"+five+"refreshed"+five+"bound"+seven+"removed"+seven+"expired"+five; got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// TestLuaReload: bindings survive, the policy is the new script's.
func TestLuaReload(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/route.lua"
	write := func(source string) {
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rest = "function route(req) if save(req) then return end req:reply(200, #registrar.lookup(req.ruri) .. '') end"
	write(head + rest)
	s, err := tryScript(t, nil, "", luabindtest.Script(func(o *luabind.Options) { o.Script = path }))
	if err != nil {
		t.Fatal(err)
	}
	s.register("<sip:bob@203.0.113.5>")
	write(head + "registrar.configure { max_contacts = 1 }\n" + rest)
	s.Do(func() { err = s.lua.Router.Reload(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ask(); got != "200 1" {
		t.Errorf("after the reload: %q", got)
	}
	if m := s.register("<sip:bob@203.0.113.6>"); m.Status() != 403 {
		t.Errorf("max_contacts: %d", m.Status())
	}
	write(head + "registrar.configure { max_contacts = 0 }\n" + rest)
	s.Do(func() { err = s.lua.Router.Reload(t.Context()) })
	if err == nil {
		t.Error("max_contacts = 0 was taken")
	}
	if got := s.ask(); got != "200 1" {
		t.Errorf("after the refused reload: %q", got)
	}
}

func TestLuaMistakes(t *testing.T) {
	for source, want := range map[string]string{
		`registrar.configure { flow_timer = 0 }`:                      "flow_timer",
		`registrar.configure { service_route = "sip:p.example.com" }`: "service_route",
		`registrar.configure { max_contact = 3 }`:                     "max_contact",
		`registrar.configure { max_contacts = "3" }`:                  "max_contacts",
		`registrar.configure { min_expires = 100, max_expires = 50 }`: "min_expires is greater than max_expires",
		`registrar.configure { durability = "none" }`:                 "durability",
		`registrar.configure {} registrar.configure {}`:               "already",
		`registrar.lookup("sip:bob@example.com")`:                     "registrar.lookup",
		`registrar.wait("sip:bob@example.com", 1)`:                    "registrar.wait",
		`sip.on("registrar.left", function() end)`:                    "registrar.left",
	} {
		t.Run(source, func(t *testing.T) {
			_, err := tryScript(t, nil, `local registrar = require "registrar" `+source+" function route(req) end")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", source, err)
			}
		})
	}
	for source, want := range map[string]string{
		`registrar.save(req)`:                             "MESSAGE, not REGISTER",
		`registrar.save("x")`:                             "argument 1",
		`registrar.save(req, { header = {} })`:            "header",
		`registrar.lookup()`:                              "argument 1",
		`registrar.lookup("bob")`:                         "not a uri",
		`registrar.lookup(5)`:                             "argument 1",
		`registrar.wait(req.ruri)`:                        "argument 2",
		`registrar.wait(req.ruri, -1)`:                    "argument 2",
		`registrar.remove(req.ruri, "?")`:                 "argument 2",
		`registrar.lookup(req.ruri)[1].uri = "x"`:         "",
		`registrar.configure {}`:                          "configure",
		`local x = registrar.lookup(req.ruri)[1].contact`: "contact",
		`registrar.look(req.ruri)`:                        "look",
	} {
		t.Run(source, func(t *testing.T) {
			s := script(t, nil, head+`function route(req) if save(req) then return end `+source+` end`)
			s.register("<sip:bob@203.0.113.5>")
			if got := s.ask(); !strings.HasPrefix(got, "500") {
				t.Errorf("%s: %s", source, got)
			}
			if !strings.Contains(s.lua.Log(), want) || !strings.Contains(s.lua.Log(), "route.lua:") {
				t.Errorf("%s: the log says nothing of %q:\n%s", source, want, s.lua.Log())
			}
		})
	}
}

// TestReadme runs the examples of README.md: bob registers, and is reached.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```lua\n")
	if len(parts) < 3 {
		t.Fatal("no examples found")
	}
	for i, part := range parts[1:] {
		source, _, _ := strings.Cut(part, "```")
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			s := script(t, nil, source)
			if got := s.ask(); got != "480 Temporarily Unavailable" {
				t.Errorf("nobody registered: %q", got)
			}
			if m := s.register("<sip:bob@203.0.113.5>"); m.Status() != 200 {
				t.Fatalf("%s", m.AppendTo(nil))
			}
			s.bob.Forget()
			s.serial++
			asker := s.phone("203.0.113.8:5060")
			asker.Send(serverAddr, []byte("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: "+via("UDP", "203.0.113.8:5060", s.serial)+
				"\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"))
			if m, _ := s.bob.Next(); m.Method() != message.MethodMessage {
				t.Errorf("bob got %s", m.AppendTo(nil))
			}
		})
	}
}
