package luabind

import (
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// objectKinds are the metatables and the constant values of a VM's objects: made once, so that no access makes a closure or a string.
type objectKinds struct {
	request, response, branch, uri, address, params, task, timer, dict *lua.LTable

	requestFields   map[string]reqField
	responseMethods map[string]*lua.LFunction
	branchMethods   map[string]*lua.LFunction
	uriEquals, next *lua.LFunction
	sip, sips, tel  lua.LValue
	null            *lua.LUserData // sip.json.null
	methods         [message.MethodUpdate + 1]lua.LValue
}

func (v *vm) openKinds() {
	k := &v.kinds
	k.sip, k.sips, k.tel = lua.LString("sip"), lua.LString("sips"), lua.LString("tel")
	for id := message.MethodInvite; id <= message.MethodUpdate; id++ {
		k.methods[id] = lua.LString(id.String())
	}
	k.uriEquals = v.main.NewFunction(uriEquals)
	headers := v.functions(headerMethods())

	k.requestFields = map[string]reqField{}
	for name, get := range v.requestGetters() {
		k.requestFields[name] = reqField{get: get}
	}
	for _, methods := range []map[string]*lua.LFunction{headers, v.functions(v.requestMethods())} {
		for name, f := range methods {
			k.requestFields[name] = reqField{method: f}
		}
	}
	k.branchMethods = headers
	k.responseMethods = v.functions(headerMethods())
	k.responseMethods["drop"] = v.main.NewFunction(responseDrop)

	k.request = v.metatable(v.requestIndex, v.requestNewIndex)
	k.request.RawSetString("__tostring", v.main.NewFunction(requestString))
	k.response = v.metatable(v.responseIndex, responseNewIndex)
	k.response.RawSetString("__tostring", v.main.NewFunction(responseString))
	k.branch = v.metatable(v.branchIndex, v.branchNewIndex)
	k.uri = v.metatable(v.uriIndex, v.uriNewIndex)
	v.textual(k.uri, uriString)
	k.uri.RawSetString("__eq", v.main.NewFunction(uriEqual))
	k.address = v.metatable(v.addrIndex, addrNewIndex)
	v.textual(k.address, addrString)
	k.task, k.dict = v.oneMethod("task", "wait", v.taskWait), v.dictMetatable()
	k.timer = v.oneMethod("timer", "cancel", v.timerCancel)
	k.params = v.metatable(paramsIndex, paramsNewIndex)
	k.params.RawSetString("__tostring", v.main.NewFunction(paramsString))
	k.params.RawSetString("__pairs", v.main.NewFunction(v.paramsPairs))
}

// textual makes tostring and .. give the text.
func (v *vm) textual(mt *lua.LTable, text lua.LGFunction) {
	mt.RawSetString("__tostring", v.main.NewFunction(text))
	mt.RawSetString("__concat", v.main.NewFunction(concat))
}

func (v *vm) functions(fs map[string]lua.LGFunction) map[string]*lua.LFunction {
	m := make(map[string]*lua.LFunction, len(fs))
	for name, f := range fs {
		m[name] = v.main.NewFunction(f)
	}
	return m
}

// requestString is tostring(req): method, Request-URI and Call-ID.
func requestString(l *lua.LState) int {
	m := reqArg(l).req.Message()
	l.Push(lua.LString(string(m.MethodText()) + " " + string(m.RequestURI()) + " " + string(m.CallID())))
	return 1
}
