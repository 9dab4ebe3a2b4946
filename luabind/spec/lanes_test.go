package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// A world whose servers have several lanes: what a script keeps in its variables is a lane's, what
// it keeps in dictionaries and modules everybody's, and calls go through on all of them.
func TestLanes(t *testing.T) {
	const script = `
local registrar = require "registrar"
local mine, all = 0, sip.shared("all")
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "OPTIONS" then
    mine = mine + 1
    return req:reply(200, mine .. " " .. all:incr("n", 1, 0))
  end
  sip.sleep(0.01)
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`
	const body = `
  local bob, alice = t.ua("sip:bob@example.com"), t.ua("sip:alice@example.com")
  bob:register()
  local most, sum = 0, 0
  for i = 1, 40 do
    local a, b = alice:send { method = "OPTIONS" }:expect(200).reason:match("(%d+) (%d+)")
    most, sum = math.max(most, tonumber(a)), tonumber(b)
  end
  t.equal(sum, 40)
  t.equal(most < 40, several, "several lanes")
  for i = 1, 8 do
    local call = alice:invite(bob.uri)
    local leg = bob:expect("INVITE")
    leg:reply(200)
    call:expect(200)
    leg:expect("ACK")
    call:bye()
  end
end)`
	for _, row := range []struct {
		name, lua string
		lanes     int
	}{
		{"one is the default", "t.it('x', function()\n  local several = false" + body, 0},
		{"those of t.server", "t.it('x', function()\n  t.server { lanes = 4 }\n  local several = true" + body, 0},
		{"those of the run", "t.it('x', function()\n  local several = true" + body, 4},
		{"t.server before the run", "t.it('x', function()\n  t.server { lanes = 1 }\n  local several = false" + body, 4},
		{"of nodes", "t.it('x', function()\n  t.node { lanes = 4 }\n  t.node { addr = '10.0.0.2', lanes = 2 }\n  local several = true" + body, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "x.lua"), script)
			write(t, filepath.Join(dir, "x_spec.lua"), "local t = require \"sip.test\"\n"+row.lua)
			var out strings.Builder
			s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, spec.Options{Modules: all.ForSpec, Seed: 1, Lanes: row.lanes}, spec.Show{})
			if s.Passed != 1 || s.Failed != 0 {
				t.Errorf("%+v\n%s", s, out.String())
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
