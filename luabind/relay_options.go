package luabind

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	lua "github.com/yuin/gopher-lua"
)

// The options of relay and fork.

func setFlow(t *engine.Target, id uint64) { t.Flow = transport.FlowID(id) }

// relayed are the arguments of relay and fork; decision is set if they already were one.
type relayed struct {
	decision *decision
	targets  []*engine.Target // nil if none was given
	opts     *engine.ForkOptions
}

// relayArg reads [target | targets] [, opts].
func relayArg(name string) Arg[relayed] {
	targets := targetsParam
	targets.Optional, targets.LeftOut, targets.Default = true, true, "where this server vouches for"
	return ArgOf(func(c *Call, n int) relayed { return c.vm.relayArgs(c.l, reqArg(c.l), name) },
		targets, Param{Name: "options", Type: Table, Or: []Type{String}, Optional: true, Options: relayOptionsOf(name)})
}

// relayArgs reads the arguments of relay and fork after req.
func (v *vm) relayArgs(l *lua.LState, o *reqObj, name string) relayed {
	if d := v.lookupFailed(l, o, name); d != nil {
		return relayed{decision: d}
	}
	top := l.GetTop()
	if top < 2 {
		return relayed{}
	}
	first, second := l.Get(2), l.Get(3)
	var targets []*engine.Target
	t, isTable := first.(*lua.LTable)
	if isTable {
		if err := hole(t); err != nil {
			raise(l, "req:%s: %v", name, err)
		}
	}
	if isTable && !namesDestination(t) && !isEmpty(t) {
		if second != lua.LNil {
			raise(l, "req:%s: the first table has no destination: give uri, next_hop or flow, or a list of targets", name)
		}
		second = first
	} else {
		var err error
		if targets, err = v.targets(first); err != nil {
			raise(l, "req:%s: %v", name, err)
		}
	}
	if second == lua.LNil {
		return relayed{targets: targets}
	}
	x, ok := second.(*lua.LTable)
	if neverThere(first, second) {
		return relayed{targets: targets, opts: notFound}
	}
	if !ok {
		raise(l, "req:%s: options must be a table, not %s", name, describe(second))
	}
	opts, err := v.relayOptions(l, o, x, name, slices.ContainsFunc(targets, (*engine.Target).Ruled))
	if err != nil {
		raise(l, "req:%s: %v", name, err)
	}
	return relayed{targets: targets, opts: opts}
}

// notFound are the options for an empty list of targets with a reason.
var notFound = &engine.ForkOptions{Nobody: 404}

// neverThere reports whether the arguments are the results of a lookup that found no such user: an
// empty list, and the reason as text. Other empty lookups mean that nobody is there for the moment.
func neverThere(targets, why lua.LValue) bool {
	t, ok := targets.(*lua.LTable)
	_, text := why.(lua.LString)
	return ok && text && isEmpty(t)
}

// relayTable is what the options of relay and fork contain: the values, and what is checked when
// all have been read.
type relayTable struct {
	opts                            *engine.ForkOptions
	failover                        lua.LValue
	onBranch, onResponse, onFailure *lua.LFunction
}

func relayKey(name string, o Option, set func(v *vm, r *relayTable, value lua.LValue) error) key[*relayTable] {
	o.Name = name
	return key[*relayTable]{o, set}
}

func callbackKey(name, signature, doc string, of func(*relayTable) **lua.LFunction) key[*relayTable] {
	return relayKey(name, Option{Kind: FunctionType, Type: signature, Doc: doc, Runs: InHandler}, func(v *vm, r *relayTable, value lua.LValue) error {
		f, ok := value.(*lua.LFunction)
		if !ok {
			return fmt.Errorf("%s must be a function, not %s", name, describe(value))
		}
		v.callback(f)
		*of(r) = f
		return nil
	})
}

// relayKeys are the options of relay; those of fork are the same without on_failure.
var relayKeys = keysOf(append([]key[*relayTable]{
	relayKey("order", Option{Kind: String, OneOf: []string{"parallel", "serial", "q"},
		Doc: "all targets at once (default, except for a list of `dispatch`), one after the other, or equal q at once and groups one after the other"}, setOrder),
	relayKey("failover", Option{Kind: List, Type: "list | \"gateway\" | function(res)",
		Doc: "for serial and q: the codes and classes (\"5xx\") after which the next target is tried, \"gateway\" for a response that is failed, or a function that decides; default all except 6xx; not asked after the last target, of which on_response is told"},
		func(_ *vm, r *relayTable, value lua.LValue) error { r.failover = value; return nil }),
	relayKey("follow_redirects", Option{Kind: Boolean, Doc: "try the Contacts of a 3xx"}, func(_ *vm, r *relayTable, value lua.LValue) error {
		follow, ok := value.(lua.LBool)
		if !ok {
			return fmt.Errorf("follow_redirects must be true or false, not %s", describe(value))
		}
		r.opts.FollowRedirects = bool(follow)
		return nil
	}),
	callbackKey("on_branch", "function(branch, req)", "edits the request of one branch", func(r *relayTable) **lua.LFunction { return &r.onBranch }),
	callbackKey("on_response", "function(res, req)", "sees each response except 100, once, before it is forwarded, and the outcome of a branch without a response (cause)",
		func(r *relayTable) **lua.LFunction { return &r.onResponse }),
	callbackKey("on_failure", "function(res, req)", "relay only: all targets failed, or the caller cancelled; it may reply, relay or fork again",
		func(r *relayTable) **lua.LFunction { return &r.onFailure }),
}, inTarget()...)...)

// optionsOnly are the keys of options that a target does not have.
var optionsOnly = []string{"order", "failover", "follow_redirects", "on_branch", "on_response", "on_failure"}

// inTarget are the keys of a target among the options: defaults for all.
func inTarget() []key[*relayTable] {
	list := make([]key[*relayTable], 0, len(targetKeys.list))
	for _, k := range targetKeys.list {
		list = append(list, key[*relayTable]{k.Option, func(v *vm, r *relayTable, value lua.LValue) error {
			return k.set(v, &r.opts.Defaults, value)
		}})
	}
	return list
}

// relayOptionsOf are the options of relay or fork, for documentation.
func relayOptionsOf(name string) []Option {
	list := relayKeys.options()
	if name == "fork" {
		list = slices.DeleteFunc(list, func(o Option) bool { return o.Name == "on_failure" })
	}
	return list
}

func setOrder(_ *vm, r *relayTable, value lua.LValue) error {
	switch value {
	case lua.LString("parallel"):
		r.opts.Order = engine.Parallel
	case lua.LString("serial"):
		r.opts.Order = engine.Serial
	case lua.LString("q"):
		r.opts.Order = engine.ByQ
	default:
		return fmt.Errorf("order must be \"parallel\", \"serial\" or \"q\", not %s", describe(value))
	}
	r.opts.Ordered = true
	return nil
}

// relayOptions reads the options of relay and fork. ruled: the targets have a rule of their own,
// which is serial.
func (v *vm) relayOptions(l *lua.LState, o *reqObj, x *lua.LTable, name string, ruled bool) (*engine.ForkOptions, error) {
	r := relayTable{opts: &engine.ForkOptions{}}
	if lv := x.RawGetString("uri"); lv != lua.LNil {
		if err := setURI(v, &r.opts.Defaults, lv); err != nil {
			return nil, err
		}
	}
	if err := relayKeys.read(v, x, &r, "uri"); err != nil {
		return nil, err
	}
	if r.failover != nil {
		if r.opts.Order == engine.Parallel && (r.opts.Ordered || !ruled) {
			return nil, errors.New(`failover needs order "serial" or "q"`)
		}
		if err := v.failover(l, o, r.failover, r.opts); err != nil {
			return nil, err
		}
	}
	return r.opts, v.callbacks(o, &r, name)
}

// failover reads a function, or a list of codes and classes ("5xx"), or one of them.
func (v *vm) failover(l *lua.LState, o *reqObj, value lua.LValue, opts *engine.ForkOptions) error {
	var codes codeSet
	switch f := value.(type) {
	case *lua.LFunction:
		p := o.pinned()
		v.callback(f)
		opts.Failover = func(res *engine.Response) bool {
			var out []lua.LValue
			if err := p.call("failover", f, &out, &v.response(res, o).ud); err != nil {
				return false
			}
			return len(out) > 0 && lua.LVAsBool(out[0])
		}
	case *lua.LTable:
		for i := 1; i <= f.Len(); i++ {
			if err := codes.add(f.RawGetInt(i)); err != nil {
				return err
			}
		}
		if k, stray := strayKey(f, f.Len()); stray {
			return fmt.Errorf("failover: the list contains the key %q", k)
		}
		opts.Failover = func(res *engine.Response) bool { return codes.has(res.Code()) }
	default:
		if f == lua.LString("gateway") {
			opts.Failover = (*engine.Response).Failed
			return nil
		}
		if err := codes.add(f); err != nil {
			return err
		}
		opts.Failover = func(res *engine.Response) bool { return codes.has(res.Code()) }
	}
	return nil
}

// codeSet is a set of final codes from 300 to 699.
type codeSet [(700 - 300 + 63) / 64]uint64

func (s *codeSet) put(code int) { s[(code-300)>>6] |= 1 << ((code - 300) & 63) }
func (s *codeSet) has(code int) bool {
	return code >= 300 && code < 700 && s[(code-300)>>6]&(1<<((code-300)&63)) != 0
}

func (s *codeSet) add(v lua.LValue) error {
	switch x := v.(type) {
	case lua.LNumber:
		if x >= 300 && x < 700 && x == lua.LNumber(int(x)) {
			s.put(int(x))
			return nil
		}
	case lua.LString:
		if len(x) == 3 && x[0] >= '3' && x[0] <= '6' && (x[1:] == "xx" || x[1:] == "XX") {
			for code := int(x[0]-'0') * 100; code%100 != 99; code++ {
				s.put(code)
			}
			s.put(int(x[0]-'0')*100 + 99)
			return nil
		}
	}
	return fmt.Errorf("failover accepts codes from 300 to 699, classes like \"5xx\", \"gateway\", or function(res), not %s", describe(v))
}

// callbacks makes the callbacks of the engine.
func (v *vm) callbacks(o *reqObj, r *relayTable, name string) error {
	opts := r.opts
	var p *pin
	if r.onBranch != nil || r.onResponse != nil || r.onFailure != nil {
		p = o.pinned()
	}
	if f := r.onBranch; f != nil {
		opts.OnBranch = func(b *engine.Branch) error {
			br := v.newBranch(b, o)
			defer func() { br.over, br.b = true, nil }()
			if err := p.call("on_branch", f, nil, &br.ud, &o.ud); err != nil {
				return err
			}
			return nil
		}
	}
	if f := r.onResponse; f != nil {
		opts.OnResponse = func(res *engine.Response) { p.call("on_response", f, nil, &v.response(res, o).ud, &o.ud) }
	}
	if f := r.onFailure; f != nil {
		if name == "fork" {
			return fmt.Errorf("on_failure belongs to relay: fork returns the response, so check its code")
		}
		opts.OnFailure = func(res *engine.Response) { p.call("on_failure", f, nil, &v.response(res, o).ud, &o.ud) }
	}
	return nil
}

// call calls a script's function as a handler of its request; its error is logged and counted.
func (p *pin) call(what string, f *lua.LFunction, out *[]lua.LValue, args ...lua.LValue) *ScriptError {
	v := p.vm
	v.begin()
	defer v.end()
	v.handlers.Add(1)
	p.o.req = p.req
	err := v.invoke(p.o, f, out, args...)
	if err != nil {
		v.report(p.req, what, err)
	}
	return err
}
