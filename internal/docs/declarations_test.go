package docs

// This file tests that what is made from the declarations is fresh and complete, and that the
// examples in it run.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := Generated(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 {
		t.Errorf("only %d files are made", len(files))
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run make docs", path, err)
		}
	}
}

// declared is one function under its full name, or a type.
type declared struct {
	name, doc, example string
	where              luabind.Where
	library            string
}

func everything(t *testing.T) (list []declared) {
	t.Helper()
	libraries, err := all.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		add := func(prefix string, fs []luabind.Function) {
			for _, f := range fs {
				if f.Call != nil { // not of Lua's own library
					list = append(list, declared{prefix + f.Name, f.Doc, f.Example, f.Where, l.Name})
				}
			}
		}
		add(l.Name+".", l.Functions)
		for _, o := range l.Types {
			add(o.Variable()+":", o.Methods)
			if o.Example != "" {
				list = append(list, declared{"type " + o.Name, o.Doc, o.Example, luabind.Anywhere, l.Name})
			}
		}
	}
	return list
}

// Everything in the reference says what it is, and how it is used.
func TestDeclarationsAreComplete(t *testing.T) {
	for _, d := range everything(t) {
		if d.doc == "" || d.example == "" {
			t.Errorf("%s has no text or no example", d.name)
		}
		short := d.name[strings.LastIndexAny(d.name, ".: ")+1:]
		if !strings.HasPrefix(d.name, "type ") && !strings.Contains(d.example, short) {
			t.Errorf("%s: its example does not call it", d.name)
		}
	}
}

func offline(t *testing.T) []luabind.Opener {
	t.Helper()
	modules, err := all.Offline()
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

// head is what the examples of a library find: the modules, and objects that a file would have
// made.
func head(modules []luabind.Opener, library, dir string) string {
	var b strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&b, "local %s = require %q\n", m.Name(), m.Name())
	}
	b.WriteString(map[string]string{
		"sql":   fmt.Sprintf("local db = sql.open(%q, { create = true })\n", "sqlite:"+filepath.Join(dir, "x.db")),
		"redis": "local r = redis.open(\"redis://127.0.0.1:1\", { timeout = 0.1 })\n",
	}[library])
	return b.String()
}

// inside puts an example where its objects are.
func inside(example string) string {
	if strings.Contains(example, "tx:") && !strings.Contains(example, "transaction(") {
		return "db:transaction(function(tx)\n" + example + "\nend)"
	}
	return example
}

// The examples of the reference run as they stand: those of the file while it loads, the others in
// a handler of an INVITE, where the module is configured as in the example of that.
func TestExamplesRun(t *testing.T) {
	configured := map[string]string{}
	for _, d := range everything(t) {
		if d.name == d.library+".configure" {
			configured[d.library] = d.example
		}
	}
	for _, d := range everything(t) {
		if d.library == "sip.test" {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			atLoad, inRoute := configured[d.library], inside(d.example)
			if d.where == luabind.AtLoad || strings.HasPrefix(d.example, "http.handle(") || strings.Contains(d.example, "sip.metric.") {
				atLoad, inRoute = d.example, ""
			}
			modules := offline(t)
			if d.library == "dispatch" && atLoad == "" {
				atLoad = `dispatch.configure({ sets = { carriers = { "sip:10.0.0.8", "sip:10.0.0.9" } } })`
			}
			script := head(modules, d.library, t.TempDir()) + atLoad + "\nfunction route(req)\n" + inRoute + "\nif not req.answered then sip.shared(\"done\"):set(\"yes\", 1) end\nend\n"
			w := luabindtest.New(t, script, luabindtest.Modules(modules...), luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com"} }),
				luabindtest.Script(func(o *luabind.Options) { o.Files = besideKEMI }))
			headers, body := "Subject: sales\r\nContact: <sip:alice@10.0.0.2>\r\n", ""
			if d.library == "sdp" || d.library == "nat" {
				headers += "Content-Type: application/sdp\r\n"
				body = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n"
			}
			w.Send(w.Request("INVITE", "sip:bob@example.com", headers, body))
			for _, sign := range []string{"script error", "bug in a binding"} {
				if log := w.Log(); strings.Contains(log, sign) {
					t.Errorf("%s\n%s", script, log)
				}
			}
		})
	}
}

// The examples of sip.test run in a spec, with the phones and the call that they speak of.
func TestExamplesOfSpecsRun(t *testing.T) {
	const before = `local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
bob:register()
`
	const ringing = `local call = alice:invite("sip:bob@example.com")
local leg = bob:expect("INVITE")
leg:reply(180)
`
	for _, d := range everything(t) {
		if d.library != "sip.test" {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			body, tail := before, ""
			switch {
			case strings.Contains(d.example, "alice:invite("):
			case strings.Contains(d.example, "leg:answer()"):
				body += ringing
			case strings.Contains(d.example, "call:expect(180)"), strings.Contains(d.example, "call:cancel"):
				body += ringing
			case strings.HasPrefix(d.example, "call:"):
				body += ringing + "leg:reply(200)\ncall:expect(200)\n"
				tail = "\nbob:expect(call.method == \"INVITE\" and \"" + map[bool]string{true: "BYE", false: "INFO"}[strings.Contains(d.example, "bye")] + "\"):reply(200)"
			case strings.HasPrefix(d.example, "leg:expect"):
				body += ringing + "call:cancel()\n"
			case strings.Contains(d.example, "leg"):
				body += ringing
			case strings.HasPrefix(d.example, "bob:expect(\"INVITE\""):
				body += "alice:invite(\"sip:bob@example.com\")\n"
			}
			text := "local t = require \"sip.test\"\nt.it(\"runs\", function()\n" + body + d.example + tail + "\nend)\n"
			if d.where == luabind.AtLoad {
				text = "local t = require \"sip.test\"\n" + d.example + "\nt.it(\"runs\", function() end)\n"
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "x.lua"), `local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "OPTIONS" then return req:reply(200) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
`)
			write(t, filepath.Join(dir, "x_spec.lua"), text)
			var out bytes.Buffer
			s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, spec.Options{Modules: all.ForSpec, Seed: 1}, spec.Show{})
			if s.Failed > 0 || s.Passed == 0 {
				t.Errorf("%s\n%s", text, out.String())
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

// The definition files for editors are Lua, and name no type that is not in them.
func TestStubsAreLua(t *testing.T) {
	files, err := Generated(root)
	if err != nil {
		t.Fatal(err)
	}
	classes, used := map[string]bool{}, map[string]string{}
	for path, text := range files {
		if !strings.HasPrefix(path, "docs/stubs/") {
			continue
		}
		if _, err := luabind.NewRouter(luabind.Options{Source: string(text), Name: path, Library: true}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			switch words[0] {
			case "---@class", "---@alias":
				if classes[words[1]] {
					t.Errorf("%s: %s is there twice", path, words[1])
				}
				classes[words[1]] = true
			case "---@param", "---@field":
				used[words[2]] = line
			case "---@return":
				used[words[1]] = line
			}
		}
	}
	builtin := map[string]bool{"any": true, "string": true, "number": true, "integer": true, "boolean": true, "table": true, "function": true, "nil": true, "false": true, "list": true}
	for types, line := range used {
		if strings.HasPrefix(types, "fun(") || strings.Contains(types, `"`) {
			continue
		}
		for one := range strings.SplitSeq(types, "|") {
			one = strings.TrimSuffix(one, "[]")
			if !builtin[one] && !classes[one] && !strings.HasPrefix(one, "fun(") {
				t.Errorf("%q names the type %s, which is not there", strings.TrimSpace(line), one)
			}
		}
	}
	if len(classes) < 30 {
		t.Errorf("only %d classes", len(classes))
	}
}

// What a language server needs to understand scripts as they are written.
func TestStubsSayHowFunctionsAreCalled(t *testing.T) {
	files, err := Generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, file, text string }{
		{"require is the only part of package", "sip.lua", "function require(name) end"},
		{"an optional argument left out", "sip.lua", "---@overload fun(self: sip.request, code: integer|sip.response, options?: sip.request.reply.options)"},
		{"left out in a spec", "sip.test.lua", "---@overload fun(self: sip.test.leg, code: integer, options?: sip.test.leg.reply.options)"},
		{"a uri cannot fail to become a uri", "sip.lua", "---@overload fun(text: sip.address|sip.uri): sip.uri\n"},
		{"a string can", "sip.lua", "---@param text string\n"},
		{"targets", "sip.lua", "---@param targets? sip.destination|nil|sip.targets"},
		{"a reason in place of options", "sip.lua", "---@param options? sip.request.relay.options|string"},
		{"keys of a target are optional", "sip.lua", "---@field next_hop? sip.uri|string"},
		{"one target as an option", "sip.lua", "---@field target? sip.destination"},
		{"the target that the script passed", "sip.lua", "---@field target any "},
		{"a binding is a target", "registrar.lua", "---@class registrar.binding : sip.targeter"},
		{"the arguments of events", "sip.lua", `---@overload fun(event: "registrar.bound", fn: fun(aor: string, binding: registrar.binding), options?: sip.on.options)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !bytes.Contains(files["docs/stubs/"+row.file], []byte(row.text)) {
				t.Errorf("%s has no line %s", row.file, row.text)
			}
		})
	}
}
