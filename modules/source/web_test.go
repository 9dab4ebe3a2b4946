package source_test

// This file tests lists on HTTP servers.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// lists is a server that has a list at each path.
type lists struct {
	*httptest.Server

	mu       sync.Mutex
	status   int
	header   map[string]string
	body     string
	asked    int
	answered []int
	last     *http.Request
}

func serveLists(t *testing.T) *lists {
	t.Helper()
	s := &lists{status: 200, header: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		s.last = r.Clone(context.Background())
		for name, value := range s.header {
			w.Header().Set(name, value)
		}
		status := s.status
		if tag := s.header["ETag"]; tag != "" && r.Header.Get("If-None-Match") == tag {
			status = http.StatusNotModified
		} else if at := s.header["Last-Modified"]; at != "" && r.Header.Get("If-Modified-Since") == at {
			status = http.StatusNotModified
		}
		s.answered = append(s.answered, status)
		w.WriteHeader(status)
		if status == 200 {
			_, _ = w.Write([]byte(s.body))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *lists) set(status int, body string, header map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body, s.header = status, body, header
}

func openWeb(t *testing.T, s source.Spec, keep string) (*source.List[[]gateway], error) {
	t.Helper()
	l, err := source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "test.web", Build: all, Default: gateway{Weight: 1}, Keep: keep,
		Clients: clients.New(clients.Options{})})
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

func TestWebFormats(t *testing.T) {
	for name, row := range map[string]struct{ path, kind, body string }{
		"a byte order mark":    {"/a.json", "", "\ufeff" + `[{"next_hop": "sip:a", "weight": 2}, "sip:b"]`},
		"json by its path":     {"/a.json?x=y", "", `[{"next_hop": "sip:a", "weight": 2}, "sip:b"]`},
		"json by its type":     {"/a", "application/json; charset=utf-8", `[{"next_hop": "sip:a", "weight": 2}, "sip:b"]`},
		"json of another type": {"/a", "application/vnd.gateways+json", `[{"next_hop": "sip:a", "weight": 2}, "sip:b"]`},
		"csv by its path":      {"/a.CSV", "text/plain", "next_hop,weight\nsip:a,2\nsip:b,1\n"},
		"csv by its type":      {"/a", "text/csv", "next_hop,weight\nsip:a,2\nsip:b,1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveLists(t)
			s.set(200, row.body, map[string]string{"Content-Type": row.kind})
			l, err := openWeb(t, source.Spec{URL: s.URL + row.path}, "")
			if err != nil {
				t.Fatal(err)
			}
			if list := l.Get(); len(list) != 2 || list[0].NextHop != "sip:a" || list[0].Weight != 2 || list[1].NextHop != "sip:b" {
				t.Errorf("%+v", list)
			}
		})
	}
	s := serveLists(t)
	s.set(200, "# gateways\nsip:a\nsip:b # the second\n", nil)
	l, err := openWeb(t, source.Spec{URL: s.URL}, "")
	if err != nil || len(l.Get()) != 2 {
		t.Errorf("lines: %v", err)
	}
}

// A list is sent again only if it has changed.
func TestWebConditions(t *testing.T) {
	for name, header := range map[string]map[string]string{"a tag": {"ETag": `"1"`}, "a date": {"Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}} {
		t.Run(name, func(t *testing.T) {
			s := serveLists(t)
			s.set(200, "sip:a\n", header)
			l, err := openWeb(t, source.Spec{URL: s.URL}, "")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := l.Reload(t.Context()); err != nil || len(l.Get()) != 1 {
					t.Errorf("%v", err)
				}
			}
			s.set(200, "sip:a\nsip:b\n", nil)
			if err := l.Reload(t.Context()); err != nil || len(l.Get()) != 2 {
				t.Errorf("the new list: %v", err)
			}
			if got := s.answered; len(got) != 4 || got[0] != 200 || got[1] != 304 || got[2] != 304 || got[3] != 200 {
				t.Errorf("%v", got)
			}
		})
	}
}

// maxInBody keeps the longest body from being sent twice.
const maxInBody = 1 << 20

// A bad list, or none, leaves the one before in force; a bad one is not taken for the current one.
func TestWebErrors(t *testing.T) {
	s := serveLists(t)
	s.set(200, "sip:a\n", map[string]string{"ETag": `"1"`})
	l, err := openWeb(t, source.Spec{URL: s.URL + "/x.csv?"}, "")
	if err == nil {
		t.Error("lines are not csv")
	}
	s.set(200, "next_hop\nsip:a\n", map[string]string{"ETag": `"1"`})
	if l, err = openWeb(t, source.Spec{URL: s.URL + "/x.csv?"}, ""); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"not there":        {404, "", "404 Not Found"},
		"not allowed":      {401, "", "401 Unauthorized"},
		"broken":           {503, "", "503 Service Unavailable"},
		"a bad line":       {200, "next_hop\nsip:a\n\"", "/x.csv?:"},
		"an unknown field": {200, "nxt_hop\nsip:a\n", "next_hop"},
		"too long":         {200, "next_hop\n" + strings.Repeat("x", 64<<20), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			s.set(row.status, row.body, map[string]string{"ETag": `"2"`})
			for range min(2, 1+maxInBody/(len(row.body)+1)) { // the second time not by its tag
				if err := l.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%v, want %q", err, row.want)
				}
			}
			if list := l.Get(); len(list) != 1 || list[0].NextHop != "sip:a" {
				t.Errorf("%+v", list)
			}
		})
	}
}

// The last good list serves a start at which the server is away, and only then.
func TestWebKept(t *testing.T) {
	s, keep := serveLists(t), t.TempDir()
	s.set(200, "sip:a\n", map[string]string{"ETag": `"1"`})
	spec := source.Spec{URL: s.URL}
	if _, err := openWeb(t, spec, keep); err != nil {
		t.Fatal(err)
	}
	s.set(404, "", nil)
	if _, err := openWeb(t, spec, keep); err == nil {
		t.Error("a list that is not there any more: a mistake")
	}
	s.set(503, "", nil)
	l, err := openWeb(t, spec, keep)
	if err != nil || len(l.Get()) != 1 {
		t.Fatalf("%v", err)
	}
	s.set(200, "sip:other\n", map[string]string{"ETag": `"1"`})
	if err := l.Reload(t.Context()); err != nil || l.Get()[0].NextHop != "sip:a" || s.answered[len(s.answered)-1] != 304 {
		t.Errorf("%v: the kept list is the one of that tag", err)
	}
	s.Close()
	if l, err = openWeb(t, spec, keep); err != nil || len(l.Get()) != 1 {
		t.Errorf("the server is gone: %v", err)
	}
	if _, err := openWeb(t, spec, t.TempDir()); err == nil {
		t.Error("nothing was kept")
	}
}

func TestWebCredentials(t *testing.T) {
	s := serveLists(t)
	s.set(200, "sip:a\n", nil)
	address := strings.Replace(s.URL, "http://", "http://me:secret@", 1)
	l, err := openWeb(t, source.Spec{URL: address}, "")
	if err != nil {
		t.Fatal(err)
	}
	if user, password, _ := s.last.BasicAuth(); user != "me" || password != "secret" {
		t.Errorf("%s %s", user, password)
	}
	s.set(404, "", nil)
	if err := l.Reload(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	s.set(200, "sip:a\n", nil)
	if _, err := openWeb(t, source.Spec{URL: s.URL, Token: "t"}, ""); err != nil || s.last.Header.Get("Authorization") != "Bearer t" {
		t.Errorf("%v %v", err, s.last.Header)
	}
}

// It is asked again by itself.
func TestWebInterval(t *testing.T) {
	s := serveLists(t)
	s.set(200, "sip:a\n", nil)
	l, err := openWeb(t, source.Spec{URL: s.URL, Every: 10 * time.Millisecond}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.set(200, "sip:a\nsip:b\n", nil)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); len(l.Get()) != 2; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the new list did not come")
		}
	}
}

func TestWebSpecs(t *testing.T) {
	for name, row := range map[string]struct {
		value any
		want  string // of the error
	}{
		"a URL":              {"https://lists.example/x.csv", ""},
		"a table":            {map[string]any{"url": "http://lists.example/x.csv", "every": 300.0, "token": "t"}, ""},
		"a token of nothing": {map[string]any{"url": "file:x.csv", "token": "t"}, "token belongs to"},
		"no text":            {map[string]any{"url": "http://lists.example/x.csv", "token": 5.0}, "token must be text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := source.SpecOf(row.value, nil)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	for name, s := range map[string]source.Spec{"a query": {URL: "http://x/", Query: "SELECT 1"}, "no host": {URL: "http:///x"}} {
		t.Run(name, func(t *testing.T) {
			if _, err := openWeb(t, s, ""); err == nil {
				t.Error("it was opened")
			}
		})
	}
}
