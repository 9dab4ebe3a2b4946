package resolver

// This file is the resolver as its users see it: New, Cached, Resolve, Close.

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/sipscript/sipscript/engine/transport"
)

// Query is the destination of a request, as its URI gives it (RFC 3263 §4). The resolver keeps
// nothing of it: Host may be a view of a message.
type Query struct {
	Host   string         // a name or an address; maddr if the URI has one
	Port   uint16         // 0: none written
	Kind   transport.Kind // 0: none written
	Secure bool           // sips: only TLS will do
	// Seed, if not 0, replaces randomness: the same seed gives the same order as long as the
	// records do not change. A stateless proxy derives it from what stays the same in
	// retransmissions (RFC 3263 §4.4, RFC 3261 §16.11).
	Seed uint64
}

// key names a plan.
type key struct {
	host   string // canonical
	port   uint16
	kind   transport.Kind
	secure bool
}

// String is the URI, for errors.
func (k key) String() string { return uriText(k.host, k.port, k.kind, k.secure) }

// Resolver looks up names. Its methods may be called on many goroutines.
type Resolver struct {
	opts       Options
	kinds      atomic.Pointer[[]transport.Kind] // Options.Kinds, or those of SetKinds
	ctx        context.Context                  // ends with Close
	cancel     context.CancelFunc
	hosts      *hosts
	quarantine *quarantine
	landed     chan struct{} // closed from the first

	plans   *lru.Cache[key, *plan]
	answers *lru.Cache[question, *answer]

	server  atomic.Uint32 // the server that is asked first
	records recordCounts
	slots   chan struct{} // one element per question on the wire
	running sync.WaitGroup

	flightsMu sync.Mutex
	flights   map[question]*flight // guarded by flightsMu

	mu      sync.Mutex // guards what follows
	closed  bool
	jobs    map[key]*job // in progress or in the queue
	queue   []*job       // that wait for a worker
	workers int
	waiting int // callers
}

// New makes a resolver. Close ends it.
func New(opts Options) (*Resolver, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	r := &Resolver{opts: opts, landed: make(chan struct{}), slots: make(chan struct{}, opts.MaxInFlight),
		flights: map[question]*flight{}, jobs: map[key]*job{}}
	close(r.landed)
	var err error
	if r.plans, err = lru.New[key, *plan](opts.CacheSize); err != nil {
		return nil, err
	}
	if r.answers, err = lru.New[question, *answer](opts.CacheSize); err != nil {
		return nil, err
	}
	if r.quarantine, err = newQuarantine(opts.CacheSize); err != nil {
		return nil, err
	}
	r.kinds.Store(&r.opts.Kinds)
	r.hosts = newHosts(opts.HostsFile, opts.Hosts, opts.Now())
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close ends the lookups in progress, whose callers get [ErrClosed], and returns when the last of
// them has been informed. It must not be called from a done function.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.running.Wait()
}

// Resolve finds the addresses of q and calls done exactly once with all of them, in the order to
// try them, or with an [*Error]. It never blocks. If nothing has to be asked, or can be, done is
// called before Resolve returns; otherwise on a goroutine of the resolver, where it must not block.
// done may keep and change the slice.
func (r *Resolver) Resolve(q *Query, done func(peers []transport.Peer, err error)) {
	peers, k, ok, err := r.look(q)
	if ok {
		done(peers, err)
		return
	}
	r.enqueue(k, caller{seed: q.Seed, done: done})
}

// Cached returns what [Resolver.Resolve] could answer at once; ok is false if the DNS would have to
// be asked, which Cached does not do.
func (r *Resolver) Cached(q *Query) (peers []transport.Peer, ok bool, err error) {
	peers, _, ok, err = r.look(q)
	return peers, ok, err
}

// look answers from what is known. If ok is false, k is the name of the plan; it refers to q.Host.
func (r *Resolver) look(q *Query) (peers []transport.Peer, k key, ok bool, err error) {
	if addr, ok := address(q.Host); ok {
		peers, err = r.numeric(q, addr)
		return peers, k, true, err
	}
	host, valid := canonical(q.Host)
	if !valid {
		return nil, k, true, refuse(q, "not a name", ErrNotFound)
	}
	k = key{host, q.Port, q.Kind, q.Secure}
	now := r.opts.Now()
	p, ok := r.plans.Get(k)
	if !ok || !now.Before(p.expires) || p.hosts != r.hosts.loaded.Load() || p.kinds != r.kinds.Load() {
		if p, ok = r.planFromCache(k, now); !ok {
			return nil, k, false, nil
		}
	}
	peers, err = r.choose(p, q.Seed, now)
	return peers, k, true, err
}

// planFromCache makes the plan of k if all it takes is known.
func (r *Resolver) planFromCache(k key, now time.Time) (*plan, bool) {
	r.lookAtHosts(now)
	k.host = strings.Clone(k.host)
	// Before the walk: if it changes meanwhile, the plan is made again
	table, kinds := r.hosts.loaded.Load(), r.kinds.Load()
	w := walk{r: r, key: k, now: now}
	p := w.plan()
	if w.missed {
		return nil, false
	}
	p.hosts, p.kinds = table, kinds
	r.plans.Add(k, p)
	return p, true
}

// lookAtHosts starts a check of the hosts file if it is time.
func (r *Resolver) lookAtHosts(now time.Time) {
	if !r.hosts.due(now) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.running.Go(func() { r.hosts.reload() }) // ends when the file is read
}

// choose draws an order for one caller.
func (r *Resolver) choose(p *plan, seed uint64, now time.Time) ([]transport.Peer, error) {
	if p.err != nil {
		return nil, p.err
	}
	random := r.opts.Random
	if seed != 0 {
		random = seeded(seed)
	}
	peers := p.order(random)
	r.quarantine.demote(peers, now)
	return peers, nil
}

// numeric is the peer of a host that is an address (RFC 3263 §4.1, §4.2): nothing is looked up, and
// a certificate has to show the address itself.
func (r *Resolver) numeric(q *Query, addr netip.Addr) ([]transport.Peer, error) {
	kind, err := r.written(q.Kind, q.Secure)
	if err == nil && kind == 0 {
		if kind = r.usual(q.Secure); kind == 0 {
			err = ErrTransport
		}
	}
	if err != nil {
		return nil, refuse(q, "", err)
	}
	port := q.Port
	if port == 0 {
		port = kind.DefaultPort()
	}
	return []transport.Peer{{Kind: kind, Addr: netip.AddrPortFrom(addr, port)}}, nil
}
