package dictredis

// What is remembered of a dictionary.

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sipscript/sipscript/luabind/dict"
)

const (
	shards     = 16
	smallCopy  = 1024 // below this capacity there is one shard
	entryBytes = 250  // the size of an entry besides its key and value
)

// copy is what is remembered of one dictionary. What was used least recently is forgotten first.
type copy struct {
	set    *Set
	seed   maphash.Seed
	shards []*shard
	bytes  atomic.Int64 // how many its entries may have
}

type shard struct {
	mu      sync.Mutex
	bytes   int64                          // guarded by mu
	entries *simplelru.LRU[string, *entry] // guarded by mu
	looks   map[string]*look               // guarded by mu: keys with questions under way
}

// entry is what a key held. Only since is written after it is made, with the shard's lock held.
type entry struct {
	value any      // nil: nothing
	asked int64    // when
	ends  int64    // its end; 0: never
	in    *session // nil where changes are not reported
	since int64    // when a change was reported, 0 while there is none
	bytes int64
}

// look is the key of one or several questions whose answers are pending. What is reported meanwhile
// may have happened after the answer.
type look struct {
	users   int
	changes uint64
}

// question is one of them.
type question struct {
	key     string
	look    *look
	changes uint64
	in      *session
	asked   int64
}

func newCopy(s *Set, capacity, bytes int) *copy {
	c := &copy{set: s, seed: maphash.MakeSeed()}
	c.bytes.Store(int64(bytes))
	n := shards
	if capacity < smallCopy {
		n = 1
	}
	for range n {
		x := &shard{looks: map[string]*look{}}
		x.entries, _ = simplelru.NewLRU((capacity+n-1)/n, func(_ string, e *entry) {
			x.bytes -= e.bytes
			s.bytes.Add(-e.bytes)
		})
		c.shards = append(c.shards, x)
	}
	return c
}

func (c *copy) resize(capacity int) {
	n := len(c.shards)
	for _, x := range c.shards {
		x.mu.Lock()
		x.entries.Resize(max((capacity+n-1)/n, 1))
		x.mu.Unlock()
	}
}

func (c *copy) of(key string) *shard {
	if len(c.shards) == 1 {
		return c.shards[0]
	}
	return c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
}

// current is the value of a key, if it is known to be that, at a time.
func (c *copy) current(key string, in *session, now int64) (value any, known bool) {
	x := c.of(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.entries.Get(key)
	if !ok || in == nil || e.in != in || e.since != 0 || in.over.Load() || e.ends != 0 && now >= e.ends || now-in.confirmed.Load() > int64(c.set.opts.Fresh) {
		return nil, false
	}
	return e.value, true
}

// last is the value that a key had at most age ago.
func (c *copy) last(key string, now int64, age time.Duration) (value any, known bool) {
	x := c.of(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.entries.Get(key)
	if !ok {
		return nil, false
	}
	at := e.asked
	switch {
	case e.since != 0:
		at = e.since
	case e.in != nil:
		at = max(at, e.in.confirmed.Load())
	}
	if now-at > int64(age) {
		return nil, false
	}
	if e.ends != 0 && now >= e.ends {
		return nil, true
	}
	return e.value, true
}

// begin is called before a question is sent, end with its answer.
func (c *copy) begin(key string, in *session, now int64) question {
	x := c.of(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.looks[key]
	if l == nil {
		l = &look{}
		x.looks[key] = l
	}
	l.users++
	return question{key: key, look: l, changes: l.changes, in: in, asked: now}
}

// outcome is how a question ended.
type outcome struct {
	answered bool // value is what the key holds
	wrote    bool // it may have changed the key: answers to earlier questions are not current
	value    any
	left     time.Duration // until it ends, below 0 for never
	in       *session      // of the dictionary now
}

// end remembers the answer.
func (c *copy) end(q *question, o outcome, now int64) {
	x := c.of(q.key)
	x.mu.Lock()
	defer x.mu.Unlock()
	alone := q.changes == q.look.changes
	if q.look.users--; q.look.users == 0 {
		delete(x.looks, q.key)
	}
	if o.wrote {
		q.look.changes++
	}
	if !o.answered {
		if e, ok := x.entries.Peek(q.key); ok && o.wrote && e.since == 0 {
			e.since = now
		}
		return
	}
	e := &entry{value: o.value, asked: q.asked, in: q.in, bytes: entryBytes + int64(len(q.key)) + dict.SizeOf(o.value)}
	if o.value != nil && o.left >= 0 {
		e.ends = q.asked + min(int64(o.left), math.MaxInt64-q.asked)
	}
	if !alone || q.in != o.in {
		e.since = q.asked
	}
	c.add(x, q.key, e)
}

// add puts an entry in its shard, whose lock is held.
func (c *copy) add(x *shard, key string, e *entry) {
	if old, ok := x.entries.Peek(key); ok { // which is replaced without a call
		x.bytes -= old.bytes
		c.set.bytes.Add(-old.bytes)
	}
	x.bytes += e.bytes
	c.set.bytes.Add(e.bytes)
	x.entries.Add(key, e)
	most := c.bytes.Load() / int64(len(c.shards))
	for x.entries.Len() > 1 && (x.bytes > most || c.set.bytes.Load() > memory) {
		x.entries.RemoveOldest()
	}
}

// changed notes that somebody has changed a key, maybe this process.
func (c *copy) changed(key string, now int64) {
	x := c.of(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	if l := x.looks[key]; l != nil {
		l.changes++
	}
	if e, ok := x.entries.Peek(key); ok && e.since == 0 {
		e.since = now
	}
}

// forget drops everything, and lets no answer that is under way be current.
func (c *copy) forget() {
	for _, x := range c.shards {
		x.mu.Lock()
		x.entries.Purge()
		for _, l := range x.looks {
			l.changes++
		}
		x.mu.Unlock()
	}
}
