//go:build linux

// Pair says what one thing costs: two servers in one process, one with it and one without, are
// loaded by turns. A process of its own for each would differ from another start of itself by more
// than what is looked for. The servers are on one core and the load on another.
//
//	go build -o load ./bench/load && go run ./bench/pair -load ./load -only dialog
//	go run ./bench/pair -load ./load -a bench/fork.lua -b bench/route.lua
//
// The first measures pairs by their names (pairs.go), the second any two scripts. With -profile
// each load has a CPU profile of its own; pprof merges those that it is given.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bench is how pairs are measured.
type bench struct {
	load                        string // the program
	rate, seconds, rounds, warm int
	profile                     string // a directory, "" for none
	dir                         string // for what servers write
}

func main() {
	var b bench
	var two pair
	flag.StringVar(&b.load, "load", "./load", "the program of bench/load")
	flag.IntVar(&b.rate, "rate", 1000, "calls a second")
	flag.IntVar(&b.seconds, "seconds", 2, "length of one load")
	flag.IntVar(&b.rounds, "rounds", 30, "loads of each server")
	flag.IntVar(&b.warm, "warm", 5, "seconds of load before the first one that counts, and again until the rings are full")
	flag.StringVar(&b.profile, "profile", "", "a directory for CPU profiles, one of each load")
	only := flag.String("only", "", "pairs, separated by commas; all without it: "+strings.Join(names(), " "))
	flag.StringVar(&two.with.script, "a", "", "a script, to be measured beside that of -b")
	flag.StringVar(&two.without.script, "b", "bench/route.lua", "the script it is measured beside")
	flag.Parse()
	list := pairs()
	switch {
	case two.with.script != "":
		two.name = filepath.Base(two.with.script)
		two.with.ring, two.without.ring = usualRing, usualRing
		list = []pair{two}
	case *only != "":
		list = slices.DeleteFunc(list, func(p pair) bool { return !slices.Contains(strings.Split(*only, ","), p.name) })
	}
	if err := b.run(list); err != nil {
		fmt.Fprintln(os.Stderr, "pair:", err)
		os.Exit(1)
	}
}

func (b *bench) run(list []pair) (err error) {
	if len(list) == 0 {
		return errors.New("there is no such pair: " + strings.Join(names(), " "))
	}
	debug.SetGCPercent(200) // as the command
	if err := onCore(0); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "pair"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var lines []string
	for _, p := range list {
		line, err := b.measure(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		lines = append(lines, line)
	}
	fmt.Printf("\n%d calls/s, %d rounds of %d s, medians\n\n| pair | with, µs CPU/call | without | adds | ratio | 95 %% | quartiles |\n|---|---|---|---|---|---|---|\n%s\n",
		b.rate, b.rounds, b.seconds, strings.Join(lines, "\n"))
	return nil
}

// measure loads both servers of a pair by turns, and returns its line of the table.
func (b *bench) measure(p pair) (string, error) {
	with, err := b.serve(p.with)
	if err != nil {
		return "", err
	}
	defer with.close()
	without, err := b.serve(p.without)
	if err != nil {
		return "", err
	}
	defer without.close()
	both := []*server{with, without}
	for full := false; !full; full = with.full() && without.full() {
		for _, s := range both {
			if _, err := b.loaded(s, b.warm); err != nil {
				return "", err
			}
		}
	}
	var cpu [2][]float64
	var ratios, more []float64
	for i := range b.rounds {
		var took [2]float64
		for n := range both {
			k := (n + i) % 2 // each is the first as often
			stop, err := b.profiling(fmt.Sprintf("%s-%s-%03d", p.name, [2]string{"with", "without"}[k], i))
			if err != nil {
				return "", err
			}
			took[k], err = b.loaded(both[k], b.seconds)
			stop()
			if err != nil {
				return "", err
			}
			cpu[k] = append(cpu[k], took[k])
		}
		ratios, more = append(ratios, took[0]/took[1]), append(more, took[0]-took[1])
		fmt.Printf("%-12s with %6.1f µs/call  without %6.1f  ratio %.3f\n", p.name, took[0], took[1], took[0]/took[1])
	}
	slices.Sort(ratios)
	lo, hi := interval(ratios)
	return fmt.Sprintf("| %s | %.1f | %.1f | %.1f | %.3f | %.3f to %.3f | %.3f and %.3f |", p.name, median(cpu[0]), median(cpu[1]), median(more), median(ratios), lo, hi, ratios[len(ratios)/4], ratios[len(ratios)*3/4]), nil
}

// profiling begins a profile, if there are to be any.
func (b *bench) profiling(name string) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(b.profile, name+".pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "pair:", err)
		}
	}, nil
}

// loaded calls through a server, and returns the µs of processor time of a call.
func (b *bench) loaded(s *server, seconds int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds+60)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "taskset", "-c", "1", b.load, "-server", s.addr, "-callee", s.callee,
		"-users", "10", "-rate", strconv.Itoa(b.rate), "-seconds", strconv.Itoa(seconds))
	cmd.Stderr = os.Stderr
	before := used()
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	took := used() - before
	var r struct{ Completed int }
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, err
	}
	if r.Completed == 0 {
		return 0, errors.New("no call was completed")
	}
	return took / float64(r.Completed), nil
}

// interval is where the median lies with a probability of 95 %, by a bootstrap.
func interval(v []float64) (lo, hi float64) {
	const times = 4000
	rnd := rand.New(rand.NewPCG(1, 2))
	medians, drawn := make([]float64, times), make([]float64, len(v))
	for i := range medians {
		for k := range drawn {
			drawn[k] = v[rnd.IntN(len(v))]
		}
		medians[i] = median(drawn)
	}
	slices.Sort(medians)
	return medians[times*25/1000], medians[times*975/1000]
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// onCore keeps the process, its threads of today and those to come, on one core.
func onCore(n int) error {
	var set unix.CPUSet
	set.Set(n)
	threads, err := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			if err := unix.SchedSetaffinity(id, &set); err != nil {
				return err
			}
		}
	}
	return err
}

// used is the processor time of this process in µs.
func used() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}
