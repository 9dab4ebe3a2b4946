package replay

import (
	"context"
	"errors"
	"testing"
	"time"
)

// jumped are two requests of a server whose clock began in 1970.
func jumped() *Material {
	m := material(2, "INVITE")
	m.Requests[0].At = time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC)
	return m
}

// A clock that jumps makes no decades of timers, and the second request comes at its time.
func TestClockJumps(t *testing.T) {
	script := `sip.every(60, function() end)
function route(req) req:reply(os.date("%Y") == "2026" and 404 or 480) end`
	r := replayed(t, jumped(), script, `function route(req) req:reply(404) end`)
	if r.Compared != 2 || r.Same != 1 || len(r.Rows) != 1 || r.Rows[0].Example.CallID != "call0" {
		t.Errorf("%s", r.Text())
	}
}

// A replay is over in its time whatever a script does between two requests.
func TestTimersEndWithTheReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	script := "for _ = 1, 100 do sip.every(1, function() end) end\n" + relays
	if _, err := Run(ctx, jumped(), code(script), code(script), Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
