package spec

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// This file is what the file of a spec says when it runs: its tests, and what holds for all of them.

// testCase is one t.it.
type testCase struct {
	name   string
	server serverOptions
	before []*luabind.Func
	run    *luabind.Func
}

// plan is a spec's file as it ran in one VM.
type plan struct {
	tests    []testCase
	defaults serverOptions // of t.server, for the tests that follow
	groups   []string      // the t.describe that are open
	before   []*luabind.Func
}

// it is t.it(name, fn).
func (w *world) it(c *luabind.Call) int {
	p := &w.plan
	name := c.String(1)
	if strings.TrimSpace(name) == "" {
		c.Raise("a test needs a name")
	}
	names := append(append([]string(nil), p.groups...), name)
	p.tests = append(p.tests, testCase{strings.Join(names, " "), p.defaults, p.before[:len(p.before):len(p.before)], c.Func(2)})
	return 0
}

// describe is t.describe(name, fn): names within begin with its name, and what t.before says within holds within.
func (w *world) describe(c *luabind.Call) int {
	p := &w.plan
	before, defaults := len(p.before), p.defaults
	p.groups = append(p.groups, c.String(1))
	_, err := c.Func(2).Call()
	p.groups = p.groups[:len(p.groups)-1]
	p.before, p.defaults = p.before[:before], defaults
	if err != nil {
		c.Rethrow(err)
	}
	return 0
}

// beforeEach is t.before(fn).
func (w *world) beforeEach(c *luabind.Call) int {
	p := &w.plan
	p.before = append(p.before[:len(p.before):len(p.before)], c.Func(1))
	return 0
}
