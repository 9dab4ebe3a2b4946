package interop

// A server under test: the binary, started as its users start it.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
)

// server is a running process. It is ended by its pid when the test ends, and must end well.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *lines
	ended chan struct{} // closed when the process has been waited for
	code  int           // its exit code; valid once ended is closed
	addrs map[string]string
	admin string
}

// start runs `sipscript run` with a listener each for UDP and TCP, an admin port, and args, and
// waits until it is ready.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := spawn(t, append([]string{"run", "-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0", "--admin", "127.0.0.1:0", "-d", "example.com"}, args...)...)
	s.ready()
	return s
}

// spawn runs the binary with exactly these arguments.
func spawn(t *testing.T, args ...string) *server {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_DRAIN=1s")
	return launch(t, cmd)
}

// launch runs a command that is a server.
func launch(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, log: newLines(), ended: make(chan struct{}), addrs: map[string]string{}}
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	// A grandchild that outlives the command must not hold up the test
	s.cmd.WaitDelay = time.Second
	// These tests are about what is answered, on machines that are busy with something else: what
	// is late is not refused, and a script may take the time it takes. Flags that a test gives win.
	s.cmd.Env = append(s.cmd.Env, "SIPSCRIPT_MAX_DELAY=0", "SIPSCRIPT_SCRIPT_BUDGET=30s")
	wait, err := child.Start(s.cmd)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(s.ended)
		err := <-wait
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			s.code = exit.ExitCode()
		}
	}()
	t.Cleanup(s.stop)
	return s
}

// withoutOurs drops SIPSCRIPT_* variables of whoever runs the tests.
func withoutOurs(env []string) (out []string) {
	for _, e := range env {
		if !strings.HasPrefix(e, "SIPSCRIPT_") {
			out = append(out, e)
		}
	}
	return out
}

// ready waits for the line "ready" and reads the addresses from the lines before it.
func (s *server) ready() {
	s.t.Helper()
	if _, ok := s.log.awaitOr(s.ended, 0, "ready"); !ok {
		s.t.Fatalf("not ready:\n%s", s.log.text())
	}
	for line := range strings.SplitSeq(s.log.text(), "\n") {
		switch f := strings.Fields(line); {
		case len(f) == 3 && f[0] == "listening" && s.addrs[f[1]] == "":
			s.addrs[f[1]] = f[2]
		case len(f) == 2 && f[0] == "admin":
			s.admin = strings.TrimPrefix(f[1], "http://")
		}
	}
}

// stop ends the process, if it runs, and requires exit code 0 of it.
func (s *server) stop() {
	select {
	case <-s.ended:
		return
	default:
	}
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		s.t.Errorf("the server ended with %d", code)
	}
	if s.t.Failed() {
		s.t.Logf("the server's log:\n%s", tail(s.log.text(), 60))
	}
	if text := s.log.text(); strings.Contains(text, "panic") || strings.Contains(text, "DATA RACE") {
		s.t.Errorf("the server panicked:\n%s", tail(text, 200))
	}
}

// exit waits for the end and returns the exit code; a process that won't end is killed.
func (s *server) exit() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		select {
		case <-s.ended:
		case <-time.After(patience):
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
		s.t.Errorf("the server did not end by itself:\n%s", tail(s.log.text(), 120))
	}
	return s.code
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// via is the server as a peer reaches it.
func (s *server) via(transport string) peer.Server {
	return peer.Server{Transport: transport, Addr: s.addrs[transport]}
}

// http asks the admin port.
func (s *server) http(method, path string) (code int, body string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.admin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// status is the answer of /status.
func (s *server) status() map[string]any {
	s.t.Helper()
	_, body := s.http("GET", "/status")
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		s.t.Fatalf("/status: %v in %q", err, body)
	}
	return v
}

// metric is the sum of a figure of /metrics over its labels; it must be there.
func (s *server) metric(name string) (sum float64) {
	s.t.Helper()
	_, body := s.http("GET", "/metrics")
	found := false
	for line := range strings.SplitSeq(body, "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			n, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			if err != nil {
				s.t.Fatalf("%s: %v", line, err)
			}
			found, sum = true, sum+n
		}
	}
	if !found {
		s.t.Fatalf("/metrics has no %s", name)
	}
	return sum
}

// command runs another command of the binary and returns what it wrote and its exit code.
func command(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, commands, args...)
	cmd.Env = withoutOurs(os.Environ())
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%q does not end:\n%s", args, text)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(text), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text), 0
}

// script writes a script into a directory of the test and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "route.lua")
	rewrite(t, path, text)
	return path
}

// rewrite replaces a file as editors do: by renaming another over it.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// shipped is the path of a script of the project.
func shipped(name string) string { return filepath.Join("..", "..", "scripts", name) }

func tail(text string, n int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
