//go:build linux

package main

// The server under test, and what it tells of itself.

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type server struct {
	name, addr, admin string
	cmd               *exec.Cmd
}

// start starts ours, with a script, for a transport.
func start(dir, kind, script, env string) (*server, error) {
	return startBinary(filepath.Join(dir, "sipscript"), dir, kind, script, env)
}

// startBinary starts a build of ours.
func startBinary(binary, dir, kind, script, env string) (s *server, err error) {
	s = &server{name: "ours"}
	for _, a := range []*string{&s.addr, &s.admin} {
		if *a, err = freeAddr(); err != nil {
			return nil, err
		}
	}
	args := []string{"-c", "0", binary, "run", "--no-watch", "-d", "example.com", "-l", kind + ":" + s.addr, "--admin", s.admin}
	if kind == "tls" || kind == "wss" {
		args = append(args, "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	}
	if err := s.launch(append(args, script), io.Discard, env); err != nil {
		return nil, err
	}
	if err := s.ready(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// launch starts a process by taskset's arguments.
func (s *server) launch(args []string, log io.Writer, env string) error {
	s.cmd = exec.Command("taskset", args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if env != "" {
		s.cmd.Env = append(os.Environ(), env)
	}
	return s.cmd.Start()
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// ready waits until the server says that it is.
func (s *server) ready() error {
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("the server does not come up at %s", s.admin)
}

func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// memory is the resident set, and what Go counts of heap and stacks in use, in kB.
func (s *server) memory() (rss, live float64) {
	if f, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid)); err == nil {
		pages, _ := strconv.ParseFloat(strings.Fields(string(f))[1], 64)
		rss = pages * float64(os.Getpagesize()) / 1024
	}
	res, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return rss, 0
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) == 2 && (f[0] == "go_memstats_heap_inuse_bytes" || f[0] == "go_memstats_stack_inuse_bytes") {
			n, _ := strconv.ParseFloat(f[1], 64)
			live += n / 1024
		}
	}
	return rss, live
}

// cpu is the user and system time of the process and its children, in seconds. A process has a
// clock of its own (clock_getcpuclockid(3)): the ticks of /proc are too coarse for a short load.
func (s *server) cpu() (used float64) {
	all := []string{strconv.Itoa(s.cmd.Process.Pid)}
	for i := 0; i < len(all); i++ {
		kids, _ := os.ReadFile(fmt.Sprintf("/proc/%s/task/%[1]s/children", all[i]))
		all = append(all, strings.Fields(string(kids))...)
		pid, _ := strconv.Atoi(all[i])
		var t unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &t) == nil {
			used += float64(t.Nano()) / 1e9
		}
	}
	return used
}

func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
