package spec

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file is the world of one test, and how its spec waits for what happens there.

// world is what one test runs in. The spec's handlers run in it one at a time, and nothing else
// while one does.
type world struct {
	opts     *Options
	seed     uint64
	file     string // the spec's path
	sim      *sim.World
	lane     *lane.Lane // the spec's
	router   *luabind.Router
	log      log
	ladder   ladder
	plan     plan
	servers  []*server
	routers  []*luabind.Router // of all servers, those included that did not start
	phones   []*phone.Phone
	troubles []string // what fails the test whatever its function does

	waits   []*wait
	looking bool              // somebody will check the waits
	byes    []*phone.Outgoing // those of the spec
	nextIP  netip.Addr        // of the next phone without an address

	console *luabind.Console // of its server; nil in tests
	outside outside
	zone    zone
	nats    int // how many there are

	// Guards what other goroutines change: troubles, outside.sql, outside.redis
	outsideMu sync.Mutex
}

// phoneNet is where phones without an address of their own get theirs.
const phoneNet = "10.0.1.1"

// newWorld makes a world and runs the spec's file in it: then its plan is known. The caller closes
// it, whatever the error.
func newWorld(file string, seed uint64, opts *Options) (*world, error) {
	w := bareWorld(file, seed, opts)
	w.read(file)
	var err error
	w.router, err = luabind.NewRouter(luabind.Options{Script: file, Modules: []luabind.Opener{opener{w}}, Budget: specBudget, Log: w.log.logger("spec"),
		Seed: seed, Library: true})
	if err != nil {
		return w, err
	}
	return w, w.router.StartLanes(nil, w.lane, w.sim)
}

// bareWorld is a world without a spec.
func bareWorld(file string, seed uint64, opts *Options) *world {
	w := &world{opts: opts, seed: seed, file: file, sim: sim.New(seed), nextIP: netip.MustParseAddr(phoneNet)}
	w.log.elapsed = w.sim.Elapsed
	w.sim.Trace(func(p sim.Packet) { w.ladder.record(w.sim.Elapsed(), p) })
	w.plan.defaults = defaultServer(file)
	if opts.Lanes > 0 {
		w.plan.defaults.Lanes = opts.Lanes
	}
	w.outside = outside{w: w, mux: http.NewServeMux()}
	w.lane = lane.New(0, lane.Options{Clock: w.sim, Meter: w.sim, Panicked: func(_ *lane.Lane, v any, stack []byte) {
		w.trouble(fmt.Errorf("panic: %v\n%s", v, stack))
	}})
	w.sim.Drive(w.lane)
	return w
}

// close ends everything that runs in the world.
func (w *world) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.tellRead()
	for _, s := range w.servers {
		s.end(ctx)
		s.close()
	}
	if w.router != nil {
		_ = w.router.Stop(ctx)
	}
	for _, p := range w.phones {
		p.Close()
	}
	w.lane.Stop()
	if r := w.outside.redis; r != nil {
		r.r.Close()
	}
}

// read tells that a file was read; "" is none.
func (w *world) read(path string) {
	if w.opts.Read == nil || path == "" {
		return
	}
	if abs, err := filepath.Abs(path); err == nil {
		w.opts.Read(abs)
	}
}

// tellRead tells what the spec and the scripts required.
func (w *world) tellRead() {
	if w.opts.Read == nil {
		return
	}
	for _, r := range append(w.routers, w.router) {
		if r == nil {
			continue
		}
		for _, path := range r.Files() {
			w.opts.Read(path)
		}
	}
}

// trouble records what fails the test.
func (w *world) trouble(err error) {
	w.outsideMu.Lock()
	defer w.outsideMu.Unlock()
	if text := err.Error(); !slices.Contains(w.troubles, text) {
		w.troubles = append(w.troubles, text)
	}
}

// wait is one wait of the spec.
type wait struct {
	ready func() bool
	over  bool // its time is over
	w     *lane.Waiter
}

// wait lets time pass until ready holds, at most d, and reports whether it does.
func (w *world) wait(c *luabind.Call, d time.Duration, ready func() bool) bool {
	if ready() {
		return true
	}
	x := &wait{ready: ready, w: lane.NewWaiter()}
	w.waits = append(w.waits, x)
	w.sim.After(d, func() {
		x.over = true
		w.look()
	})
	c.Park(x.w)
	w.outsideMu.Lock()
	w.outside.tick()
	w.outsideMu.Unlock()
	return ready()
}

// pass lets d pass.
func (w *world) pass(c *luabind.Call, d time.Duration) {
	w.wait(c, d, func() bool { return false })
}

// changed is called after whatever the spec may wait for. Waits continue in an event of their own,
// when everything else that happens at this moment is done.
func (w *world) changed() {
	if len(w.waits) > 0 && !w.looking {
		w.looking = true
		w.sim.After(0, w.look)
	}
}

// look wakes those who have waited long enough. It is an event of the world.
func (w *world) look() {
	w.lane.Run(lane.Func(func(l *lane.Lane) {
		w.looking = false
		w.waits = slices.DeleteFunc(w.waits, func(x *wait) bool {
			if !x.over && !x.ready() {
				return false
			}
			l.Wake(x.w)
			return true
		})
	}), nil)
}

// address reads "10.0.0.9" or "10.0.0.9:5080".
func address(text string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip, 5060), nil
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return a, fmt.Errorf("%q is not an address: write 10.0.0.9 or 10.0.0.9:5060", text)
	}
	return a, nil
}
