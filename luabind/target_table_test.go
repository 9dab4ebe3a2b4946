package luabind_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// finder is a module that finds a target.
type finder struct{ target *engine.Target }

func (f *finder) Name() string                               { return "finder" }
func (f *finder) Open(*luabind.Host) (luabind.Module, error) { return f, nil }
func (f *finder) Close() error                               { return nil }
func (f *finder) Functions() []luabind.Function {
	return []luabind.Function{luabind.Func0(luabind.Function{Name: "find"}, luabind.ReturnsTarget(""), func(*luabind.Call) *engine.Target { return f.target })}
}

// A module's target is a table like one that a script writes: with what it says, and no more.
func TestReturnsTarget(t *testing.T) {
	for _, row := range []struct {
		name, want string
		target     *engine.Target
	}{
		{"none", `t == nil`, nil},
		{"nothing said", `next(t) == nil`, &engine.Target{}},
		{"a uri", `t.uri == "sip:b@10.0.0.9" and next(t, next(t)) == nil`, &engine.Target{URI: "sip:b@10.0.0.9"}},
		{"where to", `t.next_hop == "sip:10.0.0.8" and t.received == "udp:10.0.0.7:1024" and t.from_socket == "a" and t.flow == 7`,
			&engine.Target{NextHop: "sip:10.0.0.8", Received: "udp:10.0.0.7:1024", FromSocket: "a", Flow: 7}},
		{"a route", `#t.path == 2 and t.path[1] == "<sip:a;lr>"`, &engine.Target{Path: []string{"<sip:a;lr>", "<sip:b;lr>"}}},
		{"times", `t.delay == 1 and t.timeout == 2 and t.ring_timeout == 3 and t.reply_timeout == 0.5`,
			&engine.Target{Delay: time.Second, Timeout: 2 * time.Second, RingTimeout: 3 * time.Second, ReplyTimeout: time.Second / 2}},
		{"preference", `t.q == 0.25`, &engine.Target{Q: 0.25}},
		{"credentials", `t.credentials.user == "a" and t.credentials.password == "b"`, &engine.Target{Credentials: &engine.Credentials{User: "a", Password: "b"}}},
		{"headers", `t.headers.Subject[1] == "x" and t.headers.Via2 == false`,
			&engine.Target{Headers: []engine.HeaderEdit{{Name: "Subject", Values: []string{"x"}}, {Name: "Via2"}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := luabindtest.New(t, `local finder = require "finder"
function route(req)
  local t = finder.find()
  req:reply((`+row.want+`) and 200 or 500)
end`, luabindtest.Modules(&finder{row.target}))
			if code := w.Code("OPTIONS", "sip:b@example.com"); code != 200 {
				t.Errorf("%s: %d\n%s", row.want, code, w.Log())
			}
		})
	}
}

// All keys of such a table are keys that a script may give.
func TestReturnedTargetsAreTaken(t *testing.T) {
	w := luabindtest.New(t, `local finder = require "finder"
function route(req) req:relay(finder.find()) end`, luabindtest.Modules(&finder{&engine.Target{URI: "sip:b@10.0.0.9", NextHop: "sip:10.0.0.9",
		Path: []string{"<sip:10.0.0.9;lr>"}, Timeout: time.Second, RingTimeout: time.Second, ReplyTimeout: time.Second, Delay: time.Millisecond, Q: 0.5,
		Credentials: &engine.Credentials{User: "a", Password: "b"}, Headers: []engine.HeaderEdit{{Name: "Subject", Values: []string{"x"}}, {Name: "X-Gone"}}}}))
	w.Peer("10.0.0.9:5060", luabindtest.Answering(204))
	if code := w.Code("OPTIONS", "sip:b@example.com"); code != 204 {
		t.Errorf("%d\n%s", code, w.Log())
	}
}
