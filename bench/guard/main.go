//go:build linux

// Guard compares what it costs to say no: Kamailio's permissions, pike and htable with acl and
// limit here, by the same lists and the same traffic.
//
//	go run ./bench/guard -rate 3000 -seconds 3 -rounds 5
//
// Both servers run all the time, each pinned to the same core, and are loaded in turn from another
// one. For each it prints user and system CPU for each request that the server read, as its
// threads' schedstat has it in nanoseconds. A datagram that its socket had no room for is not
// counted, and if there are more than a hundredth of them, the rate is halved for both until there
// are not: what a server does that can't keep up says nothing about its costs. floor reads the
// datagrams, looks at nothing and answers nobody, as what the kernel costs either of them.
//
// Requests are OPTIONS over UDP on loopback, from 64 addresses of 127.0.0.0/8. Who is answered, and
// how, is counted, and a server that does something else than its scenario says ends the run:
//
//   - check: a list of 100,000 addresses has half of the senders; 200 or 403.
//   - drop: it has all of them, and nobody is answered.
//   - flood: nobody is in a list, everybody sends far more than 10 in 2 s, and only about so many
//     are answered.
//   - rate: 10 a second for each sender; 200 or 503.
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
	"time"
)

const (
	senders = 64
	listed  = 100_000
	// mostLost is the share of datagrams that may be lost, and lowest the rate below which it is
	// not halved.
	mostLost = 0.01
	lowest   = 600
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "floor" {
		fmt.Fprintln(os.Stderr, "guard:", floor(os.Args[2]))
		os.Exit(1)
	}
	var b bench
	only := flag.String("only", "", "scenarios, separated by commas; all without it")
	flag.IntVar(&b.rate, "rate", 3000, "requests a second")
	flag.IntVar(&b.seconds, "seconds", 3, "length of one load")
	flag.IntVar(&b.rounds, "rounds", 5, "loads of each server; the median counts")
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

// answers counts, of the requests of one load, the final answers by status.
type answers map[int]int

// share is the part of n requests that had a status.
func (a answers) share(n, status int) float64 { return float64(a[status]) / float64(n) }

// scenario is one question, as each server is asked it.
type scenario struct {
	name           string
	listed         int // how many of the senders are in the list
	kamailio, ours string
	// right reports whether n requests, sent at a rate, were answered as they should.
	right func(a answers, n, rate int) bool
}

func near(x, want, by float64) bool { return x >= want-by && x <= want+by }

func scenarios() []scenario {
	const reply = "\nfunction route(req) "
	silent := func(a answers, n, _ int) bool { return len(a) == 0 }
	return []scenario{
		{"check", senders / 2, `if (allow_source_address("1")) sl_send_reply("200", "OK"); else sl_send_reply("403", "Forbidden");`,
			`acl.configure({ lists = { peers = "file:LIST" }, drop = {} })` + reply + `req:reply(acl.check(req, "peers") and 200 or 403) end`,
			func(a answers, n, _ int) bool {
				return near(a.share(n, 200), 0.5, 0.02) && near(a.share(n, 403), 0.5, 0.02)
			}},
		{"drop", senders, `if (allow_source_address("1")) drop; sl_send_reply("200", "OK");`,
			`acl.configure({ lists = { blocked = "file:LIST" } })` + reply + `req:reply(200) end`, silent},
		{"flood", 0, `if (!pike_check_req()) drop; sl_send_reply("200", "OK");`,
			`limit.configure({ flood = { requests = 10, per = 2, ban = 0 }, scanners = false })` + reply + `req:reply(200) end`,
			func(a answers, n, rate int) bool {
				units := float64(n)/float64(rate)/2 + 1
				return len(a) == 1 && a[200] > 0 && float64(a[200]) < 15*senders*units && a.share(n, 200) < 0.6
			}},
		{"rate", 0, `if ($shtinc(a=>$si) > 10) sl_send_reply("503", "Slow Down"); else sl_send_reply("200", "OK");`,
			reply + `req:reply(limit.window(req.source.ip, 10, 1) and 200 or 503) end`,
			func(a answers, n, rate int) bool {
				return near(a.share(n, 200)+a.share(n, 503), 1, 0.02) && a[200] > 0 && a[503] > 0 && (rate < 20*senders || a.share(n, 503) > 0.3)
			}},
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
	contenders := []contender{{"floor", b.floor}, {"kamailio", b.kamailio}, {"ours", b.ours}}
	if _, err := exec.LookPath("kamailio"); err != nil {
		fmt.Println("kamailio is not installed (Debian: kamailio): nothing to compare with")
		contenders = slices.Delete(contenders, 1, 2)
	}
	fmt.Printf("| scenario | requests/s | floor µs CPU/request | Kamailio | ours | ours × Kamailio | the same without the floor | answers of both |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range scenarios() {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.name) {
			continue
		}
		if err := b.compare(&s, contenders); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// compare asks all servers the same, in turn, at a rate that all can keep up with.
func (b *bench) compare(s *scenario, contenders []contender) error {
	for rate := b.rate; ; rate /= 2 {
		result, err := b.measure(s, contenders, rate)
		if err != nil {
			return err
		}
		if result.lost > mostLost && rate/2 >= lowest {
			fmt.Fprintf(os.Stderr, "%s: at %d/s %.1f %% were lost: again with half of it\n", s.name, rate, 100*result.lost)
			continue
		}
		floor, k, o := median(result.us["floor"]), median(result.us["kamailio"]), median(result.us["ours"])
		fmt.Printf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %s |\n", s.name, rate, floor, k, o, o/k, (o-floor)/(k-floor), result.said)
		return nil
	}
}

// result is what the loads at one rate gave.
type result struct {
	us   map[string][]float64 // CPU of a request, of each load
	lost float64              // the worst share of datagrams lost
	said string               // how requests were answered
}

// measure starts the servers, loads them in turn, and ends them.
func (b *bench) measure(s *scenario, contenders []contender, rate int) (*result, error) {
	r := &result{us: map[string][]float64{}}
	var servers []*server
	defer func() {
		for _, x := range servers {
			x.stop()
		}
	}()
	for _, c := range contenders {
		x, err := b.start(&c, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		servers = append(servers, x)
		b.load(x.addr, rate, rate) // a second of it, so that who floods is known
	}
	n := rate * b.seconds
	for range b.rounds {
		for _, x := range servers {
			before, dropped := x.cpu(), x.dropped()
			got := b.load(x.addr, n, rate)
			lost := x.dropped() - dropped
			r.us[x.name] = append(r.us[x.name], (x.cpu()-before)*1e6/float64(max(n-lost, 1)))
			if x.name == "floor" {
				continue
			}
			r.lost = max(r.lost, float64(lost)/float64(n))
			if lost <= int(mostLost*float64(n)) && !s.right(got, n, rate) {
				return nil, fmt.Errorf("%s answered %d requests like this: %v", x.name, n, got)
			}
			r.said = fmt.Sprint(map[int]int(got))
		}
	}
	return r, nil
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
func (b *bench) list(s *scenario, name, line string) (string, error) {
	r := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for i := range listed {
		a := netip.AddrFrom4([4]byte{127, 9, 0, byte(i + 1)})
		if i >= s.listed {
			a = netip.AddrFrom4([4]byte{byte(1 + r.IntN(126)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		}
		fmt.Fprintf(&text, line+"\n", a)
	}
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, text.Bytes(), 0o644)
}

// load sends n requests at the rate, and returns how they were answered.
func (b *bench) load(to netip.AddrPort, n, rate int) answers {
	var text bytes.Buffer
	buf, got := make([]byte, 2048), answers{}
	const burst = 16
	drain := func() (more bool) {
		for _, c := range b.socks {
			for {
				_ = c.SetReadDeadline(time.Now().Add(time.Microsecond))
				size, err := c.Read(buf)
				if err != nil {
					break
				}
				more = true
				status := 0
				if _, err := fmt.Sscanf(string(buf[:min(size, 12)]), "SIP/2.0 %d", &status); err == nil && status >= 200 {
					got[status]++
				}
			}
		}
		return more
	}
	for drain() { // what was answered too late
		time.Sleep(100 * time.Millisecond)
	}
	clear(got)
	began := time.Now()
	for i := range n {
		c := b.socks[i%senders]
		text.Reset()
		fmt.Fprintf(&text, request, c.LocalAddr(), i, i, i)
		_, _ = c.WriteToUDPAddrPort(text.Bytes(), to)
		if i%burst == burst-1 {
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(began); ahead > 0 {
				time.Sleep(ahead)
			}
		}
		if i%(8*senders) == 0 {
			drain()
		}
	}
	for more := true; more; more = drain() {
		time.Sleep(200 * time.Millisecond)
	}
	return got
}

const request = "OPTIONS sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\n" +
	"From: \"Bob\" <sip:bob@example.net>;tag=%d\r\nTo: <sip:alice@example.com>\r\nCall-ID: c%d@example.net\r\nCSeq: 1 OPTIONS\r\n" +
	"Contact: <sip:bob@192.0.2.1:5060>\r\nUser-Agent: Phone 1.0\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
