package luabind

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// branchObj is the Go side of the branch that on_branch gets. It lives as long as that call.
type branchObj struct {
	ud   lua.LUserData
	life *reqObj
	b    *engine.Branch
	over bool
	ruri uriObj
}

func (v *vm) newBranch(b *engine.Branch, life *reqObj) *branchObj {
	o := &branchObj{b: b, life: life}
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.branch}
	o.ruri.kind, o.ruri.br, o.ruri.life = uriBranch, o, life
	v.wrapURI(&o.ruri)
	return o
}

func (o *branchObj) check(l *lua.LState) {
	if o.over {
		raise(l, "this branch has already been sent: a branch can be edited only while its on_branch runs")
	}
	o.life.check(l)
}

func branchArg(l *lua.LState) *branchObj {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*branchObj); ok {
			o.check(l)
			return o
		}
	}
	raise(l, "a branch is expected here, not %s", describe(l.Get(1)))
	return nil
}

var branchFieldNames = []string{"ruri", "target", "method", "body", "content_type", "header", "headers", "set_header", "add_header", "remove_header",
	"set_body"}

func (v *vm) branchIndex(l *lua.LState) int {
	o := branchArg(l)
	name, _ := l.Get(2).(lua.LString)
	if f := v.kinds.branchMethods[string(name)]; f != nil {
		l.Push(f)
		return 1
	}
	switch name {
	case "ruri":
		l.Push(&o.ruri.ud)
	case "target":
		l.Push(v.targetValue(o.b.Target()))
	case "method":
		l.Push(v.methodName(o.b.Message()))
	case "body":
		l.Push(bodyValue(o.b.Message()))
	case "content_type":
		l.Push(textValue(o.b.Message().Header(message.HeaderContentType)))
	default:
		raise(l, "branch has no field '%s'%s", l.Get(2).String(), suggestOrList(string(name), branchFieldNames))
	}
	return 1
}

func (v *vm) branchNewIndex(l *lua.LState) int {
	o := branchArg(l)
	if l.Get(2) != lua.LString("ruri") {
		raise(l, "only the field ruri of a branch can be assigned, not '%s': branch:set_header(name, value) edits headers", l.Get(2).String())
	}
	text, ok := uriTextOf(l.Get(3))
	if !ok {
		raise(l, "branch.ruri must be a uri or a string, not %s", describe(l.Get(3)))
	}
	o.ruri.replace(l, text)
	return 0
}
