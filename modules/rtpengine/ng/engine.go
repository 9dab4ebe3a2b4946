package ng

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Spec is one daemon of a set.
type Spec struct {
	URI    string // udp:HOST:PORT, tcp:HOST:PORT, ws://HOST:PORT/ws or wss://…
	Set    string // "" is a set like others
	Weight int    // share of new calls among those of the set that are up; 0: none
}

// Engine is one daemon. Its methods may be called by any goroutine.
type Engine struct {
	Spec
	ID uint32 // of its URI, the same in each process

	pool     *Pool
	up       atomic.Bool
	failures atomic.Int32 // in a row
	commands atomic.Uint64
	errors   atomic.Uint64
	waiting  atomic.Int32

	mu      sync.Mutex
	link    link                   // guarded by mu; nil: none
	pending map[uint64]chan answer // guarded by mu, by cookie
	closed  bool                   // guarded by mu
	retry   time.Time              // guarded by mu: when a connection is tried again

	cancel context.CancelFunc // ends its watch
	done   chan struct{}
}

// answer is what came for a cookie; d nil: the way to the daemon broke.
type answer struct {
	d   Dict
	err error
}

// ErrDown is why a command was not even sent: no daemon of the set is up.
var ErrDown = errors.New("no rtpengine is up")

// ErrTimeout is why a command failed that nobody answered.
var ErrTimeout = errors.New("rtpengine does not answer")

// RefusedError is what a daemon said no with.
type RefusedError struct {
	Reason string // in its own words
}

// Error is the reason.
func (e *RefusedError) Error() string { return "rtpengine: " + e.Reason }

// mostWaiting bounds the commands of one daemon in progress.
const mostWaiting = 10000

// retryAfter is how long nobody tries to connect again: those who wait for a connection wait for
// one attempt.
const retryAfter = time.Second

// failuresDown are unanswered commands in a row after which a daemon is down.
const failuresDown = 2

func engineID(uri string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(uri))
	return h.Sum32()
}

// Up reports whether the daemon is taken for alive.
func (e *Engine) Up() bool { return e.up.Load() }

// Stats are counters since the start.
type Stats struct {
	Commands, Errors uint64 // answered ones included
	Waiting          int    // now in progress
}

// Stats are the daemon's.
func (e *Engine) Stats() Stats {
	return Stats{e.commands.Load(), e.errors.Load(), int(e.waiting.Load())}
}

// Do has the daemon carry out a command, and waits for its answer or the pool's timeout. Over UDP,
// and if its connection breaks, it is repeated with the same cookie, by which the daemon knows it
// again.
func (e *Engine) Do(ctx context.Context, command Dict) (Dict, error) {
	e.commands.Add(1)
	cookie := rand.Uint64()
	d, err := e.do(ctx, command, cookie)
	// The next one may arrive in one piece; a daemon that is there takes another connection
	if errors.Is(err, errCut) || errors.Is(err, errBroken) {
		d, err = e.do(ctx, command, cookie)
	}
	var refused *RefusedError
	switch {
	case err == nil || errors.As(err, &refused):
		e.failures.Store(0)
		e.set(true, "it answers")
	case ctx.Err() == nil:
		e.errors.Add(1)
		if errors.Is(err, errBusy) || errors.Is(err, errCut) { // which says nothing of the daemon
			break
		}
		// A refused datagram or connection says more than silence does
		if n := e.failures.Add(1); n >= failuresDown || !errors.Is(err, ErrTimeout) {
			e.set(false, err.Error())
		}
	}
	return d, err
}

func (e *Engine) do(ctx context.Context, command Dict, cookie uint64) (Dict, error) {
	if f := e.pool.options.Exchange; f != nil {
		a, err := f(e.URI, plainOf(command).(map[string]any))
		if err != nil {
			return nil, &RefusedError{err.Error()}
		}
		return Dict(a), nil
	}
	if e.waiting.Add(1) > mostWaiting {
		e.waiting.Add(-1)
		return nil, fmt.Errorf("%d commands wait for rtpengine %s", mostWaiting, e.URI)
	}
	defer e.waiting.Add(-1)
	x := e.pool.exchange()
	defer e.pool.done(x)
	x.buf = append(strconv.AppendUint(x.buf[:0], cookie, 36), ' ')
	var err error
	if x.buf, err = appendDict(x.buf, command); err != nil {
		return nil, err
	}
	ch := make(chan answer, 1) // not kept: a late answer must not reach another command
	l, err := e.open(ctx, cookie, ch)
	if err != nil {
		return nil, err
	}
	defer e.forget(cookie)
	limit := e.pool.timeout()
	if err := l.send(x.buf); err != nil {
		if !errors.Is(err, errBusy) && !errors.Is(err, ErrTimeout) {
			err = ended(l, err)
			e.broken(l, err)
		}
		return nil, err
	}
	return x.await(ctx, l, ch, limit)
}

// exchange is what a command needs until its answer is there; it is used again.
type exchange struct {
	buf   []byte
	timer *time.Timer
}

// mostKept bounds the memory of one that is kept.
const mostKept = 64 << 10

func (p *Pool) exchange() *exchange {
	if x, ok := p.exchanges.Get().(*exchange); ok {
		return x
	}
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &exchange{buf: make([]byte, 0, 1024), timer: t}
}

func (p *Pool) done(x *exchange) {
	x.timer.Stop()
	if cap(x.buf) <= mostKept {
		p.exchanges.Put(x)
	}
}

// await waits for the answer. Over UDP the command is repeated meanwhile, at twice the interval
// each time.
func (x *exchange) await(ctx context.Context, l link, ch chan answer, limit time.Duration) (Dict, error) {
	_, repeats := l.(*datagrams)
	interval := limit
	if repeats {
		interval = min(firstRepeat, limit)
	}
	for left := limit; ; {
		x.timer.Reset(interval)
		select {
		case a := <-ch:
			return a.result()
		case <-x.timer.C:
			if left -= interval; left <= 0 {
				return nil, ErrTimeout
			}
			_ = l.send(x.buf)
			interval = min(2*interval, left)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// firstRepeat is when a command over UDP is sent again for the first time.
const firstRepeat = 150 * time.Millisecond

// result is the outcome of an answer.
func (a answer) result() (Dict, error) {
	if a.err != nil {
		return nil, a.err
	}
	switch a.d.Text("result") {
	case "ok", "pong":
		return a.d, nil
	}
	reason := a.d.Text("error-reason")
	if reason == "" {
		reason = a.d.Text("result")
	}
	return a.d, &RefusedError{reason}
}

// open is the way to the daemon, made if there is none; what comes for cookie goes to ch.
func (e *Engine) open(ctx context.Context, cookie uint64, ch chan answer) (link, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrDown
	}
	if e.link == nil {
		if time.Now().Before(e.retry) {
			return nil, ErrDown
		}
		l, err := dial(ctx, e.URI, e.pool.timeout, func(b []byte) { e.receive(b, false) }, e.cut)
		if err != nil {
			e.retry = time.Now().Add(retryAfter)
			return nil, err
		}
		e.link = l
		go e.read(l)
	}
	e.pending[cookie] = ch
	return e.link, nil
}

func (e *Engine) forget(cookie uint64) {
	e.mu.Lock()
	delete(e.pending, cookie)
	e.mu.Unlock()
}

// broken ends a way to the daemon, and what waits on it.
func (e *Engine) broken(l link, err error) {
	l.close()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.link != l {
		return
	}
	e.link = nil
	for cookie, ch := range e.pending {
		delete(e.pending, cookie)
		ch <- answer{err: err}
	}
}

// read hands out the answers that come on a way, until it breaks.
func (e *Engine) read(l link) {
	for {
		b, err := l.receive()
		if err != nil {
			e.broken(l, fmt.Errorf("rtpengine %s: %w", e.URI, ended(l, err)))
			return
		}
		e.receive(b, true)
		// Who waited sends the next command first: meanwhile another answer may come, which is read
		// without waking anybody.
		runtime.Gosched()
	}
}

// cut ends a command whose connection ended.
func (e *Engine) cut(cookie []byte, err error) {
	if ch := e.take(cookie); ch != nil {
		ch <- answer{err: fmt.Errorf("%w: %s: %w", errCut, e.URI, err)}
	}
}

// errCut is why a long command failed whose connection ended while others may go on.
var errCut = errors.New("the connection ended with a command of more than 1,024 bytes; rtpengine does this to those that arrive in pieces over tcp: (use udp: or ws:)")

// errBroken is why a command failed whose TCP connection ended. rtpengine (10.5.3) ends one with
// more than 1,024 bytes in its buffer when it has found no whole command there. It looks for that
// first, and another of its threads may read meanwhile: now and then twenty short commands at a
// time are enough.
var errBroken = errors.New("the connection ended")

// ended is the error of what waits on a way that broke.
func ended(l link, err error) error {
	if _, is := l.(*streams); is {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// receive takes one message; events only where a daemon tells each once. What can't be read, or
// belongs to no command, is dropped.
func (e *Engine) receive(b []byte, events bool) {
	name, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok || len(name) > 64 {
		return
	}
	d, _, err := readDict(rest)
	if err != nil {
		return
	}
	if ch := e.take(name); ch != nil {
		ch <- answer{d: d}
	} else if events && d.Text("event") != "" {
		e.pool.happened(e, d)
	}
}

// take is who waits for the answer with a cookie, who waits no longer; nil: nobody does.
func (e *Engine) take(name []byte) chan answer {
	cookie, err := strconv.ParseUint(string(name), 36, 64)
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ch := e.pending[cookie]
	delete(e.pending, cookie)
	return ch
}

// set notes whether the daemon is up, and says so if that is news.
func (e *Engine) set(up bool, why string) {
	if e.up.Swap(up) != up {
		e.pool.changed(e, up, why)
	}
}

// watch asks the daemon regularly whether it lives.
func (e *Engine) watch(ctx context.Context) {
	defer close(e.done)
	if e.pool.options.Exchange != nil {
		return
	}
	t := time.NewTicker(e.pool.interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			_, _ = e.Do(ctx, Dict{"command": "ping"})
		}
	}
}

// close ends the watch and the way to the daemon.
func (e *Engine) close() {
	e.cancel()
	e.mu.Lock()
	e.closed = true
	l := e.link
	e.mu.Unlock()
	if l != nil {
		e.broken(l, ErrDown)
	}
	<-e.done
}

// plainOf is a value as the function of a simulation gets it.
func plainOf(v any) any {
	switch v := v.(type) {
	case Dict:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[k] = plainOf(x)
		}
		return m
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	case int:
		return float64(v)
	}
	return v
}
