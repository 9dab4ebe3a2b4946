//go:build unix

// Macro compares what a call costs: the kernel's floor, Kamailio with its own script and with Lua
// (where it is installed), a proxy written on sipgo, and ours, in turn, in one run; ours also when
// it forwards without a transaction, redirects, and rings ten contacts of which one answers; and
// Kamailio's dispatcher and ours with 100 gateways; Kamailio's stock KEMI script on both (kemi.go);
// scripts/carrier.lua and what Kamailio's modules do for the same (carrier.go). Each server is
// pinned to one core, the load to another.
//
//	go run ./bench/macro -rate 2000 -seconds 5 -rounds 3
//
// Figures are of the server's process tree: user and system CPU for each completed call, memory
// kept for each call, and the latency of the 200 to the INVITE; of ours also how often Go's
// collector ran during the load, and for how long it stopped everything. It needs Linux, taskset,
// and two cores.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var b bench
	only := flag.String("only", "", "servers to measure, separated by commas; all that are there without it")
	flag.IntVar(&b.rate, "rate", 2000, "calls a second")
	flag.IntVar(&b.seconds, "seconds", 5, "length of one load")
	flag.IntVar(&b.rounds, "rounds", 3, "loads of each server; the median counts")
	flag.BoolVar(&b.turns, "turns", false, "all servers run at once and are loaded by turns, for small differences on a machine whose speed changes")
	flag.IntVar(&b.warm, "warm", 0, "seconds of load before the first one that counts")
	flag.DurationVar(&b.rest, "rest", 0, "memory is measured this long after the load")
	flag.StringVar(&b.profile, "profile", "", "write a profile of the processor for each of our servers to this directory; takes a little of what is measured")
	flag.Parse()
	if b.profile != "" {
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, "macro:", err)
			os.Exit(1)
		}
	}
	dir, err := os.MkdirTemp("", "sipbench")
	if err == nil {
		defer os.RemoveAll(dir)
		b.dir = dir
		err = b.run(*only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "macro:", err)
		os.Exit(1)
	}
}

// contender is one server: its command line, without the address.
type contender struct {
	name string
	args func(addr, callee string) ([]string, error)
	load []string // more arguments of the load
	ours bool     // it has an admin port

	beside string // its peer, whom it is compared with; "" for kamailio-lua
}

// forkLoad has nine more contacts for each user, which don't answer. Kamailio's lookup takes all of
// them, as bench/fork.lua does.
var forkLoad = []string{"-silent", "9"}

func (b *bench) contenders() (list []contender, err error) {
	for _, pkg := range []string{"bench/floor", "bench/load", "bench/relay", "cmd/sipscript"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(b.dir, filepath.Base(pkg)), "./"+pkg).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	list = append(list, contender{name: "floor", args: func(addr, _ string) ([]string, error) {
		return []string{filepath.Join(b.dir, "floor"), "-listen", addr}, nil
	}})
	if _, err := exec.LookPath("kamailio"); err == nil {
		list = append(list, contender{name: "kamailio-native", args: b.kamailio("native", "kamailio.lua")}, contender{name: "kamailio-lua", args: b.kamailio("lua", "kamailio.lua")},
			contender{name: "kamailio-fork10", args: b.kamailio("lua", "kamailio.lua"), load: forkLoad, beside: "kamailio-fork10"},
			contender{name: "kamailio-dispatch", args: b.kamailio("dispatch-native", "dispatch.lua")},
			contender{name: "kamailio-dispatch-lua", args: b.kamailio("dispatch-lua", "dispatch.lua")})
		list = append(list, b.kemi()...)
		// Debian: kamailio-secsipid-modules
		if signs, _ := filepath.Glob("/usr/lib/*/kamailio/modules/secsipid.so"); signs != nil {
			list = append(list, contender{name: "kamailio-carrier", args: b.kamailioCarrier, load: carrierLoad, beside: "kamailio-carrier"})
		}
	} else {
		fmt.Println("kamailio is not installed (Debian: kamailio kamailio-lua-modules): compared without it")
	}
	list = append(list, contender{name: "sipgo", args: func(addr, _ string) ([]string, error) {
		return []string{filepath.Join(b.dir, "relay"), "-listen", addr}, nil
	}})
	return append(list,
		contender{name: "ours", args: b.ours("bench/route.lua"), ours: true},
		contender{name: "ours-no-ring", args: b.ours("bench/route.lua", "--ring", "0"), ours: true, beside: "ours"},
		contender{name: "ours-forward", args: b.ours("bench/forward.lua"), ours: true},
		contender{name: "ours-redirect", args: b.ours("bench/redirect.lua"), load: []string{"-expect", "302"}, ours: true},
		contender{name: "ours-fork10", args: b.ours("bench/fork.lua"), load: forkLoad, ours: true, beside: "kamailio-fork10"},
		contender{name: "ours-carrier", args: b.oursCarrier, load: carrierLoad, ours: true, beside: "kamailio-carrier"},
		contender{name: "ours-dispatch", args: b.ours("bench/dispatch.lua"), ours: true, beside: "kamailio-dispatch"},
		// Kamailio's writes no log, and remembers no call
		contender{name: "ours-dispatch-bare", args: b.ours("bench/dispatch.lua", "--no-call-log", "--ring", "0"), ours: true, beside: "kamailio-dispatch"},
		contender{name: "ours-dialog", args: b.ours("bench/dialog.lua"), ours: true, beside: "ours"},
		contender{name: "ours-b2b", args: b.ours("bench/b2b.lua"), ours: true, beside: "ours"}), nil
}

// ours is this project's server with a script, and further flags.
func (b *bench) ours(script string, flags ...string) func(string, string) ([]string, error) {
	return func(addr, callee string) ([]string, error) {
		args := []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "--set", "callee=" + callee, "-l", "udp:" + addr}
		return append(append(args, flags...), script), nil
	}
}

// listOf is a dispatcher's list of 100 gateways, which are one address.
func listOf(callee string) []byte {
	var b bytes.Buffer
	for i := 1; i <= 100; i++ {
		fmt.Fprintf(&b, "1 sip:%s;gw=%d 0 0\n", callee, i)
	}
	return b.Bytes()
}

// kamailio writes the configuration for an address.
func (b *bench) kamailio(kind, lua string) func(string, string) ([]string, error) {
	return func(addr, callee string) ([]string, error) {
		text, err := os.ReadFile("bench/kamailio/" + kind + ".cfg")
		if err != nil {
			return nil, err
		}
		script := lua
		if !filepath.IsAbs(lua) {
			if script, err = filepath.Abs("bench/kamailio/" + lua); err != nil {
				return nil, err
			}
		}
		list := filepath.Join(b.dir, "dispatcher.list")
		if err := os.WriteFile(list, listOf(callee), 0o644); err != nil {
			return nil, err
		}
		cfg := strings.NewReplacer("LISTEN", addr, "SCRIPT", script, "LISTFILE", list).Replace(string(text))
		file := filepath.Join(b.dir, kind+".cfg")
		return []string{"kamailio", "-DD", "-E", "-m", "1024", "-M", "16", "-w", b.dir, "-f", file}, os.WriteFile(file, []byte(cfg), 0o644)
	}
}

func (b *bench) run(only string) error {
	list, err := b.contenders()
	if err != nil {
		return err
	}
	if only != "" {
		list = slices.DeleteFunc(list, func(c contender) bool { return !slices.Contains(strings.Split(only, ","), c.name) })
	}
	measure := b.measure
	if b.turns {
		up := map[string]*running{}
		for _, c := range list {
			s, err := b.start(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			defer s.stop()
			up[c.name] = s
		}
		measure = func(c contender) (row, error) { return up[c.name].turn() }
	}
	rows := map[string][]row{}
	for range b.rounds {
		for _, c := range list {
			r, err := measure(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Printf("%-21s %7.1f µs/call  ok %d refused %d failed %d resent %d  %5.1f kB/call  p50 %.2f p99 %.2f p99.9 %.2f ms\n",
				c.name, r.cpu, r.Completed, r.Refused, r.Failed, r.Resent, r.kept, r.P50, r.P99, r.P999)
			if c.ours && !b.turns {
				fmt.Printf("%-21s %7.0f cycles of the collector, pauses p99 %.0f at most %.0f µs\n", "", r.cycles, r.pauseP99, r.pauseMost)
			}
			rows[c.name] = append(rows[c.name], r)
		}
	}
	b.table(list, rows)
	return nil
}

// table prints medians, of the longest pause the longest; a ratio is the median of those of the
// rounds, whose loads follow each other.
func (b *bench) table(list []contender, rows map[string][]row) {
	med := func(name string, f func(row) float64) float64 {
		var v []float64
		for _, r := range rows[name] {
			v = append(v, f(r))
		}
		return median(v)
	}
	cpu := func(r row) float64 { return r.cpu }
	ratio := func(name, to string) string {
		var v []float64
		for i, r := range rows[name] {
			if i < len(rows[to]) {
				v = append(v, r.cpu/rows[to][i].cpu)
			}
		}
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.3f", median(v))
	}
	fmt.Printf("\n%d calls/s for %d s, %d rounds, medians\n\n| server | µs CPU/call | × floor | × its peer | kB/call | p50 ms | p99 ms | p99.9 ms | GC pause p99 µs | max µs | GC cycles |\n|---|---|---|---|---|---|---|---|---|---|---|\n", b.rate, b.seconds, b.rounds)
	for _, c := range list {
		if len(rows[c.name]) == 0 {
			continue
		}
		collector := "– | – | –"
		if c.ours {
			longest := 0.0
			for _, r := range rows[c.name] {
				longest = max(longest, r.pauseMost)
			}
			collector = fmt.Sprintf("%.0f | %.0f | %.0f", med(c.name, func(r row) float64 { return r.pauseP99 }), longest, med(c.name, func(r row) float64 { return r.cycles }))
		}
		fmt.Printf("| %s | %.1f | %s | %s | %.1f | %.2f | %.2f | %.2f | %s |\n", c.name, med(c.name, cpu), ratio(c.name, "floor"), ratio(c.name, cmp.Or(c.beside, "kamailio-lua")),
			med(c.name, func(r row) float64 { return r.kept }), med(c.name, func(r row) float64 { return r.P50 }), med(c.name, func(r row) float64 { return r.P99 }), med(c.name, func(r row) float64 { return r.P999 }), collector)
	}
}

// median is 0 of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(v))[len(v)/2]
}
