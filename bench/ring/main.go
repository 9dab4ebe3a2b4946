//go:build linux

// Ring says what it costs to remember calls: two servers in one process, one with a ring of the
// size of --ring and one without, are loaded by turns; both have the route of bench/route.lua. A
// process of its own for each would differ by more than what is looked for. The servers are on one
// core and the load on another.
//
//	go build -o load ./bench/load && go run ./bench/ring -load ./load
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar"
)

func main() {
	load := flag.String("load", "./load", "the program of bench/load")
	rate := flag.Int("rate", 1000, "calls a second")
	seconds := flag.Int("seconds", 2, "length of one load")
	rounds := flag.Int("rounds", 30, "loads of each server")
	size := flag.Int("size", ring.DefaultSize>>20, "of the ring, in MiB")
	flag.Parse()
	if err := run(*load, *rate, *seconds, *rounds, *size<<20); err != nil {
		fmt.Fprintln(os.Stderr, "ring:", err)
		os.Exit(1)
	}
}

func run(load string, rate, seconds, rounds, size int) error {
	debug.SetGCPercent(200) // as the command
	if err := onCore(0); err != nil {
		return err
	}
	remembered := ring.New(ring.Options{Size: size})
	with, err := serve(remembered)
	if err != nil {
		return err
	}
	without, err := serve(nil)
	if err != nil {
		return err
	}
	// Until the ring is full, and each page of it was used once
	for remembered.Written() < uint64(size) {
		for _, s := range []*server{with, without} {
			if _, err := s.load(load, rate, 5); err != nil {
				return err
			}
		}
	}
	var a, b, ratios []float64
	for i := range rounds {
		pair := []*server{with, without}
		if i%2 > 0 {
			slices.Reverse(pair)
		}
		cpu := map[*server]float64{}
		for _, s := range pair {
			if cpu[s], err = s.load(load, rate, seconds); err != nil {
				return err
			}
		}
		a, b, ratios = append(a, cpu[with]), append(b, cpu[without]), append(ratios, cpu[with]/cpu[without])
		fmt.Printf("with %6.1f µs/call  without %6.1f  ratio %.3f\n", cpu[with], cpu[without], cpu[with]/cpu[without])
	}
	slices.Sort(ratios)
	lo, hi := interval(ratios)
	fmt.Printf("\n%d calls/s, %d rounds of %d s, medians: with %.1f µs/call, without %.1f; ratio %.3f (95 %%: %.3f to %.3f; quartiles %.3f and %.3f)\n",
		rate, rounds, seconds, median(a), median(b), median(ratios), lo, hi, ratios[len(ratios)/4], ratios[len(ratios)*3/4])
	return nil
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

// server is one engine.
type server struct{ addr, callee string }

// serve starts one that remembers its calls in r, unless that is nil.
func serve(r *ring.Ring) (*server, error) {
	users, err := registrar.New(registrar.Options{})
	if err != nil {
		return nil, err
	}
	router, err := luabind.NewRouter(luabind.Options{Script: "bench/route.lua", Modules: []luabind.Opener{users}})
	if err != nil {
		return nil, err
	}
	c := engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: router, Lanes: 1}
	if r != nil {
		c.Observe = func(l *lane.Lane) engine.Observer { return r.Observe(l) }
	}
	e, err := engine.New(c)
	if err != nil {
		return nil, err
	}
	if err := e.Start(); err != nil {
		return nil, err
	}
	callee, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer callee.Close()
	return &server{addr: e.Locals()[0].Addr.String(), callee: callee.LocalAddr().String()}, nil
}

// load calls through the server, and returns the µs of processor time of a call.
func (s *server) load(program string, rate, seconds int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds+60)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "taskset", "-c", "1", program, "-server", s.addr, "-callee", s.callee,
		"-users", "10", "-rate", strconv.Itoa(rate), "-seconds", strconv.Itoa(seconds))
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

// used is the processor time of this process in µs.
func used() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }
