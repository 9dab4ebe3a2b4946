package interop

// Reloads while calls are up, in all the ways a reload is ordered, and scripts that are refused.

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

// relayTo is a script that sends new calls to one place.
func relayTo(p *peer.Peer) string {
	contact := p.Contact()
	return fmt.Sprintf(`
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(%q)
end
`, contact.String())
}

// establish makes a call that the callee answers.
func establish(t *testing.T, from, to *peer.Peer) *peer.Call {
	t.Helper()
	call := from.Invite("sip:someone@example.com", nil)
	to.Incoming().Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("the call was answered %d", code)
	}
	call.Ack()
	to.Ack()
	return call
}

func TestScriptEditedWhileCallsAreUp(t *testing.T) {
	const up = 200
	path := script(t, "function route(req) req:reply(404) end")
	s := start(t, path)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	old, new := peer.New(t, "old", "example.com", s.via("udp")), peer.New(t, "new", "example.com", s.via("udp"))
	from := s.log.count()
	rewrite(t, path, relayTo(old))
	s.log.await(t, from, "reloaded")

	var calls []*peer.Call
	for range up {
		calls = append(calls, establish(t, alice, old))
	}
	// Begun on the old route, answered after the edit
	ringing := alice.Invite("sip:someone@example.com", nil)
	inRinging := old.Incoming()
	inRinging.Reply(180, "Ringing")
	ringing.Provisional(180)

	from = s.log.count()
	rewrite(t, path, relayTo(new))
	s.log.await(t, from, "reloaded")

	fresh := establish(t, alice, new) // new calls take the new route
	inRinging.Reply(200, "OK")        // and none of the old ones fails
	if code := ringing.Final().StatusCode; code != 200 {
		t.Errorf("the call that rang was answered %d", code)
	}
	ringing.Ack()
	old.Ack()
	var all sync.WaitGroup
	for _, c := range append(calls, ringing) {
		all.Go(c.Bye)
	}
	all.Wait()
	for range up + 1 {
		old.Bye()
	}
	fresh.Bye()
	new.Bye()
	if strings.Contains(s.log.text(), "level=ERROR") {
		t.Errorf("errors in the log:\n%s", s.log.text())
	}
}

func TestBrokenEditLeavesTheOldRoute(t *testing.T) {
	path := script(t, `function route(req) req:reply(603, "First") end`)
	s := start(t, path)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	for _, c := range []struct{ text, line string }{
		{"function route(req)\n  req:reply(604, 'Second')\n  this is no Lua\nend\n", "route.lua:3"},
		{"local x = nil\n\n\nlocal y = x.field\nfunction route(req) end\n", "route.lua:4"},
		{"local m = require 'no_such_module'\nfunction route(req) end\n", "no_such_module"},
		{"-- nothing here\n", "route"},
	} {
		t.Run(c.text, func(t *testing.T) {
			from := s.log.count()
			rewrite(t, path, c.text)
			line := s.log.await(t, from, "refused")
			if !strings.Contains(line, c.line) {
				t.Errorf("the log does not say %s: %s", c.line, line)
			}
			if res := alice.Send(alice.Request("OPTIONS", "sip:someone@example.com")); res.StatusCode != 603 || res.Reason != "First" {
				t.Errorf("after a broken edit: %d %s", res.StatusCode, res.Reason)
			}
		})
	}
	from := s.log.count()
	rewrite(t, path, `function route(req) req:reply(603, "Third") end`)
	s.log.await(t, from, "reloaded")
	if res := alice.Send(alice.Request("OPTIONS", "sip:someone@example.com")); res.Reason != "Third" {
		t.Errorf("after the repair: %d %s", res.StatusCode, res.Reason)
	}
}

func TestRequiredFileIsWatched(t *testing.T) {
	path := script(t, `local answer = require "answer"
function route(req) req:reply(603, answer) end`)
	lib := strings.TrimSuffix(path, "route.lua") + "answer.lua"
	rewrite(t, lib, `return "One"`)
	s := start(t, path)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	from := s.log.count()
	rewrite(t, lib, `return "Two"`)
	s.log.await(t, from, "reloaded")
	if res := alice.Send(alice.Request("OPTIONS", "sip:someone@example.com")); res.Reason != "Two" {
		t.Errorf("%d %s", res.StatusCode, res.Reason)
	}
}

// Without --watch: by SIGHUP, by POST /reload, and by the command.
func TestReloadByOrder(t *testing.T) {
	path := script(t, `function route(req) req:reply(603, "0") end`)
	s := start(t, "--no-watch", path)
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	served := func(want string) {
		t.Helper()
		if res := alice.Send(alice.Request("OPTIONS", "sip:someone@example.com")); res.Reason != want {
			t.Errorf("served %q, want %q", res.Reason, want)
		}
	}
	edit := func(n string) { rewrite(t, path, fmt.Sprintf(`function route(req) req:reply(603, %q) end`, n)) }

	edit("1")
	served("0")
	from := s.log.count()
	s.signal(syscall.SIGHUP)
	s.log.await(t, from, "reloaded")
	served("1")

	edit("2")
	if code, body := s.http("POST", "/reload"); code != 200 || !strings.Contains(body, `"generation": 3`) {
		t.Errorf("POST /reload: %d %s", code, body)
	}
	served("2")

	edit("3")
	if out, code := command(t, "reload", "--admin", s.admin); code != 0 || !strings.Contains(out, "generation 4") {
		t.Errorf("sipscript reload: exit %d: %s", code, out)
	}
	served("3")

	rewrite(t, path, "function route(req)\n  oops(\nend")
	if code, body := s.http("POST", "/reload"); code != 422 || !strings.Contains(body, "route.lua:") {
		t.Errorf("POST /reload of a broken script: %d %s", code, body)
	}
	if out, code := command(t, "reload", "--admin", s.admin); code != 1 || !strings.Contains(out, "route.lua:") {
		t.Errorf("sipscript reload of a broken script: exit %d: %s", code, out)
	}
	served("3")
	if script, _ := s.status()["script"].(map[string]any); !strings.Contains(fmt.Sprint(script["refused"]), "route.lua:") {
		t.Errorf("/status says nothing of the refusal: %v", script)
	}
}
