package luabind

import (
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// objectKinds are the metatables and the constant values of a VM's objects: made once, so that no
// access creates a closure or a string.
type objectKinds struct {
	request, response, branch, uri, address, params, task, timer, dict, common, counter, gauge, histogram *lua.LTable

	requestNames, uriNames []string       // for error messages
	next, ipairs           *lua.LFunction // the iterators of pairs and ipairs
	text                   *lua.LTable    // the methods of strings
	plain, watched         *lua.LTable    // the metatables of libraries that have none of their own
	sip, sips, tel         lua.LValue
	null                   *lua.LUserData // sip.json.null
	methods                [message.MethodUpdate + 1]lua.LValue
}

func (v *vm) openKinds() {
	k := &v.kinds
	k.sip, k.sips, k.tel = lua.LString("sip"), lua.LString("sips"), lua.LString("tel")
	for id := message.MethodInvite; id <= message.MethodUpdate; id++ {
		k.methods[id] = lua.LString(id.String())
	}
	k.plain, k.watched = v.main.NewTable(), v.main.NewTable()
	k.plain.RawSetString("__metatable", lua.LFalse)
	k.requestNames, k.uriNames = requestType.names(), uriType.names()
	k.request, k.response, k.branch = v.typeOf(requestType), v.typeOf(responseType), v.typeOf(branchType)
	k.uri, k.address, k.params = v.typeOf(uriType), v.typeOf(addressType), v.typeOf(paramsType)
	k.uri.RawSetString("__eq", v.main.NewFunction(uriEqual))
	k.params.RawSetString("__pairs", v.main.NewFunction(v.paramsPairs))
	k.task, k.timer = v.typeOf(taskType), v.typeOf(timerType)
	k.dict, k.common = v.typeOf(dictType), v.typeOf(commonType)
	k.counter, k.gauge, k.histogram = v.typeOf(counterType), v.typeOf(gaugeType), v.typeOf(histogramType)
}
