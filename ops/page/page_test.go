package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/ops/page"
)

func get(t *testing.T, h http.Handler, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if _, err := bufio.NewReader(r.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every file that the page names is there, comes from here, and is of the right type.
func TestFiles(t *testing.T) {
	h, err := page.Handler()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	links := regexp.MustCompile(`(?:href|src)="([^"#]+)"|from "\./([^"]+)"`)
	outside := regexp.MustCompile(`https?://[^" ]+`)
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		if seen[path] {
			continue
		}
		seen[path] = true
		res := get(t, h, path, http.Header{})
		body := text(t, res)
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
			continue
		}
		want := map[string]string{"": "text/html", ".js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[path[max(1, len(path)-3):]]
		if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("%s is of type %s", path, got)
		}
		if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
		if again := get(t, h, path, http.Header{"If-None-Match": {res.Header.Get("ETag")}}); again.StatusCode != 304 {
			t.Errorf("%s again: %s", path, again.Status)
		}
		for _, url := range outside.FindAllString(body, -1) {
			if !strings.HasPrefix(url, "http://www.w3.org/2000/svg") { // a name; nobody fetches it
				t.Errorf("%s names %s", path, url)
			}
		}
		if strings.Contains(body, "innerHTML") || strings.Contains(body, "insertAdjacentHTML") || strings.Contains(body, " style=") || strings.Contains(body, "eval(") {
			t.Errorf("%s makes markup or code of text", path)
		}
		for _, m := range links.FindAllStringSubmatch(body, -1) {
			if m[1] != "" && strings.HasPrefix(m[1], "assets/") {
				queue = append(queue, "/"+m[1])
			} else if m[2] != "" {
				queue = append(queue, "/assets/"+m[2])
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d files are reached", len(seen))
	}
	for _, path := range []string{"/assets", "/assets/", "/assets/none.js", "/index.html", "/assets/../page.go"} {
		if res := get(t, h, path, http.Header{}); res.StatusCode == 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

// stream is a page that is open.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func open(t *testing.T, url string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("%s %s", res.Status, kind)
	}
	return &stream{t, bufio.NewScanner(res.Body)}
}

func (s *stream) next(into any) bool {
	s.t.Helper()
	for s.lines.Scan() {
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), into); err != nil {
				s.t.Fatal(err)
			}
			return true
		}
	}
	return false
}

func TestLive(t *testing.T) {
	figures := page.Figures{State: "serving", Generation: 3, Version: "1", Calls: 7, Delay: time.Millisecond}
	ticks := make(chan time.Time)
	read := make(chan page.Figures)
	live := page.NewLive(func() page.Figures { return <-read })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { live.Run(ctx, ticks); close(ended) }()
	at := time.Unix(1000, 0)
	tick := func() {
		ticks <- at
		read <- figures
		at = at.Add(2 * time.Second)
		figures.TotalCalls += 20
		figures.TotalRequests += 6
		figures.TotalFailures++
	}
	for range 302 {
		tick()
	}
	server := httptest.NewUnstartedServer(live)
	const timeout = 10 * time.Millisecond // of a server, which a stream outlives
	server.Config.ReadTimeout, server.Config.WriteTimeout = timeout, timeout
	server.Start()
	defer server.Close()
	s := open(t, server.URL)
	var first struct{ History []page.Sample }
	if !s.next(&first) || len(first.History) != 300 {
		t.Fatalf("%d samples of the past", len(first.History))
	}
	if got := first.History[299]; got.Calls != 7 || got.Rates != (page.Rates{Calls: 10, Requests: 3, Failures: 0.5}) || got.State != "serving" || got.Generation != 3 || got.Delay != 0.001 {
		t.Errorf("%+v", got)
	}
	figures.Calls = 8
	tick()
	var next page.Sample
	if !s.next(&next) || next.Calls != 8 || !next.At.Equal(at.Add(-2*time.Second)) {
		t.Errorf("%+v", next)
	}
	for end := time.Now().Add(10 * timeout); time.Now().Before(end); {
		if tick(); !s.next(&next) {
			t.Fatal("the stream ended with the server's timeout")
		}
	}
	cancel()
	<-ended
	if s.next(&next) {
		t.Error("the stream goes on after the end")
	}
	if res, err := http.Get(server.URL); err != nil || res.StatusCode != 503 {
		t.Errorf("after the end: %v %v", res, err)
	}
}

// A counter that goes back, as after a restart of what counts, is no rate below zero.
func TestRatesAreNotNegative(t *testing.T) {
	calls := uint64(100)
	ticks := make(chan time.Time)
	live := page.NewLive(func() page.Figures { calls -= 10; return page.Figures{TotalCalls: calls} })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { live.Run(ctx, ticks); close(ended) }()
	ticks <- time.Unix(1, 0)
	ticks <- time.Unix(2, 0)
	server := httptest.NewServer(live)
	defer server.Close()
	ticks <- time.Unix(2, 0) // and no time at all between two
	var first struct{ History []page.Sample }
	if !open(t, server.URL).next(&first) {
		t.Fatal("no history")
	}
	for _, s := range first.History {
		if s.Rates.Calls != 0 {
			t.Errorf("%+v", s)
		}
	}
	cancel()
	<-ended
}

// Pages are bounded in number, and one that leaves makes room.
func TestManyPages(t *testing.T) {
	live := page.NewLive(func() page.Figures { return page.Figures{} })
	server := httptest.NewServer(live)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	for i := range 65 {
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if want := map[bool]int{false: 200, true: 503}[i == 64]; res.StatusCode != want {
			t.Errorf("page %d: %s", i, res.Status)
		}
	}
	leave()
	for end := time.Now().Add(time.Minute); ; {
		res, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == 200 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no room after all have left")
		}
	}
}

func ExampleHandler() {
	h, err := page.Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"), err)
	// Output: 200 text/html; charset=utf-8 <nil>
}
