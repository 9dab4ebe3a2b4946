//go:build linux

package main

// The servers: how they are started, and what they have used.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// contender is a server and its command line for a scenario.
type contender struct {
	name string
	args func(s *scenario, addr string) ([]string, error)
}

// server is one that runs.
type server struct {
	name string
	addr netip.AddrPort
	cmd  *exec.Cmd
}

// kamailio is its command line for a scenario.
func (b *bench) kamailio(s *scenario, addr string) ([]string, error) {
	path, err := b.list(s, "kamailio.list", "1 %s 32 0 x")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("bench/guard/kamailio.cfg")
	if err != nil {
		return nil, err
	}
	cfg := strings.NewReplacer("LISTEN", addr, "LIST", path, "ROUTE", s.kamailio).Replace(string(text))
	file := filepath.Join(b.dir, "kamailio.cfg")
	return []string{"kamailio", "-DD", "-E", "-m", "512", "-M", "64", "-w", b.dir, "-f", file}, os.WriteFile(file, []byte(cfg), 0o644)
}

func (b *bench) ours(s *scenario, addr string) ([]string, error) {
	path, err := b.list(s, "ours.list", "%s")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(b.dir, "route.lua")
	text := `local acl, limit = require "acl", require "limit" ` + strings.ReplaceAll(s.ours, "LIST", path)
	return []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:" + addr, script}, os.WriteFile(script, []byte(text), 0o644)
}

func (b *bench) floor(_ *scenario, addr string) ([]string, error) {
	self, err := os.Executable()
	return []string{self, "floor", addr}, err
}

// floor reads datagrams. It answers who asks from elsewhere than the senders, so that it is known
// to be there.
func floor(addr string) error {
	c, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return err
	}
	_ = c.(*net.UDPConn).SetReadBuffer(4 << 20)
	for buf := make([]byte, 65536); ; {
		_, from, err := c.(*net.UDPConn).ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		if from.Addr() == asker {
			_, _ = c.WriteTo([]byte("SIP/2.0 200 OK\r\n\r\n"), net.UDPAddrFromAddrPort(from))
		}
	}
}

// start starts a server, and returns when it answers.
func (b *bench) start(c *contender, s *scenario) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	words, err := c.args(s, addr)
	if err != nil {
		return nil, err
	}
	logged, err := os.Create(filepath.Join(b.dir, c.name+".log"))
	if err != nil {
		return nil, err
	}
	defer logged.Close()
	cmd := exec.Command("taskset", append([]string{"1"}, words...)...)
	cmd.Stdout, cmd.Stderr = logged, logged
	cmd.Env = append(os.Environ(), "SIPSCRIPT_DRAIN=0s", "SIPSCRIPT_LOG_LEVEL=error", "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	x := &server{c.name, netip.MustParseAddrPort(addr), cmd}
	if err := awaitAnswer(x.addr); err != nil {
		x.stop()
		text, _ := os.ReadFile(logged.Name())
		return nil, fmt.Errorf("%w\n%.3000s", err, text)
	}
	return x, nil
}

func (x *server) stop() {
	_ = syscall.Kill(-x.cmd.Process.Pid, syscall.SIGTERM)
	_ = x.cmd.Wait()
}

// cpu is the CPU of all threads of the server's processes, in seconds: the first number of their
// schedstat, which is in nanoseconds, unlike what is in stat.
func (x *server) cpu() (s float64) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the state, field 3 of proc(5), on
		if len(f) < 3 || f[2] != strconv.Itoa(x.cmd.Process.Pid) {
			continue
		}
		threads, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "task", "*", "schedstat"))
		for _, thread := range threads {
			text, _ := os.ReadFile(thread)
			first, _, _ := strings.Cut(string(text), " ")
			ns, _ := strconv.ParseFloat(first, 64)
			s += ns / 1e9
		}
	}
	return s
}

// dropped is how many datagrams the server's socket had no room for.
func (x *server) dropped() (n int) {
	text, _ := os.ReadFile("/proc/net/udp")
	port := fmt.Sprintf(":%04X", x.addr.Port())
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 12 && strings.HasSuffix(f[1], port) {
			drops, _ := strconv.Atoi(f[12])
			n += drops
		}
	}
	return n
}

func freeAddr() (string, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

var (
	errSilent = errors.New("it does not answer")
	asker     = netip.AddrFrom4([4]byte{127, 8, 0, 1})
)

// awaitAnswer asks from an address of its own until there is an answer.
func awaitAnswer(to netip.AddrPort) error {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(asker, 0)))
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for i := range 100 {
		text := fmt.Sprintf(request, c.LocalAddr(), i, i, i)
		_, _ = c.WriteToUDPAddrPort([]byte(text), to)
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(buf); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errSilent
}
