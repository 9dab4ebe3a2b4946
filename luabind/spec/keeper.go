package spec

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/sipscript/sipscript/luabind/dict"
)

// This file is what a server keeps beyond a start: the directory of its modules, and its durable
// dictionaries.

// keeper keeps dictionaries in memory, where a real server has them in its directory.
type keeper struct {
	mu    sync.Mutex
	dicts map[string]map[string]dict.Change // guarded by mu
}

func newKeeper() *keeper { return &keeper{dicts: map[string]map[string]dict.Change{}} }

// Load calls each with every entry.
func (k *keeper) Load(name string, each func(dict.Change)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range sortedKeys(k.dicts[name]) {
		each(k.dicts[name][key])
	}
	return nil
}

// Save makes changes.
func (k *keeper) Save(name string, changes []dict.Change) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.dicts[name]
	if d == nil {
		d = map[string]dict.Change{}
		k.dicts[name] = d
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(d, c.Key)
			continue
		}
		d[c.Key] = c
	}
	return nil
}

// serverOutside is what one server reaches outside.
type serverOutside struct {
	*outside
	s *server
}

// Probes reports whether the server sends probes by itself.
func (o serverOutside) Probes() bool { return o.s.o.Probes }

// Storage is where the server keeps its state.
func (o serverOutside) Storage() Storage {
	s, kept := o.s, Storage{Now: o.s.w.sim.Wall}
	if s.o.Redis {
		at, err := o.Redis(Dictionaries)
		if err != nil {
			s.w.trouble(err)
		}
		kept.Redis = "redis://" + at
	}
	if s.o.Data {
		if err := s.makeDir(); err != nil {
			s.w.trouble(err)
		}
		kept.Data = s.dir
	}
	return kept
}

// makeDir makes the directory of the process that is about to start, unless its predecessor left
// one.
func (s *server) makeDir() (err error) {
	if s.data == "" {
		if s.data, err = os.MkdirTemp("", "sipscript-spec-"); err != nil {
			return err
		}
	}
	s.dir = s.next()
	return os.MkdirAll(s.dir, 0o700)
}

// next is the directory of the next process.
func (s *server) next() string { return filepath.Join(s.data, strconv.FormatUint(s.starts, 10)) }

// copyData leaves to the next process what is on the disk at this moment, whatever the one that
// runs still writes.
func (s *server) copyData() error {
	if s.dir == "" {
		return nil
	}
	return os.CopyFS(s.next(), os.DirFS(s.dir))
}
