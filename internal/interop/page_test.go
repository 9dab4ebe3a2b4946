package interop

// The operator's page in a real browser, on an API that is made up: any number of calls, and texts
// that strangers write.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
	"github.com/sipscript/sipscript/ops/page"
	"github.com/sipscript/sipscript/ops/trace"
)

// madeUp is an API of calls and gateways, which notes what it is told to do.
type madeUp struct {
	*httptest.Server
	calls int

	mu   sync.Mutex
	acts []string // guarded by mu
}

const hostile = `<img src=x onerror="document.title='broken in'">&lt;`

func newMadeUp(t *testing.T, calls int) *madeUp {
	t.Helper()
	m := &madeUp{calls: calls}
	mux := http.NewServeMux()
	files, err := page.Handler()
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", files)
	answers := map[string]http.HandlerFunc{}
	answer := func(pattern string, of func(r *http.Request) any) {
		answers[pattern] = func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" {
				m.mu.Lock()
				m.acts = append(m.acts, r.Method+" "+r.URL.RequestURI())
				m.mu.Unlock()
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(of(r))
		}
	}
	began := time.Now().UTC()
	one := func(i int) map[string]any {
		return map[string]any{"call_id": fmt.Sprintf("call-%d@192.0.2.1", i), "method": "INVITE", "uri": "sip:bob@example.com", "from": fmt.Sprintf("sip:user%d@example.com", i), "to": "sip:" + hostile,
			"source": "192.0.2.1:5060", "state": []string{"answered", "failed", "ended", "ringing"}[i%4], "code": []int{200, 486, 200, 180}[i%4], "began": began, "answered_seconds": 0.5, "ended_seconds": 2, "messages": 4, "steps": 1}
	}
	answer("GET /api/v1/trace/calls", func(r *http.Request) any {
		list, limit := []any{}, 0
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		for i := range min(limit, m.calls) {
			if user := r.URL.Query().Get("user"); user == "" || user == fmt.Sprintf("user%d", i) {
				list = append(list, one(i))
			}
		}
		return list
	})
	answer("GET /api/v1/trace/calls/{call_id}", func(*http.Request) any {
		record := func(kind, peer, text string) map[string]any {
			return map[string]any{"kind": kind, "at": began, "transport": "udp", "local": "198.51.100.1:5060", "peer": peer, "text": text, "length": len(text)}
		}
		call := one(0)
		call["events"] = []any{
			record("received", "192.0.2.1:5060", "INVITE sip:bob@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nSubject: "+hostile+"\r\n\r\n"),
			map[string]any{"kind": "decision", "at": began, "function": "relay", "place": "route.lua:7", "answer": "sip:bob@192.0.2.2"},
			record("sent", "192.0.2.2:5060", "INVITE sip:bob@192.0.2.2 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"),
			record("received", "192.0.2.2:5060", "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n"),
			record("sent", "192.0.2.1:5060", "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n"),
		}
		return call
	})
	answer("GET /api/v1/dialog/calls", func(*http.Request) any {
		return map[string]any{"calls": []any{map[string]any{"id": "d1", "call_id": "call-0@192.0.2.1"}}, "count": 1}
	})
	answer("POST /api/v1/dialog/calls/{id}/hang_up", func(*http.Request) any { return map[string]any{"id": "d1"} })
	answer("GET /api/v1/registrar/bindings", func(*http.Request) any {
		return map[string]any{"bindings": []any{map[string]any{"aor": "sip:bob@example.com", "contact": "sip:bob@192.0.2.2", "q": 1, "expires_seconds": 3599, "user_agent": hostile}}}
	})
	answer("DELETE /api/v1/registrar/bindings", func(*http.Request) any { return map[string]any{"aor": "sip:bob@example.com", "removed": 1} })
	answer("GET /api/v1/dispatch/gateways", func(*http.Request) any {
		return map[string]any{"gateways": []any{map[string]any{"set": "carriers", "uri": "sip:192.0.2.9", "state": "down", "why": hostile, "since_seconds": 77, "sent": 3, "failed": 2}}}
	})
	answer("POST /api/v1/dispatch/mark", func(*http.Request) any { return map[string]any{} })
	answer("GET /api/v1/generations", func(*http.Request) any {
		return map[string]any{"generations": []any{map[string]any{"generation": 2, "serving": true, "loaded": began, "held": 1}}, "refused": "route.lua:9: unexpected symbol near 'end'"}
	})
	answer("GET /api/v1/arguments", func(*http.Request) any { return map[string]any{"arguments": map[string]string{"gateway": hostile}} })
	answer("GET /api/v1/limit/bans", func(*http.Request) any {
		return map[string]any{"bans": []any{map[string]any{"source": "192.0.2.66", "why": "flood", "since": began, "left_seconds": 60, "dropped": 1000}}}
	})
	answer("DELETE /api/v1/limit/bans", func(*http.Request) any { return map[string]any{"source": "192.0.2.66"} })
	answer("POST /reload", func(*http.Request) any { return map[string]any{"generation": 3} })
	live := page.NewLive(func() page.Figures {
		return page.Figures{State: "serving", Generation: 2, Version: "test", Calls: m.calls}
	})
	ticks := make(chan time.Time, 2)
	ticks <- began.Add(-time.Second)
	ticks <- began
	go live.Run(t.Context(), ticks)
	mux.Handle("GET /api/v1/live", live)
	mux.Handle("/api/v1/", declared(t, answers))
	for _, own := range []string{"GET /api/v1/generations", "GET /api/v1/arguments", "POST /reload"} {
		mux.Handle(own, answers[own]) // declared by the command
		delete(answers, own)
	}
	for pattern := range answers {
		t.Errorf("no module declares %s", pattern)
	}
	m.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

// declared serves answers where modules declare them, and takes them out of the map: what the page
// asks for, and with which parameters, is checked as a server checks it.
func declared(t *testing.T, answers map[string]http.HandlerFunc) http.Handler {
	t.Helper()
	modules, err := host.Open(all.Plugins(), host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = modules.Close() })
	var list []openapi.Operation
	for _, o := range append(modules.API(), (&trace.API{}).Operations()...) {
		pattern := o.Method + " " + o.Path
		if serve := answers[pattern]; serve != nil {
			o.Serve = serve
			list = append(list, o)
			delete(answers, pattern)
		}
	}
	return openapi.Handler(list)
}

func (m *madeUp) told() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.acts, "\n")
}

// rows is true once the view has a row.
const rows = `document.querySelectorAll("#view tbody tr:not(.spacer)").length > 0`

func (p *tab) until(what, expression string) {
	p.t.Helper()
	eventually(p.t, what, func() bool { return p.eval(expression) == true })
}

// press has a key of the keyboard go down and up.
func (p *tab) press(key string) {
	p.t.Helper()
	down := map[string]any{"type": "rawKeyDown", "key": key}
	if len(key) == 1 {
		down = map[string]any{"type": "keyDown", "key": key, "text": key}
	}
	for _, event := range []map[string]any{down, {"type": "keyUp", "key": key}} {
		if err := p.c.do(p.session, "Input.dispatchKeyEvent", event, nil); err != nil {
			p.t.Fatal(err)
		}
	}
}

// size has the page be seen on a screen of so many pixels.
func (p *tab) size(width, height int) {
	p.t.Helper()
	if err := p.c.do(p.session, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil); err != nil {
		p.t.Fatal(err)
	}
}

// clickText clicks the first button or link whose text begins so.
func (p *tab) clickText(text string) {
	p.t.Helper()
	p.until(text+" can be clicked", fmt.Sprintf(`(() => { const b = [...document.querySelectorAll("dialog[open] button, #view button, nav a, header button")].find(b => b.textContent.startsWith(%q)); b?.click(); return !!b; })()`, text))
}

// accessible has axe find nothing wrong with what is shown.
func (p *tab) accessible(what string) {
	p.t.Helper()
	var found []string
	p.evalInto(`axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.target + " " + n.failureSummary).join("; ")))`, &found)
	for _, v := range found {
		p.t.Errorf("%s: %s", what, v)
	}
}

var pageViews = []struct{ name, shows string }{
	{"Calls", "user0@example.com"}, {"Registrations", "sip:bob@192.0.2.2"}, {"Destinations", "sip:192.0.2.9"}, {"Script", "unexpected symbol"}, {"Bans", "192.0.2.66"},
}

func TestPage(t *testing.T) {
	needChromium(t)
	axe, err := os.ReadFile(filepath.Join(npmModules, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("run make browsers: %v", err)
	}
	c := startChromium(t, newAuthority(t).file)
	m := newMadeUp(t, 10_000)
	p := c.openUntil(m.URL, rows)
	// Or colours would be looked at while they change
	still := []map[string]string{{"name": "prefers-reduced-motion", "value": "reduce"}}
	if err := c.do(p.session, "Emulation.setEmulatedMedia", map[string]any{"features": still}, nil); err != nil {
		t.Fatal(err)
	}
	p.evalInto(string(axe)+";0", new(int))

	t.Run("views", func(t *testing.T) {
		for _, v := range pageViews {
			p.clickText(v.name)
			p.until(v.name+" shows "+v.shows, fmt.Sprintf(`document.querySelector("#view").innerText.includes(%q)`, v.shows))
			for _, theme := range []string{"light", "dark"} {
				p.eval(fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
				p.accessible(v.name + ", " + theme)
			}
			for _, width := range []int{375, 1280, 3840} {
				p.size(width, 800)
				if got := p.eval(`document.documentElement.scrollWidth > innerWidth`); got != false {
					t.Errorf("%s is wider than %d pixels", v.name, width)
				}
			}
		}
	})
	t.Run("screenshots", func(t *testing.T) { p.looksRight() })
	p.clickText("Calls")
	t.Run("ten thousand calls", func(t *testing.T) {
		p.eval(`document.querySelectorAll("#view .tools input[type=checkbox]")[1].click()`)
		p.until("all are listed", `document.querySelector("#view table").getAttribute("aria-rowcount") === "10001"`)
		if n := p.eval(`document.querySelectorAll("#view tbody tr").length`).(float64); n > 200 {
			t.Errorf("%v rows are in the document", n)
		}
		p.eval(`document.querySelector("#view .list").focus()`)
		p.press("End")
		p.until("the last is shown", `document.activeElement.innerText.includes("user9999@")`)
		p.press("Home")
		p.until("the first is shown", `document.activeElement.innerText.includes("user0@")`)
	})
	t.Run("search", func(t *testing.T) {
		p.eval(`document.activeElement.blur()`)
		p.press("/")
		p.until("the search has the focus", `document.activeElement.type === "search"`)
		for _, r := range "user42" {
			p.press(string(r))
		}
		p.until("one is left", `document.querySelectorAll("#view tbody tr:not(.spacer)").length === 1 && document.querySelector("#view tbody").innerText.includes("user42@")`)
	})
	t.Run("a call", func(t *testing.T) {
		p.eval(`document.querySelector("#view tbody tr.opens").click()`)
		p.until("its ladder is drawn", `document.querySelectorAll("dialog[open] [role=option]").length === 5`)
		want := []string{"INVITE", "relay: sip:bob@192.0.2.2  route.lua:7", "INVITE", "486 Busy Here  1 INVITE", "486 Busy Here  1 INVITE"}
		var drawn []string
		p.evalInto(`[...document.querySelectorAll("dialog [role=option]")].map(g => g.querySelectorAll("text")[1].textContent.trim())`, &drawn)
		if fmt.Sprint(drawn) != fmt.Sprint(want) {
			t.Errorf("%q", drawn)
		}
		// An arrow leads from who sent it to who got it
		var ways []bool
		p.evalInto(`[...document.querySelectorAll("dialog line.arrow")].map(l => Number(l.getAttribute("x2")) > Number(l.getAttribute("x1")))`, &ways)
		if fmt.Sprint(ways) != "[true true false false]" {
			t.Errorf("the arrows lead %v", ways)
		}
		p.eval(`document.querySelector("dialog svg").focus()`)
		p.press("ArrowDown")
		p.until("the message is shown", `document.querySelector("dialog pre").innerText.includes("Subject: <img")`)
		p.accessible("a call")
		for range 2 {
			p.clickText("Hang up")
		}
		eventually(t, "the call is hung up", func() bool { return strings.Contains(m.told(), "POST /api/v1/dialog/calls/d1/hang_up") })
		p.press("Escape")
		p.eval(`document.getElementById("dialog").close()`)
	})
	t.Run("clicks act, the second time", func(t *testing.T) {
		for _, row := range []struct{ view, button, act string }{
			{"Registrations", "Remove", "DELETE /api/v1/registrar/bindings?aor=sip%3Abob%40example.com&contact=sip%3Abob%40192.0.2.2"},
			{"Destinations", "Drain", "POST /api/v1/dispatch/mark"},
			{"Bans", "Hear again", "DELETE /api/v1/limit/bans?ip=192.0.2.66"},
			{"Script", "Reload the script", "POST /reload"},
		} {
			p.clickText(row.view)
			p.clickText(row.button)
			if strings.Contains(m.told(), row.act) {
				t.Errorf("%s acts at the first click", row.button)
			}
			p.clickText(row.button)
			eventually(t, row.button+" acts", func() bool { return strings.Contains(m.told(), row.act) })
		}
	})
	if title := p.eval("document.title"); title != "sipscript" {
		t.Errorf("a stranger's text became markup: the title is %v", title)
	}
	if said := strings.TrimSpace(p.console.text()); said != "" {
		t.Errorf("the console says:\n%s", said)
	}
}

// The page of a real server shows a real call, the line of the script behind it, and who is
// registered; it reloads the script, and ends the call.
func TestPageOfAServer(t *testing.T) {
	needChromium(t)
	path := script(t, `local registrar, dialog = require "registrar", require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  dialog.track(req)
  req:relay(registrar.lookup(req.ruri))
end`)
	s := start(t, path)
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	alice.Register()
	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	in := bob.Incoming()
	in.Answer(nil)
	call.Final()
	call.Ack()
	bob.Ack()

	p := startChromium(t, newAuthority(t).file).openUntil("http://"+s.admin+"/", rows)
	p.until("the call is in progress", `document.querySelector("#view tbody").innerText.includes("in progress") && document.querySelector("#view tbody").innerText.includes("sip:alice@example.com")`)
	p.until("figures come", `/^serving, script generation 1,/.test(document.getElementById("state").innerText)`)
	p.eval(`document.querySelector("#view tbody tr.opens").click()`)
	p.until("its ladder has the script's line", `/relay.*route\.lua:6/.test(document.querySelector("dialog[open] svg")?.textContent)`)
	for range 2 {
		p.clickText("Hang up")
	}
	alice.Bye()
	bob.Bye()
	p.eval(`document.getElementById("dialog").close()`)
	p.until("the call has ended", `document.querySelector("#view tbody").innerText.includes("ended")`)
	p.clickText("Registrations")
	p.until("bob is registered", `document.querySelector("#view tbody").innerText.includes("sip:bob@example.com")`)
	p.clickText("Destinations")
	p.until("what is not configured is said", `document.querySelector("#view").innerText.includes("No script configures dispatch") || document.querySelector("#view").innerText.includes("no such module")`)
	p.clickText("Script")
	for range 2 {
		p.clickText("Reload the script")
	}
	p.until("the script is loaded again", `document.querySelector("#view tbody").innerText.startsWith("2")`)
	if err := os.WriteFile(path, []byte("function route(req)\n  oops(\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.until("the script's error is shown", `document.querySelector("#view pre").innerText.includes("route.lua:")`)
	if said := strings.TrimSpace(p.console.text()); said != "" && !strings.Contains(said, "404") {
		t.Errorf("the console says:\n%s", said)
	}
}
