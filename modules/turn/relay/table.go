package relay

// The allocations of a server, and the bounds on their number.

import (
	"crypto/rand"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v3"
)

// tuple is a client over UDP.
type tuple struct {
	listener *listener
	addr     netip.AddrPort
}

// user is whoever shows credentials with one name.
type user struct {
	name        string       // without the time
	allocations int          // guarded by the table's mu
	spent       atomic.Int64 // bytes of this second
}

// table holds all allocations.
type table struct {
	mu       sync.RWMutex
	byTuple  map[tuple]*allocation // over UDP; guarded by mu
	all      map[*allocation]bool  // guarded by mu
	users    map[string]*user      // with allocations; guarded by mu
	byIP     map[netip.Addr]int    // clients' allocations; guarded by mu
	reserved map[string]*reserved  // ports, by their tokens; guarded by mu
	opening  int                   // admitted and not entered yet; guarded by mu
}

// reserved is the other port of a pair (RFC 8656 §7.2).
type reserved struct {
	socket *udpSocket
	relay  *relayAddress
	port   uint16
	user   string
	until  int64
}

func newTable() *table {
	return &table{byTuple: map[tuple]*allocation{}, all: map[*allocation]bool{}, users: map[string]*user{}, byIP: map[netip.Addr]int{},
		reserved: map[string]*reserved{}}
}

func (t *table) find(c *client) *allocation {
	if c.stream != nil {
		return c.stream.allocation.Load()
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byTuple[tuple{c.listener, c.addr}]
}

// admit takes a place for an allocation of a user, or says why there is none.
func (s *Server) admit(name string, ip netip.Addr) (*user, stun.ErrorCode) {
	p, t := &s.guard.Load().policy, s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	switch u := t.users[name]; {
	case s.draining.Load():
		s.stats.refused[refusedDraining].Add(1)
		return nil, stun.CodeInsufficientCapacity
	case p.Total > 0 && len(t.all)+t.opening >= p.Total:
		s.stats.refused[refusedTotal].Add(1)
		return nil, stun.CodeInsufficientCapacity
	case p.PerUser > 0 && u != nil && u.allocations >= p.PerUser:
		s.stats.refused[refusedUser].Add(1)
		return nil, stun.CodeAllocQuotaReached
	case p.PerIP > 0 && t.byIP[ip] >= p.PerIP:
		s.stats.refused[refusedIP].Add(1)
		return nil, stun.CodeAllocQuotaReached
	case u == nil:
		t.users[name] = &user{name: name}
	}
	u := t.users[name]
	u.allocations++
	t.byIP[ip]++
	t.opening++
	return u, 0
}

// leaveLocked gives a place back.
func (s *Server) leaveLocked(name string, ip netip.Addr) {
	t := s.table
	if u := t.users[name]; u != nil {
		if u.allocations--; u.allocations <= 0 {
			delete(t.users, name)
		}
	}
	if t.byIP[ip]--; t.byIP[ip] <= 0 {
		delete(t.byIP, ip)
	}
}

// enter makes an allocation known, for which admit took a place.
func (s *Server) enter(a *allocation) {
	t := s.table
	t.mu.Lock()
	t.opening--
	t.all[a] = true
	if a.client.stream == nil {
		t.byTuple[tuple{a.client.listener, a.client.addr}] = a
	}
	t.mu.Unlock()
	if a.client.stream != nil {
		a.client.stream.allocation.Store(a)
	}
	s.stats.allocated.Add(1)
}

// abandon gives a place back that admit took.
func (s *Server) abandon(name string, ip netip.Addr) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opening--
	s.leaveLocked(name, ip)
}

// end ends an allocation, once.
func (s *Server) end(a *allocation) {
	if a.ended.Swap(true) {
		return
	}
	t := s.table
	t.mu.Lock()
	delete(t.all, a)
	if a.client.stream == nil {
		delete(t.byTuple, tuple{a.client.listener, a.client.addr})
	}
	s.leaveLocked(a.user.name, a.client.addr.Addr())
	t.mu.Unlock()
	if a.client.stream != nil {
		a.client.stream.allocation.CompareAndSwap(a, nil)
	}
	a.relay.mark(a.port, false)
	a.socket.close()
}

// reserve keeps a port for the next allocation of its user.
func (s *Server) reserve(r *reserved, now time.Time) (token []byte) {
	token = make([]byte, 8)
	rand.Read(token)
	r.until = now.Add(reservedLifetime).UnixNano()
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	s.table.reserved[string(token)] = r
	return token
}

// redeem takes a reserved port, or returns nil.
func (s *Server) redeem(token []byte, user string, now int64) *reserved {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	r := s.table.reserved[string(token)]
	if r == nil || r.user != user || r.until <= now {
		return nil
	}
	delete(s.table.reserved, string(token))
	return r
}

// sweep ends what has expired, and begins a second of every user's bandwidth.
func (s *Server) sweep(now int64) {
	var over []*allocation
	var free []*reserved
	t := s.table
	t.mu.Lock()
	for a := range t.all {
		if a.until.Load() <= now {
			over = append(over, a)
		}
	}
	for token, r := range t.reserved {
		if r.until <= now {
			delete(t.reserved, token)
			free = append(free, r)
		}
	}
	for _, u := range t.users {
		u.spent.Store(0)
	}
	t.mu.Unlock()
	for _, a := range over {
		s.end(a)
		s.stats.expired.Add(1)
	}
	for _, r := range free {
		r.relay.mark(r.port, false)
		r.socket.close()
	}
}
