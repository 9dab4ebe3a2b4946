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
	"sync"
	"sync/atomic"
	"time"
)

// caller sends requests.
type caller struct {
	c    *net.UDPConn
	sent sync.Map // Call-ID → time.Time
	next atomic.Int64
	mu   sync.Mutex
	took []time.Duration // guarded by mu
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
	if err := stamped(c); err != nil {
		return nil, err
	}
	x := &caller{c: c}
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
		if at, ok := x.sent.LoadAndDelete(string(id)); ok {
			x.mu.Lock()
			x.took = append(x.took, arrived.Sub(at.(time.Time)))
			x.mu.Unlock()
		}
	}
}

func (x *caller) send(user string) error {
	from := x.c.LocalAddr()
	id := fmt.Sprintf("%d-%s", from.(*net.UDPAddr).Port, strconv.FormatInt(x.next.Add(1), 10))
	x.sent.Store(id, time.Now().Round(0)) // the kernel has no other clock
	_, err := fmt.Fprintf(x.c, "MESSAGE sip:%s@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=%s\r\n"+
		"To: <sip:%s@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", user, from, id, id, user, id)
	return err
}

// run sends at a rate until ctx ends, by chance as callers do: at even intervals calls of two rates
// would meet again and again, and an answer of the service would meet the call of a later moment.
func (x *caller) run(ctx context.Context, user string, rate int) {
	if rate == 0 {
		return
	}
	random := rand.New(rand.NewPCG(uint64(rate), 1))
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

// round measures other calls beside calls of a kind.
func round(addr, kind string, o *options) (p50, p99 time.Duration, err error) {
	beside, err := newCaller(addr)
	if err != nil {
		return 0, 0, err
	}
	defer beside.c.Close()
	plain, err := newCaller(addr)
	if err != nil {
		return 0, 0, err
	}
	defer plain.c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), o.each)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { beside.run(ctx, kind, o.rate) })
	all.Go(func() { plain.run(ctx, "plain", o.others) })
	all.Wait()
	time.Sleep(500*time.Millisecond + 2*o.delay) // what is under way arrives
	for name, x := range map[string]*caller{kind: beside, "plain": plain} {
		x.mu.Lock()
		if n := int64(len(x.took)); n != x.next.Load() {
			err = fmt.Errorf("%s: %d of %d were answered", name, n, x.next.Load())
		}
		x.mu.Unlock()
	}
	if err != nil {
		return 0, 0, err
	}
	took := slices.Sorted(slices.Values(plain.took))
	return took[len(took)/2], took[len(took)*99/100], nil
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
	x, err := newCaller(w.addr)
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
