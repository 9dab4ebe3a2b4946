package http_test

// This file tests the module as scripts see it, against servers of the test's own.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	module "github.com/sipscript/sipscript/modules/http"
)

func world(t *testing.T, script string, listen string) (*luabindtest.World, *module.HTTP) {
	t.Helper()
	m := module.New(module.Options{Clients: clients.New(clients.Options{}), Listen: listen})
	w := luabindtest.New(t, "http = require \"http\"\n"+script+"\nfunction route(req) end", luabindtest.Modules(m))
	t.Cleanup(func() { _ = m.Close() })
	return w, m
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func raises(t *testing.T, w *luabindtest.World, source, want string) {
	t.Helper()
	if got, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\ngot  %#v, %v\nwant an error with %q", source, got, err, want)
	}
}

// echo answers with what was asked.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		w.Header().Set("X-Two", "a")
		w.Header().Add("X-Two", "b")
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "path": r.URL.String(), "body": string(body), "type": r.Header.Get("Content-Type"),
			"user": user + ":" + password, "auth": r.Header.Get("Authorization"), "x": r.Header.Get("X-Test"), "agent": r.Header.Get("User-Agent"), "host": r.Host})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAsking(t *testing.T) {
	url := echo(t).URL
	w, _ := world(t, fmt.Sprintf("url = %q", url), "")
	eval(t, w, `local res = http.get(url .. "/a?b=c") local v = res:json() return res.status, res.headers["x-two"], v.method, v.path, v.agent`,
		200.0, "a, b", "GET", "/a?b=c", "sipscript")
	eval(t, w, `local v = http.post(url, "text", { content_type = "text/plain" }):json() return v.method, v.body, v.type`, "POST", "text", "text/plain")
	eval(t, w, `local v = http.post(url, nil, { json = { list = sip.json.empty_list, null = sip.json.null, n = 5 } }):json() return v.body, v.type`,
		`{"list":[],"n":5,"null":null}`, "application/json")
	eval(t, w, `local v = http.post(url, nil, { form = { a = "1 2", b = "ü" } }):json() return v.body, v.type`, "a=1+2&b=%C3%BC", "application/x-www-form-urlencoded")
	eval(t, w, `local v = http.request({ method = "PUT", url = url, body = "x", headers = { ["X-Test"] = "y", Host = "other" } }):json() return v.method, v.body, v.x, v.host`,
		"PUT", "x", "y", "other")
	eval(t, w, `return http.get(url, { auth = { user = "me", password = "secret" } }):json().user`, "me:secret")
	eval(t, w, `return http.get(url, { auth = { bearer = "token" } }):json().auth`, "Bearer token")
	eval(t, w, `return http.get(url .. "/a?b=c", { query = { to = "a&b=c d/ü", b = "x" } }):json().path`, "/a?b=x&to=a%26b%3Dc+d%2F%C3%BC")
	raises(t, w, `http.get("ftp://x/")`, "is not a URL with http or https")
	raises(t, w, `http.get("http://me:secret@")`, "is not a URL")
	raises(t, w, `http.post(url, "x", { retries = 2 })`, "POST is not sent again by itself")
	raises(t, w, `http.post(url, "x", { json = {} })`, "give one of body, json and form")
	raises(t, w, `http.post(url, "x", { body = "y" })`, "the body is there twice")
	raises(t, w, `http.get(url, { timout = 3 })`, "did you mean 'timeout'?")
	raises(t, w, `http.get(url, { headers = { X = "a\r\nY: b" } })`, "contains CR, LF or NUL")
	raises(t, w, `http.get(url, { tls = { ca = "/nowhere" } })`, "no such file")
	if _, err := luabindtest.Try(t, `require("http").get("http://127.0.0.1/") function route() end`,
		luabindtest.Modules(module.New(module.Options{Clients: clients.New(clients.Options{})}))); err == nil || !strings.Contains(err.Error(), "waits") {
		t.Error(err)
	}
}

// A server that is slow, closes, lies, or sends without end costs its request, no more.
func TestBadServers(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	for name, row := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"slow":  {func(http.ResponseWriter, *http.Request) { <-release }, "deadline exceeded"},
		"large": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 100<<20)) }, "too large"},
		"closes": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, "EOF"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("short"))
		}, "EOF"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Write([]byte("SIP/2.0 200 OK\r\n\r\n"))
			c.Close()
		}, "malformed"},
		"round and round": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "more than 3 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(row.serve)
			defer s.CloseClientConnections()
			w, _ := world(t, fmt.Sprintf("url = %q", s.URL), "")
			timeout := 30.0 // on a busy machine, too, others have their own error
			if name == "slow" {
				timeout = 0.3
			}
			got, err := w.Eval(fmt.Sprintf(`return http.get(url, { timeout = %v })`, timeout))
			if err != nil || len(got) != 2 || got[0] != nil || !strings.Contains(fmt.Sprint(got[1]), row.want) {
				t.Errorf("got %#v, %v, want nil and %q", got, err, row.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().String()
		l.Close()
		w, _ := world(t, fmt.Sprintf("url = %q", "http://"+at), "")
		eval(t, w, `local away = 0 for i = 1, 2000 do local res, err = http.get(url) if err:find("unavailable") then away = away + 1 end end return away >= 1990`, true)
	})
}

func TestRetries(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	w, _ := world(t, fmt.Sprintf("url = %q", s.URL), "")
	eval(t, w, `return http.get(url, { retries = 1 }).status`, 503.0)
	eval(t, w, `return http.get(url, { retries = 1 }).status`, 200.0)
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// send asks the script's port.
func send(t *testing.T, m *module.HTTP, method, path, body string, change ...func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+m.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
}

const handlers = `
http.configure({ tokens = { "right" } })
http.handle("POST /calls/{user}", function(hreq)
  return { status = 202, headers = { ["X-A"] = "b" }, json = { user = hreq.params.user, q = hreq.query.q, body = hreq:json(), ip = hreq.source.ip } }
end)
http.handle("GET /text", function() return { body = "hello" } end)
http.handle("GET /nothing", function() end)
http.handle("GET /error", function() error("boom") end)
http.handle("GET /wrong", function() return { statu = 5 } end)
http.handle("GET /number", function() return 5 end)
http.handle("GET /slow", function() sip.sleep(0.05) return { body = "slept" } end)
http.handle("GET /bearer", { auth = "bearer" }, function() return { body = "in" } end)
http.handle("GET /own", { auth = function(hreq) return hreq.headers["x-key"] == "5" end }, function() return { body = "in" } end)
http.handle("GET /files/{rest...}", function(hreq) return { body = hreq.params.rest } end)
`

// drive lets the world's time go on while requests are answered.
func drive(t *testing.T, w *luabindtest.World) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				w.Run(10 * time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

func TestHandlers(t *testing.T) {
	w, m := world(t, handlers, "127.0.0.1:0")
	drive(t, w)
	for _, row := range []struct {
		method, path, body string
		change             func(*http.Request)
		code               int
		want               string
	}{
		{"POST", "/calls/alice?q=1", `{"a": [1, null]}`, nil, 202, `{"body":{"a":[1,null]},"ip":"127.0.0.1","q":"1","user":"alice"}` + "\n"},
		{"GET", "/text", "", nil, 200, "hello"},
		{"GET", "/nothing", "", nil, 204, ""},
		{"GET", "/error", "", nil, 500, "Internal Server Error\n"},
		{"GET", "/wrong", "", nil, 500, "Internal Server Error\n"},
		{"GET", "/number", "", nil, 500, "Internal Server Error\n"},
		{"GET", "/slow", "", nil, 200, "slept"},
		{"GET", "/unknown", "", nil, 404, "404 page not found\n"},
		{"POST", "/text", "", nil, 405, "Method Not Allowed\n"},
		{"GET", "/files/a/b", "", nil, 200, "a/b"},
		{"GET", "/bearer", "", nil, 401, "not allowed\n"},
		{"GET", "/bearer", "", header("Authorization", "Bearer wrong"), 401, "not allowed\n"},
		{"GET", "/bearer", "", header("Authorization", "Bearer "), 401, "not allowed\n"},
		{"GET", "/bearer", "", header("Authorization", "Bearer right"), 200, "in"},
		{"GET", "/own", "", nil, 401, "not allowed\n"},
		{"GET", "/own", "", header("X-Key", "5"), 200, "in"},
		// A page in the browser of this machine may send from it, and names its own host or origin.
		{"GET", "/text", "", header("Origin", "https://elsewhere.example"), 401, "not allowed\n"},
		{"GET", "/text", "", header("Host", "elsewhere.example"), 401, "not allowed\n"},
		// So may a reverse proxy here, for anybody.
		{"GET", "/text", "", header("X-Forwarded-For", "192.0.2.7"), 401, "not allowed\n"},
		{"GET", "/text", "", header("Forwarded", "for=192.0.2.7"), 401, "not allowed\n"},
		{"GET", "/text", "", header("Via", "1.1 proxy"), 401, "not allowed\n"},
		{"GET", "/text", "", header("X-Real-IP", "192.0.2.7"), 401, "not allowed\n"},
		{"POST", "/calls/bob", strings.Repeat("x", 2<<20), nil, 413, ""},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			change := row.change
			if change == nil {
				change = func(*http.Request) {}
			}
			code, text, _ := send(t, m, row.method, row.path, row.body, change)
			if code != row.code || row.want != "" && text != row.want {
				t.Errorf("%d %q, want %d %q", code, text, row.code, row.want)
			}
		})
	}
	if code, _, h := send(t, m, "POST", "/calls/x", "{}"); code != 202 || h.Get("X-A") != "b" || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Error(code, h)
	}
}

// A reload puts new handlers in place of the old; the port stays open.
func TestReload(t *testing.T) {
	w, m := world(t, handlers+`http.handle("GET /generation", function() return { body = "x" } end)`, "127.0.0.1:0")
	at := m.Addr()
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	drive(t, w)
	if code, text, _ := send(t, m, "GET", "/generation", ""); code != 200 || text != "x" || m.Addr() != at {
		t.Error(code, text, m.Addr(), at)
	}
}

func TestMistakesWhileLoading(t *testing.T) {
	for name, row := range map[string][2]string{
		"bearer without tokens": {`http.handle("GET /x", { auth = "bearer" }, function() end)`, "needs http.configure"},
		"another auth":          {`http.handle("GET /x", { auth = "basic" }, function() end)`, "must be \"bearer\" or function(hreq)"},
		"no pattern":            {`http.handle("GET x {", function() end)`, "the pattern"},
		"twice":                 {`http.handle("GET /x", function() end) http.handle("GET /x", function() end)`, "has a handler already"},
		"a contradiction":       {`http.handle("GET /{a}/x", function() end) http.handle("GET /x/{b}", function() end)`, "conflicts"},
		"no function":           {`http.handle("GET /x")`, "must be a function"},
	} {
		t.Run(name, func(t *testing.T) {
			m := module.New(module.Options{Clients: clients.New(clients.Options{})})
			_, err := luabindtest.Try(t, `http = require "http" `+row[0]+` function route() end`, luabindtest.Modules(m))
			if err == nil || !strings.Contains(err.Error(), row[1]) {
				t.Error(err)
			}
		})
	}
}
