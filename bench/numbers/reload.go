//go:build unix

package main

// What callers notice while a million rates are read again: requests that lanes answer, with a
// look-up each, during a reload and without.

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sendEvery = 250 * time.Microsecond
	mostSent  = 1 << 16 // in one round
)

// server is ours, with a million rates.
type server struct {
	cmd         *exec.Cmd
	addr, admin string
}

// startServer builds it and starts it.
func startServer(dir string, count int) (*server, error) {
	binary := filepath.Join(dir, "sipscript")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/sipscript").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	rates, script := filepath.Join(dir, "rates.csv"), filepath.Join(dir, "route.lua")
	var text strings.Builder
	text.WriteString("prefix,carrier,cost,valid_from,days,hours,quality\n")
	for i, p := range random(count) {
		fmt.Fprintf(&text, "%s,carrier%d,0.%04d,2026-01-01,mon-fri,08:00-18:00,%d\n", p, i%20, i%10000, i%100)
	}
	route := `local lcr = require "lcr"
lcr.configure { rates = "file:` + rates + `", timezone = "UTC" }
function route(req)
  lcr.routes(req.ruri.user, { at = "2026-07-01T12:00:00Z" })
  req:reply(200)
end`
	if err := errors.Join(os.WriteFile(rates, []byte(text.String()), 0o600), os.WriteFile(script, []byte(route), 0o600)); err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(binary, "run", "--no-watch", "--lanes", "2", "-d", "example.com", "-l", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", script)}
	s.cmd.Env = append(os.Environ(), "SIPSCRIPT_DRAIN=0s", "SIPSCRIPT_LOG_LEVEL=error")
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 3 && f[0] == "listening":
			s.addr = f[2]
		case len(f) == 2 && f[0] == "admin":
			s.admin = f[1]
		case len(f) == 1 && f[0] == "ready":
			go func() { // ends with the process
				for lines.Scan() {
					fmt.Fprintln(os.Stderr, lines.Text())
				}
			}()
			return s, nil
		default:
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
	return nil, errors.New("the server does not get ready")
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// reload has the rates read again, and returns how long it took.
func (s *server) reload() (time.Duration, error) {
	began := time.Now()
	res, err := http.Post(s.admin+"/api/v1/lcr/reload", "", nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("reload: %s", res.Status)
	}
	return time.Since(began), nil
}

// caller sends a request in each sendEvery, and knows how long each answer took.
type caller struct {
	conn *net.UDPConn
	from string
	sent [mostSent]atomic.Int64 // nanoseconds since began
	took [mostSent]atomic.Int64
}

const asked = "OPTIONS sip:%d@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%d-%d\r\nMax-Forwards: 70\r\nFrom: <sip:bob@example.net>;tag=1\r\n" +
	"To: <sip:alice@example.com>\r\nCall-ID: %d-%d\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n"

// call sends until stop is closed, and returns how long the answers took, and how many are missing.
func (c *caller) call(round int, stop <-chan struct{}) (took []time.Duration, missing int) {
	for i := range c.took {
		c.took[i].Store(0)
	}
	began, done := time.Now(), make(chan struct{})
	go func() { // ends with the last answer, or soon after it should have come
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, err := c.conn.Read(buf)
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(string(buf[:n]), "CSeq: ")
			i := 0
			if _, err := fmt.Sscan(rest, &i); err == nil && i > 0 && i <= mostSent && strings.Contains(rest, " ") {
				c.took[i-1].CompareAndSwap(0, max(1, int64(time.Since(began))-c.sent[i-1].Load()))
			}
		}
	}()
	_ = c.conn.SetReadDeadline(time.Time{})
	n := 0
	for ; n < mostSent; n++ {
		select {
		case <-stop:
		default:
			if wait := time.Duration(n)*sendEvery - time.Since(began); wait > 0 {
				time.Sleep(wait)
			}
			c.sent[n].Store(int64(time.Since(began)))
			_, _ = fmt.Fprintf(c.conn, asked, 10_000_000_000+n*104729, c.from, round, n, round, n, n+1)
			continue
		}
		break
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	<-done
	for i := range n {
		if t := c.took[i].Load(); t > 0 {
			took = append(took, time.Duration(t))
		} else {
			missing++
		}
	}
	return took, missing
}

// kinds are what else happens in a round: nothing; another program uses a processor as much as a
// reload does, so that what it does to callers is the machine's doing; and a reload.
var kinds = []string{"without", "beside another program at work", "during a reload"}

// work is what that other program does: it ends when it is killed.
func work() {
	for {
		for began := time.Now(); time.Since(began) < 300*time.Microsecond; {
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil)
	}
}

// elsewhere starts that program, and returns what ends it.
func elsewhere() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), workVariable+"=1", "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, nil
}

const workVariable = "SIPNUMBERS_WORK"

// measureReload prints what callers notice, by turns.
func measureReload(count, rounds int) error {
	dir, err := os.MkdirTemp("", "sipnumbers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startServer(dir, count)
	if err != nil {
		return err
	}
	defer s.stop()
	conn, err := net.Dial("udp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	debug.SetGCPercent(-1) // the caller's own collections are not pauses of lanes
	c := &caller{conn: conn.(*net.UDPConn), from: conn.LocalAddr().String()}
	fmt.Printf("| | answers | p50 ms | p99 | p99.9 | longest | missing | reload s | its processor time |\n|---|---|---|---|---|---|---|---|---|\n")
	all := make([][]time.Duration, len(kinds))
	for round := range len(kinds) * rounds {
		kind, stop := round%len(kinds), make(chan struct{})
		var took, used time.Duration
		var failed error
		var other sync.WaitGroup
		other.Go(func() {
			defer close(stop)
			took, used, failed = s.happen(kind)
		})
		list, missing := c.call(round, stop)
		if other.Wait(); failed != nil {
			return failed
		}
		all[kind] = append(all[kind], list...)
		row(kinds[kind], list, missing, took, used)
	}
	for i, kind := range kinds {
		row(kind+", all rounds", all[i], 0, 0, 0)
	}
	return nil
}

// happen has a kind of round happen.
func (s *server) happen(kind int) (took, cpu time.Duration, err error) {
	switch kind {
	case 0:
		time.Sleep(time.Second)
		return 0, 0, nil
	case 1:
		end, err := elsewhere()
		if err != nil {
			return 0, 0, err
		}
		time.Sleep(time.Second)
		end()
		return 0, 0, nil
	}
	before, err := used(strconv.Itoa(s.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	if took, err = s.reload(); err != nil {
		return 0, 0, err
	}
	after, err := used(strconv.Itoa(s.cmd.Process.Pid))
	return took, after - before, err
}

func row(what string, list []time.Duration, missing int, reload, cpu time.Duration) {
	if len(list) == 0 {
		fmt.Printf("| %s | 0 | | | | | %d | | |\n", what, missing)
		return
	}
	slices.Sort(list)
	ms := func(i int) float64 { return float64(list[min(i, len(list)-1)].Microseconds()) / 1000 }
	n := len(list)
	fmt.Printf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %d | %.2f | %.2f |\n",
		what, n, ms(n/2), ms(n*99/100), ms(n*999/1000), ms(n-1), missing, reload.Seconds(), cpu.Seconds())
}
