package luabind

import (
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	lua "github.com/yuin/gopher-lua"
)

// The options of relay and fork.

var optionKeys = append(optionsOnly[:len(optionsOnly):len(optionsOnly)], targetKeys...)

// optionsOnly are the keys of options that a target doesn't have.
var optionsOnly = []string{"order", "failover", "follow_redirects", "on_branch", "on_response", "on_failure"}

func setFlow(t *engine.Target, id uint64) { t.Flow = transport.FlowID(id) }

// relayArgs reads the arguments of relay and fork after req. targets is nil where none was given.
func (v *vm) relayArgs(l *lua.LState, o *reqObj, name string) ([]*engine.Target, *engine.ForkOptions) {
	top := l.GetTop()
	if top < 2 {
		return nil, nil
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
		return targets, nil
	}
	x, ok := second.(*lua.LTable)
	if neverThere(first, second) {
		return targets, notFound
	}
	if !ok {
		raise(l, "req:%s: options must be a table, not %s", name, describe(second))
	}
	opts, err := v.relayOptions(l, o, x, name)
	if err != nil {
		raise(l, "req:%s: %v", name, err)
	}
	return targets, opts
}

// notFound are the options for an empty list of targets with a reason.
var notFound = &engine.ForkOptions{Nobody: 404}

// neverThere tells whether the arguments are what a lookup returns that found no such user, where others find nobody at home: an empty list, and the
// reason as text.
func neverThere(targets, why lua.LValue) bool {
	t, ok := targets.(*lua.LTable)
	_, text := why.(lua.LString)
	return ok && text && isEmpty(t)
}

func (v *vm) relayOptions(l *lua.LState, o *reqObj, x *lua.LTable, name string) (*engine.ForkOptions, error) {
	if err := unknownKey(x, optionKeys, ""); err != nil {
		return nil, err
	}
	opts := &engine.ForkOptions{}
	if err := v.fillTarget(&opts.Defaults, x); err != nil {
		return nil, err
	}
	switch order := x.RawGetString("order"); order {
	case lua.LNil, lua.LString("parallel"):
	case lua.LString("serial"):
		opts.Order = engine.Serial
	case lua.LString("q"):
		opts.Order = engine.ByQ
	default:
		return nil, fmt.Errorf("order must be \"parallel\", \"serial\" or \"q\", not %s", describe(order))
	}
	switch follow := x.RawGetString("follow_redirects").(type) {
	case *lua.LNilType:
	case lua.LBool:
		opts.FollowRedirects = bool(follow)
	default:
		return nil, fmt.Errorf("follow_redirects must be true or false, not %s", describe(follow))
	}
	if err := v.failover(l, o, x, opts); err != nil {
		return nil, err
	}
	return opts, v.callbacks(o, x, opts, name)
}

// failover reads a function, or a list of codes and classes ("5xx"), or one of them.
func (v *vm) failover(l *lua.LState, o *reqObj, x *lua.LTable, opts *engine.ForkOptions) error {
	var codes codeSet
	switch f := x.RawGetString("failover").(type) {
	case *lua.LNilType:
		return nil
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
		if err := codes.add(f); err != nil {
			return err
		}
		opts.Failover = func(res *engine.Response) bool { return codes.has(res.Code()) }
	}
	if opts.Order == engine.Parallel {
		return fmt.Errorf("failover needs order \"serial\" or \"q\"")
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
	return fmt.Errorf("failover accepts codes from 300 to 699, classes like \"5xx\", or function(res), not %s", describe(v))
}

// callbacks reads on_branch, on_response and on_failure.
func (v *vm) callbacks(o *reqObj, x *lua.LTable, opts *engine.ForkOptions, name string) error {
	var fs [3]*lua.LFunction
	var p *pin
	for i, key := range [...]string{"on_branch", "on_response", "on_failure"} {
		switch f := x.RawGetString(key).(type) {
		case *lua.LNilType:
		case *lua.LFunction:
			v.callback(f)
			if fs[i] = f; p == nil {
				p = o.pinned()
			}
		default:
			return fmt.Errorf("%s must be a function, not %s", key, describe(f))
		}
	}
	if f := fs[0]; f != nil {
		opts.OnBranch = func(b *engine.Branch) error {
			br := v.newBranch(b, o)
			defer func() { br.over, br.b = true, nil }()
			if err := p.call("on_branch", f, nil, &br.ud, &o.ud); err != nil {
				return err
			}
			return nil
		}
	}
	if f := fs[1]; f != nil {
		opts.OnResponse = func(res *engine.Response) { p.call("on_response", f, nil, &v.response(res, o).ud, &o.ud) }
	}
	if f := fs[2]; f != nil {
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
