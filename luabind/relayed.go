package luabind

// What a module relays itself, for scripts that were written for another server: its callbacks are
// Go, and call functions of the script by their names.

import (
	"fmt"
	"runtime/debug"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// Callbacks are called for a request that [Call.Relay] has passed on, each as a handler of the
// request; nil for none. A branch whose callback returns an error is not sent.
type Callbacks struct {
	Branch   func(h *Handler, b *engine.Branch) error // before a branch is sent
	Response func(h *Handler, res *engine.Response)   // before a response goes on
	Failure  func(h *Handler, res *engine.Response)   // when all branches failed
}

// Handler is a handler of a request that is Go. It ends with the callback.
type Handler struct {
	t      *thread
	req    *engine.Request
	branch *engine.Branch   // what it is called for
	res    *engine.Response // or this
	shown  *branchObj       // of branch, once a script has asked for it
}

// Request is the request.
func (h *Handler) Request() *engine.Request { return h.req }

// Running is what belongs to the request, and to this run: see [Call.Running].
func (h *Handler) Running() (kept, frame *any) { return &h.t.req.kept, &h.t.frame }

// Run calls the global function of the script with this name, if there is one, without arguments.
// Its error is logged and counted; stopped is that the script may not go on at all.
func (h *Handler) Run(name string) (stopped error) {
	t, v := h.t, h.t.vm
	f, ok := insideOf(v.main.G.Global).strdict[name].(*lua.LFunction)
	if !ok {
		return nil
	}
	l := t.l
	l.Push(f)
	err := l.PCall(0, 0, nil)
	if t.hasGone(); (err == nil || t.quitBy(err)) && !t.halted {
		return nil
	}
	e := v.failed(err, t.halted)
	if e.Stopped {
		return e
	}
	v.report(h.req, name, e)
	return nil
}

// Defined reports whether the script has a global function with this name.
func (c *Call) Defined(name string) bool {
	_, ok := insideOf(c.vm.main.G.Global).strdict[name].(*lua.LFunction)
	return ok
}

// Defined is [Call.Defined].
func (h *Handler) Defined(name string) bool {
	_, ok := insideOf(h.t.vm.main.G.Global).strdict[name].(*lua.LFunction)
	return ok
}

// PushSubject pushes the branch or the response that the callback is called for, or nil, and
// returns 1.
func (c *Call) PushSubject() int {
	t := c.vm.current
	if t == nil || t.handler == nil {
		return c.PushNil()
	}
	switch h := t.handler; {
	case h.branch != nil:
		if h.shown == nil {
			h.shown = c.vm.newBranch(h.branch, t.req)
		}
		c.l.Push(&h.shown.ud)
	case h.res != nil:
		c.l.Push(&c.vm.response(h.res, t.req).ud)
	default:
		return c.PushNil()
	}
	return 1
}

// handle runs f as a handler of the request; what it returns is logged and counted, unless it is an
// error of quiet.
func (p *pin) handle(what string, h *Handler, f func() error) error {
	v := p.vm
	v.begin()
	defer v.end()
	v.handlers.Add(1)
	p.o.req = p.req
	t, s, refused := v.begun(p.o)
	if refused != nil {
		v.report(p.req, what, refused)
		return refused
	}
	h.t, h.req, t.handler = t, p.req, h
	err := v.guarded(f)
	t.handler = nil
	if h.shown != nil {
		h.shown.over, h.shown.b = true, nil
	}
	e, _ := err.(*ScriptError)
	if ended := v.ended(t, s, nil, nil); ended != nil && e == nil {
		e, err = ended, ended
	}
	if e != nil {
		v.report(p.req, what, e)
	}
	return err
}

// guarded has a bug in f be one of a binding.
func (v *vm) guarded(f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			v.gen.router.stats.panics.Add(1)
			err = &ScriptError{Text: fmt.Sprint(x), Panic: true, Traceback: string(debug.Stack())}
		}
	}()
	return f()
}

// relayCallbacks has the engine call them.
func (o *reqObj) relayCallbacks(opts *engine.ForkOptions, cb *Callbacks) {
	if cb.Branch == nil && cb.Response == nil && cb.Failure == nil {
		return
	}
	p := o.pinned()
	if f := cb.Branch; f != nil {
		opts.OnBranch = func(b *engine.Branch) error {
			h := &Handler{branch: b}
			return p.handle("on_branch", h, func() error { return f(h, b) })
		}
	}
	if f := cb.Response; f != nil {
		opts.OnResponse = func(res *engine.Response) {
			h := &Handler{res: res}
			p.handle("on_response", h, func() error { f(h, res); return nil })
		}
	}
	if f := cb.Failure; f != nil {
		opts.OnFailure = func(res *engine.Response) {
			h := &Handler{res: res}
			p.handle("on_failure", h, func() error { f(h, res); return nil })
		}
	}
}

// Relay is req:relay of the request whose handler runs. A misuse is raised.
func (c *Call) Relay(targets []*engine.Target, opts *engine.ForkOptions, cb *Callbacks) (bool, error) {
	o := c.vm.current.req
	c.decides("relay", targets)
	if cb != nil {
		o.relayCallbacks(opts, cb)
	}
	ok, err := c.vm.relay(o, targets, opts)
	c.Misuse(err)
	c.sent(o)
	return ok, err
}

// Forward is req:forward of the request whose handler runs. A misuse is raised.
func (c *Call) Forward(target *engine.Target) (bool, error) {
	o := c.vm.current.req
	var targets []*engine.Target
	if target != nil {
		targets = []*engine.Target{target}
	}
	c.decides("forward", targets)
	ok, err := o.req.Forward(target)
	c.Misuse(err)
	c.sent(o)
	return ok, err
}

// decides tells who looks on that the script decides.
func (c *Call) decides(name string, targets []*engine.Target) {
	v := c.vm
	if v.gen.router.opts.Steps != nil {
		v.gen.router.opts.Steps(stepOf(v.current.req.req, name, position(c.l)))
	}
	o := v.told(true)
	if o == nil {
		return
	}
	step := engine.ObservedStep{Function: name, Place: c.place(), Decides: true}
	if len(targets) > 0 && o.req.Shown() {
		step.Answer = shorten(targets[0].String())
		if len(targets) > 1 {
			step.Answer = lua.LNumber(len(targets)).String() + " in a list: " + step.Answer + " …"
		}
	}
	o.req.Observe(step)
}

func (c *Call) sent(o *reqObj) {
	if c.vm.gen.router.opts.Steps != nil {
		c.vm.gen.router.opts.Console.noteSent(o)
	}
}

// Targets is argument n, a target or a list of them, as relay takes it.
func (c *Call) Targets(n int) []*engine.Target {
	list, err := c.vm.targets(c.l.Get(n))
	if err != nil {
		c.Raise("%v", err)
	}
	return list
}
