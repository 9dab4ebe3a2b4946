package luabind

// What a router's script is and remembers, for whoever runs it once more elsewhere: a replay.

import (
	"maps"
	"slices"
	"time"

	"github.com/sipscript/sipscript/luabind/dict"
)

// Program is a script as text.
type Program struct {
	Name  string            // as its errors call it: its path, if it is a file
	Text  string            // of the script
	Files map[string]string // that it required, by their names beside it: "lib/numbers.lua"
	Args  map[string]string // sip.args
}

// Program is the script that serves, as it was read: the file may have changed since. ok is false
// before there is one.
func (r *Router) Program() (p Program, ok bool) {
	r.building.Lock()
	defer r.building.Unlock()
	r.mu.Lock()
	g := r.current
	r.mu.Unlock()
	if g == nil {
		return p, false
	}
	p = Program{Name: g.program.name, Text: g.program.texts[""], Files: maps.Clone(g.program.texts), Args: maps.Clone(r.opts.Args)}
	delete(p.Files, "")
	return p, true
}

// Shared is a value of a dictionary of sip.shared.
type Shared struct {
	Dict  string        `json:"dictionary"`     // its name
	Key   string        `json:"key"`            // of the value
	Value string        `json:"value"`          // as package dict writes it down
	Left  time.Duration `json:"left,omitempty"` // to live; 0: for ever
}

// Shared are the values of the dictionaries of sip.shared, without those that processes have in
// common, up to so many bytes; more tells that there are others.
func (r *Router) Shared(most int) (list []Shared, more bool) {
	now := r.clock.Now()
	for _, d := range r.shared.Dicts() {
		keys := d.Keys(now)
		slices.Sort(keys)
		for _, key := range keys {
			value, ok := d.Get(key, now)
			left, forever, present := d.Left(key, now)
			if !ok || !present {
				continue
			}
			x := Shared{Dict: d.Name, Key: key, Value: dict.Encode(value), Left: max(left, time.Millisecond)}
			if forever {
				x.Left = 0
			}
			if most -= len(x.Dict) + len(x.Key) + len(x.Value) + 100; most < 0 {
				return list, true
			}
			list = append(list, x)
		}
	}
	return list, false
}

// SetShared puts values into the dictionaries of sip.shared, and returns how many cannot be read.
// It is called after Start: the file has said how large they may be.
func (r *Router) SetShared(list []Shared) (bad int) {
	now := r.clock.Now()
	for _, x := range list {
		value, err := dict.Decode(x.Value)
		d := r.shared.Open(x.Dict, 0, 0, 0, false)
		if err != nil || d == nil || value == nil || dict.SizeOf(value) > dict.MaxValue {
			bad++
			continue
		}
		d.Put(x.Key, value, now, x.Left, dict.Always)
	}
	return bad
}
