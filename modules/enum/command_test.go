package enum_test

// This file tests the admin API, the command and the figures.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/enum"
	"github.com/sipscript/sipscript/modules/host/hosttest"
)

func TestCommand(t *testing.T) {
	at, asked := server(t, "127.0.0.1")
	m := enum.NewModule()
	run := func(flags map[string]any, words string) string {
		out, err := hosttest.Run(enum.Plugin().Commands[0], "enum", m.API(), flags, strings.Fields(words)...)
		return strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}
	if got := run(nil, "enum lookup 1"); !strings.Contains(got, "503 there is no engine") {
		t.Error(got)
	}
	w := luabindtest.New(t, `function route(req) end`, luabindtest.Modules(m), luabindtest.Engine(func(c *engine.Config) { c.Resolver = nil; c.DNS.Servers = []string{at} }))
	for _, row := range []struct {
		words string
		flags map[string]any
		want  string
	}{
		{"enum lookup +491001", nil, "sip:first@example.com sip:second@example.com <nil>"},
		{"enum lookup 491001", nil, "sip:first@example.com sip:second@example.com <nil>"},
		{"enum lookup +491001", map[string]any{"service": "tel"}, "tel:+1 <nil>"},
		{"enum lookup 1", map[string]any{"suffix": "private.example", "json": true}, `"uris": [ "sip:1@private.example" ]`},
		{"enum lookup +499999", nil, "404 there is no such record"},
		{"enum lookup +491008", nil, "404 there is no such record"},
		{"enum lookup alice", nil, "400 not a number"},
		{"enum lookup 1", map[string]any{"suffix": "a..b"}, "400 suffix must be a domain"},
		{"enum lookup", nil, "expected one number"},
	} {
		t.Run(fmt.Sprint(row.words, row.flags), func(t *testing.T) {
			if got := run(row.flags, row.words); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	got := map[string]float64{}
	for _, f := range m.Metrics() {
		got[f.Name+" "+f.Labels["result"]] = f.Value()
	}
	for name, want := range map[string]float64{"enum_lookups_total found": 4, "enum_lookups_total none": 2, "enum_lookups_total not a number": 1, "enum_lookups_total failed": 0} {
		t.Run(name, func(t *testing.T) {
			if got[name] != want {
				t.Errorf("%v, want %v", got[name], want)
			}
		})
	}
	// Of six look-ups in the DNS two were for a name that was there already
	if s := w.Engine.Stats().DNS; s.RecordsKept != 2 || s.RecordsAsked != 4 || asked.Load() != 4 {
		t.Errorf("%+v, and the server was asked %d times", s, asked.Load())
	}
}
