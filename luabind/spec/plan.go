package spec

import (
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// This file is what the file of a spec declares when it runs: its tests, and what applies to all of
// them.

// testCase is one t.it.
type testCase struct {
	name   string
	server serverOptions
	clock  time.Time // when it begins; zero: as usual
	before []*luabind.Func
	run    *luabind.Func
}

// plan is a spec's file as it ran in one VM.
type plan struct {
	tests    []testCase
	defaults serverOptions // of t.server, for the tests that follow
	clock    time.Time     // of t.clock, for the tests that follow
	groups   []string      // the t.describe that are open
	before   []*luabind.Func
}

// it is t.it(name, fn).
func (w *world) it(c *luabind.Call, name string, fn *luabind.Func) {
	p := &w.plan
	if strings.TrimSpace(name) == "" {
		c.Raise("a test needs a name")
	}
	names := append(append([]string(nil), p.groups...), name)
	p.tests = append(p.tests, testCase{strings.Join(names, " "), p.defaults, p.clock, p.before[:len(p.before):len(p.before)], fn})
}

// describe is t.describe(name, fn): names within begin with its name, and t.before within it
// applies within it.
func (w *world) describe(c *luabind.Call, name string, fn *luabind.Func) {
	p := &w.plan
	before, defaults, clock := len(p.before), p.defaults, p.clock
	p.groups = append(p.groups, name)
	_, err := fn.Call()
	p.groups = p.groups[:len(p.groups)-1]
	p.before, p.defaults, p.clock = p.before[:before], defaults, clock
	if err != nil {
		c.Rethrow(err)
	}
}

// beforeEach is t.before(fn).
func (w *world) beforeEach(_ *luabind.Call, fn *luabind.Func) {
	p := &w.plan
	p.before = append(p.before[:len(p.before):len(p.before)], fn)
}
