package engine

// Listeners that come and go while traffic flows.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// leaveLook is how often a listener that leaves is looked at when its time is over.
const leaveLook = 100 * time.Millisecond

// Why a listener cannot be added or removed.
var (
	ErrNoSuchListener = errors.New("there is no such listener")
	ErrLastListener   = errors.New("it is the only listener: add another one first")
	ErrSimulated      = errors.New("a simulation has the listeners that it began with")
)

// leavers are the goroutines that see listeners off.
type leavers struct {
	mu      sync.Mutex
	ended   bool           // guarded by mu: the engine stops, and no goroutine begins
	list    []*leaver      // guarded by mu
	running sync.WaitGroup // ends at the latest with the engine
}

type leaver struct {
	local *transport.Local
	until time.Time
	hurry chan struct{} // closed: its time is over now
}

// end waits for the goroutines, and has none begin from now on.
func (v *leavers) end() {
	v.mu.Lock()
	v.ended = true
	v.mu.Unlock()
	v.running.Wait()
}

// LeavingListener is a listener that was removed and still serves what is in progress.
type LeavingListener struct {
	Local *transport.Local // the listener
	Until time.Time        // it goes then, or when its last transaction has ended after that
}

// AddListener opens one more listener while traffic flows, as Config.Listen names it; advertised is
// as in Config.Advertise, "" for its own address. The error says what to do about it.
func (e *Engine) AddListener(text, advertised string) (*transport.Local, error) {
	if e.stack == nil {
		return nil, ErrSimulated
	}
	spec, err := transport.ParseListen(text)
	if err != nil {
		return nil, err
	}
	if advertised != "" {
		if spec.AdvertisedHost, spec.AdvertisedPort, err = ParseAdvertised(advertised); err != nil {
			return nil, fmt.Errorf("advertise %s=%s: %w", text, advertised, err)
		}
	}
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	if e.leaving.ended {
		return nil, ErrStopped
	}
	l, err := e.stack.Add(spec)
	if err != nil {
		return nil, err
	}
	e.followListeners()
	e.log.Info("a listener was added", "listener", l.Name, "address", l.Addr.String(), "advertised", l.SentBy)
	return l, nil
}

// RemoveListener takes a listener out of service: its name, or PROTO:HOST:PORT with the port it is
// bound to. From now on it takes no connection, refuses new dialogs (503, Retry-After), and nothing
// new leaves from it. What is within dialogs passes for drain, and transactions finish; then its
// socket and its connections are closed. RemoveListener does not wait for that. Of one that leaves
// already it changes the time.
func (e *Engine) RemoveListener(name string, drain time.Duration) (*transport.Local, error) {
	if e.stack == nil {
		return nil, ErrSimulated
	}
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	if e.leaving.ended {
		return nil, ErrStopped
	}
	locals := e.Locals()
	i := slices.IndexFunc(locals, func(l *transport.Local) bool { return named(l, name) })
	if w := slices.IndexFunc(e.leaving.list, func(w *leaver) bool { return named(w.local, name) }); i < 0 && w >= 0 {
		l := e.leaving.list[w].local
		e.dismissLocked(e.leaving.list[w])
		e.seeOffLocked(l, drain)
		return l, nil
	}
	switch {
	case i < 0:
		var names []string
		for _, l := range locals {
			names = append(names, l.Kind.String()+":"+l.Addr.String())
		}
		return nil, fmt.Errorf("%w as %s; there are %s", ErrNoSuchListener, name, strings.Join(names, ", "))
	case len(locals) == 1:
		return nil, ErrLastListener
	}
	l := locals[i]
	if err := e.stack.Retire(l); err != nil {
		return nil, err
	}
	e.followListeners()
	e.log.Info("a listener leaves", "listener", l.Name, "address", l.Addr.String(), "after", drain)
	e.seeOffLocked(l, drain)
	return l, nil
}

// named reports whether a listener is meant.
func named(l *transport.Local, name string) bool {
	name, _, _ = strings.Cut(name, "?")
	if kind, rest, _ := strings.Cut(name, ":"); kind == l.Kind.String() {
		if at, err := netip.ParseAddrPort(rest); err == nil && at.Port() != 0 {
			return at == l.Addr
		}
	}
	return name == l.Name
}

// Leaving are the listeners that were removed and are still there.
func (e *Engine) Leaving() []LeavingListener {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	var list []LeavingListener
	for _, w := range e.leaving.list {
		list = append(list, LeavingListener{w.local, w.until})
	}
	return list
}

// Connections counts the open connections of a listener; 0 in a simulation.
func (e *Engine) Connections(l *transport.Local) int {
	if e.stack == nil {
		return 0
	}
	return e.stack.Connections(l)
}

// dismissLocked has the goroutine of a leaver end without closing anything; leaving.mu is held.
func (e *Engine) dismissLocked(w *leaver) {
	e.leaving.list = slices.DeleteFunc(e.leaving.list, func(o *leaver) bool { return o == w })
	close(w.hurry)
}

// seeOffLocked starts the goroutine that closes a listener when its time is over; leaving.mu is
// held. It ends with that, when it is dismissed, or with the engine.
func (e *Engine) seeOffLocked(l *transport.Local, drain time.Duration) {
	w := &leaver{local: l, until: e.clock.Wall().Add(drain), hurry: make(chan struct{})}
	e.leaving.list = append(e.leaving.list, w)
	e.leaving.running.Go(func() {
		wait := time.NewTimer(drain)
		defer wait.Stop()
		// A transaction lasts as long as timer C lets it, and 64*T1 longer (§16.6, §17)
		end, cancel := context.WithTimeout(e.ctx, drain+e.config.TimerC+time.Minute)
		defer cancel()
		for due := wait.C; ; {
			select {
			case <-due:
			case <-w.hurry:
				return
			case <-e.ctx.Done():
				return
			}
			if end.Err() == nil && e.uses(l) {
				wait.Reset(leaveLook)
				continue
			}
			break
		}
		e.leaving.mu.Lock()
		defer e.leaving.mu.Unlock()
		if !slices.Contains(e.leaving.list, w) {
			return
		}
		e.leaving.list = slices.DeleteFunc(e.leaving.list, func(o *leaver) bool { return o == w })
		open := e.stack.Connections(l)
		e.stack.Release(l)
		level, what := slog.LevelInfo, "a listener was removed"
		if open > 0 {
			level, what = slog.LevelWarn, "a listener was removed, and what was connected to it was cut"
		}
		e.log.Log(e.ctx, level, what, "listener", l.Name, "address", l.Addr.String(), "connections", open)
	})
}

// uses reports whether a transaction in progress came in at a listener, or left from it.
func (e *Engine) uses(l *transport.Local) bool {
	var used atomic.Bool
	e.onLanes(func(u *unit) {
		if u.layer.Uses(l) {
			used.Store(true)
		}
	})
	return used.Load()
}

// followListeners has everybody know which listeners there are.
func (e *Engine) followListeners() {
	n := &ownNames{serving: localNames(e.wire.Locals())}
	n.ever = n.serving
	if old := e.names.Load(); old != nil {
		n.ever = slices.Clone(n.serving)
		for _, name := range old.ever {
			if !slices.Contains(n.ever, name) {
				n.ever = append(n.ever, name)
			}
		}
	}
	e.names.Store(n)
	if e.lookups != nil {
		e.lookups.follow(e.wire.Locals())
	}
}
