// Package b2b is the module "b2b": calls of this server's own, which scripts write straight down.
//
// Go programs use package engine/dialog, which this module gives to scripts: it says who owns a
// leg, waits, and reaches legs of other lanes.
package b2b

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/b2b/control"
	dialogs "github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/rtpengine"
)

// Plugin is the module "b2b".
func Plugin() host.Plugin {
	return host.Plugin{Name: "b2b", New: func(env *host.Environment) (luabind.Opener, error) {
		o := Options{Log: env.Log, Data: env.Data, Dialogs: func() *dialogs.Dialogs { return host.Find[*dialogs.Dialogs](env) }}
		if env.Made != nil {
			o.Media = func() *rtpengine.RTPEngine {
				p, _ := env.Made("rtpengine").(*rtpengine.RTPEngine)
				return p
			}
		}
		return NewWith(o), nil // they are made later
	}}
}

// B2B is the module: an engine.Part, and what scripts require.
type B2B struct {
	agent  *dialog.Agent
	log    *slog.Logger            // nil: none
	calls  func() *dialogs.Dialogs // who counts
	media  func() *rtpengine.RTPEngine
	eng    atomic.Pointer[engine.Engine]
	script luabind.Events[event]
	asks   atomic.Pointer[module] // the generation that is asked about REFERs
	park   parking
	known  []map[string]*leg // by id, one map a lane, which belongs to the holder of its token
	// where programs elsewhere control legs
	control *control.Hub
	data    string
	kept    *kept // legs in files; nil for none
	// names has *lane.Lane by the ids that callers chose for its legs; *leg for those that moved
	names sync.Map
}

// Options of NewWith. All may be zero.
type Options struct {
	Log *slog.Logger // default: none
	// Data is a directory, or "". Legs that were answered are noted there, so that the process
	// after one that was killed ends them.
	Data string
	// Dialogs, if it is not nil, returns those that count legs by their limits; nil: there are none
	Dialogs func() *dialogs.Dialogs
	// Media, if it is not nil, returns what relays the media of legs; nil: there is nothing
	Media func() *rtpengine.RTPEngine
}

// New makes the module without options.
func New() *B2B { return NewWith(Options{}) }

// NewWith makes the module.
func NewWith(o Options) *B2B {
	m := &B2B{log: o.Log, calls: o.Dialogs, media: o.Media, data: o.Data}
	m.agent = dialog.New(dialog.Options{Told: m.told, Refer: m.refer, Taken: m.moves, Replaces: m.lets, MayLeave: m.mayLeave, Leaves: m.leaves, Changed: m.changed})
	m.control = m.newControl()
	return m
}

// Attach makes it a part of an engine.
func (m *B2B) Attach(e *engine.Engine) error {
	m.known = make([]map[string]*leg, len(e.Lanes()))
	for i := range m.known {
		m.known[i] = map[string]*leg{}
	}
	m.eng.Store(e)
	m.control.Attach(e)
	if err := m.agent.Attach(e); err != nil {
		return err
	}
	if m.kept == nil {
		var err error
		if m.kept, err = openKept(m.data, m.logger()); err != nil {
			return err
		}
	}
	m.kept.sayGoodbye(e, m.agent)
	return nil
}

// logger is where is logged.
func (m *B2B) logger() *slog.Logger {
	if m.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.log
}

// Storage is what --data keeps of legs.
func (m *B2B) Storage() string {
	if m.data == "" {
		return ""
	}
	return "calls of b2b are noted in " + filepath.Join(m.data, "b2b") + ", so that a killed process leaves none"
}

// changed has a leg that was answered noted as it is now.
func (m *B2B) changed(l *dialog.Leg) {
	if m.kept != nil {
		m.of(l).noted = true
		m.kept.note(l)
	}
}

// Settles has INVITEs that take the place of a leg come to its lane.
func (m *B2B) Settles(l *lane.Lane, replaces string) bool {
	return m.lets() && m.agent.Settles(l, replaces)
}

// Intercept takes the requests of legs.
func (m *B2B) Intercept(r *engine.Request) (bool, error) { return m.agent.Intercept(r) }

// Calls is how many legs there are.
func (m *B2B) Calls() int { return m.agent.Calls() }

// EndCalls ends them.
func (m *B2B) EndCalls() { m.agent.EndCalls() }

// Metrics of the legs.
func (m *B2B) Metrics() []luabind.Metric {
	counter := func(name, help string, get func(answered, dialled, ended uint64) uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(get(m.agent.Stats())) }}
	}
	return append(m.controlMetrics(), []luabind.Metric{
		{Name: "b2b_legs", Help: "Legs that have not ended.", Kind: luabind.Gauge, Value: func() float64 { return float64(m.agent.Calls()) }},
		counter("b2b_answered_total", "Legs that were answered.", func(n, _, _ uint64) uint64 { return n }),
		counter("b2b_dialled_total", "Legs that were dialled.", func(_, n, _ uint64) uint64 { return n }),
		counter("b2b_ended_total", "Legs that have ended.", func(_, _, n uint64) uint64 { return n }),
	}...)
}

// leg is a leg as scripts have it. What may be read on any lane does not change, or is atomic; the
// rest belongs to the lane of the leg.
type leg struct {
	m       *B2B
	l       *dialog.Leg
	home    atomic.Pointer[lane.Lane] // the lane of the leg, or to which it is on its way
	moved   bool                      // it was on another one
	noted   bool                      // it is noted in files
	id      string
	callID  string
	from    string
	to      string
	state   atomic.Int32
	why     atomic.Pointer[string]
	keeps   *keeps // nil for nothing
	spot    *spot  // where it waits to be taken; nil if it does not
	ownerOf *owner // nil: nobody, it ends by itself

	listeners map[string]*listener // by what is heard; nil for none
}

// The states, as scripts know them.
const (
	ringing = iota
	calling
	answered
	ended
)

var stateNames = [...]string{"ringing", "calling", "answered", "ended"} // never changed

// of is the leg of scripts for one of the agent. The lane's token is held.
func (m *B2B) of(l *dialog.Leg) *leg {
	if x, ok := l.Handle.(*leg); ok {
		return x
	}
	return m.make(l, fmt.Sprintf("%d.%s", l.Lane().ID(), l.ID()))
}

// make makes it, with an id.
func (m *B2B) make(l *dialog.Leg, id string) *leg {
	x := &leg{m: m, l: l, id: id, callID: l.CallID(), from: l.From(), to: l.To()}
	x.home.Store(l.Lane())
	x.note()
	l.Handle = x
	if x.state.Load() != ended {
		m.known[x.lane().ID()][x.id] = x
	}
	return x
}

// note takes over the state.
func (x *leg) note() {
	switch x.l.State() {
	case dialog.Ringing:
		x.state.Store(ringing)
	case dialog.Calling:
		x.state.Store(calling)
	case dialog.Answered:
		x.state.Store(answered)
	default:
		x.state.Store(ended)
	}
}

// event is one that scripts hear of.
type event struct {
	kind string
	leg  *leg
	far  *leg
	why  string
	left time.Duration
}

// told hears of the agent's events, on their lanes.
func (m *B2B) told(e dialog.Event) {
	x := m.of(e.Leg)
	if e.Kind == dialog.EventTransfer {
		m.control.Told(e)
		return
	}
	x.note()
	out := event{kind: "b2b." + e.Kind, leg: x, why: e.Why}
	switch e.Kind {
	case dialog.EventAnswered:
		m.changed(e.Leg)
		x.keeps.answered()
	case dialog.EventEnded:
		x.state.Store(ended)
		if x.noted {
			m.kept.forget(e.Leg)
		}
		why := e.Why
		x.why.Store(&why)
		x.disown()
		x.unpark()
		x.keeps.ended()
		delete(m.known[x.lane().ID()], x.id)
		if chosen(x.id) || x.moved {
			m.names.Delete(x.id)
		}
	}
	if e.Far != nil {
		out.far = m.of(e.Far)
	}
	m.script.Emit(out)
	m.control.Told(e)
}

// owner is a handler or task with its legs: they end with it.
type owner struct {
	here *lane.Lane // of the handler
	mu   sync.Mutex // a task's legs are of several lanes
	legs map[*leg]struct{}
	over bool
}

// owner is the handler that runs.
func (m *B2B) owner(c *luabind.Call) *owner {
	return luabind.Owned(c, func() *owner { return &owner{here: c.Lane(), legs: map[*leg]struct{}{}} })
}

// take makes the leg the owner's. The leg's lane is held.
func (o *owner) take(x *leg) {
	o.mu.Lock()
	over := o.over
	if !over && x.state.Load() != ended {
		o.legs[x] = struct{}{}
	}
	o.mu.Unlock()
	if over {
		x.l.HangUp("")
		return
	}
	x.ownerOf = o
}

// disown makes the leg nobody's: it was given away, or has ended. The leg's lane is held.
func (x *leg) disown() {
	o := x.ownerOf
	if x.ownerOf = nil; o == nil {
		return
	}
	o.mu.Lock()
	delete(o.legs, x)
	o.mu.Unlock()
}

// End ends the legs that are still the owner's: a caller that was not answered gets 480, or 500
// after an error.
func (o *owner) End(failed bool) {
	code := 480
	if failed {
		code = 500
	}
	o.mu.Lock()
	o.over = true
	legs := slices.SortedFunc(maps.Keys(o.legs), func(a, b *leg) int { return strings.Compare(a.id, b.id) })
	o.mu.Unlock()
	for _, x := range legs {
		x.on(o.here, func(*lane.Lane) {
			if x.ownerOf == o {
				x.l.End(code, "")
			}
		})
	}
}

// on has f run with the token of a lane: now, if that is held.
func on(here, home *lane.Lane, f func()) {
	if here == home {
		f()
		return
	}
	home.Return(lane.Func(func(*lane.Lane) { f() }))
}

var errMany = errors.New("the server is overloaded")

// asker has begin called on some lane, and waits until that calls done. here, whose token is held,
// is lent in the meantime. It reports false if the server is overloaded.
type asker func(here *lane.Lane, begin func(done func())) bool

// askerOf is that of a lane.
func (m *B2B) askerOf(home *lane.Lane) asker {
	return func(here *lane.Lane, begin func(done func())) bool { return m.eng.Load().AskOn(here, home, begin) }
}

// wait has begin run on the lane of a leg, for a function that waits for what it is told there.
func wait[R any](x *leg, c *luabind.Call, begin luabind.Parked[R]) luabind.Parked[R] {
	if x.isOn(c.Lane()) {
		return begin
	}
	return waitOn(c, x.ask, begin)
}

// waitOn is wait for another lane.
func waitOn[R any](c *luabind.Call, ask asker, begin luabind.Parked[R]) luabind.Parked[R] {
	var out R
	err := errMany
	c.Lend(func(l *lane.Lane) {
		ask(l, func(done func()) {
			begin(func(o R, e error) {
				out, err = o, e
				done()
			})
		})
	})
	return func(done func(R, error)) { done(out, err) }
}

// do has f run on the lane of a leg, and waits for that.
func do[R any](x *leg, c *luabind.Call, f func() (R, error)) (R, error) {
	if x.isOn(c.Lane()) {
		return f()
	}
	return doOn(c, x.ask, f)
}

// doOn is do for another lane.
func doOn[R any](c *luabind.Call, ask asker, f func() (R, error)) (out R, err error) {
	waitOn(c, ask, func(done func(R, error)) { done(f()) })(func(o R, e error) { out, err = o, e })
	return out, err
}

// onLane has f run on a lane, and waits for that.
func onLane[R any](m *B2B, c *luabind.Call, home *lane.Lane, f func() (R, error)) (R, error) {
	if c.Lane() == home {
		return f()
	}
	return doOn(c, m.askerOf(home), f)
}

// joined bridges two legs, and ends both when that is over, unless one was taken out of it.
// Their lane is held.
func (m *B2B) joined(x, y *leg, o dialog.BridgeOptions) error {
	return m.agent.Bridge(x.l, y.l, o, func(_ *dialog.Leg, why string) {
		if why == dialog.WhyMoved || x.spot != nil || y.spot != nil {
			return // a transfer has them, or one waits to be taken
		}
		x.l.HangUp("")
		y.l.HangUp("")
	})
}
