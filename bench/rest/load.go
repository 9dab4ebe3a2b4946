package main

// This file sends calls, and takes the time to their answers.

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// caller sends requests.
type caller struct {
	c     *net.UDPConn
	clock processorClock // of the server
	sent  sync.Map       // Call-ID → moment
	next  atomic.Int64   // in the slot
	slot  atomic.Int64   // answers to calls of others are late
	mu    sync.Mutex
	got   map[string]answered // by Call-ID; guarded by mu
}

// answered is a request with its answer.
type answered struct {
	moment
	took time.Duration
}

// moment is when a request was sent.
type moment struct {
	wall  time.Time
	clock int64
	slot  int64
}

func newCaller(to string, clock processorClock) (*caller, error) {
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(8 << 20)
	if err := stamped(c); err != nil {
		return nil, err
	}
	x := &caller{c: c, clock: clock, got: map[string]answered{}}
	go x.read() // ends with the socket
	return x, nil
}

func (x *caller) read() {
	b, control := make([]byte, 2048), make([]byte, 256)
	for {
		n, m, _, _, err := x.c.ReadMsgUDP(b, control)
		if err != nil {
			return
		}
		arrived := stamp(control[:m])
		if !bytes.HasPrefix(b[:n], []byte("SIP/2.0 200")) {
			continue
		}
		_, rest, _ := bytes.Cut(b[:n], []byte("Call-ID: "))
		id, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if at, ok := x.sent.LoadAndDelete(string(id)); ok && at.(moment).slot == x.slot.Load() {
			x.mu.Lock()
			x.got[string(id)] = answered{at.(moment), arrived.Sub(at.(moment).wall)}
			x.mu.Unlock()
		}
	}
}

func (x *caller) send(user string) error {
	from := x.c.LocalAddr()
	id := fmt.Sprintf("%d-%d-%d", from.(*net.UDPAddr).Port, x.slot.Load(), x.next.Add(1))
	// The kernel, which stamps answers, has no clock but this
	x.sent.Store(id, moment{time.Now().Round(0), x.clock.now(), x.slot.Load()})
	_, err := fmt.Fprintf(x.c, "MESSAGE sip:%s@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=%s\r\n"+
		"To: <sip:%s@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", user, from, id, id, user, id)
	return err
}

// run sends at a rate until ctx ends, by chance as callers do: at even intervals calls of two rates
// would meet again and again, and an answer of the service would meet the call of a later moment.
func (x *caller) run(ctx context.Context, user string, rate int, seed uint64) {
	if rate == 0 {
		return
	}
	random := rand.New(rand.NewPCG(uint64(rate), seed))
	for next := time.Now(); ; {
		next = next.Add(time.Duration(random.ExpFloat64() * float64(time.Second) / float64(rate)))
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
			_ = x.send(user)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// slot is what other calls took for a while, beside calls of one kind.
type slot struct {
	wall  []float64 // microseconds from the request to its answer, of undisturbed calls
	calls int       // with those that were disturbed
	spent int64     // microseconds of processor time, altogether
	lost  bool      // calls had no answer: a socket's buffer was full
}

const (
	// disturbed is what a call took more than the server's own work: somebody else had the core.
	disturbed = 100 * time.Microsecond
	// settled is how long after it calls may still wait for what had piled up.
	settled = 10 * time.Millisecond
)

// calm takes the calls that nobody else's work disturbed. A call that waits for other work of the
// server is not disturbed: then its processor time goes on. list is what the server noted.
func (s *slot) calm(got map[string]answered, list string) {
	type call struct {
		answered
		clock time.Duration
	}
	var all []call
	for one := range strings.FieldsSeq(list) {
		id, at, _ := strings.Cut(one, "=")
		ns, err := strconv.ParseInt(at, 10, 64)
		if x, ok := got[id]; ok && err == nil {
			all = append(all, call{x, time.Duration(ns - x.moment.clock)})
		}
	}
	slices.SortFunc(all, func(a, b call) int { return a.wall.Compare(b.wall) })
	s.calls = len(all)
	var again time.Time // when it is calm again
	for _, x := range all {
		if x.took-x.clock > disturbed || x.clock < 0 {
			if end := x.wall.Add(x.took + settled); end.After(again) {
				again = end
			}
		} else if x.wall.After(again) {
			s.wall = append(s.wall, float64(x.took)/1e3)
		}
	}
}

// slot sends calls for a while, at moments that depend on the seed alone.
func (w *world) slot(beside, plain *caller, kind string, o *options, seed uint64) (s slot, err error) {
	before, err := w.usage()
	if err != nil {
		return s, err
	}
	for _, x := range []*caller{beside, plain} {
		x.mu.Lock()
		x.got = map[string]answered{}
		x.next.Store(0)
		x.slot.Add(1)
		x.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.each)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { beside.run(ctx, kind, o.rate, seed) })
	all.Go(func() { plain.run(ctx, "plain", o.others, seed) })
	all.Wait()
	for deadline := time.Now().Add(2*time.Second + o.delay); ; time.Sleep(10 * time.Millisecond) {
		if beside.all() && plain.all() {
			break
		}
		if time.Now().After(deadline) {
			s.lost = true
			break
		}
	}
	after, err := w.usage()
	if err != nil {
		return s, err
	}
	s.spent = after - before
	text, err := w.server.ask("clocks")
	if err != nil {
		return s, err
	}
	plain.mu.Lock()
	defer plain.mu.Unlock()
	s.calm(plain.got, text)
	return s, nil
}

// all reports whether all were answered.
func (x *caller) all() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return int64(len(x.got)) == x.next.Load()
}

// memory prints what a call takes that waits for the service: what n of them hold, less what the
// server holds when none waits and one connection is open, by n. So it is the SIP transaction, the
// script and the HTTP request, with the stacks of all goroutines that exist for it, and its share
// of the connections. With idle, the service answers, and it prints what is left: the connections,
// and the Lua threads that are kept.
func memory(o *options, n int, idle bool) error {
	var more []string
	if o.profile != "" {
		more = []string{"-profile", o.profile}
	}
	w, err := newWorld(time.Minute, more...)
	if err != nil {
		return err
	}
	defer w.stop()
	x, err := newCaller(w.addr, 0)
	if err != nil {
		return err
	}
	defer x.c.Close()
	pace := 200 * time.Microsecond
	if o.profile != "" {
		pace = 2 * time.Millisecond // each allocation is recorded
	}
	wait := func(what, user string, n, want int64) (heap, stack int64, err error) {
		for range n {
			if err := x.send(user); err != nil {
				return 0, 0, err
			}
			time.Sleep(pace)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			text, err := w.server.ask(what)
			if err != nil {
				return 0, 0, err
			}
			var waiting int64
			if _, err := fmt.Sscan(text, &heap, &stack, &waiting); err != nil {
				return 0, 0, fmt.Errorf("%q: %w", text, err)
			}
			switch {
			case waiting == want && n > 0:
				n = 0 // once more, to be sure that everything is settled
			case waiting == want:
				return heap, stack, nil
			case time.Now().After(deadline):
				return 0, 0, fmt.Errorf("%d calls wait, of %d", waiting, want)
			}
		}
	}
	if _, _, err := wait("memory", "warm", 1, 1); err != nil {
		return err
	}
	heap, stack, err := wait("memory", "", 0, 0)
	if err != nil {
		return err
	}
	user := "ask"
	if idle {
		user = "warm"
	}
	h, s, err := wait("memory", user, int64(n), int64(n))
	if err != nil {
		return err
	}
	each := func(now, before int64) int64 { return (now - before) / int64(n) }
	if idle {
		if h, s, err = wait("memory", "", 0, 0); err != nil {
			return err
		}
		fmt.Printf("%d connections that nobody uses, and as many Lua threads: %d bytes each, of which %d of heap and %d of stacks\n",
			n, each(h, heap)+each(s, stack), each(h, heap), each(s, stack))
		return nil
	}
	if o.profile != "" {
		if _, _, err := wait("profile "+o.profile, "", 0, int64(n)); err != nil {
			return err
		}
	}
	fmt.Printf("%d calls that wait, %d of them at the service: %d bytes each, of which %d of heap and %d of stacks\n",
		n, min(n, atOnce), each(h, heap)+each(s, stack), each(h, heap), each(s, stack))
	return nil
}
