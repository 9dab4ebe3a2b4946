// Rest measures what calls cost that ask a REST service where to go: a script sends HTTP requests
// at a rate, to a service that takes its time, while other calls need no answer from anybody. It
// prints how long those others take beside calls that ask, and beside as many calls that do the
// same work and do not ask; and the memory of a call that waits.
//
//	go run ./bench/rest -rate 500 -others 200 -delay 50ms -rounds 15
//
// The server runs in a process of its own, on the first core; the service and the load on the
// second.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options of a measurement.
type options struct {
	rate, others, rounds, waiting int
	delay, each                   time.Duration
	profile                       string
}

func main() {
	var o options
	flag.IntVar(&o.rate, "rate", 500, "asking calls a second")
	flag.IntVar(&o.others, "others", 200, "other calls a second")
	flag.IntVar(&o.rounds, "rounds", 15, "of each kind, by turns")
	flag.IntVar(&o.waiting, "waiting", 2000, "calls that wait at once, for the memory of one")
	flag.DurationVar(&o.delay, "delay", 50*time.Millisecond, "what the service takes")
	flag.DurationVar(&o.each, "each", 2*time.Second, "how long a round is")
	flag.StringVar(&o.profile, "profile", "", "write a profile of the heap while calls wait to this file")
	role := flag.String("role", "", "be a part of it: service, server, load")
	at := flag.String("service", "", "where the service is")
	flag.Parse()
	var err error
	switch *role {
	case "service":
		err = serve(o.delay)
	case "server":
		err = proxy(*at, &o)
	case "load":
		err = measure(&o)
	default:
		err = pinned(1, append([]string{"-role", "load"}, os.Args[1:]...)...).Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rest:", err)
		os.Exit(1)
	}
}

// pinned is this program on one core, where there are several and taskset is there.
func pinned(core int, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.Command(self, args...)
	// The number of cores is that of the machine: this process may be pinned already
	if path, err := exec.LookPath("taskset"); err == nil && (core == 0 || runtime.NumCPU() > 1 || os.Getenv(several) != "") {
		cmd = exec.Command(path, append([]string{"-c", fmt.Sprint(core), self}, args...)...)
	}
	cmd.Env = os.Environ()
	if runtime.NumCPU() > 1 {
		cmd.Env = append(cmd.Env, several+"=yes")
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// several is the variable that says that there are several cores.
const several = "REST_SEVERAL_CORES"

// part is a process that answers lines with lines, and ends with its standard input.
type part struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a part; first is its first line.
func start(core int, args ...string) (p *part, first string, err error) {
	p = &part{cmd: pinned(core, args...)}
	p.cmd.Stdout = nil
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	first, err = p.line()
	return p, first, err
}

func (p *part) line() (string, error) {
	text, err := p.out.ReadString('\n')
	return strings.TrimSpace(text), err
}

func (p *part) ask(what string) (string, error) {
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		return "", err
	}
	return p.line()
}

func (p *part) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

const (
	// atOnce is how many requests the module http sends to one host at a time.
	atOnce = 64
	// warming is what the service takes for a request that only opens a connection.
	warming = time.Second
)

// serve answers after a delay.
func serve(delay time.Duration) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("to") == "warm" {
			time.Sleep(warming)
		} else {
			time.Sleep(delay)
		}
		w.WriteHeader(http.StatusOK)
	}))
}

// world is a service and a server that asks it.
type world struct {
	service, server *part
	addr            string
}

func newWorld(delay time.Duration, more ...string) (w *world, err error) {
	w = &world{}
	var at string
	if w.service, at, err = start(1, "-role", "service", "-delay", delay.String()); err != nil {
		return nil, err
	}
	w.server, w.addr, err = start(0, append([]string{"-role", "server", "-service", at}, more...)...)
	return w, err
}

func (w *world) stop() {
	w.server.stop()
	w.service.stop()
}

// figures are latencies of the other calls.
type figures struct{ p50, p99 []time.Duration }

func (f *figures) String() string {
	return fmt.Sprintf("p50 %v, p99 %v; of the quietest quarter p50 %v, p99 %v", quantile(f.p50, 2), quantile(f.p99, 2), quantile(f.p50, 8), quantile(f.p99, 8))
}

// quantile is the value at 1/part of a list.
func quantile(list []time.Duration, part int) time.Duration {
	return slices.Sorted(slices.Values(list))[len(list)/part].Round(time.Microsecond)
}

// measure measures others beside calls that ask and beside calls that don't, by turns, since the
// machine changes.
func measure(o *options) error {
	if err := latencies(o); err != nil {
		return err
	}
	for _, n := range []int{o.waiting, atOnce} {
		if err := memory(o, n, false); err != nil {
			return err
		}
	}
	return memory(o, atOnce, true)
}

func latencies(o *options) error {
	if o.rounds == 0 {
		return nil
	}
	w, err := newWorld(o.delay)
	if err != nil {
		return err
	}
	defer w.stop()
	kinds := []string{"same", "ask"}
	all := [2]figures{}
	var ratios []float64
	var spent [2]int64 // microseconds of processor time
	used := func() (us int64, err error) {
		text, err := w.server.ask("time")
		if err == nil {
			_, err = fmt.Sscan(text, &us)
		}
		return us, err
	}
	for i := range o.rounds + 1 {
		var p99 [2]time.Duration
		for j := range kinds {
			kind := (i + j) % 2
			before, err := used()
			if err != nil {
				return err
			}
			p50, worst, err := round(w.addr, kinds[kind], o)
			if err != nil {
				return err
			}
			after, err := used()
			if err != nil {
				return err
			}
			p99[kind] = worst
			if i > 0 { // the first round warms up
				spent[kind] += after - before
				all[kind].p50, all[kind].p99 = append(all[kind].p50, p50), append(all[kind].p99, worst)
			}
		}
		if i > 0 {
			ratios = append(ratios, float64(p99[1])/float64(p99[0]))
		}
	}
	slices.Sort(ratios)
	fmt.Printf("%d other calls/s, medians of %d rounds of %v by turns:\n", o.others, o.rounds, o.each)
	fmt.Printf("  beside %d/s that do not ask: %v\n  beside %d/s that ask:        %v\n", o.rate, &all[0], o.rate, &all[1])
	fmt.Printf("  p99 beside those that ask by that beside the others: median of rounds %.2f, quartiles %.2f and %.2f\n",
		ratios[len(ratios)/2], ratios[len(ratios)/4], ratios[len(ratios)*3/4])
	calls := int64(float64(o.rate) * o.each.Seconds() * float64(o.rounds))
	fmt.Printf("  processor time of the server, by such calls: %d µs without the question, %d with it (the %d other calls/s included)\n",
		spent[0]/max(calls, 1), spent[1]/max(calls, 1), o.others)
	return nil
}
