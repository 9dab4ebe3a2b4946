package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// reporter is told of calls, and does nothing.
type reporter struct{}

func (reporter) Settled(*engine.CallReport) {}
func (reporter) Ended(*engine.CallReport)   {}

// With the call log alone (--ring 0) no texts are made of what the script found out.
func TestReportsMakeNoTexts(t *testing.T) {
	long := strings.Repeat("x", 200)
	find := &module{name: "one", functions: []luabind.Function{{Name: "find", Call: func(c *luabind.Call) int { c.PushString("sip:" + long); return 1 }}}}
	const source = `local one = require "one" function route(req) for i = 1, 20 do one.find() end end`
	allocations := func(options ...luabindtest.Option) (n float64) {
		rep := &repeat{f: func(req *engine.Request, r *luabind.Router) {
			n = testing.AllocsPerRun(100, func() { _ = r.Route(req) })
		}}
		w := luabindtest.New(t, source, append(options, luabindtest.Modules(find), luabindtest.Wrap(func(r *luabind.Router) engine.Router { rep.Router = r; return rep }))...)
		if c := w.Code("INVITE", "sip:bob@example.com"); c != 200 {
			t.Fatalf("got %d", c)
		}
		return n
	}
	without, with := allocations(), allocations(luabindtest.Engine(func(c *engine.Config) { c.Reporter = reporter{} }))
	if with > without+2 {
		t.Errorf("%v allocations with a reporter, %v without", with, without)
	}
}
