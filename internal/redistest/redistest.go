//go:build unix

// Package redistest runs a Redis server for a test: Debian's redis-server, on a socket in a
// directory of the test.
package redistest

// This file starts, stops, freezes and thaws it, by the process it started.

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// Server is a Redis server. It keeps its data over Stop and Start.
type Server struct {
	URL string // "unix:///…"

	t      testing.TB
	path   string // of redis-server
	dir    string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	output bytes.Buffer
}

// Start starts a server, which ends with the test. Where redis-server is missing the test is
// skipped, or fails if SIPSCRIPT_INTEROP=required is set.
func Start(t testing.TB) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatal("redis-server is required (SIPSCRIPT_INTEROP=required) and missing: install redis-server")
	default:
		t.Skip("redis-server is missing: install redis-server (Debian) to run this test")
	}
	// Not t.TempDir: the path of a socket may have about 100 characters.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{URL: "unix://" + filepath.Join(dir, "s"), t: t, path: path, dir: dir}
	t.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Signal(syscall.SIGCONT)
			s.Stop()
		}
	})
	s.Start()
	return s
}

// Start starts the server again and waits until it listens.
func (s *Server) Start() {
	s.t.Helper()
	s.output.Reset()
	s.cmd = exec.Command(s.path, "--port", "0", "--unixsocket", filepath.Join(s.dir, "s"), "--dir", s.dir, "--appendonly", "yes", "--save", "")
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	wait, err := child.Start(s.cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(ended chan struct{}) { // ends with the process
		<-wait
		close(ended)
	}(s.ended)
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if c, err := net.Dial("unix", filepath.Join(s.dir, "s")); err == nil {
			_ = c.Close()
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-s.ended:
			s.t.Fatalf("redis-server ended:\n%s", s.output.String())
		case <-deadline:
			s.t.Fatal("redis-server does not listen")
		}
	}
}

// Stop ends the server and waits for its end.
func (s *Server) Stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.t.Error("redis-server had to be killed")
	}
	s.left()
}

// Kill ends the server at once, by SIGKILL.
func (s *Server) Kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	<-s.ended
	s.left()
}

func (s *Server) left() {
	s.cmd = nil
	_ = os.Remove(filepath.Join(s.dir, "s"))
}

// Freeze makes the server as good as unreachable: it answers nothing, and refuses nothing. Thaw
// ends that.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw resumes a frozen server.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}
