package dict

// Values that one of several computes, while the others wait.

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Want is the value of key, or the load that fills it: if mine is true the caller has to fill it
// and call finish. wake is called, on any goroutine and without locks, when somebody else's load is
// done.
func (d *Dict) Want(key string, now lane.Time, owner any, wake func()) (value any, l *Load, mine bool) {
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return e.value, nil, false
	}
	if l := s.loads[key]; l != nil {
		if l.Owner != owner {
			l.waiters = append(l.waiters, wake)
		}
		return nil, l, false
	}
	l = &Load{Owner: owner}
	s.loads[key] = l
	return nil, l, true
}

// Finish stores the result of a load, unless that is nil, and wakes those who wait. A value that
// was set in the meantime is newer than the loaded one and stays; it is then the outcome of the
// load.
func (d *Dict) Finish(key string, l *Load, value any, err string, now lane.Time, ttl time.Duration) {
	expires := d.expiry(now, ttl)
	s := d.of(key)
	s.mu.Lock()
	l.Value, l.Err = value, err
	if value != nil {
		if e := s.live(key, now); e != nil {
			l.Value = e.value
		} else {
			d.add(s, key, value, expires)
		}
	}
	delete(s.loads, key)
	waiters := l.waiters
	s.mu.Unlock()
	for _, wake := range waiters {
		wake()
	}
}
