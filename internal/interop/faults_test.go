package interop

// Scripts that misbehave hurt only the request they misbehave for.

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/peer"
)

const faulty = `
function route(req)
  local user = req.ruri.user
  if user == "error" then
    local nothing
    return nothing.field
  elseif user == "raise" then
    error({ code = 1 })
  elseif user == "undecided" then
    return
  elseif user == "loop" then
    while true do end
  elseif user == "stubborn" then
    while true do pcall(function() while true do end end) end
  elseif user == "deep" then
    local function f() return 1 + f() end
    return f()
  elseif user == "sleep" then
    sip.sleep(3600)
  end
  req:reply(200)
end
`

// ask sends an OPTIONS and returns the code.
func ask(p *peer.Peer, user string) int {
	return p.Send(p.Request(sip.OPTIONS, "sip:"+user+"@example.com")).StatusCode
}

func TestErrorAnswers500(t *testing.T) {
	s := start(t, "--no-watch", script(t, faulty))
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	for _, c := range []struct{ user, log string }{{"error", "route.lua:6"}, {"raise", "route.lua:8"}, {"undecided", ""}, {"deep", "route.lua"}} {
		t.Run(c.user, func(t *testing.T) {
			from := s.log.count()
			if code := ask(alice, c.user); code != 500 {
				t.Errorf("%s: %d", c.user, code)
			}
			if c.log != "" {
				s.log.await(t, from, c.log)
			}
			if code := ask(alice, "fine"); code != 200 {
				t.Errorf("after %s: %d", c.user, code)
			}
		})
	}
	if _, text := s.http("GET", "/metrics"); !strings.Contains(text, "script") || !strings.Contains(text, "errors_total") {
		t.Errorf("script errors are not counted:\n%s", tail(text, 50))
	}
}

func TestEndlessLoopIsStopped(t *testing.T) {
	s := start(t, "--no-watch", "--script-budget", "500ms", script(t, faulty))
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	for _, user := range []string{"loop", "stubborn"} {
		looping := make(chan int)
		go func() { looping <- ask(alice, user) }()
		for range 20 { // other calls proceed meanwhile and after
			if code := ask(bob, "fine"); code != 200 {
				t.Errorf("beside %s: %d", user, code)
			}
		}
		if code := <-looping; code != 500 {
			t.Errorf("%s: %d", user, code)
		}
		if code := ask(alice, "fine"); code != 200 {
			t.Errorf("after %s: %d", user, code)
		}
	}
}

// Scripts that sleep for an hour hold up nobody, on one lane, nor the shutdown; and the caller can
// still hang up.
func TestSleepingScriptDelaysNobody(t *testing.T) {
	s := start(t, "--no-watch", "--lanes", "1", script(t, faulty))
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	var asleep []*peer.Call
	for range 20 {
		asleep = append(asleep, alice.Invite("sip:sleep@example.com", nil))
	}
	for _, c := range asleep {
		c.Provisional(100)
	}
	for range 50 {
		if code := ask(bob, "fine"); code != 200 {
			t.Errorf("beside sleeping scripts: %d", code)
		}
	}
	for _, c := range asleep[1:] {
		c.Cancel()
		if code := c.Final().StatusCode; code != 487 {
			t.Errorf("a cancelled call was answered %d", code)
		}
	}
	if code := ask(bob, "fine"); code != 200 {
		t.Errorf("after sleeping scripts: %d", code)
	}
	// One still sleeps: the shutdown must not wait an hour for it. stop() checks that.
}
