package interop

// Two processes before one Redis: the challenge of one is accepted by the other, and what was used
// at one is not accepted by the other.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/redistest"
)

// asker sends MESSAGEs of alice's to one server over UDP.
type asker struct {
	*client
	sent int
}

// ask sends a MESSAGE and returns the answer. Credentials "" are none.
func (a *asker) ask(credentials string) *message.Message {
	a.t.Helper()
	a.sent++
	if credentials != "" {
		credentials = "Proxy-Authorization: " + credentials + "\r\n"
	}
	a.send(fmt.Appendf(nil, "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %d-%s\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n", a.conn.LocalAddr(), a.sent, a.sent, a.conn.LocalAddr(), credentials))
	return a.final()
}

func (a *asker) expect(credentials string, code int, stale bool) *digest.Challenge {
	a.t.Helper()
	m := a.ask(credentials)
	if m.Status() != code {
		a.t.Fatalf("answered %d, want %d", m.Status(), code)
	}
	if code != 407 {
		return nil
	}
	c, err := digest.ParseChallenge(string(m.Header(message.HeaderProxyAuthenticate)))
	if err != nil || c.Stale != stale {
		a.t.Errorf("stale %v, want %v (%v)", c.Stale, stale, err)
	}
	return c
}

// credentialsFor answer a challenge of a MESSAGE.
func credentialsFor(t *testing.T, c *digest.Challenge, count int) string {
	t.Helper()
	creds, err := digest.Digest(c, digest.Options{Method: "MESSAGE", URI: "sip:bob@example.com", Username: "alice", Password: "open sesame", Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return creds.String()
}

func TestNoncesOfACluster(t *testing.T) {
	redis := redistest.Start(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := script(t, `
local auth = require "auth"
auth.configure { algorithms = { "SHA-256" }, users = { alice = "open sesame" } }
function route(req)
  if auth.require(req) then req:reply(200) end
end`)
	servers := [2]*server{}
	var at [2]*asker
	for i := range at {
		servers[i] = start(t, "--redis", redis.URL, "--secret", secret, file)
		at[i] = &asker{client: newClient(t, "udp", servers[i].addrs["udp"])}
	}
	a, b := at[0], at[1]
	c := a.expect("", 407, false)
	b.expect(credentialsFor(t, c, 1), 200, false) // balanced request by request
	// The client moves, and pays one more round trip
	c = a.expect(credentialsFor(t, c, 2), 407, true)
	captured := credentialsFor(t, c, 1)
	a.expect(captured, 200, false)
	b.expect(captured, 407, true) // nobody gets in with what was overheard
	a.expect(captured, 407, true)

	fresh := a.expect("", 407, false)
	redis.Stop() // each goes on with what it knows
	a.expect(credentialsFor(t, c, 2), 200, false)
	c = a.expect(credentialsFor(t, fresh, 1), 407, true) // another one might have taken it
	captured = credentialsFor(t, c, 1)                   // which is for a alone
	a.expect(captured, 200, false)
	b.expect(captured, 407, true)
	redis.Start()
	eventually(t, "the second server is told that redis is back", func() bool {
		m := a.ask("")
		c, err := digest.ParseChallenge(string(m.Header(message.HeaderProxyAuthenticate)))
		return err == nil && b.ask(credentialsFor(t, c, 1)).Status() == 200
	})
	b.expect(captured, 407, true)
}
