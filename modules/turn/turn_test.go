package turn_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/turn"
	"github.com/sipscript/sipscript/modules/turn/relay"
)

func world(t *testing.T, script string, o turn.Options) *luabindtest.World {
	t.Helper()
	m := turn.New(o)
	t.Cleanup(func() { _ = m.Close() })
	return luabindtest.New(t, "turn = require \"turn\"\n"+script+"\nfunction route(req) req:reply(404) end", luabindtest.Modules(m))
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func TestCredentials(t *testing.T) {
	w := world(t, `turn.configure { uris = { "turn:turn.example.com" } }`, turn.Options{})
	eval(t, w, `local c = turn.credentials("alice", 60)
return c.username == ("%d:alice"):format(math.floor(sip.now()) + 60), #c.password, c.ttl, c.uris[1], #c.uris`, true, 28.0, 60.0, "turn:turn.example.com", 1.0)
	eval(t, w, `local a, b = turn.credentials(), turn.credentials() return a.username ~= b.username, a.ttl`, true, 86400.0)
	eval(t, w, `return turn.credentials("alice").password == turn.credentials("bob").password`, false)
	for source, want := range map[string]string{
		`turn.credentials("a\r\nb")`:        "control characters",
		`turn.credentials(("a"):rep(257))`:  "at most 256 bytes",
		`turn.credentials("a", 0)`:          "1 to 2592000 seconds",
		`turn.credentials("a", 31 * 86400)`: "1 to 2592000 seconds",
		`turn.credentials(nil, "soon")`:     "number",
		`turn.configure { }`:                "only be called while the file runs",
	} {
		t.Run(source, func(t *testing.T) {
			if got, err := w.Eval("return " + source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %v, want %q", got, err, want)
			}
		})
	}
}

// The server is there as long as the module; a script sets what it may do, and its credentials are
// for it.
func TestServes(t *testing.T) {
	m := turn.New(turn.Options{Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	defer m.Close()
	w := luabindtest.New(t, `turn = require "turn" function route(req) req:reply(404) end`, luabindtest.Modules(m))
	at := m.Listening()
	if len(at) != 1 || !strings.HasPrefix(at[0], "turn 127.0.0.1:") {
		t.Fatal(at)
	}
	addr := strings.TrimPrefix(at[0], "turn ")
	eval(t, w, `local c = turn.credentials("alice") return c.uris[1], c.uris[2]`, "turn:"+addr+"?transport=udp", "turn:"+addr+"?transport=tcp")
	if a, err := m.Credentials("alice", time.Unix(0, 0), time.Hour); err != nil || a.Username != "3600:alice" {
		t.Errorf("%+v, %v", a, err)
	}
	if n := len(m.Metrics()); n < 20 {
		t.Errorf("%d figures", n)
	}
}

func TestBadPolicies(t *testing.T) {
	for script, want := range map[string]string{
		`turn.configure { allow = { "10.0.0.0/33" } }`:        `allow: "10.0.0.0/33" is not a network`,
		`turn.configure { deny = { "::ffff:10.0.0.0/104" } }`: `deny: "::ffff:10.0.0.0/104" is not a network`,
		`turn.configure { max_lifetime = 60 }`:                "600",
		`turn.configure { per_user = -1 }`:                    "per_user",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, "turn = require \"turn\"\n"+script+"\nfunction route(req) end", luabindtest.Modules(turn.New(turn.Options{})))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// A reload reads the secrets again: new credentials are made with the new one. A file that is wrong
// refuses the reload.
func TestSecretsAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("the secret of last month\n")
	w := world(t, "", turn.Options{SecretFile: file})
	password := func(secret string) any {
		return relay.Secrets{[]byte(secret)}.Credentials("alice", w.Sim.Wall(), time.Hour).Password
	}
	eval(t, w, `return turn.credentials("alice", 3600).password`, password("the secret of last month"))
	write("the secret of this month\nthe secret of last month\n")
	if err := w.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	eval(t, w, `return turn.credentials("alice", 3600).password`, password("the secret of this month"))
	write("short\n")
	if err := w.Router.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("%v", err)
	}
	eval(t, w, `return turn.credentials("alice", 3600).password`, password("the secret of this month"))
}
