package auth

// This file limits guessing: it counts failures, and bans.

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/internal/sharded"
)

// maxCounted bounds how many sources, and users at sources, are counted.
const maxCounted = 1 << 16

// Limits of guessing. A source is an IP address, of IPv6 its /64 network.
type Limits struct {
	PerUser   int           `lua:"max_failures,reloadable" min:"0" default:"10" doc:"wrong passwords for one user from one source before a ban; 0: no limit"`
	PerSource int           `lua:"max_source_failures,reloadable" min:"0" default:"100" doc:"wrong passwords for all users from one source before a ban; 0: no limit"`
	Window    time.Duration `lua:"window,reloadable" min:"1" max:"86400" default:"300" doc:"seconds in which failures are counted"`
	Ban       time.Duration `lua:"ban,reloadable" min:"1" max:"86400" default:"300" doc:"how long a ban lasts, in seconds"`
}

// guesses counts failures. What falls out of the table starts again.
type guesses struct {
	table *sharded.Table[suspect, *count]
	seed  maphash.Seed
}

// suspect is what failures are counted for: a source, or a user name at a source. Names are hashed:
// they may be long, and anything.
type suspect struct {
	source netip.Addr
	user   uint64 // 0 for the source as a whole
	// unproven: the sender has not shown that it sees what we send to the source. Somebody else may
	// be forging the source's address, so this must not ban its real owner.
	unproven bool
}

type count struct {
	failures int
	since    time.Time // of the first one
	until    time.Time // banned
}

func newGuesses() *guesses {
	return &guesses{table: sharded.New[suspect, *count](maxCounted, nil), seed: maphash.MakeSeed()}
}

// whom are the two suspects of an attempt: the user at the source, and the source.
func (g *guesses) whom(source netip.Addr, user []byte, proven bool) (list [2]suspect) {
	source = source.Unmap().WithZone("")
	if source.Is6() {
		// A host has a whole /64 to choose addresses from
		if p, err := source.Prefix(64); err == nil {
			source = p.Addr()
		}
	}
	list[0] = suspect{source: source, user: maphash.Bytes(g.seed, user) | 1, unproven: !proven}
	list[1] = suspect{source: source, unproven: !proven}
	return list
}

// banned is how long an attempt is still refused, 0 when it is not.
func (g *guesses) banned(list [2]suspect, now time.Time) time.Duration {
	for _, who := range list {
		s := g.table.Lock(who)
		c, ok := s.Entries.Get(who)
		var left time.Duration
		if ok {
			// The clock was set back: nobody is banned for longer than that takes
			if c.since.After(now) {
				c.since, c.until = now, now.Add(c.until.Sub(c.since))
			}
			left = c.until.Sub(now)
		}
		s.Unlock()
		if left > 0 {
			return left
		}
	}
	return 0
}

// failed counts a failure. It reports which bans it began: of the user at the source, and of the
// source.
func (g *guesses) failed(list [2]suspect, l *Limits, now time.Time) (user, source bool) {
	return g.count(list[0], l.PerUser, l, now), g.count(list[1], l.PerSource, l, now)
}

func (g *guesses) count(who suspect, limit int, l *Limits, now time.Time) (banned bool) {
	if limit == 0 {
		return false
	}
	s := g.table.Lock(who)
	defer s.Unlock()
	c, ok := s.Entries.Get(who)
	if !ok {
		c = &count{since: now}
		s.Entries.Add(who, c)
	}
	if now.Sub(c.since) >= l.Window || c.since.After(now) {
		c.failures, c.since = 0, now
	}
	if c.failures++; c.failures < limit {
		return false
	}
	c.failures, c.since, c.until = 0, now, now.Add(l.Ban)
	return true
}

// succeeded forgets the failures of the user at the source; not those of the source, which may be
// guessing at others.
func (g *guesses) succeeded(list [2]suspect) {
	s := g.table.Lock(list[0])
	defer s.Unlock()
	s.Entries.Remove(list[0])
}
