package luabind

// A new script on trial: it gets some of the new requests while the old one serves the others, and
// takes over or goes by what becomes of them.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/siphash"
)

// Trial says which requests a new script gets, and for how long.
type Trial struct {
	// Share of the new requests, from 0 to 1, chosen by their Call-ID.
	Share float64
	// Sources of which it gets all.
	Sources []netip.Prefix
	// After that time it takes over, if it has served a request; 0: ten minutes.
	After time.Duration
}

// The states of a trial.
const (
	TrialRuns     = "running"
	TrialPromoted = "promoted"
	TrialEnded    = "rolled back"
)

// TrialInfo is a trial at one moment.
type TrialInfo struct {
	Trial
	Generation uint64        // the script on trial
	State      string        // one of the Trial constants
	Reason     string        // why it is over, or waits longer than it was to
	Failed     bool          // it was rolled back for what it did, not by an operator
	Began      time.Time     // see there
	Ended      time.Time     // zero while it runs
	Left       time.Duration // until it takes over
	// Configured are the modules that the script configures differently: that is in force when it
	// takes over.
	Configured []string
	New, Old   TrialSide // what became of the requests of each script
}

// TrialSide is what became of the requests that one of the scripts got since the trial began.
type TrialSide struct {
	Requests uint64 // new ones, and of those within calls those of calls that it began
	Answered uint64 // of the new ones: those that are over
	// Of these: with 400 to 699, apart from 401, 407 and 487; or dropped. With sources: with 500 to
	// 599, or dropped.
	Failed uint64
	Errors uint64 // of the script
}

// ErrNoTrial says that no trial runs.
var ErrNoTrial = errors.New("no canary runs")

// trial is one that runs.
type trial struct {
	Trial
	router     *Router
	gen        *generation
	opts       Options // of the router, once it has taken over
	below      uint32  // of trialParts
	began      time.Time
	due        lane.Time
	configured []string
	seed       maphash.Seed
	key        siphash.Key      // chooses calls
	calls      []map[uint64]int // by lane, whose token is held: how often it began a dialog
	room       int              // of calls, for one lane
	full       atomic.Bool      // one of these was, and the old script got what was the new one's
	before     TrialSide        // what became of requests from the server's start to the trial's
	waits      atomic.Pointer[string]
	over       atomic.Bool
	fresh, old side
	judging    sync.Mutex // of what follows; nobody waits for it
	evidence   *evidence
	told       [2]TrialSide // what of both sides was in it
	timer      lane.Timer
}

const (
	trialParts     = 1 << 16
	mostTrialCalls = 1 << 16 // of one lane; beyond that the old script gets new calls
	defaultAfter   = 10 * time.Minute
)

// Check fills in defaults, and says what is wrong.
func (t *Trial) Check() error {
	if t.After == 0 {
		t.After = defaultAfter
	}
	switch {
	case !(t.Share >= 0 && t.Share <= 1):
		return fmt.Errorf("a share of %v is not between 0 and 1", t.Share)
	case t.Share == 0 && len(t.Sources) == 0:
		return errors.New("a canary needs a share of the requests, or sources")
	case t.After < 0 || t.After > 30*24*time.Hour:
		return fmt.Errorf("%v is not a time up to 30 days", t.After)
	}
	return nil
}

// Try is Reload for some requests only: the new script gets the share and the sources of t, until
// it takes over, or fails. It fails with its first error, and when more of its requests fail than
// of those that the old script gets, which one that is no worse does by chance in one of a thousand
// trials at most, however long they are. In doubt it waits for more of them, for
// After again at most, and goes. Its timers, events and the configuration of
// modules begin when it takes over. Another Try, and a Reload, end it.
func (r *Router) Try(ctx context.Context, t Trial) error {
	return r.try(ctx, t, func(*Options) {})
}

func (r *Router) try(ctx context.Context, t Trial, change func(*Options)) error {
	if err := t.Check(); err != nil {
		return err
	}
	r.building.Lock()
	defer r.building.Unlock()
	if r.current == nil || r.stopped {
		return errors.New("luabind: the router is not running")
	}
	r.endTrial(r.trial.Load(), trialEnd{TrialEnded, "another canary began", false})
	r.last++
	before := r.opts
	opts := before
	change(&opts)
	r.setSource(&opts)
	g, err := r.build(ctx, r.last, true)
	r.setSource(&before)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = g.tried()
	}
	if err != nil {
		if g != nil {
			g.close()
		}
		r.stats.reloadErrors.Add(1)
		return err
	}
	r.begin(g, t, opts)
	return nil
}

// TryAs is Try with the script, source, name, files and arguments of o, which the router has from
// when the script takes over.
func (r *Router) TryAs(ctx context.Context, o Options, t Trial) error {
	return r.try(ctx, t, func(own *Options) {
		own.Script, own.Source, own.Name, own.Files, own.Args = o.Script, o.Source, o.Name, o.Files, o.Args
	})
}

// tried tells the modules that a generation serves beside another.
func (g *generation) tried() error {
	for _, m := range g.modules {
		if a, ok := m.module.(Trier); ok {
			if err := a.Try(); err != nil {
				return fmt.Errorf("module %s: %w", m.name, err)
			}
		}
	}
	return nil
}

// begin puts a generation on trial.
func (r *Router) begin(g *generation, t Trial, o Options) {
	x := &trial{Trial: t, router: r, opts: o, gen: g, below: uint32(math.Round(t.Share * trialParts)), began: r.clock.Wall(),
		due: r.clock.Now() + lane.Time(t.After), configured: g.differs(r.current), seed: maphash.MakeSeed(), room: mostTrialCalls, calls: make([]map[uint64]int, len(r.slots))}
	x.fresh.trial, x.old.trial = x, x
	for i := range x.calls {
		x.calls[i] = map[uint64]int{}
	}
	x.before = x.since()
	x.key, x.evidence = r.trialKey(), newEvidence(x.before, rand.Uint64())
	g.loaded = x.began
	g.metrics.Enter()
	for _, v := range g.all() {
		r.dog.add(v, 1)
	}
	r.mu.Lock()
	r.lastTrial = nil
	r.mu.Unlock()
	r.trial.Store(x)
	x.wait(t.After)
}

// trialKey chooses calls: for all servers with one secret alike, and for nobody who does not know
// it.
func (r *Router) trialKey() siphash.Key {
	e := r.engine()
	if e == nil {
		return siphash.Key{rand.Uint64(), rand.Uint64()}
	}
	key := e.Key("canary")
	return siphash.Key{binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])}
}

// wait has the trial looked at after a time.
func (t *trial) wait(d time.Duration) {
	// Return: a full queue would have it never end
	t.router.background.Return(lane.Func(func(l *lane.Lane) {
		if !t.over.Load() {
			l.After(d, &t.timer, t)
		}
	}))
}

// Expire is called on the background lane when the script is to take over, and each second while it
// may not.
func (t *trial) Expire(*lane.Timer) {
	if t.over.Load() {
		return
	}
	late := t.router.clock.Now().Sub(t.due) >= t.After
	if o, wait := verdict(t.fresh.now(), t.yardstick(), t.look(), late); wait == "" {
		t.finish(o)
		return
	} else {
		t.waits.Store(&wait)
	}
	t.router.background.After(time.Second, &t.timer, t)
}

// trialEnd is how a trial ends.
type trialEnd struct {
	state, why string
	failed     bool // of TrialInfo
}

// finish ends the trial. New requests go to the old script at once; what may wait is done aside.
func (t *trial) finish(o trialEnd) {
	if o.state == TrialEnded && !t.over.CompareAndSwap(false, true) {
		return
	}
	go func() { // ends with its one piece of work
		t.router.building.Lock()
		defer t.router.building.Unlock()
		t.router.endTrial(t, o)
	}()
}

// endTrial promotes or removes the generation on trial. r.building is held.
func (r *Router) endTrial(t *trial, o trialEnd) {
	if t == nil || r.trial.Load() != t || r.stopped {
		return
	}
	if o.state == TrialPromoted && !t.over.CompareAndSwap(false, true) {
		return // it failed meanwhile
	}
	t.over.Store(true)
	t.router.background.Return(lane.Func(func(l *lane.Lane) { l.StopTimer(&t.timer) }))
	if o.state == TrialPromoted {
		if err := t.gen.activate(); err != nil {
			o = trialEnd{TrialEnded, "it could not take over: " + err.Error(), true}
		}
	}
	info := t.info(o.state, o.why)
	info.Ended, info.Failed = r.clock.Wall(), o.failed
	r.mu.Lock()
	r.lastTrial = &info
	if o.state != TrialPromoted {
		r.leaving = append(r.leaving, t.gen)
	}
	r.mu.Unlock()
	if o.state == TrialPromoted {
		t.gen.beside.Store(false)
		r.setSource(&t.opts)
		r.install(t.gen, "reload")
		r.trial.Store(nil)
		r.stats.reloads.Add(1)
	} else {
		r.trial.Store(nil)
		t.gen.retire()
	}
	log := r.opts.Log.With("generation", t.gen.number, "reason", o.why, "requests", info.New.Requests, "failed", info.New.Failed)
	switch {
	case o.failed:
		r.stats.reloadErrors.Add(1)
		log.Error("the canary was rolled back; the previous script serves all requests")
	case o.state == TrialPromoted:
		log.Info("the canary has taken over")
	default: // as somebody wanted
		log.Info("the canary was ended; the previous script serves all requests")
	}
	if f := r.opts.Tried; f != nil {
		f(info)
	}
}

// EndTrial ends the trial that runs: the script takes over, or goes.
func (r *Router) EndTrial(promote bool) error {
	r.building.Lock()
	defer r.building.Unlock()
	t := r.trial.Load()
	if t == nil || t.over.Load() {
		return ErrNoTrial
	}
	if !promote {
		r.endTrial(t, trialEnd{TrialEnded, "an operator ended it", false})
		return nil
	}
	r.endTrial(t, trialEnd{TrialPromoted, "an operator promoted it", false})
	if info, _ := r.Trial(); info.State == TrialEnded {
		return errors.New(info.Reason)
	}
	return nil
}

// Trial is the trial that runs, or the last one; false: there was none.
func (r *Router) Trial() (TrialInfo, bool) {
	r.mu.Lock()
	last := r.lastTrial
	r.mu.Unlock()
	if t := r.trial.Load(); t != nil && last == nil {
		return t.info(TrialRuns, ""), true
	}
	if last == nil {
		return TrialInfo{}, false
	}
	return *last, true
}

func (t *trial) info(state, why string) TrialInfo {
	i := TrialInfo{Trial: t.Trial, Generation: t.gen.number, State: state, Reason: why, Began: t.began, Configured: t.configured, New: t.fresh.now(), Old: t.old.now()}
	if state == TrialRuns {
		i.Left = max(0, t.due.Sub(t.router.clock.Now()))
		if w := t.waits.Load(); w != nil {
			i.Reason = *w
		}
	}
	return i
}

func (s *side) now() TrialSide {
	over := s.over.Load()
	return TrialSide{s.requests.Load(), over >> 32, over & math.MaxUint32, s.errors.Load()}
}

// Trier is a Module that prepares itself to be called before it is activated, beside the generation
// that serves ([Router.Try]). What all generations share stays as the one that serves set it.
type Trier interface {
	Try() error
}
