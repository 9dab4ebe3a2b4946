//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bench is what one run is told.
type bench struct {
	dir                         string
	rate, seconds, rounds, warm int
	rest                        time.Duration
	profile                     string // a directory; "" for no profiles
	turns                       bool
}

// row is one load of one server.
type row struct {
	Completed, Refused, Failed, Resent int
	P50                                float64 `json:"p50_ms"`
	P99                                float64 `json:"p99_ms"`
	P999                               float64 `json:"p999_ms"`

	cpu  float64 // µs a completed call
	kept float64 // kB a completed call

	// Of ours: how often the collector ran, and the µs it stopped everything for.
	cycles, pauseP99, pauseMost float64
}

// running is a server that was started, and those who load it.
type running struct {
	b      *bench
	c      contender
	cmd    *exec.Cmd
	addr   string
	callee string
	admin  string // of ours
	log    *os.File
}

// start starts a server and waits until it answers.
func (b *bench) start(c contender) (s *running, err error) {
	s = &running{b: b, c: c}
	if s.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	s.callee = s.addr
	for s.callee == s.addr { // all loads of one server have their users there, or calls would fork
		if s.callee, err = freeAddr(); err != nil {
			return nil, err
		}
	}
	args, err := c.args(s.addr, s.callee)
	if err != nil {
		return nil, err
	}
	if s.log, err = os.CreateTemp(b.dir, "server*.log"); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("taskset", append([]string{"-c", "0"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = append(os.Environ(), "SIPSCRIPT_ADMIN="+c.admin(), "SIPSCRIPT_DRAIN=0s")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.log.Close()
		return nil, err
	}
	if err := b.await(func() error { _, err := s.load("-register-only", "-users", "1"); return err }); err != nil {
		s.stop()
		return nil, s.failed("it does not answer", err)
	}
	if c.ours {
		if s.admin, err = adminOf(s.log.Name()); err != nil {
			s.stop()
			return nil, err
		}
	}
	if b.warm > 0 {
		if _, err := s.load("-seconds", strconv.Itoa(b.warm)); err != nil {
			s.stop()
			return nil, s.failed("load", err)
		}
	}
	return s, nil
}

func (s *running) failed(what string, err error) error {
	text, _ := os.ReadFile(s.log.Name())
	return fmt.Errorf("%s: %w\n%s", what, err, text)
}

func (s *running) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	_ = s.cmd.Wait()
	s.log.Close()
}

// load calls through the server, and returns what the load prints.
func (s *running) load(more ...string) ([]byte, error) {
	args := []string{"-c", "1", filepath.Join(s.b.dir, "load"), "-server", s.addr, "-callee", s.callee, "-rate", strconv.Itoa(s.b.rate), "-seconds", strconv.Itoa(s.b.seconds)}
	if s.b.turns { // many short loads: their registrations are not to count
		args = append(args, "-users", "50")
	}
	cmd := exec.Command("taskset", slices.Concat(args, s.c.load, more)...)
	cmd.Stderr = s.log
	return cmd.Output()
}

// profile samples the processor for the time of one load, where -profile is given; done waits for
// the file. The one of the last round is left.
func (s *running) profile() (done func() error) {
	if s.b.profile == "" || !s.c.ours {
		return func() error { return nil }
	}
	file := filepath.Join(s.b.profile, s.c.name+".pprof")
	_ = os.Remove(file)
	cmd := exec.Command(filepath.Join(s.b.dir, "sipscript"), "profile", "--admin", s.admin, "--seconds", strconv.Itoa(s.b.seconds), file)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		return func() error { return err }
	}
	return cmd.Wait
}

// turn loads the server once.
func (s *running) turn() (r row, err error) {
	var before, after pauses
	if s.c.ours {
		if before, err = pausesOf(s.admin); err != nil {
			return r, err
		}
	}
	pid := s.cmd.Process.Pid
	used, kept := cpuOf(pid), memoryOf(pid)
	profiled := s.profile()
	out, err := s.load()
	if err = errors.Join(err, profiled()); err != nil {
		return r, s.failed("load", err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, err
	}
	if r.Completed == 0 {
		return r, errors.New("no call was completed")
	}
	r.cpu = (cpuOf(pid) - used) * 1e6 / float64(r.Completed)
	if s.c.ours {
		if after, err = pausesOf(s.admin); err != nil {
			return r, err
		}
		after = after.since(before)
		r.cycles, r.pauseP99, r.pauseMost = after.cycles, after.at(.99), after.at(1)
	}
	time.Sleep(s.b.rest)
	r.kept = max(memoryOf(pid)-kept, 0) / float64(r.Completed)
	return r, nil
}

// measure starts a server, loads it and ends it.
func (b *bench) measure(c contender) (r row, err error) {
	s, err := b.start(c)
	if err != nil {
		return r, err
	}
	defer s.stop()
	return s.turn()
}

// await tries until it works; the first tries meet a server that is still starting.
func (b *bench) await(try func() error) (err error) {
	for range 3 {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

func freeAddr() (string, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

// tree is a process and all that came from it.
func tree(root int) []int {
	kids := map[int][]int{}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		pid, _ := strconv.Atoi(filepath.Base(p))
		if f := stat(pid); len(f) > 1 {
			parent, _ := strconv.Atoi(f[1])
			kids[parent] = append(kids[parent], pid)
		}
	}
	out := []int{}
	for todo := []int{root}; len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], kids[p]...)
		out = append(out, p)
	}
	return out
}

// stat is /proc/PID/stat from the state on (proc(5)).
func stat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
}

// cpuOf is user and system time in seconds. A process has a clock of its own
// (clock_getcpuclockid(3)): the ticks of /proc are too coarse for a short load.
func cpuOf(root int) (s float64) {
	for _, pid := range tree(root) {
		var t unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &t) == nil {
			s += float64(t.Nano()) / 1e9
		}
	}
	return s
}

// memoryOf is the proportional memory in kB.
func memoryOf(root int) (kb float64) {
	for _, pid := range tree(root) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
				n, _ := strconv.ParseFloat(f[1], 64)
				kb += n
			}
		}
	}
	return kb
}
