// Package nat is the module "nat": scripts detect senders behind NATs and correct what their
// messages say, and clients behind NATs are kept reachable by keep-alives.
//
// Within dialogs of ours none of it is needed: the engine sends requests where parties were seen.
package nat

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
)

// Plugin is the module "nat".
func Plugin() host.Plugin {
	return host.Plugin{Name: "nat", Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		return New(Options{Quiet: env.Quiet}), nil
	}}
}

// Options are those of a NAT.
type Options struct {
	// Quiet: no keep-alives are sent, whatever the script says: in a test.
	Quiet bool
}

// Keepalive says how clients are kept alive.
type Keepalive struct {
	Interval  time.Duration `lua:"interval,reloadable" min:"1" max:"3600" default:"25" doc:"seconds between two keep-alives for one client"`
	Method    string        `lua:"method,reloadable" oneof:"OPTIONS crlf stun" default:"OPTIONS" doc:"what is sent; only OPTIONS is answered"`
	LostAfter int           `lua:"lost_after,reloadable" min:"1" max:"100" default:"3" doc:"unanswered ones in a row after which a client that answered before is lost"`
}

// Policy is what a script configures.
type Policy struct {
	Keepalive  *Keepalive `lua:"keepalive,reloadable" default:"none" doc:"keep-alives for registered clients behind NATs and on connections"`
	RemoveLost bool       `lua:"remove_lost,reloadable" default:"true" doc:"the binding of a lost client is removed"`
}

// DefaultPolicy sends no keep-alives.
func DefaultPolicy() Policy { return Policy{RemoveLost: true} }

// complete fills in what is not given.
func (k Keepalive) complete() Keepalive {
	if k.Interval == 0 {
		k.Interval = 25 * time.Second
	}
	if k.Method == "" {
		k.Method = options
	}
	if k.LostAfter == 0 {
		k.LostAfter = 3
	}
	return k
}

// NAT is the module.
type NAT struct {
	opts   Options
	script luabind.Events[Lost]
	keeper atomic.Pointer[keeper] // of the engine it is attached to; nil before
	remove atomic.Bool            // lost bindings
}

// New makes the module.
func New(o Options) *NAT { return &NAT{opts: o} }

// Name is "nat".
func (*NAT) Name() string { return "nat" }

// Doc describes the module.
func (*NAT) Doc() string {
	return "Detects senders behind NATs, and keeps clients behind NATs reachable."
}

// Attach follows the registrar of the engine, if there is one. It makes a NAT an engine.Part.
func (n *NAT) Attach(e *engine.Engine) error {
	k := newKeeper(e, func(l Lost) { n.lost(e, l) })
	if old := n.keeper.Swap(k); old != nil {
		old.stop()
	}
	for _, p := range e.Parts() {
		r, ok := p.(interface {
			Follow(f func(*registrar.Event)) (stop func())
			Each(f func(aor string, b *registrar.Binding))
		})
		if ok {
			k.stops = append(k.stops, r.Follow(k.changed))
			r.Each(k.add)
		}
	}
	k.stops = append(k.stops, e.WatchStrays(k.answered))
	e.Background().Post(k)
	return nil
}

// Detach ends the keep-alives. It makes a NAT an engine.Detacher.
func (n *NAT) Detach(_ context.Context, e *engine.Engine) error {
	if k := n.keeper.Load(); k != nil && k.engine == e {
		k.stop()
	}
	return nil
}

// loser is a registrar that ends bindings.
type loser interface {
	Lose(ctx context.Context, aor string, b *registrar.Binding, now time.Time) (bool, error)
	Waits() (lookup, update bool)
}

// removeTime bounds how long the store may take to remove a binding.
const removeTime = 10 * time.Second

// lost tells of a client that is gone, on the background lane, and removes its binding.
func (n *NAT) lost(e *engine.Engine, l Lost) {
	n.script.Emit(l)
	if !n.remove.Load() {
		return
	}
	for _, p := range e.Parts() {
		if r, ok := p.(loser); ok {
			e.Background().Post(&removal{e, r, l})
		}
	}
}

// removal ends one binding.
type removal struct {
	engine    *engine.Engine
	registrar loser
	lost      Lost
}

// Do ends it, on the background lane.
func (r *removal) Do(l *lane.Lane) {
	now := r.engine.Clock().Wall()
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), removeTime)
		defer cancel()
		if _, err := r.registrar.Lose(ctx, r.lost.AOR, r.lost.Binding, now); err != nil {
			r.engine.Log().Warn("the binding of a lost client remains until it expires", "aor", r.lost.AOR, "error", err)
		}
	}
	if _, waits := r.registrar.Waits(); waits {
		l.Await(end)
		return
	}
	end()
}

// configure puts the policy of a generation into force.
func (n *NAT) configure(p Policy) {
	n.remove.Store(p.RemoveLost)
	k := n.keeper.Load()
	if k == nil || n.opts.Quiet {
		return
	}
	if p.Keepalive == nil {
		k.set(Keepalive{})
		return
	}
	k.set(p.Keepalive.complete())
}

// Stats are figures of the keep-alives.
type Stats struct {
	Kept                  int    // bindings that are kept alive
	Pings, Answered, Lost uint64 // sent, answered, clients lost
}

// Stats are those so far.
func (n *NAT) Stats() (s Stats) {
	if k := n.keeper.Load(); k != nil {
		s = Stats{int(k.kept.Load()), k.pings.Load(), k.answers.Load(), k.gone.Load()}
	}
	return s
}

// Metrics makes a NAT luabind.Metered.
func (n *NAT) Metrics() []luabind.Metric {
	metric := func(name, help string, kind luabind.MetricKind, get func(Stats) float64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: kind, Value: func() float64 { return get(n.Stats()) }}
	}
	return []luabind.Metric{
		metric("nat_kept", "Bindings that are kept alive.", luabind.Gauge, func(s Stats) float64 { return float64(s.Kept) }),
		metric("nat_pings_total", "Keep-alives that were sent.", luabind.Counter, func(s Stats) float64 { return float64(s.Pings) }),
		metric("nat_answers_total", "Keep-alives that were answered.", luabind.Counter, func(s Stats) float64 { return float64(s.Answered) }),
		metric("nat_lost_total", "Clients that were lost: they had answered, and did not any more.", luabind.Counter, func(s Stats) float64 { return float64(s.Lost) }),
	}
}

// sourceOr is where a message came from, if nothing else is said.
func sourceOr(given string, from engine.Endpoint) (netip.Addr, error) {
	if given == "" {
		return from.Addr.Addr(), nil
	}
	return netip.ParseAddr(given)
}
