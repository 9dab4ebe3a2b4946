package luabind

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// resObj is the Go side of a response. It lives as long as the handlers of its request; one of sip.send (life nil) as long as the script holds it.
type resObj struct {
	ud   lua.LUserData
	vm   *vm
	life *reqObj
	res  *engine.Response
}

// response is the object of res; the same one each time within the VM.
func (v *vm) response(res *engine.Response, life *reqObj) *resObj {
	if o, ok := res.Handle.(*resObj); ok && o.vm == v {
		return o
	}
	o := &resObj{vm: v, res: res, life: life}
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.response}
	res.Handle = o
	return o
}

func (o *resObj) check(l *lua.LState) {
	if o.life != nil {
		o.life.check(l)
	}
}

func resArg(l *lua.LState) *resObj {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*resObj); ok {
			o.check(l)
			return o
		}
	}
	raise(l, "a response is expected before the ':', not %s", describe(l.Get(1)))
	return nil
}

var responseFieldNames = []string{"code", "reason", "final", "body", "content_type", "contacts", "source", "target", "cause", "header", "headers",
	"set_header", "add_header", "remove_header", "set_body", "drop"}

func (v *vm) responseIndex(l *lua.LState) int {
	o := resArg(l)
	name, _ := l.Get(2).(lua.LString)
	if f := v.kinds.responseMethods[string(name)]; f != nil {
		l.Push(f)
		return 1
	}
	switch name {
	case "code":
		l.Push(lua.LNumber(o.res.Code()))
	case "reason":
		l.Push(lua.LString(o.res.Reason()))
	case "final":
		l.Push(lua.LBool(o.res.Final()))
	case "body":
		l.Push(bodyValue(o.res.Message()))
	case "content_type":
		l.Push(textValue(o.res.Message().Header(message.HeaderContentType)))
	case "contacts":
		l.Push(v.addresses(l, o.res.Message(), message.HeaderContact, o.life, "a contact"))
	case "source":
		l.Push(responseSource(l, o.res))
	case "target":
		l.Push(v.targetValue(o.res.Target()))
	case "cause":
		if cause := o.res.Cause(); cause != "" {
			l.Push(lua.LString(cause))
		} else {
			l.Push(lua.LNil)
		}
	default:
		raise(l, "response has no field '%s'%s", l.Get(2).String(), suggestOrList(string(name), responseFieldNames))
	}
	return 1
}

// responseSource is {ip, port, transport} of where the response came from, nil for one made here.
func responseSource(l *lua.LState, res *engine.Response) lua.LValue {
	addr, kind := res.Source()
	if !addr.IsValid() {
		return lua.LNil
	}
	return endpointTable(l, engine.Endpoint{Addr: addr, Transport: kind}, false)
}

func responseNewIndex(l *lua.LState) int {
	resArg(l)
	raise(l, "the fields of a response are read-only: res:set_header(name, value) and res:set_body(body, content_type) change it")
	return 0
}

// responseDrop is res:drop(): a provisional response goes no further.
func responseDrop(l *lua.LState) int {
	o := resArg(l)
	if err := o.res.Drop(); err != nil {
		raise(l, "res:drop: %s", err.Error())
	}
	return 0
}

func responseString(l *lua.LState) int {
	o := resArg(l)
	l.Push(lua.LString(lua.LNumber(o.res.Code()).String() + " " + o.res.Reason()))
	return 1
}

// targetValue is what the script passed as the target, or the object of a module.
func (v *vm) targetValue(t *engine.Target) lua.LValue {
	if t == nil {
		return lua.LNil
	}
	switch x := t.Value.(type) {
	case lua.LValue:
		return x
	case Object:
		return v.object(x)
	}
	if t.URI != "" {
		return lua.LString(t.URI)
	}
	return lua.LNil
}
