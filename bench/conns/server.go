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
)

type server struct {
	addr, admin string
	cmd         *exec.Cmd
}

func start(dir, kind, env string) (*server, error) {
	s := &server{}
	for _, a := range []*string{&s.addr, &s.admin} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*a = l.Addr().String()
		l.Close()
	}
	args := []string{"-c", "0", filepath.Join(dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", kind + ":" + s.addr, "--admin", s.admin}
	if kind == "tls" || kind == "wss" {
		args = append(args, "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	}
	s.cmd = exec.Command("taskset", append(args, "bench/reply.lua")...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stderr = io.Discard
	if env != "" {
		s.cmd.Env = append(os.Environ(), env)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.ready(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
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

// cpu is the process's user and system time; ticks are hundredths everywhere this runs.
func (s *server) cpu() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
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
