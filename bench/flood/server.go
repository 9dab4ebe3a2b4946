//go:build unix

package main

// The servers: how they are started, and what CPU they use.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// contender is one server: its command line for an address.
type contender struct {
	name string
	args func(addr string) ([]string, error)
}

func (b *bench) contenders() (list []contender, err error) {
	if out, err := exec.Command("go", "build", "-o", filepath.Join(b.dir, "sipscript"), "./cmd/sipscript").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	if _, err := exec.LookPath("kamailio"); err == nil {
		list = append(list, contender{"kamailio-native", b.kamailio("native")}, contender{"kamailio-lua", b.kamailio("lua")})
	} else {
		fmt.Println("kamailio is not installed (Debian: kamailio kamailio-lua-modules): compared without it")
	}
	return append(list, contender{"ours", b.ours()}, contender{"ours-data", func(addr string) ([]string, error) {
		dir, err := os.MkdirTemp(b.dir, "data")
		if err != nil {
			return nil, err
		}
		return b.ours("--data", dir)(addr)
	}}), nil
}

// ours is this project's server, with further flags.
func (b *bench) ours(flags ...string) func(string) ([]string, error) {
	return func(addr string) ([]string, error) {
		args := append([]string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:" + addr}, flags...)
		return append(args, "bench/register.lua"), nil
	}
}

// kamailio writes the configuration for an address.
func (b *bench) kamailio(kind string) func(string) ([]string, error) {
	return func(addr string) ([]string, error) {
		text, err := os.ReadFile("bench/kamailio/register-" + kind + ".cfg")
		if err != nil {
			return nil, err
		}
		script, err := filepath.Abs("bench/kamailio/register.lua")
		if err != nil {
			return nil, err
		}
		cfg := strings.NewReplacer("LISTEN", addr, "SCRIPT", script).Replace(string(text))
		file := filepath.Join(b.dir, kind+".cfg")
		return []string{"kamailio", "-DD", "-E", "-m", "1024", "-M", "16", "-w", b.dir, "-f", file}, os.WriteFile(file, []byte(cfg), 0o644)
	}
}

// row is one flood of one server.
type row struct {
	result
	cpu float64 // µs a completed registration
}

// measure starts a server, floods it and ends it.
func (b *bench) measure(c contender) (r row, err error) {
	addr, err := freeAddr()
	if err != nil {
		return r, err
	}
	args, err := c.args(addr)
	if err != nil {
		return r, err
	}
	log, err := os.Create(filepath.Join(b.dir, "server.log"))
	if err != nil {
		return r, err
	}
	defer log.Close()
	srv := exec.Command("taskset", append([]string{"-c", "0"}, args...)...)
	srv.Stdout, srv.Stderr = log, log
	srv.Env = append(os.Environ(), "SIPSCRIPT_DRAIN=0s") // nobody waits for its transactions
	srv.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := srv.Start(); err != nil {
		return r, err
	}
	defer func() {
		_ = syscall.Kill(-srv.Process.Pid, syscall.SIGTERM)
		_ = srv.Wait()
	}()
	// The first registrations meet a server that is still starting, and are sent again until it is
	// there.
	if warm, err := b.flood(addr, "-rate", "100", "-seconds", "1", "-patient", "20s"); err != nil || warm.Failed > 0 {
		text, _ := os.ReadFile(log.Name())
		return r, fmt.Errorf("of the first registrations %d failed: %v; its log begins:\n%.2000s", warm.Failed, err, text)
	}
	used := cpuOf(srv.Process.Pid)
	if b.bySipp {
		r.result, err = b.sipp(addr)
	} else {
		r.result, err = b.flood(addr)
	}
	if err != nil {
		return r, err
	}
	used = cpuOf(srv.Process.Pid) - used
	if r.Completed == 0 {
		return r, errors.New("no registration was completed")
	}
	r.cpu = used * 1e6 / float64(r.Completed)
	return r, nil
}

// flood runs this program as the load, on the other core.
func (b *bench) flood(addr string, more ...string) (r result, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	args := append([]string{"-c", "1", self, "-load", addr, "-rate", strconv.Itoa(b.rate), "-seconds", strconv.Itoa(b.seconds), "-users", strconv.Itoa(b.users)}, more...)
	cmd := exec.Command("taskset", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

func freeAddr() (string, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

// cpuOf is user and system time of a process and all that came from it, in seconds; ticks are
// hundredths everywhere this runs.
func cpuOf(root int) (s float64) {
	parents := map[int]int{}
	times := map[int]float64{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		// From the state on (proc(5))
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parents[pid], _ = strconv.Atoi(f[1])
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		times[pid] = (user + system) / 100
	}
	for pid, t := range times {
		for p := pid; p > 1; p = parents[p] {
			if p == root {
				s += t
				break
			}
		}
	}
	return s
}
