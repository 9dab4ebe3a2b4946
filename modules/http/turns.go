package http

// As many requests go to one host at a time as there are connections; others wait for their turn.
// Many may wait at once: one that waits has no goroutine.

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

// mostHosts bounds the hosts whose turns are kept.
const mostHosts = 256

// turns of the requests to one host.
type turns struct {
	mu    sync.Mutex
	under int       // way; guarded by mu
	queue list.List // of *waiter, in order; guarded by mu
}

// waiter is a request that waits for its turn.
type waiter struct {
	at    *list.Element // in the queue, nil once it is not there; guarded by the mu of turns
	run   func()
	fail  func(error)
	timer *time.Timer
	stop  func() bool // forgets the context
}

// send sends a request when it is its turn, and calls done with its answer.
func (h *HTTP) send(ctx context.Context, c *clients.HTTP, ask *asked, done func(*response, error)) {
	end := time.Now().Add(ask.timeout)
	t := h.turn(ask.host)
	run := func() { // on a goroutine of its own, which ends with the timeout
		a, err := func() (*clients.Answer, error) {
			defer t.leave()
			ctx, cancel := context.WithDeadline(ctx, end)
			defer cancel()
			return h.exchange(ctx, c, ask)
		}()
		if err != nil {
			done(nil, err)
			return
		}
		done(&response{a}, nil)
	}
	t.enter(ctx, ask.timeout, run, func(err error) { done(nil, fmt.Errorf("%s: all connections are busy: %w", ask.host, err)) })
}

// turn are the turns of a host.
func (h *HTTP) turn(host string) *turns {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.turns[host]
	if t != nil {
		return t
	}
	if h.turns == nil || len(h.turns) >= mostHosts {
		h.turns = map[string]*turns{} // those who wait for an old one still get it
	}
	t = &turns{}
	h.turns[host] = t
	return t
}

// enter has run called on a goroutine of its own when it is its turn, or fail, after a time or at
// the end of ctx.
func (t *turns) enter(ctx context.Context, limit time.Duration, run func(), fail func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under < conns {
		t.under++
		go run()
		return
	}
	w := &waiter{run: run, fail: fail}
	w.at = t.queue.PushBack(w)
	w.timer = time.AfterFunc(limit, func() { t.giveUp(w, context.DeadlineExceeded) })
	w.stop = context.AfterFunc(ctx, func() { t.giveUp(w, ctx.Err()) })
}

// leave makes room for the next one.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.queue.Front()
	if first == nil {
		t.under--
		return
	}
	w := first.Value.(*waiter)
	t.drop(w)
	go w.run()
}

// drop takes a waiter out of the queue. mu is held.
func (t *turns) drop(w *waiter) {
	t.queue.Remove(w.at)
	w.at = nil
	w.timer.Stop()
	w.stop()
}

// giveUp ends the wait of w, unless it is its turn meanwhile.
func (t *turns) giveUp(w *waiter, err error) {
	t.mu.Lock()
	if w.at == nil {
		t.mu.Unlock()
		return
	}
	t.drop(w)
	t.mu.Unlock()
	w.fail(err)
}
