package luabind

// A request on its way to the script.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// Route calls the script's route function. It runs on the request's lane, with its token.
func (r *Router) Route(req *engine.Request) error {
	v := r.enterFor(req)
	o := v.newRequest(req)
	req.Handle = o
	if c := r.opts.Console; c != nil && c.Take {
		defer v.end()
		return c.hold(v, o, req)
	}
	v.sampled = v.figures.calls.Add(1)%sampleEvery == 0
	t, s, refused := v.begun(o)
	if refused != nil {
		return v.routed(req, refused)
	}
	t.l.Push(v.route)
	t.l.Push(&o.ud)
	t.route = true
	err := t.protected(nil)
	if t.aside != nil { // it goes on in aside.Do
		v.restore(s)
		return nil
	}
	return v.routed(req, v.ended(t, s, err, nil))
}

// routed is the end of a route function.
func (v *vm) routed(req *engine.Request, err *ScriptError) error {
	defer v.end()
	if err != nil {
		v.report(req, "route", err)
		return err
	}
	return nil
}

// enter is the VM that serves on l, kept from being closed until its end is called.
func (r *Router) enter(l *lane.Lane) *vm {
	slot := &r.slots[l.ID()]
	for {
		v := slot.Load()
		v.begin()
		if slot.Load() == v { // otherwise it was replaced before begin, and may have been closed
			return v
		}
		v.end()
	}
}
