package spec

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// This file ends servers and starts them again, and has them load their script again.

// changeOptions are those of t.reload.
type changeOptions struct {
	Script string            `lua:"script" doc:"another file from now on, from the spec's directory"`
	Source string            `lua:"source" doc:"another script's text, in place of a file"`
	Args   map[string]string `lua:"args" doc:"sip.args from now on"`
}

// restartOptions are those of t.restart.
type restartOptions struct {
	changeOptions
	Kill bool `lua:"kill" doc:"as a process that is killed ends: without a drain, a handler of \"stop\", or anything sent"`
}

// stopOptions are those of server:stop.
type stopOptions struct {
	Kill bool `lua:"kill" doc:"as a process that is killed ends"`
}

const (
	reloadDoc = "Has the server load its script again, or another one. It raises if the script is refused; then the old one goes on serving. " +
		"What the process keeps (bindings, sip.shared) stays."
	restartDoc = "Ends the server and starts it again. Without data = true in t.server all state is lost, and requests in older calls are refused; with it, what --data keeps survives. " +
		"A stop takes a second at least, in which new calls are refused and those in progress may finish."
)

func (w *world) reloadFunction() luabind.Function {
	return luabind.Do1(luabind.Function{Name: "reload", Where: luabind.InHandler, Doc: reloadDoc + " It is the test's first server.",
		Example: `t.reload({ args = { fallback = "sip:desk@10.0.0.7" } })`},
		luabind.OptionsArg(changeOptions{}), func(c *luabind.Call, o changeOptions) { w.first(c).reload(c, o) })
}

func (w *world) restartFunction() luabind.Function {
	return luabind.Do1(luabind.Function{Name: "restart", Where: luabind.InHandler, Doc: restartDoc + " It is the test's first server.",
		Example: `t.restart({ kill = true })`},
		luabind.OptionsArg(restartOptions{}), func(c *luabind.Call, o restartOptions) { w.first(c).restart(c, o) })
}

// serverMethods are those of a server.
func serverMethods() []luabind.Function {
	self := luabind.Self[*server]()
	return []luabind.Function{
		luabind.Do2(luabind.Function{Name: "reload", Where: luabind.InHandler, Doc: reloadDoc,
			Example: "local server = t.server({ addr = \"10.0.0.2\" })\nserver:reload()"},
			self, luabind.OptionsArg(changeOptions{}), func(c *luabind.Call, s *server, o changeOptions) { s.reload(c, o) }),
		luabind.Do2(luabind.Function{Name: "restart", Where: luabind.InHandler, Doc: restartDoc,
			Example: "local server = t.server({ addr = \"10.0.0.2\", data = true })\nserver:restart({ kill = true })"},
			self, luabind.OptionsArg(restartOptions{}), func(c *luabind.Call, s *server, o restartOptions) { s.restart(c, o) }),
		luabind.Do2(luabind.Function{Name: "stop", Where: luabind.InHandler, Doc: "Ends it, until start.",
			Example: "local server = t.server({ addr = \"10.0.0.2\" })\nserver:stop({ kill = true })"},
			self, luabind.OptionsArg(stopOptions{}), func(c *luabind.Call, s *server, o stopOptions) { s.stop(c, o.Kill) }),
		luabind.Do1(luabind.Function{Name: "start", Where: luabind.InHandler, Doc: "Starts it again.",
			Example: "local server = t.server({ addr = \"10.0.0.2\" })\nserver:stop()\nserver:start()"},
			self, func(c *luabind.Call, s *server) { s.again(c) }),
		luabind.Func3(luabind.Function{Name: "metric", Doc: "The value of a metric as /metrics has it: of a histogram how many were observed. nil: there is none with this name and these labels.",
			Example: "local server = t.server({ addr = \"10.0.0.2\" })\nt.equal(server:metric(\"sipscript_script_errors_total\"), 0)"},
			self, luabind.TextArg("name", "the whole name"), luabind.ValueArg("labels", "{name = value}, all of them").Optional(), luabind.ReturnsOf(pushFigure, luabind.Result{Type: luabind.Number, OrNil: true}), serverMetric),
	}
}

// first is the test's first server.
func (w *world) first(c *luabind.Call) *server {
	if len(w.servers) == 0 {
		c.Raise("there is no server yet: it starts with t.server or the first t.ua")
	}
	return w.servers[0]
}

// change takes other options from now on.
func (s *server) change(o changeOptions) {
	if o.Script != "" || o.Source != "" {
		s.o.Script, s.o.Source = o.Script, o.Source
	}
	if o.Args != nil {
		s.o.Args = o.Args
	}
}

func (s *server) reload(c *luabind.Call, o changeOptions) {
	if s.engine == nil {
		c.Raise("the server at %s does not run", s.addr)
	}
	old := s.o
	s.change(o)
	script, err := s.w.script(&s.o)
	if err == nil {
		script.Args = s.o.Args
		s.w.read(script.Script)
		c.Await(func(ctx context.Context) { err = s.router.ReloadAs(ctx, script) })
	}
	if err != nil {
		s.o = old
		c.Raise("the script was refused: %s", textOf(err))
	}
	s.w.pass(c, 0)
}

func (s *server) restart(c *luabind.Call, o restartOptions) {
	s.stop(c, o.Kill)
	s.change(o.changeOptions)
	s.again(c)
}

// again starts a server that was stopped.
func (s *server) again(c *luabind.Call) {
	if s.engine != nil {
		c.Raise("the server at %s runs already", s.addr)
	}
	if err := s.launch(c); err != nil {
		c.Raise("the server does not start: %s", textOf(err))
	}
	s.w.pass(c, 0)
}

func (s *server) stop(c *luabind.Call, kill bool) {
	if s.engine == nil {
		c.Raise("the server at %s does not run", s.addr)
	}
	if !kill {
		s.drain(c)
	}
	s.wire.Remove() // nothing it says at its end gets out
	if kill {
		s.router.Abandon()
		raise(c, s.copyData()) // before it writes what a killed process couldn't
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	c.Await(func(context.Context) { s.end(over) })
	if !kill {
		raise(c, s.copyData())
	}
}

// Times of a graceful stop. While the engine ends, time passes in steps; afterwards until a whole
// second, so that it does not depend on how fast the machine is.
const (
	drainTime = 32 * time.Second
	drainStep = 100 * time.Millisecond
	drainLook = 10 * time.Millisecond // of the machine's time
)

// drain does what a server does that was asked to stop, and leaves it with nothing to do.
func (s *server) drain(c *luabind.Call) {
	began := s.w.sim.Elapsed()
	s.meanwhile(c, func(ctx context.Context) { s.engine.AwaitCalls(ctx) })
	for s.engine.Busy() && s.w.sim.Elapsed() < began+drainTime {
		s.w.pass(c, drainStep)
	}
	s.engine.EndRequests()
	s.meanwhile(c, func(ctx context.Context) { _ = s.router.Stop(ctx) })
	took := s.w.sim.Elapsed() - began
	s.w.pass(c, max(took.Truncate(time.Second)+time.Second, time.Second)-took)
}

// meanwhile lets time pass until f has ended, which waits for what the world does.
func (s *server) meanwhile(c *luabind.Call, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with ctx at the latest
		defer close(done)
		f(ctx)
	}()
	ended := false
	look := func(d time.Duration) {
		c.Await(func(context.Context) {
			select {
			case <-done:
				ended = true
			case <-time.After(d):
			}
		})
	}
	look(10 * drainLook)
	for step := time.Duration(0); !ended && step < drainTime; step += drainStep {
		s.w.pass(c, drainStep)
		look(drainLook)
	}
	cancel()
	c.Await(func(context.Context) { <-done })
}

// end ends the process, if one runs; ctx is over unless it may take its time.
func (s *server) end(ctx context.Context) {
	e := s.engine
	if e == nil {
		return
	}
	s.engine = nil
	_ = e.Shutdown(ctx)
	s.w.sim.Release(append(slices.Clone(e.Lanes()), e.Background())...)
	_ = s.closeModules()
}

// closeModules lets go of what the process had open, in the opposite order.
func (s *server) closeModules() error {
	var errs []error
	for _, m := range slices.Backward(s.modules) {
		if closer, ok := m.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	s.modules = nil
	return errors.Join(errs...)
}

// close removes what the server kept.
func (s *server) close() {
	if s.data != "" {
		_ = os.RemoveAll(s.data)
	}
}
