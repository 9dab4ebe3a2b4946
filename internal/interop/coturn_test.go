package interop

// coturn's clients and our STUN and TURN server.

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

const turnSecret = "a secret that coturn's client has"

// needCoturn skips a test where coturn's clients are not installed.
func needCoturn(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("turnutils_uclient"); err == nil {
		return
	}
	if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
		t.Fatal("coturn's clients are required (SIPSCRIPT_INTEROP=required) and missing: install coturn")
	}
	t.Skip("coturn's clients are not installed (Debian: coturn)")
}

// startTurn is a server with STUN and TURN. allow are networks that it may relay to, as Lua.
func startTurn(t *testing.T, allow string) *server {
	t.Helper()
	cert, key := newAuthority(t).issue("turn")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(turnSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "-l", "stun:127.0.0.1:0", "-l", "turn:127.0.0.1:0", "-l", "turns:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--turn-secret", secret,
		script(t, "require(\"turn\").configure { allow = { "+allow+" } }\nfunction route(req) req:reply(404) end\n"))
}

// turnutils runs one of coturn's programs, with the address of a listener behind its arguments.
func turnutils(t *testing.T, name, addr string, args ...string) string {
	host, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Some end with 255 when all went well.
	out, _ := exec.CommandContext(ctx, "turnutils_"+name, append(args, "-p", port, host)...).CombinedOutput()
	return string(out)
}

// startPeer runs coturn's peer, which sends back what it gets, and returns its port.
func startPeer(t *testing.T) string {
	t.Helper()
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.LocalAddr().String())
	_ = free.Close()
	cmd := exec.Command("turnutils_peer", "-L", "127.0.0.1", "-p", port)
	if _, err := child.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	conn, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 16)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, _ = conn.Write([]byte("there?")) // refused until it listens
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := conn.Read(b); err == nil {
			return port
		}
	}
	t.Fatal("turnutils_peer does not answer")
	return ""
}

// received is what coturn's client says at its end when something came back.
var received = regexp.MustCompile(`start_mclient: tot_send_msgs=[1-9]\d*, tot_recv_msgs=[1-9]`)

// Media passes as coturn's client has it: by channels and by indications, over UDP, TCP and TLS,
// with pairs of ports, to a peer and between two clients of the server.
func TestCoturnClient(t *testing.T) {
	needCoturn(t)
	if raceBuild() {
		t.Skip("package relay has this under the race detector")
	}
	s := startTurn(t, `"127.0.0.1"`)
	peer := startPeer(t)
	rows := map[string]struct{ listener, args string }{
		"channels over UDP":      {"turn", "-c"},
		"indications over UDP":   {"turn", "-c -s"},
		"pairs of ports":         {"turn", ""},
		"channels over TCP":      {"turn", "-c -t"},
		"indications over TCP":   {"turn", "-c -s -t"},
		"channels over TLS":      {"turns", "-c -t -S"},
		"between clients by UDP": {"turn", "-c -y"},
		"between clients by TCP": {"turn", "-c -y -t"},
		"between clients by TLS": {"turns", "-c -y -t -S"},
	}
	said := map[string]chan string{}
	for name, row := range rows { // all at once: they wait most of the time
		said[name] = make(chan string, 1)
		args := append(strings.Fields(row.args), "-W", turnSecret, "-u", "alice", "-e", "127.0.0.1", "-r", peer, "-n", "5", "-m", "2", "-l", "160")
		go func() { said[name] <- turnutils(t, "uclient", s.addrs[row.listener], args...) }()
	}
	for name := range rows {
		t.Run(name, func(t *testing.T) {
			if out := <-said[name]; !strings.Contains(out, "Total lost packets 0 ") || !received.MatchString(out) {
				t.Errorf("%s", tail(out, 20))
			}
		})
	}
}

// What is refused, as coturn's client sees it.
func TestCoturnClientIsRefused(t *testing.T) {
	needCoturn(t)
	s := startTurn(t, "")
	for name, row := range map[string]struct{ secret, peer, want string }{
		"a wrong secret":     {"another secret", "1.2.3.4", "Cannot complete Allocation"},
		"a peer on loopback": {turnSecret, "127.0.0.2", "error 403 (Forbidden)"},
		"a private peer":     {turnSecret, "10.0.0.1", "error 403 (Forbidden)"},
	} {
		t.Run(name, func(t *testing.T) {
			out := turnutils(t, "uclient", s.addrs["turn"], "-c", "-W", row.secret, "-u", "alice", "-e", row.peer, "-n", "1", "-m", "1")
			if !strings.Contains(out, row.want) {
				t.Errorf("%s", tail(out, 20))
			}
		})
	}
}

// coturn's STUN clients learn their address.
func TestCoturnSTUN(t *testing.T) {
	needCoturn(t)
	s := startTurn(t, "")
	for name, args := range map[string][]string{"stunclient": nil, "natdiscovery": {"-m"}} {
		t.Run(name, func(t *testing.T) {
			for _, listener := range []string{"stun", "turn"} {
				if out := turnutils(t, name, s.addrs[listener], args...); !strings.Contains(out, "UDP reflexive addr: 127.0.0.1:") {
					t.Errorf("%s: %s", listener, out)
				}
			}
		})
	}
}
