package luabind

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	lua "github.com/yuin/gopher-lua"
)

// The methods of req that decide, and is().

func requestMethods() []Function {
	return []Function{
		Func2(Function{Name: "is", Doc: "Reports whether the method is one of these.",
			Example: `if req:is("INVITE", "SUBSCRIBE") then req:record_route() end`},
			reqSelf(), restArg("method", "in capitals").Described(func(p *Param) { p.Type, p.Optional = String, false }),
			ReturnsBool("whether it is"), reqIs),
		Func2(Function{Name: "reply", Decides: true, DecidesFrom: 200,
			Doc: "Answers the request. A provisional code (1xx) decides nothing; a response returned by fork is forwarded as it is, with its own reason. " +
				"A body needs a content_type.",
			Raises:  "for a second decision, a response to another request, and CR or LF in what becomes a line",
			Example: `req:reply(486, "Busy Here", { headers = { ["Retry-After"] = "60" } })`},
			reqSelf(), replyArg, decides, reqReply),
		Func2(Function{Name: "redirect", Decides: true,
			Doc:     "Answers 3xx with the targets as Contacts, in their order and with their q. nil, err in place of targets answers 503, an empty list 480.",
			Example: `req:redirect({ "sip:bob@192.0.2.7", "sip:bob@198.51.100.7" }, { code = 302, expires = 60 })`},
			reqSelf(), redirectArg, decides, func(_ *Call, o *reqObj, r redirect) decision {
				if r.decision != nil {
					return *r.decision
				}
				ok, err := o.req.Redirect(r.targets, r.opts.Code, int(r.opts.Expires))
				return decision{"redirect", ok, err}
			}),
		Do2(Function{Name: "record_route", Effects: RecordRoutes,
			Doc: "Stays in the path of the dialog that this request may start (§16.6 step 4): its later requests come here, and params are then available as " +
				"req.route_params. Adds two entries if transport or interface changes (RFC 5658); does nothing if no dialog can start.",
			Example: `req:record_route({ account = "7" })`},
			reqSelf(), luaArg(Param{Name: "params", Type: Table, Or: []Type{String}, Optional: true, Doc: "{name = value} or \";name=value\""}), reqRecordRoute),
		Func2(Function{Name: "relay", Decides: true, Effects: Sends,
			Doc: "Passes the request to the engine, which handles the transaction, and returns at once. Without a target it goes only where this server " +
				"vouches for it: along its signed Record-Route (otherwise 481), or to a req.ruri that the script assigned (otherwise 403). " +
				"nil, err in place of targets answers 503, an empty list 480.",
			Raises:  "for a second decision, unknown keys, and nil alone",
			Example: `req:relay({ uri = "sip:bob@192.0.2.7", timeout = 20 }, { on_failure = function(res) sip.log.info("%d", res.code) end })`},
			reqSelf(), relayArg("relay"), decides, func(c *Call, o *reqObj, r relayed) decision {
				if r.decision != nil {
					return *r.decision
				}
				ok, err := c.vm.relay(o, r.targets, r.opts)
				return decision{"relay", ok, err}
			}),
		Func2(Function{Name: "fork", Waits: true, Effects: Forks | Sends,
			Doc: "Like relay, but waits for the outcome and returns it: the best response (§16.7), or one made here, whose cause says why. It is not a decision: " +
				"if route ends without one, the best response of all its forks is sent.",
			Raises:  "after a decision",
			Example: `local res = req:fork("sip:bob@192.0.2.7", { timeout = 20 })`},
			reqSelf(), relayArg("fork"),
			ReturnsOf(func(_ *Call, n int) int { return n }, Result{Name: "res", Type: ResponseType, Doc: "always one, at shutdown too"}), reqFork),
		Func2(Function{Name: "forward", Decides: true, Effects: Sends | Stateless,
			Doc: "Forwards the request statelessly (§16.11): no transaction, no timers, no fork. A keyed branch leads the responses back. The script also sees " +
				"retransmissions, ACK and CANCEL, and must choose the same target for them, without waiting.",
			Example: `req:forward("sip:192.0.2.7")`},
			reqSelf(), forwardArg, decides, func(_ *Call, o *reqObj, r forwarded) decision {
				if r.decision != nil {
					return *r.decision
				}
				ok, err := o.req.Forward(r.target)
				return decision{"forward", ok, err}
			}),
		Func1(Function{Name: "drop", Decides: true, Doc: "Sends no answer and keeps no state.", Example: `req:drop()`},
			reqSelf(), decides, func(_ *Call, o *reqObj) decision {
				ok, err := o.req.Drop()
				return decision{"drop", ok, err}
			}),
		Do2(Function{Name: "cancel",
			Doc:     "Cancels branches without a final response; the caller gets the outcome.",
			Example: `sip.after(20, function() req:cancel("no answer") end)`},
			reqSelf(), reasonArg, func(c *Call, o *reqObj, reason string) {
				if err := c.vm.cancel(o, reason); err != nil {
					raise(c.l, "%v", err)
				}
			}),
	}
}

// reqIs is req:is("INVITE", "SUBSCRIBE", ...).
func reqIs(c *Call, o *reqObj, first int) bool {
	l := c.l
	method := c.vm.methodName(o.req.Message()).(lua.LString)
	top := l.GetTop()
	if top < first {
		raise(l, "req:is needs a method name")
	}
	for i := first; i <= top; i++ {
		name, ok := l.Get(i).(lua.LString)
		if !ok {
			raise(l, "req:is: argument %d must be a method name, not %s", i-1, describe(l.Get(i)))
		}
		if name == method {
			return true
		}
	}
	return false
}

// decision is the result of a decision.
type decision struct {
	name string
	ok   bool
	err  error
}

// decides pushes true, false when the request is over, or nil, err. A misuse raises.
var decides = ReturnsOf(func(c *Call, d decision) int {
	if d.err != nil {
		if m, bad := asMisuse(d.err); bad {
			raise(c.l, "%s", m.Text)
		}
		c.l.Push(lua.LNil)
		c.l.Push(lua.LString("req:" + d.name + ": " + d.err.Error()))
		return 2
	}
	c.l.Push(lua.LBool(d.ok))
	return 1
}, Result{Type: Boolean, OrNil: true, Doc: "false if the request is over"}, failure)

// suspendQuiet is suspend for a call into the engine that seldom waits: callbacks may run within
// it, but no suspended script is counted.
func (v *vm) suspendQuiet() saved {
	s := v.state()
	v.watch.Store(0)
	return s
}

func (v *vm) cancel(o *reqObj, reason string) error {
	defer v.restore(v.suspendQuiet())
	return o.req.Cancel(reason)
}

func (v *vm) reply(o *reqObj, code int, reason string, opts *engine.ReplyOptions) (bool, error) {
	defer v.restore(v.suspendQuiet())
	return o.req.Reply(code, reason, opts)
}

func (v *vm) replyWith(o *reqObj, res *resObj, opts *engine.ReplyOptions) (bool, error) {
	defer v.restore(v.suspendQuiet())
	return o.req.ReplyWith(res.res, opts)
}

func (v *vm) relay(o *reqObj, targets []*engine.Target, opts *engine.ForkOptions) (bool, error) {
	defer v.restore(v.suspendQuiet())
	return o.req.Relay(targets, opts)
}

type redirectOptions struct {
	Code    int     `lua:"code" min:"300" max:"399" doc:"default 302"`
	Expires float64 `lua:"expires" min:"0" max:"4294967295" doc:"seconds for which the Contacts are valid"`
}

// redirect are the arguments of redirect; decision is set if they already were one.
type redirect struct {
	decision *decision
	targets  []*engine.Target
	opts     redirectOptions
}

var targetsParam = Param{Name: "targets", Type: TargetType, Or: []Type{List, Nil}, Options: targetKeys.options(),
	Doc: "a target or a list of them; nil, err from a failed lookup"}

// redirectArg reads target | list [, {code=302, expires=}].
var redirectArg = ArgOf(func(c *Call, n int) redirect {
	l, v := c.l, c.vm
	o := reqArg(l)
	if d := v.lookupFailed(l, o, "redirect"); d != nil {
		return redirect{decision: d}
	}
	if neverThere(l.Get(n), l.Get(n+1)) {
		ok, err := o.req.Reply(404, "", nil)
		return redirect{decision: &decision{"redirect", ok, err}}
	}
	r := redirect{opts: redirectOptions{Code: 302}}
	if l.Get(n+1) != lua.LNil {
		r.opts = decoded(c, n+1, r.opts)
	}
	if t, ok := l.Get(n).(*lua.LTable); ok && !namesDestination(t) && !isEmpty(t) {
		raise(l, "req:redirect: the table has no destination")
	}
	var err error
	if r.targets, err = v.targets(l.Get(n)); err != nil {
		raise(l, "req:redirect: %v", err)
	}
	return r
}, targetsParam, Param{Name: "options", Type: Table, Or: []Type{String}, Optional: true, Options: redirectOptions{Code: 302}})

// reqRecordRoute is req:record_route([params]).
func reqRecordRoute(c *Call, o *reqObj, params lua.LValue) {
	var list []engine.RouteParam
	if params != lua.LNil {
		text := paramsText(c.l, params)
		if len(text) > 0 && text[0] != ';' || strings.ContainsAny(string(text), " \t\r\n\x00<>\"?,") {
			raise(c.l, "req:record_route: parameters are written ;name=value, with no spaces, quotes or brackets: %.80q", text)
		}
		message.Params(text).Each(func(name, value []byte) bool {
			list = append(list, engine.RouteParam{Name: string(name), Value: string(value)})
			return true
		})
	}
	c.RaiseIf(o.req.RecordRoute(list...))
}

// lookupFailed handles nil in place of targets: nil, err answers 503 and logs err; a nil of the
// script's own raises.
func (v *vm) lookupFailed(l *lua.LState, o *reqObj, name string) *decision {
	if l.GetTop() < 2 || l.Get(2) != lua.LNil {
		return nil
	}
	reason, ok := l.Get(3).(lua.LString)
	if !ok {
		raise(l, "req:%s was given nil as its target: check what the lookup returned, or pass no argument to follow the route", name)
	}
	v.log(o.req).Warn("no targets: answering 503", "error", string(reason))
	ok2, err := o.req.Reply(503, "", nil)
	return &decision{name, ok2, err}
}

// reqFork is req:fork(target | targets [, opts]) -> response.
func reqFork(c *Call, o *reqObj, r relayed) int {
	l, v := c.l, c.vm
	if r.decision != nil {
		// What ended the request: the 503 sent just now, or an earlier answer
		code, cause := o.req.Answered(), ""
		switch {
		case code == 0 && o.req.Cancelled():
			code, cause = 487, proxy.CauseCancelled
		case code == 0: // an ACK
			code = 503
		}
		l.Push(&v.response(proxy.NewResponse(code, cause, nil), o).ud)
		return 1
	}
	s := v.suspend()
	res, err := v.forked(s, func() (*engine.Response, error) { return o.req.Fork(r.targets, r.opts) })
	if err != nil || res == nil {
		return decides.push(c, decision{"fork", false, err})
	}
	l.Push(&v.response(res, o).ud)
	return 1
}

// forked runs f and has the VM as it was when it returns or panics.
func (v *vm) forked(s saved, f func() (*engine.Response, error)) (*engine.Response, error) {
	defer v.resume(s)
	return f()
}

// forwarded are the arguments of forward; decision is set if they already were one.
type forwarded struct {
	decision *decision
	target   *engine.Target
}

var forwardArg = ArgOf(func(c *Call, n int) forwarded {
	l, v := c.l, c.vm
	if d := v.lookupFailed(l, reqArg(l), "forward"); d != nil {
		return forwarded{decision: d}
	}
	if l.GetTop() < n {
		return forwarded{}
	}
	targets, err := v.targets(l.Get(n))
	if err == nil && len(targets) != 1 {
		raise(l, "req:forward needs one target, not %d: it is stateless and cannot fork", len(targets))
	}
	if err != nil {
		raise(l, "req:forward: %v", err)
	}
	return forwarded{target: targets[0]}
}, Param{Name: "target", Type: TargetType, Or: []Type{Nil}, Optional: true, Options: targetKeys.options(),
	Doc: "default: along the route, or to the assigned req.ruri"},
	Param{Name: "err", Type: String, Optional: true, Doc: "from a failed lookup"})

// reasonArg is the value of a Reason header.
var reasonArg = ArgOf(func(c *Call, n int) string {
	if c.IsNil(n) {
		return ""
	}
	reason := plainText(c.l, "req:cancel: the reason", c.l.Get(n))
	if err := lineSafe("Reason", []string{reason}); err != nil {
		raise(c.l, "req:cancel: %v", err)
	}
	return reasonValue(reason)
}, Param{Name: "reason", Type: String, Optional: true, Doc: "for the Reason header: text, or a value such as \"SIP;cause=480\""})

// reasonValue is a valid value of a Reason header (RFC 3326 §2): "SIP;cause=480" stays, and plain
// text becomes its text parameter.
func reasonValue(reason string) string {
	protocol, _, params := strings.Cut(reason, ";")
	if reason == "" || params && protocol != "" && !strings.ContainsAny(protocol, " \t\"=,<>()") {
		return reason
	}
	return `SIP;text="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(reason) + `"`
}
