package auth

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Who guesses, is banned, or claims to be somebody else, is seen in the log: once a minute each,
// with its address.
func TestAttemptsAreWarnedOf(t *testing.T) {
	var log strings.Builder
	w := world(t, `auth.configure{max_failures = 4, users = {alice = "open sesame"}}`+reply,
		luabindtest.Engine(func(c *engine.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) }))
	count := func(what string, want int) {
		t.Helper()
		if n := strings.Count(log.String(), "level=WARN msg=\"auth: "+what); n != want {
			t.Errorf("%q was told %d times, want %d:\n%s", what, n, want, log.String())
		}
	}
	p := newPhone(w, client{})
	source := " source=" + strings.Split(luabindtest.Caller, ":")[0] + " "
	p.expect(p.ask(), 200)
	if log.Len() > 0 {
		t.Errorf("of a user was told:\n%s", log.String())
	}
	p.to, p.from = "sip:bob@example.com", "sip:bob@example.com"
	p.expect(p.ask(), 403)
	p.expect(p.ask(), 403)
	count("the user may not use the identity claimed", 1)

	p.password = "wrong"
	p.ask()
	p.ask()
	count("wrong password", 1)
	w.Run(61 * time.Second)
	p.ask()
	count("wrong password", 2)
	if !strings.Contains(log.String(), "suppressed=1") {
		t.Errorf("the ones between are not counted:\n%s", log.String())
	}
	p.ask()
	count("too many wrong passwords", 1)
	p.ask()
	p.ask()
	count("refused, as banned", 1)
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, source) || !strings.Contains(line, "user=") || strings.Contains(line, "sesame") {
			t.Errorf("no address, or too much: %s", line)
		}
	}
}
