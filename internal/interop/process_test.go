package interop

// The process: its exit codes, its lines, its signals, and its admin port.

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestBadFlagsExit2(t *testing.T) {
	for _, args := range [][]string{
		{"run", "--nonsense"}, {"run", "-l", "5060"}, {"run", "--lanes", "0"}, {"run", "--db", "x"}, {"run", "--data", ""}, {"run", "a.lua", "b.lua"}, {"nonsense"}, {"reload"}, {"check"}, {"check", "--nonsense"},
	} {
		out, code := command(t, args...)
		if code != 2 || !strings.HasPrefix(out, "sipscript: ") || strings.Count(out, "\n") != 1 {
			t.Errorf("%q: exit %d, want 2 and one line:\n%s", args, code, out)
		}
	}
}

func TestBadStartExits1(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	broken := script(t, "function route(req)\n  oops(\nend\n")
	failing := script(t, "\nerror('no database')\nfunction route(req) end\n")
	for _, c := range []struct {
		args     []string
		contains string
	}{
		{[]string{"-l", "udp:" + udp.LocalAddr().String()}, "in use"},
		{[]string{"-l", "tcp:" + tcp.Addr().String()}, "in use"},
		{[]string{"-l", "udp:127.0.0.1:0", "--admin", tcp.Addr().String()}, "in use"},
		{[]string{"-l", "udp:127.0.0.1:0", broken}, "route.lua:"},
		{[]string{"-l", "udp:127.0.0.1:0", failing}, "route.lua:2"},
		{[]string{"-l", "udp:127.0.0.1:0", "/does/not/exist.lua"}, "/does/not/exist.lua"},
		{[]string{"-l", "udp:127.0.0.1:0", t.TempDir()}, "directory"},
		{[]string{"-l", "udp:127.0.0.1:0", "--secret", "/does/not/exist"}, "--secret"},
	} {
		t.Run(c.contains, func(t *testing.T) {
			out, code := command(t, append([]string{"run"}, c.args...)...)
			if code != 1 || !strings.Contains(out, c.contains) {
				t.Errorf("%q: exit %d, want 1 and %q:\n%s", c.args, code, c.contains, out)
			}
			if strings.Contains(out, "\nready\n") || strings.Contains(out, "goroutine ") {
				t.Errorf("%q: ready, or panicked:\n%s", c.args, out)
			}
		})
	}
}

func TestLinesOfAStart(t *testing.T) {
	s := start(t)
	text := s.log.text()
	for _, part := range []string{"each start creates a new key", "refused", "state is kept in memory", "listening udp 127.0.0.1:", "listening tcp 127.0.0.1:", "\nready\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
	if strings.Contains(s.addrs["udp"], ":0") && strings.HasSuffix(s.addrs["udp"], ":0") {
		t.Errorf("port 0 was not replaced: %s", s.addrs["udp"])
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if with := start(t, "--secret", secret); strings.Contains(with.log.text(), "creates a new key") {
		t.Errorf("with --secret a new key is created:\n%s", with.log.text())
	}
}

func TestAdmin(t *testing.T) {
	s := start(t, "--set", "COLOUR=blue")
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	alice.Register()
	ask(alice, "nobody")
	for path, parts := range map[string][]string{
		"/healthz": {"true"},
		"/readyz":  {"true"},
		"/status":  {`"state": "serving"`, `"generation": 1`, s.addrs["udp"], s.addrs["tcp"], "example.com"},
		"/metrics": {`sipscript_requests_total{method="REGISTER"} 1`, `sipscript_requests_total{method="OPTIONS"} 1`, `sipscript_responses_total{code="200"} 1`, `sipscript_responses_total{code="480"} 1`,
			"sipscript_lane_queue_delay_seconds_bucket", "sipscript_routes_total", "sipscript_registrar_", "sipscript_transport_", "sipscript_transactions", "sipscript_gc_pause_seconds_bucket", "go_goroutines"},
	} {
		t.Run(path, func(t *testing.T) {
			code, body := s.http("GET", path)
			if code != 200 {
				t.Errorf("%s: %d", path, code)
			}
			for _, part := range parts {
				if !strings.Contains(body, part) {
					t.Errorf("%s: no %q in:\n%s", path, part, body)
				}
			}
		})
	}
	if out, code := command(t, "status", "--admin", s.admin); code != 0 || !strings.Contains(out, "serving") {
		t.Errorf("sipscript status: exit %d: %s", code, out)
	}
}

// A drain: not ready, new calls 503 with Retry-After, the call under way is finished, exit 0.
func TestDrain(t *testing.T) {
	s := start(t, "--drain", "6s") // transactions over UDP stand for longer
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	call.Provisional(180)

	s.signal(syscall.SIGTERM)
	eventually(t, "not ready", func() bool { code, _ := s.http("GET", "/readyz"); return code == 503 })
	refused := alice.Invite("sip:bob@example.com", nil)
	if res := refused.Final(); res.StatusCode != 503 || res.GetHeader("Retry-After") == nil {
		t.Errorf("a new call during the drain: %d, Retry-After %v", res.StatusCode, res.GetHeader("Retry-After"))
	}
	if code, body := s.http("POST", "/reload"); code != 409 {
		t.Errorf("a reload during the drain: %d %s", code, body)
	}
	if _, body := s.http("GET", "/metrics"); !strings.Contains(body, "sipscript_requests_in_progress 1") {
		t.Errorf("the call that holds up the drain is not shown:\n%s", body)
	}
	if state := s.status()["state"]; state != "draining" {
		t.Errorf("state %v during the drain", state)
	}
	in.Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Errorf("the call under way ended with %d", code)
	}
	call.Ack()
	bob.Ack()
	if code := s.exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// When the time is over, callers are told and callees don't ring on.
func TestDrainEndsWhatIsLeft(t *testing.T) {
	s := start(t, "--drain", "200ms")
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	call.Provisional(180)
	s.signal(syscall.SIGTERM)
	if code := call.Final().StatusCode; code != 503 {
		t.Errorf("the caller was answered %d", code)
	}
	in.AwaitCancel()
	if code := s.exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	s := start(t, "--drain", "1h")
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	bob.Incoming().Reply(180, "Ringing")
	call.Provisional(180) // a transaction that keeps the drain waiting
	s.signal(syscall.SIGINT)
	s.log.await(t, 0, "stopping")
	s.signal(syscall.SIGINT)
	if code := s.exit(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
}

// A signal that comes while the script loads ends the process as well. The script makes sure that
// it comes then.
func TestSignalDuringStart(t *testing.T) {
	s := spawn(t, "run", "-l", "udp:127.0.0.1:0", "--script-budget", "20s", script(t, `
sip.log.warn("loading")
local n = 0
for i = 1, 3e6 do n = n + i end
function route(req) req:drop() end
`))
	s.log.await(t, 0, "loading")
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Errorf("exit %d:\n%s", code, s.log.text())
	}
}
