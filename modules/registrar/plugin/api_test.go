package plugin

// This file tests what a running server tells about registrations.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host"
)

func TestAPI(t *testing.T) {
	opener, err := open(&host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	p := opener.(*plugged)
	server := httptest.NewServer(http.StripPrefix("/api/v1/registrar", p.API()))
	defer server.Close()
	get := func(path string) (code int, text string) {
		t.Helper()
		res, err := http.Get(server.URL + "/api/v1/registrar" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, strings.Join(strings.Fields(string(body)), " ")
	}
	if code, text := get("/bindings?aor=sip:bob@example.com"); code != 503 || !strings.Contains(text, "starting") {
		t.Errorf("before the engine: %d %s", code, text)
	}
	w := luabindtest.New(t, `function route(req) require("registrar").save(req) end`, luabindtest.Modules(opener))
	m := w.Ask("REGISTER", "sip:bob@example.com", "Contact: <sip:bob@10.0.0.2:5060>;q=0.5\r\nExpires: 600\r\nUser-Agent: phone\r\n")
	if m.Status() != 200 {
		t.Fatal(m.Status())
	}
	for path, row := range map[string]struct {
		code int
		want string
	}{
		"/bindings?aor=sip:bob@example.com":   {200, `"contact": "sip:bob@10.0.0.2:5060", "q": 0.5, "expires_seconds": `},
		"/bindings?aor=sip:carol@example.com": {200, `{ "aor": "sip:carol@example.com", "bindings": [] }`},
		"/bindings":                           {400, "expected ?aor="},
		"/bindings?aor=bob":                   {400, "expected ?aor="},
		"/count":                              {200, `{ "count": 1 }`},
		"/nothing":                            {404, ""},
	} {
		t.Run(path, func(t *testing.T) {
			if code, text := get(path); code != row.code || !strings.Contains(text, row.want) {
				t.Errorf("%s: %d %s", path, code, text)
			}
		})
	}
}

func TestRegistrationsCommand(t *testing.T) {
	for args, want := range map[string]string{"": "GET /api/v1/registrar/count", "sip:a+b@h;x": "GET /api/v1/registrar/bindings?aor=sip%3Aa%2Bb%40h%3Bx",
		"a b": `registrations: one URI at a time: found "b" after "a"`} {
		t.Run(args, func(t *testing.T) {
			var out bytes.Buffer
			c := registrationsCommand()
			err := c.Run(&host.Invocation{Command: c.Name, Args: strings.Fields(args), Stdout: &out, Ask: func(method, path string, _ io.Reader) ([]byte, error) {
				return fmt.Append(nil, method, " ", path), nil
			}})
			got := out.String()
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%q: %s", args, got)
			}
		})
	}
}
