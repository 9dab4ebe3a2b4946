package luabind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/luabind/metric"
)

// Options of a router. Script or Source is required.
type Options struct {
	Script string // the path of the script, or
	Source string // its text, with
	Name   string // what errors call it
	// Through makes the text that is run in place of Script, a file of another form, from its name
	// within its directory. It may be nil.
	Through func(file string) string
	// Files holds the Lua files that can be required; with Script it defaults to the script's
	// directory.
	Files fs.FS
	// What scripts can require; the router passes those that are engine.Parts on
	Modules []Opener
	// Loading ends a load that is in progress: a start that is to stop does not wait for a script.
	// nil: nothing does. What it stops is an error of Start or Reload that wraps its cause.
	Loading context.Context
	// Dictionaries keeps the durable ones of sip.shared. It may be nil.
	Dictionaries dict.Keeper
	// Shared has the dictionaries of sip.shared that processes share; nil: those of a module that
	// is a [Sharer].
	Shared dict.Shared
	Args   map[string]string // sip.args
	// Budget is how long a handler may hold its lane between waits, default 200 ms.
	Budget time.Duration
	// LoadBudget is how long the file, and what it requires, may run when it is loaded; default ten
	// budgets.
	LoadBudget time.Duration
	// Memory is how many bytes a VM may hold beyond what the file holds when it has run, default 64
	// MiB: its globals, and what its running and waiting handlers hold together.
	Memory int
	Log    *slog.Logger             // default slog.Default()
	Env    func(name string) string // sip.env, default os.Getenv
	// Of math.random and sip.random in a simulation; 0 seeds at random
	Seed uint64
	// Cover counts which lines of the script and its required files run. nil, the default, costs
	// nothing.
	Cover *Coverage
	// Steps is told each call that determines what is sent for a request, before it is sent, on the
	// request's lane. undo takes it back: the call turned out to determine nothing. nil, the
	// default, costs nothing.
	Steps func(Step) (undo func())
	// Tried is told when a trial ([Router.Try]) is over. It must not call the router's reloads.
	Tried func(TrialInfo)
	// Console runs what a person types in the script's VMs. It may be nil.
	Console *Console
	// Library allows a script without a route function: a spec, or a test of a module.
	Library bool
}

// Router is an engine.Router whose decisions are taken by a script. Its methods may be called from
// any goroutine, unless they say otherwise.
type Router struct {
	opts       Options
	ctx        context.Context
	cancel     context.CancelFunc
	dog        *watchdog
	shared     *dict.Set
	metrics    metric.Set // of scripts
	stats      stats
	told       told
	lanes      []*lane.Lane // set by start
	background *lane.Lane
	clock      lane.Clock
	eng        atomic.Pointer[engine.Engine]

	abandoned atomic.Bool // by Abandon

	starting atomic.Int64  // handlers of start that the server waits for
	readyNow chan struct{} // capacity 1: that may have become 0

	// slots hold the VM that serves on each lane; a request's handler keeps the one it began with.
	slots []atomic.Pointer[vm]
	trial atomic.Pointer[trial] // nil: none runs. Written with building held

	// building is held while a generation is built and swapped in. It guards last and stopped, and
	// is taken before mu.
	building sync.Mutex
	last     uint64 // the number of the last generation that was built or tried
	stopped  bool

	mu        sync.Mutex    // held only briefly; guards what follows
	current   *generation   // written with building held
	leaving   []*generation // replaced, and not closed yet
	lastTrial *TrialInfo    // the last trial; nil: none, or one runs
	tried     []string      // the paths of the last that could not be built
	figures   []*figures    // by lane, the background lane's last
}

var (
	_ engine.Router     = (*Router)(nil)
	_ engine.Starter    = (*Router)(nil)
	_ engine.Stopper    = (*Router)(nil)
	_ engine.PartsOwner = (*Router)(nil)
)

// NewRouter compiles the script. It runs when the engine starts: once on each lane, and once in the
// background VM.
func NewRouter(o Options) (*Router, error) {
	if o.Script == "" && o.Source == "" && o.Name == "" || o.Script != "" && o.Source != "" {
		return nil, errors.New("luabind: Options needs either a Script or a Source")
	}
	if o.Budget <= 0 {
		o.Budget = 200 * time.Millisecond
	}
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Env == nil {
		o.Env = os.Getenv
	}
	for _, m := range o.Modules {
		_, sees := m.(engine.Interceptor)
		if _, part := m.(engine.Part); sees && !part {
			return nil, fmt.Errorf("luabind: module %s is an engine.Interceptor but not an engine.Part: it would never be called", m.Name())
		}
	}
	if errInterpreter != nil {
		return nil, errInterpreter
	}
	p, err := o.open()
	if err != nil {
		return nil, err
	}
	p.close()
	r := &Router{opts: o, dog: newWatchdog()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.shared = dict.New()
	for _, m := range o.Modules {
		if x, ok := m.(Sharer); ok && o.Shared == nil {
			o.Shared = x.Shared()
		}
	}
	if o.Shared != nil {
		r.shared.Share(o.Shared)
	}
	r.readyNow = make(chan struct{}, 1)
	if o.Console != nil {
		o.Console.router = r
	}
	return r, nil
}

func (r *Router) engine() *engine.Engine { return r.eng.Load() }

// Parts are the modules that live on an engine: it attaches them before Start.
func (r *Router) Parts() []engine.Part {
	var list []engine.Part
	for _, m := range r.opts.Modules {
		if p, ok := m.(engine.Part); ok {
			list = append(list, p)
		}
	}
	return list
}

// Start builds the first generation. The engine calls it.
func (r *Router) Start(e *engine.Engine) error {
	r.eng.Store(e)
	return r.StartLanes(e.Lanes(), e.Background(), e.Clock())
}

// StartLanes is Start without an engine, for tests of modules: scripts run, but nothing that needs
// an engine works.
func (r *Router) StartLanes(lanes []*lane.Lane, background *lane.Lane, clock lane.Clock) error {
	r.building.Lock()
	defer r.building.Unlock()
	if r.background != nil || r.stopped {
		return errors.New("luabind: the router has already been started")
	}
	r.lanes, r.background, r.clock = lanes, background, clock
	if k := r.opts.Dictionaries; k != nil {
		r.shared.Keep(k, clock, r.opts.Log)
	}
	last := background.ID()
	for _, l := range lanes {
		last = max(last, l.ID())
	}
	r.slots = make([]atomic.Pointer[vm], last+1)
	all := make([]*figures, len(lanes)+1)
	for i := range all {
		all[i] = &figures{}
	}
	r.mu.Lock()
	r.figures = all
	r.mu.Unlock()
	r.dog.start(r.opts.Budget)
	loading := r.opts.Loading
	if loading == nil {
		loading = context.Background()
	}
	return r.replace(loading, "start")
}

// Reload compiles the script again, builds its VMs next to those in service, and swaps them if
// everything worked; otherwise the current generation continues and the error says why, with file,
// line and traceback. Transactions finish on the generation they began with.
func (r *Router) Reload(ctx context.Context) error {
	r.building.Lock()
	defer r.building.Unlock()
	if r.current == nil || r.stopped {
		return errors.New("luabind: the router is not running")
	}
	err := r.replace(ctx, "reload")
	if err != nil {
		r.stats.reloadErrors.Add(1)
	} else {
		r.stats.reloads.Add(1)
	}
	return err
}

// ReloadAs is Reload with the script, source, name, files and arguments of o in the place of those
// it had: for specs, and for programs that keep scripts elsewhere. A script that is refused leaves
// them as they were.
func (r *Router) ReloadAs(ctx context.Context, o Options) error {
	r.building.Lock()
	old := r.opts
	r.setSource(&o)
	r.building.Unlock()
	err := r.Reload(ctx)
	if err != nil {
		r.building.Lock()
		r.setSource(&old)
		r.building.Unlock()
	}
	return err
}

// setSource takes what may change with a reload. r.building is held.
func (r *Router) setSource(o *Options) {
	r.opts.Script, r.opts.Source, r.opts.Name, r.opts.Files, r.opts.Args = o.Script, o.Source, o.Name, o.Files, o.Args
}

// Abandon has Stop call no handlers of "stop": for a simulation of a process that was killed.
func (r *Router) Abandon() { r.abandoned.Store(true) }

// replace builds the next generation and swaps it in. r.building is held.
func (r *Router) replace(ctx context.Context, why string) error {
	r.endTrial(r.trial.Load(), trialEnd{TrialEnded, "the script was loaded again", false})
	r.last++
	next, err := r.build(ctx, r.last, false)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = next.activate()
	}
	if err != nil {
		if next != nil {
			next.close()
		}
		return err
	}
	next.metrics.Enter()
	for _, v := range next.all() {
		r.dog.add(v, 1)
	}
	r.install(next, why)
	return nil
}

// install has a generation take over. r.building is held.
func (r *Router) install(next *generation, why string) {
	old := r.current
	next.loaded = r.clock.Wall()
	r.mu.Lock()
	r.current = next
	if old != nil {
		r.leaving = append(r.leaving, old)
	}
	r.mu.Unlock()
	for i, l := range r.lanes {
		r.slots[l.ID()].Store(next.vms[i])
	}
	for _, v := range next.all() {
		v.serve(why)
	}
	if old != nil {
		old.leave(why)
		old.retire()
	}
}

// Stop calls the handlers of "stop", closes the modules and ends the router's goroutines. The
// engine calls it after the drain.
func (r *Router) Stop(ctx context.Context) error {
	r.building.Lock()
	defer r.building.Unlock()
	if r.stopped {
		return nil
	}
	if t := r.trial.Load(); t != nil {
		t.over.Store(true)
		r.trial.Store(nil)
		t.gen.retired.Store(true)
		t.gen.wind()
		t.gen.close()
	}
	r.stopped = true
	var err error
	if g := r.current; g != nil {
		if g.back.stopHandlers() && !r.abandoned.Load() {
			err = g.back.runStop(ctx)
		}
		g.retired.Store(true)
		g.wind()
		g.close()
	}
	r.cancel()
	r.dog.close()
	r.shared.Close()
	return err
}

// started notes that a handler of start has ended.
func (r *Router) started() {
	if r.starting.Add(-1) == 0 {
		select {
		case r.readyNow <- struct{}{}:
		default:
		}
	}
}

// Ready reports whether the handlers of "start" that asked for it (sip.on with ready = true) have
// ended, those of a reload included.
func (r *Router) Ready() bool { return r.starting.Load() == 0 }

// AwaitReady waits until [Router.Ready], or until ctx ends, whose error it returns then. One
// goroutine at a time may call it.
func (r *Router) AwaitReady(ctx context.Context) error {
	for !r.Ready() {
		select {
		case <-r.readyNow:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Files are the paths of the script and the Lua files it requires, for whoever watches them; before
// one is in service, those that the last attempt has read.
func (r *Router) Files() []string {
	r.mu.Lock()
	g, tried := r.current, r.tried
	r.mu.Unlock()
	if g != nil {
		return append([]string(nil), g.program.paths...)
	}
	if tried != nil {
		return append([]string(nil), tried...)
	}
	if p, err := r.opts.open(); err == nil {
		p.close()
		return p.paths
	}
	return nil
}
