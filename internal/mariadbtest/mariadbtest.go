//go:build unix

// Package mariadbtest runs a MariaDB server for a test: Debian's mariadb-server, on a socket in a
// directory of the test, as a user that is not root.
package mariadbtest

// This file makes a data directory, starts a server on it and stops it.

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// Server is a MariaDB server with an empty database.
type Server struct {
	URL string // "mysql://root@/test?socket=…"

	t       testing.TB
	dir     string
	account *syscall.Credential // whom it runs as
	process *os.Process
	ended   <-chan error // delivers the server's end; nil if it is not running
}

// Start creates and starts a server, which ends with the test. If MariaDB is missing, or there is
// no user to run it as, the test is skipped, or fails if SIPSCRIPT_INTEROP=required is set.
func Start(t testing.TB) *Server {
	t.Helper()
	install, err1 := exec.LookPath("mariadb-install-db")
	_, err2 := exec.LookPath("mariadbd")
	s := &Server{t: t, account: unprivileged()}
	if err1 != nil || err2 != nil || s.account == nil {
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatal("MariaDB is required (SIPSCRIPT_INTEROP=required) and missing, or nobody is there to run it as: install mariadb-server")
		}
		t.Skip("MariaDB is missing, or nobody is there to run it as: install mariadb-server (Debian) to run this test")
	}
	// Not t.TempDir: the path of a socket may have about 100 characters, and others may not enter
	// that directory.
	var err error
	if s.dir, err = os.MkdirTemp("", "my"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
		t.Fatal(err)
	}
	s.URL = "mysql://root@/test?socket=" + url.QueryEscape(s.socket())
	// Temporary tables of two servers have the same names.
	out, err := s.command(install, "--no-defaults", "--datadir="+s.data(), "--tmpdir="+s.dir, "--auth-root-authentication-method=normal", "--skip-name-resolve",
		"--innodb-log-file-size=4M", "--innodb-use-native-aio=0").CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	s.Start()
	return s
}

func (s *Server) data() string   { return filepath.Join(s.dir, "data") }
func (s *Server) socket() string { return filepath.Join(s.dir, "s") }

// Start starts the server and waits until it listens.
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := s.command("mariadbd", "--no-defaults", "--datadir="+s.data(), "--tmpdir="+s.dir, "--socket="+s.socket(), "--skip-networking",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--pid-file="+filepath.Join(s.dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	if s.ended, err = child.Start(cmd); err != nil {
		s.t.Fatal(err)
	}
	s.process = cmd.Process
	s.t.Cleanup(s.Stop)
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if c, err := net.Dial("unix", s.socket()); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
			continue
		case err = <-s.ended:
			s.ended = nil
		case <-deadline:
		}
		text, _ := os.ReadFile(log.Name())
		s.t.Fatalf("mariadbd does not serve: %v\n%s", err, text)
	}
}

// Stop ends the server, if it is running, and waits for its end.
func (s *Server) Stop() {
	if s.ended != nil {
		_ = s.process.Signal(syscall.SIGTERM)
		<-s.ended
		s.ended = nil
	}
}

// command is a program, as the user it runs as.
func (s *Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	}
	return cmd
}

// unprivileged is the user to run MariaDB as, which refuses root.
func unprivileged() *syscall.Credential {
	if os.Getuid() != 0 {
		return &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	}
	for _, name := range []string{"mysql", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}
