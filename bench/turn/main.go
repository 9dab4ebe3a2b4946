//go:build linux

// Turn compares what relaying a packet costs: coturn (Debian: coturn) and ours, in turn, in one
// run. Clients over UDP send channel data of 160 bytes, as G.711 has 50 times a second, to peers,
// and the peers as much to them. Each server is pinned to one core, the load to another.
//
//	go run ./bench/turn
//	go run ./bench/turn -streams 200,800 -seconds 5 -rounds 3
//
// It prints packets relayed for each second of user and system CPU of the server's process, and how
// long packets take from one end to the other, in the round of the median. It needs Linux, taskset,
// and two cores.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	var b bench
	var o options
	streams := flag.String("streams", "100,400,800", "clients with a peer each, of which there are so many at a time; separated by commas")
	flag.IntVar(&b.rounds, "rounds", 3, "loads of each server; the median counts")
	flag.IntVar(&o.Seconds, "seconds", 4, "how long a load lasts")
	flag.IntVar(&o.Size, "size", 160, "bytes of a payload")
	flag.BoolVar(&o.Together, "together", false, "the packets of a millisecond leave at once, instead of evenly")
	only := flag.String("only", "", "servers to measure, separated by commas; all that are there without it")
	carry := flag.String("load", "", "no servers are started: JSON of a load")
	flag.Parse()
	var err error
	if *carry != "" {
		if err = json.Unmarshal([]byte(*carry), &o); err == nil {
			err = load(o)
		}
	} else {
		b.options = o
		err = b.run(*streams, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "turn:", err)
		os.Exit(1)
	}
}

// options are those of one load.
type options struct {
	Server   string // host:port
	Process  int    // of the server
	Streams  int
	Seconds  int
	Size     int
	Together bool
}

// bench is one run.
type bench struct {
	options
	rounds int
	dir    string
}

func (b *bench) run(streams, only string) (err error) {
	if b.dir, err = os.MkdirTemp("", "turn"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	list, err := b.contenders()
	if err != nil {
		return err
	}
	if only != "" {
		list = slices.DeleteFunc(list, func(c contender) bool { return !slices.Contains(strings.Split(only, ","), c.name) })
	}
	fmt.Printf("%-8s %-8s %12s %16s %8s %10s %10s\n", "streams", "server", "packets/s", "packets/CPU s", "lost", "p50 µs", "p99 µs")
	for text := range strings.SplitSeq(streams, ",") {
		if b.Streams, err = strconv.Atoi(text); err != nil || b.Streams < 1 || b.Streams > 10000 {
			return fmt.Errorf("-streams %s: expected 1 to 10000", text)
		}
		if err := b.compare(list); err != nil {
			return err
		}
	}
	return nil
}

// compare loads the servers in turn, and prints the medians.
func (b *bench) compare(list []contender) error {
	all := map[string][]result{}
	for range b.rounds {
		for _, c := range list {
			r, err := b.measure(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			all[c.name] = append(all[c.name], r)
		}
	}
	median := map[string]float64{}
	for _, c := range list {
		rows := all[c.name]
		slices.SortFunc(rows, func(x, y result) int { return int(x.rate() - y.rate()) })
		m := rows[len(rows)/2]
		median[c.name] = m.rate()
		fmt.Printf("%-8d %-8s %12.0f %16.0f %7.2f%% %10.0f %10.0f\n",
			b.Streams, c.name, float64(m.Packets)/m.Wall, m.rate(), 100*float64(m.Sent-m.Packets)/float64(m.Sent), m.Half, m.Most)
	}
	if other := median["coturn"]; other > 0 && median["ours"] > 0 {
		fmt.Printf("%-8d ours relay %.2f times coturn's packets for a CPU second\n", b.Streams, median["ours"]/other)
	}
	return nil
}

// result is what a load saw.
type result struct {
	Sent, Packets int     // both ways
	CPU, Wall     float64 // seconds
	Half, Most    float64 // microseconds that a packet takes: the median, and the 99th percentile
}

func (r result) rate() float64 { return float64(r.Packets) / r.CPU }

// measure starts a server, loads it and ends it.
func (b *bench) measure(c contender) (r result, err error) {
	s, err := b.start(c)
	if err != nil {
		return r, err
	}
	defer s.stop()
	o := b.options
	o.Server, o.Process = s.addr, s.cmd.Process.Pid
	text, err := json.Marshal(o)
	if err != nil {
		return r, err
	}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.Command("taskset", "-c", "1", self, "-load", string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("load: %w; %s", err, s.log())
	}
	return r, json.Unmarshal(out, &r)
}

// path is a file of this run.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }
