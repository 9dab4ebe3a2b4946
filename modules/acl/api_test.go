package acl

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// ask runs a command against an ACL's API.
func ask(a *ACL, words []string, flags map[string]any) (out string, err error) {
	var b bytes.Buffer
	c := command()
	for _, sub := range c.Sub {
		if sub.Name != words[0] {
			continue
		}
		err = sub.Run(&host.Invocation{Command: "acl " + sub.Name, Args: words[1:], Flags: host.NewValues(flags), Stdout: &b,
			Ask: func(method, path string, body io.Reader) ([]byte, error) {
				w := httptest.NewRecorder()
				http.StripPrefix("/api/v1/acl", openapi.Handler(a.API())).ServeHTTP(w, httptest.NewRequest(method, path, body))
				if w.Code != http.StatusOK {
					return nil, errors.New(strings.Join(strings.Fields(w.Body.String()), " "))
				}
				return w.Body.Bytes(), nil
			}})
	}
	return strings.Join(strings.Fields(b.String()), " "), err
}

func TestCommands(t *testing.T) {
	a := newACL(t, Options{}, map[string][]any{"bad": {"192.0.2.0/24"}, "trunks": {"198.51.100.0/24"}}, "bad", Blocked)
	asJSON := map[string]any{"json": true}
	for _, row := range []struct {
		words string
		flags map[string]any
		want  string
	}{
		{"check 192.0.2.7", asJSON, `{ "ip": "192.0.2.7", "dropped": true, "matches": [ { "list": "bad", "drop": true, "entry": { "address": "192.0.2.0/24" } } ] }`},
		{"allow 192.0.2.7", map[string]any{"ttl": time.Hour, "note": "ours"}, ""},
		{"check 192.0.2.7", asJSON, `{ "ip": "192.0.2.7", "dropped": false, "matches": [] }`},
		{"block 192.0.2.7", nil, ""},
		{"check 192.0.2.7:5060", asJSON, `"address": "192.0.2.7", "added": true } } ]`},
		{"block 203.0.113.9", map[string]any{"ttl": time.Hour, "note": "why", "list": "blocked"}, ""},
		{"list blocked", map[string]any{"limit": 1, "json": true}, `"address": "203.0.113.9", "expires": "20`},
		{"list blocked", asJSON, `"note": "why", "added": true } ], "more": false }`},
		{"list bad", map[string]any{"limit": 1, "json": true}, `"more": true`},
		{"list bad", map[string]any{"limit": 1}, `192.0.2.7 any any never yes …`},
		{"list", asJSON, `{ "list": "blocked", "drop": true, "entries": 0, "added": 1, "dropped": 0 }`},
		{"list", asJSON, `"list": "trunks", "drop": false, "entries": 1, "added": 0, "dropped": 0, "loaded": "20`},
		{"list", nil, `LIST DROP ENTRIES ADDED DROPPED bad yes 1 1 0 blocked yes 0 1 0 trunks 1 0 0`},
		{"check 203.0.113.9", nil, `LIST DROP ENTRY PORT TRANSPORT ENDS ADDED NOTE blocked yes 203.0.113.9 any any 20`},
		{"check 203.0.113.9", nil, `yes why dropped`},
		{"check 203.0.113.8", nil, `NOTE not dropped`},
		{"list nobody", nil, `!"nobody\": there is no such list"`},
		{"block nobody!", nil, "!not an address"},
		{"block !192.0.2.1", nil, "!an exception is made by allow"},
		{"block", nil, "!expected one address"},
		{"check", nil, "!expected one address"},
		{"check x", nil, "!expected ?ip= with an address"},
		{"list a b", nil, `!found "b" after "a"`},
		{"block 192.0.2.1", map[string]any{"ttl": -time.Second}, "!ttl_seconds must be"},
	} {
		t.Run(row.words, func(t *testing.T) {
			out, err := ask(a, strings.Fields(row.words), row.flags)
			if want, bad := strings.CutPrefix(row.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
				return
			}
			if err != nil || !strings.Contains(out, row.want) {
				t.Errorf("%s %v, want %s", out, err, row.want)
			}
		})
	}
}
