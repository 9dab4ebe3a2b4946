// Package eventstate is the state that users publish (RFC 3903): publications by user and event
// package, each with an entity tag and an end. It is pure: it is told the time, and sends nothing.
package eventstate

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Key is what publications are about: the event Package, and the user's canonical AOR.
type Key struct{ Package, AOR string }

// Publication is one publisher's state. It is not changed once it is stored.
type Publication struct {
	ID      string    // which it is among those about its key; its changes have it too
	Tag     string    // its entity tag, a new one with each change
	Type    string    // of the body, as it came
	Body    []byte    // as it came
	Value   any       // the body, read
	At      time.Time // when the body came: the newest counts
	Expires time.Time // zero: never, of a script's
	Name    string    // of a script's publication; "" for those of PUBLISH
}

// Request is a PUBLISH.
type Request struct {
	IfMatch string        // SIP-If-Match, "" for none
	Expires time.Duration // granted; 0 ends the publication
	Type    string        // of the body
	Body    []byte        // nil for none
	Value   any           // the body, read
}

// Errors of Publish.
var (
	ErrNoMatch = errors.New("eventstate: there is no publication with that entity tag") // 412
	ErrNoBody  = errors.New("eventstate: an initial publication needs a body")          // 400
	ErrFull    = errors.New("eventstate: too many publications")
)

// Limits of a Store.
type Limits struct {
	PerKey int // publications about one user
	All    int // in all
}

// Store keeps publications. It is safe for concurrent use.
type Store struct {
	limits Limits
	tag    func() string // makes entity tags
	journal
	common

	// A key's is held by one change at a time, also while it is written. Who reads never waits
	writing [stripes]sync.Mutex
	seed    maphash.Seed

	mu     sync.RWMutex
	keys   map[Key]*entity // guarded by mu
	due    timetable       // guarded by mu
	n      int             // publications; guarded by mu
	coming int             // new ones that are being written; guarded by mu
}

// stripes is more changes than are written at a time: two keys seldom wait for one another.
const stripes = 64

// lockKey keeps other changes of a key out.
func (s *Store) lockKey(k Key) *sync.Mutex {
	m := &s.writing[maphash.String(s.seed, k.AOR)%stripes]
	m.Lock()
	return m
}

// journal is told of each change, those of one key one at a time; of what comes before anybody can
// see it.
type journal struct {
	put  func(k Key, p *Publication, old string) error
	drop func(k Key, p *Publication) error
}

// common is what processes with one state have: each change is made and told under the lock.
type common struct {
	lock sync.Locker // nil: nothing is common
	told func(k Key, id string, p *Publication)
}

type entity struct{ list []*Publication } // the newest first

// New makes a store whose entity tags tag makes: each another one, over restarts too.
func New(limits Limits, tag func() string) *Store {
	return &Store{limits: limits, tag: tag, keys: map[Key]*entity{}, seed: maphash.MakeSeed()}
}

// Keep has each change written: put is given what comes and the tag that it replaces, "" for none;
// drop what is removed; what ends by itself is not told. An error of put
// refuses the change.
func (s *Store) Keep(put func(k Key, p *Publication, old string) error, drop func(k Key, p *Publication) error) {
	s.journal = journal{put, drop}
}

// Share has each change that is made here told, with lock held: p, or nil for one that was removed.
// What ends by itself is not told.
func (s *Store) Share(lock sync.Locker, told func(k Key, id string, p *Publication)) {
	s.common = common{lock, told}
}

// Adopt takes in a change that another process has made, nil for one that was removed, and reports
// whether what is published is another now. The lock of Share is held.
func (s *Store) Adopt(k Key, id string, p *Publication) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.byID(k, id)
	if old != nil {
		s.remove(k, old)
	}
	if p == nil {
		return old != nil
	}
	p.ID = id
	s.insert(k, p)
	return old == nil || !bytes.Equal(old.Body, p.Body)
}

// Find is a publication by its ID, or nil.
func (s *Store) Find(k Key, id string) *Publication {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID(k, id)
}

// byID is Find with mu held.
func (s *Store) byID(k Key, id string) *Publication {
	if e := s.keys[k]; e != nil {
		for _, p := range e.list {
			if p.ID == id {
				return p
			}
		}
	}
	return nil
}

// SetLimits has publications from now on bounded by others.
func (s *Store) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
}

// Publish carries out a PUBLISH (RFC 3903 §6) and returns the publication, nil if it ended; changed
// reports whether what is published is another now: a refresh changes nothing.
func (s *Store) Publish(k Key, r *Request, now time.Time) (p *Publication, changed bool, err error) {
	defer s.lockKey(k).Unlock()
	s.mu.RLock()
	old := s.find(k, r.IfMatch, now)
	s.mu.RUnlock()
	switch {
	case r.IfMatch != "" && old == nil: // §6 step 2
		return nil, false, ErrNoMatch
	case old == nil && r.Body == nil:
		return nil, false, ErrNoBody
	case r.Expires == 0: // step 5: removed
		if old != nil {
			err = s.leave(k, old)
		}
		return nil, old != nil, err
	case old == nil && !s.reserve(k):
		return nil, false, ErrFull
	case old == nil:
		defer s.reserved()
	}
	p = &Publication{Tag: s.tag(), Type: r.Type, Body: r.Body, Value: r.Value, At: now, Expires: now.Add(r.Expires)}
	if p.ID = p.Tag; old != nil {
		p.ID = old.ID
	}
	if r.Body == nil { // refreshed
		p.Type, p.Body, p.Value, p.At = old.Type, old.Body, old.Value, old.At
	}
	return p, r.Body != nil, s.enter(k, p, old)
}

// Set is a publication of a script's own by a name: p takes its place, nil ends it. It is not
// counted against the limit of a key.
func (s *Store) Set(k Key, name string, p *Publication, now time.Time) (changed bool, err error) {
	defer s.lockKey(k).Unlock()
	var old *Publication
	s.mu.RLock()
	if e := s.keys[k]; e != nil {
		if i := slices.IndexFunc(e.list, func(o *Publication) bool { return o.Name == name }); i >= 0 {
			old = e.list[i]
		}
	}
	s.mu.RUnlock()
	switch {
	case p != nil:
		p.ID, p.Name, p.Tag, p.At = "="+name, name, s.tag(), now
		return true, s.enter(k, p, old)
	case old != nil:
		return true, s.leave(k, old)
	}
	return false, nil
}

// Restore enters what was kept, unless it is over.
func (s *Store) Restore(k Key, p *Publication, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.alive(now) {
		if p.ID = p.Tag; p.Name != "" {
			p.ID = "=" + p.Name
		}
		s.insert(k, p)
	}
}

// reserve has a new publication counted while it is written, unless there are too many.
func (s *Store) reserve(k Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full(k) {
		return false
	}
	s.coming++
	return true
}

// reserved ends reserve.
func (s *Store) reserved() {
	s.mu.Lock()
	s.coming--
	s.mu.Unlock()
}

func (s *Store) full(k Key) bool {
	e := s.keys[k]
	if e == nil {
		return s.n+s.coming >= s.limits.All
	}
	n := 0
	for _, p := range e.list {
		if p.Name == "" {
			n++
		}
	}
	return n >= s.limits.PerKey || s.n+s.coming >= s.limits.All
}

// leave takes p out. The lock of k is held.
func (s *Store) leave(k Key, p *Publication) error {
	if s.lock != nil {
		s.lock.Lock()
		defer s.lock.Unlock()
	}
	s.mu.Lock()
	if now := s.byID(k, p.ID); now != nil { // as another process has left it
		s.remove(k, now)
	}
	s.mu.Unlock()
	if s.told != nil {
		s.told(k, p.ID, nil)
	}
	if s.drop == nil {
		return nil
	}
	return s.drop(k, p)
}

// enter puts p in the place of old, which may be nil, or have ended meanwhile. The lock of k is
// held.
func (s *Store) enter(k Key, p, old *Publication) error {
	if s.put != nil {
		replaced := ""
		if old != nil {
			replaced = old.Tag
		}
		if err := s.put(k, p, replaced); err != nil {
			return err
		}
	}
	if s.lock != nil {
		s.lock.Lock()
		defer s.lock.Unlock()
	}
	s.mu.Lock()
	if now := s.byID(k, p.ID); now != nil {
		s.remove(k, now)
	}
	s.insert(k, p)
	s.mu.Unlock()
	if s.told != nil {
		s.told(k, p.ID, p)
	}
	return nil
}

func (s *Store) insert(k Key, p *Publication) {
	e := s.keys[k]
	if e == nil {
		e = &entity{}
		s.keys[k] = e
	}
	i := slices.IndexFunc(e.list, func(o *Publication) bool { return !o.At.After(p.At) })
	if i < 0 {
		i = len(e.list)
	}
	// What others are reading stays as it is
	list := make([]*Publication, 0, len(e.list)+1)
	e.list = append(append(append(list, e.list[:i]...), p), e.list[i:]...)
	s.n++
	if !p.Expires.IsZero() {
		s.due.add(appointment{p.Expires, k, p})
	}
}

func (s *Store) remove(k Key, p *Publication) bool {
	e := s.keys[k]
	if e == nil {
		return false
	}
	i := slices.Index(e.list, p)
	if i < 0 {
		return false
	}
	s.n--
	if len(e.list) == 1 {
		delete(s.keys, k)
		return true
	}
	e.list = append(e.list[:i:i], e.list[i+1:]...)
	return true
}

func (p *Publication) alive(now time.Time) bool { return p.Expires.IsZero() || p.Expires.After(now) }

// find is a publication of PUBLISH by its tag, or nil.
func (s *Store) find(k Key, tag string, now time.Time) *Publication {
	e := s.keys[k]
	if e == nil || tag == "" {
		return nil
	}
	for _, p := range e.list {
		if p.Tag == tag && p.Name == "" && p.alive(now) {
			return p
		}
	}
	return nil
}

// Get lists the publications about a key, the newest first. The list is not changed.
func (s *Store) Get(k Key, now time.Time) []*Publication {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.keys[k]
	if e == nil {
		return nil
	}
	for _, p := range e.list {
		if !p.alive(now) {
			return slices.DeleteFunc(slices.Clone(e.list), func(p *Publication) bool { return !p.alive(now) })
		}
	}
	return e.list
}

// Each calls f with each publication until it returns false, in no order. f must not call the
// store.
func (s *Store) Each(f func(k Key, p *Publication) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, e := range s.keys {
		for _, p := range e.list {
			if !f(k, p) {
				return
			}
		}
	}
}

// Len is how many publications there are.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.n
}
