package interop

// What `sipscript explain --pcap` writes of a call that nobody could have read on the wire.

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/peer"
)

// A call that comes by TLS and goes to a browser by WSS is in clear in the capture, from and to the
// addresses of the connections, at the times at which it was.
func TestCaptureOfEncryptedCalls(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatalf("tshark is required (SIPSCRIPT_INTEROP=required), run make tshark: %v", err)
	default:
		t.Skipf("no tshark: make tshark installs it: %v", err)
	}
	a := newAuthority(t)
	s := startSecure(t, a)
	via := s.via("tls")
	via.TLS = a.config("alice")
	alice, bob := peer.New(t, "alice", "example.com", via), openBrowser(t, s, "wss", "bob", a.config("bob"))
	bob.register()

	before := time.Now()
	call := alice.Invite("sip:bob@example.com", nil)
	inv := bob.request(sip.INVITE)
	bob.reply(inv, 180, "b1")
	call.Provisional(180)
	bob.reply(inv, 200, "b1")
	call.Final()
	call.Ack()
	bob.request(sip.ACK)
	d := bob.answeredWith(inv, "b1")
	d.send("BYE")
	alice.Bye()
	d.final(200)
	after := time.Now()

	path := filepath.Join(t.TempDir(), "call.pcapng")
	if out, code := command(t, "explain", "--admin", s.admin, "--pcap", path, call.Invite.CallID().Value()); code != 0 {
		t.Fatal(out)
	}
	out, err := exec.Command(tshark, "-r", path, "-T", "fields", "-E", "separator=|", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e", "tcp.dstport",
		"-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	var ways []string
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 9 {
			t.Fatalf("%q", line)
		}
		at, err := strconv.ParseFloat(f[0], 64)
		// The capture has microseconds, and the server's clock times of its lanes
		if when := time.UnixMicro(int64(at * 1e6)); err != nil || when.Before(before.Add(-time.Second)) || when.After(after.Add(time.Second)) {
			t.Errorf("%v is not between %v and %v: %s", when, before, after, line)
		}
		from, to := net.JoinHostPort(f[1], f[2]), net.JoinHostPort(f[3], f[4])
		transport, _, _ := strings.Cut(f[8], ",")
		switch {
		case f[7] != call.Invite.CallID().Value():
			t.Errorf("the message is not read: %s", line)
		case to == s.addrs[transport]:
			ways = append(ways, transport+" > "+f[5]+f[6])
		case from == s.addrs[transport]:
			ways = append(ways, transport+" < "+f[5]+f[6])
		default:
			t.Errorf("neither from nor to %s: %s", s.addrs[transport], line)
		}
	}
	for _, want := range []string{"tls > INVITE", "wss < INVITE", "wss > 180", "tls < 180", "wss > 200", "tls < 200", "tls > ACK", "wss < ACK", "wss > BYE", "tls < BYE", "tls > 200", "wss < 200"} {
		if !slices.Contains(ways, want) {
			t.Errorf("no %s in %v", want, ways)
		}
	}
	if t.Failed() {
		t.Logf("tshark:\n%s", out)
	}
}
