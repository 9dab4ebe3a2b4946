// The existing connections, by flow and by the address they lead to, and the caps on them.

package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

const flowShards = 64

// flowTable finds the open connection of a FlowID. Ids are counted up and never used again.
type flowTable struct {
	last   atomic.Uint64
	shards [flowShards]flowShard
}

type flowShard struct {
	mu    sync.RWMutex // guards conns
	conns map[FlowID]*conn
	_     [32]byte // shards don't share cache lines
}

func (t *flowTable) start() {
	for i := range t.shards {
		t.shards[i].conns = map[FlowID]*conn{}
	}
}

func (t *flowTable) next() FlowID { return FlowID(t.last.Add(1)) }

func (t *flowTable) shard(id FlowID) *flowShard { return &t.shards[id%flowShards] }

func (t *flowTable) get(id FlowID) *conn {
	s := t.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.conns[id]
}

func (t *flowTable) put(c *conn) {
	s := t.shard(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.id] = c
}

func (t *flowTable) remove(c *conn) {
	s := t.shard(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}

// all are the open connections.
func (t *flowTable) all() []*conn {
	var all []*conn
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for _, c := range s.conns {
			all = append(all, c)
		}
		s.mu.RUnlock()
	}
	return all
}

// connKey is what two requests must have in common to share a connection. It includes the name a
// TLS peer must prove: a connection verified for one name is not used for another (RFC 5922 §4).
type connKey struct {
	kind       Kind
	addr       netip.AddrPort
	serverName string
}

func keyOf(to *Peer) connKey {
	key := connKey{kind: to.Kind, addr: unmapped(to.Addr)}
	if to.Kind == TLS {
		key.serverName = canonicalName(to.ServerName)
	}
	return key
}

// connTable finds the connection to an address, and enforces the caps. A connection that is being
// made is already in it, so there is one attempt per address at a time.
type connTable struct {
	mu       sync.RWMutex // guards all fields
	byKey    map[connKey]*conn
	accepted map[netip.Addr]int
	total    int
	refusing bool // the stack is closing
}

func (t *connTable) start() {
	t.byKey = map[connKey]*conn{}
	t.accepted = map[netip.Addr]int{}
}

func (t *connTable) get(key connKey) *conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byKey[key]
}

// admit adds an accepted connection, unless a cap prevents it. If it is admitted, add is run under
// the lock, so that Close either sees what it adds or has refused it.
func (t *connTable) admit(c *conn, most, mostPerAddress int, add func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := c.remote.Addr()
	if t.refusing || t.total >= most || t.accepted[from] >= mostPerAddress {
		return false
	}
	t.total++
	t.accepted[from]++
	if _, taken := t.byKey[c.key]; !taken {
		t.byKey[c.key] = c
	}
	add()
	return true
}

// reserve finds the connection with c's key, or enters c. add is run under the lock when c was
// entered.
func (t *connTable) reserve(c *conn, most int, add func()) (*conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusing {
		return nil, ErrClosed
	}
	if there := t.byKey[c.key]; there != nil {
		return there, nil
	}
	if t.total >= most {
		return nil, ErrTooManyConns
	}
	t.total++
	t.byKey[c.key] = c
	add()
	return c, nil
}

// remove removes a connection that was admitted or reserved.
func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.byKey[c.key] == c {
		delete(t.byKey, c.key)
	}
	if c.inbound {
		from := c.remote.Addr()
		if t.accepted[from]--; t.accepted[from] == 0 {
			delete(t.accepted, from)
		}
	}
}

// refuse admits no further connections, and returns the existing ones by address.
func (t *connTable) refuse() []*conn {
	t.mu.Lock()
	t.refusing = true
	t.mu.Unlock()
	return t.all()
}

func (t *connTable) all() []*conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*conn, 0, len(t.byKey))
	for _, c := range t.byKey {
		all = append(all, c)
	}
	return all
}
