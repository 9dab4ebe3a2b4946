package luabind

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
	lua "github.com/yuin/gopher-lua"
)

// The methods of req that decide, and is().

func (v *vm) requestMethods() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"is": v.reqIs, "reply": v.reqReply, "redirect": v.reqRedirect, "record_route": v.reqRecordRoute, "relay": v.reqRelay, "fork": v.reqFork,
		"forward": v.reqForward, "drop": v.reqDrop, "cancel": v.reqCancel,
	}
}

// reqIs is req:is("INVITE", "SUBSCRIBE", ...).
func (v *vm) reqIs(l *lua.LState) int {
	o := reqArg(l)
	method := v.methodName(o.req.Message()).(lua.LString)
	top := l.GetTop()
	if top < 2 {
		raise(l, "req:is needs a method name")
	}
	for i := 2; i <= top; i++ {
		name, ok := l.Get(i).(lua.LString)
		if !ok {
			raise(l, "req:is: argument %d must be a method name, not %s", i-1, describe(l.Get(i)))
		}
		if name == method {
			l.Push(lua.LTrue)
			return 1
		}
	}
	l.Push(lua.LFalse)
	return 1
}

// decided pushes what a decision returned: true, false when the request is over, or nil, err. A misuse raises.
func decided(l *lua.LState, name string, ok bool, err error) int {
	if err != nil {
		if m, bad := asMisuse(err); bad {
			raise(l, "%s", m.Text)
		}
		l.Push(lua.LNil)
		l.Push(lua.LString("req:" + name + ": " + err.Error()))
		return 2
	}
	l.Push(lua.LBool(ok))
	return 1
}

// replyOptions are the keys of reply's table.
type replyOptions struct {
	Headers     []engine.HeaderEdit `lua:"headers"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type"`
}

// reqReply is req:reply(code | response [, reason] [, {headers=, body=, content_type=}]).
func (v *vm) reqReply(l *lua.LState) int {
	o := reqArg(l)
	reason, at := "", 3
	if s, ok := l.Get(3).(lua.LString); ok {
		reason, at = string(s), 4
		if strings.ContainsAny(reason, "\r\n\x00") {
			raise(l, "req:reply: the reason contains CR, LF or NUL")
		}
	} else if l.Get(3) == lua.LNil && l.GetTop() > 3 {
		at = 4
	}
	opts := v.replyOptionsArg(l, at)
	var ok bool
	var err error
	switch first := l.Get(2).(type) {
	case lua.LNumber:
		code := int(first)
		if lua.LNumber(code) != first || code < 100 || code > 699 {
			raise(l, "req:reply: the code must be a whole number from 100 to 699, not %s", first.String())
		}
		ok, err = v.reply(o, code, reason, opts)
	case *lua.LUserData:
		res, isRes := first.Value.(*resObj)
		if !isRes {
			raise(l, "req:reply: argument 1 must be a code or a response, not %s", describe(first))
		}
		if reason != "" {
			raise(l, "req:reply: a response is forwarded with its own reason")
		}
		res.check(l)
		if res.life != o { // its Via, tags and CSeq are those of another transaction
			raise(l, "req:reply: only a response to this request can be forwarded as it is; reply(res.code, res.reason) answers with the code of another")
		}
		ok, err = v.replyWith(o, res, opts)
	default:
		raise(l, "req:reply: argument 1 must be a code or a response, not %s", describe(first))
	}
	return decided(l, "reply", ok, err)
}

func (v *vm) replyOptionsArg(l *lua.LState, at int) *engine.ReplyOptions {
	switch t := l.Get(at).(type) {
	case *lua.LNilType:
		return nil
	case *lua.LTable:
		var opts replyOptions
		if err := decodeTable(v, t, &opts); err != nil {
			raise(l, "req:reply: %v", err)
		}
		if opts.Body != "" {
			if err := bodyType(&opts.Headers, &opts.ContentType); err != nil {
				raise(l, "req:reply: %v", err)
			}
		}
		r := &engine.ReplyOptions{Headers: opts.Headers, ContentType: opts.ContentType}
		if opts.Body != "" {
			if opts.ContentType == "" {
				raise(l, "req:reply: a body needs a content_type")
			}
			r.Body = []byte(opts.Body)
		}
		return r
	}
	raise(l, "req:reply: argument %d must be a reason or a table of options, not %s", at-1, describe(l.Get(at)))
	return nil
}

// suspendQuiet is suspend for a call into the engine that seldom waits: callbacks may run within it, but no suspended script is counted.
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
	Code    int     `lua:"code" min:"300" max:"399"`
	Expires float64 `lua:"expires" min:"0" max:"4294967295"`
}

// reqRedirect is req:redirect(target | list [, {code=302, expires=}]).
func (v *vm) reqRedirect(l *lua.LState) int {
	o := reqArg(l)
	if n, done := v.lookupFailed(l, o, "redirect"); done {
		return n
	}
	if neverThere(l.Get(2), l.Get(3)) {
		ok, err := o.req.Reply(404, "", nil)
		return decided(l, "redirect", ok, err)
	}
	opts := redirectOptions{Code: 302}
	switch t := l.Get(3).(type) {
	case *lua.LNilType:
	case *lua.LTable:
		if err := decodeTable(v, t, &opts); err != nil {
			raise(l, "req:redirect: %v", err)
		}
	default:
		raise(l, "req:redirect: argument 2 must be a table of options, not %s", describe(t))
	}
	if t, ok := l.Get(2).(*lua.LTable); ok && !namesDestination(t) && !isEmpty(t) {
		raise(l, "req:redirect: the table has no destination")
	}
	targets, err := v.targets(l.Get(2))
	if err != nil {
		raise(l, "req:redirect: %v", err)
	}
	ok, err := o.req.Redirect(targets, opts.Code, int(opts.Expires))
	return decided(l, "redirect", ok, err)
}

// reqRecordRoute is req:record_route([params]), a table {name = value} or ";name=value" text.
func (v *vm) reqRecordRoute(l *lua.LState) int {
	o := reqArg(l)
	text := ""
	if l.Get(2) != lua.LNil {
		text = string(paramsText(l, l.Get(2)))
	}
	if err := o.req.RecordRoute(text); err != nil {
		if m, bad := asMisuse(err); bad {
			raise(l, "%s", m.Text)
		}
		raise(l, "req:record_route: %v", err)
	}
	return 0
}

// lookupFailed handles nil in the place of targets: nil, err answers 503 and logs err; a nil of the script's own raises.
func (v *vm) lookupFailed(l *lua.LState, o *reqObj, name string) (n int, done bool) {
	if l.GetTop() < 2 || l.Get(2) != lua.LNil {
		return 0, false
	}
	reason, ok := l.Get(3).(lua.LString)
	if !ok {
		raise(l, "req:%s was given nil as its target: check what the lookup returned, or pass no argument to follow the route", name)
	}
	v.log(o.req).Warn("no targets: answering 503", "error", string(reason))
	ok2, err := o.req.Reply(503, "", nil)
	return decided(l, name, ok2, err), true
}

// reqRelay is req:relay([target | targets] [, opts]).
func (v *vm) reqRelay(l *lua.LState) int {
	o := reqArg(l)
	if n, done := v.lookupFailed(l, o, "relay"); done {
		return n
	}
	targets, opts := v.relayArgs(l, o, "relay")
	ok, err := v.relay(o, targets, opts)
	return decided(l, "relay", ok, err)
}

// reqFork is req:fork(target | targets [, opts]) -> response.
func (v *vm) reqFork(l *lua.LState) int {
	o := reqArg(l)
	v.mustWait(l, "req:fork")
	if _, done := v.lookupFailed(l, o, "fork"); done {
		code, cause := o.req.Answered(), "" // what ended the request: the 503 just now, or what came before
		switch {
		case code == 0 && o.req.Cancelled():
			code, cause = 487, proxy.CauseCancelled
		case code == 0: // an ACK
			code = 503
		}
		l.Push(&v.response(proxy.NewResponse(code, cause, nil), o).ud)
		return 1
	}
	targets, opts := v.relayArgs(l, o, "fork")
	s := v.suspend()
	res, err := v.forked(s, func() (*engine.Response, error) { return o.req.Fork(targets, opts) })
	if err != nil || res == nil {
		return decided(l, "fork", false, err)
	}
	l.Push(&v.response(res, o).ud)
	return 1
}

// forked runs f and has the VM as it was when it returns or panics.
func (v *vm) forked(s saved, f func() (*engine.Response, error)) (*engine.Response, error) {
	defer v.resume(s)
	return f()
}

// reqForward is req:forward([target]).
func (v *vm) reqForward(l *lua.LState) int {
	o := reqArg(l)
	if n, done := v.lookupFailed(l, o, "forward"); done {
		return n
	}
	var t *engine.Target
	if l.GetTop() >= 2 {
		targets, err := v.targets(l.Get(2))
		if err == nil && len(targets) != 1 {
			raise(l, "req:forward needs one target, not %d: it is stateless and cannot fork", len(targets))
		}
		if err != nil {
			raise(l, "req:forward: %v", err)
		}
		t = targets[0]
	}
	ok, err := o.req.Forward(t)
	return decided(l, "forward", ok, err)
}

// reqDrop is req:drop().
func (v *vm) reqDrop(l *lua.LState) int {
	ok, err := reqArg(l).req.Drop()
	return decided(l, "drop", ok, err)
}

// reqCancel is req:cancel([reason]).
func (v *vm) reqCancel(l *lua.LState) int {
	o := reqArg(l)
	reason := ""
	if l.Get(2) != lua.LNil {
		reason = plainText(l, "req:cancel: the reason", l.Get(2))
		if err := lineSafe("Reason", []string{reason}); err != nil {
			raise(l, "req:cancel: %v", err)
		}
	}
	if err := v.cancel(o, reasonValue(reason)); err != nil {
		raise(l, "%v", err)
	}
	return 0
}

// reasonValue is what a Reason header may say (RFC 3326 §2): "SIP;cause=480" stays, and words become its text.
func reasonValue(reason string) string {
	protocol, _, params := strings.Cut(reason, ";")
	if reason == "" || params && protocol != "" && !strings.ContainsAny(protocol, " \t\"=,<>()") {
		return reason
	}
	return `SIP;text="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(reason) + `"`
}
