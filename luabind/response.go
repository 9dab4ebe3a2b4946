package luabind

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// resObj is the Go side of a response. It lives as long as the handlers of its request; one from
// sip.send (life nil) as long as the script holds it.
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

// responseType declares res.
var responseType = &ObjectType{
	Name: "response",
	Doc: "A response: from fork, in a callback, or from sip.send. It lives until the handlers of its request end; one from sip.send as long as the script " +
		"holds it.",
	Example: `local res = req:fork("sip:bob@192.0.2.7")
if res.code == 486 then req:reply(res) end`,
	Fields: []Field{
		resField("code", Integer, "from 101 to 699", func(_ *Call, o *resObj) lua.LValue { return lua.LNumber(o.res.Code()) }),
		resField("reason", String, "the reason phrase", func(_ *Call, o *resObj) lua.LValue { return lua.LString(o.res.Reason()) }),
		resField("final", Boolean, "whether the code is 200 or more", func(_ *Call, o *resObj) lua.LValue { return lua.LBool(o.res.Final()) }),
		resField("body", String, "the body; set_body replaces it", func(_ *Call, o *resObj) lua.LValue { return bodyValue(o.res.Message()) }).orNil(),
		resField("parts", List, "the parts of a multipart body; nil for any other body, and for one that can't be read",
			func(c *Call, o *resObj) lua.LValue { return partsValue(c.l, o.res.Message()) }).of(partShape).orNil(),
		resField("content_type", String, "Content-Type", func(_ *Call, o *resObj) lua.LValue {
			return textValue(o.res.Message().Header(message.HeaderContentType))
		}).orNil(),
		resField("contacts", List, "the Contacts, without malformed ones", func(c *Call, o *resObj) lua.LValue {
			return c.vm.addresses(c.l, o.res.Message(), message.HeaderContact, o.life, "a contact")
		}).of(addressType),
		resField("source", Table, "where it came from; nil for one made here", func(c *Call, o *resObj) lua.LValue { return responseSource(c.l, o.res) }).of(endpointShape).orNil(),
		resField("target", TargetType, "the target that answered, as the script passed it", func(c *Call, o *resObj) lua.LValue { return c.vm.targetValue(o.res.Target()) }).orNil(),
		resField("cause", String, `why there is no response from the network: "timeout", "unreachable", "cancelled", "empty", "full" or "shutdown"; nil for one from the network`,
			func(_ *Call, o *resObj) lua.LValue {
				if cause := o.res.Cause(); cause != "" {
					return lua.LString(cause)
				}
				return lua.LNil
			}).orNil(),
		resField("failed", Boolean, "whether where the request was sent has failed, such as a gateway, and not whoever was called: unreachable or full, no answer before an 18x, "+
			"or 500, 502, 503 or 504", func(_ *Call, o *resObj) lua.LValue { return lua.LBool(o.res.Failed()) }),
	},
	Methods: append([]Function{
		Do1(Function{Name: "drop", Doc: "Keeps a provisional response from being forwarded.", Raises: "for a final one, and a reliable one (RSeq)",
			Example: `req:relay("sip:bob@192.0.2.7", { on_response = function(res) if res.code == 181 then res:drop() end end })`},
			Arg[*resObj]{width: 1, read: func(c *Call, _ int) *resObj { return resArg(c.l) }},
			func(c *Call, o *resObj) {
				if err := o.res.Drop(); err != nil {
					raise(c.l, "res:drop: %s", err.Error())
				}
			}),
	}, headerMethods()...),
	kind: &kind{
		variable: "res",
		set: func(c *Call, self any, _ string) bool {
			self.(*resObj).check(c.l)
			raise(c.l, "the fields of a response are read-only: res:set_header(name, value) and res:set_body(body, content_type) change it")
			return true
		},
		text: func(l *lua.LState, self any) string {
			o := self.(*resObj)
			o.check(l)
			return lua.LNumber(o.res.Code()).String() + " " + o.res.Reason()
		},
	},
}

// resField declares a field of a response, which can be read while the handlers of its request run.
func resField(name string, t Type, doc string, get func(*Call, *resObj) lua.LValue) Field {
	return liveField(name, t, doc, get)
}

// responseSource is {ip, port, transport} of where the response came from, or nil for one made
// here.
func responseSource(l *lua.LState, res *engine.Response) lua.LValue {
	addr, kind := res.Source()
	if !addr.IsValid() {
		return lua.LNil
	}
	return endpointTable(l, engine.Endpoint{Addr: addr, Transport: kind}, false)
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
