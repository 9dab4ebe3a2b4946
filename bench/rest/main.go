// Rest measures what calls cost that ask a REST service where to go: a script sends HTTP requests
// at a rate, to a service that takes its time, while other calls need no answer from anybody. It
// prints the latencies of those others with and without the asking ones, and the memory of a call
// that waits.
//
//	go run ./bench/rest -rate 500 -others 200 -delay 50ms -seconds 10
//
// The service runs in a process of its own.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	module "github.com/sipscript/sipscript/modules/http"
)

const script = `
local http = require "http"
function route(req)
  if req.ruri.user == "plain" then return req:reply(200) end
  local res, err = http.get("http://%s/route", { query = { to = req.ruri.user }, timeout = 60 })
  req:reply(res and res.status or 503)
end`

func main() {
	rate := flag.Int("rate", 500, "asking calls a second")
	others := flag.Int("others", 200, "other calls a second")
	delay := flag.Duration("delay", 50*time.Millisecond, "what the service takes")
	seconds := flag.Int("seconds", 10, "of each measurement")
	waiting := flag.Int("waiting", 2000, "calls that wait at once, for the memory of one")
	service := flag.Bool("service", false, "be the service")
	flag.Parse()
	var err error
	if *service {
		err = serve(*delay)
	} else {
		err = measure(*rate, *others, *delay, time.Duration(*seconds)*time.Second, *waiting)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rest:", err)
		os.Exit(1)
	}
}

// serve answers after a delay, until its standard input ends.
func serve(delay time.Duration) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() { // ends with the process
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}()
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(delay)
		w.WriteHeader(http.StatusOK)
	}))
}

// start starts the service in a process of its own.
func start(delay time.Duration) (addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-service", "-delay", delay.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), func() { _ = in.Close(); _ = cmd.Wait() }, err
}

// proxy is the engine with the script.
type proxy struct {
	e    *engine.Engine
	addr string
}

func newProxy(service string) (*proxy, error) {
	m := module.New(module.Options{Clients: clients.New(clients.Options{})})
	quiet := slog.New(slog.DiscardHandler)
	r, err := luabind.NewRouter(luabind.Options{Source: fmt.Sprintf(script, service), Name: "rest.lua", Modules: []luabind.Opener{m}, Log: quiet})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: r, Log: quiet})
	if err != nil {
		return nil, err
	}
	return &proxy{e, e.Locals()[0].Addr.String()}, e.Start()
}

func (p *proxy) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.e.Shutdown(ctx)
}

// caller sends requests and takes the time to their answers.
type caller struct {
	c    *net.UDPConn
	sent sync.Map // Call-ID → time.Time
	next atomic.Int64
	mu   sync.Mutex
	took []time.Duration // guarded by mu
	all  atomic.Int64    // answers
}

func newCaller(to string) (*caller, error) {
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(8 << 20)
	x := &caller{c: c}
	go x.read() // ends with the socket
	return x, nil
}

func (x *caller) read() {
	b := make([]byte, 2048)
	for {
		n, err := x.c.Read(b)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b[:n], []byte("SIP/2.0 200")) {
			continue
		}
		_, rest, _ := bytes.Cut(b[:n], []byte("Call-ID: "))
		id, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if at, ok := x.sent.LoadAndDelete(string(id)); ok {
			x.mu.Lock()
			x.took = append(x.took, time.Since(at.(time.Time)))
			x.mu.Unlock()
			x.all.Add(1)
		}
	}
}

func (x *caller) send(user string) error {
	id := strconv.FormatInt(x.next.Add(1), 10)
	x.sent.Store(id, time.Now())
	from := x.c.LocalAddr()
	_, err := fmt.Fprintf(x.c, "MESSAGE sip:%s@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=%s\r\n"+
		"To: <sip:%s@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", user, from, id, from.(*net.UDPAddr).Port, id, user, id)
	return err
}

// run sends at a rate, evenly, until ctx ends.
func (x *caller) run(ctx context.Context, user string, rate int) {
	if rate == 0 {
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = x.send(user)
		case <-ctx.Done():
			return
		}
	}
}

// latencies are quantiles of what was taken.
func (x *caller) latencies() (n int, p50, p99 time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	slices.Sort(x.took)
	if n = len(x.took); n == 0 {
		return 0, 0, 0
	}
	return n, x.took[n/2], x.took[n*99/100]
}

// round measures other calls beside a rate of asking ones.
func round(service string, rate, others int, d time.Duration) (report string, err error) {
	p, err := newProxy(service)
	if err != nil {
		return "", err
	}
	defer p.stop()
	asking, err := newCaller(p.addr)
	if err != nil {
		return "", err
	}
	defer asking.c.Close()
	plain, err := newCaller(p.addr)
	if err != nil {
		return "", err
	}
	defer plain.c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { asking.run(ctx, "ask", rate) })
	all.Go(func() { plain.run(ctx, "plain", others) })
	all.Wait()
	time.Sleep(500 * time.Millisecond) // what is under way arrives
	n, p50, p99 := plain.latencies()
	a, a50, a99 := asking.latencies()
	return fmt.Sprintf("asking %d/s: others %d answered of %d sent, p50 %v p99 %v; asking %d of %d, p50 %v p99 %v", rate, n, plain.next.Load(),
		p50.Round(time.Microsecond), p99.Round(time.Microsecond), a, asking.next.Load(), a50.Round(time.Microsecond), a99.Round(time.Microsecond)), nil
}

// memory is what one call takes that waits for the service, in bytes.
func memory(n int) (uint64, error) {
	service, stop, err := start(time.Minute)
	if err != nil {
		return 0, err
	}
	defer stop()
	p, err := newProxy(service)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	x, err := newCaller(p.addr)
	if err != nil {
		return 0, err
	}
	defer x.c.Close()
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, routines := used(), runtime.NumGoroutine()
	for range n {
		if err := x.send("ask"); err != nil {
			return 0, err
		}
		time.Sleep(200 * time.Microsecond)
	}
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() < routines+n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d goroutines, of %d calls that should wait", runtime.NumGoroutine()-routines, n)
		}
	}
	return (used() - before) / uint64(n), nil
}

func measure(rate, others int, delay, d time.Duration, waiting int) error {
	service, stop, err := start(delay)
	if err != nil {
		return err
	}
	defer stop()
	for _, r := range []int{0, rate, 0, rate} { // by turns: the machine changes
		text, err := round(service, r, others, d)
		if err != nil {
			return err
		}
		fmt.Println(text)
	}
	each, err := memory(waiting)
	if err != nil {
		return err
	}
	fmt.Printf("%d calls that wait: %d bytes each, the caller's record in this process included\n", waiting, each)
	return nil
}
