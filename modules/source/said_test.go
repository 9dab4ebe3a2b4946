package source_test

// This file tests sources as scripts name them, with a module that has nothing but lists.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/source"
)

// listing is a module with sets of gateways.
type listing struct{ made *sets }

// sets are those of one generation.
type sets struct {
	said  map[string]*source.Said
	lists map[string]*source.List[[]gateway]
}

type options struct {
	Sets map[string]luabind.FuncOrValue `lua:"sets" doc:"by name"`
}

func (l *listing) Name() string { return "listing" }

func (l *listing) Open(*luabind.Host) (luabind.Module, error) {
	l.made = &sets{said: map[string]*source.Said{}, lists: map[string]*source.List[[]gateway]{}}
	return l.made, nil
}

func (s *sets) Close() error {
	var errs []error
	for _, l := range s.lists {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (s *sets) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Act1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Sets sets.", Example: "listing.configure({ sets = {} })"},
			luabind.RequiredOptionsArg("options", options{}), s.configure),
		luabind.Try1(luabind.Function{Name: "reload", Where: luabind.InHandler, Doc: "Reads a set again.", Example: `listing.reload("a")`},
			luabind.TextArg("set", ""), luabind.ReturnsInt("how many there are"), func(c *luabind.Call, name string) (int, error) {
				err := s.lists[name].Reload(s.said[name].Context(c))
				return len(s.lists[name].Get()), err
			}),
	}
}

func (s *sets) configure(c *luabind.Call, o options) error {
	for name, option := range o.Sets {
		if s.said[name] == nil {
			s.said[name] = &source.Said{}
		}
		spec, first, err := s.said[name].Say(c, option, nil)
		if err == nil && first {
			s.lists[name], err = source.Open(s.said[name].Context(c), spec, source.Options[gateway, []gateway]{Name: "sets." + name, Build: all})
		}
		if err != nil {
			return fmt.Errorf("sets.%s: %w", name, err)
		}
	}
	return nil
}

func TestSaid(t *testing.T) {
	m := &listing{}
	s, path := file(t, "x.txt", "sip:f\n")
	w := luabindtest.New(t, fmt.Sprintf(`
		local listing = require "listing"
		local more = sip.shared("more")
		listing.configure { sets = { t = { "sip:a", { next_hop = "sip:b", weight = 3 } }, f = %q,
			g = function() if more:get("fail") then return nil, "away" end
				return more:get("on") and { "sip:c", "sip:d" } or { "sip:c" } end } }
		function route() end`, s.URL), luabindtest.Modules(m), luabindtest.Lanes(2))
	for name, want := range map[string]string{"t": "sip:a sip:b", "f": "sip:f", "g": "sip:c"} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, g := range m.made.lists[name].Get() {
				got = append(got, g.NextHop)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %q", name, got)
			}
		})
	}
	write(t, path, "sip:f\nsip:g\n")
	for _, row := range []struct{ source, want string }{
		{`return require("listing").reload("f")`, "[2] <nil>"},
		{`sip.shared("more"):set("on", true) return require("listing").reload("g")`, "[2] <nil>"},
		{`sip.shared("more"):set("fail", true) return require("listing").reload("g")`, "[<nil> away] <nil>"},
	} {
		t.Run(row.source, func(t *testing.T) {
			out, err := w.Eval(row.source)
			if got := fmt.Sprint(out, err); got != row.want {
				t.Errorf("%s: %s, want %s", row.source, got, row.want)
			}
		})
	}
	// Without a script nobody can call its function.
	if err := m.made.lists["g"].Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "reload()") {
		t.Error(err)
	}
	if n := len(m.made.lists["g"].Get()); n != 2 {
		t.Errorf("%d", n)
	}
}

func TestSaidMistakes(t *testing.T) {
	for script, want := range map[string]string{
		`listing.configure { sets = { a = 7 } }`:                                         "sets.a: expected a table",
		`listing.configure { sets = { a = { "bad" } } }`:                                 "sets.a: sets.a: entry 1: bad is not a next hop",
		`listing.configure { sets = { a = {} } } listing.configure{ sets = { a = {} } }`: "sets.a: has already been called",
		`listing.configure { sets = { a = { "sip:" .. math.random(1e9) } } }`:            "sets.a: differs between lanes",
		`listing.configure { sets = { [7] = {} } }`:                                      "option sets must be a table with names",
		`listing.configure { sets = 7 }`:                                                 "option sets must be a table with names",
		`listing.configure { sets = { a = { print } } }`:                                 "option sets.a",
		`listing.configure { sets = { a = function() error("no luck") end } }`:           "no luck",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, `local listing = require "listing" `+script+` function route() end`, luabindtest.Modules(&listing{}))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", script, err, want)
			}
		})
	}
}
