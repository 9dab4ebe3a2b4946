package dict

// Dictionaries that survive the process.

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Keeper keeps dictionaries beyond the life of the process. Its methods are called by one goroutine
// at a time for each name.
type Keeper interface {
	// Load calls each with every entry of a dictionary. Values are texts of Change.
	Load(name string, each func(Change)) error
	// Save makes changes, all or none.
	Save(name string, changes []Change) error
}

// Change is an entry, or its removal.
type Change struct {
	Key     string    // of the entry
	Value   []byte    // nil: the key was removed
	Expires time.Time // the zero time: never
}

// settle is how long changes gather before they are written. A crash loses no more than that.
const settle = 100 * time.Millisecond

// ErrNoKeeper is the error of a durable dictionary if there is nothing to keep it in.
var ErrNoKeeper = errors.New("there is no directory to keep it in (--data), so it ends with the process")

// Keep has durable dictionaries kept by k. It is called once, before any is opened.
func (s *Set) Keep(k Keeper, clock lane.Clock, log *slog.Logger) {
	s.keeper, s.clock, s.log = k, clock, log
	s.wake, s.stopped = make(chan struct{}, 1), make(chan struct{})
}

// Durable loads the stored contents of a dictionary, the first time, and stores its changes from
// then on.
func (s *Set) Durable(d *Dict) error {
	if s.keeper == nil {
		return ErrNoKeeper
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.changed.Load() != nil {
		return nil
	}
	now, wall := s.clock.Now(), s.clock.Wall()
	var failed error
	var over []string
	err := s.keeper.Load(d.Name, func(c Change) {
		value, err := decode(c.Value)
		if err != nil {
			failed = fmt.Errorf("the value of %q: %w", c.Key, err)
			return
		}
		left := time.Duration(0)
		if !c.Expires.IsZero() {
			if left = c.Expires.Sub(wall); left <= 0 {
				over = append(over, c.Key)
				return
			}
		}
		d.Put(c.Key, value, now, left, Always)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("the dictionary %q can't be read: %w", d.Name, err)
	}
	d.changed.Store(&changes{keys: map[string]struct{}{}, set: s})
	s.kept = append(s.kept, d)
	for _, key := range over { // they ran out while nothing ran
		d.note(key)
	}
	if len(s.kept) == 1 {
		s.writing.Go(s.write) // ends with Close
	}
	return nil
}

// Close writes what has not been written yet.
func (s *Set) Close() {
	if s.stopped == nil {
		return
	}
	s.ending.Do(func() { close(s.stopped) })
	s.writing.Wait()
}

// changes are the keys of a dictionary that must be written.
type changes struct {
	set *Set

	mu   sync.Mutex
	keys map[string]struct{} // guarded by mu
}

// note is called with a shard's lock held.
func (c *changes) note(key string) {
	c.mu.Lock()
	c.keys[key] = struct{}{}
	c.mu.Unlock()
	select {
	case c.set.wake <- struct{}{}:
	default:
	}
}

func (c *changes) take() map[string]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := c.keys
	c.keys = map[string]struct{}{}
	return keys
}

// write writes changes until Close.
func (s *Set) write() {
	for ended := false; !ended; {
		select {
		case <-s.wake:
			timer := time.NewTimer(settle)
			select {
			case <-timer.C:
			case <-s.stopped:
				timer.Stop()
				ended = true
			}
		case <-s.stopped:
			ended = true
		}
		s.mu.Lock()
		kept := s.kept
		s.mu.Unlock()
		for _, d := range kept {
			s.save(d)
		}
	}
}

// save writes the changes of one dictionary. What cannot be written is tried again with the next
// changes.
func (s *Set) save(d *Dict) {
	c := d.changed.Load()
	keys := c.take()
	if len(keys) == 0 {
		return
	}
	now, wall := s.clock.Now(), s.clock.Wall()
	list := make([]Change, 0, len(keys))
	for key := range keys {
		list = append(list, d.change(key, now, wall))
	}
	if err := s.keeper.Save(d.Name, list); err != nil {
		s.log.Error("a dictionary of the script could not be written", "list", d.Name, "count", len(list), "error", err)
		c.mu.Lock()
		for key := range keys {
			c.keys[key] = struct{}{}
		}
		c.mu.Unlock()
	}
}

// change is the current value of a key.
func (d *Dict) change(key string, now lane.Time, wall time.Time) Change {
	s := d.of(key)
	s.mu.Lock()
	e, ok := s.entries.Peek(key)
	s.mu.Unlock()
	c := Change{Key: key}
	if !ok || e.expires != 0 && now >= e.expires {
		return c
	}
	if e.expires != 0 {
		c.Expires = wall.Add(e.expires.Sub(now))
	}
	c.Value = []byte(Encode(e.value))
	return c
}

// decode reads what Encode wrote, and what versions before it wrote, which is gob: that begins with
// gobByte, the length of its first part.
func decode(text []byte) (any, error) {
	if len(text) == 0 || text[0] != gobByte {
		return Decode(string(text))
	}
	var x box
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&x); err != nil {
		return nil, err
	}
	return x.V.unpack(), nil
}

const gobByte = 0x17

type box struct{ V packed }

// packed is a value without interfaces, which gob would have registered. One field is set.
type packed struct {
	Kind  byte // 's', 'n', 'b', 'l' or 't'
	Text  string
	N     float64
	Yes   bool
	Keys  []string
	Items []packed
}

func (p *packed) unpack() any {
	switch p.Kind {
	case 's':
		return p.Text
	case 'n':
		return p.N
	case 'b':
		return p.Yes
	case 'l':
		list := make([]any, len(p.Items))
		for i := range p.Items {
			list[i] = p.Items[i].unpack()
		}
		return list
	case 't':
		m := make(map[string]any, len(p.Items))
		for i := range p.Items {
			m[p.Keys[i]] = p.Items[i].unpack()
		}
		return m
	}
	return nil
}
