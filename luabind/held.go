package luabind

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Editable is a message that scripts edit: a request, a response, or the request of one branch.
type Editable interface {
	Message() *message.Message
	SetHeader(name string, values ...string) error
	AddHeader(name, value string, first bool) error
	RemoveHeader(name string) error
	SetBody(body []byte, contentType string) error
}

// Held is a message that an object of a module is about. A script may keep such an object longer
// than the message may be used.
type Held struct{ o held }

// held is a request, response or branch of a script.
type held interface {
	check(*lua.LState)
	editable() Editable
}

func (o *reqObj) editable() Editable    { return o.req }
func (o *resObj) editable() Editable    { return o.res }
func (o *branchObj) editable() Editable { return o.b }

// Message is the message. It raises an error in the script if that may no longer be used.
func (h Held) Message(c *Call) Editable {
	h.o.check(c.l)
	return h.o.editable()
}

// Request is the request that the message is, or that it is a branch or response of.
func (h Held) Request(c *Call) *engine.Request {
	h.o.check(c.l)
	switch o := h.o.(type) {
	case *branchObj:
		return o.life.req
	case *resObj:
		return o.life.req
	case *reqObj:
		return o.req
	}
	return nil
}

// Branch is the branch that the message is, nil if it is another one.
func (h Held) Branch(c *Call) *engine.Branch {
	h.o.check(c.l)
	if o, ok := h.o.(*branchObj); ok {
		return o.b
	}
	return nil
}

// value is the object itself, for a function that it is passed to.
func (h Held) value() lua.LValue {
	switch o := h.o.(type) {
	case *branchObj:
		return &o.ud
	case *resObj:
		return &o.ud
	case *reqObj:
		return &o.ud
	}
	return lua.LNil
}

// IsResponse reports whether the message is a response.
func (h Held) IsResponse() bool { _, ok := h.o.(*resObj); return ok }

// Source is where the message came from; of a branch, its request. ok is false for a response that
// was made here.
func (h Held) Source(c *Call) (from engine.Endpoint, ok bool) {
	h.o.check(c.l)
	switch o := h.o.(type) {
	case *resObj:
		addr, kind := o.res.Source()
		return engine.Endpoint{Addr: addr, Transport: kind}, addr.IsValid()
	case *branchObj:
		return o.life.req.Source(), true
	case *reqObj:
		return o.req.Source(), true
	}
	return from, false
}

// heldOf is the message that a value is.
func heldOf(v lua.LValue) (held, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		o, ok := ud.Value.(held)
		return o, ok
	}
	return nil, false
}

// Held is argument n, a request, response or branch that may be used.
func (c *Call) Held(n int) Held {
	o, ok := heldOf(c.l.Get(n))
	if !ok {
		c.want(n, "a request, response or branch")
	}
	o.check(c.l)
	return Held{o}
}

// MessageArg is a request, a response or a branch.
func MessageArg(name string) Arg[Held] {
	return ArgOf((*Call).Held, Param{Name: name, Type: RequestType, Or: []Type{ResponseType, BranchType}, Doc: "a request, response or branch"})
}
