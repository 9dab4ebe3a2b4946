//go:build linux

package main

// The servers that are compared: Kamailio, where it is installed, and ours.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startAll starts all servers for calls over a transport, ours last.
func (t *test) startAll(kind string) (up []*server, err error) {
	if _, err := exec.LookPath("kamailio"); err != nil {
		fmt.Println("kamailio is not installed (Debian: kamailio kamailio-lua-modules kamailio-tls-modules kamailio-websocket-modules): compared without it")
	} else if !t.alone {
		for _, how := range []string{"native", "lua"} {
			s, err := t.kamailio(kind, how)
			if err != nil {
				return up, err
			}
			up = append(up, s)
		}
	}
	if t.before != "" {
		s, err := startBinary(t.before, t.dir, kind, "bench/route.lua", "")
		if err != nil {
			return up, err
		}
		s.name = "before"
		up = append(up, s)
	}
	s, err := start(t.dir, kind, "bench/route.lua", "")
	if err != nil {
		return up, err
	}
	return append(up, s), nil
}

func stopAll(up []*server) {
	for _, s := range up {
		s.stop()
	}
}

// kamailio starts it with one of its configurations.
func (t *test) kamailio(kind, how string) (*server, error) {
	s := &server{name: "kamailio-" + how}
	var err error
	if s.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	script, err := filepath.Abs("bench/kamailio/kamailio.lua")
	if err != nil {
		return nil, err
	}
	shared := filepath.Join(t.dir, "conns.cfg")
	socket := map[string]string{"tcp": "tcp", "ws": "tcp", "tls": "tls", "wss": "tls"}[kind]
	replace := strings.NewReplacer("LISTEN", s.addr, "KIND", socket, "SCRIPT", script, "CONNS", shared,
		"CERTIFICATE", filepath.Join(t.dir, "cert.pem"), "PRIVATEKEY", filepath.Join(t.dir, "key.pem"))
	file := filepath.Join(t.dir, "conns-"+how+".cfg")
	for from, to := range map[string]string{"conns.cfg": shared, "conns-" + how + ".cfg": file} {
		text, err := os.ReadFile("bench/kamailio/" + from)
		if err == nil {
			err = os.WriteFile(to, []byte(replace.Replace(string(text))), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	args := []string{"-c", "0", "kamailio", "-DD", "-E", "-m", "1024", "-M", "16", "-w", t.dir, "-f", file}
	if kind == "tls" || kind == "wss" {
		args = append(args, "-A", "WITH_TLS")
	}
	if kind == "ws" || kind == "wss" {
		args = append(args, "-A", "WITH_WS")
	}
	logged, err := os.Create(filepath.Join(t.dir, s.name+".log"))
	if err != nil {
		return nil, err
	}
	defer logged.Close()
	if err := s.launch(args, logged, ""); err != nil {
		return nil, err
	}
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp4", s.addr); err == nil {
			c.Close()
			return s, nil
		}
	}
	s.stop()
	text, _ := os.ReadFile(logged.Name())
	return nil, fmt.Errorf("%s does not come up:\n%.3000s", s.name, text)
}
