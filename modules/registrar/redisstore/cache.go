package redisstore

// This file is the cache: what was last known about an address, and whether that is still current.

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sipscript/sipscript/modules/registrar"
)

// cache remembers addresses. What it knows is fresh until Redis says that it was changed, or the
// connection is lost; then it is known, but not fresh.
type cache struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, entry] // guarded by mu
	looks map[string]*look              // guarded by mu: addresses with questions in progress
	epoch uint64                        // guarded by mu: of the connection
}

type entry struct {
	bindings []*registrar.Binding
	epoch    uint64
	stale    bool
}

// look is the address of one or several questions to Redis whose answers are pending. Changes that
// Redis reports in the meantime may have happened after the answer, which is then not fresh.
type look struct {
	users   int
	changes uint64
}

// question is one of them.
type question struct {
	aor            string
	look           *look
	changes, epoch uint64 // when it was asked
}

func newCache(size int) *cache {
	known, err := simplelru.NewLRU[string, entry](size, nil)
	if err != nil {
		panic("redisstore: " + err.Error()) // the size is above zero
	}
	return &cache{known: known, looks: map[string]*look{}}
}

// get returns what is known about aor.
func (c *cache) get(aor string) (list []*registrar.Binding, known, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.known.Get(aor)
	return e.bindings, known, known && !e.stale && e.epoch == c.epoch
}

// begin is called before a question is sent, end with its answer.
func (c *cache) begin(aor string) question {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.looks[aor]
	if l == nil {
		l = &look{}
		c.looks[aor] = l
	}
	l.users++
	return question{aor, l, l.changes, c.epoch}
}

// end records the answer, if there is one. wrote: the question was a change, so answers to earlier
// ones are not fresh.
func (c *cache) end(q question, list []*registrar.Binding, answered, wrote bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.look.users--; q.look.users == 0 {
		delete(c.looks, q.aor)
	}
	sure := answered && q.changes == q.look.changes && q.epoch == c.epoch
	if wrote {
		q.look.changes++
	}
	switch old, known := c.known.Peek(q.aor); {
	case sure:
		c.known.Add(q.aor, entry{list, c.epoch, false})
	case known && (wrote || answered):
		old.stale = true
		c.known.Add(q.aor, old)
	case answered:
		c.known.Add(q.aor, entry{list, q.epoch, true})
	}
}

// changed records that aor was changed, by another process or this one: after a change of our own
// the next lookup asks once.
func (c *cache) changed(aor string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.looks[aor]; l != nil {
		l.changes++
	}
	if e, ok := c.known.Peek(aor); ok && !e.stale {
		e.stale = true
		c.known.Add(aor, e)
	}
}

// lost notes that anything may have changed.
func (c *cache) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
}
