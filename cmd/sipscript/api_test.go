package main

// The admin API of a running server, and its commands.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// served is a server with an admin port, serving.
func served(t *testing.T, args ...string) (s *server, log *lockedBuffer) {
	t.Helper()
	set, err := parse(t, append([]string{"-l", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain", "0s", "--lanes", "1"}, args...), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	log = &lockedBuffer{}
	s = newServer(set, log)
	t.Cleanup(s.close)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.announce(t.Context())
	t.Cleanup(s.drain)
	return s, log
}

// What the server answers is what the document of its API says.
func TestAnswersFitTheDocument(t *testing.T) {
	s, _ := served(t, "--set", "key=hidden", "--set", "carrier=a")
	doc := document(t, s)
	paths := doc.Paths.Map()
	for path, item := range paths {
		if item.Get == nil || strings.Contains(path, "{") || required(item.Get) {
			continue
		}
		if r := item.Get.Responses.Status(200); r != nil && r.Value.Content["application/json"] == nil {
			continue // events, without end
		}
		t.Run(path, func(t *testing.T) {
			res, err := http.Get("http://" + s.admin.Addr().String() + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(text, &value); err != nil {
				t.Fatalf("%s: %s", err, text)
			}
			answer := item.Get.Responses.Status(res.StatusCode)
			if answer == nil {
				t.Fatalf("%d is not declared: %s", res.StatusCode, text)
			}
			if err := answer.Value.Content["application/json"].Schema.Value.VisitJSON(value); err != nil {
				t.Errorf("%v in %s", err, text)
			}
		})
	}
}

func document(t *testing.T, s *server) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromURI(&url.URL{Scheme: "http", Host: s.admin.Addr().String(), Path: "/api/v1/openapi.json"})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func required(o *openapi3.Operation) bool {
	for _, p := range o.Parameters {
		if p.Value.Required {
			return true
		}
	}
	return false
}

// only is an environment with one variable.
func only(name, value string) func(string) (string, bool) {
	return func(n string) (string, bool) {
		if n == name {
			return value, true
		}
		return "", false
	}
}

// lockedBuffer is written by a server while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A server that was told to stop while it started has no engine: it says so, and does not panic.
func TestAskedWhileItStopsInTheStart(t *testing.T) {
	s := newServer(&settings{}, io.Discard)
	s.state.Store(draining)
	for _, o := range s.operations() {
		switch o.Path {
		case "/api/v1/lanes", "/api/v1/generations", "/api/v1/listeners":
			t.Run(o.Path, func(t *testing.T) {
				w := httptest.NewRecorder()
				if o.Serve(w, httptest.NewRequest(o.Method, o.Path, nil)); w.Code != 503 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
	}
}

// Passwords of arguments are not shown, by their names or within a URL.
func TestArgumentsHideSecrets(t *testing.T) {
	s := newServer(&settings{args: map[string]string{"db": "postgres://bob:hunter2@h/x", "dsn": "bob:hunter2@tcp(h)/x", "sms_auth": "hunter2", "web": "https://h:80/x", "two": "x redis://:hun@ter2@h:1"}}, io.Discard)
	w := httptest.NewRecorder()
	s.answerArguments(w, nil)
	for _, want := range []string{`"db": "postgres://bob:***@h/x"`, `"dsn": "***"`, `"sms_auth": "***"`, `"web": "https://h:80/x"`, `"two": "x redis://:***@h:1"`} {
		t.Run(want, func(t *testing.T) {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s is not in %s", want, w.Body)
			}
		})
	}
}

func TestServerCommands(t *testing.T) {
	script := filepath.Join(t.TempDir(), "route.lua")
	text := `if sip.args.who == "eve" then error("not eve") end function route(req) req:reply(404) end`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, log := served(t, "--set", "key=hidden", "--set", "who=a", script)
	for _, row := range []struct {
		words string
		code  int
		want  string // in what is printed
	}{
		{"lanes", 0, "background"},
		{"lanes --json", 0, `"delay_seconds"`},
		{"lanes x", 2, "takes no argument"},
		{"generations", 0, "1           serving"},
		{"listeners", 0, "udp       127.0.0.1:"},
		{"arguments", 0, "key  ***"},
		{"arguments set who=b", 0, ""},
		{"generations", 0, "2           serving"},
		{"arguments list", 0, "who  b"},
		{"arguments set who=eve", 1, "not eve"},
		{"arguments list", 0, "who  b"},
		{"generations", 0, "the last reload was refused"},
		{"arguments set who", 2, "expected KEY=VALUE"},
		{"arguments set", 2, "at least one"},
		{"arguments unset who", 0, ""},
		{"log-level", 0, "info"},
		{"log-level debug", 0, ""},
		{"log-level", 0, "debug"},
		{"log-level loud", 2, "expected debug, info, warn or error"},
		{"calls", 0, "ID"},
		{"accounts", 0, "NAME"},
		{"registrations", 0, "nobody is registered"},
		{"registrations add sip:gw@example.com sip:127.0.0.9 --expires 5m", 0, "is registered at"},
		{"registrations", 0, "sip:gw@example.com  sip:127.0.0.9  5m0s"},
		{"registrations count", 0, "1\n"},
		{"registrations count sip:gw@example.com", 0, "1\n"},
		{"registrations count sip:nobody@example.com", 0, "0\n"},
		{"registrations count a b", 2, "one URI at a time"},
		{"bans", 0, "SOURCE"},
		{"messages", 0, "no messages wait"},
		{"presence", 0, "USER"},
		{"acl", 0, "LIST"},
		{"dispatch", 0, "GATEWAY"},
	} {
		t.Run(row.words, func(t *testing.T) {
			var out bytes.Buffer
			env := environment{lookup: only("SIPSCRIPT_ADMIN", s.admin.Addr().String()), stdout: &out, stderr: &out}
			if code := execute(append([]string{"sipscript"}, strings.Fields(row.words)...), env); code != row.code || !strings.Contains(out.String(), row.want) {
				t.Errorf("%d %s, want %d %s", code, &out, row.code, row.want)
			}
		})
	}
	if strings.Contains(log.String(), "who\":\"b") || strings.Contains(log.String(), "hidden") {
		t.Errorf("arguments may be secrets, and are in the log: %s", log)
	}
	if !strings.Contains(log.String(), `request="PUT /api/v1/log-level"`) {
		t.Errorf("no line about the change of the level: %s", log)
	}
}

// Tokens and TLS, from the flags to the commands.
func TestAdminTokensAndTLS(t *testing.T) {
	dir := t.TempDir()
	token := func(name, role string) (token, line string) {
		var out, words bytes.Buffer
		if code := execute([]string{"sipscript", "token", name, "--role", role}, environment{stdout: &out, stderr: &words}); code != 0 {
			t.Fatal(words.String())
		}
		_, after, _ := strings.Cut(words.String(), "kept nowhere: ")
		token, _, _ = strings.Cut(after, "\n")
		return token, out.String()
	}
	reader, readLine := token("grafana", "read")
	file := filepath.Join(dir, "tokens")
	if err := os.WriteFile(file, []byte(readLine+"loopback none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := pair(t, time.Now().Add(time.Hour))
	s, log := served(t, "--admin-tokens", file, "--admin-tls-cert", cert, "--admin-tls-key", key)
	if !strings.Contains(log.String(), "admin https://") {
		t.Errorf("%s", log)
	}
	run := func(words string, variables map[string]string) string {
		var out bytes.Buffer
		env := environment{lookup: func(name string) (string, bool) { v, ok := variables[name]; return v, ok }, stdout: &out, stderr: &out}
		return fmt.Sprint(execute(append([]string{"sipscript"}, strings.Fields(words)...), env), " ", out.String())
	}
	at := "https://" + s.admin.Addr().String()
	for _, row := range []struct {
		name, words, token, ca, want string
	}{
		{"with a token", "log-level", reader, cert, "0 info"},
		{"without a token", "log-level", "", cert, "loopback may not read"},
		{"with a wrong token", "log-level", "x", cert, "a token is needed"},
		{"a reader who acts", "log-level debug", reader, cert, "grafana may not act"},
		{"a certificate that nobody vouches for", "log-level", reader, "", "certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := run(row.words, map[string]string{"SIPSCRIPT_ADMIN": at, "SIPSCRIPT_ADMIN_TOKEN": row.token, "SIPSCRIPT_ADMIN_CA": row.ca}); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

func TestAdminFlags(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"--admin-tokens f", "there is no --admin"},
		{"--admin 127.0.0.1:0 --admin-tls-cert f", "belong together"},
		{"--admin-tls-cert f --admin-tls-key g", "there is no --admin"},
	} {
		t.Run(row.args, func(t *testing.T) {
			if _, err := parse(t, strings.Fields(row.args), nil, ""); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
