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
)

// bench is what one run is told.
type bench struct {
	dir                   string
	rate, seconds, rounds int
	rest                  time.Duration
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

// measure starts a server, loads it and ends it.
func (b *bench) measure(c contender) (r row, err error) {
	addr, err := freeAddr()
	if err != nil {
		return r, err
	}
	callee := addr
	for callee == addr { // all loads of one server have their users there, or calls would fork
		if callee, err = freeAddr(); err != nil {
			return r, err
		}
	}
	args, err := c.args(addr, callee)
	if err != nil {
		return r, err
	}
	logFile, err := os.Create(filepath.Join(b.dir, "server.log"))
	if err != nil {
		return r, err
	}
	defer logFile.Close()
	srv := exec.Command("taskset", append([]string{"-c", "0"}, args...)...)
	srv.Stdout, srv.Stderr = logFile, logFile
	srv.Env = append(os.Environ(), "SIPSCRIPT_ADMIN="+c.admin(), "SIPSCRIPT_DRAIN=0s")
	srv.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := srv.Start(); err != nil {
		return r, err
	}
	defer func() {
		_ = syscall.Kill(-srv.Process.Pid, syscall.SIGTERM)
		_ = srv.Wait()
	}()
	load := func(more ...string) ([]byte, error) {
		cmd := exec.Command("taskset", append([]string{"-c", "1", filepath.Join(b.dir, "load"), "-server", addr, "-callee", callee, "-rate", strconv.Itoa(b.rate), "-seconds", strconv.Itoa(b.seconds)}, slices.Concat(c.load, more)...)...)
		cmd.Stderr = logFile
		return cmd.Output()
	}
	if err := b.await(func() error { _, err := load("-register-only", "-users", "1"); return err }); err != nil {
		text, _ := os.ReadFile(logFile.Name())
		return r, fmt.Errorf("it does not answer: %w\n%s", err, text)
	}
	var before, after pauses
	admin := ""
	if c.ours {
		if admin, err = adminOf(logFile.Name()); err != nil {
			return r, err
		}
		if before, err = pausesOf(admin); err != nil {
			return r, err
		}
	}
	used, kept := cpuOf(srv.Process.Pid), memoryOf(srv.Process.Pid)
	out, err := load()
	if err != nil {
		text, _ := os.ReadFile(logFile.Name())
		return r, fmt.Errorf("load: %w\n%s", err, text)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, err
	}
	if r.Completed == 0 {
		return r, errors.New("no call was completed")
	}
	r.cpu = (cpuOf(srv.Process.Pid) - used) * 1e6 / float64(r.Completed)
	if c.ours {
		if after, err = pausesOf(admin); err != nil {
			return r, err
		}
		after = after.since(before)
		r.cycles, r.pauseP99, r.pauseMost = after.cycles, after.at(.99), after.at(1)
	}
	time.Sleep(b.rest)
	r.kept = max(memoryOf(srv.Process.Pid)-kept, 0) / float64(r.Completed)
	return r, nil
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

// cpuOf is user and system time in seconds; ticks are hundredths everywhere this runs.
func cpuOf(root int) (s float64) {
	for _, pid := range tree(root) {
		if f := stat(pid); len(f) > 12 {
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			s += (user + system) / 100
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
