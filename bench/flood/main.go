//go:build unix

// Flood compares what a registration with a password costs: Kamailio with its own script and with
// Lua (where it is installed), and ours, also with --data, which answers when the binding is safe
// in a file, in turn, in one run. A registration is a REGISTER answered 401 and another, with
// digest credentials (MD5, qop auth), answered 200. Each server is pinned to one core, the load to
// another.
//
//	go run ./bench/flood -rate 2000 -seconds 5 -rounds 3
//	go run ./bench/flood -rate 2000 -seconds 5 -rounds 3 -sipp
//
// It prints user and system CPU of the server's processes for each completed registration, and how
// many a second there were. It needs Linux, taskset, and two cores.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	var b bench
	var o options
	only := flag.String("only", "", "servers to measure, separated by commas; all that are there without it")
	flag.IntVar(&b.rounds, "rounds", 3, "loads of each server; the median counts")
	flag.StringVar(&o.server, "load", "", "no servers are started: flood this one, host:port, and print one line of JSON")
	flag.IntVar(&o.rate, "rate", 2000, "registrations begun in a second, whether or not those before them have ended")
	flag.IntVar(&o.seconds, "seconds", 5, "for how long")
	flag.IntVar(&o.users, "users", 10000, "users who register in turn, at most 10000")
	flag.DurationVar(&o.patient, "patient", 10*time.Second, "a registration not accepted by then has failed")
	flag.BoolVar(&b.bySipp, "sipp", false, "flood with sipp (Debian: sip-tester), which tells no latencies")
	flag.Parse()
	b.options = o
	err := b.checked()
	switch {
	case err != nil:
	case o.server != "":
		var r *result
		if r, err = load(o); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(r)
		}
	default:
		err = b.run(*only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1)
	}
}

// bench is what one run is told.
type bench struct {
	options
	dir    string
	rounds int
	bySipp bool
}

func (b *bench) checked() error {
	if b.rate < 1 || b.seconds < 1 || b.users < 1 || b.users > 10000 || b.rounds < 1 {
		return fmt.Errorf("rate, seconds and rounds are 1 and more, users 1 to 10000")
	}
	return nil
}

func (b *bench) run(only string) (err error) {
	if b.dir, err = os.MkdirTemp("", "sipflood"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	list, err := b.contenders()
	if err != nil {
		return err
	}
	rows := map[string][]row{}
	for range b.rounds {
		for _, c := range list {
			if only != "" && !slices.Contains(strings.Split(only, ","), c.name) {
				continue
			}
			r, err := b.measure(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Printf("%-16s %6.1f µs/registration  ok %d failed %d resent %d  %6.0f/s  p50 %s p99 %s ms\n", c.name, r.cpu, r.Completed, r.Failed, r.Resent, r.Rate, b.latency(r.P50), b.latency(r.P99))
			rows[c.name] = append(rows[c.name], r)
		}
	}
	b.table(list, rows)
	return nil
}

// latency writes milliseconds, which sipp does not tell.
func (b *bench) latency(ms float64) string {
	if b.bySipp {
		return "–"
	}
	return fmt.Sprintf("%.2f", ms)
}

// table prints medians, and ratios to Kamailio.
func (b *bench) table(list []contender, rows map[string][]row) {
	med := func(name string, f func(row) float64) float64 {
		var v []float64
		for _, r := range rows[name] {
			v = append(v, f(r))
		}
		if len(v) == 0 {
			return 0
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	cpu := func(r row) float64 { return r.cpu }
	ratio := func(name, to string) string {
		if d := med(to, cpu); d > 0 {
			return fmt.Sprintf("%.2f", med(name, cpu)/d)
		}
		return "–"
	}
	fmt.Printf("\n%d registrations/s for %d s, %d rounds, medians\n\n| server | µs CPU/registration | a core's worth/s | × Kamailio | × Kamailio Lua | registrations/s | failed | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|\n",
		b.rate, b.seconds, b.rounds)
	for _, c := range list {
		if len(rows[c.name]) == 0 {
			continue
		}
		failed := 0
		for _, r := range rows[c.name] {
			failed += r.Failed
		}
		fmt.Printf("| %s | %.1f | %.0f | %s | %s | %.0f | %d | %s | %s |\n", c.name, med(c.name, cpu), 1e6/med(c.name, cpu), ratio(c.name, "kamailio-native"), ratio(c.name, "kamailio-lua"),
			med(c.name, func(r row) float64 { return r.Rate }), failed, b.latency(med(c.name, func(r row) float64 { return r.P50 })), b.latency(med(c.name, func(r row) float64 { return r.P99 })))
	}
}
