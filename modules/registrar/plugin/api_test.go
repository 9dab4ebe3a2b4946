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
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/ops/openapi"
)

func TestAPI(t *testing.T) {
	opener, err := open(&host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	p := opener.(*plugged)
	server := httptest.NewServer(openapi.Handler(p.API()))
	defer server.Close()
	ask := func(method, path, body string) (code int, text string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		return res.StatusCode, strings.Join(strings.Fields(string(answer)), " ")
	}
	if code, text := ask("GET", "/bindings?aor=sip:bob@example.com", ""); code != 503 || !strings.Contains(text, "starting") {
		t.Errorf("before the engine: %d %s", code, text)
	}
	w := luabindtest.New(t, `function route(req) require("registrar").save(req) end`, luabindtest.Modules(opener))
	m := w.Ask("REGISTER", "sip:bob@example.com", "Contact: <sip:bob@10.0.0.2:5060>;q=0.5\r\nExpires: 600\r\nUser-Agent: phone\r\n")
	if m.Status() != 200 {
		t.Fatal(m.Status())
	}
	for _, row := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/bindings?aor=sip:bob@example.com", "", 200, `"contact": "sip:bob@10.0.0.2:5060", "q": 0.5, "expires_seconds": `},
		{"GET", "/bindings?aor=sip:carol@example.com", "", 200, `{ "aor": "sip:carol@example.com", "bindings": [] }`},
		{"GET", "/bindings?aor=bob", "", 400, "expected ?aor="},
		{"GET", "/bindings", "", 200, `"aor": "sip:bob@example.com", "contact": "sip:bob@10.0.0.2:5060"`},
		{"GET", "/bindings?search=PHONE", "", 200, `"contact": "sip:bob@10.0.0.2:5060"`},
		{"GET", "/bindings?search=nowhere", "", 200, `{ "bindings": [] }`},
		{"GET", "/bindings?limit=0", "", 400, "limit must be 1 to 100000"},
		{"GET", "/bindings?user=bob", "", 400, `there is no parameter \"user\"; there are aor, search, limit`},
		{"GET", "/count", "", 200, `{ "count": 1 }`},
		{"GET", "/nothing", "", 404, ""},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9", "expires_seconds": 60, "q": 0.3}`, 200, `"contact": "sip:10.0.0.9", "q": 0.3, "expires_seconds": 60`},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9", "expires_seconds": 90}`, 200, `{ "aor": "sip:gw@example.com", "bindings": [ { "contact": "sip:10.0.0.9", "q": 1, "expires_seconds": 90`},
		{"GET", "/bindings?limit=1", "", 200, `"more": true`},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "10.0.0.9", "expires_seconds": 60}`, 400, "needs the URI of a contact"},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9\r\nX: y", "expires_seconds": 60}`, 400, "needs the URI of a contact"},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9"}`, 400, "a time to live"},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9", "expires_seconds": 1e12}`, 400, "a time to live"},
		{"POST", "/bindings", `{"aor": "sip:gw@example.com", "contact": "sip:10.0.0.9", "expires_seconds": 1, "q": 7}`, 400, "a q from 0 to 1"},
		{"POST", "/bindings", `{"user": 1}`, 400, "unknown field"},
		{"DELETE", "/bindings?aor=sip:gw@example.com&contact=sip:10.0.0.8", "", 404, "no such binding"},
		{"DELETE", "/bindings?aor=sip:gw@example.com&contact=sip:10.0.0.9;transport=tcp", "", 400, "semicolon"},
		{"DELETE", "/bindings?aor=sip:gw@example.com&contact=", "", 400, "contact is empty"},
		{"DELETE", "/bindings?aor=sip:gw@example.com&contact=10.0.0.9", "", 400, "expected ?contact= with a URI"},
		{"DELETE", "/bindings?aor=sip:gw@example.com", "", 200, `"removed": 1`},
		{"DELETE", "/bindings", "", 400, "expected ?aor="},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			if code, text := ask(row.method, row.path, row.body); code != row.code || !strings.Contains(text, row.want) {
				t.Errorf("%d %s, want %d %s", code, text, row.code, row.want)
			}
		})
	}
}

// What an operator added gives way to the phone that registers the same contact.
func TestAddedGivesWay(t *testing.T) {
	opener, err := open(&host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	p := opener.(*plugged)
	w := luabindtest.New(t, `function route(req) require("registrar").save(req) end`, luabindtest.Modules(opener))
	now, _ := p.now()
	uri := sipURI(t, "sip:bob@example.com")
	if err := p.Add(t.Context(), &uri, registrar.Record{Contact: "sip:bob@10.0.0.2:5060", Q: 1, Expires: now.Add(time.Hour)}, now); err != nil {
		t.Fatal(err)
	}
	if m := w.Ask("REGISTER", "sip:bob@example.com", "Contact: <sip:bob@10.0.0.2:5060>;q=0.5\r\nExpires: 600\r\n"); m.Status() != 200 {
		t.Fatal(m.Status())
	}
	list, err := p.Bindings(t.Context(), &uri, now)
	if err != nil || len(list) != 1 || list[0].Q() != 0.5 {
		t.Errorf("%v %v", list, err)
	}
}

func sipURI(t *testing.T, text string) message.URI {
	t.Helper()
	uri, err := message.ParseURI([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return uri
}

func TestRegistrationsCommand(t *testing.T) {
	for args, want := range map[string]string{
		"registrations":                        "GET /api/v1/registrar/bindings\n{}",
		"registrations sip:a+b@h;x":            "GET /api/v1/registrar/bindings?aor=sip%3Aa%2Bb%40h%3Bx\n{}",
		"registrations add sip:a@h sip:b@h":    `POST /api/v1/registrar/bindings {"aor":"sip:a@h","contact":"sip:b@h","expires_seconds":3600}` + "\nsip:a@h is registered at sip:b@h\n",
		"registrations remove sip:a@h sip:b@h": "DELETE /api/v1/registrar/bindings?aor=sip%3Aa%40h&contact=sip%3Ab%40h\nremoved: 0\n",
		"registrations remove sip:a@h EMPTY":   "registrations remove: CONTACT is empty: leave it out to remove all",
		"registrations list a b":               `registrations list: one URI at a time: found "b" after "a"`,
		"registrations lst":                    `registrations: unknown command "lst"; the commands are list, add, remove, count`,
		"registrations add sip:a@h":            "registrations add: expected URI CONTACT",
	} {
		t.Run(args, func(t *testing.T) {
			var out bytes.Buffer
			c, words := registrationsCommand(), strings.Fields(args)[1:]
			called := c.Name
			for _, sub := range c.Sub {
				if len(words) > 0 && sub.Name == words[0] {
					c, called, words = sub, called+" "+sub.Name, words[1:]
				}
			}
			for i := range words {
				words[i] = strings.TrimPrefix(words[i], "EMPTY")
			}
			err := c.Run(&host.Invocation{Command: called, Args: words, Flags: host.NewValues(map[string]any{"json": true, "expires": time.Hour}), Stdout: &out,
				Ask: func(method, path string, body io.Reader) ([]byte, error) {
					fmt.Fprint(&out, method, " ", path)
					if body != nil {
						text, _ := io.ReadAll(body)
						fmt.Fprint(&out, " ", string(text))
					}
					fmt.Fprintln(&out)
					return []byte("{}"), nil
				}})
			got := out.String()
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
