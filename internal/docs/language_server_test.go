package docs

// This file has a Lua language server read the scripts with the definitions for editors.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/describe"
)

// languageServer is the program to test with. No registry of packages that CI uses has it.
func languageServer(t *testing.T) string {
	t.Helper()
	path := os.Getenv("LUA_LANGUAGE_SERVER")
	if path == "" {
		path = "lua-language-server"
	}
	server, err := exec.LookPath(path)
	if err != nil {
		t.Skip("lua-language-server (of LuaLS; 3.19.1 will do) is neither on the PATH nor named by LUA_LANGUAGE_SERVER: put a release of it there to run this test")
	}
	return server
}

// diagnoses are what the language server finds in the files of a directory, as "file:line: code".
func diagnoses(t *testing.T, server, dir string) (list []string) {
	t.Helper()
	stubs, err := filepath.Abs(filepath.Join(root, "docs", "stubs"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	config, report := filepath.Join(work, "luarc.json"), filepath.Join(work, "report.json")
	write(t, config, string(describe.Config(stubs)))
	out, err := exec.Command(server, "--check="+dir, "--checklevel=Warning", "--check_format=json", "--check_out_path="+report,
		"--logpath="+work, "--metapath="+work, "--configpath="+config).CombinedOutput()
	if strings.Contains(string(out), "no problems found") {
		return nil
	}
	text, readErr := os.ReadFile(report)
	if readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, out)
	}
	var found map[string][]struct {
		Message string
		Code    string
		Range   struct{ Start struct{ Line int } }
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for file, problems := range found {
		for _, p := range problems {
			list = append(list, fmt.Sprintf("%s:%d: %s: %s", filepath.Base(file), p.Range.Start.Line+1, p.Code, p.Message))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// An editor has nothing to say about the scripts of the project and the examples of the reference.
func TestLanguageServer(t *testing.T) {
	server := languageServer(t)
	examples, modules := t.TempDir(), offline(t)
	for i, d := range everything(t) {
		if d.library == "sip.test" {
			continue
		}
		text := head(modules, d.library, examples) + "---@param req sip.request\nfunction route(req)\n" + inside(d.example) + "\nend\n"
		if d.where == luabind.AtLoad {
			text = head(modules, d.library, examples) + d.example + "\n"
		}
		name := strings.NewReplacer(" ", "_", ":", "_", ".", "_").Replace(d.name)
		write(t, filepath.Join(examples, fmt.Sprintf("%03d_%s.lua", i, name)), text)
	}
	for name, dir := range map[string]string{"scripts": filepath.Join(root, "scripts"), "cookbook": filepath.Join(root, "docs", "cookbook"),
		"embedding": filepath.Join(root, "examples", "embedlua"), "reference": examples} {
		t.Run(name, func(t *testing.T) {
			for _, d := range diagnoses(t, server, dir) {
				t.Error(d)
			}
		})
	}
}

// The definitions are good for something: mistakes in a script are seen.
func TestLanguageServerSeesMistakes(t *testing.T) {
	server := languageServer(t)
	rows := []struct{ name, line, code string }{
		{"function of a module", `registrar.lokup(req.ruri)`, "undefined-field"},
		{"method of the request", `req:replay(200)`, "undefined-field"},
		{"in a helper without annotations", `help(req)`, "undefined-field"},
		{"field of a field", `sip.log.info(req.from.url)`, "undefined-field"},
		{"field of a binding", `for _, b in ipairs(registrar.lookup(req.ruri) or {}) do sip.log.info(b.agent) end`, "undefined-field"},
		{"type of an argument", `registrar.lookup(5)`, "param-type-mismatch"},
		{"type of a code", `req:reply("200")`, "param-type-mismatch"},
		{"type of an option", `req:relay("sip:b@192.0.2.1", { timeout = "5" })`, "assign-type-mismatch"},
		{"one of several values", `req:relay("sip:b@192.0.2.1", { order = "random" })`, "assign-type-mismatch"},
		{"argument left out", `auth.require()`, "missing-parameter"},
		{"argument too many", `sip.is_local(req.ruri, 5)`, "redundant-parameter"},
		{"required option", `sip.send({ timeout = 5 })`, "missing-fields"},
		{"nil of a failure", `local u = sip.uri(req.body or "") sip.log.info(u.user)`, "need-check-nil"},
		{"module that is not required", `uac.target("trunk")`, "undefined-global"},
		{"argument of an event", `sip.on("registrar.bound", function(aor, b) sip.log.info(b.agent) end)`, "undefined-field"},
		{"library that is not there", `io.write("x")`, "undefined-global"},
		{"loader that is not there", `sip.log.info(package.path)`, "undefined-global"},
	}
	dir := t.TempDir()
	for i, row := range rows {
		helper := ""
		if row.line == "help(req)" {
			helper = "req:nonesuch()"
		}
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.lua", i)), `local registrar, auth = require "registrar", require "auth"
local function help(req) `+helper+` end
---@param req sip.request
function route(req)
  `+row.line+`
  help(req) auth.trusted(req) registrar.count()
end
`)
	}
	found := diagnoses(t, server, dir)
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			file := fmt.Sprintf("%02d.lua:", i)
			if !slices.ContainsFunc(found, func(d string) bool { return strings.HasPrefix(d, file) && strings.Contains(d, ": "+row.code+":") }) {
				t.Errorf("%s: no %s in %q", row.line, row.code, found)
			}
		})
	}
}
