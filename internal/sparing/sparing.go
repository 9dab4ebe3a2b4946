// Package sparing keeps a log readable during an attack: what one source does wrong is logged once
// a minute, with the number of times it was suppressed.
package sparing

import (
	"net/netip"
	"sync"
	"time"
)

const (
	interval = time.Minute
	most     = 4096 // sources that are remembered; beyond them strangers share one entry
)

// Teller decides what is logged. The zero value is ready. Its methods may be called by any
// goroutine.
type Teller struct {
	mu      sync.Mutex
	sources map[key]*entry // guarded by mu
}

type key struct {
	what   string
	source netip.Addr // an IPv6 address represents its /64
}

type entry struct {
	next   time.Time // when it may be logged again
	silent int
}

// May reports whether what source did should be logged at now, and how often it was suppressed
// since the last time. what is one of a few constants of the caller.
func (t *Teller) May(what string, source netip.Addr, now time.Time) (silent int, ok bool) {
	k := key{what, network(source)}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.sources[k]
	if e == nil {
		if e = t.enter(k, now); e == nil {
			return 0, false
		}
	}
	if now.Before(e.next) && e.next.Sub(now) <= interval { // the clock may have been set back
		e.silent++
		return 0, false
	}
	silent = e.silent
	e.next, e.silent = now.Add(interval), 0
	return silent, true
}

func (t *Teller) enter(k key, now time.Time) *entry {
	if t.sources == nil {
		t.sources = map[key]*entry{}
	}
	if len(t.sources) >= most {
		for old, e := range t.sources {
			if !now.Before(e.next) || e.next.Sub(now) > interval {
				delete(t.sources, old)
			}
		}
	}
	if len(t.sources) >= most { // an attack from everywhere
		k.source = netip.Addr{}
		if e := t.sources[k]; e != nil {
			return e
		}
	}
	e := &entry{}
	t.sources[k] = e
	return e
}

func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}
