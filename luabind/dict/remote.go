package dict

// Dictionaries that processes share. What keeps them is elsewhere: this is what scripts need of it.

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Remote is a dictionary that other processes have too. Its methods may be called from any
// goroutine.
type Remote interface {
	// Peek is the value of a key, nil for none, if that is known without asking.
	Peek(key string) (value any, known bool)
	// Do does what op says and puts the outcome in it. It waits. After an error of what changes
	// something it is not known whether the change was made.
	Do(ctx context.Context, op *Op) error
}

// Shared opens dictionaries that processes share.
type Shared interface {
	// Remote is the dictionary of that name; the limits are those it has from now on. An error
	// means that there are too many.
	Remote(name string, o RemoteOptions) (Remote, error)
}

// RemoteOptions are those of a dictionary that processes share; 0 leaves what there was, or the
// default.
type RemoteOptions struct {
	Capacity int            // how many values it has, and how many are remembered here
	Bytes    int            // of the values that are remembered here
	TTL      *time.Duration // the default of a value, 0 for ever
	Stale    time.Duration  // how old what is remembered may be while nobody can be asked
}

// OpKind is what an [Op] does.
type OpKind uint8

const (
	// OpGet finds the value of a key: Value, Held.
	OpGet OpKind = iota
	// OpPut stores Value under the condition When, with TTL: Done.
	OpPut
	// OpSwap stores Value, or removes the key for nil, if the key still holds Held: Done, or what
	// it holds now in Value and Held. With TTL below 0 an existing key keeps its time.
	OpSwap
	// OpRemove takes a key out: Done if there was one.
	OpRemove
	// OpIncr adds By to a number, or to Init if there is none, only then with TTL: Number; Done if
	// the value was a number.
	OpIncr
	// OpLeft finds how long a key has to live: Left, Forever; Done if there is one.
	OpLeft
	// OpKeys lists the keys: Keys.
	OpKeys
	// OpFlush takes all keys out.
	OpFlush
)

// Op is one thing to do with a dictionary, and its outcome.
type Op struct {
	Kind     OpKind        // says which of the others it needs, and which it sets
	Key      string        // of all but OpKeys and OpFlush
	Value    any           // string, float64, bool or what Encode takes; nil for none
	By, Init float64       // of OpIncr
	TTL      time.Duration // below 0: the dictionary's default
	When     When          // of OpPut: the condition
	Held     string        // what the key held, as Encode has it; "" for nothing

	Done    bool          // it was done, or something was there: see the kinds
	Number  float64       // of OpIncr: the sum
	Left    time.Duration // of OpLeft
	Forever bool          // of OpLeft: the key has no time to live
	Keys    []string      // of OpKeys, in no order
}

// ErrNoShared is the error of a dictionary that processes are to share if there is nothing to share
// it by.
var ErrNoShared = errors.New("there is no server that keeps it (--redis), so this process has it alone")

// Common is a dictionary that processes share, with what lanes of this one share besides.
type Common struct {
	Remote
	Name string // as scripts call it

	mu    sync.Mutex
	loads map[string]*Load // guarded by mu
}

// Share has dictionaries kept by x. It is called once, before any is opened.
func (s *Set) Share(x Shared) { s.remote = x }

// Common returns the dictionary of that name that processes share. Options of 0 leave the current
// ones unchanged.
func (s *Set) Common(name string, o RemoteOptions) (*Common, error) {
	if s.remote == nil {
		return nil, ErrNoShared
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.remote.Remote(name, o)
	if err != nil {
		return nil, err
	}
	c := s.common[name]
	if c == nil || c.Remote != r {
		c = &Common{Remote: r, Name: name, loads: map[string]*Load{}}
		s.common[name] = c
	}
	return c, nil
}

// Want is the load that fills a key: see [Dict.Want].
func (c *Common) Want(key string, owner any, wake func()) (l *Load, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.loads[key]; l != nil {
		if l.Owner != owner {
			l.waiters = append(l.waiters, wake)
		}
		return l, false
	}
	l = &Load{Owner: owner}
	c.loads[key] = l
	return l, true
}

// Finish records the outcome of a load, and wakes those who wait.
func (c *Common) Finish(key string, l *Load, value any, err string) {
	c.mu.Lock()
	l.Value, l.Err = value, err
	delete(c.loads, key)
	waiters := l.waiters
	c.mu.Unlock()
	for _, wake := range waiters {
		wake()
	}
}
