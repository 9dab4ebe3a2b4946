package interop

// Load by sipp through scripts/proxy.lua: registrations and whole calls, over UDP, over TCP, and
// from one to the other.

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

// pauseInCalls is how long the caller talks before it hangs up.
const pauseInCalls = 100 * time.Millisecond

// load is one run: users register, then calls are made to them.
type load struct {
	caller, callee string // transports
	users, calls   int
	rate           int // calls a second
	reloads        int // ordered one after the other while the calls are made
}

func TestThousandUsersCallOverUDP(t *testing.T) {
	runLoad(t, load{caller: "udp", callee: "udp", users: 1000, calls: 2000, rate: 400})
}

func TestCallsOverTCP(t *testing.T) {
	runLoad(t, load{caller: "tcp", callee: "tcp", users: 500, calls: 500, rate: 200})
}

func TestCallsFromUDPToTCP(t *testing.T) {
	runLoad(t, load{caller: "udp", callee: "tcp", users: 200, calls: 500, rate: 200})
}

// Reload upon reload while calls are made: none fails, and nothing is sent again.
func TestReloadsUnderLoad(t *testing.T) {
	runLoad(t, load{caller: "udp", callee: "udp", users: 200, calls: 1000, rate: 250, reloads: 40})
}

func TestCallsFromTLSToUDP(t *testing.T) {
	runLoad(t, load{caller: "tls", callee: "udp", users: 100, calls: 400, rate: 200})
}

func TestCallsOverTLS(t *testing.T) {
	runLoad(t, load{caller: "tls", callee: "tls", users: 100, calls: 400, rate: 200})
}

func runLoad(t *testing.T, l load) {
	needSipp(t)
	if raceBuild() { // which takes several times as long for each call
		l.users, l.calls, l.rate, l.reloads = l.users/3, l.calls/3, l.rate/3, l.reloads/3
	}
	s, callee, conf := startForLoad(t, l)
	all := users(l.users, callee.addr(), l.callee)

	register := startSipp(t, sippOptions{scenario: "register", transport: l.caller, tls: conf, server: s.addrs[l.caller], calls: l.users, rate: l.rate, fields: all})
	register.wait()
	caller := startSipp(t, sippOptions{scenario: "caller", transport: l.caller, tls: conf, server: s.addrs[l.caller], calls: l.calls, rate: l.rate, fields: all, pause: pauseInCalls})
	for range l.reloads {
		if code, body := s.http("POST", "/reload"); code != 200 {
			t.Fatalf("reload: %d %s", code, body)
		}
	}
	caller.wait()
	callee.wait()

	leftNothing(t, s)
}

// startForLoad starts the server and who is called, over TLS too where the load asks for it.
func startForLoad(t *testing.T, l load) (s *server, callee *sipp, conf *tls.Config) {
	t.Helper()
	if l.caller != "tls" && l.callee != "tls" {
		s = start(t, "--no-watch", shipped("proxy.lua"))
	} else {
		a := newAuthority(t)
		conf = a.config("sipp")
		s = startSecure(t, a, "--no-watch", shipped("proxy.lua"))
	}
	return s, startSipp(t, sippOptions{scenario: "callee", transport: l.callee, tls: conf, calls: l.calls}), conf
}

// leftNothing waits for the end of all requests, and requires that nothing was refused and nothing
// panicked.
func leftNothing(t *testing.T, s *server) {
	t.Helper()
	eventually(t, "no request in progress", func() bool { return s.metric("sipscript_requests_in_progress") == 0 })
	for _, name := range []string{"sipscript_lane_panics_total", "sipscript_lane_refused_total", "sipscript_bad_messages_total", "sipscript_script_errors_total"} {
		if n := s.metric(name); n != 0 {
			t.Errorf("%s is %g", name, n)
		}
	}
	text := s.log.text()
	if strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
		t.Errorf("the server complains:\n%s", tail(text, 30))
	}
}
