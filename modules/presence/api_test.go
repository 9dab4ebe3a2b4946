package presence_test

// This file tests the admin API, the command, and the figures.

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/ops/openapi"
)

func TestAPI(t *testing.T) {
	w := newWorld(t, everybody)
	server := httptest.NewServer(openapi.Handler(w.module.API()))
	defer server.Close()
	alice := w.phone("alice")
	alice.Subscribe("bob", "message-summary", "")
	alice.Told()
	id := ""
	for _, x := range []struct {
		name, method, path, body string
		code                     int
		want                     string
	}{
		{"set", "POST", "/state", `{"aor":"sip:bob@example.com","package":"message-summary","state":{"voice":{"new":3}}}`, 200, `"package": "message-summary"`},
		{"get", "GET", "/state?aor=sip:bob@example.com&package=message-summary", "", 200, `"document": "Messages-Waiting: yes`},
		{"nobody", "GET", "/state?aor=sip:carol@example.com", "", 200, `"published": false`},
		{"no address", "GET", "/state", "", 400, "expected aor"},
		{"no package", "GET", "/state?aor=sip:bob@example.com&package=x", "", 400, "there is no package"},
		{"a mistake", "POST", "/state", `{"aro":1}`, 400, "expected"},
		{"a bad time", "POST", "/state", `{"aor":"sip:bob@example.com","package":"presence","state":{},"expires":-1}`, 400, "expires"},
		{"a bad state", "POST", "/state", `{"aor":"sip:bob@example.com","package":"presence","state":{"x":1}}`, 400, `no field \"x\"`},
		{"watchers", "GET", "/watchers?aor=sip:bob@example.com", "", 200, `"watcher": "sip:alice@example.com"`},
		{"terminate nobody", "POST", "/terminate", `{"id":"x"}`, 404, "no subscription"},
		{"terminate", "POST", "/terminate", "", 200, `"id"`},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.name == "terminate" {
				x.body = `{"id":"` + id + `"}`
			}
			req, _ := http.NewRequest(x.method, server.URL+x.path, strings.NewReader(x.body))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			w.Run(time.Second)
			if res.StatusCode != x.code || !strings.Contains(string(text), x.want) {
				t.Errorf("%d %s", res.StatusCode, text)
			}
			if _, after, ok := strings.Cut(string(text), `"id": "`); ok && x.name == "watchers" {
				id, _, _ = strings.Cut(after, `"`)
			}
		})
	}
	alice.Hears("active", "Messages-Waiting: yes")
	alice.Hears("terminated;reason=deactivated")
	var figures []string
	for _, m := range w.module.Metrics() {
		figures = append(figures, fmt.Sprint(m.Name, " ", m.Value()))
	}
	if got := strings.Join(figures, ", "); got != "presence_subscriptions 0, presence_publications 1, presence_publishes_total 0, presence_publishes_refused_total 0, presence_notifies_total 3, presence_notifies_failed_total 0" {
		t.Error(got)
	}
}

func TestCommand(t *testing.T) {
	w := newWorld(t, everybody)
	alice := w.phone("alice")
	alice.Subscribe("bob", "message-summary", "")
	alice.Told()
	id := ""
	for _, x := range []struct {
		words string
		flags map[string]any
		want  string // in the output, or the error
	}{
		{`presence set sip:bob@example.com message-summary {"voice":{"new":3}}`, nil, ""},
		{"presence set sip:bob@example.com message-summary {", nil, "expected URI PACKAGE JSON"},
		{"presence set sip:bob@example.com nothing 1", nil, "400"},
		{"presence", nil, "sip:bob@example.com  message-summary  2"},
		{"presence list", map[string]any{"package": "dialog"}, "USER"},
		{"presence list", map[string]any{"json": true}, `"by": "script"`},
		{"presence state sip:bob@example.com message-summary", nil, "published\nMessages-Waiting: yes"},
		{"presence state sip:bob@example.com message-summary", map[string]any{"json": true}, `"published": true`},
		{"presence state", nil, "expected URI [PACKAGE]"},
		{"presence watchers sip:bob@example.com", nil, "sip:alice@example.com  message-summary  active"},
		{"presence terminate", nil, "expected the id"},
		{"presence terminate x", nil, "404"},
		{"presence terminate ID", nil, ""},
		{"presence other", nil, `unknown command "other"`},
	} {
		t.Run(x.words, func(t *testing.T) {
			words := strings.Fields(strings.Replace(x.words, "ID", id, 1))
			out, err := hosttest.Run(presence.Plugin().Commands[0], "presence", w.module.API(), x.flags, words...)
			if err != nil {
				out = err.Error()
			}
			if !strings.Contains(out, x.want) {
				t.Errorf("%s, want %s", out, x.want)
			}
			if words[len(words)-1] == "sip:bob@example.com" {
				id = strings.Fields(out)[5] // the first of the second row
			}
			w.Run(time.Second)
		})
	}
	alice.Hears("active", "Messages-Waiting: yes")
	alice.Hears("terminated;reason=deactivated")
}
