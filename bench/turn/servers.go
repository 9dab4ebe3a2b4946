//go:build linux

package main

// The servers: how they are started.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/pion/stun/v3"
)

const (
	secret = "a secret of the measurement"
	script = "require(\"turn\").configure { allow = { \"127.0.0.1\" }, per_user = 0, per_ip = 0, total = 0 }\nfunction route(req) req:reply(404) end\n"
)

// contender is one server: its command line for a port.
type contender struct {
	name string
	args func(port int) []string
}

func (b *bench) contenders() (list []contender, err error) {
	if out, err := exec.Command("go", "build", "-o", b.path("sipscript"), "./cmd/sipscript").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	for name, text := range map[string]string{"route.lua": script, "secret": secret + "\n"} {
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := exec.LookPath("turnserver"); err == nil {
		// One relay thread: there is one core.
		list = append(list, contender{"coturn", func(port int) []string {
			return []string{"turnserver", "-n", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", strconv.Itoa(port), "--use-auth-secret",
				"--static-auth-secret", secret, "--realm", "example.com", "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--no-rfc5780",
				"-m", "1", "--simple-log", "--log-file", b.path("coturn.log"), "--pidfile", b.path("coturn.pid"), "--userdb", b.path("coturn.db")}
		}})
	} else {
		fmt.Println("coturn is not installed (Debian: coturn): ours alone")
	}
	return append(list, contender{"ours", func(port int) []string {
		return []string{b.path("sipscript"), "run", "--no-watch", "-l", "udp:127.0.0.1:0", "-l", "turn:127.0.0.1:" + strconv.Itoa(port) + "?transport=udp",
			"--turn-secret", b.path("secret"), b.path("route.lua")}
	}}), nil
}

// server is one that runs.
type server struct {
	cmd  *exec.Cmd
	addr string
	out  string // a file
}

// start starts a server on a port that is free, and waits until it answers.
func (b *bench) start(c contender) (*server, error) {
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := free.LocalAddr().(*net.UDPAddr).Port
	_ = free.Close()
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", port), out: b.path(c.name + ".out")}
	out, err := os.Create(s.out)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s.cmd = exec.Command("taskset", append([]string{"-c", "0"}, c.args(port)...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = b.dir, out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.await(); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w; %s", err, s.log())
	}
	return s, nil
}

// await asks until there is an answer.
func (s *server) await() error {
	conn, err := net.Dial("udp4", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	b := make([]byte, 1500)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		// It is refused until the server listens.
		_, _ = conn.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw)
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := conn.Read(b); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no answer from %s", s.addr)
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// log is the end of what the server said.
func (s *server) log() string {
	text, _ := os.ReadFile(s.out)
	return string(text[max(0, len(text)-1000):])
}
