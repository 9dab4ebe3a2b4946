//go:build linux

// Conns measures connections: what an idle one takes of the server's memory over TCP, TLS,
// WebSocket and secure WebSocket, and how many messages a second go over a single one and over
// many; and what calls between registered connections and TLS handshakes cost, beside Kamailio.
//
//	go run ./bench/conns
//	go run ./bench/conns -calls 2000 -only tcp,tls,wss
//	go run ./bench/conns -handshakes
//	go run ./bench/conns -idle 5000 -busy 1000 -only tcp,wss
//
// The server is pinned to one core, the clients to another. Clients connect from many addresses of
// 127.0.0.0/8, since a server takes only so many connections from each. Both need as many file
// descriptors as there are connections: the limit is raised where that may be, and where it may not
// it says how many connections it makes instead.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	var t test
	flag.IntVar(&t.idle, "idle", 0, "idle connections; 0: 20000, or as many as there may be")
	flag.IntVar(&t.busy, "busy", 10000, "connections that messages go over")
	flag.IntVar(&t.seconds, "seconds", 3, "length of each load")
	flag.IntVar(&t.conns, "calls", 0, "nothing but calls between so many registered connections, beside Kamailio")
	flag.BoolVar(&t.handshakes, "handshakes", false, "nothing but TLS handshakes, beside Kamailio")
	flag.IntVar(&t.rate, "rate", 500, "calls a second")
	flag.DurationVar(&t.rest, "rest", 0, "how long connections have been idle when they are measured")
	flag.StringVar(&t.before, "before", "", "another build of sipscript to compare with")
	flag.BoolVar(&t.alone, "alone", false, "without Kamailio")
	flag.IntVar(&t.rounds, "rounds", 3, "loads of each server that is compared; medians count")
	only := flag.String("only", "tcp,tls,ws,wss", "transports, separated by commas")
	flag.Parse()
	t.kinds = strings.Split(*only, ",")
	dir, err := os.MkdirTemp("", "sipconns")
	if err == nil {
		defer os.RemoveAll(dir)
		t.dir = dir
		err = t.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conns:", err)
		os.Exit(1)
	}
}

type test struct {
	dir                 string
	kinds               []string
	idle, busy, seconds int
	conns, rate, rounds int
	handshakes, alone   bool
	before              string
	rest                time.Duration
}

// mostIdle is how many idle connections are hoped for.
const mostIdle = 20000

func (t *test) run() error {
	if t.idle == 0 {
		t.idle = mostIdle
	}
	compares := t.handshakes || t.conns > 0
	if compares { // up to four servers are connected to
		t.idle, t.busy = 4*max(t.conns, 2), 1
	}
	limit, err := raiseLimit(max(t.idle, t.busy))
	if err != nil {
		return err
	}
	for _, n := range []*int{&t.idle, &t.busy} {
		wanted := *n
		if *n = affordable(wanted, limit); *n == 0 {
			return fmt.Errorf("%d file descriptors are too few for any connection", limit)
		} else if *n < wanted {
			fmt.Printf("no more than %d file descriptors are to be had: %d connections, not %d\n\n", limit, *n, wanted)
		}
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(t.dir, "sipscript"), "./cmd/sipscript").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := writeCertificate(t.dir); err != nil {
		return err
	}
	if out, err := exec.Command("taskset", "-acp", "1", strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	switch {
	case t.handshakes:
		return t.compareHandshakes()
	case compares:
		t.conns = t.idle / 4
		return t.compareCalls()
	}
	fmt.Printf("| transport | idle connections | RSS kB each | heap and stacks kB each | messages/s, one connection | µs CPU each | messages/s, %d connections | µs CPU each |\n|---|---|---|---|---|---|---|---|\n", t.busy)
	for _, kind := range t.kinds {
		if err := t.transport(kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// transport is one line of the table.
func (t *test) transport(kind string) error {
	rss, live, err := t.idleCost(kind)
	if err != nil {
		return err
	}
	s, err := start(t.dir, kind, "bench/reply.lua", "")
	if err != nil {
		return err
	}
	defer s.stop()
	conns, err := connect(s, kind, 0, t.busy+1)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	one, oneCPU, err := exchange(s, conns[t.busy:], time.Duration(t.seconds)*time.Second)
	if err != nil {
		return err
	}
	many, manyCPU, err := exchange(s, conns[:t.busy], time.Duration(t.seconds)*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %d | %.1f | %.1f | %.0f | %.1f | %.0f | %.1f |\n", kind, t.idle, rss, live, one, oneCPU, many, manyCPU)
	return nil
}

// idleCost is what a connection holds that has said something once, in kB. The server collects
// often, so that little of it is garbage.
func (t *test) idleCost(kind string) (rss, live float64, err error) {
	s, err := start(t.dir, kind, "bench/reply.lua", "GOGC=10")
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	warm, err := connect(s, kind, 0, warmUp)
	if err != nil {
		return 0, 0, err
	}
	defer closeAll(warm)
	rss, live = s.memory()
	conns, err := connect(s, kind, warmUp, t.idle)
	if err != nil {
		return 0, 0, err
	}
	defer closeAll(conns)
	time.Sleep(t.rest)
	rssAfter, liveAfter := s.memory()
	n := float64(len(conns))
	return (rssAfter - rss) / n, (liveAfter - live) / n, nil
}
