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
				http.StripPrefix("/api/v1/acl", a.API()).ServeHTTP(w, httptest.NewRequest(method, path, body))
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
	for _, row := range []struct {
		words string
		flags map[string]any
		want  string
	}{
		{"check 192.0.2.7", nil, `{ "dropped": true, "ip": "192.0.2.7", "matches": [ { "list": "bad", "drop": true, "entry": { "address": "192.0.2.0/24" } } ] }`},
		{"allow 192.0.2.7", map[string]any{"ttl": time.Hour, "note": "ours"}, ""},
		{"check 192.0.2.7", nil, `{ "dropped": false, "ip": "192.0.2.7", "matches": [] }`},
		{"block 192.0.2.7", nil, ""},
		{"check 192.0.2.7:5060", nil, `"address": "192.0.2.7", "added": true } } ]`},
		{"block 203.0.113.9", map[string]any{"ttl": time.Hour, "note": "why", "list": "blocked"}, ""},
		{"list blocked", map[string]any{"limit": 1}, `"address": "203.0.113.9", "expires": "20`},
		{"list blocked", nil, `"note": "why", "added": true } ], "list": "blocked", "more": false }`},
		{"list bad", map[string]any{"limit": 1}, `"more": true`},
		{"list", nil, `{ "added": 1, "drop": true, "dropped": 0, "list": "blocked" }`},
		{"list", nil, `"entries": 1, "list": "trunks"`},
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
