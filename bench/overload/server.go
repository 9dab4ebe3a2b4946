//go:build unix

package main

// The server under test, and the loads.

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is our server, pinned to one core.
type server struct {
	addr   string
	callee string // where the loads' users answer
	cmd    *exec.Cmd
}

// freeAddr is an address nobody listens on now.
func freeAddr() (string, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

func start(dir, script string) (*server, error) {
	var s server
	var err error
	if s.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if s.callee, err = freeAddr(); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("taskset", "-c", "0", filepath.Join(dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:"+s.addr, script)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.ready(); err != nil {
		s.stop()
		return nil, err
	}
	return &s, nil
}

// ready asks until the server answers anything.
func (s *server) ready() error {
	c, err := net.Dial("udp4", s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for i := range 100 {
		fmt.Fprintf(c, "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKready%d\r\nMax-Forwards: 70\r\nFrom: <sip:ready@example.com>;tag=r\r\nTo: <sip:example.com>\r\nCall-ID: ready%[2]d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", c.LocalAddr(), i)
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(buf); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond) // a port that is not open yet refuses at once
	}
	return fmt.Errorf("the server does not answer at %s", s.addr)
}

func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// rss is the server's memory in MB; taskset became the server, so it has the same number.
func (s *server) rss() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}

// result is what bench/load prints.
type result struct {
	Completed, Refused, Failed int
	P50                        float64 `json:"p50_ms"`
	P99                        float64 `json:"p99_ms"`
}

// offer loads the server and returns, with what the load saw, the server's highest memory.
func (t *test) offer(rate, seconds int) (r result, rss float64, err error) {
	cmd := exec.Command("taskset", "-c", "1", filepath.Join(t.dir, "load"), "-server", t.server.addr, "-rate", strconv.Itoa(rate), "-seconds", strconv.Itoa(seconds),
		"-once", "-patient", "2s", "-callee", t.server.callee)
	cmd.Stderr = os.Stderr
	done := make(chan error, 1)
	var out []byte
	go func() { // ends with the load
		var err error
		out, err = cmd.Output()
		done <- err
	}()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			rss = max(rss, t.server.rss())
		case err := <-done:
			if err != nil {
				return r, rss, err
			}
			return r, rss, json.Unmarshal(out, &r)
		}
	}
}
