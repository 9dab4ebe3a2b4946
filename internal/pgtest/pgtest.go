//go:build unix

// Package pgtest runs a PostgreSQL server for a test: Debian's postgresql, on a socket in a
// directory of the test, as a user that is not root.
package pgtest

// This file makes a cluster, starts it and stops it.

import (
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

// Server is a PostgreSQL server with an empty database.
type Server struct {
	URL string // "postgres://sip@/postgres?host=…"

	t       testing.TB
	bin     string // where its programs are
	dir     string
	account *syscall.Credential // whom it runs as
	ended   <-chan error        // delivers the server's end; nil if it is not running
}

// Start creates and starts a server, which ends with the test. If PostgreSQL is missing, or there
// is no user to run it as, the test is skipped, or fails if SIPSCRIPT_INTEROP=required is set.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: programs(), account: unprivileged()}
	if s.bin == "" || s.account == nil {
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatal("PostgreSQL is required (SIPSCRIPT_INTEROP=required) and missing, or nobody is there to run it as: install postgresql")
		}
		t.Skip("PostgreSQL is missing, or nobody is there to run it as: install postgresql (Debian) to run this test")
	}
	// Not t.TempDir: the path of a socket may have about 100 characters, and others may not enter
	// that directory.
	var err error
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
		t.Fatal(err)
	}
	s.URL = "postgres://sip@/postgres?host=" + s.dir
	s.run("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "sip", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	s.Start()
	return s
}

// Start starts the server itself, not with pg_ctl, which would leave it behind when the test is
// killed, and waits until it answers queries.
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	cmd.Stdout, cmd.Stderr = log, log
	if s.ended, err = child.Start(cmd); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.Stop)
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); s.command("pg_isready", "-q", "-h", s.dir).Run() != nil; {
		select {
		case <-tick.C:
			continue
		case err = <-s.ended:
			s.ended = nil
		case <-deadline:
		}
		text, _ := os.ReadFile(log.Name())
		s.t.Fatalf("postgres does not serve: %v\n%s", err, text)
	}
}

// Stop ends the server, if it is running, and waits for its end.
func (s *Server) Stop() {
	s.t.Helper()
	if s.ended != nil {
		s.run("pg_ctl", "-w", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "stop")
		<-s.ended
		s.ended = nil
	}
}

func (s *Server) run(args ...string) {
	s.t.Helper()
	if out, err := s.command(args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// command is one of PostgreSQL's programs, as the user it runs as.
func (s *Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, args[0]), args[1:]...)
	cmd.Dir = s.dir
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	}
	return cmd
}

// programs is the directory of PostgreSQL's programs: Debian leaves them out of PATH.
func programs() string {
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(list) > 0 {
		return filepath.Dir(list[len(list)-1])
	}
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// unprivileged is the user to run PostgreSQL as, which refuses root.
func unprivileged() *syscall.Credential {
	if os.Getuid() != 0 {
		return &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	}
	for _, name := range []string{"postgres", "nobody"} {
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
