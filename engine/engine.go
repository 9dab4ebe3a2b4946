package engine

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/engine/veil"
	"github.com/sipscript/sipscript/internal/sparing"
)

// Engine is a running SIP server.
type Engine struct {
	veil *veil.Keys // reveals what arrives

	config     Config
	log        *slog.Logger
	clock      lane.Clock
	lanes      []*lane.Lane // those that carry calls
	background *lane.Lane
	units      []*unit // one a lane
	driver     *lane.Driver
	wire       transport.Wire
	stack      *transport.Stack // nil in a simulation
	lookups    *lookups         // nil when the Config brought a resolver
	resolver   proxy.Resolver   // either of them
	domains    *Domains
	names      atomic.Pointer[ownNames]
	leaving    leavers
	seed       maphash.Seed
	packets    sync.Pool // *packet
	messages   sync.Pool // of the transaction layers
	watchers   watchers

	withholders withholders
	gates       gates
	leftFlows   leftFlows
	leftPlaces  leftPlaces
	strays      strayWatchers
	border      atomic.Pointer[proxy.Beyond]

	parts        []Part        // attached, in order; not changed after New
	interceptors []Interceptor // not changed after New
	settlers     []Settler     // not changed after New
	homes        homes
	left         sync.Once // the parts have drained

	// Ends when requests in progress are abandoned, at the end of the drain
	ctx      context.Context
	cancel   context.CancelFunc
	draining atomic.Bool
	started  atomic.Bool
	stopped  atomic.Bool
	ended    chan struct{} // closed when nothing of the engine is left

	// Limits on warnings per source: requests that our Record-Route did not let pass, branches that
	// failed
	refusals    sparing.Teller
	badMessages atomic.Uint64
	badFrames   atomic.Uint64
	drops       drops
	refused     atomic.Uint64
}

// unit is what the engine keeps for one lane. It belongs to the holder of the lane's token, except
// for counts.
type unit struct {
	e       *Engine
	lane    *lane.Lane
	layer   *transaction.Layer
	core    *proxy.Core
	any     func() uint64 // random numbers for any goroutine
	load    standing
	spare   *Request // of the last ACK
	calls   *calls   // nil without Config.DrainCalls
	reports *reports // nil without Config.Reporter
	count   counts

	observer Observer // nil: nobody observes
	observed Observed // the one that the observer is shown
	origin   message.Origin
	step     ObservedStep
}

// New creates an engine: sockets are bound and the router is started, but nothing is received
// before Start.
func New(c Config) (*Engine, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	e := &Engine{config: c, log: c.Log, clock: c.Clock, seed: maphash.MakeSeed(), ended: make(chan struct{})}
	e.packets.New = func() any { return &packet{} }
	var err error
	if e.domains, err = newDomains(c.Domains); err != nil {
		return nil, err
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if err := e.open(); err != nil {
		e.cancel()
		return nil, err
	}
	e.followListeners()
	if err := e.makeLanes(); err != nil {
		e.close(context.Background())
		return nil, err
	}
	if err := e.attach(); err != nil {
		e.close(context.Background())
		return nil, err
	}
	if s, ok := c.Router.(Starter); ok {
		if err := s.Start(e); err != nil {
			e.close(context.Background())
			return nil, err
		}
	}
	return e, nil
}

// open binds the sockets, or takes the network of a simulation.
func (e *Engine) open() error {
	c := &e.config
	if c.Network != nil {
		w, err := c.Network((*inbox)(e))
		e.wire = w
		return err
	}
	specs, err := c.listenSpecs()
	if err != nil {
		return err
	}
	o := c.Transport
	o.Limits = c.Limits
	// An INVITE may be pending for as long, with nothing said (RFC 3261 §18)
	if o.VisitorTimeout <= 0 && c.TimerC > 3*time.Minute {
		o.VisitorTimeout = max(6*time.Minute, c.TimerC+time.Minute)
	}
	if o.Log == nil {
		o.Log = e.log
	}
	if o.May == nil {
		o.May = func(what string, from netip.Addr) (int, bool) { return e.refusals.May(what, from, e.clock.Wall()) }
	}
	e.stack = transport.NewStack((*inbox)(e), o)
	if err := e.stack.Listen(specs); err != nil {
		return err
	}
	e.wire = e.stack
	return nil
}

func (e *Engine) makeLanes() error {
	c := &e.config
	e.veil = veil.NewKeys(e.Key("veil"))
	e.veil.Local = func(u *message.URI) bool { return e.wasLocal(u.Host, u.Port, u.Scheme) }
	env := &proxy.Env{
		Wire: e.wire, Resolver: c.Resolver, Signer: proxy.NewSigner(e.Key("route"), e.Key("branch"), e.Key("dialog"), e.Key("marks")), Veil: e.veil,
		Wall: steadyWall(e.clock), RouteLifetime: c.RouteLifetime,
		Process: uint32(newRandom(c.Seed, 1<<33)()), IsLocal: e.wasLocal, TimerC: c.TimerC, UDPLimit: max(c.UDPLimit, 0), Limits: c.Limits, Log: e.log,
		Panics: e.log, May: func(what string, from netip.Addr) (int, bool) { return e.refusals.May(what, from, e.clock.Wall()) },
	}
	env.Withhold, env.Border, env.Supported = e.withhold, e.beyond, e.supported
	if w, ok := e.wire.(interface{ Need(transport.FlowID) }); ok {
		env.Need = w.Need
	}
	env.Known = e.known
	if env.Resolver == nil {
		r, err := newLookups(e.wire.Locals(), c.DNS, c.Meter)
		if err != nil {
			return err
		}
		e.lookups, env.Resolver = r, r
	}
	e.resolver = env.Resolver
	o := lane.Options{Clock: c.Clock, Meter: c.Meter, Panicked: func(l *lane.Lane, v any, stack []byte) {
		e.log.Error("panic in the engine; the message was abandoned", "lane", l.ID(), "panic", fmt.Sprint(v), "stack", string(stack))
	}}
	for i := range c.Lanes {
		u, wire := &unit{e: e}, e.wire
		if e.stack == nil {
			u.lane = lane.New(i, o)
		} else {
			o := o
			o.Round = e.stack.NewOutbox()
			u.lane = lane.New(i, o)
			wire = e.stack.OnLane(u.lane)
		}
		if c.Observe != nil {
			u.observer = c.Observe(u.lane)
			wire = &observedWire{wire, u}
		}
		u.core = &proxy.Core{Env: env, Lane: u.lane, Random: newRandom(c.Seed, uint64(i))}
		options := transaction.Options{Timers: c.Timers, Random: u.core.Random, ServerHeader: c.Server, Counter: u.count.event, Lost: u.lost, TrustVia: e.trustsVia, Refuse: u.overloaded, Messages: &e.messages}
		if u.observer != nil {
			options.Origin = &u.origin
		}
		u.layer = transaction.NewLayer(u.lane, wire, u, options)
		u.core.Layer = u.layer
		if u.observer != nil {
			u.core.Note = u.note
		}
		u.any = locked(newRandom(c.Seed, uint64(i)+1<<32))
		if c.DrainCalls > 0 {
			u.calls = newCalls()
		}
		if c.Reporter != nil {
			u.reports = newReports(c.Reporter)
		}
		u.lane.Local = u
		e.units = append(e.units, u)
		e.lanes = append(e.lanes, u.lane)
	}
	e.background = lane.New(c.Lanes, o)
	return nil
}

// steadyWall is the time of day, ignoring changes of the system clock from now on.
func steadyWall(c lane.Clock) func() time.Time {
	wall, began := c.Wall(), c.Now()
	return func() time.Time { return wall.Add(c.Now().Sub(began)) }
}

// newRandom is unpredictable, or repeatable if a simulation gives a seed.
func newRandom(seed, stream uint64) func() uint64 {
	var key [32]byte
	if seed == 0 {
		cryptorand.Read(key[:])
	} else {
		binary.LittleEndian.PutUint64(key[:], seed)
		binary.LittleEndian.PutUint64(key[8:], stream)
	}
	return rand.NewChaCha8(key).Uint64
}

// locked makes a source safe for any goroutine.
func locked(next func() uint64) func() uint64 {
	var mu sync.Mutex
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return next()
	}
}

// What an engine is told twice, or too late.
var (
	ErrStarted = errors.New("engine: it was started already")
	ErrStopped = errors.New("engine: it was shut down already")
)

// Start serves, and returns at once. An engine starts once: ErrStarted, or ErrStopped after a
// Shutdown.
func (e *Engine) Start() error {
	if e.stopped.Load() {
		return ErrStopped
	}
	if e.started.Swap(true) {
		return ErrStarted
	}
	if e.config.Meter == nil {
		e.driver = lane.Drive(e.clock, append(e.lanes[:len(e.lanes):len(e.lanes)], e.background))
	}
	if e.stack != nil {
		e.stack.Serve()
	}
	return nil
}

func (e *Engine) close(ctx context.Context) error {
	defer close(e.ended)
	e.cancel()
	e.leaving.end()
	var err error
	if s, ok := e.config.Router.(Stopper); ok {
		err = s.Stop(ctx)
	}
	err = errors.Join(err, e.detach())
	if e.stack != nil {
		flush, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if cerr := e.stack.Close(flush); err == nil {
			err = cerr
		}
	}
	if e.lookups != nil {
		e.lookups.close()
	}
	e.onLanes(func(u *unit) {
		if u.reports != nil {
			u.reports.flush(u.lane.Now())
		}
	})
	if e.driver != nil {
		e.driver.Stop()
	}
	for _, l := range e.lanes {
		l.Stop()
	}
	if e.background != nil {
		e.background.Stop()
	}
	return err
}

// onLanes calls f for each unit with its lane's token, and waits at most a second for all of them,
// and for what they send to have left.
func (e *Engine) onLanes(f func(u *unit)) {
	done := make(chan struct{}, len(e.units))
	waiting := 0
	for _, u := range e.units {
		if u.lane.Return(lane.Func(func(l *lane.Lane) {
			f(u)
			if r := l.Round(); r != nil {
				r.End()
			}
			done <- struct{}{}
		})) {
			waiting++
		}
	}
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for range waiting {
		select {
		case <-done:
		case <-limit.C:
			return
		}
	}
}

// ReloadCertificates loads certificates and authorities again ([transport.TLSOptions]); open
// connections continue. On an error nothing changes.
func (e *Engine) ReloadCertificates() error {
	if e.stack == nil {
		return nil
	}
	return e.stack.ReloadCertificates()
}

// AddCertificate shows a further certificate to clients over TLS ([transport.TLSFiles]), to those
// that ask for one of its names. On an error nothing changes.
func (e *Engine) AddCertificate(f transport.TLSFiles) error {
	if e.stack == nil {
		return ErrSimulated
	}
	return e.stack.AddCertificate(f)
}

// RemoveCertificate takes one back that AddCertificate has added. On an error nothing changes.
func (e *Engine) RemoveCertificate(f transport.TLSFiles) error {
	if e.stack == nil {
		return ErrSimulated
	}
	return e.stack.RemoveCertificate(f)
}

// ServerTLS is a configuration for servers of [Part]s. They show the engine's certificates
// ([transport.TLSOptions]), after a reload the new ones, and ask clients for none.
func (e *Engine) ServerTLS() (*tls.Config, error) {
	if e.stack == nil {
		return nil, errors.New("a simulation has no certificates")
	}
	return e.stack.ServerTLS()
}

// Locals are the listeners.
func (e *Engine) Locals() []*transport.Local { return e.wire.Locals() }

// Lanes are those that carry calls.
func (e *Engine) Lanes() []*lane.Lane { return e.lanes }

// Background is an additional lane, for what runs once in the process.
func (e *Engine) Background() *lane.Lane { return e.background }

// Domains are the local domains; they may be changed while traffic flows.
func (e *Engine) Domains() *Domains { return e.domains }

// Log is the engine's logger.
func (e *Engine) Log() *slog.Logger { return e.log }

// Clock is the engine's clock.
func (e *Engine) Clock() lane.Clock { return e.clock }

// Random is a random number, repeatable in a simulation; l is the lane whose token the caller
// holds, or nil.
func (e *Engine) Random(l *lane.Lane) uint64 {
	if l != nil {
		if u, ok := l.Local.(*unit); ok && u.e == e {
			return u.core.Random()
		}
	}
	return e.units[0].randomAny()
}

// randomAny is a random number for any goroutine.
func (u *unit) randomAny() uint64 { return u.any() }
