//go:build linux

// Presence compares what a PUBLISH costs that ten watchers are told: Kamailio with presence,
// presence_xml and a database (Debian: kamailio, kamailio-presence-modules,
// kamailio-sqlite-modules), and ours, in turn, in one run. Both keep what is published and who
// watches in SQLite before, or soon after, they answer.
//
//	go run ./bench/presence
//	go run ./bench/presence -rate 100 -seconds 5 -rounds 3 -watchers 10
//
// It prints user and system CPU of the server's processes for each PUBLISH, the NOTIFYs and their
// answers included. Each server is pinned to one core. It needs Linux, and taskset.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	b := &bench{}
	rounds := flag.Int("rounds", 3, "loads of each server; the median counts")
	only := flag.String("only", "", "the servers whose names begin so; all without it")
	flag.IntVar(&b.users, "users", 20, "users who publish")
	flag.IntVar(&b.watchers, "watchers", 10, "watchers of each")
	flag.IntVar(&b.rate, "rate", 0, "PUBLISHes a second; 0: each user's next as soon as the last was answered")
	flag.IntVar(&b.seconds, "seconds", 5, "how long a load lasts")
	flag.StringVar(&b.beside, "beside", "", "another build of sipscript, to compare with")
	flag.Parse()
	if err := b.run(*rounds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "presence:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	dir, beside                    string
	users, watchers, rate, seconds int
}

func (b *bench) run(rounds int, only string) (err error) {
	if b.dir, err = os.MkdirTemp("", "presence"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	list, err := b.contenders()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c contender) bool { return !strings.HasPrefix(c.name, only) })
	costs := map[string][]float64{}
	for range rounds {
		for _, c := range list {
			cost, err := b.measure(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			costs[c.name] = append(costs[c.name], cost)
		}
	}
	ours := 0.0
	if len(costs["ours"]) > 0 {
		ours = median(costs["ours"])
	}
	fmt.Printf("%-36s %14s %8s\n", "server", "CPU/PUBLISH µs", "ours is")
	for _, c := range list {
		m := median(costs[c.name])
		fmt.Printf("%-36s %14.0f %7.2f×\n", c.name, m, ours/m)
	}
	return nil
}

// measure is the CPU of one PUBLISH, in microseconds.
func (b *bench) measure(c contender) (float64, error) {
	s, err := b.start(c)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	l, err := newLoad(b, s.addr)
	if err != nil {
		return 0, err
	}
	defer l.close()
	if err := l.prepare(); err != nil {
		return 0, fmt.Errorf("%w; %s", err, s.log())
	}
	before := cpuOf(s.cmd.Process.Pid)
	n, err := l.publish()
	if err != nil {
		return 0, fmt.Errorf("%w; %s", err, s.log())
	}
	return (cpuOf(s.cmd.Process.Pid) - before) / float64(n) * 1e6, nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
