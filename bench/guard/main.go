//go:build linux

// Guard compares what it costs to say no: Kamailio's permissions, pike and htable with acl and
// limit here, by the same lists, in turn, in one run. Each server is pinned to one core, the load
// to another.
//
//	go run ./bench/guard -rate 10000 -seconds 4 -rounds 3
//
// It prints user and system CPU of the server's processes for each request. Requests are OPTIONS
// over UDP on loopback, from 64 addresses of 127.0.0.0/8:
//
//   - check: a list of 100,000 addresses has half of the senders; 200 or 403.
//   - drop: it has all of them, and nobody is answered.
//   - flood: nobody is in a list, everybody sends far too much, and hardly anybody is answered.
//   - rate: 100 a second for each sender; 200 or 503.
//
// It needs Linux, taskset, two cores, and Debian's kamailio to compare with.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	senders = 64
	listed  = 100_000
)

func main() {
	var b bench
	only := flag.String("only", "", "scenarios, separated by commas; all without it")
	flag.IntVar(&b.rate, "rate", 10000, "requests a second")
	flag.IntVar(&b.seconds, "seconds", 4, "length of one load")
	flag.IntVar(&b.rounds, "rounds", 3, "loads of each server; the median counts")
	flag.Parse()
	dir, err := os.MkdirTemp("", "sipguard")
	if err == nil {
		defer os.RemoveAll(dir)
		b.dir = dir
		err = b.run(*only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

// bench is what one run is told.
type bench struct {
	dir                   string
	rate, seconds, rounds int
	socks                 []*net.UDPConn
}

// scenario is one question, as each server is asked it.
type scenario struct {
	name           string
	listed         int // how many of the senders are in the list
	kamailio, ours string
}

func scenarios() []scenario {
	const reply = "\nfunction route(req) "
	return []scenario{
		{"check", senders / 2, `if (allow_source_address("1")) sl_send_reply("200", "OK"); else sl_send_reply("403", "Forbidden");`,
			`acl.configure({ lists = { peers = "file:LIST" }, drop = {} })` + reply + `req:reply(acl.check(req, "peers") and 200 or 403) end`},
		{"drop", senders, `if (allow_source_address("1")) drop; sl_send_reply("200", "OK");`,
			`acl.configure({ lists = { blocked = "file:LIST" } })` + reply + `req:reply(200) end`},
		{"flood", 0, `if (!pike_check_req()) drop; sl_send_reply("200", "OK");`,
			`limit.configure({ flood = { requests = 60, per = 2, ban = 60 }, scanners = false })` + reply + `req:reply(200) end`},
		{"rate", 0, `$sht(a=>$si) = $shtinc(a=>$si); if ($sht(a=>$si) > 100) sl_send_reply("503", "Slow Down"); else sl_send_reply("200", "OK");`,
			reply + `req:reply(limit.window(req.source.ip, 100, 1) and 200 or 503) end`},
	}
}

func (b *bench) run(only string) error {
	if out, err := exec.Command("go", "build", "-o", filepath.Join(b.dir, "sipscript"), "./cmd/sipscript").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := pinSelf(); err != nil {
		return err
	}
	for i := range senders {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 9, 0, byte(i+1))})
		if err != nil {
			return err
		}
		defer c.Close()
		b.socks = append(b.socks, c)
	}
	_, missing := exec.LookPath("kamailio")
	if missing != nil {
		fmt.Println("kamailio is not installed (Debian: kamailio): nothing to compare with")
	}
	fmt.Printf("| scenario | Kamailio µs CPU/request | ours | ratio | answered |\n|---|---|---|---|---|\n")
	for _, s := range scenarios() {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.name) {
			continue
		}
		var theirs, ours []float64
		var a, k string
		for range b.rounds {
			if missing == nil {
				x, answered, err := b.measure(&s, b.kamailio)
				if err != nil {
					return fmt.Errorf("kamailio, %s: %w", s.name, err)
				}
				theirs, k = append(theirs, x), answered
			}
			x, answered, err := b.measure(&s, b.ours)
			if err != nil {
				return fmt.Errorf("ours, %s: %w", s.name, err)
			}
			ours, a = append(ours, x), answered
		}
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %s, %s |\n", s.name, median(theirs), median(ours), median(ours)/median(theirs), k, a)
	}
	return nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// pinSelf keeps the load off the servers' core.
func pinSelf() error {
	out, err := exec.Command("taskset", "-a", "-p", "2", fmt.Sprint(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// list writes the addresses, each as line says.
func (b *bench) list(s *scenario, line string) (string, error) {
	r := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for i := range listed {
		a := netip.AddrFrom4([4]byte{127, 9, 0, byte(i + 1)})
		if i >= s.listed {
			a = netip.AddrFrom4([4]byte{byte(1 + r.IntN(126)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		}
		fmt.Fprintf(&text, line+"\n", a)
	}
	path := filepath.Join(b.dir, "list.txt")
	return path, os.WriteFile(path, text.Bytes(), 0o644)
}

// kamailio is its command line for a scenario.
func (b *bench) kamailio(s *scenario, addr string) ([]string, error) {
	path, err := b.list(s, "1 %s 32 0 x")
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
	path, err := b.list(s, "%s")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(b.dir, "route.lua")
	text := `local acl, limit = require "acl", require "limit" ` + strings.ReplaceAll(s.ours, "LIST", path)
	return []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:" + addr, script}, os.WriteFile(script, []byte(text), 0o644)
}

// measure starts a server, loads it, ends it, and returns the CPU of a request in µs.
func (b *bench) measure(s *scenario, args func(*scenario, string) ([]string, error)) (us float64, answered string, err error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, "", err
	}
	words, err := args(s, addr)
	if err != nil {
		return 0, "", err
	}
	logged, err := os.Create(filepath.Join(b.dir, "server.log"))
	if err != nil {
		return 0, "", err
	}
	defer logged.Close()
	srv := exec.Command("taskset", append([]string{"1"}, words...)...)
	srv.Stdout, srv.Stderr = logged, logged
	srv.Env = append(os.Environ(), "SIPSCRIPT_DRAIN=0s", "SIPSCRIPT_LOG_LEVEL=error", "GOMAXPROCS=1")
	srv.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := srv.Start(); err != nil {
		return 0, "", err
	}
	defer func() {
		_ = syscall.Kill(-srv.Process.Pid, syscall.SIGTERM)
		_ = srv.Wait()
	}()
	to := netip.MustParseAddrPort(addr)
	if err := awaitAnswer(to); err != nil {
		text, _ := os.ReadFile(logged.Name())
		return 0, "", fmt.Errorf("%w\n%.3000s", err, text)
	}
	b.load(to, b.rate) // a second of it, so that who floods is known
	before := cpuOf(srv.Process.Pid)
	n := b.rate * b.seconds
	got := b.load(to, n)
	return (cpuOf(srv.Process.Pid) - before) * 1e6 / float64(n), fmt.Sprintf("%.0f %%", float64(got)*100/float64(n)), nil
}

// load sends n requests at the rate, and returns how many were answered.
func (b *bench) load(to netip.AddrPort, n int) (answered int) {
	var text bytes.Buffer
	buf := make([]byte, 2048)
	const burst = 16
	began := time.Now()
	drain := func() {
		for _, c := range b.socks {
			for {
				_ = c.SetReadDeadline(time.Now().Add(time.Microsecond))
				if _, err := c.Read(buf); err != nil {
					break
				}
				answered++
			}
		}
	}
	for i := range n {
		c := b.socks[i%senders]
		text.Reset()
		fmt.Fprintf(&text, request, c.LocalAddr(), i, i, i)
		_, _ = c.WriteToUDPAddrPort(text.Bytes(), to)
		if i%burst == burst-1 {
			if ahead := time.Duration(i)*time.Second/time.Duration(b.rate) - time.Since(began); ahead > 0 {
				time.Sleep(ahead)
			}
		}
		if i%(8*senders) == 0 {
			drain()
		}
	}
	time.Sleep(100 * time.Millisecond)
	drain()
	return answered
}

const request = "OPTIONS sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\n" +
	"From: \"Bob\" <sip:bob@example.net>;tag=%d\r\nTo: <sip:alice@example.com>\r\nCall-ID: c%d@example.net\r\nCSeq: 1 OPTIONS\r\n" +
	"Contact: <sip:bob@192.0.2.1:5060>\r\nUser-Agent: Phone 1.0\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
