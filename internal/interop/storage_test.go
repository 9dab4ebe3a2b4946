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

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/internal/redistest"
)

// registrant sends REGISTER requests over UDP and knows which were answered 200. It does not
// retransmit.
type registrant struct {
	t     *testing.T
	conn  net.Conn
	id    int
	acked []string // users
	asked int      // requests other than REGISTER
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

// loaded has clients register until so many were accepted, and ends them in mid-load, by kill.
func loaded(t *testing.T, s *server, accepted int64, kill func()) (all []*registrant) {
	t.Helper()
	const clients = 32
	var acked atomic.Int64
	killed := make(chan struct{})
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
				user := fmt.Sprintf("user%d-%d", id, i%20) // each registers again now and then
				if r.register(user, i) == 200 && acked.Add(1) == accepted {
					kill()
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
	// What was on its way to a killed process is not answered: the clients' sockets are told, or
	// time out.
	for _, r := range all {
		_ = r.conn.Close()
	}
	done.Wait()
	return all
}

// noneLost asks a server for all that was acknowledged.
func noneLost(t *testing.T, all []*registrant, s *server) {
	t.Helper()
	check := newRegistrant(t, 1000, s.addrs["udp"])
	seen, acked := map[string]bool{}, 0
	for _, r := range all {
		acked += len(r.acked)
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
	t.Logf("%d acknowledged registrations of %d users, none lost", acked, len(seen))
}

// TestKilledInMidLoad: no binding that was acknowledged is lost when the process is killed with
// SIGKILL.
func TestKilledInMidLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	all := loaded(t, s, 1500, func() { _ = s.cmd.Process.Kill() })
	<-s.ended
	again := start(t, "--data", dir)
	if text := again.log.text(); !strings.Contains(text, "location.db: ") || strings.Contains(text, "creates a new key") {
		t.Errorf("the start lines:\n%s", text)
	}
	noneLost(t, all, again)
}

// TestKilledInMidLoadOnRedis: the same, with Redis as the store.
func TestKilledInMidLoadOnRedis(t *testing.T) {
	_, s, args := onRedis(t)
	all := loaded(t, s, 1500, func() { _ = s.cmd.Process.Kill() })
	<-s.ended
	noneLost(t, all, start(t, args...))
}

// TestRedisKilledInMidLoad: Redis itself is killed. With a log of what it has done (appendonly),
// which it writes before it answers, nothing acknowledged is lost; the server finds it again by
// itself.
func TestRedisKilledInMidLoad(t *testing.T) {
	redis, s, args := onRedis(t)
	all := loaded(t, s, 1500, redis.Kill)
	check := newRegistrant(t, 1001, s.addrs["udp"])
	if answer := check.ask("newcomer", 1, patience, "Contact: <sip:x@192.0.2.1>\r\n"); !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "Retry-After: ") {
		t.Errorf("a registration without redis:\n%s", answer)
	}
	redis.Start()
	n := 1
	eventually(t, "a registration is accepted", func() bool { n++; return check.register("newcomer", n) == 200 })
	noneLost(t, append(all, check), start(t, args...)) // which has no cache yet
}

// onRedis starts a server on a Redis of its own. A server that is to take its place has the same
// args.
func onRedis(t *testing.T) (redis *redistest.Server, s *server, args []string) {
	t.Helper()
	redis = redistest.Start(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args = []string{"--redis", redis.URL, "--secret", secret}
	return redis, start(t, args...), args
}

// TestRestartKeepsCalls: the key in --data lets requests within calls from before the restart pass,
// and who registered is called.
func TestRestartKeepsCalls(t *testing.T) {
	dir := t.TempDir()
	s := spawn(t, "run", "-d", "example.com", "--data", dir, "-l", fmt.Sprintf("udp:127.0.0.1:%d", child.FreePort(t))) // one that is there to be had again
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
	// A second process on the same directory is told.
	if out, code := command(t, "run", "--data", dir, "-l", "udp:127.0.0.1:0"); code != 1 || !strings.Contains(out, "has the directory "+dir) || !strings.Contains(out, "(pid ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if out, code := command(t, "run", "--data", filepath.Join(dir, "secret"), "-l", "udp:127.0.0.1:0"); code != 1 || !strings.Contains(out, "--data: ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}
