package spec_test

// This file runs specs that pass and specs that fail, and looks at what is said of them.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/registrar"
)

// phones is a script that registers phones and rings them.
const phones = `
local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "INVITE" and req.ruri.user == "broken" then error("the script is broken") end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

func modules() []luabind.Opener { return []luabind.Opener{registrar.New(registrar.Options{})} }

// run runs a spec beside the script above and returns what is printed.
func run(t *testing.T, text string, change ...func(*spec.Options)) (string, spec.Summary) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"x.lua": phones, "x_spec.lua": "local t = require 'sip.test'\n" + text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := spec.Options{Modules: modules, Seed: 1}
	for _, f := range change {
		f(&o)
	}
	var out bytes.Buffer
	s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, o, false)
	return strings.ReplaceAll(out.String(), dir+string(filepath.Separator), ""), s
}

func passes(t *testing.T, text string) {
	t.Helper()
	if out, s := run(t, text); s.Failed != 0 || s.Passed == 0 {
		t.Errorf("%s", out)
	}
}

func fails(t *testing.T, text string, wants ...string) string {
	t.Helper()
	out, s := run(t, text)
	if s.Failed == 0 {
		t.Errorf("passed:\n%s", out)
	}
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	return out
}

// The example of the contract, as it stands there.
const contract = `
t.it("does not ring voicemail after the caller hung up", function()
  local alice, bob, vm = t.ua("sip:alice@example.com", {password="x"}), t.ua("sip:bob@example.com"), t.ua("sip:vm@10.0.0.9")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  t.advance(60)                       -- virtual seconds
  vm:expect_nothing()
end)`

func TestContract(t *testing.T) { passes(t, contract) }

func TestTimeoutShowsTheLadder(t *testing.T) {
	out := fails(t, `
t.it("waits in vain", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  alice:expect("INVITE")
end)`,
		"FAIL  x_spec.lua: waits in vain (10.", "x_spec.lua:8: ua:expect: alice: no INVITE came within 10 s; nothing came")
	want := `         seconds   alice                         server                           bob
           0.000     |                              |<-- REGISTER 1 ---------------|
           0.001     |                              |-- 200 OK (REGISTER 1) ------>|
           0.002     |-- INVITE 1 ----------------->|                              |
           0.003     |                              |-- INVITE 1 ----------------->|
           0.004     |                              |<-- 200 OK (INVITE 1) --------|
           0.005     |<-- 200 OK (INVITE 1) --------|                              |
           0.006     |-- ACK 1 -------------------->|                              |
           0.007     |                              |-- ACK 1 -------------------->|
`
	if squeeze(out[strings.Index(out, "         seconds"):strings.Index(out, "0 passed")]) != squeeze(want) {
		t.Errorf("%s", out)
	}
}

// squeeze leaves of a drawing what doesn't depend on the widths of its columns.
func squeeze(s string) string {
	s = strings.ReplaceAll(s, "-", " ")
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
