package presence_test

// This file tests the admin API, the command, and the figures.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/presence"
)

func TestAPI(t *testing.T) {
	w := newWorld(t, everybody)
	server := httptest.NewServer(w.module.API())
	defer server.Close()
	alice := w.phone("alice")
	alice.subscribe("bob", "message-summary", "")
	alice.told()
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
	alice.hears("active", "Messages-Waiting: yes")
	alice.hears("terminated;reason=deactivated")
	var figures []string
	for _, m := range w.module.Metrics() {
		figures = append(figures, fmt.Sprint(m.Name, " ", m.Value()))
	}
	if got := strings.Join(figures, ", "); got != "presence_subscriptions 0, presence_publications 1, presence_publishes_total 0, presence_publishes_refused_total 0, presence_notifies_total 3, presence_notifies_failed_total 0" {
		t.Error(got)
	}
}

func TestCommand(t *testing.T) {
	for args, want := range map[string]string{"state sip:bob@h": "GET /api/v1/presence/state?aor=sip%3Abob%40h", "watchers sip:bob@h dialog": "GET /api/v1/presence/watchers?aor=sip%3Abob%40h&package=dialog",
		"state": "expected URI [PACKAGE]"} {
		t.Run(args, func(t *testing.T) {
			name, rest, _ := strings.Cut(args, " ")
			for _, c := range presence.Plugin().Commands[0].Sub {
				if c.Name != name {
					continue
				}
				var out bytes.Buffer
				err := c.Run(&host.Invocation{Command: name, Args: strings.Fields(rest), Stdout: &out, Ask: func(method, path string, _ io.Reader) ([]byte, error) {
					return fmt.Append(nil, method, " ", path), nil
				}})
				if got := out.String() + fmt.Sprint(err); !strings.Contains(got, want) {
					t.Errorf("%q: %s", args, got)
				}
			}
		})
	}
}
