// Package dispatch is the module "dispatch": calls are spread over gateways that work.
//
// The choice and the health of gateways are in package gateways, which Go programs use directly;
// here are the lists they come from, and what scripts see.
package dispatch

import (
	"context"
	"log/slog"
	"sync"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// Options of New. All may be zero.
type Options struct {
	Log     *slog.Logger  // default: nobody is told
	Clients *clients.Pool // the databases; nil: a pool of its own
	Keep    string        // the directory of --data, where lists of databases are kept
	// Quiet: no probes are sent, whatever the script says: in a test.
	Quiet bool
}

// Dispatch is the module. Its sets belong to the process: their states survive reloads.
type Dispatch struct {
	opts   Options
	script luabind.Events[gateways.Event]

	mu     sync.Mutex
	engine *engine.Engine   // guarded by mu
	sets   map[string]*used // guarded by mu; by name
}

// used is a set, and who uses it.
type used struct {
	*gateways.Set
	refs  int     // generations that name it
	owner *listed // whose list is in force; nil before the first
}

// New makes the module without sets.
func New(o Options) *Dispatch {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = clients.New(clients.Options{Drivers: drivers.All(), Log: o.Log})
	}
	return &Dispatch{opts: o, sets: map[string]*used{}}
}

// Name is "dispatch".
func (d *Dispatch) Name() string { return "dispatch" }

// Doc describes the module.
func (d *Dispatch) Doc() string {
	return "Spreads calls over gateways that work: it probes them, learns from what becomes of calls, and orders them by weight, load or a hash."
}

// Attach makes the module part of an engine, whose clock and transports it uses.
func (d *Dispatch) Attach(e *engine.Engine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.engine = e
	return nil
}

// Detach stops the probes.
func (d *Dispatch) Detach(context.Context, *engine.Engine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sets {
		s.Stop()
	}
	return nil
}

// acquire is the set of a name, for one more generation.
func (d *Dispatch) acquire(name string) *gateways.Set {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sets[name]
	if s == nil {
		o := gateways.Options{Log: d.opts.Log, Event: d.script.Emit, Wrap: func(t *gateways.Target) any { return &object{t} }}
		if e := d.engine; e != nil {
			o.Now = e.Clock().Now
		}
		s = &used{Set: gateways.New(name, o)}
		d.sets[name] = s
	}
	s.refs++
	return s.Set
}

// release is the end of acquire. The last one ends the set.
func (d *Dispatch) release(name string, l *listed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sets[name]
	if s.owner == l {
		s.owner = nil
	}
	if s.refs--; s.refs == 0 {
		s.Stop()
		delete(d.sets, name)
	}
}

// use puts lists and a policy into force. Sets that are not among them are probed no more.
func (d *Dispatch) use(lists map[string]*listed, p gateways.Policy) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, s := range d.sets {
		l := lists[name]
		if l == nil {
			s.Stop()
			continue
		}
		s.owner = l
		s.SetPolicy(p)
		s.Swap(l.entries())
		if d.engine != nil {
			s.Start(d.engine, d.opts.Quiet)
		}
	}
}

// swapped takes a list that was read again over, if it is the one in force.
func (d *Dispatch) swapped(name string, l *listed, entries []gateways.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sets[name]; s != nil && s.owner == l {
		s.Swap(entries)
	}
}

// Sets are all sets, by name.
func (d *Dispatch) Sets() []*gateways.Set {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]*gateways.Set, 0, len(d.sets))
	for _, s := range d.sets {
		list = append(list, s.Set)
	}
	gateways.SortSets(list)
	return list
}
