package limit

// Who is not heard, until when, and why.

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/clients/redisset"
)

const (
	banShards = 16
	mostBans  = 1 << 16
)

// Ban is a source that is not heard.
type Ban struct {
	Source netip.Prefix  // an address, of IPv6 a /64
	Why    string        // "flood" or "scanner"
	Since  time.Time     // time of day
	Left   time.Duration // until it ends
	Drops  uint64        // what it has sent since
}

// bans are in shards, so that readers hardly ever wait for each other. While there are none, asking
// costs an atomic load.
type bans struct {
	n      atomic.Int64
	shards [banShards]banShard
}

type banShard struct {
	mu     sync.RWMutex
	byAddr map[netip.Addr]*ban // guarded by mu; of IPv6 by the first address of the /64
}

type ban struct {
	why   string
	since time.Time
	until int64 // on Limit.clock
	drops atomic.Uint64
}

func newBans() *bans {
	b := &bans{}
	for i := range b.shards {
		b.shards[i].byAddr = map[netip.Addr]*ban{}
	}
	return b
}

// sourceOf is what is counted and banned for an address. A host with IPv6 has a /64 to choose
// addresses from.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}

func prefixOf(source netip.Addr) netip.Prefix {
	if source.Is4() {
		return netip.PrefixFrom(source, 32)
	}
	return netip.PrefixFrom(source, 64)
}

func (b *bans) shard(source netip.Addr) *banShard {
	x := source.As16()
	return &b.shards[(x[3]^x[5]^x[7]^x[14]^x[15])%banShards]
}

// banned reports whether a source is banned, and counts what it sent.
func (b *bans) banned(source netip.Addr, now int64) bool {
	if b.n.Load() == 0 {
		return false
	}
	s := b.shard(source)
	s.mu.RLock()
	x := s.byAddr[source]
	s.mu.RUnlock()
	if x == nil {
		return false
	}
	if now < x.until {
		x.drops.Add(1)
		return true
	}
	b.remove(source, x)
	return false
}

// add begins a ban. It reports whether there was none.
func (b *bans) add(source netip.Addr, x *ban, now int64) bool {
	s := b.shard(source)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byAddr[source]; old != nil {
		fresh := now >= old.until
		x.drops.Store(old.drops.Load())
		s.byAddr[source] = x
		return fresh
	}
	if len(s.byAddr) >= mostBans/banShards {
		for other := range s.byAddr { // any: there are too many to be particular
			delete(s.byAddr, other)
			b.n.Add(-1)
			break
		}
	}
	s.byAddr[source] = x
	b.n.Add(1)
	return true
}

// remove ends a ban: that one, or any if it is nil.
func (b *bans) remove(source netip.Addr, that *ban) bool {
	s := b.shard(source)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.byAddr[source]
	if x == nil || that != nil && x != that {
		return false
	}
	delete(s.byAddr, source)
	b.n.Add(-1)
	return true
}

// list are the bans that last, the newest first.
func (b *bans) list(now int64) []Ban {
	var all []Ban
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.RLock()
		for source, x := range s.byAddr {
			if now < x.until {
				all = append(all, Ban{Source: prefixOf(source), Why: x.why, Since: x.since, Left: time.Duration(x.until - now), Drops: x.drops.Load()})
			}
		}
		s.mu.RUnlock()
	}
	slices.SortFunc(all, func(a, b Ban) int { return cmp.Or(b.Since.Compare(a.Since), a.Source.Addr().Compare(b.Source.Addr())) })
	return all
}

// Bans are the sources that are not heard now.
func (l *Limit) Bans() []Ban { return l.bans.list(l.clock()) }

// why is why a source is banned, if it is.
func (b *bans) why(source netip.Addr, now int64) (string, bool) {
	s := b.shard(source)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if x := s.byAddr[source]; x != nil && now < x.until {
		return x.why, true
	}
	return "", false
}

// Unban hears a source again. It reports whether it was banned.
func (l *Limit) Unban(a netip.Addr) bool {
	l.banning.Lock()
	defer l.banning.Unlock()
	source := sourceOf(a)
	there := l.bans.remove(source, nil)
	if there && l.sharesBans() {
		l.together.Changed(redisset.Entry{Key: source.String(), Gone: true})
	}
	return there
}
