// Package acl is lists of senders: by network, host name, certificate, country or autonomous
// system. Scripts check requests against them, and those in drop lists are not heard at all.
//
// A Go program makes an [ACL] with [New], gives it lists by [ACL.Use], and gives it to the engine
// as a part. Of networks the lookup is in package prefix.
package acl

// This file is the ACL itself: its parts, its life, and its checks.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/internal/glob"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/modules/trust"
)

// Blocked is the list that is always there, and that is dropped unless something else is said.
const Blocked = "blocked"

// Options of New. The zero value keeps added entries in memory.
type Options struct {
	Clients *clients.Pool // of lists in databases; nil: lists can't be
	Data    string        // the directory where added entries are kept; "": nowhere
	Log     *slog.Logger  // nil: nothing is logged
	// Places returns what knows countries and autonomous systems; nil: nobody does.
	Places func() trust.Places
	// Redis is where nodes share what is added and removed; nil: they don't.
	Redis *redis.Client
}

// ACL is the lists of a process. It is safe for concurrent use.
type ACL struct {
	o       Options
	engine  atomic.Pointer[engine.Engine]
	serving atomic.Pointer[view]
	loading atomic.Pointer[module] // the last script that was opened
	script  luabind.Events[Event]
	journal *journal      // nil: nothing is kept
	shared  *redisset.Set // nil: nothing is shared
	names   *names
	changes sync.Mutex // held by who changes a list: the journal has the changes in their order

	mu       sync.Mutex
	dynamics map[string]*dynamic       // guarded by mu; by list
	drops    map[string]*atomic.Uint64 // guarded by mu; by list
	release  func()                    // guarded by mu; of the gate

	checks, matches atomic.Uint64
}

// New makes an ACL with no list but "blocked". The error is that of reading what was kept.
func New(o Options) (*ACL, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = clients.New(clients.Options{Log: o.Log})
	}
	if o.Places == nil {
		o.Places = func() trust.Places { return nil }
	}
	a := &ACL{o: o, dynamics: map[string]*dynamic{}, drops: map[string]*atomic.Uint64{}}
	a.names = newNames(a)
	if o.Data != "" {
		var err error
		if a.journal, err = openJournal(o.Data, a.now, o.Log); err != nil {
			return nil, err
		}
		for name, items := range a.journal.read(false) {
			if err := a.dynamicOf(name).fill(items, a.now()); err != nil {
				return nil, fmt.Errorf("acl: list %s: %w", name, err)
			}
		}
	}
	if o.Redis != nil {
		a.share(o.Redis)
	}
	a.serving.Store(a.standard())
	return a, nil
}

// standard is the view of a script that says nothing.
func (a *ACL) standard() *view {
	l := a.newList(Blocked, true)
	return &view{lists: map[string]*list{Blocked: l}, drop: []*list{l}}
}

// now is the engine's time of day.
func (a *ACL) now() time.Time {
	if e := a.engine.Load(); e != nil {
		return e.Clock().Wall()
	}
	return time.Now()
}

// Attach makes the drop lists count.
func (a *ACL) Attach(e *engine.Engine) error {
	if a.engine.Swap(e) == nil && a.shared != nil {
		a.shared.Start() // nobody is heard before it is known whom the others do not hear
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.release != nil {
		a.release()
	}
	a.release = e.AddGate(gate{a})
	return nil
}

// Close ends what runs, and writes what is to be kept.
func (a *ACL) Close() error {
	a.names.close()
	if a.shared != nil {
		a.shared.Close()
	}
	a.mu.Lock()
	dynamics := a.dynamics
	a.dynamics = map[string]*dynamic{}
	a.mu.Unlock()
	for _, d := range dynamics {
		d.merged.Wait()
	}
	return a.journal.close()
}

// Policy is the lists of a program: what acl.configure says.
type Policy struct {
	Lists map[string]source.Spec // where each list comes from, by its name
	Drop  []string               // lists whose senders are not heard; nil: "blocked"
}

// ErrNoList is the error of a list that is not there.
var ErrNoList = errors.New("there is no such list")

// Use puts lists into force in place of those before. What was added stays. The error is that of a
// source that can't be read.
func (a *ACL) Use(ctx context.Context, p Policy) error {
	v, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	return a.serve(v).close()
}

// open opens the lists of a policy.
func (a *ACL) open(ctx context.Context, p Policy) (*view, error) {
	if p.Drop == nil {
		p.Drop = []string{Blocked}
	}
	v := &view{lists: map[string]*list{}}
	dropped := map[string]bool{}
	for _, name := range p.Drop {
		dropped[name] = true
	}
	for name, spec := range p.Lists {
		if !trust.IsListName(name) {
			return nil, errors.Join(fmt.Errorf("acl: %.60q can't be the name of a list: letters, digits, \"_\" and \"-\", a letter first", name), v.close())
		}
		l, err := a.openList(ctx, name, dropped[name], &spec)
		if err != nil {
			return nil, errors.Join(err, v.close())
		}
		v.lists[name] = l
	}
	if v.lists[Blocked] == nil {
		v.lists[Blocked] = a.newList(Blocked, dropped[Blocked])
	}
	for _, name := range p.Drop {
		l := v.lists[name]
		if l == nil {
			return nil, errors.Join(fmt.Errorf("acl: drop: %q: %w", name, ErrNoList), v.close())
		}
		v.drop = append(v.drop, l)
	}
	a.names.resolve(v)
	return v, nil
}

// serve puts a view into force, and returns the one before.
func (a *ACL) serve(v *view) (before *view) {
	before = a.serving.Swap(v)
	a.names.watch(v)
	return before
}

// query makes a query of who sent something.
func (a *ACL) query(s *trust.Sender) query { return query{*s, a} }

// place is where an address is, as far as somebody knows.
func (a *ACL) place(ip netip.Addr) (country string, asn uint32) {
	if p := a.o.Places(); p != nil {
		return p.Place(ip)
	}
	return "", 0
}

// Check returns the entry of a list that has the sender: the most specific one.
func (a *ACL) Check(name string, s *trust.Sender) (e Entry, ok bool, err error) {
	l := a.serving.Load().lists[name]
	if l == nil {
		return e, false, fmt.Errorf("acl: %q: %w", name, ErrNoList)
	}
	i := a.check(l, s)
	if i == nil {
		return e, false, nil
	}
	return i.entry, true, nil
}

// check is Check; nil: no entry has the sender.
func (a *ACL) check(l *list, s *trust.Sender) *item {
	a.checks.Add(1)
	q := a.query(s)
	f, ok := l.find(&q)
	if !ok {
		return nil
	}
	a.matches.Add(1)
	return f.item()
}

// HasList implements trust.Lists.
func (a *ACL) HasList(name string) bool {
	if m := a.loading.Load(); m != nil && m.names(name) {
		return true
	}
	return a.serving.Load().lists[name] != nil
}

// Covers implements trust.Lists.
func (a *ACL) Covers(name string, s *trust.Sender) (entry string, ok bool) {
	l := a.serving.Load().lists[name]
	if l == nil {
		return "", false
	}
	if i := a.check(l, s); i != nil {
		return i.entry.Address, true
	}
	return "", false
}

// gate is the drop lists as the engine asks them.
type gate struct{ a *ACL }

// Admit drops what comes from a drop list.
func (g gate) Admit(k transport.Kind, from netip.AddrPort, _ []byte) transport.Verdict {
	v := g.a.serving.Load()
	for _, l := range v.drop {
		q := query{trust.Sender{Addr: from, Kind: k}, g.a}
		if _, ok := l.find(&q); ok {
			l.drops.Add(1)
			return transport.Drop
		}
	}
	return transport.Pass
}

// Hear drops what comes from a client whose name is in a drop list.
func (g gate) Hear(_ transport.Kind, _ netip.AddrPort, m *message.Message) bool {
	for _, l := range g.a.serving.Load().drop {
		for _, r := range l.parts() {
			if r != nil && len(r.agents) > 0 && g.a.namesAgent(r.agents, m.Header(message.HeaderUserAgent)) {
				l.drops.Add(1)
				return false
			}
		}
	}
	return true
}

func (a *ACL) namesAgent(list []*rule, agent []byte) bool {
	for _, x := range list {
		if !x.gone.Load() && !x.except && (x.entry.Expires.IsZero() || a.now().Before(x.entry.Expires)) && glob.Match(x.text, agent) {
			return true
		}
	}
	return false
}
