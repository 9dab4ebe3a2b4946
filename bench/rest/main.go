// Rest measures what calls cost that ask a REST service where to go: a script sends HTTP requests
// at a rate, to a service that takes its time, while other calls need no answer from anybody. It
// prints how long those others take beside calls that ask, and beside as many calls that do the
// same work and do not ask; and the memory of a call that waits.
//
//	go run ./bench/rest -rate 500 -others 500 -delay 50ms -rounds 100
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
	flag.IntVar(&o.others, "others", 500, "other calls a second")
	flag.IntVar(&o.rounds, "rounds", 100, "pairs of slots, one of each kind")
	flag.IntVar(&o.waiting, "waiting", 2000, "calls that wait at once, for the memory of one")
	flag.DurationVar(&o.delay, "delay", 50*time.Millisecond, "what the service takes")
	flag.DurationVar(&o.each, "each", 500*time.Millisecond, "how long a slot is")
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
	pid             int // of the server
}

// usage is the processor time that the server has used, in microseconds.
func (w *world) usage() (us int64, err error) {
	text, err := w.server.ask("time")
	if err == nil {
		_, err = fmt.Sscan(text, &us)
	}
	return us, err
}

func newWorld(delay time.Duration, more ...string) (w *world, err error) {
	w = &world{}
	var at string
	if w.service, at, err = start(1, "-role", "service", "-delay", delay.String()); err != nil {
		return nil, err
	}
	var first string
	if w.server, first, err = start(0, append([]string{"-role", "server", "-service", at}, more...)...); err != nil {
		return nil, err
	}
	_, err = fmt.Sscan(first, &w.addr, &w.pid)
	return w, err
}

func (w *world) stop() {
	w.server.stop()
	w.service.stop()
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
