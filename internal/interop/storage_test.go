package interop

// State that survives the process: --data, and a process that is killed in mid-load.

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/peer"
)

// registrant sends REGISTER requests over UDP and knows which were answered 200. It does not retransmit.
type registrant struct {
	t     *testing.T
	conn  net.Conn
	id    int
	acked []string // users
}

func newRegistrant(t *testing.T, id int, addr string) *registrant {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &registrant{t: t, conn: conn, id: id}
}

// ask sends one REGISTER and returns the answer, "" when none came within the time.
func (r *registrant) ask(user string, n int, within time.Duration, contact string) string {
	text := fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d-%s-%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\n"+
		"Call-ID: %d-%s\r\nCSeq: %d REGISTER\r\n%sExpires: 3600\r\nContent-Length: 0\r\n\r\n", r.conn.LocalAddr(), r.id, user, n, user, user, r.id, user, n, contact)
	if _, err := r.conn.Write([]byte(text)); err != nil {
		return ""
	}
	answer := make([]byte, 4096)
	_ = r.conn.SetReadDeadline(time.Now().Add(within))
	for {
		size, err := r.conn.Read(answer)
		if err != nil {
			return ""
		}
		if got := string(answer[:size]); strings.Contains(got, fmt.Sprintf("Call-ID: %d-%s\r\n", r.id, user)) && strings.Contains(got, fmt.Sprintf("CSeq: %d ", n)) {
			return got
		}
	}
}

func (r *registrant) register(user string, n int) (code int) {
	answer := r.ask(user, n, patience, fmt.Sprintf("Contact: <sip:%s@%s>\r\n", user, r.conn.LocalAddr()))
	if strings.HasPrefix(answer, "SIP/2.0 200 ") {
		r.acked = append(r.acked, user)
	}
	if len(answer) > 11 {
		_, _ = fmt.Sscanf(answer[8:11], "%d", &code)
	}
	return code
}

// TestKilledInMidLoad: no binding that was acknowledged is lost when the process is killed with SIGKILL.
func TestKilledInMidLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	const clients, before = 32, 1500
	var acked atomic.Int64
	killed := make(chan struct{})
	var all []*registrant
	var done sync.WaitGroup
	for id := range clients {
		r := newRegistrant(t, id, s.addrs["udp"])
		all = append(all, r)
		done.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-killed:
					return
				default:
				}
				user := fmt.Sprintf("user%d-%d", id, i%20) // each registers anew now and then
				if r.register(user, i) == 200 && acked.Add(1) == before {
					_ = s.cmd.Process.Kill()
					close(killed)
				}
			}
		})
	}
	select {
	case <-killed:
	case <-time.After(patience):
		t.Fatalf("only %d registrations", acked.Load())
	}
	// What was on its way to a killed process is not answered: the clients' sockets are told, or time out.
	for _, r := range all {
		_ = r.conn.Close()
	}
	done.Wait()
	<-s.ended

	again := start(t, "--data", dir)
	if text := again.log.text(); !strings.Contains(text, "location.db: ") || strings.Contains(text, "made anew") {
		t.Errorf("the start lines:\n%s", text)
	}
	check := newRegistrant(t, 1000, again.addrs["udp"])
	seen := map[string]bool{}
	for _, r := range all {
		for _, user := range r.acked {
			if seen[user] {
				continue
			}
			seen[user] = true
			if answer := check.ask(user, 1, patience, ""); !strings.Contains(answer, "Contact: <sip:"+user+"@") {
				t.Fatalf("%s was acknowledged and is lost:\n%s", user, answer)
			}
		}
	}
	t.Logf("%d acknowledged registrations of %d users, none lost", acked.Load(), len(seen))
}

// TestRestartKeepsCalls: the key in --data lets requests within calls from before the restart pass, and who registered is called.
func TestRestartKeepsCalls(t *testing.T) {
	dir := t.TempDir()
	listen := []string{"-l", "udp:127.0.0.1:0"}
	s := spawn(t, append([]string{"run", "-d", "example.com", "--data", dir}, listen...)...)
	s.ready()
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	bob.Incoming().Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatal(code)
	}
	call.Ack()
	bob.Ack()
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	again := spawn(t, "run", "-d", "example.com", "--data", dir, "-l", "udp:"+s.addrs["udp"])
	again.ready()
	call.Bye()
	bob.Bye()
	answered(t, alice, bob, "sip:bob@example.com")
	// A second process on the same directory is told so.
	if out, code := command(t, "run", "--data", dir, "-l", "udp:127.0.0.1:0"); code != 1 || !strings.Contains(out, "in use by another process") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if out, code := command(t, "run", "--data", filepath.Join(dir, "secret"), "-l", "udp:127.0.0.1:0"); code != 1 || !strings.Contains(out, "--data: ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}
