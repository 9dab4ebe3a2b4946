package kemi_test

// Worlds in which KEMI scripts run.

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/all"
)

// files are a script and what is next to it.
func files(texts map[string]string) luabindtest.Option {
	fs := fstest.MapFS{}
	for name, text := range texts {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return luabindtest.Script(func(o *luabind.Options) { o.Files = fs })
}

// load makes a world that runs k.lua, which head comes before in a script of our own.
func load(t testing.TB, head, text string, options ...luabindtest.Option) (*luabindtest.World, error) {
	t.Helper()
	return loadFiles(t, head, "k.lua", map[string]string{"k.lua": text}, options...)
}

func loadFiles(t testing.TB, head, file string, texts map[string]string, options ...luabindtest.Option) (*luabindtest.World, error) {
	t.Helper()
	modules, err := all.Offline()
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, luabindtest.Modules(modules...), files(texts))
	return luabindtest.Try(t, fmt.Sprintf("%s\nrequire('kemi').load(%q)", head, file), options...)
}

// world is load that must work.
func world(t testing.TB, text string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	w, err := load(t, "", text, options...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// row is a piece of Lua that runs in ksr_request_route, and what its values are.
type row struct {
	id   string // section of the table of behaviour, function, situation
	lua  string // expressions, or with "return" statements
	want string // the values, "type text", separated by "; "
	// The request, OPTIONS sip:bob@example.com by default, and headers
	method, uri string
	headers     []string
}

// show is Lua that writes values as rows have them.
const show = `
local function show(...)
  local out = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    local kind = type(v)
    out[i] = kind == "string" and '"' .. v .. '"' or kind == "nil" and "nil" or tostring(v)
  end
  return table.concat(out, "; ")
end
`

// check runs rows, each in a request of its own.
func checkRows(t *testing.T, rows []row) {
	t.Helper()
	var b strings.Builder
	b.WriteString(show + "local rows = {}\n")
	for i, r := range rows {
		body := r.lua
		if !strings.Contains(body, "return") {
			body = "return " + body
		}
		fmt.Fprintf(&b, "rows[%d] = function() %s\nend\n", i, body)
	}
	b.WriteString(`function ksr_request_route()
  local ok, text = pcall(function() return show(rows[tonumber(KSR.hdr.get("X-Row"))]()) end)
  KSR.hdr.append_to_reply("X-Got: " .. tostring(text):gsub("[\r\n]", "/") .. "\r\n")
  KSR.sl.sl_send_reply(299, "Got")
end`)
	w := world(t, b.String())
	for i, r := range rows {
		t.Run(r.id, func(t *testing.T) {
			method, uri := r.method, r.uri
			if method == "" {
				method = "OPTIONS"
			}
			if uri == "" {
				uri = "sip:bob@example.com"
			}
			lines := fmt.Sprintf("X-Row: %d\r\n", i)
			for _, h := range r.headers {
				lines += h + "\r\n"
			}
			res := w.Ask(method, uri, lines)
			if got := header(res, "X-Got"); got != r.want {
				t.Errorf("%s\ngot  %s\nwant %s", r.lua, got, r.want)
			}
		})
	}
}

func header(m *message.Message, name string) string {
	if m == nil {
		return "(no answer)"
	}
	return string(m.HeaderName(name))
}
