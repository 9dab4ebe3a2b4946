// Package luabindtest runs script strings in a real VM, under a real engine, in a world of virtual
// time: for the tests of modules.
//
//	w := luabindtest.New(t, `
//	  local greet = require "greet"
//	  function route(req) req:reply(200, greet.hello(req.from.uri.user)) end`, luabindtest.Modules(greet.New()))
//	res := w.Ask("OPTIONS", "sip:example.com")
//
// A function alone is tried with [World.Eval]:
//
//	got, err := w.Eval(`return require("greet").hello("x")`)
package luabindtest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// Addr is where the engine listens, on UDP and TCP; Caller is where Ask sends from.
const (
	Addr   = "10.0.0.1:5060"
	Caller = "10.0.0.2:5060"
)

// Patience is how much virtual time Ask and Eval let pass.
const Patience = 60 * time.Second

// World is an engine with a script, on virtual time. It belongs to the test's goroutine.
type World struct {
	T      testing.TB      // the test, which failures end
	Sim    *sim.World      // the virtual clock and network
	Engine *engine.Engine  // what the script serves, at [Addr]
	Router *luabind.Router // the script's
	log    logBuffer
	serial int
}

// config is what options change.
type config struct {
	script luabind.Options
	engine engine.Config
	wrap   func(*luabind.Router) engine.Router
}

// Option changes how a World is made.
type Option func(*config)

// Modules are what the script can require.
func Modules(m ...luabind.Opener) Option {
	return func(c *config) { c.script.Modules = append(c.script.Modules, m...) }
}

// Script changes the script's options.
func Script(f func(*luabind.Options)) Option { return func(c *config) { f(&c.script) } }

// Engine changes the engine's configuration.
func Engine(f func(*engine.Config)) Option { return func(c *config) { f(&c.engine) } }

// Wrap puts another router around the script's. It must hand on Parts, Start and Stop.
func Wrap(f func(*luabind.Router) engine.Router) Option { return func(c *config) { c.wrap = f } }

// Lanes is how many lanes carry calls, 1 by default. With more than one a run is not repeated
// exactly by its seed.
func Lanes(n int) Option { return func(c *config) { c.engine.Lanes = n } }

// Listen makes the engine listen elsewhere than at [Addr]: "udp:198.51.100.1:5060" and the like.
func Listen(at ...string) Option {
	return func(c *config) { c.engine.Network = c.engine.Clock.(*sim.World).Network(at...) }
}

// Must returns the value of a constructor that cannot fail here. It panics if it does.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// New starts an engine with the script and fails the test when that doesn't work.
func New(t testing.TB, script string, options ...Option) *World {
	t.Helper()
	w, err := Try(t, script, options...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Try is New for scripts that should be refused.
func Try(t testing.TB, script string, options ...Option) (*World, error) {
	t.Helper()
	w := &World{T: t, Sim: sim.New(1)}
	c := config{
		// The budget measures the machine's time, also in virtual time: on a machine that is busy
		// with other things a handler takes long.
		script: luabind.Options{Source: script, Name: "route.lua", Seed: 1, Budget: 10 * time.Second,
			Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		engine: engine.Config{Clock: w.Sim, Meter: w.Sim, Network: w.Sim.Network("udp:"+Addr, "tcp:"+Addr), Seed: 2, Lanes: 1,
			Domains: []string{"example.com"}, Log: slog.New(slog.DiscardHandler)},
	}
	for _, f := range options {
		f(&c)
	}
	if c.script.Script != "" {
		c.script.Source, c.script.Name = "", ""
	}
	var err error
	if w.Router, err = luabind.NewRouter(c.script); err != nil {
		return nil, err
	}
	c.engine.Router = w.Router
	if c.wrap != nil {
		c.engine.Router = c.wrap(w.Router)
	}
	if w.Engine, err = engine.New(c.engine); err != nil {
		return nil, err
	}
	t.Cleanup(w.close)
	if err := w.Engine.Start(); err != nil {
		return nil, err
	}
	w.Sim.Drive(w.Engine.Lanes()...)
	w.Sim.Drive(w.Engine.Background())
	return w, nil
}

func (w *World) close() {
	if w.T.Failed() {
		w.T.Logf("log:\n%s", w.Log())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Engine.Shutdown(ctx)
}

// Log is the log so far.
func (w *World) Log() string { return w.log.String() }

// Run lets virtual time pass.
func (w *World) Run(d time.Duration) { w.Sim.Run(d) }

// Eval runs source as a handler of no request on the first lane and returns its results, copied
// into Go. It may wait.
func (w *World) Eval(source string) ([]any, error) {
	w.T.Helper()
	var results []any
	var failure error
	var done atomic.Bool
	w.Router.Eval(w.Engine.Lanes()[0], source, func(r []any, err error) {
		results, failure = r, err
		done.Store(true)
	})
	if !w.Sim.RunUntil(Patience, done.Load) {
		w.T.Fatalf("the script did not end within %v:\n%s", Patience, source)
	}
	return results, failure
}

// Request is the text of a request from Caller with further header lines ("Name: value\r\n").
func (w *World) Request(method, uri, headers, body string) []byte {
	w.serial++
	n := w.serial
	return []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\nFrom: \"Alice A.\" <sip:alice@example.com>;tag=from%d\r\n"+
		"To: <%s>\r\nCall-ID: call-%d\r\nCSeq: 7 %s\r\n%sContent-Length: %d\r\n\r\n%s", method, uri, Caller, n, n, uri, n, method, headers, len(body), body))
}

// Ask sends a request and returns its final response, or nil when none came.
func (w *World) Ask(method, uri string, headers ...string) *message.Message {
	w.T.Helper()
	return w.Send(w.Request(method, uri, strings.Join(headers, ""), ""))
}

// Code is the code that Ask's response has, 0 for none.
func (w *World) Code(method, uri string, headers ...string) int {
	w.T.Helper()
	if m := w.Ask(method, uri, headers...); m != nil {
		return m.Status()
	}
	return 0
}

// Send sends the text of a request from Caller and returns its final response, or nil when none
// came.
func (w *World) Send(text []byte) *message.Message {
	w.T.Helper()
	caller := w.Peer(Caller, nil)
	defer caller.Remove()
	caller.Send(Addr, text)
	var final *message.Message
	w.Sim.RunUntil(Patience, func() bool {
		for _, m := range caller.Got {
			if !m.IsRequest() && m.Status() >= 200 {
				final = m
			}
		}
		return final != nil
	})
	return final
}

// logBuffer keeps the log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
