//go:build linux

package interop

// A disk that is really full: --data on a small file system of its own.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

// startOnSmallDisk starts a server whose --data is on a file system of 4 MB that only it sees; dir
// is its path from here.
func startOnSmallDisk(t *testing.T) (s *server, dir string) {
	t.Helper()
	mount := t.TempDir()
	inside := func(script string, args ...string) *exec.Cmd {
		cmd := exec.Command("sh", append([]string{"-c", script, mount}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_DRAIN=5s")
		return cmd
	}
	const small = `mount -t tmpfs -o size=4m,mode=700 none "$0"`
	if out, err := inside(small).CombinedOutput(); err != nil {
		t.Skipf("a file system can't be mounted here, not even in a namespace of one's own: %v %s", err, out)
	}
	s = launch(t, inside(small+` && exec "$@"`, binary, "run", "-l", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", "-d", "example.com", "--data", mount))
	s.ready()
	return s, fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, mount)
}

// fillDisk writes until there is no room, and returns what to remove for there to be some.
func fillDisk(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return path
}

// TestDiskFull: while the disk is full registrations are answered 503, and nothing else changes;
// then they are accepted again by themselves. What was accepted is there after a kill, and nothing
// that was refused.
func TestDiskFull(t *testing.T) {
	s, dir := startOnSmallDisk(t)
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), peer.New(t, "bob", "example.com", s.via("udp"))
	bob.Register()
	answered(t, alice, bob, "sip:bob@example.com")
	filler := fillDisk(t, dir)

	r, refused := newRegistrant(t, 1, s.addrs["udp"]), 0
	try := func(user string, n int) (code int) {
		t.Helper()
		contact := fmt.Sprintf("Contact: <sip:%s@%s>\r\n", user, r.conn.LocalAddr())
		answer := r.ask(user, n, patience, contact)
		switch {
		case strings.HasPrefix(answer, "SIP/2.0 200 "):
			r.acked = append(r.acked, user)
			return 200
		case !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "\r\nRetry-After: "):
			t.Errorf("%s was answered\n%s", user, answer)
		}
		return 503
	}
	// There may be some room left in the last page of the log.
	for i := 0; refused < 50 && i < 1000; i++ {
		if try(fmt.Sprint("user", i), 1) == 503 {
			refused++
		} else if refused > 0 {
			t.Errorf("user%d was accepted by a disk that is full", i)
		}
	}
	if refused < 50 {
		t.Fatalf("a full disk refused %d registrations", refused)
	}
	answered(t, alice, bob, "sip:bob@example.com")
	if code := ask(alice, "user999"); code != 480 {
		t.Errorf("a call to somebody who was refused: %d", code)
	}
	if line := s.log.await(t, 0, "cannot be stored"); !strings.Contains(line, "location.db") {
		t.Error(line)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if try(fmt.Sprint("user", i), 2) != 200 {
			t.Errorf("user%d is refused though there is room again", i)
		}
	}
	s.log.await(t, 0, "stored again")
	answered(t, alice, bob, "sip:bob@example.com")

	// The file as a crash at this moment leaves it.
	saved := t.TempDir()
	if err := os.CopyFS(saved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := start(t, "--data", saved)
	r.acked = append(r.acked, "bob")
	noneLost(t, []*registrant{r}, again)
	slices.Sort(r.acked)
	if n, want := int(again.metric("sipscript_registrar_bindings")), len(slices.Compact(r.acked)); n != want {
		t.Errorf("%d bindings, want %d", n, want)
	}
}
